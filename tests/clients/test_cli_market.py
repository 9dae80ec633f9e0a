"""`tally auction` and `tally early-pay` against the real API, and a sealed bid's file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import story
from local_tally import DAY, Tally

from clients.cli.amounts import read_percent
from clients.cli.exits import REFUSED, USAGE, UsageProblem
from clients.errors import ProfileError
from clients.lending.sealed_bids import SealedBid, bid_path, load_bid, save_bid
from clients.verification.verifier import verify_data
from ledger.blocks.genesis import read_genesis

CHANNEL = bytes(32)
DAYS = ("2024-03-05", "2024-03-06", "2024-03-08", "2024-03-09")


@pytest.fixture
def tally(tally: Tally) -> Tally:
    story.play(tally.channel.network)
    for client in ("acme", "fund", "anchor"):
        tally.open(client)
    for client in ("fund", "anchor"):
        tally.mint(client, "5,000.00 EUR", f"IN-{client}", f"C-{client}")
    return tally


def open_auction(tally: Tally) -> None:
    names = ("--bids-until", "--reveal-until", "--accept-until", "--pay-until")
    days = [word for pair in zip(names, DAYS, strict=True) for word in pair]
    given = ["A/1", story.INVOICE, *days, "--max-rate", "9.5", "--smallest", "100.00 EUR"]
    tally.run("acme", "auction", "open", *given)


def test_the_smallest_bid_of_an_auction_is_in_the_currency_of_its_invoice(tally: Tally) -> None:
    """Invariant 9, before anything is signed: 100 yen are not 1.00 euro."""
    names = ("--bids-until", "--reveal-until", "--accept-until", "--pay-until")
    days = [word for pair in zip(names, DAYS, strict=True) for word in pair]
    given = ["A/1", story.INVOICE, *days, "--max-rate", "9.5", "--smallest", "100 JPY"]
    wrong = tally.run("acme", "auction", "open", *given, code=USAGE)
    assert wrong["error"]["code"] == "currency_mismatch"


BID = ["auction", "bid", "A/1", "2,000.00 EUR", "--supplier", "acme", "--rate", "7.2", "--programme"]
PLACE = ["A/1", "--supplier", "acme"]


def test_an_invoice_is_sold_under_seal_and_the_salt_stays_with_the_lender(
    tally: Tally, tmp_path: Path
) -> None:
    open_auction(tally)
    tally.run("fund", *BID, story.PROGRAMME)
    (kept,) = (tmp_path / "bids").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    sealed = tally.run("fund", "auction", "show", *PLACE)
    assert (sealed["status"], sealed["bidders"], sealed["rate_ppm"]) == ("Commit", ["fund"], None)
    assert sealed["bids"] == [], "sealed"
    (listed,) = tally.run("acme", "auction", "list", "--lender", "fund", "--status", "commit")["auctions"]
    assert (listed["auction"], listed["bids"]) == ("A/1", [])
    assert tally.run("acme", "auction", "list", "--status", "ranked")["auctions"] == []
    unknown = tally.run("acme", "auction", "list", "--status", "a.b", code=USAGE)
    assert unknown["error"]["field"] == "--status"
    tally.run("registrar", "date", "advance", DAYS[1])
    lost = tally.run("fund", "auction", "reveal", *PLACE, "--bids", str(tmp_path / "none"), code=USAGE)
    assert lost["error"]["code"] == "bid_lost"
    tally.run("fund", "auction", "reveal", *PLACE)
    early = tally.run("acme", "auction", "accept", "A/1", code=USAGE)
    assert early["error"]["code"] == "wrong_state"
    tally.run("anchor", "auction", "rank", *PLACE)
    ranked = tally.run("acme", "auction", "show", *PLACE)
    assert ranked["parts"] == [{"lender": "fund", "part": 1_000_00, "paid": False}]
    assert ranked["paid_out_today"] == 1_000_00 - 11_60, "7.2 % for 58 days"
    assert [(bid["lender"], bid["rate_ppm"]) for bid in ranked["bids"]] == [("fund", 72_000)]
    written = tally.text("acme", "auction", "show", *PLACE)
    assert "not ranked" not in written
    assert "2,000.00 EUR" in written, "what the bid was"
    assert "Ranked" in tally.text("acme", "auction", "list", "--supplier", "acme")
    kept, genesis = tmp_path / "A1.auction", tally.channel.network.genesis_path
    tally.run("acme", "auction", "show", *PLACE, "--out", str(kept))
    report = verify_data(kept.read_bytes(), read_genesis(genesis.read_bytes()))
    assert "Ranked, 1,000.00 EUR on anchor, 1 bid, open" in report.summary
    tally.run("acme", "auction", "accept", "A/1")
    tally.run("fund", "auction", "pay", *PLACE, "--bank", "bank")
    assert tally.run("acme", "auction", "show", *PLACE)["status"] == "Active"
    pay = ["payment", "make", story.INVOICE, "--supplier", "acme", "--bank", "bank"]
    tally.run("anchor", *pay)
    assert tally.run("acme", "auction", "show", *PLACE)["status"] == "Closed"


def test_a_buyer_pays_early_at_the_discount_of_the_day(tally: Tally) -> None:
    place = [story.INVOICE, "--supplier", "acme"]
    missing = tally.run("acme", "early-pay", "accept", story.INVOICE, code=REFUSED)
    assert missing["error"]["code"] == "no_early_offer"
    tally.run("anchor", "early-pay", "offer", *place, "--step", f"{DAY}=2", "--step", "2024-03-10=1")
    file = tally.folder / "offer.early"
    shown = tally.run("acme", "early-pay", "show", *place, "--out", str(file))
    assert [step["discount"] for step in shown["steps"]] == [20_00, 10_00]
    assert (shown["discount_today"], shown["agreed_discount"]) == (20_00, None)
    assert "980.00 EUR for 1,000.00 EUR" in tally.text("acme", "early-pay", "show", *place)
    assert "980.00 EUR" in tally.text("acme", "verify", str(file))
    waiting = ["early-pay", "list", "--supplier", "acme", "--status", "offered"]
    (listed,) = tally.run("acme", *waiting)["early_payments"]
    assert listed == {name: value for name, value in shown.items() if name in listed}
    assert "1 offer" not in tally.text("acme", "early-pay", "list", "--buyer", "fund")
    tally.run("acme", "early-pay", "accept", story.INVOICE)
    assert tally.run("acme", *waiting)["early_payments"] == []
    tally.run("anchor", "early-pay", "pay", *place, "--bank", "bank")
    assert tally.run("acme", "early-pay", "show", *place)["status"] == "Paid"
    assert tally.run("acme", "invoice", "show", "acme", story.INVOICE)["cash"] == "Settled"


def test_a_kept_bid_opens_its_own_commitment_and_no_other(tmp_path: Path) -> None:
    """Invariant 24, on the lender's side."""
    bid = SealedBid.new("acme", "A", "prime", 60_000, 5)
    sealed = bid.commitment(CHANNEL, "loan")
    assert sealed != SealedBid.new("acme", "A", "prime", 60_000, 5).commitment(CHANNEL, "loan"), "fresh salt"
    path = save_bid(tmp_path / "bids", bid, sealed)
    assert load_bid(tmp_path / "bids", sealed, CHANNEL, "loan") == bid
    with pytest.raises(ProfileError) as again:
        save_bid(tmp_path / "bids", bid, sealed)
    assert again.value.code == "bid_not_kept", "never overwritten"
    with pytest.raises(ProfileError) as other:
        load_bid(tmp_path / "bids", sealed, CHANNEL, "fund")
    assert other.value.code == "bid_damaged"
    path.write_text(path.read_text().replace("60000", "60001"))
    with pytest.raises(ProfileError) as changed:
        load_bid(tmp_path / "bids", sealed, CHANNEL, "loan")
    assert changed.value.code == "bid_damaged"
    bid_path(tmp_path / "bids", sealed).unlink()
    with pytest.raises(ProfileError) as lost:
        load_bid(tmp_path / "bids", sealed, CHANNEL, "loan")
    assert lost.value.code == "bid_lost"


@pytest.mark.parametrize(("text", "ppm"), [("6.25", 62_500), ("0", 0), ("100 %", 1_000_000), ("0.0001", 1)])
def test_percentages_are_read_exactly(text: str, ppm: int) -> None:
    assert read_percent(text, "--rate") == ppm


@pytest.mark.parametrize("text", ["", "x", "-1", "101", "0.00001", "NaN", "Infinity"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_percent(text, "--rate")
