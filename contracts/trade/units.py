"""What travels and what happened to it, by names that the whole world shares: SSCC and EPCIS event ids.

| form | example | kept as |
|---|---|---|
| SSCC, with or without its application identifier and spaces | (00) 3401 2345 0000 0000 17 | 18 digits |
| SSCC as EPC URI (EPCIS 1) | urn:epc:id:sscc:4012345.3000000001 | 18 digits |
| SSCC as GS1 Digital Link | https://id.gs1.org/00/340123450000000017 | 18 digits |
| event hash id (CBV 2.0, section 8.9) | ni:///sha-256;… 64 hexadecimal digits …?ver=CBV2.0 | as it is |
| event id (RFC 9562) | urn:uuid:… | in small letters |

One thing has one name here, however it is written: a unit is used once on the whole ledger, and another
spelling must not let it through again. An SSCC's last digit is checked (GS1 General Specifications 7.9).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ledger.identifiers import is_gs1

MAX_UNIT_LENGTH = 128
"""Characters of a unit as written; an event hash id has 89."""

SSCC_DIGITS = 18

_SSCC = re.compile(r"(?:\(00\)|00)?([0-9]{18})")
_SSCC_URI = re.compile(r"urn:epc:id:sscc:([0-9]{6,12})\.([0-9])([0-9]{4,10})")
_SSCC_LINK = re.compile(r"https?://[A-Za-z0-9.-]{1,64}/00/([0-9]{18})")
_EVENT_HASH = re.compile(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def sscc_with_check_digit(digits: str) -> str:
    """17 digits with the 18th that makes them an SSCC."""
    return next(digits + str(last) for last in range(10) if is_gs1(digits + str(last), SSCC_DIGITS))


def canonical_unit(text: str) -> str | None:
    """The one form of a shipment unit or event id; None if it is neither, or its check digit is wrong."""
    if _EVENT_HASH.fullmatch(text):
        return text
    lowered = text.lower()
    if _UUID.fullmatch(lowered):
        return lowered
    uri = _SSCC_URI.fullmatch(text)
    if uri is not None:
        company, extension, serial = uri.groups()
        digits = extension + company + serial
        return sscc_with_check_digit(digits) if len(digits) == SSCC_DIGITS - 1 else None
    found = _SSCC_LINK.fullmatch(text) or _SSCC.fullmatch(text.replace(" ", ""))
    return found[1] if found is not None and is_gs1(found[1], SSCC_DIGITS) else None


def _checked(text: str) -> str:
    unit = canonical_unit(text)
    if unit is None:
        raise PydanticCustomError("shipment_unit", "an SSCC whose check digit fits, or an EPCIS event id")
    return unit


ShipmentUnit = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_UNIT_LENGTH,
        description="SSCC, or EPCIS event id (ni:///sha-256;…?ver=CBV2.0 or urn:uuid:…); used once",
    ),
    AfterValidator(_checked),
]
