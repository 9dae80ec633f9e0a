"""Receivable certificates: issue, acceptance, split, transfer, freeze; sale, pledge, maturity."""

from __future__ import annotations

import pytest
from cash_ledger import balance, with_deposits
from certificate_ledger import (
    CUT_OFF,
    FACE,
    MATURITY,
    advance,
    attested,
    held,
    issue,
    leaf_of,
    on_leaf,
    reserve,
    status,
    transfer,
)
from trade_ledger import DAY, TradeLedger, publish

from contracts.certificates.certificate_views import certificate_view
from contracts.certificates.leaf import NO_LEAVES, STATUS, certificate_key, fold, read_totals
from contracts.pricing.features import Features
from contracts.trade.invoice import CERTIFICATED, Invoice
from contracts.trade.relationship import relationship_key
from contracts.trade.relationship_sums import Aggregates, of_currency
from ledger import codec
from ledger.dates import day_from_iso
from ledger.errors import Refusal
from ledger.state import history


@pytest.fixture
def trade() -> TradeLedger:
    return TradeLedger()


def invoice_of(trade: TradeLedger, number: str = "INV1") -> Invoice:
    return Invoice._make(trade.entry("invoice", "acme", number) or ())


def test_a_certificate_replaces_a_confirmed_invoice_when_the_payee_accepts(trade: TradeLedger) -> None:
    trade.confirmed_invoice()
    trade.done("mega", issue(invoice="INV1"))
    assert invoice_of(trade).title != CERTIFICATED, "nobody's title is bound by a paper it did not accept"
    trade.done("acme", on_leaf("accept"))
    found = invoice_of(trade)
    assert (found.title, found.outstanding, found.offset, found.cash) == (CERTIFICATED, 0, FACE, "Settled")
    assert status(trade) == "Held"
    assert [week[1:3] for week in opened(trade)] == [(1, FACE)], "as much is open as before, at its maturity"
    trade.check()


def aggregates(trade: TradeLedger, payee: str = "acme") -> Aggregates:
    entry = trade.get(relationship_key(payee, "mega"))
    assert entry is not None
    return of_currency(entry[2], "USD")


def opened(trade: TradeLedger, payee: str = "acme") -> list[tuple[int, int, int, int]]:
    """(week, count, amount, amount · days) of what mega owes by its own word."""
    return [week for week in aggregates(trade, payee).open if week[1] or week[2]]


def test_an_unpaid_certificate_is_overdue_debt_in_every_price_until_it_is_paid(trade: TradeLedger) -> None:
    """Survivors flatter: else a buyer that pays no certificate would look like one that owes nothing."""
    trade.confirmed_invoice()
    held(trade, amount=600_000_00, invoice="INV1", maturity="2012-05-31")
    held(trade, "C2", amount=100_000_00)
    day = day_from_iso(MATURITY, "")
    assert [week[1:3] for week in opened(trade)] == [(2, 500_000_00), (1, 600_000_00)]
    advance(trade, "2012-06-30")
    (_, _, cleared) = aggregates(trade).overdue(day + 65)
    assert cleared == 500_000_00 * 65 + 600_000_00 * 30, "each at its age, on its own terms"
    priced = Features.of(aggregates(trade), day + 65)
    assert priced.overdue, "what is overdue raises the expected lateness"
    trade.done("bank", attested("collect", 200_000_00, "E1", date="2012-06-30"))
    trade.check()
    assert [week[1:3] for week in opened(trade)] == [(2, 500_000_00), (1, 400_000_00)]
    trade.done("bank", attested("collect", 400_000_00, "E2", date="2012-06-30"))
    trade.done("bank", attested("collect", 100_000_00, "E3", date="2012-06-30", certificate="C2"))
    trade.check()
    assert [week[1:3] for week in opened(trade)] == [(1, 400_000_00)], "the rest of the invoice"
    sums = aggregates(trade)
    assert sums.late_amount_days == 600_000_00 * 30 + 100_000_00 * 65
    assert (sums.settled_invoices, sums.default_weeks) == (2, 0)


def test_what_a_holder_gives_up_of_a_certificate_counts_like_an_invoice_that_is_written_off(
    trade: TradeLedger,
) -> None:
    """In the relationship of the payee, whoever holds the leaf: it is the obligor's credit."""
    held(trade, amount=300_00)
    trade.done("acme", on_leaf("split", amounts=[200_00, 100_00]), transfer(2))
    trade.done("bolt", on_leaf("accept", 2))
    advance(trade, "2012-08-01")
    trade.done("bolt", on_leaf("dishonour", 2), on_leaf("write_off", 2))
    trade.check()
    sums = aggregates(trade)
    assert [week[1:3] for week in opened(trade)] == [(1, 200_00)]
    assert (sums.written_off, sums.late_amount_days, sums.settled_invoices) == (100_00, 100_00 * 97, 0)
    assert (sums.default_weeks, sums.payment_weeks) == (1, 1)
    trade.done("acme", on_leaf("dishonour", 1), on_leaf("write_off", 1))
    trade.check()
    assert opened(trade) == []
    assert aggregates(trade).settled_invoices == 1


def test_invariant_4_no_certificate_above_what_is_confirmed_and_open(trade: TradeLedger) -> None:
    trade.confirmed_invoice()
    assert trade.refused("mega", issue(amount=FACE + 1, invoice="INV1")) == "exceeds_outstanding"
    trade.done("mega", issue("C1", invoice="INV1"))
    assert trade.refused("mega", issue("C2", invoice="INV1")) == "certificate_open"
    trade.done("acme", on_leaf("accept", 0, "C1"))
    assert trade.refused("mega", issue("C2", invoice="INV1")) == "wrong_state", "drawn on twice"
    trade.check()


def test_a_certificate_that_nobody_accepts_ends_by_itself(trade: TradeLedger) -> None:
    """Invariant 14: with the day before the cut-off, or after so many days as any offer."""
    trade.done("mega", issue("C1"), issue("C2", maturity="2012-12-01"))
    assert certificate_view(trade.state, "mega", "C1")["leaves"][0]["expires"] == "2012-04-22"  # type: ignore[index]
    trade.check()
    trade.done("root", on_leaf("freeze", reason="court order"))
    advance(trade, "2012-04-22")
    assert (status(trade), status(trade, 0, "C2")) == ("Issued", "Issued")
    advance(trade, CUT_OFF)
    assert (status(trade), status(trade, 0, "C2")) == ("Void", "Issued")
    assert not leaf_of(trade).frozen, "nothing is left to stop"
    trade.check()
    advance(trade, "2012-05-30")
    assert status(trade, 0, "C2") == "Issued", "90 days"
    advance(trade, "2012-05-31")
    assert status(trade, 0, "C2") == "Void"
    trade.check()


def test_no_certificate_takes_the_place_of_what_is_overdue(trade: TradeLedger) -> None:
    """A promise of a later day would close the open debt, and its lateness would be in no history."""
    trade.confirmed_invoice()
    later = issue(invoice="INV1", maturity="2012-12-01")
    advance(trade, "2012-04-27")
    assert trade.refused("mega", later) == "past_due"
    trade.confirmed_invoice("INV2", 5_00, due="2012-04-27")
    trade.done("mega", {**later, "invoice": "INV2", "amount": 5_00})
    trade.done("acme", on_leaf("accept"))
    trade.check()


def test_invariant_5_a_financed_invoice_is_not_certificated_nor_the_reverse(trade: TradeLedger) -> None:
    trade.confirmed_invoice("INV0", gross=FACE - 2)
    trade.done("loan", publish())
    trade_offer = trade.offer("INV0")
    trade.financed_invoice()
    assert trade.refused("mega", issue(invoice="INV1")) == "wrong_state"
    trade.confirmed_invoice("INV2", gross=FACE - 1)
    held(trade, amount=500_000_00, invoice="INV2")
    offer = {**trade_offer, "invoice": "INV2"}
    assert trade.refused("loan", offer) == "already_financed"
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "INV2"}) == "title_not_free"
    trade.check()


def test_invariant_25_a_credit_note_does_not_reach_the_certificate(trade: TradeLedger) -> None:
    trade.confirmed_invoice()
    held(trade, amount=900_000_00, invoice="INV1")
    credit = {"op": "credit.issue", "credit": "CN1", "invoice": "INV1", "amount": 250_000_00, "date": DAY}
    trade.done("acme", credit)
    trade.done("mega", {"op": "credit.accept", "credit": "CN1", "supplier": "acme"})
    assert leaf_of(trade).amount == 900_000_00
    assert invoice_of(trade).outstanding == 0
    note = trade.entry("credit", "acme", "CN1")
    assert note is not None
    assert note[7] == 100_000_00, "the rest is the buyer's claim on the supplier"
    trade.check()


def test_invariant_17_payee_and_obligor_hang_on_different_approvers() -> None:
    trade = TradeLedger(enrolled_by={"acme": "root", "mega": "root"})
    trade.done("mega", issue())
    assert trade.refused("acme", on_leaf("accept")) == "same_approver"


def test_a_certificate_that_is_declined_or_taken_back_is_void(trade: TradeLedger) -> None:
    trade.done("mega", issue("C1"), issue("C2"))
    assert trade.refused("bolt", on_leaf("decline")) == "not_party"
    trade.done("acme", on_leaf("decline"))
    trade.done("mega", on_leaf("decline", 0, "C2"))
    assert (status(trade), status(trade, 0, "C2")) == ("Void", "Void")
    assert trade.refused("acme", on_leaf("accept")) == "wrong_state"
    assert trade.refused("mega", issue("C1")) == "duplicate_number"
    trade.check()


def test_invariant_3_pieces_add_up_and_the_parent_is_never_spent_again(trade: TradeLedger) -> None:
    held(trade)
    assert trade.refused("acme", on_leaf("split", amounts=[FACE - 1_00, 1_01])) == "pieces_mismatch"
    assert trade.refused("acme", on_leaf("split", amounts=[FACE - 1, 1])) == "piece_too_small"
    assert trade.refused("bolt", on_leaf("split", amounts=[FACE - 1_00, 1_00])) == "not_party"
    trade.done("acme", on_leaf("split", amounts=[600_000_00, 400_000_00]))
    trade.done("acme", on_leaf("split", 2, amounts=[100_000_00, 100_000_00, 200_000_00]))
    assert [status(trade, leaf) for leaf in range(6)] == ["Split", "Held", "Split", "Held", "Held", "Held"]
    for verb in (transfer(0), reserve(0), on_leaf("split", 0, amounts=[FACE - 1_00, 1_00])):
        assert trade.refused("acme", verb) == "wrong_state"
    assert read_totals(trade.state, "mega", "C1") == (FACE, FACE, 0, 0, 6)
    trade.check()


def test_a_certificate_has_a_bounded_number_of_leaves(trade: TradeLedger) -> None:
    held(trade)
    last, left = 0, FACE
    for _ in range(8):
        trade.done("acme", on_leaf("split", last, amounts=[*[1_00] * 31, left - 31_00]))
        left -= 31_00
        last = read_totals(trade.state, "mega", "C1").leaves - 1
        if last + 33 > 256:
            break
    too_many = on_leaf("split", last, amounts=[*[1_00] * 31, left - 31_00])
    assert trade.refused("acme", too_many) == "too_many_leaves"
    trade.check()


def test_a_leaf_goes_down_the_tiers_with_the_consent_of_each_owner(trade: TradeLedger) -> None:
    held(trade)
    trade.done("acme", transfer())
    assert trade.refused("acme", reserve()) == "wrong_state"
    assert trade.refused("acme", on_leaf("accept")) == "not_party"
    trade.done("bolt", on_leaf("accept"))
    found = leaf_of(trade)
    assert (found.holder, found.tier, found.amount) == ("bolt", 2, FACE)
    trade.done("bolt", transfer(to="acme"))
    trade.done("acme", on_leaf("accept"))
    assert trade.refused("acme", transfer()) == "tier_too_deep"
    trade.check()


@pytest.mark.parametrize("offered", [transfer(), reserve()])
@pytest.mark.parametrize("way", ["declined", "withdrawn", "expired"])
def test_invariant_14_what_is_not_taken_comes_back(trade: TradeLedger, offered: object, way: str) -> None:
    held(trade)
    before = leaf_of(trade)
    assert isinstance(offered, dict)
    trade.done("acme", offered)
    if way == "expired":
        advance(trade, "2012-03-12")
    else:
        other = "bolt" if offered["op"] == "certificate.transfer" else "loan"
        trade.done("acme" if way == "withdrawn" else other, on_leaf("decline"))
    assert leaf_of(trade) == before
    trade.check()


def test_invariant_18_nothing_moves_from_the_cut_off_on(trade: TradeLedger) -> None:
    held(trade)
    assert trade.refused("acme", transfer(expires=CUT_OFF)) == "cut_off"
    advance(trade, CUT_OFF)
    for operation in (transfer(), reserve(), on_leaf("split", amounts=[FACE - 1_00, 1_00])):
        assert trade.refused("acme", operation) == "cut_off"
    trade.check()


def test_a_frozen_leaf_does_not_move_and_is_still_paid(trade: TradeLedger) -> None:
    held(trade)
    trade.done("acme", transfer())
    assert trade.refused("mega", on_leaf("freeze", reason="we would rather not pay")) == "wrong_role"
    assert trade.refused("bank", on_leaf("freeze", reason="nor would our client")) == "wrong_role"
    trade.done("root", on_leaf("freeze", reason="court order"))
    assert trade.refused("bolt", on_leaf("accept")) == "frozen"
    assert trade.refused("root", on_leaf("freeze", reason="again")) == "no_change"
    trade.done("bolt", on_leaf("decline"))
    for operation in (transfer(), reserve(), on_leaf("split", amounts=[FACE - 1_00, 1_00])):
        assert trade.refused("acme", operation) == "frozen"
    advance(trade, MATURITY)
    trade.done("bank", attested("collect", FACE, "E1"))
    assert status(trade) == "Redeemed"
    trade.check()


def test_invariant_12_a_sale_moves_leaf_and_cash_together(trade: TradeLedger) -> None:
    with_deposits(trade, 990_000_00, "loan", "mega")
    with_deposits(trade, 0, "acme")
    held(trade)
    trade.done("acme", reserve(price=990_000_00))
    settle = on_leaf("settle", price=990_000_00, repay=0, bank="bank")
    assert trade.refused("loan", {**settle, "price": 1}) == "amount_mismatch"
    assert trade.refused("fund", settle) == "not_party"
    trade.done("loan", settle)
    assert (status(trade), leaf_of(trade).holder) == ("Sold", "loan")
    assert balance(trade, "acme").available == 990_000_00
    trade.check()


def test_a_sale_that_cannot_be_paid_changes_nothing(trade: TradeLedger) -> None:
    with_deposits(trade, 1, "loan")
    with_deposits(trade, 0, "acme")
    held(trade)
    trade.done("acme", reserve(price=990_000_00))
    settle = on_leaf("settle", price=990_000_00, repay=0, bank="bank")
    assert trade.refused("loan", settle) == "insufficient_funds"
    assert status(trade) == "Reserved"
    trade.check()


@pytest.mark.parametrize("way", ["released", "repaid"])
def test_invariant_26_a_pledge_that_ends_restores_owner_and_amount(trade: TradeLedger, way: str) -> None:
    held(trade)
    with_deposits(trade, 1_000_000_00, "loan", "acme")
    before = leaf_of(trade)
    trade.done("acme", reserve(price=500_000_00, repay=505_000_00))
    trade.done("bank", attested("fund", 500_000_00, "E1", leaf=0, lender="loan"))
    assert (status(trade), leaf_of(trade).holder, leaf_of(trade).lender) == ("Pledged", "acme", "loan")
    assert trade.refused("acme", transfer()) == "wrong_state"
    assert trade.refused("fund", on_leaf("release")) == "not_party"
    if way == "released":
        trade.done("loan", on_leaf("release"))
    else:
        trade.done("acme", on_leaf("repay", bank="bank"))
        assert balance(trade, "loan").available == 1_000_000_00 + 505_000_00
    assert leaf_of(trade) == before
    trade.check()


def test_invariants_18_and_21_a_payment_reaches_every_holder_of_record(trade: TradeLedger) -> None:
    held(trade, amount=300_00)
    trade.done("acme", on_leaf("split", amounts=[100_00, 100_00, 100_00]))
    trade.done("acme", transfer(2))
    trade.done("bolt", on_leaf("accept", 2))
    trade.done("acme", reserve(3, price=40_00, repay=50_00))
    trade.done("bank", attested("fund", 40_00, "E1", leaf=3, lender="loan"))
    with_deposits(trade, 400_00, "mega")
    with_deposits(trade, 0, "acme", "bolt", "loan")
    redeem = {"op": "certificate.redeem", "certificate": "C1", "bank": "bank", "amount": 100_00}
    assert trade.refused("mega", redeem) == "not_matured"
    advance(trade, MATURITY)
    assert trade.refused("mega", {**redeem, "amount": 300_01}) == "exceeds_outstanding"
    trade.done("mega", redeem)
    assert [leaf_of(trade, leaf).redeemed for leaf in (1, 2, 3)] == [33_34, 33_33, 33_33]
    trade.check()
    trade.done("mega", {**redeem, "amount": 200_00})
    assert [status(trade, leaf) for leaf in (1, 2, 3)] == ["Redeemed"] * 3
    paid = [balance(trade, client).available for client in ("acme", "bolt", "loan", "mega")]
    assert paid == [150_00, 100_00, 50_00, 100_00], "the lender first, up to what frees its pledge"
    assert trade.refused("mega", {**redeem, "amount": 1}) == "nothing_outstanding"
    trade.check()


def test_invariant_21_what_is_paid_beyond_the_face_has_an_account(trade: TradeLedger) -> None:
    held(trade, amount=100_00)
    advance(trade, MATURITY)
    trade.done("bank", attested("collect", 101_00, "E1"))
    assert trade.entry("journal", "mega", "overpaid", "USD") == 1_00
    assert trade.entry("journal", "acme", "maturities", "USD") == 100_00
    trade.check()


def test_what_was_paid_beyond_the_face_goes_back_in_parts_and_no_leaf_changes(trade: TradeLedger) -> None:
    """Invariants 2, 10, 11 and 21."""
    held(trade, amount=100_00)
    advance(trade, MATURITY)
    trade.done("bank", attested("collect", 107_00, "E1"))
    before = leaf_of(trade)
    back = attested("refund", 5_00, "R1")
    assert certificate_view(trade.state, "mega", "C1")["overpaid"] == 7_00  # type: ignore[index]
    assert trade.refused("bank", {**back, "amount": 7_01}) == "exceeds_overpaid"
    assert trade.refused("bank", {**back, "entry": "E1"}) == "bank_entry_used"
    assert trade.refused("bank", {**back, "date": "2012-05-27"}) == "date_in_future"
    assert trade.refused("bank", {**back, "date": "2012-02-29"}) == "date_order"
    assert trade.refused("bank", {**back, "certificate": "C2"}) == "unknown_certificate"
    assert trade.refused("giro", back) == "account_of_other_bank"
    assert trade.refused("mega", back) == "wrong_role"
    trade.done("bank", back)
    trade.check()
    trade.done("bank", attested("refund", 2_00, "R2"))
    trade.check()
    assert trade.entry("overpaid", "mega", "C1") is None
    assert trade.refused("bank", attested("refund", 1, "R3")) == "exceeds_overpaid"
    assert trade.entry("journal", "mega", "overpayments returned", "USD") == 7_00
    assert leaf_of(trade) == before


def exposure(trade: TradeLedger) -> tuple[int, ...]:
    return tuple(trade.entry("exposure", "loan", "mega", "USD") or ())


def test_invariant_13_bought_and_pledged_leaves_count_against_the_lenders_limit(trade: TradeLedger) -> None:
    held(trade, amount=500_00)
    with_deposits(trade, 1_000_00, "loan", "acme", "mega")
    trade.done("acme", on_leaf("split", amounts=[300_00, 200_00]))
    trade.done("acme", reserve(1, price=290_00), reserve(2, price=100_00, repay=110_00))
    limits = [{"obligor": "mega", "limit": 409_99}]
    trade.done("loan", publish(limits=limits))
    buy = on_leaf("settle", 1, price=290_00, repay=0, bank="bank", programme="prime")
    trade.done("loan", buy)
    assert exposure(trade) == (0, 300_00), "a sold leaf counts with what is left of it"
    lend = on_leaf("settle", 2, price=100_00, repay=110_00, bank="bank", programme="prime")
    assert trade.refused("loan", lend) == "limit_exceeded"
    trade.done("loan", publish(limits=[{"obligor": "mega", "limit": 410_00}]))
    trade.done("loan", lend)
    assert exposure(trade) == (0, 410_00), "a pledge counts with what frees it"
    trade.check()
    trade.done("acme", on_leaf("repay", 2, bank="bank"))
    assert exposure(trade) == (0, 300_00)
    advance(trade, MATURITY)
    redeem = {"op": "certificate.redeem", "certificate": "C1", "bank": "bank", "amount": 250_00}
    trade.done("mega", redeem)
    assert exposure(trade) == (0, 150_00)
    advance(trade, "2012-04-27")
    trade.done("loan", on_leaf("dishonour", 1), on_leaf("write_off", 1))
    assert exposure(trade) == ()
    trade.check()


def test_invariant_13_an_invoice_gets_no_offer_beyond_what_leaves_have_used(trade: TradeLedger) -> None:
    trade.confirmed_invoice()
    held(trade, amount=500_00)
    trade.done("acme", reserve(price=490_00))
    attest = attested("fund", 490_00, "E1", leaf=0, lender="loan", programme="prime")
    assert trade.refused("bank", attest) == "unknown_programme"
    trade.done("fund", publish())
    assert trade.refused("bank", attest) == "programme_of_other_lender"
    own = {**publish(currency="EUR"), "programme": "own"}
    trade.done("loan", own)
    named = {**attest, "programme": "own"}
    assert trade.refused("bank", named) == "currency_mismatch"
    trade.done("loan", {**publish(limits=[{"obligor": "nova", "limit": 1}]), "programme": "own"})
    assert trade.refused("bank", named) == "obligor_not_eligible"
    advance_of = 850_000_00
    limit = [{"obligor": "mega", "limit": advance_of + 499_99}]
    trade.done("loan", {**publish(limits=limit), "programme": "own"})
    trade.done("bank", named)
    with pytest.raises(Refusal) as refused:
        trade.quote_terms(programme="own")
    assert refused.value.code == "limit_exceeded"
    trade.check()


def test_a_dishonoured_leaf_is_redeemed_late_or_written_off(trade: TradeLedger) -> None:
    held(trade, amount=300_00)
    trade.done("acme", on_leaf("split", amounts=[200_00, 100_00]))
    advance(trade, MATURITY)
    assert trade.refused("acme", on_leaf("dishonour", 1)) == "not_matured"
    advance(trade, "2012-04-27")
    for leaf in (1, 2):
        trade.done("acme", on_leaf("dishonour", leaf))
    assert trade.refused("bolt", on_leaf("write_off", 2)) == "not_party"
    trade.done("acme", on_leaf("write_off", 2))
    trade.done("bank", attested("collect", 200_00, "E1", date="2012-04-27"))
    assert [status(trade, leaf) for leaf in (1, 2)] == ["Dishonoured", "WrittenOff"]
    assert [leaf_of(trade, leaf).redeemed for leaf in (1, 2)] == [133_33, 66_67], "who gave up ranks no lower"
    trade.done("bank", attested("collect", 66_67, "E2", date="2012-04-27"))
    trade.done("bank", attested("collect", 33_33, "E3", date="2012-04-27"))
    assert [status(trade, leaf) for leaf in (1, 2)] == ["RedeemedLate", "RedeemedLate"]
    assert read_totals(trade.state, "mega", "C1") == (300_00, 0, 300_00, 0, 3)
    trade.check()


def test_what_was_given_up_can_still_be_recovered_by_whoever_gave_it_up(trade: TradeLedger) -> None:
    """A write-off is its holder's bookkeeping and no waiver: all that are owed share what comes in late."""
    held(trade, amount=300_00)
    trade.done("acme", on_leaf("split", amounts=[200_00, 100_00]), transfer(2))
    trade.done("bolt", on_leaf("accept", 2))
    advance(trade, "2012-08-01")
    trade.done("bolt", on_leaf("dishonour", 2), on_leaf("write_off", 2))
    trade.done("bank", attested("collect", 150_00, "E1", date="2012-08-01"))
    trade.check()
    assert [leaf_of(trade, leaf).redeemed for leaf in (1, 2)] == [100_00, 50_00]
    assert (status(trade, 2), leaf_of(trade, 2).written_off) == ("WrittenOff", 50_00)
    assert read_totals(trade.state, "mega", "C1") == (300_00, 100_00, 150_00, 50_00, 3)
    assert trade.entry("journal", "bolt", "maturities", "USD") == 50_00
    sums = aggregates(trade)
    assert (sums.paid, sums.recovered, sums.written_off) == (100_00, 50_00, 100_00)
    trade.done("bank", attested("collect", 160_00, "E2", date="2012-08-01"))
    trade.check()
    assert [status(trade, leaf) for leaf in (1, 2)] == ["Redeemed", "RedeemedLate"]
    assert trade.entry("overpaid", "mega", "C1") == 10_00
    assert trade.refused("bank", attested("collect", 1, "E3", date="2012-08-01")) == "nothing_outstanding"


def test_a_certificate_that_was_given_up_as_a_whole_is_recovered_out_of_a_deposit(trade: TradeLedger) -> None:
    held(trade, amount=300_00)
    with_deposits(trade, 300_00, "mega")
    with_deposits(trade, 0, "acme")
    advance(trade, "2012-08-01")
    trade.done("acme", on_leaf("dishonour"), on_leaf("write_off"))
    redeem = {"op": "certificate.redeem", "certificate": "C1", "bank": "bank", "amount": 300_00}
    assert trade.refused("mega", {**redeem, "amount": 300_01}) == "exceeds_outstanding"
    trade.done("mega", redeem)
    trade.check()
    assert (status(trade), balance(trade, "acme").available) == ("RedeemedLate", 300_00)
    assert read_totals(trade.state, "mega", "C1") == (300_00, 0, 300_00, 0, 1)


def test_a_pledge_on_a_dishonoured_leaf_can_end_and_only_then_is_it_written_off(trade: TradeLedger) -> None:
    held(trade)
    trade.done("acme", reserve(price=500_000_00, repay=505_000_00))
    trade.done("bank", attested("fund", 500_000_00, "E1", leaf=0, lender="loan"))
    advance(trade, "2012-04-27")
    trade.done("loan", on_leaf("dishonour"))
    assert trade.refused("acme", on_leaf("write_off")) == "pledged"
    trade.done("loan", on_leaf("release"))
    assert (status(trade), leaf_of(trade).lender) == ("Dishonoured", "")
    trade.done("acme", on_leaf("write_off"))
    trade.check()


def test_the_history_of_a_certificate_shows_its_whole_tree(trade: TradeLedger) -> None:
    held(trade)
    trade.done("acme", on_leaf("split", amounts=[600_000_00, 400_000_00]))
    trade.done("acme", transfer(1))
    trade.done("bolt", on_leaf("accept", 1))
    key = certificate_key("mega", "C1")
    entry = trade.get(key)
    assert entry is not None
    records = trade.records[key]
    assert history.chain(history.NO_RECORDS, records) == entry[1]
    totals: codec.Value = tuple(NO_LEAVES)
    lines = [codec.decode(line) for line in records]
    for line in lines:
        totals = fold(totals, line)
    assert totals == entry[2]
    kinds = [line[1] for line in lines]
    assert kinds == ["issue", "accept", "burn", "mint", "mint", "transfer", "accept"]
    assert [line[2:6] for line in lines[3:5]] == [(1, 0, "acme", 600_000_00), (2, 0, "acme", 400_000_00)]


def test_a_holder_proves_what_it_holds_by_its_own_history(trade: TradeLedger) -> None:
    held(trade)
    trade.done("acme", transfer())
    trade.done("bolt", on_leaf("accept"))
    for holder, expected in (("acme", 0), ("bolt", FACE)):
        lines = [codec.decode(line) for line in trade.records[relationship_key(holder, "mega")]]
        sums = {kind: sum(line[4] for line in lines if line[1] == kind) for kind in ("hold", "let_go")}
        assert sums["hold"] - sums["let_go"] == expected


def test_invariant_15_what_is_over_is_over() -> None:
    assert STATUS.terminal == ("Void", "Split", "Redeemed", "RedeemedLate")
