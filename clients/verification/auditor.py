"""The audit of a whole chain: everything is computed again, nothing that is stored is believed.

    report = audit_folder(data_dir, genesis, progress)      a stopped node's disk
    report = audit_nodes(urls, genesis, progress)           a running network, through its API

| checked | how |
|---|---|
| links, times, terms, membership | each header against the one before |
| signatures | of each block's proposer and of each transaction |
| transactions and results root, history root | hashed again from the bytes |
| certificates | each one that is there; the newest block must be covered by one |
| results and state root | every transaction executed again from the genesis state |
| on a disk: stored values | each equal to the executed one, none missing, none left over |
| on a disk: histories | each stored record chain hashed to the heads kept on the way and in its entry |
| on a disk: trees and index | state buckets, history nodes and places of transactions computed again |

What is held in memory is the state at one height, not the chain. A ledger that began with a snapshot
cannot be executed again: `partial_audit` says what is checked instead. One that goes on from a lost ledger is
executed again from the export that it began with: what came before is an audit of the old ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clients.errors import ProfileError
from clients.profile import is_node_url
from clients.sdk.conversation import DEADLINE_S, Conversation
from clients.sdk.session import BLOCK_PAGE
from clients.sdk.transport import SyncTransport
from clients.verification.partial_audit import PAGE_ROWS, audit_from_base
from contracts import Contracts
from contracts.errors import InvariantBroken
from ledger import codec
from ledger.blocks.block import Block, Header
from ledger.blocks.certificate import Certificate
from ledger.blocks.executor import Executor, enter_membership, genesis_overlay, settled_writes
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.preamble import Preamble
from ledger.blocks.recovery import Recovery
from ledger.errors import Malformed, VerificationError
from ledger.keys import SigningKey
from ledger.limits import HISTORY_HEAD_INTERVAL
from ledger.merkle import Accumulator
from ledger.proofs.audit import ChainAudit
from ledger.proofs.export import verify_at
from ledger.proofs.extract import Everything
from ledger.snapshots.inheritance import EXPORT_FILE, check_end
from ledger.state.history import NO_RECORDS, chain
from ledger.state.overlay import Overlay
from ledger.state.tree import StateTree
from ledger.storage.store import LEDGER_FOLDER, Store

Progress = Callable[[int, int], None]
"""Called with (height audited, height of the newest block known)."""

RawBlock = tuple[int, bytes, Certificate | None]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found; it exists only if everything was right."""

    channel: str
    source: str
    """The folder, or the URLs of the nodes whose blocks were audited."""
    height: int
    head: str
    state_root: str
    transactions: int
    operations: int
    refused: int
    """Transactions that stand on the ledger with a refused operation."""
    signatures: int
    """Signatures checked: proposers', signers' and acknowledgements."""
    certificates: int
    state_entries: int
    records: int
    """Records of histories hashed again; 0 unless a disk was audited."""
    first_height: int = 0
    """Where a ledger began that was taken over from a snapshot: nothing of it was executed again."""
    goes_on_from: str = ""
    """Of a recovered ledger: height and channel of the one that it goes on from, which is not audited."""

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {"proved": True, **asdict(self)}


class Replay:
    """Executes a chain again in memory, block by block, from the genesis state."""

    def __init__(self, genesis: GenesisBlock, executor: Executor, inherited: Path | None = None) -> None:
        self.values: dict[bytes, codec.Value] = {}
        self.records: dict[bytes, int] = {}
        """Number of records by history key."""
        self._executor = executor
        self.buckets: dict[int, bytes] = {}
        """Contents of the state tree's buckets."""
        self._tree = StateTree(lambda bucket: self.buckets.get(bucket, b""))
        recovers = genesis.genesis.recovers
        if recovers is not None:
            check_end(genesis.genesis, self._inherit(recovers, inherited))
        self._settle(genesis_overlay(executor, genesis.genesis, self), genesis.block)

    def _inherit(self, recovers: Recovery, inherited: Path | None) -> Header:
        """Take up what the ledger goes on from; the header of its last block.

        Raises:
            ProfileError: its export is not there.
            VerificationError: it is another one.
        """
        whole = Everything()
        try:
            with (inherited or Path(EXPORT_FILE)).open("rb") as file:
                header = verify_at(file, recovers.block, whole)
        except OSError as error:
            raise ProfileError(
                "the ledger goes on from another one, whose export cannot be read",
                code="inheritance_missing",
                field="--genesis",
                found=f"{inherited or EXPORT_FILE}: {error.strerror}",
                expected=f"the export of height {recovers.height} of channel {recovers.channel.hex()}",
                remedy="Put it beside the genesis block, as genesis.export: whoever runs a node has it.",
            ) from None
        self.buckets.update(self._tree.update(whole.entries).after)
        self._tree.settle(1)
        self.values.update({key: codec.decode(value) for key, value in whole.entries.items()})
        self.records.update({key: len(records) for key, records in whole.histories.items()})
        return header

    def get(self, key: bytes, /) -> codec.Value | None:
        """The value of a state key after the newest block."""
        return self.values.get(key)

    def take(self, block: Block) -> None:
        """Execute the next block.

        Raises:
            VerificationError: other results or another state than the block states.
        """
        overlay = Overlay(self)
        membership = Preamble.decode(block.preamble).membership
        if membership is not None:
            enter_membership(overlay, membership, block.height)
        for index, transaction in enumerate(block.transactions):
            try:
                prepared = self._executor.prepare(transaction)
            except Malformed as error:
                raise VerificationError(
                    "a transaction that has no place on the ledger",
                    field="transactions",
                    found=f"{transaction.id.hex()} in block {block.height}: {error}",
                ) from None
            try:
                result = codec.settle(self._executor.execute(overlay, prepared, block.header.time_ms))[1]
            except InvariantBroken as error:
                raise VerificationError(
                    "a transaction that breaks a law of the ledger",
                    field="transactions",
                    found=f"{transaction.id.hex()} in block {block.height}: {error}",
                ) from None
            if result != block.results[index]:
                raise VerificationError(
                    "a transaction with another result than executing it gives",
                    field="results",
                    found=f"{block.results[index]} for {transaction.id.hex()} in block {block.height}"[:300],
                    expected=str(result)[:200],
                )
        self._settle(overlay, block)

    def _settle(self, overlay: Overlay, block: Block) -> None:
        changes, values = settled_writes(overlay)
        self.buckets.update(self._tree.update(changes).after)
        self._tree.settle(1)
        if self._tree.root != block.header.state_root:
            raise VerificationError(
                "another state than executing the block gives",
                field="state_root",
                found=f"{block.header.state_root.hex()} in block {block.height}",
                expected=self._tree.root.hex(),
            )
        for key, value in values.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        for key, sequence, _ in overlay.records:
            self.records[key] = sequence + 1


class _Audit:
    """One pass over a chain; counts what it checks."""

    def __init__(self, genesis: GenesisBlock, progress: Progress, inherited: Path | None) -> None:
        self.genesis = genesis
        self.chain = ChainAudit(genesis)
        self.replay = Replay(genesis, Contracts(), inherited)
        self.operations = self.refused = self.signatures = self.certificates = 0
        self._progress = progress

    def take(self, blocks: Iterable[RawBlock], newest: Callable[[], int]) -> None:
        """Check blocks 1, 2, 3, … as they come.

        Raises:
            VerificationError: with the block and the step that failed.
        """
        for height, data, certificate in blocks:
            try:
                block = Block.decode(data)
            except Malformed as error:
                raise _unreadable(height, error) from None
            self.chain.take(block, certificate)
            self.replay.take(block)
            self.operations += sum(len(transaction.operations) for transaction in block.transactions)
            self.refused += sum(result != () for result in block.results)
            self.signatures += 1 + len(block.transactions)
            if certificate is not None:
                self.certificates += 1
                self.signatures += len(certificate.acks)
            self._progress(height, max(height, newest()))

    def report(self, source: str, records: int = 0) -> AuditReport:
        """The report, if the newest block is proved to be committed.

        Raises:
            VerificationError: it is not.
        """
        head = self.chain.head
        if self.chain.certified != head.height:
            raise VerificationError(
                "no certificate covers the newest blocks",
                field="certificate",
                found=f"certified up to height {self.chain.certified}",
                expected=f"up to {head.height}",
            )
        return AuditReport(
            channel=self.genesis.channel.hex(),
            source=source,
            height=head.height,
            head=head.hash.hex(),
            state_root=head.state_root.hex(),
            transactions=self.chain.transactions,
            operations=self.operations,
            refused=self.refused,
            signatures=self.signatures,
            certificates=self.certificates,
            state_entries=len(self.replay.values),
            records=records,
            goes_on_from=_goes_on_from(self.genesis),
        )


def _goes_on_from(genesis: GenesisBlock) -> str:
    recovers = genesis.genesis.recovers
    return "" if recovers is None else f"height {recovers.height} of {recovers.channel.hex()}"


def audit_folder(
    folder: Path,
    genesis: GenesisBlock,
    progress: Progress = lambda _height, _newest: None,
    *,
    inherited: Path | None = None,
) -> AuditReport:
    """Audit the ledger on a stopped node's disk, up to its applied height; a data folder or the ledger in it.

    `inherited` is the export that a recovered ledger begins with.

    Raises:
        ProfileError: there is no ledger in the folder, or not what a recovered one begins with.
        StoreLocked: its node is running.
        StoreError: the disk does not hold what it held.
        VerificationError: something is not as it must be, with the place.
    """
    if (folder / LEDGER_FOLDER).is_dir():
        folder = folder / LEDGER_FOLDER
    if not (folder / "mark").exists() and not (folder / "db").exists():
        raise no_ledger(folder)
    store = Store.open(folder)
    try:
        last = store.applied_height
        if store.block(0) != genesis.block.data:
            raise VerificationError(
                "the ledger on the disk begins with another genesis block", field="block 0"
            )
        if store.base_height:
            found = audit_from_base(store, genesis, progress)
            return AuditReport(source=str(folder), goes_on_from=_goes_on_from(genesis), **found)
        audit = _Audit(genesis, progress, inherited)
        audit.take(_stored(store, genesis, last), lambda: last)
        _check_values(store, audit.replay)
        _check_buckets(store, audit.replay)
        records = sum(
            _check_records(store, key, count, audit.replay) for key, count in audit.replay.records.items()
        )
        return audit.report(str(folder), records)
    finally:
        store.close()


def no_ledger(folder: Path) -> ProfileError:
    """The error of a folder in which no node keeps its ledger."""
    return ProfileError(
        f"no ledger in {folder}",
        code="no_ledger",
        remedy="Name a node's data folder, as `tally network status` lists it.",
    )


def audit_nodes(
    urls: Sequence[str],
    genesis: GenesisBlock,
    progress: Progress = lambda _height, _newest: None,
    deadline_s: float = DEADLINE_S,
    *,
    inherited: Path | None = None,
) -> AuditReport:
    """Audit the chain that a network serves, up to the newest block at the beginning of the audit.

    `deadline_s` bounds the wait for each answer; `inherited` is the export that a recovered ledger begins
    with.

    Raises:
        ProfileError: not the URL of a node, or not what a recovered ledger begins with.
        Unavailable: no node answers.
        NodeProblem: a node does not serve this channel.
        VerificationError: something is not as it must be, with the place.
    """
    for url in urls:
        if not is_node_url(url):
            raise ProfileError(
                "not the URL of a node",
                code="node_url",
                field="--node",
                found=str(url)[:80],
                expected="http://host:port",
                remedy="`tally network status` lists the nodes' API URLs.",
            )
    conversation = Conversation(genesis, urls, _no_key, deadline_s=deadline_s)
    transport = SyncTransport()
    served: dict[str, None] = {}
    try:
        newest = int(transport.run(conversation.status())["applied_height"])
        served[conversation.nodes.current] = None

        def pages() -> Iterable[RawBlock]:
            first = 1
            while first <= newest:
                page = transport.run(conversation.raw_blocks(first, BLOCK_PAGE))
                served[conversation.nodes.current] = None
                if not page:
                    raise VerificationError("blocks are missing", found=f"none from height {first}")
                for height, data, certificate in page:
                    yield height, data, _certificate(certificate, height)
                first = page[-1][0] + 1

        audit = _Audit(genesis, progress, inherited)
        audit.take(pages(), lambda: newest)
        return audit.report(", ".join(served))
    finally:
        transport.close()


def _stored(store: Store, genesis: GenesisBlock, last: int) -> Iterable[RawBlock]:
    history = Accumulator()
    _check_derived(store, genesis.block, history)
    for height in range(1, last + 1):
        data = store.block(height)
        found = store.certificate(height)
        certificate = None if found is None else _certificate(codec.decode(found), height)
        if data is None:
            raise VerificationError("a block is missing", field="height", found=height)
        yield height, data, certificate
        _check_derived(store, Block.decode(data), history)


def _certificate(value: codec.Value | None, height: int) -> Certificate | None:
    try:
        return None if value is None else Certificate.from_value(value)
    except Malformed as error:
        raise _unreadable(height, error) from None


def _check_derived(store: Store, block: Block, history: Accumulator) -> None:
    """The index leads to each transaction, and the history tree has the nodes that the header adds."""
    for index, transaction in enumerate(block.transactions):
        if store.locate(transaction.id) != (block.height, index):
            raise VerificationError(
                "the index does not lead to a transaction",
                field="index",
                found=store.locate(transaction.id),
                expected=f"block {block.height}, position {index} for {transaction.id.hex()}",
            )
    for level, place, node in history.append(block.header.leaf):
        if store.node(level, place) != node:
            raise VerificationError(
                "a stored node of the history tree is not the computed one",
                field="history",
                found=f"level {level}, index {place}",
            )


def _check_values(store: Store, replay: Replay) -> None:
    """Every stored value is the executed one; none is missing or left over."""
    after: bytes | None = None
    count = 0
    while True:
        rows = store.state_from(b"", after, PAGE_ROWS)
        for key, value in rows:
            expected = replay.values.get(key)
            if expected is None or codec.encode(expected) != value:
                raise VerificationError(
                    "a stored value is not the executed one"
                    if expected is not None
                    else "a stored value that no transaction wrote",
                    field="state",
                    found=ascii(codec.decode(key)),
                )
        count += len(rows)
        if len(rows) < PAGE_ROWS:
            break
        after = rows[-1][0]
    if count != len(replay.values):
        raise VerificationError(
            "stored values are missing", field="state", found=count, expected=len(replay.values)
        )


def _check_buckets(store: Store, replay: Replay) -> None:
    """The stored buckets of the state tree are the computed ones."""
    stored = dict(store.buckets())
    computed = {bucket: content for bucket, content in replay.buckets.items() if content}
    if stored != computed:
        differing = {
            bucket for bucket in stored.keys() | computed.keys() if stored.get(bucket) != computed.get(bucket)
        }
        raise VerificationError(
            "stored buckets of the state tree are not the computed ones",
            field="state tree",
            found=f"bucket {min(differing)}, {len(differing)} in all",
        )


def _check_records(store: Store, key: bytes, count: int, replay: Replay) -> int:
    """The stored records of a history lead to the head in its entry, over the stored heads; their number."""
    head = NO_RECORDS
    for first in range(0, count, HISTORY_HEAD_INTERVAL):
        if first and store.head(key, first) != head:
            raise _other_records(key)
        head = chain(head, store.records(key, first, min(HISTORY_HEAD_INTERVAL, count - first)))
    if replay.values[key][:2] != (count, head):
        raise _other_records(key)
    return count


def _other_records(key: bytes) -> VerificationError:
    return VerificationError(
        "stored records do not lead to the head of their history",
        field="records",
        found=ascii(codec.decode(key)),
    )


def _unreadable(height: int, error: Malformed) -> VerificationError:
    return VerificationError("a block that cannot be read", field="block", found=f"height {height}: {error}")


def _no_key() -> SigningKey:
    raise ProfileError("an audit signs nothing", code="no_key")
