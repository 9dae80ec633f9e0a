"""What the entries mean: a chain of blocks of numbered transactions, each of them once.

It does of the ledger's chain what matters here: a block links to the one before by hash, a
leader builds a block on its own head, a follower reproduces a block on its head or cannot, a
cut takes blocks back, and no transaction is sealed that the chain already holds.

A block's data is `proposer|tx,tx,…|padding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from consensus import BLOCK, Entry
from simulator.disk import Disk
from simulator.violation import Violation


def block_hash(previous: bytes, index: int, term: int, data: bytes) -> bytes:
    """The hash of a block follows from its contents and from the block before."""
    return blake2b(b"%d|%d|" % (index, term) + previous + data, digest_size=12).digest()


def transactions_of(data: bytes) -> list[int]:
    """The transactions in a block."""
    listed = data.split(b"|", 2)[1] if data else b""
    return [int(part) for part in listed.split(b",")] if listed else []


class Application:
    """One node's chain: what it has reproduced or sealed, and how much of it is applied."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._name = name
        self.chain: list[Entry] = []
        self.known: dict[int, int] = {}
        """Transactions in the chain, with their heights."""
        self.applied = disk.applied
        for entry in disk.entries:
            self._push(entry)

    @property
    def head(self) -> Entry:
        """The newest block."""
        return self.chain[-1]

    def holds(self, entry: Entry) -> bool:
        """Whether exactly this block is in the chain."""
        return entry.index < len(self.chain) and self.chain[entry.index].hash == entry.hash

    def seal(self, transactions: Sequence[int], term: int, payload_bytes: int) -> Entry:
        """A new block of this node on top of its head."""
        head = self.head
        listed = b",".join([b"%d" % number for number in transactions])
        padding = b"." * payload_bytes if transactions else b""
        data = b"%s|%s|%s" % (self._name.encode(), listed, padding)
        index = head.index + 1
        entry = Entry(index, term, block_hash(head.hash, index, term, data), BLOCK, data)
        self._push(entry)
        return entry

    def accept(self, entry: Entry) -> None:
        """Reproduce a block of another node on top of the head."""
        head = self.head
        if entry.index != head.index + 1:
            raise Violation("handed_order", f"{self._name}: block {entry.index} on head {head.index}")
        if entry.hash != block_hash(head.hash, entry.index, entry.term, entry.data):
            raise Violation("log_matching", f"{self._name}: block {entry.index} does not link to its head")
        self._push(entry)

    def cut(self, height: int) -> None:
        """Take back blocks from this height on."""
        if height <= self.applied:
            raise Violation("committed_truncated", f"{self._name} is to take back applied block {height}")
        for entry in reversed(self.chain[height:]):
            for number in transactions_of(entry.data):
                self.known.pop(number, None)
        del self.chain[height:]

    def apply(self, index: int) -> list[Entry]:
        """Apply all blocks up to `index`; they are returned."""
        if not self.applied < index < len(self.chain):
            raise Violation(
                "apply_order", f"{self._name} applies {index} after {self.applied}, head {self.head.index}"
            )
        blocks = self.chain[self.applied + 1 : index + 1]
        self.applied = index
        return blocks

    def _push(self, entry: Entry) -> None:
        for number in transactions_of(entry.data):
            if number in self.known:
                raise Violation("doubled", f"{self._name} is given transaction {number} twice")
            self.known[number] = entry.index
        self.chain.append(entry)
