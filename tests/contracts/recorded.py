"""Recorded ledgers: operations that were played once, and what came of each of them under the rules in force.

The tables of the rules show what they declare; what only code says (a formula, the order of two checks, the
words of a refusal, which are on the ledger too) shows in what comes out. Each recorded ledger is a genesis
document and its transactions, as plain values without their signatures. For each there is a *mark*: the first
bytes of a hash over its result, the state entries that it changed and the history records that it added. The
rules that give the same marks would follow the same ledger; comments, names and where code stands do not
matter.

    file     zlib(encode([version, [ledger, …]]))
    ledger   [document, [step, …], marks]      the document without its contract version
    step     nil, the membership in force takes its next step; or [time_ms, signer, atomic, operations]

The ledgers are those of campaigns, one of each theme and more, and of the tests of the contracts: together
few that run most of the rules' code. `scripts/replay-ledgers` says what comes out otherwise, and records.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from trade_ledger import Committed

from contracts import CONTRACT_VERSION, Contracts
from contracts.parties.membership import in_force, target
from ledger import codec
from ledger.blocks.executor import enter_membership, genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed
from ledger.hashing import ZERO
from ledger.members.membership import next_membership
from ledger.state.overlay import Overlay

FILE = Path(__file__).with_name("recorded_ledgers.bin")
MARK_BYTES = 4
MALFORMED = ("malformed",)
_MAX_FILE_BYTES = 64 * 1_048_576

Step = tuple[int, bytes, bool, tuple[dict[str, Any], ...]]
"""(block time in ms, public key of the signer, whether all or nothing, operations)."""


class Recorded(NamedTuple):
    """One ledger, and what came of its steps."""

    document: dict[str, Any]
    steps: tuple[Step | None, ...]
    marks: bytes = b""


class Outcome(NamedTuple):
    """What came of one step."""

    mark: bytes
    result: codec.Value
    """As the ledger records it; `MALFORMED` for what never reaches a block, with whichever code."""


class Difference(NamedTuple):
    """The first step of a ledger of which something else came than was recorded."""

    ledger: int
    step: int
    operations: tuple[dict[str, Any], ...]
    result: codec.Value


def read(path: Path = FILE) -> tuple[int, tuple[Recorded, ...]]:
    """(contract version under which the marks were made, ledgers)."""
    data = zlib.decompress(path.read_bytes())
    value: Any = codec.decode(
        data, _MAX_FILE_BYTES, text_bytes=_MAX_FILE_BYTES, octets=_MAX_FILE_BYTES, elements=_MAX_FILE_BYTES
    )
    return value[0], tuple(Recorded(*ledger) for ledger in value[1])


def write(ledgers: Iterable[Recorded], path: Path = FILE) -> None:
    """Write ledgers with the marks that they have under the rules in force."""
    made = [(ledger.document, ledger.steps, marks_of(ledger)) for ledger in ledgers]
    path.write_bytes(zlib.compress(codec.encode((CONTRACT_VERSION, made)), 9))


def marks_of(ledger: Recorded) -> bytes:
    """The marks of all steps, one after the other."""
    return b"".join(outcome.mark for outcome in outcomes(ledger))


def digest_of(ledgers: Iterable[Recorded]) -> str:
    """Digest of all that came of all ledgers."""
    return sha256(codec.encode([ledger.marks for ledger in ledgers])).hexdigest()


def differences(ledgers: Iterable[Recorded]) -> Iterator[Difference]:
    """Of each ledger the first step that comes out otherwise than it is marked."""
    for number, ledger in enumerate(ledgers):
        for place, outcome in enumerate(outcomes(ledger)):
            if outcome.mark != ledger.marks[place * MARK_BYTES : (place + 1) * MARK_BYTES]:
                step = ledger.steps[place]
                yield Difference(number, place, () if step is None else step[3], outcome.result)
                break


def outcomes(ledger: Recorded) -> Iterator[Outcome]:
    """What comes of each step, from the genesis document on."""
    contracts, state = Contracts(), Committed()
    document = {**ledger.document, "contract_version": contracts.version}
    state.apply(genesis_overlay(contracts, Genesis.from_document(document)))
    for height, step in enumerate(ledger.steps, 1):
        overlay = Overlay(state)
        if step is None:
            result: codec.Value = _step_membership(state, overlay, height)
        else:
            result = _execute(contracts, overlay, step)
        changed = _changes(state, overlay)
        said = (result, changed, tuple(overlay.records))
        state.apply(overlay)
        yield Outcome(sha256(codec.encode(said)).digest()[:MARK_BYTES], result)


def _changes(state: Committed, overlay: Overlay) -> tuple[tuple[bytes, bytes], ...]:
    """(key, new bytes or nothing) of what is not as it was, by key."""
    written = ((key, b"" if value is None else codec.encode(value)) for key, value in overlay.writes.items())
    return tuple(sorted((key, data) for key, data in written if state.data.get(key, b"") != data))


def _step_membership(state: Committed, overlay: Overlay, height: int) -> codec.Value:
    goal = target(state)
    following = None if goal is None else next_membership(in_force(state), goal)
    if following is not None:
        enter_membership(overlay, following, height)
    return ()


def _execute(contracts: Contracts, overlay: Overlay, step: Step) -> codec.Value:
    time_ms, signer, atomic, operations = step
    unsigned = Transaction(b"", b"", b"", ZERO, signer, 0, b"", atomic, (), operations)
    try:
        return contracts.execute(overlay, contracts.prepare(unsigned), time_ms)
    except Malformed:
        return MALFORMED
