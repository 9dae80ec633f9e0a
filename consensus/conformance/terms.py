"""T: terms, votes, roles and elections."""

from __future__ import annotations

from consensus.conformance.events import Event
from consensus.conformance.family import Family, position
from consensus.conformance.model import Node, Run

_WAYS: dict[str, frozenset[str]] = {
    "become_precandidate": frozenset({"follower", "precandidate", "candidate"}),
    "become_candidate": frozenset({"precandidate"}),
    "become_leader": frozenset({"candidate"}),
}
"""From which roles; a follower told to by its leader may also become a candidate."""


class Terms(Family):
    """T1 to T8."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.leaders: dict[int, str] = {}
        self.rules = {
            "boot": self._boot,
            "become_precandidate": self._become_precandidate,
            "become_candidate": self._become_candidate,
            "become_leader": self._become_leader,
            "vote": self._vote,
            "send": self._send,
            "recv": self._recv,
        }

    def before(self, node: Node, event: Event) -> None:
        """T1 at every event, then what its kind asks."""
        term = event["term"]
        if event["ev"] != "boot" and term != node.term and not self.run.holds("T1", term > node.term):
            self.run.broken("T1", event, f"term {term}", f"at least {node.term}", "term vote")
        super().before(node, event)

    def _boot(self, node: Node, event: Event) -> None:
        if not node.observed_from or event.get("wiped"):
            return
        term, vote = min([kept.hard for kept in node.kept], key=lambda hard: hard[0])
        if not self.run.holds("T1", event["term"] >= term):
            self.run.broken("T1", event, f"term {event['term']}", f"at least {term}, which was durable")
        elif event["term"] == term and vote is not None and not self.run.holds("T2", event["vote"] == vote):
            self.run.broken("T2", event, f"vote {event['vote']}", f"{vote}, which was durable in term {term}")

    def _become_precandidate(self, node: Node, event: Event) -> None:
        self._changes_nothing(node, event)
        self._way(node, event)

    def _become_candidate(self, node: Node, event: Event) -> None:
        if not self.run.holds("T2", event["term"] != node.term or node.vote in (None, node.name)):
            found = f"a vote for itself in term {node.term}"
            self.run.broken("T2", event, found, f"none after the vote for {node.vote}", "term vote")
        self._way(node, event)

    def _become_leader(self, node: Node, event: Event) -> None:
        run = self.run
        self._way(node, event)
        if not run.holds("T6", node.configuration.has_majority(node.grants)):
            found = f"grants of {' '.join(sorted(node.grants)) or 'nobody'}"
            run.broken("T6", event, found, f"a majority of {node.configuration}")
        earlier = self.leaders.setdefault(node.term, f"{node.name} boot {node.boot}")
        is_first = earlier == f"{node.name} boot {node.boot}" and node.role != "leader"
        if not run.holds("T7", is_first):
            run.broken("T7", event, f"a leader of term {node.term}", f"none but {earlier}")

    def _way(self, node: Node, event: Event) -> None:
        run = self.run
        legal = node.role in _WAYS[event["ev"]] or (
            event["ev"] == "become_candidate" and node.role == "follower" and _is_told(node)
        )
        if not run.holds("T8", legal):
            run.broken("T8", event, f"a {node.role}", f"one of {sorted(_WAYS[event['ev']])}")
        elif not run.holds("T8", node.may_campaign):
            run.broken("T8", event, f"{node.name} campaigns", f"only {node.configuration}")

    def _vote(self, node: Node, event: Event) -> None:
        run = self.run
        if event["pre"]:
            self._changes_nothing(node, event)
        elif event["granted"]:
            promised = (
                node.vote if node.vote is not None or node.term != node.promised[0] else node.promised[1]
            )
            if not run.holds("T2", promised in (None, event["to"])):
                found = f"a vote for {event['to']} in term {node.term}"
                run.broken("T2", event, found, f"none after the vote for {promised}")
        if not event["granted"]:
            return
        asked = tuple(event["cand_last"])
        if not run.holds("T3", asked >= node.log.last):
            run.broken(
                "T3",
                event,
                f"a log that ends at {position(*asked)}",
                f"at least the own {position(*node.log.last)}",
            )
            return
        request = node.request
        if (
            request is None
            or (request["type"], request["from"]) != ("pre_vote" if event["pre"] else "vote", event["to"])
            or tuple(request["last"]) != asked
        ):
            run.broken("T3", event, f"a grant for {position(*asked)}", "the position that was asked for last")

    def _send(self, node: Node, event: Event) -> None:
        message = event["msg"]
        term, vote = node.durable_hard
        if message["type"] in ("pre_vote", "pre_vote_resp"):
            needed = f"term {node.term}"
            durable = term >= node.term
        elif message["type"] == "vote" or (message["type"] == "vote_resp" and message["granted"]):
            candidate = node.name if message["type"] == "vote" else message["to"]
            needed = f"term {message['term']} with a vote for {candidate}"
            durable = (term, vote) == (message["term"], candidate)
        else:
            needed = f"term {message['term']}"
            durable = term >= message["term"]
        if not self.run.holds("T4", durable):
            found = f"a {message['type']} while term {term} with a vote for {vote} is durable"
            self.run.broken("T4", event, found, f"{needed} durable first")

    def _recv(self, node: Node, event: Event) -> None:
        message = event["msg"]
        if message["type"] == "pre_vote" or (message["type"] == "pre_vote_resp" and message["granted"]):
            self._changes_nothing(node, event)

    def _changes_nothing(self, node: Node, event: Event) -> None:
        claimed = (event["term"], event["vote"])
        if "term" in self.run.excused:
            return
        if not self.run.holds("T5", claimed == node.hard):
            self.run.broken("T5", event, f"(term, vote) {claimed}", f"{node.hard} as before", "term vote")


def _is_told(node: Node) -> bool:
    """Whether the leader of the term told this node to campaign."""
    request = node.request
    return request is not None and (request["type"], request["term"]) == ("timeout_now", node.term)
