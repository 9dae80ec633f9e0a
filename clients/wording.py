"""Numbers of things, in words."""

from __future__ import annotations

_VOWELS = "aeiou"


def counted(number: int, one: str) -> str:
    """So many of a thing: "1 invoice", "2,000 invoices", "0 entries", "3 leaves"."""
    return f"{number:,} {one if number == 1 else _several(one)}"


def counted_are(number: int, one: str) -> str:
    """The same with its verb: "1 payment is", "2 payments are"."""
    return f"{counted(number, one)} {'is' if number == 1 else 'are'}"


def _several(one: str) -> str:
    if one.endswith("f"):
        return one[:-1] + "ves"
    if one.endswith("y") and one[-2] not in _VOWELS:
        return one[:-1] + "ies"
    return one + "s"
