"""The book of a lender: each record follows from what happens to a claim, and the totals from the records."""

from __future__ import annotations

import pytest
from auction_ledger import market, sold
from test_finance_story import HOLDER, advance_to, attested, credit, demand, financed, lien
from test_payables import approve, extend, programme
from trade_ledger import TradeLedger, fund, payment, publish

from contracts.errors import InvariantBroken
from contracts.finance.pricer import requote
from contracts.holdings import book, portfolio
from contracts.holdings.book import Totals, book_key
from contracts.holdings.portfolio import Position
from contracts.holdings.vintage import expected_late
from contracts.reverse_factoring.approval import read_approval
from contracts.reverse_factoring.extension import charge
from contracts.state_check import check_state
from ledger import codec
from ledger.dates import day_from_iso


def records(trade: TradeLedger, lender: str = "loan") -> list[codec.Value]:
    return [codec.decode(record) for record in trade.records.get(book_key(lender), [])]


def totals(trade: TradeLedger, lender: str = "loan") -> Totals:
    """The totals on the ledger, which are the fold over all records."""
    known = records(trade, lender)
    folded: codec.Value = book.EMPTY
    for record in known:
        folded = book.fold(folded, record)
    entry = trade.entry("book", lender)
    assert entry is not None
    assert (entry[0], codec.encode(entry[2])) == (len(known), codec.encode(folded))
    return Totals._make(entry[2]["USD"])


def positions(trade: TradeLedger, lender: str = "loan") -> tuple[Position, ...]:
    """The positions of a book, which add up to its totals."""
    found = portfolio.positions(records(trade, lender))
    sums = totals(trade, lender)
    assert sums == Totals(*(sum(places) for places in zip(*(one.sums for one in found), strict=True)))
    return found


def kinds(trade: TradeLedger, lender: str = "loan") -> list[str]:
    return [record[1] for record in records(trade, lender)]


def test_a_claim_that_is_paid_in_full_is_bought_collected_and_ended() -> None:
    trade = financed()
    (position,) = positions(trade)
    claim = lien(trade)
    assert (position.principal, position.sums.reserve) == (claim.principal, claim.reserve_left)
    assert (position.buyer, position.programme, position.due_day) == (
        "mega",
        "prime",
        day_from_iso("2012-04-26"),
    )
    advance_to(trade, "2012-04-20")
    trade.done("bank", payment("INV1", 950_000_00, "IN INV1", date="2012-04-20"))
    trade.check()
    assert kinds(trade) == ["buy", "collect", "end"]
    (position,) = positions(trade)
    assert position.late_ppm == claim.late_ppm == 350_000, "an empty network's prior: what the quote said"
    assert (position.principal, position.sums.reserve, position.is_open) == (0, 0, False)
    assert totals(trade).collected == claim.advance


def test_days_late_that_the_price_expected_do_not_grow_while_the_offer_waits_for_its_payout() -> None:
    trade = TradeLedger()
    trade.done("loan", publish())
    trade.confirmed_invoice()
    quote = requote(trade.state, "acme", "INV1", "prime")
    trade.done("loan", trade.offer())
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    advance_to(trade, "2012-03-09")
    trade.done("bank", fund("INV1", quote.paid_out, date="2012-03-09"))
    trade.check()
    (position,) = positions(trade)
    assert position.bought - quote.day == 8, "offered on 1 March, paid on the 9th"
    assert expected_late(position) == quote.tenor_days - (quote.due_day - quote.day) == 4


def test_a_default_that_is_written_off_and_recovered_stays_lost_and_recovered() -> None:
    trade = financed()
    advance_to(trade)
    trade.done("loan", {"op": "default.declare", **HOLDER})
    trade.done("loan", {"op": "default.write_off", **HOLDER})
    trade.check()
    claim = lien(trade)
    assert totals(trade).written_off == claim.principal
    trade.done("bank", payment("INV1", 950_000_00, "IN INV1", date="2012-08-01"))
    trade.check()
    assert kinds(trade) == ["buy", "default", "write_off", "recover", "end"]
    (position,) = positions(trade)
    assert position.sums.recovered == position.sums.written_off == claim.advance
    assert position.sums.interest > 0, "overdue interest is taken out of the reserve"
    assert (position.principal, position.sums.owed) == (0, 0)


def test_a_credit_note_takes_the_reserve_first_and_the_shortfall_outlives_the_claim() -> None:
    trade = financed()
    credit(trade, 200_000_00)
    (position,) = positions(trade)
    assert (position.sums.reserve, position.shortfall) == (0, 57_500_00)
    trade.done("loan", demand("dilution"))
    trade.done("bank", payment("INV1", 750_000_00, "IN INV1", date="2012-03-01"))
    trade.check()
    assert totals(trade).owed == 57_500_00
    trade.done("bank", attested("recourse.attest", 57_500_00, lender="loan", recourse="R1"))
    trade.check()
    assert kinds(trade) == ["buy", "bear", "collect", "end", "recoup"]
    (position,) = positions(trade)
    assert (position.sums.owed, position.sums.repaid, position.shortfall) == (0, 57_500_00, 0)


def test_a_released_pledge_is_repaid_and_the_next_claim_is_another_position() -> None:
    trade = financed(security="pledge")
    trade.done("bank", attested("release.attest", lien(trade).principal, **HOLDER))
    trade.check()
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"], "OUT-2"))
    trade.check()
    first, second = positions(trade)
    assert (first.is_open, second.is_open) == (False, True)
    assert first.sums.repaid == first.sums.advanced


def test_a_substituted_receivable_keeps_its_position_under_the_other_invoice() -> None:
    trade = financed()
    trade.confirmed_invoice("INV2", 1_000_000_00)
    trade.done("loan", demand("warranty"))
    proposal = {"lender": "loan", "recourse": "R1", "invoice": "INV2"}
    trade.done("acme", {"op": "recourse.propose", **proposal})
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "INV2"})
    trade.check()
    (position,) = positions(trade)
    claim = lien(trade, "INV2")
    assert (position.invoice, position.sums.reserve) == ("INV2", claim.reserve_left)
    trade.done("bank", payment("INV2", 1_000_000_00, "IN INV2", date="2012-03-01"))
    trade.check()
    assert not positions(trade)[0].is_open


def test_an_earlier_due_date_that_the_buyer_confirms_reaches_the_book() -> None:
    trade = financed()
    dispute = {"op": "invoice.dispute", "invoice": "INV1", "supplier": "acme", "amount": 1, "reason": "x"}
    trade.done("mega", dispute)
    again = {"op": "invoice.confirm", "invoice": "INV1", "supplier": "acme", "net": 950_000_00}
    trade.done("mega", {**again, "due_date": "2012-04-20"})
    trade.check()
    assert positions(trade)[0].due_day == day_from_iso("2012-04-20")


def test_more_time_that_a_buyer_pays_for_is_income_and_another_due_date() -> None:
    trade = programme()
    trade.done("mega", approve("INV1"))
    approved = read_approval(trade.state, "acme", "INV1")
    assert approved is not None
    cost = charge(approved, lien(trade), 30)
    trade.done("mega", extend("2012-05-26", cost))
    trade.check()
    assert kinds(trade) == ["buy", "collect", "due"]
    (position,) = positions(trade)
    assert (position.sums.interest, position.due_day) == (cost, day_from_iso("2012-05-26"))


def test_each_lender_of_a_shared_claim_has_its_part_in_its_own_book() -> None:
    trade = market()
    sold(trade, {"loan": (60_000, 60_000_00), "fund": (72_000, 60_000_00)})
    trade.check()
    shares = {share[0]: share[1] for share in lien(trade).shares}
    assert len(shares) > 1
    assert {name: totals(trade, name).principal for name in shares} == shares


def test_what_nobody_financed_is_in_no_book() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    assert trade.entry("book", "loan") is None


def altered(trade: TradeLedger, currency_place: int, by: int) -> int:
    """The number of the law that a book with one altered total breaks."""
    entries = {key: codec.decode(data) for key, data in trade.state.data.items()}
    count, head, sums = entries[book_key("loan")]
    places = list(sums["USD"])
    places[currency_place] += by
    entries[book_key("loan")] = (count, head, {"USD": tuple(places)})
    with pytest.raises(InvariantBroken) as caught:
        check_state(entries.items())
    return caught.value.number


@pytest.mark.parametrize(
    ("name", "number"),
    [("open", 13), ("principal", 13), ("reserve", 13), ("owed", 19), ("advanced", 19), ("collected", 19)],
)
def test_invariants_13_and_19_a_book_that_is_not_its_claims_is_refused(name: str, number: int) -> None:
    trade = financed()
    assert altered(trade, Totals._fields.index(name), 1) == number
    entries = {key: codec.decode(data) for key, data in trade.state.data.items() if key != book_key("loan")}
    with pytest.raises(InvariantBroken):
        check_state(entries.items())
