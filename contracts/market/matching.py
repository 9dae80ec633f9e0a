"""Matching: which ways suit a supplier's invoice, best first, and why the others do not.

Pure functions of a state: whoever has the entries proved gets the same list in the same order. A way that
does not suit is listed too, with the code with which the ledger would refuse it. The lender's side is
`contracts.market.prospect`.

| way of an invoice | cash | costs |
|---|---|---|
| programme | what its quote pays out; the reserve when the buyer has paid | discount and fee |
| payables | what a buyer's programme pays for what the buyer has approved | discount and fee |
| auction | unknown before the bids; compared with the best programme by its rate | bank discount |
| early_payment | what is outstanding less the discount of the day, if the buyer offers it | the discount |
| certificate | none: a promise of the buyer, to be split and passed on or sold | nothing |

Ways are ranked by the cash in hand, then by the cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contracts.certificates.leaf import drawn_key
from contracts.context import business_day
from contracts.errors import refuse
from contracts.finance.programme import read_programme
from contracts.market import allotment, auction, early_payment
from contracts.pricing import QuoteTerms, formulae
from contracts.reverse_factoring import payables
from contracts.reverse_factoring.enrolment import read_enrolment
from contracts.trade.invoice import Invoice, read_invoice
from contracts.trade.order import require_no_credit_due
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.money import PPM, divide_down
from ledger.state.overlay import Reader, state_key

PROGRAMME, PAYABLES, AUCTION = "programme", "payables", "auction"
EARLY, CERTIFICATE = "early_payment", "certificate"


class Way(NamedTuple):
    """One way for a supplier to make money of an invoice; minor units, rates ppm a year."""

    kind: str
    name: str
    """Programme, or number of the auction; empty for none."""
    party: str
    """Who pays: the lender or the buyer; empty for whoever bids."""
    code: str
    """Empty if it suits, else why not, as the ledger would say it."""
    reason: str
    cash: int = 0
    """In hand, as soon as the other side pays."""
    later: int = 0
    """When the buyer has paid."""
    cost: int = 0
    cost_ppm: int = 0
    """Of the cash, a year (ACT/365)."""

    @property
    def suits(self) -> bool:
        """Whether it can be had today."""
        return not self.code


def ranked_ways(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Those that suit by the cash in hand, the greatest first, then by what they cost; then the others."""
    return tuple(sorted(ways, key=_rank))


def other_ways(state: Reader, supplier: str, number: str, programmes: Iterable[Way]) -> tuple[Way, ...]:
    """The ways of an invoice besides its programmes', which an auction is compared with.

    Raises:
        Refusal: `unknown_invoice`.
    """
    invoice = _found(state, supplier, number)
    best = max((way for way in programmes if way.suits), key=lambda way: way.cash, default=None)
    return (
        _early_payment(state, supplier, number, invoice),
        _auction(state, supplier, number, invoice, best),
        _certificate(state, supplier, number, invoice),
    )


def _found(state: Reader, supplier: str, number: str) -> Invoice:
    invoice = read_invoice(state, supplier, number)
    if invoice is None:
        raise refuse("unknown_invoice", "no such invoice", field="invoice", found=number)
    return invoice


def _rank(way: Way) -> tuple[bool, int, int, Way]:
    return not way.suits, -way.cash, way.cost, way


def priced_way(programme: str, lender: str, terms: QuoteTerms) -> Way:
    """What a programme pays at its price."""
    return Way(
        PROGRAMME,
        programme,
        lender,
        "",
        f"pays {percent(divide_down(terms.paid_out * PPM, terms.net))} of the net now; payment expected in "
        + in_days(terms.tenor_days),
        cash=terms.paid_out,
        later=terms.reserve,
        cost=terms.discount + terms.fee,
        cost_ppm=terms.yield_ppm,
    )


def refused_way(programme: str, lender: str, refusal: Refusal) -> Way:
    """A programme that does not buy the invoice."""
    return Way(PROGRAMME, programme, lender, refusal.code, why(refusal))


def payables_way(state: Reader, supplier: str, number: str, programme: str) -> Way:
    """What a buyer's programme pays for an invoice that the buyer has approved."""
    published = read_programme(state, programme)
    lender = "" if published is None else published.lender
    way = Way(PAYABLES, programme, lender, "", "")
    try:
        claim = payables.claim_of(state, programme, (supplier, number))
    except Refusal as refusal:
        return way._replace(code=refusal.code, reason=why(refusal))
    if read_enrolment(state, programme, supplier) is None:
        return way._replace(code="not_enrolled", reason=f"{supplier} does not take part in the programme")
    cost = claim.discount + claim.fee
    return way._replace(
        reason=f"{claim.buyer} has approved it: bought whole, {in_days(claim.tenor_days)} to the due date",
        cash=claim.paid_out,
        cost=cost,
        cost_ppm=formulae.simple_yield(cost, claim.paid_out, claim.tenor_days),
    )


def _early_payment(state: Reader, supplier: str, number: str, invoice: Invoice) -> Way:
    way = Way(EARLY, "", invoice.buyer, "", "")
    offered = early_payment.read_early(state, supplier, number)
    day = business_day(state)
    try:
        auction.check_sellable(number, invoice)
    except Refusal as refusal:
        return way._replace(code=refusal.code, reason=why(refusal))
    if offered is None or offered.status not in early_payment.RUNNING:
        return way._replace(code="no_offer", reason="the buyer has not offered it")
    if offered.net != invoice.outstanding:
        return way._replace(code="quote_stale", reason="the invoice has changed since the buyer offered it")
    until, discount = offered.until, offered.discount
    if offered.status == early_payment.OFFERED:
        step = early_payment.step_on(offered.steps, day)
        if step is None:
            return way._replace(code="no_offer", reason="the last day of the offer has passed")
        until, discount = step[0], early_payment.discount_of(offered.net, step[1])
    gained = invoice.due_day - until
    return way._replace(
        reason=f"the buyer pays by {iso_from_day(until)}, {in_days(gained)} before the due date",
        cash=offered.net - discount,
        cost=discount,
        cost_ppm=formulae.simple_yield(discount, offered.net - discount, gained),
    )


def _auction(state: Reader, supplier: str, number: str, invoice: Invoice, best: Way | None) -> Way:
    """An auction's proceeds are not known before it; what is known is when it beats the best programme."""
    running = state.get(state_key("auctioned", supplier, number))
    way = Way(AUCTION, str(running or ""), "", "", "")
    try:
        auction.check_sellable(number, invoice)
        if invoice.order:
            require_no_credit_due(state, supplier, invoice.buyer, invoice.order)
    except Refusal as refusal:
        return way._replace(code=refusal.code, reason=why(refusal))
    days = invoice.due_day - business_day(state)
    if days <= 0:
        return way._replace(code="past_due", reason="the due date has come")
    if running is None and days < auction.LEAST_DAYS:
        short = f"bids, their opening and payment take {auction.LEAST_DAYS} days, and it is due in {days}"
        return way._replace(code="past_due", reason=short)
    state_of_it = "bids are being taken" if running else "lenders bid under seal for the whole of it"
    if best is None:
        return way._replace(reason=f"{state_of_it}; no programme pays anything to compare with")
    cash_rate = _bank_rate(invoice.outstanding - best.cash, invoice.outstanding, days)
    cost_rate = _bank_rate(best.cost, invoice.outstanding, days)
    return way._replace(
        reason=f"{state_of_it}; pays out more now than {best.name} if the rate ends up to "
        f"{percent(cash_rate)} a year, and costs less if it ends below {percent(cost_rate)}"
    )


def _bank_rate(discount: int, net: int, days: int) -> int:
    """The bank discount rate of a discount, ppm a year, down."""
    return divide_down(discount * PPM * allotment.DAY_COUNT, net * days)


def _certificate(state: Reader, supplier: str, number: str, invoice: Invoice) -> Way:
    way = Way(CERTIFICATE, "", invoice.buyer, "", "")
    try:
        auction.check_sellable(number, invoice)
    except Refusal as refusal:
        return way._replace(code=refusal.code, reason=why(refusal))
    if state.get(drawn_key(supplier, number)) is not None:
        return way._replace(code="already_financed", reason="a certificate is drawn on it")
    return way._replace(
        reason=f"a promise of {invoice.buyer} in place of the invoice: it can be split, passed on to "
        "suppliers of your own, and sold"
    )


def why(refusal: Refusal) -> str:
    """A refusal as a sentence: what was found and expected, where both are known."""
    if refusal.found is None or refusal.expected is None:
        return refusal.message
    return f"{refusal.message}: {refusal.found}, expected {refusal.expected}"


def in_days(days: int) -> str:
    """ "1 day", "30 days"."""
    return f"{days} day{'' if days == 1 else 's'}"


def percent(ppm: int) -> str:
    """ "83.69 %" of parts per million, down to hundredths of a percent."""
    return f"{ppm // 10_000}.{ppm // 100 % 100:02d} %"
