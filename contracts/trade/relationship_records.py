"""The records of a trade relationship, and how they add up.

The state entry at ("relationship", supplier, buyer) is a history entry (count, head,
aggregates). Everything that happens between the two appends one record, and the aggregates
are `fold` over all records, from `EMPTY`: the executor folds as it goes, and whoever holds
the records recomputes the same value offline. Nothing but the record may enter the fold.

Records are tuples of plain values, all days being days since 1970, all amounts minor units
of the record's currency. The first four are always business date, kind, number, currency:

| kind | then | written when |
|---|---|---|
| order | amount, order date | the buyer issues an order |
| amend | amount before, amount after | both parties have agreed to change an order |
| order_cancel | amount | an issued order is cancelled |
| dispatch | order, quantity, date, scheduled date or 0 | the supplier ships |
| receive | order, accepted, rejected, date, days after schedule or 0, missing | the buyer takes in goods |
| deliver | order, date, days after schedule or 0 | the carrier delivers |
| refuse | order, quantity, date | the buyer refuses a shipment |
| lose | order, quantity, date | a shipment is lost |
| return | order, quantity, date | the buyer sends accepted goods back |
| invoice | gross, issue date, due date, order, digest of its lines | the supplier bills |
| confirm | net, due date, reduction, opened, was due, was open, last paid, issued, gross, credited | agreed |
| dispute | amount | the buyer disputes |
| undispute | amount | the buyer takes its dispute back |
| reject | gross | the buyer rejects |
| cancel | gross, due date, closed | the supplier cancels |
| credit | amount, due date, closed, invoice, settled, last paid, issued, gross, credited | a credit on it |
| payment | amount, date, due date, closed, settled, issue date, gross, credited | a payment is attested |
| approve | net, due date, programme | the buyer undertakes to pay it in full, whatever comes |
| extend | was open, due date, was open due date | the buyer puts off its payment |
| finance | net, due date | a lender's purchase is funded |
| default | amount, due date | the holder declares the buyer in default |
| write_off | amount, date, due date, issued, gross, credited | the holder writes off what is outstanding |
| recovery | amount, date, due date | the buyer pays on what was written off, of an invoice or a certificate |
| recourse | amount, cause | the lender demands an amount of the supplier |
| certificate | face, due date, settled, certificate | an invoice is replaced by a certificate of the buyer |
| promise | face, maturity | the supplier accepts such a certificate as its payee, with or without invoice |
| hold | amount, maturity, leaf | a leaf of the buyer's certificate comes to this holder |
| let_go | amount, maturity, leaf | it has passed it on, sold it or written it off |
| proceeds | amount, date, maturity, leaf | it was paid on a leaf at maturity |
| pledge | amount, maturity, leaf | what a lender's pledge on a leaf secures from now on, 0 for none |
| redeem | amount, date, maturity, settled | the buyer pays a certificate whose payee the supplier was |
| forgo | amount, date, maturity, settled | a holder gives up what is left to it of such a certificate |
| dishonour | amount, maturity, leaf | such a certificate was not paid at maturity |
| redirect | lender, status | the buyer is to pay to this account, or no longer; the number is the account |
| astray | amount, date, account, expected | a payment arrived elsewhere than where it was expected |

`number` is the invoice's (or the order's, shipment's, credit note's) own number. `opened`
and `closed` are amounts that enter and leave the open basis, which holds what the buyer has
confirmed, or promised by a certificate, and not yet paid; `settled` is 1 if nothing is left to pay after it;
`reduction` is what a confirmation leaves out of the gross: a dilution like a credit note, and `credited` what
such have taken off the invoice in all; `last paid` is the newest day of a payment on it, 0 for none, and
`was due`, `was open` are of what it replaces in the open basis. `missing` are units that were shipped and
did not arrive.

A certificate closes what it replaces of the open basis and opens its face at its maturity, in the
relationship with its payee, whoever holds its leaves later. How the obligor then pays it counts as the
payment of an invoice, what is not paid as overdue at its age, what is given up as written off.

`hold`, `let_go` and `proceeds` stand in the relationship of each holder with the obligor, whose complete
history so shows what it holds: Σ hold - Σ let_go - Σ proceeds. `pledge` stands in that of a lender with the
obligor: the newest one of a leaf says what the pledge secures.

Aggregates are a map: currency -> tuple in the order of `contracts.trade.relationship_sums.Aggregates`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from contracts.errors import refuse
from contracts.trade import habit
from contracts.trade.habit_entry import HALVING_DAYS
from contracts.trade.relationship_sums import (
    DEFAULT_DAYS,
    MAX_CURRENCIES,
    PERIOD,
    PERIOD_DAYS,
    Aggregates,
    aggregates_of,
    billed,
    in_period,
    largest,
    moved,
    replaced,
)
from ledger import codec
from ledger.money import MAX_TOTAL, AmountOverflow


def fold(aggregates: codec.Value, record: codec.Value) -> codec.Value:
    """The aggregates after one more record; a pure function of both.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
        Refusal: `too_many_currencies`.
    """
    return fold_settled(aggregates, record, settlement(record))


def fold_settled(aggregates: codec.Value, record: codec.Value, settled: habit.Settled | None) -> codec.Value:
    """As `fold`, of a record of which `settlement` is known."""
    currency = record[3]
    before = aggregates.get(currency)
    if before is not None and record[1] == "invoice" and record[0] // PERIOD_DAYS <= before[PERIOD]:
        return {**aggregates, currency: billed(before, 1, record[4])}
    if before is None and len(aggregates) >= MAX_CURRENCIES:
        raise refuse(
            "too_many_currencies",
            "too many currencies between two parties",
            field="currency",
            found=currency,
            expected=f"one of {' '.join(sorted(aggregates))}",
        )
    sums = Aggregates() if before is None else aggregates_of(before)
    period = record[0] // PERIOD_DAYS
    if period > sums.period:
        sums = in_period(sums, period)
    kind = KINDS[record[1]]
    changes = kind.fold(sums, record)
    if settled is not None:
        changes |= _ended(sums, settled.paid_day - settled.due_day)
        changes |= _turned_over(sums, settled.paid_day, settled.amount)
    for due, invoices, amount in kind.moves(record):
        changes["open"] = moved(changes.get("open", sums.open), due, invoices, amount)
    after = replaced(sums, changes)
    greatest = largest(after)
    if greatest > MAX_TOTAL:
        raise AmountOverflow(greatest, "aggregates", MAX_TOTAL)
    folded = {**aggregates, currency: tuple(after)}
    return folded if before is not None else {code: folded[code] for code in sorted(folded)}


def settlement(record: codec.Value) -> habit.Settled | None:
    """What a record says of how the buyer pays: a payment that settles an invoice which it had confirmed.

    Any other due date is the supplier's word alone. Where a credit note, or another confirmation for less,
    takes off what payments had left, the last of them counts: else a cent would make a late payment unseen.
    What is written off counts as paid that day: it is as late at least, and whoever wrote off what is overdue
    would else make its buyer look punctual.
    """
    return KINDS[record[1]].settles(record)


Changes = dict[str, Any]
"""Places of the sums by name, each with what it comes to."""


def _order(sums: Aggregates, record: codec.Value) -> Changes:
    return {"orders": sums.orders + 1, "ordered": sums.ordered + record[4]}


def _amend(sums: Aggregates, record: codec.Value) -> Changes:
    return {"ordered": sums.ordered - record[4] + record[5]}


def _order_cancel(sums: Aggregates, record: codec.Value) -> Changes:
    return {"ordered": sums.ordered - record[4]}


def _nothing(_: Aggregates, __: codec.Value) -> Changes:
    """Kept in the history and in no sum."""
    return {}


def _receive(sums: Aggregates, record: codec.Value) -> Changes:
    late = max(0, record[8])
    return {
        "deliveries": sums.deliveries + 1,
        "deliveries_late": sums.deliveries_late + (late > 0),
        "deliveries_short": sums.deliveries_short + (record[9] > 0),
        "delivery_days_late": sums.delivery_days_late + late,
    }


def _lose(sums: Aggregates, _: codec.Value) -> Changes:
    return {"deliveries": sums.deliveries + 1, "deliveries_short": sums.deliveries_short + 1}


def _invoice(sums: Aggregates, record: codec.Value) -> Changes:
    return {"invoices": sums.invoices + 1, "invoiced": sums.invoiced + record[4]}


def _confirm(sums: Aggregates, record: codec.Value) -> Changes:
    net, _, reduction, _, was_due, _ = record[4:10]
    changes = _diluted(sums, reduction)
    if not was_due:
        changes |= {
            "confirmed_invoices": sums.confirmed_invoices + 1,
            "confirmed": sums.confirmed + net,
            "period_billed": sums.period_billed + net + reduction,
        }
    return changes


def _dispute(sums: Aggregates, record: codec.Value) -> Changes:
    return {"disputed_invoices": sums.disputed_invoices + 1, "disputed": sums.disputed + record[4]}


def _reject(sums: Aggregates, record: codec.Value) -> Changes:
    return {"rejected_invoices": sums.rejected_invoices + 1, "rejected": sums.rejected + record[4]}


def _cancel(sums: Aggregates, record: codec.Value) -> Changes:
    return {"cancelled_invoices": sums.cancelled_invoices + 1, "cancelled": sums.cancelled + record[4]}


def _credit(sums: Aggregates, record: codec.Value) -> Changes:
    amount, _, closed = record[4:7]
    changes = _diluted(sums, amount)
    if not closed:
        changes["period_billed"] = sums.period_billed + amount
    return changes


def _diluted(sums: Aggregates, amount: int) -> Changes:
    """An amount taken off what was billed."""
    if not amount:
        return {}
    return {
        "credits": sums.credits + 1,
        "credited": sums.credited + amount,
        "period_diluted": sums.period_diluted + amount,
    }


def _ended(sums: Aggregates, late: int) -> Changes:
    """An invoice, or a certificate, of which nothing is left to pay, so many days after it was due."""
    return {
        "settled_invoices": sums.settled_invoices + 1,
        "settled_days_late": sums.settled_days_late + max(0, late),
    }


def _turned_over(sums: Aggregates, day: int, gross: int) -> Changes:
    """The turnover with an invoice that ended on a day."""
    half_year, turnover = habit.turned_over(
        sums.turnover_half_year, sums.turnover, day // HALVING_DAYS, gross
    )
    return {"turnover_half_year": half_year, "turnover": turnover}


def _payment(sums: Aggregates, record: codec.Value) -> Changes:
    amount, day, due, closed = record[4:8]
    if not closed:  # unconfirmed: the due date is the supplier's word alone
        return {"payments": sums.payments + 1, "paid_unconfirmed": sums.paid_unconfirmed + amount}
    return _paid(sums, record[0] // 7, amount, day - due)


def _paid(sums: Aggregates, week: int, amount: int, late: int) -> Changes:
    """An amount paid so many days late in a week of the business date."""
    return {
        "payments": sums.payments + 1,
        "paid": sums.paid + amount,
        **_late(sums, week, amount, late, is_default=late >= DEFAULT_DAYS),
    }


def _lost(sums: Aggregates, week: int, amount: int, late: int, *, is_default: bool) -> Changes:
    """An amount given up so many days late in a week of the business date."""
    written_off = sums.written_off + amount
    return {"written_off": written_off, **_late(sums, week, amount, late, is_default=is_default)}


def _late(sums: Aggregates, week: int, amount: int, late: int, *, is_default: bool) -> Changes:
    """What an amount paid, or given up, in a week of the business date says of lateness and default."""
    is_first = week != sums.last_payment_week
    is_default = is_default and week != sums.last_default_week
    return {
        "late_amount_days": sums.late_amount_days + amount * max(0, late),
        "signed_amount_days": sums.signed_amount_days + amount * late,
        "payment_weeks": sums.payment_weeks + is_first,
        "default_weeks": sums.default_weeks + is_default,
        "last_payment_week": week,
        "last_default_week": week if is_default else sums.last_default_week,
    }


def _finance(sums: Aggregates, record: codec.Value) -> Changes:
    return {"financed_invoices": sums.financed_invoices + 1, "financed": sums.financed + record[4]}


def _default(sums: Aggregates, record: codec.Value) -> Changes:
    return {"defaulted_invoices": sums.defaulted_invoices + 1, "defaulted": sums.defaulted + record[4]}


def _write_off(sums: Aggregates, record: codec.Value) -> Changes:
    amount, day, due = record[4:7]
    return _lost(sums, record[0] // 7, amount, day - due, is_default=True)


def _redeem(sums: Aggregates, record: codec.Value) -> Changes:
    amount, day, maturity, settled = record[4:8]
    late = day - maturity
    changes = _paid(sums, record[0] // 7, amount, late)
    return changes | _ended(sums, late) if settled else changes


def _forgo(sums: Aggregates, record: codec.Value) -> Changes:
    """A leaf can be given up from the day after its maturity: a default it is as late as a payment is one."""
    amount, day, maturity, settled = record[4:8]
    late = day - maturity
    changes = _lost(sums, record[0] // 7, amount, late, is_default=late >= DEFAULT_DAYS)
    return changes | _ended(sums, late) if settled else changes


def _recovery(sums: Aggregates, record: codec.Value) -> Changes:
    return {"payments": sums.payments + 1, "recovered": sums.recovered + record[4]}


def _recourse(sums: Aggregates, _: codec.Value) -> Changes:
    return {"recourses": sums.recourses + 1}


Moves = tuple[tuple[int, int, int], ...]
"""(Due day, invoices, amount) that enter the open basis, or leave it if negative."""


def _no_moves(_: codec.Value) -> Moves:
    return ()


def _confirm_moves(record: codec.Value) -> Moves:
    _, due, _, opened, was_due, was_open = record[4:10]
    left = ((was_due, -1, -was_open),) if was_due else ()
    return (*left, (due, 1, opened)) if opened else left


def _cancel_moves(record: codec.Value) -> Moves:
    _, due, closed = record[4:7]
    return ((due, -1, -closed),) if closed else ()


def _credit_moves(record: codec.Value) -> Moves:
    _, due, closed, _, settled = record[4:9]
    return ((due, -settled, -closed),) if closed else ()


def _payment_moves(record: codec.Value) -> Moves:
    _, _, due, closed, settled = record[4:9]
    return ((due, -settled, -closed),) if closed else ()


def _extend_moves(record: codec.Value) -> Moves:
    amount, due, was_due = record[4:7]
    return (was_due, -1, -amount), (due, 1, amount)


def _write_off_moves(record: codec.Value) -> Moves:
    amount, _, due = record[4:7]
    return ((due, -1, -amount),)


def _certificate_moves(record: codec.Value) -> Moves:
    amount, due, settled = record[4:7]
    return ((due, -settled, -amount),)


def _promise_moves(record: codec.Value) -> Moves:
    face, maturity = record[4:6]
    return ((maturity, 1, face),)


def _leaf_moves(record: codec.Value) -> Moves:
    amount, _, maturity, settled = record[4:8]
    return ((maturity, -settled, -amount),)


def _settles_nothing(_: codec.Value) -> None:
    return None


def _payment_settles(record: codec.Value) -> habit.Settled | None:
    if record[7] and record[8]:
        return _settled(record, record[5], record[6], record[9:12])
    return None


def _credit_settles(record: codec.Value) -> habit.Settled | None:
    if record[6] and record[8] and record[9]:
        return _settled(record, record[9], record[5], record[10:13])
    return None


def _write_off_settles(record: codec.Value) -> habit.Settled:
    return _settled(record, record[5], record[6], record[7:10])


def _confirm_settles(record: codec.Value) -> habit.Settled | None:
    if record[8] and not record[7] and record[10]:
        return _settled(record, record[10], record[5], record[11:14])
    return None


def _settled(record: codec.Value, paid_day: int, due_day: int, billed_as: Sequence[int]) -> habit.Settled:
    """An invoice, (issue day, gross, credited), that was paid in full."""
    issue_day, gross, credited = billed_as
    return habit.Settled(due_day, issue_day, paid_day, gross, record[3], credited)


class Kind(NamedTuple):
    """What there is to say of a kind of record."""

    fields: tuple[str, ...]
    """Names of its places after business date and kind; those that end in `_date` are days, 0 for none."""
    fold: Callable[[Aggregates, codec.Value], Changes]
    """What it changes of the sums, but for the open basis, and for what `settles` finds."""
    moves: Callable[[codec.Value], Moves]
    """What it moves into the open basis, and out of it."""
    settles: Callable[[codec.Value], habit.Settled | None]
    """See `settlement`."""


def _kind(
    fields: str,
    fold: Callable[[Aggregates, codec.Value], Changes] = _nothing,
    moves: Callable[[codec.Value], Moves] = _no_moves,
    settles: Callable[[codec.Value], habit.Settled | None] = _settles_nothing,
) -> Kind:
    return Kind(tuple(fields.split()), fold, moves, settles)


KINDS = {
    "order": _kind("number currency amount order_date", _order),
    "amend": _kind("number currency was_amount amount", _amend),
    "order_cancel": _kind("number currency amount", _order_cancel),
    "dispatch": _kind("number currency order quantity dispatch_date scheduled_date"),
    "deliver": _kind("number currency order delivery_date days_after_schedule"),
    "receive": _kind(
        "number currency order accepted rejected receipt_date days_after_schedule missing", _receive
    ),
    "refuse": _kind("number currency order quantity refusal_date"),
    "lose": _kind("number currency order quantity loss_date", _lose),
    "return": _kind("number currency order quantity return_date"),
    "invoice": _kind("number currency gross issue_date due_date order lines_digest", _invoice),
    "confirm": _kind(
        "number currency net due_date reduction opened was_open_due_date was_open last_paid_date issue_date "
        "gross credited",
        _confirm,
        _confirm_moves,
        _confirm_settles,
    ),
    "dispute": _kind("number currency amount", _dispute),
    "undispute": _kind("number currency amount"),
    "reject": _kind("number currency gross", _reject),
    "cancel": _kind("number currency gross due_date closed", _cancel, _cancel_moves),
    "credit": _kind(
        "number currency amount due_date closed invoice settled last_paid_date issue_date gross credited",
        _credit,
        _credit_moves,
        _credit_settles,
    ),
    "payment": _kind(
        "number currency amount payment_date due_date closed settled issue_date gross credited",
        _payment,
        _payment_moves,
        _payment_settles,
    ),
    "approve": _kind("number currency net due_date programme"),
    "extend": _kind("number currency amount due_date was_open_due_date", moves=_extend_moves),
    "finance": _kind("number currency net due_date", _finance),
    "default": _kind("number currency amount due_date", _default),
    "write_off": _kind(
        "number currency amount write_off_date due_date issue_date gross credited",
        _write_off,
        _write_off_moves,
        _write_off_settles,
    ),
    "recovery": _kind("number currency amount payment_date due_date", _recovery),
    "recourse": _kind("number currency amount cause", _recourse),
    "certificate": _kind("number currency amount due_date settled certificate", moves=_certificate_moves),
    "promise": _kind("number currency amount maturity_date", moves=_promise_moves),
    "hold": _kind("number currency amount maturity_date leaf"),
    "let_go": _kind("number currency amount maturity_date leaf"),
    "proceeds": _kind("number currency amount payment_date maturity_date leaf"),
    "pledge": _kind("number currency amount maturity_date leaf"),
    "redeem": _kind("number currency amount payment_date maturity_date settled", _redeem, _leaf_moves),
    "forgo": _kind("number currency amount write_off_date maturity_date settled", _forgo, _leaf_moves),
    "dishonour": _kind("number currency amount maturity_date leaf"),
    "redirect": _kind("number currency lender status"),
    "astray": _kind("number currency amount payment_date account expected"),
}
MOVING = frozenset([name for name, kind in KINDS.items() if kind.moves is not _no_moves])
"""Kinds that move something into the open basis, or out of it."""
RECORD_FIELDS = {name: kind.fields for name, kind in KINDS.items()}
"""Names of the places of each kind, for documents and for views."""
