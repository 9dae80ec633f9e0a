"""Recourse: what a lender demands of the supplier, and how the demand ends.

    ("recourse", lender, recourse) -> Recourse

| cause | when | amount due |
|---|---|---|
| dilution | credit notes, or a dispute that was upheld, took more than the reserve bears | the shortfall |
| warranty | the lender says that a warranty was breached; the supplier may contest it | the whole claim |
| overdue | so many days past due, only if the programme has such recourse | the whole claim |

"Non-recourse" waives the buyer's credit risk only: dilution and warranty stand in every programme. What is
due is computed on the day it is paid. One demand stands on a claim at a time. A loss that an insurer makes
good to the lender the supplier does not make good as well; what credit notes took is no part of that loss.

A dilution demand outlives the claim: when the buyer owes nothing more, the supplier still owes the shortfall.
It ends before where the buyer has paid the lender what was short (`claim.eased`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    DemandNumber,
    EntryNumber,
    InvoiceNumber,
    Number,
    Operation,
    OrganisationId,
    PositiveAmount,
    Reason,
)
from contracts.finance import repayment
from contracts.finance.claim import (
    Lien,
    accrue,
    accrued,
    agent,
    check_rounds,
    claim_adds_up,
    close_claim,
    deal_key,
    expose_less,
    last_deal,
    paid_back_at_most_once,
    payoff,
    put_claim,
    read_lien,
    repaid,
    rounds,
)
from contracts.holdings import book
from contracts.insurance.insurance_claim import check_not_indemnified
from contracts.lifecycle import LifeCycle, Transition
from contracts.reverse_factoring.approval import is_approved
from contracts.trade.invoice import (
    CONFIRMED,
    FREE,
    RELEASED,
    SETTLED,
    SUBSTITUTED,
    TITLE,
    Invoice,
    live_invoice,
    read_invoice,
    release_restores,
    write_invoice,
)
from contracts.trade.order import require_no_credit_due
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

DILUTION, WARRANTY, OVERDUE = "dilution", "warranty", "overdue"
EASED = "nothing short"
"""The event by which a demand for dilution ends while its claim stands."""

STATUS = LifeCycle(
    "recourse",
    "status",
    ("Demanded", "Contested", "Repurchased", "Substituted", "Offset", "Closed"),
    (
        Transition("recourse.contest", "Demanded", "Contested"),
        Transition("recourse.pay", "Demanded", "Repurchased"),
        Transition("recourse.pay", "Contested", "Repurchased", "the supplier concedes"),
        Transition("recourse.attest", "Demanded", "Repurchased"),
        Transition("recourse.attest", "Contested", "Repurchased", "the supplier concedes"),
        Transition("recourse.substitute", "Demanded", "Substituted"),
        Transition("recourse.substitute", "Contested", "Substituted", "the parties have agreed"),
        Transition("recourse.offset", "Demanded", "Offset"),
        Transition("recourse.close", "Demanded", "Closed"),
        Transition("recourse.close", "Contested", "Closed"),
        Transition(EASED, "Demanded", "Closed", "the buyer has paid the lender what was short"),
        Transition(EASED, "Contested", "Closed", "the buyer has paid the lender what was short"),
        Transition(SETTLED, "Demanded", "Closed", "the buyer has paid"),
        Transition(SETTLED, "Contested", "Closed", "the buyer has paid"),
        Transition(RELEASED, "Demanded", "Repurchased", "the supplier has repaid the advance"),
        Transition(RELEASED, "Contested", "Repurchased", "the supplier has repaid the advance"),
    ),
)
DEMANDED, CONTESTED, REPURCHASED, SUBSTITUTE, OFFSET, CLOSED = range(6)


class Recourse(NamedTuple):
    """State value of a demand on a supplier. Amounts in minor units."""

    status: int
    """Place in `STATUS.states`."""
    supplier: str
    invoice: str
    cause: str
    currency: str
    amount: int
    """What was due on the day of the demand."""
    day: int
    reason: str
    proposed: str
    """Invoice that the supplier proposes in place of this one, empty for none."""
    answer: str
    """Why the supplier contests it, or why the lender has closed it."""


class RecourseDemand(Operation):
    """A lender demands of the supplier what the buyer's payment will not bring."""

    op: Literal["recourse.demand"]
    recourse: DemandNumber
    supplier: OrganisationId
    invoice: InvoiceNumber
    cause: Literal["dilution", "warranty", "overdue"] = Field(description="see the table of causes")
    reason: Reason


class RecoursePay(Operation):
    """A supplier meets a demand out of its deposit; the whole claim paid, its receivable is free again."""

    op: Literal["recourse.pay"]
    lender: OrganisationId
    recourse: DemandNumber
    bank: OrganisationId = Field(description="settlement bank at which lender and supplier have deposits")
    amount: PositiveAmount = Field(description="what is due today; minor units")


class RecourseAttest(Operation):
    """A settlement bank attests that a supplier has met a demand."""

    op: Literal["recourse.attest"]
    account: Account = Field(description="account on which the money was booked")
    entry: EntryNumber
    date: BookingDay
    lender: OrganisationId
    recourse: DemandNumber
    amount: PositiveAmount = Field(description="what was due on that day; minor units")


class RecourseOffset(Operation):
    """A lender sets a demand for dilution off against the supplier's reserve that it still holds."""

    op: Literal["recourse.offset"]
    recourse: DemandNumber


class RecoursePropose(Operation):
    """A supplier proposes another receivable in place of the one that a demand is about."""

    op: Literal["recourse.propose"]
    lender: OrganisationId
    recourse: DemandNumber
    invoice: Number = Field(description="the supplier's invoice that is to take its place")


class RecourseSubstitute(Operation):
    """A lender takes the receivable that the supplier has proposed; the other one is free again."""

    op: Literal["recourse.substitute"]
    recourse: DemandNumber
    invoice: Number = Field(description="the invoice that the supplier has proposed")


class RecourseContest(Operation):
    """A supplier contests a demand; it stands until it is met or closed."""

    op: Literal["recourse.contest"]
    lender: OrganisationId
    recourse: DemandNumber
    reason: Reason


class RecourseClose(Operation):
    """A lender closes a demand of its own, unmet."""

    op: Literal["recourse.close"]
    recourse: DemandNumber
    reason: Reason


def recourse_key(lender: str, number: str) -> bytes:
    """State key of a demand."""
    return state_key("recourse", lender, number)


def read_recourse(state: Reader, lender: str, number: str) -> Recourse | None:
    """The demand, if there is one."""
    value = state.get(recourse_key(lender, number))
    return None if value is None else Recourse._make(value)


def _found(context: Context, lender: str, number: str) -> Recourse:
    found = read_recourse(context.state, lender, number)
    if found is None:
        raise refuse("unknown_recourse", "no such demand", field="recourse", found=number)
    return found


def _suppliers(context: Context, lender: str, number: str) -> Recourse:
    """The demand on the signer."""
    found = _found(context, lender, number)
    if found.supplier != context.actor:
        raise refuse("not_party", "a demand on another", field="signer", found=context.actor)
    return found


class _Claim(NamedTuple):
    """A claim, standing or ended, and where it is kept."""

    lien: Lien
    turn: int
    """Its place among the ended ones; -1 while it stands."""


def _claim(state: Reader, supplier: str, number: str) -> _Claim | None:
    """The claim that a lender has paid for: the standing one, else the one that ended last."""
    lien = read_lien(state, supplier, number)
    if lien is not None and lien.funded:
        return _Claim(lien, -1)
    lien = last_deal(state, supplier, number)
    return None if lien is None else _Claim(lien, rounds(state, supplier, number) - 1)


def _put(context: Context, supplier: str, number: str, claim: _Claim) -> None:
    if claim.turn < 0:
        put_claim(context, supplier, number, claim.lien)
    else:
        context.put(deal_key(supplier, number, claim.turn), tuple(claim.lien))


def demand(context: Context, operation: RecourseDemand) -> None:
    """Demanded by the lender, for a cause that holds today."""
    supplier, number = operation.supplier, operation.invoice
    claim = _claim(context.state, supplier, number)
    if claim is None or agent(claim.lien) != context.actor:
        raise refuse("not_financed", "no claim of yours", field="invoice", found=number)
    lien = claim.lien
    if lien.recourse:
        raise refuse("recourse_open", "a demand stands", field="invoice", found=lien.recourse)
    if read_recourse(context.state, context.actor, operation.recourse) is not None:
        raise refuse(
            "duplicate_number", "number of a demand used", field="recourse", found=operation.recourse
        )
    if operation.cause == DILUTION:
        amount = lien.shortfall
        if not amount:
            raise refuse("no_shortfall", "nothing is short", field="cause", found=operation.cause)
    else:
        amount = payoff(lien, context.day)
        _check_whole(context, supplier, number, claim, operation.cause)
    made = Recourse(
        DEMANDED,
        supplier,
        number,
        operation.cause,
        lien.currency,
        amount,
        context.day,
        operation.reason,
        "",
        "",
    )
    context.put(recourse_key(context.actor, operation.recourse), tuple(made))
    _put(context, supplier, number, claim._replace(lien=lien._replace(recourse=operation.recourse)))
    context.record(supplier, lien.buyer, ("recourse", number, lien.currency, amount, operation.cause))


def _check_whole(context: Context, supplier: str, number: str, claim: _Claim, cause: str) -> None:
    """Refuse a demand for the whole claim that has ended, or that is for the buyer's credit and too early."""
    if claim.turn >= 0:
        raise refuse("not_financed", "the claim has ended", field="invoice", found=number)
    check_not_indemnified(context.state, supplier, number, claim.lien)
    if cause == WARRANTY:
        return
    if not claim.lien.recourse_days:
        raise refuse(
            "without_recourse", "without recourse for the buyer's credit", field="cause", found=cause
        )
    invoice = live_invoice(context, supplier, number)
    late = context.day - invoice.due_day
    if late < claim.lien.recourse_days:
        raise refuse(
            "not_in_default",
            "too early",
            field="invoice",
            found=f"{late} days past due",
            expected=f"at least {claim.lien.recourse_days}",
        )


def pay(context: Context, operation: RecoursePay) -> None:
    """Paid by the supplier: what is due today; the whole claim paid, its receivable is free."""
    found = _suppliers(context, operation.lender, operation.recourse)
    claim, parts = _due(context.state, found, context.day)
    status = STATUS.after(found.status, operation.op)
    repayment.from_deposit(
        context, found.supplier, found.invoice, claim.lien, parts, operation.bank, operation.amount
    )
    _met(context, operation.lender, operation.recourse, found._replace(status=status), claim, context.day)


def attest(context: Context, operation: RecourseAttest) -> None:
    """Attested by the bank: what was due on that day has reached the lender."""
    found = _found(context, operation.lender, operation.recourse)
    claim, parts = _due(context.state, found, operation.date)
    status = STATUS.after(found.status, operation.op)
    booking = repayment.Booking(operation.account, operation.entry, operation.date, operation.amount)
    repayment.from_bank(context, found.supplier, found.invoice, claim.lien, parts, booking)
    _met(context, operation.lender, operation.recourse, found._replace(status=status), claim, operation.date)


def due(state: Reader, found: Recourse, day: int) -> repayment.Parts:
    """What meets a standing demand on a day.

    Raises:
        Refusal: an insurer makes the loss good.
    """
    return _due(state, found, day)[1]


def _due(state: Reader, found: Recourse, day: int) -> tuple[_Claim, repayment.Parts]:
    """The claim of a demand and what meets it on a day."""
    claim = _claim(state, found.supplier, found.invoice)
    assert claim is not None, "a demand has a claim"
    if found.cause == DILUTION:
        return claim, repayment.Parts(0, 0, claim.lien.shortfall)
    check_not_indemnified(state, found.supplier, found.invoice, claim.lien)
    return claim, repayment.whole(claim.lien, day)


def _met(context: Context, lender: str, number: str, found: Recourse, claim: _Claim, day: int) -> None:
    """Book a demand that was paid: on its claim, and on itself."""
    context.put(recourse_key(lender, number), tuple(found))
    lien = claim.lien._replace(recourse="")
    if found.cause != DILUTION:
        repayment.give_back(context, found.supplier, found.invoice, lien, day)
        return
    short = lien.shortfall
    standing = accrue(lien, day) if claim.turn < 0 else lien
    after = repaid(standing, short)._replace(repaid=lien.repaid + short, shortfall=0)
    paid_back_at_most_once(after)
    if claim.turn < 0:
        expose_less(context, found.supplier, lien, short)
        book.received(context, found.supplier, found.invoice, lien, (0, 0, short), by_buyer=False)
    else:
        book.recouped(context, found.supplier, found.invoice, lien, short)
    _put(context, found.supplier, found.invoice, claim._replace(lien=after))


def offset(context: Context, operation: RecourseOffset) -> None:
    """Set off by the lender: the reserve that it would owe the supplier falls by the shortfall."""
    found = _found(context, context.actor, operation.recourse)
    status = STATUS.after(found.status, operation.op)
    claim, parts = _due(context.state, found, context.day)
    lien = claim.lien
    if found.cause != DILUTION:
        raise refuse(
            "no_shortfall",
            "a demand for the whole claim",
            field="recourse",
            found=found.cause,
            expected=DILUTION,
        )
    if lien.reserve_left < parts.principal:
        raise refuse(
            "reserve_too_small",
            "the reserve does not cover it",
            field="recourse",
            found=Money(lien.reserve_left, lien.currency),
            expected=f"at least {Money(parts.principal, lien.currency)}",
        )
    context.put(recourse_key(context.actor, operation.recourse), tuple(found._replace(status=status)))
    after = lien._replace(reserve_left=lien.reserve_left - lien.shortfall, shortfall=0, recourse="")
    book.bore(context, found.supplier, found.invoice, lien, after)
    _put(context, found.supplier, found.invoice, claim._replace(lien=after))


def propose(context: Context, operation: RecoursePropose) -> None:
    """Proposed by the supplier; a later proposal replaces it."""
    found = _suppliers(context, operation.lender, operation.recourse)
    if found.status not in (DEMANDED, CONTESTED):
        raise refuse("wrong_state", "the demand is over", field="recourse", found=STATUS.states[found.status])
    _replacement(context, found, operation.invoice)
    context.put(
        recourse_key(operation.lender, operation.recourse), tuple(found._replace(proposed=operation.invoice))
    )


def _replacement(context: Context, found: Recourse, number: str) -> tuple[Lien, Invoice]:
    """The standing claim of a demand, and the invoice if it can take its receivable's place."""
    claim = _claim(context.state, found.supplier, found.invoice)
    other = read_invoice(context.state, found.supplier, number)
    can_replace = (
        claim is not None
        and claim.turn < 0
        and not claim.lien.written_off
        and other is not None
        and other.title == FREE
        and other.validity == CONFIRMED
        and not other.contested
        and (other.buyer, other.currency) == (claim.lien.buyer, claim.lien.currency)
        and other.due_day > context.day
        and other.outstanding >= claim.lien.principal
        and (not claim.lien.arrangement or is_approved(context.state, found.supplier, number))
    )
    if not can_replace:
        raise refuse("not_substitutable", "it cannot take the place", field="invoice", found=number)
    assert claim is not None
    assert other is not None
    check_not_indemnified(context.state, found.supplier, found.invoice, claim.lien)
    if other.order:
        require_no_credit_due(context.state, found.supplier, other.buyer, other.order)
    check_rounds(context.state, found.supplier, number)
    return claim.lien, other


def substitute(context: Context, operation: RecourseSubstitute) -> None:
    """Taken by the lender: the claim moves to the other receivable as it is, and the first one is free."""
    found = _found(context, context.actor, operation.recourse)
    status = STATUS.after(found.status, operation.op)
    if found.proposed != operation.invoice:
        raise refuse(
            "not_substitutable",
            "not what the supplier proposes",
            field="invoice",
            found=operation.invoice,
            expected=found.proposed or "a proposal",
        )
    supplier, number = found.supplier, found.invoice
    lien, other = _replacement(context, found, operation.invoice)
    invoice = live_invoice(context, supplier, number)
    close_claim(
        context,
        supplier,
        number,
        repaid(lien, lien.principal)._replace(recourse="", shortfall=0, replaced_by=operation.invoice),
    )
    freed = invoice._replace(title=TITLE.after(invoice.title, SUBSTITUTED))
    release_restores(invoice, freed)
    write_invoice(context, supplier, number, freed)
    moved = lien._replace(
        reserve_left=other.outstanding - lien.principal,
        shortfall=0,
        interest_due=accrued(lien, context.day),
        interest_from=max(context.day, other.due_day),
        recourse="",
        resale="",
        paid_for=lien.paid_for or number,
    )
    claim_adds_up(moved, other.outstanding)
    invariants.one_claim(other.title == FREE, read_lien(context.state, supplier, operation.invoice))
    put_claim(context, supplier, operation.invoice, moved)
    book.moved(context, supplier, number, lien, (operation.invoice, moved, other.due_day))
    title = TITLE.after(other.title, operation.op, lien.title)
    write_invoice(context, supplier, operation.invoice, other._replace(title=title))
    context.put(recourse_key(context.actor, operation.recourse), tuple(found._replace(status=status)))


def contest(context: Context, operation: RecourseContest) -> None:
    """Contested by the supplier."""
    found = _suppliers(context, operation.lender, operation.recourse)
    status = STATUS.after(found.status, operation.op)
    contested = found._replace(status=status, answer=operation.reason)
    context.put(recourse_key(operation.lender, operation.recourse), tuple(contested))


def close(context: Context, operation: RecourseClose) -> None:
    """Closed by the lender: nothing was paid, and another demand may follow."""
    found = _found(context, context.actor, operation.recourse)
    status = STATUS.after(found.status, operation.op)
    closed = found._replace(status=status, answer=operation.reason)
    context.put(recourse_key(context.actor, operation.recourse), tuple(closed))
    claim = _claim(context.state, found.supplier, found.invoice)
    assert claim is not None, "a demand has a claim"
    _put(context, found.supplier, found.invoice, claim._replace(lien=claim.lien._replace(recourse="")))


def when_over(context: Context, lien: Lien, by: str) -> Lien:
    """The claim as it ends: its demand ends with it, but for a shortfall that the buyer's payment leaves."""
    if by == SETTLED and lien.shortfall and _is_for_dilution(context, lien):
        return lien
    return _without_demand(context, lien, by)


def when_eased(context: Context, before: Lien, lien: Lien) -> Lien:
    """The claim after a payment of the buyer: a demand for what is not short any more has ended."""
    if before.shortfall and not lien.shortfall and _is_for_dilution(context, lien):
        return _without_demand(context, lien, EASED)
    return lien


def _is_for_dilution(context: Context, lien: Lien) -> bool:
    return bool(lien.recourse) and _found(context, agent(lien), lien.recourse).cause == DILUTION


def _without_demand(context: Context, lien: Lien, by: str) -> Lien:
    """The claim after an event that ends the demand on it, if there is one."""
    if not lien.recourse:
        return lien
    found = _found(context, agent(lien), lien.recourse)
    ended = found._replace(status=STATUS.after(found.status, by))
    context.put(recourse_key(agent(lien), lien.recourse), tuple(ended))
    return lien._replace(recourse="")
