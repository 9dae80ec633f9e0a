"""The book of a lender: every claim that it has paid for, and what became of each, provably complete.

    ("book", lender) -> [records, head, {currency: Totals}]: a history (`ledger.state.history`)

Each record begins with business day, kind, currency, supplier, invoice. Amounts are minor units and the
lender's own part of a claim that several share; days are days since 1970:

| kind | then | written when |
|---|---|---|
| buy | buyer, programme, net, advance, reserve, discount, fee, tenor, due, pledge, late, expected | paid |
| collect | costs, interest, principal, reserve | the buyer pays, or pays for more time |
| repay | costs, interest, principal | the supplier pays |
| bear | reserve, shortfall | a credit note or a lower confirmation is borne; a shortfall is set off |
| due | due date | the buyer has confirmed an earlier due date |
| default | - | a default is declared |
| write_off | principal | it is written off |
| recover | costs, interest, principal, reserve | somebody pays on what was written off |
| end | principal, reserve | the claim is over; what is left of the principal the supplier owes |
| recoup | principal | the supplier pays that |
| indemnify | principal, reserve | the supplier's insurer pays the lender, and the supplier |
| move | invoice, reserve before, reserve, due date | another receivable takes its place |
| sell | lender, price, principal, reserve | another lender has paid for it, and has it from now on |

What a lender buys of another is a `buy` too: the advance is the principal that is left, the discount what the
price is below it, the tenor the days that are left.

`late` is the probability of late payment in the quote at which it was bought, in ppm; nil where none was
predicted: in an auction, of a payable, and from another lender. `expected` is the day on which the price
expected the payment: its tenor runs from the day of the offer, and the payout may come days later. Of a claim
that another lender sold it is the seller's, or the day of the sale if that is past.

`reserve` in `collect`, `bear`, `recover`, `indemnify` and `end` is what leaves the supplier's reserve in the
claim. Reserve and shortfall of a shared claim stand in the book of the lender that acts for all
(`contracts.finance.claim.agent`).

The totals are `fold` over the records, so one proof of the entry shows a whole portfolio, and whoever holds
the records recomputes it. `contracts.holdings.portfolio` makes positions and rates of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from contracts.context import Context
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, agent, divided, shares_of, to_lenders
from ledger import codec
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import CURRENCIES, MAX_TOTAL, AmountOverflow
from ledger.state import history
from ledger.state.overlay import state_key

BOOK = "book"

Places = dict[str, Any]
"""Places of a record by name."""

EMPTY: dict[str, tuple[int, ...]] = {}
"""The totals of a lender that has paid for nothing."""


class Totals(NamedTuple):
    """Running sums of one lender in one currency, minor units; none is ever below zero.

    advanced = principal + owed + collected + repaid + written off + sold + indemnified.
    """

    claims: int = 0
    """Claims paid for, in all."""
    open: int = 0
    """Those of them that are not over."""
    principal: int = 0
    """Of open claims, neither paid back nor written off: the funded exposure."""
    reserve: int = 0
    """Of open claims: the suppliers', once the buyers have paid."""
    owed: int = 0
    """By suppliers, on claims that are over: shortfalls that nobody has paid yet."""
    advanced: int = 0
    discount: int = 0
    fee: int = 0
    interest: int = 0
    """Overdue interest and charges for more time received."""
    costs: int = 0
    """Costs of collection received."""
    collected: int = 0
    """Principal that buyers have paid."""
    repaid: int = 0
    """Principal that suppliers have paid."""
    defaults: int = 0
    """Claims declared in default."""
    written_off: int = 0
    """Principal written off, whatever came back later."""
    recovered: int = 0
    """Principal paid on what was written off."""
    sold: int = 0
    """Principal of claims sold to other lenders."""
    sold_for: int = 0
    """What they paid."""
    indemnified: int = 0
    """Principal that suppliers' insurers have paid."""


_MOST_BYTES_OF_ONE = 1 + 3 + 3 + 9 * len(Totals._fields)
assert len(CURRENCIES) * _MOST_BYTES_OF_ONE + 100 < MAX_STATE_VALUE_BYTES, "all currencies fit one entry"

HEAD_FIELDS = ("business_date", "kind", "currency", "supplier", "invoice")

RECORD_FIELDS: dict[str, tuple[str, ...]] = {
    "buy": (
        "buyer",
        "programme",
        "net",
        "advance",
        "reserve",
        "discount",
        "fee",
        "tenor_days",
        "due_date",
        "is_pledge",
        "late_ppm",
        "expected_date",
    ),
    "collect": ("costs", "interest", "principal", "reserve"),
    "repay": ("costs", "interest", "principal"),
    "bear": ("reserve", "shortfall"),
    "due": ("due_date",),
    "default": (),
    "write_off": ("principal",),
    "recover": ("costs", "interest", "principal", "reserve"),
    "end": ("principal", "reserve"),
    "recoup": ("principal",),
    "move": ("to_invoice", "was_reserve", "reserve", "due_date"),
    "sell": ("to_lender", "price", "principal", "reserve"),
    "indemnify": ("principal", "reserve"),
}
"""Names of a record's places after those of `HEAD_FIELDS`; those that end in `_date` are days."""


def book_adds_up(totals: Totals) -> None:
    """Invariant 19 for all claims of a lender: each part of what it advanced is somewhere, and once."""
    parts = (
        totals.principal,
        totals.owed,
        totals.collected,
        totals.repaid,
        totals.written_off,
        totals.sold,
        totals.indemnified,
    )
    if min(totals) < 0 or sum(parts) != totals.advanced or totals.recovered > totals.written_off:
        raise InvariantBroken(19, f"{parts} of {totals.advanced} advanced, {totals.recovered} recovered")


def book_key(lender: str) -> bytes:
    """State key of a lender's book."""
    return state_key(BOOK, lender)


def details(record: codec.Value) -> Places:
    """The places of a record after its head, by name."""
    return dict(zip(RECORD_FIELDS[record[1]], record[len(HEAD_FIELDS) :], strict=True))


def fold(totals: codec.Value, record: codec.Value) -> codec.Value:
    """The totals after one more record; a pure function of both.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
    """
    currency = record[2]
    known = totals.get(currency)
    after = after_record(Totals() if known is None else Totals._make(known), record)
    if max(after) > MAX_TOTAL:
        raise AmountOverflow(max(after), BOOK, MAX_TOTAL)
    folded = {**totals, currency: tuple(after)}
    return folded if known is not None else {code: folded[code] for code in sorted(folded)}


def after_record(sums: Totals, record: codec.Value) -> Totals:
    """The sums, of a book or of one claim, after one more record about it."""
    changes = _CHANGES[record[1]](details(record))
    return sums._replace(**{name: getattr(sums, name) + change for name, change in changes.items()})


def _buy(of: Places) -> dict[str, int]:
    advance = of["advance"]
    opened = {"claims": 1, "open": 1, "principal": advance, "advanced": advance}
    return {**opened, "reserve": of["reserve"], "discount": of["discount"], "fee": of["fee"]}


def _earned(of: Places) -> dict[str, int]:
    return {"costs": of["costs"], "interest": of["interest"]}


def _end(of: Places) -> dict[str, int]:
    left = of["principal"]
    return {"open": -1, "principal": -left, "owed": left, "reserve": -of["reserve"]}


_CHANGES: dict[str, Callable[[Places], dict[str, int]]] = {
    "buy": _buy,
    "collect": lambda of: {
        **_earned(of),
        "principal": -of["principal"],
        "collected": of["principal"],
        "reserve": -of["reserve"],
    },
    "repay": lambda of: {**_earned(of), "principal": -of["principal"], "repaid": of["principal"]},
    "bear": lambda of: {"reserve": -of["reserve"]},
    "due": lambda _: {},
    "default": lambda _: {"defaults": 1},
    "write_off": lambda of: {"principal": -of["principal"], "written_off": of["principal"]},
    "recover": lambda of: {**_earned(of), "recovered": of["principal"], "reserve": -of["reserve"]},
    "end": _end,
    "recoup": lambda of: {"owed": -of["principal"], "repaid": of["principal"]},
    "move": lambda of: {"reserve": of["reserve"] - of["was_reserve"]},
    "sell": lambda of: {
        "open": -1,
        "principal": -of["principal"],
        "reserve": -of["reserve"],
        "sold": of["principal"],
        "sold_for": of["price"],
    },
    "indemnify": lambda of: {
        "principal": -of["principal"],
        "indemnified": of["principal"],
        "reserve": -of["reserve"],
    },
}
"""What a record of each kind changes of the totals."""

assert RECORD_FIELDS.keys() == _CHANGES.keys(), "every kind has names and a fold"


# what happens to a claim; `lien` is the claim as it was before, but for `bought` and `moved`


def bought(context: Context, supplier: str, number: str, lien: Lien, due_day: int) -> None:
    """Enter a claim that its lenders have paid for; `lien` is the claim from now on."""
    amounts = (lien.net, lien.discount, lien.fee)
    nets, discounts, fees = ([part for _, part in divided(lien, amount)] for amount in amounts)
    for share, net, discount, fee in zip(shares_of(lien), nets, discounts, fees, strict=True):
        reserve = lien.reserve if share.lender == agent(lien) else 0
        places = (lien.buyer, lien.programme, net, share.part, reserve, discount, fee)
        expected_day = lien.offered + lien.tenor_days
        terms = (lien.tenor_days, due_day, lien.pledges, lien.late_ppm, expected_day)
        _enter(context, share.lender, "buy", lien, supplier, number, *places, *terms)


def received(
    context: Context,
    supplier: str,
    number: str,
    lien: Lien,
    paid: tuple[int, int, int],
    *,
    by_buyer: bool,
    from_reserve: int = 0,
) -> None:
    """Enter (costs, interest, principal) that reached the lenders; `from_reserve` left the supplier's
    reserve.

    What comes in after a write-off is a recovery, whoever pays it.
    """
    parts = {share.lender: {"costs": 0, "interest": 0, "principal": 0} for share in shares_of(lien)}
    for lender, account, _, amount in to_lenders(lien, *paid):
        parts[lender][account] += amount
    kind = "recover" if lien.written_off else "collect" if by_buyer else "repay"
    for lender, part in parts.items():
        reserve = from_reserve if lender == agent(lien) else 0
        if any(part.values()) or reserve:
            places = tuple(part.values()) if kind == "repay" else (*part.values(), reserve)
            _enter(context, lender, kind, lien, supplier, number, *places)


def bore(context: Context, supplier: str, number: str, lien: Lien, after: Lien) -> None:
    """Enter what a reduction of the invoice took off the reserve, and what is short beyond it."""
    reserve, shortfall = lien.reserve_left - after.reserve_left, after.shortfall - lien.shortfall
    if reserve or shortfall:
        _enter(context, agent(lien), "bear", lien, supplier, number, reserve, shortfall)


def rescheduled(context: Context, supplier: str, number: str, lien: Lien, due_day: int) -> None:
    """Enter another due date."""
    for share in shares_of(lien):
        _enter(context, share.lender, "due", lien, supplier, number, due_day)


def defaulted(context: Context, supplier: str, number: str, lien: Lien) -> None:
    """Enter a default that was declared."""
    for share in shares_of(lien):
        _enter(context, share.lender, "default", lien, supplier, number)


def written_off(context: Context, supplier: str, number: str, lien: Lien) -> None:
    """Enter a write-off of what is left of the principal."""
    for share in shares_of(lien):
        _enter(context, share.lender, "write_off", lien, supplier, number, share.left)


def ended(context: Context, supplier: str, number: str, lien: Lien) -> None:
    """Enter the end of a claim; what is left of its principal the supplier owes, unless it is written off."""
    for share in shares_of(lien):
        reserve = lien.reserve_left if share.lender == agent(lien) else 0
        left = 0 if lien.written_off else share.left
        _enter(context, share.lender, "end", lien, supplier, number, left, reserve)


def recouped(context: Context, supplier: str, number: str, lien: Lien, amount: int) -> None:
    """Enter what the supplier has paid of the shortfall that a claim left when it ended."""
    if lien.written_off:
        received(context, supplier, number, lien, (0, 0, amount), by_buyer=False)
        return
    for lender, part in divided(lien, amount):
        if part:
            _enter(context, lender, "recoup", lien, supplier, number, part)


def indemnified(
    context: Context, supplier: str, number: str, lien: Lien, principal: int, reserve: int
) -> None:
    """Enter what the supplier's insurer has paid: principal to the lender, reserve to the supplier.

    After a write-off it is a recovery, like what anybody else pays.
    """
    if lien.written_off:
        _enter(context, lien.lender, "recover", lien, supplier, number, 0, 0, principal, reserve)
    else:
        _enter(context, lien.lender, "indemnify", lien, supplier, number, principal, reserve)


def moved(context: Context, supplier: str, number: str, lien: Lien, to: tuple[str, Lien, int]) -> None:
    """Enter that another receivable has taken the place of one: its number, the claim on it, its due date."""
    other, after, due_day = to
    for share in shares_of(lien):
        is_agent = share.lender == agent(lien)
        reserves = (lien.reserve_left, after.reserve_left) if is_agent else (0, 0)
        _enter(context, share.lender, "move", lien, supplier, number, other, *reserves, due_day)


def resold(context: Context, supplier: str, number: str, lien: Lien, to: tuple[Lien, int, int]) -> None:
    """Enter a sale between lenders in both books: the claim as the other has it, its price, the due date."""
    after, price, due_day = to
    principal, reserve = lien.principal, lien.reserve_left
    _enter(context, lien.lender, "sell", lien, supplier, number, after.lender, price, principal, reserve)
    tenor_days = max(0, lien.interest_from - context.day)
    amounts = (principal + reserve - lien.shortfall, principal, reserve, principal - price, 0)
    # Interest begins later than payment was expected by the wait for the payout, or with another due date.
    expected_day = min(lien.interest_from, max(due_day, lien.offered + lien.tenor_days))
    terms = (tenor_days, due_day, lien.pledges, None, max(context.day, expected_day))
    places = (lien.buyer, after.programme, *amounts, *terms)
    _enter(context, after.lender, "buy", after, supplier, number, *places)
    if lien.shortfall:
        _enter(context, after.lender, "bear", after, supplier, number, 0, lien.shortfall)


def _enter(
    context: Context, lender: str, kind: str, lien: Lien, supplier: str, number: str, *places: codec.Value
) -> None:
    key = book_key(lender)
    entry = context.get(key)
    record = (context.day, kind, lien.currency, supplier, number, *places)
    totals = fold(EMPTY if entry is None else entry[2], record)
    book_adds_up(Totals._make(totals[lien.currency]))
    history.append_to(context.state, key, entry, record, totals)
