"""Invariants 9, 12, 17 and 19 to 21 of insurance: whatever comes in between, and each broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from insurance_ledger import (
    INDEMNITY,
    accepted,
    active,
    advance,
    by_assured,
    financed,
    insured,
    notify,
    of_assured,
    policy,
    the_claim,
)
from trade_ledger import TradeLedger, payment

from contracts.errors import InvariantBroken
from contracts.invariants import claim_in_bounds, indemnity_in_share, within_cover
from contracts.state_check import check_state
from ledger import codec
from ledger.state import state_key

STEPS = st.lists(st.tuples(st.sampled_from("pcaiswr"), st.integers(1, 400_000_00)), max_size=10)


@settings(max_examples=25)
@given(steps=STEPS)
def test_invariants_19_and_21_hold_whatever_comes_in_between(steps: list[tuple[str, int]]) -> None:
    """Payments, credit notes and every step of two claims on one invoice, in any order."""
    trade = financed(loss_payee="loan", maximum=2_000_000_00)
    active(trade, "LOAN", assured="loan", insured_ppm=1_000_000, deductible=0)
    advance(trade, "2012-05-01")
    trade.done("acme", notify())
    trade.done("loan", notify("L1", policy="LOAN"))
    advance(trade, "2012-06-25")
    trade.done("acme", by_assured("claim.file"))
    trade.done("loan", by_assured("claim.file", "L1"))
    for index, (step, amount) in enumerate(steps):
        before = dict(trade.state.data)
        for signer, operation in operations(trade, step, amount, index):
            trade.submit(signer, operation)
        trade.check()
        trade.check_step(before)


def operations(trade: TradeLedger, step: str, amount: int, index: int) -> list[tuple[str, dict[str, Any]]]:
    """What one letter stands for, for both claims; some are refused, as the state may be."""
    both = (("C1", "acme"), ("L1", "loan"))
    which = both[amount % 2]
    if step == "p":
        return [("bank", payment("INV1", amount, f"E{index}"))]
    if step == "c":
        issued = {"op": "credit.issue", "credit": f"N{index}", "invoice": "INV1", "amount": amount}
        issued |= {"date": "2012-03-01"}
        return [
            ("acme", issued),
            ("mega", {"op": "credit.accept", "credit": f"N{index}", "supplier": "acme"}),
        ]
    if step == "a":
        indemnity = expected_indemnity(trade, *which)
        return [("cover", of_assured("claim.accept", *which, indemnity=max(1, indemnity)))]
    if step == "i":
        return [("cover", of_assured("indemnity.pay", *which, bank="bank"))]
    if step == "s":
        return [(which[1], by_assured("claim.subrogate", which[0]))]
    if step == "w":
        return [(which[1], by_assured("claim.withdraw", which[0]))]
    return [(which[1], of_assured("recovery.cede", *which, bank="bank"))]


def expected_indemnity(trade: TradeLedger, claim: str, assured: str) -> int:
    """What the refusal of a wrong amount says that it expects; 0 if it says nothing of the kind."""
    result = trade.submit("cover", of_assured("claim.accept", claim, assured, indemnity=1))
    detail = str(result[0][2]) if result else ""
    digits = detail.rpartition("expected ")[2].split(";")[0].strip(" .)").replace(",", "")
    return int(digits) if digits.isdecimal() else 0


@pytest.mark.parametrize(
    ("kind", "place", "change", "number"),
    [
        ("policy", ("cover", "POL"), {"promised": 1}, 20),
        ("policy", ("cover", "POL"), {"insurer_approver": "acme"}, 17),
        ("policy", ("cover", "POL"), {"entry": 99}, 12),
        ("claim", ("acme", "C1"), {"currency": "EUR"}, 9),
        ("claim", ("acme", "C1"), {"indemnity": 950_000_00, "insured": 950_000_00}, 20),
        ("claim", ("acme", "C1"), {"paid": 1}, 12),
        ("claim", ("acme", "C1"), {"ceded": 950_000_00}, 21),
        ("insured", ("acme", "INV1"), None, 19),
    ],
)
def test_a_state_that_breaks_a_law_of_insurance_is_found(
    kind: str, place: tuple[str, str], change: dict[str, Any] | None, number: int
) -> None:
    trade = insured()
    accepted(trade, INDEMNITY)
    trade.check()
    entries = {key: codec.decode(data) for key, data in trade.state.data.items()}
    key = state_key(kind, *place)
    if change is None:
        del entries[key]
    elif kind == "policy":
        entries[key] = tuple(policy(trade)._replace(**change))
    else:
        entries[key] = tuple(the_claim(trade)._replace(**change))
    with pytest.raises(InvariantBroken) as broken:
        check_state(entries.items())
    assert broken.value.number == number


def test_the_named_checks_refuse_what_passes_a_bound_by_one_unit() -> None:
    claim = the_claim(accepted_trade())
    for call in (
        lambda: indemnity_in_share(91, 100, 900_000),
        lambda: within_cover(101, 100, 0, 1),
        lambda: within_cover(0, 100, 2, 1),
        lambda: claim_in_bounds(claim._replace(paid=claim.indemnity + 1)),
    ):
        with pytest.raises(InvariantBroken):
            call()


def accepted_trade() -> TradeLedger:
    trade = insured()
    accepted(trade, INDEMNITY)
    return trade
