"""Short ways to issue, split, pass on and redeem receivable certificates in tests."""

from __future__ import annotations

from typing import Any

from trade_ledger import DAY, TradeLedger

from contracts.certificates.leaf import STATUS, Leaf, Place, read_leaf

MATURITY = "2012-04-26"
CUT_OFF = "2012-04-23"
LAST_DAY = "2012-03-11"
FACE = 1_000_000_00


def issue(number: str = "C1", amount: int = FACE, **changes: Any) -> dict[str, Any]:
    """mega promises acme an amount, without an invoice."""
    return {
        "op": "certificate.issue",
        "certificate": number,
        "payee": "acme",
        "currency": "USD",
        "amount": amount,
        "maturity": MATURITY,
        "cut_off_days": 3,
        "smallest": 1_00,
        "highest_tier": 3,
        "invoice": "",
        **changes,
    }


def on_leaf(verb: str, leaf: int = 0, number: str = "C1", **fields: Any) -> dict[str, Any]:
    """An operation on a leaf of one of mega's certificates."""
    return {
        "op": f"certificate.{verb}",
        "obligor": "mega",
        "certificate": number,
        "leaf": leaf,
        **fields,
    }


def reserve(leaf: int = 0, price: int = 1_00, repay: int = 0, **changes: Any) -> dict[str, Any]:
    """A holder offers a leaf to loan."""
    return on_leaf(
        "reserve", leaf, **{"lender": "loan", "price": price, "repay": repay, "expires": LAST_DAY, **changes}
    )


def transfer(leaf: int = 0, to: str = "bolt", **changes: Any) -> dict[str, Any]:
    """A holder offers a leaf to another supplier."""
    return on_leaf("transfer", leaf, **{"to": to, "expires": LAST_DAY, **changes})


def attested(verb: str, amount: int, entry: str, **fields: Any) -> dict[str, Any]:
    """The bank attests money for a certificate of mega's."""
    return {
        "op": f"certificate.{verb}",
        "obligor": "mega",
        "certificate": "C1",
        "account": "DE02 1203 0000 0000 2020 51",
        "entry": entry,
        "date": DAY,
        "amount": amount,
        **fields,
    }


def held(trade: TradeLedger, number: str = "C1", amount: int = FACE, **changes: Any) -> None:
    """A certificate that acme has accepted."""
    trade.done("mega", issue(number, amount, **changes))
    trade.done("acme", on_leaf("accept", 0, number))


def advance(trade: TradeLedger, day: str) -> None:
    """Move the business date."""
    trade.done("root", {"op": "date.advance", "date": day})


def leaf_of(trade: TradeLedger, leaf: int = 0, number: str = "C1") -> Leaf:
    """A leaf of one of mega's certificates."""
    found = read_leaf(trade.state, Place("mega", number, leaf))
    assert found is not None
    return found


def status(trade: TradeLedger, leaf: int = 0, number: str = "C1") -> str:
    """Where a leaf stands."""
    return STATUS.states[leaf_of(trade, leaf, number).status]
