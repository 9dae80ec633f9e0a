"""All checks over one body of verified trade.

    findings = screen(trade, facts)

| check | module | fraud |
|---|---|---|
| near_match | `near_match` | the same invoice with another number or amount |
| rebilled | `rebilling` | an old receivable made young |
| price_outlier | `price` | inflated invoices |
| seller_collects, redirected_elsewhere, payment_missing | `collection` | the seller keeps collections |
| round_trip | `cycles` | trade in a circle |
| related_party | `related` | trade with oneself |
| backdated | `backdating` | backdated invoices |
| dilution_trend | `dilution` | credit notes after finance |
"""

from __future__ import annotations

from clients.screening import (
    backdating,
    collection,
    cycles,
    dilution,
    near_match,
    price,
    rebilling,
    related,
)
from clients.screening.facts import Facts
from clients.screening.finding import ALARM, Finding
from clients.screening.trade import Trade

CHECKS = (
    near_match.CHECK,
    rebilling.CHECK,
    price.CHECK,
    collection.ASTRAY,
    collection.ELSEWHERE,
    collection.MISSING,
    cycles.CHECK,
    related.CHECK,
    backdating.CHECK,
    dilution.CHECK,
)


def screen(trade: Trade, facts: Facts) -> tuple[Finding, ...]:
    """What all checks find: alarms first, each in the order of the checks."""
    found = [
        *near_match.find(trade),
        *rebilling.find(trade),
        *price.find(trade, facts),
        *collection.find_astray(trade),
        *collection.find_elsewhere(trade, facts),
        *collection.find_missing(trade),
        *cycles.find(trade),
        *related.find(trade, facts),
        *backdating.find(trade, facts.backdating_days),
        *dilution.find(trade),
    ]
    return tuple(sorted(found, key=lambda finding: finding.grade != ALARM))
