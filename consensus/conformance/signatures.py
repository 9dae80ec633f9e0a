"""Q: signed acknowledgements, and the certificates that they make."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.conformance.events import Event
from consensus.conformance.family import Family, position
from consensus.conformance.model import Node, Run


@dataclass(frozen=True, slots=True)
class Signed:
    """A block that a node acknowledged."""

    index: int
    term: int
    hash: str


class Signatures(Family):
    """Q1 to Q8."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._hashes: dict[str, dict[tuple[int, int], str]] = {}
        """By node, what it signed at each (index, term)."""
        self._held: dict[str, list[Signed]] = {}
        """By node, what it signed and must hold, ascending: all above commit and the one below."""
        self._term: dict[str, int] = {}
        """By node, the highest term that it signed."""
        self._certified: dict[int, str] = {}
        self._own: dict[str, set[tuple[int, int]]] = {}
        """By node, (index, term) of the certificates that it completed in its newest term."""
        self._open: list[tuple[Event, str, int, int, str]] = []
        """Signers of certificates whose acknowledgement was not seen yet."""
        self.rules = {
            "ack": self._ack,
            "cert": self._cert,
            "commit": self._commit,
            "vote": self._vote,
            "become_candidate": self._keeps,
            "append": self._append,
            "truncate": self._truncate,
            "snapshot_install": self._snapshot_install,
        }

    def _ack(self, node: Node, event: Event) -> None:
        run = self.run
        index, term, entry_hash = event["index"], event["block_term"], event["hash"]
        hashes = self._hashes.setdefault(node.name, {})
        known = hashes.setdefault((index, term), entry_hash)
        if not run.holds("Q1", known == entry_hash):
            found = f"{entry_hash} is signed at {position(term, index)}"
            run.broken("Q1", event, found, f"only {known}, which it signed before")
        held = node.log.at(index)
        if not run.holds("Q2", held is not None and (held.term, held.hash) == (term, entry_hash)):
            expected = f"what the log holds there, {held.hash if held else 'nothing'}"
            run.broken("Q2", event, f"{entry_hash} is signed at {position(term, index)}", expected)
        elif not run.holds("Q2", index <= node.durable):
            found = f"index {index} is signed"
            run.broken("Q2", event, found, f"at most {node.durable}, which is durable")
        newest = self._term.get(node.name, 0)
        if not run.holds("Q3", term == node.term and term >= newest):
            expected = f"the current term {node.term}, and none below {newest}"
            run.broken("Q3", event, f"an acknowledgement of term {term}", expected)
        self._term[node.name] = max(newest, term)
        self._keeps(node, event)
        self._remember(node, Signed(index, term, entry_hash))

    def _remember(self, node: Node, signed: Signed) -> None:
        kept = [each for each in self._held.get(node.name, []) if each.index != signed.index]
        below = [each for each in kept if each.index <= node.commit]
        kept = [*below[-1:], *[each for each in kept if each.index > node.commit], signed]
        kept.sort(key=lambda each: each.index)
        self._held[node.name] = kept

    def _vote(self, node: Node, event: Event) -> None:
        if event["granted"] and not event["pre"]:
            self._keeps(node, event)

    def _keeps(self, node: Node, event: Event) -> None:
        """Q7: what this node signed is in its log, or below what a snapshot stands for."""
        for signed in self._held.get(node.name, []):
            if signed.index < node.log.start:
                continue
            held = node.log.at(signed.index)
            if not self.run.holds("Q7", held is not None and held.hash == signed.hash):
                found = f"{held.hash if held else 'nothing'} at index {signed.index}"
                expected = f"{signed.hash}, signed in term {signed.term} and replaced by no later leader"
                self.run.broken("Q7", event, found, expected)
                return

    def _append(self, node: Node, event: Event) -> None:
        """What a node has lost a later leader may replace as well: it was told that it lost it (CR-76)."""
        signed = {each.index: each.hash for each in self._held.get(node.name, ())}
        others = [entry[0] for entry in event["entries"] if signed.get(entry[0], entry[2]) != entry[2]]
        if others:
            self._replaced(node, others[0])

    def _truncate(self, node: Node, event: Event) -> None:
        self._replaced(node, event["from"])

    def _snapshot_install(self, node: Node, event: Event) -> None:
        held = node.log.at(event["index"])
        if held is None or held.hash != event["hash"]:
            self._replaced(node, event["index"])

    def _replaced(self, node: Node, start: int) -> None:
        """A leader of a later term than the signature may replace what was signed."""
        kept = self._held.get(node.name, [])
        self._held[node.name] = [each for each in kept if each.index < start or each.term >= node.term]

    def _cert(self, node: Node, event: Event) -> None:
        run = self.run
        index, term, entry_hash = event["index"], event["cert_term"], event["hash"]
        signers = event["signers"]
        configuration = node.configuration
        if not run.holds("Q4", len(set(signers)) == len(signers)):
            run.broken("Q4", event, f"signers {' '.join(signers)}", "no node twice")
        elif not run.holds("Q4", all(map(configuration.is_voter, signers))):
            run.broken("Q4", event, f"signers {' '.join(signers)}", f"voters only: {configuration}")
        elif not run.holds("Q4", configuration.has_quorum(signers)):
            run.broken("Q4", event, f"signers {' '.join(signers)}", f"a quorum of {configuration}")
        for signer in signers:
            found = self._hashes.get(signer, {}).get((index, term))
            if found is None:
                self._open.append((event, signer, index, term, entry_hash))
            elif not run.holds("Q4", found == entry_hash):
                expected = f"matching signatures of {entry_hash}"
                run.broken("Q4", event, f"{signer} signed {found}", expected, by=signer)
        held = node.log.at(index)
        if held is not None and not run.holds("Q8", held.term == term):
            run.broken("Q8", event, f"a certificate of term {term}", f"{held.term}, the term of its block")
        self._agrees(event, index, entry_hash)
        own = self._own.setdefault(node.name, set())
        if own and next(iter(own))[1] != node.term:
            own.clear()
        if term == node.term:
            own.add((index, term))

    def _agrees(self, event: Event, index: int, entry_hash: str) -> None:
        known = self._certified.setdefault(index, entry_hash)
        committed = self.run.committed.get(index)
        expected = committed.hash if committed is not None and committed.hash != entry_hash else known
        if not self.run.holds("Q5", expected == entry_hash):
            self.run.broken("Q5", event, f"{entry_hash} at index {index}", f"{expected} there")

    def _commit(self, node: Node, event: Event) -> None:
        run = self.run
        to = event["to"]
        for index in range(node.commit + 1, to + 1):
            held = node.log.at(index)
            known = self._certified.get(index)
            if held is not None and known is not None and not run.holds("Q5", known == held.hash):
                run.broken("Q5", event, f"{held.hash} at index {index}", f"{known}, which was certified")
        if event["by"] == "quorum" and not run.holds("Q6", (to, node.term) in self._own.get(node.name, ())):
            expected = f"a certificate of term {node.term} at index {to} first"
            run.broken("Q6", event, f"commit {to} without one", expected)

    def at_the_end(self) -> None:
        """Q4: acknowledgements that a certificate joins and that no event tells of."""
        run = self.run
        unobserved = run.unobserved()
        for event, signer, index, term, entry_hash in self._open:
            if signer in unobserved:
                continue
            run.holds("Q4", False)
            found = self._hashes.get(signer, {}).get((index, term), "nothing")
            late = "later " if found == entry_hash else ""
            expected = f"{entry_hash} signed before the certificate"
            found = f"{signer} {late}signed {found} at {position(term, index)}"
            run.broken("Q4", event, found, expected, by=signer)
