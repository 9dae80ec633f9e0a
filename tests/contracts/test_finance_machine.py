"""The finance machine: programmes, payables, requests and refunds at random, every law after every step.

A plain model beside it knows who was asked, which invoices are approved, what is set aside and what is
unapplied; it says beforehand whether an operation must be taken. Cash on deposits is never lost. At the end
invariant 23: the same transactions from their bytes give the same state.
"""

from __future__ import annotations

from typing import Any

from cash_ledger import balance, with_deposits
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from trade_ledger import TERMS, TradeLedger, invoice, payment

from contracts.cash.refund import read_unapplied
from contracts.context import BUSINESS_DATE
from contracts.errors import REMEDIES
from contracts.finance.claim import Lien, read_lien
from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import requote
from contracts.finance.request import ASKED, DECLINED, OPEN, read_answer, read_request
from contracts.finance.usage import ALL, SUPPLIER, read_use
from contracts.reverse_factoring.approval import read_approval
from contracts.reverse_factoring.payables import claim_of
from contracts.trade.invoice import FREE, Invoice
from ledger.blocks.transaction import Transaction
from ledger.dates import iso_from_day
from ledger.errors import Refusal

MONEY = 400_000
NET = 60_000
LIMIT = 150_000
CLIENTS = ("loan", "fund", "acme", "bolt", "mega")
RECEIVABLES = {"prime": "loan", "extra": "fund"}
PAYABLES = "of-mega"

picks = st.integers(0, 5)
suppliers = st.sampled_from(["acme", "acme", "bolt"])
programmes = st.sampled_from(sorted(RECEIVABLES))
rarely = st.sampled_from([False] * 5 + [True])


class FinanceMachine(RuleBasedStateMachine):
    """Random finance; the model knows what must happen."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = with_deposits(TradeLedger(), MONEY, *CLIENTS)
        self.invoices: list[tuple[str, str]] = []
        self.requests: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str, str], str] = {}
        self.over: set[tuple[str, str]] = set()
        self.approved: set[tuple[str, str]] = set()
        self.unapplied: dict[tuple[str, str], int] = {}
        self.set_aside = 0
        self.taken = 0

    @initialize()
    def publish(self) -> None:
        limits = [{"obligor": "mega", "limit": 10 * LIMIT}]
        rules = {"programme_limit": 2 * LIMIT, "supplier_limit": LIMIT}
        for programme, lender in RECEIVABLES.items():
            terms = {**TERMS, "limits": limits}
            self.done(
                lender, {"op": "programme.publish", "programme": programme, "terms": terms, "rules": rules}
            )
        terms = {**TERMS, "limits": limits, "discount_basis": "bank", "fee_ppm": 0}
        payables = {"buyer": "mega", "extension_days": 30, "extension_rate_ppm": 36_000}
        programme = {"op": "programme.publish", "programme": PAYABLES, "terms": terms, "rules": rules}
        self.done("loan", {**programme, "payables": payables})
        for supplier, standing in (("acme", True), ("bolt", False)):
            enrol = {"op": "programme.enrol", "programme": PAYABLES, "bank": "bank", "standing": standing}
            self.done(supplier, enrol)
        self.done("loan", {"op": "payables.reserve", "programme": PAYABLES, "bank": "bank", "amount": 70_000})
        self.set_aside = 70_000
        for supplier in ("acme", "bolt", "acme"):
            self.bill(supplier, "confirmed")

    def play(self, signer: str, *operations: dict[str, Any]) -> bool:
        """Submit; whether it was applied."""
        before = dict(self.trade.state.data)
        result: Any = self.trade.submit(signer, *operations)
        if result:
            assert self.trade.state.data == before, "a refused transaction changes nothing"
            assert result[0][1] in REMEDIES
        now = self.trade.state.data
        self.trade.check_step({key: data for key, data in before.items() if now.get(key) != data})
        return not result

    def done(self, signer: str, *operations: dict[str, Any]) -> None:
        assert self.play(signer, *operations), self.trade.results[-1]

    def day(self, ahead: int = 0) -> str:
        return iso_from_day(self.trade.get(BUSINESS_DATE) + ahead)

    def number(self) -> str:
        self.taken += 1
        return str(self.taken)

    def pick(self, pick: int) -> tuple[str, str, Invoice]:
        supplier, number = self.invoices[-1 - pick % len(self.invoices)]
        return supplier, number, Invoice._make(self.trade.entry("invoice", supplier, number) or ())

    def lien(self, supplier: str, number: str) -> Lien | None:
        return read_lien(self.trade.state, supplier, number)

    @rule(
        supplier=suppliers,
        stage=st.sampled_from(["billed", "confirmed", "asked", "offered", "bought", "approved", "approved"]),
    )
    def bill(self, supplier: str, stage: str) -> None:
        """A new invoice that gets as far as a stage, if the ledger lets it."""
        number = self.number()
        dates = {"issue_date": self.day(), "due": self.day(60)}
        self.done(supplier, invoice(number, NET, quantity=self.taken, **dates))
        self.invoices.append((supplier, number))
        if stage not in ("billed", "approved"):
            said = {"op": "invoice.confirm", "invoice": number, "supplier": supplier, "net": NET}
            self.done("mega", {**said, "due_date": self.day(60)})
        if stage == "asked":
            self.ask(0, {"prime", "extra"})
            self.answer(0, "prime", False)
        elif stage in ("offered", "bought"):
            self.buy(0, "prime", 2 if stage == "bought" else 0)
        elif stage == "approved":
            self.approve(0)

    # requests

    @precondition(lambda self: self.invoices)
    @rule(pick=picks, names=st.sets(programmes, min_size=1))
    def ask(self, pick: int, names: set[str]) -> None:
        supplier, number, found = self.pick(pick)
        request = self.number()
        is_open = self.trade.entry("requested", supplier, number) is not None
        operation = {"op": "finance.request", "request": request, "invoice": number, "expires": self.day(2)}
        fits = found.title == FREE and found.outstanding > 0 and not is_open and found.is_live
        assert self.play(supplier, {**operation, "programmes": sorted(names)}) == fits
        if fits:
            self.requests.append((supplier, request))
            self.answers |= {(supplier, request, name): "Asked" for name in names}

    @precondition(lambda self: self.requests)
    @rule(pick=picks, programme=programmes, says_no=st.booleans())
    def answer(self, pick: int, programme: str, says_no: bool) -> None:
        supplier, request = self.requests[-1 - pick % len(self.requests)]
        found = read_request(self.trade.state, supplier, request)
        assert found is not None
        owed = Invoice._make(self.trade.entry("invoice", supplier, found.invoice) or ()).outstanding
        asked = self.answers.get((supplier, request, programme))
        where = {"supplier": supplier, "request": request, "programme": programme}
        fits = found.status == OPEN and asked in ("Asked", "Quoted") and (says_no or owed >= 1_000)
        if says_no:
            operation = {"op": "request.decline", **where, "reason": "no"}
        else:
            operation = {"op": "request.quote", **where, "advance": 1_000, "discount": 10, "fee": 0}
        assert self.play(RECEIVABLES[programme], operation) == fits
        if fits:
            self.answers[supplier, request, programme] = "Declined" if says_no else "Quoted"

    # offers under limits

    @precondition(lambda self: self.invoices)
    @rule(pick=picks, programme=programmes, stage=st.integers(0, 2))
    def buy(self, pick: int, programme: str, stage: int) -> None:
        """An offer at the ledger's price; perhaps accepted, perhaps paid for."""
        supplier, number, _ = self.pick(pick)
        try:
            price = requote(self.trade.state, supplier, number, programme)
        except Refusal:
            return
        used = read_use(self.trade.state, programme, "USD", SUPPLIER, supplier).total
        assert used + price.advance <= LIMIT, "invariant 13: no price over the supplier's limit"
        terms = {name: getattr(price, name) for name in OfferTerms.model_fields}
        offer = {"op": "finance.offer", "programme": programme, "supplier": supplier, "invoice": number}
        self.done(RECEIVABLES[programme], {**offer, "expires": self.day(3), "terms": terms})
        if stage > 0:
            self.done(supplier, {"op": "finance.accept", "invoice": number})
        if stage > 1:
            self.settle(0, supplier, number)

    @precondition(lambda self: self.invoices)
    @rule(pick=picks)
    def settle(self, pick: int, supplier: str = "", number: str = "") -> None:
        if not number:
            supplier, number, _ = self.pick(pick)
        lien = self.lien(supplier, number)
        lender = "loan" if lien is None else lien.lender
        fits = (
            lien is not None
            and lien.accepted == 1
            and not lien.funded
            and balance(self.trade, lender).available >= lien.paid_out
        )
        settle = {"op": "finance.settle", "supplier": supplier, "invoice": number, "bank": "bank"}
        assert self.play(lender, settle) == fits, "invariant 12"

    # payables

    @rule(amount=st.sampled_from([40_000, 130_000]), back=rarely)
    def set_money_aside(self, amount: int, back: bool) -> None:
        if back:
            release = {"op": "payables.release", "programme": PAYABLES, "amount": amount}
            fits = amount <= self.set_aside
            assert self.play("loan", release) == fits
            self.set_aside -= amount if fits else 0
            return
        fits = balance(self.trade, "loan").available >= amount
        reserve = {"op": "payables.reserve", "programme": PAYABLES, "bank": "bank", "amount": amount}
        assert self.play("loan", reserve) == fits
        self.set_aside += amount if fits else 0

    @precondition(lambda self: self.invoices)
    @rule(pick=picks)
    def approve(self, pick: int) -> None:
        supplier, number, found = self.pick(pick)
        fits = found.title == FREE and (supplier, number) not in self.approved and found.is_live
        said = {
            "invoice": number,
            "net": found.gross - found.credited,
            "due_date": iso_from_day(found.due_day),
        }
        operation = {
            "op": "payables.approve",
            "programme": PAYABLES,
            "supplier": supplier,
            "invoices": [said],
        }
        assert self.play("mega", operation) == fits
        if not fits:
            return
        self.approved.add((supplier, number))
        lien = self.lien(supplier, number)
        if lien is not None:
            assert supplier == "acme", "only a standing request finances at once"
            assert bool(lien.funded) == (self.set_aside >= lien.paid_out), "invariant 12"
            self.set_aside -= lien.paid_out if lien.funded else 0

    @precondition(lambda self: self.approved)
    @rule(pick=picks)
    def finance(self, pick: int) -> None:
        supplier, number = sorted(self.approved)[pick % len(self.approved)]
        try:
            paid_out = claim_of(self.trade.state, PAYABLES, (supplier, number)).paid_out
        except Refusal:
            paid_out = 0
        operation = {"op": "payables.finance", "programme": PAYABLES, "invoice": number}
        assert self.play(supplier, {**operation, "paid_out": paid_out or 1}) == bool(paid_out)
        if paid_out and self.set_aside >= paid_out:
            self.set_aside -= paid_out

    @precondition(lambda self: self.approved)
    @rule(pick=picks, days=st.sampled_from([5, 5, 20, 40]))
    def take_more_time(self, pick: int, days: int) -> None:
        supplier, number = sorted(self.approved)[pick % len(self.approved)]
        found = Invoice._make(self.trade.entry("invoice", supplier, number) or ())
        lien, approval = self.lien(supplier, number), read_approval(self.trade.state, supplier, number)
        assert approval is not None
        owed = 0 if lien is None else lien.principal
        cost = -(-owed * 36_000 * days // (360 * 1_000_000))
        fits = (
            lien is not None
            and lien.arrangement == 1
            and lien.funded > 0
            and self.trade.get(BUSINESS_DATE) <= found.due_day
            and found.due_day + days <= approval.extend_until
            and balance(self.trade, "mega").available >= cost
        )
        where = {"supplier": supplier, "invoice": number, "bank": "bank", "charge": cost}
        operation = {"op": "payables.extend", **where, "due_date": iso_from_day(found.due_day + days)}
        assert self.play("mega", operation) == fits

    @precondition(lambda self: self.approved)
    @rule(pick=picks)
    def object(self, pick: int) -> None:
        """What was undertaken is not taken back: no dispute, and a credit note takes nothing off it."""
        supplier, number = sorted(self.approved)[pick % len(self.approved)]
        before = Invoice._make(self.trade.entry("invoice", supplier, number) or ())
        dispute = {
            "op": "invoice.dispute",
            "invoice": number,
            "supplier": supplier,
            "amount": 1,
            "reason": "no",
        }
        assert not self.play("mega", dispute)
        note = {"credit": self.number(), "invoice": number, "amount": 100, "date": self.day()}
        if self.play(supplier, {"op": "credit.issue", **note}):
            self.play("mega", {"op": "credit.accept", "credit": note["credit"], "supplier": supplier})
        after = Invoice._make(self.trade.entry("invoice", supplier, number) or ())
        assert after.outstanding == before.outstanding

    # money in, and back

    @precondition(lambda self: self.invoices)
    @rule(pick=picks, over=st.sampled_from([-20_000, 0, 0, 500]))
    def pay(self, pick: int, over: int) -> None:
        supplier, number, found = self.pick(pick)
        amount = max(1, found.outstanding + over)
        fits = found.is_live and found.outstanding > 0
        entry = f"IN {self.number()}"
        assert self.play("bank", payment(number, amount, entry, date=self.day(), supplier=supplier)) == fits
        more = amount - found.outstanding
        if fits and more > 0:
            self.unapplied[supplier, number] = self.unapplied.get((supplier, number), 0) + more

    @precondition(lambda self: self.unapplied)
    @rule(pick=picks, amount=st.sampled_from([100, 500, 501]), by_bank=st.booleans())
    def pay_back(self, pick: int, amount: int, by_bank: bool) -> None:
        supplier, number = sorted(self.unapplied)[pick % len(self.unapplied)]
        left = self.unapplied[supplier, number]
        operation: dict[str, Any] = {"invoice": number, "amount": amount}
        if by_bank:
            booked = {"account": "DE02", "entry": self.number(), "date": self.day(), "supplier": supplier}
            applied = self.play("bank", {"op": "refund.attest", **operation, **booked})
            fits = amount <= left
        else:
            fits = amount <= left and balance(self.trade, supplier).available >= amount
            applied = self.play(supplier, {"op": "refund.pay", **operation, "bank": "bank"})
        assert applied == fits
        self.unapplied[supplier, number] -= amount if fits else 0

    @rule(
        days=st.sampled_from([1, 1, 3, 6, 40]),
        supplier=suppliers,
        stage=st.sampled_from(["asked", "approved"]),
    )
    def advance(self, days: int, supplier: str, stage: str) -> None:
        self.bill(supplier, stage)
        self.done("root", {"op": "date.advance", "date": self.day(days)})

    @invariant()
    def all_laws_hold_and_the_model_agrees(self) -> None:
        self.trade.check()
        held = [balance(self.trade, client) for client in CLIENTS]
        assert sum(sum(each) for each in held) == len(CLIENTS) * MONEY, "no cash is lost"
        hold: Any = self.trade.entry("hold", "payables", "loan", PAYABLES)
        assert (0 if hold is None else hold[3]) == self.set_aside
        for (supplier, number), left in self.unapplied.items():
            assert read_unapplied(self.trade.state, supplier, number) == left
        for (supplier, request, programme), said in self.answers.items():
            answer = read_answer(self.trade.state, supplier, request, programme)
            assert answer is not None
            assert (answer.status == ASKED, answer.status == DECLINED) == (
                said == "Asked",
                said == "Declined",
            )
        for programme in (*RECEIVABLES, PAYABLES):
            assert read_use(self.trade.state, programme, "USD", ALL).total <= 2 * LIMIT, "invariant 13"
            for supplier in ("acme", "bolt"):
                assert read_use(self.trade.state, programme, "USD", SUPPLIER, supplier).total <= LIMIT

    def teardown(self) -> None:
        """Invariant 23."""
        again = TradeLedger()
        for transaction in self.trade.transactions:
            again.execute(Transaction.decode(transaction.envelope))
        assert again.state.data == self.trade.state.data
        assert again.records == self.trade.records


TestFinanceMachine = FinanceMachine.TestCase
TestFinanceMachine.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
