"""Of exchanges, insurance claims and certificates: what stands now, and who moves next by which command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from local_node import ROLES
from local_sessions import Channel
from local_tally import DAY, Tally, Typed, command_of

from clients.cli.standing import (
    Standing,
    of_certificate,
    of_claim,
    of_exchange,
    of_leaf,
    of_policy,
    of_settlement,
)
from contracts.cash.exchange import STATUS as EXCHANGE_LIFE
from contracts.cash.settlement import STATUS as SETTLEMENT_LIFE
from contracts.certificates.leaf import STATUS as LEAF_LIFE
from contracts.insurance.insurance_claim import CLAIM as CLAIM_LIFE
from contracts.insurance.policy import LIFE as POLICY_LIFE

MATURITY = "2024-05-03"


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(
        tmp_path, ("n1",), {**ROLES, "bolt": ["supplier"], "loan": ["lender"], "cover": ["insurer"]}
    )
    yield made
    made.close()


def parts_of(step: str) -> list[str]:
    """The steps of those who may move, in turn or instead of one another."""
    return [part.removeprefix("or ") for part in step.removeprefix("Next ").split("; ")]


def test_each_step_of_an_exchange_names_the_next_one(tally: Tally, typed: Typed) -> None:
    deposits(tally)
    for client in ("anchor", "fund"):
        tally.open(client, "USD")
    tally.mint("anchor", "2,000.00 USD", "X-1", "C-anchor-USD")
    asked = "'X 1' '1,000.00 EUR' --maker fund --at bank --pay USD --from bank"
    shown, step = typed("anchor", f"cash exchange request {asked}")
    assert "now     Requested" in shown
    assert "costs" not in shown
    by, command = command_of(step, RATE="1.0847", MIDDLE="1.084")
    shown, step = typed(by, f"{command} --fee '1.00 USD'")
    assert "costs   1,084.70 USD and 1.00 USD fee, at bank" in shown
    assert step.startswith("Next anchor accepts by ")
    shown, step = typed(*command_of(step))
    assert "now     Settled" in shown
    assert step == ""
    typed("anchor", f"cash exchange request {asked.replace('X 1', 'X 2')}")
    gone = tally.run("anchor", "cash", "exchange", "decline", "X 2", "--taker", "anchor")
    assert (gone["now"]["status"], gone["now"]["bought"]) == ("Declined", 0)


def test_each_step_of_a_certificate_names_the_next_one(tally: Tally, typed: Typed) -> None:
    """Split, passed on, sold, lent on, stopped and let go: by those that each command names."""
    deposits(tally)
    shown, step = typed("anchor", f"certificate issue 'C 1' '900.00 EUR' --payee acme --maturity {MATURITY}")
    assert "Issued" in shown
    shown, step = typed(*command_of(step))
    assert "of   acme, 900.00 EUR left, due 2024-05-03" in shown
    sells, pays = parts_of(step)
    assert sells.startswith("acme may split, pass on or sell it before 2024-04-30: ")
    assert command_of(pays) == ("anchor", "certificate redeem 'C 1' --bank BANK")
    shown, step = typed("acme", "certificate split 'C 1' 500.00 400.00 --obligor anchor")
    assert "pieces  1 of 500.00 EUR, 2 of 400.00 EUR" in shown
    shown, _ = typed(*command_of(step))
    assert "900.00 EUR live" in shown
    until = "--expires 2024-03-10"
    shown, step = typed("acme", f"certificate transfer 'C 1' --obligor anchor --leaf 1 --to bolt {until}")
    assert "offered to  bolt until 2024-03-10\n" in shown
    shown, step = typed(*command_of(step))
    assert "of   bolt, 500.00 EUR left" in shown
    offer = "certificate sell 'C 1' --obligor anchor --leaf 2 --lender fund --price 390.00"
    shown, step = typed("acme", f"{offer} {until}")
    assert "offered to  fund until 2024-03-10, for 390.00 EUR" in shown
    shown, step = typed(*command_of(step, BANK="bank"))
    assert "of   fund, 400.00 EUR left" in shown
    assert command_of(step)[0] == "anchor"
    lent = "--lender fund --advance 300.00 --repay 310.00"
    _, step = typed("bolt", f"certificate pledge 'C 1' --obligor anchor --leaf 1 {lent} {until}")
    shown, step = typed(*command_of(step, BANK="bank"))
    assert "pledged to  fund, which 310.00 EUR frees" in shown
    repays, _ = parts_of(step)
    shown, _ = typed(*command_of(repays, BANK="bank"))
    assert "Held" in shown
    shown, step = typed("registrar", "certificate freeze 'C 1' --obligor anchor --leaf 1 --reason court")
    assert "Held, stopped by an authority" in shown
    lets_go, _ = parts_of(step)
    typed("registrar", command_of(lets_go, WHY="over")[1])


def test_a_certificate_is_paid_late_in_parts_and_to_the_last_cent(tally: Tally, typed: Typed) -> None:
    """What a holder has given up is owed too, and paid where no amount is named."""
    deposits(tally)
    typed("anchor", f"certificate issue C-1 '900.00 EUR' --payee acme --maturity {MATURITY}")
    typed("acme", "certificate accept C-1 --obligor anchor")
    typed("acme", "certificate split C-1 500.00 400.00 --obligor anchor")
    lent = "--lender fund --advance 300.00 --repay 310.00 --expires 2024-03-10"
    _, step = typed("acme", f"certificate pledge C-1 --obligor anchor --leaf 1 {lent}")
    typed(*command_of(step, BANK="bank"))
    tally.run("registrar", "date", "advance", MATURITY)
    shown, step = typed("anchor", "certificate redeem C-1 --bank bank --amount 90.00")
    assert "left  810.00 EUR, due 2024-05-03" in shown
    assert step == "Next anchor pays on 2024-05-03: tally certificate redeem C-1 --bank BANK"
    tally.run("registrar", "date", "advance", "2024-05-06")
    shown, step = typed("acme", "certificate dishonour C-1 --obligor anchor --leaf 2")
    assert "Dishonoured" in shown
    pays, gives_up = parts_of(step)
    assert pays.startswith("anchor pays what was due on 2024-05-03: ")
    shown, step = typed(*command_of(gives_up))
    assert "WrittenOff" in shown
    assert "written off  360.00 EUR" in shown
    shown, step = typed(*command_of(step, BANK="bank"))
    assert "left  0.00 EUR" in shown
    assert "paid  900.00 EUR" in shown
    assert step == ""
    tree = tally.run("acme", "certificate", "tree", "C-1", "--obligor", "anchor")
    assert (tree["totals"]["live"], tree["totals"]["written_off"]) == (0, 0)
    assert "pledged" not in tally.text("acme", "certificate", "tree", "C-1", "--obligor", "anchor")
    assert "pledged" not in tally.text("acme", "certificate", "show", "C-1", "-O", "anchor", "-l", "1")


def test_each_step_of_a_claim_names_the_next_one(tally: Tally, typed: Typed) -> None:
    """From the notice to the last of what the insurer has back, which is all of the indemnity."""
    deposits(tally)
    insured = f"--currency EUR --starts {DAY} --ends 2024-12-31 --bind-by {DAY} --maximum 5,000.00"
    limits = "--deductible 5.00 --buyer anchor=800.00:acme --annual-pd 1.2"
    _, step = typed("cover", f"insurance quote P --assured acme {insured} {limits}")
    _, step = typed(*command_of(step))
    typed(*command_of(step, BANK="bank"))
    typed("acme", f"invoice submit I --buyer anchor --issued {DAY} --due 2024-04-26 --line '1:1:950.00 EUR'")
    typed("anchor", "invoice confirm I -s acme")
    tally.run("registrar", "date", "advance", "2024-05-01")
    shown, step = typed("acme", "insurance notify 'L 1' I -s acme --policy P --insurer cover")
    assert "I of acme" in shown
    assert "if decided today  715.50 EUR" in shown
    acknowledges, files = parts_of(step)
    shown, step = typed(*command_of(acknowledges))
    assert "Waiting" in shown
    assert parts_of(step) == [files]
    day = files.removeprefix("acme files it from ").partition(": ")[0]
    assert tally.run("acme", "insurance", "claim", "L 1")["file_from"] == day
    tally.run("registrar", "date", "advance", day)
    shown, step = typed(*command_of(files))
    _, rejects = parts_of(step)
    _, step = typed(*command_of(rejects, WHY="why"))
    disputes, _ = parts_of(step)
    _, step = typed(*command_of(disputes, WHY="'so it is'"))
    accepts, _ = parts_of(step)
    shown, step = typed(*command_of(accepts))
    assert "indemnity  715.50 EUR" in shown
    assert "decided" not in shown
    shown, step = typed(*command_of(step, BANK="bank"))
    assert "paid       715.50 EUR" in shown
    shown, step = typed(*command_of(step))
    assert ("Subrogated" in shown, step) == (True, "")
    typed("anchor", "payment make I -s acme --bank bank --amount 100.00")
    shown = tally.run("acme", "insurance", "claim", "L 1")
    assert (shown["to_cede"], shown["file_from"]) == (75_32, None)
    now = tally.run("acme", "insurance", "recover", "L 1", "--bank", "bank")["now"]
    assert (now["ceded"], now["to_cede"], now["status"]) == (75_32, 0, "Subrogated")
    typed("anchor", "payment make I -s acme --bank bank")
    shown, step = typed("acme", "insurance recover 'L 1' --bank bank")
    assert "RecoveriesShared" in shown
    assert "ceded      715.50 EUR" in shown
    assert step == ""


def test_each_step_of_a_request_names_the_next_one(tally: Tally, typed: Typed, tmp_path: Path) -> None:
    """Two are asked: one declines, the other quotes, prices and offers, and the supplier accepts."""
    for lender, name in (("fund", "p1"), ("loan", "p2")):
        file = tmp_path / f"{name}.json"
        limits = [{"obligor": "anchor", "limit": "5,000.00 EUR"}]
        terms = {"currency": "EUR", "limits": limits, "discount_rate_ppm": 72_000, "fee_ppm": 0}
        file.write_text(json.dumps({"programme": name, "terms": terms}))
        typed(lender, f"programme publish {file}")
    typed(
        "acme", f"invoice submit 'I 1' --buyer anchor --issued {DAY} --due 2024-05-01 --line '1:1:90.00 EUR'"
    )
    typed("anchor", "invoice confirm 'I 1' -s acme")
    asked = "--invoice 'I 1' --programme p1 --programme p2 --until 2024-03-10"
    shown, step = typed("acme", f"request open Q {asked}")
    assert "answered  0 of 2" in shown
    quotes, other = parts_of(step)
    shown, step = typed(*command_of(quotes))
    assert "answered  1 of 2" in shown
    prices, other = parts_of(step)
    shown, step = typed("loan", f"{command_of(other)[1].replace('quote', 'decline')} --reason no")
    assert "answered  2 of 2" in shown
    assert parts_of(step) == [prices]
    kept = tmp_path / "I.quote"
    typed(*command_of(prices, FILE=str(kept)))
    typed("fund", f"finance offer {kept} --expires 2024-03-10")
    place = ["Q", "-s", "acme", "--programme", "p1", "--advance", "10.00"]
    told = tally.run("fund", "request", "quote", *place)
    assert told["next"] == "acme accepts the offer of fund: tally finance accept 'I 1'"
    _, step = typed("acme", "finance accept 'I 1'")
    assert step.startswith("Next fund pays: ")
    ended = tally.run("acme", "invoice", "show", "acme", "I 1")
    assert ended["finance"]["stage"] == "Accepted"


def test_who_must_approve_agree_or_see_an_account_is_named(tally: Tally, typed: Typed) -> None:
    deposits(tally)
    _, step = typed("acme", "cash nominate 'NEW 1' --bank bank --currency EUR")
    assert step.startswith("Next bank approves it: ")
    typed(*command_of(step))
    account = "DE89370400440532013000"
    _, step = typed("acme", f"redirection propose {account} --buyer anchor -c EUR --lender fund")
    assert step.startswith("Next fund agrees to it: ")
    _, step = typed(*command_of(step))
    assert step.startswith("Next anchor says that it has seen it: ")
    typed(*command_of(step))


def test_an_order_that_is_closed_or_cancelled_shows_what_is_left_of_it(typed: Typed) -> None:
    for number in ("PO-1", "PO-2"):
        typed("anchor", f"order issue {number} -s acme --date {DAY} --line '1:10:5.00 EUR:unit'")
    typed("acme", f"shipment create S-1 --order PO-1 --buyer anchor --line 1:10 --date {DAY}")
    typed("anchor", f"shipment receive S-1 -s acme --date {DAY} --line 1:8:2")
    shown, step = typed("anchor", "order close PO-1 -s acme")
    assert "8 accepted, 0 billed" in shown
    assert step.startswith("Next acme bills what was accepted: ")
    shown, step = typed("acme", "order cancel PO-2 -s acme -b anchor --reason no")
    assert ("Cancelled" in shown, step) == (True, "")


def deposits(tally: Tally) -> None:
    for client in ("acme", "bolt", "fund", "anchor", "cover"):
        tally.open(client)
        tally.mint(client, "2,000.00 EUR", f"IN-{client}", f"C-{client}")


class Told:
    """A session whose node tells of one document, whatever it is asked for."""

    def __init__(self, **view: Any) -> None:
        self.told = view

    def view(self, path: str) -> dict[str, Any]:
        return dict(self.told)


EXCHANGE = {
    "taker": "acme",
    "maker": "fund",
    "exchange": "X",
    "sold_bank": "bank",
    "sold_currency": "EUR",
    "sold": 100,
    "bought_bank": "bank",
    "bought_currency": "USD",
    "bought": 108,
    "fee": 1,
    "rate": {"numerator": 27, "denominator": 25},
    "expires_ms": 1_709_251_200_000,
}


@pytest.mark.parametrize(
    ("status", "named"),
    [
        ("Requested", "exchange quote"),
        ("Quoted", "--at-most '1.09 USD'"),
        ("Settled", ""),
        ("Declined", ""),
        ("Expired", ""),
    ],
)
def test_what_comes_next_of_an_exchange_is_its_quote_or_its_answer(status: str, named: str) -> None:
    assert status in EXCHANGE_LIFE.states
    step = of_exchange(Told(**EXCHANGE, status=status), "acme", "X").next  # type: ignore[arg-type]
    assert (named in step) if named else (step == "")
    assert ("2024-03-01 00:00:00 UTC" in step) is (status == "Quoted")


SETTLEMENT = {
    "lender": "fund",
    "settlement": "S",
    "bank": "bank",
    "supplier": "acme",
    "invoice": "I",
    "currency": "EUR",
    "amount": 90,
    "entry": None,
    "reserved_until": "2024-03-10",
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"status": "Created"}, ["finance accept"]),
        ({"status": "AssetHeld"}, ["settlement show", "settlement held"]),
        ({"status": "CashHeld"}, ["settlement payout-file", "finance fund"]),
        ({"status": "Settled", "entry": "E"}, []),
        ({"status": "Expired"}, []),
        ({"status": "Expired", "entry": "E"}, ["settlement payout-file", "settlement returned"]),
        ({"status": "Returned", "entry": "E"}, []),
    ],
)
def test_what_comes_next_of_a_settlement_moves_title_or_cash(
    changes: dict[str, Any], named: list[str]
) -> None:
    assert changes["status"] in SETTLEMENT_LIFE.states
    step = of_settlement(Told(**SETTLEMENT | changes), "fund", "S").next  # type: ignore[arg-type]
    assert len(named) == (len(parts_of(step)) if step else 0)
    assert all(name in part for name, part in zip(named, parts_of(step), strict=False))


POLICY = {
    "insurer": "cover",
    "assured": "acme",
    "policy": "P",
    "currency": "EUR",
    "premium": 136,
    "maximum": 500,
    "promised": 100,
    "bind_by": "2024-03-01",
    "covers_from": None,
    "buyers": [{"buyer": "anchor", "limit": 400}],
}


@pytest.mark.parametrize(
    ("status", "named"),
    [
        (
            "Quoted",
            "acme takes it by 2024-03-01: tally insurance bind P --insurer cover --premium",
        ),
        ("Bound", "acme pays the premium, and cover begins: tally insurance pay-premium P --insurer cover"),
        ("Active", ""),
        ("Suspended", "cover may resume cover: tally insurance resume P"),
        ("Exhausted", ""),
        ("Expired", ""),
    ],
)
def test_what_comes_next_of_a_policy_makes_it_cover(status: str, named: str) -> None:
    assert status in POLICY_LIFE.states
    step = of_policy(Told(**POLICY, status=status), "cover", "P").next  # type: ignore[arg-type]
    assert step.startswith(named) if named else step == ""


CLAIM = {
    "assured": "acme",
    "claim": "L",
    "insurer": "cover",
    "policy": "P",
    "supplier": "acme",
    "invoice": "I",
    "currency": "EUR",
    "file_from": "2024-06-25",
    "indemnity_today": None,
    "loss": 100,
    "indemnity": 80,
    "paid": 0,
    "recovered": 0,
    "ceded": 0,
    "to_cede": 0,
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"status": "Notified"}, ["insurance acknowledge", "insurance file"]),
        ({"status": "Waiting"}, ["insurance file"]),
        ({"status": "Filed", "indemnity_today": 80}, ["insurance accept", "insurance reject"]),
        ({"status": "Filed", "indemnity_today": 0}, ["insurance reject"]),
        ({"status": "Disputed", "indemnity_today": 80}, ["insurance accept", "insurance reject"]),
        ({"status": "Rejected"}, ["insurance dispute", "insurance withdraw"]),
        ({"status": "Accepted"}, ["insurance indemnify"]),
        ({"status": "Accepted", "to_cede": 79}, ["insurance indemnify"]),
        ({"status": "Accepted", "to_cede": 80}, ["insurance withdraw"]),
        ({"status": "Paid"}, ["insurance subrogate"]),
        ({"status": "Subrogated"}, []),
        ({"status": "Subrogated", "to_cede": 1}, ["insurance recover"]),
        ({"status": "RecoveriesShared"}, []),
        ({"status": "Withdrawn"}, []),
    ],
)
def test_what_comes_next_of_a_claim_follows_from_how_it_stands(
    changes: dict[str, Any], named: list[str]
) -> None:
    assert changes["status"] in CLAIM_LIFE.states
    step = of_claim(Told(**CLAIM | changes), "acme", "L").next  # type: ignore[arg-type]
    assert len(named) == (len(parts_of(step)) if step else 0)
    assert all(name in part for name, part in zip(named, parts_of(step), strict=False))


LEAF = {
    "leaf": 0,
    "parent": None,
    "holder": "acme",
    "amount": 100,
    "live": 100,
    "written_off": 0,
    "offered_to": None,
    "expires": None,
    "price": None,
    "repay": None,
    "lender": None,
    "frozen": False,
}
CERTIFICATE = {
    "obligor": "anchor",
    "certificate": "C",
    "payee": "acme",
    "currency": "EUR",
    "maturity": "2024-05-03",
    "cut_off": "2024-04-30",
    "business_date": "2024-03-01",
    "totals": {"live": 100, "redeemed": 0, "written_off": 0},
    "overpaid": 0,
}
OFFER = {"offered_to": "fund", "expires": "2024-03-10", "price": 90}
STATES = [
    ("Issued", {"expires": "2024-03-10"}, ["certificate accept"]),
    ("Void", {}, []),
    ("Held", {}, ["certificate sell", "certificate redeem"]),
    ("Held", {"frozen": True}, ["certificate unfreeze", "certificate redeem"]),
    ("Split", {"live": 0}, ["certificate tree"]),
    ("TransferPending", {"offered_to": "bolt", "expires": "2024-03-10"}, ["certificate accept"]),
    ("Reserved", OFFER, ["certificate buy"]),
    ("Reserved", {**OFFER, "repay": 95}, ["certificate lend"]),
    ("Sold", {}, ["certificate redeem"]),
    ("Pledged", {"lender": "fund", "repay": 95}, ["certificate repay", "certificate redeem"]),
    ("Redeemed", {"live": 0}, []),
    ("Dishonoured", {}, ["certificate redeem", "certificate write-off"]),
    ("RedeemedLate", {"live": 0}, []),
    ("WrittenOff", {"live": 0}, ["certificate redeem"]),
]


@pytest.mark.parametrize(("status", "changes", "named"), STATES)
def test_what_comes_next_of_a_leaf_follows_from_how_it_stands(
    status: str, changes: dict[str, Any], named: list[str]
) -> None:
    step = of_leaf(_told(status, changes), "anchor", "C", 0).next
    assert len(named) == (len(parts_of(step)) if step else 0)
    assert all(name in part for name, part in zip(named, parts_of(step), strict=False))


def test_every_state_of_a_leaf_is_asked_about() -> None:
    assert {status for status, _, _ in STATES} == set(LEAF_LIFE.states)


@pytest.mark.parametrize(
    ("day", "named"),
    [
        ("2024-04-29", "certificate sell"),
        ("2024-04-30", "anchor pays on 2024-05-03: "),
        ("2024-05-03", "anchor pays on 2024-05-03: "),
        ("2024-05-04", "acme states that it was not paid: tally certificate dishonour C"),
    ],
)
def test_a_leaf_moves_until_the_cut_off_and_is_unpaid_from_the_day_after_maturity(
    day: str, named: str
) -> None:
    step = of_leaf(_told("Held", {}, business_date=day), "anchor", "C", 0).next
    assert named in step
    assert ("dishonour" in step) is ("dishonour" in named)
    assert ("sell" in step) is ("sell" in named)


def _told(status: str, changes: dict[str, Any], **whole: Any) -> Any:
    return Told(**CERTIFICATE | whole, leaves=[{**LEAF, **changes, "status": status}])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "certificate redeem"),
        ({"totals": {"live": 0, "redeemed": 60, "written_off": 40}}, "certificate redeem"),
        ({"totals": {"live": 0, "redeemed": 100, "written_off": 0}}, ""),
        ({"totals": {"live": 0, "redeemed": 100, "written_off": 0}, "overpaid": 5}, "certificate refunded"),
    ],
)
def test_what_comes_next_of_a_certificate_is_what_is_owed_or_paid_too_much(
    changes: dict[str, Any], named: str
) -> None:
    step = of_certificate(Told(**CERTIFICATE | changes), "anchor", "C").next  # type: ignore[arg-type]
    assert (named in step) if named else (step == "")


EVIL = "x: tally date show; rm -rf ~ $(id)"
KNOWN = ("currency", "sold_currency", "bought_currency", "status", "business_date")


def _lie(view: dict[str, Any]) -> dict[str, Any]:
    return {
        name: EVIL if isinstance(value, str) and name not in KNOWN else value for name, value in view.items()
    }


@pytest.mark.parametrize(
    ("of", "view", "states"),
    [
        (of_exchange, EXCHANGE, ["Requested", "Quoted"]),
        (of_settlement, SETTLEMENT, ["Created", "AssetHeld", "CashHeld"]),
        (of_policy, POLICY, ["Quoted", "Bound", "Suspended"]),
        (of_claim, CLAIM, ["Notified", "Waiting", "Filed", "Rejected", "Accepted", "Paid"]),
    ],
)
def test_no_word_of_a_node_becomes_a_command_of_whoever_types_what_is_named(
    of: Callable[..., Standing], view: dict[str, Any], states: list[str]
) -> None:
    for state in states:
        _holds_no_command(of(Told(**_lie(view) | {"status": state}), "acme", "N").next)


@pytest.mark.parametrize(("status", "changes", "named"), STATES)
def test_no_word_of_a_node_about_a_leaf_becomes_a_command(
    status: str, changes: dict[str, Any], named: list[str]
) -> None:
    lie = Told(**_lie(CERTIFICATE), leaves=[{**_lie({**LEAF, **changes}), "status": status}])
    if named:
        _holds_no_command(of_leaf(lie, "anchor", "C", 0).next)  # type: ignore[arg-type]


def _holds_no_command(step: str) -> None:
    assert quote(EVIL) in step
    assert EVIL not in step.replace(quote(EVIL), "")
