"""The cash machine: random cash, a plain model of it beside, and every invariant after every step.

Four clients hold deposits in two currencies at two banks. The model is two dictionaries: what is available,
and what is set aside; it says beforehand whether an operation must be applied, and afterwards what everybody
has. At the end invariant 23: the same transactions at the same times give the same state.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cash_ledger import (
    balance,
    exchange_accept,
    exchange_quote,
    exchange_request,
    mint,
    open_account,
    redeem,
    redemption_paid,
    transfer,
)
from derived_laws import check_derived
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from trade_ledger import TradeLedger, invoice, publish

from contracts.cash import deposit
from contracts.cash.exchange import QUOTED, REQUESTED, price, read_exchange
from contracts.context import BUSINESS_DATE
from contracts.errors import REMEDIES
from contracts.trade.invoice import Invoice
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.dates import iso_from_day
from ledger.state import history

CLIENTS = ["acme", "mega", "loan", "fund"]
PLACES = [("bank", "USD"), ("bank", "EUR"), ("giro", "EUR")]
Account = tuple[str, str, str]
FIRST = 20_000
"""What everybody begins with on each account: enough to buy a title or two, not enough for ever."""

clients = st.sampled_from(CLIENTS)
places = st.sampled_from(PLACES)
amounts = st.sampled_from([1, 7, 100, 100, 2_500, 10_000])
entries = st.integers(0, 30)
picks = st.integers(0, 9)
newest = st.sampled_from([0, 0, 0, 1, 2])
rarely = st.sampled_from([False] * 7 + [True])


class CashMachine(RuleBasedStateMachine):
    """Random cash; the model knows what must happen."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = TradeLedger()
        self.times: list[int] = []
        self.available: dict[Account, int] = defaultdict(int)
        self.held: dict[Account, int] = defaultdict(int)
        self.used: set[tuple[str, str]] = set()
        self.redemptions: dict[str, tuple[Account, int]] = {}
        self.exchanges: list[str] = []
        self.invoices: list[str] = []
        self.taken = 0

    @initialize()
    def open_accounts(self) -> None:
        for client in CLIENTS:
            for bank, currency in PLACES:
                assert self.play(bank, open_account(client, currency, bank)) == ""
                assert self.play(bank, mint(client, FIRST, "first", currency, bank)) == ""
                self.available[bank, client, currency] = FIRST
        assert self.play("loan", publish()) == ""

    def play(self, signer: str, *operations: dict[str, Any]) -> str:
        """Submit; the code of the refusal, empty if it was applied."""
        before = dict(self.trade.state.data)
        self.trade.time_ms += 1_000
        self.times.append(self.trade.time_ms)
        result: Any = self.trade.submit(signer, *operations)
        if not result:
            return ""
        assert self.trade.state.data == before, "a refused transaction changes nothing"
        assert result[0][1] in REMEDIES
        return str(result[0][1])

    def number(self) -> str:
        self.taken += 1
        return str(self.taken)

    def day(self, ahead: int = 0) -> str:
        return iso_from_day(self.trade.get(BUSINESS_DATE) + ahead)

    @rule(client=clients, place=places, amount=amounts, entry=entries)
    def mint(self, client: str, place: tuple[str, str], amount: int, entry: int) -> None:
        bank, currency = place
        operation = mint(client, amount, f"E{entry}", currency, bank, date=self.day())
        fresh = (operation["account"], f"E{entry}") not in self.used
        assert (self.play(bank, operation) == "") == fresh, "invariant 11"
        if fresh:
            self.used.add((operation["account"], f"E{entry}"))
            self.available[bank, client, currency] += amount

    @rule(payer=clients, payee=clients, place=places, amount=amounts)
    def transfer(self, payer: str, payee: str, place: tuple[str, str], amount: int) -> None:
        bank, currency = place
        fits = payer != payee and self.available[bank, payer, currency] >= amount
        assert (self.play(payer, transfer(payee, amount, currency, bank)) == "") == fits
        if fits:
            self.available[bank, payer, currency] -= amount
            self.available[bank, payee, currency] += amount

    @rule(client=clients, place=places, amount=amounts)
    def redeem(self, client: str, place: tuple[str, str], amount: int) -> None:
        bank, currency = place
        account, number = (bank, client, currency), self.number()
        fits = self.available[account] >= amount
        assert (self.play(client, redeem(number, amount, currency, bank)) == "") == fits
        if fits:
            self.available[account] -= amount
            self.held[account] += amount
            self.redemptions[number] = (account, amount)

    @precondition(lambda self: self.redemptions)
    @rule(pick=picks, entry=entries, declines=rarely)
    def answer_redemption(self, pick: int, entry: int, declines: bool) -> None:
        number = sorted(self.redemptions)[pick % len(self.redemptions)]
        account, amount = self.redemptions[number]
        bank, client, currency = account
        if declines:
            decline = {"op": "redemption.decline", "redemption": number, "client": client, "reason": "no"}
            assert self.play(bank, decline) == ""
            self.available[account] += amount
        else:
            kept = f"{bank}/{client}/{currency}"
            paid = redemption_paid(
                client, number, amount, f"E{entry}", currency, account=kept, date=self.day()
            )
            fresh = (kept, f"E{entry}") not in self.used
            assert (self.play(bank, paid) == "") == fresh, "invariant 11"
            if not fresh:
                return
            self.used.add((kept, f"E{entry}"))
        self.held[account] -= amount
        del self.redemptions[number]

    @rule(sold=amounts, quotes=st.sampled_from([True, True, False]))
    def ask_for_euros(self, sold: int, quotes: bool) -> None:
        number = self.number()
        assert self.play("mega", exchange_request(number, sold)) == ""
        self.exchanges.append(number)
        if quotes:
            bought = price(sold, "EUR", "USD", (10_847, 10_000))
            fits = self.available["giro", "fund", "EUR"] >= sold
            operation = exchange_quote(self.trade, number, bought)
            assert (self.play("fund", operation) == "") == fits
            if fits:
                self.available["giro", "fund", "EUR"] -= sold
                self.held["giro", "fund", "EUR"] += sold

    @precondition(lambda self: self.exchanges)
    @rule(pick=newest, declines=rarely, waits=rarely)
    def answer_quote(self, pick: int, declines: bool, waits: bool) -> None:
        number = self.exchanges[-1 - pick % len(self.exchanges)]
        found = read_exchange(self.trade.state, "mega", number)
        assert found is not None
        self.trade.time_ms += 120_000 if waits else 0
        if declines:
            decline = {"op": "exchange.decline", "exchange": number, "taker": "mega"}
            applied = self.play("mega", decline) == ""
            assert applied == (found.status in (REQUESTED, QUOTED))
            if applied and found.status == QUOTED:
                self.release(found.sold)
            return
        cost = found.bought + found.fee
        fits = (
            found.status == QUOTED
            and self.trade.time_ms + 1_000 <= found.expires_ms
            and self.available["bank", "mega", "USD"] >= cost
        )
        accept = exchange_accept(number, max(1, found.bought), found.fee)
        assert (self.play("mega", accept) == "") == fits, "invariant 12: both legs or none"
        if fits:
            self.held["giro", "fund", "EUR"] -= found.sold
            self.available["giro", "mega", "EUR"] += found.sold
            self.available["bank", "mega", "USD"] -= cost
            self.available["bank", "fund", "USD"] += cost

    def release(self, amount: int) -> None:
        self.held["giro", "fund", "EUR"] -= amount
        self.available["giro", "fund", "EUR"] += amount

    @rule(gross=st.sampled_from([500, 9_000]))
    def sell_an_invoice(self, gross: int) -> None:
        number = self.number()
        dates = {"issue_date": self.day(), "due": self.day(60)}
        assert self.play("acme", invoice(number, gross, quantity=self.taken, **dates)) == ""
        confirm = {"op": "invoice.confirm", "invoice": number, "supplier": "acme", "net": gross}
        assert self.play("mega", {**confirm, "due_date": self.day(60)}) == ""
        self.invoices.append(number)
        offer = self.trade.offer(number, self.day(10))
        if self.play("loan", offer) != "":
            return
        assert self.play("acme", {"op": "finance.accept", "invoice": number}) == ""
        paid_out = offer["terms"]["paid_out"]
        fits = self.available["bank", "loan", "USD"] >= paid_out
        settle = {"op": "finance.settle", "supplier": "acme", "invoice": number, "bank": "bank"}
        assert (self.play("loan", settle) == "") == fits, "invariant 12"
        if fits:
            self.available["bank", "loan", "USD"] -= paid_out
            self.available["bank", "acme", "USD"] += paid_out

    @precondition(lambda self: self.invoices)
    @rule(pick=picks, amount=amounts)
    def pay_an_invoice(self, pick: int, amount: int) -> None:
        number = self.invoices[-1 - pick % len(self.invoices)]
        before: Any = self.trade.entry("invoice", "acme", number)
        pay = {"op": "payment.make", "invoice": number, "supplier": "acme", "bank": "bank"}
        fits = min(Invoice._make(before).outstanding, self.available["bank", "mega", "USD"]) >= amount
        applied = self.play("mega", {**pay, "currency": "USD", "amount": amount}) == ""
        assert applied == fits
        if fits:
            self.available["bank", "mega", "USD"] -= amount
            lender = balance(self.trade, "loan").available - self.available["bank", "loan", "USD"]
            assert 0 <= lender <= amount
            self.available["bank", "loan", "USD"] += lender
            self.available["bank", "acme", "USD"] += amount - lender

    @rule(days=st.sampled_from([1, 1, 20]))
    def advance(self, days: int) -> None:
        for number in self.exchanges:
            found = read_exchange(self.trade.state, "mega", number)
            assert found is not None
            if found.status == QUOTED:
                self.release(found.sold)
        assert self.play("root", {"op": "date.advance", "date": self.day(days)}) == ""

    @invariant()
    def all_invariants_hold_and_everybody_has_what_the_model_says(self) -> None:
        self.trade.check()
        for bank, currency in PLACES:
            for client in CLIENTS:
                account = (bank, client, currency)
                expected = (self.available[account], self.held[account])
                assert balance(self.trade, client, currency, bank) == expected

    def teardown(self) -> None:
        """Invariant 23, and every statement complete and adding up to its balance."""
        again = TradeLedger()
        for transaction, time_ms in zip(self.trade.transactions, self.times, strict=True):
            again.time_ms = time_ms
            again.execute(Transaction.decode(transaction.envelope))
        assert again.state.data == self.trade.state.data
        check_derived(again)
        assert again.records == self.trade.records
        for key, lines in again.records.items():
            if codec.decode(key)[0] != "deposit":
                continue
            folded: codec.Value = (0, 0)
            for line in lines:
                folded = deposit.fold(folded, codec.decode(line))
            assert again.get(key) == (len(lines), history.chain(history.NO_RECORDS, lines), folded)


TestCashMachine = CashMachine.TestCase
TestCashMachine.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
