"""CII importer: real Cross Industry Invoices say what their twins in UBL say, and what is wrong is named."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from clients.importers import Directory, ImportContext, Imported, import_bytes, import_file
from contracts import registry

SAMPLES = Path(__file__).parent.parent / "data" / "xrechnung"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "einvoice"
"""The whole set of examples, where the machine has it; it does not ship."""

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared e-invoice data is not on this machine"
)

ANY = ImportContext(supplier="seller", buyer="buyer", link_orders=False, term_days=30)
LINKED = ImportContext(supplier="seller", buyer="buyer", term_days=30)
SAMPLE = "01.01a-INVOICE_uncefact.xml"
PARTIES = Directory.from_organisations(
    [
        {"id": "seller", "name": "X", "identifiers": [["VAT", "DE123456789"]]},
        {"id": "buyer", "name": "[Buyer name]", "identifiers": []},
    ]
)


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def sample(name: str = SAMPLE) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def imported(text: str, context: ImportContext = ANY) -> Imported:
    return import_bytes(text.encode(), "file.xml", "auto", context)


def codes(text: str, context: ImportContext = ANY) -> list[str]:
    return [problem.code for problem in imported(text, context).errors]


def test_invoice_becomes_one_operation_with_the_hash_of_the_file() -> None:
    found = import_file(SAMPLES / SAMPLE, "auto", ImportContext(directory=PARTIES, term_days=30))
    assert found.is_clean, [str(problem) for problem in found.errors]
    (entry,) = found.entries
    assert (found.kind, entry.signer, entry.date) == ("cii", "seller", "2016-04-04")
    assert entry.operation == {
        "op": "invoice.submit",
        "invoice": "123456XX",
        "buyer": "buyer",
        "currency": "EUR",
        "issue_date": "2016-04-04",
        "due_date": "2016-05-04",
        "order": "",
        "lines": (
            {"line": "#1", "quantity": 1, "amount": 28_879, "category": "S", "rate_ppm": 70_000},
            {"line": "#2", "quantity": 1, "amount": 2_607, "category": "S", "rate_ppm": 70_000},
        ),
        "tax": 2_204,
        "taxes": ({"category": "S", "rate_ppm": 70_000, "adjustment": 0, "amount": 2_204},),
        "allowances": 0,
        "charges": 0,
        "prepaid": 0,
        "rounding": 0,
        "gross": 33_690,
        "document": sha256((SAMPLES / SAMPLE).read_bytes()).digest(),
    }
    registry.parse(entry.operation)


NO_ORDER = b"Dummywert"
"""What some of the documents in UBL name for an order, since UBL asks for one: their twins name none."""


def pairs() -> list[tuple[Path, Path]]:
    folders = [SAMPLES, *sorted((SHARED / "xrechnung").glob("*/*"))]
    found = []
    for folder in folders:
        for path in sorted(folder.glob("*_uncefact.xml*")):
            twin = path.with_name(path.name.replace("_uncefact", "_ubl"))
            if twin.exists() and NO_ORDER not in read(twin):
                found.append((path, twin))
    return found


@pytest.mark.parametrize("context", [ANY, LINKED], ids=["alone", "with orders"])
@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: f"{pair[0].parent.name}/{pair[0].name}")
def test_the_two_syntaxes_of_one_business_case_come_out_the_same(
    pair: tuple[Path, Path], context: ImportContext
) -> None:
    """EN 16931 has one meaning in two syntaxes; the hash of the file alone differs."""
    cii, ubl = (import_bytes(read(path), path.name, "auto", context) for path in pair)
    assert (cii.kind, ubl.kind) == ("cii", "ubl")
    assert sorted(problem.code for problem in cii.errors) == sorted(problem.code for problem in ubl.errors)
    assert [said(entry.operation) for entry in cii.entries] == [
        said(entry.operation) for entry in ubl.entries
    ]
    assert cii.summary.notes == ubl.summary.notes


def said(operation: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in operation.items() if name != "document"}


@needs_shared
@pytest.mark.parametrize(
    "path", sorted((SHARED / "en16931" / "cii" / "examples").glob("*.xml")), ids=lambda path: path.stem
)
def test_every_real_example_is_imported_or_refused_for_what_it_is(path: Path) -> None:
    found = import_file(path, "auto", ANY)
    assert {problem.code for problem in found.errors} == NOT_FOR_THE_LEDGER.get(path.name, set())
    for operation in found.operations:
        registry.parse(operation)


NOT_FOR_THE_LEDGER = {"CII-BR-CO-10-RoundingIssue.xml": {"nothing_due"}}
"""Valid by EN 16931; what they say has no place on the ledger, and exactly that is reported."""

BROKEN = [
    ("<ram:LineTotalAmount>314.86<", "<ram:LineTotalAmount>314.87<", "br_co_10"),
    ("<ram:TaxBasisTotalAmount>314.86<", "<ram:TaxBasisTotalAmount>314.87<", "br_co_13"),
    (
        '<ram:TaxTotalAmount currencyID="EUR">22.04<',
        '<ram:TaxTotalAmount currencyID="EUR">22.05<',
        "br_co_14",
    ),
    ("<ram:GrandTotalAmount>336.9<", "<ram:GrandTotalAmount>336.91<", "br_co_15"),
    ("<ram:DuePayableAmount>336.9<", "<ram:DuePayableAmount>336.91<", "br_co_16"),
    ("<ram:CalculatedAmount>22.04<", "<ram:CalculatedAmount>24.04<", "br_co_17"),
    ("<ram:DuePayableAmount>336.9<", "<ram:DuePayableAmount>336.901<", "amount_digits"),
    ("<ram:DuePayableAmount>336.9<", "<ram:DuePayableAmount>NaN<", "number"),
    ("<ram:DuePayableAmount>336.9<", '<ram:DuePayableAmount currencyID="USD">336.9<', "currency_mismatch"),
    ("<ram:InvoiceCurrencyCode>EUR<", "<ram:InvoiceCurrencyCode>QQQ<", "unknown_currency"),
    ('format="102">20160404<', 'format="102">20160431<', "date"),
    ('format="102">20160404<', 'format="102">2016-04-04<', "date"),
    ('format="102">20160404<', 'format="203">201604041200<', "date"),
    ("<ram:ID>123456XX</ram:ID>", "", "br_02"),
    ("<ram:TypeCode>380<", "<ram:TypeCode>384<", "document_type"),
    ("<ram:Name>[Seller name]</ram:Name>", "", "br_06"),
    ("<ram:LineID>Porto + Versandkosten</ram:LineID>", "", "br_21"),
    ('<ram:BilledQuantity unitCode="XPP">1</ram:BilledQuantity>', "", "br_22"),
]


@pytest.mark.parametrize(("good", "bad", "code"), BROKEN)
def test_each_broken_rule_is_named_with_the_place(good: str, bad: str, code: str) -> None:
    text = sample()
    assert good in text
    found = imported(text.replace(good, bad, 1))
    assert code in {problem.code for problem in found.errors}
    assert found.operations == ()
    for problem in found.errors:
        assert problem.column.startswith("/rsm:CrossIndustryInvoice")
        assert problem.line > 0
        assert problem.remedy


TWICE = [
    ("<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>", "EUR", "USD"),
    ("<ram:ID>123456XX</ram:ID>", "123456XX", "7"),
    ("<ram:DuePayableAmount>336.9</ram:DuePayableAmount>", "336.9", "1.00"),
    ("<ram:CalculatedAmount>22.04</ram:CalculatedAmount>", "22.04", "22.05"),
    ('<ram:BilledQuantity unitCode="XPP">1</ram:BilledQuantity>', ">1<", ">2<"),
]


@pytest.mark.parametrize(("term", "good", "other"), TWICE)
def test_what_a_document_says_twice_is_refused_if_it_says_two_things(
    term: str, good: str, other: str
) -> None:
    """Who reads the document may have seen the second: no due date, amount or party is chosen for them."""
    assert "repeated_term" in codes(sample().replace(term, term + term.replace(good, other), 1))
    assert codes(sample().replace(term, f"{term} {term}", 1)) == []


def test_an_invoice_that_is_due_in_parts_is_refused() -> None:
    """Factur-X EXTENDED has several payment terms: the whole is not due with the first part."""
    due = '<udt:DateTimeString format="102">{}</udt:DateTimeString>'
    terms = (
        "<ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>"
        f"{due}</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>"
    )
    settled = "<ram:SpecifiedTradeSettlementHeaderMonetarySummation>"
    first, second = (terms.format(day) for day in ("20160420", "20160620"))
    assert codes(sample().replace(settled, first + settled, 1)) == []
    assert codes(sample().replace(settled, first + second + settled, 1)) == ["repeated_term"]


@pytest.mark.parametrize("indicator", ["<udt:Indicator>maybe</udt:Indicator>", ""])
def test_neither_allowance_nor_charge_is_not_left_out(indicator: str) -> None:
    adjustment = (
        f"<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator>{indicator}</ram:ChargeIndicator>"
        "<ram:ActualAmount>10.00</ram:ActualAmount></ram:SpecifiedTradeAllowanceCharge>"
        "<ram:SpecifiedTradePaymentTerms>"
    )
    text = sample().replace("<ram:SpecifiedTradePaymentTerms>", adjustment, 1)
    assert codes(text) == ["charge_indicator"]


def test_lines_whose_amounts_cannot_be_read_are_not_called_negative() -> None:
    found = codes(sample().replace("EUR", "JPY"))
    assert set(found) == {"amount_digits"}


def test_a_file_that_begins_with_its_licence_is_known_for_what_it_is() -> None:
    comment = f"<!-- {'All rights. ' * 500} -->"
    licence = f"{comment}<?xml-stylesheet href='a'?><!-- urn:iso:std:iso:20022:tech:xsd:camt -->"
    found = imported(sample().replace("<rsm:Cross", f"{licence}<rsm:Cross", 1))
    assert (found.kind, len(found.operations)) == ("cii", 1)


@pytest.mark.parametrize(("payee", "said"), [("Factor AG", True), ("[Seller trading name]", False)])
def test_who_is_to_be_paid_in_the_sellers_place_is_said(payee: str, said: bool) -> None:
    """BG-10: an invoice that is sold already names its factor."""
    settled = "<ram:SpecifiedTradeSettlementPaymentMeans>"
    party = f"<ram:PayeeTradeParty><ram:Name>{payee}</ram:Name></ram:PayeeTradeParty>"
    found = imported(sample().replace(settled, party + settled, 1))
    assert found.is_clean
    assert (
        "to be paid to Factor AG and not to the seller: ask whether it is sold already" in notes(found)
    ) is said


def notes(found: Imported) -> tuple[str, ...]:
    return found.summary.notes


REFERENCE = (
    "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>R-7</ram:IssuerAssignedID>"
    "</ram:InvoiceReferencedDocument></ram:ApplicableHeaderTradeSettlement>"
)


def test_credit_note_reduces_the_invoice_that_it_names() -> None:
    text = sample().replace("<ram:TypeCode>380<", "<ram:TypeCode>381<", 1)
    found = imported(text.replace("</ram:ApplicableHeaderTradeSettlement>", REFERENCE))
    assert found.is_clean, [str(problem) for problem in found.errors]
    assert found.operations == (
        {
            "op": "credit.issue",
            "credit": "123456XX",
            "invoice": "R-7",
            "amount": 33_690,
            "date": "2016-04-04",
        },
    )
    (problem,) = imported(text).errors
    assert problem.code == "preceding_invoice"
    assert problem.column.endswith("ram:InvoiceReferencedDocument/ram:IssuerAssignedID")


def test_an_invoice_without_due_date_needs_an_agreed_term() -> None:
    (problem,) = imported(sample(), ImportContext(supplier="s", buyer="b", link_orders=False)).errors
    assert problem.code == "due_date"
    assert problem.column.endswith("ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString")


def test_parties_are_found_by_global_identifiers_and_registrations_of_vat_alone() -> None:
    """A tax number of scheme FC is not a VAT number, whatever it looks like."""
    buyer = '<ram:GlobalID schemeID="0088">5790000436057</ram:GlobalID><ram:Name>[Buyer name]<'
    text = sample().replace("<ram:Name>[Buyer name]<", buyer, 1)
    organisations = [
        {"id": "a", "name": "x", "identifiers": [["VAT", "DE123456789"]]},
        {"id": "b", "name": "y", "identifiers": [["GLN", "5790000436057"]]},
    ]
    context = ImportContext(directory=Directory.from_organisations(organisations), term_days=30)
    assert imported(text, context).entries[0].signer == "a"
    assert codes(text.replace('schemeID="VA">DE', 'schemeID="FC">DE'), context) == ["unknown_party"]


@pytest.mark.parametrize("data", [b"<CrossIndustryInvoice/>", b"<Invoice/>"])
def test_another_root_is_refused_with_its_own_code(data: bytes) -> None:
    (problem,) = import_bytes(data, "file.xml", "cii", ANY).errors
    assert (problem.code, problem.column) == ("not_cii", "/" + data[1:-2].decode())


_TEST_SET = "{http://difi.no/xsd/vefa/validator/1.0}"


OFF_BY_ONE = "-14.78"
"""VAT that is off by exactly one unit: the artefacts of this syntax let it pass, those of UBL do not."""


@needs_shared
def test_the_official_verdicts_are_ours() -> None:
    """The unit tests of the EN 16931 validation artefacts for this syntax."""
    checked = set()
    for path in sorted((SHARED / "en16931" / "test" / "cii").glob("*.xml")):
        for case in etree.parse(path).getroot().findall(f"{_TEST_SET}test"):
            (document,) = (
                part for part in case if isinstance(part.tag, str) and part.tag != f"{_TEST_SET}assert"
            )
            problems = import_bytes(etree.tostring(document, with_tail=False), path.name).errors
            said = {problem.code.replace("_", "-").upper() for problem in problems}
            for verdict in case.findall(f"{_TEST_SET}assert/*"):
                rule = (verdict.text or "").strip()
                is_off_by_one = any(tax.text == OFF_BY_ONE for tax in document.iter("{*}CalculatedAmount"))
                if rule in ("BR-CO-15", "BR-CO-17") and not is_off_by_one:
                    must_fire = verdict.tag != f"{_TEST_SET}success"
                    assert (rule in said) == must_fire, (path.name, rule, sorted(said))
                    checked.add((rule, must_fire))
    assert len(checked) == 4
