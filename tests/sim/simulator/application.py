"""What the entries mean: a chain of blocks of numbered transactions, each of them once.

It does of the ledger's chain what matters here: a block links to the one before by hash, a
leader builds a block on its own head, a follower reproduces a block on its head or cannot, a
cut takes blocks back, and no transaction is sealed that the chain already holds.

A block's data is `proposer|tx,tx,…|padding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b

from consensus import Authority, Ballot, Certificate, Configuration, ElectionCertificate, Entry
from simulator.blocks import NotReproduced
from simulator.disk import GENESIS, Disk
from simulator.signing import MacAuthority, Witness, mac, vote_mac
from simulator.violation import Violation


def block_hash(
    previous: bytes, index: int, term: int, data: bytes, configuration: Configuration | None
) -> bytes:
    """The hash of a block follows from its contents and from the block before."""
    members = b"" if configuration is None else repr(configuration).encode()
    return blake2b(b"%d|%d|" % (index, term) + previous + data + members, digest_size=12).digest()


@lru_cache(4_096)
def transactions_of(data: bytes) -> tuple[int, ...]:
    """The transactions in a block."""
    listed = data.split(b"|", 2)[1] if data else b""
    return tuple([int(part) for part in listed.split(b",")]) if listed else ()


class Application:
    """One node's chain: what it has reproduced or sealed, and how much of it is applied."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._name = name
        self._disk = disk
        self.chain: list[Entry] = []
        self._known: dict[int, int] = {}
        """Transactions in the chain, with their heights."""
        self.applied = disk.applied
        for entry in disk.entries:
            self._push(entry)

    @property
    def head(self) -> Entry:
        """The newest block."""
        return self.chain[-1]

    def height_of(self, number: int) -> int | None:
        """Where a transaction is, applied or not."""
        return self._known.get(number)

    def holds(self, entry: Entry) -> bool:
        """Whether exactly this block is in the chain."""
        return entry.index < len(self.chain) and self.chain[entry.index].hash == entry.hash

    def seal(
        self,
        transactions: Sequence[int],
        term: int,
        payload_bytes: int,
        election: ElectionCertificate | None = None,
        configuration: Configuration | None = None,
    ) -> Entry:
        """A new block of this node on top of its head."""
        head = self.head
        listed = b",".join([b"%d" % number for number in transactions])
        padding = b"." * payload_bytes if transactions else b""
        data = b"%s|%s|%s" % (self._name.encode(), listed, padding)
        index = head.index + 1
        hashed = block_hash(head.hash, index, term, data, configuration)
        entry = Entry(index, term, hashed, data, configuration, election)
        self._push(entry)
        return entry

    def accept(self, entry: Entry, *, is_twisted: bool) -> None:
        """Reproduce a block of another node on top of the head.

        Raises:
            NotReproduced: this node is to compute something else.
        """
        if is_twisted:
            raise NotReproduced("state root differs")
        head = self.head
        if entry.index != head.index + 1:
            raise Violation("handed_order", f"{self._name}: block {entry.index} on head {head.index}")
        hashed = block_hash(head.hash, entry.index, entry.term, entry.data, entry.configuration)
        if entry.hash != hashed:
            raise Violation("log_matching", f"{self._name}: block {entry.index} does not link to its head")
        self._push(entry)

    def cut(self, height: int) -> None:
        """Take back blocks from this height on."""
        if height <= self.applied:
            raise Violation("committed_truncated", f"{self._name} is to take back applied block {height}")
        for entry in reversed(self.chain[height:]):
            for number in transactions_of(entry.data):
                self._known.pop(number, None)
        del self.chain[height:]

    def apply(self, certificate: Certificate) -> list[tuple[Entry, Sequence[int]]]:
        """Apply all blocks up to a certificate; they are returned with their transactions."""
        index = certificate.index
        if not self.applied < index < len(self.chain):
            raise Violation(
                "apply_order", f"{self._name} applies {index} after {self.applied}, head {self.head.index}"
            )
        blocks = self.chain[self.applied + 1 : index + 1]
        self.applied = index
        self._disk.commit(certificate)
        return [(block, transactions_of(block.data)) for block in blocks]

    def due_members(self) -> Configuration | None:
        """Nothing in the chain says who is wanted."""
        return None

    def picture(self) -> bytes:
        """There is no state but the chain."""
        return b""

    def deep_picture(self) -> bytes:
        """There is no state but the chain."""
        return b""

    def held(self) -> dict[int, int]:
        """How often each transaction is in the applied chain."""
        counts: dict[int, int] = {}
        for entry in self.chain[1 : self.applied + 1]:
            for number in transactions_of(entry.data):
                counts[number] = counts.get(number, 0) + 1
        return counts

    def prove(self, number: int) -> None:
        """There is nothing to prove it with."""

    def _push(self, entry: Entry) -> None:
        for number in transactions_of(entry.data):
            if number in self._known:
                raise Violation("doubled", f"{self._name} is given transaction {number} twice")
            self._known[number] = entry.index
        self.chain.append(entry)


class OpaqueBlocks:
    """`simulator.blocks.Blocks` without a ledger."""

    genesis = GENESIS

    def disk(self, name: str) -> Disk:
        """A fresh disk."""
        return Disk()

    def application(self, name: str, disk: Disk, wall_ms: Callable[[], int]) -> Application:
        """The chain on a disk."""
        return Application(name, disk)

    def authority(self, name: str, witness: Witness | None) -> Authority:
        """A keyed hash."""
        return MacAuthority(name, witness)

    def verifies(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes) -> bool:
        """Whether an acknowledgement is genuine."""
        return signature == mac(node, term, index, entry_hash)

    def verifies_vote(self, node: str, ballot: Ballot, signature: bytes) -> bool:
        """Whether a vote is genuine."""
        return signature == vote_mac(node, ballot)

    def close(self) -> None:
        """Nothing is left behind."""
