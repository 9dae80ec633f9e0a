"""Whom a node links with while the membership changes, and where it finds them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.parties.membership import address_key
from ledger.hashing import ZERO
from ledger.members.membership import Member, Membership
from node.errors import SettingsError
from node.peering.neighbours import Neighbourhood, Neighbours, followed_beside, read_address


def member(number: int, key: int | None = None) -> Member:
    return Member(f"n{number}", "org", bytes([key or number]) * 32, b"certificate")


def membership(*numbers: int) -> Membership:
    return Membership.of(len(numbers) // 2 + 1, [member(number) for number in numbers])


def chain(now: Membership, said: dict[str, str] | None = None, height: int = 5) -> Any:
    genesis = SimpleNamespace(block=None, genesis=None, channel=ZERO, membership=membership(1, 2, 3))
    stated = {address_key(node): place for node, place in (said or {}).items()}
    return SimpleNamespace(
        membership=now,
        genesis=genesis,
        get=stated.get,
        applied=SimpleNamespace(height=height),
        changes=list,
    )


def nodes(neighbours: Neighbours) -> list[str]:
    return [each.node for each in neighbours.members]


def test_who_left_stays_a_neighbour_until_the_next_change(tmp_path: Path) -> None:
    """CR-61: a removed node hears of its removal, and answers while it may be needed."""
    ledger = chain(membership(1, 2, 3))
    around = Neighbourhood(ledger, tmp_path / "genesis.block", {})
    assert nodes(around.neighbours()) == ["n1", "n2", "n3"]
    ledger.membership = membership(1, 2, 4)
    assert nodes(around.neighbours()) == ["n1", "n2", "n3", "n4"]
    assert nodes(around.neighbours()) == ["n1", "n2", "n3", "n4"]
    ledger.membership = membership(1, 2, 4, 5)
    assert nodes(around.neighbours()) == ["n1", "n2", "n4", "n5"]


def test_the_newest_word_on_a_node_counts_and_no_key_stands_for_two() -> None:
    newest = Membership.of(1, [member(1, key=9)])
    older = Membership.of(2, [member(1), member(2, key=9), member(3)])
    found = Neighbours(newest, older)
    assert nodes(found) == ["n1", "n3"]
    known = found.member("n1")
    assert known is not None
    assert known.key == bytes([9]) * 32
    assert found == Neighbours(newest, older)


def test_addresses_are_those_of_the_settings_then_those_on_the_ledger(tmp_path: Path) -> None:
    said = {"n1": "ledger:1", "n2": "[::1]:7002", "n3": "nowhere:99999", "n9": "stranger:1"}
    around = Neighbourhood(
        chain(membership(1, 2, 3, 4), said), tmp_path / "genesis.block", {"n1": ("settings", 7)}
    )
    assert around.addresses(around.neighbours()) == {"n1": ("settings", 7), "n2": ("::1", 7002)}


def test_changes_that_prove_nothing_are_named_at_the_start(tmp_path: Path) -> None:
    genesis: Any = chain(membership(1)).genesis
    assert followed_beside(tmp_path / "genesis.block", genesis).heights == (0,)
    (tmp_path / "genesis.memberships").write_bytes(b"junk")
    with pytest.raises(SettingsError, match="does not prove"):
        followed_beside(tmp_path / "genesis.block", genesis)


def test_hints_are_for_members_come_last_and_a_stranger_displaces_nobody(tmp_path: Path) -> None:
    around = Neighbourhood(
        chain(membership(1, 2, 3, 4), {"n1": "ledger:1"}), tmp_path / "genesis.block", {"n2": ("settings", 7)}
    )
    false, true = ("false", 1), ("true", 2)
    assert around.hint([("n1", false), ("n2", false), ("n3", false), ("n9", false)], None)
    assert around.located() == {"n1": ("ledger", 1), "n2": ("settings", 7), "n3": false}
    assert not around.hint([("n3", true)], None), "whoever comes second may be the liar"
    assert around.hint([("n3", true)], "n4"), "a member's word is more than a stranger's"
    assert around.hint([("n3", false)], "n1")
    assert around.hint([("n3", true)], "n3"), "and its own is the last"
    assert not around.hint([("n3", false)], "n4")
    assert not around.hint([("n3", false)], None)
    assert around.located()["n3"] == true


@pytest.mark.parametrize("said", ["", "host", ":1", "host:0", "host:65536", "host:x", "host:\u0664"])
def test_what_is_no_address_is_none(said: str) -> None:
    assert read_address(said) is None
