"""What expires on a day has room for all: no member uses up what others share."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from cash_ledger import exchange_request, two_currencies
from hypothesis import given
from hypothesis import strategies as st
from trade_ledger import TradeLedger

from contracts import expiry
from contracts.context import Context
from contracts.errors import InvariantBroken, Refusal
from contracts.parties import calendar
from contracts.state_check import by_kind, reservations_are_current
from ledger import codec
from ledger.hashing import ZERO
from ledger.state.overlay import Overlay

ROOM = 64
MEMBERS = ("acme", "bolt", "fund", "loan", "mega", "nova")


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MAX_EXPIRING", ROOM)


class Day:
    """One business day on which documents of one kind expire, and who scheduled which."""

    def __init__(self) -> None:
        self.state = Overlay(TradeLedger().state)
        self.made = 0
        self.standing: dict[tuple[str, str, str], str] = {}

    def by(self, member: str) -> Context:
        return Context(self.state, b"", member, "", (), ZERO, 0)

    def schedule(self, member: str) -> bool:
        """Whether one more document of this member's making was taken."""
        subject = ("offer", "somebody", str(self.made))
        try:
            expiry.schedule(self.by(member), subject, 7)
        except Refusal:
            return False
        self.made += 1
        self.standing[subject] = member
        return True

    def fill(self, member: str) -> int:
        """How many documents a member gets in, who takes all that it can get."""
        taken = 0
        while self.schedule(member):
            taken += 1
        return taken

    def cancel(self, subject: tuple[str, str, str], by: str) -> None:
        expiry.cancel(self.by(by), subject)
        del self.standing[subject]


def test_one_member_uses_up_half_of_a_day_at_most() -> None:
    day = Day()
    assert day.fill("loan") == ROOM // 2
    assert day.schedule("fund")


def test_who_takes_all_it_can_get_leaves_as_much_as_it_takes() -> None:
    """So the day is used up by none, and by six together to all but a sixty-fourth."""
    day = Day()
    assert [day.fill(member) for member in MEMBERS] == [32, 16, 8, 4, 2, 1]
    assert day.schedule("bank")
    assert not day.schedule("bank")


@given(st.lists(st.tuples(st.sampled_from(MEMBERS), st.booleans(), st.integers(0, 1_000)), max_size=120))
def test_invariant_14_a_member_is_refused_only_if_it_has_what_is_left_or_more(
    steps: list[tuple[str, bool, int]],
) -> None:
    """Whoever has nothing there is let in while a place is free; no day has more than its end works off."""
    day = Day()
    for member, is_made, which in steps:
        if is_made or not day.standing:
            counted = Counter(day.standing.values())
            left = ROOM - counted.total()
            assert day.schedule(member) == (counted[member] < left)
        else:
            day.cancel(sorted(day.standing)[which % len(day.standing)], by=member)
        assert len(day.standing) <= ROOM
    kept = {kind: counted for (_, _, kind), counted in by_kind(_entries(day.state))["scheduled"].items()}
    assert kept == Counter(day.standing.values())
    assert set(expiry.overdue(day.by("root"), "offer", 7, 8)) == {subject[1:] for subject in day.standing}


def _entries(state: Overlay) -> list[tuple[bytes, codec.Value]]:
    return [(key, value) for key, value in state.writes.items() if value is not None]


def asked() -> TradeLedger:
    """mega has asked fund for euros as often as it can on one day."""
    trade = two_currencies(TradeLedger())
    for number in range(ROOM // 2):
        trade.done("mega", exchange_request(f"M{number}"))
    assert trade.refused("mega", exchange_request("M")) == "too_many_expiring"
    return trade


def declined(taker: str, number: str) -> dict[str, Any]:
    return {"op": "exchange.decline", "exchange": number, "taker": taker}


def test_a_member_gets_room_back_when_what_it_made_ends_and_not_what_others_left() -> None:
    trade = asked()
    for number in ("F1", "F2"):
        trade.done("fund", exchange_request(number, maker="mega"))
    trade.done("mega", declined("mega", "M0"))
    assert trade.refused("mega", exchange_request("M")) == "too_many_expiring"
    trade.done("fund", declined("fund", "F1"))
    trade.done("mega", exchange_request("M"))
    trade.check()


def test_the_day_after_has_room_again() -> None:
    trade = asked()
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert not by_kind(trade.state.data.items())["scheduled"]
    trade.done("mega", exchange_request("N"))
    trade.check()


def test_no_move_of_the_date_releases_more_than_one_day_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety full days at once would keep every node busy: they are advanced day by day."""
    trade = two_currencies(TradeLedger())
    context = Context(Overlay(trade.state), b"", "mega", "", (), ZERO, 0)
    for number in range(6):
        expiry.schedule(context, ("exchange", "fund", f"M{number}"), context.day + number % 2)
    trade.state.apply(context.state)
    monkeypatch.setattr(calendar, "MAX_RELEASED", 5)
    before = dict(trade.state.data)
    assert trade.refused("root", {"op": "date.advance", "date": "2012-03-03"}) == "date_too_far"
    assert trade.state.data == before
    monkeypatch.setattr(calendar, "MAX_RELEASED", 6)
    assert expiry.count_overdue(context, "exchange", context.day, context.day + 1) == 3
    assert expiry.count_overdue(context, "exchange", context.day, context.day + 400) == 6


def test_invariant_14_a_wrong_count_of_what_a_member_has_made_is_found() -> None:
    trade = asked()
    kinds = by_kind((key, codec.decode(value)) for key, value in trade.state.data.items())
    ((place, count),) = kinds["scheduled"].items()
    assert (place[0], place[2], count) == ("exchange", "mega", ROOM // 2)
    kinds["scheduled"][place] = count - 1
    with pytest.raises(InvariantBroken, match="as it has made"):
        reservations_are_current(kinds)
