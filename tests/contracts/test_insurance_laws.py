"""Invariants 9, 12, 17 and 19 to 21 of insurance: whatever comes in between, and each broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import balance
from hypothesis import given, settings
from hypothesis import strategies as st
from insurance_ledger import (
    INDEMNITY,
    accepted,
    active,
    advance,
    by_assured,
    filed_by_both,
    financed,
    insured,
    notify,
    of_assured,
    policy,
    the_claim,
)
from trade_ledger import TradeLedger, payment

from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, last_deal, read_lien
from contracts.insurance.insurance_claim import claim_in_bounds
from contracts.invariants import indemnity_in_share, within_cover
from contracts.state_check import check_state
from contracts.trade.invoice import read_invoice
from ledger import codec
from ledger.state.overlay import state_key

STEPS = st.lists(st.tuples(st.sampled_from("pcaiswr"), st.integers(1, 400_000_00)), max_size=10)


@settings(max_examples=25)
@given(steps=STEPS)
def test_invariants_19_and_21_hold_whatever_comes_in_between(steps: list[tuple[str, int]]) -> None:
    """Payments, credit notes and every step of two claims on one invoice, in any order."""
    trade = financed(loss_payee="loan", maximum=2_000_000_00)
    active(trade, "LOAN", assured="loan", insured_ppm=1_000_000, deductible=0)
    filed_by_both(trade)
    for index, (step, amount) in enumerate(steps):
        before = dict(trade.state.data)
        for signer, operation in operations(trade, step, amount, index):
            trade.submit(signer, operation)
        trade.check()
        trade.check_step(before)


@settings(max_examples=40)
@given(
    share_ppm=st.integers(1, 1_000_000),
    before=st.integers(0, 900_000_00),
    payments=st.lists(st.integers(1, 500_000_00), max_size=5),
    fell_away=st.integers(0, 200_000_00),
)
def test_invariant_19_nobody_recovers_twice_whatever_was_insured_and_paid(
    share_ppm: int, before: int, payments: list[int], fell_away: int
) -> None:
    """A lender is paid by the supplier's insurer, then the buyer pays: everybody has its own, to the unit.

    At any time lender and insurer have at most what they have laid out. Once the buyer has paid all that it
    owes they have exactly that, but for what a credit note took: that is the supplier's to bear.
    """
    buyers = [{"buyer": "mega", "limit": 9_000_000_00, "suppliers": ["acme"]}]
    terms = {"insured_ppm": share_ppm, "deductible": 0, "maximum": 9_000_000_00}
    trade = financed(loss_payee="loan", buyers=buyers, **terms)
    if before:
        trade.done("bank", payment("INV1", before, "EARLY"))
    laid_out = outlay(trade)
    advance(trade, "2012-05-01")
    trade.done("acme", notify())
    advance(trade, "2012-06-25")
    trade.done("acme", by_assured("claim.file"))
    indemnity = expected_indemnity(trade, "C1", "acme")
    if not indemnity:  # a unit of an insured share too small to pay anything
        return
    had = cash(trade)
    trade.done("cover", of_assured("claim.accept", indemnity=indemnity))
    trade.done("cover", of_assured("indemnity.pay", bank="bank"))
    trade.done("acme", by_assured("claim.subrogate"))
    if fell_away:
        for signer, operation in operations(trade, "c", fell_away, 0):
            trade.submit(signer, operation)
    for amount in (*payments, 2**40):
        owed = outstanding(trade)
        if owed:
            trade.done("mega", {**BUYER_PAYS, "amount": min(owed, amount)})
        trade.submit("acme", of_assured("recovery.cede", bank="bank"))
        trade.check()
        gained = {name: amount - had[name] for name, amount in cash(trade).items()}
        assert gained["cover"] <= 0, "an insurer gains nothing by a loss"
        assert gained["loan"] <= laid_out + earned(trade), "a lender is paid once"
    assert gained["cover"] == 0
    assert gained["loan"] == laid_out + earned(trade) - shortfall(trade)
    assert sum(gained.values()) == 0, "cash goes round and none is made"


BUYER_PAYS = {"op": "payment.make", "invoice": "INV1", "supplier": "acme", "bank": "bank", "currency": "USD"}


def cash(trade: TradeLedger) -> dict[str, int]:
    """Deposits of everybody."""
    return {name: balance(trade, name).available for name in ("cover", "acme", "loan", "mega")}


def outlay(trade: TradeLedger) -> int:
    """Principal that the lender still has out."""
    found = read_lien(trade.state, "acme", "INV1")
    return 0 if found is None else found.principal


def _newest(trade: TradeLedger) -> Lien:
    found = read_lien(trade.state, "acme", "INV1") or last_deal(trade.state, "acme", "INV1")
    assert found is not None
    return found


def earned(trade: TradeLedger) -> int:
    """Overdue interest that was paid."""
    return _newest(trade).interest_paid


def shortfall(trade: TradeLedger) -> int:
    """What the supplier still owes the lender."""
    return _newest(trade).shortfall


def outstanding(trade: TradeLedger) -> int:
    """What the buyer owes."""
    found = read_invoice(trade.state, "acme", "INV1")
    assert found is not None
    return found.outstanding


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
