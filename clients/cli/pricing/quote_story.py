"""A quote as a person reads it: sentences and charts, from a quote that has been proved.

story = tell(proved)
story.sentences     what was priced, under what, with which result
story.sections      the three lists of reasons, each adding up to its figure (`contracts.pricing.price`)
"""

from __future__ import annotations

from typing import NamedTuple

from clients.cli.amounts import days, money, percent
from clients.reports.chart import Bar, Section
from clients.wording import counted, short_percent
from contracts.finance.quote import ProvedQuote
from contracts.pricing import QuoteTerms
from contracts.pricing.lateness import FEATURES
from contracts.pricing.prediction import BASE, BUYER, RELATIONSHIP, SUPPLIER
from contracts.pricing.price import CHARGES, OVERDUE, REASONS
from ledger.dates import iso_from_day
from ledger.hashing import short

REASON_WORDS = {
    "advance_cap": "held back: advance rate at most",
    "dilution_reserve": "held back for dilution",
    "loss_reserve": "held back for credit losses",
    "yield_reserve": "held back for yield",
    "discount_to_due": "discount to the due date",
    "discount_for_lateness": "discount for expected lateness",
    "discount_floor": "discount up to the lender's floor",
    "fee": "fee",
}
CHARGE_WORDS = {
    "funding": "cost of funds",
    "operations": "cost of operations",
    "capital": "return on capital",
    "expected_loss": "expected loss",
    "premium": "insurance premium",
    "concentration": "concentration add-on",
}
LATENESS_WORDS = {
    BASE: "what stands before anything is known of it",
    SUPPLIER: "how all its buyers pay this supplier",
    BUYER: "how the buyer pays other suppliers",
    RELATIONSHIP: "how it pays this supplier",
    OVERDUE: "what is overdue now",
    "count": "invoices that it has paid",
    "late_newest": "share late, newest payments",
    "late_recent": "share late, recent payments",
    "late_long": "share late, all payments",
    "days_newest": "days late, newest payments",
    "days_recent": "days late, recent payments",
    "days_long": "days late, all payments",
    "beyond_long": "days beyond terms, all payments",
    "weekday_late": "share late, due on such a day",
    "weekday_late_recent": "share late, due on such a day, recent",
    "weekday_days": "days late, due on such a day",
    "weekday_days_recent": "days late, due on such a day, recent",
    "weekday_weight": "payments due on such a day",
    "amount_late": "share late, amounts of this size",
    "amount_days": "days late, amounts of this size",
    "month_late": "share late, this time of the month",
    "issue_late": "share late, issued on this weekday",
    "same_amount_late": "share late, exactly this amount",
    "same_amount_count": "payments of exactly this amount",
    "last": "days late, last payment",
    "last_but_one": "days late, last payment but one",
    "median_8": "median days late, last 8",
    "median_32": "median days late, last 32",
    "quantile_20": "days late, earliest fifth",
    "quantile_80": "days late, latest fifth",
    "weekday_median": "median days late, due on such a day",
    "weekday_last": "days late, last due on such a day",
    "age_median": "usual days from issue to payment",
    "pays_on_weekday": "pays on the due weekday",
    "pays_most_often": "keeps to one weekday of payment",
    "days_to_pay_weekday": "days to its weekday of payment",
    "days_since_payment": "days since its last payment",
    "open_invoices": "invoices open",
    "overdue_fresh": "invoices overdue of late",
    "late_with_overdue": "share late with those overdue",
    "amount": "size of the amount",
    "amount_to_usual": "amount against the usual",
    "term": "payment term",
    "due_class": "weekday or holiday of the due date",
    "days_to_banking": "days to the next banking day",
    "day_of_month": "day of the month",
    "issue_weekday": "weekday of issue",
    "network_weekday": "share late of everybody, such a day",
    "network_amount": "share late of everybody, such amounts",
    "disputed": "share of invoices disputed",
    "diluted": "share credited of what was billed",
    "delivered_late": "share of deliveries late",
    "delivered_short": "share of deliveries short",
    "buyer_disputed": "share disputed, the buyer with everybody",
    "buyer_diluted": "share credited, the buyer with everybody",
    "buyer_delivered_late": "share of deliveries late, to the buyer",
    "buyer_delivered_short": "share of deliveries short, to the buyer",
    "supplier_disputed": "share disputed, the supplier with everybody",
    "supplier_diluted": "share credited, the supplier with everybody",
    "supplier_delivered_late": "share of deliveries late, of the supplier",
    "supplier_delivered_short": "share of deliveries short, of the supplier",
    "supplier_late": "share late, the supplier against everybody",
    "supplier_days": "days late, the supplier against everybody",
    "share_of_supplier": "the buyer's part of the supplier's turnover",
    "share_elsewhere": "others' part of what the buyer paid",
    "tenure": "days since its first payment",
    "tenure_elsewhere": "days that it paid others before",
    "buyer_open": "invoices open, the buyer with everybody",
    "buyer_overdue": "share overdue of the buyer's invoices",
    "buyer_overdue_days": "days that the buyer's have been overdue",
    "buyer_late_with_overdue": "share late of the buyer with those overdue",
    "buyer_quantile_20": "days late of the buyer, earliest fifth",
    "buyer_median": "median days late of the buyer",
    "buyer_quantile_80": "days late of the buyer, latest fifth",
    "supplier_open": "invoices open, of the supplier",
    "supplier_overdue": "share overdue of the supplier's invoices",
    "supplier_overdue_days": "days that the supplier's have been overdue",
    "supplier_late_with_overdue": "share late of the supplier's with those overdue",
    "supplier_quantile_20": "days late to the supplier, earliest fifth",
    "supplier_median": "median days late to the supplier",
    "supplier_quantile_80": "days late to the supplier, latest fifth",
    "network_overdue": "share overdue of all that is open",
    "network_overdue_days": "days that all overdue ones have been so",
    "network_quantile_20": "days late of everybody, earliest fifth",
    "network_median": "median days late of everybody",
    "network_quantile_80": "days late of everybody, latest fifth",
}
assert {*FEATURES, BASE, SUPPLIER, BUYER, RELATIONSHIP, OVERDUE} == LATENESS_WORDS.keys(), (
    "every reason has words"
)
assert set(REASONS) == REASON_WORDS.keys()
assert set(CHARGES) == CHARGE_WORDS.keys()


MOST_FEATURES, LEAST_TOGETHER = 10, 3
"""Features of a model that a story names; what remains stands in one line, unless it is fewer."""


class Story(NamedTuple):
    """A quote in words and bars."""

    title: str
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]


def tell(proved: ProvedQuote) -> Story:
    """The story of a proved quote."""
    terms = proved.terms
    title = f"Invoice {terms.invoice} of {terms.supplier} to {terms.buyer} under {terms.programme}"
    return Story(title, _sentences(proved), (_waterfall(terms), _lateness(terms), _charges(terms)))


def _sentences(proved: ProvedQuote) -> tuple[str, ...]:
    terms = proved.terms
    model = f"model {short(terms.model)}" if terms.model else "shrinkage, as no model is in force"
    basis = f"by {model}"
    if proved.programme_terms.lateness_basis == "history":
        basis = "by the relationship's own payments, as the programme says"
    discount = _money(terms, terms.discount)
    reserve = f"{_money(terms, terms.reserve)} follow" if terms.reserve else "nothing follows"
    return (
        f"{terms.lender} pays {_money(terms, terms.paid_out)} now for {_money(terms, terms.net)} due on "
        f"{iso_from_day(terms.due_day)}; {reserve} when the buyer has paid.",
        _known(proved),
        f"Payment is expected {days(terms.expected_late_centidays)} after the due date ({basis}), so in "
        f"{counted(terms.tenor_days, 'day')}; late at all with a probability of "
        f"{short_percent(terms.late_ppm, 1)}.",
        f"The advance is {percent(terms.advance_rate_ppm)} of the net; dilution is reckoned with "
        f"{percent(terms.dilution_reserve_ppm)}.",
        f"The discount is {discount}: {percent(proved.programme_terms.discount_rate_ppm)} a year for the "
        f"tenor, and at least the {_money(terms, sum(amount for _, amount in terms.charges))} that it costs.",
        f"That is {percent(terms.yield_ppm)} a year on what is paid out; default is reckoned with "
        f"{percent(terms.pd_ppm)}, a loss of {_money(terms, terms.expected_loss)} expected.",
        f"Priced on {iso_from_day(terms.day)} at height {proved.height}, revision {terms.revision} of the "
        f"programme; ask again after height {proved.expires_height}.",
    )


def _known(proved: ProvedQuote) -> str:
    terms, features = proved.terms, proved.inputs.features
    if not features.settled_invoices:
        return (
            f"{terms.buyer} has paid {terms.supplier} no invoice yet: what is expected follows from how "
            "others pay and are paid."
        )
    return (
        f"{terms.buyer} has paid {counted(features.settled_invoices, 'invoice')} of {terms.supplier} in "
        f"full, {days(terms.dbt_centidays)} beyond terms on average, weighted by amount."
    )


def _waterfall(terms: QuoteTerms) -> Section:
    rows = [Bar("net of the invoice", terms.net, _money(terms, terms.net))]
    rows += [
        Bar(REASON_WORDS[name], -amount, _money(terms, -amount)) for name, amount in terms.reasons if amount
    ]
    rows.append(Bar("paid out now", terms.paid_out, _money(terms, terms.paid_out)))
    return Section("From the net to what is paid out", tuple(rows))


def _lateness(terms: QuoteTerms) -> Section:
    """The reasons as the quote has them, but the least of a model's many features stand together."""
    features = [(name, part) for name, part in terms.lateness_reasons if name in FEATURES]
    least = sorted(features, key=lambda reason: -abs(reason[1]))[MOST_FEATURES:]
    if len(least) < LEAST_TOGETHER:
        least = []
    rows = [
        Bar(LATENESS_WORDS[name], part, days(part))
        for name, part in terms.lateness_reasons
        if (name, part) not in least
    ]
    if least:
        together = sum(part for _, part in least)
        place = len(rows) - (rows[-1].label == LATENESS_WORDS[OVERDUE])
        rows.insert(place, Bar(f"{len(least)} other things of it together", together, days(together)))
    total = Bar("expected", terms.expected_late_centidays, days(terms.expected_late_centidays))
    return Section("Why it is expected so many days late", (*rows, total))


def _charges(terms: QuoteTerms) -> Section:
    rows = [
        Bar(CHARGE_WORDS[name], amount, _money(terms, amount)) for name, amount in terms.charges if amount
    ]
    total = sum(amount for _, amount in terms.charges)
    return Section("What the least discount pays for", (*rows, Bar("in all", total, _money(terms, total))))


def _money(terms: QuoteTerms, amount: int) -> str:
    return money(amount, terms.currency)
