"""Money and rates as integers, and every way of rounding that the product uses.

An amount is an integer of the currency's minor units with its ISO 4217 code; a rate is an
integer of parts per million. There is no float and no implicit rounding: a division names
its direction.

| rounds | function | used for |
|---|---|---|
| up, towards +infinity | `divide_up` | charges: discount, fee, expected loss, premium |
| down, towards -infinity | `divide_down` | advances, indemnities |
| half away from zero | `divide_half_away` | statistics: days, ppm |
| largest remainder | `split_by_weights` | dividing a whole into parts that add up to it |

Rules calculate with the integers. Where two documents meet they compare the currencies first, and
refuse with `CurrencyMismatch` (invariant 9). `Money` and `Rate` are how people write them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import Malformed, Refusal

PPM = 1_000_000
"""Parts per million in one whole."""

MAX_AMOUNT = 10**14
"""Largest amount, in minor units, of one document, balance or limit."""

MAX_TOTAL = 2**63 - 1
"""Largest running sum that the codec can write; `checked_total` refuses what passes it."""

assert MAX_AMOUNT * 2**16 <= MAX_TOTAL, "an amount times any day number up to the year 2149 can be written"

_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
        "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
        "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
        "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"  # codespell:ignore zar
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES: dict[str, int] = {code: digits for digits, codes in _DIGITS.items() for code in codes.split()}
"""ISO 4217 code → digits after the decimal point. Metals, test codes and XXX have none, so no money."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,6}))?")


class CurrencyMismatch(Refusal):
    """Two currencies met in one sum or comparison (invariant 9)."""

    remedy = "Convert outside the ledger, or use a document in the same currency."

    def __init__(self, found: str, expected: str, field: str | None = None) -> None:
        super().__init__(
            "currency_mismatch", "amounts of two currencies", field=field, found=found, expected=expected
        )


class AmountOverflow(Refusal):
    """An amount or a sum beyond what the ledger can write."""

    remedy = "Split the document; the bounds are listed in docs/protocol.md."

    def __init__(self, found: int, field: str | None = None, bound: int = MAX_AMOUNT) -> None:
        super().__init__(
            "amount_overflow",
            "amount too large",
            field=field,
            found=found,
            expected=f"at most {bound} minor units",
        )


def currency_digits(currency: str, field: str = "currency") -> int:
    """Digits after the decimal point of an ISO 4217 currency.

    Raises:
        Malformed: code `unknown_currency`.
    """
    digits = CURRENCIES.get(currency)
    if digits is None:
        raise Malformed(
            "unknown currency",
            code="unknown_currency",
            field=field,
            found=str(currency)[:16],
            expected="an ISO 4217 code in capitals, such as EUR",
        )
    return digits


def checked_amount(amount: int, field: str = "amount") -> int:
    """The amount, if it is from 0 to `MAX_AMOUNT` minor units.

    Raises:
        Refusal: code `negative_amount`.
        AmountOverflow: code `amount_overflow`.
    """
    if amount < 0:
        raise Refusal(
            "negative_amount", "amount below zero", field=field, found=amount, expected="at least 0"
        )
    if amount > MAX_AMOUNT:
        raise AmountOverflow(amount, field)
    return amount


def checked_total(total: int, field: str = "total") -> int:
    """The running sum, if the codec can write it on the ledger.

    Raises:
        AmountOverflow: beyond 64 bits.
    """
    if not -MAX_TOTAL <= total <= MAX_TOTAL:
        raise AmountOverflow(total, field, MAX_TOTAL)
    return total


def divide_up(numerator: int, denominator: int) -> int:
    """The quotient rounded up, towards +infinity; the denominator is positive."""
    assert denominator > 0
    return -(-numerator // denominator)


def divide_down(numerator: int, denominator: int) -> int:
    """The quotient rounded down, towards -infinity; the denominator is positive."""
    assert denominator > 0
    return numerator // denominator


def divide_half_away(numerator: int, denominator: int) -> int:
    """The nearest quotient, a half going away from zero; the denominator is positive."""
    assert denominator > 0
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def split_by_weights(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Parts in proportion to the weights that add up to the total exactly (invariant 21).

    Largest remainder: each part is rounded down, then the units left over go one each to the
    parts with the largest remainders, the earlier part first among equals. 10000 over
    (1, 1, 1) gives (3334, 3333, 3333).

    Raises:
        Refusal: a negative total, a negative weight, or no positive weight.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or min(weights) < 0:
        raise Refusal(
            "cannot_split", "nothing to split by", field="weights", expected="total ≥ 0, weights ≥ 0, one > 0"
        )
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    assert sum(parts) == total
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate in parts per million: 72,000 ppm is 7.20 %."""

    ppm: int

    def __str__(self) -> str:
        sign = "-" if self.ppm < 0 else ""
        whole, part = divmod(abs(self.ppm), 10_000)
        return f"{sign}{whole}.{part:04d}".rstrip("0").rstrip(".") + " %"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one ISO 4217 currency."""

    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str, field: str = "amount") -> Money:
        """Read "950000.00" exactly: a point, no grouping, at most the currency's digits.

        Trailing zeros beyond the currency's digits are read ("1.500" EUR), other digits are refused.

        Raises:
            Malformed: not a number of that form, or an unknown currency.
            AmountOverflow: more than `MAX_AMOUNT`.
        """
        digits = currency_digits(currency)
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise Malformed(
                "not an amount", code="amount", field=field, found=text[:40], expected="such as 950000.00"
            )
        sign, whole, fraction = match.groups(default="")
        if fraction[digits:].strip("0"):
            raise Malformed(
                "more digits than the currency has",
                code="amount_digits",
                field=field,
                found=text,
                expected=f"at most {digits} after the point for {currency}",
            )
        amount = int(whole + fraction[:digits].ljust(digits, "0"))
        if amount > MAX_AMOUNT:
            raise AmountOverflow(amount, field)
        return cls(-amount if sign else amount, currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    @property
    def decimal(self) -> str:
        """The number for machines: "950000.00"."""
        return self._text("")

    @property
    def grouped(self) -> str:
        """The number for people, under a heading that names the currency: "950,000.00"."""
        return self._text(",")

    def __str__(self) -> str:
        return f"{self.grouped} {self.currency}"

    def _text(self, grouping: str) -> str:
        digits = currency_digits(self.currency)
        sign = "-" if self.amount < 0 else ""
        whole, part = divmod(abs(self.amount), 10**digits)
        shown = f"{whole:,}".replace(",", grouping)
        return f"{sign}{shown}.{part:0{digits}d}" if digits else f"{sign}{shown}"
