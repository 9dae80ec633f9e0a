"""GS1 keys out of the forms in which EPCIS 2.0 writes them: EPC URIs, EPC classes, GS1 Digital Links.

| key | forms |
|---|---|
| GTIN of a piece or class | `urn:epc:id:sgtin:…`, `…:idpat:sgtin:…`, `…:class:lgtin:…`, `https://…/01/…` |
| GLN of a party or place | `urn:epc:id:pgln:…`, `…:sgln:…`, `https://…/417/…`, `https://…/414/…` |
| number of a document | `urn:epcglobal:cbv:bt:GLN:number`; the last step of another URI; other text |

GTIN and GLN may also stand as digits. A key is known by its digits and their check digit (GS1 General
Specifications 7.9), whatever the form.
Sources: EPC Tag Data Standard 1.13 section 6.3, CBV 2.0 section 8.5, GS1 Digital Link URI Syntax 1.3.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ledger.identifiers import is_gs1

GTIN_DIGITS, GLN_DIGITS = 14, 13

_SGTIN = re.compile(r"urn:epc:(?:id|idpat):sgtin:([0-9]{6,12})\.([0-9])([0-9]{0,6})\.[^\s]+")
_LGTIN = re.compile(r"urn:epc:class:lgtin:([0-9]{6,12})\.([0-9])([0-9]{0,6})\.[^\s]+")
_GTIN_LINK = re.compile(r"https?://[^\s?#]*/01/([0-9]{8,14})(?:[/?#].*)?")
_GLN_URN = re.compile(r"urn:epc:id:(?:pgln|sgln):([0-9]{6,12})\.([0-9]{0,6})(?:\.[^\s]+)?")
_GLN_LINK = re.compile(r"https?://[^\s?#]*/41[47]/([0-9]{13})(?:[/?#].*)?")
_TRANSACTION = re.compile(r"urn:epcglobal:cbv:bt:([0-9]{13}):([^\s:]+)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def gtin_of(text: str) -> str | None:
    """The 14 digits of a trade item that a text names; None if it names none, or wrong check digits."""
    found = _SGTIN.fullmatch(text) or _LGTIN.fullmatch(text)
    if found is not None:
        company, indicator, item = found.groups()
        return _completed(indicator + company + item, GTIN_DIGITS)
    linked = _GTIN_LINK.fullmatch(text)
    digits = linked[1] if linked is not None else text
    if len(digits) not in (8, 12, 13, 14):
        return None
    padded = digits.rjust(GTIN_DIGITS, "0")
    return padded if is_gs1(padded, GTIN_DIGITS) else None


def gln_of(text: str) -> str | None:
    """The 13 digits of a party or place that a text names; None if it names none, or wrong check digits."""
    found = _GLN_URN.fullmatch(text)
    if found is not None:
        return _completed(found[1] + found[2], GLN_DIGITS)
    linked = _GLN_LINK.fullmatch(text)
    digits = linked[1] if linked is not None else text
    return digits if is_gs1(digits, GLN_DIGITS) else None


def document_of(text: str) -> str:
    """The number of the business document that a transaction identifier stands for."""
    found = _TRANSACTION.fullmatch(text)
    if found is not None:
        return unquote(found[2])
    if _SCHEME.match(text) is None:
        return text
    path = re.split(r"[?#]", text, maxsplit=1)[0].rstrip("/")
    return unquote(re.split(r"[/:]", path)[-1])


def _completed(digits: str, length: int) -> str | None:
    """The digits with the check digit that belongs to them."""
    if len(digits) != length - 1:
        return None
    return next(digits + str(last) for last in range(10) if is_gs1(digits + str(last), length))
