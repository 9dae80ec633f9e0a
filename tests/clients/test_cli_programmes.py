"""`tally programme`, `payables`, `request` and refunds, against the real API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import story
from local_sessions import Channel
from local_tally import DAY, Tally

from clients.cli.exits import REFUSED, USAGE
from node.api import programme_forms, request_forms

NUMBER = story.INVOICE
ONE = "INV-2"
OF_ANCHOR = {
    "programme": "of-anchor",
    "terms": {
        "currency": "EUR",
        "limits": [{"obligor": "anchor", "limit": "100,000.00 EUR"}],
        "discount_rate_ppm": 72_000,
        "fee_ppm": 0,
        "discount_basis": "bank",
    },
    "rules": {"suppliers": ["acme"], "supplier_limit": "5,000.00 EUR", "smallest": "10.00 EUR"},
    "payables": {"buyer": "anchor", "extension_days": 30, "extension_rate_ppm": 36_000},
}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    made = Channel(tmp_path_factory.mktemp("channel"))
    story.play(made.network)
    with made.blocking_session("bank") as session:
        for client in ("acme", "fund", "anchor"):
            place = {"client": client, "currency": "EUR", "account": f"C-{client}"}
            session.submit({"op": "custody.open", **place, "payout": f"P-{client}"})
            booked = {"entry": f"IN-{client}", "date": DAY, "amount": 5_000_00}
            session.submit({"op": "deposit.mint", **place, **booked})
    yield made
    made.close()


def bill(tally: Tally, number: str, amount: str) -> None:
    dates = ["--issued", "2024-03-04", "--due", "2024-05-03"]
    tally.run("acme", "invoice", "submit", number, "--buyer", "anchor", *dates, "--line", f"1:1:{amount} EUR")


def test_a_buyer_approves_a_file_and_its_suppliers_are_paid(tally: Tally, tmp_path: Path) -> None:
    file = tmp_path / "of-anchor.json"
    file.write_text(json.dumps(OF_ANCHOR))
    tally.run("fund", "programme", "publish", str(file))
    part = tally.run("acme", "programme", "enrol", "of-anchor", "--bank", "bank", "--standing")
    assert part["next"] == "anchor approves invoices: tally payables approve FILE --programme of-anchor"
    money = ["--programme", "of-anchor", "--amount", "1,500.00"]
    kept = tally.run("fund", "payables", "reserve", *money, "--bank", "bank")["now"]
    assert kept["payables"]["set_aside"] == {"bank": "bank", "amount": 1_500_00}
    bill(tally, ONE, "2,000.00")
    rows = tmp_path / "approvals.csv"
    rows.write_text(
        "invoice,supplier,decision,currency,net,due_date\n"
        f"{NUMBER},acme,confirm,EUR,1000.00,2024-05-03\n{ONE},acme,confirm,EUR,2000.00,2024-05-03\n"
    )
    receipts = ["--receipts", str(tmp_path / "receipts")]
    done = tally.run("anchor", "payables", "approve", str(rows), "--programme", "of-anchor", *receipts)
    assert [(entry["invoice"], entry["financed"], entry["title"]) for entry in done["approved"]] == [
        (NUMBER, True, "Assigned"),
        (ONE, False, "Reserved"),
    ]
    again = tally.run(
        "anchor", "payables", "approve", str(rows), "--programme", "of-anchor", *receipts, code=REFUSED
    )
    assert again["refused"][0]["refusals"][0]["code"] == "already_approved"
    shown = tally.run("fund", "programme", "show", "of-anchor")
    programme_forms.ProgrammeView.model_validate_json(json.dumps(shown))
    assert shown["payables"]["set_aside"] == {"bank": "bank", "amount": 1_500_00 - 988_20}
    assert shown["suppliers"]["acme"] == {"limit": 5_000_00, "reserved": 2_000_00, "funded": 1_000_00}
    assert "payables of" in tally.text("fund", "programme", "show", "of-anchor")
    assert "yes" in tally.text("fund", "programme", "suppliers", "of-anchor")
    listed = tally.run("acme", "payables", "list", "--programme", "of-anchor", "--supplier", "acme")
    assert {entry["invoice"]: entry["financed"] for entry in listed["approvals"]} == {
        NUMBER: True,
        ONE: False,
    }
    assert "waits for a lender's payment" in tally.text(
        "acme", "payables", "list", "--programme", "of-anchor"
    )
    put_off = [NUMBER, "--supplier", "acme", "--bank", "bank", "--due"]
    assert (
        tally.run("anchor", "payables", "extend", *put_off, "2024-05-23")["now"]["due_date"] == "2024-05-23"
    )
    late = tally.run("anchor", "payables", "extend", *put_off, "2024-07-23", code=REFUSED)
    assert late["error"]["code"] == "extension_out_of_range"
    assert tally.run("anchor", "invoice", "show", "acme", NUMBER)["due_date"] == "2024-05-23"
    taken = tally.run("acme", "payables", "finance", ONE, "--programme", "of-anchor", code=USAGE)
    assert taken["error"]["code"] == "already_financed"
    tally.run("fund", "finance", "settle", ONE, "--supplier", "acme", "--bank", "bank")
    back = ["--programme", "of-anchor", "--amount", "511.80"]
    assert tally.run("fund", "payables", "release", *back)["now"]["payables"]["set_aside"] is None
    tally.run("acme", "programme", "leave", "of-anchor")
    assert tally.run("acme", "programme", "suppliers", "of-anchor")["enrolments"] == []


def test_a_file_that_says_anything_but_yes_approves_nothing(tally: Tally, tmp_path: Path) -> None:
    rows = tmp_path / "approvals.csv"
    head = "invoice,supplier,decision,currency,net,due_date,reason\n"
    rows.write_text(f"{head}{NUMBER},acme,dispute,EUR,10.00,,wet\n")
    refused = tally.run("anchor", "payables", "approve", str(rows), "--programme", "of-anchor", code=USAGE)
    assert refused["error"]["code"] == "approval_file"
    rows.write_text(f"{head}{NUMBER},acme,confirm,EUR,much,2024-05-03,\n")
    wrong = tally.run("anchor", "payables", "approve", str(rows), "--programme", "of-anchor", code=REFUSED)
    assert wrong["files"][0]["errors"][0]["line"] == 2


def test_a_supplier_asks_and_lenders_answer(tally: Tally) -> None:
    bill(tally, "INV-3", "800.00")
    ask = ["--invoice", "INV-3", "--programme", story.PROGRAMME, "--until", "2024-03-10"]
    tally.run("acme", "request", "open", "R/1", *ask)
    answer = ["R/1", "--supplier", "acme", "--programme", story.PROGRAMME]
    early = tally.run("fund", "request", "quote", *answer, code=REFUSED)
    assert early["error"]["code"] == "not_confirmed", "there is no price before; the lender may name its own"
    tally.run("fund", "request", "quote", *answer, "--advance", "600.00 EUR", "--discount", "5.00")
    shown = tally.run("acme", "request", "show", "acme", "R/1")
    request_forms.RequestView.model_validate(shown)
    assert (shown["answers"][0]["status"], shown["answers"][0]["paid_out"]) == ("Quoted", 595_00)
    tally.run("anchor", "invoice", "confirm", "INV-3", "--supplier", "acme")
    tally.run("fund", "request", "quote", *answer)
    assert tally.run("acme", "request", "show", "acme", "R/1")["answers"][0]["advance"] > 600_00
    assert "Quoted" in tally.text("acme", "request", "show", "acme", "R/1")
    listed = tally.run("fund", "request", "list", "--lender", "fund", "--status", "open")
    assert [entry["request"] for entry in listed["requests"]] == ["R/1"]
    assert "R/1" in tally.text("fund", "request", "list", "--supplier", "acme")
    tally.run("fund", "request", "decline", *answer, "--reason", "no room")
    assert tally.run("acme", "request", "show", "acme", "R/1")["status"] == "Refused"
    over = tally.run("acme", "request", "withdraw", "R/1", code=REFUSED)
    assert over["error"]["code"] == "wrong_state"
    unknown = tally.run("acme", "request", "show", "acme", "R/9", code=REFUSED)
    assert unknown["error"]["code"] == "unknown_request"


def test_what_was_paid_too_much_goes_back(tally: Tally) -> None:
    bill(tally, "INV-4", "90.00")
    none = tally.run("acme", "payment", "refund", "INV-4", "--bank", "bank", code=USAGE)
    assert none["error"]["code"] == "exceeds_unapplied"
    booked = ["--account", "DE75", "--date", DAY, "--supplier", "acme"]
    tally.run("bank", "payment", "attest", "INV-4", "--amount", "100.00 EUR", "--entry", "E1", *booked)
    assert "paid too much" in tally.text("acme", "invoice", "show", "acme", "INV-4")
    tally.run("bank", "payment", "refunded", "INV-4", "--amount", "4.00", "--entry", "E2", *booked)
    assert tally.run("acme", "invoice", "show", "acme", "INV-4")["unapplied"] == 6_00
    tally.run("acme", "payment", "refund", "INV-4", "--bank", "bank")
    assert tally.run("acme", "invoice", "show", "acme", "INV-4")["unapplied"] == 0


@pytest.mark.parametrize(
    ("changes", "field", "found", "expected"),
    [
        ({"fee_ppm": -1}, "fee_ppm", "-1", "greater than or equal to 0"),
        ({"fee_ppm": "2500"}, "fee_ppm", "'2500'", "a valid integer"),
        ({"min_tenor_days": 200}, None, None, "min_tenor_days must not pass max_tenor_days"),
    ],
)
def test_terms_that_are_none_are_named_with_what_was_found_and_what_was_expected(
    tally: Tally,
    tmp_path: Path,
    changes: dict[str, object],
    field: str | None,
    found: str | None,
    expected: str,
) -> None:
    file = tmp_path / "terms.json"
    file.write_text(json.dumps({"programme": "p", "terms": {**OF_ANCHOR["terms"], **changes}}))
    error = tally.run("fund", "programme", "publish", str(file), code=USAGE)["error"]
    assert error["code"] == "programme_terms"
    assert [error.get(name) for name in ("field", "found", "expected")] == [field, found, expected]


def test_a_misspelt_obligor_is_refused(tally: Tally, tmp_path: Path) -> None:
    file = tmp_path / "terms.json"
    limits = [{"obligor": "anchr", "limit": "1,000.00 EUR"}]
    file.write_text(json.dumps({"programme": "p", "terms": {**OF_ANCHOR["terms"], "limits": limits}}))
    error = tally.run("fund", "programme", "publish", str(file), code=REFUSED)["error"]
    assert (error["code"], error["found"]) == ("unknown_organisation", "anchr")
