"""Invoices: what they are, and their cancellation; `contracts.trade.billing` is their submission.

    ("invoice", supplier, invoice)       -> Invoice
    ("fingerprint", 32 bytes)            -> (supplier, invoice), while the invoice is neither Cancelled nor
                                            Rejected
    ("credited_over", supplier, invoice) -> minor units of credit notes beyond what the invoice owed; absent
                                            if there are none

Four independent axes: validity (what buyer and supplier say), title (who owns it), cash (what was paid), and
maturity, which follows from the business date and is never stored. Cash follows from the amounts.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.fields import (
    MAX_LINES,
    Amount,
    Currency,
    Date,
    DocumentHash,
    InvoiceNumber,
    LineId,
    Operation,
    OptionalNumber,
    OrganisationId,
    Part,
    PositiveAmount,
    PositiveQuantity,
    SignedAmount,
)
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade.order import (
    issued_order,
    line_key,
    order_key,
    put_line,
    read_line,
)
from contracts.trade.tax import MAX_TAX_PARTS, TaxCategory, TaxPart, TaxRate, TaxTotal
from ledger import codec
from ledger.hashing import FINGERPRINT, LINES
from ledger.limits import DIGEST_BYTES
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

DIGEST_PART_BYTES = 16
"""Of the lines' digest in a history record: enough to find lines that are billed again."""

SUBMITTED, CONFIRMED, DISPUTED, REJECTED, CANCELLED = range(5)
VALIDITY = LifeCycle(
    "invoice",
    "validity",
    ("Submitted", "Confirmed", "Disputed", "Rejected", "Cancelled"),
    (
        *(
            Transition(by, source, "Confirmed", when)
            for by in ("invoice.confirm", "invoice.confirm_many", "payables.approve")
            for source, when in (
                ("Submitted", ""),
                ("Disputed", "whole or lower: the dispute is over"),
                ("Confirmed", "lower, while an amount is contested"),
            )
        ),
        Transition("invoice.dispute", "Submitted", "Disputed"),
        Transition("invoice.dispute", "Confirmed", "Confirmed", "contested: no new finance"),
        Transition("dispute.withdraw", "Disputed", "Submitted"),
        Transition("dispute.withdraw", "Confirmed", "Confirmed", "an amount was contested"),
        Transition("invoice.reject", "Submitted", "Rejected"),
        Transition("invoice.reject", "Disputed", "Rejected"),
        Transition("invoice.cancel", "Submitted", "Cancelled", "title is Free, nothing was paid"),
        Transition("invoice.cancel", "Disputed", "Cancelled", "title is Free, nothing was paid"),
        Transition("invoice.cancel", "Confirmed", "Cancelled", "title is Free, nothing was paid"),
    ),
)

FREE, RESERVED, ASSIGNED, PLEDGED, CERTIFICATED = range(5)
HELD = (ASSIGNED, PLEDGED)
"""Titles under which a lender has the claim to be paid first."""

UNSOLD = (FREE, RESERVED)
"""Titles under which an offer may stand on an invoice: nobody has paid for it."""

CHANGED, FUNDED, SETTLED = "invoice changed", "invoice funded", "invoice settled"
RELEASED, SUBSTITUTED = "claim repaid", "receivable substituted"
"""Events that move the title: of `funding`, `collection` and `release` in `contracts.finance`."""

TITLE = LifeCycle(
    "invoice",
    "title",
    ("Free", "Reserved", "Assigned", "Pledged", "Certificated"),
    (
        Transition("finance.offer", "Free", "Reserved"),
        Transition("auction.accept", "Free", "Reserved"),
        Transition("payables.approve", "Free", "Reserved", "the supplier has a standing request"),
        Transition("payables.finance", "Free", "Reserved", "the buyer has approved it"),
        Transition("finance.withdraw", "Reserved", "Free"),
        Transition("date.advance", "Reserved", "Free", "its last day has passed"),
        Transition(CHANGED, "Reserved", "Free", "its price was that of another receivable"),
        Transition(FUNDED, "Reserved", "Assigned", "its cash leg moves in the same operation"),
        Transition(FUNDED, "Reserved", "Pledged", "an advance on it: the supplier stays its owner"),
        Transition(SETTLED, "Assigned", "Free"),
        Transition(SETTLED, "Pledged", "Free"),
        Transition(RELEASED, "Pledged", "Free", "the supplier has repaid the advance"),
        Transition(RELEASED, "Assigned", "Free", "repurchased under a recourse"),
        Transition(SUBSTITUTED, "Assigned", "Free", "another receivable takes its place"),
        Transition(SUBSTITUTED, "Pledged", "Free", "another receivable takes its place"),
        Transition("recourse.substitute", "Free", "Assigned", "it takes the place of another receivable"),
        Transition("recourse.substitute", "Free", "Pledged", "it takes the place of another receivable"),
        Transition(
            "certificate.accept", "Free", "Certificated", "for good: see `contracts.certificates.certificate`"
        ),
    ),
)

CASH = LifeCycle(
    "invoice",
    "cash",
    ("Open", "PartPaid", "Settled", "Void", "Defaulted", "SettledLate", "WrittenOff"),
    (
        *(
            Transition(by, source, target, when)
            for by in ("payment.attest", "payment.make")
            for source, target, when in (
                ("Open", "PartPaid", ""),
                ("Open", "Settled", ""),
                ("PartPaid", "PartPaid", ""),
                ("PartPaid", "Settled", ""),
                ("Defaulted", "Defaulted", "a part"),
                ("Defaulted", "SettledLate", ""),
                ("WrittenOff", "WrittenOff", "a recovery"),
                ("WrittenOff", "SettledLate", "recovered in full"),
            )
        ),
        *(
            Transition(by, source, target, "no more than was paid")
            for by in ("invoice.confirm", "invoice.confirm_many", "payables.approve")
            for source, target in (("PartPaid", "Settled"), ("Defaulted", "SettledLate"))
        ),
        Transition("early.pay", "Open", "Settled"),
        Transition("early.pay", "PartPaid", "Settled"),
        Transition("credit.accept", "Open", "Settled"),
        Transition("credit.accept", "PartPaid", "Settled"),
        Transition("credit.apply", "Open", "PartPaid"),
        Transition("credit.apply", "Open", "Settled"),
        Transition("credit.apply", "PartPaid", "Settled"),
        Transition("certificate.accept", "Open", "PartPaid", "its face is less than is outstanding"),
        Transition("certificate.accept", "Open", "Settled"),
        Transition("certificate.accept", "PartPaid", "PartPaid", "its face is less than is outstanding"),
        Transition("certificate.accept", "PartPaid", "Settled"),
        Transition("invoice.reject", "Open", "Void"),
        Transition("invoice.cancel", "Open", "Void"),
        Transition("default.declare", "Open", "Defaulted"),
        Transition("default.declare", "PartPaid", "Defaulted"),
        Transition("credit.accept", "Defaulted", "SettledLate"),
        Transition("credit.apply", "Defaulted", "SettledLate"),
        Transition("default.write_off", "Defaulted", "WrittenOff"),
        Transition("invoice.cancel", "Settled", "Void", "by credit notes alone"),
        Transition("invoice.reject", "Settled", "Void", "by credit notes alone"),
    ),
)
OPEN, PART_PAID, CASH_SETTLED, VOID, DEFAULTED, SETTLED_LATE, WRITTEN_OFF = range(7)


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
    """Place in the states of `VALIDITY`."""
    title: int
    """Place in the states of `TITLE`."""
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
    tax: int
    """Value added tax in all."""
    prepaid: int
    """Paid before it was issued: not part of the gross."""
    taxes: tuple[TaxTotal, ...]
    """VAT categories; none where the invoice gave none."""
    credited_units: tuple[tuple[str, int], ...] = ()
    """(line, units) that accepted credit notes took off what is billed."""
    defaulted: int = 0
    """Business day on which its holder declared the buyer in default on it, 0 for never."""
    recorded: int = 0
    """Business day on which it came to the ledger: `issue_day` is what the supplier says."""
    last_paid: int = 0
    """Newest day of a payment on it, 0 before the first."""

    @property
    def is_live(self) -> bool:
        """Whether somebody may owe something on it."""
        return self.validity not in (REJECTED, CANCELLED)

    @property
    def cash(self) -> str:
        """The state on the `CASH` axis; Void once rejected or cancelled."""
        if not self.is_live:
            return CASH.states[VOID]
        if self.defaulted:
            late = WRITTEN_OFF if self.written_off else SETTLED_LATE
            return CASH.states[DEFAULTED if self.outstanding else late]
        if not self.outstanding:
            return CASH.states[CASH_SETTLED]
        return CASH.states[PART_PAID if self.paid or self.offset else OPEN]

    @property
    def paid_as(self) -> tuple[int, int, int, int]:
        """(newest day of a payment, issue day, gross, credited): what ends records that may settle it."""
        return self.last_paid, self.issue_day, self.gross, self.credited

    @property
    def billed_units(self) -> dict[str, int]:
        """Units of each line that it bills, less what was credited."""
        units: dict[str, int] = {}
        for line, quantity, _ in self.lines:
            units[line] = units.get(line, 0) + quantity
        for line, quantity in self.credited_units:
            units[line] -= quantity
        return units


def amounts_add_up(invoice: Invoice) -> None:
    """Invariant 1."""
    credited, paid, offset, written_off = invoice.credited, invoice.paid, invoice.offset, invoice.written_off
    outstanding = invoice.outstanding
    if credited < 0 or paid < 0 or offset < 0 or written_off < 0 or outstanding < 0:
        raise InvariantBroken(1, f"a part of the gross is below zero: {invoice}")
    if credited + paid + offset + written_off + outstanding != invoice.gross:
        raise InvariantBroken(1, f"the gross is not the sum of its parts: {invoice}")
    if not 0 <= invoice.contested <= outstanding:
        raise InvariantBroken(1, f"{invoice.contested} in dispute of {invoice.outstanding} outstanding")


def release_restores(before: Invoice, after: Invoice) -> None:
    """Invariant 26: a released receivable is what it was but for the title: the supplier's, at its amount."""
    if after.title != 0 or after._replace(title=before.title) != before:
        raise InvariantBroken(26, "a release changed more than the title")


def credit_said(number: str, reduced: Invoice, amount: int, closed: int) -> tuple[codec.Value, ...]:
    """What a record of kind `credit` says after its currency, of the invoice as the credit left it."""
    return (
        amount,
        reduced.due_day,
        closed,
        number,
        int(reduced.outstanding == 0),
        *reduced.paid_as,
    )


class BilledLine(Part):
    """One line of an invoice."""

    line: LineId = Field(description="line of the order; of the invoice where there is no order")
    quantity: PositiveQuantity
    amount: Amount = Field(description="line net, rounded to the minor unit; minor units")
    category: TaxCategory = ""
    rate_ppm: TaxRate = 0


class InvoiceSubmit(Operation):
    """A supplier bills a buyer: gross = lines - allowances + charges + tax - prepaid + rounding."""

    op: Literal["invoice.submit"]
    invoice: InvoiceNumber
    buyer: OrganisationId
    currency: Currency
    issue_date: Date = Field(description="day of issue, not after the business date; ISO text YYYY-MM-DD")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")
    order: OptionalNumber = Field(description="order number for the three-way match; empty for none")
    lines: Annotated[tuple[BilledLine, ...], Field(min_length=1, max_length=MAX_LINES)] = Field(
        description="lines billed"
    )
    tax: Amount = Field(description="value added tax in all; minor units")
    taxes: Annotated[tuple[TaxPart, ...], Field(max_length=MAX_TAX_PARTS)] = Field(
        (), description="value added tax by category and rate; may be left out"
    )
    allowances: Amount = Field(0, description="allowances of the whole document; minor units")
    charges: Amount = Field(0, description="charges of the whole document, none with an order; minor units")
    prepaid: Amount = Field(0, description="paid before the invoice; minor units")
    rounding: SignedAmount = Field(0, description="rounding of the amount due; minor units")
    gross: PositiveAmount = Field(description="amount due for payment; minor units")
    document: DocumentHash


class InvoiceCancel(Operation):
    """A supplier withdraws an invoice that nobody financed and nobody paid."""

    op: Literal["invoice.cancel"]
    invoice: InvoiceNumber


def invoice_key(supplier: str, invoice: str) -> bytes:
    """State key of an invoice."""
    return state_key("invoice", supplier, invoice)


def fingerprint_key(fingerprint: bytes) -> bytes:
    """State key of a fingerprint."""
    return _FINGERPRINT_KEY + fingerprint


_FINGERPRINT_KEY = state_key("fingerprint", bytes(DIGEST_BYTES))[:-DIGEST_BYTES]
"""What the key of every fingerprint begins with: all are equally long."""


def over_key(supplier: str, invoice: str) -> bytes:
    """State key of what credit notes on an invoice granted beyond what it owed."""
    return state_key("credited_over", supplier, invoice)


def credited_over(state: Reader, supplier: str, invoice: str) -> int:
    """What credit notes on an invoice granted beyond what it owed; minor units."""
    return int(state.get(over_key(supplier, invoice)) or 0)


def lines_digest(lines: tuple[tuple[str, int, int], ...]) -> bytes:
    """32 bytes that two invoices share exactly when they bill the same lines, in whatever order."""
    if len(lines) == 1:
        return sha256(LINES + codec.encode_key(lines[0])).digest()
    parts: list[str | int | bytes] = []
    for line in sorted(lines):
        parts += line
    return sha256(LINES + codec.encode_key(tuple(parts))).digest()


def fingerprint(supplier: str, invoice: Invoice, lines: bytes | None = None) -> bytes:
    """32 bytes that two invoices share exactly when they bill the same; `lines`: their digest, if known.

    Over supplier, buyer, currency, gross, issue date, order and lines; not over the number, nor over the
    document's hash, since a document carries its number and changes with it.
    """
    parts = (
        supplier,
        invoice.buyer,
        invoice.currency,
        invoice.gross,
        invoice.issue_day,
        invoice.order,
    )
    digest = lines or lines_digest(invoice.lines)
    return sha256(FINGERPRINT + digest + codec.encode_key(parts)).digest()


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
        found=VALIDITY.states[invoice.validity],
        expected=expected,
    )


def write_invoice(context: Context, supplier: str, number: str, invoice: Invoice) -> None:
    """Write an invoice whose amounts add up (invariant 1), and note that this operation has changed it."""
    amounts_add_up(invoice)
    note_change(context, supplier, number)
    context.put(invoice_key(supplier, number), tuple(invoice))


def note_change(context: Context, supplier: str, number: str) -> None:
    """Note that this operation changes an invoice or the claim on it: what stands on them may end."""
    before: codec.Value = context.get(invoice_key(supplier, number))
    context.changed.setdefault((supplier, number), before)


def cancel(context: Context, operation: InvoiceCancel) -> None:
    """Cancelled by the supplier, if title is Free and nothing was paid.

    Nor while credit notes on it stand for other invoices: the buyer would owe nothing and keep them.
    """
    supplier, number = context.actor, operation.invoice
    invoice = live_invoice(context, supplier, number)
    validity = VALIDITY.after(invoice.validity, operation.op)
    if invoice.title != FREE:
        raise refuse(
            "title_not_free", "somebody has a claim on it", field="invoice", found=TITLE.states[invoice.title]
        )
    require_unpaid(invoice)
    if invoice.defaulted:
        raise refuse(
            "wrong_state", "in default", field="invoice", found=invoice.cash, expected="not in default"
        )
    over = credited_over(context.state, supplier, number)
    if over:
        raise refuse(
            "wrong_state",
            "credit notes on it stand for other invoices",
            field="invoice",
            found=Money(over, invoice.currency),
            expected="none",
        )
    closed = invoice.outstanding if invoice.validity == CONFIRMED else 0
    withdraw(context, supplier, number, invoice, validity)
    context.record(
        supplier,
        invoice.buyer,
        ("cancel", number, invoice.currency, invoice.gross, invoice.due_day, closed),
    )


def require_unpaid(invoice: Invoice) -> None:
    """Refuse while money, or a credit of another invoice, stands against it."""
    against = invoice.paid + invoice.offset
    if against:
        raise refuse("wrong_state", "payments stand against it", field="invoice", found=against, expected=0)


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
    if invoice.order:
        unbill(context, supplier, invoice, invoice.billed_units)


def unbill(context: Context, supplier: str, invoice: Invoice, units: dict[str, int]) -> None:
    """Take units off what is billed of the invoice's order lines: they can be billed again, if accepted."""
    order = issued_order(context, supplier, invoice.buyer, invoice.order)
    counted = order
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, quantity in units.items():
        key = line_key(supplier, invoice.buyer, invoice.order, name)
        before = read_line(context, key, name)
        after = before._replace(invoiced=before.invoiced - quantity)
        counted = put_line(context, key, counted, before, after, tolerance_ppm)
    if counted != order:
        context.put(order_key(supplier, invoice.buyer, invoice.order), tuple(counted))
