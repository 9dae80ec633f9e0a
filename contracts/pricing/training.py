"""What models learn from: each confirmed invoice as it looked when it was confirmed, and what became of it.

    replay(histories) -> the examples, in the order of their business dates

A pure function of complete relationship histories, so whoever holds the same verified records gets the same
rows. An invoice is described at its first confirmation, from what the ledger knew when that business date
began: records of the day itself and of later ones have not been folded yet, so they cannot be in it. (A
live quote knows a little more: what came before it on its own day.) Within a day records are folded by
supplier, buyer and number.

| outcome | when | days late |
|---|---|---|
| paid | a payment settles it, or a credit note what the last payment left | that payment's day - due day |
| written off | its holder gives it up | day of the write-off - due day: at least so many |
| open | nothing has ended it yet | unknown |
| gone | cancelled, rejected, credited unpaid or replaced by a certificate | says nothing of lateness |

The due day is the one that stands then: a payment that the buyer put off, or confirmed anew for another day,
is late from that day on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from contracts.pricing.known import Asked
from contracts.pricing.lateness import describe_in
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.trade.habit import Settled
from ledger import codec

OPEN, PAID, WRITTEN_OFF, GONE = "open", "paid", "written off", "gone"

Histories = Mapping[tuple[str, str], Sequence[codec.Value]]
"""(supplier, buyer) to its records, all of them, in order."""


class Example(NamedTuple):
    """One invoice of a training set; days since 1970, minor units."""

    supplier: str
    buyer: str
    invoice: str
    currency: str
    day: int
    """Business date on which it was confirmed, and is described."""
    issue_day: int
    due_day: int
    """As it stands: of the first confirmation, with which it is described, until it is put off."""
    amount: int
    description: tuple[int, ...]
    """One integer for each name of `lateness.FEATURES`."""
    outcome: str = OPEN
    days_late: int = 0
    """If paid or written off; early ones negative."""
    ended_day: int = 0
    """Day of the payment or write-off, 0 without one."""

    @property
    def is_known(self) -> bool:
        """Whether it says how late it was."""
        return self.outcome in (PAID, WRITTEN_OFF)


class _Folded(dict[bytes, codec.Value]):
    """The state as far as it has been folded."""

    def put(self, key: bytes, value: codec.Value) -> None:
        self[key] = value


def replay(histories: Histories, took: Callable[[int], None] = lambda _: None) -> tuple[Example, ...]:
    """The examples of complete histories; `took` is called with the number of records of each day."""
    by_day: dict[int, list[tuple[str, str, codec.Value]]] = defaultdict(list)
    for supplier, buyer in sorted(histories):
        for record in histories[supplier, buyer]:
            by_day[record[0]].append((supplier, buyer, record))
    state = _Folded()
    billed: dict[tuple[str, str], tuple[int, int]] = {}
    examples: dict[tuple[str, str], Example] = {}
    for day in sorted(by_day):
        for supplier, buyer, record in by_day[day]:
            if record[1] == "invoice":
                billed[supplier, record[2]] = (record[4], record[5])
            elif record[1] == "confirm" and (supplier, record[2]) not in examples:
                amount, issue_day = billed[supplier, record[2]]
                asked = Asked(day, issue_day, record[5], amount, record[3])
                examples[supplier, record[2]] = Example(
                    supplier,
                    buyer,
                    record[2],
                    record[3],
                    day,
                    issue_day,
                    record[5],
                    amount,
                    describe_in(state, supplier, buyer, asked),
                )
        for supplier, buyer, record in by_day[day]:
            settled = relationship_records.settlement(record)
            _fold(state, supplier, buyer, record, settled)
            _end(examples, supplier, record, settled)
        took(len(by_day[day]))
    return tuple(examples.values())


def usable(examples: Sequence[Example]) -> tuple[tuple[Example, ...], int]:
    """(rows that may be learnt from, last day): what fell due before the last day on which any invoice ended.

    What is open and overdue then counts as late at its age on that day. What is not yet due is left out,
    ended or not: of those due later only the quick ones are known.
    """
    last = max([example.ended_day for example in examples], default=0)
    return tuple([row for row in examples if row.due_day < last and row.outcome != GONE]), last


def _fold(state: _Folded, supplier: str, buyer: str, record: codec.Value, settled: Settled | None) -> None:
    key = relationship.relationship_key(supplier, buyer)
    entry = state.get(key)
    aggregates = relationship_sums.EMPTY if entry is None else entry[2]
    state.put(key, (0, b"", relationship_records.fold_settled(aggregates, record, settled)))
    relationship.observe(state, supplier, buyer, record, settled)


def _end(
    examples: dict[tuple[str, str], Example], supplier: str, record: codec.Value, settled: Settled | None
) -> None:
    """Note what a record says of the end of an invoice that was confirmed, and of when it is due."""
    kind = record[1]
    number = record[7] if kind == "credit" else record[2]
    example = examples.get((supplier, number))
    if example is None or example.outcome != OPEN:
        return
    if kind == "write_off":
        noted = example._replace(outcome=WRITTEN_OFF, days_late=record[5] - record[6], ended_day=record[5])
    elif settled is not None:
        late = settled.paid_day - settled.due_day
        noted = example._replace(
            outcome=PAID, due_day=settled.due_day, days_late=late, ended_day=settled.paid_day
        )
    elif kind in ("confirm", "extend"):
        noted = example._replace(due_day=record[5])
    elif (
        kind in ("cancel", "reject")
        or (kind == "credit" and record[8])
        or (kind == "certificate" and record[6])
    ):
        noted = example._replace(outcome=GONE)
    else:
        return
    examples[supplier, number] = noted
