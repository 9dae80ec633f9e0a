"""A real UBL 2.1 invoice of the EN 16931 examples. It is dated a year after the trade data ends."""

from __future__ import annotations

from clients import data
from clients.cli.amounts import money
from clients.cli.trade.importing import directory_of
from clients.errors import NodeProblem
from clients.importers import ImportContext, import_file
from clients.story.stage import Facts, Stage
from clients.story.trade import advance_to

SELLER, CUSTOMER = "sellercompany", "buyercompany"
RECEIPT_FILE = "e-invoice.receipt"


def play(stage: Stage) -> Facts:
    """The seller imports the file, the buyer confirms."""
    with stage.chapter("An e-invoice: UBL 2.1, as companies send it") as facts:
        if advance_to(stage, data.UBL_INVOICE_DATE):
            stage.done(
                f"the operator moves the business date on to {data.UBL_INVOICE_DATE}, the invoice's date"
            )
        seller, customer = stage.session(SELLER), stage.session(CUSTOMER)
        context = ImportContext(organisation=SELLER, directory=directory_of(seller.genesis))
        (operation,) = import_file(stage.folder / "trade" / data.UBL_INVOICE, "ubl", context).operations
        number = operation["invoice"]
        path = stage.evidence / RECEIPT_FILE
        try:
            found = customer.invoice(SELLER, number)
            stage.done(f"invoice {number} is on the ledger already")
        except NodeProblem as problem:
            if problem.code != "unknown_invoice":
                raise
            recorded = seller.submit(operation)
            recorded.save(path)
            stage.keep(SELLER, [recorded])
            stage.done(
                f"{SELLER} imports invoice {number}: sums checked, parties found by VAT number and name, "
                "the file's hash recorded"
            )
            found = customer.invoice(SELLER, number)
        if found["validity"] == "Submitted":
            confirmation = {
                "op": "invoice.confirm",
                "invoice": number,
                "supplier": SELLER,
                "net": found["gross"],
                "due_date": found["due_date"],
            }
            stage.keep(CUSTOMER, [customer.submit(confirmation)])
            stage.done(f"{CUSTOMER} confirms {money(found['gross'], found['currency'])} with its own key")
        facts |= {
            "invoice": number,
            "gross": found["gross"],
            "currency": found["currency"],
            "receipt": str(path),
        }
    return facts
