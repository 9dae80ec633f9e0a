"""The chain: executes blocks, links them, keeps those in flight, and applies what is committed.

    seal    (leader)    execute on top of the head and sign the outcome      -> pending
    check   (follower)  everything that needs no state; any thread           -> VerifiedBlock
    accept  (follower)  link to the head, execute again, compare all roots   -> pending
    drop_from           a new leader overwrites: take pending blocks back
    commit              a certificate: pending blocks become the applied ledger

Pending blocks stand in a row, each executed on the state of the one before. Executors read
the newest state, readers only the applied one (`ledger.chain.committed`). A block that cannot be
reproduced leaves no trace. An exception of the executor is a bug of ours, an `ExecutorBug`:
no block, state or tree has been changed by then, and the node must stop rather than guess.

A block governs itself: one that changes the membership is certified by the new one, and carries
it in its preamble with the proof that the change before it is committed (`ledger.members.membership`). The
next change follows from the head's membership and the target in the head's state; `due_membership`
tells the leader which one it may seal.

The chain writes to the store only in `open` (genesis) and in `commit`; whoever drives it
appends blocks, since that waits for the disk. `open` executes again what the log holds
above the applied height.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from ledger import codec, merkle
from ledger.blocks.block import Block, Header, verify_signed_by
from ledger.blocks.certificate import Certificate, CertifiedHeader
from ledger.blocks.clock import Reading, check_time, shown_by, time_of
from ledger.blocks.executor import (
    Executor,
    ExecutorBug,
    Prepared,
    enter_membership,
    genesis_overlay,
    settled_writes,
)
from ledger.blocks.genesis import GenesisBlock, read_genesis
from ledger.blocks.preamble import Preamble, check_office
from ledger.blocks.transaction import Transaction
from ledger.blocks.vote import ElectionCertificate
from ledger.chain.committed import Committed
from ledger.chain.execution import Executed, executed_on, heads_of
from ledger.chain.id_filter import IdFilter
from ledger.chain.inflight import InFlight, PendingBlock
from ledger.errors import BlockInvalid, Malformed, StoreError, TallyError, VerificationError
from ledger.faults.fault import WrongBlock
from ledger.faults.witness import Witness, recorded, wrong_because
from ledger.keys import SigningKey
from ledger.limits import (
    MAX_VALIDITY_MS,
    SNAPSHOT_INTERVAL_BLOCKS,
    SNAPSHOT_TREE_LEVEL,
)
from ledger.members.membership import IN_FORCE_KEY, TARGET_KEY, Membership, check_step, next_membership
from ledger.proofs.handover import Handover, check_settled
from ledger.snapshots.inheritance import inherit
from ledger.snapshots.source import PinnedState
from ledger.state.overlay import Overlay
from ledger.storage.store import CommitBatch, Store


@dataclass(frozen=True, slots=True)
class VerifiedBlock:
    """A block about which everything is known to be right that can be known without state."""

    block: Block
    prepared: tuple[Prepared, ...]
    preamble: Preamble
    signed_by: bytes | None
    """The key under which the header's signature was checked; None if its proposer was unknown then."""


_NONE_CHECKED: Mapping[bytes, Prepared] = MappingProxyType({})


class Chain(Committed):
    """One channel's ledger: the applied blocks, and those in flight on top of them."""

    def __init__(self, store: Store, executor: Executor, genesis: GenesisBlock) -> None:
        super().__init__(store, genesis)
        self._executor = executor
        self._flight = InFlight(self, self._values.read_before, self._tree.lacks)
        self._ids = IdFilter()
        self._history = merkle.Accumulator()
        self.snapshot_interval = SNAPSHOT_INTERVAL_BLOCKS
        self.at_boundary: Callable[[PinnedState], None] | None = None
        """Takes the ledger as it is at each multiple of the interval, to give it away."""

    @classmethod
    def open(
        cls, store: Store, executor: Executor, genesis_data: bytes, inherited: Path | None = None
    ) -> Self:
        """The chain in a store; an empty store begins with the genesis block.

        `inherited` is the export that a recovered ledger begins with; nothing else reads it.

        Raises:
            Malformed, BlockInvalid: not a genesis block, or not one of this executor.
            VerificationError: `inherited` is not what the genesis block goes on from.
            StoreError: the store belongs to another genesis, is damaged, or holds a block
                above the applied height that cannot be reproduced; or `inherited` is missing.
        """
        genesis = read_genesis(genesis_data)
        if genesis.block.header.contract_version != executor.version:
            raise BlockInvalid(
                "the genesis block asks for other contracts",
                field="header.contract_version",
                found=genesis.block.header.contract_version,
                expected=executor.version,
                remedy="Install the version of the software that this ledger runs.",
            )
        chain = cls(store, executor, genesis)
        if store.last_height >= 0 and store.block(0) != genesis_data:
            raise StoreError(
                "the folder holds the ledger of another genesis block",
                code="wrong_genesis",
                remedy="Use the genesis.block that the folder was made with, or another folder.",
            )
        if store.applied_height < 0:
            chain._begin(inherited)
        else:
            chain._resume()
        return chain

    @property
    def pending(self) -> Sequence[PendingBlock]:
        """The blocks in flight, ascending."""
        return self._flight.blocks

    @property
    def head(self) -> Header:
        """Header of the newest block, pending or applied: what the next block follows."""
        return self.pending[-1].block.header if self.pending else self.applied

    @property
    def membership(self) -> Membership:
        """The membership that governs the head, and the next block unless that changes it."""
        return self.pending[-1].membership if self.pending else self.applied_membership

    def due_membership(self) -> Membership | None:
        """The membership change that the leader may seal next; None when there is nothing to change yet.

        That is the case while the last change is not committed (CR-54), and when the target that
        governance adopted is in force.
        """
        if self._last_change().height > self.applied.height:
            return None
        return self._step_to_target()

    def pending_block(self, height: int) -> Block | None:
        """The block in flight at a height."""
        place = height - self.applied.height - 1
        return self.pending[place].block if 0 <= place < len(self.pending) else None

    def knows(self, identity: bytes) -> bool:
        """Whether a transaction is on the chain, pending or committed."""
        if self._flight.holds(identity):
            return True
        return not self._ids.lacks(identity) and self._store.locate(identity) is not None

    def next_time(self, clocks: Sequence[Reading]) -> tuple[int, tuple[Reading, ...]]:
        """The time that a block sealed now has, and the readings that show it; none for the head's time."""
        shown = shown_by(clocks, self.membership)
        if not shown or time_of(shown) <= self.head.time_ms:
            return self.head.time_ms, ()
        return time_of(shown), shown

    def objection(self, transaction: Transaction, time_ms: int) -> TallyError | None:
        """Why a transaction cannot go into the next block at this time; None when it can.

        Its signature and operations are not looked at.
        """
        objection = self._form_objection(transaction, max(time_ms, self.head.time_ms))
        if objection is None and self.knows(transaction.id):
            objection = BlockInvalid("the transaction is on the chain already", code="duplicate_transaction")
        return objection

    def seal(
        self,
        prepared: Sequence[Prepared],
        *,
        term: int,
        proposer: str,
        key: SigningKey,
        clocks: Sequence[Reading] = (),
        election: ElectionCertificate | None = None,
        membership: Membership | None = None,
    ) -> Block:
        """Execute transactions on top of the head and push the signed block.

        Signatures were checked on admission, those of `clocks` when they came in. The block's time is what
        a quorum of the clocks shows, if that is later than the head's (`next_time`). `election` goes with the
        first block of a term, `membership` is a change that is due (`due_membership`), in a block that is
        not its term's first. When this raises, nothing has changed.

        Raises:
            ValueError: a membership that is not due, a proposer without a vote, a term before the
                head's, or an election certificate missing or out of place.
            BlockInvalid: a transaction has an `objection`, or is listed twice.
            TooLarge: more transactions, operations or bytes than a block may have.
        """
        head = self.head
        if term < max(head.term, 1):
            raise ValueError(f"term {term} is before the head's term {head.term}")
        time_ms, shown = self.next_time(clocks)
        seen: set[bytes] = set()
        for each in prepared:
            objection = self.objection(each.transaction, time_ms)
            if objection is not None:
                raise objection
            seen.add(each.transaction.id)
        if len(seen) != len(prepared):
            raise BlockInvalid("a transaction is listed twice", code="duplicate_transaction")
        if not self.membership.is_voter(proposer):
            raise ValueError(f"{proposer} has no vote, and seals no blocks")
        preamble = Preamble(election, clocks=shown)
        if membership is not None:
            if membership != self.due_membership() or term != head.term:
                raise ValueError("a membership change that is not due")
            preamble = Preamble(election, membership, self._proof_of_last_change(), shown)
        if (election is None) != (term == head.term):
            raise ValueError("an election certificate goes with the first block of a term, and no other")
        executed = self._executed(prepared, time_ms, membership)
        self._tree.update(executed.changes)
        try:
            block = Block.assemble(
                key=key,
                channel=self.channel,
                height=head.height + 1,
                term=term,
                previous=head.hash,
                time_ms=time_ms,
                proposer=proposer,
                transactions=[each.transaction for each in prepared],
                results=executed.results,
                state_root=self._tree.root,
                history_root=self._history.root(),
                membership=(membership or self.membership).hash,
                contract_version=self._executor.version,
                preamble=preamble.encode(),
            )
        except BaseException:
            self._tree.undo()
            raise
        self._push(block, executed, membership or self.membership)
        return block

    def check(self, block: Block, checked: Mapping[bytes, Prepared] = _NONE_CHECKED) -> VerifiedBlock:
        """Check what needs no state: the proposer's and every transaction's signature, and form.

        It may run before the parent is accepted: a proposer that the present membership does not have
        is looked at in `accept`. `checked` holds, by id, transactions whose signature and form the
        caller has checked before: one of the same bytes is not checked again. May run in any thread.

        Raises:
            BlockInvalid: with the field and the transaction that are wrong.
        """
        header = block.header
        for field, found, expected in (
            ("channel", header.channel, self.channel),
            ("contract_version", header.contract_version, self._executor.version),
        ):
            if found != expected:
                raise _differs(field, found, expected)
        try:
            preamble = Preamble.decode(block.preamble)
        except Malformed as error:
            raise BlockInvalid("a preamble of no form", field="preamble", found=error) from None
        membership = self.membership
        proposer = membership.member(header.proposer)
        if proposer is not None:
            verify_signed_by(header, block.signature, proposer)
        if len({transaction.id for transaction in block.transactions}) != len(block.transactions):
            raise BlockInvalid("a transaction is listed twice", code="duplicate_transaction")
        prepared = []
        for index, transaction in enumerate(block.transactions):
            objection = self._form_objection(transaction, header.time_ms)
            if objection is not None:
                raise BlockInvalid(str(objection), field=f"transactions[{index}]", found=transaction.id.hex())
            known = checked.get(transaction.id)
            if known is not None and known.transaction.signature == transaction.signature:
                prepared.append(known)
                continue
            if not transaction.signature_ok():
                raise BlockInvalid(
                    "a transaction is not signed by its signer", field=f"transactions[{index}]"
                )
            try:
                prepared.append(self._executor.prepare(transaction))
            except Malformed as error:
                raise BlockInvalid(
                    "operations of no form", field=f"transactions[{index}]", found=error
                ) from None
        signed_by = None if proposer is None else proposer.key
        return VerifiedBlock(block, tuple(prepared), preamble, signed_by)

    def accept(self, verified: VerifiedBlock) -> None:
        """Link a checked block to the head, execute it again, and push it if all roots agree.

        When this raises, nothing has changed.

        Raises:
            BlockInvalid: it does not follow the head, or its results or state are not ours.
        """
        block = verified.block
        self._check_link(block.header)
        self._check_proposer(verified)
        membership = self._governing(block.header, verified.preamble)
        check_office(block.header, self.head, verified.preamble.election, self.membership)
        check_time(block.header, self.head, verified.preamble.clocks, self.membership)
        for index, transaction in enumerate(block.transactions):
            if self.knows(transaction.id):
                raise BlockInvalid(
                    "the transaction is on the chain already",
                    code="duplicate_transaction",
                    field=f"transactions[{index}]",
                    found=transaction.id.hex(),
                )
        changed = verified.preamble.membership
        executed = self._executed(verified.prepared, block.header.time_ms, changed)
        if executed.results != block.results:
            raise _other_result(block, executed.results)
        self._tree.update(executed.changes)
        root = self._tree.root
        if root != block.header.state_root:
            self._tree.undo()
            raise _differs("state_root", block.header.state_root, root)
        self._push(block, executed, membership)

    def refute(self, block: Block) -> WrongBlock | None:
        """What shows to anybody that a block on top of the head, which was just refused, breaks the rules.

        It accuses the proposer; with somebody's acknowledgement in place of None it accuses that node.
        None if the block stands elsewhere, or breaks no rule that can be shown (`ledger.faults.evidence`).
        """
        head = self.head
        if block.header.previous != head.hash:
            return None
        without = WrongBlock(head, block, None, None)
        for fault in (without, replace(without, witness=self._witness(block))):
            try:
                reason = wrong_because(
                    head, block, fault.witness, self.channel, lambda _parent: self.membership, self._executor
                )
            except VerificationError:
                return None
            if reason is not None:
                return fault
        return None

    def _witness(self, block: Block) -> Witness:
        """The parts of the head's state and history that show what a block on top of it must hold."""
        size = self.head.height
        if len(self.pending) > 1:
            peaks = self.pending[-2].history.peaks
        else:
            peaks = tuple([self._store.node(level, index) for level, index in merkle.peak_positions(size)])
        try:
            prepared = [self._executor.prepare(transaction) for transaction in block.transactions]
            changed = Preamble.decode(block.preamble).membership
            entries = recorded(self._executor, self._flight, prepared, block, changed)
        except (Malformed, ExecutorBug):
            return Witness(peaks, None)
        return Witness(peaks, self._tree.prove(entries.items(), newest=True))

    def drop_from(self, height: int) -> None:
        """Take back pending blocks from this height on; applied blocks are never taken back.

        Raises:
            ValueError: the height is not above the applied one.
        """
        if height <= self.applied.height:
            raise ValueError(f"height {height} is applied and cannot be dropped")
        count = max(0, self.head.height - height + 1)
        for _ in range(count):
            self._tree.undo()
        self._flight.pop_newest(count)
        self._history = self.pending[-1].history if self.pending else self._stored_history()

    def commit(self, certificate: Certificate) -> list[Block]:
        """Apply every pending block up to the certified one; the blocks applied, ascending.

        They are applied in one batch, which ends early at each multiple of `snapshot_interval`.

        The caller has verified the certificate. A block must be in the store before it can be
        applied: until the append of the certified one has returned nothing happens, and the
        call is to be repeated.

        Raises:
            BlockInvalid: the certificate is for another block than the one held at its height.
            StoreError: the disk refuses; the batch that failed has changed nothing in memory.
        """
        height = certificate.height
        if height <= self.applied.height:
            return []
        certified = self.pending_block(height)
        if certified is None:
            raise ValueError(f"height {height} is certified but not held")
        if (certified.hash, certified.header.term) != (certificate.block_hash, certificate.term):
            raise BlockInvalid(
                "the certificate is for another block than the one held",
                code="conflicting_certificate",
                found=certificate.block_hash.hex(),
                expected=certified.hash.hex(),
            )
        if not self._store.holds(height, certified.data):
            return []
        blocks: list[Block] = []
        interval = self.snapshot_interval
        for end in range((self.applied.height // interval + 1) * interval, height, interval):
            blocks += self._apply(end, None)
        return blocks + self._apply(height, codec.encode(certificate.to_value()))

    def pin(self) -> PinnedState:
        """The applied ledger as it is now, to be given away while commits go on; to be closed in time."""
        positions = merkle.peak_positions(self.applied.height)
        return PinnedState(
            self.applied,
            self._tree.settled_level(SNAPSHOT_TREE_LEVEL),
            tuple([self._store.node(level, index) for level, index in positions]),
            self._store.pin(),
        )

    def _apply(self, height: int, certificate: bytes | None) -> list[Block]:
        """Apply the pending blocks up to this height in one batch."""
        count = height - self.applied.height
        last = self.pending[count - 1]
        self._store.commit(self._batch(count, certificate))
        self.applied = last.block.header
        self.applied_membership = last.membership
        self._tree.settle(count)
        blocks = []
        for pending in self._flight.pop_oldest(count):
            self._values.keep_written(pending.executed.changes, pending.executed.values)
            self._keep_block(pending.block)
            for transaction in pending.block.transactions:
                self._ids.add(transaction.id)
            blocks.append(pending.block)
        if self.at_boundary is not None and height % self.snapshot_interval == 0:
            self.at_boundary(self.pin())
        return blocks

    def _begin(self, inherited: Path | None) -> None:
        """Make the state of the genesis document and store it as height 0."""
        block, below = self.genesis.block, None
        if self.genesis.genesis.recovers is not None:
            inherit(self._store, self.genesis.genesis, inherited)
            self._tree.load(self._store.buckets())
            below = self
        overlay = genesis_overlay(self._executor, self.genesis.genesis, below)
        changes, values = settled_writes(overlay)
        self._tree.update(changes)
        if self._tree.root != block.header.state_root:
            raise _differs("state_root", block.header.state_root, self._tree.root)
        if self._store.last_height < 0:
            self._store.append([(0, block.data)])
        executed = Executed((), changes, values, overlay.records, heads_of(overlay, self._flight))
        self._push(block, executed, self.genesis.membership)
        self._store.commit(self._batch(1, None))
        self._tree.settle(1)
        self._flight.pop_oldest(1)
        self._values.keep_written(changes, values)
        self._replay()

    def _resume(self) -> None:
        """Take up a store that has applied blocks."""
        store = self._store
        height = store.applied_height
        for identity in store.identities():
            self._ids.add(identity)
        self._tree.load(store.buckets())
        self.applied = self._read_header(height)
        if self._tree.root != self.applied.state_root:
            raise StoreError(
                "the stored state does not have the root of the block that it belongs to",
                found=self._tree.root.hex(),
                expected=self.applied.state_root.hex(),
            )
        self._history = self._stored_history()
        self.applied_membership = self._stored_membership()
        if store.base_height and self._log_covers_validity():
            store.forget_recent()
        self._replay()

    def _replay(self) -> None:
        """Execute again what the log holds above the applied height."""
        for height in range(self.applied.height + 1, self._store.last_height + 1):
            try:
                self.accept(self.check(Block.decode(self._store.block(height) or b"")))
            except (BlockInvalid, Malformed) as error:
                raise StoreError(
                    "a block in the log cannot be reproduced", found=f"height {height}: {error}"
                ) from error

    def _log_covers_validity(self) -> bool:
        """Whether every transaction that could still come again is in a block that the log holds."""
        base = self._read_header(self._store.base_height)
        return base.time_ms + MAX_VALIDITY_MS < self.applied.time_ms

    def _executed(self, prepared: Sequence[Prepared], time_ms: int, changed: Membership | None) -> Executed:
        overlay = Overlay(self._flight)
        if changed is not None:
            enter_membership(overlay, changed, self.head.height + 1)
        return executed_on(overlay, self._flight, self._executor, prepared, time_ms)

    def _check_link(self, header: Header) -> None:
        head = self.head
        for field, found, expected in (
            ("height", header.height, head.height + 1),
            ("previous", header.previous, head.hash),
            ("history_root", header.history_root, self._history.root()),
        ):
            if found != expected:
                raise _differs(field, found, expected)
        if header.term < max(head.term, 1):
            raise _differs("term", header.term, f"at least {max(head.term, 1)}")

    def _check_proposer(self, verified: VerifiedBlock) -> None:
        """The proposer is a voter of the membership that governs the parent, and its key signed."""
        header, membership = verified.block.header, self.membership
        proposer = membership.member(header.proposer)
        if proposer is None or not membership.is_voter(header.proposer):
            raise BlockInvalid("the proposer is not a voter", field="header.proposer", found=header.proposer)
        if verified.signed_by != proposer.key:
            verify_signed_by(header, verified.block.signature, proposer)

    def _governing(self, header: Header, preamble: Preamble) -> Membership:
        """The membership that governs a block on top of the head, whose change is legal if it is one."""
        before, after = self.membership, preamble.membership
        if after is None:
            if preamble.settled is not None:
                raise BlockInvalid("a proof of a membership change without another", field="preamble.settled")
            if header.membership != before.hash:
                raise _differs("membership", header.membership, before.hash)
            return before
        if header.membership != after.hash:
            raise _differs("membership", header.membership, after.hash)
        if header.term != self.head.term:
            raise BlockInvalid(
                "the first block of a term changes the membership",
                code="membership_in_new_term",
                field="preamble.membership",
            )
        check_step(before, after, self._target())
        last = self._last_change()
        check_settled(preamble.settled, None if last.height == 0 else last, before)
        return after

    def _last_change(self) -> Header:
        """Header of the newest block that changed the membership; the genesis block's if none did."""
        height = self._flight.get(IN_FORCE_KEY)[1]  # type: ignore[index]  # the genesis state has it
        pending = self.pending_block(height)
        return pending.header if pending is not None else self.change_header(height)

    def _proof_of_last_change(self) -> CertifiedHeader | None:
        height = self._last_change().height
        return None if height == 0 else self.handover(height).certified

    def _target(self) -> Membership | None:
        """The membership that governance has adopted, in the head's state."""
        value = self._flight.get(TARGET_KEY)
        return None if value is None else Membership.from_value(value)

    def _step_to_target(self) -> Membership | None:
        target = self._target()
        if target is None and not self.membership.is_joint:
            return None
        return next_membership(self.membership, target or self.membership)

    def _form_objection(self, transaction: Transaction, time_ms: int) -> TallyError | None:
        if transaction.channel != self.channel:
            return BlockInvalid("the transaction is for another channel", code="wrong_channel")
        if transaction.valid_until_ms < time_ms:
            return BlockInvalid(
                "the transaction has expired",
                code="expired",
                field="valid_until_ms",
                found=transaction.valid_until_ms,
                expected=f"at least {time_ms}",
            )
        if transaction.valid_until_ms > time_ms + MAX_VALIDITY_MS:
            return BlockInvalid(
                "the transaction is valid for too long",
                code="valid_too_long",
                field="valid_until_ms",
                found=transaction.valid_until_ms,
                expected=f"at most {time_ms + MAX_VALIDITY_MS}",
            )
        return None

    def _push(self, block: Block, executed: Executed, membership: Membership) -> None:
        history = self._history.copy()
        nodes = history.append(block.header.leaf)
        self._flight.push(PendingBlock(block, executed, history, nodes, membership))
        self._history = history

    def _batch(self, count: int, certificate: bytes | None) -> CommitBatch:
        settled = self.pending[:count]
        state = settled[0].executed.changes
        if count > 1:
            state = dict(state)
            for pending in settled[1:]:
                state.update(pending.executed.changes)
        return CommitBatch(
            height=settled[-1].block.height,
            state=state,
            hashes=self._tree.hashes(count),
            records=[record for pending in settled for record in pending.executed.records],
            heads=[head for pending in settled for head in pending.executed.heads],
            transactions=[
                (transaction.id, pending.block.height, index)
                for pending in settled
                for index, transaction in enumerate(pending.block.transactions)
            ],
            nodes=[node for pending in settled for node in pending.nodes],
            handovers=self._settled_handovers(settled),
            certificate=certificate,
        )

    def _settled_handovers(self, settled: Sequence[PendingBlock]) -> list[tuple[int, bytes]]:
        """The proofs of earlier membership changes that these blocks brought along, to be kept."""
        kept = []
        for pending in settled:
            proof = Preamble.decode(pending.block.preamble).settled if pending.block.height else None
            if proof is None:
                continue
            height = proof.header.height
            if self._store.handover(height) is not None:
                continue
            changed = self.pending_block(height) or self.block(height)
            if changed is not None:
                handover = Handover(proof, changed.preamble)
                kept.append((height, codec.encode(handover.to_value())))
        return kept

    def _stored_history(self) -> merkle.Accumulator:
        size = self.applied.height + 1
        peaks = [self._store.node(level, index) for level, index in merkle.peak_positions(size)]
        return merkle.Accumulator(size, peaks)


def _differs(field: str, found: object, expected: object) -> BlockInvalid:
    shown = [value.hex() if isinstance(value, bytes) else value for value in (found, expected)]
    return BlockInvalid(
        "the block's header is not what it must be",
        field=f"header.{field}",
        found=shown[0],
        expected=shown[1],
    )


def _other_result(block: Block, ours: Sequence[codec.Value]) -> BlockInvalid:
    index = next(i for i, result in enumerate(ours) if result != block.results[i])
    return BlockInvalid(
        "a transaction has another result here",
        field=f"results[{index}]",
        found=str(block.results[index])[:200],
        expected=str(ours[index])[:200],
    )
