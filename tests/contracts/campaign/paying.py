"""Moves of cash: custody accounts, deposits, redemptions and exchanges."""

from __future__ import annotations

from campaign.draw import SIGNER, Draw, Facts
from contracts.cash.exchange import Exchange, price


def custody_open(draw: Draw, facts: Facts) -> Facts:
    bank, client = draw.one("settlement_bank"), draw.one()
    currency = draw.rng.choice(["USD", "USD", "EUR"])
    return {
        "client": client,
        "currency": currency,
        "account": f"{bank}/{client}/{currency}",
        "payout": f"elsewhere {client}",
        SIGNER: bank,
    }


def nominate(draw: Draw, facts: Facts) -> Facts:
    return {"payout": f"elsewhere {draw.number()}", SIGNER: facts.get("client", "acme")}


def from_client(draw: Draw, facts: Facts) -> Facts:
    most = max(1, facts.get("available", 1))
    return {
        "amount": max(1, draw.rng.choice([1, most // 50, most // 10])),
        SIGNER: facts.get("client", "acme"),
    }


def transfer(draw: Draw, facts: Facts) -> Facts:
    other = [parts[1] for parts in draw.ledger.kinds["custody"] if parts[0] == facts.get("bank")]
    payee = draw.rng.choice(other or ["acme"])
    return {**from_client(draw, facts), "payee": payee, "reference": ""}


def mint(draw: Draw, facts: Facts) -> Facts:
    return {"amount": draw.rng.choice([10_000, 100_000, 3_000_000])}


def exchange_request(draw: Draw, facts: Facts) -> Facts:
    known = list(draw.ledger.kinds["custody"])
    both = [parts for parts in known if any(other[1] == parts[1] and other[2] != parts[2] for other in known)]
    wanted = draw.rng.choice(both or [("giro", "mega", "EUR")])
    taker = wanted[1]
    paid = draw.rng.choice(
        [place for place in both if place[1] == taker and place[2] != wanted[2]] or [("bank", taker, "USD")]
    )
    makers = [
        parts[1] for parts in draw.ledger.kinds["deposit"] if (parts[0], parts[2]) == (wanted[0], wanted[2])
    ]
    return {
        "exchange": f"X{draw.number()}",
        "maker": draw.rng.choice([maker for maker in makers if maker != taker] or ["fund"]),
        "sold_bank": wanted[0],
        "sold_currency": wanted[2],
        "sold": draw.rng.choice([1, 700, 5_000]),
        "bought_bank": paid[0],
        "bought_currency": paid[2],
        SIGNER: taker,
    }


def exchange_quote(draw: Draw, facts: Facts) -> Facts:
    if not facts:
        return {}
    found = Exchange._make(draw.ledger.entry("exchange", facts["taker"], facts["exchange"]))
    rate = draw.rng.choice([(10_847, 10_000), (3, 7), (1, 1)])
    return {
        "rate": {"numerator": rate[0], "denominator": rate[1]},
        "mid": {"numerator": 1_084, "denominator": 1_000},
        "bought": price(found.sold, found.sold_currency, found.bought_currency, rate),
        "fee": draw.rng.choice([0, 10]),
        "expires_ms": draw.ledger.time_ms + draw.rng.choice([5_000, 60_000, 3_600_000]),
        SIGNER: found.maker,
    }


def by_taker(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice([facts.get("taker", "mega")] * 3 + [facts.get("maker", "fund")])}


def taker(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("taker", "mega")}
