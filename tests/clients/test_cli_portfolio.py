"""`tally portfolio` and `tally match` against the real API: every figure computed here from proved state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import story
from envelopes import signed
from local_sessions import Channel
from local_tally import Tally

from clients.cli.exits import USAGE
from clients.cli.portfolio.portfolio import open_claims
from clients.sdk import read_book
from ledger.errors import TallyError

OPEN = {
    "INV-A": (4_000_00, "2024-05-20"),
    "INV-B": (2_500_00, "2024-06-20"),
    "INV-C": (2_000_00, "2024-04-20"),
}


def bill(number: str, gross: int, due: str) -> list[tuple[str, dict[str, Any]]]:
    """An invoice of acme to anchor without an order, confirmed."""
    billed = {
        "op": "invoice.submit",
        "invoice": number,
        "buyer": "anchor",
        "currency": "EUR",
        "issue_date": "2024-03-04",
        "due_date": due,
        "order": "",
        "lines": [{"line": "1", "quantity": 1, "amount": gross}],
        "tax": 0,
        "gross": gross,
        "document": b"",
    }
    confirmed = {
        "op": "invoice.confirm",
        "invoice": number,
        "supplier": "acme",
        "net": gross,
        "due_date": due,
    }
    return [("acme", billed), ("anchor", confirmed)]


@pytest.fixture
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    found = Channel(tmp_path_factory.mktemp("portfolio"))
    story.play(found.network)
    for number, (gross, due) in OPEN.items():
        play(found, bill(number, gross, due))
    yield found
    found.close()


def play(channel: Channel, steps: list[tuple[str, dict[str, Any]]]) -> None:
    """Record what each signs."""
    node = next(iter(channel.network.nodes.values()))
    for who, operation in steps:
        transaction = signed(channel.network.channel, operation, by=who)
        (outcome,) = asyncio.run(node.submit([transaction.envelope]))
        assert outcome.result == (), (operation["op"], outcome.result)


def sold_certificate(amount: int, price: int) -> list[tuple[str, dict[str, Any]]]:
    """anchor promises acme an amount, and acme sells the promise to fund."""
    promise = {
        "op": "certificate.issue",
        "certificate": "C-9",
        "payee": "acme",
        "currency": "EUR",
        "amount": amount,
        "maturity": "2024-06-01",
        "cut_off_days": 3,
        "smallest": 1_00,
        "highest_tier": 3,
        "invoice": "",
    }
    leaf = {"obligor": "anchor", "certificate": "C-9", "leaf": 0}
    sale = {"lender": "fund", "price": price, "repay": 0, "expires": "2024-03-20"}
    booked = {
        "account": "C-fund",
        "entry": "OUT C-9",
        "date": "2024-03-05",
        "amount": price,
        "lender": "fund",
    }
    return [
        ("anchor", promise),
        ("acme", {"op": "certificate.accept", **leaf}),
        ("acme", {"op": "certificate.reserve", **leaf, **sale}),
        ("bank", {"op": "certificate.fund", **leaf, **booked}),
    ]


def test_a_supplier_sees_what_suits_its_invoice_and_why_the_rest_does_not(tally: Tally) -> None:
    found = tally.run("acme", "match", "invoice", "INV-A")
    kinds = [(way["kind"], way["suits"], way["code"]) for way in found["ways"]]
    assert kinds[0] == ("programme", True, "")
    assert ("early_payment", False, "no_offer") in kinds
    best = found["ways"][0]
    assert best["cash"] + best["later"] + best["cost"] == 4_000_00
    assert "does not suit" in tally.text("acme", "match", "invoice", "INV-A")
    none = tally.run("acme", "match", "invoice", "NONE", code=USAGE)
    assert none["error"]["code"] == "unknown_invoice"


def test_a_lender_sees_every_open_receivable_of_its_obligors_by_net_yield(
    tally: Tally, tmp_path: Path
) -> None:
    proofs = tmp_path / "proofs"
    found = tally.run("fund", "match", "lender", "--out", str(proofs))
    kept = sorted(path.name for path in proofs.iterdir())
    assert kept == ["acme-anchor.history", f"{story.PROGRAMME}-0001.quotes"]
    for name in kept:
        assert tally.run("fund", "verify", str(proofs / name))["proved"]
    assert {entry["invoice"] for entry in found["suited"]} == {*OPEN, story.INVOICE}
    yields = [entry["net_yield_ppm"] for entry in found["suited"]]
    assert yields == sorted(yields, reverse=True)
    assert found["relationships"] == 1
    assert f"{len(found['suited'])} receivables to suit fund, out of 1 complete history, " in tally.text(
        "fund", "match", "lender"
    )


def test_a_budget_is_placed_committed_and_then_held(tally: Tally, tmp_path: Path) -> None:
    budget = ["--budget", "5,000.00 EUR", "--max-tenor", "100"]
    plan = tally.run("fund", "portfolio", "allocate", *budget)
    assert plan["cash"] <= 5_000_00
    assert plan["income"] >= plan["greedy"]
    assert plan["bound"] >= plan["income"]
    dateless = tally.run("fund", "portfolio", "allocate", *budget, "--commit", code=USAGE)
    assert dateless["error"]["code"] == "no_date"
    done = tally.run("fund", "portfolio", "allocate", *budget, "--commit", "--expires", "2024-03-20")
    assert [offer["code"] for offer in done["offers"]] == [None] * len(plan["chosen"])
    again = tally.run("fund", "portfolio", "allocate", *budget)
    offered = {offer["invoice"] for offer in done["offers"]}
    assert offered <= {entry["invoice"] for entry in again["left_out"] if entry["code"] == "already_financed"}
    for number in sorted(offered):
        tally.run("acme", "finance", "accept", number)
        entry = ["--account", "C-fund", "--entry", f"OUT {number}", "--date", "2024-03-05"]
        tally.run("bank", "finance", "fund", number, "--supplier", "acme", *entry)
    saved = tmp_path / "fund.book"
    held = tally.run("fund", "portfolio", "show", "--out", str(saved))
    assert held["totals"]["EUR"]["principal"] == plan["amount"]
    assert {claim["invoice"] for claim in held["claims"]} == offered
    (group,) = held["groups"]["obligor"]
    assert (group["name"], group["principal"], group["share_ppm"]) == ("anchor", plan["amount"], 1_000_000)
    assert "anchor" in tally.text("fund", "portfolio", "show")

    genesis = ["--genesis", str(tally.channel.network.genesis_path)]
    offline = ["--book", str(saved), "--date", held["business_date"], *genesis]
    same = tally.run("fund", "portfolio", "show", *offline)
    assert {**same, "file": None} == {**held, "file": None}
    early = ["--book", str(saved), "--date", "2024-03-01", *genesis]
    assert tally.run("fund", "portfolio", "show", *early, code=USAGE)["error"]["code"] == "date_order"
    verified = tally.run("fund", "verify", str(saved))
    assert verified["totals"] == held["totals"]

    capped = tally.run("fund", "portfolio", "rebalance", "--currency", "EUR", "--obligor-cap", "25")
    (excess,) = capped["excess"]
    assert excess["excess"] == plan["amount"] - plan["amount"] // 4
    assert capped["eligible"]["obligor"] == plan["amount"] // 4
    assert [one["action"] for one in capped["advice"]] == ["run_off", "sell"]
    more = ["--obligor-cap", "100", "--budget", "9,000.00 EUR"]
    buying = tally.run("fund", "portfolio", "rebalance", "--currency", "EUR", *more)
    assert (buying["excess"], buying["advice"]) == ([], [])
    bought = {one["invoice"] for one in buying["buy"]["chosen"]}
    assert bought
    assert not bought & offered
    assert "buy" in tally.text("fund", "portfolio", "rebalance", "--currency", "EUR", *more)
    assert "run_off" in tally.text("fund", "portfolio", "rebalance", "-c", "EUR", "--obligor-cap", "25")


def test_certificates_stand_beside_the_claims_and_count_under_the_obligor_s_cap(
    tally: Tally, channel: Channel
) -> None:
    play(channel, sold_certificate(500_00, 480_00))
    held = tally.run("fund", "portfolio", "show")
    (certificate,) = held["certificates"]
    assert (certificate["obligor"], certificate["certificate"], certificate["amount"]) == (
        "anchor",
        "C-9",
        500_00,
    )
    fund = ["--fund", "400.00 EUR", "--obligor-cap", "50"]
    capped = tally.run("fund", "portfolio", "rebalance", "--currency", "EUR", *fund)
    assert capped["principal"] == held["totals"].get("EUR", {"principal": 0})["principal"]
    assert capped["excess"][0]["principal"] == capped["principal"] + 500_00
    assert "sell_leaves" in {one["action"] for one in capped["advice"]}
    assert "C-9" in tally.text("fund", "portfolio", "show")


def test_what_was_sold_to_another_lender_is_no_open_claim() -> None:
    claims = [{"status": status} for status in ("Current", "Sold", "Closed", "WrittenOff")]
    assert [claim["status"] for claim in open_claims(claims)] == ["Current", "WrittenOff"]


def test_a_forged_book_and_a_wrong_option_are_refused(tally: Tally, tmp_path: Path) -> None:
    saved = tmp_path / "empty.book"
    tally.run("acme", "portfolio", "show", "--out", str(saved))
    genesis = tally.channel.blocking_session("acme").genesis
    data = saved.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        forged = bytearray(data)
        forged[place] ^= 1
        with pytest.raises(TallyError):
            read_book(bytes(forged), genesis)
    offline = ["--budget", "1 EUR", "--book", str(saved)]
    for arguments, code in (
        (["show", "--by", "colour"], "grouping"),
        (["rebalance", "--currency", "EUR"], "no_cap"),
        (["show", "--book", str(saved)], "no_date"),
        (["rebalance", "-c", "EUR", "--obligor-cap", "9", *offline], "budget_offline"),
        (
            ["rebalance", "-c", "EUR", "--obligor-cap", "9", "--budget", "1 EUR", "--book", "x"],
            "budget_offline",
        ),
    ):
        assert tally.run("fund", "portfolio", *arguments, code=USAGE)["error"]["code"] == code
