"""The claim on an invoice: who holds it, at which price, and how money is divided between its parties.

    ("lien", *receivable)                   -> Lien, present if and only if somebody has a claim by finance
    ("deal", *receivable, round)            -> Lien as it was when it ended, rounds from 0
    ("exposure", lender, obligor, currency) -> (reserved, funded), minor units; absent if both are 0

`exposure` counts what the lender has on the obligor's invoices, and on leaves of its certificates
(`leaf.Leaf.at_stake`). What a programme has out on invoices moves with it: see `contracts.finance.usage`.

A receivable is named by the parts of its document's key: (supplier, invoice) for an invoice. Claims of every
kind stand under the one key "lien", so that what reserves, buys or pledges a receivable excludes the rest.

From funding to the end principal + reserve left + subrogated - shortfall = what the invoice owes or had
written off, with 0 ≤ shortfall ≤ principal (invariant 6), and principal + collected + repaid + indemnified =
advance (invariant 19).
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import invariants
from contracts.context import Context, Posting
from contracts.errors import InvariantBroken, refuse
from contracts.finance import resale
from contracts.finance.resale import Link
from contracts.finance.usage import change_use
from contracts.pricing import formulae
from contracts.trade.invoice import note_change
from ledger.codec import Value
from ledger.money import PPM, checked_total, divide_up, split_by_weights
from ledger.state.overlay import Reader, state_key


class Lien(NamedTuple):
    """State value of a claim on an invoice. Amounts in minor units, days since 1970."""

    title: int
    """`contracts.trade.invoice.RESERVED`, `ASSIGNED` or `PLEDGED`."""
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
    """The bank's reference, or the line of the lender's statement: see `contracts.cash.bank`."""
    principal: int = 0
    """The lender's, not yet collected."""
    reserve_left: int = 0
    """The supplier's, not yet collected."""
    interest_from: int = 0
    """Overdue interest runs from here: first the last day of the discount, a tenor after payout."""
    interest_due: int = 0
    interest_paid: int = 0
    shortfall: int = 0
    """What credit notes took beyond the reserve: demanded from the supplier, at most the principal."""
    settlement: str = ""
    """The lender's settlement that pays it, empty for none: see `contracts.cash.settlement`."""
    shares: tuple[Value, ...] = ()
    """`Share` of each lender if several share it; none if it is one lender's."""
    pledges: int = 0
    """1 if the receivable is pledged for an advance, 0 if it is sold."""
    recourse_days: int = 0
    """Days past due from which the supplier answers for the buyer's credit; 0 if it never does."""
    default_days: int = 90
    """Days past due from which the lender may declare a default."""
    costs_limit: int = 0
    """Costs of collection that the lender may charge in all."""
    costs_charged: int = 0
    costs_paid: int = 0
    collected: int = 0
    """Principal that the buyer has paid."""
    repaid: int = 0
    """Principal that the supplier has repaid."""
    written_off: int = 0
    """Business day of the write-off, 0 for none: it no longer counts as exposure."""
    recourse: str = ""
    """Number of the lender's demand on the supplier that stands open: see `contracts.finance.recourse`."""
    paid_for: str = ""
    """Invoice on which the payout was made, where this one has taken its place; empty for this one."""
    replaced_by: str = ""
    """Invoice that took this one's place, empty for none."""
    arrangement: int = 0
    """1 if it arose under a supplier finance arrangement of the buyer (IAS 7 §44F to 44H), 0 if not."""
    quote: bytes = b""
    """Digest of the quote that was offered; empty for an auction's price."""
    late_ppm: int | None = None
    """Probability of late payment in that quote; None where none was predicted."""
    resale: str = ""
    """Number of its holder's offer to another lender that stands: see `contracts.finance.resale`."""
    bought: Link = ()
    """The sale by which its holder came by it; empty where the supplier sold it to this one."""
    indemnified: int = 0
    """Principal that the supplier's insurer has paid: see `contracts.insurance.subrogation`."""
    subrogated: int = 0
    """What the buyer owes to that insurer in place of lender and supplier; the supplier has it in trust."""

    @property
    def costs_due(self) -> int:
        """Costs charged and not yet paid."""
        return self.costs_charged - self.costs_paid


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
    programme: str = ""
    """Under which the lender has it."""


def shares_of(lien: Lien) -> tuple[Share, ...]:
    """Whose the lender's side of a claim is: all of it one lender's, or the parts of several."""
    if lien.shares:
        return tuple([Share._make(share) for share in lien.shares])
    return (Share(lien.lender, lien.advance, lien.principal, lien.account, lien.entry, lien.programme),)


def agent(lien: Lien) -> str:
    """Who acts for the lenders of a claim: of several, the one with the largest part of the advance."""
    return max(shares_of(lien), key=lambda share: share.part).lender


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


def to_lenders(lien: Lien, costs: int, interest: int, principal: int) -> tuple[Posting, ...]:
    """Who gets what of money on the lenders' side: costs are the agent's, the rest is shared; minor units."""
    shared = [
        (lender, account, lien.currency, part)
        for account, total in (("interest", interest), ("principal", principal))
        for lender, part in divided(lien, total)
    ]
    return ((agent(lien), "costs", lien.currency, costs), *shared)


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


MAX_ROUNDS = 16
"""Times that one receivable may be financed, one after the other."""


def title_moved_with_cash(lien: Lien, amount: int) -> None:
    """Invariant 12, at the moment of funding: the cash that moved is what the title was sold for."""
    if amount != lien.paid_out or lien.advance != lien.paid_out + lien.discount + lien.fee:
        raise InvariantBroken(12, f"cash {amount} is not the price {lien.paid_out}")


def claim_adds_up(lien: Lien, outstanding: int) -> None:
    """Invariant 6 after funding: what is the lender's, the supplier's and its insurer's is what is owed.

    A shortfall is what credit notes took beyond the reserve: principal that is no longer the buyer's to pay.
    """
    parts = (lien.principal, lien.reserve_left, lien.shortfall, lien.subrogated)
    if lien.shares and sum(share[2] for share in lien.shares) != lien.principal:
        raise InvariantBroken(6, f"shares of {lien.shares} are not the principal {lien.principal}")
    whole = lien.principal + lien.reserve_left + lien.subrogated - lien.shortfall
    if min(parts) < 0 or whole != outstanding:
        raise InvariantBroken(6, f"parts {parts} against outstanding {outstanding}")
    if lien.shortfall > lien.principal:
        raise InvariantBroken(6, f"{lien.shortfall} is short of {lien.principal}")


def paid_back_at_most_once(lien: Lien) -> None:
    """Invariant 19: what buyer, supplier and its insurer have paid of an advance, and what is due, are it."""
    parts = (lien.principal, lien.collected, lien.repaid, lien.indemnified)
    if min(parts) < 0 or sum(parts) != lien.advance:
        raise InvariantBroken(19, f"{parts} of an advance of {lien.advance}")
    if not 0 <= lien.costs_paid <= lien.costs_charged <= lien.costs_limit:
        raise InvariantBroken(
            19, f"costs {lien.costs_paid} of {lien.costs_charged}, at most {lien.costs_limit}"
        )


def lien_key(*receivable: str) -> bytes:
    """State key of the claim on a receivable.

    A proof that there is no entry, and none under `leaf.drawn_key`, proves that title is Free.
    """
    return state_key("lien", *receivable)


def deal_key(supplier: str, invoice: str, turn: int) -> bytes:
    """State key of a claim that has ended, as it was then: the `turn`-th on this invoice, from 0."""
    return state_key("deal", supplier, invoice, turn)


def exposure_key(lender: str, obligor: str, currency: str) -> bytes:
    """State key of a lender's exposure to a buyer."""
    return state_key("exposure", lender, obligor, currency)


def read_lien(state: Reader, supplier: str, invoice: str) -> Lien | None:
    """The claim on an invoice, if there is one."""
    value = state.get(lien_key(supplier, invoice))
    return None if value is None else Lien._make(value)


def rounds(state: Reader, supplier: str, invoice: str) -> int:
    """How many claims on an invoice have ended."""
    turn = 0
    while turn < MAX_ROUNDS and state.get(deal_key(supplier, invoice, turn)) is not None:
        turn += 1
    return turn


def check_rounds(state: Reader, supplier: str, invoice: str) -> None:
    """Refuse one more claim on an invoice that was financed too often."""
    if rounds(state, supplier, invoice) >= MAX_ROUNDS:
        raise refuse("financed_often", "financed too often", field="invoice", found=MAX_ROUNDS)


def last_deal(state: Reader, supplier: str, invoice: str) -> Lien | None:
    """The claim on an invoice that ended last, if one has."""
    turn = rounds(state, supplier, invoice)
    if not turn:
        return None
    value: Value = state.get(deal_key(supplier, invoice, turn - 1))
    return Lien._make(value)


def held_lien(context: Context, supplier: str, invoice: str) -> Lien:
    """The claim that a lender has paid for; refused if there is none."""
    lien = read_lien(context.state, supplier, invoice)
    if lien is None or not lien.funded:
        raise refuse("not_financed", "nobody has financed it", field="invoice", found=invoice)
    return lien


def put_claim(context: Context, supplier: str, invoice: str, lien: Lien) -> None:
    """Write a standing claim, and note that this operation has changed it: see `market.standing`.

    Invariants 6 and 19 are checked where the invoice is written.
    """
    note_change(context, supplier, invoice)
    context.put(lien_key(supplier, invoice), tuple(lien))


def close_claim(context: Context, supplier: str, invoice: str, lien: Lien) -> None:
    """End a claim that was paid for: the title is free again, the claim is kept as a deal."""
    if lien.resale:
        resale.end(context, lien.lender, lien.resale, resale.CHANGED)
        lien = lien._replace(resale="")
    turn = rounds(context.state, supplier, invoice)
    assert turn < MAX_ROUNDS, "offers are refused before there are so many"
    context.state.delete(lien_key(supplier, invoice))
    context.put(deal_key(supplier, invoice, turn), tuple(lien))


def accrued(lien: Lien, day: int) -> int:
    """Overdue interest that is due on a day: on the principal, since `interest_from`; up."""
    days = max(0, day - lien.interest_from)
    return lien.interest_due + divide_up(lien.principal * lien.discount_rate_ppm * days, PPM * lien.day_count)


def accrue(lien: Lien, day: int) -> Lien:
    """The claim with the overdue interest of the days so far, before its principal changes."""
    return lien._replace(interest_due=accrued(lien, day), interest_from=max(lien.interest_from, day))


def payoff(lien: Lien, day: int) -> int:
    """What repays a claim as a whole on a day: costs, overdue interest and principal; minor units."""
    return lien.costs_due + accrued(lien, day) + lien.principal


def repaid_whole(lien: Lien, day: int) -> Lien:
    """The claim after the supplier has repaid it as a whole: nothing of the lender's is left in it."""
    interest = accrued(lien, day)
    return repaid(lien, lien.principal)._replace(
        repaid=lien.repaid + lien.principal,
        costs_paid=lien.costs_charged,
        interest_from=max(lien.interest_from, day),
        interest_due=0,
        interest_paid=lien.interest_paid + interest,
        shortfall=0,
    )


def expose(context: Context, supplier: str, lien: Lien, reserved: int, funded: int) -> None:
    """Change the exposures of a claim's lenders by amounts that they share; the claim as it was before."""
    for share, (_, of_reserved), (_, of_funded) in zip(
        shares_of(lien), divided(lien, reserved), divided(lien, funded), strict=True
    ):
        owed = (supplier, lien.buyer, lien.currency)
        expose_lender(context, (share.lender, share.programme), owed, (of_reserved, of_funded))


def expose_lender(
    context: Context, holder: tuple[str, str], owed: tuple[str, str, str], change: tuple[int, int]
) -> tuple[int, int]:
    """Change what counts against limits by (reserved, funded); the lender's exposure to the buyer then.

    `holder` is (lender, programme), `owed` (supplier, buyer, currency); amounts are minor units.
    """
    lender, programme = holder
    change_use(context, programme, owed, change)
    return expose_to(context, lender, owed[1:], change)


def expose_to(
    context: Context, lender: str, owed: tuple[str, str], change: tuple[int, int]
) -> tuple[int, int]:
    """Change a lender's (reserved, funded) exposure to (obligor, currency); what it is then, minor units.

    Raises:
        AmountOverflow: beyond 64 bits. Leaves are bought without a limit, so nothing else bounds it.
    """
    key = exposure_key(lender, *owed)
    reserved, funded = change
    before = context.get(key) or (0, 0)
    after = (before[0] + reserved, before[1] + funded)
    invariants.within_limit(*after, max(checked_total(sum(after), "exposure"), 0))
    if after == (0, 0):
        context.state.delete(key)
    else:
        context.put(key, after)
    return after


def expose_less(context: Context, supplier: str, lien: Lien, principal: int) -> None:
    """Take principal that was paid back, or written off, off a lender's exposure; once."""
    if not lien.written_off:
        expose(context, supplier, lien, 0, -principal)


def reduced(lien: Lien, reduction: int, outstanding: int) -> Lien:
    """A claim after what its parties are owed fell by `reduction` to `outstanding`; minor units."""
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


def eased(lien: Lien) -> Lien:
    """The claim after the buyer has paid principal: what was short of it the supplier owes no more.

    A shortfall is principal that the buyer need not pay. Where it has paid it nonetheless, out of what would
    have been the supplier's, the supplier's reserve falls instead.
    """
    paid = max(0, lien.shortfall - lien.principal)
    return lien._replace(shortfall=lien.shortfall - paid, reserve_left=lien.reserve_left - paid)


class Tranches(NamedTuple):
    """How an amount of a buyer's is divided, in the order in which it is taken; minor units."""

    costs: int
    interest: int
    principal: int
    reserve: int


def waterfall(lien: Lien, amount: int, day: int) -> tuple[Lien, Tranches]:
    """The claim after an amount of at most what the buyer owes its parties, and who gets what of it.

    Costs of collection, then overdue interest, both at most what the supplier's reserve bears; then the
    lender's principal; the rest is the supplier's reserve.
    """
    lien = accrue(lien, day)
    costs = min(lien.costs_due, lien.reserve_left, amount)
    interest = min(lien.interest_due, lien.reserve_left - costs, amount - costs)
    principal = min(amount - costs - interest, lien.principal)
    reserve = amount - costs - interest - principal
    after = repaid(lien, principal)._replace(
        collected=lien.collected + principal,
        reserve_left=lien.reserve_left - costs - interest - reserve,
        costs_paid=lien.costs_paid + costs,
        interest_due=lien.interest_due - interest,
        interest_paid=lien.interest_paid + interest,
    )
    return after, Tranches(costs, interest, principal, reserve)
