"""The certificate machine: random trees of splits, transfers, sales, pledges and payments conserve the face.

After every step all invariants of `contracts.state_check` hold (of certificates 2, 3, 4, 5, 9, 11, 12, 13,
14, 18, 21 and 25), and 15 and 26 between any two states. A small model that knows nothing of leaves keeps
what each party holds in all; at the end invariant 23: the same transactions give the same state.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from cash_ledger import with_deposits
from certificate_ledger import MATURITY, attested, issue, leaf_of, on_leaf, reserve, transfer
from derived_laws import check_derived
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from trade_ledger import TradeLedger, confirm, invoice

from contracts.certificates.certificate_tree import replay
from contracts.certificates.certificate_views import pledges_of, tree_totals
from contracts.certificates.leaf import SOLD, certificate_key, leaves, read_totals
from contracts.context import BUSINESS_DATE
from contracts.errors import REMEDIES
from contracts.trade.relationship import relationship_key
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day

FACE = 1_000_01
LEAVES = st.integers(0, 12)
SUPPLIERS = st.sampled_from(["acme", "bolt"])
LENDERS = st.sampled_from(["loan", "fund"])
PRICES = st.sampled_from([1, 90_00, 300_00])
ANYONE = st.sampled_from(["acme", "bolt", "mega", "nova", "loan", "fund", "bank", "root"])


class CertificateMachine(RuleBasedStateMachine):
    """Random lives of one certificate drawn on an invoice."""

    def __init__(self) -> None:
        super().__init__()
        self.trade = TradeLedger()
        self.held: Counter[str] = Counter()
        self.entries = 0

    def play(self, signer: str, operation: dict[str, Any]) -> bool:
        """Submit one operation; whether it was applied."""
        before = dict(self.trade.state.data)
        result = self.trade.submit(signer, operation)
        if result:
            assert self.trade.state.data == before, "a refused operation changes nothing"
            assert result[0][1] in REMEDIES, f"code without a remedy: {result[0]}"
        self.trade.check_step(before)
        return not result

    def entry(self) -> str:
        self.entries += 1
        return f"E{self.entries}"

    @initialize(smallest=st.sampled_from([1, 100_00]))
    def accepted(self, smallest: int) -> None:
        with_deposits(self.trade, 2_000_00, "acme", "bolt", "loan", "fund", "mega")
        self.trade.done("acme", invoice("I", 1_200_00))
        self.trade.done("mega", confirm("I", 1_100_00))
        self.trade.done("mega", issue(amount=FACE, smallest=smallest, highest_tier=4, invoice="I"))
        self.trade.done("acme", on_leaf("accept"))
        self.held["acme"] = FACE

    @rule(leaf=LEAVES, signer=SUPPLIERS, parts=st.lists(st.integers(1, 9), min_size=2, max_size=4))
    def split(self, leaf: int, signer: str, parts: list[int]) -> None:
        if leaf >= read_totals(self.trade.state, "mega", "C1").leaves:
            return
        amount = leaf_of(self.trade, leaf).amount
        pieces = [amount * part // sum(parts) for part in parts[1:]]
        self.play(signer, on_leaf("split", leaf, amounts=[amount - sum(pieces), *pieces]))

    @rule(leaf=LEAVES, signer=SUPPLIERS, to=SUPPLIERS, ahead=st.integers(0, 20))
    def pass_on(self, leaf: int, signer: str, to: str, ahead: int) -> None:
        self.play(signer, transfer(leaf, to, expires=self.day(ahead)))

    @rule(leaf=LEAVES, signer=SUPPLIERS)
    def take(self, leaf: int, signer: str) -> None:
        holder = self.holder(leaf)
        if self.play(signer, on_leaf("accept", leaf)):
            self.move(leaf, holder, signer)

    @rule(leaf=LEAVES, signer=ANYONE)
    def decline(self, leaf: int, signer: str) -> None:
        self.play(signer, on_leaf("decline", leaf))

    @rule(leaf=LEAVES, signer=SUPPLIERS, lender=LENDERS, price=PRICES, more=st.sampled_from([None, 0, 5_00]))
    def offer(self, leaf: int, signer: str, lender: str, price: int, more: int | None) -> None:
        repay = 0 if more is None else price + more
        self.play(signer, reserve(leaf, price, repay, lender=lender, expires=self.day(5)))

    @rule(leaf=LEAVES, lender=LENDERS, by_bank=st.booleans())
    def pay_for(self, leaf: int, lender: str, by_bank: bool) -> None:
        holder = self.holder(leaf)
        if not holder:
            return
        found = leaf_of(self.trade, leaf)
        if by_bank:
            operation = attested("fund", max(1, found.price), self.entry(), leaf=leaf, lender=lender)
            applied = self.play("bank", operation)
        else:
            terms = {"price": max(1, found.price), "repay": found.repay, "bank": "bank"}
            applied = self.play(lender, on_leaf("settle", leaf, **terms))
        if applied and leaf_of(self.trade, leaf).status == SOLD:
            self.move(leaf, holder, lender)

    @rule(leaf=LEAVES, lender=LENDERS, owner=SUPPLIERS, repaid=st.booleans())
    def free(self, leaf: int, lender: str, owner: str, repaid: bool) -> None:
        if repaid:
            self.play(owner, on_leaf("repay", leaf, bank="bank"))
        else:
            self.play(lender, on_leaf("release", leaf))

    @rule(leaf=LEAVES, verb=st.sampled_from(["freeze", "unfreeze", "unfreeze"]))
    def authority(self, leaf: int, verb: str) -> None:
        self.play("root", on_leaf(verb, leaf, reason="order"))

    @rule(amount=st.sampled_from([1, 100_00, 333_33, FACE]), by_bank=st.booleans())
    def pay(self, amount: int, by_bank: bool) -> None:
        before = {number: leaf.redeemed for number, leaf in self.leaves()}
        if by_bank:
            self.play("bank", attested("collect", amount, self.entry()))
        else:
            self.play(
                "mega",
                {"op": "certificate.redeem", "certificate": "C1", "bank": "bank", "amount": amount},
            )
        for number, leaf in self.leaves():
            self.held[leaf.holder] -= leaf.redeemed - before[number]

    @rule(leaf=LEAVES, signer=ANYONE, gives_up=st.booleans())
    def unpaid(self, leaf: int, signer: str, gives_up: bool) -> None:
        self.play(signer, on_leaf("dishonour", leaf))
        if not gives_up:
            return
        left = leaf_of(self.trade, leaf).left if self.holder(leaf) else 0
        if self.play(signer, on_leaf("write_off", leaf)):
            self.held[signer] -= left

    @rule(credited=st.sampled_from([1_00, 200_00]))
    def credit(self, credited: int) -> None:
        number = self.entry()
        note = {
            "op": "credit.issue",
            "credit": number,
            "invoice": "I",
            "amount": credited,
            "date": "2012-03-01",
        }
        if self.play("acme", note):
            self.play("mega", {"op": "credit.accept", "credit": number, "supplier": "acme"})

    @rule(days=st.sampled_from([1, 1, 6, 30]))
    def days_pass(self, days: int) -> None:
        self.play("root", {"op": "date.advance", "date": self.day(days)})

    @rule()
    def matures(self) -> None:
        if self.trade.get(BUSINESS_DATE) < day_from_iso(MATURITY, "maturity"):
            self.play("root", {"op": "date.advance", "date": MATURITY})

    def day(self, ahead: int) -> str:
        return iso_from_day(self.trade.get(BUSINESS_DATE) + ahead)

    def leaves(self) -> Any:
        return leaves(self.trade.state, "mega", "C1")

    def holder(self, leaf: int) -> str:
        exists = leaf < read_totals(self.trade.state, "mega", "C1").leaves
        return leaf_of(self.trade, leaf).holder if exists else ""

    def move(self, leaf: int, before: str, after: str) -> None:
        amount = leaf_of(self.trade, leaf).amount
        self.held[before] -= amount
        self.held[after] += amount

    @invariant()
    def laws_hold(self) -> None:
        self.trade.check()
        found: Counter[str] = Counter()
        for _, leaf in self.leaves():
            found[leaf.holder] += leaf.live
        assert +found == +self.held, "everybody holds what it took, less what it passed on"
        if found:
            self.tree_follows_from_history()

    def tree_follows_from_history(self) -> None:
        records = [codec.decode(record) for record in self.trade.records[certificate_key("mega", "C1")]]
        tree = replay(records)
        unsaid = {"expires": 0, "price": 0, "repay": 0, "account": "", "entry": ""}
        assert tree.leaves == tuple([leaf._replace(**unsaid) for _, leaf in self.leaves()])
        assert tree_totals(tree) == read_totals(self.trade.state, "mega", "C1")
        for lender in ("loan", "fund"):
            told = self.trade.records.get(relationship_key(lender, "mega"), [])
            secured = {
                ("C1", number): leaf.repay
                for number, leaf in self.leaves()
                if leaf.lender == lender and leaf.repay
            }
            assert pledges_of(codec.decode(record) for record in told) == secured

    def teardown(self) -> None:
        again = TradeLedger()
        for transaction in self.trade.transactions:
            again.execute(transaction)
        assert again.state.data == self.trade.state.data, "invariant 23"
        check_derived(self.trade)


CertificateMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestCertificates = CertificateMachine.TestCase
