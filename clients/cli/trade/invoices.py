"""`tally invoice`: the supplier bills; the buyer confirms, disputes or rejects; anyone looks."""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_count, read_currency, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    HowMany,
    InvoiceArgument,
    Json,
    ProfileFile,
    Reason,
    ReceiptFile,
    SupplierArgument,
    SupplierOption,
    checked_word,
    open_session,
    read_bytes,
    say_strangers,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_invoice
from clients.importers.limits import MAX_PDF_BYTES
from clients.sdk import Session
from clients.wording import counted
from contracts.trade.invoice import CASH, TITLE, VALIDITY

STATES = (*VALIDITY.states, *TITLE.states, *CASH.states, "NotDue", "Matured", "Overdue")
"""On all axes of an invoice; the last three follow from the business date."""

app = typer.Typer(
    name="invoice", help="Submit, confirm, dispute, reject, cancel and show invoices.", no_args_is_help=True
)


@app.command(
    epilog=examples(
        "tally invoice submit INV-7 --buyer anchor --issued 2026-01-05 --due 2026-03-06 \\",
        "    --order PO-1 --line '1 : 100 : 9,500.00 EUR' --tax '1,805.00 EUR' -p supplier.json",
        "tally invoice submit INV-8 --buyer anchor --issued 2026-01-05 --due 2026-03-06 \\",
        "    --line '1:1:250.00 EUR' --document invoice.pdf --receipt INV-8.receipt",
        "tally import e-invoice.pdf   (Factur-X or ZUGFeRD, UBL or CII: nothing to type in)",
    )
)
def submit(
    number: InvoiceArgument,
    buyer: Annotated[str, typer.Option(help="Organisation id of the buyer.")],
    issued: Annotated[str, typer.Option(help="Day of issue, YYYY-MM-DD.")],
    due: Annotated[str, typer.Option(help="Day on which payment is due, YYYY-MM-DD.")],
    line: Annotated[list[str], typer.Option(help="LINE : QUANTITY : AMOUNT, once for each line.")],
    tax: Annotated[str | None, typer.Option(help="Value added tax in all.")] = None,
    order: Annotated[str, typer.Option(help="Order that it bills, for the three-way match.")] = "",
    currency: Annotated[str, typer.Option(help="ISO 4217 code, where the amounts do not say it.")] = "",
    document: Annotated[
        Path | None, typer.Option(help="The invoice as sent; the ledger keeps its SHA-256 only.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Submit an invoice (supplier). The gross is the sum of the lines and the tax."""
    currency = read_currency(currency) if currency else ""
    lines = []
    for index, text in enumerate(line):
        entry, currency = _read_line(text, index, currency)
        lines.append(entry)
    tax_amount = 0 if tax is None else read_amount(tax, "--tax", currency, least=0).amount
    gross = sum(entry["amount"] for entry in lines) + tax_amount
    content = b"" if document is None else read_bytes(document, "document", MAX_PDF_BYTES)
    operation = {
        "op": "invoice.submit",
        "invoice": number,
        "buyer": buyer,
        "currency": currency,
        "issue_date": read_day(issued, "--issued"),
        "due_date": read_day(due, "--due"),
        "order": order,
        "lines": tuple(lines),
        "tax": tax_amount,
        "gross": gross,
        "document": sha256(content).digest() if document else b"",
    }
    sentence = f"Invoice {number} over {money(gross, currency)}"
    record(
        profile,
        lambda _: operation,
        sentence,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, session.profile.organisation, number),
    )


def _read_line(text: str, index: int, currency: str) -> tuple[dict[str, Any], str]:
    """One `--line`, and the currency that it is in."""
    parts = [part.strip() for part in text.split(":")]
    quantity = read_count(parts[1]) if len(parts) == 3 else None
    if quantity is None:
        raise UsageProblem(
            "not an invoice line",
            code="line",
            field=f"--line {index + 1}",
            found=text[:60],
            expected="LINE : QUANTITY : AMOUNT, such as '1 : 100 : 9,500.00 EUR'",
        )
    amount = read_amount(parts[2], f"--line {index + 1}", currency)
    return {"line": parts[0], "quantity": quantity, "amount": amount.amount}, amount.currency


@app.command(
    epilog=examples(
        "tally invoice confirm INV-7 --supplier acme --profile net/profiles/anchor.json",
        "tally invoice confirm INV-7 --supplier acme --net '11,000.00 EUR' --due 2026-03-01",
    )
)
def confirm(
    number: InvoiceArgument,
    supplier: SupplierOption,
    net: Annotated[str | None, typer.Option(help="What will be paid in all; the gross if not given.")] = None,
    due: Annotated[str | None, typer.Option(help="Day of payment; the invoice's if not given.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Confirm that an invoice will be paid (buyer, by its own key)."""

    def make(session: Session) -> dict[str, Any]:
        known = session.invoice(supplier, number)
        most = known["gross"] - known["credited"]
        return {
            "op": "invoice.confirm",
            "invoice": number,
            "supplier": supplier,
            "net": most if net is None else read_amount(net, "--net", known["currency"]).amount,
            "due_date": known["due_date"] if due is None else read_day(due, "--due"),
        }

    record(
        profile,
        make,
        f"Invoice {number} confirmed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(
    epilog=examples("tally invoice dispute INV-7 -s acme --amount '950.00 EUR' --reason '10 boxes are wet'")
)
def dispute(
    number: InvoiceArgument,
    supplier: SupplierOption,
    amount: Annotated[str, typer.Option(help="Amount in dispute.")],
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Contest an amount of an invoice (buyer); a confirmation, rejection or withdrawal ends it."""

    def make(session: Session) -> dict[str, Any]:
        currency = session.invoice(supplier, number)["currency"]
        contested = read_amount(amount, "--amount", currency).amount
        return {
            "op": "invoice.dispute",
            "invoice": number,
            "supplier": supplier,
            "amount": contested,
            "reason": reason,
        }

    record(
        profile,
        make,
        f"Invoice {number} disputed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally invoice withdraw-dispute INV-7 -s acme --reason 'the boxes had dried'"))
def withdraw_dispute(
    number: InvoiceArgument,
    supplier: SupplierOption,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take back a dispute (buyer): the invoice is as it was before."""
    operation = {"op": "dispute.withdraw", "invoice": number, "supplier": supplier, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Dispute of {number} withdrawn",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally invoice reject INV-7 --supplier acme --reason 'never ordered'"))
def reject(
    number: InvoiceArgument,
    supplier: SupplierOption,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Reject an invoice that was neither confirmed nor paid (buyer)."""
    operation = {"op": "invoice.reject", "invoice": number, "supplier": supplier, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Invoice {number} rejected",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally invoice cancel INV-7 --profile net/profiles/acme.json"))
def cancel(
    number: InvoiceArgument, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Withdraw an invoice that nobody financed and nobody paid (supplier)."""
    operation = {"op": "invoice.cancel", "invoice": number}
    record(
        profile,
        lambda _: operation,
        f"Invoice {number} cancelled",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally invoice show acme INV-7 --profile net/profiles/lender.json"))
def show(
    supplier: SupplierArgument, number: InvoiceArgument, profile: ProfileFile = None, json: Json = False
) -> None:
    """One invoice as it stands, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.invoice(supplier, number)
    if screen.answer(found):
        return
    screen.facts(invoice_facts(found), title=f"Invoice {number} of {supplier}")
    if found["finance"]:
        screen.facts(finance_facts(found), title="Finance")


def invoice_facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """An invoice's view, for people."""
    currency = found["currency"]
    matched = f"order {found['order']}, goods received" if found["matched"] else "no order: not matched"
    status = [found["validity"], found["title"], found["cash"], found["maturity"]]
    facts = [
        ("buyer", found["buyer"]),
        ("status", ", ".join(word for word in status if word)),
        ("issued, due", f"{found['issue_date']}, {found['due_date']}"),
        ("matched with", matched),
        ("gross", money(found["gross"], currency)),
        ("outstanding", money(found["outstanding"], currency)),
    ]
    facts += [
        (name.replace("_", " "), money(found[name], currency))
        for name in ("written_off", "paid", "credited", "contested")
        if found[name]
    ]
    if found["unapplied"]:
        facts.append(("paid too much", f"{money(found['unapplied'], currency)}, to go back to the buyer"))
    if found["offset"]:
        facts.append(("set off", money(found["offset"], currency)))
    if found["credit_due"]:
        facts.append(("credit due", "yes: goods of its order went back, so no new finance"))
    if found["days_past_due"]:
        facts.append(("past due", f"{counted(found['days_past_due'], 'day')}"))
    if found["backdated"]:
        facts.append(("backdated", "yes: it came to the ledger long after its issue"))
    return facts


def _lenders(deal: dict[str, Any], currency: str) -> str:
    if deal["lender"]:
        return f"{deal['lender']}, programme {deal['programme']}"
    return ", ".join(f"{share['lender']} ({money(share['part'], currency)})" for share in deal["shares"])


_RESERVED = ("Offered", "Accepted")
"""Stages that end by themselves after a last day."""


def finance_facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    """The claim on an invoice, for people."""
    deal, currency = found["finance"], found["currency"]
    left = [
        (words, money(deal[name], currency))
        for words, name in (("owed to the lender", "principal"), ("interest due", "interest_due"))
        if deal["funded"] and deal[name]
    ]
    return [
        ("stage", deal["stage"] + (f", until {deal['expires']}" if deal["stage"] in _RESERVED else "")),
        ("lender", _lenders(deal, currency)),
        ("advance", money(deal["advance"], currency)),
        ("discount, fee", f"{money(deal['discount'], currency)}, {money(deal['fee'], currency)}"),
        ("paid out", money(deal["paid_out"], currency)),
        ("reserve", money(deal["reserve"], currency)),
        *left,
    ]


@app.command(
    name="list",
    epilog=examples(
        "tally invoice list acme", "tally invoice list acme --buyer anchor --status overdue --limit 20"
    ),
)
def list_invoices(
    supplier: SupplierArgument,
    buyer: Annotated[str | None, typer.Option(help="Only of this buyer.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only in this state: confirmed, reserved, settled, overdue, …")
    ] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A supplier's invoices, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, STATES)
    with open_session(profile) as session:
        found = list(islice(session.invoices(supplier, buyer=buyer, status=wanted), limit))
        channel = session.genesis.genesis
    if screen.answer({"invoices": found}):
        return
    screen.table(
        (
            "invoice",
            "buyer",
            "issued",
            "due",
            "gross",
            "outstanding",
            "validity",
            "title",
            "cash",
            "maturity",
        ),
        [
            (
                entry["invoice"],
                entry["buyer"],
                entry["issue_date"],
                entry["due_date"],
                money(entry["gross"], entry["currency"]),
                money(entry["outstanding"], entry["currency"]),
                entry["validity"],
                entry["title"],
                entry["cash"],
                entry["maturity"],
            )
            for entry in found
        ],
        right=("gross", "outstanding"),
    )
    screen.count(len(found), "invoice", limit)
    say_strangers(screen, channel, supplier, buyer)
