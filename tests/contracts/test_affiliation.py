"""Affiliations: an organisation's own word and a register's stand beside each other."""

from __future__ import annotations

import pytest
from trade_ledger import TradeLedger

from contracts.parties.affiliation import OWN, REGISTER, read_affiliation
from contracts.registry import parse
from ledger.errors import Malformed

PARENT = "5493001KJTIIGC8Y1R12"


def test_both_words_stand_and_each_has_its_own_signers() -> None:
    trade = TradeLedger()
    record = {"op": "affiliation.record", "organisation": "acme", "ultimate_parent": PARENT}
    assert trade.refused("acme", record) == "wrong_role"
    assert trade.refused("root", {**record, "organisation": "nobody"}) == "unknown_organisation"
    trade.done("acme", {"op": "affiliation.declare", "address": "1 Harbour Road, Rotterdam"})
    trade.done("root", record)
    own = read_affiliation(trade.state, "acme", OWN)
    found = read_affiliation(trade.state, "acme", REGISTER)
    assert own is not None
    assert found is not None
    assert (own.ultimate_parent, own.said_by) == ("", "acme")
    assert (found.ultimate_parent, found.said_by) == (PARENT, "root")
    assert read_affiliation(trade.state, "bolt", OWN) is None


def test_a_parent_is_an_lei_whose_check_digits_fit() -> None:
    with pytest.raises(Malformed) as caught:
        parse({"op": "affiliation.declare", "direct_parent": PARENT[:-1] + "3"})
    assert caught.value.code == "lei"
