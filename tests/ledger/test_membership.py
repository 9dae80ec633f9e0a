"""Membership: quorum, order, and the hash that every header names."""

import pytest

from ledger import codec
from ledger.errors import Malformed
from ledger.hashing import MEMBERSHIP, digest
from ledger.limits import MAX_CERTIFICATE_DER_BYTES, MAX_MEMBERS
from ledger.members.membership import Member, Membership


def member(number):
    return Member(f"node-{number:02}", "acme", number.to_bytes(32, "big"), b"certificate")


def test_members_come_in_one_order_and_have_one_hash():
    members = [member(number) for number in range(5)]
    membership = Membership.of(3, members)
    assert Membership.of(3, reversed(members)) == membership
    assert membership.hash == digest(MEMBERSHIP, codec.encode(membership.to_value()))
    assert Membership.of(4, members).hash != membership.hash


@pytest.mark.parametrize(("nodes", "majority"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_quorum_is_at_least_a_majority_and_at_most_everybody(nodes, majority):
    members = [member(number) for number in range(nodes)]
    assert Membership.of(majority, members).majority == majority
    for quorum in (majority - 1, nodes + 1, -1, True if majority > 1 else 0, "2"):
        with pytest.raises(Malformed) as caught:
            Membership.of(quorum, members)
        assert caught.value.field == "quorum"


def test_member_is_found_by_its_node_id():
    membership = Membership.of(2, [member(1), member(2)])
    assert membership.member("node-01") == member(1)
    assert membership.member("node-09") is None


def test_membership_survives_its_value():
    membership = Membership.of(2, [member(1), member(2)])
    assert Membership.from_value(codec.decode(codec.encode(membership.to_value()))) == membership


@pytest.mark.parametrize(
    "members",
    [[], [member(1), member(1)], [member(number) for number in range(MAX_MEMBERS + 1)]],
    ids=["nobody", "twice", "too many"],
)
def test_impossible_lists_of_members_are_malformed(members):
    with pytest.raises(Malformed) as caught:
        Membership.of(len(members), members)
    assert caught.value.field == "members"


def test_one_node_never_has_two_keys():
    with pytest.raises(Malformed, match="node listed twice"):
        Membership.of(2, [member(1), Member("node-01", "acme", member(2).key, b"")])


def test_two_nodes_never_share_a_key():
    with pytest.raises(Malformed, match="one key"):
        Membership.of(2, [member(1), Member("node-02", "acme", member(1).key, b"")])


A, B = ("node-01", "acme", b"1" * 32, b"x"), ("node-02", "bank", b"2" * 32, b"x")
GOOD = (1, (A, B), (2, ("node-01", "node-02")), (0, ()))


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ((), "membership"),
        ((2, *GOOD[1:]), "membership.version"),
        ((1, (B, A), *GOOD[2:]), "members"),
        ((1, [A], *GOOD[2:]), "members"),
        ((1, (A, ("node-02", "bank", b"2" * 31, b"x")), *GOOD[2:]), "members[1].key"),
        ((1, (A, ("node 02", "bank", b"2" * 32, b"x")), *GOOD[2:]), "members[1].node"),
        ((1, (A, ("node-02", "", b"2" * 32, b"x")), *GOOD[2:]), "members[1].organisation"),
        ((1, (A, ("node-02", "bank", b"2" * 32, "x")), *GOOD[2:]), "members[1].certificate"),
        (
            (1, (A, ("node-02", "bank", b"2" * 32, bytes(MAX_CERTIFICATE_DER_BYTES + 1))), *GOOD[2:]),
            "members[1].certificate",
        ),
        ((1, (A, ("node-02", "bank", b"2" * 32)), *GOOD[2:]), "members[1]"),
        ((1, (A, A, B), *GOOD[2:]), "members"),
        ((1, (A, B), (2, ("node-02", "node-01")), (0, ())), "members"),
        ((1, (A, B), (2, ("node-01", "node-01")), (0, ())), "members"),
        ((1, (A, B), (2, ("node-01", "node-03")), (0, ())), "voters"),
        ((1, (A, B), (0, ()), (0, ())), "voters"),
        ((1, (A, B), (1, ("node-01", "node-02")), (0, ())), "quorum"),
        ((1, (A, B), (2, ("node-01", "node-02")), (1, ())), "outgoing.quorum"),
        ((1, (A, B), (2, ("node-01", "node-02")), (0, ("node-01",))), "outgoing.quorum"),
        ((1, (A, B), (2, ("node-01", "node-02"))), "membership"),
    ],
)
def test_wrong_value_is_malformed_and_names_its_field(value, field):
    assert Membership.from_value(GOOD).quorum == 2
    with pytest.raises(Malformed) as caught:
        Membership.from_value(value)
    assert caught.value.field == field
