"""Quotes priced by the model in force: inputs are proved, reasons add up, an offer binds what was quoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lateness_model import MODEL
from test_model_governance import DATA, HASH, RECORD, upload
from test_model_governance import publish as publish_model
from test_quote import NUMBER, TERMS, TODAY, Ledger
from trade_ledger import TradeLedger, confirm, payment, publish
from trade_ledger import invoice as bill

from contracts.finance import model
from contracts.finance.eligibility import Rules
from contracts.finance.pricer import challenge, read_basis, requote
from contracts.finance.programme import programme_key
from contracts.finance.quote import Quote, make_quote, verify_quote
from contracts.pricing.forest import LEAF
from contracts.pricing.known import Asked, read_known
from contracts.pricing.lateness import describe_in
from contracts.pricing.model import Ensemble, Model
from contracts.pricing.prediction import in_proportion, predict
from contracts.trade import relationship
from contracts.trade.habit_entry import NETWORK_KEY, habit_key
from ledger.dates import day_from_iso, iso_from_day
from ledger.errors import VerificationError

BY_MODEL = TERMS.model_copy(update={"lateness_basis": "model"})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A chain with a champion; the programme takes lateness from the model."""
    opened = Ledger(tmp_path / "data")
    opened.write({programme_key("invoices"): ("bank", 2, BY_MODEL.to_value(), Rules().to_value(), ())})
    yield opened
    opened.store.close()


def adopt(ledger: Ledger, data: bytes) -> None:
    name = sha256(data).digest()
    ledger.write({model.part_key("bank", name, 0): data, model.role_key("champion"): ("bank", name, 1)})


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(-(10**9), 10**9), max_size=12))
def test_parts_in_proportion_add_up_whatever_the_signs(total: int, points: list[int]) -> None:
    if not sum(points):
        total = 0
    parts = in_proportion(total, points)
    assert sum(parts) == total
    for part, point in zip(parts, points, strict=True):
        if sum(points):
            assert abs(part - total * point / sum(points)) <= 1 + abs(part) * 1e-9


def test_without_a_model_the_quote_rests_on_shrinkage_from_the_programmes_prior(ledger: Ledger) -> None:
    proved = verify_quote(ledger.quote().encode(), ledger.genesis)
    terms = proved.terms
    assert (terms.model, Quote.decode(ledger.quote().encode()).model) == (b"", b"")
    names = [name for name, _ in terms.lateness_reasons]
    assert names[0] == "base"
    assert set(names) <= {"base", "supplier", "buyer", "relationship", "overdue"}
    assert sum(part for _, part in terms.lateness_reasons) == terms.expected_late_centidays
    assert terms.tenor_days == 56 + -(-terms.expected_late_centidays // 100)


def test_the_model_in_force_makes_the_price_and_comes_along(ledger: Ledger) -> None:
    adopt(ledger, DATA)
    quote = ledger.quote()
    proved = verify_quote(quote.encode(), ledger.genesis)
    assert (quote.model, proved.terms.model) == (DATA, HASH)
    said = MODEL.predict(_described(ledger))
    assert (proved.terms.late_ppm, proved.terms.median_late_centidays) == said[:2]
    assert proved.terms.expected_late_centidays == said.beyond_centidays
    reasons = dict(proved.terms.lateness_reasons)
    assert sum(reasons.values()) == said.beyond_centidays
    assert set(reasons) <= {"base", *MODEL.features}


def test_a_model_whose_points_nearly_cancel_stops_no_quote(ledger: Ledger) -> None:
    """In proportion to what is left of them its reasons would be longer than any integer that is written."""
    most, steep = 2**40 - 1, ((-1, 0), (0, 2**53))
    points = [((0, -(10**9) - 1, 1, 2, 0), (LEAF, 0, 0, 0, 0), (LEAF, 0, 0, 0, most))]
    points.append(((1, -(10**9) - 1, 1, 2, 0), (LEAF, 0, 0, 0, 0), (LEAF, 0, 0, 0, -most - 1)))
    odd = Model(("term", "due_class"), MODEL.late, MODEL.days, Ensemble(0, tuple(points), steep))
    adopt(ledger, odd.encode())
    terms = verify_quote(ledger.quote().encode(), ledger.genesis).terms
    assert terms.expected_late_centidays == 0
    assert terms.lateness_reasons == (("base", 2**53), ("due_class", -(2**53)))
    adopt(ledger, DATA)


def test_a_reader_that_has_the_model_gets_the_quote_without_it_and_completes_the_file(ledger: Ledger) -> None:
    adopt(ledger, DATA)
    whole = ledger.quote()
    short = make_quote(ledger.chain, "supplier", NUMBER, "invoices", HASH)
    assert short == replace(whole, model=b"")
    assert short.completed((DATA[:-1], DATA)) == whole.completed((DATA[:-1],)) == whole
    assert short.completed((DATA[:-1],)) == short, "no other model takes its place"
    with pytest.raises(VerificationError, match="not those of the model in force"):
        verify_quote(short.encode(), ledger.genesis)


def test_a_reader_with_an_older_model_gets_the_one_in_force(ledger: Ledger) -> None:
    adopt(ledger, DATA)
    assert make_quote(ledger.chain, "supplier", NUMBER, "invoices", bytes(32)).model == DATA


def test_a_quote_by_an_isotonic_model_is_verified_by_whoever_has_its_bytes(ledger: Ledger) -> None:
    """Its probability lies on the steps, rounded down between two of them; nobody needs what fitted them."""
    score = MODEL.late.score(MODEL.values(_described(ledger)))
    steps = ((score - 3, 100_000), (score + 4, 300_000), (score + 9, 300_000))
    stepped = Model(MODEL.features, replace(MODEL.late, curve=steps), MODEL.days, MODEL.beyond)
    adopt(ledger, stepped.encode())
    proved = verify_quote(ledger.quote().encode(), ledger.genesis)
    assert proved.terms.model == sha256(stepped.encode()).digest()
    assert proved.terms.late_ppm == 100_000 + 200_000 * 3 // 7 == 185_714
    adopt(ledger, DATA)
    forged = replace(ledger.quote(), model=stepped.encode())
    with pytest.raises(VerificationError, match="not those of the model in force"):
        verify_quote(forged.encode(), ledger.genesis)


def _described(ledger: Ledger) -> tuple[int, ...]:
    """The ledger's invoice as the quote's model reads it."""
    asked = Asked(TODAY, TODAY - 4, TODAY + 56, 1_000_000_00, "EUR")
    return describe_in(ledger.chain, "supplier", "buyer", asked, TODAY + 56)


def test_another_model_than_the_one_in_force_is_refused(ledger: Ledger) -> None:
    adopt(ledger, DATA)
    quote = ledger.quote()
    other = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ())).encode()
    for forged in (replace(quote, model=other), replace(quote, model=b""), replace(quote, model=DATA[:-1])):
        with pytest.raises(VerificationError, match="not those of the model in force"):
            verify_quote(forged.encode(), ledger.genesis)


def test_a_model_that_nobody_adopted_is_refused(tmp_path: Path) -> None:
    opened = Ledger(tmp_path / "data")
    forged = replace(opened.quote(), model=DATA)
    with pytest.raises(VerificationError, match="none was in force"):
        verify_quote(forged.encode(), opened.genesis)
    opened.store.close()


@pytest.mark.parametrize(
    "left_out",
    [
        habit_key("supplier", "buyer"),
        habit_key("", "buyer"),
        habit_key("supplier", ""),
        NETWORK_KEY,
        model.role_key("champion"),
        relationship.relationship_key("supplier", "buyer"),
    ],
    ids=[
        "relationship's habit",
        "buyer's habit",
        "supplier's habit",
        "network's habit",
        "champion",
        "history",
    ],
)
def test_every_input_of_a_prediction_must_be_proved(ledger: Ledger, left_out: bytes) -> None:
    quote = ledger.quote()
    keys = [key for key, _ in quote.state.entries]
    assert left_out in keys
    forged = replace(quote, state=ledger.chain.state_proof([key for key in keys if key != left_out]))
    with pytest.raises(VerificationError, match="leaves out an input of the price"):
        verify_quote(forged.encode(), ledger.genesis)


def traded(payments: list[tuple[int, int]], lateness_basis: str = "model") -> TradeLedger:
    """acme's invoices to mega, (amount, days late), all due and paid before the business date."""
    trade = TradeLedger()
    trade.done("loan", publish(lateness_basis=lateness_basis))
    for number, (amount, late) in enumerate(payments):
        due = day_from_iso("2012-01-10") + number % 20
        trade.done(
            "acme", bill(f"P{number}", amount, due=iso_from_day(due), issue_date=f"2011-12-{number + 1:02}")
        )
        trade.done("mega", confirm(f"P{number}", amount, iso_from_day(due)))
        trade.done("bank", payment(f"P{number}", amount, f"IN {number}", date=iso_from_day(due + late)))
    return trade


def test_a_new_customer_gets_the_prior() -> None:
    trade = traded([])
    trade.confirmed_invoice()
    terms = requote(trade.state, "acme", "INV1", "prime")
    assert (terms.expected_late_centidays, terms.lateness_reasons) == (400, (("base", 400),))
    assert terms.tenor_days == 56 + 4
    trade.done("root", upload(DATA), publish_model())
    described = requote(trade.state, "acme", "INV1", "prime")
    assert described.model == HASH
    assert described.tenor_days >= 56


PAYMENTS = st.lists(st.tuples(st.integers(1, 10**7), st.integers(-5, 30)), max_size=6)


def test_parts_are_given_by_largest_remainder() -> None:
    # 50/11 and 30/11 twice: 4, 2, 2 and remainders of 6, 8, 8 elevenths
    assert in_proportion(10, [5, 3, 3]) == (4, 3, 3)
    assert in_proportion(100, [1, 1, 1]) == (34, 33, 33), "the earlier one first among equals"
    assert in_proportion(-10, [5, 3, 3]) == (-4, -3, -3)


@settings(max_examples=15)
@given(PAYMENTS, st.integers(1, 10**7))
def test_an_invoice_is_described_as_it_would_have_been_before_it_came(
    payments: list[tuple[int, int]], amount: int
) -> None:
    trade = traded(payments)
    day, due = day_from_iso("2012-03-01"), day_from_iso("2012-04-26")
    asked = Asked(day, day_from_iso("2012-02-20"), due, amount, "USD")
    before = read_known(trade.state, "acme", "mega", asked)
    trade.confirmed_invoice("NEW", amount)
    basis = read_basis(trade.state, "acme", "NEW", "prime")
    assert basis.inputs.prediction == predict(None, asked, before, basis.terms)


def test_a_model_that_counts_what_is_open_does_not_count_the_invoice_itself() -> None:
    trade = traded([(100_00, 3), (100_00, 0)])
    trade.confirmed_invoice("OTHER", 70_00)
    counts = ("open_invoices", "buyer_open", "supplier_open")
    steps = tuple([((place, 1, 1, 2, 0), (LEAF, 0, 0, 0, 0), (LEAF, 0, 0, 0, 1_000)) for place in range(3)])
    counting = Model(counts, MODEL.late, MODEL.days, Ensemble(100, steps, ()))
    name = sha256(counting.encode()).digest()
    record = {**RECORD, "rising": ()}
    trade.done("root", upload(counting.encode(), 0, name), publish_model(name, record=record))
    trade.confirmed_invoice("NEW", 80_00)
    alone = read_basis(trade.state, "acme", "NEW", "prime").inputs.prediction
    assert alone.lateness.beyond_centidays == 100, "one is open besides"
    trade.confirmed_invoice("NEXT", 90_00)
    beside = read_basis(trade.state, "acme", "NEW", "prime").inputs.prediction
    assert beside.lateness.beyond_centidays == 3_100, "and now two are"


def test_a_dispute_is_known_to_the_model_of_every_later_invoice_of_the_relationship() -> None:
    trade = traded([(100_00, 3), (100_00, 0), (100_00, -1)])
    day, due = day_from_iso("2012-03-01"), day_from_iso("2012-04-26")
    asked = Asked(day, day_from_iso("2012-02-20"), due, 500_00, "USD")
    assert read_known(trade.state, "acme", "mega", asked).trade.disputed == 0
    trade.confirmed_invoice("NEW", 500_00)
    contested = {"invoice": "NEW", "supplier": "acme", "amount": 1, "reason": "short"}
    trade.done("mega", {"op": "invoice.dispute", **contested})
    assert read_known(trade.state, "acme", "mega", asked).trade.disputed == 250_000
    assert read_known(trade.state, "acme", "other", asked).trade.disputed == 0


# what an offer and its acceptance bind


def offered(trade: TradeLedger) -> dict[str, Any]:
    return {**trade.offer(), "quote": requote(trade.state, "acme", "INV1", "prime").quote}


def test_an_offer_names_the_quote_that_it_makes_good() -> None:
    trade = traded([(100_00, 3)])
    trade.confirmed_invoice()
    offer = offered(trade)
    assert trade.refused("loan", {**offer, "quote": bytes(32)}) == "quote_stale"
    trade.done("loan", offer)
    accept = {"op": "finance.accept", "invoice": "INV1", "quote": offer["quote"]}
    assert trade.refused("acme", {**accept, "quote": bytes(32)}) == "quote_stale"
    trade.done("acme", accept)
    trade.check()


def test_a_quote_of_another_revision_model_or_day_is_stale() -> None:
    trade = traded([(100_00, 3)], lateness_basis="history")
    trade.confirmed_invoice()
    offer = offered(trade)
    trade.done("loan", publish(lateness_basis="history"))
    assert trade.refused("loan", offer) == "quote_stale", "the same terms, published again"
    offer = offered(trade)
    trade.done("root", upload(DATA), publish_model())
    assert trade.refused("loan", offer) == "quote_stale", "another model, though it moves no figure here"
    offer = offered(trade)
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    trade.done("loan", offer)
    trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert trade.refused("loan", {**offer, "expires": "2012-03-12"}) == "quote_stale"


def test_a_worse_offer_cannot_be_slipped_under_an_acceptance() -> None:
    trade = traded([(100_00, 3)])
    trade.confirmed_invoice()
    first = offered(trade)
    trade.done("loan", first)
    trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    trade.done("loan", publish(discount_rate_ppm=500_000))
    trade.done("loan", offered(trade))
    accept = {"op": "finance.accept", "invoice": "INV1", "quote": first["quote"]}
    assert trade.refused("acme", accept) == "quote_stale"


def test_a_challenger_speaks_beside_the_price_and_moves_nothing() -> None:
    trade = traded([(100_00, 3), (200_00, 9)])
    trade.confirmed_invoice()
    before = requote(trade.state, "acme", "INV1", "prime")
    assert challenge(trade.state, "acme", "INV1", "prime") is None
    trade.done("root", upload(DATA), publish_model(role="challenger"))
    beside = challenge(trade.state, "acme", "INV1", "prime")
    assert beside is not None
    assert beside.model == HASH
    assert sum(part for _, part in beside.reasons) == beside.lateness.beyond_centidays
    assert requote(trade.state, "acme", "INV1", "prime").data == before.data
    trade.done("root", publish_model())
    inputs = read_basis(trade.state, "acme", "INV1", "prime").inputs
    assert inputs.prediction == beside, "as champion it says the same"


def test_other_peoples_payments_do_not_make_a_quote_stale() -> None:
    trade = traded([(100_00, 0)])
    trade.confirmed_invoice()
    offer = offered(trade)
    trade.done("bolt", {**bill("B1", 50_00, due="2012-02-25", issue_date="2011-12-01"), "buyer": "nova"})
    trade.done("nova", {**confirm("B1", 50_00, "2012-02-25"), "supplier": "bolt"})
    trade.done("bank", payment("B1", 50_00, "IN B1", date="2012-02-26", payer="nova", supplier="bolt"))
    trade.done("loan", offer)


def test_what_the_programme_has_out_is_what_concentration_is_taken_of() -> None:
    trade = traded([])
    advance = trade.financed_invoice("INV1")["advance"]
    trade.confirmed_invoice("INV2", 500_00)
    inputs = read_basis(trade.state, "acme", "INV2", "prime").inputs
    assert (inputs.drawn, inputs.drawn_on_obligor) == (advance, advance)


def test_a_quote_can_be_made_by_every_node_and_read_back(ledger: Ledger) -> None:
    quote = make_quote(ledger.chain, "supplier", NUMBER, "invoices")
    assert Quote.decode(quote.encode()) == quote
