"""The node's store of proofs that others lied, and the detector that makes them.

    store = EvidenceStore.open(folder, trust, rules)
    for evidence in store.keep(store.detector.saw_ack(node, ack)):  gossip(evidence.encode())
    store.take(data)                                                a proof that was gossiped

A proof is a file `<id>.evidence` in the folder, written whole or not at all; one that an operator puts there
may have another name. What is kept has been verified, whoever it came from, and is verified again when the
folder is opened. One proof of each (kind, node, term, height) is enough. A liar may make as many proofs
against itself as it likes, and large ones, so each accused node has bounds of number and bytes besides those
for all together: lies of others still find room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from ledger.blocks.executor import Executor
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import TallyError, TooLarge, store_error
from ledger.faults.detector import Detector
from ledger.faults.evidence import SUFFIX, Evidence, Proved
from ledger.limits import MAX_EVIDENCE_BYTES
from ledger.storage.durable import replace_file
from node.limits import MAX_PROOF_BYTES_PER_NODE, MAX_PROOF_STORE_BYTES, MAX_PROOFS, MAX_PROOFS_PER_NODE

log = structlog.get_logger(component="evidence")


@dataclass(frozen=True, slots=True)
class Kept:
    """A proof in the store."""

    id: str
    proved: Proved
    size_bytes: int
    file: Path


class EvidenceStore:
    """Verified proofs, as files; `detector` is to be shown every statement that the node comes across."""

    def __init__(self, folder: Path, trust: GenesisBlock, executor: Executor) -> None:
        self.detector = Detector(trust, executor)
        self._folder = folder
        self._executor = executor
        self._kept: dict[tuple[str, str, int, int], Kept] = {}
        self._bytes = 0
        self._by_node: Counter[str] = Counter()
        self._bytes_by_node: Counter[str] = Counter()

    @classmethod
    def open(cls, folder: Path, trust: GenesisBlock, executor: Executor) -> Self:
        """The store in a folder, which is made if it is not there. What proves nothing there is left alone.

        Raises:
            OSError: the folder cannot be read or made.
        """
        store = cls(folder, trust, executor)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                size_bytes = path.stat().st_size
                if size_bytes > MAX_EVIDENCE_BYTES:
                    raise TooLarge("a proof", found=f"{size_bytes} bytes", expected=MAX_EVIDENCE_BYTES)
                evidence = Evidence.decode(path.read_bytes())
                proved = evidence.verify(trust, executor)
            except (TallyError, OSError) as error:
                log.warning("proves_nothing", file=str(path), reason=str(error))
                continue
            if evidence.place not in store._kept:
                store._note(evidence, Kept(evidence.id.hex(), proved, size_bytes, path))
        return store

    def kept(self) -> list[Kept]:
        """What is kept, in the order in which it was."""
        return list(self._kept.values())

    def read(self, identity: str) -> bytes | None:
        """The bytes of a proof by its id, 64 hex digits; None if it is not kept, or was taken away since."""
        found = next((kept for kept in self._kept.values() if kept.id == identity), None)
        try:
            return None if found is None else found.file.read_bytes()
        except FileNotFoundError:  # by the operator, who has decided about it
            return None

    def part(self, identity: str, offset: int, most: int) -> bytes:
        """At most so many bytes of a proof from an offset on; none beyond its end, or if it is not kept."""
        found = next((kept for kept in self._kept.values() if kept.id == identity), None)
        if found is None:
            return b""
        try:
            with found.file.open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:  # the operator has taken it away
            return b""

    def lacks(self, place: tuple[str, str, int, int]) -> bool:
        """Whether a proof of this (kind, node, term, height) would be kept if there was one."""
        return (
            place not in self._kept
            and len(self._kept) < MAX_PROOFS
            and self._by_node[place[1]] < MAX_PROOFS_PER_NODE
        )

    def keep(self, found: Iterable[Evidence]) -> list[Evidence]:
        """Store what the detector found; what is new, to be told to the other nodes.

        Raises:
            StoreError: the disk refuses.
        """
        return [evidence for evidence in found if self._add(evidence)]

    def take(self, data: bytes) -> Evidence | None:
        """A proof from another node; itself if it is new here and is to be passed on, else None.

        Raises:
            Malformed: not a file of evidence.
            VerificationError: it proves nothing, so whoever sent it does not check what it sends.
            StoreError: the disk refuses.
        """
        evidence = Evidence.decode(data)
        if evidence.place in self._kept:
            return None
        return evidence if self._add(evidence) else None

    def _add(self, evidence: Evidence) -> bool:
        if not self.lacks(evidence.place):
            return False
        data = evidence.encode()
        if not self._has_room(evidence.node, len(data)):
            return False
        proved = evidence.verify(self.detector.trust, self._executor)
        file = self._folder / f"{evidence.id.hex()}{SUFFIX}"
        try:
            replace_file(file, data)
        except OSError as error:
            raise store_error("a proof cannot be kept", error.strerror, field=file.name) from None
        self._note(evidence, Kept(evidence.id.hex(), proved, len(data), file))
        return True

    def _has_room(self, node: str, size_bytes: int) -> bool:
        """Whether so many bytes more against a node keep its bound, and that of the store."""
        return (
            self._bytes_by_node[node] + size_bytes <= MAX_PROOF_BYTES_PER_NODE
            and self._bytes + size_bytes <= MAX_PROOF_STORE_BYTES
        )

    def _note(self, evidence: Evidence, kept: Kept) -> None:
        self._kept[evidence.place] = kept
        self._bytes += kept.size_bytes
        self._by_node[evidence.node] += 1
        self._bytes_by_node[evidence.node] += kept.size_bytes
