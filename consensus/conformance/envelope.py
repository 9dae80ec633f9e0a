"""E: the events themselves. Their order, their shape, and the state that they claim."""

from __future__ import annotations

from consensus.conformance.events import Event, misshapen
from consensus.conformance.family import Family
from consensus.conformance.model import Node


class Envelope(Family):
    """E1, E2, E3."""

    def shape(self, event: Event) -> bool:
        """E3. An event of another shape is not judged any further."""
        wrong = misshapen(event)
        if self.run.holds("E3", wrong is None):
            return True
        self.run.broken(
            "E3", event if type(event) is dict else {}, wrong, "the fields that the schema gives this kind"
        )
        return False

    def order(self, node: Node, event: Event) -> bool:
        """E1. False if the node's first event is not its boot: nothing is known of it then."""
        boot, seq = event["boot"], event["seq"]
        is_boot = event["ev"] == "boot"
        if boot == node.boot:
            expected, holds = f"seq {node.seq + 1}", seq == node.seq + 1 and not is_boot
        else:
            expected = f"a boot event with seq 1, of a boot after {node.boot}"
            holds = boot > node.boot and seq == 1 and is_boot
        if not self.run.holds("E1", holds):
            self.run.broken("E1", event, f"{event['ev']} with boot {boot}, seq {seq}", expected)
        if boot != node.boot and not is_boot:
            node.started = node.started and boot < node.boot
        node.boot, node.seq = boot, seq
        return node.started or is_boot

    def claims(self, node: Node, event: Event) -> None:
        """E2, once the event has changed the node. What it claims is then believed: told once."""
        excused = self.run.excused
        implied = (node.term, node.vote, node.role, node.commit, node.last)
        claimed = (event["term"], event["vote"], event["role"], event["commit"], tuple(event["last"]))
        wrong = [
            f"{name} {found}, not {expected}"
            for name, found, expected in zip(_CLAIMS, claimed, implied, strict=True)
            if found != expected and name not in excused
        ]
        if not self.run.holds("E2", not wrong):
            self.run.broken("E2", event, "; ".join(wrong), "what the events before imply")
        if claimed != implied:
            node.set_hard(event["term"], event["vote"])
            node.role = event["role"]
            node.commit = event["commit"]
            node.last = (event["last"][0], event["last"][1])

    def before(self, node: Node, event: Event) -> None:
        """E2: what a boot and a persist claim to have found, against what was there to be found."""
        if event["ev"] == "persist":
            hard = (event["hard"][0], event["hard"][1])
            known = [node.durable_hard, *node.hard_since]
            if not self.run.holds("E2", hard in known):
                self.run.broken("E2", event, f"hard {list(hard)}", f"one of {[list(each) for each in known]}")
            elif not self.run.holds("E2", event["upto"] <= node.log.last_index):
                self.run.broken(
                    "E2", event, f"upto {event['upto']}", f"at most the log's end, {node.log.last_index}"
                )
        elif event["ev"] == "boot":
            self._boot(node, event)

    def _boot(self, node: Node, event: Event) -> None:
        run = self.run
        index, term, _ = event["snap"]
        tail = event["tail"]
        last = [tail[-1][1], tail[-1][0]] if tail else [term, index]
        if not run.holds("E2", event["role"] == "follower"):
            run.broken("E2", event, f"role {event['role']}", "follower", "role")
        if not run.holds("E2", event["last"] == last):
            run.broken("E2", event, f"last {event['last']}", f"{last}, the end of tail", "last")
        if not run.holds("E2", event["applied"] <= event["commit"]):
            run.broken("E2", event, f"applied {event['applied']}", f"at most commit {event['commit']}")
        if not run.holds("E2", [entry[0] for entry in tail] == list(range(index + 1, index + 1 + len(tail)))):
            run.broken("E2", event, "a tail with gaps", f"indices from {index + 1} on")
        hard = (event["term"], event["vote"])
        known = [*(kept.hard for kept in node.kept), *node.hard_since]
        if (
            node.observed_from
            and not event.get("wiped")
            and not event.get("gap")
            and hard[0] >= node.durable_hard[0]
            and not run.holds("E2", hard in known)
        ):
            refused = hard[0] == node.durable_hard[0] and node.durable_hard[1] is not None
            if not refused:
                run.broken(
                    "E2", event, f"hard state {list(hard)}", f"one of {[list(each) for each in known]}"
                )


_CLAIMS = ("term", "vote", "role", "commit", "last")
