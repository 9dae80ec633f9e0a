"""Short ways to move cash in tests: custody accounts, mints, transfers, redemptions."""

from __future__ import annotations

from typing import Any

from trade_ledger import DAY, TradeLedger

from contracts.cash.deposit import Balance, read_balance


def open_account(client: str, currency: str = "USD", bank: str = "bank", **changes: Any) -> dict[str, Any]:
    """The bank opens a custody account of its own number for a client."""
    return {
        "op": "custody.open",
        "client": client,
        "currency": currency,
        "account": account_number(client, currency, bank),
        "payout": f"elsewhere {client} {currency}",
        **changes,
    }


def account_number(client: str, currency: str = "USD", bank: str = "bank") -> str:
    """The number of a custody account in the tests, as the ledger stores it."""
    return f"{bank}/{client}/{currency}"


def mint(
    client: str, amount: int, entry: str, currency: str = "USD", bank: str = "bank", **changes: Any
) -> dict[str, Any]:
    """The bank attests money that arrived for a client."""
    return {
        "op": "deposit.mint",
        "account": account_number(client, currency, bank),
        "entry": entry,
        "date": DAY,
        "client": client,
        "currency": currency,
        "amount": amount,
        **changes,
    }


def transfer(
    payee: str, amount: int, currency: str = "USD", bank: str = "bank", reference: str = ""
) -> dict[str, Any]:
    """The signer pays another client of the bank."""
    return {
        "op": "deposit.transfer",
        "bank": bank,
        "payee": payee,
        "currency": currency,
        "amount": amount,
        "reference": reference,
    }


def redeem(number: str, amount: int, currency: str = "USD", bank: str = "bank") -> dict[str, Any]:
    """The signer asks for a payout."""
    return {
        "op": "redemption.request",
        "redemption": number,
        "bank": bank,
        "currency": currency,
        "amount": amount,
    }


def redemption_paid(
    client: str, number: str, amount: int, entry: str, currency: str = "USD", **changes: Any
) -> dict[str, Any]:
    """The bank attests the payout of a redemption."""
    return {
        "op": "redemption.pay",
        "redemption": number,
        "client": client,
        "account": account_number(client, currency),
        "entry": entry,
        "date": DAY,
        "currency": currency,
        "amount": amount,
        **changes,
    }


def with_deposits(trade: TradeLedger, amount: int, *clients: str, currency: str = "USD") -> TradeLedger:
    """Give clients of bank an account with an amount on it (0 for none)."""
    for client in clients:
        trade.done("bank", open_account(client, currency))
        if amount:
            trade.done("bank", mint(client, amount, f"IN {client} {currency}", currency))
    return trade


def balance(trade: TradeLedger, client: str, currency: str = "USD", bank: str = "bank") -> Balance:
    """What a client has."""
    return read_balance(trade.state, bank, client, currency)


def exchange_request(number: str = "X1", sold: int = 1_000_00, **changes: Any) -> dict[str, Any]:
    """The signer asks fund for euros at giro, to be paid in dollars at bank."""
    return {
        "op": "exchange.request",
        "exchange": number,
        "maker": "fund",
        "sold_bank": "giro",
        "sold_currency": "EUR",
        "sold": sold,
        "bought_bank": "bank",
        "bought_currency": "USD",
        **changes,
    }


def exchange_quote(
    trade: TradeLedger, number: str = "X1", bought: int = 1_084_70, taker: str = "mega", **changes: Any
) -> dict[str, Any]:
    """fund quotes 1.0847 dollars for a euro, for a minute."""
    return {
        "op": "exchange.quote",
        "exchange": number,
        "taker": taker,
        "rate": {"numerator": 10_847, "denominator": 10_000},
        "mid": {"numerator": 1_084, "denominator": 1_000},
        "bought": bought,
        "fee": 100,
        "expires_ms": trade.time_ms + 60_000,
        **changes,
    }


def exchange_accept(number: str = "X1", bought: int = 1_084_70, fee: int = 100) -> dict[str, Any]:
    """The signer accepts."""
    return {"op": "exchange.accept", "exchange": number, "bought": bought, "fee": fee}


def two_currencies(trade: TradeLedger, dollars: int = 5_000_00, euros: int = 5_000_00) -> TradeLedger:
    """mega has dollars at bank, fund has euros at giro, each has an account for the other currency."""
    with_deposits(trade, 0, "mega", "fund")
    for client in ("mega", "fund"):
        trade.done("giro", open_account(client, "EUR", "giro"))
    trade.done("bank", mint("mega", dollars, "IN 1"))
    trade.done("giro", mint("fund", euros, "IN 1", "EUR", "giro"))
    return trade
