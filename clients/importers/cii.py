"""UN/CEFACT Cross Industry Invoice, bound to the terms of EN 16931 as CEN/TS 16931-3-3 has it.

It is the XML of Factur-X and ZUGFeRD (inside a PDF, from which `pdf` takes it) and the other syntax of
XRechnung and Peppol. One root serves invoices (380) and credit notes (381).

| it differs from UBL in | |
|---|---|
| dates | `20240131` with format 102 (UN/EDIFACT 2379) |
| amounts | in the document's currency (BT-5) without saying so, but for the totals of VAT |
| identifiers of a party | with a scheme in `GlobalID`; VAT numbers are registrations of scheme VA |
"""

from __future__ import annotations

import re
from hashlib import sha256

from clients.importers.billing import submitted
from clients.importers.en16931 import Party, Terms
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import NOTHING, ImportContext, Outcome
from clients.importers.invoice_reading import InvoiceReader
from clients.importers.xml_document import CII, Element, Place, parse_xml, path_of, step_name
from clients.importers.xml_terms import every, first
from ledger.dates import day_from_iso
from ledger.errors import TallyError

MARK = f"{CII}CrossIndustryInvoice:".encode()
"""In the beginning of a file of this kind."""

_ROOT = f"{{{CII}CrossIndustryInvoice:100}}CrossIndustryInvoice"
_TYPES = ("380", "381")
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_DAY_FORMAT = "102"
_DATE = "udt:DateTimeString"

_DOCUMENT = "rsm:ExchangedDocument"
_TRADE = "rsm:SupplyChainTradeTransaction"
_AGREEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_TOTALS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_PROFILE = "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
"""BT-24."""
_WITHOUT_LINES = (":minimum", ":basicwl")
"""How the profiles of Factur-X and ZUGFeRD end that are no whole invoices: they have only what is posted."""
_LINE_SETTLEMENT = "ram:SpecifiedLineTradeSettlement"

TERMS = Terms(
    number=f"{_DOCUMENT}/ram:ID",
    issue_date=f"{_DOCUMENT}/ram:IssueDateTime/{_DATE}",
    type_code=f"{_DOCUMENT}/ram:TypeCode",
    currency=f"{_SETTLEMENT}/ram:InvoiceCurrencyCode",
    due_date=f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/{_DATE}",
    order=f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    preceding=f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    seller=f"{_AGREEMENT}/ram:SellerTradeParty",
    buyer=f"{_AGREEMENT}/ram:BuyerTradeParty",
    party_name="ram:Name",
    payee=f"{_SETTLEMENT}/ram:PayeeTradeParty/ram:Name",
    adjustment=f"{_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge",
    is_charge="ram:ChargeIndicator/udt:Indicator",
    adjustment_amount="ram:ActualAmount",
    totals=_TOTALS,
    lines_total="ram:LineTotalAmount",
    allowances_total="ram:AllowanceTotalAmount",
    charges_total="ram:ChargeTotalAmount",
    without_vat="ram:TaxBasisTotalAmount",
    with_vat="ram:GrandTotalAmount",
    paid="ram:TotalPrepaidAmount",
    rounding="ram:RoundingAmount",
    due="ram:DuePayableAmount",
    vat_total=f"{_TOTALS}/ram:TaxTotalAmount",
    taxable="ram:BasisAmount",
    tax="ram:CalculatedAmount",
    category="ram:CategoryCode",
    percent="ram:RateApplicablePercent",
    line=f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem",
    line_id="ram:AssociatedDocumentLineDocument/ram:LineID",
    order_line="ram:SpecifiedLineTradeAgreement/ram:BuyerOrderReferencedDocument/ram:LineID",
    quantity="ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    net=f"{_LINE_SETTLEMENT}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    line_category=f"{_LINE_SETTLEMENT}/ram:ApplicableTradeTax/ram:CategoryCode",
    line_percent=f"{_LINE_SETTLEMENT}/ram:ApplicableTradeTax/ram:RateApplicablePercent",
)


def read_cii(data: bytes, context: ImportContext, problems: Problems, sent: bytes) -> Outcome:
    """The operation that submits the invoice or credit note; `sent` is the file, or the PDF around it."""
    try:
        reader = _Reader.of(parse_xml(data))
    except ImportProblem as problem:
        problems.add(problem)
        return NOTHING
    return submitted(reader.invoice(), reader.problems, sha256(sent).digest(), context, problems)


class _Reader(InvoiceReader):
    are_amounts_labelled = False

    @classmethod
    def of(cls, root: Element) -> _Reader:
        """The reader of a document.

        Raises:
            ImportProblem: `not_cii`, it is none of this kind; `profile_without_lines`, it is no whole one.
        """
        if root.tag != _ROOT:
            raise ImportProblem(
                "not_cii",
                "not a Cross Industry Invoice",
                line=root.sourceline or 0,
                column="/" + step_name(root.tag),
                found=str(root.tag),
                expected=_ROOT,
            )
        profile = first(root, _PROFILE)
        if profile is not None and first(root, TERMS.line) is None:
            named = "".join(profile.itertext()).strip()
            if named.lower().endswith(_WITHOUT_LINES):
                raise ImportProblem(
                    "profile_without_lines",
                    "a profile that has no lines",
                    line=profile.sourceline or 0,
                    column=path_of(profile),
                    found=named,
                    expected="BASIC, EN 16931, EXTENDED or XRECHNUNG",
                )
        return cls(root, TERMS, _TYPES)

    def party(self, element: Element) -> Party:
        """Identifiers and names of a party, none of which it must have."""
        identifiers = [
            (found.get("schemeID") or "", self.text(found))
            for step in (
                "ram:ID",
                "ram:GlobalID",
                "ram:SpecifiedLegalOrganization/ram:ID",
                "ram:URIUniversalCommunication/ram:URIID",
            )
            for found in every(element, step)
        ]
        for number in every(element, "ram:SpecifiedTaxRegistration/ram:ID"):
            if number.get("schemeID") == "VA":
                identifiers.append(("VAT", self.text(number)))
        registered = self.optional_text(element, "ram:Name")
        traded = self.optional_text(element, "ram:SpecifiedLegalOrganization/ram:TradingBusinessName")
        names = tuple(dict.fromkeys(name for name in (registered, traded) if name))
        return Party(tuple(pair for pair in identifiers if pair[1]), names, Place(element))

    def vat_groups(self) -> list[Element]:
        """BG-23."""
        return every(self.root, f"{_SETTLEMENT}/ram:ApplicableTradeTax")

    def date(self, parent: Element, path: str, rule: str) -> str:
        """A day as YYYY-MM-DD; a missing one is a problem if there is a rule that asks for it."""
        text = self.required_text(parent, path, rule) if rule else self.optional_text(parent, path)
        if not text:
            return ""
        element = first(parent, path)
        written = _DAY.fullmatch(text)
        if written is not None and element is not None and element.get("format") == _DAY_FORMAT:
            day = "-".join(written.groups())
            try:
                day_from_iso(day)
            except TallyError:
                pass
            else:
                return day
        self.add(
            "date", "not a date", element, found=text, expected=f"a day as YYYYMMDD, format {_DAY_FORMAT}"
        )
        return ""
