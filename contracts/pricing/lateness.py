"""What a model sees of an invoice: integers, from the state as it stands before the invoice is priced.

    describe(asked, known) -> one integer for each name of `FEATURES`

Shares are ppm, lateness centidays, spans days. `MISSING` stands where nothing is known. Every place is O(1):
it reads fixed cells and counts of `contracts.trade.habit_entry` and the sums of the relationship.

Shrinkage, from the network down: with k invoices' weight of the prior,

    share = (late + k · prior) / (weight + k)

- *supplier*: how all its buyers pay; prior is how those of other suppliers do.
- *relationship*: prior is the buyer at its other suppliers, whose prior is the supplier. A buyer that nobody
  knows is expected to pay as the supplier's others do: they were sold the same, under like terms, to like
  customers. Of a buyer that is known its own ways say more: the supplier's share is partly that of its other
  buyers' manners, and to count it again would blame the buyer for them. So it only stands in where these give
  out; what it adds to a known buyer is left to the model, by `supplier_late` and `supplier_days`.
- *weekday*: prior is the relationship's share with its odds moved as the network's are on that weekday:
  a / (a + b), a = share · weekday · (1 − network), b = (1 − share) · (1 − weekday) · network.
- *weekday recent*: prior is the long one of that weekday.

With one supplier in the network it is the network, and what sets it against others, or the buyer elsewhere,
is nought in every row: training leaves such features out.

Overdue invoices count as late ones if they fell due in the last `FRESH_WEEKS` weeks: what lies unpaid for
longer is a matter of its own (dispute, lost document) and says little about the next invoice. How many are
open and overdue with everybody, and how old these are by now, stands beside it.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.pricing.formulae import CENTIDAYS
from contracts.pricing.known import MISSING, Asked, Known, Party, read_known
from contracts.trade.habit_entry import (
    LAST_SHIFT,
    NEWEST_SHIFT,
    RECENT_SHIFT,
    UNIT,
    Cell,
    Habit,
    Levels,
    Payment,
    amount_size,
    octave,
    of_last,
)
from contracts.trade.holidays import WEEKDAYS, day_of_month, days_to_banking, due_class, month_part, weekday
from ledger.money import PPM
from ledger.state.overlay import Reader

DEFAULT_SHARE_PPM = 350_000
"""Share of late invoices in a network that has no history; with the weight of `NETWORK_WEIGHT`."""
NETWORK_WEIGHT = 20
SHRINK = 3
SHRINK_RECENT = 1

FEATURES = (
    "count",
    "late_newest",
    "late_recent",
    "late_long",
    "days_newest",
    "days_recent",
    "days_long",
    "beyond_long",
    "weekday_late",
    "weekday_late_recent",
    "weekday_days",
    "weekday_days_recent",
    "weekday_weight",
    "amount_late",
    "amount_days",
    "month_late",
    "issue_late",
    "same_amount_late",
    "same_amount_count",
    "last",
    "last_but_one",
    "median_8",
    "median_32",
    "quantile_20",
    "quantile_80",
    "weekday_median",
    "weekday_last",
    "age_median",
    "pays_on_weekday",
    "pays_most_often",
    "days_to_pay_weekday",
    "days_since_payment",
    "open_invoices",
    "overdue_fresh",
    "late_with_overdue",
    "amount",
    "amount_to_usual",
    "term",
    "due_class",
    "days_to_banking",
    "day_of_month",
    "issue_weekday",
    "network_weekday",
    "network_amount",
    "disputed",
    "diluted",
    "delivered_late",
    "delivered_short",
    "buyer_disputed",
    "buyer_diluted",
    "buyer_delivered_late",
    "buyer_delivered_short",
    "supplier_disputed",
    "supplier_diluted",
    "supplier_delivered_late",
    "supplier_delivered_short",
    "supplier_late",
    "supplier_days",
    "share_of_supplier",
    "share_elsewhere",
    "tenure",
    "tenure_elsewhere",
    "buyer_open",
    "buyer_overdue",
    "buyer_overdue_days",
    "buyer_late_with_overdue",
    "buyer_quantile_20",
    "buyer_median",
    "buyer_quantile_80",
    "supplier_open",
    "supplier_overdue",
    "supplier_overdue_days",
    "supplier_late_with_overdue",
    "supplier_quantile_20",
    "supplier_median",
    "supplier_quantile_80",
    "network_overdue",
    "network_overdue_days",
    "network_quantile_20",
    "network_median",
    "network_quantile_80",
)
"""Names of the places of a description, in order."""


def _share(cell: Cell, prior: int, weight: int) -> int:
    """Share of late ones in ppm, shrunk."""
    return (cell.late * PPM + weight * UNIT * prior) // (cell.weight + weight * UNIT)


def _days(cell: Cell, prior: int, weight: int) -> int:
    """Days late in centidays, shrunk."""
    return (cell.days * CENTIDAYS + weight * UNIT * prior) // (cell.weight + weight * UNIT)


def _moved(share: int, by: int, base: int) -> int:
    """A share with its odds moved by the ratio of two others' odds; ppm."""
    a = share * by * (PPM - base)
    b = (PPM - share) * (PPM - by) * base
    return a * PPM // (a + b) if a + b else share


def _rest(whole: Cell, part: Cell) -> Cell:
    """Payments of the whole that are not of the part: exactly none if the part is all there is."""
    weight = whole.weight - part.weight
    if weight <= 0:
        return Cell(0, 0, 0, 0)
    return Cell(
        weight,
        max(0, min(weight, whole.late - part.late)),
        whole.days - part.days,
        max(0, whole.beyond - part.beyond),
    )


def _median(ordered: list[int]) -> int:
    return CENTIDAYS * (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


class _Shares(NamedTuple):
    """How often and how late is paid: ppm and centidays, each shrunk towards what is above it."""

    network: int
    network_days: int
    network_due: int
    """Of invoices that are due on that weekday; so are `long`, `late_due` and `days_due`."""
    supplier: int
    supplier_days: int
    total: Cell
    long: Cell
    base: int
    base_days: int
    late_due: int
    days_due: int


def _shares(habit: Habit, levels: Levels, due: int) -> _Shares:
    network = _share(levels.network, DEFAULT_SHARE_PPM, NETWORK_WEIGHT)
    network_days = _days(levels.network, 0, NETWORK_WEIGHT)
    network_due = _share(levels.network_due, network, NETWORK_WEIGHT)
    network_due_days = _days(levels.network_due, network_days, NETWORK_WEIGHT)
    elsewhere = _rest(levels.network, levels.supplier)
    supplier = _share(levels.supplier, _share(elsewhere, DEFAULT_SHARE_PPM, NETWORK_WEIGHT), NETWORK_WEIGHT)
    supplier_days = _days(levels.supplier, _days(elsewhere, 0, NETWORK_WEIGHT), NETWORK_WEIGHT)
    total, long = habit.total(), habit.due_on(due)
    others = _rest(levels.buyer, total)
    others_due = _rest(levels.buyer_due, long)
    base = _share(total, _share(others, supplier, SHRINK), SHRINK)
    base_days = _days(total, _days(others, supplier_days, SHRINK), SHRINK)
    due_prior = _share(others_due, _moved(base, network_due, network), SHRINK)
    late_due = _share(long, due_prior, SHRINK)
    days_due_prior = _days(others_due, base_days + network_due_days - network_days, SHRINK)
    days_due = _days(long, days_due_prior, SHRINK)
    return _Shares(
        network,
        network_days,
        network_due,
        supplier,
        supplier_days,
        total,
        long,
        base,
        base_days,
        late_due,
        days_due,
    )


def expected(asked: Asked, known: Known) -> tuple[int, int]:
    """Share late in ppm, and days late in centidays, without a model: of the weekday of the due date.

    The days are the median of the last payments on that weekday, else of all of them, else the shrunk mean.
    """
    due = due_class(asked.due_day, asked.currency)
    shares = _shares(known.habit, known.levels, due)
    payments = known.habit.payments()
    late = [row.days_late for row in payments if row.due_class == due] or [row.days_late for row in payments]
    return shares.late_due, _median(sorted(late)) if late else shares.days_due


def describe(asked: Asked, known: Known) -> tuple[int, ...]:
    """The description of an invoice: one integer for each name of `FEATURES`."""
    habit, levels, opened, trade, buyer, supplier, network, standing = known
    due = due_class(asked.due_day, asked.currency)
    shares = _shares(habit, levels, due)
    base, base_days, late_due, days_due = shares.base, shares.base_days, shares.late_due, shares.days_due
    payments = habit.payments()
    days_late = [row.days_late for row in payments]
    newest, recent = of_last(days_late, NEWEST_SHIFT), of_last(days_late, RECENT_SHIFT)
    latest = of_last([row.days_late for row in payments if row.due_class == due], NEWEST_SHIFT)
    sixth, issued = month_part(asked.due_day), weekday(asked.issue_day)
    this_month_part = of_last([row.days_late for row in payments if row.month_part == sixth], LAST_SHIFT)
    this_weekday = of_last([row.days_late for row in payments if row.issue_weekday == issued], LAST_SHIFT)
    place = octave(asked.amount)
    of_octave = habit.of_octave(place)
    same, same_late = habit.of_amount(asked.amount)
    size = amount_size(asked.amount, asked.amount.bit_length())
    return (
        habit.count,
        _share(newest, base, SHRINK_RECENT),
        _share(recent, base, SHRINK_RECENT),
        base,
        _days(newest, base_days, SHRINK_RECENT),
        _days(recent, base_days, SHRINK_RECENT),
        base_days,
        _beyond_levels(levels, shares.total, 0, NETWORK_WEIGHT)[-1],
        late_due,
        _share(latest, late_due, SHRINK_RECENT),
        days_due,
        _days(latest, days_due, SHRINK_RECENT),
        shares.long.weight * CENTIDAYS // UNIT,
        _share(of_octave, base, SHRINK) - base,
        _days(of_octave, base_days, SHRINK) - base_days,
        _share(this_month_part, base, SHRINK) - base,
        _share(this_weekday, base, SHRINK) - base,
        (same_late * PPM + 2 * late_due) // (same + 2) if same else MISSING,
        same,
        *_of_payments(asked, payments, due),
        asked.day - habit.last_day if payments else MISSING,
        opened.invoices,
        opened.overdue_fresh,
        _with_overdue(shares.total, opened.overdue_fresh, shares.supplier, SHRINK),
        size,
        size - sum([row.size for row in payments]) // len(payments) if payments else MISSING,
        asked.due_day - asked.issue_day,
        due,
        days_to_banking(asked.due_day, asked.currency),
        day_of_month(asked.due_day),
        issued,
        shares.network_due,
        _share(levels.network_amount, shares.network, NETWORK_WEIGHT),
        *trade,
        *buyer.trade,
        *supplier.trade,
        shares.supplier - shares.network,
        shares.supplier_days - shares.network_days,
        *standing,
        *_outstanding(buyer, levels.buyer, shares.supplier, SHRINK),
        *buyer.quantiles(),
        *_outstanding(supplier, levels.supplier, shares.network, NETWORK_WEIGHT),
        *supplier.quantiles(),
        network.outstanding.overdue_share,
        network.outstanding.overdue_days,
        *network.quantiles(),
    )


def _with_overdue(cell: Cell, overdue: int, prior: int, weight: int) -> int:
    """Share of late ones in ppm with so many overdue ones taken for such, shrunk."""
    fresh = overdue * UNIT
    return ((cell.late + fresh) * PPM + weight * UNIT * prior) // (cell.weight + fresh + weight * UNIT)


def _outstanding(party: Party, total: Cell, prior: int, weight: int) -> tuple[int, int, int, int]:
    """The places `buyer_open` to `buyer_late_with_overdue`, or those of a supplier."""
    found = party.outstanding
    late = _with_overdue(total, found.overdue_fresh, prior, weight)
    return found.invoices, found.overdue_share, found.overdue_days, late


def _beyond_levels(levels: Levels, total: Cell, prior: int, weight: int) -> tuple[int, int, int, int]:
    elsewhere = _shrunk_beyond(_rest(levels.network, levels.supplier), prior, weight)
    of_supplier = _shrunk_beyond(levels.supplier, elsewhere, weight)
    of_buyer = _shrunk_beyond(_rest(levels.buyer, total), of_supplier, SHRINK)
    return elsewhere, of_supplier, of_buyer, _shrunk_beyond(total, of_buyer, SHRINK)


def _shrunk_beyond(cell: Cell, prior: int, weight: int) -> int:
    whole = cell.weight + weight * UNIT
    return (cell.beyond * CENTIDAYS + weight * UNIT * prior) // whole if whole else prior


def beyond_levels(known: Known, prior: int, weight: int) -> tuple[int, int, int, int]:
    """Days beyond terms in centidays: other suppliers', the supplier's, the buyer's elsewhere, the pair's.

    Each is shrunk towards the one before it; the first two by so many invoices' weight, from a prior on.
    """
    return _beyond_levels(known.levels, known.habit.total(), prior, weight)


_NOTHING = (MISSING,) * 12


def _of_payments(asked: Asked, payments: list[Payment], due: int) -> tuple[int, ...]:
    """The places `last` to `days_to_pay_weekday`, from the last payments."""
    if not payments:
        return _NOTHING
    late = [row.days_late for row in payments]
    ordered = sorted(late)
    on_due = [row.days_late for row in payments if row.due_class == due]
    ages = sorted([row.age_days for row in payments])
    due_weekday = weekday(asked.due_day)
    paid_on = [0] * WEEKDAYS
    for row in payments:
        paid_on[(row.issue_weekday + row.age_days) % WEEKDAYS] += 1
    most = max(paid_on)
    usual = min([(place - due_weekday) % WEEKDAYS for place in range(WEEKDAYS) if paid_on[place] == most])
    return (
        CENTIDAYS * late[0],
        CENTIDAYS * late[1] if len(late) > 1 else MISSING,
        _median(sorted(late[:8])),
        _median(ordered),
        CENTIDAYS * ordered[len(ordered) // 5],
        CENTIDAYS * ordered[len(ordered) * 4 // 5],
        _median(sorted(on_due)) if on_due else MISSING,
        CENTIDAYS * on_due[0] if on_due else MISSING,
        _median(ages) - CENTIDAYS * (asked.due_day - asked.issue_day),
        PPM * paid_on[due_weekday] // len(payments),
        PPM * most // len(payments),
        usual,
    )


def describe_in(
    state: Reader, supplier: str, buyer: str, asked: Asked, open_due_day: int | None = None
) -> tuple[int, ...]:
    """The description of an invoice from the state; `open_due_day` as in `read_known`."""
    return describe(asked, read_known(state, supplier, buyer, asked, open_due_day))
