"""Each numbered invariant: its check refuses what breaks it, and no operation can break it.

The trade machine (`test_trade_machine`) checks them all together after every step; here each stands alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import (
    KEYS,
    TradeLedger,
    confirm,
    dispatch,
    fund,
    invoice,
    order_submit,
    payment,
    publish,
    receive,
)

from contracts import Contracts, invariants
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, claim_adds_up, eased, paid_back_at_most_once, reduced, waterfall
from contracts.finance.pricer import requote
from contracts.pricing import Features
from contracts.state_check import CHECKS, by_kind, check_state
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.trade.invoice import ASSIGNED, Invoice, amounts_add_up, fingerprint
from contracts.trade.order import OrderLine, line_in_order
from ledger import codec
from ledger.state.overlay import Overlay, state_key

few = settings(max_examples=25)
amounts = st.integers(0, 10**12)


def stored(trade: TradeLedger, number: str = "INV1") -> Invoice:
    return Invoice._make(trade.entry("invoice", "acme", number))


def broken(trade: TradeLedger, kind: str, parts: tuple[Any, ...], place: int, value: codec.Value) -> int:
    """The number of the invariant that a state with one altered place breaks."""
    key = state_key(kind, *parts)
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    before = entries[key]
    entries[key] = (*before[:place], value, *before[place + 1 :])
    with pytest.raises(InvariantBroken) as caught:
        check_state(entries.items())
    return caught.value.number


# 1


@few
@given(gross=st.integers(2, 10**10), data=st.data())
def test_invariant_1_gross_is_the_sum_of_its_parts_whatever_happens(gross: int, data: st.DataObject) -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("INV1", gross))
    net = data.draw(st.integers(1, gross), label="net")
    trade.done("mega", confirm("INV1", net))
    paid = data.draw(st.integers(1, net), label="paid")
    trade.done("bank", payment("INV1", paid, "IN 1"))
    if paid < net:
        credited = data.draw(st.integers(1, net - paid), label="credited")
        issue = {
            "op": "credit.issue",
            "credit": "C",
            "invoice": "INV1",
            "amount": credited,
            "date": "2012-03-01",
        }
        trade.done("acme", issue)
        trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    found = stored(trade)
    amounts_add_up(found)
    assert found.gross == found.credited + found.paid + found.outstanding == gross
    trade.check()


@given(parts=st.lists(amounts, min_size=5, max_size=5), error=st.sampled_from([-1, 1]))
def test_invariant_1_check_refuses_one_unit_too_much_or_too_little(parts: list[int], error: int) -> None:
    fields = dict(zip(("credited", "paid", "offset", "written_off", "outstanding"), parts, strict=True))
    blank = Invoice("b", "USD", 1, 1, "", (), sum(parts), 0, 0, 0, 0, 0, 0, 0, 0, 0, b"", 0, "", "", 0, 0, ())
    whole = blank._replace(**fields)
    amounts_add_up(whole)
    with pytest.raises(InvariantBroken, match="invariant 1"):
        amounts_add_up(whole._replace(gross=whole.gross + error))


# 5


def test_invariant_5_a_claimed_invoice_is_not_offered_twice_by_anyone() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    trade.done("fund", {**publish(), "programme": "extra"})
    offer = trade.offer()
    trade.done("loan", offer)
    assert trade.refused("loan", offer) == "already_financed"
    assert trade.refused("fund", {**offer, "programme": "extra"}) == "already_financed"
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    assert trade.refused("fund", {**offer, "programme": "extra"}) == "already_financed"
    assert broken(trade, "invoice", ("acme", "INV1"), 8, 0) == 5


# 6


@given(
    net=st.integers(1, 10**10),
    rate_ppm=st.sampled_from([0, 500_000, 850_000, 990_000, 1_000_000]),
    restores=st.integers(0, 1),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 10**10), st.integers(0, 400)), max_size=8),
)
def test_invariant_6_the_parts_of_a_claim_stay_what_the_buyer_owes(
    net: int, rate_ppm: int, restores: int, steps: list[tuple[bool, int, int]]
) -> None:
    advance = net * rate_ppm // 1_000_000
    lien = Lien(
        ASSIGNED, "l", "p", 1, "b", "USD", 0, 0, 1, net, 60, advance, net - advance, 0, 0, advance, rate_ppm,
        72_000, 360, restores, 1, "a", "e", advance, net - advance, 60,
    )  # fmt: skip
    outstanding, day = net, 1
    for is_credit, amount, days in steps:
        amount, day = min(amount, outstanding), day + days
        if not amount:
            break
        outstanding -= amount
        if is_credit:
            lien = reduced(lien, amount, outstanding)
        else:
            lien, parts = waterfall(lien, amount, day)
            invariants.allocation_is_complete(amount, parts)
            paid_back_at_most_once(lien)
            lien = eased(lien)
        claim_adds_up(lien, outstanding)


# 7


@few
@given(
    ordered=st.integers(1, 50),
    shipped=st.integers(1, 60),
    accepted=st.integers(0, 60),
    rejected=st.integers(0, 60),
    billed=st.integers(1, 60),
    price_above=st.integers(-2, 2),
)
def test_invariant_7_no_line_is_billed_beyond_acceptance_order_and_price(
    ordered: int, shipped: int, accepted: int, rejected: int, billed: int, price_above: int
) -> None:
    trade = TradeLedger({"quantity_tolerance_ppm": 50_000, "price_tolerance_ppm": 0})
    trade.order("PO1", (("1", ordered, 100_000_000),))
    fits_order = shipped <= ordered * 105 // 100
    assert (trade.submit("acme", dispatch("S1", quantity=shipped)) == ()) is fits_order
    fits_shipment = fits_order and accepted + rejected <= shipped
    assert (trade.submit("mega", receive("S1", accepted=accepted, rejected=rejected)) == ()) is fits_shipment
    amount = max(1, billed * 100 + price_above)
    fits = fits_shipment and billed <= accepted and price_above <= 0
    assert (trade.submit("acme", invoice("I", amount, order="PO1", quantity=billed)) == ()) is fits
    trade.check()


def test_invariant_7_quantities_come_back_when_an_invoice_is_withdrawn_and_only_then() -> None:
    trade = TradeLedger()
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("A", 600_000, order="PO1", quantity=60))
    assert trade.refused("acme", invoice("B", 410_000, order="PO1", quantity=41)) == "exceeds_accepted"
    trade.done("acme", {"op": "invoice.cancel", "invoice": "A"})
    trade.done("acme", invoice("B", 1_000_000, order="PO1", quantity=100))
    reject = {"op": "invoice.reject", "invoice": "B", "supplier": "acme", "reason": "wrong"}
    trade.done("mega", reject)
    trade.done("acme", invoice("C", 1_000_000, order="PO1", quantity=100))
    trade.check()
    assert broken(trade, "order_line", ("acme", "mega", "PO1", "1"), 6, 99) == 7


@given(line=st.tuples(*[st.integers(0, 20)] * 6), tolerance=st.sampled_from([0, 100_000]))
def test_invariant_7_check_is_the_chain_of_inequalities(line: tuple[int, ...], tolerance: int) -> None:
    """Shipped is what is on its way or kept; only what was returned may be billed beyond what is kept."""
    ordered, shipped, accepted, rejected, invoiced, returned = line
    holds = invoiced <= accepted + returned and accepted <= shipped <= ordered * (10 + (tolerance > 0)) // 10
    entry = OrderLine("item", ordered, 1, shipped, accepted, rejected, invoiced, returned)
    if holds:
        line_in_order(entry, tolerance)
    else:
        with pytest.raises(InvariantBroken, match="invariant 7"):
            line_in_order(entry, tolerance)


# 8

DIFFERENCES: dict[str, Any] = {
    "buyer": "nova",
    "currency": "EUR",
    "gross": 101,
    "issue_date": "2012-02-21",
    "quantity": 2,
}


@pytest.mark.parametrize("field", [*DIFFERENCES, "document", "due_date"])
def test_invariant_8_the_same_content_under_another_number_is_refused(field: str) -> None:
    """Only what is billed counts: not the number, and nothing that changes with it."""
    trade = TradeLedger()
    trade.done("acme", invoice("A", 100))
    changes = {"document": {"document": b"d" * 32}, "due_date": {"due_date": "2012-04-27"}}.get(field)
    if changes is not None:
        assert trade.refused("acme", {**invoice("B", 100), **changes}) == "duplicate_invoice"
        return
    value = DIFFERENCES[field]
    other = invoice("B", value) if field == "gross" else invoice("B", 100, **{field: value})
    trade.done("acme", other)
    trade.check()


@given(
    first=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    second=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
)
def test_invariant_8_fingerprints_are_equal_exactly_when_the_content_is(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> None:
    def of(content: tuple[int, int, int], document: bytes) -> bytes:
        issue, quantity, amount = content
        lines = (("1", quantity, amount),)
        zeros = (0, 0, 0, 0, 0, 0, 0, 0)
        billed = Invoice(
            "b", "USD", issue, 9, "", lines, amount, *zeros, amount, document, 0, "", "", 0, 0, ()
        )
        return fingerprint("s", billed)

    assert (of(first, b"") == of(second, b"x" * 32)) is (first == second)


def test_invariant_8_another_order_of_the_lines_is_the_same_invoice() -> None:
    trade = TradeLedger()
    lines = [{"line": str(number), "quantity": 1, "amount": 50 + number} for number in range(3)]
    trade.done("acme", invoice("A", 153, lines=lines))
    assert trade.refused("acme", invoice("B", 153, lines=lines[::-1])) == "duplicate_invoice"
    trade.check()


def test_invariant_8_a_cancelled_invoice_frees_its_fingerprint() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("A", 100))
    trade.done("acme", {"op": "invoice.cancel", "invoice": "A"})
    trade.done("acme", invoice("B", 100))
    assert trade.refused("acme", invoice("C", 100)) == "duplicate_invoice"
    assert trade.refused("acme", invoice("A", 100)) == "duplicate_number", "a number is used once for ever"
    trade.check()


# 9


def test_invariant_9_nothing_adds_amounts_of_two_currencies() -> None:
    trade = TradeLedger()
    trade.order()
    trade.deliver("S1")
    euros = invoice("A", 1_000, order="PO1", quantity=10, currency="EUR")
    assert trade.refused("acme", euros) == "currency_mismatch"
    trade.confirmed_invoice("INV1")
    assert trade.refused("bank", payment("INV1", 5, "IN 1", currency="EUR")) == "currency_mismatch"
    trade.done("loan", publish(currency="EUR"))
    offer = {
        "op": "finance.offer",
        "programme": "prime",
        "supplier": "acme",
        "invoice": "INV1",
        "expires": "2012-03-05",
        "terms": {
            "net": 1,
            "tenor_days": 1,
            "advance": 1,
            "reserve": 0,
            "discount": 0,
            "fee": 0,
            "paid_out": 1,
        },
    }
    assert trade.refused("loan", offer) == "currency_mismatch"
    trade.check()


@given(
    records=st.lists(
        st.tuples(st.sampled_from(["EUR", "USD", "JPY"]), st.integers(1, 10**9), st.integers(15_000, 15_400)),
        max_size=12,
    )
)
def test_invariant_9_aggregates_of_one_currency_do_not_see_the_others(
    records: list[tuple[str, int, int]],
) -> None:
    def fold_all(wanted: set[str]) -> codec.Value:
        aggregates = relationship_sums.EMPTY
        for currency, amount, day in sorted(records, key=lambda record: record[2]):
            if currency in wanted:
                record = (day, "payment", "n", currency, amount, day, day - 3, amount, 1, day - 33, amount, 0)
                aggregates = relationship_records.fold(aggregates, record)
        return aggregates

    together = fold_all({"EUR", "USD", "JPY"})
    for currency in ("EUR", "USD", "JPY"):
        assert together.get(currency) == fold_all({currency}).get(currency)


# 10


@given(st.lists(st.tuples(st.sampled_from(["EUR", "USD"]), st.integers(-100, 100)), max_size=6))
def test_invariant_10_check_wants_zero_in_each_currency(parts: list[tuple[str, int]]) -> None:
    postings = [("o", "a", currency, amount) for currency, amount in parts]
    sums = {currency: sum(amount for code, amount in parts if code == currency) for currency, _ in parts}
    if any(sums.values()):
        with pytest.raises(InvariantBroken, match="invariant 10"):
            invariants.postings_sum_to_zero(postings)
    else:
        invariants.postings_sum_to_zero(postings)


def test_invariant_10_the_journal_of_a_whole_deal_sums_to_zero() -> None:
    trade = TradeLedger()
    trade.financed_invoice()
    trade.done("bank", payment("INV1", 1_200_000_00, "IN 1"))
    journal = by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())["journal"]
    assert len(journal) >= 7
    assert sum(journal.values()) == 0
    trade.check()


# 11


def test_invariant_11_a_bank_entry_is_consumed_once_by_anyone_for_anything() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("A", 1_000)
    trade.confirmed_invoice("B", 2_000)
    trade.done("bank", payment("A", 10, "IN 1"))
    before = dict(trade.state.data)
    assert trade.refused("bank", payment("A", 10, "IN 1")) == "bank_entry_used"
    assert trade.refused("bank", payment("B", 20, "IN 1")) == "bank_entry_used"
    assert trade.refused("giro", payment("A", 10, "IN 1")) == "account_of_other_bank"
    assert trade.refused("giro", payment("A", 10, "IN 2")) == "account_of_other_bank"
    assert trade.state.data == before
    trade.done("bank", payment("A", 10, "IN 2"))
    trade.done("giro", payment("A", 10, "IN 1", account="another account"))
    assert stored(trade, "A").paid == 30


@pytest.mark.parametrize("account", ["DE02120300000000202051", "DE02 12030000 0000202051"])
def test_invariant_11_an_account_is_the_same_however_it_is_spaced(account: str) -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.done("bank", payment("INV1", 10, "IN 1"))
    assert trade.refused("bank", payment("INV1", 10, "IN 1", account=account)) == "bank_entry_used"
    assert trade.refused("giro", payment("INV1", 10, "IN 2", account=account)) == "account_of_other_bank"
    trade.check()


def test_invariant_11_a_payout_consumes_its_entry_too() -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.confirmed_invoice("INV2", 5_000_00)
    assert trade.refused("bank", payment("INV2", 5, "OUT-1 INV1")) == "bank_entry_used"
    with pytest.raises(InvariantBroken, match="invariant 11"):
        invariants.entry_is_unused(("bank",))


# 12


def test_invariant_12_title_and_cash_move_in_one_operation_or_not_at_all() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    paid_out = offer["terms"]["paid_out"]
    assert trade.refused("bank", fund("INV1", paid_out)) == "not_accepted"
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    before = dict(trade.state.data)
    assert trade.refused("bank", fund("INV1", paid_out - 1)) == "amount_mismatch"
    assert trade.refused("bank", fund("INV1", paid_out, lender="fund")) == "no_offer"
    assert trade.refused("loan", fund("INV1", paid_out)) == "wrong_role"
    assert trade.state.data == before
    trade.done("bank", fund("INV1", paid_out))
    assert stored(trade).title == ASSIGNED
    assert trade.entry("journal", "acme", "proceeds", "USD") == paid_out
    assert broken(trade, "lien", ("acme", "INV1"), 22, "other entry") == 12
    trade.check()


@pytest.mark.parametrize("change", ["payment", "credit", "dispute", "expiry"])
def test_invariant_12_a_reservation_dies_with_the_receivable_that_it_priced(change: str) -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    if change == "payment":
        trade.done("bank", payment("INV1", 1, "IN 1"))
    elif change == "credit":
        issue = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 1, "date": "2012-03-01"}
        trade.done("acme", issue)
        trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    elif change == "dispute":
        dispute = {"op": "invoice.dispute", "invoice": "INV1", "supplier": "acme", "amount": 1, "reason": "r"}
        trade.done("mega", dispute)
    else:
        trade.done("root", {"op": "date.advance", "date": "2012-03-11"})
        assert trade.entry("lien", "acme", "INV1") is not None, "its last day"
        trade.done("root", {"op": "date.advance", "date": "2012-03-12"})
    assert trade.entry("lien", "acme", "INV1") is None
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    assert trade.refused("bank", fund("INV1", offer["terms"]["paid_out"])) == "no_offer"
    trade.check()


# 17


def test_invariant_17_another_organisation_of_the_right_role_is_refused() -> None:
    trade = TradeLedger()
    trade.order()
    trade.done("acme", dispatch("S1"))
    trade.done("acme", invoice("INV1", 100))
    trade.done(
        "acme", {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 1, "date": "2012-03-01"}
    )
    assert trade.refused("nova", confirm("INV1", 100)) == "not_party"
    assert trade.refused("nova", receive("S1")) == "not_party"
    assert trade.refused("nova", {"op": "credit.accept", "credit": "C", "supplier": "acme"}) == "not_party"
    assert trade.refused("bolt", {"op": "invoice.cancel", "invoice": "INV1"}) == "unknown_invoice"


@pytest.mark.parametrize("approver", ["root", "acme", "mega"])
def test_invariant_17_keys_of_one_approver_cannot_make_both_halves(approver: str) -> None:
    trade = TradeLedger(enrolled_by={"acme": approver, "mega": approver})
    trade.done("acme", order_submit("PO1", (("1", 10, 100_000_000),)))
    assert trade.refused("mega", {"op": "order.issue", "order": "PO1", "supplier": "acme"}) == "same_approver"
    trade.done("acme", invoice("INV1", 100))
    assert trade.refused("mega", confirm("INV1", 100)) == "same_approver"
    spare = {"op": "key.add", "key": KEYS["spare"].public, "name": "spare"}
    trade.done("mega", spare)
    assert trade.refused("spare", confirm("INV1", 100)) == "same_approver", "a key added by oneself inherits"
    trade.check()


def test_invariant_17_approvers_that_differ_may() -> None:
    trade = TradeLedger(enrolled_by={"acme": "root", "mega": "bank"})
    trade.confirmed_invoice()
    assert (stored(trade).supplier_approver, stored(trade).buyer_approver) == ("root", "bank")
    assert broken(trade, "invoice", ("acme", "INV1"), 19, "root") == 17


# 22 and 23


@few
@given(
    moves=st.lists(
        st.tuples(st.integers(1, 10**7), st.integers(1, 100), st.integers(0, 20)),
        max_size=6,
        unique_by=lambda move: move[0],
    )
)
def test_invariant_22_the_same_state_gives_the_same_quote_bytes_by_any_way_of_reading(
    moves: list[tuple[int, int, int]],
) -> None:
    """From the executor's overlay, from committed bytes, and from the records alone."""
    trade = TradeLedger()
    trade.done("loan", publish(accept_backdated=True, min_tenor_days=0))
    for number, (gross, share, days) in enumerate(moves):
        trade.confirmed_invoice(f"OLD{number}", gross)
        trade.done("bank", payment(f"OLD{number}", max(1, gross * share // 100), f"IN {number}"))
        if days:
            date = f"2012-03-{2 + number * 3:02}"
            trade.done("root", {"op": "date.advance", "date": date})
    trade.confirmed_invoice("INV1", 1_000_000_00)
    quote = requote(trade.state, "acme", "INV1", "prime")
    assert requote(Overlay(trade.state), "acme", "INV1", "prime").data == quote.data
    folded = relationship_sums.EMPTY
    for data in trade.records[relationship.relationship_key("acme", "mega")]:
        folded = relationship_records.fold(folded, codec.decode(data))
    day = trade.entry("param", "business_date")
    kept = trade.entry("relationship", "acme", "mega")[2]
    of_records = Features.of(relationship_sums.of_currency(folded, "USD"), day)
    assert of_records == Features.of(relationship_sums.of_currency(kept, "USD"), day)


def test_invariant_23_replaying_gives_the_same_state_and_preparing_twice_changes_nothing() -> None:
    trade = TradeLedger()
    trade.order()
    trade.deliver("S1")
    trade.financed_invoice()
    trade.submit("acme", invoice("INV1", 5))
    again = TradeLedger()
    contracts = Contracts()
    for transaction in trade.transactions:
        contracts.prepare(transaction)
        again.execute(transaction)
    assert again.state.data == trade.state.data
    assert again.results == trade.results


def test_every_check_of_a_whole_state_names_its_number() -> None:
    assert all((check.__doc__ or "")[0].isdigit() for check in CHECKS)
