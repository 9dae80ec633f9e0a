"""A claim under a credit insurance policy: the document, its table, and what follows from it.

    ("claim", assured, claim)     -> Claim
    ("insured", supplier, invoice) -> ((assured, claim), …): claims on an invoice that are not withdrawn

The loss is fixed at acceptance. What comes in on the invoice afterwards is recovery: the insurer has the part
of it that it bore of the loss. So at any time buyer's cash + indemnities - what is the insurer's ≤ what
is owed (invariant 19), whatever is paid, credited or written off in between.
`contracts.insurance.indemnity` decides claims, `contracts.insurance.subrogation` moves the money.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.finance.claim import Lien, read_lien, shares_of
from contracts.insurance.policy import read_policy
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade.invoice import Invoice, read_invoice
from ledger.money import divide_up
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
        *[
            Transition(by, "Subrogated", target, when)
            for by in ("recovery.cede", "recovery.attest")
            for target, when in (
                ("Subrogated", "more of the indemnity is out"),
                ("RecoveriesShared", "the insurer has all of the indemnity back"),
            )
        ],
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
