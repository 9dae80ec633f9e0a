"""Default and write-off: what the holder of a receivable says when the buyer does not pay.

Overdue follows from the business date and is never stored. A default is declared by the holder of record: the
lender that bought or advanced money on the invoice (of several their agent), else the supplier. What comes in
later settles it late; what is written off can still be recovered, down the same waterfall.
"""

from __future__ import annotations

from typing import Literal

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import InvoiceNumber, Operation, OrganisationId
from contracts.finance import collection
from contracts.finance.claim import Lien, agent, expose_less, put_claim, read_lien
from contracts.holdings import book
from contracts.trade.invoice import CASH, CONFIRMED, HELD, Invoice, live_invoice, write_invoice, wrong_state
from contracts.trade.relationship_sums import DEFAULT_DAYS
from ledger.money import Money


class DefaultDeclare(Operation):
    """The holder of a receivable declares the buyer in default on it, so many days past due."""

    op: Literal["default.declare"]
    supplier: OrganisationId
    invoice: InvoiceNumber


class DefaultWriteOff(Operation):
    """The holder of a receivable in default writes off what is outstanding; it can still be recovered."""

    op: Literal["default.write_off"]
    supplier: OrganisationId
    invoice: InvoiceNumber


def declare(context: Context, operation: DefaultDeclare) -> None:
    """Declared by the holder, from the programme's days past due on; a dispute must be over first."""
    supplier, number = operation.supplier, operation.invoice
    invoice, lien = _held(context, supplier, number)
    CASH.after(CASH.states.index(invoice.cash), operation.op)
    least = DEFAULT_DAYS if lien is None else lien.default_days
    late = context.day - invoice.due_day
    if late < least:
        raise refuse(
            "not_in_default",
            "too early",
            field="invoice",
            found=f"{late} days past due",
            expected=f"at least {least}",
        )
    defaulted = invoice._replace(defaulted=context.day)
    write_invoice(
        context, supplier, number, collection.before_change(context, supplier, number, defaulted, 0)
    )
    if lien is not None:
        book.defaulted(context, supplier, number, lien)
    context.record(
        supplier,
        invoice.buyer,
        ("default", number, invoice.currency, invoice.outstanding, invoice.due_day),
    )


def write_off(context: Context, operation: DefaultWriteOff) -> None:
    """Written off by the holder: nothing is outstanding, nothing counts against the lender's limit."""
    supplier, number = operation.supplier, operation.invoice
    invoice, lien = _held(context, supplier, number)
    CASH.after(CASH.states.index(invoice.cash), operation.op)
    amount = invoice.outstanding
    write_invoice(
        context,
        supplier,
        number,
        invoice._replace(written_off=invoice.written_off + amount, outstanding=0),
    )
    if lien is not None:
        expose_less(context, supplier, lien, lien.principal)
        book.written_off(context, supplier, number, lien)
        put_claim(context, supplier, number, lien._replace(written_off=context.day))
    context.record(
        supplier,
        invoice.buyer,
        ("write_off", number, invoice.currency, amount, context.day, invoice.due_day, *invoice.paid_as[1:]),
    )


def _held(context: Context, supplier: str, number: str) -> tuple[Invoice, Lien | None]:
    """The undisputed invoice that the signer holds, and its claim on it; None for the supplier."""
    invoice = live_invoice(context, supplier, number)
    lien = read_lien(context.state, supplier, number) if invoice.title in HELD else None
    holder = supplier if lien is None else agent(lien)
    if context.actor != holder:
        raise refuse(
            "not_party", "not the holder of record", field="signer", found=context.actor, expected=holder
        )
    if invoice.validity != CONFIRMED:
        raise wrong_state(invoice, "Confirmed")
    if invoice.contested:
        raise refuse(
            "disputed",
            "the buyer disputes it",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
            expected="nothing",
        )
    return invoice, lien
