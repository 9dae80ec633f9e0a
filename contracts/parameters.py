"""Parameters: numbers that the founders of a ledger choose in its genesis document, and nobody changes.

    ("param", name) -> int      as far as the genesis document names it; else the default here

The business date stands under such a key too, and does move: see `contracts.parties.calendar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ledger.errors import Malformed
from ledger.limits import MAX_MEMBERS
from ledger.state.overlay import Reader, state_key


class Parameter(NamedTuple):
    """One row of the table."""

    default: int
    least: int
    most: int
    says: str
    """What it decides, for people."""


PARAMETERS: Mapping[str, Parameter] = {
    "price_tolerance_ppm": Parameter(
        0, 0, 200_000, "how far an invoice may lie above the order's prices and still match; ppm"
    ),
    "quantity_tolerance_ppm": Parameter(
        0, 0, 200_000, "how far shipments, receipts and invoices may go beyond what was ordered; ppm"
    ),
    "backdating_days": Parameter(
        30, 0, 3_660, "days from its issue to the ledger after which an invoice is marked as backdated"
    ),
    "payout_cooling_days": Parameter(2, 0, 60, "days that a changed account waits before money goes to it"),
    "return_days": Parameter(30, 0, 3_660, "days from receipt within which accepted goods can be sent back"),
    "membership_approvals": Parameter(
        0, 0, MAX_MEMBERS, "organisations with voters that decide who the nodes are; 0: a majority of them"
    ),
}


@lru_cache(maxsize=256)
def parameter_key(name: str) -> bytes:
    """State key of a parameter."""
    return state_key("param", name)


def read_parameter(state: Reader, name: str) -> int:
    """A parameter of the ledger, or its default."""
    value = state.get(parameter_key(name))
    return PARAMETERS[name].default if value is None else int(value)


def checked_parameter(name: str, value: int | str) -> int:
    """The value, if it is one that the parameter can have.

    Raises:
        Malformed: no such parameter, or a value out of its range.
    """
    known = PARAMETERS.get(name)
    if known is None:
        raise Malformed(
            "unknown parameter",
            code="unknown_parameter",
            field=f"parameters.{name}",
            found=name,
            expected=", ".join(["business_date", *PARAMETERS]),
        )
    if type(value) is not int or not known.least <= value <= known.most:
        raise Malformed(
            "parameter out of range",
            field=f"parameters.{name}",
            found=value,
            expected=f"an integer from {known.least} to {known.most}",
        )
    return value
