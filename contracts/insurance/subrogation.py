"""The money of an insurance claim: the indemnity out, and recoveries back to whoever bore the loss.

| leg | operation | from | to |
|---|---|---|---|
| indemnity | `indemnity.pay`, `indemnity.attest` | insurer | loss payee, up to its principal; assured |
| recovery | `recovery.cede`, `recovery.attest` | assured | insurer |

Each leg moves in one operation out of a deposit, or stays in a bank that attests it. Of what comes in after
the loss was fixed the insurer has the part that it bore, indemnity : loss, rounded up on the sum of all
recoveries (the fraction is in its account `recoveries`); the rest stays with the assured (invariant 21).
What came in before the indemnity is set off against it.

What a loss payee is paid it has of its principal: its claim falls by it, as if the buyer had paid, while the
buyer owes as much as before. The insurer stands in for so much (`claim.Lien.subrogated`). From then on its
part of what the buyer pays goes beside the waterfall to the assured, in trust, who cedes it; the rest runs
down to what is left to the lender, then to the supplier. So nobody recovers twice, and an uninsured part of
the loss is borne in the order of the waterfall: by the supplier's reserve first, then by the lender.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    EntryNumber,
    Number,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.finance import collection
from contracts.finance.claim import Lien, read_lien
from contracts.insurance.insurance_claim import (
    CLAIM,
    SHARED,
    SUBROGATED,
    Claim,
    claim_of,
    insurers_claim,
    invoice_of,
    open_amount,
    promised_to_others,
    put_claim,
    recovery_adds_up,
)
from contracts.insurance.policy import policy_of
from contracts.trade.invoice import HELD
from ledger.money import Money


class IndemnityPay(Operation):
    """The insurer pays an accepted claim out of its deposit."""

    op: Literal["indemnity.pay"]
    claim: Number
    assured: OrganisationId
    bank: OrganisationId = Field(description="settlement bank at which both have deposits")


class IndemnityAttest(Operation):
    """A settlement bank attests that the insurer paid an accepted claim."""

    op: Literal["indemnity.attest"]
    claim: Number
    assured: OrganisationId
    account: Account = Field(description="account on which it was booked")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount booked; minor units")


class ClaimSubrogate(Operation):
    """The assured hands its rights against the buyer over, up to the indemnity."""

    op: Literal["claim.subrogate"]
    claim: Number


class RecoveryCede(Operation):
    """The assured pays the insurer its part of recoveries out of its deposit."""

    op: Literal["recovery.cede"]
    claim: Number
    assured: OrganisationId
    bank: OrganisationId = Field(description="settlement bank at which both have deposits")


class RecoveryAttest(Operation):
    """A settlement bank attests that the insurer's part of recoveries was paid."""

    op: Literal["recovery.attest"]
    claim: Number
    assured: OrganisationId
    account: Account = Field(description="account on which it was booked")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount booked; minor units")


class _Payout(NamedTuple):
    """An accepted claim as paid, and who gets what of it."""

    claim: Claim
    lien: Lien | None
    """The claim of the loss payee, where it holds the invoice and has no policy of its own for it."""
    to_payee: int
    to_assured: int


def _payout(context: Context, assured: str, number: str, by: str) -> _Payout:
    """The claim after its payment: what the insurer would have back at once is set off.

    Raises:
        Refusal: `wrong_state`, `nothing_to_indemnify`.
    """
    claim = claim_of(context, assured, number)
    status = CLAIM.after(claim.status, by)
    invoice = invoice_of(context, claim)
    set_off = claim.insurers_part(open_amount(invoice))
    amount = claim.indemnity - set_off
    if amount <= 0:
        raise refuse("nothing_to_indemnify", "the loss has come in", field="claim", found=number)
    others = promised_to_others(context.state, claim.supplier, claim.invoice, invoice, assured)
    invariants.never_more_than_owed(amount + others, open_amount(invoice))
    lien = read_lien(context.state, claim.supplier, claim.invoice)
    payee = policy_of(context, claim.insurer, claim.policy).loss_payee
    paid = claim._replace(status=status, paid=amount, ceded=set_off)
    is_payees = bool(payee) and lien is not None and lien.title in HELD and lien.lender == payee != assured
    if lien is None or not is_payees or claim.ahead:
        return _Payout(paid, None, 0, amount)
    first = min(amount, lien.principal)
    return _Payout(paid, lien, first, amount - first)


def pay(context: Context, operation: IndemnityPay) -> None:
    """Paid by the insurer: its deposit pays and the claim is Paid, or neither."""
    insurers_claim(context, operation.assured, operation.claim)
    payout = _payout(context, operation.assured, operation.claim, operation.op)
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=payout.claim.insurer,
        currency=payout.claim.currency,
        payees=_payees(operation.assured, payout),
        purpose=deposit.Purpose(bank.INDEMNITY, operation.assured, operation.claim),
    )
    _paid(context, operation.assured, operation.claim, payout, context.day)


def attest(context: Context, operation: IndemnityAttest) -> None:
    """Attested by the bank: the claim is Paid."""
    payout = _payout(context, operation.assured, operation.claim, operation.op)
    _consume(context, operation, bank.INDEMNITY, payout.claim.currency, payout.claim.paid)
    _paid(context, operation.assured, operation.claim, payout, operation.date)


def _payees(assured: str, payout: _Payout) -> tuple[tuple[str, int], ...]:
    """(organisation, amount) of an indemnity, each above zero: the loss payee first."""
    parts = ((payout.lien.lender if payout.lien else "", payout.to_payee), (assured, payout.to_assured))
    return tuple([(payee, amount) for payee, amount in parts if amount])


def _paid(context: Context, assured: str, number: str, payout: _Payout, day: int) -> None:
    claim = payout.claim
    put_claim(context, assured, number, claim)
    if payout.lien is not None:
        place = (claim.supplier, claim.invoice)
        collection.indemnify(context, *place, payout.lien, (payout.to_payee, payout.to_assured), day)
    context.post(
        (
            (claim.insurer, "indemnities", claim.currency, -claim.paid),
            *((payee, "indemnity", claim.currency, amount) for payee, amount in _payees(assured, payout)),
        )
    )


def _consume(
    context: Context, operation: IndemnityAttest | RecoveryAttest, kind: str, currency: str, expected: int
) -> None:
    bank.check_unused(context, operation.account, operation.entry, kind)
    context.require_past(operation.date, "date")
    if operation.amount != expected:
        raise refuse(
            "amount_mismatch",
            "not the amount of the claim",
            field="amount",
            found=Money(operation.amount, currency),
            expected=Money(expected, currency),
        )
    consumed = bank.BankEntry(
        context.actor, kind, operation.assured, operation.claim, currency, expected, operation.date
    )
    bank.consume(context, operation.account, operation.entry, consumed)


def subrogate(context: Context, operation: ClaimSubrogate) -> None:
    """Signed by the assured, once it was paid."""
    claim = claim_of(context, context.actor, operation.claim)
    status = CLAIM.after(claim.status, operation.op)
    put_claim(context, context.actor, operation.claim, claim._replace(status=status))


def _cession(context: Context, assured: str, number: str, by: str) -> tuple[Claim, int]:
    """The claim with the insurer's part of all recoveries, and what of it is due now.

    Raises:
        Refusal: `wrong_state`, `nothing_recovered`.
    """
    claim = claim_of(context, assured, number)
    invoice = invoice_of(context, claim)
    reached = claim.reached(open_amount(invoice))
    part = claim.insurers_part(open_amount(invoice))
    status = CLAIM.after(claim.status, by, SHARED if part == claim.indemnity else SUBROGATED)
    if part == claim.ceded:
        raise refuse(
            "nothing_recovered", "the insurer has its part of what came in", field="claim", found=number
        )
    recovery_adds_up(reached, part, claim)
    return claim._replace(status=status, ceded=part), part - claim.ceded


def cede(context: Context, operation: RecoveryCede) -> None:
    """Paid by the assured, who has what came in: its deposit pays the insurer its part."""
    claim, amount = _cession(context, operation.assured, operation.claim, operation.op)
    if context.actor != operation.assured:
        raise refuse(
            "not_party",
            "not the assured",
            field="signer",
            found=context.actor,
            expected=operation.assured,
        )
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=context.actor,
        currency=claim.currency,
        payees=((claim.insurer, amount),),
        purpose=deposit.Purpose(bank.CESSION, operation.assured, operation.claim),
    )
    _ceded(context, operation.assured, operation.claim, claim, (context.actor, amount))


def attest_recovery(context: Context, operation: RecoveryAttest) -> None:
    """Attested by the bank: the insurer has its part of what came in."""
    claim, amount = _cession(context, operation.assured, operation.claim, operation.op)
    _consume(context, operation, bank.CESSION, claim.currency, amount)
    _ceded(context, operation.assured, operation.claim, claim, (operation.assured, amount))


def _ceded(context: Context, assured: str, number: str, claim: Claim, leg: tuple[str, int]) -> None:
    payer, amount = leg
    put_claim(context, assured, number, claim)
    context.post(
        (
            (payer, "ceded recoveries", claim.currency, -amount),
            (claim.insurer, "recoveries", claim.currency, amount),
        )
    )
