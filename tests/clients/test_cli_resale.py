"""`tally resale` against the real API: a lender sells what it holds to another, and both books show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import story
from local_node import ROLES
from local_sessions import Channel
from local_tally import DAY, Tally

from clients.cli.amounts import money
from clients.cli.exits import REFUSED, USAGE
from clients.verification.verifier import verify_data
from ledger.blocks.genesis import read_genesis

EXPIRES = "2024-03-20"
OFFER = ["resale", "offer", "S/1", story.INVOICE, "--supplier", "acme", "--to", "loan", "--expires", EXPIRES]
SALE = ["S/1", "--seller", "fund"]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(tmp_path, ("n1",), {**ROLES, "loan": ["lender"]})
    story.play(made.network)
    yield made
    made.close()


@pytest.fixture
def tally(channel: Channel, tally: Tally) -> Tally:
    """fund has bought acme's invoice; loan has a programme and money."""
    for client in ("acme", "fund", "loan"):
        tally.open(client)
        tally.mint(client, "2,000.00 EUR", f"IN-{client}", f"C-{client}")
    with channel.blocking_session("loan") as lender:
        terms = {"currency": "EUR", "discount_rate_ppm": 50_000, "fee_ppm": 0}
        limits = [{"obligor": "anchor", "limit": 1_000_000_00}]
        lender.submit(
            {"op": "programme.publish", "programme": "second", "terms": {**terms, "limits": limits}}
        )
    with channel.blocking_session("fund") as lender:
        priced = lender.quote(story.PROGRAMME, "acme", story.INVOICE).terms
        names = ("net", "tenor_days", "advance", "reserve", "discount", "fee", "paid_out")
        place = {"supplier": "acme", "invoice": story.INVOICE}
        offer = {"op": "finance.offer", "programme": story.PROGRAMME, **place, "expires": "2024-03-10"}
        lender.submit({**offer, "terms": {name: getattr(priced, name) for name in names}})
    with channel.blocking_session("acme") as supplier:
        supplier.submit({"op": "finance.accept", "invoice": story.INVOICE})
    with channel.blocking_session("fund") as lender:
        lender.submit({"op": "finance.settle", **place, "bank": "bank"})
    return tally


def test_a_claim_is_offered_bought_and_in_both_books(tally: Tally, tmp_path: Path) -> None:
    (claim,) = tally.run("fund", "portfolio", "show")["claims"]
    tally.run("fund", *OFFER, "--price", "800.00")
    (listed,) = tally.run("loan", "resale", "list", "--lender", "loan", "--status", "offered")["resales"]
    assert (listed["resale"], listed["price"], listed["principal"]) == ("S/1", 800_00, claim["principal"])
    assert "800.00 EUR" in tally.text("loan", "resale", "list")
    terms = ["--bank", "bank", "--programme", "second"]
    wrong = tally.run("loan", "resale", "buy", *SALE, "--price", "799.99", *terms, code=REFUSED)
    assert wrong["error"]["code"] == "amount_mismatch"
    now = tally.run("loan", "resale", "buy", *SALE, "--price", "800.00", *terms)["now"]
    assert (now["invoice"], now["finance"]["lender"]) == (story.INVOICE, "loan")
    kept, genesis = tmp_path / "S1.resale", tally.channel.network.genesis_path
    shown = tally.run("loan", "resale", "show", *SALE, "--out", str(kept))
    assert (shown["status"], shown["proved"]) == ("Sold", True)
    assert "800.00 EUR" in tally.text("loan", "resale", "show", *SALE)
    report = verify_data(kept.read_bytes(), read_genesis(genesis.read_bytes()))
    assert f"Sold, {story.INVOICE} of acme to loan: 800.00 EUR" in report.summary
    sold = tally.run("fund", "portfolio", "show")
    assert (sold["claims"][0]["status"], sold["totals"]["EUR"]["sold_for"]) == ("Sold", 800_00)
    assert sold["performance"]["EUR"]["rolling"]["sales"] == 800_00 - claim["principal"]
    assert "for 800.00 EUR" in tally.text("fund", "portfolio", "show")
    (bought,) = tally.run("loan", "portfolio", "show")["claims"]
    assert (bought["principal"], bought["paid_out"]) == (claim["principal"], 800_00)
    invoice = tally.run("acme", "invoice", "show", "acme", story.INVOICE)
    assert (invoice["finance"]["lender"], invoice["finance"]["bought_from"]) == ("loan", "fund")


def test_a_bank_attests_the_price_and_either_side_ends_an_offer(tally: Tally) -> None:
    tally.run("fund", *OFFER, "--price", "800.00")
    tally.run("loan", "resale", "withdraw", *SALE)
    again = [*OFFER]
    again[2] = "S/2"
    tally.run("fund", *again, "--price", "810.00")
    tally.run("fund", "resale", "withdraw", "S/2")
    again[2] = "S/3"
    tally.run("fund", *again, "--price", "810.00")
    booked = ["--account", "DE75", "--entry", "4711", "--date", DAY, "--programme", "second"]
    part = ["--amount", "809.00"]
    wrong = tally.run("bank", "resale", "fund", "S/3", "--seller", "fund", *booked, *part, code=REFUSED)
    assert wrong["error"]["code"] == "amount_mismatch"
    tally.run("bank", "resale", "fund", "S/3", "--seller", "fund", *booked)
    assert [entry["status"] for entry in tally.run("fund", "resale", "list")["resales"]] == [
        "Withdrawn",
        "Withdrawn",
        "Sold",
    ]
    missing = tally.run("loan", "resale", "show", "S/9", "--seller", "fund", code=REFUSED)
    assert missing["error"]["code"] == "unknown_resale"


def test_what_a_lender_has_given_up_is_paid_where_no_amount_is_named(tally: Tally) -> None:
    """The buyer owes it as before, and is told so; then nothing is owed, which is said too."""
    tally.open("anchor")
    tally.mint("anchor", "2,000.00 EUR", "IN-anchor", "C-anchor")
    place = [story.INVOICE, "--supplier", "acme"]
    owed = tally.run("acme", "invoice", "show", "acme", story.INVOICE)["outstanding"]
    tally.run("registrar", "date", "advance", "2024-12-01")
    tally.run("fund", "claim", "default", *place)
    given_up = tally.run("fund", "claim", "write-off", *place)
    assert (given_up["now"]["outstanding"], given_up["now"]["written_off"]) == (0, owed)
    assert given_up["next"].startswith("anchor pays what was due on ")
    shown = tally.text("fund", "invoice", "show", "acme", story.INVOICE)
    assert [line.split() for line in shown.splitlines() if "written" in line] == [
        ["written", "off", *money(owed, "EUR").split()]
    ]
    now = tally.run("anchor", "payment", "make", *place, "--bank", "bank")["now"]
    assert (now["paid"], now["written_off"]) == (owed, 0)
    nothing = tally.run("anchor", "payment", "make", *place, "--bank", "bank", code=USAGE)
    assert nothing["error"]["code"] == "nothing_outstanding"
