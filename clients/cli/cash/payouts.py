"""Payment files of a settlement bank: the transfers that wait, as pain.001.001.09.

What waits is what is not booked yet, so a payment may have been sent already. Two things keep it from being
sent twice: the message id follows from what the file asks for, so that the bank knows the same file again;
and what stands in the files that were sent (`--sent`) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clients.cli.exits import UsageProblem
from clients.cli.options import read_bytes, save
from clients.importers.errors import ImportProblem
from clients.importers.limits import MAX_XML_BYTES
from clients.pain001 import CreditTransfer, Sent, read_sent, render

SentFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--sent", help="A payment file that the bank has got: what stands in it is left out; may be repeated."
    ),
]


class Written(NamedTuple):
    """A payment file that was written."""

    message: str
    """Its message id."""
    transfers: int
    sent: tuple[str, ...]
    """End-to-end references that were left out."""


def write_payments(
    transfers: Sequence[CreditTransfer],
    file: Path,
    *,
    initiator: str,
    execution: str,
    nothing: str,
    sent: Sequence[Path] = (),
) -> Written:
    """Write the transfers but those in files that were sent; `nothing` says what does not wait.

    Raises:
        UsageProblem: `nothing_to_pay`, `payment_file`, or a file cannot be read or written.
        Malformed: code `account`.
    """
    known = {place for path in sent for place in _places(path)}
    left = [transfer for transfer in transfers if transfer.place not in known]
    out = tuple(transfer.end_to_end for transfer in transfers if transfer.place in known)
    if not left:
        found = f"{len(out)} are in the files that were sent" if out else None
        raise UsageProblem(nothing, code="nothing_to_pay", found=found, remedy="Nothing needs to be done.")
    message = message_id(left, execution)
    made = datetime.now(UTC).replace(tzinfo=None)
    data = render(left, message_id=message, initiator=initiator, made=made, execution=execution)
    save(data, file, "payment file")
    return Written(message, len(left), out)


def message_id(transfers: Sequence[CreditTransfer], execution: str) -> str:
    """The id of a file that asks for these transfers on a day: the same for the same, in whatever order."""
    asked = sorted(
        f"{transfer.place} {transfer.creditor_account} {transfer.amount}" for transfer in transfers
    )
    return "TALLY-" + sha256("\n".join([execution, *asked]).encode()).hexdigest()[:20]


def _places(path: Path) -> frozenset[Sent]:
    try:
        return read_sent(read_bytes(path, "payment file", MAX_XML_BYTES))
    except ImportProblem as problem:
        raise UsageProblem(
            "not a payment file of ours",
            code="payment_file",
            field="--sent",
            found=f"{path}: {problem.message}",
            expected="a pain.001.001.09 file",
        ) from None
