"""G: messages. What was received was sent, and says what its sender may say."""

from __future__ import annotations

import json
from hashlib import blake2b

from consensus.conformance.events import REPLICATION, Event
from consensus.conformance.family import Family, position
from consensus.conformance.model import Node, Run, Sent


class Traffic(Family):
    """G1 to G4. `send` also takes the message down: it must come before other families' `recv`."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._unsent: dict[str, list[tuple[Event, bytes]]] = {}
        """Messages that came in and that nobody was seen to send."""
        self.rules = {"send": self._send, "recv": self._recv}

    def _send(self, node: Node, event: Event) -> None:
        run = self.run
        message = event["msg"]
        if message["id"] in run.sent:
            run.holds("G1", False)
            run.broken("G1", event, f"message id {message['id']} again", "an id that is unique in the run")
            return
        run.sent[message["id"]] = Sent(
            digest(message),
            message["type"],
            message["from"],
            message["to"],
            message["term"],
            event["boot"],
            event["seq"],
        )
        for received, found in self._unsent.pop(message["id"], ()):
            ok = received["t"] >= event["t"] and found == digest(message)
            if not run.holds("G1", ok):
                expected = "one that was sent before, unchanged"
                run.broken("G1", received, f"message {message['id']}", expected, by=message["from"])
        self._speaks(node, event, message)
        if message["type"] in REPLICATION:
            self._replicates(node, event, message)
        elif message["type"] in ("append_resp", "snapshot_resp") and message["ok"]:
            self._acknowledges(node, event, message)

    def _recv(self, node: Node, event: Event) -> None:
        run = self.run
        message = event["msg"]
        if not run.holds("G1", message["to"] == node.name):
            run.broken("G1", event, f"message {message['id']} to {message['to']}", f"one to {node.name}")
            return
        sent = run.sent.get(message["id"])
        if sent is None:
            self._unsent.setdefault(message["id"], []).append((event, digest(message)))
        elif not run.holds("G1", sent.digest == digest(message)):
            found = f"message {message['id']} changed on the way"
            run.broken("G1", event, found, "the message as it was sent", by=message["from"])

    def _speaks(self, node: Node, event: Event, message: Event) -> None:
        """G2."""
        run = self.run
        kind, term = message["type"], message["term"]
        expected = f"term {node.term} of {node.name}"
        holds = term == node.term
        if kind == "pre_vote":
            holds, expected = term == node.term + 1, f"term {node.term + 1}, the one asked about"
        elif kind == "pre_vote_resp" and message["granted"]:
            asked = run.sent.get(message["re"])
            holds = asked is None or (asked.type, asked.term) == ("pre_vote", term)
            expected = f"the asked term, {asked.term if asked else term}"
        if not run.holds("G2", holds and message["from"] == node.name):
            run.broken("G2", event, f"a {kind} of term {term} from {message['from']}", expected)

    def _acknowledges(self, node: Node, event: Event, message: Event) -> None:
        """G3."""
        run = self.run
        match = message["match"]
        request = node.received.get(message["re"])
        wanted = "append" if message["type"] == "append_resp" else "snapshot"
        if not run.holds("G3", request is not None and request.type == wanted):
            expected = f"an answer to a request of term {node.term} that came in"
            run.broken("G3", event, f"an answer to {message['re']}", expected)
            return
        assert request is not None, "just judged"
        proved = request.proved if wanted == "append" else max(request.proved, node.commit)
        if not run.holds("G3", match <= min(proved, node.durable)):
            expected = f"at most {proved}, which the request proved, and {node.durable}, which is durable"
            run.broken("G3", event, f"match {match}", expected)
            return
        held = node.log.at(match)
        if (
            match == request.proved
            and held is not None
            and not run.holds("G3", held.term == request.proved_term)
        ):
            expected = f"term {request.proved_term} there, which the request proved"
            run.broken("G3", event, f"match {match}, of term {held.term}", expected)

    def _replicates(self, node: Node, event: Event, message: Event) -> None:
        """G4."""
        run = self.run
        if not run.holds("G4", node.role == "leader"):
            run.broken("G4", event, f"a {message['type']} of a {node.role}", "a leader's")
            return
        wrong = None
        if message["type"] == "append":
            wrong = _not_held(node, message)
        elif message["type"] == "snapshot":
            held = node.log.at(message["index"])
            point = (message["block_term"], message["hash"])
            if message["index"] > node.commit or (held is not None and (held.term, held.hash) != point):
                wrong = (
                    f"a snapshot of {position(message['block_term'], message['index'])}, {message['hash']}"
                )
        if wrong is None and message.get("commit", 0) > node.commit:
            wrong = f"commit {message['commit']}, beyond the own {node.commit}"
        if not run.holds("G4", wrong is None):
            run.broken("G4", event, wrong, "what its own log holds")

    def at_the_end(self) -> None:
        """G1: messages that nobody sent, though everybody's trace is there."""
        run = self.run
        unobserved = run.unobserved()
        for received in self._unsent.values():
            for event, _ in received:
                sender = event["msg"]["from"]
                if sender not in unobserved and not run.holds("G1", False):
                    expected = f"one that {sender} was seen to send"
                    run.broken("G1", event, f"message {event['msg']['id']}", expected, by=sender)


def _not_held(node: Node, message: Event) -> str | None:
    """What of an append its sender's log does not hold; the genesis everybody holds."""
    term, index = message["prev"]
    held = node.log.at(index)
    if [term, index] != [0, 0] and (held is None or held.term != term):
        return f"prev {position(term, index)}"
    for place, entry in enumerate(message["entries"], index + 1):
        held = node.log.at(entry[0])
        if entry[0] != place or held is None or (held.term, held.hash, held.kind) != tuple(entry[1:4]):
            return f"entry {entry[:4]}"
    return None


def digest(message: Event) -> bytes:
    """16 bytes that stand for a message."""
    text = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).digest()
