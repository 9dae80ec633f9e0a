"""The market machine: random auctions and early payments, with every invariant after every step.

A model beside it knows what each lender bid and says whether an opening must be taken; all cash together
stays what the banks have issued. At the end invariant 23: the same transactions give the same state.
"""

from __future__ import annotations

from typing import Any

from auction_ledger import accept, market, open_auction, pay, rank, reveal, seal, withdraw
from cash_ledger import balance
from derived_laws import check_derived
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from trade_ledger import TradeLedger, invoice, payment

from contracts.context import BUSINESS_DATE
from contracts.errors import REMEDIES
from contracts.finance.usage import SUPPLIER, read_use
from contracts.market.auction import ENDED, FUNDED, Auction, read_auction
from contracts.market.early_payment import discount_of, read_early, step_on
from contracts.trade.invoice import Invoice
from ledger.blocks.transaction import Transaction
from ledger.dates import iso_from_day

NET = 90_000
MONEY = 400_000
LENDERS = ("loan", "fund")

picks = st.integers(0, 3)
lenders = st.sampled_from(LENDERS)
rates = st.sampled_from([50_000, 50_000, 70_000])
amounts = st.sampled_from([NET, NET // 3, 2 * NET // 3, 30_001])


class MarketMachine(RuleBasedStateMachine):
    """Random auctions of a few invoices."""

    def __init__(self) -> None:
        super().__init__()
        rules = {"programme_limit": 3 * NET, "supplier_limit": 2 * NET}
        self.trade = market(TradeLedger(), MONEY, limit=4 * NET, rules=rules)
        self.invoices: list[str] = ["INV1"]
        self.auctions: list[str] = []
        self.bids: dict[tuple[str, str], tuple[int, int]] = {}
        self.taken = 0

    def play(self, signer: str, operation: dict[str, Any]) -> str:
        """Submit; the code of the refusal, empty if it was applied."""
        before = dict(self.trade.state.data)
        result: Any = self.trade.submit(signer, operation)
        if not result:
            self.trade.check_step(before)
            return ""
        assert self.trade.state.data == before, "a refused transaction changes nothing"
        assert result[0][1] in REMEDIES
        return str(result[0][1])

    def day(self, ahead: int = 0) -> str:
        return iso_from_day(self.trade.get(BUSINESS_DATE) + ahead)

    def pick(self, numbers: list[str], pick: int) -> str:
        return numbers[-1 - pick % len(numbers)]

    def found(self, number: str) -> Auction:
        found = read_auction(self.trade.state, "acme", number)
        assert found is not None
        return found

    @rule()
    def sell(self) -> None:
        self.taken += 1
        number = f"I{self.taken}"
        due = self.day(60)
        bill = invoice(number, NET, due=due, issue_date=self.day(), quantity=self.taken)
        assert self.play("acme", bill) == ""
        said = {"op": "invoice.confirm", "invoice": number, "supplier": "acme", "net": NET, "due_date": due}
        assert self.play("mega", said) == ""
        self.invoices.append(number)
        self.open(0)

    @rule(rate=rates, amount=amounts)
    def bring_to_acceptance(self, rate: int, amount: int) -> None:
        self.sell()
        self.bid(0, "loan", 50_000, amount)
        self.bid(0, "fund", rate, NET)
        self.advance(1)
        self.reveal(0, "loan", False)
        self.reveal(0, "fund", False)
        self.rank(0)
        self.accept(0)

    @rule(pick=picks)
    def open(self, pick: int) -> None:
        number = f"A{len(self.auctions)}"
        days = {"commit_until": 0, "reveal_until": 1, "accept_until": 2, "fund_until": 3}
        opening = open_auction(
            number,
            self.pick(self.invoices, pick),
            **{name: self.day(ahead) for name, ahead in days.items()},
        )
        if self.play("acme", opening) == "":
            self.auctions.append(number)

    @rule(pick=picks, lender=lenders, rate=rates, amount=amounts)
    def bid(self, pick: int, lender: str, rate: int, amount: int) -> None:
        if not self.auctions:
            return
        number = self.pick(self.auctions, pick)
        if self.play(lender, seal(lender, rate, amount, number)) == "":
            assert (number, lender) not in self.bids, "one bid each"
            self.bids[number, lender] = (rate, amount)

    @rule(pick=picks, lender=lenders, lies=st.sampled_from([False, False, True]))
    def reveal(self, pick: int, lender: str, lies: bool) -> None:
        if not self.auctions:
            return
        number = self.pick(self.auctions, pick)
        rate, amount = self.bids.get((number, lender), (60_000, 1))
        code = self.play(lender, reveal(lender, rate, amount + lies, number))
        assert code != "" or not lies, "invariant 24"
        if (number, lender) not in self.bids:
            assert code != ""

    @rule(pick=picks)
    def rank(self, pick: int) -> None:
        if not self.auctions:
            return
        number = self.pick(self.auctions, pick)
        if self.play("nova", rank(number)) == "":
            for lender, part in self.found(number).parts:
                rate, amount = self.bids[number, lender]
                assert part <= amount
                assert rate <= self.found(number).rate_ppm

    @rule(pick=picks)
    def accept(self, pick: int) -> None:
        if self.auctions:
            self.play("acme", accept(self.trade, self.pick(self.auctions, pick)))

    @rule(pick=picks, lender=lenders)
    def pay(self, pick: int, lender: str) -> None:
        if not self.auctions:
            return
        number = self.pick(self.auctions, pick)
        before = balance(self.trade, "acme").available
        if self.play(lender, pay(number)) == "":
            is_sold = self.found(number).status == FUNDED
            assert (balance(self.trade, "acme").available > before) == is_sold, "invariant 12"

    @rule(pick=picks, by=st.sampled_from(["acme", "loan"]))
    def withdraw(self, pick: int, by: str) -> None:
        if self.auctions and self.taken > 1:
            self.play(by, withdraw(self.pick(self.auctions, pick)))

    @rule(pick=picks, amount=st.sampled_from([1, 40_000, NET]))
    def collect(self, pick: int, amount: int) -> None:
        number = self.pick(self.invoices, pick)
        entry = f"IN {len(self.trade.transactions)}"
        self.play("bank", payment(number, amount, entry, date=self.day()))

    @rule(pick=picks, answer=st.sampled_from(["offer", "accept", "pay"]))
    def early(self, pick: int, answer: str) -> None:
        number = self.pick(self.invoices, pick)
        found = read_early(self.trade.state, "acme", number)
        place = {"op": f"early.{answer}", "invoice": number}
        if answer == "offer":
            steps = [{"until": self.day(1), "discount_ppm": 20_000}]
            self.play("mega", {**place, "supplier": "acme", "steps": steps})
        elif answer == "pay":
            self.play("mega", {**place, "supplier": "acme", "bank": "bank"})
        elif found is not None:
            step = step_on(found.steps, self.trade.get(BUSINESS_DATE))
            paid = found.net - discount_of(found.net, step[1] if step else 1)
            self.play("acme", {**place, "paid": paid})

    @rule(days=st.sampled_from([1, 1, 1, 4]))
    def advance(self, days: int) -> None:
        assert self.play("root", {"op": "date.advance", "date": self.day(days)}) == ""

    @invariant()
    def every_law_holds_and_no_cash_is_lost(self) -> None:
        self.trade.check()
        held = [balance(self.trade, client) for client in ("loan", "fund", "acme", "mega")]
        assert sum(sum(each) for each in held) == 4 * MONEY
        for number in self.invoices:
            entry: Any = self.trade.entry("invoice", "acme", number)
            running = [
                name
                for name in self.auctions
                if self.found(name).invoice == number and self.found(name).status not in ENDED
            ]
            assert len(running) <= 1
            assert Invoice._make(entry).outstanding >= 0
        for lender in LENDERS:
            drawn = read_use(self.trade.state, f"of-{lender}", "USD", SUPPLIER, "acme").total
            assert drawn <= 2 * NET, "invariant 13"

    def teardown(self) -> None:
        """Invariant 23."""
        again = TradeLedger()
        for transaction in self.trade.transactions:
            again.execute(Transaction.decode(transaction.envelope))
        assert again.state.data == self.trade.state.data
        check_derived(again)


TestMarketMachine = MarketMachine.TestCase
TestMarketMachine.settings = settings(
    max_examples=16,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
