"""Funding: the accepted offer is paid for, and in the same operation the title is the lender's.

| title | from | by |
|---|---|---|
| Assigned | Reserved | the lender's deposit pays (delivery versus payment), or the bank attests the payout |
| Pledged | Reserved | the same, where the programme advances money and buys nothing |
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import expiry
from contracts.cash import bank, deposit, settlement
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    EntryNumber,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.finance.claim import (
    Lien,
    Share,
    claim_adds_up,
    divided,
    expose,
    lien_key,
    title_moved_with_cash,
)
from contracts.finance.offer import OFFER, reservation
from contracts.holdings import book
from contracts.parties import payee
from contracts.trade.invoice import ASSIGNED, FUNDED, PLEDGED, TITLE, live_invoice, write_invoice
from contracts.trade.order import require_no_credit_due
from ledger.money import Money


class FinanceFund(Operation):
    """A settlement bank attests the payout to the supplier: cash and title move together."""

    op: Literal["finance.fund"]
    account: Account = Field(description="account from which the money left")
    entry: EntryNumber
    date: BookingDay
    invoice: InvoiceNumber
    supplier: OrganisationId
    lender: OrganisationId
    amount: PositiveAmount = Field(description="amount paid out; minor units of the invoice's currency")
    payee: Account | None = Field(
        None, description="account to which it was paid; needed where the supplier has a payee account"
    )


class FinanceSettle(Operation):
    """A lender pays for an accepted offer out of its deposit: cash and title move together."""

    op: Literal["finance.settle"]
    supplier: OrganisationId
    invoice: InvoiceNumber
    bank: OrganisationId = Field(description="settlement bank at which lender and supplier have deposits")


def fund(context: Context, operation: FinanceFund) -> None:
    """Attested by the bank: the bank entry, the title, the exposure and the cash move together."""
    supplier, number = operation.supplier, operation.invoice
    bank.check_unused(context, operation.account, operation.entry, bank.PAYOUT)
    context.require_past(operation.date, "date")
    lien = reservation(context, supplier, number)
    _check_payout(lien, operation)
    payee.check_paid_to(context, supplier, lien.currency, operation.payee, operation.date)
    settlement.step(context, lien.lender, lien.settlement, operation.op)
    bank.consume(
        context,
        operation.account,
        operation.entry,
        bank.BankEntry(
            context.actor, bank.PAYOUT, supplier, number, lien.currency, operation.amount, operation.date
        ),
    )
    leg = CashLeg(operation.account, operation.entry, operation.amount, operation.date)
    deliver(context, supplier, number, lien, leg)


def settle(context: Context, operation: FinanceSettle) -> None:
    """Signed by the lender: its deposit pays the supplier and the title is the lender's, or neither."""
    supplier, number = operation.supplier, operation.invoice
    lien = reservation(context, supplier, number)
    _check_accepted(lien, context.actor, number)
    if lien.settlement:
        raise refuse("in_settlement", "a bank holds the cash for it", field="invoice", found=lien.settlement)
    evidence = deposit.pay(
        context,
        bank_id=operation.bank,
        payer=lien.lender,
        currency=lien.currency,
        payees=((supplier, lien.paid_out),),
        purpose=deposit.Purpose(bank.PAYOUT, supplier, number),
    )
    deliver(context, supplier, number, lien, CashLeg(*evidence, lien.paid_out, context.day))


class CashLeg(NamedTuple):
    """The cash that moves against a title: which bank entry shows it, how much, and when."""

    account: str
    entry: str | int
    amount: int
    day: int


def deliver(
    context: Context,
    supplier: str,
    number: str,
    lien: Lien,
    leg: CashLeg,
    *,
    shares: tuple[Share, ...] = (),
) -> None:
    """Move the title against its cash leg: claim, exposure, postings and history in one operation.

    `shares` of a claim that several lenders share: each with a bank entry of its own, together the leg.
    """
    invoice = live_invoice(context, supplier, number)
    if invoice.order and not lien.arrangement:
        require_no_credit_due(context.state, supplier, invoice.buyer, invoice.order)
    title_moved_with_cash(lien, leg.amount)
    expiry.cancel(context, (OFFER, supplier, number))
    expose(context, supplier, lien, -lien.advance, lien.advance)
    holding = PLEDGED if lien.pledges else ASSIGNED
    assigned = lien._replace(
        title=holding,
        funded=leg.day,
        account=leg.account,
        entry=leg.entry,
        principal=lien.advance,
        reserve_left=lien.reserve,
        interest_from=leg.day + lien.tenor_days,
        shares=tuple([tuple(share) for share in shares]),
    )
    claim_adds_up(assigned, invoice.outstanding)
    context.put(lien_key(supplier, number), tuple(assigned))
    book.bought(context, supplier, number, assigned, invoice.due_day)
    title = TITLE.after(invoice.title, FUNDED, holding)
    write_invoice(context, supplier, number, invoice._replace(title=title))
    lenders = [
        (lender, account, lien.currency, part)
        for account, amount in (
            ("principal", -lien.advance),
            ("discount", lien.discount),
            ("fee", lien.fee),
        )
        for lender, part in divided(lien, amount)
    ]
    context.post(
        (
            *lenders,
            (supplier, "proceeds", lien.currency, leg.amount),
        )
    )
    context.record(supplier, invoice.buyer, ("finance", number, invoice.currency, lien.net, invoice.due_day))


def _check_accepted(lien: Lien, lender: str, number: str) -> None:
    if lender != lien.lender:
        raise refuse(
            "no_offer",
            "the offer is another lender's",
            field="lender",
            found=lender,
            expected=lien.lender,
        )
    if not lien.accepted:
        raise refuse("not_accepted", "the supplier has not accepted", field="invoice", found=number)


def _check_payout(lien: Lien, operation: FinanceFund) -> None:
    _check_accepted(lien, operation.lender, operation.invoice)
    if operation.amount != lien.paid_out:
        raise refuse(
            "amount_mismatch",
            "not the amount of the offer",
            field="amount",
            found=Money(operation.amount, lien.currency),
            expected=Money(lien.paid_out, lien.currency),
        )
    if operation.date < lien.offered:
        raise refuse("date_order", "paid before it was offered", field="date")
