"""Identifiers: the alphabet that they may use, and the check digits of the known schemes.

| scheme | standard | check |
|---|---|---|
| LEI | ISO 17442: 18 letters or digits, 2 check digits | ISO 7064 MOD 97-10 leaves 1 |
| GLN, GTIN-13, SSCC | GS1 General Specifications 7.9 | weights 3, 1 from the right: sum mod 10 is 0 |

The alphabet is a fixed table of ranges and not a property of the Unicode database: nodes
on different Python versions must give the same verdict on every text. It holds ASCII, Latin, Greek,
Cyrillic, kana and the common Han characters, all precomposed; it leaves out control and invisible
characters, combining marks and right-to-left overrides. Look-alikes across scripts stay possible:
duplicates are met by fingerprints of the content, not by the alphabet.
"""

from __future__ import annotations

import re

from ledger.errors import Malformed
from ledger.limits import MAX_IDENTIFIER_LENGTH, MAX_NAME_BYTES

_VISIBLE = (
    "!-~"  # ASCII
    "\u00a1-\u00ac\u00ae-\u024f"  # Latin
    "\u0388-\u03ce\u0400-\u045f"  # Greek, Cyrillic
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5"  # kana, Han
)

IDENTIFIER_PATTERN = f"^[{_VISIBLE}](?:[ {_VISIBLE}]*[{_VISIBLE}])?$"
"""Visible characters with spaces between, none at the ends; also the JSON schema's pattern."""

NAME_PATTERN = "^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$"
"""Ids that people choose for organisations, nodes and programmes: they stand in paths and URLs."""

_IDENTIFIER = re.compile(IDENTIFIER_PATTERN[1:-1])
NAME_FORM = f"1 to {MAX_NAME_BYTES} of a-z 0-9 . _ - , a letter or digit at both ends"
"""The same in words."""
_NAME = re.compile(NAME_PATTERN[1:-1])
_ALPHANUMERIC = re.compile(r"[0-9A-Z]+")
_LEI = re.compile(r"[0-9A-Z]{18}[0-9]{2}")


def is_identifier(text: str) -> bool:
    """Whether a document number may have this form: 1 to 64 bytes of the alphabet."""
    return _IDENTIFIER.fullmatch(text) is not None and len(text.encode()) <= MAX_IDENTIFIER_LENGTH


def checked_identifier(text: str, field: str) -> str:
    """The text, if it may be a document's number ("RE/2024 17" is one).

    Raises:
        Malformed: code `identifier`.
    """
    if not is_identifier(text):
        raise Malformed(
            "not an identifier",
            code="identifier",
            field=field,
            found=ascii(text[:40]),
            expected=f"1 to {MAX_IDENTIFIER_LENGTH} bytes of visible characters, spaces only between them",
            remedy="Use the number as its issuer wrote it, on one line.",
        )
    return text


def checked_name(text: str, field: str) -> str:
    """The text, if it may be the id of an organisation, a node or a programme.

    Raises:
        Malformed: code `name`.
    """
    if _NAME.fullmatch(text) is None or len(text) > MAX_NAME_BYTES:
        raise Malformed(
            "not a name",
            code="name",
            field=field,
            found=ascii(text[:40]),
            expected=NAME_FORM,
            remedy="Use the id as the ledger has it.",
        )
    return text


def mod_97_10(text: str) -> int:
    """ISO 7064 MOD 97-10 remainder of capital letters (A = 10 … Z = 35) and digits; 1 means valid."""
    if _ALPHANUMERIC.fullmatch(text) is None:
        raise Malformed("not capital letters and digits", code="identifier", found=ascii(text[:40]))
    return int("".join(str(int(character, 36)) for character in text)) % 97


def is_lei(text: str) -> bool:
    """Whether a text is a legal entity identifier with right check digits (ISO 17442)."""
    return _LEI.fullmatch(text) is not None and mod_97_10(text) == 1


def checked_lei(text: str, field: str = "lei") -> str:
    """The text, if it is a legal entity identifier.

    Raises:
        Malformed: code `lei`.
    """
    if not is_lei(text):
        raise Malformed(
            "not a legal entity identifier",
            code="lei",
            field=field,
            found=ascii(text[:40]),
            expected="20 capital letters and digits whose check digits fit (ISO 17442)",
        )
    return text


def is_gs1(text: str, digits: int) -> bool:
    """Whether a text is a GS1 key of so many digits with a right check digit: 13 GLN, 18 SSCC."""
    if len(text) != digits or not (text.isascii() and text.isdigit()):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text))) % 10 == 0
