"""Money, rates and days as people write them, read exactly or not at all.

    "1,234.56 EUR"   "1234.56 EUR"   "EUR 1,234.56"

Commas group thousands and a point divides; anything that could be read in two ways, such as
"1.234,56", is refused with the reason. Nothing passes through a float.
"""

from __future__ import annotations

import re
from decimal import Decimal

from clients.cli.exits import UsageProblem
from contracts.fields import MAX_QUANTITY
from ledger.dates import day_from_iso
from ledger.errors import TallyError
from ledger.money import PPM, Money, Rate, currency_digits

_WITH_CURRENCY = re.compile(
    r"(?:(?P<before>[A-Za-z]{3})\s*)?(?P<number>[-0-9.,]+)(?:\s*(?P<after>[A-Za-z]{3}))?"
)
_COUNT = re.compile(r"[0-9]{1,13}")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_EXAMPLE = "such as '1,234.56 EUR'"


def read_amount(text: str, field: str, currency: str = "", *, least: int = 1) -> Money:
    """The amount that a person wrote; `currency` is that of the document, if it is known.

    Raises:
        UsageProblem: not an amount, no currency or another one than the document's, below the least.
    """
    match = _WITH_CURRENCY.fullmatch(text.strip())
    if match is None or (match["before"] and match["after"]):
        raise UsageProblem("not an amount", code="amount", field=field, found=text[:40], expected=_EXAMPLE)
    written = (match["before"] or match["after"] or "").upper()
    if not written and not currency:
        raise UsageProblem(
            "an amount without its currency", code="amount", field=field, found=text[:40], expected=_EXAMPLE
        )
    if written and currency and written != currency:
        raise UsageProblem(
            "another currency than the document's",
            code="currency_mismatch",
            field=field,
            found=written,
            expected=currency,
        )
    number = match["number"]
    if "," in number:
        if not _GROUPED.fullmatch(number):
            raise UsageProblem(
                "an amount that can be read in two ways",
                code="amount",
                field=field,
                found=text[:40],
                expected=f"{_EXAMPLE}: commas group thousands, a point divides",
            )
        number = number.replace(",", "")
    try:
        money = Money.parse(number, written or currency, field)
    except TallyError as error:
        raise UsageProblem(
            error.message, code=error.code, field=field, found=error.found, expected=error.expected
        ) from None
    if money.amount < least:
        raise UsageProblem(
            "an amount below zero" if least <= 0 else "not above zero",
            code="amount",
            field=field,
            found=text[:40],
            expected=_EXAMPLE,
        )
    return money


def read_currency(text: str, field: str = "currency") -> str:
    """An ISO 4217 code.

    Raises:
        UsageProblem: there is no such currency.
    """
    try:
        currency_digits(text.upper(), field)
    except TallyError as error:
        raise UsageProblem(
            error.message, code=error.code, field=field, found=error.found, expected=error.expected
        ) from None
    return text.upper()


def read_count(text: str) -> int | None:
    """A whole number of units, as digits; None if it is written otherwise or beyond `MAX_QUANTITY`."""
    return int(text) if _COUNT.fullmatch(text) and int(text) <= MAX_QUANTITY else None


def read_day(text: str, field: str) -> str:
    """A day as ISO text.

    Raises:
        UsageProblem: no calendar has it.
    """
    try:
        day_from_iso(text, field)
    except TallyError as error:
        raise UsageProblem(
            error.message, code=error.code, field=field, found=error.found, expected=error.expected
        ) from None
    return text


def read_percent(text: str, field: str) -> int:
    """A share or a rate in percent, such as "6.25", as parts per million.

    Raises:
        UsageProblem: not a number from 0 to 100 with at most four decimals.
    """
    try:
        ppm = Decimal(text.removesuffix("%").strip()) * PPM / 100
    except ArithmeticError:
        ppm = Decimal(-1)
    if not ppm.is_finite() or not 0 <= ppm <= PPM or ppm != int(ppm):
        raise UsageProblem(
            "no such percentage",
            code="percent",
            field=field,
            found=text[:40],
            expected="a number from 0 to 100 with at most four decimals, such as 6.25",
        )
    return int(ppm)


def money(amount: int, currency: str) -> str:
    """ "1,234.56 EUR"."""
    return str(Money(amount, currency))


def percent(ppm: int) -> str:
    """ "7.2 %" of parts per million."""
    return str(Rate(ppm))


def days(centidays: int, unit: str = "days") -> str:
    """ "4.25 days" of hundredths of a day."""
    sign = "-" if centidays < 0 else ""
    whole, part = divmod(abs(centidays), 100)
    return f"{sign}{whole}.{part:02d} {unit}"
