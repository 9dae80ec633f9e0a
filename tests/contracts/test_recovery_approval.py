"""Who may let a ledger go on from a lost one, and that the laws hold for the state that it begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from auction_ledger import market, open_auction
from trade_ledger import KEYS, TradeLedger, document, publish

from contracts import Contracts
from contracts.parties import membership, recovery
from contracts.parties.identity import ACTIVE, REVOKED
from contracts.state_check import check_state, check_step
from ledger import codec
from ledger.blocks.executor import genesis_overlay
from ledger.blocks.genesis import RECOVERING, Genesis
from ledger.blocks.recovery import Recovery
from ledger.errors import Malformed, VerificationError
from ledger.keys import SigningKey
from ledger.members.membership import IN_FORCE_KEY, TARGET_KEY, Member, Membership
from ledger.state.overlay import Reader, state_key

NODE = SigningKey.from_seed(b"\x51" * 32)


class Entries:
    """A state of what an approval depends on: organisations a to e run a voter each."""

    def __init__(self, *, voters: str = "abcde", wanted: int = 0) -> None:
        nodes = [Member(f"n{name}", name, name.encode() * 32, b"") for name in voters]
        self.values: dict[bytes, Any] = {
            IN_FORCE_KEY: (0, 0, Membership.of(len(nodes) // 2 + 1, nodes).to_value()),
            recovery.APPROVALS_KEY: wanted or None,
        }

    def enrol(self, name: str, organisation: str, state: int = ACTIVE) -> bytes:
        key = SigningKey.from_seed(name.encode().ljust(32)).public
        self.values[state_key("key", key)] = (organisation, name, organisation, state, 0)
        return key

    def get(self, key: bytes, /) -> Any:
        return self.values.get(key)


def approved(state: Reader, *keys: bytes) -> tuple[str, ...] | None:
    try:
        return recovery.approving(state, keys)[0]
    except VerificationError:
        return None


def test_a_majority_of_the_organisations_that_ran_voters_is_enough_each_counted_once() -> None:
    state = Entries()
    a, again, b, c = (state.enrol(*who) for who in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")))
    assert approved(state, a, b) is None
    assert approved(state, a, again, b) is None
    assert approved(state, a, b, c) == ("a", "b", "c")


def test_neither_strangers_nor_those_without_a_voter_nor_revoked_keys_count() -> None:
    state = Entries()
    a, b = state.enrol("1", "a"), state.enrol("2", "b")
    others = (state.enrol("3", "lender"), state.enrol("4", "c", REVOKED), b"s" * 32)
    assert approved(state, a, b, *others) is None


def test_as_many_are_needed_as_for_a_change_of_the_members() -> None:
    state = Entries(wanted=5)
    keys = [state.enrol(name, name) for name in "abcde"]
    assert approved(state, *keys[:4]) is None
    assert approved(state, *keys) == ("a", "b", "c", "d", "e")
    alone = Entries(voters="a", wanted=5)
    assert approved(alone, alone.enrol("1", "a")) == ("a",)


def going_on(trade: TradeLedger, **changes: Any) -> Genesis:
    """A genesis document that goes on from a ledger of the tests, approved by the one that runs its node."""
    organisations = [{**each, "keys": []} for each in document()["organisations"]]
    fields = {
        **document(),
        "version": RECOVERING,
        "time_ms": trade.time_ms,
        "nodes": [{"id": "n2", "organisation": "root", "key": NODE.public, "certificate": b"c"}],
        "organisations": organisations,
        "parameters": {},
        "recovers": Recovery(b"c" * 32, 9, b"b" * 32, b"").to_value(),
        **changes,
    }
    genesis = Genesis.from_document(fields)
    assert genesis.recovers is not None
    approved = genesis.recovers.approved_by(KEYS["root"], genesis.document(), b"r" * 32)
    return replace(genesis, recovers=approved)


def with_key(organisation: str, **changes: Any) -> list[dict[str, Any]]:
    """The organisations, of which one names its key, with these changes."""
    return [
        {**each, "keys": [{**key, **changes} for key in each["keys"] if each["id"] == organisation]}
        for each in document()["organisations"]
    ]


def busy() -> TradeLedger:
    trade = market()
    trade.done("acme", open_auction())
    trade.done("loan", {**publish(), "programme": "another"})
    return trade


def entries(trade: TradeLedger) -> list[tuple[bytes, codec.Value]]:
    return [(key, codec.decode(value)) for key, value in trade.state.data.items()]


def test_invariant_23_what_goes_on_is_the_same_business_and_obeys_every_law() -> None:
    trade = busy()
    before = entries(trade)
    trade.state.apply(genesis_overlay(Contracts(), going_on(trade), trade.state))
    check_state(entries(trade))
    check_step(before, entries(trade))
    changed = {key for key, value in entries(trade) if (key, value) not in before}
    assert {codec.decode(key)[0] for key in changed} == {"membership", "node", "node_key"}
    assert membership.in_force(trade.state).voters[0].node == "n2"
    assert trade.entry("node", "n1") == ("root", KEYS["root"].public, membership.GONE)
    trade.done("acme", {"op": "auction.withdraw", "supplier": "acme", "auction": "A1"})


def test_nothing_is_left_of_changes_of_the_old_members() -> None:
    trade = busy()
    old = membership.in_force(trade.state)
    overlay = genesis_overlay(Contracts(), going_on(trade), _changed(trade, old))
    assert overlay.get(TARGET_KEY) is None
    assert overlay.get(state_key("membership_change", 1)) is None
    assert overlay.get(state_key("node_address", "n1")) is None
    assert overlay.get(state_key("node", "n9")) == ("root", b"9" * 32, membership.GONE)


def _changed(trade: TradeLedger, old: Membership) -> TradeLedger:
    """n9 was adopted and does not vote yet; the members changed once, at height 5."""
    adopted = Membership.of(1, old.voters, learners=[Member("n9", "root", b"9" * 32, b"")])
    for key, value in (
        (IN_FORCE_KEY, (1, 5, old.to_value())),
        (TARGET_KEY, adopted.to_value()),
        (state_key("membership_change", 1), 5),
        (state_key("node_address", "n1"), "host:1"),
        (state_key("node", "n9"), ("root", b"9" * 32, membership.MEMBER)),
        (state_key("node_key", b"9" * 32), "n9"),
    ):
        trade.state.data[key] = codec.encode(value)
    return trade


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parameters": {"backdating_days": 9}}, "malformed"),
        ({"organisations": with_key("root", name="another name")}, "malformed"),
        ({"organisations": with_key("root", enrolled_by="acme")}, "malformed"),
        ({"organisations": with_key("root", key=b"k" * 32)}, "malformed"),
        ({"organisations": with_key("root", key=KEYS["acme"].public)}, "malformed"),
        (
            {"nodes": [{"id": "n1", "organisation": "root", "key": NODE.public, "certificate": b"c"}]},
            "node_id_used",
        ),
        (
            {
                "nodes": [
                    {"id": "n2", "organisation": "root", "key": KEYS["root"].public, "certificate": b"c"}
                ]
            },
            "node_key_used",
        ),
        (
            {"nodes": [{"id": "n2", "organisation": "acme", "key": NODE.public, "certificate": b"c"}]},
            "no_node_right",
        ),
    ],
    ids=[
        *("parameters", "a key's name", "a key's approver", "a key of nobody", "a key of another"),
        *("an id", "a key of a node", "a node of who may run none"),
    ],
)
def test_a_document_changes_nothing_but_the_nodes(changes: dict[str, Any], code: str) -> None:
    trade = busy()
    with pytest.raises(Malformed) as refused:
        genesis_overlay(Contracts(), going_on(trade, **changes), trade.state)
    assert refused.value.code == code


def test_a_document_may_name_keys_as_they_stand_and_no_revoked_one() -> None:
    trade = busy()
    named = going_on(trade, organisations=with_key("acme"))
    assert [key.key for each in named.organisations for key in each.keys] == [KEYS["acme"].public]
    begun = genesis_overlay(Contracts(), named, trade.state)
    entry = begun.get(state_key("key", KEYS["acme"].public))
    assert entry == trade.entry("key", KEYS["acme"].public)
    trade.state.data[state_key("key", KEYS["acme"].public)] = codec.encode((*entry[:3], REVOKED, entry[4]))
    with pytest.raises(Malformed, match="not a key that the organisation has"):
        genesis_overlay(Contracts(), named, trade.state)


def test_a_ledger_does_not_begin_with_a_recovery_that_nobody_has_approved() -> None:
    trade = busy()
    genesis = going_on(trade)
    assert genesis.recovers is not None
    unsigned = replace(genesis, recovers=replace(genesis.recovers, approvals=()))
    with pytest.raises(VerificationError) as refused:
        genesis_overlay(Contracts(), unsigned, trade.state)
    assert refused.value.code == "recovery_not_approved"
