"""Disclosures of small ledgers whose figures are known: the examples of the domain, and stories."""

from __future__ import annotations

import pytest
import test_early_payment as early
import test_finance_story as story
import test_payables as payables
from cash_ledger import account_number, mint, open_account
from certificate_ledger import advance, held, issue, on_leaf, reserve
from certificate_ledger import attested as collected
from disclosed_ledger import book_of, owed, row, rows, scoped, scoped_source, source_of
from trade_ledger import TradeLedger, confirm, fund, invoice, payment, publish

from contracts.disclosure import scope
from contracts.disclosure.ageing import ageing
from contracts.disclosure.arrangement import CREDITED, TRANSFERRED, ias7
from contracts.disclosure.concentration import concentration
from contracts.disclosure.obligation import obligations
from contracts.disclosure.rates import MONTH, YEAR, period_of, rates
from contracts.disclosure.segregation import Closing, custody
from contracts.disclosure.stages import ifrs9
from contracts.trade.invoice import SUBMITTED
from ledger.dates import day_from_iso
from ledger.errors import Refusal, VerificationError

DAY = "2012-06-15"
BOOK = {
    ("acme", "current"): owed("mega", 7_000_000_00, "2012-07-01"),
    ("acme", "two weeks"): owed("mega", 1_200_000_00, "2012-06-01"),
    ("acme", "six weeks"): owed("nova", 400_000_00, "2012-05-01"),
    ("acme", "nine weeks"): owed("nova", 150_000_00, "2012-04-10"),
    ("acme", "lost"): owed("nova", 60_000_00, "2012-03-10"),
}


def test_provision_matrix_of_the_domain_is_79500_to_the_unit() -> None:
    """IFRS 9 matrix: 7m at 0.3 %, 1.2m at 1.6 %, 400k at 3.6 %, 150k at 6.6 %, 60k at 25 %."""
    found = row(ifrs9(book_of(BOOK, DAY)), "holders", holder="acme")
    assert found["expected_loss"] == 79_500_00
    assert (found["stage_1"], found["stage_2"], found["stage_3"]) == (8_200_000_00, 550_000_00, 60_000_00)
    losses = [entry["expected_loss"] for entry in rows(ifrs9(book_of(BOOK, DAY)), "matrix")]
    assert losses == [21_000_00, 19_200_00, 14_400_00, 9_900_00, 15_000_00]


def test_ageing_has_the_same_amounts_by_obligor() -> None:
    found = ageing(book_of(BOOK, DAY))
    nova = row(found, "obligors", obligor="nova")
    assert [nova[name] for name in ("days_31_60", "days_61_89", "days_90")] == [
        400_000_00,
        150_000_00,
        60_000_00,
    ]
    assert nova["past_due_ppm"] == 1_000_000
    assert row(found, "obligors", obligor="mega")["total"] == 8_200_000_00


@pytest.mark.parametrize(
    ("days", "bucket", "stage"),
    [
        (0, "not_due", "stage_1"),
        (1, "days_1_30", "stage_1"),
        (30, "days_1_30", "stage_1"),
        (31, "days_31_60", "stage_2"),
        (60, "days_31_60", "stage_2"),
        (61, "days_61_89", "stage_2"),
        (89, "days_61_89", "stage_2"),
        (90, "days_90", "stage_3"),
        (400, "days_90", "stage_3"),
    ],
)
def test_a_day_moves_a_position_to_the_next_bucket_and_stage(days: int, bucket: str, stage: str) -> None:
    book = book_of({("acme", "1"): owed("mega", 100, "2012-03-01")}, "2012-03-01")
    book.kinds["param"]["business_date",] += days
    assert row(ageing(book), "holders")[bucket] == 100
    assert row(ifrs9(book), "holders")[stage] == 100


def test_declared_default_is_stage_3_whatever_its_age_and_at_the_last_rate() -> None:
    book = book_of({("acme", "1"): owed("mega", 1_000_00)._replace(defaulted=1)}, "2012-05-30")
    found = row(ifrs9(book), "holders")
    assert (found["stage_3"], found["expected_loss"]) == (1_000_00, 250_00)
    assert row(ageing(book), "holders")["days_31_60"] == 1_000_00, "its age is what it is"


def test_what_no_obligor_confirmed_is_in_no_bucket_and_no_stage() -> None:
    book = book_of({("acme", "1"): owed("mega", 500, validity=SUBMITTED)})
    for found in (ageing(book), ifrs9(book)):
        assert (row(found, "holders")["total"], row(found, "holders")["unconfirmed"]) == (0, 500)
    assert concentration(book).sheet("obligors").rows == ()


def test_concentration_of_the_domain_has_an_excess_of_150k_and_850k_eligible() -> None:
    """Concentration 25 %: 400, 250, 200 and 150 thousand."""
    amounts = {"a": 400_000_00, "b": 250_000_00, "c": 200_000_00, "d": 150_000_00}
    book = book_of({("acme", buyer): owed(buyer, amount) for buyer, amount in amounts.items()})
    found = concentration(book, "acme", 250_000)
    whole = row(found, "holders")
    assert (whole["excess"], whole["eligible"]) == (150_000_00, 850_000_00)
    assert whole["index_ppm"] == 285_000, "0.4² + 0.25² + 0.2² + 0.15²"
    assert [entry["on"] for entry in rows(found, "obligors")] == ["a", "b", "c", "d"]


def test_bought_invoice_is_the_lenders_purchase_and_the_suppliers_reserve() -> None:
    trade = TradeLedger()
    terms = trade.financed_invoice()
    found = ageing(source_of(trade))
    assert row(found, "programmes", asset="purchase") | {"holder": "loan", "programme": "prime"} == row(
        found, "programmes", asset="purchase"
    )
    assert row(found, "holders", holder="loan")["total"] == terms["advance"]
    assert row(found, "holders", holder="acme", asset="reserve")["total"] == terms["reserve"]
    assert rows(found, "holders", asset="receivable") == []


def test_shortfall_that_a_buyers_payment_leaves_is_the_suppliers_debt() -> None:
    trade = TradeLedger()
    reserve_of = trade.financed_invoice()["reserve"]
    credit = {"op": "credit.issue", "credit": "CN1", "invoice": "INV1", "date": "2012-03-01"}
    trade.done("acme", {**credit, "amount": reserve_of + 5_000_00})
    trade.done("mega", {"op": "credit.accept", "credit": "CN1", "supplier": "acme"})
    trade.done("bank", payment("INV1", 1_000_000_00 - reserve_of - 5_000_00, "P1"))
    found = row(ageing(source_of(trade)), "obligors", holder="loan")
    assert (found["asset"], found["obligor"], found["total"]) == ("recourse", "acme", 5_000_00)


def test_pledged_invoice_stays_the_suppliers_and_is_the_lenders_advance() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish(security="pledge"))
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    found = ageing(source_of(trade))
    assert row(found, "holders", holder="acme", asset="receivable")["total"] == 1_000_000_00
    assert row(found, "holders", holder="loan", asset="advance")["total"] == offer["terms"]["advance"]
    liabilities = ias7(source_of(trade))
    pledged = row(liabilities, "liabilities", buyer="mega", basis="pledged")
    assert (pledged["carrying"], pledged["paid_to_suppliers"]) == (1_000_000_00, 0), "a loan, not a payment"


def test_certificate_is_held_by_its_holder_of_record_and_owed_by_its_obligor() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 1_000_00)
    held(trade, amount=600_00, invoice="INV1")
    trade.done("acme", on_leaf("split", 0, amounts=[200_00, 400_00]))
    trade.done("acme", reserve(1, price=190_00))
    trade.done(
        "bank",
        on_leaf(
            "fund",
            1,
            account="DE02 1203 0000 0000 2020 51",
            entry="E1",
            date="2012-03-01",
            lender="loan",
            amount=190_00,
        ),
    )
    source = source_of(trade)
    found = ageing(source)
    assert row(found, "holders", holder="loan", asset="certificate")["total"] == 200_00
    assert row(found, "holders", holder="acme", asset="certificate")["total"] == 400_00
    assert row(found, "holders", holder="acme", asset="receivable")["total"] == 400_00, "the face was less"
    owed_by_mega = row(ias7(source), "liabilities", basis="certificate")
    assert (owed_by_mega["carrying"], owed_by_mega["paid_to_suppliers"]) == (600_00, 200_00)
    assert row(ias7(source), "changes", basis="certificate", change=TRANSFERRED)["amount"] == 600_00


def test_ias7_tells_bought_liabilities_from_comparable_ones_outside() -> None:
    trade = TradeLedger()
    terms = trade.financed_invoice("INV1")
    trade.done("acme", invoice("INV2", 5_000_00, due="2012-03-21"))
    trade.done("mega", confirm("INV2", 5_000_00, "2012-03-21"))
    trade.done("acme", invoice("INV3", 7_000_00))
    found = ias7(source_of(trade), "mega")
    bought = row(found, "liabilities", basis="purchased")
    assert (bought["carrying"], bought["paid_to_suppliers"]) == (1_000_000_00, terms["advance"])
    assert (bought["term_from"], bought["term_to"]) == (66, 66)
    outside = row(found, "liabilities", basis="outside")
    assert (outside["liabilities"], outside["carrying"], outside["term_to"]) == (1, 5_000_00, 30)


def test_ias7_counts_approved_invoices_as_the_buyers_arrangement_financed_or_not() -> None:
    """44H(b): carrying amount of all that is approved, and of it what suppliers were paid for."""
    trade = payables.programme()
    trade.done("mega", payables.approve("INV1"))
    trade.done("acme", {"op": "programme.leave", "programme": "of-mega"})
    payables.bill(trade, "INV2", 1_000_00)
    trade.done("acme", payables.enrol(standing=False))
    trade.done("mega", payables.approve("INV2", net=1_000_00))
    found = ias7(source_of(trade), "mega")
    arranged = row(found, "liabilities", basis="arrangement")
    assert (arranged["liabilities"], arranged["carrying"]) == (2, payables.NET + 1_000_00)
    assert arranged["paid_to_suppliers"] == payables.NET
    assert row(found, "changes", basis="arrangement", change=TRANSFERRED)["amount"] == payables.NET + 1_000_00
    assert rows(found, "liabilities", basis="purchased") == []


def test_payment_that_a_buyer_puts_off_falls_due_on_the_later_day() -> None:
    trade = payables.programme()
    trade.done("mega", payables.approve("INV1"))
    trade.done("mega", payables.extend("2012-05-26", 2_850_00))
    advance(trade, "2012-05-20")
    assert rows(rates(source_of(trade), MONTH), "obligors", period="2012-05")[0]["not_due"] == payables.NET
    advance(trade, "2012-06-10")
    late = row(rates(source_of(trade), MONTH), "obligors", period="2012-05")
    assert (late["fallen_due"], late["overdue"]) == (payables.NET, payables.NET)


def test_ias7_names_non_cash_changes_of_the_period() -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.done(
        "acme",
        {"op": "credit.issue", "credit": "CN1", "invoice": "INV1", "amount": 30_000_00, "date": "2012-03-01"},
    )
    trade.done("mega", {"op": "credit.accept", "credit": "CN1", "supplier": "acme"})
    source = source_of(trade)
    assert row(ias7(source), "changes", change=TRANSFERRED)["amount"] == 1_000_000_00
    assert row(ias7(source), "changes", change=CREDITED)["amount"] == -30_000_00
    later = ias7(source, since=day_from_iso("2012-03-02"))
    assert later.sheet("changes").rows == ()


APPROVED = {
    "paid in part before": (-400_00, {}),
    "certificated": (0, {"transferred to certificates": -1_000_00}),
    "paid early": (0, {CREDITED: -19_000_00}),
    "cancelled": (0, {"cancelled by the supplier": -payables.NET}),
}
"""What happens to an approved invoice: how much less was transferred, and the other changes."""


@pytest.mark.parametrize("what", APPROVED)
def test_ias7_follows_an_approved_invoice_until_nothing_is_carried(what: str) -> None:
    """What was transferred and not taken off again without cash is what is carried, or was paid."""
    trade = payables.programme(standing=False)
    if what == "paid in part before":
        trade.done("bank", payment("INV1", 400_00, "P1"))
    trade.done("mega", payables.approve("INV1"))
    if what == "certificated":
        promise = issue(amount=1_000_00, invoice="INV1", maturity=payables.DUE)
        trade.done("mega", promise)
        trade.done("acme", on_leaf("accept"))
    elif what == "paid early":
        trade.done("mega", early.offer(("2012-03-03", 20_000)))
        trade.done("acme", early.accept(payables.NET - 19_000_00))
        trade.done("mega", early.PAY)
    elif what == "cancelled":
        trade.done("acme", {"op": "invoice.cancel", "invoice": "INV1"})
    less, others = APPROVED[what]
    found = ias7(source_of(trade))
    changes = {entry["change"]: entry["amount"] for entry in rows(found, "changes", basis="arrangement")}
    assert changes == {TRANSFERRED: payables.NET + less, **others}
    carried = sum(entry["carrying"] for entry in rows(found, "liabilities", basis="arrangement"))
    paid = payables.NET - 19_000_00 if what == "paid early" else 0
    assert sum(changes.values()) == carried + paid


@pytest.mark.parametrize("is_paid", [False, True])
def test_ias7_keeps_a_credit_note_whose_shortfall_the_supplier_has_repaid(is_paid: bool) -> None:
    """A shortfall that is paid gives nothing back: the buyer still owes the lender."""
    trade = story.financed()
    story.credit(trade, 200_000_00)
    trade.done("loan", story.demand("dilution"))
    paid = {"lender": "loan", "recourse": "R1"}
    trade.done("bank", story.attested("recourse.attest", 57_500_00, **paid))
    if is_paid:
        trade.done("bank", payment("INV1", 750_000_00, "IN 1"))
    (credited,) = rows(ias7(source_of(trade)), "changes", change=CREDITED)
    assert (credited["basis"], credited["amount"]) == ("purchased", -200_000_00)


def test_ias7_names_what_was_pledged_as_such_after_its_release() -> None:
    """What is credited on it later is credited on a trade payable again."""
    trade = story.financed(security="pledge")
    place = {"supplier": "acme", "invoice": "INV1"}
    trade.done("bank", story.attested("release.attest", story.ADVANCE, **place))
    story.credit(trade, 100_00)
    (only,) = rows(ias7(source_of(trade)), "changes")
    assert (only["basis"], only["change"], only["amount"]) == ("pledged", TRANSFERRED, story.NET)


def test_rates_say_what_became_of_what_fell_due() -> None:
    trade = TradeLedger()
    for number, due in (("1", "2012-03-10"), ("2", "2012-03-12"), ("3", "2012-03-20"), ("4", "2012-12-01")):
        trade.done("acme", invoice(number, 1_000_00 + int(number), due=due))
        trade.done("mega", confirm(number, 1_000_00 + int(number), due))
    advance(trade, "2012-03-10")
    trade.done("bank", payment("1", 1_000_01, "P1", date="2012-03-10"))
    advance(trade, "2012-04-22")
    trade.done("bank", payment("2", 500_00, "P2", date="2012-04-22"))
    advance(trade, "2012-08-01")
    trade.done("acme", {"op": "default.declare", "supplier": "acme", "invoice": "3"})
    trade.done("acme", {"op": "default.write_off", "supplier": "acme", "invoice": "3"})
    trade.done("bank", payment("3", 400_00, "P3", date="2012-08-01"))
    found = row(rates(source_of(trade), MONTH), "obligors", period="2012-03")
    assert found["fallen_due"] == 3_000_06
    assert (found["on_time"], found["late_31_89"], found["overdue"]) == (1_000_01, 500_00, 500_02)
    assert (found["written_off"], found["recovered"]) == (1_000_03, 400_00)
    assert found["overdue_ppm"] == 166_670
    assert found["bad_debt_ppm"] == round(600_03 * 1_000_000 / 3_000_06)
    assert row(rates(source_of(trade), YEAR), "obligors")["not_due"] == 1_000_04


@pytest.mark.parametrize("same_number", [False, True])
def test_what_comes_in_on_a_certificate_that_was_given_up_is_recovered_of_it(same_number: bool) -> None:
    """An invoice of the same number, given up and paid as well, keeps what came in on it."""
    trade = TradeLedger()
    held(trade, amount=900_00, maturity="2012-04-20")
    if same_number:
        trade.confirmed_invoice("C1", 500_00, due="2012-04-20")
    advance(trade, "2012-08-01")
    trade.done("acme", on_leaf("dishonour"), on_leaf("write_off"))
    trade.done("bank", collected("collect", 100_00, "E1", date="2012-08-01"))
    if same_number:
        place = {"supplier": "acme", "invoice": "C1"}
        trade.done("acme", {"op": "default.declare", **place}, {"op": "default.write_off", **place})
        trade.done("bank", payment("C1", 30_00, "E2", date="2012-08-01"))
    found = {owed.is_certificate: owed for owed in obligations(source_of(trade))}
    assert len(found) == 1 + same_number
    promised = found[True]
    assert (promised.written_off, promised.recovered, promised.open) == (900_00, 100_00, 0)
    if same_number:
        billed = found[False]
        assert (billed.written_off, billed.recovered, billed.open) == (500_00, 30_00, 0)
    rate = row(rates(source_of(trade), YEAR), "obligors")
    assert (rate["obligations"], rate["overdue"]) == (1 + same_number, 0)


def test_rates_by_programme_count_what_was_financed() -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.done("acme", invoice("INV2", 5_000_00))
    trade.done("mega", confirm("INV2", 5_000_00))
    advance(trade, "2012-05-01")
    found = rates(source_of(trade))
    assert row(found, "programmes", programme="prime")["fallen_due"] == 1_000_000_00
    assert row(found, "obligors", obligor="mega")["fallen_due"] == 1_005_000_00


def test_due_date_that_a_lower_confirmation_moves_takes_what_is_open_along() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 1_000_00, "2012-04-26")
    trade.done("bank", payment("INV1", 100_00, "P1"))
    trade.done(
        "mega",
        {
            "op": "invoice.dispute",
            "supplier": "acme",
            "invoice": "INV1",
            "amount": 200_00,
            "reason": "broken",
        },
    )
    trade.done("mega", confirm("INV1", 800_00, "2012-03-15"))
    advance(trade, "2012-05-01")
    found = rates(source_of(trade), MONTH)
    assert row(found, "obligors", period="2012-03")["overdue"] == 700_00
    april = row(found, "obligors", period="2012-04")
    assert (april["fallen_due"], april["on_time"], april["overdue"]) == (100_00, 100_00, 0)


@pytest.mark.parametrize(
    ("day", "label"), [("2012-01-01", "2012-Q1"), ("2012-12-31", "2012-Q4"), ("2012-06-30", "2012-Q2")]
)
def test_quarters_are_those_of_the_calendar(day: str, label: str) -> None:
    assert period_of(day_from_iso(day), "quarter") == label


def test_scope_that_lacks_or_adds_anything_is_refused() -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.done("acme", {**invoice("INV2", 7_00), "buyer": "nova"})
    held(trade)
    entries, histories = scoped(trade, "acme")
    scope.check("acme", entries, histories)
    for key in entries:
        with pytest.raises((VerificationError, Refusal)):
            scope.check("acme", {other: entries[other] for other in entries if other != key}, histories)
    for key in histories:
        with pytest.raises((VerificationError, Refusal)):
            scope.check("acme", entries, {other: histories[other] for other in histories if other != key})
    with pytest.raises((VerificationError, Refusal)):
        scope.check("acme", {**entries, b"\x91\xa1x": b"\x01"}, histories)
    foreign, more = scoped(trade, "mega")
    with pytest.raises((VerificationError, Refusal)):
        scope.check("acme", {**entries, **foreign}, {**histories, **more})


def test_scope_of_a_lender_is_what_it_has_paid_for_and_nothing_of_its_obligors_history() -> None:
    trade = TradeLedger()
    trade.financed_invoice("INV1")
    trade.done("acme", invoice("INV2", 7_00))
    part = scoped_source(trade, "loan")
    assert part.is_lenders
    assert list(part.kinds["invoice"]) == [("acme", "INV1")]
    assert part.histories == {}
    assert ageing(part, "loan").sheets == ageing(source_of(trade), "loan").sheets


def test_there_is_no_scope_of_nobody() -> None:
    with pytest.raises(Refusal) as refused:
        scoped(TradeLedger(), "stranger")
    assert refused.value.code == "unknown_organisation"


def test_custody_reconciles_with_the_banks_own_statement() -> None:
    trade = TradeLedger()
    trade.done("bank", open_account("acme"), open_account("bank"))
    trade.done("bank", mint("acme", 700_00, "M1"), mint("bank", 50_00, "M2"))
    source = source_of(trade)
    day = day_from_iso("2012-03-01")
    stated = [
        Closing(account_number("acme"), "USD", 700_00, day),
        Closing(account_number("bank"), "USD", 50_00, day),
    ]
    found = custody(source, closings=stated)
    kept = row(found, "banks", bank="bank")
    assert (kept["client_money"], kept["own_money"], kept["owed"], kept["difference"]) == (
        700_00,
        50_00,
        750_00,
        0,
    )
    assert found.sheet("findings").rows == ()
    wrong = custody(source, closings=[stated[0]._replace(amount=699_99), stated[1]])
    assert row(wrong, "findings", check="stated")["amount"] == -1
    partial = custody(source, closings=stated[:1])
    assert row(partial, "findings")["check"] == "unstated", "the bank's own money is in no statement"


def test_pooled_money_and_uncovered_deposits_are_found() -> None:
    trade = TradeLedger()
    trade.done("bank", open_account("acme"), open_account("bolt"))
    trade.done("bank", mint("acme", 700_00, "M1"))
    source = source_of(trade)
    kinds = source.kinds["custody"]
    kinds["bank", "bolt", "USD"] = (0, "bank/acme/USD", *kinds["bank", "bolt", "USD"][2:])
    source.kinds["issued"]["bank", "USD"] = (600_00, 0)
    found = custody(source)
    assert len(rows(found, "findings", check="segregated")) == 2
    assert row(found, "findings", check="covered")["amount"] == 100_00
