"""`tally cash` against the real API: clients' deposits, a bank's files, two currencies, all proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import story
from local_tally import DAY, Tally
from lxml import etree
from test_import_advice import DESPATCH_EXAMPLE, RECEIPT_EXAMPLE

from clients.cli import main
from clients.cli.cash.exchanges import compared, read_rate
from clients.cli.exits import REFUSED, USAGE, UsageProblem
from clients.pain001 import NAMESPACE
from clients.reports.cash_report import Assumptions, report
from clients.sdk import Session, read_statement
from contracts.cash.exchange import QUOTED, SETTLED, Exchange
from ledger import codec
from ledger.errors import VerificationError
from ledger.money import Money

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent.parent / "data/iso20022/pain.001.001.09.xsd"))

CAMT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn>
<Acct><Id><Othr><Id>C-acme</Id></Othr></Id></Acct>
<Ntry><Amt Ccy="EUR">500.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2024-03-05</Dt></BookgDt>
<AcctSvcrRef>B-1</AcctSvcrRef></Ntry>
<Ntry><Amt Ccy="EUR">120.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2024-03-05</Dt></BookgDt>
<AcctSvcrRef>B-2</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls>
</Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""

STATEMENT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Acct><Id><Othr><Id>C-acme</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2024-03-05</Dt></Dt></Bal></Stmt></BkToCstmrStmt></Document>"""


def test_events_of_a_file_are_dispatch_and_receipt_on_the_ledger(tally: Tally, tmp_path: Path) -> None:
    """EPCIS 2.0: the supplier's file ships a pallet, the buyer's says that it arrived unopened."""
    with tally.channel.blocking_session("anchor") as session:
        session.submit(story.order("PO-9"))
    sscc = "340123450000000017"
    moved = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "eventTime": "2024-03-04T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [f"https://id.gs1.org/00/{sscc}"],
        "bizTransactionList": [
            {"type": "po", "bizTransaction": "PO-9"},
            {"type": "desadv", "bizTransaction": "DA-9"},
        ],
    }
    held = {
        "type": "AggregationEvent",
        "action": "ADD",
        "eventTime": "2024-03-03T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "parentID": f"https://id.gs1.org/00/{sscc}",
        "childQuantityList": [{"epcClass": "https://id.gs1.org/01/09520123456788", "quantity": 7}],
    }
    shipped, received = tmp_path / "shipped.jsonld", tmp_path / "received.jsonld"
    shipped.write_text(json.dumps({"epcisBody": {"eventList": [held, moved]}}))
    received.write_text(json.dumps({"epcisBody": {"eventList": [{**moved, "bizStep": "receiving"}]}}))
    kept = ("--receipts", str(tmp_path / "receipts"))
    sent = tally.run("acme", "import", str(shipped), "--buyer", "anchor", *kept)
    assert (sent["files"][0]["kind"], sent["applied"]) == ("epcis", 1)
    assert tally.run("anchor", "import", str(received), "--supplier", "acme", *kept)["applied"] == 1
    shown = tally.run("acme", "shipment", "show", "acme", "DA-9")
    assert (shown["status"], shown["units"]) == ("Received", [sscc])
    assert [(line["shipped"], line["accepted"]) for line in shown["lines"]] == [(7, 7)]
    again = tally.run("acme", "import", str(shipped), "--buyer", "anchor", *kept, code=REFUSED)
    assert [refused["refusals"][0]["code"] for refused in again["refused"]] == ["duplicate_number"]


def test_advices_of_despatch_and_receipt_are_dispatch_and_receipt_on_the_ledger(
    tally: Tally, tmp_path: Path
) -> None:
    """UBL 2.1: the supplier imports what it sends, the buyer what it took in, each signs its own."""
    with tally.channel.blocking_session("anchor") as session:
        session.submit(story.order("PO-7"))
    sent, took = tmp_path / "despatch.xml", tmp_path / "receipt.xml"
    sent.write_text(DESPATCH_EXAMPLE)
    took.write_text(RECEIPT_EXAMPLE)
    kept = ("--buyer", "anchor", "--receipts", str(tmp_path / "receipts"))
    despatched = tally.run("acme", "import", str(sent), *kept)
    assert (despatched["files"][0]["kind"], despatched["applied"]) == ("advice", 1)
    assert tally.run("anchor", "import", str(sent), *kept)["files"][0]["skipped"] == 1
    assert tally.run("anchor", "import", str(took), *kept)["applied"] == 1
    shown = tally.run("acme", "shipment", "show", "acme", "DA-7")
    assert (shown["status"], shown["dispatched"], shown["scheduled"]) == (
        "Received",
        "2024-03-02",
        "2024-03-06",
    )
    assert [(line["shipped"], line["accepted"], line["rejected"]) for line in shown["lines"]] == [(7, 5, 2)]


def test_a_bank_file_mints_a_payment_file_pays_and_the_next_bank_file_burns(
    tally: Tally, tmp_path: Path
) -> None:
    tally.open("acme")
    tally.open("fund")
    first = tmp_path / "first.xml"
    first.write_text(CAMT.format(reference="R-1"))
    partial_ = ["import", str(first), "--partial", "--receipts", str(tmp_path / "receipts")]
    imported = tally.run("bank", *partial_, code=REFUSED)
    assert imported["applied"] == 1
    assert [problem["code"] for problem in imported["files"][0]["errors"]] == ["unknown_redemption"]
    tally.run("acme", "cash", "transfer", "30.00 EUR", "--to", "fund", "--bank", "bank", "--reference", "tea")
    tally.run("acme", "cash", "redeem", "R-1", "120.00 EUR", "--bank", "bank")
    out = tmp_path / "payouts.xml"
    written = tally.run("bank", "cash", "payout-file", str(out), "--date", "2024-03-06")
    assert [entry["redemption"] for entry in written["redemptions"]] == ["R-1"]
    same = ["bank", "cash", "payout-file", str(tmp_path / "same.xml"), "--date", "2024-03-06"]
    assert tally.run(*same)["message"] == written["message"], "a bank knows the same file again"
    once = tally.run(*same, "--sent", str(out), code=USAGE)
    assert once["error"]["code"] == "nothing_to_pay"
    tally.run("acme", "cash", "redeem", "R-2", "30.00 EUR", "--bank", "bank")
    later = tally.run(*same, "--sent", str(out))
    assert (later["transfers"], later["sent"]) == (1, ["R-1"])
    assert later["message"] != written["message"]
    no_file = tally.run(*same, "--sent", str(first), code=USAGE)
    assert no_file["error"]["code"] == "payment_file"
    tally.run("bank", "cash", "decline", "R-2", "--client", "acme", "--reason", "not today")
    (reference,) = [found.text for found in etree.parse(out).iter(f"{{{NAMESPACE}}}EndToEndId")]
    second = tmp_path / "second.xml"
    second.write_text(CAMT.format(reference=reference))
    again = tally.run("bank", "import", str(second), "--receipts", str(tmp_path / "more"), code=REFUSED)
    assert again["applied"] == 1
    assert [entry["refusals"][0]["code"] for entry in again["refused"]] == ["bank_entry_used"]
    shown = tally.run("bank", "cash", "accounts", "--bank", "bank")
    assert shown["reconciled"]
    assert shown["issued"] == [
        {
            "bank": "bank",
            "currency": "EUR",
            "minted": 500_00,
            "redeemed": 120_00,
            "owed": 380_00,
            "deposits": 380_00,
        }
    ]
    nothing = tally.run("bank", "cash", "payout-file", str(out), "--date", "2024-03-06", code=USAGE)
    assert nothing["error"]["code"] == "nothing_to_pay"
    statement = tmp_path / "statement.xml"
    for amount, code, difference in (("350.00", 0, 0), ("351.00", REFUSED, 1_00)):
        statement.write_text(STATEMENT.format(amount=amount))
        compared = tally.run("bank", "cash", "reconcile", str(statement), code=code)
        assert [row["difference"] for row in compared["accounts"]] == [difference]


def test_a_statement_is_proved_kept_and_checked_without_a_node(tally: Tally, tmp_path: Path) -> None:
    tally.open("acme")
    tally.open("fund")
    tally.mint("acme", "100.00 EUR", "B-1", "C-acme")
    for number in range(3):
        tally.run("acme", "cash", "transfer", f"{number + 1}.00 EUR", "--to", "fund", "--bank", "bank")
    file = tmp_path / "acme.statement"
    asked = ["cash", "statement", "--bank", "bank", "--currency", "eur"]
    shown = tally.run("acme", *asked, "--out", str(file))
    assert (shown["proved"], shown["complete"], shown["available"]) == (True, True, 94_00)
    assert [line["available"] for line in shown["lines"]] == [100_00, -1_00, -2_00, -3_00]
    newest = tally.run("fund", *asked, "--client", "acme", "--last", "2")
    assert (newest["complete"], len(newest["lines"]), newest["available"]) == (False, 2, 94_00)
    assert "proved at height" in tally.text("acme", *asked)
    trusted = tally.channel.session("acme").genesis
    found = read_statement(file.read_bytes(), trusted)
    assert (found.bank, found.client, found.currency, found.balance) == ("bank", "acme", "EUR", (94_00, 0))
    genesis = ["--genesis", str(tally.channel.network.genesis_path)]
    assert main(["verify", str(file), *genesis, "--json"]) == 0
    assert "statement of acme at bank in EUR" in tally._capsys.readouterr().out
    data = file.read_bytes()
    line = codec.encode(found.lines[1])
    assert line in data
    with pytest.raises(VerificationError):
        read_statement(data.replace(line, line.replace(b"transfer", b"transfes")), trusted)


def test_payout_accounts_blocks_and_declined_redemptions(tally: Tally) -> None:
    tally.open("acme")
    tally.mint("acme", "100.00 EUR", "B-1", "C-acme")
    of = ["acme", "--currency", "EUR"]
    tally.run("acme", "cash", "nominate", "NEW 1", "--bank", "bank", "--currency", "EUR")
    tally.run("bank", "cash", "approve", *of, "--payout", "NEW1")
    tally.run("acme", "cash", "redeem", "R-1", "40.00 EUR", "--bank", "bank")
    tally.run("bank", "cash", "decline", "R-1", "--client", "acme", "--reason", "typo")
    tally.run("bank", "cash", "block", *of, "--reason", "order 12")
    refused = tally.run("acme", "cash", "redeem", "R-2", "40.00 EUR", "--bank", "bank", code=REFUSED)
    assert refused["error"]["code"] == "custody_not_open"
    tally.run("bank", "cash", "unblock", *of)
    tally.run("acme", "cash", "redeem", "R-2", "100.00 EUR", "--bank", "bank")
    (waits,) = tally.run("bank", "cash", "redemptions", "--bank", "bank", "--status", "requested")[
        "redemptions"
    ]
    assert (waits["redemption"], waits["client"], waits["amount"]) == ("R-2", "acme", 100_00)
    tally.run("bank", "cash", "paid", "R-2", "--client", "acme", "--entry", "B-2", "--date", DAY)
    listed = tally.text("acme", "cash", "redemptions", "--client", "acme")
    assert [word in listed for word in ("typo", "Paid", "Declined")] == [True] * 3
    tally.run("bank", "cash", "close", *of)
    (account,) = tally.run("acme", "cash", "accounts", "--bank", "bank", "--client", "acme")["deposits"]
    assert (account["status"], account["available"], account["payout"]) == ("Closed", 0, "P-acme")
    assert account["nominated"] == "NEW1"


def test_two_currencies_change_hands_and_the_report_measures_it_from_proofs(tally: Tally) -> None:
    for client in ("acme", "fund"):
        tally.open(client)
        tally.open(client, "USD")
    tally.mint("acme", "2,000.00 USD", "B-1", "C-acme-USD")
    tally.mint("fund", "2,000.00 EUR", "B-2", "C-fund")
    where = ["--maker", "fund", "--at", "bank", "--pay", "USD", "--from", "bank"]
    for number in ("X-1", "X-2"):
        tally.run("acme", "cash", "exchange", "request", number, "1,000.00 EUR", *where)
    early = tally.run("acme", "cash", "exchange", "accept", "X-1", code=USAGE)
    assert early["error"]["code"] == "wrong_state"
    rates = ["--taker", "acme", "--rate", "1.0847", "--mid", "1.084", "--fee", "1.00 USD"]
    (asked, _) = tally.run("fund", "cash", "exchange", "list", "--maker", "fund")["exchanges"]
    assert (asked["exchange"], asked["status"], asked["rate"]) == ("X-1", "Requested", None)
    tally.run("fund", "cash", "exchange", "quote", "X-1", *rates)
    quoted = tally.run("acme", "cash", "exchange", "show", "X-1")
    assert quoted["proved"], "who accepts has seen what it costs"
    assert (quoted["status"], quoted["bought"], quoted["fee"]) == ("Quoted", 1_084_70, 1_00)
    seen = tally.text("acme", "cash", "exchange", "show", "X-1")
    assert "1,084.70 USD and 1.00 USD fee, at bank" in seen
    assert "1.0847" in seen
    dear = ["cash", "exchange", "accept", "X-1", "--at-most", "1,085.69 USD"]
    assert tally.run("acme", *dear, code=USAGE)["error"]["code"] == "quote_too_dear"
    tally.run("acme", "cash", "exchange", "accept", "X-1", "--at-most", "1,085.70 USD")
    listed = tally.run("acme", "cash", "exchange", "list", "--taker", "acme", "--status", "settled")
    assert [entry["exchange"] for entry in listed["exchanges"]] == ["X-1"]
    missing = tally.run("fund", "cash", "exchange", "show", "X-1", code=USAGE)
    assert missing["error"]["code"] == "unknown_exchange"
    tally.run("acme", "cash", "exchange", "decline", "X-2", "--taker", "acme")
    shown = tally.run("acme", "cash", "report", "--correspondent-cost-ppm", "15000")
    assert shown["proved"]
    (row,) = shown["exchanges"]
    assert (row["sold"], row["bought"], row["fee"]) == (1_000_00, 1_084_70, 1_00)
    assert (row["cost"], row["cost_ppm"]) == (1_70, 1_568)
    assert row["clearing_ms"] >= 0
    assert shown["counts"]["Declined"] == 1
    assert shown["cheaper_ppm"] == 895_467
    assert shown["assumed"] == {
        "correspondent_days": 2,
        "correspondent_most_days": 3,
        "correspondent_cost_ppm": 15_000,
    }
    assert (shown["meet_time"], shown["meet_cost"]) == (1, 1), "within minutes, and 60 % cheaper"
    assert row["meets_cost"]
    assert row["cheaper_ppm"] == 895_467
    text = tally.text("acme", "cash", "report")
    assert "as each maker stated it" in text
    assert "FSB" in text, "the sources of what is assumed are named"
    dear = tally.run("acme", "cash", "report", "--correspondent-cost-ppm", "15000", "--aim-cheaper", "90")
    assert (dear["meet_cost"], dear["exchanges"][0]["meets_cost"]) == (0, False)
    wrong = tally.run("acme", "cash", "report", "--correspondent-most-days", "1", code=USAGE)
    assert wrong["error"]["code"] == "days"


def offered(tally: Tally, folder: Path) -> int:
    """The story's invoice with an offer of fund's; what is to be paid out."""
    story.play(tally.channel.network)
    quote = folder / "quote"
    priced = tally.run("fund", "quote", "early", "acme", story.INVOICE, "--out", str(quote))
    tally.run("fund", "finance", "offer", str(quote), "--expires", "2024-03-20")
    return int(priced["terms"]["paid_out"])


def test_what_an_exchange_cost_is_said_to_be_less_or_more_than_assumed() -> None:
    assert [compared(ppm) for ppm in (250_000, 0, -500_000)] == ["25 % less", "0 % less", "50 % more"]


def test_an_acceptance_names_the_price_that_stands_when_it_is_given(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a worse offer that takes its place meanwhile is not accepted by it (`quote_stale`)."""
    offered(tally, tmp_path)
    quote = tally.run("fund", "quote", "verify", str(tmp_path / "quote"))["quote"]
    named: list[bytes] = []
    submit = Session.submit

    def noted(session: Session, operation: Any, *more: Any, **named_more: Any) -> Any:
        named.append(operation["quote"])
        return submit(session, operation, *more, **named_more)

    monkeypatch.setattr(Session, "submit", noted)
    tally.run("acme", "finance", "accept", story.INVOICE)
    assert [digest.hex() for digest in named] == [quote]


def test_a_settlement_whose_cash_a_bank_holds_by_commands(tally: Tally, tmp_path: Path) -> None:
    of = ["S-1", "--lender", "fund"]
    unknown = tally.run("fund", "cash", "settlement", "show", *of, code=REFUSED)
    assert unknown["error"]["code"] == "unknown_settlement"
    paid_out = offered(tally, tmp_path)
    parties = ["--supplier", "acme", "--bank", "bank"]
    made = tally.run("fund", "cash", "settlement", "create", "S-1", story.INVOICE, *parties)["now"]
    assert (made["status"], made["invoice"]) == ("Created", story.INVOICE)
    assert tally.run("acme", "finance", "accept", story.INVOICE)["next"] == (
        "fund pays the bank that holds its cash, under the reference of: "
        "tally cash settlement show S-1 --lender fund"
    )
    booked = ["--account", "bank own", "--date", DAY, "--entry"]
    held = tally.run("bank", "cash", "settlement", "held", *of, *booked, "IN")["now"]
    assert (held["status"], held["entry"]) == ("CashHeld", "IN")
    (listed,) = tally.run("bank", "cash", "settlement", "list", "--bank", "bank", "--status", "cashheld")[
        "settlements"
    ]
    assert (listed["settlement"], listed["lender"], listed["amount"]) == ("S-1", "fund", paid_out)
    assert "CashHeld" in tally.text("fund", "cash", "settlement", "list", "--bank", "bank")
    early = tally.run("bank", "cash", "settlement", "returned", *of, *booked, "BACK", code=REFUSED)
    assert early["error"]["code"] == "wrong_state"
    tally.run("bank", "finance", "fund", story.INVOICE, "--supplier", "acme", *booked, "OUT")
    shown = tally.run("fund", "cash", "settlement", "show", *of)
    assert (shown["status"], shown["amount"], shown["entry"]) == ("Settled", paid_out, "IN")
    assert "Settled" in tally.text("fund", "cash", "settlement", "show", *of)


def booked(side: str, entry: str, amount: int, reference: str) -> str:
    """A camt.054 with one entry on the bank's own account."""
    return f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08">
<BkToCstmrDbtCdtNtfctn><Ntfctn>
<Acct><Id><Othr><Id>bank own</Id></Othr></Id></Acct>
<Ntry><Amt Ccy="EUR">{Money(amount, "EUR").decimal}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>{DAY}</Dt></BookgDt><AcctSvcrRef>{entry}</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls>
</Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""


def test_conditional_delivery_by_files_pain_001_out_and_camt_054_in(tally: Tally, tmp_path: Path) -> None:
    """The title moves when the bank's own file says that the payout was booked, and not before."""
    paid_out = offered(tally, tmp_path)
    parties = ["--supplier", "acme", "--bank", "bank"]
    tally.run("fund", "cash", "settlement", "create", "S-1", story.INVOICE, *parties)
    tally.run("acme", "finance", "accept", story.INVOICE)
    out, file = tmp_path / "pay.xml", tmp_path / "camt.xml"
    pay = ["cash", "settlement", "payout-file", str(out), "--date", DAY]
    assert tally.run("bank", *pay, code=USAGE)["error"]["code"] == "nothing_to_pay"
    reference = tally.run("fund", "cash", "settlement", "show", "S-1", "--lender", "fund")["reference"]
    kept = ["--receipts", str(tmp_path / "receipts")]
    file.write_text(booked("CRDT", "IN", paid_out, reference))
    assert tally.run("bank", "import", str(file), *kept)["applied"] == 1
    late = tally.run("bank", *pay[:-1], "2024-03-21", code=USAGE)["error"]
    assert (late["code"], late["expected"]) == ("reserved_too_short", "2024-03-20 or before")
    assert tally.run("bank", *pay, code=USAGE)["error"]["code"] == "no_payee_account"
    written = tally.run("bank", *pay, "--to", "acme=DE75512108001245126162")
    assert [entry["status"] for entry in written["settlements"]] == ["CashHeld"]
    tree = etree.parse(out)
    SCHEMA.assertValid(tree)
    said = {
        name: [e.text for e in tree.iter(f"{{{NAMESPACE}}}{name}")] for name in ("EndToEndId", "InstdAmt")
    }
    assert said == {"EndToEndId": [reference], "InstdAmt": [Money(paid_out, "EUR").decimal]}
    assert tally.run("acme", "invoice", "show", "acme", story.INVOICE)["title"] == "Reserved"
    file.write_text(booked("DBIT", "OUT", paid_out, reference))
    assert tally.run("bank", "import", str(file), *kept)["applied"] == 1
    assert tally.run("acme", "invoice", "show", "acme", story.INVOICE)["title"] == "Assigned"
    shown = tally.run("fund", "cash", "settlement", "show", "S-1", "--lender", "fund")
    assert (shown["status"], shown["entry"]) == ("Settled", "IN")
    again = tally.run("bank", "import", str(file), *kept)
    assert again["sent"] == 0, "a debit that no settlement waits for any more is left out"


def test_cash_of_an_expired_settlement_goes_back_by_files(tally: Tally, tmp_path: Path) -> None:
    paid_out = offered(tally, tmp_path)
    tally.run(
        "fund", "cash", "settlement", "create", "S-1", story.INVOICE, "--supplier", "acme", "--bank", "bank"
    )
    tally.run("acme", "finance", "accept", story.INVOICE)
    reference = tally.run("fund", "cash", "settlement", "show", "S-1", "--lender", "fund")["reference"]
    file, out = tmp_path / "camt.xml", tmp_path / "pay.xml"
    kept = ["--receipts", str(tmp_path / "receipts")]
    file.write_text(booked("CRDT", "IN", paid_out, reference))
    tally.run("bank", "import", str(file), *kept)
    tally.run("registrar", "date", "advance", "2024-03-21")
    pay = [
        "cash",
        "settlement",
        "payout-file",
        str(out),
        "--date",
        DAY,
        "--to",
        "fund=DE75512108001245126162",
    ]
    (back,) = tally.run("bank", *pay)["settlements"]
    assert back["status"] == "Expired"
    SCHEMA.assertValid(etree.parse(out))
    file.write_text(booked("DBIT", "BACK", paid_out, reference))
    assert tally.run("bank", "import", str(file), *kept)["applied"] == 1
    shown = tally.run("fund", "cash", "settlement", "show", "S-1", "--lender", "fund")
    assert (shown["status"], shown["return_entry"]) == ("Returned", "BACK")
    tally.run("bank", *pay, code=USAGE)


def test_a_title_is_bought_and_an_invoice_paid_out_of_deposits_by_commands(
    tally: Tally, tmp_path: Path
) -> None:
    for client in ("acme", "fund", "anchor"):
        tally.open(client)
        tally.mint(client, "1,000.00 EUR", f"B {client}", f"C-{client}")
    paid_out = offered(tally, tmp_path)
    tally.run("acme", "finance", "accept", story.INVOICE)
    parties = ["--supplier", "acme", "--bank", "bank"]
    tally.run("fund", "finance", "settle", story.INVOICE, *parties)
    tally.run("anchor", "payment", "make", story.INVOICE, *parties, "--amount", "10.00")
    tally.run("anchor", "payment", "make", story.INVOICE, *parties)
    found = tally.run("acme", "cash", "accounts", "--bank", "bank")
    assert found["reconciled"]
    has = {entry["client"]: entry["available"] for entry in found["deposits"]}
    assert has["anchor"] == 0
    assert has["acme"] > 1_000_00 + paid_out
    assert sum(has.values()) == 3_000_00


def test_a_demand_on_a_bought_invoice_is_made_contested_met_or_closed_by_commands(
    tally: Tally, tmp_path: Path
) -> None:
    for client in ("acme", "fund"):
        tally.open(client)
        tally.mint(client, "1,000.00 EUR", f"B {client}", f"C-{client}")
    offered(tally, tmp_path)
    tally.run("acme", "finance", "accept", story.INVOICE)
    tally.run("fund", "finance", "settle", story.INVOICE, "--supplier", "acme", "--bank", "bank")
    why = ["--reason", "not as ordered"]
    of = [story.INVOICE, "--supplier", "acme", "--cause", "warranty", *why]
    tally.run("fund", "recourse", "demand", "R-1", *of)
    tally.run("acme", "recourse", "contest", "R-1", "--lender", "fund", *why)
    tally.run("fund", "recourse", "close", "R-1", *why)
    tally.run("fund", "recourse", "demand", "R-2", *of)
    found = tally.run("acme", "invoice", "show", "acme", story.INVOICE)
    due = found["finance"]["principal"]
    assert found["finance"]["recourse"] == "R-2"
    number = f"{due // 100}.{due % 100:02}"
    pay = ["recourse", "pay", "R-2", "--lender", "fund", "--bank", "bank", "--amount"]
    booked = ["--account", "C-fund", "--entry", "R 2", "--date", DAY]
    attest = ["recourse", "attest", "R-2", "--lender", "fund", *booked, "--amount"]
    for by, command in (("acme", pay), ("bank", attest)):
        error = tally.run(by, *command, f"{number} USD", code=USAGE)["error"]
        assert (error["code"], error["found"], error["expected"]) == ("currency_mismatch", "USD", "EUR")
        command[2] = "R-9"
        assert tally.run(by, *command, f"{number} EUR", code=REFUSED)["error"]["code"] == "unknown_recourse"
        command[2] = "R-2"
    standing = ["recourse", "list", "--supplier", "acme", "--status", "demanded"]
    (listed,) = tally.run("acme", *standing)["demands"]
    file = tmp_path / "R-2.demand"
    shown = tally.run("acme", "recourse", "show", "R-2", "--lender", "fund", "--out", str(file))
    assert listed == {name: value for name, value in shown.items() if name in listed}
    assert (shown["cause"], shown["due_today"], shown["reason"]) == ("warranty", due, "not as ordered")
    assert f"Demanded, on acme for warranty of {story.INVOICE}" in tally.text("acme", "verify", str(file))
    assert "due today" in tally.text("acme", "recourse", "list")
    now = tally.run("acme", *pay[:-1])["now"]
    assert (now["status"], now["due_today"]) == ("Repurchased", None)
    assert tally.run("acme", *standing)["demands"] == []
    over = tally.run("acme", *pay[:-1], code=USAGE)["error"]
    assert (over["code"], over["found"]) == ("nothing_due", "Repurchased")
    assert "due today         nothing" in tally.text("fund", "recourse", "show", "R-2")
    closed = tally.run("acme", "recourse", "show", "R-1", "--lender", "fund")
    assert (closed["status"], closed["answer"], closed["due_today"]) == ("Closed", "not as ordered", None)
    found = tally.run("acme", "invoice", "show", "acme", story.INVOICE)
    assert (found["title"], found["finance"]["stage"]) == ("Free", "Closed")


def settled(requested_ms: int, settled_ms: int, bought: int, fee: int = 0, status: int = SETTLED) -> Exchange:
    blank: Any = [0] * len(Exchange._fields)
    return Exchange._make(blank)._replace(
        status=status,
        sold=1_000_00,
        sold_currency="EUR",
        bought_currency="USD",
        bought=bought,
        fee=fee,
        mid=(11, 10),
        requested_ms=requested_ms,
        settled_ms=settled_ms,
    )


def test_the_report_takes_the_median_and_compares_only_with_what_it_is_told() -> None:
    exchanges = [
        ("a", "1", settled(0, 4_000, 1_100_00)),
        ("a", "2", settled(0, 6_000, 1_101_10, 55)),
        ("a", "3", settled(0, 9_000, 1_099_00)),
        ("a", "4", settled(0, 0, 1, status=QUOTED)),
    ]
    shown = report(exchanges, Assumptions(2, 3, 1_000, 10, 600_000))
    assert [row["cost"] for row in shown["exchanges"]] == [0, 1_65, -1_00]
    assert [row["cost_ppm"] for row in shown["exchanges"]] == [0, 1_500, -909]
    assert (shown["median_clearing_ms"], shown["longest_clearing_ms"]) == (6_000, 9_000)
    assert shown["faster_times"] == 2 * 86_400_000 // 6_000
    assert shown["faster_times_most"] == 3 * 86_400_000 // 6_000
    assert (shown["meet_time"], shown["meet_cost"]) == (3, 2), "the dear one saves nothing"
    assert shown["cheaper_ppm"] == 1_000_000
    alone = report(exchanges, Assumptions(2, 3, None, 10, 600_000))
    assert (alone["cheaper_ppm"], alone["meet_cost"], alone["exchanges"][0]["meets_cost"]) == (None,) * 3
    nothing = report(exchanges[3:], Assumptions(2, 3, 1_000, 10, 600_000))
    assert (nothing["median_clearing_ms"], nothing["faster_times"], nothing["cheaper_ppm"]) == (None,) * 3


@pytest.mark.parametrize(
    ("text", "fraction"), [("1.0847", (10_847, 10_000)), ("160", (160, 1)), ("0.5", (1, 2))]
)
def test_a_rate_is_read_exactly(text: str, fraction: tuple[int, int]) -> None:
    assert tuple(read_rate(text, "--rate").values()) == fraction


@pytest.mark.parametrize(
    "text", ["", "-1", "0", "nan", "inf", "1e30", "1e999999999", "1e-999999999", "1,08", "1.0000000000001"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_rate(text, "--rate")
