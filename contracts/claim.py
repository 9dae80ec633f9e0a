"""The claim on an invoice: who holds it, at which price, and how money is divided between its parties.

    ("lien", supplier, invoice)             -> Lien, present if and only if title is not Free
    ("deal", supplier, invoice)             -> Lien as it was when the invoice was settled
    ("exposure", lender, obligor, currency) -> (reserved, funded), minor units; absent if both are 0

From funding to settlement principal + reserve left - shortfall = what is outstanding on the invoice.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import invariants
from contracts.context import Context
from contracts.pricing import formulae
from ledger.codec import Value
from ledger.money import PPM, divide_up, split_by_weights
from ledger.state import Reader, state_key


class Lien(NamedTuple):
    """State value of a claim on an invoice. Amounts in minor units, days since 1970."""

    title: int
    """`contracts.invoice.RESERVED` or `ASSIGNED`."""
    lender: str
    """Empty if several lenders share the claim."""
    programme: str
    revision: int
    buyer: str
    currency: str
    offered: int
    expires: int
    """Last day of the reservation."""
    accepted: int
    """1 once the supplier accepted."""
    net: int
    tenor_days: int
    advance: int
    reserve: int
    discount: int
    fee: int
    paid_out: int
    advance_rate_ppm: int
    discount_rate_ppm: int
    """Also the rate of overdue interest."""
    day_count: int
    restores: int
    """1 if a credit note restores the advance rate, 0 if the reserve absorbs it first."""
    funded: int = 0
    """Booking day of the payout, 0 before."""
    account: str = ""
    entry: str | int = ""
    """The bank's reference, or the line of the lender's statement: see `contracts.bank`."""
    principal: int = 0
    """The lender's, not yet collected."""
    reserve_left: int = 0
    """The supplier's, not yet collected."""
    interest_from: int = 0
    """Overdue interest runs from here: first the day on which payment was expected."""
    interest_due: int = 0
    interest_paid: int = 0
    shortfall: int = 0
    """What credit notes took beyond the reserve: demanded from the supplier."""
    settlement: str = ""
    """Number of the lender's settlement by which it is paid, empty for none: see `contracts.settlement`."""
    shares: tuple[Value, ...] = ()
    """`Share` of each lender if several share it; none if it is one lender's."""


class Share(NamedTuple):
    """One lender's part of a claim, which is exclusive as a whole. Minor units."""

    lender: str
    part: int
    """Of the advance."""
    left: int = 0
    """Of the principal, not yet collected."""
    account: str = ""
    """Bank entry of its payout, empty before."""
    entry: str | int = ""


def shares_of(lien: Lien) -> tuple[Share, ...]:
    """Whose the lender's side of a claim is: all of it one lender's, or the parts of several."""
    if lien.shares:
        return tuple([Share._make(share) for share in lien.shares])
    return (Share(lien.lender, lien.advance, lien.principal, lien.account, lien.entry),)


def divided(lien: Lien, amount: int) -> tuple[tuple[str, int], ...]:
    """(lender, part) of an amount of the lenders' side: by what is left to each, by largest remainder.

    Before funding, and once nothing is left, by their parts of the advance. Nobody is given more of a
    principal than is left to it.
    """
    shares = shares_of(lien)
    sign = -1 if amount < 0 else 1
    weights = [share.left for share in shares]
    if not any(weights):
        weights = [share.part for share in shares]
    parts = split_by_weights(abs(amount), weights) if amount else (0,) * len(shares)
    return tuple([(share.lender, sign * part) for share, part in zip(shares, parts, strict=True)])


def repaid(lien: Lien, principal: int) -> Lien:
    """The claim after an amount of at most its principal was collected or given up; minor units."""
    parts = [part for _, part in divided(lien, principal)]
    shares = tuple(
        [
            tuple(share._replace(left=share.left - part))
            for share, part in zip(shares_of(lien), parts, strict=True)
        ]
    )
    return lien._replace(principal=lien.principal - principal, shares=shares if lien.shares else ())


def lien_key(supplier: str, invoice: str) -> bytes:
    """State key of the claim on an invoice; a proof that there is no entry proves that title is Free."""
    return state_key("lien", supplier, invoice)


def deal_key(supplier: str, invoice: str) -> bytes:
    """State key of a closed deal: the lien as it was when the invoice was settled."""
    return state_key("deal", supplier, invoice)


def exposure_key(lender: str, obligor: str, currency: str) -> bytes:
    """State key of a lender's exposure to a buyer."""
    return state_key("exposure", lender, obligor, currency)


def read_lien(state: Reader, supplier: str, invoice: str) -> Lien | None:
    """The claim on an invoice, if there is one."""
    value = state.get(lien_key(supplier, invoice))
    return None if value is None else Lien._make(value)


def expose(context: Context, lien: Lien, reserved: int, funded: int) -> None:
    """Change the exposures of a claim's lenders by amounts that they share; the claim as it was before."""
    for (lender, of_reserved), (_, of_funded) in zip(
        divided(lien, reserved), divided(lien, funded), strict=True
    ):
        expose_lender(context, lender, (lien.buyer, lien.currency), (of_reserved, of_funded))


def expose_lender(
    context: Context, lender: str, owed: tuple[str, str], change: tuple[int, int]
) -> tuple[int, int]:
    """Change a lender's (reserved, funded) exposure to a (buyer, currency); what it is then, minor units."""
    key = exposure_key(lender, *owed)
    reserved, funded = change
    before = context.get(key) or (0, 0)
    after = (before[0] + reserved, before[1] + funded)
    invariants.within_limit(*after, max(after[0] + after[1], 0))
    if after == (0, 0):
        context.state.delete(key)
    else:
        context.put(key, after)
    return after


def reduced(lien: Lien, reduction: int, outstanding: int) -> Lien:
    """An assigned claim after its invoice fell by `reduction` to `outstanding`; minor units."""
    demand = formulae.shortfall_absorbed(lien.reserve_left, reduction)
    if lien.restores:
        covered = lien.principal - lien.shortfall
        restored = formulae.shortfall_restored(
            covered, outstanding + reduction, reduction, lien.advance_rate_ppm
        )
        demand = min(reduction, max(demand, restored))
    return lien._replace(
        reserve_left=lien.reserve_left - (reduction - demand), shortfall=lien.shortfall + demand
    )


def waterfall(lien: Lien, amount: int, day: int) -> tuple[Lien, int, int, int]:
    """(claim after, interest, principal, reserve) of an amount of at most what is outstanding.

    Costs would come first; the ledger knows none yet. Then overdue interest, on the principal from the day on
    which payment was expected, rounded up and at most what the supplier's reserve bears; then the lender's
    principal; the rest is the supplier's reserve.
    """
    days = max(0, day - lien.interest_from)
    due = lien.interest_due + divide_up(lien.principal * lien.discount_rate_ppm * days, PPM * lien.day_count)
    interest = min(due, lien.reserve_left, amount)
    principal = min(amount - interest, lien.principal)
    reserve = amount - interest - principal
    after = repaid(lien, principal)._replace(
        reserve_left=lien.reserve_left - interest - reserve,
        interest_from=max(lien.interest_from, day),
        interest_due=due - interest,
        interest_paid=lien.interest_paid + interest,
    )
    return after, interest, principal, reserve
