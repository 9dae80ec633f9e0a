"""The pledge registry: what a lender registered is financed by nobody else, and nobody reads what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger

from clients.errors import ProfileError
from clients.lending.pledge_tags import Receivable, new_key, read_key, tags
from contracts.errors import InvariantBroken

KEY = bytes(range(32))
SALE = Receivable("5493001KJTIIGC8Y1R12", "VAT:DE123456789", "INV-0042/12", "EUR", 1_000_00, 19_800)


def receivable(**changes: Any) -> Receivable:
    return Receivable(**{name: changes.get(name, getattr(SALE, name)) for name in SALE.__slots__})


def register(pledge: str, found: Receivable = SALE, **more: Any) -> dict[str, Any]:
    number, content = tags(KEY, found)
    return {"op": "pledge.register", "pledge": pledge, "number_tag": number, "content_tag": content, **more}


def on(verb: str, pledge: str) -> dict[str, Any]:
    return {"op": f"pledge.{verb}", "pledge": pledge}


def to_day(trade: TradeLedger, date: str) -> None:
    trade.done("root", {"op": "date.advance", "date": date})


def test_a_receivable_is_registered_by_one_lender_until_it_is_released() -> None:
    trade = TradeLedger()
    trade.done("loan", register("P1"))
    for found in (SALE, receivable(number="inv 0042 12"), receivable(gross=999_99)):
        assert trade.refused("fund", register("F1", found)) == "pledged_elsewhere"
    assert trade.refused("fund", register("F1", receivable(number="INV-43"))) == "pledge_alike"
    assert trade.refused("loan", register("P1", receivable(number="X", gross=1))) == "duplicate_number"
    assert trade.refused("fund", on("finance", "P1")) == "unknown_pledge"
    trade.done("loan", on("finance", "P1"))
    assert trade.refused("fund", register("F1")) == "pledged_elsewhere"
    trade.check()
    trade.done("loan", on("release", "P1"))
    assert trade.refused("loan", on("release", "P1")) == "wrong_state"
    trade.done("fund", register("F1"))
    trade.check()


def test_a_registration_that_is_not_financed_in_time_is_void() -> None:
    trade = TradeLedger()
    trade.done("loan", register("P1", days=2))
    to_day(trade, "2012-03-03")
    assert trade.refused("fund", register("F1")) == "pledged_elsewhere"
    to_day(trade, "2012-03-04")
    trade.done("fund", register("F1"))
    assert trade.refused("loan", on("finance", "P1")) == "registration_void"
    trade.check()


def test_what_is_alike_is_registered_by_who_has_compared_and_each_keeps_its_claim() -> None:
    trade = TradeLedger()
    trade.done("loan", register("P1"))
    trade.done("fund", register("F1", receivable(number="INV-43"), compared=True))
    trade.done("loan", on("release", "P1"))
    again = register("P2", receivable(number="INV-44"))
    assert trade.refused("loan", again) == "pledge_alike", "the compared one still claims the content"
    assert trade.refused("loan", register("P2", receivable(number="INV-43"), compared=True)) == (
        "pledged_elsewhere"
    )
    trade.check()


def test_two_claims_on_one_receivable_break_the_law() -> None:
    trade = TradeLedger()
    trade.done("loan", register("P1"))
    for key, data in list(trade.state.data.items()):
        if b"pledge" in key and b"pledge_tag" not in key:
            trade.state.data[key.replace(b"P1", b"P2")] = data
    with pytest.raises(InvariantBroken, match="invariant 5"):
        trade.check()


@settings(max_examples=30)
@given(
    noise=st.lists(st.sampled_from(" -./_"), max_size=6),
    zeros=st.integers(0, 3),
    other=st.binary(min_size=32, max_size=32),
)
def test_tags_are_the_same_however_a_number_is_written_and_differ_under_another_key(
    noise: list[str], zeros: int, other: bytes
) -> None:
    written = (
        "0" * zeros + "".join(a + b for a, b in zip("4711AB", [*noise, *[""] * 6], strict=False)).lower()
    )
    plain, spelled = receivable(number="4711AB"), receivable(number=written)
    assert tags(KEY, plain) == tags(KEY, spelled)
    if other != KEY:
        assert not set(tags(KEY, plain)) & set(tags(other, plain))


def test_a_key_file_is_its_owners_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "registry.key"
    key = new_key(path)
    assert read_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(ProfileError):
        new_key(path)
    (tmp_path / "other").write_text("not a key")
    for broken in ("other", "missing"):
        with pytest.raises(ProfileError, match="no registry key"):
            read_key(tmp_path / broken)
