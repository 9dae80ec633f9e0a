"""Reading a book file: every claim that one lender has paid for, proved complete, and what it adds up to.

| step | what is shown |
|---|---|
| 1 | the file proves its records against the genesis block (`ledger.proofs.history`) |
| 2 | they were made under rules that we know |
| 3 | it is the book of one lender |
| 4 | the proved totals are what the records add up to, if the file has all of them |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from clients.sdk.histories import check_aggregates, proved_history
from clients.sdk.verified import InFile
from contracts.holdings import book
from contracts.holdings.book import BOOK, Totals
from contracts.holdings.portfolio import Position, positions
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import VerificationError
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.proofs.history import ProvedHistory


@dataclass(frozen=True)
class VerifiedBook(InFile):
    """The proved book of one lender; complete unless only the newest records were asked for."""

    lender: str
    proved: ProvedHistory
    data: bytes
    """The book file."""

    @property
    def records(self) -> tuple[codec.Value, ...]:
        """The records, oldest first; their form is drawn in `contracts.holdings.book`."""
        return self.proved.records

    @property
    def totals(self) -> Mapping[str, Totals]:
        """Proved totals by currency."""
        entry = self.proved.entry
        if entry is None:
            return {}
        return {code: Totals._make(sums) for code, sums in entry.aggregates.items()}

    @cached_property
    def positions(self) -> tuple[Position, ...]:
        """Every claim, oldest first.

        Raises:
            VerificationError: the file has only the newest records.
        """
        if not self.proved.is_complete:
            raise VerificationError(
                "positions follow from a whole book only",
                field="records",
                found=f"the newest {len(self.records)} of {self.proved.count}",
                expected="all",
            )
        return positions(self.records)


def book_subject(key: bytes) -> str | None:
    """The lender of a book's state key; None for another kind of history."""
    parts = codec.decode(key, MAX_STATE_KEY_BYTES)
    if type(parts) is tuple and len(parts) == 2 and parts[0] == BOOK:
        return str(parts[1])
    return None


def read_book(data: bytes, genesis: GenesisBlock) -> VerifiedBook:
    """The verified book that a file holds.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims.
    """
    # 1. The records are proved, 2. under rules that we know.
    proved = proved_history(data, genesis)
    # 3. They are those of a lender's book.
    lender = book_subject(proved.key)
    if lender is None:
        raise VerificationError("not the book of a lender", field="key")
    # 4. The totals follow from the records.
    if proved.is_complete:
        check_aggregates(proved, book.EMPTY, book.fold)
    return VerifiedBook(lender, proved, data)
