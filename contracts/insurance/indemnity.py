"""A claim under a credit insurance policy: notified, waited for, filed, decided.

    ("claim", assured, claim)     -> Claim
    ("insured", supplier, invoice) -> ((assured, claim), …): claims on an invoice that are not withdrawn

The clock runs from the due date: an overdue invoice is notified within the policy's days or its cover is
void; a loss is filed once the waiting period is over. A buyer's dispute blocks filing and acceptance until it
is resolved: insured is that the buyer cannot pay, not that it quarrels. `contracts.insurance.coverage` has
the conditions, `contracts.insurance.subrogation` the money.

The loss is fixed at acceptance. What comes in on the invoice afterwards is recovery: the insurer has the part
of it that it bore of the loss. So at any time buyer's cash + indemnities - what is the insurer's ≤ what
is owed (invariant 19), whatever is paid, credited or written off in between.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.fields import InvoiceNumber, Number, Operation, OrganisationId, PositiveAmount, Reason
from contracts.finance.claim import Lien, read_lien, shares_of
from contracts.insurance import coverage
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
from contracts.lifecycle import LifeCycle, Transition
from contracts.pricing import formulae
from contracts.trade.invoice import Invoice, read_invoice
from ledger.money import Money, divide_up
from ledger.state.overlay import Reader, state_key

NOTIFIED, WAITING, FILED, ACCEPTED, REJECTED, DISPUTED, PAID, SUBROGATED, SHARED, WITHDRAWN = range(10)
CLAIM = LifeCycle(
    "insurance claim",
    "status",
    (
        "Notified",
        "Waiting",
        "Filed",
        "Accepted",
        "Rejected",
        "Disputed",
        "Paid",
        "Subrogated",
        "RecoveriesShared",
        "Withdrawn",
    ),
    (
        Transition("claim.acknowledge", "Notified", "Waiting"),
        Transition("claim.file", "Notified", "Filed", "the insurer has not answered"),
        Transition("claim.file", "Waiting", "Filed"),
        Transition("claim.accept", "Filed", "Accepted"),
        Transition("claim.accept", "Disputed", "Accepted"),
        Transition("claim.reject", "Filed", "Rejected"),
        Transition("claim.reject", "Disputed", "Rejected"),
        Transition("claim.dispute", "Rejected", "Disputed"),
        *[
            Transition("claim.withdraw", state, "Withdrawn")
            for state in ("Notified", "Waiting", "Filed", "Rejected", "Disputed", "Accepted")
        ],
        Transition("indemnity.pay", "Accepted", "Paid"),
        Transition("indemnity.attest", "Accepted", "Paid"),
        Transition("claim.subrogate", "Paid", "Subrogated"),
        Transition("recovery.cede", "Subrogated", "Subrogated", "more of the loss is open"),
        Transition("recovery.cede", "Subrogated", "RecoveriesShared", "all of the loss came in"),
        Transition("recovery.attest", "Subrogated", "Subrogated", "more of the loss is open"),
        Transition("recovery.attest", "Subrogated", "RecoveriesShared", "all of the loss came in"),
    ),
)
BINDING = (ACCEPTED, PAID, SUBROGATED, SHARED)
"""States in which an indemnity is promised or was paid."""


class Claim(NamedTuple):
    """State value of an insurance claim. Amounts in minor units, days since 1970."""

    status: int
    """Place in the states of `CLAIM`."""
    insurer: str
    policy: str
    supplier: str
    invoice: str
    currency: str
    notified: int
    shipped: tuple[int, ...]
    """Days on which the goods were shipped; without an order the day of issue."""
    limit: int
    """The least limit of those days."""
    filed: int = 0
    loss: int = 0
    """The assured's part of what was open at acceptance."""
    base: int = 0
    """What was open on the invoice then."""
    ahead: int = 0
    """What comes in before anything reaches the assured."""
    pool: int = 0
    """What comes in next, of which the assured has its part: see `coverage.Interest`."""
    insured: int = 0
    """min(loss, limit left): what it uses of the limit."""
    indemnity: int = 0
    paid: int = 0
    """Cash that the insurer paid: the indemnity less its part of what came in before."""
    ceded: int = 0
    """The insurer's part of recoveries that it has."""
    reason: str = ""

    def reached(self, open_now: int) -> int:
        """What came in, or fell away, of the pool since the loss was fixed; minor units."""
        return max(0, min(self.pool, self.base - open_now - self.ahead))

    def recovered(self, open_now: int) -> int:
        """The assured's part of that, its loss at most; minor units."""
        return divide_up(self.reached(open_now) * self.loss, self.pool) if self.pool else 0

    def insurers_part(self, open_now: int) -> int:
        """The insurer's part of that, rounded up: what a fraction leaves is in its account `recoveries`."""
        return divide_up(self.reached(open_now) * self.indemnity, self.pool) if self.pool else 0


def claim_in_bounds(claim: Claim) -> None:
    """Invariant 21: what was paid and ceded is part of what was promised, and that of the loss."""
    if not 0 <= claim.paid <= claim.indemnity <= claim.insured <= claim.loss:
        raise InvariantBroken(21, f"paid {claim.paid}, indemnity {claim.indemnity}, loss {claim.loss}")
    if not 0 <= claim.ceded <= claim.indemnity or not claim.loss <= claim.pool <= claim.base - claim.ahead:
        raise InvariantBroken(21, f"ceded {claim.ceded} of {claim.indemnity}, {claim.loss} of {claim.base}")


def recovery_adds_up(reached: int, insurers: int, claim: Claim) -> None:
    """Invariant 21: the insurer's part and the assured's are the recovery, by what each bore of the loss.

    `reached` is what came in of the pool. The insurer has less than one minor unit more than its exact part.
    """
    exact = reached * claim.indemnity
    if not exact <= insurers * claim.pool < exact + claim.pool or insurers > claim.indemnity:
        bore = f"{claim.indemnity} of {claim.pool}"
        raise InvariantBroken(21, f"{insurers} of {reached} recovered is not the part of who bore {bore}")


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


def claim_key(assured: str, claim: str) -> bytes:
    """State key of an insurance claim."""
    return state_key("claim", assured, claim)


def insured_key(supplier: str, invoice: str) -> bytes:
    """State key of the claims on an invoice."""
    return state_key("insured", supplier, invoice)


def read_claim(state: Reader, assured: str, claim: str) -> Claim | None:
    """The claim, if there is one."""
    value = state.get(claim_key(assured, claim))
    return None if value is None else Claim._make(value)


def open_amount(invoice: Invoice) -> int:
    """What the buyer has not paid, written off or not; minor units."""
    return invoice.outstanding + invoice.written_off


def claims_on(state: Reader, supplier: str, invoice: str) -> tuple[tuple[str, str], ...]:
    """(assured, claim) of each claim on an invoice that is not withdrawn."""
    return tuple([(pair[0], pair[1]) for pair in state.get(insured_key(supplier, invoice)) or ()])


def own_claim(state: Reader, supplier: str, invoice: str) -> str:
    """Number of the supplier's claim on its invoice, empty for none; it has one at a time."""
    return next(
        (number for assured, number in claims_on(state, supplier, invoice) if assured == supplier), ""
    )


def promised_to_others(state: Reader, supplier: str, number: str, invoice: Invoice, assured: str) -> int:
    """Indemnities on an invoice to other assureds, less what is the insurers' of recoveries."""
    total = 0
    for other, claim in claims_on(state, supplier, number):
        found = read_claim(state, other, claim)
        assert found is not None, "a claim that is listed stands"
        if other != assured and found.status in BINDING:
            total += found.indemnity - found.insurers_part(open_amount(invoice))
    return total


def check_not_indemnified(state: Reader, supplier: str, number: str, lien: Lien) -> None:
    """Refuse to have a supplier make good to a lender what an insurer makes good to it (invariant 19).

    Its own policy, or one that pays it first: from the acceptance on its loss is the insurer's.
    """
    for assured, claim in claims_on(state, supplier, number):
        found = read_claim(state, assured, claim)
        assert found is not None, "a claim that is listed stands"
        if found.status not in (ACCEPTED, PAID, SUBROGATED):
            continue
        policy = read_policy(state, found.insurer, found.policy)
        assert policy is not None, "a claim is under a policy"
        lenders = [share.lender for share in shares_of(lien)]
        if assured in lenders or (policy.loss_payee and policy.loss_payee == lien.lender):
            raise refuse(
                "indemnified",
                "an insurer makes it good",
                field="invoice",
                found=f"claim {claim} of {assured}",
                expected="no insurance claim that was accepted",
            )


def claim_of(context: Context, assured: str, number: str) -> Claim:
    """The claim; refused if there is none."""
    found = read_claim(context.state, assured, number)
    if found is None:
        raise refuse("unknown_claim", "no such claim", field="claim", found=f"{number} of {assured}")
    return found


def insurers_claim(context: Context, assured: str, number: str) -> Claim:
    """The claim; refused unless the signer is its insurer."""
    found = claim_of(context, assured, number)
    if found.insurer != context.actor:
        raise refuse(
            "not_party",
            "another insurer's claim",
            field="signer",
            found=context.actor,
            expected=found.insurer,
        )
    return found


def invoice_of(context: Context, claim: Claim) -> Invoice:
    """The invoice that a claim is about."""
    invoice = read_invoice(context.state, claim.supplier, claim.invoice)
    assert invoice is not None, "a claim is about an invoice"
    return invoice


def put_claim(context: Context, assured: str, number: str, claim: Claim) -> None:
    """Write a claim within its promise (invariant 20)."""
    claim_in_bounds(claim)
    context.put(claim_key(assured, number), tuple(claim))


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


def made_good_by(state: Reader, assured: str, claim: Claim) -> tuple[str, str] | None:
    """(assured, claim) of another policy that makes good what the invoice's one lender loses, if one does.

    It is the lender's own, or the supplier's that pays it first. A principal is insured once, by the claim
    that was accepted first: two insurers of it could not both have their part of what the buyer pays.
    """
    lien = read_lien(state, claim.supplier, claim.invoice)
    if lien is None or not lien.lender:
        return None
    for other, number in claims_on(state, claim.supplier, claim.invoice):
        found = read_claim(state, other, number)
        assert found is not None, "a claim that is listed stands"
        if other == assured or found.status not in BINDING:
            continue
        policy = read_policy(state, found.insurer, found.policy)
        assert policy is not None, "a claim is under a policy"
        if lien.lender in (other, policy.loss_payee):
            return other, number
    return None


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
