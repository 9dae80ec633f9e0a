"""Short ways to auction an invoice in tests: lenders with deposits and programmes, seals, a whole sale."""

from __future__ import annotations

from typing import Any

from cash_ledger import with_deposits
from trade_ledger import TERMS, TradeLedger

from contracts.market.allotment import price
from contracts.market.auction import Auction
from contracts.market.bid import commitment
from ledger.hashing import ZERO

NET = 100_000_00
RICH = 10 * NET


def salt(lender: str, auction: str = "A1") -> bytes:
    """A lender's 32 bytes for an auction."""
    return f"{lender}/{auction}".encode().ljust(32, b".")


def market(
    trade: TradeLedger | None = None,
    money: int = RICH,
    limit: int = 10 * NET,
    rules: dict[str, Any] | None = None,
) -> TradeLedger:
    """Lenders loan and fund with programmes, everybody with a deposit, and acme's confirmed invoice INV1."""
    trade = with_deposits(trade or TradeLedger(), money, "loan", "fund", "acme", "mega")
    for lender in ("loan", "fund"):
        terms = {**TERMS, "limits": [{"obligor": "mega", "limit": limit}]}
        published = {"op": "programme.publish", "programme": f"of-{lender}", "terms": terms}
        trade.done(lender, {**published, "rules": rules or {}})
    trade.confirmed_invoice("INV1", NET)
    return trade


def open_auction(number: str = "A1", invoice: str = "INV1", **changes: Any) -> dict[str, Any]:
    """acme offers an invoice; bids on 1 March, openings on the 2nd, acceptance to the 4th, cash the 5th."""
    return {
        "op": "auction.open",
        "auction": number,
        "invoice": invoice,
        "commit_until": "2012-03-01",
        "reveal_until": "2012-03-02",
        "accept_until": "2012-03-04",
        "fund_until": "2012-03-05",
        "max_rate_ppm": 120_000,
        "min_amount": 1,
        **changes,
    }


def seal(lender: str, rate_ppm: int, amount: int, number: str = "A1", **changes: Any) -> dict[str, Any]:
    """A lender's sealed bid; `place` may say for whom and where its hash is made."""
    place = changes.pop("place", ("acme", number, lender))
    channel = changes.pop("channel", ZERO)
    sealed = commitment(channel, place, (f"of-{lender}", rate_ppm, amount), salt(lender, number))
    return {"op": "auction.bid", "supplier": "acme", "auction": number, "commitment": sealed, **changes}


def reveal(lender: str, rate_ppm: int, amount: int, number: str = "A1", **changes: Any) -> dict[str, Any]:
    """A lender opens its bid."""
    return {
        "op": "auction.reveal",
        "supplier": "acme",
        "auction": number,
        "programme": f"of-{lender}",
        "rate_ppm": rate_ppm,
        "amount": amount,
        "salt": salt(lender, number),
        **changes,
    }


def rank(number: str = "A1") -> dict[str, Any]:
    """Anybody has the bids ranked."""
    return {"op": "auction.rank", "supplier": "acme", "auction": number}


def accept(trade: TradeLedger, number: str = "A1") -> dict[str, Any]:
    """acme's acceptance at the ledger's price of today."""
    found = auction(trade, number)
    day = trade.entry("param", "business_date")
    return {
        "op": "auction.accept",
        "auction": number,
        "rate_ppm": found.rate_ppm,
        "paid_out": max(1, price(found, day)[2]),
    }


def pay(number: str = "A1", bank: str = "bank") -> dict[str, Any]:
    """A winner sets its cash aside."""
    return {"op": "auction.pay", "supplier": "acme", "auction": number, "bank": bank}


def withdraw(number: str = "A1") -> dict[str, Any]:
    """Somebody ends it."""
    return {"op": "auction.withdraw", "supplier": "acme", "auction": number}


def to_day(trade: TradeLedger, date: str) -> None:
    """The operator moves the business date."""
    trade.done("root", {"op": "date.advance", "date": date})


def auction(trade: TradeLedger, number: str = "A1") -> Auction:
    """The auction as it is on the ledger."""
    return Auction._make(trade.entry("auction", "acme", number) or ())


def ranked(trade: TradeLedger, bids: dict[str, tuple[int, int]], number: str = "A1") -> Auction:
    """Open, bid, open the bids and rank; bids are lender → (rate ppm, amount)."""
    trade.done("acme", open_auction(number))
    for lender, (rate, amount) in bids.items():
        trade.done(lender, seal(lender, rate, amount, number))
    to_day(trade, "2012-03-02")
    for lender, (rate, amount) in bids.items():
        trade.done(lender, reveal(lender, rate, amount, number))
    trade.done("mega", rank(number))
    return auction(trade, number)


def sold(trade: TradeLedger, bids: dict[str, tuple[int, int]], number: str = "A1") -> Auction:
    """The whole way: every winner has paid."""
    found = ranked(trade, bids, number)
    trade.done("acme", accept(trade, number))
    for lender, _ in found.parts:
        trade.done(lender, pay(number))
    return auction(trade, number)
