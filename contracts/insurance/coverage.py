"""Whether an invoice is covered by a policy: one condition a function, for a claim as for an answer.

Each takes `Facts`, read from the state alone, and refuses with what was found and what was expected.
`contracts.insurance.indemnity` runs them when a claim is notified; `contracts.insurance.insurance_views` runs
all of them at any time and lists every reason, so that a credit manager knows before it is too late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from contracts.context import business_day
from contracts.errors import refuse
from contracts.finance.claim import Lien, read_lien, shares_of
from contracts.insurance.policy import Cover, Policy, read_cover, read_policy
from contracts.trade.invoice import CONFIRMED, HELD, VALIDITY, Invoice, read_invoice
from contracts.trade.shipment import Shipment, shipment_key
from ledger.dates import iso_from_day
from ledger.money import CurrencyMismatch, Money
from ledger.state.overlay import Reader

MAX_SHIPMENTS = 20
"""Shipments that one invoice bills."""


class Question(NamedTuple):
    """Is this invoice covered for this assured?"""

    assured: str
    insurer: str
    policy: str
    supplier: str
    invoice: str
    shipments: tuple[str, ...]


class Departure(NamedTuple):
    """When goods left, and when the ledger was told; of an invoice without an order, when it was issued."""

    day: int
    recorded: int


class Facts(NamedTuple):
    """What the answer stands on."""

    question: Question
    day: int
    policy: Policy
    cover: Cover | None
    invoice: Invoice
    lien: Lien | None
    departures: tuple[Departure, ...]
    """Of what is billed, ascending."""

    @property
    def shipped(self) -> tuple[int, ...]:
        """Days of shipment, ascending; of issue where there is no order."""
        return tuple(sorted({departure.day for departure in self.departures}))

    @property
    def limit(self) -> int:
        """The least limit of the days of shipment: what was insured when the goods left."""
        if self.cover is None:
            return 0
        return min(self.cover.least_limit(*departure) for departure in self.departures)

    @property
    def notify_by(self) -> int:
        """Last day on which it may be notified as overdue."""
        return self.invoice.due_day + self.policy.notify_days

    @property
    def file_from(self) -> int:
        """First day on which the loss may be filed."""
        return self.invoice.due_day + self.policy.waiting_days


def read(state: Reader, question: Question) -> Facts:
    """The facts of a question, from the state alone.

    Raises:
        Refusal: `unknown_policy`, `unknown_invoice`, `unknown_shipment`, `shipments_missing`.
    """
    policy = read_policy(state, question.insurer, question.policy)
    if policy is None:
        raise refuse("unknown_policy", "no such policy", field="policy", found=question.policy)
    invoice = read_invoice(state, question.supplier, question.invoice)
    if invoice is None:
        raise refuse("unknown_invoice", "no such invoice", field="invoice", found=question.invoice)
    return Facts(
        question,
        business_day(state),
        policy,
        read_cover(state, question.insurer, question.policy, invoice.buyer),
        invoice,
        read_lien(state, question.supplier, question.invoice),
        _departures(state, question, invoice),
    )


def _departures(state: Reader, question: Question, invoice: Invoice) -> tuple[Departure, ...]:
    """When what is billed left: the named shipments must carry all of it, so none is picked."""
    if not invoice.order:
        if question.shipments:
            raise refuse("shipments_missing", "the invoice has no order", field="shipments", expected="none")
        return (Departure(invoice.issue_day, invoice.recorded),)
    departures, units = set(), dict.fromkeys(invoice.billed_units, 0)
    for number in dict.fromkeys(question.shipments):
        value = state.get(shipment_key(question.supplier, number))
        found = None if value is None else Shipment._make(value)
        if found is None or (found.buyer, found.order) != (invoice.buyer, invoice.order) or not found.day:
            raise refuse(
                "unknown_shipment", "no dispatched shipment of the order", field="shipments", found=number
            )
        departures.add(Departure(found.day, found.recorded))
        for line, shipped, *_ in found.lines:
            units[line] = units.get(line, 0) + shipped
    for line, billed in invoice.billed_units.items():
        if units[line] < billed:
            raise refuse(
                "shipments_missing",
                "the shipments carry less than is billed",
                field="shipments",
                found=f"{units[line]} units of line {line}",
                expected=f"at least {billed}",
            )
    return tuple(sorted(departures)) or (Departure(invoice.issue_day, invoice.recorded),)


def paid_for(facts: Facts) -> None:
    """The premium was paid."""
    if not facts.policy.since:
        raise refuse(
            "policy_not_active", "the premium is not paid", field="policy", found=facts.question.policy
        )


def is_assured(facts: Facts) -> None:
    """The policy insures whoever asks."""
    if facts.policy.assured != facts.question.assured:
        raise refuse(
            "not_party",
            "the policy insures another",
            field="signer",
            found=facts.question.assured,
            expected=facts.policy.assured,
        )


def same_currency(facts: Facts) -> None:
    """Invoice and policy are in one currency (invariant 9)."""
    if facts.policy.currency != facts.invoice.currency:
        raise CurrencyMismatch(facts.invoice.currency, facts.policy.currency, "invoice")


def names_buyer(facts: Facts) -> None:
    """The policy has a limit for the buyer's debts to this supplier."""
    cover, question = facts.cover, facts.question
    if cover is None or question.supplier not in cover.suppliers:
        raise refuse(
            "buyer_not_covered",
            "no limit for this buyer and supplier",
            field="invoice",
            found=f"{facts.invoice.buyer}, billed by {question.supplier}",
        )


def shipped_in_cover(facts: Facts) -> None:
    """The goods left while the policy was in force."""
    first, last = facts.policy.since or facts.policy.starts, facts.policy.ends
    for day, recorded in facts.departures:
        if not facts.policy.covers_shipment_on(day, recorded):
            raise refuse(
                "shipped_uncovered",
                "the goods left while nothing was covered",
                field="shipments",
                found=f"{iso_from_day(day)}, recorded {iso_from_day(recorded)}",
                expected=f"{iso_from_day(first)} to {iso_from_day(last)}, and no suspension",
            )


def limit_when_shipped(facts: Facts) -> None:
    """There was a limit when the goods left."""
    if not facts.limit:
        raise refuse("limit_withdrawn", "no limit when the goods left", field="shipments", found=0)


def has_interest(facts: Facts) -> None:
    """Whoever asks loses something if the buyer does not pay."""
    question = facts.question
    found = interest(facts.invoice, question.supplier, facts.lien, question.assured, facts.policy.loss_payee)
    if not found.loss or not facts.invoice.is_live:
        raise refuse("no_interest", "nothing to lose on it", field="invoice", found=question.invoice)


class Interest(NamedTuple):
    """What an assured loses of what is open on an invoice, and how money that comes in reaches it."""

    loss: int
    """Minor units."""
    ahead: int
    """What comes in before anything reaches it."""
    pool: int
    """What comes in next, of which it has its part: the loss, or that of all lenders who share the claim."""


def interest(invoice: Invoice, supplier: str, lien: Lien | None, assured: str, loss_payee: str) -> Interest:
    """An assured's part of what is open: a lender's principal first, then the supplier's rest.

    A pledge is the same as a purchase here. All of it is the supplier's where its policy pays the one lender
    first.
    """
    open_now = invoice.outstanding + invoice.written_off
    if lien is None or lien.title not in HELD:
        return Interest(open_now, 0, open_now) if assured == supplier else Interest(0, 0, 0)
    lenders = min(lien.principal, open_now)
    if assured == supplier:
        if loss_payee and loss_payee == lien.lender:
            return Interest(open_now, 0, open_now)
        return Interest(open_now - lenders, lenders, open_now - lenders)
    left = sum(share.left for share in shares_of(lien) if share.lender == assured)
    return Interest(left * lenders // lien.principal if left else 0, 0, lenders)


def overdue(facts: Facts) -> None:
    """The due date has passed."""
    if facts.day <= facts.invoice.due_day:
        raise refuse(
            "not_overdue",
            "it is not overdue",
            field="invoice",
            found=iso_from_day(facts.day),
            expected=f"after {iso_from_day(facts.invoice.due_day)}",
        )


def in_time(facts: Facts) -> None:
    """The notification clock has not run out."""
    if facts.day > facts.notify_by:
        raise refuse(
            "notified_too_late",
            "the notification clock has run out: cover is void",
            field="invoice",
            found=iso_from_day(facts.day),
            expected=f"by {iso_from_day(facts.notify_by)}",
        )


def waited(invoice: Invoice, policy: Policy, day: int) -> None:
    """The waiting period is over."""
    first = invoice.due_day + policy.waiting_days
    if day < first:
        raise refuse(
            "waiting_period",
            "the waiting period is not over",
            field="claim",
            found=iso_from_day(day),
            expected=f"{iso_from_day(first)} or later",
        )


def undisputed(invoice: Invoice) -> None:
    """The buyer owes it by its own word, and disputes nothing."""
    if invoice.validity != CONFIRMED:
        raise refuse(
            "not_confirmed",
            "the buyer has not confirmed it",
            field="invoice",
            found=VALIDITY.states[invoice.validity],
        )
    if invoice.contested:
        raise refuse(
            "disputed",
            "the buyer disputes it",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
        )


CONDITIONS: tuple[Callable[[Facts], None], ...] = (
    paid_for,
    is_assured,
    same_currency,
    names_buyer,
    shipped_in_cover,
    limit_when_shipped,
    has_interest,
)
"""What makes an invoice insured, in the order in which it is asked."""

CLOCK: tuple[Callable[[Facts], None], ...] = (overdue, in_time)
"""What a notification asks besides."""
