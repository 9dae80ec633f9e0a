"""How a claim under a credit insurance policy is decided: notified, waited for, filed, accepted or rejected.

The clock runs from the due date: an overdue invoice is notified within the policy's days or its cover is
void; a loss is filed once the waiting period is over. A buyer's dispute blocks filing and acceptance until it
is resolved: insured is that the buyer cannot pay, not that it quarrels. `contracts.insurance.coverage` has
the conditions, `contracts.insurance.insurance_claim` the document.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import InvoiceNumber, Number, Operation, OrganisationId, PositiveAmount, Reason
from contracts.finance.claim import read_lien
from contracts.insurance import coverage
from contracts.insurance.insurance_claim import (
    ACCEPTED,
    CLAIM,
    NOTIFIED,
    Claim,
    claim_of,
    claims_on,
    insured_key,
    insurers_claim,
    invoice_of,
    made_good_by,
    open_amount,
    promised_to_others,
    put_claim,
    read_claim,
)
from contracts.insurance.policy import (
    ACTIVE,
    EXHAUSTED,
    LIFE,
    SUSPENDED,
    cover_key,
    cover_of,
    policy_key,
    policy_of,
    read_cover,
    read_policy,
)
from contracts.pricing import formulae
from contracts.trade.invoice import read_invoice
from ledger.money import Money
from ledger.state.overlay import Reader


class ClaimNotify(Operation):
    """The assured notifies an overdue invoice, within the policy's clock."""

    op: Literal["claim.notify"]
    claim: Number = Field(description="claim number, as the assured writes it")
    insurer: OrganisationId
    policy: Number
    supplier: OrganisationId
    invoice: InvoiceNumber
    shipments: Annotated[
        tuple[Number, ...],
        Field(max_length=coverage.MAX_SHIPMENTS, description="shipments of all that it bills; with an order"),
    ] = ()


class ClaimAcknowledge(Operation):
    """The insurer acknowledges a notification: the waiting period runs."""

    op: Literal["claim.acknowledge"]
    claim: Number
    assured: OrganisationId


class ClaimFile(Operation):
    """The assured files the loss, once the waiting period is over."""

    op: Literal["claim.file"]
    claim: Number


class ClaimAccept(Operation):
    """The insurer accepts a claim: the loss is fixed and the indemnity promised."""

    op: Literal["claim.accept"]
    claim: Number
    assured: OrganisationId
    indemnity: PositiveAmount = Field(description="indemnity as the ledger computes it; minor units")


class ClaimReject(Operation):
    """The insurer rejects a claim."""

    op: Literal["claim.reject"]
    claim: Number
    assured: OrganisationId
    reason: Reason


class ClaimDispute(Operation):
    """The assured disputes a rejection."""

    op: Literal["claim.dispute"]
    claim: Number
    reason: Reason


class ClaimWithdraw(Operation):
    """The assured withdraws a claim that is not paid: the buyer has paid, say."""

    op: Literal["claim.withdraw"]
    claim: Number


def notify(context: Context, operation: ClaimNotify) -> None:
    """Notified by the assured: every condition of cover holds and the clock has not run out."""
    assured, number = context.actor, operation.claim
    if read_claim(context.state, assured, number) is not None:
        raise refuse("duplicate_number", "claim number used", field="claim", found=number)
    policy_of(context, operation.insurer, operation.policy)
    question = coverage.Question(
        assured,
        operation.insurer,
        operation.policy,
        operation.supplier,
        operation.invoice,
        tuple(operation.shipments),
    )
    facts = coverage.read(context.state, question)
    for check in (*coverage.CONDITIONS, *coverage.CLOCK):
        check(facts)
    known = claims_on(context.state, operation.supplier, operation.invoice)
    if any(other == assured for other, _ in known):
        raise refuse("already_notified", "notified under another number", field="invoice")
    claim = Claim(
        NOTIFIED,
        operation.insurer,
        operation.policy,
        operation.supplier,
        operation.invoice,
        facts.policy.currency,
        context.day,
        facts.shipped,
        facts.limit,
    )
    put_claim(context, assured, number, claim)
    context.put(insured_key(operation.supplier, operation.invoice), (*known, (assured, number)))


def _move(context: Context, assured: str, number: str, claim: Claim, by: str) -> None:
    put_claim(context, assured, number, claim._replace(status=CLAIM.after(claim.status, by)))


def acknowledge(context: Context, operation: ClaimAcknowledge) -> None:
    """Acknowledged by the insurer."""
    claim = insurers_claim(context, operation.assured, operation.claim)
    _move(context, operation.assured, operation.claim, claim, operation.op)


def file(context: Context, operation: ClaimFile) -> None:
    """Filed by the assured: the waiting period is over, and the buyer owes and disputes nothing."""
    claim = claim_of(context, context.actor, operation.claim)
    policy = policy_of(context, claim.insurer, claim.policy)
    invoice = invoice_of(context, claim)
    coverage.waited(invoice, policy, context.day)
    coverage.undisputed(invoice)
    _move(context, context.actor, operation.claim, claim._replace(filed=context.day), operation.op)


def accept(context: Context, operation: ClaimAccept) -> None:
    """Accepted by the insurer, at the indemnity that the ledger computes."""
    assured, number = operation.assured, operation.claim
    claim = insurers_claim(context, assured, number)
    status = CLAIM.after(claim.status, operation.op)
    policy = policy_of(context, claim.insurer, claim.policy)
    invoice = invoice_of(context, claim)
    coverage.undisputed(invoice)
    cover = cover_of(context, claim.insurer, claim.policy, invoice.buyer)
    loss, ahead, pool, insured, indemnity = decide(context.state, assured, claim)
    _check_indemnity(Money(indemnity, policy.currency), operation)
    accepted = claim._replace(
        status=status,
        loss=loss,
        base=open_amount(invoice),
        ahead=ahead,
        pool=pool,
        insured=insured,
        indemnity=indemnity,
    )
    invariants.indemnity_in_share(indemnity, loss, policy.insured_ppm)
    total = policy.promised + indemnity
    invariants.within_cover(cover.used + insured, cover.limits[0][1], total, policy.maximum)
    put_claim(context, assured, number, accepted)
    used = cover._replace(used=cover.used + insured)
    context.put(cover_key(claim.insurer, claim.policy, invoice.buyer), tuple(used))
    promised = policy._replace(promised=total)
    if promised.promised == promised.maximum:
        promised = promised._replace(status=LIFE.after(promised.status, operation.op))
        assert promised.status == EXHAUSTED
    context.put(policy_key(claim.insurer, claim.policy), tuple(promised))


class Decision(NamedTuple):
    """What an acceptance fixes. Minor units; see `Claim`."""

    loss: int
    ahead: int
    pool: int
    insured: int
    indemnity: int


def decide(state: Reader, assured: str, claim: Claim) -> Decision:
    """The loss of today and its indemnity, from the state alone; 0 or less where there is nothing to pay."""
    policy = read_policy(state, claim.insurer, claim.policy)
    invoice = read_invoice(state, claim.supplier, claim.invoice)
    assert policy is not None, "a claim is under a policy"
    assert invoice is not None, "a claim is about an invoice"
    cover = read_cover(state, claim.insurer, claim.policy, invoice.buyer)
    lien = read_lien(state, claim.supplier, claim.invoice)
    loss, ahead, pool = coverage.interest(invoice, claim.supplier, lien, assured, policy.loss_payee)
    if made_good_by(state, assured, claim) is not None:
        loss, ahead, pool = coverage.interest(invoice, claim.supplier, lien, assured, "")
        loss = loss if assured == claim.supplier else 0
    left = 0 if cover is None else max(0, claim.limit - cover.used)
    others = promised_to_others(state, claim.supplier, claim.invoice, invoice, assured)
    indemnity = min(
        formulae.indemnity(loss, left, policy.deductible, policy.insured_ppm),
        policy.maximum - policy.promised,
        open_amount(invoice) - others,
    )
    return Decision(loss, ahead, pool, min(loss, left), indemnity)


def _check_indemnity(indemnity: Money, operation: ClaimAccept) -> None:
    if indemnity.amount <= 0:
        raise refuse(
            "nothing_to_indemnify",
            "no loss within limit and deductible",
            field="claim",
            found=operation.claim,
        )
    if operation.indemnity != indemnity.amount:
        raise refuse(
            "amount_mismatch",
            "not the indemnity of today",
            field="indemnity",
            found=Money(operation.indemnity, indemnity.currency),
            expected=indemnity,
        )


def reject(context: Context, operation: ClaimReject) -> None:
    """Rejected by the insurer, with its reason."""
    claim = insurers_claim(context, operation.assured, operation.claim)
    stated = claim._replace(reason=operation.reason)
    _move(context, operation.assured, operation.claim, stated, operation.op)


def dispute(context: Context, operation: ClaimDispute) -> None:
    """Disputed by the assured: the insurer decides again, and both reasons are on the ledger."""
    claim = claim_of(context, context.actor, operation.claim)
    stated = claim._replace(reason=operation.reason)
    _move(context, context.actor, operation.claim, stated, operation.op)


def withdraw(context: Context, operation: ClaimWithdraw) -> None:
    """Withdrawn by the assured; what was promised is free again."""
    assured, number = context.actor, operation.claim
    claim = claim_of(context, assured, number)
    _move(context, assured, number, claim._replace(insured=0, indemnity=0), operation.op)
    if claim.status == ACCEPTED:
        policy = policy_of(context, claim.insurer, claim.policy)
        buyer = invoice_of(context, claim).buyer
        cover = cover_of(context, claim.insurer, claim.policy, buyer)
        freed = cover._replace(used=cover.used - claim.insured)
        context.put(cover_key(claim.insurer, claim.policy, buyer), tuple(freed))
        less = policy._replace(promised=policy.promised - claim.indemnity)
        if policy.status == EXHAUSTED:
            target = SUSPENDED if policy.is_paused else ACTIVE
            less = less._replace(status=LIFE.after(EXHAUSTED, operation.op, target))
        context.put(policy_key(claim.insurer, claim.policy), tuple(less))
    key = insured_key(claim.supplier, claim.invoice)
    left = tuple(
        [pair for pair in claims_on(context.state, claim.supplier, claim.invoice) if pair[0] != assured]
    )
    if left:
        context.put(key, left)
    else:
        context.state.delete(key)
