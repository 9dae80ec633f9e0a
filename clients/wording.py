"""Numbers of things, in words, and shares in percent."""

from __future__ import annotations

from ledger.money import PPM, divide_half_away

_VOWELS = "aeiou"


def counted(number: int, one: str) -> str:
    """So many of a thing: "1 invoice", "2,000 invoices", "0 entries", "3 leaves"."""
    return f"{number:,} {one if number == 1 else _several(one)}"


def counted_are(number: int, one: str) -> str:
    """The same with its verb: "1 payment is", "2 payments are"."""
    return f"{counted(number, one)} {'is' if number == 1 else 'are'}"


def short_percent(ppm: int, decimals: int = 2) -> str:
    """ "7.20 %" of parts per million: rounded half away, of one width in a column."""
    unit = PPM // 100 // 10**decimals
    whole = divide_half_away(abs(ppm), unit)
    sign = "-" if ppm < 0 and whole else ""
    return f"{sign}{whole // 10**decimals}.{whole % 10**decimals:0{decimals}d} %"


def _several(one: str) -> str:
    if one.endswith("f"):
        return one[:-1] + "ves"
    if one.endswith("y") and one[-2] not in _VOWELS:
        return one[:-1] + "ies"
    return one + "s"
