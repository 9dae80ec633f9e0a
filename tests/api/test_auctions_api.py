"""Auctions are shown in every phase; a bid that is sealed shows nothing but whose it is (invariant 24)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import story
from api_client import ApiClient
from envelopes import signed
from local_node import LocalNetwork

from contracts.market.bid import commitment
from node.api import auction_forms

NUMBER = "A/1"
SALT = bytes(range(32))
TERMS = (story.PROGRAMME, 60_000, 1_000_00)


def submit(network: LocalNetwork, who: str, operation: dict[str, Any]) -> None:
    node = next(iter(network.nodes.values()))
    (outcome,) = asyncio.run(node.submit([signed(network.channel, operation, by=who).envelope]))
    assert outcome.result == (), (operation["op"], outcome.result)


def opened(network: LocalNetwork) -> None:
    days = {"commit_until": "2024-03-05", "reveal_until": "2024-03-06", "accept_until": "2024-03-08"}
    terms = {"fund_until": "2024-03-09", "max_rate_ppm": 95_000, "min_amount": 1}
    place = {"auction": NUMBER, "invoice": story.INVOICE}
    submit(network, "acme", {"op": "auction.open", **place, **days, **terms})


def sealed(network: LocalNetwork) -> None:
    made = commitment(network.channel, ("acme", NUMBER, "fund"), TERMS, SALT)
    place = {"supplier": "acme", "auction": NUMBER}
    submit(network, "fund", {"op": "auction.bid", **place, "commitment": made})


def revealed(network: LocalNetwork) -> None:
    submit(network, "registrar", {"op": "date.advance", "date": "2024-03-06"})
    bid = dict(zip(("programme", "rate_ppm", "amount"), TERMS, strict=True))
    place = {"supplier": "acme", "auction": NUMBER}
    submit(network, "fund", {"op": "auction.reveal", **place, **bid, "salt": SALT})
    submit(network, "anchor", {"op": "auction.rank", **place})


@pytest.fixture(scope="module")
def shown(network: LocalNetwork, client: ApiClient) -> dict[str, dict[str, Any]]:
    """The view of the auction when it was open, had a sealed bid, and was ranked."""
    story.play(network)
    views = {}
    for phase, play in (("open", opened), ("sealed", sealed), ("ranked", revealed)):
        play(network)
        views[phase] = client.get(f"/v1/channels/{network.channel.hex()}/auctions/acme/{NUMBER}").json()
    return views


def test_every_phase_has_exactly_the_documented_fields(shown: dict[str, dict[str, Any]]) -> None:
    for view in shown.values():
        auction_forms.AuctionView.model_validate(view)
    assert [view["status"] for view in shown.values()] == ["Open", "Commit", "Ranked"]


def test_invariant_24_a_sealed_bid_shows_whose_it_is_and_no_more(shown: dict[str, dict[str, Any]]) -> None:
    assert shown["open"]["bidders"] == []
    sealed_bid = shown["sealed"]
    assert (sealed_bid["bidders"], sealed_bid["revealed"], sealed_bid["bids"]) == (["fund"], 0, [])
    assert (sealed_bid["rate_ppm"], sealed_bid["paid_out_today"], sealed_bid["parts"]) == (None, None, [])
    assert str(TERMS[1]) not in str(sealed_bid)


def test_open_bids_and_parts_are_shown(shown: dict[str, dict[str, Any]]) -> None:
    ranked = shown["ranked"]
    (bid,) = ranked["bids"]
    assert (bid["lender"], bid["programme"], bid["rate_ppm"], bid["amount"]) == ("fund", *TERMS)
    assert bid["opened"] == "2024-03-06"
    assert ranked["parts"] == [{"lender": "fund", "part": 1_000_00, "paid": False}]
    assert ranked["rate_ppm"] == 60_000


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("?supplier=acme", 1),
        ("?supplier=fund", 0),
        ("?lender=fund&status=ranked", 1),
        ("?lender=bank", 0),
        ("?status=Open", 0),
    ],
)
def test_auctions_are_listed_by_supplier_bidder_and_state(
    client: ApiClient, channel: str, shown: dict[str, dict[str, Any]], query: str, count: int
) -> None:
    page = client.get(f"{channel}/auctions{query}").json()
    auction_forms.AuctionsView.model_validate(page)
    assert len(page["auctions"]) == count


def test_what_is_not_there_is_404_and_no_word_is_422(client: ApiClient, channel: str) -> None:
    answer = client.get(f"{channel}/auctions/acme/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_auction")
    assert client.get(f"{channel}/auctions?status=a.b").status_code == 422
