"""Who has recorded something sees what stands now and who moves next, by a command that does just that."""

from __future__ import annotations

from collections.abc import Callable
from shlex import quote
from typing import Any

import pytest
from local_sessions import Channel
from local_tally import Tally, Typed, command_of

from clients.cli.exits import USAGE
from clients.cli.standing import Standing, of_auction, of_credit, of_invoice, of_order, of_shipment
from clients.errors import Unavailable
from contracts.market.auction import LIFE

DAY = "2024-03-01"


@pytest.fixture(scope="module")
def channel(played_channel: Channel) -> Channel:
    return played_channel


def test_each_step_of_a_trade_names_the_next_one(typed: Typed) -> None:
    """The commands are typed as they are named, by whom they name."""
    shown, step = typed("acme", f"order submit 'PO 1' -b anchor --date {DAY} --line '1:10:5.00 EUR:unit'")
    assert "now     Draft" in shown
    assert command_of(step) == ("anchor", "order issue 'PO 1' -s acme")
    shown, step = typed(*command_of(step))
    assert "10 ordered, 0 shipped, 0 accepted, 0 billed" in shown
    shown, step = typed(*command_of(step, SHIPMENT="S-1", **{"…": f"--line 1:10 --date {DAY}"}))
    assert "now    Dispatched" in shown
    shown, step = typed(*command_of(step, DAY=DAY, **{"LINE:ACCEPTED:REJECTED": "1:8:2"}))
    assert "10 shipped, 8 accepted, 2 rejected" in shown
    bill = f"--buyer anchor --issued {DAY} --due 2024-05-01 --line '1:8:40.00 EUR'"
    shown, step = typed(*command_of(step, INVOICE="R-1", **{"…": bill}))
    assert "Submitted, Free, Open" in shown
    shown, step = typed(*command_of(step))
    assert "Confirmed, Free, Open, NotDue" in shown
    assert "acme may sell it: tally match invoice R-1" in step
    assert "anchor pays by 2024-05-01: tally payment make R-1 -s acme" in step


def test_an_amendment_is_agreed_to_by_the_number_that_is_named(typed: Typed) -> None:
    typed("anchor", f"order issue PO-A -s acme --date {DAY} --line '1:10:5.00 EUR:unit'")
    _, step = typed("acme", "order amend PO-A -s acme -b anchor --line 1:12")
    assert step.startswith("Next anchor agrees to it or declines: ")
    shown, _ = typed(*command_of(step))
    assert "12 ordered" in shown


def test_a_credit_note_waits_for_the_buyer_and_what_is_left_for_another_invoice(typed: Typed) -> None:
    typed("acme", f"invoice submit R-C --buyer anchor --issued {DAY} --due 2024-05-01 --line '1:1:41.00 EUR'")
    paid = f"payment attest R-C -s acme --amount '41.00 EUR' --account A --entry E-C --date {DAY}"
    shown, _ = typed("bank", paid)
    assert "Settled" in shown
    _, step = typed("acme", f"credit issue CN-C --invoice R-C --amount '1.00 EUR' --date {DAY}")
    shown, step = typed(*command_of(step))
    assert "0.00 EUR of 1.00 EUR" in shown
    assert "tally credit apply CN-C -s acme --invoice INVOICE --amount '1.00 EUR'" in step


def test_who_must_act_finds_shipments_and_credit_notes_by_their_state(tally: Tally, typed: Typed) -> None:
    """A buyer is not told numbers by anybody: it lists what its supplier has sent and credited."""
    typed("anchor", f"order issue PO-L -s acme --date {DAY} --line '1:10:5.00 EUR:unit'")
    typed("acme", f"shipment create S-L --order PO-L --buyer anchor --line 1:10 --date {DAY}")
    listed = ["--buyer", "anchor", "--status"]
    shown = tally.run("anchor", "shipment", "list", "acme", *listed, "dispatched")["shipments"]
    assert [(entry["shipment"], entry["order"]) for entry in shown] == [("S-L", "PO-L")]
    assert "S-L" in tally.text("anchor", "shipment", "list", "acme")
    wrong = tally.run("anchor", "shipment", "list", "acme", *listed, "gone", code=USAGE)["error"]
    assert "Dispatched" in wrong["expected"]
    typed("acme", f"invoice submit R-L --buyer anchor --issued {DAY} --due 2024-05-01 --line '1:1:44.00 EUR'")
    typed("anchor", "invoice confirm R-L -s acme")
    typed("acme", f"credit issue CN-L --invoice R-L --amount '2.00 EUR' --date {DAY}")
    shown = tally.run("anchor", "credit", "list", "acme", *listed, "issued")["credits"]
    assert [(entry["credit"], entry["amount"]) for entry in shown if entry["credit"] == "CN-L"] == [
        ("CN-L", 200)
    ]
    assert "2.00 EUR" in tally.text("anchor", "credit", "list", "acme")


def test_money_shows_what_is_on_the_account_and_how_it_is_paid_out(tally: Tally, typed: Typed) -> None:
    shown, _ = typed("bank", "cash open acme --currency EUR --account C-1 --payout P-1")
    assert "C-1 of acme at bank, Open" in shown
    mint = f"--client acme --account C-1 --entry M-1 --date {DAY}"
    shown, _ = typed("bank", f"cash mint '30.00 EUR' {mint}")
    assert "available  30.00 EUR" in shown
    shown, step = typed("acme", "cash redeem R-1 '20.00 EUR' --bank bank")
    assert "available  10.00 EUR" in shown
    assert "held       20.00 EUR" in shown
    today = tally.run("bank", "date", "show")["business_date"]
    shown, _ = typed(*command_of(step, ENTRY="M-2", DAY=today))
    assert "available  10.00 EUR" in shown
    assert "held" not in shown
    assert (
        tally.run("bank", *f"cash mint 1.00EUR {mint}".replace("M-1", "M-3").split())["now"]["available"]
        == 1100
    )


def test_programs_read_what_stands_now(tally: Tally) -> None:
    bill = f"invoice submit R-J --buyer anchor --issued {DAY} --due 2024-05-01".split()
    told = tally.run("acme", *bill, "--line", "1:1:42.00 EUR")
    now = told["now"]
    assert told["next"].endswith("tally invoice confirm R-J -s acme")
    assert (now["invoice"], now["validity"], now["outstanding"]) == ("R-J", "Submitted", 4_200)


def test_what_is_recorded_is_told_although_nobody_says_what_stands(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> Standing:
        raise Unavailable("no node answers")

    monkeypatch.setattr("clients.cli.trade.invoices.of_invoice", silent)
    bill = f"invoice submit R-S --buyer anchor --issued {DAY} --due 2024-05-01 --line '1:1:43.00 EUR'"
    shown, step = typed("acme", bill)
    assert "recorded at height" in shown
    assert step == ""


class Told:
    """A session whose node tells of one document."""

    def __init__(self, **view: Any) -> None:
        self.view = view

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.view


OFFERED = {"stage": "Offered", "lender": "fund", "expires": "2024-03-10"}
INVOICE = {
    "supplier": "acme",
    "buyer": "anchor",
    "invoice": "R",
    "currency": "EUR",
    "due_date": "2024-05-01",
    "validity": "Confirmed",
    "title": "Free",
    "cash": "Open",
    "maturity": "NotDue",
    "outstanding": 100,
    "contested": 0,
    "written_off": 0,
    "unapplied": 0,
    "credit_due": False,
    "finance": None,
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "match invoice"),
        ({"title": "Assigned"}, "payment make"),
        ({"maturity": "Overdue"}, "payment make"),
        ({"contested": 10}, "payment make"),
        ({"credit_due": True}, "credit issue"),
        ({"credit_due": True}, "payment make"),
        ({"credit_due": True, "outstanding": 0, "cash": "Settled"}, "credit issue"),
        ({"validity": "Disputed"}, "--net AMOUNT"),
        ({"validity": "Rejected"}, ""),
        ({"validity": "Cancelled"}, ""),
        ({"outstanding": 0, "cash": "Settled"}, ""),
        ({"outstanding": 0, "cash": "Settled", "unapplied": 5}, "payment refund"),
        ({"outstanding": 0, "cash": "WrittenOff", "written_off": 5, "maturity": None}, "payment make"),
        ({"title": "Reserved", "finance": OFFERED}, "finance accept R; anchor"),
        ({"title": "Reserved", "finance": OFFERED | {"stage": "Accepted"}}, "finance settle R -s acme"),
    ],
)
def test_what_comes_next_of_an_invoice_follows_from_how_it_stands(
    changes: dict[str, Any], named: str
) -> None:
    step = of_invoice(Told(**INVOICE | changes), "acme", "R").next  # type: ignore[arg-type]
    assert (named in step) if named else (step == "")
    assert ("may sell" in step) is (named == "match invoice")


def test_a_day_that_has_passed_is_not_one_to_pay_by() -> None:
    late = of_invoice(Told(**INVOICE | {"maturity": "Overdue"}), "acme", "R").next  # type: ignore[arg-type]
    assert late.startswith("anchor pays what was due on 2024-05-01: tally payment make R")
    given_up = INVOICE | {"maturity": None, "written_off": 5, "outstanding": 0}
    late = of_invoice(Told(**given_up), "acme", "R").next  # type: ignore[arg-type]
    assert late.startswith("anchor pays what was due on 2024-05-01: ")
    today = of_invoice(Told(**INVOICE | {"maturity": "Matured"}), "acme", "R").next  # type: ignore[arg-type]
    assert today.startswith("anchor pays by 2024-05-01: ")


@pytest.mark.parametrize(
    ("title", "lender", "holder"),
    [
        ("Assigned", "fund", "fund"),
        ("Pledged", "fund", "fund"),
        ("Assigned", "", None),
        ("Free", "fund", None),
    ],
)
def test_who_holds_the_claim_is_said_where_it_is_one_lender(
    title: str, lender: str, holder: str | None
) -> None:
    view = INVOICE | {"title": title, "finance": {"lender": lender}}
    facts = dict(of_invoice(Told(**view), "acme", "R").facts)  # type: ignore[arg-type]
    assert facts.get("held by") == holder


AUCTION = {
    "supplier": "acme",
    "auction": "A",
    "bidders": ["fund"],
    "revealed": 0,
    "rate_ppm": None,
    "commit_until": "2024-03-02",
    "reveal_until": "2024-03-03",
    "accept_until": "2024-03-04",
    "fund_until": "2024-03-05",
}


@pytest.mark.parametrize(
    ("status", "named", "until"),
    [
        ("Open", "auction bid", "2024-03-02"),
        ("Commit", "auction reveal", "2024-03-03"),
        ("Reveal", "auction reveal", "2024-03-03"),
        ("Ranked", "auction accept", "2024-03-04"),
        ("Accepted", "auction pay", "2024-03-05"),
        ("Agreed", "auction pay", "2024-03-05"),
        ("Funded", "", ""),
        ("NoBid", "", ""),
        ("Withdrawn", "", ""),
    ],
)
def test_what_comes_next_of_an_auction_is_its_phase_with_the_last_day(
    status: str, named: str, until: str
) -> None:
    assert status in LIFE.states
    step = of_auction(Told(**AUCTION, status=status), "acme", "A").next  # type: ignore[arg-type]
    assert (named in step) if named else (step == "")
    assert until in step


def test_bids_are_ranked_once_all_that_were_made_are_open() -> None:
    view = AUCTION | {"status": "Reveal", "revealed": 1}
    step = of_auction(Told(**view), "acme", "A").next  # type: ignore[arg-type]
    assert step == "bids are ranked: tally auction rank A -s acme"


LINE = {"quantity": 10, "shipped": 0, "accepted": 0, "invoiced": 0}
BILLED = {"quantity": 10, "shipped": 10, "accepted": 10, "invoiced": 10}
ORDER = {
    "supplier": "acme",
    "buyer": "anchor",
    "order": "P",
    "currency": "EUR",
    "amount": 100,
    "status": "Acknowledged",
    "amendment": None,
    "lines": [LINE],
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"status": "Draft"}, "order issue"),
        ({}, "shipment create"),
        ({"lines": [{**LINE, "shipped": 10}]}, ""),
        ({"lines": [{**LINE, "shipped": 10, "accepted": 10}]}, "invoice submit"),
        ({"lines": [{**LINE, "shipped": 10, "accepted": 10, "invoiced": 10}]}, ""),
        ({"lines": [{**LINE, "shipped": 8, "accepted": 8, "invoiced": 10}]}, "credit issue"),
        ({"lines": [{**BILLED, "accepted": 8}, {**BILLED, "invoiced": 8}]}, "credit issue"),
        ({"lines": [{**LINE, "shipped": 12}, LINE]}, "shipment create"),
        ({"status": "Cancelled"}, ""),
        ({"status": "Closed"}, ""),
        ({"status": "Closed", "lines": [{**LINE, "shipped": 8, "accepted": 8}]}, "invoice submit"),
    ],
)
def test_what_comes_next_of_an_order_follows_from_its_units(changes: dict[str, Any], named: str) -> None:
    step = of_order(Told(**ORDER | changes), "acme", "anchor", "P").next  # type: ignore[arg-type]
    assert (named in step) if named else (step == "")


@pytest.mark.parametrize(
    ("status", "named"),
    [("Created", "shipment depart"), ("Dispatched", "shipment receive"), ("Delivered", "shipment receive")],
)
def test_what_comes_next_of_a_shipment_on_its_way_is_its_next_place(status: str, named: str) -> None:
    view = {"supplier": "acme", "buyer": "anchor", "order": "P", "shipment": "S", "lines": []}
    assert named in of_shipment(Told(status=status, **view), "acme", "S").next  # type: ignore[arg-type]


def test_once_a_shipment_is_there_its_order_says_what_comes_next(typed: Typed) -> None:
    """Received in part, billed, and sent back: each time what the order needs, not what once was accepted."""
    typed("anchor", f"order issue 'PO R' -s acme --date {DAY} --line '1:10:5.00 EUR:unit'")
    typed("acme", f"shipment create S-R --order 'PO R' --buyer anchor --line 1:10 --date {DAY}")
    _, step = typed("anchor", f"shipment receive S-R -s acme --date {DAY} --line 1:8:2")
    bill = f"--buyer anchor --issued {DAY} --due 2024-05-01 --line '1:8:40.00 EUR'"
    typed(*command_of(step, INVOICE="R-R", **{"…": bill}))
    back = f"shipment return S-R -s acme --date {DAY} --reason defective --line"
    _, step = typed("anchor", f"{back} 1:2")
    assert step == "Next acme credits what went back: tally credit issue CREDIT --invoice INVOICE …"
    typed("anchor", "invoice confirm R-R -s acme")
    credit = f"--amount '10.00 EUR' --date {DAY} --line 1:2"
    _, step = typed(*command_of(step, CREDIT="CN-R", INVOICE="R-R", **{"…": credit}))
    typed(*command_of(step))
    typed("acme", f"shipment create S-R2 --order 'PO R' --buyer anchor --line 1:2 --date {DAY}")
    shown, step = typed("acme", "shipment create S-R3 --order 'PO R' --buyer anchor --line 1:2")
    assert "2 to be shipped" in shown
    shown, _ = typed("acme", command_of(step, DAY=DAY)[1])
    assert "2 shipped" in shown
    _, step = typed("anchor", f"shipment refuse S-R2 -s acme --date {DAY} --reason late")
    assert step == "Next acme ships it: tally shipment create SHIPMENT --order 'PO R' --buyer anchor …"


@pytest.mark.parametrize(("status", "applied"), [("Applied", 100), ("Rejected", 0), ("Accepted", 100)])
def test_nothing_comes_after_a_credit_note_that_is_used_up_or_rejected(status: str, applied: int) -> None:
    view = {"currency": "EUR", "amount": 100, "applied": applied, "status": status, "buyer": "anchor"}
    assert of_credit(Told(**view), "acme", "C").next == ""  # type: ignore[arg-type]


EVIL = "x: tally date show; rm -rf ~ $(id)"


@pytest.mark.parametrize(
    ("of", "parties", "view", "states"),
    [
        (of_order, 3, ORDER, ["Draft", "Issued"]),
        (of_shipment, 2, ORDER | {"shipment": "S"}, ["Created", "Dispatched", "Received"]),
        (of_invoice, 2, INVOICE, ["Submitted", "Disputed", "Confirmed"]),
        (of_credit, 2, {"currency": "EUR", "amount": 100, "applied": 0, "buyer": ""}, ["Issued", "Accepted"]),
        (of_auction, 2, AUCTION, ["Open", "Reveal", "Ranked", "Accepted"]),
    ],
)
def test_no_word_of_a_node_becomes_a_command_of_whoever_types_what_is_named(
    of: Callable[..., Standing], parties: int, view: dict[str, Any], states: list[str]
) -> None:
    """A node that lies about a party, a number or a day would have had anything typed."""
    known = ("currency", "cash", "title", "maturity", "status", "validity")
    lie = {
        name: EVIL if isinstance(value, str) and name not in known else value for name, value in view.items()
    }
    for state in states:
        if of is of_shipment:
            lie["lines"] = [{**LINE, "accepted": 1, "rejected": 0, "returned": 0}]
        step = of(Told(**lie | {"status": state, "validity": state}), *[EVIL] * parties).next
        assert quote(EVIL) in step
        assert EVIL not in step.replace(quote(EVIL), "")
