"""The trade machine: random trades, every invariant after every step, and a replay of it all at the end.

It plays two suppliers, two buyers, two lenders, two banks and the operator, valid and invalid moves
mixed. After every step all invariants of `contracts.state_check` hold over the whole state: 1, 5, 6,
7, 8, 9, 10, 11, 12, 13, 14, 16, 17 and the open basis that 22 rests on; between any two states invariant 15:
documents move along their tables. What becomes of goods is predicted by a small model that knows nothing
of orders (`Parcel`). At the end invariant 23: the same transactions from their bytes give the same state,
results and records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derived_laws import check_derived
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from trade_ledger import TERMS, TradeLedger, confirm, fund, invoice, order_submit, payment, sscc

from contracts.context import BUSINESS_DATE
from contracts.errors import REMEDIES
from contracts.finance.claim import Lien, payoff
from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import requote
from contracts.trade import relationship_records, relationship_sums, relationship_views, trade_views
from contracts.trade.invoice import Invoice
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.dates import iso_from_day
from ledger.errors import Refusal

PARAMETERS: dict[str, int | str] = {
    "quantity_tolerance_ppm": 100_000,
    "price_tolerance_ppm": 10_000,
    "return_days": 60,
}
STAGES = ["billed", "confirmed", "offered", "accepted", "funded"]
PROGRAMMES = {"loan": "prime", "fund": "extra"}

SUPPLIERS = st.sampled_from(["acme", "bolt"])
BUYERS = st.sampled_from(["mega", "nova"])
LENDERS = st.sampled_from(["loan", "fund"])
BANKS = st.sampled_from(["bank", "giro"])
ANYONE = st.sampled_from(["acme", "bolt", "mega", "nova", "loan", "fund", "bank", "giro", "root", "stranger"])
PICKS = st.integers(0, 99)
ORDERS = st.sampled_from(["P1", "P1", "P2"])
CURRENCIES = st.sampled_from(["USD", "USD", "USD", "EUR"])
AMOUNTS = st.sampled_from([1, 99, 10_000, 10_000, 25_000, 1_000_000])
QUANTITIES = st.sampled_from([1, 2, 5, 9, 10, 12])
SHARES = st.sampled_from([100, 100, 50, 10, 3, 101])
ENTRIES = st.integers(0, 40)
RARELY = st.sampled_from([False] * 9 + [True])


@dataclass
class Parcel:
    """The reference model of one shipment of one line: what may happen to it, and what the buyer keeps."""

    buyer: str
    supplier: str
    number: str
    quantity: int
    state: str = "Dispatched"
    kept: int = 0

    def does(self, way: str, accepted: int, rejected: int) -> bool:
        """Whether this may happen now; if so, it has."""
        is_here = self.state in ("Dispatched", "Delivered")
        if way == "deliver" and self.state == "Dispatched":
            self.state = "Delivered"
        elif way == "receive" and is_here and accepted + rejected <= self.quantity:
            self.state, self.kept = "Received", accepted
        elif way in ("refuse", "lose") and is_here:
            self.state = "Refused" if way == "refuse" else "Lost"
        elif way == "return" and self.state == "Received" and 0 < accepted <= self.kept:
            self.kept -= accepted
            self.state = "Received" if self.kept else "Returned"
        else:
            return False
        return True


class TradeMachine(RuleBasedStateMachine):
    """Random trades; the ledger says what is valid, the invariants say that it is sound."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = TradeLedger(PARAMETERS)
        self.invoices: list[tuple[str, str]] = []
        self.parcels: list[Parcel] = []
        self.taken = 0

    def play(self, signer: str, operation: dict[str, Any]) -> bool:
        """Submit one operation; whether it was applied."""
        before = dict(self.trade.state.data)
        result = self.trade.submit(signer, operation, atomic=self.taken % 2 == 0)
        if result:
            assert self.trade.state.data == before, "a refused operation changes nothing"
            assert result[0][1] in REMEDIES, f"code without a remedy: {result[0]}"
        now = self.trade.state.data
        self.trade.check_step({key: data for key, data in before.items() if now.get(key) != data})
        return not result

    def day(self, ahead: int = 0) -> str:
        return iso_from_day(self.trade.get(BUSINESS_DATE) + ahead)

    def next_number(self, again: bool = False) -> str:
        """A fresh number, or with `again` the last one once more."""
        self.taken += not again
        return str(self.taken)

    def pick(self, pick: int) -> tuple[str, str, Invoice]:
        """(supplier, number, invoice): one of those so far, the newest ones more often."""
        recent = self.invoices[-4:] if pick % 3 else self.invoices
        supplier, number = recent[pick % len(recent)]
        return supplier, number, Invoice._make(self.trade.entry("invoice", supplier, number) or ())

    @initialize()
    def programmes(self) -> None:
        limits = [{"obligor": "mega", "limit": 1_500_000}, {"obligor": "nova", "limit": 30_000}]
        for lender, programme in PROGRAMMES.items():
            rule_of_credits = "restore" if lender == "fund" else "absorb"
            terms = {**TERMS, "limits": limits, "credit_note_rule": rule_of_credits, "accept_backdated": True}
            if lender == "fund":
                terms |= {"security": "pledge", "recourse_days": 10, "default_days": 30, "min_tenor_days": 1}
            assert self.play(lender, {"op": "programme.publish", "programme": programme, "terms": terms})

    @rule(supplier=SUPPLIERS, buyer=BUYERS, order=ORDERS, quantity=QUANTITIES, currency=CURRENCIES)
    def order_and_goods(self, supplier: str, buyer: str, order: str, quantity: int, currency: str) -> None:
        """An order (or the one that exists), a shipment on it and its receipt."""
        shipment = self.next_number()
        self.play(supplier, {**order_submit(order, (("1", 20, 100_000_000),), currency), "buyer": buyer})
        self.play(buyer, {"op": "order.issue", "order": order, "supplier": supplier})
        is_sent = self.play(
            supplier,
            {
                "op": "shipment.dispatch",
                "shipment": shipment,
                "order": order,
                "buyer": buyer,
                "date": "2012-01-20",
                "lines": [{"line": "1", "quantity": quantity}],
                "units": [sscc(quantity)] if quantity == 9 else [],
                "carrier": "ship",
            },
        )
        if is_sent:
            self.parcels.append(Parcel(buyer, supplier, shipment, quantity))
            self.move_parcel(self.parcels[-1], "receive", quantity - 1, 1)

    def move_parcel(self, parcel: Parcel, way: str, accepted: int, rejected: int) -> None:
        """One thing that happens to a shipment: the ledger takes it exactly if the model does."""
        signer = {"deliver": "ship", "lose": parcel.supplier}.get(way, parcel.buyer)
        operation: dict[str, Any] = {
            "op": ("shipment." if way in ("deliver", "lose") else "goods.") + way,
            "shipment": parcel.number,
            "supplier": parcel.supplier,
            "date": "2012-01-25",
        }
        if way == "receive":
            operation["lines"] = [{"line": "1", "accepted": accepted, "rejected": rejected}]
        elif way == "return":
            operation["lines"] = [{"line": "1", "quantity": max(1, accepted)}]
        if way in ("refuse", "lose", "return"):
            operation["reason"] = "damaged"
        is_in_window = self.trade.get(BUSINESS_DATE) - 15_364 <= 60
        if way == "return" and not is_in_window:
            assert not self.play(signer, operation)
            return
        assert self.play(signer, operation) is parcel.does(way, max(way == "return", accepted), rejected)
        shown = trade_views.shipment_view(self.trade.state, parcel.supplier, parcel.number)
        assert shown is not None
        assert shown["status"] == parcel.state

    @precondition(lambda self: self.parcels)
    @rule(
        pick=PICKS,
        way=st.sampled_from(["receive", "refuse", "lose", "deliver", "return", "return", "return"]),
        accepted=QUANTITIES,
        rejected=st.integers(0, 3),
    )
    def move_goods(self, pick: int, way: str, accepted: int, rejected: int) -> None:
        self.move_parcel(self.parcels[pick % len(self.parcels)], way, accepted, rejected)

    @rule(supplier=SUPPLIERS, buyer=BUYERS, order=ORDERS, quantity=QUANTITIES, by_buyer=st.booleans())
    def amend(self, supplier: str, buyer: str, order: str, quantity: int, by_buyer: bool) -> None:
        parties = {"order": order, "supplier": supplier, "buyer": buyer}
        line = {"line": "1", "item": "item 1", "quantity": quantity, "price_micros": 100_000_000}
        proposer, other = (buyer, supplier) if by_buyer else (supplier, buyer)
        if not self.play(proposer, {"op": "amendment.propose", **parties, "lines": [line]}):
            return
        number = self.trade.entry("amendment", supplier, buyer, order)[0]  # type: ignore[index]
        agree = {"op": "amendment.agree", **parties, "amendment": number}
        assert not self.play(proposer, agree), "an amendment needs both signatures"
        assert self.play(other, agree)

    @rule(
        supplier=SUPPLIERS,
        buyer=BUYERS,
        order=ORDERS,
        end=st.sampled_from(["acknowledge", "acknowledge", "close", "cancel"]),
    )
    def end_order(self, supplier: str, buyer: str, order: str, end: str) -> None:
        parties = {"acknowledge": {"buyer": buyer}, "close": {"supplier": supplier}}.get(
            end, {"supplier": supplier, "buyer": buyer, "reason": "over"}
        )
        signer = supplier if end == "acknowledge" else buyer
        self.play(signer, {"op": f"order.{end}", "order": order, **parties})

    @precondition(lambda self: self.invoices)
    @rule(picks=st.lists(PICKS, min_size=1, max_size=4))
    def confirm_together(self, picks: list[int]) -> None:
        chosen = [self.pick(pick) for pick in picks]
        supplier, _, first = chosen[0]
        said = [
            {"invoice": number, "net": found.gross, "due_date": iso_from_day(found.due_day)}
            for owner, number, found in chosen
            if owner == supplier
        ]
        self.play(first.buyer, {"op": "invoice.confirm_many", "supplier": supplier, "invoices": said})

    @rule(
        supplier=SUPPLIERS,
        buyer=BUYERS,
        order=ORDERS,
        quantity=QUANTITIES,
        currency=CURRENCIES,
        above=RARELY,
    )
    def bill_goods(
        self, supplier: str, buyer: str, order: str, quantity: int, currency: str, above: bool
    ) -> None:
        number = self.next_number()
        amount = quantity * (102 if above else 101)
        dates = {"issue_date": self.day(), "due": self.day(60)}
        operation = invoice(
            number, amount, order=order, quantity=quantity, buyer=buyer, currency=currency, **dates
        )
        if self.play(supplier, operation):
            assert not above, "invariant 7: price within the tolerance of the order's"
            self.invoices.append((supplier, number))

    @rule(
        supplier=SUPPLIERS,
        buyer=BUYERS,
        lender=LENDERS,
        amount=AMOUNTS,
        currency=CURRENCIES,
        stage=st.sampled_from(
            ["billed", "confirmed", "confirmed", "offered", "accepted", "funded", "funded"]
        ),
    )
    def invoice_up_to(
        self, supplier: str, buyer: str, lender: str, amount: int, currency: str, stage: str
    ) -> None:
        """An invoice without an order that gets as far as a stage, if the ledger lets it."""
        number, due, steps = self.next_number(), self.day(60), STAGES.index(stage)
        dates = {"issue_date": self.day(), "due": due}
        billed = invoice(number, amount, buyer=buyer, currency=currency, quantity=self.taken, **dates)
        assert self.play(supplier, billed)
        self.invoices.append((supplier, number))
        if steps >= 1:
            assert self.play(buyer, {**confirm(number, amount, due), "supplier": supplier})
        if steps >= 2:
            self.make_offer(lender, supplier, number, 10)
        if steps >= 3:
            self.play(supplier, {"op": "finance.accept", "invoice": number})
        if steps >= 4:
            self.pay_out("bank", supplier, number, f"OUT {number}")

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS)
    def bill_the_same_again(self, pick: int) -> None:
        supplier, _, found = self.pick(pick)
        if not found.is_live:
            return
        copy = {
            "op": "invoice.submit",
            "invoice": self.next_number(),
            "buyer": found.buyer,
            "currency": found.currency,
            "issue_date": iso_from_day(found.issue_day),
            "due_date": iso_from_day(found.due_day),
            "order": found.order,
            "lines": [{"line": line, "quantity": q, "amount": amount} for line, q, amount in found.lines],
            "tax": 0,
            "gross": found.gross,
            "document": bytes([pick]) * 32,
        }
        result = self.trade.submit(supplier, copy)
        assert result[0][1] == "duplicate_invoice", "invariant 8: the same invoice under another number"

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, share=SHARES, forger=ANYONE, forged=RARELY)
    def confirm(self, pick: int, share: int, forger: str, forged: bool) -> None:
        supplier, number, found = self.pick(pick)
        net = max(1, found.gross * share // 100)
        operation = {**confirm(number, net, iso_from_day(found.due_day)), "supplier": supplier}
        applied = self.play(forger if forged else found.buyer, operation)
        assert not (applied and forged and forger != found.buyer), "invariant 17: only the buyer confirms"

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, amount=AMOUNTS, rejects=RARELY, withdraws=RARELY)
    def object(self, pick: int, amount: int, rejects: bool, withdraws: bool) -> None:
        supplier, number, found = self.pick(pick)
        common = {"invoice": number, "supplier": supplier, "reason": "damaged"}
        if rejects:
            self.play(found.buyer, {"op": "invoice.reject", **common})
        elif withdraws:
            self.play(found.buyer, {"op": "dispute.withdraw", **common})
        else:
            self.play(found.buyer, {"op": "invoice.dispute", "amount": amount, **common})

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, sure=RARELY)
    def cancel(self, pick: int, sure: bool) -> None:
        supplier, number, found = self.pick(pick)
        if sure or found.paid:
            self.play(supplier, {"op": "invoice.cancel", "invoice": number})

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, share=SHARES, rejects=RARELY, units=st.integers(0, 3), other=PICKS)
    def credit(self, pick: int, share: int, rejects: bool, units: int, other: int) -> None:
        supplier, number, found = self.pick(pick)
        name = {"credit": self.next_number()}
        amount = max(1, (found.outstanding or found.gross) * share // 100)
        issue = {"op": "credit.issue", **name, "invoice": number, "amount": amount, "date": self.day()}
        if units:
            issue["lines"] = [{"line": "1", "quantity": units}]
        self.play(supplier, issue)
        decision = {"op": "credit.reject", "reason": "no"} if rejects else {"op": "credit.accept"}
        self.play(found.buyer, {**decision, **name, "supplier": supplier})
        _, target, billed = self.pick(other)
        left = {"amount": max(1, min(amount, billed.outstanding)), "invoice": target}
        self.play(found.buyer, {"op": "credit.apply", **name, "supplier": supplier, **left})

    @precondition(lambda self: self.invoices)
    @rule(bank=BANKS, pick=PICKS, share=SHARES, entry=ENTRIES)
    def pay(self, bank: str, pick: int, share: int, entry: int) -> None:
        supplier, number, found = self.pick(pick)
        operation = payment(
            number,
            max(1, found.outstanding * share // 100),
            f"IN {entry}",
            date=self.day(),
            account=f"account of {bank}",
            supplier=supplier,
            payer=found.buyer,
            currency=found.currency,
        )
        self.play(bank, operation)

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, lender=LENDERS, life=st.integers(0, 20))
    def offer(self, pick: int, lender: str, life: int) -> None:
        supplier, number, _ = self.pick(pick)
        self.make_offer(lender, supplier, number, life)

    def make_offer(self, lender: str, supplier: str, number: str, life: int) -> None:
        try:
            quote = requote(self.trade.state, supplier, number, PROGRAMMES[lender])
            terms = {name: getattr(quote, name) for name in OfferTerms.model_fields}
        except Refusal:
            terms = dict.fromkeys(OfferTerms.model_fields, 1)
        operation = {
            "op": "finance.offer",
            "programme": PROGRAMMES[lender],
            "supplier": supplier,
            "invoice": number,
            "expires": self.day(life),
            "terms": terms,
        }
        claimed = self.trade.entry("lien", supplier, number) is not None
        applied = self.play(lender, operation)
        assert not (applied and claimed), "invariant 5: one claim"

    @precondition(lambda self: self.invoices)
    @rule(pick=PICKS, way=st.sampled_from(["accept", "accept", "withdraw", "decline"]))
    def answer(self, pick: int, way: str) -> None:
        supplier, number, _ = self.pick(pick)
        value = self.trade.entry("lien", supplier, number)
        if way == "accept" or value is None:
            self.play(supplier, {"op": "finance.accept", "invoice": number})
        else:
            signer = Lien._make(value).lender if way == "withdraw" else supplier
            self.play(signer, {"op": "finance.withdraw", "supplier": supplier, "invoice": number})

    @precondition(lambda self: self.invoices)
    @rule(bank=BANKS, pick=PICKS, entry=ENTRIES, wrong=RARELY)
    def fund(self, bank: str, pick: int, entry: int, wrong: bool) -> None:
        supplier, number, _ = self.pick(pick)
        self.pay_out(bank, supplier, number, f"IN {entry}", wrong)

    def pay_out(self, bank: str, supplier: str, number: str, entry: str, wrong: bool = False) -> None:
        value = self.trade.entry("lien", supplier, number)
        if value is None:
            return
        lien = Lien._make(value)
        operation = {
            **fund(number, lien.paid_out + wrong),
            "account": f"account of {bank}",
            "entry": entry,
            "date": self.day(),
            "supplier": supplier,
            "lender": lien.lender,
        }
        applied = self.play(bank, operation)
        assert not (applied and wrong), "invariant 12: the cash is the price of the title"

    @precondition(lambda self: self.invoices)
    @rule(
        pick=PICKS,
        way=st.sampled_from(["declare", "write_off", "dilution", "warranty", "repay", "meet", "offset"]),
        other=PICKS,
    )
    def after_funding(self, pick: int, way: str, other: int) -> None:
        """Default, write-off and recourse, and the supplier's money for what is demanded."""
        supplier, number, _ = self.pick(pick)
        value = self.trade.entry("lien", supplier, number)
        where = {"supplier": supplier, "invoice": number}
        if value is None:
            if way in ("declare", "write_off"):
                self.play(supplier, {"op": f"default.{way}", **where})
            return
        lien, day = Lien._make(value), self.trade.get(BUSINESS_DATE)
        demand = {"recourse": self.next_number(), "reason": "see the letter", "cause": way}
        booked = {"account": "account of bank", "entry": f"BACK {other}", "date": self.day()}
        due = {"lender": lien.lender, "recourse": lien.recourse or "none"}
        if way in ("declare", "write_off"):
            self.play(lien.lender, {"op": f"default.{way}", **where})
        elif way in ("dilution", "warranty"):
            self.play(lien.lender, {"op": "recourse.demand", **where, **demand})
        elif way == "offset":
            self.play(lien.lender, {"op": "recourse.offset", "recourse": lien.recourse or "none"})
        elif way == "repay":
            amount = max(1, payoff(lien, day))
            self.play("bank", {"op": "release.attest", **where, **booked, "amount": amount})
        else:
            amount = max(1, lien.shortfall or payoff(lien, day))
            self.play("bank", {"op": "recourse.attest", **due, **booked, "amount": amount})

    @rule(days=st.sampled_from([1, 1, 1, 7, 15, 70]))
    def advance(self, days: int) -> None:
        assert self.play("root", {"op": "date.advance", "date": self.day(days)})

    @invariant()
    def all_invariants_hold(self) -> None:
        self.trade.check()

    def teardown(self) -> None:
        """Invariant 23: replay from genesis gives the same state, results and records."""
        again = TradeLedger(PARAMETERS)
        for transaction in self.trade.transactions:
            again.execute(Transaction.decode(transaction.envelope))
        assert again.state.data == self.trade.state.data
        check_derived(again)
        assert again.results == self.trade.results
        assert again.records == self.trade.records
        for key, records in again.records.items():
            if codec.decode(key)[0] != "relationship":
                continue
            folded: codec.Value = relationship_sums.EMPTY
            for data in records:
                record = codec.decode(data)
                folded = relationship_records.fold(folded, record)
                assert relationship_views.record_view(record)["kind"] == record[1]
            assert folded == again.get(key)[2], "the aggregates are the fold over the records"  # type: ignore[index]
        for supplier, number in self.invoices:
            assert trade_views.invoice_view(again.state, supplier, number) is not None


TestTradeMachine = TradeMachine.TestCase
TestTradeMachine.settings = settings(
    max_examples=30,
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
