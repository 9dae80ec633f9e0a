"""Billing: the submission of invoices, with the three-way match of order, receipt and invoice.

A supplier's system sends many invoices under one signature, mostly to the same few buyers and on the
same orders. A `Billing` takes those that follow one another: the buyer, the order, its lines and the
relationship's entry are read when they are first needed, and the lines and the entry written once, at
the end. A lone invoice is a run of one.
"""

from __future__ import annotations

from typing import Any

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import MAX_TERM_DAYS
from contracts.parties.identity import BUYER
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.trade.invoice import (
    DIGEST_PART_BYTES,
    FREE,
    SUBMITTED,
    Invoice,
    InvoiceSubmit,
    amounts_add_up,
    fingerprint,
    fingerprint_key,
    invoice_key,
    lines_digest,
)
from contracts.trade.order import as_line, issued_order, line_amount, line_in_order, line_key, read_line
from contracts.trade.totals import tax_totals
from ledger import codec
from ledger.money import MAX_TOTAL, AmountOverflow, CurrencyMismatch, Money
from ledger.state import history
from ledger.state.overlay import Overlay

_INVOICED = 6
"""Place of the units billed in an order line."""


def submit(context: Context, operation: InvoiceSubmit) -> None:
    """Submitted by the supplier: matched with order and receipt, registered by its fingerprint."""
    billing = Billing(context)
    billing.take(operation)
    billing.close()


class Billing:
    """Invoices of one supplier that follow one another."""

    __slots__ = ("_backdating_days", "_context", "_histories", "_lines", "_orders", "_price_tolerance_ppm")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backdating_days = context.parameter("backdating_days")
        self._price_tolerance_ppm = context.parameter("price_tolerance_ppm")
        self._histories: dict[str, InvoiceHistory] = {}
        """By buyer."""
        self._orders: dict[tuple[str, str], str] = {}
        """Currency of the orders, which are in force, by buyer and number."""
        self._lines: dict[bytes, list[Any]] = {}
        """The order lines, by state key, with what is billed so far."""

    def take(self, operation: InvoiceSubmit) -> None:
        """Check one invoice against everything before it, and write it down."""
        context = self._context
        supplier, number, buyer = context.actor, operation.invoice, operation.buyer
        currency, gross, order = operation.currency, operation.gross, operation.order
        issued, due = operation.issue_date, operation.due_date
        past = self._histories.get(buyer)
        if past is None:
            context.require_organisation(buyer, BUYER, "buyer")
            past = self._histories[buyer] = InvoiceHistory(context.state, supplier, buyer, context.day)
        taxes = tax_totals(operation)
        _check_dates(context, issued, due)
        key = invoice_key(supplier, number)
        if context.get(key) is not None:
            raise refuse("duplicate_number", "invoice number used", field="invoice", found=number)
        day = context.day
        backdating_days = self._backdating_days
        backdated = int(day - issued > backdating_days)
        invariants.declared_in_time(issued, day, backdated, backdating_days)
        lines = tuple([(line.line, line.quantity, line.amount) for line in operation.lines])
        invoice = Invoice(
            buyer,
            currency,
            issued,
            due,
            order,
            lines,
            gross,
            SUBMITTED,
            FREE,
            0,
            0,
            0,
            0,
            0,
            0,
            gross,
            operation.document,
            backdated,
            context.stored_approver,
            "",
            operation.tax,
            operation.prepaid,
            taxes,
            recorded=day,
        )
        digest = lines_digest(lines)
        _register(context, supplier, number, fingerprint(supplier, invoice, digest))
        if order:
            self._match(supplier, invoice)
        amounts_add_up(invoice)
        context.put(key, tuple(invoice))
        part = digest[:DIGEST_PART_BYTES]
        past.add((day, "invoice", number, currency, gross, issued, due, order, part))

    def close(self) -> None:
        """Write the order lines and the entries of the relationships."""
        context = self._context
        for key, line in self._lines.items():
            value = tuple(line)
            line_in_order(as_line(value), context.parameter("quantity_tolerance_ppm"))
            context.put(key, value)
        for past in self._histories.values():
            past.close()

    def _match(self, supplier: str, invoice: Invoice) -> None:
        """The three-way match (invariant 7): every line was ordered, accepted, and not billed before."""
        context, buyer, number = self._context, invoice.buyer, invoice.order
        currency = self._orders.get((buyer, number))
        if currency is None:
            currency = issued_order(context, supplier, buyer, number).currency
            self._orders[buyer, number] = currency
        if currency != invoice.currency:
            raise CurrencyMismatch(invoice.currency, currency, "currency")
        for name, quantity, amount in invoice.lines:
            key = line_key(supplier, buyer, number, name)
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = list(read_line(context, key, name))
            _, _, price_micros, _, accepted, _, invoiced, _, _ = line
            if invoiced + quantity > accepted:
                raise refuse(
                    "exceeds_accepted",
                    "more billed than accepted",
                    field="lines.quantity",
                    found=f"line {name}: {invoiced} + {quantity}",
                    expected=f"at most {accepted}",
                )
            most = line_amount(quantity, price_micros, self._price_tolerance_ppm)
            if amount > most:
                raise refuse(
                    "price_above_order",
                    "billed above the price of the order",
                    field="lines.amount",
                    found=f"line {name}: {Money(amount, currency)}",
                    expected=f"at most {Money(most, currency)}",
                )
            line[_INVOICED] = invoiced + quantity


class InvoiceHistory:
    """A relationship's history while invoices are added to it; its entry is written by `close`.

    The same records and the same entry as by `relationship.append` for each.
    """

    __slots__ = ("_aggregates", "_count", "_head", "_key", "_open", "_state")

    def __init__(self, state: Overlay, supplier: str, buyer: str, day: int) -> None:
        """`day` is the business date: a new relationship is registered with both parties."""
        self._state = state
        self._key = key = relationship.relationship_key(supplier, buyer)
        entry = state.get(key)
        if entry is None:
            relationship.register(state, day, supplier, buyer)
            entry = 0, history.NO_RECORDS, relationship_sums.EMPTY
        self._count: int
        self._head: bytes
        self._aggregates: codec.Value
        self._count, self._head, self._aggregates = entry
        self._open: dict[str, list[int]] = {}
        """Currency -> [invoices and gross that the aggregates do not hold yet, how much gross they could]."""

    def add(self, record: tuple[codec.Value, ...]) -> None:
        """Add the record of an invoice.

        Raises:
            AmountOverflow: a sum beyond 64 bits.
            Refusal: `too_many_currencies`.
        """
        currency, gross = record[3], record[4]
        held = self._open.get(currency)
        if held is None:  # a currency or a period may begin here
            self._aggregates = relationship_records.fold(self._aggregates, record)
            self._open[currency] = [0, 0, MAX_TOTAL - self._aggregates[currency][relationship_sums.INVOICED]]
        else:
            invoices, sum_gross, most = held
            if sum_gross + gross > most:
                raise AmountOverflow(MAX_TOTAL - most + sum_gross + gross, "aggregates", MAX_TOTAL)
            held[0], held[1] = invoices + 1, sum_gross + gross
        count = self._count
        self._head = history.add(self._state, self._key, count, self._head, record)
        self._count = count + 1

    def close(self) -> None:
        """Write the entry; something was added, or the transaction is taken back."""
        aggregates = self._aggregates
        for currency, (invoices, gross, _) in self._open.items():
            if invoices:
                sums = relationship_sums.billed(aggregates[currency], invoices, gross)
                aggregates = {**aggregates, currency: sums}
        self._state.put(self._key, (self._count, self._head, aggregates))


def _check_dates(context: Context, issue: int, due: int) -> None:
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


def _register(context: Context, supplier: str, number: str, content: bytes) -> None:
    """Take the fingerprint of a new invoice (invariant 8)."""
    key = fingerprint_key(content)
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
