"""Peppol Invoice Response (UBL 2.1 ApplicationResponse, BIS Invoice Response 3) to what the buyer signs.

| code (UNCL 4343) | says | becomes |
|---|---|---|
| AP | accepted: the buyer will pay | `invoice.confirm`, whole, due as the invoice says |
| RE | rejected | `invoice.reject` |
| UQ | under query: something is wrong | `invoice.dispute` of all that is outstanding |
| AB, IP | received, in process | nothing: an acknowledgement is no confirmation |
| CA | accepted under conditions | nothing: only AP confirms |
| PD | paid | nothing: cash is shown by a bank's entry alone |

The buyer sends it (SenderParty) and signs; the supplier receives it (ReceiverParty). Amount and due day are
those of the invoice on the ledger, because a response has none. Reasons are the texts of its statuses.
"""

from __future__ import annotations

from clients.importers.billing import organisation_of
from clients.importers.en16931 import Party
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.xml_document import NAMESPACES, Element, Place, parse_xml, path_of
from contracts.fields import MAX_REASON_LENGTH
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier

NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:ApplicationResponse-2"
MARK = b"xsd:ApplicationResponse-2"
"""What the beginning of such a file holds."""

CONFIRMS, REJECTS, DISPUTES = "AP", "RE", "UQ"
SILENT = {
    "AB": "an acknowledgement: nothing is confirmed",
    "IP": "in process: nothing is confirmed yet",
    "CA": "accepted under conditions: only AP confirms",
    "PD": "said to be paid: only a bank's entry shows that",
}
"""Codes that say nothing which the ledger takes, and why."""

_INVOICE = "380"
_NO_REASON = "no reason given"


def read_response(data: bytes, context: ImportContext, problems: Problems) -> Outcome:
    """The operation that a response stands for, if it stands for one."""
    try:
        root = parse_xml(data)
        return _outcome(root, context)
    except ImportProblem as problem:
        problems.add(problem)
        return Outcome((), 1, 1, 0)


def _outcome(root: Element, context: ImportContext) -> Outcome:
    if root.tag != f"{{{NAMESPACE}}}ApplicationResponse":
        raise _problem(root, "not_response", "not an Invoice Response", str(root.tag), "ApplicationResponse")
    buyer = _organisation(root, "cac:SenderParty", "buyer", context.buyer, context)
    supplier = _organisation(root, "cac:ReceiverParty", "supplier", context.supplier, context)
    if buyer == supplier:
        raise _problem(root, "same_party", "sender and receiver are the same", buyer, "two organisations")
    responses = root.findall("cac:DocumentResponse", NAMESPACES)
    if len(responses) != 1:
        raise _problem(root, "response_form", "not one document response", str(len(responses)), "exactly one")
    (response,) = responses
    code = _text(response, "cac:Response/cbc:ResponseCode")
    number = _number(response)
    if code in SILENT:
        return Outcome((), 1, 0, 0, (f"invoice {number}: {code}, {SILENT[code]}",))
    date = _text(root, "cbc:IssueDate")
    entry = Entry(
        buyer, date, _operation(response, code, supplier, number, context), response.sourceline or 0
    )
    if context.organisation not in ("", buyer):
        return Outcome((), 1, 0, 1, (f"{buyer} signs this, not {context.organisation}",))
    return Outcome((entry,), 1, 0, 0)


def _operation(response: Element, code: str, supplier: str, number: str, context: ImportContext) -> Operation:
    subject = {"op": "", "invoice": number, "supplier": supplier}
    if code == REJECTS:
        return {**subject, "op": "invoice.reject", "reason": _reason(response)}
    if code not in (CONFIRMS, DISPUTES):
        raise _problem(
            response,
            "response_code",
            "no such response",
            code,
            ", ".join((CONFIRMS, REJECTS, DISPUTES, *SILENT)),
        )
    billed = context.trade.invoice(supplier, number)
    if billed is None:
        raise _problem(
            response,
            "unknown_invoice",
            "no such invoice on the ledger",
            f"{number} of {supplier}",
            "an invoice",
        )
    if code == DISPUTES:
        amount = billed.outstanding
        return {**subject, "op": "invoice.dispute", "amount": amount, "reason": _reason(response)}
    return {**subject, "op": "invoice.confirm", "net": billed.net, "due_date": billed.due_date}


def _number(response: Element) -> str:
    kind = _text(response, "cac:DocumentReference/cbc:DocumentTypeCode", is_optional=True)
    if kind not in ("", _INVOICE):
        raise _problem(
            response, "document_type", "a response to something else", kind, f"{_INVOICE}: invoice"
        )
    try:
        return checked_identifier(_text(response, "cac:DocumentReference/cbc:ID"), "invoice")
    except TallyError as error:
        if isinstance(error, ImportProblem):
            raise
        raise _problem(response, error.code, error.message, str(error.found), str(error.expected)) from None


def _reason(response: Element) -> str:
    """The texts of the statuses, cut to what the ledger keeps; codes where there is no text."""
    said = [
        text
        for status in response.findall("cac:Response/cac:Status", NAMESPACES)
        for path in ("cbc:StatusReason", "cac:Condition/cbc:Description", "cbc:StatusReasonCode")
        if (text := _text(status, path, is_optional=True))
    ]
    return "; ".join(dict.fromkeys(said))[:MAX_REASON_LENGTH].strip() or _NO_REASON


def _organisation(root: Element, path: str, role: str, given: str, context: ImportContext) -> str:
    party = root.find(path, NAMESPACES)
    if party is None:
        raise _problem(root, "response_form", f"no {path}", "nothing", path)
    identifiers = tuple(
        (element.get("schemeID") or "", " ".join((element.text or "").split()))
        for step in ("cac:PartyIdentification/cbc:ID", "cac:PartyLegalEntity/cbc:CompanyID", "cbc:EndpointID")
        for element in party.findall(step, NAMESPACES)
    )
    names = tuple(
        text
        for step in ("cac:PartyLegalEntity/cbc:RegistrationName", "cac:PartyName/cbc:Name")
        if (text := _text(party, step, is_optional=True))
    )
    return organisation_of(Party(identifiers, names, Place(party)), role, given, context)


def _text(element: Element, path: str, *, is_optional: bool = False) -> str:
    found = element.find(path, NAMESPACES)
    text = "" if found is None else " ".join("".join(found.itertext()).split())
    if not text and not is_optional:
        raise _problem(element, "response_form", f"no {path}", "nothing", path)
    return text


def _problem(element: Element, code: str, message: str, found: str, expected: str) -> ImportProblem:
    return ImportProblem(
        code,
        message,
        line=element.sourceline or 0,
        column=path_of(element),
        found=found,
        expected=expected,
    )
