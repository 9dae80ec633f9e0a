"""Disclosures of random ledgers: what they add up to is what the state says, whatever happened before."""

from __future__ import annotations

from collections import Counter

from disclosed_ledger import as_dicts, scoped_source, source_of
from hypothesis import HealthCheck, settings
from test_certificate_machine import CertificateMachine
from test_finance_machine import FinanceMachine
from test_trade_machine import TradeMachine
from trade_ledger import TradeLedger

from contracts.certificates.leaf import ISSUED, Leaf
from contracts.disclosure import Source
from contracts.disclosure.ageing import UNITS, ageing
from contracts.disclosure.arrangement import ias7, liabilities
from contracts.disclosure.concentration import concentration
from contracts.disclosure.obligation import obligations, reconciled
from contracts.disclosure.position import ADVANCE, PURCHASE, positions
from contracts.disclosure.rates import rates
from contracts.disclosure.stages import ifrs9
from contracts.finance.claim import Lien, shares_of
from contracts.trade.invoice import CONFIRMED, HELD, Invoice


def add_up(trade: TradeLedger) -> None:
    """What every disclosure must agree with the state about."""
    source = source_of(trade)
    found = obligations(source)
    reconciled(source, found)
    owed = _owed(source)
    open_now = Counter[str]()
    for obligation in found:
        assert obligation.due >= 0
        open_now[obligation.obligor] += obligation.open
    assert +open_now == +owed, "what histories leave open is what invoices and leaves say"
    carried = Counter[str]()
    for liability in liabilities(source):
        assert 0 <= liability.paid_to_suppliers <= liability.carrying
        carried[liability.buyer] += liability.carrying
    assert +carried == +owed, "every liability stands on one basis"
    held = positions(source)
    for disclosed in (ageing(source), ifrs9(source)):
        for unit in UNITS:
            rows = as_dicts(disclosed.sheet(f"{unit}s"))
            total = sum(row["total"] + row["unconfirmed"] for row in rows)
            assert total == sum(position.amount for position in held), "each position is in one row"
    lent = Counter[str]()
    for position in held:
        if position.asset in (PURCHASE, ADVANCE) and " leaf " not in position.document:
            lent[position.holder] += position.amount
    assert +lent == +_lent(source), "lenders hold the principal that claims leave to them"
    for row in as_dicts(rates(source).sheet("obligors")):
        parts = ("on_time", "late_1_30", "late_31_89", "late_90", "overdue", "written_off")
        assert row["fallen_due"] == sum(row[name] for name in parts), "all that fell due became of something"


def same_figures(trade: TradeLedger) -> None:
    """The trade of one organisation gives the same figures of it as the whole ledger."""
    whole = source_of(trade)
    for party in ("acme", "bolt", "mega", "nova"):
        part = scoped_source(trade, party)
        for disclose in (ageing, ifrs9, ias7, concentration):
            assert disclose(part, party).sheets == disclose(whole, party).sheets
        mine = obligations(part)
        reconciled(part, mine)
        expected = [owed for owed in obligations(whole) if party in (owed.obligor, owed.supplier)]
        assert mine == expected
    for lender in ("loan", "fund"):
        part = scoped_source(trade, lender)
        for disclose in (ageing, ifrs9, concentration):
            assert disclose(part, lender).sheets == disclose(whole, lender).sheets


def _owed(source: Source) -> Counter[str]:
    owed = Counter[str]()
    for value in source.kinds["invoice"].values():
        invoice = Invoice._make(value)
        if invoice.validity == CONFIRMED:
            owed[invoice.buyer] += invoice.outstanding
    for (obligor, _, _), value in source.kinds["leaf"].items():
        leaf = Leaf._make(value)
        owed[obligor] += 0 if leaf.status == ISSUED else leaf.live
    return owed


def _lent(source: Source) -> Counter[str]:
    lent = Counter[str]()
    for value in source.kinds["lien"].values():
        lien = Lien._make(value)
        if lien.title in HELD and not lien.written_off:
            for share in shares_of(lien):
                lent[share.lender] += share.left
    return lent


class DisclosedTrade(TradeMachine):
    def teardown(self) -> None:
        add_up(self.trade)
        same_figures(self.trade)


class DisclosedCertificates(CertificateMachine):
    def teardown(self) -> None:
        add_up(self.trade)
        same_figures(self.trade)


class DisclosedFinance(FinanceMachine):
    def teardown(self) -> None:
        add_up(self.trade)
        same_figures(self.trade)


_FEW = settings(
    max_examples=8,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
DisclosedTrade.TestCase.settings = _FEW
DisclosedCertificates.TestCase.settings = _FEW
DisclosedFinance.TestCase.settings = _FEW
TestDisclosedTrade = DisclosedTrade.TestCase
TestDisclosedCertificates = DisclosedCertificates.TestCase
TestDisclosedFinance = DisclosedFinance.TestCase
