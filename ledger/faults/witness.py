"""Stateless witnesses: what it takes to show, without a ledger, that a block breaks the rules.

    witness = [[peak, …], state proof | nil]

| part | holds |
|---|---|
| peaks | the roots of the complete subtrees of the parent's history tree, largest first |
| state proof | every entry that executing the block reads or writes, as it stood after the parent |

The state proof leads to the parent's `state_root`. It holds the whole bucket of each key and the
hashes beside it, so whoever has it reads what the transactions read, executes them, and computes the
root that the state must then have: a key that the proof lacks ends the attempt, it never accuses. In
the same way the peaks lead to the parent's `history_root`, and give the root that must come after it.

`wrong_because` goes through the rules of `ledger.chain.chain` in an order of its own and says which one the
block breaks. It relies on nothing but bytes that the block's hash covers: the header, the transactions,
results and preamble under its roots, and the parent under `previous`. (The proposer's signature on the
header is not covered, so a bad one accuses nobody who acknowledged.)

Each rule below is one that an honest node checks before it signs. What is wrong relative to a parent
that is wrong itself stays with whoever signed the parent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger import codec, shape
from ledger.blocks.block import Block, Header
from ledger.blocks.clock import check_time
from ledger.blocks.executor import Executor, ExecutorBug, Prepared, enter_membership, execute, settled_writes
from ledger.blocks.preamble import Preamble, check_office
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.limits import DIGEST_BYTES, MAX_TREE_DEPTH, MAX_VALIDITY_MS, MAX_WITNESS_ENTRIES
from ledger.members.membership import IN_FORCE_KEY, TARGET_KEY, Membership, check_step, step
from ledger.merkle import Accumulator
from ledger.state.overlay import Overlay, Reader
from ledger.state.proof import StateProof


@dataclass(frozen=True, slots=True)
class Witness:
    """Parts of the ledger as it stood after the parent of a block."""

    peaks: tuple[bytes, ...]
    state: StateProof | None

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.peaks, None if self.state is None else self.state.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Witness:
        """Read a witness; nothing is proved by its form.

        Raises:
            Malformed: with the field that is wrong.
        """
        peaks, state = shape.array(value, 2, "witness")
        shape.sequence(peaks, MAX_TREE_DEPTH, "witness.peaks")
        return cls(
            tuple([shape.octets(peak, DIGEST_BYTES, "witness.peaks") for peak in peaks]),
            None if state is None else StateProof.from_value(state, MAX_WITNESS_ENTRIES),
        )


class Recorder:
    """Reads through to a state, and remembers every entry that was asked for."""

    __slots__ = ("_below", "entries")

    def __init__(self, below: Reader) -> None:
        self._below = below
        self.entries: dict[bytes, bytes | None] = {}
        """Each key that was read, with the bytes under it."""

    def get(self, key: bytes, /) -> codec.Value | None:
        """The value of a key, or None when there is no entry."""
        value = self._below.get(key)
        self.entries[key] = None if value is None else codec.encode(value)
        return value


class _Proved:
    """The state that a verified proof shows, and nothing beside it."""

    __slots__ = ("_entries",)

    def __init__(self, entries: dict[bytes, codec.Value | None]) -> None:
        self._entries = entries

    def get(self, key: bytes, /) -> codec.Value | None:
        if key not in self._entries:
            raise VerificationError(
                "executing the block reads an entry that the witness does not hold",
                code="witness_incomplete",
                field=key.hex(),
            )
        return self._entries[key]


def recorded(
    executor: Executor,
    state: Reader,
    prepared: Sequence[Prepared],
    block: Block,
    changed: Membership | None,
) -> dict[bytes, bytes | None]:
    """Every entry that executing the block on `state` reads or writes, as it stands before."""
    recorder = Recorder(state)
    overlay = Overlay(recorder)
    recorder.get(TARGET_KEY)
    if changed is not None:
        enter_membership(overlay, changed, block.height)
    execute(executor, overlay, prepared, block.header.time_ms)
    for key in overlay.writes:
        if key not in recorder.entries:
            recorder.get(key)
    return recorder.entries


def wrong_because(
    parent: Header,
    block: Block,
    witness: Witness | None,
    channel: bytes,
    governing: Callable[[Header], Membership],
    executor: Executor | None = None,
) -> str | None:
    """The rule that a block on this parent breaks, in a sentence; None if it breaks none that shows.

    `governing` gives the membership of the parent, or raises where it is not known.

    The numbers are those of docs/protocol.md, section "Verifying evidence of a wrong block".

    Raises:
        VerificationError: the parent is not the block's, a membership is not known, the witness does
            not lead to the parent's roots, or the rules to execute by are missing.
    """
    header = block.header
    # 1. The parent is the one that the block names: whoever signs the block vouches for both.
    if header.previous != parent.hash:
        raise VerificationError("not the parent of the block", field="evidence.parent")
    return (
        _wrong_header(parent, header, channel)
        or _wrong_preamble(parent, block, governing)
        or _wrong_transactions(block, channel, executor)
        or _wrong_history(parent, header, witness)
        or _wrong_execution(parent, block, witness, executor)
    )


def _wrong_header(parent: Header, header: Header, channel: bytes) -> str | None:
    # 2. Channel, height and term follow from the parent's.
    if header.channel != channel:
        return "its header is of another channel"
    if header.height != parent.height + 1:
        return f"its height does not follow {parent.height}"
    if header.term < max(parent.term, 1):
        return f"its term is before {max(parent.term, 1)}"
    return None


def _wrong_preamble(parent: Header, block: Block, governing: Callable[[Header], Membership]) -> str | None:
    header = block.header
    # 3. The preamble has a form, and names the membership that the header names.
    try:
        preamble = Preamble.decode(block.preamble)
    except Malformed as error:
        return f"its preamble has no form: {error.message}"
    after = preamble.membership
    if header.membership != (parent.membership if after is None else after.hash):
        return "its membership is neither its parent's nor one that it carries"
    if after is None and preamble.settled is not None:
        return "it proves a membership change without making another"
    # 4. Its proposer votes, and was elected where the block begins a term.
    before = governing(parent)
    if not before.is_voter(header.proposer):
        return f"its proposer {header.proposer} is not a voter"
    try:
        check_office(header, parent, preamble.election, before)
    except BlockInvalid as error:
        return f"its proposer was not in office: {error.message}"
    # 5. Its time is its parent's, or shown by the clocks of a quorum.
    try:
        check_time(header, parent, preamble.clocks, before)
    except BlockInvalid as error:
        return f"its time is not shown: {error.message}"
    if after is None:
        return None
    # 6. A change of the membership is a legal step, and not in the first block of a term.
    if header.term != parent.term:
        return "the first block of a term changes the membership"
    try:
        step(before, after)
    except BlockInvalid as error:
        return f"its membership change is not legal: {error.message}"
    return None


def _wrong_transactions(block: Block, channel: bytes, executor: Executor | None) -> str | None:
    # 7. Each transaction is of the channel, within its time, there once, signed, and of a form.
    header = block.header
    seen: set[bytes] = set()
    for transaction in block.transactions:
        name = f"transaction {transaction.id.hex()}"
        if transaction.channel != channel:
            return f"{name} is of another channel"
        if not header.time_ms <= transaction.valid_until_ms <= header.time_ms + MAX_VALIDITY_MS:
            return f"{name} is outside its validity window"
        if transaction.id in seen:
            return f"{name} is there twice"
        if not transaction.signature_ok():
            return f"{name} is not signed by its signer"
        seen.add(transaction.id)
        if executor is not None and header.contract_version == executor.version:
            try:
                executor.prepare(transaction)
            except Malformed as error:
                return f"{name} has operations of no form: {error.message}"
    return None


def _wrong_history(parent: Header, header: Header, witness: Witness | None) -> str | None:
    # 8. The history root covers the parent's history and the parent.
    if witness is None:
        return None
    if len(witness.peaks) != parent.height.bit_count():
        raise VerificationError("the witness has not one peak for each subtree", field="witness.peaks")
    history = Accumulator(parent.height, witness.peaks)
    if history.root() != parent.history_root:
        raise VerificationError("the peaks do not lead to the parent's history root", field="witness.peaks")
    history.append(parent.leaf)
    if header.history_root != history.root():
        return "its history root does not cover the blocks before it"
    return None


def _wrong_execution(
    parent: Header, block: Block, witness: Witness | None, executor: Executor | None
) -> str | None:
    # 9. Executing it on the parent's state gives its results and its state root.
    if witness is None or witness.state is None:
        return None
    header = block.header
    if executor is None or header.contract_version != executor.version:
        raise VerificationError(
            "the rules by which the block is executed are not at hand",
            code="needs_rules",
            found=None if executor is None else f"version {executor.version}",
            expected=f"contract version {header.contract_version}",
            remedy="Verify with the version of the software that has these rules.",
        )
    state = _Proved(witness.state.verify(parent.state_root))
    overlay = Overlay(state)
    changed = Preamble.decode(block.preamble).membership
    if changed is not None:
        wrong = _wrong_target(state, changed)
        if wrong is not None:
            return wrong
        enter_membership(overlay, changed, header.height)
    try:
        prepared = [executor.prepare(transaction) for transaction in block.transactions]
        results = execute(executor, overlay, prepared, header.time_ms)
        changes, _ = settled_writes(overlay)
    except ExecutorBug as bug:
        if isinstance(bug.__cause__, VerificationError):
            raise bug.__cause__ from None
        raise VerificationError("the block cannot be executed", found=str(bug)[:200]) from None
    except (Malformed, ValueError) as error:
        raise VerificationError("the block cannot be executed", found=str(error)[:200]) from None
    for index, (ours, claimed) in enumerate(zip(results, block.results, strict=True)):
        if ours != claimed:
            return f"transaction {index} has another result: {_shown(ours)} instead of {_shown(claimed)}"
    root = witness.state.root_after(changes)
    if root != header.state_root:
        return f"executing it gives the state root {root.hex()}, not {header.state_root.hex()}"
    return None


def _wrong_target(state: Reader, changed: Membership) -> str | None:
    """Whether the membership change is not the one that the adopted target asks for."""
    target = state.get(TARGET_KEY)
    in_force = state.get(IN_FORCE_KEY)
    if in_force is None:
        raise VerificationError("the state does not say which membership is in force")
    try:
        check_step(
            Membership.from_value(in_force[2]),
            changed,
            None if target is None else Membership.from_value(target),
        )
    except BlockInvalid as error:
        return f"its membership change is not due: {error.message}"
    return None


def _shown(result: codec.Value) -> str:
    return str(result)[:120] if result else "applied"
