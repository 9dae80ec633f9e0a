"""Payment files of a settlement bank: the transfers that wait, as pain.001.001.09."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from clients.cli.exits import UsageProblem
from clients.cli.options import save
from clients.pain001 import CreditTransfer, render


def write_payments(
    transfers: Sequence[CreditTransfer], file: Path, *, initiator: str, execution: str, nothing: str
) -> str:
    """Write the transfers; the id of the message. `nothing` says what does not wait.

    Raises:
        UsageProblem: `nothing_to_pay`, or the file cannot be written.
        Malformed: code `account`.
    """
    if not transfers:
        raise UsageProblem(nothing, code="nothing_to_pay", remedy="Nothing needs to be done.")
    made = datetime.now(UTC).replace(tzinfo=None)
    message = f"TALLY-{made:%Y%m%d%H%M%S}"
    data = render(transfers, message_id=message, initiator=initiator, made=made, execution=execution)
    save(data, file, "payment file")
    return message
