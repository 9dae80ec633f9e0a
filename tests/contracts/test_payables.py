"""Payables finance: a buyer approves for good, suppliers are paid at once, and the buyer pays the funder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cash_ledger import balance, with_deposits
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TERMS, TradeLedger, confirm, fund, invoice, payment

from contracts.errors import InvariantBroken
from contracts.finance import programme_views
from contracts.finance.claim import Lien, last_deal, lien_key, read_lien
from contracts.pricing import ProgrammeTerms
from contracts.reverse_factoring import payables_views
from contracts.reverse_factoring.approval import approval_key, read_approval
from contracts.reverse_factoring.extension import charge
from contracts.reverse_factoring.payables import DAYS_TO_PAY, price
from contracts.reverse_factoring.pool import purpose_of
from contracts.state_check import check_state
from contracts.trade import relationship, relationship_records, relationship_sums, trade_views
from contracts.trade.credit import APPLIED, read_credit
from contracts.trade.invoice import Invoice, invoice_key
from contracts.trade.relationship_sums import of_currency
from ledger import codec
from ledger.dates import iso_from_day
from node.api import programme_forms, trade_forms

NET = 950_000_00
PAYABLES = {**TERMS, "discount_basis": "bank", "fee_ppm": 0, "default_days": 30}
DISCOUNT = 10_640_00
"""950,000.00 at 7.2 % for 56 days of 360."""
PAID_OUT = NET - DISCOUNT
DUE = "2012-04-26"


def publish(terms: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """loan's programme for the payables of mega."""
    payables = {"buyer": "mega", "extension_days": 60, "extension_rate_ppm": 36_000}
    return {
        "op": "programme.publish",
        "programme": "of-mega",
        "terms": {**PAYABLES, **(terms or {})},
        "payables": {**payables, **changes},
    }


def enrol(standing: bool = True, bank: str = "bank") -> dict[str, Any]:
    return {"op": "programme.enrol", "programme": "of-mega", "bank": bank, "standing": standing}


def reserve(amount: int, bank: str = "bank") -> dict[str, Any]:
    return {"op": "payables.reserve", "programme": "of-mega", "bank": bank, "amount": amount}


def approve(*numbers: str, net: int = NET, due: str = DUE) -> dict[str, Any]:
    said = [{"invoice": number, "net": net, "due_date": due} for number in numbers]
    return {"op": "payables.approve", "programme": "of-mega", "supplier": "acme", "invoices": said}


def finance(number: str = "INV1", paid_out: int = PAID_OUT) -> dict[str, Any]:
    return {"op": "payables.finance", "programme": "of-mega", "invoice": number, "paid_out": paid_out}


def extend(due: str, amount: int, number: str = "INV1") -> dict[str, Any]:
    where = {"supplier": "acme", "invoice": number, "bank": "bank"}
    return {"op": "payables.extend", **where, "due_date": due, "charge": amount}


def programme(money: int = 2 * NET, standing: bool = True, **changes: Any) -> TradeLedger:
    """A payables programme of mega with money set aside, acme enrolled, and its invoice INV1 submitted."""
    trade = with_deposits(TradeLedger(), 10 * NET, "loan", "acme", "mega")
    trade.done("loan", publish(**changes))
    trade.done("acme", enrol(standing))
    if money:
        trade.done("loan", reserve(money))
    bill(trade, "INV1")
    return trade


def bill(trade: TradeLedger, number: str, gross: int = NET) -> None:
    trade.done("acme", invoice(number, gross, quantity=len(trade.transactions)))


def lien(trade: TradeLedger, number: str = "INV1") -> Lien:
    found = read_lien(trade.state, "acme", number)
    assert found is not None
    return found


def stored(trade: TradeLedger, number: str = "INV1") -> Invoice:
    return Invoice._make(trade.entry("invoice", "acme", number))


def pooled(trade: TradeLedger) -> int:
    value: Any = trade.entry("hold", *purpose_of("loan", "of-mega"))
    return 0 if value is None else int(value[3])


# approved and paid at once


def test_an_approval_pays_a_supplier_with_a_standing_request_in_the_same_operation() -> None:
    """Invariant 12: title and cash move together, under what the funder has signed before."""
    trade = programme()
    before = balance(trade, "acme").available
    trade.done("mega", approve("INV1"))
    claim = lien(trade)
    assert (claim.advance, claim.reserve, claim.discount, claim.paid_out) == (NET, 0, DISCOUNT, PAID_OUT)
    assert (claim.arrangement, claim.recourse_days, claim.funded > 0) == (1, 0, True)
    assert balance(trade, "acme").available == before + PAID_OUT
    assert pooled(trade) == 2 * NET - PAID_OUT
    trade.check()
    pay = {"op": "payment.make", "invoice": "INV1", "supplier": "acme", "bank": "bank", "currency": "USD"}
    loans = balance(trade, "loan").available
    trade.done("mega", {**pay, "amount": NET})
    assert balance(trade, "loan").available == loans + NET
    ended = last_deal(trade.state, "acme", "INV1")
    assert ended is not None
    assert (ended.arrangement, ended.principal) == (1, 0)
    trade.check()


def test_many_invoices_are_approved_by_one_signature_all_or_none() -> None:
    trade = programme(money=0, standing=False)
    bill(trade, "INV2", NET - 1)
    before = dict(trade.state.data)
    ((_, code, detail),) = trade.submit("mega", approve("INV1", "INV2"))
    assert (code, "invoices[1]" in detail, "INV2" in detail) == ("exceeds_gross", True, True)
    assert trade.state.data == before
    trade.done("mega", approve("INV1"))
    trade.done("mega", approve("INV2", net=NET - 1))
    assert trade.refused("mega", approve("INV1")) == "already_approved"
    trade.check()


@pytest.mark.parametrize(
    ("terms", "is_bought"),
    [
        ({"discount_rate_ppm": 1_000_000, "fee_ppm": 840_000}, False),
        ({"fee_ppm": 1}, False),
        ({"day_count": 365}, True),
        ({"discount_basis": "true"}, True),
        ({"discount_rate_ppm": 60_000, "fee_ppm": 1_000}, True),
        ({"min_tenor_days": 1}, True),
    ],
)
def test_a_standing_request_sells_nothing_for_more_than_was_charged_when_the_supplier_signed(
    terms: dict[str, Any], is_bought: bool
) -> None:
    """A funder publishes terms alone: dearer ones sell an invoice by another signature of its supplier."""
    trade = programme()
    trade.done("loan", publish(terms))
    trade.done("mega", approve("INV1"))
    assert (read_lien(trade.state, "acme", "INV1") is not None) == is_bought
    assert read_approval(trade.state, "acme", "INV1") is not None
    trade.check()
    if not is_bought:
        shown = payables_views.approval_view(trade.state, "acme", "INV1")
        assert shown is not None
        bill(trade, "INV2")
        trade.done("acme", enrol(), finance(paid_out=shown["price"]["paid_out"]))
        trade.done("mega", approve("INV2"))
        assert lien(trade, "INV1").funded
        assert lien(trade, "INV2").funded
        trade.check()


def test_without_a_standing_request_the_supplier_asks_at_the_price_of_the_day() -> None:
    trade = programme(standing=False)
    assert trade.refused("acme", finance()) == "not_approved"
    trade.done("mega", approve("INV1"))
    assert read_lien(trade.state, "acme", "INV1") is None
    assert trade.refused("acme", finance(paid_out=PAID_OUT + 1)) == "quote_stale"
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert trade.refused("acme", finance()) == "quote_stale"
    trade.done("acme", finance(paid_out=PAID_OUT + 190_00))
    assert lien(trade).funded
    assert trade.refused("acme", finance()) == "already_financed"
    trade.check()


def test_without_money_set_aside_the_claim_waits_for_the_funder_and_expires() -> None:
    """Invariant 14: what the funder does not pay for is free again, and still approved."""
    trade = programme(money=0)
    trade.done("mega", approve("INV1"))
    claim = lien(trade)
    assert (claim.accepted, claim.funded) == (1, 0)
    withdraw = {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"}
    assert trade.refused("loan", withdraw) == "already_accepted"
    trade.check()
    trade.done("root", {"op": "date.advance", "date": iso_from_day(claim.offered + DAYS_TO_PAY + 1)})
    assert read_lien(trade.state, "acme", "INV1") is None
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    trade.check()
    trade.done("acme", finance(paid_out=price(terms(), NET, 50).paid_out))
    trade.done("bank", fund("INV1", lien(trade).paid_out, date="2012-03-07"))
    assert lien(trade).funded
    trade.check()


def test_a_claim_waits_for_the_funder_no_longer_than_to_the_day_before_it_is_due() -> None:
    trade = programme(money=0, standing=False)
    trade.done("mega", approve("INV1"))
    trade.done("root", {"op": "date.advance", "date": "2012-04-21"})
    paid_out = price(terms(), NET, 5).paid_out
    trade.done("acme", finance(paid_out=paid_out))
    assert iso_from_day(lien(trade).expires) == "2012-04-25"
    trade.check()
    trade.done("root", {"op": "date.advance", "date": DUE})
    assert trade.refused("bank", fund("INV1", paid_out, date=DUE)) == "no_offer"
    trade.check()


def terms() -> ProgrammeTerms:
    return ProgrammeTerms.from_value(codec.decode(codec.encode(PAYABLES)))


def test_a_limit_of_the_funder_never_stops_an_approval() -> None:
    """Invariant 13."""
    trade = programme(terms={"limits": [{"obligor": "mega", "limit": NET + 1}]})
    bill(trade, "INV2", NET)
    trade.done("mega", approve("INV1", "INV2"))
    assert lien(trade).funded
    assert read_lien(trade.state, "acme", "INV2") is None
    assert read_approval(trade.state, "acme", "INV2") is not None
    assert trade.refused("acme", finance("INV2")) == "limit_exceeded"
    trade.check()


def test_a_closed_account_of_the_supplier_leaves_the_funder_to_pay() -> None:
    trade = with_deposits(TradeLedger(), 10 * NET, "loan", "mega")
    trade.done("loan", publish())
    trade.done("acme", enrol())
    trade.done("loan", reserve(NET))
    bill(trade, "INV1")
    trade.done("mega", approve("INV1"))
    assert (lien(trade).accepted, lien(trade).funded, pooled(trade)) == (1, 0, NET)
    trade.check()


def test_true_discount_and_fee_are_named_and_rounded_up() -> None:
    true = ProgrammeTerms.from_value(
        codec.decode(codec.encode({**PAYABLES, "discount_basis": "true", "fee_ppm": 2_500}))
    )
    found = price(true, NET, 62)
    assert (found.discount, found.fee) == (11_635_72, 2_375_00), "the rows of the table of formulae"
    assert price(terms(), NET, 62).discount == 11_780_00


# for good


def test_what_is_approved_is_not_disputed_and_nothing_is_set_off_against_it() -> None:
    """Invariants 1 and 25 in kind: a later credit note is the buyer's claim on the supplier."""
    trade = programme()
    trade.done("mega", approve("INV1"))
    dispute = {"op": "invoice.dispute", "invoice": "INV1", "supplier": "acme", "amount": 1, "reason": "late"}
    assert trade.refused("mega", dispute) == "approved"
    assert trade.refused("mega", confirm("INV1", NET - 1)) == "wrong_state"
    reject = {"op": "invoice.reject", "invoice": "INV1", "supplier": "acme", "reason": "late"}
    assert trade.refused("mega", reject) == "wrong_state"
    note = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 50_00, "date": "2012-03-01"}
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    assert stored(trade).outstanding == NET
    assert lien(trade).shortfall == 0
    trade.check()
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "amount": 50_00}
    assert trade.refused("mega", {**apply, "invoice": "INV1"}) == "title_not_free"
    bill(trade, "INV2", 100_00)
    trade.done("mega", approve("INV2", net=100_00))
    trade.done("bank", payment("INV2", 1_00, "IN 1"))
    trade.confirmed_invoice("INV3", 99_00)
    assert trade.refused("mega", {**apply, "invoice": "INV2"}) in ("approved", "title_not_free")
    trade.done("mega", {**apply, "invoice": "INV3"})
    found = read_credit(trade.state, "acme", "C")
    assert found is not None
    assert found.status == APPLIED
    trade.check()


def test_a_credit_is_not_applied_to_an_approved_invoice_that_nobody_has_financed() -> None:
    trade = programme(standing=False)
    trade.done("mega", approve("INV1"))
    trade.confirmed_invoice("INV2", 100_00)
    trade.done("bank", payment("INV2", 100_00, "IN 1"))
    note = {"op": "credit.issue", "credit": "C", "invoice": "INV2", "amount": 50_00, "date": "2012-03-01"}
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "amount": 50_00, "invoice": "INV1"}
    assert trade.refused("mega", apply) == "approved"


def test_what_was_set_off_before_the_approval_stays_set_off() -> None:
    trade = programme()
    trade.confirmed_invoice("PAID", 100_00)
    trade.done("bank", payment("PAID", 100_00, "IN 1"))
    note = {"op": "credit.issue", "credit": "C", "invoice": "PAID", "amount": 50_00, "date": "2012-03-01"}
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    trade.done("mega", confirm("INV1", NET))
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "amount": 50_00, "invoice": "INV1"}
    trade.done("mega", apply)
    trade.done("mega", approve("INV1"))
    assert (lien(trade).net, stored(trade).offset) == (NET - 50_00, 50_00)
    trade.check()


def test_what_was_confirmed_before_is_approved_as_it_was_confirmed() -> None:
    trade = programme(standing=False)
    trade.done("mega", confirm("INV1", NET - 100))
    assert trade.refused("mega", approve("INV1")) == "approval_differs"
    assert trade.refused("mega", approve("INV1", net=NET - 100, due="2012-04-25")) == "approval_differs"
    trade.done("mega", approve("INV1", net=NET - 100))
    trade.check()


@pytest.mark.parametrize(
    ("signer", "operation", "code"),
    [
        ("nova", approve("INV1"), "not_party"),
        ("mega", {**approve("INV1"), "programme": "none"}, "unknown_programme"),
        ("mega", {**approve("INV1"), "programme": "prime"}, "not_payables"),
        ("mega", {**approve("INV1"), "supplier": "bolt"}, "not_enrolled"),
        ("bolt", finance(), "not_enrolled"),
        ("bolt", {"op": "programme.leave", "programme": "of-mega"}, "not_enrolled"),
        ("acme", {**enrol(), "programme": "prime"}, "not_payables"),
        ("acme", enrol(bank="loan"), "unknown_organisation"),
        ("fund", reserve(1), "programme_of_other_lender"),
        ("loan", reserve(1, "giro"), "pool_elsewhere"),
        ("loan", reserve(20 * NET), "insufficient_funds"),
        ("loan", {"op": "payables.release", "programme": "of-mega", "amount": 2 * NET + 1}, "nothing_held"),
        ("mega", extend("2012-05-26", 1), "not_financed"),
        ("loan", publish(terms={"discount_basis": "advance"}), "payables_terms"),
        ("loan", publish(terms={"security": "pledge"}), "payables_terms"),
        ("loan", publish(terms={"recourse_days": 1}), "payables_terms"),
        ("loan", publish(buyer="ship"), "unknown_organisation"),
        ("loan", {**publish(), "rules": {"suppliers": ["bolt"]}}, ""),
    ],
)
def test_refusals(signer: str, operation: dict[str, Any], code: str) -> None:
    trade = programme()
    trade.done("loan", {"op": "programme.publish", "programme": "prime", "terms": TERMS})
    if code:
        assert trade.refused(signer, operation) == code
    else:
        trade.done(signer, operation)
        assert trade.refused("acme", enrol()) == "supplier_not_accepted"
    trade.check()


def test_a_payables_programme_makes_no_quote_and_leaving_it_ends_the_standing_request() -> None:
    trade = programme()
    trade.done("mega", confirm("INV1", NET))
    offer = {"op": "finance.offer", "programme": "of-mega", "supplier": "acme", "invoice": "INV1"}
    zero = {"net": 1, "tenor_days": 1, "advance": 1, "reserve": 0, "discount": 0, "fee": 0, "paid_out": 1}
    assert trade.refused("loan", {**offer, "expires": "2012-03-05", "terms": zero}) == "payables_programme"
    trade.done("acme", {"op": "programme.leave", "programme": "of-mega"})
    assert trade.refused("mega", approve("INV1")) == "not_enrolled"


def test_a_funder_takes_back_what_it_has_not_used() -> None:
    trade = programme(money=NET)
    trade.done("loan", reserve(5))
    assert pooled(trade) == NET + 5
    trade.done("loan", {"op": "payables.release", "programme": "of-mega", "amount": 5})
    trade.done("loan", {"op": "payables.release", "programme": "of-mega", "amount": NET})
    assert (pooled(trade), balance(trade, "loan").held) == (0, 0)
    trade.check()


def test_a_supplier_may_give_up_what_nobody_has_financed() -> None:
    trade = programme(standing=False)
    trade.done("mega", approve("INV1"))
    trade.done("acme", {"op": "invoice.cancel", "invoice": "INV1"})
    assert trade.refused("acme", finance()) == "nothing_outstanding"
    trade.check()


def test_an_invoice_of_which_credits_stand_for_others_is_not_given_up() -> None:
    """Invariant 1: the buyer would owe nothing on it, and keep the credit against what else it owes."""
    trade = programme(standing=False)
    trade.done("mega", approve("INV1"))
    note = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 50_00, "date": "2012-03-01"}
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    before = dict(trade.state.data)
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "INV1"}) == "wrong_state"
    trade.done("acme", finance())
    trade.check_step(before)
    trade.check()


def test_only_an_approved_invoice_takes_the_place_of_one_in_an_arrangement() -> None:
    """A breach of warranty stands in every programme; what replaces the claim is an undertaking too."""
    trade = programme()
    trade.done("mega", approve("INV1"))
    trade.confirmed_invoice("PLAIN", NET + 1)
    bill(trade, "INV2", NET + 2)
    place = {"supplier": "acme", "invoice": "INV1", "cause": "warranty", "reason": "see the letter"}
    trade.done("loan", {"op": "recourse.demand", "recourse": "R1", **place})
    propose = {"op": "recourse.propose", "lender": "loan", "recourse": "R1"}
    assert trade.refused("acme", {**propose, "invoice": "PLAIN"}) == "not_substitutable"
    trade.done("acme", enrol(standing=False))
    trade.done("mega", approve("INV2", net=NET + 2))
    trade.done("acme", {**propose, "invoice": "INV2"})
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "INV2"})
    assert lien(trade, "INV2").arrangement == 1
    assert stored(trade, "INV1").title == 0
    trade.check()
    trade.done("bank", payment("INV2", NET + 2, "IN 1"))
    trade.check()


# more time


def test_a_buyer_takes_more_time_at_the_programmes_rate() -> None:
    trade = programme()
    trade.done("mega", approve("INV1"))
    cost = 950_000_00 * 36_000 * 30 // (360 * 1_000_000)
    assert cost == 2_850_00
    approved = read_approval(trade.state, "acme", "INV1")
    assert approved is not None
    assert charge(approved, lien(trade), 30) == cost
    assert trade.refused("mega", extend("2012-06-26", cost)) == "extension_out_of_range"
    assert trade.refused("mega", extend(DUE, 0)) == "extension_out_of_range"
    assert trade.refused("mega", extend("2012-05-26", cost - 1)) == "quote_stale"
    assert trade.refused("nova", extend("2012-05-26", cost)) == "not_party"
    money = [balance(trade, client).available for client in ("mega", "loan", "acme")]
    trade.done("mega", extend("2012-05-26", cost))
    moved = [balance(trade, client).available for client in ("mega", "loan", "acme")]
    assert [after - before for before, after in zip(money, moved, strict=True)] == [-cost, cost, 0]
    assert iso_from_day(stored(trade).due_day) == "2012-05-26"
    trade.check()
    entry: Any = trade.entry("relationship", "acme", "mega")
    assert of_currency(entry[2], "USD").open_amount == NET
    trade.done("root", {"op": "date.advance", "date": "2012-05-27"})
    assert trade.refused("mega", extend("2012-06-20", 1)) == "past_due"
    trade.done("bank", payment("INV1", NET, "IN 1", date="2012-05-26"))
    trade.check()
    folded: codec.Value = relationship_sums.EMPTY
    for data in trade.records[relationship.relationship_key("acme", "mega")]:
        folded = relationship_records.fold(folded, codec.decode(data))
    assert folded == trade.entry("relationship", "acme", "mega")[2]  # type: ignore[index]


def test_what_people_are_shown_has_the_documented_form() -> None:
    trade = programme()
    bill(trade, "INV2", NET - 1)
    trade.done("mega", approve("INV1"))
    trade.done("acme", enrol(standing=False))
    trade.done("mega", approve("INV2", net=NET - 1))
    shown, rest = payables_views.approvals(trade.state, "of-mega")
    assert rest is None
    for entry in shown:
        programme_forms.ApprovalView.model_validate(entry)
    assert [(entry["invoice"], entry["financed"]) for entry in shown] == [("INV1", True), ("INV2", False)]
    assert [entry["refused"] for entry in shown] == ["already_financed", None]
    assert shown[1]["price"]["paid_out"] == NET - 1 - shown[1]["price"]["discount"]
    assert payables_views.approvals(trade.state, "other") == ([], None)
    ((enrolled,), _) = payables_views.enrolments(trade.state, "of-mega")
    programme_forms.EnrolmentView.model_validate(enrolled)
    assert enrolled["standing"] is False
    assert enrolled["charges"] == {
        "discount_basis": "bank",
        "discount_rate_ppm": 72_000,
        "day_count": 360,
        "fee_ppm": 0,
    }
    published = programme_views.programme_view(trade.state, "of-mega")
    assert published is not None
    programme_forms.ProgrammeView.model_validate_json(json.dumps(published))
    assert published["payables"]["set_aside"] == {"bank": "bank", "amount": 2 * NET - PAID_OUT}
    billed = trade_views.invoice_view(trade.state, "acme", "INV1")
    assert billed is not None
    trade_forms.InvoiceView.model_validate(billed)
    assert billed["finance"]["arrangement"] is True


# laws


def broken(trade: TradeLedger, key: bytes, change: Any) -> None:
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    entries[key] = change(entries[key])
    check_state(entries.items())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("approved", lambda value: changed(value, 3, NET - 1)),
        ("approved", lambda value: changed(value, 6, value[5] - 1)),
        ("lien", lambda value: tuple(Lien._make(value)._replace(reserve=1, advance=NET - 1))),
        ("lien", lambda value: tuple(Lien._make(value)._replace(pledges=1))),
        ("invoice", lambda value: tuple(Invoice._make(value)._replace(contested=1))),
        ("invoice", lambda value: tuple(Invoice._make(value)._replace(due_day=value[3] + 61))),
    ],
)
def test_each_law_of_payables_refuses_a_state_broken_on_purpose(kind: str, change: Any) -> None:
    trade = programme()
    trade.done("mega", approve("INV1"))
    key = {"approved": approval_key, "lien": lien_key, "invoice": invoice_key}[kind]("acme", "INV1")
    with pytest.raises(InvariantBroken):
        broken(trade, key, change)


def changed(value: Any, place: int, to: int) -> tuple[Any, ...]:
    return (*value[:place], to, *value[place + 1 :])


STEPS = st.lists(
    st.sampled_from("abcdefghij"),
    min_size=4,
    max_size=14,
)


@settings(max_examples=25)
@given(steps=STEPS, standing=st.booleans(), money=st.sampled_from([0, 150_000, 1_000_000]))
def test_every_law_holds_whatever_comes_in_between(steps: str, standing: bool, money: int) -> None:
    trade = programme(money=money, standing=standing)
    for place, step in enumerate(steps):
        number = f"I{place // 2}"
        for signer, operation in operations(trade, step, number, place):
            before = dict(trade.state.data)
            trade.submit(signer, operation)
            trade.check_step(before)
        trade.check()


def operations(trade: TradeLedger, step: str, number: str, place: int) -> list[tuple[str, dict[str, Any]]]:
    """What one letter stands for."""
    day = trade.entry("param", "business_date")
    assert isinstance(day, int)
    today, due = iso_from_day(day), iso_from_day(day + 40)
    bill = invoice(number, 100_000, due=due, issue_date=today, quantity=place + 1)
    said = approve(number, net=100_000, due=due)
    credit = {"credit": f"C{place}", "invoice": number, "amount": 500, "date": today}
    steps: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "a": [("acme", bill), ("mega", said)],
        "b": [("acme", bill), ("mega", {**confirm(number, 100_000, due)}), ("mega", said)],
        "c": [("acme", finance(number, price(terms(), 100_000, 40).paid_out))],
        "d": [("acme", {"op": "credit.issue", **credit}), ("mega", accept_credit(place))],
        "e": [("bank", payment(number, 60_000, f"IN {place}", date=today))],
        "f": [("loan", reserve(100_000)), ("acme", enrol(standing=place % 2 == 0))],
        "g": [("mega", extend(iso_from_day(day + 70), 300, number))],
        "h": [("root", {"op": "date.advance", "date": iso_from_day(day + 6)})],
        "i": [("loan", {"op": "finance.settle", "supplier": "acme", "invoice": number, "bank": "bank"})],
        "j": [("loan", {"op": "payables.release", "programme": "of-mega", "amount": 70_000})],
    }
    return steps[step]


def accept_credit(place: int) -> dict[str, Any]:
    return {"op": "credit.accept", "credit": f"C{place}", "supplier": "acme"}
