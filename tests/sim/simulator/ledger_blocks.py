"""Real blocks: each node has a `ledger.Chain` with an executor, on a real `Store`, with Ed25519.

What needs no state (form, signatures) is a pure function of the bytes; it is computed once for
all nodes and remembered. What depends on state (execution, roots) each node does for itself.

The rules are a small book of accounts whose entries are histories: adding to an account
appends a record, so results depend on the order of all that was done before. Every seventh
transaction is refused by the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

from consensus import Authority, Ballot, Certificate, Configuration, ElectionCertificate, Entry
from ledger import codec
from ledger.blocks import vote
from ledger.blocks.block import Block
from ledger.blocks.certificate import sign_ack, verify_ack
from ledger.blocks.clock import Reading
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, GenesisBlock, read_genesis
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain, VerifiedBlock
from ledger.chain.committed import NotHeld
from ledger.errors import BlockInvalid, Malformed
from ledger.keys import SigningKey
from ledger.members.membership import TARGET_KEY, Member, Membership
from ledger.proofs.handover import MembershipChain
from ledger.proofs.receipt import Receipt
from ledger.snapshots.source import PinnedState
from ledger.state import history
from ledger.state.overlay import Overlay, state_key
from node.raft_storage import certificate_of, configuration_of, election_of, entry_of
from node.snapshots.snapshot_asks import Ask
from simulator.blocks import NotReproduced
from simulator.ledger_disk import FolderDisk, LedgerDisk
from simulator.signing import Witness
from simulator.snapshots import answer_of, sorted_pin
from simulator.violation import Violation

GENESIS_MS = 1_700_000_000_000
VALID_UNTIL_MS = GENESIS_MS + 1_800_000
ACCOUNTS = 5
REFUSED_EVERY = 7


def seed_key(name: str) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


CLIENT = seed_key("client")


def account_of(number: int) -> bytes:
    """The state key of the account that a transaction adds to."""
    return state_key("account", number % ACCOUNTS)


@dataclass(frozen=True, slots=True)
class Addition:
    """A prepared transaction."""

    transaction: Transaction
    number: int
    target: codec.Value = None
    """The membership that it adopts, if it does that."""


class Accounts:
    """The executor; `is_twisted` makes this node compute something else than the others."""

    version = 1

    def __init__(self) -> None:
        self.is_twisted = False

    def prepare(self, transaction: Transaction) -> Addition:
        """Read the number."""
        operation = transaction.operations[0]
        number = operation.get("number")
        if type(number) is not int:
            raise Malformed("no number", field="operations[0].number")
        return Addition(transaction, number, operation.get("target"))

    def execute(self, state: Overlay, prepared: Addition, time_ms: int) -> codec.Value:
        """Add the number to its account, after all that was added before."""
        number = prepared.number
        if prepared.target is not None:
            state.put(TARGET_KEY, prepared.target)
            return ()
        if number % REFUSED_EVERY == 0:
            return ((0, "refused_here", f"number {number}"),)
        key = account_of(number)
        entry = state.get(key)
        total = 0 if entry is None else entry[2][0]
        if self.is_twisted:
            total += 1
        history.append(state, key, (number, total), (total * 31 % 1_000_003 + number,))
        return ()

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        """An entry that says which channel this is."""
        state.put(state_key("name"), (genesis.name,))


def genesis_document(nodes: Sequence[str], quorum: int) -> dict[str, codec.Value]:
    """A genesis document of one organisation that runs all nodes."""
    return {
        "version": 1,
        "name": "Simulated channel",
        "time_ms": GENESIS_MS,
        "contract_version": 1,
        "quorum": quorum,
        "nodes": [
            {"id": node, "organisation": "acme", "key": seed_key(node).public, "certificate": b"certificate"}
            for node in nodes
        ],
        "organisations": [
            {
                "id": "acme",
                "name": "Acme",
                "lei": "",
                "roles": ["operator"],
                "identifiers": [],
                "keys": [{"key": CLIENT.public, "name": "client", "enrolled_by": "acme"}],
            }
        ],
        "parameters": {},
    }


class KeyAuthority:
    """`consensus.storage.Authority` with Ed25519; each signature is verified once for all nodes."""

    def __init__(self, blocks: LedgerBlocks, node: str, witness: Witness | None) -> None:
        self._blocks = blocks
        self._node = node
        self._key = seed_key(node)
        self._witness = witness

    def sign(self, term: int, index: int, entry_hash: bytes, /) -> bytes:
        """This node's acknowledgement."""
        if self._witness is not None:
            self._witness.acknowledges(term, index, entry_hash)
        signature = sign_ack(self._key, self._blocks.channel, term, index, entry_hash)
        self._blocks.verdicts[self._node, term, index, entry_hash, signature] = True
        return signature

    def verify(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes, /) -> bool:
        """Whether the signature is that node's acknowledgement."""
        return self._blocks.verifies(node, term, index, entry_hash, signature)

    def sign_vote(self, ballot: Ballot, /) -> bytes:
        """This node's vote."""
        if self._witness is not None:
            self._witness.votes(ballot)
        return vote.sign_vote(self._key, self._blocks.channel, ballot_of(ballot))

    def verify_vote(self, node: str, ballot: Ballot, signature: bytes, /) -> bool:
        """Whether the signature is that node's vote."""
        return self._blocks.verifies_vote(node, ballot, signature)


def ballot_of(ballot: Ballot) -> vote.Ballot:
    """The ledger's form of a ballot."""
    position = (ballot.last_term, ballot.last_index, ballot.last_hash)
    return vote.Ballot(ballot.term, ballot.candidate, ballot.accepted_term, *position)


class LedgerBlocks:
    """`simulator.blocks.Blocks` with real blocks; `on_disk` puts real stores into a folder."""

    def __init__(self, names: Sequence[str], quorum: int, everyone: Sequence[str], *, on_disk: bool) -> None:
        genesis = Genesis.from_document(genesis_document(names, quorum))
        self._data = make_genesis_block(Accounts(), genesis).data
        self.read = read_genesis(self._data)
        self.channel = self.read.channel
        block = self.read.block
        self.genesis = Entry(0, 0, block.hash, b"")
        self.verdicts: dict[tuple[str, int, int, bytes, bytes], bool] = {}
        self._ballots: dict[tuple[str, Ballot, bytes], bool] = {}
        self._entries: dict[bytes, Entry] = {self._data: entry_of(block)}
        self._blocks: dict[bytes, Block] = {}
        self._checked: dict[bytes, VerifiedBlock | BlockInvalid | Malformed] = {}
        self._prepared: dict[int, Addition] = {}
        self._keys = {name: seed_key(name).public for name in everyone}
        self._targets: dict[int, Membership] = {}
        self._folder = TemporaryDirectory(prefix="tallystick-simulation-") if on_disk else None

    def close(self) -> None:
        """Remove what was put on the machine's disk."""
        if self._folder is not None:
            self._folder.cleanup()

    def disk(self, name: str) -> LedgerDisk:
        """A fresh disk."""
        if self._folder is None:
            return LedgerDisk(self.parse)
        return FolderDisk(self.parse, Path(self._folder.name) / name)

    def application(self, name: str, disk: LedgerDisk, wall_ms: Callable[[], int]) -> LedgerApplication:
        """The chain on a disk.

        Raises:
            StoreError: the disk does not hold what it held.
        """
        return LedgerApplication(self, name, disk, wall_ms, self._data)

    def authority(self, name: str, witness: Witness | None) -> Authority:
        """A node's keys."""
        return KeyAuthority(self, name, witness)

    def verifies(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes) -> bool:
        """Whether an acknowledgement is genuine."""
        key = (node, term, index, entry_hash, signature)
        verdict = self.verdicts.get(key)
        if verdict is None:
            public = self._keys.get(node)
            verdict = public is not None and verify_ack(
                public, self.channel, term, index, entry_hash, signature
            )
            self.verdicts[key] = verdict
        return verdict

    def verifies_vote(self, node: str, ballot: Ballot, signature: bytes) -> bool:
        """Whether a vote is genuine."""
        key = (node, ballot, signature)
        verdict = self._ballots.get(key)
        if verdict is None:
            public = self._keys.get(node)
            verdict = public is not None and vote.verify_vote(
                public, self.channel, ballot_of(ballot), signature
            )
            self._ballots[key] = verdict
        return verdict

    def block(self, data: bytes) -> Block:
        """A block's bytes, read."""
        block = self._blocks.get(data)
        if block is None:
            block = self._blocks[data] = Block.decode(data)
        return block

    def parse(self, data: bytes) -> Entry:
        """The entry that a block's bytes are."""
        entry = self._entries.get(data)
        if entry is None:
            entry = self._entries[data] = entry_of(Block.decode(data))
        return entry

    def checked(self, data: bytes, chain: Chain) -> VerifiedBlock:
        """A block of which everything is checked that needs no state.

        Raises:
            BlockInvalid, Malformed: with what is wrong.
        """
        found = self._checked.get(data)
        if found is None:
            try:
                found = chain.check(Block.decode(data))
            except (BlockInvalid, Malformed) as error:
                found = error
            self._checked[data] = found
        if isinstance(found, Exception):
            raise found
        return found

    def adopt(self, number: int, voters: Sequence[str], quorum: int, learners: Sequence[str]) -> None:
        """The transaction of this number makes these the members that are wanted."""
        members = {name: Member(name, "acme", key, b"certificate") for name, key in self._keys.items()}
        self._targets[number] = Membership.of(
            quorum,
            [members[name] for name in voters],
            learners=[members[name] for name in learners],
        )

    def transaction(self, number: int) -> Addition:
        """A client's transaction; the same number gives the same bytes."""
        prepared = self._prepared.get(number)
        if prepared is None:
            operation: dict[str, codec.Value] = {"op": "add", "number": number}
            if number in self._targets:
                operation["target"] = self._targets[number].to_value()
            transaction = Transaction.sign(
                CLIENT,
                channel=self.channel,
                operations=[operation],
                valid_until_ms=VALID_UNTIL_MS,
                nonce=number.to_bytes(8, "big"),
            )
            prepared = self._prepared[number] = Addition(transaction, number, operation.get("target"))
        return prepared

    @staticmethod
    def numbers_of(block: Block) -> list[int]:
        """The transactions in a block."""
        return [transaction.operations[0]["number"] for transaction in block.transactions]


class LedgerApplication:
    """One node's chain."""

    def __init__(
        self, blocks: LedgerBlocks, name: str, disk: LedgerDisk, wall_ms: Callable[[], int], genesis: bytes
    ) -> None:
        self._blocks = blocks
        self._name = name
        self._disk = disk
        self._wall_ms = wall_ms
        self._key = seed_key(name)
        self.executor = Accounts()
        self.chain = Chain.open(disk.store, self.executor, genesis)
        first = self.chain.first_height
        disk.opened(configuration_of(self.chain.membership_at(first)) if first else None)
        self.pinned: PinnedState | None = None
        """The newest snapshot that this node gives away."""
        self._clocks: dict[str, Reading] = {}
        """The newest reading of each other node."""
        self._pending: dict[int, int] = {}
        for pending in self.chain.pending:
            self._note(pending.block)

    @property
    def head(self) -> Entry:
        """The newest block."""
        header = self.chain.head
        return Entry(header.height, header.term, header.hash, b"")

    @property
    def applied(self) -> int:
        """Height of the applied ledger."""
        return self.chain.applied.height

    def height_of(self, number: int) -> int | None:
        """Where a transaction is, pending or applied."""
        height = self._pending.get(number)
        if height is not None:
            return height
        located = self.chain.locate(self._blocks.transaction(number).transaction.id)
        return None if located is None else located[0]

    def reading(self) -> Reading:
        """What this node's clock has reached."""
        return Reading.sign(self._key, self._blocks.channel, self._name, self._wall_ms())

    def heard_clock(self, reading: Reading) -> None:
        """Another node's clock has reached this."""
        held = self._clocks.get(reading.node)
        if held is None or held.time_ms < reading.time_ms:
            self._clocks[reading.node] = reading

    def pin(self) -> PinnedState:
        """Have the applied state ready to be given away."""
        if self.pinned is None or self.pinned.height < self.applied:
            self.pinned = sorted_pin(self.chain.pin())
        return self.pinned

    def answer(self, ask: Ask) -> tuple[str, bytes]:
        """What this node says to a question about a snapshot: why not, or a chunk."""
        return answer_of(self, ask)

    def holds(self, entry: Entry) -> bool:
        """Whether exactly this block is in flight."""
        block = self.chain.pending_block(entry.index)
        return block is not None and block.hash == entry.hash

    def seal(
        self,
        transactions: Sequence[int],
        term: int,
        payload_bytes: int,
        election: ElectionCertificate | None = None,
        configuration: Configuration | None = None,
    ) -> Entry:
        """A new block of this node on top of its head."""
        block = self.chain.seal(
            [self._blocks.transaction(number) for number in transactions],
            term=term,
            proposer=self._name,
            key=self._key,
            clocks=[*self._clocks.values(), self.reading()],
            election=None if election is None else election_of(election),
            membership=None if configuration is None else self.chain.due_membership(),
        )
        self._note(block)
        return self._blocks.parse(block.data)

    def accept(self, entry: Entry, *, is_twisted: bool) -> None:
        """Reproduce a block of another node on top of the head.

        Raises:
            NotReproduced: it is not what this node computes.
        """
        chain = self.chain
        try:
            verified = self._blocks.checked(entry.data, chain)
            header = verified.block.header
            if (header.height, header.term, header.hash) != (entry.index, entry.term, entry.hash):
                raise BlockInvalid("the block is not the one that its entry names")
            self.executor.is_twisted = is_twisted
            chain.accept(verified)
        except (BlockInvalid, Malformed) as error:
            raise NotReproduced(str(error)) from None
        finally:
            self.executor.is_twisted = False
        self._note(verified.block)

    def cut(self, height: int) -> None:
        """Take back blocks from this height on."""
        if height <= self.applied:
            raise Violation("committed_truncated", f"{self._name} is to take back applied block {height}")
        self.chain.drop_from(height)
        self._pending = {number: at for number, at in self._pending.items() if at < height}

    def apply(self, certificate: Certificate) -> list[tuple[Entry, Sequence[int]]]:
        """Apply all blocks up to a certificate; they are returned with their transactions."""
        applied: list[tuple[Entry, Sequence[int]]] = []
        for block in self.chain.commit(certificate_of(certificate)):
            numbers = self._blocks.numbers_of(block)
            for number in numbers:
                self._pending.pop(number, None)
            applied.append((self._blocks.parse(block.data), numbers))
        if self.applied != certificate.index:
            raise Violation(
                "apply_order", f"{self._name} applied {self.applied} instead of {certificate.index}"
            )
        return applied

    def due_members(self) -> Configuration | None:
        """The members of the next step towards those that were adopted, if it is time for one."""
        due = self.chain.due_membership()
        return None if due is None else configuration_of(due)

    def wanted_members(self) -> Configuration:
        """The members that were adopted last, by the applied state."""
        target = self.chain.get(TARGET_KEY)
        adopted = self._blocks.read.membership if target is None else Membership.from_value(target)
        return configuration_of(adopted)

    def picture(self) -> bytes:
        """A digest of the applied state as readers see it, with the root of its tree."""
        digest = blake2b(self.chain._tree.settled_root, digest_size=16)
        if self.chain._tree.settled_root != self.chain.applied.state_root:
            raise Violation(
                "state_root", f"{self._name}: the state has another root than block {self.applied}"
            )
        for number in range(ACCOUNTS):
            digest.update(codec.encode(self.chain.get(account_of(number))))
        return digest.digest()

    def deep_picture(self) -> bytes:
        """A digest of every state row in the store: the stored bytes, past all caches."""
        digest = blake2b(digest_size=16)
        for key, value in self._disk.store.state_from(b"", None, 10_000):
            digest.update(key + value)
        return digest.digest()

    def held(self) -> dict[int, int]:
        """How often each transaction is in the applied ledger."""
        counts: dict[int, int] = {}
        for height in range(1, self.applied + 1):
            if height < self.chain.first_height:
                block = self._blocks.block(self._disk.below[height].data)
            else:
                held = self.chain.block(height)
                assert held is not None, "within the applied ledger"
                block = held
            for number in self._blocks.numbers_of(block):
                counts[number] = counts.get(number, 0) + 1
        return counts

    def prove(self, number: int) -> None:
        """Take a receipt for a committed transaction and verify it as its owner would: offline.

        Raises:
            VerificationError: it proves nothing.
        """
        try:
            receipt = self.chain.receipt(self._blocks.transaction(number).transaction.id)
        except NotHeld:
            return  # of before the snapshot with which this ledger began
        if receipt is None:
            raise Violation("lost", f"{self._name} has no receipt for acknowledged {number}")
        Receipt.decode(receipt.encode()).verify(self.trust())

    def trust(self) -> GenesisBlock:
        """What a verifier trusts that was handed the changes of the members."""
        changes = self.chain.membership_chain()
        if not changes.handovers:
            return self._blocks.read
        return MembershipChain.decode(changes.encode()).verify(self._blocks.read)

    def _note(self, block: Block) -> None:
        for number in self._blocks.numbers_of(block):
            if number in self._pending:
                raise Violation("doubled", f"{self._name} is given transaction {number} twice")
            self._pending[number] = block.height
