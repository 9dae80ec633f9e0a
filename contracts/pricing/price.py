"""The price of one invoice: may it be financed, and on which terms.

    price(inputs, terms) -> QuoteTerms, or a Refusal with a stable code

The function sees nothing else: no state, no clock, no order of arrival. The same inputs give
the same bytes on every node, in every simulator and offline (invariant 22).

| refused because | code |
|---|---|
| the buyer disputes the invoice | `disputed` |
| the buyer has not confirmed it | `not_confirmed` |
| it came to the ledger long after its issue, and the programme does not take such | `backdated` |
| somebody has a claim on it | `already_financed` |
| it is in another currency than the programme | `currency_mismatch` |
| the programme does not take this buyer | `obligor_not_eligible` |
| nothing is outstanding | `nothing_outstanding` |
| its due date has come | `past_due` |
| its due date is too near, payment is expected too late | `tenor_too_short`, `tenor_too_long` |
| discount and fee leave nothing to pay out | `nothing_paid_out` |
| the lender's limit for the buyer would be passed | `limit_exceeded` |

The first that applies, in this order, is the one given. Three lists say why, each adding up exactly
(invariant 21):

| list | takes apart | into |
|---|---|---|
| `reasons` | net - paid out | what is held back, discount, fee: `REASONS` |
| `charges` | the least discount | cost of funds, operations and capital, expected loss, premium: `CHARGES` |
| `lateness_reasons` | the expected lateness | what the model reads, and what is overdue now |

From lateness to price: expected days late make the tenor, the tenor the discount and the yield reserve;
default is priced by probability · loss given default · advance, insured losses by the insurer's premium, and
what the advance adds to an obligor beyond its share of what the programme has out by an add-on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

from contracts.errors import refuse
from contracts.pricing import formulae
from contracts.pricing.features import Features
from contracts.pricing.prediction import BASE, RELATIONSHIP, Prediction, Reasons
from contracts.pricing.terms import ProgrammeTerms
from ledger import codec
from ledger.dates import iso_from_day
from ledger.hashing import QUOTE_TERMS, digest
from ledger.money import PPM, CurrencyMismatch, Money

REASONS = (
    "advance_cap",
    "dilution_reserve",
    "loss_reserve",
    "yield_reserve",
    "discount_to_due",
    "discount_for_lateness",
    "discount_floor",
    "fee",
)
"""What lies between the net and the amount paid out, in the order in which it is taken."""

CHARGES = ("funding", "operations", "capital", "expected_loss", "premium", "concentration")
"""What the least discount pays for, in the order in which it is rounded."""

OVERDUE = "overdue"
"""Reason of lateness: what is unpaid past its due date now."""

BOUND = (
    "programme",
    "revision",
    "lender",
    "supplier",
    "buyer",
    "invoice",
    "day",
    "model",
    "currency",
    "net",
    "advance",
    "reserve",
    "discount",
    "fee",
    "paid_out",
    "due_day",
    "tenor_days",
    "advance_rate_ppm",
)
"""Terms that an offer and its acceptance bind: who, what, under which rules, on which day, for how much.

Not the statistics behind them: other people's payments move those every minute, and what moves no figure of
the price makes no quote stale.
"""


@dataclass(frozen=True, slots=True)
class Priced:
    """Which invoice is priced, by which programme, on which day."""

    programme: str
    revision: int
    """Of the programme's terms, from 1."""
    lender: str
    supplier: str
    buyer: str
    invoice: str
    day: int
    """The ledger's business date, days since 1970."""
    currency: str
    due_day: int
    """Days since 1970."""


@dataclass(frozen=True, slots=True)
class QuoteInputs(Priced):
    """Everything that a price depends on besides the programme's terms."""

    outstanding: int
    """Confirmed net less what was credited and paid, minor units: the face that is bought."""
    confirmed: bool
    disputed: bool
    backdated: bool
    claimed: bool
    """Whether an exclusive claim on the invoice exists."""
    exposure: int
    """Advances of this lender to this buyer's invoices, outstanding and reserved; minor units."""
    drawn: int
    """Advances under the programme, outstanding and reserved; minor units."""
    drawn_on_obligor: int
    """Those of them to this buyer's invoices."""
    share_base: int
    """What the programme has out counts at least as so much where shares are taken of it."""
    features: Features
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class QuoteTerms(Priced):
    """A price: amounts in minor units, rates and shares in ppm, lateness in centidays."""

    model: bytes
    """SHA-256 of the model in force; empty where shrinkage holds."""
    net: int
    """Face that is bought: advance + reserve (invariant 6)."""
    advance: int
    reserve: int
    """Paid to the supplier when the buyer has paid."""
    discount: int
    fee: int
    paid_out: int
    """advance - discount - fee: what the supplier gets now."""
    tenor_days: int
    late_ppm: int
    """Probability that it is paid after its due date."""
    median_late_centidays: int
    """Days late that are passed as often as not."""
    dbt_centidays: int
    expected_late_centidays: int
    lateness_reasons: Reasons
    """(what, centidays); they add up to the expected lateness."""
    dilution_reserve_ppm: int
    advance_rate_ppm: int
    pd_ppm: int
    expected_loss: int
    floor_rate_ppm: int
    yield_ppm: int
    """Simple, ACT/365, on what is paid out."""
    concentration_excess: int
    """Part of the advance beyond the obligor's share of what the programme has out."""
    charges: tuple[tuple[str, int], ...]
    """(charge, minor units), in the order of `CHARGES`; they add up to the least discount."""
    reasons: tuple[tuple[str, int], ...]
    """(reason, minor units), in the order of `REASONS`; they add up to net - paid_out."""

    def to_value(self) -> dict[str, codec.Value]:
        """The canonical map: what a quote shows and an offer binds."""
        return {name: getattr(self, name) for name in _TERMS}

    @property
    def data(self) -> bytes:
        """The canonical bytes of the map."""
        return codec.encode(self.to_value())

    @property
    def quote(self) -> bytes:
        """The digest that names this price: over `BOUND`, in that order."""
        return digest(QUOTE_TERMS, codec.encode(tuple([getattr(self, name) for name in BOUND])))


_TERMS = sorted([field.name for field in fields(QuoteTerms)])


def price(inputs: QuoteInputs, terms: ProgrammeTerms) -> QuoteTerms:
    """The terms on which the programme buys the invoice.

    Raises:
        Refusal: the first of the table's codes that applies.
    """
    limit = _check_eligible(inputs, terms)
    net, features = inputs.outstanding, inputs.features
    days_to_due = inputs.due_day - inputs.day
    lateness_reasons = _lateness(inputs, terms)
    late = sum([part for _, part in lateness_reasons])
    tenor_days = _tenor(days_to_due, late, terms)
    dilution = features.dilution_reserve(terms)
    steps = _advance_steps(terms, dilution, tenor_days)
    advance_rate_ppm = steps[-1]
    advance, reserve = formulae.advance_and_reserve(net, advance_rate_ppm)
    pd_ppm = features.probability_of_default(terms, tenor_days)
    to_due = _discount(terms, net, advance, days_to_due)
    to_payment = _discount(terms, net, advance, tenor_days)
    excess = formulae.excess_of_advance(
        inputs.drawn_on_obligor,
        advance,
        max(inputs.drawn + advance, inputs.share_base),
        terms.concentration_cap_ppm,
    )
    charges = _charges(terms, (advance, excess), tenor_days, pd_ppm)
    discount = max(to_payment, sum(charges))
    fee = formulae.fee(net, terms.fee_ppm)
    paid_out = _paid_out(terms, advance, discount, fee)
    _check_limit(terms, limit, inputs.exposure, advance)
    held = [formulae.advance_and_reserve(net, step)[1] for step in steps]
    taken = (0, *held, reserve + to_due, reserve + to_payment, reserve + discount, reserve + discount + fee)
    assert taken[-1] == net - paid_out, "the reasons add up"
    assert advance + reserve == net, "invariant 6"
    return QuoteTerms(
        programme=inputs.programme,
        revision=inputs.revision,
        lender=inputs.lender,
        supplier=inputs.supplier,
        buyer=inputs.buyer,
        invoice=inputs.invoice,
        day=inputs.day,
        model=inputs.prediction.model,
        currency=inputs.currency,
        net=net,
        advance=advance,
        reserve=reserve,
        discount=discount,
        fee=fee,
        paid_out=paid_out,
        due_day=inputs.due_day,
        tenor_days=tenor_days,
        late_ppm=inputs.prediction.lateness.late_ppm,
        median_late_centidays=inputs.prediction.lateness.days_centidays,
        dbt_centidays=features.dbt_centidays,
        expected_late_centidays=late,
        lateness_reasons=lateness_reasons,
        dilution_reserve_ppm=dilution,
        advance_rate_ppm=advance_rate_ppm,
        pd_ppm=pd_ppm,
        expected_loss=formulae.expected_loss(advance, pd_ppm, terms.lgd_ppm),
        floor_rate_ppm=_floor_rate(terms),
        yield_ppm=formulae.simple_yield(discount + fee, paid_out, tenor_days),
        concentration_excess=excess,
        charges=tuple(zip(CHARGES, charges, strict=True)),
        reasons=tuple(zip(REASONS, [after - before for before, after in pairwise(taken)], strict=True)),
    )


def _lateness(inputs: QuoteInputs, terms: ProgrammeTerms) -> Reasons:
    """Why the payment is expected so late, in centidays of days beyond terms; the base always stands."""
    features = inputs.features
    if terms.lateness_basis == "model":
        base, *found = inputs.prediction.reasons
    else:
        base = (BASE, terms.prior_dbt_centidays)
        found = [(RELATIONSHIP, features.settled_lateness(terms) - terms.prior_dbt_centidays)]
    found.append((OVERDUE, features.overdue_adds(terms)))
    return (base, *[reason for reason in found if reason[1]])


def _tenor(days_to_due: int, late: int, terms: ProgrammeTerms) -> int:
    """Days until payment is expected."""
    days = formulae.tenor(days_to_due, late)
    if days > terms.max_tenor_days:
        raise refuse(
            "tenor_too_long",
            "payment is expected too late",
            field="due_date",
            found=f"{days} days",
            expected=f"at most {terms.max_tenor_days}",
        )
    return days


def _charges(
    terms: ProgrammeTerms, amounts: tuple[int, int], tenor_days: int, pd_ppm: int
) -> tuple[int, ...]:
    """What the least discount pays for, in the order of `CHARGES`; `amounts`: (advance, excess), minor units.

    Cost of carry and add-on run by the discount's day count, an annual probability by 365 days; what is
    insured costs its premium and no expected loss.
    """
    advance, excess = amounts
    year = PPM * terms.day_count
    capital = formulae.floor_rate(0, 0, 0, 0, terms.capital_ratio_ppm, terms.capital_return_ppm)
    if terms.pd_basis == "annual":
        pd, pd_scale = terms.pd_annual_ppm * tenor_days, PPM * formulae.YEAR_DAYS
    else:
        pd, pd_scale = pd_ppm, PPM
    own_share = PPM - terms.insured_ppm
    return formulae.charges(
        (
            (advance * terms.funding_rate_ppm * tenor_days, year),
            (advance * terms.operating_rate_ppm * tenor_days, year),
            (advance * capital * tenor_days, year),
            (advance * pd_ppm * terms.lgd_ppm * own_share, PPM**3),
            (
                advance * pd * terms.insured_ppm * terms.insurance_lgd_ppm,
                pd_scale * PPM * (PPM - terms.insurance_loading_ppm),
            ),
            (excess * terms.concentration_rate_ppm * tenor_days, year),
        )
    )


def _paid_out(terms: ProgrammeTerms, advance: int, discount: int, fee: int) -> int:
    """What the supplier gets now, minor units."""
    left = advance - discount - fee
    if left <= 0:
        raise refuse(
            "nothing_paid_out",
            "discount and fee leave nothing to pay out",
            field="outstanding",
            found=f"advance {Money(advance, terms.currency)}, discount {Money(discount, terms.currency)}, "
            f"fee {Money(fee, terms.currency)}",
        )
    return left


def _check_limit(terms: ProgrammeTerms, limit: int, exposure: int, advance: int) -> None:
    if exposure + advance > limit:
        raise refuse(
            "limit_exceeded",
            "the lender's limit for this buyer would be passed",
            field="limit",
            found=f"exposure {Money(exposure, terms.currency)} and advance {Money(advance, terms.currency)}",
            expected=f"at most {Money(limit, terms.currency)}",
        )


def _check_eligible(inputs: QuoteInputs, terms: ProgrammeTerms) -> int:
    """The lender's limit for the buyer, if nothing speaks against the invoice itself."""
    if inputs.disputed:
        raise refuse("disputed", "the buyer disputes the invoice", field="invoice")
    if not inputs.confirmed:
        raise refuse("not_confirmed", "the buyer has not confirmed the invoice", field="invoice")
    if inputs.backdated and not terms.accept_backdated:
        raise refuse("backdated", "the invoice came to the ledger long after its issue", field="issue_date")
    if inputs.claimed:
        raise refuse("already_financed", "somebody has a claim on the invoice", field="invoice")
    if inputs.currency != terms.currency:
        raise CurrencyMismatch(inputs.currency, terms.currency, "currency")
    limit = terms.limit_of(inputs.buyer)
    if limit is None:
        raise refuse(
            "obligor_not_eligible",
            "the programme does not take this buyer",
            field="buyer",
            found=inputs.buyer,
        )
    if inputs.outstanding <= 0:
        raise refuse("nothing_outstanding", "nothing is outstanding", field="outstanding")
    days_to_due = inputs.due_day - inputs.day
    if days_to_due <= 0:
        raise refuse(
            "past_due",
            "the due date has come",
            field="due_date",
            found=iso_from_day(inputs.due_day),
            expected=f"after {iso_from_day(inputs.day)}",
        )
    if days_to_due < terms.min_tenor_days:
        raise refuse(
            "tenor_too_short",
            "the due date is too near",
            field="due_date",
            found=f"{days_to_due} days",
            expected=f"at least {terms.min_tenor_days}",
        )
    return limit


def _advance_steps(terms: ProgrammeTerms, dilution: int, tenor_days: int) -> tuple[int, int, int, int]:
    """Advance rates in ppm as one reserve after the other is taken; the last is the rate.

    A full purchase holds no reserve.
    """
    if terms.discount_basis != "advance":
        return (1_000_000,) * 4
    most, loss = terms.max_advance_rate_ppm, terms.loss_reserve_ppm
    carry = formulae.yield_reserve(terms.discount_rate_ppm, tenor_days, terms.day_count)
    return (
        most,
        formulae.advance_rate(most, dilution, 0, 0),
        formulae.advance_rate(most, dilution, loss, 0),
        formulae.advance_rate(most, dilution, loss, carry),
    )


def _discount(terms: ProgrammeTerms, net: int, advance: int, days: int) -> int:
    """The discount of so many days on the programme's basis, minor units."""
    rate, day_count = terms.discount_rate_ppm, terms.day_count
    if terms.discount_basis == "true":
        return formulae.true_discount(net, rate, days, day_count)
    return formulae.simple_discount(advance, rate, days, day_count)


def _floor_rate(terms: ProgrammeTerms) -> int:
    """Least rate a year in ppm at the programme's annual probability of default."""
    return formulae.floor_rate(
        terms.funding_rate_ppm,
        terms.pd_annual_ppm,
        terms.lgd_ppm,
        terms.operating_rate_ppm,
        terms.capital_ratio_ppm,
        terms.capital_return_ppm,
    )
