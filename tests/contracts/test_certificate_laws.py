"""Each law of `contracts.certificates.leaf_check` refuses a state broken on purpose, by its number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from certificate_ledger import MATURITY, advance, attested, issue, on_leaf, reserve, transfer
from insurance_ledger import INDEMNITY, accepted, insured, the_claim
from trade_ledger import TradeLedger

from contracts.certificates import leaf_check
from contracts.certificates.leaf import HELD, REDEEMED, SPLIT, Leaf, Promise
from contracts.errors import InvariantBroken
from contracts.insurance.insurance_claim import open_amount
from contracts.state_check import by_kind
from contracts.trade.invoice import Invoice
from contracts.trade.trade_check import Kinds
from ledger import codec

ROOT, FREE, PASSED_ON, SOLD, PLEDGED = (("mega", "C1", leaf) for leaf in range(5))
DRAWN = ("mega", "C1")
INVOICE = ("acme", "INV1")
ISSUED = ("mega", "C2", 0)


def living() -> TradeLedger:
    """A certificate on an invoice, split into a leaf that is held, one offered, one sold, one pledged; and
    one on another invoice, which nobody has accepted.
    """
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("mega", issue(amount=400_00, invoice="INV1"))
    trade.done("acme", on_leaf("accept"), on_leaf("split", amounts=[100_00] * 4))
    trade.done("acme", transfer(2), reserve(3, price=90_00), reserve(4, price=40_00, repay=50_00))
    trade.done("bank", attested("fund", 90_00, "E1", leaf=3, lender="loan"))
    trade.done("bank", attested("fund", 40_00, "E2", leaf=4, lender="loan"))
    trade.confirmed_invoice("INV2", 7_00, due="2012-05-31")
    trade.done("mega", issue("C2", 7_00, invoice="INV2", maturity="2012-06-30"))
    return trade


def paid() -> TradeLedger:
    """The same at maturity, paid with 1.00 too much."""
    trade = living()
    advance(trade, MATURITY)
    trade.done("bank", attested("collect", 401_00, "E3"))
    return trade


def kinds_of(trade: TradeLedger) -> Kinds:
    return by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())


def leaf(kinds: Kinds, place: tuple[str, str, int], **changes: Any) -> None:
    kinds["leaf"][place] = Leaf._make(kinds["leaf"][place])._replace(**changes)


def promise(kinds: Kinds, **changes: Any) -> None:
    kinds["promise"][DRAWN] = Promise._make(kinds["promise"][DRAWN])._replace(**changes)


def entry(kinds: Kinds, number: str, place: int, value: Any) -> None:
    """Another value in a field of a bank entry."""
    (key,) = (key for key in kinds["bank_entry"] if key[1] == number)
    was = kinds["bank_entry"][key]
    kinds["bank_entry"][key] = (*was[:place], value, *was[place + 1 :])


def journal(kinds: Kinds, account: str, change: int) -> None:
    """One posting too many on one side."""
    key = next(key for key in kinds["journal"] if key[1] == account)
    kinds["journal"][key] += change


def refunds(kinds: Kinds, change: int) -> None:
    """Something that went back to the obligor, by no bank's word."""
    kinds["journal"]["mega", "overpayments returned", "USD"] = change


Break = Callable[[Kinds], object]

BROKEN: tuple[tuple[str, Callable[[Kinds], None], int, Break], ...] = (
    ("redeemed of nothing", leaf_check.trees_add_up, 2, lambda k: leaf(k, FREE, redeemed=1)),
    ("a leaf is gone", leaf_check.trees_add_up, 2, lambda k: k["leaf"].pop(FREE)),
    ("no certificate", leaf_check.trees_add_up, 2, lambda k: k["certificate"].pop(DRAWN)),
    ("no promise", leaf_check.trees_add_up, 2, lambda k: k["promise"].pop(DRAWN)),
    ("another face", leaf_check.trees_add_up, 25, lambda k: promise(k, face=400_01)),
    ("a piece grows", leaf_check.pieces_add_up, 3, lambda k: leaf(k, FREE, amount=100_01)),
    ("spent again", leaf_check.pieces_add_up, 3, lambda k: leaf(k, ROOT, status=HELD)),
    ("split into nothing", leaf_check.pieces_add_up, 3, lambda k: leaf(k, FREE, status=SPLIT)),
    ("a second root", leaf_check.pieces_add_up, 3, lambda k: leaf(k, FREE, parent=-1)),
    ("its own parent", leaf_check.pieces_add_up, 3, lambda k: leaf(k, FREE, parent=1)),
    ("a parent that is not there", leaf_check.pieces_add_up, 3, lambda k: leaf(k, FREE, parent=-2)),
    ("issued for good", leaf_check.one_claim, 5, lambda k: leaf(k, ISSUED, expires=0)),
    ("on another invoice", leaf_check.promises_stand_alone, 5, lambda k: k["promised"].clear()),
    (
        "on what is settled",
        leaf_check.promises_stand_alone,
        14,
        lambda k: k["invoice"].update({("acme", "INV2"): k["invoice"][INVOICE]}),
    ),
    (
        "accepted and promised",
        leaf_check.promises_stand_alone,
        5,
        lambda k: k["promised"].update({INVOICE: "C1"}),
    ),
    ("above its parent", leaf_check.pieces_add_up, 3, lambda k: leaf(k, ROOT, tier=2)),
    (
        "more than the net",
        leaf_check.certificates_stay_within_invoices,
        4,
        lambda k: promise(k, face=1_000_000_01),
    ),
    ("not drawn on", leaf_check.certificates_stay_within_invoices, 4, lambda k: k["drawn"].clear()),
    ("without invoice", leaf_check.certificates_stay_within_invoices, 4, lambda k: promise(k, invoice="")),
    (
        "another currency",
        leaf_check.certificates_stay_within_invoices,
        9,
        lambda k: promise(k, currency="EUR"),
    ),
    (
        "not off the invoice",
        leaf_check.certificates_stay_within_invoices,
        25,
        lambda k: promise(k, face=400_01),
    ),
    ("offered while held", leaf_check.one_claim, 5, lambda k: leaf(k, FREE, offered_to="bolt", expires=1)),
    ("an offer without end", leaf_check.one_claim, 5, lambda k: leaf(k, PASSED_ON, expires=0)),
    ("a pledge of nobody", leaf_check.one_claim, 5, lambda k: leaf(k, PLEDGED, lender="")),
    ("pledged while held", leaf_check.one_claim, 5, lambda k: leaf(k, FREE, lender="loan")),
    ("too low a tier", leaf_check.one_claim, 5, lambda k: leaf(k, FREE, tier=4)),
    ("beyond the cut-off", leaf_check.one_claim, 18, lambda k: leaf(k, PASSED_ON, expires=99_999)),
    (
        "sold without cash",
        leaf_check.leaves_move_with_cash,
        12,
        lambda k: leaf(k, SOLD, account="", entry=""),
    ),
    ("at another price", leaf_check.leaves_move_with_cash, 12, lambda k: leaf(k, PLEDGED, price=1)),
    ("cash of another leaf", leaf_check.leaves_move_with_cash, 12, lambda k: entry(k, "E1", 3, "C1#4")),
    ("cash in another currency", leaf_check.leaves_move_with_cash, 12, lambda k: entry(k, "E1", 4, "EUR")),
    ("lent and not booked", leaf_check.proceeds_add_up, 11, lambda k: journal(k, "leaf proceeds", 1)),
    ("paid and not booked", leaf_check.proceeds_add_up, 11, lambda k: journal(k, "promises", 1)),
    ("nothing came in", leaf_check.proceeds_add_up, 21, lambda k: entry(k, "E3", 3, "C2")),
    ("gone back and not booked", leaf_check.proceeds_add_up, 11, lambda k: refunds(k, 1)),
    ("kept for no certificate", leaf_check.proceeds_add_up, 21, lambda k: k["overpaid"].clear()),
    ("kept by nobody", leaf_check.proceeds_add_up, 21, lambda k: journal(k, "overpaid", -1)),
)


@pytest.mark.parametrize(
    ("law", "number", "spoil"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_a_broken_state_is_refused(law: Callable[[Kinds], None], number: int, spoil: Break) -> None:
    kinds = kinds_of(paid() if law is leaf_check.proceeds_add_up else living())
    law(kinds)
    spoil(kinds)
    with pytest.raises(InvariantBroken) as broken:
        law(kinds)
    assert broken.value.number == number


def test_every_law_is_broken_once() -> None:
    assert {row[1] for row in BROKEN} == set(leaf_check.CHECKS)


@pytest.mark.parametrize(
    ("number", "spoil"),
    [
        (15, lambda k: k["leaf"].pop(FREE)),
        (15, lambda k: leaf(k, SOLD, status=HELD)),
        (15, lambda k: leaf(k, ROOT, status=REDEEMED)),
        (25, lambda k: leaf(k, FREE, amount=1)),
        (25, lambda k: leaf(k, FREE, parent=2)),
        (25, lambda k: promise(k, maturity=99_999)),
        (25, lambda k: k["promise"].pop(DRAWN)),
        (26, lambda k: leaf(k, PLEDGED, status=HELD)),
        (26, lambda k: leaf(k, PLEDGED, status=HELD, lender="", holder="loan")),
    ],
)
def test_a_broken_step_is_refused(number: int, spoil: Break) -> None:
    before, after = kinds_of(living()), kinds_of(living())
    leaf_check.leaves_follow_their_table(before, after)
    spoil(after)
    with pytest.raises(InvariantBroken) as broken:
        leaf_check.leaves_follow_their_table(before, after)
    assert broken.value.number == number


def test_an_insured_loss_is_not_recovered_by_a_promise_to_pay_it_later() -> None:
    """A certificate takes the place of no overdue invoice: what is insured is that it was not paid."""
    trade = insured()
    accepted(trade, INDEMNITY)
    before = Invoice._make(trade.entry("invoice", *INVOICE) or ())
    assert the_claim(trade).recovered(open_amount(before)) == 0
    later = issue(amount=950_000_00, maturity="2012-12-01", invoice="INV1")
    assert trade.refused("mega", later) == "past_due"
    trade.check()
