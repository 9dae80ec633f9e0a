"""What people are shown of credit insurance: policies, claims, and the answer that is owed at any time.

*Is my cover still valid, and what must I notify by when?* `answer` is a pure function of the state: every
condition with whether it holds and why not, every date, and the next thing to do. Whoever proves the entries
that it reads has a proof of the answer. Amounts are minor units beside their currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from contracts.context import business_day
from contracts.insurance import coverage
from contracts.insurance.coverage import CLOCK, CONDITIONS, Facts, Question
from contracts.insurance.indemnity import decide
from contracts.insurance.insurance_claim import (
    ACCEPTED,
    CLAIM,
    DISPUTED,
    FILED,
    NOTIFIED,
    PAID,
    SUBROGATED,
    WAITING,
    Claim,
    claims_on,
    made_good_by,
    open_amount,
    read_claim,
)
from contracts.insurance.policy import LIFE, Cover, Policy, read_cover, read_policy
from contracts.trade.invoice import Invoice, read_invoice
from contracts.trade.relationship_views import record_view
from contracts.views import Page, Scanner, View, page, shown_day
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.money import Money
from ledger.state.overlay import Reader

SHOWN_BUYERS = 3
"""Buyers that a sentence names."""


def policy_view(state: Reader, insurer: str, number: str) -> View | None:
    """A policy on the business date, with the limit of each buyer."""
    policy = read_policy(state, insurer, number)
    return None if policy is None else _policy(state, insurer, number, policy)


def policies(
    scanner: Scanner,
    insurer: str | None = None,
    *,
    assured: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Policies, of one insurer or one assured if asked for."""

    def view(parts: tuple[Any, ...], value: Value) -> View | None:
        policy = Policy._make(value)
        return _policy(scanner, parts[0], parts[1], policy) if assured in (None, policy.assured) else None

    return page(scanner, "policy", (insurer,), limit, after, view)


def _policy(state: Reader, insurer: str, number: str, policy: Policy) -> View:
    names = ("assured", "currency", "insured_ppm", "deductible", "waiting_days", "notify_days")
    money = ("maximum", "promised", "premium")
    day = business_day(state)
    covers = [(buyer, read_cover(state, insurer, number, buyer)) for buyer in policy.buyers]
    return {
        "insurer": insurer,
        "policy": number,
        "status": LIFE.states[policy.status_on(day)],
        "business_date": iso_from_day(day),
        **{name: getattr(policy, name) for name in (*names, *money)},
        "loss_payee": policy.loss_payee or None,
        "starts": iso_from_day(policy.starts),
        "ends": iso_from_day(policy.ends),
        "bind_by": iso_from_day(policy.bind_by),
        "covers_from": shown_day(policy.since),
        "suspended": [
            {"from": iso_from_day(first), "until": shown_day(last)} for first, last in policy.pauses
        ],
        "buyers": [_cover(buyer, cover, day) for buyer, cover in covers if cover is not None],
    }


def _cover(buyer: str, cover: Cover, day: int) -> View:
    return {
        "buyer": buyer,
        "suppliers": list(cover.suppliers),
        "limit": cover.limit_on(max(day, cover.limits[0][0])),
        "used": cover.used,
        "premium": cover.premium,
        "pd_ppm": cover.pd_ppm,
        "limits": [{"from": iso_from_day(first), "limit": limit} for first, limit in cover.limits],
    }


def claim_view(state: Reader, assured: str, number: str) -> View | None:
    """A claim, with what is the insurer's of recoveries today."""
    claim = read_claim(state, assured, number)
    if claim is None:
        return None
    return _claim(state, assured, number, claim)


def claims(
    scanner: Scanner,
    assured: str | None = None,
    *,
    insurer: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Claims, of one assured, against one insurer or in one state if asked for."""

    def view(parts: tuple[Any, ...], value: Value) -> View | None:
        claim = Claim._make(value)
        return _claim(scanner, parts[0], parts[1], claim) if insurer in (None, claim.insurer) else None

    return page(scanner, "claim", (assured,), limit, after, view, status=status)


def _claim(state: Reader, assured: str, number: str, claim: Claim) -> View:
    invoice = read_invoice(state, claim.supplier, claim.invoice)
    assert invoice is not None, "a claim is about an invoice"
    is_open = claim.status in (NOTIFIED, WAITING, FILED, DISPUTED)
    names = ("insurer", "policy", "supplier", "invoice", "currency", "limit")
    sums = ("loss", "indemnity", "paid", "ceded")
    return {
        "assured": assured,
        "claim": number,
        "status": CLAIM.states[claim.status],
        **{name: getattr(claim, name) for name in (*names, *sums)},
        "notified": iso_from_day(claim.notified),
        "filed": shown_day(claim.filed),
        "file_from": _file_from(state, claim, invoice) if claim.status in (NOTIFIED, WAITING) else None,
        "reason": claim.reason or None,
        "indemnity_today": max(0, decide(state, assured, claim).indemnity) if is_open else None,
        "recovered": claim.recovered(open_amount(invoice)),
        "to_cede": max(0, claim.insurers_part(open_amount(invoice)) - claim.ceded),
    }


def _file_from(state: Reader, claim: Claim, invoice: Invoice) -> str:
    """First day on which the loss may be filed."""
    policy = read_policy(state, claim.insurer, claim.policy)
    assert policy is not None, "a claim is under a policy"
    return iso_from_day(invoice.due_day + policy.waiting_days)


def answer(state: Reader, question: Question) -> View:
    """Is this invoice covered, why not, and what must be done by when; on the business date.

    Raises:
        Refusal: `unknown_policy`, `unknown_invoice`, `unknown_shipment`, `shipments_missing`.
    """
    facts = coverage.read(state, question)
    claim = _claim_on(state, question)
    conditions = [_outcome(check, facts) for check in CONDITIONS]
    is_late = claim is None and facts.day > facts.notify_by
    if is_late:
        conditions += [_outcome(check, facts) for check in CLOCK]
    is_covered = all(condition["holds"] for condition in conditions)
    left = max(0, facts.limit - (facts.cover.used if facts.cover else 0))
    would_be = _as_claimed(facts)
    decision = decide(state, question.assured, would_be)
    made_good = made_good_by(state, question.assured, would_be)
    return {
        "business_date": iso_from_day(facts.day),
        "covered": is_covered,
        "conditions": conditions,
        "status": LIFE.states[facts.policy.status_on(facts.day)],
        "currency": facts.policy.currency,
        "shipped": [iso_from_day(day) for day in facts.shipped],
        "recorded": [iso_from_day(departure.recorded) for departure in facts.departures],
        "limit_when_shipped": facts.limit,
        "limit_left": left,
        "loss_today": decision.loss,
        "indemnity_today": max(0, decision.indemnity) if is_covered else 0,
        "made_good_by": None if made_good is None else {"assured": made_good[0], "claim": made_good[1]},
        "due": iso_from_day(facts.invoice.due_day),
        "days_overdue": max(0, facts.day - facts.invoice.due_day),
        "notify_by": iso_from_day(facts.notify_by),
        "file_from": iso_from_day(facts.file_from),
        "assured": question.assured,
        "insurer": question.insurer,
        "policy": question.policy,
        "supplier": question.supplier,
        "invoice": question.invoice,
        "claim": None if claim is None else {"claim": claim[0], "status": CLAIM.states[claim[1].status]},
        "next": _next(facts, None if claim is None else claim[1], is_covered=is_covered),
    }


def _as_claimed(facts: Facts) -> Claim:
    """The claim as it would stand if it were notified today."""
    asked = facts.question
    place = (asked.insurer, asked.policy, asked.supplier, asked.invoice)
    return Claim(NOTIFIED, *place, facts.policy.currency, facts.day, facts.shipped, facts.limit)


def invoices_of(records: Iterable[Value]) -> tuple[str, ...]:
    """Numbers of the invoices that a complete history leaves open, as far as it says; oldest first."""
    found: dict[str, None] = {}
    for record in records:
        shown = record_view(record)
        kind, number = shown["kind"], shown["number"]
        if kind == "invoice":
            found[number] = None
        elif kind in ("reject", "cancel") or (kind in ("payment", "certificate") and shown["settled"]):
            found.pop(number, None)
    return tuple(found)


def deadline(state: Reader, question: Question) -> View | None:
    """What the policy's clock says of an invoice that the buyer still owes; None where it does not run.

    The clock alone: whether the other conditions of cover hold is for `answer`.
    """
    policy = read_policy(state, question.insurer, question.policy)
    invoice = read_invoice(state, question.supplier, question.invoice)
    if policy is None or invoice is None or not invoice.is_live or invoice.currency != policy.currency:
        return None
    owed, day = open_amount(invoice), business_day(state)
    claim = _claim_on(state, question)
    if not owed:
        return None
    notify_by = invoice.due_day + policy.notify_days
    if claim is not None:
        status = CLAIM.states[claim[1].status]
    elif day <= invoice.due_day:
        status = "NotDue"
    else:
        status = "Void" if day > notify_by else "Notify"
    return {
        "supplier": question.supplier,
        "invoice": question.invoice,
        "buyer": invoice.buyer,
        "currency": invoice.currency,
        "open": owed,
        "due": iso_from_day(invoice.due_day),
        "days_overdue": max(0, day - invoice.due_day),
        "notify_by": iso_from_day(notify_by),
        "days_left": notify_by - day,
        "file_from": iso_from_day(invoice.due_day + policy.waiting_days),
        "claim": None if claim is None else claim[0],
        "status": status,
    }


def cover_sentence(view: View) -> str:
    """The answer in a sentence."""
    if not view["covered"]:
        reasons = ", ".join(str(each["code"]) for each in view["conditions"] if not each["holds"])
        return f"not covered ({reasons}); {view['next']}"
    made_good = view["made_good_by"]
    if made_good is not None and not view["loss_today"]:
        by = f"claim {made_good['claim']} of {made_good['assured']}"
        return f"covered, and {by} makes its loss good; {view['next']}"
    today = Money(view["indemnity_today"], view["currency"])
    return f"covered, {today} if it were decided today; {view['next']}"


def policy_sentence(view: View) -> str:
    """Where a policy stands."""
    left = Money(view["maximum"] - view["promised"], view["currency"])
    buyers = ", ".join(entry["buyer"] for entry in view["buyers"][:SHOWN_BUYERS])
    more = "" if len(view["buyers"]) <= SHOWN_BUYERS else ", …"
    return f"{view['status']}, insures {view['assured']} against {buyers}{more}, {left} left"


def claim_sentence(view: View) -> str:
    """Where a claim stands."""
    currency = view["currency"]
    said = [f"{view['status']}, on invoice {view['invoice']} of {view['supplier']}"]
    said += [
        f"{what} {Money(view[name], currency)}"
        for name, what in (("indemnity", "indemnity"), ("paid", "paid"), ("to_cede", "to cede"))
        if view[name]
    ]
    return ", ".join(said)


def _claim_on(state: Reader, question: Question) -> tuple[str, Claim] | None:
    for assured, number in claims_on(state, question.supplier, question.invoice):
        if assured == question.assured:
            found = read_claim(state, assured, number)
            return None if found is None else (number, found)
    return None


def _outcome(check: Callable[[Facts], None], facts: Facts) -> View:
    """One condition: what it says, and why it does not hold."""
    says = (check.__doc__ or "").strip()
    try:
        check(facts)
    except Refusal as refusal:
        return {
            "holds": False,
            "condition": says,
            "code": refusal.code,
            "found": None if refusal.found is None else str(refusal.found),
            "expected": None if refusal.expected is None else str(refusal.expected),
            "remedy": refusal.remedy,
        }
    return {"holds": True, "condition": says}


def _next(facts: Facts, claim: Claim | None, *, is_covered: bool) -> str:
    """The next thing to do, in a sentence with its date."""
    if claim is not None:
        return _next_of_claim(facts, claim)
    if not is_covered:
        return "nothing: it is not covered"
    if facts.day <= facts.invoice.due_day:
        return (
            f"nothing before it is overdue on {iso_from_day(facts.invoice.due_day + 1)}; "
            f"then notify by {iso_from_day(facts.notify_by)}"
        )
    return f"notify by {iso_from_day(facts.notify_by)}, or cover is void"


def _next_of_claim(facts: Facts, claim: Claim) -> str:
    if claim.status in (NOTIFIED, WAITING):
        if _is_quarrelled(facts.invoice):
            return "have the buyer's dispute resolved: it blocks the claim"
        return f"file from {iso_from_day(max(facts.file_from, facts.day))}"
    if claim.status == PAID:
        return "subrogate, then cede what is the insurer's of recoveries"
    if claim.status == SUBROGATED and claim.insurers_part(open_amount(facts.invoice)) > claim.ceded:
        return "cede what is the insurer's of recoveries"
    if claim.status == FILED:
        return "wait for the insurer's decision"
    return "wait for the indemnity" if claim.status == ACCEPTED else "nothing"


def _is_quarrelled(invoice: Invoice) -> bool:
    try:
        coverage.undisputed(invoice)
    except Refusal:
        return True
    return False
