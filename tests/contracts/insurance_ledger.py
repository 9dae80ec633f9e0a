"""Short ways to insure in tests: insurer cover insures what acme, or lender loan, has to claim of mega."""

from __future__ import annotations

from typing import Any

from cash_ledger import with_deposits
from trade_ledger import DAY, TradeLedger, fund, publish

from contracts.context import business_day
from contracts.insurance.coverage import Question
from contracts.insurance.insurance_claim import CLAIM, Claim, read_claim
from contracts.insurance.insurance_views import answer
from contracts.insurance.policy import Policy, read_policy
from contracts.insurance.underwriting import PolicyQuote, premium_lines
from contracts.registry import parse
from ledger import codec

INDEMNITY = 715_500_00
"""down((min(950,000, 800,000) - 5,000) x 90 %), as in the table of formulae."""

ACCOUNT = "DE02 1203 0000 0000 2020 51"


def quote(trade: TradeLedger, number: str = "POL", **changes: Any) -> dict[str, Any]:
    """cover quotes acme a policy with the running example's figures, at the ledger's premium."""
    operation = {
        "op": "policy.quote",
        "policy": number,
        "assured": "acme",
        "currency": "USD",
        "starts": DAY,
        "ends": "2013-02-28",
        "bind_by": "2012-03-20",
        "buyers": [{"buyer": "mega", "limit": 800_000_00, "suppliers": ["acme"]}],
        "maximum": 5_000_000_00,
        "insured_ppm": 900_000,
        "deductible": 5_000_00,
        "terms": {"pd_basis": "annual"},
        "premium": 1,
        **changes,
    }
    if "premium" not in changes:
        model = parse(dict(codec.decode(codec.encode(operation))))
        assert isinstance(model, PolicyQuote)
        lines = premium_lines(trade.state, model, business_day(trade.state))
        operation["premium"] = sum(line.premium for line in lines)
    return operation


def bind(premium: int, number: str = "POL") -> dict[str, Any]:
    return {"op": "policy.bind", "policy": number, "insurer": "cover", "premium": premium}


def pay_premium(number: str = "POL", bank: str = "bank") -> dict[str, Any]:
    return {"op": "premium.pay", "policy": number, "insurer": "cover", "bank": bank}


def active(trade: TradeLedger, number: str = "POL", **changes: Any) -> int:
    """A policy in force, its premium paid out of the assured's deposit; the premium."""
    operation = quote(trade, number, **changes)
    assured, premium = operation["assured"], operation["premium"]
    trade.done("cover", operation)
    trade.done(assured, bind(premium, number), pay_premium(number))
    return int(premium)


def insured(number: str = "INV1", gross: int = 950_000_00, **changes: Any) -> TradeLedger:
    """A policy in force, and a confirmed invoice of goods that were shipped (billed) under it."""
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme", "loan", "mega")
    active(trade, **changes)
    bill(trade, number, gross)
    return trade


def bill(trade: TradeLedger, number: str = "INV1", gross: int = 950_000_00, issue: str = DAY) -> None:
    """acme bills mega, due 2012-04-26; mega confirms."""
    trade.done(
        "acme",
        {
            "op": "invoice.submit",
            "invoice": number,
            "buyer": "mega",
            "currency": "USD",
            "issue_date": issue,
            "due_date": "2012-04-26",
            "order": "",
            "lines": [{"line": "1", "quantity": 1, "amount": gross}],
            "tax": 0,
            "gross": gross,
            "document": b"",
        },
    )
    trade.done(
        "mega",
        {
            "op": "invoice.confirm",
            "invoice": number,
            "supplier": "acme",
            "net": gross,
            "due_date": "2012-04-26",
        },
    )


def advance(trade: TradeLedger, day: str) -> None:
    trade.done("root", {"op": "date.advance", "date": day})


def notify(claim: str = "C1", invoice: str = "INV1", **changes: Any) -> dict[str, Any]:
    return {
        "op": "claim.notify",
        "claim": claim,
        "insurer": "cover",
        "policy": "POL",
        "supplier": "acme",
        "invoice": invoice,
        "shipments": [],
        **changes,
    }


def by_assured(op: str, claim: str = "C1", **more: Any) -> dict[str, Any]:
    return {"op": op, "claim": claim, **more}


def of_assured(op: str, claim: str = "C1", assured: str = "acme", **more: Any) -> dict[str, Any]:
    return {"op": op, "claim": claim, "assured": assured, **more}


def booked(amount: int, entry: str, **more: Any) -> dict[str, Any]:
    return {"account": ACCOUNT, "entry": entry, "date": DAY, "amount": amount, **more}


def filed_by_both(trade: TradeLedger) -> None:
    """The supplier's claim C1 under POL, and the lender's L1 under LOAN, a policy of its own."""
    advance(trade, "2012-05-01")
    trade.done("acme", notify())
    trade.done("loan", notify("L1", policy="LOAN"))
    advance(trade, "2012-06-25")
    trade.done("acme", by_assured("claim.file"))
    trade.done("loan", by_assured("claim.file", "L1"))


def accepted(
    trade: TradeLedger, indemnity: int, claim: str = "C1", assured: str = "acme", **more: Any
) -> None:
    """Notified, filed after the waiting period, and accepted."""
    advance(trade, "2012-05-01")
    trade.done(assured, notify(claim))
    advance(trade, "2012-06-25")
    trade.done(assured, by_assured("claim.file", claim))
    trade.done("cover", of_assured("claim.accept", claim, assured, indemnity=indemnity))


def claim_state(trade: TradeLedger, claim: str = "C1", assured: str = "acme") -> str:
    return CLAIM.states[the_claim(trade, claim, assured).status]


def the_claim(trade: TradeLedger, claim: str = "C1", assured: str = "acme") -> Claim:
    found = read_claim(trade.state, assured, claim)
    assert found is not None
    return found


def policy(trade: TradeLedger, number: str = "POL") -> Policy:
    found = read_policy(trade.state, "cover", number)
    assert found is not None
    return found


def ask(trade: TradeLedger, invoice: str = "INV1", assured: str = "acme", *shipments: str) -> dict[str, Any]:
    """Is it covered, and what must be done by when?"""
    return answer(trade.state, Question(assured, "cover", "POL", "acme", invoice, shipments))


def financed(**changes: Any) -> TradeLedger:
    """loan has bought an invoice that was billed under the policy."""
    trade = insured(**changes)
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    return trade
