"""Unproved connections, and what is logged of them: bounded whatever an attacker does."""

from __future__ import annotations

from collections import Counter

import pytest
from structlog.testing import capture_logs

from ledger.errors import TallyError
from node.errors import PeerRefused
from node.limits import MAX_LOGGED_KINDS, REFUSAL_LOG_S
from node.peering.gate import Gate, network_of
from node.peering.refusals import REASONS, Refusals


def test_the_crowd_displaces_its_own_oldest_and_nobody_else() -> None:
    gate: Gate[str] = Gate(most=4, most_per_second=100)
    assert [gate.admit(f"bad{number}", "6.6.6.6", 0.0) for number in range(3)] == [None] * 3
    assert gate.admit("honest", "1.1.1.1", 0.0) is None
    assert [gate.admit(f"bad{number}", "6.6.6.6", 0.0) for number in range(3, 6)] == ["bad0", "bad1", "bad2"]
    assert gate.admit("other", "2.2.2.2", 0.0) == "bad3"
    assert len(gate) == 4
    gate.leave("honest")
    gate.leave("honest")
    assert len(gate) == 3
    assert gate.admit("again", "1.1.1.1", 0.0) is None


def test_one_address_begins_only_so_many_in_a_second() -> None:
    gate: Gate[int] = Gate(most=100, most_per_second=3)
    for number in range(3):
        gate.admit(number, "6.6.6.6", 0.5)
        gate.leave(number)
    with pytest.raises(PeerRefused, match="connections"):
        gate.admit(3, "6.6.6.6", 0.9)
    assert gate.admit(4, "1.1.1.1", 0.9) is None
    assert gate.admit(5, "6.6.6.6", 1.0) is None


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2"),
        ("fe80:0:0:0:1::9%eth0", "fe80:0:0:0"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(host: str, network: str) -> None:
    assert network_of(host) == network


def test_a_refusal_is_logged_once_and_then_with_its_number() -> None:
    now_s = [100.0]
    total: Counter[str] = Counter()
    refusals = Refusals(total, lambda: now_s[0])
    with capture_logs() as lines:
        for _ in range(1_000):
            refusals.add("n2", PeerRefused("no", code="wrong_key", found="x" * 10_000))
        refusals.add("n3", PeerRefused("no", code="wrong_key"))
        refusals.add("n2", PeerRefused("no", code="wrong_target"))
        now_s[0] += REFUSAL_LOG_S
        refusals.add("n2", PeerRefused("no", code="wrong_key"))
    assert [(line["peer"], line["reason"], line["times"]) for line in lines] == [
        ("n2", "wrong_key", 1),
        ("n3", "wrong_key", 1),
        ("n2", "wrong_target", 1),
        ("n2", "wrong_key", 1_000),
    ]
    assert max(len(str(line)) for line in lines) < 1_000
    assert total == {"wrong_key": 1_002, "wrong_target": 1}
    assert refusals.of("n2") == {"wrong_key": 1_001, "wrong_target": 1}


def test_reasons_are_a_fixed_set_and_kinds_are_bounded() -> None:
    total: Counter[str] = Counter()
    refusals = Refusals(total, lambda: 0.0)
    with capture_logs() as lines:
        for number in range(3 * MAX_LOGGED_KINDS):
            refusals.add(f"n{number}", TallyError("no", code=f"invented_{number}"))
    assert set(total) <= set(REASONS)
    assert total.total() == 3 * MAX_LOGGED_KINDS
    assert len(lines) == MAX_LOGGED_KINDS
