"""Signed envelopes for tests."""

from __future__ import annotations

import os
import time
from typing import Any

from local_node import key_of

from ledger.blocks.transaction import Transaction


def order(number: str, **changed: Any) -> dict[str, Any]:
    """An order that the anchor buyer issues to the supplier."""
    line = {"line": "1", "item": "unit", "quantity": 10, "price_micros": 100_00 * 10**6}
    return {
        "op": "order.issue",
        "supplier": "acme",
        "order": number,
        "currency": "EUR",
        "date": "2024-03-01",
        "lines": [line],
        **changed,
    }


def signed(
    channel: bytes, *operations: dict[str, Any], by: str = "anchor", valid_ms: int = 60_000
) -> Transaction:
    """A transaction over these operations."""
    return Transaction.sign(
        key_of(by),
        channel=channel,
        operations=operations,
        valid_until_ms=time.time_ns() // 1_000_000 + valid_ms,
        nonce=os.urandom(12),
    )
