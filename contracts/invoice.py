"""Invoices: submission with the three-way match, and cancellation.

    ("invoice", supplier, invoice) -> Invoice
    ("fingerprint", 32 bytes)      -> (supplier, invoice), while the invoice is neither Cancelled nor Rejected

Four independent axes: validity (what buyer and supplier say), title (who owns it), cash (what was paid), and
what is derived from the business date (due, overdue), which is never stored.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    MAX_TERM_DAYS,
    Amount,
    Currency,
    Date,
    DocumentHash,
    LineId,
    Number,
    Operation,
    OptionalNumber,
    OrganisationId,
    Part,
    PositiveAmount,
    PositiveQuantity,
    SignedAmount,
)
from contracts.identity import BUYER
from contracts.order import OrderLine, issued_order, line_amount, line_key, read_line
from ledger import codec
from ledger.hashing import FINGERPRINT
from ledger.money import CurrencyMismatch
from ledger.state import Reader, state_key

SUBMITTED, CONFIRMED, DISPUTED, REJECTED, CANCELLED = range(5)
VALIDITIES = ("Submitted", "Confirmed", "Disputed", "Rejected", "Cancelled")

FREE, RESERVED, ASSIGNED = range(3)
TITLES = ("Free", "Reserved", "Assigned")


class Invoice(NamedTuple):
    """State value of an invoice. Amounts in minor units, days since 1970."""

    buyer: str
    currency: str
    issue_day: int
    due_day: int
    """The invoice's; the buyer's once confirmed."""
    order: str
    lines: tuple[tuple[str, int, int], ...]
    """(line, quantity, line net)."""
    gross: int
    validity: int
    """Place in `VALIDITIES`."""
    title: int
    """Place in `TITLES`."""
    net: int
    """What the buyer confirmed that it will pay in all, less later credits; 0 before."""
    contested: int
    """Amount in dispute now, 0 for none; after a confirmation it stops new finance."""
    credited: int
    """Taken off the gross: credit notes, confirmation below the gross, rejection, cancellation."""
    paid: int
    offset: int
    written_off: int
    outstanding: int
    """gross - credited - paid - offset - written off."""
    document: bytes
    """SHA-256 of the document as sent, or empty."""
    backdated: int
    """1 if it was issued more than `backdating_days` before it came to the ledger."""
    supplier_approver: str
    buyer_approver: str

    @property
    def is_live(self) -> bool:
        """Whether somebody may owe something on it."""
        return self.validity not in (REJECTED, CANCELLED)

    @property
    def cash(self) -> str:
        """The cash axis: Open, PartPaid or Settled; Void once rejected or cancelled."""
        if not self.is_live:
            return "Void"
        if not self.outstanding:
            return "Settled"
        return "PartPaid" if self.paid else "Open"


class BilledLine(Part):
    """One line of an invoice."""

    line: LineId = Field(description="line of the order; of the invoice where there is no order")
    quantity: PositiveQuantity
    amount: Amount = Field(description="line net, rounded to the minor unit; minor units")


class InvoiceSubmit(Operation):
    """A supplier bills a buyer. gross = Σ lines + tax + adjustment."""

    op: Literal["invoice.submit"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    buyer: OrganisationId
    currency: Currency
    issue_date: Date = Field(description="day of issue, not after the business date; ISO text YYYY-MM-DD")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")
    order: OptionalNumber = Field(description="order number for the three-way match; empty for none")
    lines: Annotated[tuple[BilledLine, ...], Field(min_length=1, max_length=MAX_LINES)] = Field(
        description="lines billed"
    )
    tax: Amount = Field(description="value added tax in all; minor units")
    adjustment: SignedAmount = Field(
        0, description="allowances, charges, prepayment and rounding of the whole document; minor units"
    )
    gross: PositiveAmount = Field(description="amount due for payment; minor units")
    document: DocumentHash


class InvoiceCancel(Operation):
    """A supplier withdraws an invoice that nobody financed and nobody paid."""

    op: Literal["invoice.cancel"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")


def invoice_key(supplier: str, invoice: str) -> bytes:
    """State key of an invoice."""
    return state_key("invoice", supplier, invoice)


def fingerprint_key(fingerprint: bytes) -> bytes:
    """State key of a fingerprint."""
    return state_key("fingerprint", fingerprint)


def fingerprint(supplier: str, invoice: Invoice) -> bytes:
    """32 bytes that two invoices share exactly when they bill the same thing.

    Over supplier, buyer, currency, gross, issue date, order and lines, in whatever order these come; not over
    the number, nor over the document's hash, since a document carries its number and changes with it.
    """
    parts: list[str | int | bytes] = [
        supplier,
        invoice.buyer,
        invoice.currency,
        invoice.gross,
        invoice.issue_day,
        invoice.order,
    ]
    for line in sorted(invoice.lines):
        parts += line
    return sha256(FINGERPRINT + codec.encode_key(tuple(parts))).digest()


def read_invoice(state: Reader, supplier: str, invoice: str) -> Invoice | None:
    """The invoice, if there is one."""
    value = state.get(invoice_key(supplier, invoice))
    return None if value is None else Invoice._make(value)


def live_invoice(context: Context, supplier: str, number: str) -> Invoice:
    """The invoice; refused if there is none or it was rejected or cancelled."""
    invoice = read_invoice(context.state, supplier, number)
    if invoice is None:
        raise refuse("unknown_invoice", "no such invoice", field="invoice", found=number)
    if not invoice.is_live:
        raise wrong_state(invoice, "a live invoice")
    return invoice


def wrong_state(invoice: Invoice, expected: str) -> Exception:
    """The refusal of an invoice whose validity does not allow the operation."""
    return refuse(
        "wrong_state",
        "the invoice's state does not allow it",
        field="invoice",
        found=VALIDITIES[invoice.validity],
        expected=expected,
    )


def write_invoice(context: Context, supplier: str, number: str, invoice: Invoice) -> None:
    """Write an invoice whose amounts add up (invariant 1)."""
    invariants.amounts_add_up(invoice)
    context.put(invoice_key(supplier, number), tuple(invoice))


def submit(context: Context, operation: InvoiceSubmit) -> None:
    """Submitted by the supplier: matched with order and receipt, registered by its fingerprint."""
    supplier, number, buyer = context.actor, operation.invoice, operation.buyer
    context.require_organisation(buyer, BUYER, "buyer")
    _check_sums(operation)
    _check_dates(context, operation)
    key = invoice_key(supplier, number)
    if context.get(key) is not None:
        raise refuse("duplicate_number", "invoice number used", field="invoice", found=number)
    backdating_days = context.parameter("backdating_days", 30)
    invoice = Invoice(
        buyer,
        operation.currency,
        operation.issue_date,
        operation.due_date,
        operation.order,
        tuple([(line.line, line.quantity, line.amount) for line in operation.lines]),
        operation.gross,
        SUBMITTED,
        FREE,
        0,
        0,
        0,
        0,
        0,
        0,
        operation.gross,
        operation.document,
        int(context.day - operation.issue_date > backdating_days),
        context.stored_approver,
        "",
    )
    _register(context, supplier, number, invoice)
    if operation.order:
        _match(context, supplier, operation)
    invariants.amounts_add_up(invoice)
    context.put(key, tuple(invoice))
    context.record(
        supplier,
        buyer,
        (
            "invoice",
            number,
            operation.currency,
            operation.gross,
            operation.issue_date,
            operation.due_date,
            operation.order,
        ),
    )


def _check_sums(operation: InvoiceSubmit) -> None:
    net = 0
    for line in operation.lines:
        net += line.amount
    if net + operation.tax + operation.adjustment != operation.gross:
        raise refuse(
            "sum_mismatch",
            "the amounts do not add up",
            field="gross",
            found=operation.gross,
            expected=net + operation.tax + operation.adjustment,
        )
    if operation.tax > net:
        raise refuse("tax_too_high", "more tax than net", field="tax", found=operation.tax, expected=net)
    if operation.order and operation.adjustment > 0:
        raise refuse(
            "adjustment_above_zero",
            "a charge that the order does not have",
            field="adjustment",
            found=operation.adjustment,
            expected="at most 0 where there is an order",
        )


def _check_dates(context: Context, operation: InvoiceSubmit) -> None:
    issue, due = operation.issue_date, operation.due_date
    context.require_past(issue, "issue_date")
    if due < issue:
        raise refuse("date_order", "due before it was issued", field="due_date")
    if due - issue > MAX_TERM_DAYS:
        raise refuse(
            "date_too_far",
            "due too late",
            field="due_date",
            found=f"{due - issue} days",
            expected=f"at most {MAX_TERM_DAYS}",
        )


def _register(context: Context, supplier: str, number: str, invoice: Invoice) -> None:
    """Take the fingerprint of a new invoice (invariant 8)."""
    key = fingerprint_key(fingerprint(supplier, invoice))
    taken = context.get(key)
    if taken is not None:
        raise refuse(
            "duplicate_invoice",
            "the same invoice under another number",
            field="invoice",
            found=number,
            expected=f"the number {taken[1]} that it has",
        )
    context.put(key, (supplier, number))


def _match(context: Context, supplier: str, operation: InvoiceSubmit) -> None:
    """The three-way match (invariant 7): every line was ordered, accepted, and not billed before."""
    buyer, number = operation.buyer, operation.order
    order = issued_order(context, supplier, buyer, number)
    if order.currency != operation.currency:
        raise CurrencyMismatch(operation.currency, order.currency, "currency")
    quantity_tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    price_tolerance_ppm = context.parameter("price_tolerance_ppm")
    for billed in operation.lines:
        key = line_key(supplier, buyer, number, billed.line)
        line = read_line(context, key, billed.line)
        _match_line(line, billed, price_tolerance_ppm)
        item, ordered, price_micros, shipped, accepted, rejected, invoiced = line
        invoiced += billed.quantity
        line = OrderLine(item, ordered, price_micros, shipped, accepted, rejected, invoiced)
        invariants.line_in_order(line, quantity_tolerance_ppm)
        context.put(key, tuple(line))


def _match_line(line: OrderLine, billed: BilledLine, price_tolerance_ppm: int) -> None:
    if line.invoiced + billed.quantity > line.accepted:
        raise refuse(
            "exceeds_accepted",
            "more billed than accepted",
            field="lines.quantity",
            found=f"line {billed.line}: {line.invoiced} + {billed.quantity}",
            expected=f"at most {line.accepted}",
        )
    most = line_amount(billed.quantity, line.price_micros, price_tolerance_ppm)
    if billed.amount > most:
        raise refuse(
            "price_above_order",
            "billed above the price of the order",
            field="lines.amount",
            found=f"line {billed.line}: {billed.amount}",
            expected=f"at most {most}",
        )


def cancel(context: Context, operation: InvoiceCancel) -> None:
    """Cancelled by the supplier, if title is Free and nothing was paid."""
    supplier, number = context.actor, operation.invoice
    invoice = live_invoice(context, supplier, number)
    if invoice.title != FREE:
        raise refuse(
            "title_not_free", "somebody has a claim on it", field="invoice", found=TITLES[invoice.title]
        )
    if invoice.paid:
        raise refuse(
            "wrong_state", "payments stand against it", field="invoice", found=invoice.paid, expected=0
        )
    closed = invoice.outstanding if invoice.validity == CONFIRMED else 0
    withdraw(context, supplier, number, invoice, CANCELLED)
    context.record(
        supplier,
        invoice.buyer,
        ("cancel", number, invoice.currency, invoice.gross, invoice.due_day, closed),
    )


def withdraw(context: Context, supplier: str, number: str, invoice: Invoice, validity: int) -> None:
    """End an invoice's life: nothing is owed, its lines can be billed again, its fingerprint is free."""
    ended = invoice._replace(
        validity=validity,
        net=0,
        contested=0,
        credited=invoice.credited + invoice.outstanding,
        outstanding=0,
    )
    write_invoice(context, supplier, number, ended)
    context.state.delete(fingerprint_key(fingerprint(supplier, invoice)))
    if not invoice.order:
        return
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, quantity, _ in invoice.lines:
        key = line_key(supplier, invoice.buyer, invoice.order, name)
        line = read_line(context, key, name)
        line = line._replace(invoiced=line.invoiced - quantity)
        invariants.line_in_order(line, tolerance_ppm)
        context.put(key, tuple(line))
