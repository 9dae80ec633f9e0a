"""UBL DespatchAdvice and ReceiptAdvice: what left and what came, signed by whose word it is."""

from __future__ import annotations

from typing import Any

import pytest

from clients.importers import Directory, ImportContext, Imported, import_bytes, limits
from contracts import registry
from contracts.trade.units import sscc_with_check_digit

UNIT = sscc_with_check_digit("34012345000000001")
NAMESPACES = """ xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">"""

SUPPLIER = """<cac:DespatchSupplierParty><cac:Party>
<cbc:EndpointID schemeID="0088">{supplier}</cbc:EndpointID>
<cac:PartyName><cbc:Name>Acme</cbc:Name></cac:PartyName></cac:Party></cac:DespatchSupplierParty>"""
BUYER = """<cac:DeliveryCustomerParty><cac:Party>
<cbc:EndpointID schemeID="0088">0614141000005</cbc:EndpointID>
</cac:Party></cac:DeliveryCustomerParty>"""

DESPATCH = (
    """<?xml version="1.0" encoding="UTF-8"?>
<DespatchAdvice xmlns="urn:oasis:names:specification:ubl:schema:xsd:DespatchAdvice-2\""""
    + NAMESPACES
    + """
<cbc:ID>DA-7</cbc:ID><cbc:IssueDate>2024-03-03</cbc:IssueDate>{head}
"""
    + SUPPLIER
    + BUYER
    + """
<cac:Shipment><cbc:ID>1</cbc:ID>
<cac:Consignment><cbc:ID>1</cbc:ID><cac:CarrierParty><cac:PartyName><cbc:Name>{carrier}</cbc:Name></cac:PartyName>
</cac:CarrierParty></cac:Consignment>
<cac:Delivery><cac:RequestedDeliveryPeriod><cbc:EndDate>2024-03-06</cbc:EndDate></cac:RequestedDeliveryPeriod>
<cac:Despatch>{left}</cac:Despatch></cac:Delivery>
<cac:TransportHandlingUnit><cbc:ID schemeID="SSCC">{unit}</cbc:ID></cac:TransportHandlingUnit></cac:Shipment>
{lines}</DespatchAdvice>"""
)
DESPATCHED = """<cac:DespatchLine><cbc:ID>{id}</cbc:ID>
<cbc:DeliveredQuantity unitCode="EA">{sent}</cbc:DeliveredQuantity>
<cac:OrderLineReference><cbc:LineID>{line}</cbc:LineID>{order}</cac:OrderLineReference>
<cac:Item><cbc:Name>bolt</cbc:Name></cac:Item></cac:DespatchLine>"""
ORDER = "<cac:OrderReference><cbc:ID>PO-7</cbc:ID></cac:OrderReference>"
LEFT = "<cbc:ActualDespatchDate>2024-03-02</cbc:ActualDespatchDate>"

RECEIPT = (
    """<?xml version="1.0" encoding="UTF-8"?>
<ReceiptAdvice xmlns="urn:oasis:names:specification:ubl:schema:xsd:ReceiptAdvice-2\""""
    + NAMESPACES
    + """
<cbc:ID>RA-1</cbc:ID><cbc:IssueDate>2024-03-08</cbc:IssueDate>{head}
"""
    + BUYER
    + SUPPLIER
    + """
<cac:Shipment><cbc:ID>1</cbc:ID><cac:Delivery>{came}</cac:Delivery></cac:Shipment>
{lines}</ReceiptAdvice>"""
)
RECEIVED = """<cac:ReceiptLine><cbc:ID>{id}</cbc:ID>
<cbc:ReceivedQuantity unitCode="EA">{received}</cbc:ReceivedQuantity>
{rejected}{day}<cac:OrderLineReference><cbc:LineID>{line}</cbc:LineID></cac:OrderLineReference>
<cac:DespatchLineReference><cbc:LineID>1</cbc:LineID>{advice}</cac:DespatchLineReference></cac:ReceiptLine>"""
ADVICE = "<cac:DespatchDocumentReference><cbc:ID>DA-7</cbc:ID></cac:DespatchDocumentReference>"

DIRECTORY = Directory.from_organisations(
    [
        {"id": "acme", "name": "Acme", "identifiers": [["0088", "4012345000009"]]},
        {"id": "anchor", "name": "Anchor", "identifiers": [["0088", "0614141000005"]]},
        {"id": "ship", "name": "Shipping Line"},
    ]
)


def despatched(*lines: str, organisation: str = "", **changes: str) -> Imported:
    text = DESPATCH.format(**{**DESPATCH_FIELDS, **changes}, lines="".join(lines or (sent("1", "7"),)))
    return imported(text, organisation)


def sent(line: str, quantity: str, order: str = "") -> str:
    return DESPATCHED.format(id=line, sent=quantity, line=line, order=order)


def received(*lines: str, organisation: str = "", **changes: str) -> Imported:
    text = RECEIPT.format(**{**RECEIPT_FIELDS, **changes}, lines="".join(lines or (took("1", "7"),)))
    return imported(text, organisation)


def took(line: str, quantity: str, rejected: str = "", day: str = "", advice: str = "") -> str:
    refused = f'<cbc:RejectedQuantity unitCode="EA">{rejected}</cbc:RejectedQuantity>' if rejected else ""
    on = f"<cbc:ReceivedDate>{day}</cbc:ReceivedDate>" if day else ""
    return RECEIVED.format(id=line, received=quantity, line=line, rejected=refused, day=on, advice=advice)


DESPATCH_FIELDS = {
    "head": ORDER,
    "supplier": "4012345000009",
    "carrier": "Shipping Line",
    "left": LEFT,
    "unit": UNIT,
}
RECEIPT_FIELDS = {"head": ADVICE, "supplier": "4012345000009", "came": ""}
DESPATCH_EXAMPLE = DESPATCH.format(**DESPATCH_FIELDS, lines=sent("1", "7"))
RECEIPT_EXAMPLE = RECEIPT.format(**RECEIPT_FIELDS, lines=took("1", "7", "2", "2024-03-05"))


def imported(text: str, organisation: str = "") -> Imported:
    context = ImportContext(organisation=organisation, directory=DIRECTORY)
    return import_bytes(text.encode(), "advice.xml", "auto", context)


def codes(found: Imported) -> list[str]:
    assert found.entries == ()
    assert all(problem.line and problem.column for problem in found.errors)
    return [problem.code for problem in found.errors]


def test_a_despatch_advice_is_the_suppliers_dispatch() -> None:
    found = despatched(sent("1", "7"), sent("2", "3.0"))
    assert (found.is_clean, found.kind, found.summary.notes) == (True, "advice", ())
    (entry,) = found.entries
    assert (entry.signer, entry.date) == ("acme", "2024-03-02")
    assert entry.operation == {
        "op": "shipment.dispatch",
        "shipment": "DA-7",
        "order": "PO-7",
        "buyer": "anchor",
        "date": "2024-03-02",
        "lines": ({"line": "1", "quantity": 7}, {"line": "2", "quantity": 3}),
        "units": (UNIT,),
        "carrier": "ship",
        "scheduled": "2024-03-06",
    }
    registry.parse(entry.operation)


def test_lines_of_one_order_line_are_added_and_what_was_not_sent_is_left_out() -> None:
    (entry,) = despatched(sent("1", "7"), sent("1", "2"), sent("2", "0")).entries
    assert entry.operation["lines"] == ({"line": "1", "quantity": 9},)


def test_the_order_may_stand_in_the_lines() -> None:
    (entry,) = despatched(sent("1", "7", ORDER), head="").entries
    assert entry.operation["order"] == "PO-7"
    other = ORDER.replace("PO-7", "PO-8")
    assert codes(despatched(sent("1", "7", other))) == ["several_documents"]
    assert codes(despatched(head="")) == ["missing_term"]


def test_what_the_document_leaves_open_is_said_in_a_note() -> None:
    found = despatched(left="", carrier="Somebody Else", unit="BOX 4")
    (entry,) = found.entries
    assert (entry.date, entry.operation["units"]) == ("2024-03-03", ())
    assert "carrier" not in entry.operation
    assert found.summary.notes == (
        "day of despatch from the day of issue",
        "1 handling units without an SSCC are left out",
        "the carrier is no organisation of this channel: left out",
    )


def test_a_receipt_advice_is_the_buyers_receipt() -> None:
    lines = (took("1", "7", day="2024-03-05"), took("2", "5", "2", "2024-03-06"), took("3", "0"))
    found = received(*lines)
    assert (found.is_clean, found.kind, found.summary.notes) == (True, "advice", ())
    (entry,) = found.entries
    assert (entry.signer, entry.date) == ("anchor", "2024-03-06")
    assert entry.operation == {
        "op": "goods.receive",
        "shipment": "DA-7",
        "supplier": "acme",
        "date": "2024-03-06",
        "lines": ({"line": "1", "accepted": 7, "rejected": 0}, {"line": "2", "accepted": 3, "rejected": 2}),
    }
    registry.parse(entry.operation)


def test_the_day_of_receipt_is_of_the_lines_then_of_the_delivery_then_of_the_document() -> None:
    delivered = "<cbc:ActualDeliveryDate>2024-03-07</cbc:ActualDeliveryDate>"
    assert received(came=delivered).entries[0].date == "2024-03-07"
    found = received()
    assert found.entries[0].date == "2024-03-08"
    assert found.summary.notes == ("day of receipt from the day of issue",)


def test_the_advice_that_is_received_may_stand_in_the_lines() -> None:
    within = "<cac:DocumentReference><cbc:ID>DA-9</cbc:ID></cac:DocumentReference>"
    assert received(took("1", "7", advice=within), head="").entries[0].operation["shipment"] == "DA-9"
    assert codes(received(took("1", "7", advice=within))) == ["several_documents"]


@pytest.mark.parametrize(
    ("read", "by"), [(despatched, "anchor"), (received, "acme")], ids=["despatch", "receipt"]
)
def test_who_does_not_sign_it_sends_nothing(read: Any, by: str) -> None:
    found = read(organisation=by)
    assert (found.entries, found.errors, found.summary.skipped) == ((), (), 1)


DESPATCH_WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"lines": [sent("1", "7.5")]}, ["quantity"]),
    ({"lines": [sent("1", "-1")]}, ["quantity"]),
    ({"lines": [sent("1", "seven")]}, ["number"]),
    ({"lines": [sent("1", "")]}, ["number"]),
    ({"lines": [sent("", "7")]}, ["missing_term"]),
    ({"lines": [" "]}, ["missing_term"]),
    ({"unit": UNIT[:-1] + str((int(UNIT[-1]) + 1) % 10)}, ["shipment_unit"]),
    ({"left": LEFT.replace("2024-03-02", "2 March")}, ["date"]),
    ({"supplier": "0614141000005"}, ["same_party"]),
    ({"head": ORDER.replace("PO-7", "P" * 65)}, ["identifier"]),
]


@pytest.mark.parametrize(("changes", "expected"), DESPATCH_WRONG)
def test_what_is_wrong_in_a_despatch_is_one_problem_with_its_place(
    changes: dict[str, Any], expected: list[str]
) -> None:
    lines = changes.pop("lines", [])
    found = despatched(*lines, **changes)
    assert codes(found) == expected
    assert found.summary.withheld == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (took("1", "7", "8"), ["quantity"]),
        (took("1", "7", "0.5"), ["quantity"]),
        (took("", "7"), ["missing_term"]),
        (took("1", ""), ["number"]),
        (took("1", "7", day="soon"), ["date"]),
    ],
)
def test_what_is_wrong_in_a_receipt_is_one_problem_with_its_place(line: str, expected: list[str]) -> None:
    assert codes(received(line)) == expected


def test_a_document_without_parties_names_both() -> None:
    text = DESPATCH.replace(SUPPLIER, "").replace(BUYER, "")
    fields = {"head": ORDER, "carrier": "", "left": LEFT, "unit": UNIT, "lines": sent("1", "7")}
    found = imported(text.format(**fields))
    assert [problem.column.rsplit("/", 2)[-2] for problem in found.errors] == [
        "cac:DespatchSupplierParty",
        "cac:DeliveryCustomerParty",
    ]


def test_whose_goods_they_are_stands_before_who_handles_them() -> None:
    """A warehouse sends, and a branch receives; seller and buyer are named beside them."""
    sides = """<cac:BuyerCustomerParty><cac:Party>
    <cbc:EndpointID schemeID="0088">0614141000005</cbc:EndpointID>
    </cac:Party></cac:BuyerCustomerParty><cac:SellerSupplierParty><cac:Party>
    <cbc:EndpointID schemeID="0088">4012345000009</cbc:EndpointID></cac:Party></cac:SellerSupplierParty>"""
    text = DESPATCH.replace(BUYER, BUYER.replace("0614141000005", "1") + sides)
    fields = {"supplier": "2", "head": ORDER, "carrier": "", "left": LEFT, "unit": UNIT}
    (entry,) = imported(text.format(**fields, lines=sent("1", "7"))).entries
    assert (entry.signer, entry.operation["buyer"]) == ("acme", "anchor")


HOSTILE = {
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
    "billion laughs": "<!DOCTYPE l [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12))
    + "]>",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("text", [DESPATCH, RECEIPT], ids=["despatch", "receipt"])
def test_document_types_and_entities_are_refused_before_parsing(text: str, name: str) -> None:
    hostile = text.replace('encoding="UTF-8"?>', f'encoding="UTF-8"?>{HOSTILE[name]}')
    assert [problem.code for problem in imported(hostile).errors] == ["xml_forbidden"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<DespatchAdvice", "xml_syntax"),
        (b"<DespatchAdvice/>", "not_advice"),
        (b"<a>" * 100 + b"</a>" * 100, "xml_too_deep"),
        (b"<a>" + b"<b/>" * (limits.MAX_XML_CHILDREN + 1) + b"</a>", "xml_too_many_elements"),
        (b" " * 300 + b"<" + b"x" * limits.MAX_XML_BYTES, "file_too_large"),
        (b"", "xml_encoding"),
    ],
)
def test_other_xml_is_refused_with_its_own_code(data: bytes, code: str) -> None:
    found = import_bytes(data, "file.xml", "advice", ImportContext(directory=DIRECTORY))
    assert [problem.code for problem in found.errors] == [code]


def test_more_lines_than_an_operation_holds_are_refused() -> None:
    many = [sent(str(number), "1") for number in range(limits.MAX_DOCUMENT_LINES + 1)]
    found = despatched(*many)
    assert [problem.code for problem in found.errors] == ["too_long"]
    assert found.entries == ()
