"""A lender's portfolio, from the records of its book: positions, groups of them, and what they earn and lose.

Pure functions of proved records (`contracts.holdings.book`) and a business day; nothing here is on the
ledger. Amounts are minor units of one currency, rates ppm a year (ACT/365), days since 1970.

| figure | is | rounds |
|---|---|---|
| expected yield | (discount + fee) · 365 / Σ paid out · tenor | half away |
| earned | discount and fee, evenly over the tenor; the rest when it ends, is written off or sold | down |
| average principal | Σ over days of the principal at the end of the day / days | half away |
| sales | what other lenders paid - principal sold to them | - |
| realised yield | net income (with sales) · 365 / Σ principal · days | half away |
| realised loss | (written off - recovered) · 365 / Σ principal · days | half away |

Net income is earned + interest - written off + recovered + sales.

A record counts on the business day on which the ledger learned of it, whatever day a bank booked: so a month
that is over never changes. Costs of collection are paid back what they cost, and no income.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from contracts.holdings import book
from contracts.holdings.book import Totals
from contracts.pricing.formulae import YEAR_DAYS
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day
from ledger.money import PPM, divide_down, divide_half_away

MONTHS = 12
"""Of a rolling figure."""


class Position(NamedTuple):
    """One claim of a lender, as its book has it."""

    supplier: str
    invoice: str
    """The one that it stands on now, if another has taken the first one's place."""
    buyer: str
    programme: str
    """Empty for one bought in an auction."""
    currency: str
    bought: int
    due_day: int
    tenor_days: int
    net: int
    is_pledge: int
    sums: Totals
    """Its own part of the book's totals."""
    shortfall: int = 0
    """What the reserve did not bear: the supplier's to pay."""
    defaulted: int = 0
    """Day of the declaration, 0 for none."""
    lost: int = 0
    """Day of the write-off, 0 for none."""
    ended: int = 0
    """Day on which it was over, 0 while it is open."""
    expected_day: int = 0
    """Day on which its price expected the payment."""
    first_due_day: int = 0
    """Due day when it was bought: what its price was made for."""
    late_ppm: int | None = None
    """Probability of late payment for which it was priced; None where none was predicted."""
    cleared: int = 0
    """Day from which no principal was at risk: paid back, written off or owed by the supplier; 0 before."""

    @property
    def principal(self) -> int:
        """At risk: neither paid back nor written off."""
        return self.sums.principal

    @property
    def is_open(self) -> bool:
        """Whether the claim stands."""
        return not self.ended

    @property
    def charges(self) -> int:
        """Discount and fee."""
        return self.sums.discount + self.sums.fee

    @property
    def paid_out(self) -> int:
        """What the lender paid for it."""
        return self.sums.advanced - self.charges

    def days_past_due(self, day: int) -> int:
        """Days since the due date while there is a principal at risk; 0 if it is not overdue."""
        return max(0, day - self.due_day) if self.principal else 0

    def earned(self, day: int) -> int:
        """Of discount and fee, up to the end of a day; down."""
        over = min((end for end in (self.ended, self.lost) if end), default=0)
        held = day - self.bought + 1
        if held <= 0:
            return 0
        if held >= self.tenor_days or (over and day >= over):
            return self.charges
        return divide_down(self.charges * held, self.tenor_days)


def by_claim(records: Iterable[codec.Value]) -> tuple[tuple[codec.Value, ...], ...]:
    """The records of each claim of a book, in the order in which the claims were paid for.

    Raises:
        KeyError: records that do not begin with the first one of the book.
    """
    found: list[list[codec.Value]] = []
    standing: dict[tuple[str, str], list[codec.Value]] = {}
    for record in records:
        kind, supplier, invoice = record[1], record[3], record[4]
        if kind == "buy":
            standing[supplier, invoice] = []
            found.append(standing[supplier, invoice])
        claim = standing[supplier, invoice]
        claim.append(record)
        if kind == "move":
            standing[supplier, book.details(record)["to_invoice"]] = claim
    return tuple([tuple(claim) for claim in found])


def positions(records: Iterable[codec.Value]) -> tuple[Position, ...]:
    """Every claim of a book, in the order in which they were paid for.

    Raises:
        KeyError: records that do not begin with the first one of the book.
    """
    return tuple([_position(claim) for claim in by_claim(records)])


def _position(claim: Sequence[codec.Value]) -> Position:
    """A claim as its records leave it; the first one is its purchase."""
    bought, *later = claim
    day, _, currency, supplier, invoice = bought[:5]
    of = book.details(bought)
    found = Position(
        supplier,
        invoice,
        of["buyer"],
        of["programme"],
        currency,
        day,
        of["due_date"],
        of["tenor_days"],
        of["net"],
        of["is_pledge"],
        book.after_record(Totals(), bought),
        expected_day=of["expected_date"],
        first_due_day=of["due_date"],
        late_ppm=of["late_ppm"],
    )
    for record in later:
        known = found._replace(sums=book.after_record(found.sums, record))
        if found.principal and not known.principal:
            known = known._replace(cleared=record[0])
        found = _changed(known, record[1], book.details(record), record[0])
    return found


def _changed(position: Position, kind: str, of: dict[str, Any], day: int) -> Position:
    """A position with what a record says besides its sums."""
    if kind == "bear":
        return position._replace(shortfall=position.shortfall + of["shortfall"])
    if kind == "due":
        return position._replace(due_day=of["due_date"])
    if kind == "default":
        return position._replace(defaulted=day)
    if kind == "write_off":
        return position._replace(lost=day)
    if kind == "end":
        return position._replace(ended=day, shortfall=position.sums.owed)
    if kind == "sell":
        return position._replace(ended=day, shortfall=0)
    if kind == "recoup":
        return position._replace(shortfall=position.sums.owed)
    if kind == "move":
        return position._replace(invoice=of["to_invoice"], due_day=of["due_date"], shortfall=0)
    return position


# groups

BY: dict[str, Callable[[Position], str]] = {
    "obligor": lambda position: position.buyer,
    "supplier": lambda position: position.supplier,
    "programme": lambda position: position.programme,
    "currency": lambda position: position.currency,
}
"""What positions are grouped by; groups of two currencies never meet."""


class Group(NamedTuple):
    """What open positions of one currency add up to."""

    currency: str
    name: str
    claims: int
    principal: int
    reserve: int
    overdue: int
    """Principal past its due date."""
    defaulted: int
    """Principal of claims in default."""
    written_off: int
    """Written off and not recovered, of claims that stand."""
    expected_yield_ppm: int
    share_ppm: int
    """Of the principal in this currency, half away."""


def groups(held: Iterable[Position], by: str, day: int) -> tuple[Group, ...]:
    """Open positions by a name of `BY`, the greatest principal first."""
    parts: dict[tuple[str, str], list[Position]] = defaultdict(list)
    whole: dict[str, int] = defaultdict(int)
    for position in held:
        if position.is_open:
            parts[position.currency, BY[by](position)].append(position)
            whole[position.currency] += position.principal
    made = [_group(key, members, whole[key[0]], day) for key, members in parts.items()]
    return tuple(sorted(made, key=lambda group: (group.currency, -group.principal, group.name)))


def _group(key: tuple[str, str], members: Sequence[Position], whole: int, day: int) -> Group:
    principal = sum(position.principal for position in members)
    return Group(
        *key,
        claims=len(members),
        principal=principal,
        reserve=sum(position.sums.reserve for position in members),
        overdue=sum(position.principal for position in members if position.days_past_due(day)),
        defaulted=sum(position.principal for position in members if position.defaulted),
        written_off=sum(position.sums.written_off - position.sums.recovered for position in members),
        expected_yield_ppm=expected_yield(members),
        share_ppm=divide_half_away(principal * PPM, whole) if whole else 0,
    )


def expected_yield(members: Iterable[Position]) -> int:
    """What positions were bought at, ppm a year on what was paid out."""
    charges = paid_out_days = 0
    for position in members:
        charges += position.charges
        paid_out_days += position.paid_out * position.tenor_days
    return divide_half_away(charges * YEAR_DAYS * PPM, paid_out_days) if paid_out_days else 0


# what was earned and lost


class Performance(NamedTuple):
    """What a book earned and lost from one day to another, both included; minor units of one currency."""

    first: int
    last: int
    earned: int
    """Of discount and fee."""
    interest: int
    written_off: int
    recovered: int
    """Principal; interest on it is interest."""
    sales: int
    """What other lenders paid for claims, less the principal that was left on them: zero or below."""
    principal_days: int
    """Σ over days of the principal at the end of the day."""

    @property
    def average_principal(self) -> int:
        """At the end of a day, half away."""
        return divide_half_away(self.principal_days, self.last - self.first + 1)

    @property
    def net_income(self) -> int:
        """Earned and interest, less written off, plus recovered, plus what sales to other lenders brought."""
        return self.earned + self.interest - self.written_off + self.recovered + self.sales

    @property
    def yield_ppm(self) -> int | None:
        """Realised net income on the average principal, a year; None without any principal."""
        return _rate(self.net_income, self.principal_days)

    @property
    def loss_ppm(self) -> int | None:
        """Realised loss on the average principal, a year; None without any principal."""
        return _rate(self.written_off - self.recovered, self.principal_days)


def _rate(amount: int, principal_days: int) -> int | None:
    return divide_half_away(amount * YEAR_DAYS * PPM, principal_days) if principal_days else None


class Flow(NamedTuple):
    """What the records of one business day add up to in one currency; minor units."""

    day: int
    principal: int
    """Change of the principal at risk."""
    interest: int
    written_off: int
    recovered: int
    sales: int


def flows(records: Iterable[codec.Value], currency: str) -> tuple[Flow, ...]:
    """What happened on each day of a book on which anything did, oldest first."""
    days: dict[int, Totals] = {}
    for record in records:
        if record[2] == currency:
            days[record[0]] = book.after_record(days.get(record[0], Totals()), record)
    return tuple(
        Flow(day, sums.principal, sums.interest, sums.written_off, sums.recovered, sums.sold_for - sums.sold)
        for day, sums in days.items()
    )


def performance(
    moved: Sequence[Flow], held: Iterable[Position], currency: str, first: int, last: int
) -> Performance:
    """What a book earned and lost in one currency from day to day: from its flows and all its positions."""
    interest = written_off = recovered = sales = principal = principal_days = 0
    since = first
    for flow in moved:
        if flow.day > last:
            break
        if flow.day >= first:
            principal_days += principal * (flow.day - since)
            since = flow.day
            interest += flow.interest
            written_off += flow.written_off
            recovered += flow.recovered
            sales += flow.sales
        principal += flow.principal
    principal_days += principal * (last + 1 - since)
    earned = sum(
        position.earned(last) - position.earned(first - 1)
        for position in held
        if position.currency == currency and position.bought <= last
    )
    return Performance(first, last, earned, interest, written_off, recovered, sales, principal_days)


def months(day: int, count: int = MONTHS) -> tuple[tuple[int, int], ...]:
    """(first, last) day of the calendar months up to a day, oldest first; the last one ends on that day."""
    last_month = date.fromisoformat(iso_from_day(day))
    spans: list[tuple[int, int]] = []
    year, month, end = last_month.year, last_month.month, day
    for _ in range(count):
        first = day_from_iso(f"{year:04}-{month:02}-01")
        spans.insert(0, (first, end))
        end = first - 1
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return tuple(spans)
