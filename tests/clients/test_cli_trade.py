"""The commands of trade against a local channel: what a person types is what the ledger holds."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from local_sessions import Channel, answer_with

from clients.cli import main, recording
from clients.cli.screen import Screen
from clients.cli.trade import credit_notes, importing, invoices, orders, shipments
from clients.importers import Entry, ImportContext, import_bytes, together
from clients.sdk import OutcomeUnknown, Recorded, Session
from contracts.reverse_factoring.payables import MAX_APPROVED_AT_ONCE
from contracts.trade.confirmation import MAX_CONFIRMED_AT_ONCE
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed

SSCC = "340123450000000017"


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    channel = Channel(tmp_path_factory.mktemp("channel"))
    yield channel
    channel.close()


@pytest.fixture
def tally(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command as an organisation; its exit code."""
    for module in (recording, orders, shipments, invoices, credit_notes):
        monkeypatch.setattr(module, "open_session", lambda profile: channel.blocking_session(str(profile)))

    def run(who: str, command: str, *more: str) -> int:
        return main([*command.split(), *more, "--profile", who])

    return run


def test_a_trade_is_typed_from_order_to_credit(channel: Channel, tally: Any) -> None:
    lines = [{"line": "1", "item": "unit", "quantity": 10, "price_micros": 100_00 * 10**6}]
    issue = {
        "op": "order.issue",
        "supplier": "acme",
        "order": "PO-9",
        "currency": "EUR",
        "date": "2024-03-01",
    }
    with channel.blocking_session("anchor") as anchor, channel.blocking_session("acme") as acme:
        anchor.submit({**issue, "date": "2024-03-01", "lines": lines})
        parties = "--supplier acme --buyer anchor"
        assert tally("acme", "order acknowledge PO-9 --buyer anchor") == 0
        assert tally("anchor", f"order amend PO-9 {parties} --line 1:12") == 0
        assert tally("acme", f"order amend PO-9 {parties}", "--line", "2 : 3 : 7.50 EUR : screws") == 0
        assert tally("anchor", f"order agree PO-9 {parties} --amendment 1") == 1, "another one stands now"
        assert tally("anchor", f"order agree PO-9 {parties} --amendment 2") == 0
        found = acme.order("acme", "anchor", "PO-9")
        assert [line["quantity"] for line in found["lines"]] == [10, 3]
        assert found["lines"][1]["price_micros"] == 750 * 10**6
        ship = f"shipment create S-9 --order PO-9 --buyer anchor --line 1:10 --unit {SSCC}"
        assert tally("acme", ship) == 0
        assert tally("acme", "shipment depart S-9 --supplier acme --date 2024-03-02") == 0
        assert tally("anchor", "shipment receive S-9 --supplier acme --date 2024-03-03 --line 1:9:1") == 0
        bill = "invoice submit R-9 --buyer anchor --issued 2024-03-03 --due 2024-05-02 --order PO-9"
        assert tally("acme", bill, "--line", "1 : 9 : 900.00 EUR") == 0
        assert tally("anchor", "invoice dispute R-9 -s acme --reason wet", "--amount", "90.00 EUR") == 0
        assert tally("anchor", "invoice withdraw-dispute R-9 -s acme --reason dry") == 0
        assert tally("anchor", "invoice confirm R-9 -s acme") == 0
        back = "shipment return S-9 -s acme --date 2024-03-04 --line 1:2 --reason broken"
        assert tally("anchor", back) == 0
        assert acme.invoice("acme", "R-9")["credit_due"] is True
        credit = "credit issue CN-9 --invoice R-9 --date 2024-03-04 --line 1:2"
        assert tally("acme", credit, "--amount", "200.00 EUR") == 0
        assert tally("anchor", "credit accept CN-9 -s acme") == 0
        assert acme.credit("acme", "CN-9")["status"] == "Applied"
        billed = acme.invoice("acme", "R-9")
        assert (billed["outstanding"], billed["credit_due"], billed["validity"]) == (
            700_00,
            False,
            "Confirmed",
        )
        assert acme.shipment("acme", "S-9")["units"] == [SSCC]
        for shown in ("order show acme anchor PO-9", "shipment show acme S-9", "credit show acme CN-9"):
            assert tally("acme", shown) == 0
            assert tally("acme", shown, "--json") == 0
        assert tally("anchor", "order close PO-9 --supplier acme") == 0
        assert tally("anchor", f"order cancel PO-9 {parties} --reason late") == 1


UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CREDIT_NOTE = f"""<CreditNote xmlns="{UBL}CreditNote-2" xmlns:cac="{UBL}CommonAggregateComponents-2"
 xmlns:cbc="{UBL}CommonBasicComponents-2"><cbc:ID>CN-8</cbc:ID><cbc:IssueDate>2024-03-04</cbc:IssueDate>
<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>R-8</cbc:ID></cac:InvoiceDocumentReference>
</cac:BillingReference><cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity><cbc:RegistrationName>A
</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyLegalEntity><cbc:RegistrationName>B</cbc:RegistrationName>
</cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty><cac:LegalMonetaryTotal>
<cbc:LineExtensionAmount currencyID="EUR">200.00</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">200.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">200.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">200.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:CreditNoteLine><cbc:ID>A</cbc:ID><cbc:CreditedQuantity>2</cbc:CreditedQuantity>
<cbc:LineExtensionAmount currencyID="EUR">200.00</cbc:LineExtensionAmount><cac:OrderLineReference>
<cbc:LineID>1</cbc:LineID></cac:OrderLineReference></cac:CreditNoteLine></CreditNote>"""


def test_a_credit_note_from_a_file_takes_goods_that_went_back_off_what_is_billed(
    channel: Channel, tally: Any
) -> None:
    line = {"line": "1", "item": "unit", "quantity": 10, "price_micros": 100_00 * 10**6}
    order = {"op": "order.issue", "supplier": "acme", "order": "PO-8", "currency": "EUR"}
    with channel.blocking_session("anchor") as anchor, channel.blocking_session("acme") as acme:
        anchor.submit({**order, "date": "2024-03-01", "lines": [line]})
        assert tally("acme", "order acknowledge PO-8 --buyer anchor") == 0
        assert tally("acme", "shipment create S-8 --order PO-8 --buyer anchor --line 1:10") == 0
        assert tally("acme", "shipment depart S-8 --supplier acme --date 2024-03-02") == 0
        assert tally("anchor", "shipment receive S-8 --supplier acme --date 2024-03-03 --line 1:10") == 0
        bill = "invoice submit R-8 --buyer anchor --issued 2024-03-03 --due 2024-05-02 --order PO-8"
        assert tally("acme", bill, "--line", "1 : 10 : 1000.00 EUR") == 0
        back = "shipment return S-8 -s acme --date 2024-03-04 --line 1:2 --reason broken"
        assert tally("anchor", back) == 0
        assert acme.invoice("acme", "R-8")["credit_due"] is True
        context = ImportContext(supplier="acme", buyer="anchor", trade=importing.LedgerTrade(acme))
        found = import_bytes(CREDIT_NOTE.encode(), "credit.xml", "auto", context)
        assert (found.errors, found.summary.notes) == ((), ())
        acme.submit(found.operations[0])
        assert tally("anchor", "credit accept CN-8 -s acme") == 0
        billed = acme.invoice("acme", "R-8")
        assert (billed["outstanding"], billed["credit_due"]) == (800_00, False)
        again = import_bytes(CREDIT_NOTE.replace(">2<", ">9<").encode(), "credit.xml", "auto", context)
        assert "lines" not in again.operations[0], "another price, and more than is billed by now"


@pytest.mark.parametrize(
    "line",
    ["1", "1:x", "1:2:3:4", ":3", "1:-1"],
    ids=["no quantity", "a word", "too many", "no line", "below"],
)
def test_a_line_that_cannot_be_read_is_a_wrong_usage(tally: Any, line: str) -> None:
    command = "shipment receive S-9 --supplier acme --date 2024-03-03"
    assert tally("anchor", command, "--line", line) == 2


def confirmation(number: int, supplier: str = "acme", date: str = "2024-03-01") -> Entry:
    operation = {
        "op": "invoice.confirm",
        "invoice": f"R-{number}",
        "supplier": supplier,
        "net": number + 1,
        "due_date": "2024-05-01",
    }
    return Entry("anchor", date, operation, number)


def test_confirmations_are_joined_by_supplier_and_day_and_nothing_else_is_touched() -> None:
    other = Entry("anchor", "2024-03-01", {"op": "invoice.reject", "invoice": "X", "supplier": "acme"}, 9)
    entries = [
        confirmation(0),
        confirmation(1, "bolt"),
        other,
        confirmation(2),
        confirmation(3, date="2024-03-02"),
    ]
    joined = together(entries)
    assert [entry.operation["op"] for entry in joined] == [
        "invoice.confirm_many",
        "invoice.confirm_many",
        "invoice.reject",
        "invoice.confirm_many",
    ]
    assert [said["invoice"] for said in joined[0].operation["invoices"]] == ["R-0", "R-2"]
    assert joined[2] is other


@pytest.mark.parametrize("count", [1, MAX_CONFIRMED_AT_ONCE, MAX_CONFIRMED_AT_ONCE + 1])
def test_no_operation_confirms_more_than_it_may_and_no_confirmation_is_lost(count: int) -> None:
    joined = together([confirmation(number) for number in range(count)])
    said = [one["invoice"] for entry in joined for one in entry.operation["invoices"]]
    assert said == [f"R-{number}" for number in range(count)]
    assert all(len(entry.operation["invoices"]) <= MAX_CONFIRMED_AT_ONCE for entry in joined)


def test_under_a_payables_programme_they_are_approvals_of_a_hundred_at_most() -> None:
    joined = together([confirmation(number) for number in range(MAX_APPROVED_AT_ONCE + 1)], "of-anchor")
    assert [len(entry.operation["invoices"]) for entry in joined] == [MAX_APPROVED_AT_ONCE, 1]
    first = joined[0].operation
    assert (first["op"], first["programme"], first["supplier"]) == ("payables.approve", "of-anchor", "acme")


def test_nothing_is_read_from_a_profile_that_is_not_there(tmp_path: Path) -> None:
    assert main(["shipment", "show", "acme", "S-9", "--profile", str(tmp_path / "none.json")]) == 2


def test_an_import_that_is_cut_off_keeps_the_receipts_it_has_and_the_ids_of_the_rest(
    channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supplier = channel.blocking_session("acme")
    record = supplier.record
    signed: list[Transaction] = []

    def cut_off(_session: Session, transactions: Sequence[Transaction]) -> list[Recorded]:
        signed.extend(transactions)
        raise OutcomeUnknown("cut off", tuple(transactions[2:]), tuple(record(transactions[:2])))

    monkeypatch.setattr(Session, "record", cut_off)
    entries = [_billed(number) for number in range(3)]
    (tmp_path / "1-0.receipt").write_bytes(b"of another ledger")
    with supplier, pytest.raises(OutcomeUnknown) as cut:
        importing.send(Screen(quiet=True), supplier, entries, tmp_path)
    assert cut.value.remedy.startswith("2 documents are recorded")
    with (tmp_path / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["applied", "applied", "no outcome"]
    assert [row["id"] for row in rows] == [transaction.id.hex() for transaction in signed]
    assert {(tmp_path / row["receipt"]).is_file() for row in rows[:2]} == {True}
    assert (tmp_path / "1-0.receipt").read_bytes() == b"of another ledger"


def _billed(number: int) -> Entry:
    line = {"line": str(number), "quantity": 1, "amount": 100 + number}
    operation = {
        "op": "invoice.submit",
        "invoice": f"CUT-{number}",
        "buyer": "anchor",
        "currency": "EUR",
        "issue_date": "2024-03-01",
        "due_date": "2024-05-01",
        "order": "",
        "lines": (line,),
        "tax": 0,
        "gross": 100 + number,
        "document": b"",
    }
    return Entry("acme", "2024-03-01", operation, number)


@pytest.mark.parametrize("content", [b"null", b"[]", b"{}", b'{"currency": "EUR"}', b"5"])
def test_a_view_that_a_node_cannot_mean_ends_with_a_sentence(
    content: bytes, channel: Channel, tally: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for node in channel.nodes.values():
        node.misbehave = answer_with(200, content=content)
    try:
        for command in ("invoice show acme R-1", "invoice list acme", "invoice confirm R-1 -s acme"):
            assert tally("anchor", command) == 1
            assert "[broken_answer]" in capsys.readouterr().err
    finally:
        for node in channel.nodes.values():
            node.misbehave = None


@pytest.mark.parametrize("given", ["acme/x", "Acme", "a b", "..", "é", "a" * 65])
def test_what_is_no_id_of_an_organisation_is_refused_before_a_node_takes_it_for_a_path(
    given: str, channel: Channel
) -> None:
    with channel.blocking_session("anchor") as session:
        for ask in (
            lambda: session.history(given, "anchor"),
            lambda: session.history("acme", given),
            lambda: session.statement(given, "acme", "EUR"),
            lambda: session.book(given),
            lambda: session.certificate(given, "C-1"),
            lambda: session.partners(given),
            lambda: session.invoice(given, "R-1"),
            lambda: session.order("acme", given, "PO-1"),
            lambda: session.programme(given),
        ):
            with pytest.raises(Malformed, match="not a name") as refused:
                ask()
            assert refused.value.code == "name"
            assert refused.value.field in (
                "supplier",
                "buyer",
                "bank",
                "lender",
                "obligor",
                "party",
                "programme",
            )
