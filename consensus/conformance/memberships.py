"""M: configurations, and who may append one."""

from __future__ import annotations

from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.model import Configuration, Node, Run


class Memberships(Family):
    """M1 to M4."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.rules = {
            "boot": self._begin,
            "append": self._append,
            "config": self._config,
            "snapshot_install": self._begin,
        }

    def _begin(self, _node: Node, event: Event) -> None:
        self._counts(event, Configuration.of(event, 0))

    def _append(self, node: Node, event: Event) -> None:
        if node.role != "leader":
            return
        run = self.run
        pending = next(
            (
                index
                for index in range(node.log.last_index, node.commit, -1)
                if (held := node.log.at(index)) is not None and held.kind == "config"
            ),
            0,
        )
        for index, _, _, kind, *_ in event["entries"]:
            if kind != "config":
                continue
            if not run.holds("M1", not pending):
                found = f"a configuration at {index}"
                run.broken("M1", event, found, f"none before the one at {pending} is committed")
            pending = index
            held = node.log.at(node.commit)
            if not run.holds("M2", held is not None and held.term == node.term):
                expected = f"a commit of term {node.term} first; commit {node.commit} is of "
                expected += f"term {held.term if held else 0}"
                run.broken("M2", event, f"a configuration at {index}", expected)

    def _config(self, node: Node, event: Event) -> None:
        after = Configuration.of(event, event["index"])
        self._counts(event, after)
        before = node.configuration
        if after.index < before.index or after.same_members(before):
            if not self.run.holds("M3", after.same_members(before)):
                self.run.broken("M3", event, after, f"{before}, which governs once the newer ones are cut")
            return
        held = node.log.at(after.index)
        is_held = held is None or held.kind == "config" or after.index == node.log.start
        if not self.run.holds("M3", held is not None and is_held):
            found = (
                f"a configuration at {after.index}, where the log holds {held.kind if held else 'nothing'}"
            )
            self.run.broken("M3", event, found, "an entry that is one")
        elif not self.run.holds("M3", follows(before, after)):
            self.run.broken("M3", event, after, f"one step from {before}")

    def _counts(self, event: Event, configuration: Configuration) -> None:
        self.run.members |= configuration.voters | configuration.outgoing | configuration.learners
        both = (configuration.voters | configuration.outgoing) & configuration.learners
        if not self.run.holds("M4", bool(configuration.voters) and not both):
            self.run.broken("M4", event, configuration, "voters, and none of them a learner")


def follows(before: Configuration, after: Configuration) -> bool:
    """Whether one configuration may come right after the other.

    before      after       voters                              outgoing
    simple      simple      one more or less, or as before      none
    simple      joint       any                                 the voters before
    joint       simple      as before                           none
    """
    if before.outgoing:
        return not after.outgoing and after.voters == before.voters
    if after.outgoing:
        return after.outgoing == before.voters
    return len(before.voters ^ after.voters) <= 1
