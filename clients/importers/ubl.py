"""UBL 2.1 Invoice (380) and CreditNote (381), bound to the terms of EN 16931 as CEN/TS 16931-3-2 has it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from clients.importers.billing import submitted
from clients.importers.en16931 import Terms
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import NOTHING, ImportContext, Outcome
from clients.importers.invoice_reading import InvoiceReader
from clients.importers.ubl_terms import UblReader
from clients.importers.xml_document import UBL, Element, parse_xml, step_name
from clients.importers.xml_terms import every, first

INVOICE = Terms(
    number="cbc:ID",
    issue_date="cbc:IssueDate",
    type_code="cbc:InvoiceTypeCode",
    currency="cbc:DocumentCurrencyCode",
    due_date="cbc:DueDate",
    order="cac:OrderReference/cbc:ID",
    preceding="cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    seller="cac:AccountingSupplierParty/cac:Party",
    buyer="cac:AccountingCustomerParty/cac:Party",
    party_name="cac:PartyLegalEntity/cbc:RegistrationName",
    payee="cac:PayeeParty/cac:PartyName/cbc:Name",
    adjustment="cac:AllowanceCharge",
    is_charge="cbc:ChargeIndicator",
    adjustment_amount="cbc:Amount",
    totals="cac:LegalMonetaryTotal",
    lines_total="cbc:LineExtensionAmount",
    allowances_total="cbc:AllowanceTotalAmount",
    charges_total="cbc:ChargeTotalAmount",
    without_vat="cbc:TaxExclusiveAmount",
    with_vat="cbc:TaxInclusiveAmount",
    paid="cbc:PrepaidAmount",
    rounding="cbc:PayableRoundingAmount",
    due="cbc:PayableAmount",
    vat_total="cac:TaxTotal/cbc:TaxAmount",
    taxable="cbc:TaxableAmount",
    tax="cbc:TaxAmount",
    category="cac:TaxCategory/cbc:ID",
    percent="cac:TaxCategory/cbc:Percent",
    line="cac:InvoiceLine",
    line_id="cbc:ID",
    order_line="cac:OrderLineReference/cbc:LineID",
    quantity="cbc:InvoicedQuantity",
    net="cbc:LineExtensionAmount",
    line_category="cac:Item/cac:ClassifiedTaxCategory/cbc:ID",
    line_percent="cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",
)
CREDIT_NOTE = replace(
    INVOICE,
    type_code="cbc:CreditNoteTypeCode",
    due_date="cac:PaymentMeans/cbc:PaymentDueDate",
    line="cac:CreditNoteLine",
    quantity="cbc:CreditedQuantity",
)
_ROOTS = {
    f"{{{UBL}Invoice-2}}Invoice": (INVOICE, "380"),
    f"{{{UBL}CreditNote-2}}CreditNote": (CREDIT_NOTE, "381"),
}


def read_ubl(data: bytes, context: ImportContext, problems: Problems, sent: bytes) -> Outcome:
    """The operation that submits the invoice or credit note; `sent` is the file, or the PDF around it."""
    try:
        reader = _Reader.of(parse_xml(data))
    except ImportProblem as problem:
        problems.add(problem)
        return NOTHING
    return submitted(reader.invoice(), reader.problems, sha256(sent).digest(), context, problems)


class _Reader(UblReader, InvoiceReader):
    @classmethod
    def of(cls, root: Element) -> _Reader:
        """The reader of a document.

        Raises:
            ImportProblem: `not_ubl`, it is neither an invoice nor a credit note.
        """
        if root.tag not in _ROOTS:
            raise ImportProblem(
                "not_ubl",
                "not a UBL 2.1 invoice or credit note",
                line=root.sourceline or 0,
                column="/" + step_name(root.tag),
                found=str(root.tag),
                expected="Invoice or CreditNote in UBL's namespaces",
            )
        terms, type_code = _ROOTS[root.tag]
        return cls(root, terms, (type_code,))

    def vat_groups(self) -> list[Element]:
        """BG-23: those of the totals in the document's currency."""
        return [
            group
            for total in every(self.root, "cac:TaxTotal")
            if self.is_in_currency(first(total, "cbc:TaxAmount"))
            for group in every(total, "cac:TaxSubtotal")
        ]
