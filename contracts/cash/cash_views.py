"""What people are shown of cash: custody accounts, redemptions, settlements, exchanges, and a bank's books.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency, and nothing
is proved.
"""

from __future__ import annotations

from typing import Any

from contracts.cash import custody, deposit, exchange, redemption, settlement
from contracts.context import business_day
from contracts.finance import claim
from contracts.parties import payee
from contracts.views import Page, Scanner, View, page, shown_day
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader


def deposit_view(state: Reader, bank: str, client: str, currency: str) -> View | None:
    """One custody account with what is on it."""
    found = custody.read_custody(state, bank, client, currency)
    return None if found is None else _deposit(state, bank, client, currency, found)


def deposits(
    scanner: Scanner, bank: str, client: str | None = None, *, limit: int = 100, after: bytes | None = None
) -> Page:
    """A bank's custody accounts, of one client if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        _, owner, currency = parts
        return _deposit(scanner, bank, owner, currency, custody.Custody._make(value))

    return page(scanner, "custody", (bank, client), limit, after, view)


def _deposit(state: Reader, bank: str, client: str, currency: str, found: custody.Custody) -> View:
    entry = state.get(deposit.deposit_key(bank, client, currency))
    balance = deposit.read_balance(state, bank, client, currency)
    return {
        "bank": bank,
        "client": client,
        "currency": currency,
        "account": found.account,
        "status": custody.STATUS.states[found.status],
        "own": client == bank,
        "opened": iso_from_day(found.opened),
        "payout": custody.payout_account(found, business_day(state)),
        "nominated": found.nominated or None,
        "nominated_from": shown_day(found.from_day),
        "available": balance.available,
        "held": balance.held,
        "lines": 0 if entry is None else entry[0],
    }


def issued(scanner: Scanner, bank: str, *, limit: int = 100, after: bytes | None = None) -> Page:
    """What a bank has minted and redeemed, and owes, by currency."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        minted, redeemed = value
        return {
            "bank": bank,
            "currency": parts[1],
            "minted": minted,
            "redeemed": redeemed,
            "owed": minted - redeemed,
        }

    return page(scanner, "issued", (bank,), limit, after, view)


def line_view(line: codec.Value) -> View:
    """One line of a statement by name: changes of what is available and held, minor units."""
    day, *rest = line
    return {
        "business_date": iso_from_day(day),
        **dict(zip(deposit.LINE_FIELDS, rest, strict=True)),
    }


def redemption_view(state: Reader, client: str, number: str) -> View | None:
    """One redemption."""
    found = redemption.read_redemption(state, client, number)
    return None if found is None else _redemption(client, number, found)


def redemptions(
    scanner: Scanner,
    client: str | None = None,
    *,
    bank: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Redemptions, of one client, at one bank or in one state if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        shown = _redemption(parts[0], parts[1], redemption.Redemption._make(value))
        return shown if bank in (None, shown["bank"]) else None

    return page(scanner, "redemption", (client,), limit, after, view, status=status)


def _redemption(client: str, number: str, found: redemption.Redemption) -> View:
    return {
        "client": client,
        "redemption": number,
        "bank": found.bank,
        "status": redemption.STATUS.states[found.status],
        "currency": found.currency,
        "amount": found.amount,
        "payout": found.payout,
        "requested": iso_from_day(found.day),
        "account": found.account or None,
        "entry": found.entry or None,
        "reason": found.reason or None,
    }


def settlement_view(state: Reader, lender: str, number: str) -> View | None:
    """One conditional delivery."""
    found = settlement.read_settlement(state, lender, number)
    return None if found is None else _settlement(state, lender, number, found)


def settlements(
    scanner: Scanner,
    bank: str,
    *,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Conditional deliveries whose cash a bank holds, in one state if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        shown = _settlement(scanner, parts[0], parts[1], settlement.Settlement._make(value))
        return shown if shown["bank"] == bank else None

    return page(scanner, "settlement", (), limit, after, view, status=status)


def _settlement(state: Reader, lender: str, number: str, found: settlement.Settlement) -> View:
    day = business_day(state)
    names = ("bank", "supplier", "invoice", "currency", "amount")
    evidence = ("account", "entry", "return_account", "return_entry")
    return {
        "lender": lender,
        "settlement": number,
        "status": settlement.STATUS.states[found.status],
        **{name: getattr(found, name) for name in names},
        **{name: getattr(found, name) or None for name in evidence},
        "reserved_until": _reserved_until(state, number, found),
        "payee": payee.account_of(state, found.supplier, found.currency, day) or None,
        "lender_payee": payee.account_of(state, lender, found.currency, day) or None,
    }


def _reserved_until(state: Reader, number: str, found: settlement.Settlement) -> str | None:
    """Last day on which the title moves against the payout, while it is reserved for this settlement."""
    lien = claim.read_lien(state, found.supplier, found.invoice)
    is_reserved = lien is not None and lien.settlement == number and not lien.funded
    return iso_from_day(lien.expires) if lien is not None and is_reserved else None


def exchange_view(state: Reader, taker: str, number: str) -> View | None:
    """One exchange of two currencies."""
    value = state.get(exchange.exchange_key(taker, number))
    return None if value is None else exchange_of(taker, number, value)


def exchanges(
    scanner: Scanner,
    taker: str | None = None,
    *,
    maker: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Exchanges, of one taker, asked of one maker or in one state if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        shown = exchange_of(parts[0], parts[1], value)
        return shown if maker in (None, shown["maker"]) else None

    return page(scanner, "exchange", (taker,), limit, after, view, status=status)


def exchange_of(taker: str, number: str, value: codec.Value) -> View:
    """An exchange from its state value, wherever that was proved."""
    found = exchange.Exchange._make(value)
    shown = found._asdict()
    for name in ("rate", "mid"):
        numerator, denominator = shown[name]
        shown[name] = {"numerator": numerator, "denominator": denominator} if numerator else None
    for name in ("expires_ms", "quoted_ms", "settled_ms"):
        shown[name] = shown[name] or None
    del shown["sold_entry"], shown["bought_entry"]
    return {"taker": taker, "exchange": number, **shown, "status": exchange.STATUS.states[found.status]}


def journal(scanner: Scanner, organisation: str, *, limit: int = 100, after: bytes | None = None) -> Page:
    """Cash accounts of an organisation: what the banks' attestations add up to."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        return {"organisation": parts[0], "account": parts[1], "currency": parts[2], "balance": value}

    return page(scanner, "journal", (organisation,), limit, after, view)
