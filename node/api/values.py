"""Ledger values as JSON: bytes as hex digits, tuples as arrays."""

from __future__ import annotations

from typing import Any


def shown(value: Any) -> Any:
    """A value with its bytes as hex and its tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [shown(item) for item in value]
    return value
