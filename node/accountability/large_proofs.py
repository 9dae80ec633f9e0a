"""Proofs that do not fit a frame, told of by name and fetched in parts.

    who keeps a new one    ("proof", [id, size, kind, node, term, height])    to all peers
    who lacks it           ("proof?", [id, offset])                           to one that told of it
    who keeps it           ("proof!", [id, offset, bytes])                    no bytes: not kept

Only what proves that a block is wrong grows so large: the block and all state that it needs. A name is
the hash of the bytes, so it is known in the end whether they are what was told of; whether they prove
anything `EvidenceStore` finds out. One proof is fetched at a time, with one question under way; a peer
that is slow or has nothing loses its turn, and each has a few turns that wait.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from ledger import codec, shape
from ledger.errors import VerificationError
from ledger.faults.evidence import KINDS, Evidence
from ledger.limits import DIGEST_BYTES, MAX_EVIDENCE_BYTES, MAX_NAME_BYTES
from node.accountability.evidence import EvidenceStore
from node.limits import MAX_PROOFS_TOLD, PROOF_ANSWER_S, PROOF_PART_BYTES

Send = Callable[[str, codec.Value], object]
"""(peer, message)"""


def told_of(evidence: Evidence, data: bytes) -> codec.Value:
    """The message that tells of a proof of these bytes."""
    kind, node, term, height = evidence.place
    return ("proof", (sha256(data).digest(), len(data), kind, node, term, height))


@dataclass(slots=True)
class _Fetch:
    peer: str
    identity: bytes
    size: int
    place: tuple[str, str, int, int]
    taken: bytearray = field(default_factory=bytearray)


class LargeProofs:
    """What one node gives of its proofs, and fetches of others'; belongs to the loop."""

    def __init__(self, store: EvidenceStore, send: Send, clock_s: Callable[[], float]) -> None:
        self._store = store
        self._send = send
        self._clock_s = clock_s
        self._waiting: deque[_Fetch] = deque()
        self._fetch: _Fetch | None = None
        self._asked_s = 0.0

    def hear(self, peer: str, content: codec.Value) -> None:
        """A peer tells of a proof.

        Raises:
            Malformed, TooLarge: something that no honest node says.
        """
        identity, size, kind, node, term, height = shape.array(content, 6, "proof")
        fetch = _Fetch(
            peer,
            shape.octets(identity, DIGEST_BYTES, "proof.id"),
            shape.integer(size, "proof.size", least=1, most=MAX_EVIDENCE_BYTES),
            (
                shape.text(kind, MAX_NAME_BYTES, "proof.kind"),
                shape.text(node, MAX_NAME_BYTES, "proof.node"),
                shape.integer(term, "proof.term"),
                shape.integer(height, "proof.height"),
            ),
        )
        told = Counter(each.peer for each in self._waiting)
        if kind not in KINDS or not self._store.lacks(fetch.place) or told[peer] >= MAX_PROOFS_TOLD:
            return
        self._waiting.append(fetch)
        self.sweep()

    def give(self, peer: str, content: codec.Value) -> None:
        """A peer asks for a part.

        Raises:
            Malformed, TooLarge: something that no honest node says.
        """
        identity, offset = shape.array(content, 2, "proof?")
        shape.octets(identity, DIGEST_BYTES, "proof.id")
        shape.integer(offset, "proof.offset", most=MAX_EVIDENCE_BYTES)
        part = self._store.part(identity.hex(), offset, PROOF_PART_BYTES)
        self._send(peer, ("proof!", (identity, offset, part)))

    def take(self, peer: str, content: codec.Value) -> bytes | None:
        """A part has come: the whole proof with the last one, still to be verified.

        Raises:
            Malformed, TooLarge: something that no honest node says.
            VerificationError: not the bytes that were told of.
        """
        identity, offset, part = shape.array(content, 3, "proof!")
        shape.octets_within(part, PROOF_PART_BYTES, "proof.part")
        fetch = self._fetch
        if fetch is None or (fetch.peer, fetch.identity, len(fetch.taken)) != (peer, identity, offset):
            return None  # late: its turn is over
        expected = min(PROOF_PART_BYTES, fetch.size - len(fetch.taken))
        fetch.taken += part
        if len(part) == expected and len(fetch.taken) < fetch.size:
            self._ask(fetch)
            return None
        self._fetch = None
        self.sweep()
        if not part:
            return None
        data = bytes(fetch.taken)
        if len(part) != expected or sha256(data).digest() != fetch.identity:
            raise VerificationError("a proof other than the one told of", field="proof", found=peer)
        return data

    def sweep(self) -> None:
        """Go on to the next one if nothing is under way, or has not come in time."""
        if self._fetch is not None and self._clock_s() - self._asked_s > PROOF_ANSWER_S:
            self._fetch = None
        while self._fetch is None and self._waiting:
            fetch = self._waiting.popleft()
            if self._store.lacks(fetch.place):
                self._fetch = fetch
                self._ask(fetch)

    def _ask(self, fetch: _Fetch) -> None:
        self._asked_s = self._clock_s()
        self._send(fetch.peer, ("proof?", (fetch.identity, len(fetch.taken))))
