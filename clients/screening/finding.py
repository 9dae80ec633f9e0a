"""What a check says, and where the reader finds it proved: never a score alone.

| grade | means |
|---|---|
| alarm | somebody should ask, before money moves |
| note | a fact that a lender wants to know, and that nobody hides |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.money import Money

ALARM, NOTE = "alarm", "note"


class Place(NamedTuple):
    """A record: the `number`-th, from 0, of the history of one supplier and one buyer."""

    supplier: str
    buyer: str
    number: int

    def as_dict(self) -> dict[str, Any]:
        """The place for JSON."""
        return {"supplier": self.supplier, "buyer": self.buyer, "record": self.number}

    def __str__(self) -> str:
        return f"record {self.number} of {self.supplier} → {self.buyer}"


class Entry(NamedTuple):
    """A state entry, by the parts of its key."""

    key: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The entry for JSON."""
        return {"state": list(self.key)}

    def __str__(self) -> str:
        return f"state entry {' / '.join(self.key)}"


Evidence = Place | Entry


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found, once."""

    check: str
    grade: str
    """`ALARM` or `NOTE`."""
    says: str
    parties: tuple[str, ...]
    documents: tuple[str, ...]
    """Numbers of the invoices, or of the payments' invoices, that it is about."""
    at_stake: Money | None
    """What could be lost by it; None where no amount says it."""
    evidence: tuple[Evidence, ...]

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON; amounts in minor units."""
        stake = self.at_stake
        return {
            "check": self.check,
            "grade": self.grade,
            "says": self.says,
            "parties": list(self.parties),
            "documents": list(self.documents),
            "amount": None if stake is None else stake.amount,
            "currency": None if stake is None else stake.currency,
            "evidence": [place.as_dict() for place in self.evidence],
        }
