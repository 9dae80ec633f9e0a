"""One operation onto the ledger: signed, submitted, its receipt verified, and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clients.cli.exits import UsageProblem
from clients.cli.options import open_session, save
from clients.cli.screen import BAD, FAINT, GOOD, Screen
from clients.cli.standing import Standing, Stands
from clients.sdk import Recorded, Refused, Session
from ledger.errors import TallyError

Operation = dict[str, Any]


def record(
    profile: Path | None,
    make: Callable[[Session], Operation],
    sentence: str,
    *,
    receipt: Path | None,
    as_json: bool,
    stands: Stands | None = None,
) -> None:
    """Make the operation with a session (it may look things up), record it, and say so.

    `stands` looks up what holds afterwards.

    Raises:
        Refused: a rule said no; the proof of that is saved where the receipt was to go.
        TallyError: see `clients.errors`.
    """
    screen = Screen(as_json)
    with open_session(profile) as session:
        recorded = submitted(session, make(session), screen, receipt)
        now = None if stands is None else _looked_up(screen, session, stands)
    more: dict[str, Any] = {}
    if now is not None:
        more = {**({"now": now.view} if now.view else {}), "next": now.next}
    show_recorded(screen, recorded, sentence, receipt, facts=() if now is None else now.facts, more=more)
    if now is not None and now.next:
        screen.note(f"Next {now.next}")


def _looked_up(screen: Screen, session: Session, stands: Stands) -> Standing | None:
    """What stands now; None where that cannot be learnt: what is recorded is told in any case."""
    try:
        return stands(session)
    except TallyError as error:
        screen.note(f"What stands now cannot be told: {error.message}", BAD)
        return None


def submitted(session: Session, operation: Operation, screen: Screen, receipt: Path | None) -> Recorded:
    """The operation as it stands on the ledger; what proves that, or proves the refusal, is saved.

    Raises:
        Refused, TallyError: as `record`.
    """
    try:
        recorded = session.submit(operation)
    except Refused as refusal:
        _save_refusal(screen, refusal, receipt)
        raise
    save_receipt(recorded, receipt)
    return recorded


def _save_refusal(screen: Screen, refusal: Refused, path: Path | None) -> None:
    """Keep the proof of a refusal, if a file is named; that it cannot be must not hide the refusal."""
    if path is None:
        return
    try:
        save(refusal.receipt, path, "receipt")
    except UsageProblem as problem:
        screen.note(f"The proof of this refusal cannot be written to {path}: {problem.found}.", BAD)


def save_receipt(recorded: Recorded, path: Path | None) -> None:
    """Keep the receipt of what is recorded, if a file is named.

    Raises:
        UsageProblem: it cannot be written; what is recorded stays so, and is said.
    """
    if path is None:
        return
    try:
        save(recorded.receipt, path, "receipt")
    except UsageProblem as problem:
        identity = recorded.id.hex()
        raise UsageProblem(
            f"recorded at height {recorded.height}, but the receipt cannot be written to {path}",
            code="receipt_unwritten",
            field="--receipt",
            found=problem.found,
            remedy=f"Do not do it again; fetch the receipt: tally receipt {identity} --out FILE",
        ) from None


def show_recorded(
    screen: Screen,
    recorded: Recorded,
    sentence: str,
    receipt: Path | None,
    *,
    facts: Sequence[tuple[str, object]] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """The outcome of one operation and what is to be known of it, as JSON (`more`) or in lines (`facts`)."""
    if screen.answer(recorded_document(recorded, receipt) | dict(more or {})):
        return
    screen.line(f"{sentence}: recorded at height {recorded.height}, receipt verified", GOOD)
    screen.facts(facts)
    identity = recorded.id.hex()
    screen.line(
        f"receipt in {receipt}"
        if receipt
        else f"transaction {identity}; keep its proof: tally receipt {identity}",
        FAINT,
    )


def recorded_document(recorded: Recorded, receipt: Path | None = None) -> dict[str, Any]:
    """What is recorded, for JSON."""
    return {
        "id": recorded.id.hex(),
        "height": recorded.height,
        "index": recorded.index,
        "time_ms": recorded.time_ms,
        "applied": recorded.is_applied,
        "refusals": [
            {"operation": refusal.index, "code": refusal.code, "detail": refusal.detail}
            for refusal in recorded.refusals
        ],
        "operations": operation_names([recorded]),
        "receipt": None if receipt is None else str(receipt),
    }


def operation_names(recorded: Sequence[Recorded]) -> list[str]:
    """The names of the operations, in order."""
    return [operation["op"] for entry in recorded for operation in entry.transaction.operations]
