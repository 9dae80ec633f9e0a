"""Peppol Invoice Response: only AP confirms, UQ disputes, RE rejects, and nothing else moves anything."""

from __future__ import annotations

from typing import Any

import pytest

from clients.importers import Billed, Directory, ImportContext, Imported, import_bytes
from clients.importers.imported import NoTrade

RESPONSE = """<?xml version="1.0" encoding="UTF-8"?>
<ApplicationResponse xmlns="urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:fdc:peppol.eu:poacc:trns:invoice_response:3</cbc:CustomizationID>
<cbc:ProfileID>urn:fdc:peppol.eu:poacc:bis:invoice_response:3</cbc:ProfileID>
<cbc:ID>imr01</cbc:ID><cbc:IssueDate>2024-03-05</cbc:IssueDate>
<cac:SenderParty><cbc:EndpointID schemeID="0088">{sender}</cbc:EndpointID>
<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:SenderParty>
<cac:ReceiverParty><cbc:EndpointID schemeID="0088">4012345000009</cbc:EndpointID>
<cac:PartyLegalEntity><cbc:RegistrationName>Acme</cbc:RegistrationName></cac:PartyLegalEntity></cac:ReceiverParty>
<cac:DocumentResponse><cac:Response><cbc:ResponseCode listID="UNCL4343OpSubset">{code}</cbc:ResponseCode>
{status}</cac:Response>
<cac:DocumentReference><cbc:ID>{invoice}</cbc:ID><cbc:DocumentTypeCode>{kind}</cbc:DocumentTypeCode>
</cac:DocumentReference></cac:DocumentResponse></ApplicationResponse>"""
STATUS = """<cac:Status><cbc:StatusReasonCode listID="OPStatusReason">REF</cbc:StatusReasonCode>
<cbc:StatusReason>The order number is missing</cbc:StatusReason></cac:Status>"""


class Trade(NoTrade):
    def invoice(self, supplier: str, number: str) -> Billed | None:
        return Billed(990_00, 890_00, "2024-05-03") if (supplier, number) == ("acme", "INV-7") else None


DIRECTORY = Directory.from_organisations(
    [
        {"id": "acme", "name": "Acme", "identifiers": [["0088", "4012345000009"]]},
        {"id": "anchor", "name": "Anchor", "identifiers": [["0088", "0614141000005"]]},
    ]
)


def responded(code: str, organisation: str = "", **changes: Any) -> Imported:
    fields = {
        "code": code,
        "sender": "0614141000005",
        "name": "Anchor Stores",
        "status": STATUS,
        "invoice": "INV-7",
        "kind": "380",
        **changes,
    }
    context = ImportContext(organisation=organisation, directory=DIRECTORY, trade=Trade())
    return import_bytes(RESPONSE.format(**fields).encode(), "response.xml", "auto", context)


def test_accepted_is_the_only_answer_that_confirms() -> None:
    found = responded("AP")
    assert found.is_clean, found.errors
    (entry,) = found.entries
    assert (found.kind, entry.signer, entry.date) == ("response", "anchor", "2024-03-05")
    assert entry.operation == {
        "op": "invoice.confirm",
        "invoice": "INV-7",
        "supplier": "acme",
        "net": 990_00,
        "due_date": "2024-05-03",
    }


@pytest.mark.parametrize("code", ["AB", "IP", "CA", "PD"])
def test_acknowledgement_condition_and_payment_move_nothing(code: str) -> None:
    found = responded(code)
    assert (found.is_clean, found.entries) == (True, ())
    (note,) = found.summary.notes
    assert code in note


def test_query_disputes_all_that_is_outstanding_and_says_why() -> None:
    (entry,) = responded("UQ").entries
    assert (entry.operation["op"], entry.operation["amount"]) == ("invoice.dispute", 890_00)
    assert entry.operation["reason"] == "The order number is missing; REF"


def test_rejection_needs_no_amount() -> None:
    (entry,) = responded("RE", status="").entries
    assert (entry.operation["op"], entry.operation["reason"]) == ("invoice.reject", "no reason given")


def test_supplier_who_imports_it_signs_nothing() -> None:
    found = responded("AP", organisation="acme")
    assert (found.entries, found.summary.skipped) == ((), 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "XX"}, "response_code"),
        ({"code": ""}, "response_form"),
        ({"invoice": "INV-8"}, "unknown_invoice"),
        ({"invoice": ""}, "response_form"),
        ({"kind": "381"}, "document_type"),
        ({"sender": "4012345000009"}, "same_party"),
        ({"sender": "1"}, "unknown_party"),
    ],
)
def test_what_is_wrong_is_one_problem_with_its_place(changes: dict[str, Any], code: str) -> None:
    found = responded(**{"code": "AP", **changes})
    assert [problem.code for problem in found.errors] == [code]
    assert (found.entries, found.summary.withheld) == ((), 1)
    assert found.errors[0].line > 0
