"""`tally finance offer` and `accept`: both sides see what they bind, and a node's word decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import story
from local_sessions import Channel, rewriting
from local_tally import Tally

from clients.cli import main
from clients.cli.exits import REFUSED, USAGE
from contracts.finance.offer import OfferTerms

EXPIRES = "2024-03-20"
ACCEPT = ["finance", "accept", story.INVOICE]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    found = Channel(tmp_path, ("n1",))
    story.play(found.network)
    yield found
    found.close()


def offered(tally: Tally, quote: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the quote, the offer of it) by fund."""
    asked = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--out", str(quote))
    return asked, tally.run("fund", "finance", "offer", str(quote), "--expires", EXPIRES)["offer"]


def test_a_lender_sees_what_it_offers_and_the_supplier_what_it_accepts(tally: Tally, tmp_path: Path) -> None:
    quote = tmp_path / "a.quote"
    asked, made = offered(tally, quote)
    terms = asked["terms"]
    assert (made["quote"], made["quote_file"]) == (asked["quote"], str(quote))
    assert (made["supplier"], made["invoice"], made["buyer"]) == ("acme", story.INVOICE, "anchor")
    assert (made["expires"], made["programme"], made["revision"]) == (EXPIRES, story.PROGRAMME, 1)
    assert {name: made[name] for name in OfferTerms.model_fields} == {
        name: terms[name] for name in OfferTerms.model_fields
    }
    taken = tally.run("acme", *ACCEPT)["offer"]
    assert taken == {name: made[name] for name in taken}
    assert (taken["lender"], taken["paid_out"], taken["expires"]) == ("fund", terms["paid_out"], EXPIRES)


def test_offer_and_acceptance_say_their_amounts_and_what_comes_next(
    tally: Tally, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quote = tmp_path / "a.quote"
    asked = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--out", str(quote))
    tally.run("acme", "programme", "list")
    paid_out, reserve = (f"{asked['terms'][name] / 100:,.2f} EUR" for name in ("paid_out", "reserve"))
    profile = ["--profile", str(tally.folder / "fund.json")]
    assert main(["finance", "offer", str(quote), "--expires", EXPIRES, *profile]) == 0
    said, beside = capsys.readouterr()
    for part in (paid_out, reserve, asked["quote"], str(quote), EXPIRES, "revision 1"):
        assert part in said
    assert f"acme accepts it: tally finance accept '{story.INVOICE}'\n" in beside
    standing = tally.text("acme", "invoice", "show", "acme", story.INVOICE)
    assert f"Offered, until {EXPIRES}" in standing
    assert main([*ACCEPT, "--profile", str(tally.folder / "acme.json")]) == 0
    said, beside = capsys.readouterr()
    assert all(part in said for part in (paid_out, reserve, EXPIRES, "fund, revision 1"))
    assert f"fund pays: tally finance settle '{story.INVOICE}' -s acme --bank BANK" in beside
    assert f"or a bank attests it: tally finance fund '{story.INVOICE}' -s acme …" in beside


def test_what_is_accepted_is_proved_and_no_node_s_word(
    tally: Tally, channel: Channel, tmp_path: Path
) -> None:
    """A node that shows another price as the one that stands would have had that one named."""
    asked, _ = offered(tally, tmp_path / "a.quote")

    def lie(body: bytes) -> bytes:
        shown = json.loads(body)
        shown["finance"] |= {"stage": "Funded", "quote": "00" * 32, "paid_out": 1}
        return json.dumps(shown).encode()

    channel.nodes["n1"].misbehave = rewriting(lie, "/invoices/")
    assert tally.run("acme", *ACCEPT)["offer"]["quote"] == asked["quote"]


def test_what_was_not_offered_or_is_another_quote_is_not_accepted(tally: Tally, tmp_path: Path) -> None:
    assert tally.run("acme", *ACCEPT, code=USAGE)["error"]["code"] == "no_offer"
    older = tmp_path / "older.quote"
    tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--out", str(older))
    published = tally.run("fund", "programme", "list")["programmes"][0]
    revised = {"programme": story.PROGRAMME, "terms": {**published["terms"], "default_days": 91}}
    (tmp_path / "p.json").write_text(json.dumps(revised))
    tally.run("fund", "programme", "publish", str(tmp_path / "p.json"))
    stale = tally.run("fund", "finance", "offer", str(older), "--expires", EXPIRES, code=REFUSED)
    assert stale["error"]["code"] == "quote_stale"
    offered(tally, tmp_path / "a.quote")
    other = tally.run("acme", *ACCEPT, "--quote", str(older), code=REFUSED)
    assert other["error"]["code"] == "quote_stale"
    assert "invoice show" in other["error"]["remedy"], "a supplier asks for no quote"
    assert tally.run("acme", *ACCEPT, "--quote", str(tmp_path / "a.quote"))["offer"]["revision"] == 2
