"""What became of transactions that were sent: on the ledger, refused there, not taken in, or not known yet.

Recorded             on the ledger, proved by a receipt; what a rule refused of it is among its `refusals`
Refused              the same as an error, for whoever wants every operation applied
NotAdmitted          nodes do not take it in: it is not on the ledger
OutcomeUnknown       sent, and no outcome before the deadline: hold on to the bytes
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clients.errors import NodeProblem
from contracts.errors import REMEDIES
from ledger.blocks.transaction import Transaction
from ledger.errors import TallyError

_DETAIL = re.compile(
    r"(?P<message>.*?)(?:; field (?P<field>.*?))?(?:; found (?P<found>.*?))?(?:; expected (?P<expected>.*))?",
    re.DOTALL,
)
"""A recorded refusal's detail taken apart again: it is the text of a `TallyError`."""


@dataclass(frozen=True, slots=True)
class RefusedOperation:
    """An operation that stands on the ledger as refused."""

    index: int
    operation: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction on the ledger, proved by `receipt`."""

    transaction: Transaction
    height: int
    index: int
    time_ms: int
    """Block time, milliseconds since 1970."""
    refusals: tuple[RefusedOperation, ...]
    receipt: bytes
    """The receipt file; one file may cover neighbours of the same bundle too."""

    @property
    def id(self) -> bytes:
        """The transaction's id."""
        return self.transaction.id

    @property
    def is_applied(self) -> bool:
        """Whether every operation was applied."""
        return not self.refusals

    def raise_if_refused(self) -> None:
        """Raise what the ledger refused.

        Raises:
            Refused: an operation was refused; keeps the receipt as evidence.
        """
        if self.refusals:
            raise Refused(self)

    def save(self, path: Path) -> None:
        """Write the receipt file."""
        path.write_bytes(self.receipt)


class Refused(TallyError):
    """A rule of the ledger refused an operation; the refusal is recorded and proved by a receipt."""

    code = "refused"

    def __init__(self, recorded: Recorded) -> None:
        first = recorded.refusals[0]
        said = _DETAIL.fullmatch(first.detail or f"{first.operation} was refused")
        assert said is not None, "the pattern takes any text"
        place = f"operations[{first.index}]" if len(recorded.transaction.operations) > 1 else ""
        super().__init__(
            said["message"],
            code=first.code,
            field=".".join(part for part in (place, said["field"]) if part) or None,
            found=said["found"],
            expected=said["expected"],
            remedy=REMEDIES.get(first.code, ""),
        )
        self.recorded = recorded

    @property
    def receipt(self) -> bytes:
        """The receipt file that proves the refusal."""
        return self.recorded.receipt


class NotAdmitted(NodeProblem):
    """A transaction that no node takes in; of a bundle, the first such.

    `index` is its place in what was submitted, `problems` has every such place, and
    `recorded` what was recorded of the others.
    """

    def __init__(
        self,
        problem: NodeProblem,
        *,
        index: int = 0,
        problems: Mapping[int, NodeProblem] | None = None,
        recorded: tuple[Recorded, ...] = (),
    ) -> None:
        super().__init__(
            problem.message,
            status=problem.status,
            node=problem.node,
            code=problem.code,
            field=problem.field,
            found=problem.found,
            expected=problem.expected,
            remedy=problem.remedy,
        )
        self.index = index
        self.problems = dict(problems or {index: problem})
        self.recorded = recorded


class OutcomeUnknown(TallyError):
    """Transactions were sent and may or may not be recorded; `transactions` holds their exact bytes.

    Sending the same bytes again is always safe: a transaction is recorded once.
    """

    code = "outcome_unknown"
    remedy = "Send the same bytes again: session.record(error.transactions). It can never be recorded twice."

    def __init__(
        self, message: str, transactions: tuple[Transaction, ...], recorded: tuple[Recorded, ...] = ()
    ) -> None:
        super().__init__(message, found=f"{len(transactions)} without an outcome")
        self.transactions = transactions
        self.recorded = recorded


def looked_up_later(transactions: Sequence[Transaction]) -> str:
    """What to do for whoever does not hold the bytes: the same command again would sign others."""
    last_ms = max(transaction.valid_until_ms for transaction in transactions)
    until = datetime.fromtimestamp(last_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    others = f", and so for {len(transactions) - 1} others" if len(transactions) > 1 else ""
    return (
        f"Do not do it again yet: it may still be recorded, by blocks of up to {until}. Look with "
        f"`tally receipt {transactions[0].id.hex()}`{others}: if there is no receipt at a later block, there "
        "never will be one."
    )
