"""Field types that the operation models share: each with its bound and its unit.

Everything is strict: an operation comes off the wire as canonical MessagePack, where an int
is an int and a text is a text, so nothing is converted but dates, which are ISO text outside
and days since 1970 inside. Every bound is checked here, once; handlers never check form again.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from ledger.dates import DATE_PATTERN, day_from_iso, iso_from_day
from ledger.errors import Malformed
from ledger.identifiers import IDENTIFIER_PATTERN, NAME_PATTERN, is_lei
from ledger.limits import DIGEST_BYTES, MAX_IDENTIFIER_LENGTH, MAX_NAME_BYTES, PUBLIC_KEY_BYTES
from ledger.money import CURRENCIES, MAX_AMOUNT

MAX_LINES = 200
"""Lines of one order, shipment, receipt or invoice."""

MAX_UNITS = 200
"""Shipment units named by one dispatch."""

MAX_LINE_ID_LENGTH = 16
MAX_QUANTITY = 10**12
MAX_PRICE_MICROS = 10**18
MAX_REASON_LENGTH = 256
MAX_TITLE_LENGTH = 64
MAX_ADDRESS_LENGTH = 160
LEI_LENGTH = 20
MAX_SHOWN = 64
"""Letters of what was found that an error shows."""

MAX_TERM_DAYS = 1_080
"""Days from an invoice's issue to its due date: the longest tenor that a programme may buy."""


class Part(BaseModel):
    """Base of everything inside an operation: strict, frozen, no unknown field.

    Its validator is made when it is first used: a process that starts needs few of them.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)


PartT = TypeVar("PartT", bound=BaseModel)


def read_part(model: type[PartT], value: Any, what: str, code: str) -> PartT:
    """Read a part that stands in the state as the map of all its fields.

    Raises:
        Malformed: with this code, and the first field that is wrong.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or None
        found = ascii(first["input"])[:MAX_SHOWN] if where and first["type"] != "missing" else None
        raise Malformed(what, code=code, field=where, found=found, expected=complaint(first["msg"])) from None


_EXPECTED = {"Extra inputs are not permitted": "no field of this name", "Field required": "a value"}


def complaint(message: str) -> str:
    """What a model says of a value, in the form of our errors: what was expected."""
    return _EXPECTED.get(message) or message.removeprefix("Value error, ").removeprefix("Input should be ")


class Operation(Part):
    """Base of every operation; `op` names it, the other fields are its content."""

    op: str


def _checked_number(text: str) -> str:
    if not text.isascii() and len(text.encode()) > MAX_IDENTIFIER_LENGTH:
        raise PydanticCustomError("identifier", "at most {most} UTF-8 bytes", {"most": MAX_IDENTIFIER_LENGTH})
    return text


_days: dict[str, int] = {}
_MOST_DAYS_KEPT = 100_000


def _day(value: Any) -> int:
    if type(value) is not str:
        raise PydanticCustomError("date", "a day as text YYYY-MM-DD")
    day = _days.get(value)
    if day is None:
        try:
            day = day_from_iso(value)
        except Malformed:
            raise PydanticCustomError("date", "a day as text YYYY-MM-DD") from None
        if day < 1:
            raise PydanticCustomError("date", "a day after 1970-01-01")
        if len(_days) < _MOST_DAYS_KEPT:
            _days[value] = day
    return day


def _checked_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError("unknown_currency", "an ISO 4217 code in capitals, such as EUR")
    return code


OrganisationId = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_BYTES, pattern=NAME_PATTERN, description="organisation id")
]
NodeId = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_BYTES, pattern=NAME_PATTERN, description="node id")
]
ProgrammeId = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_BYTES, pattern=NAME_PATTERN, description="programme id")
]
Number = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_IDENTIFIER_LENGTH,
        pattern=IDENTIFIER_PATTERN,
        description="document number as its issuer writes it, at most 64 bytes",
    ),
    AfterValidator(_checked_number),
]
OrderNumber = Annotated[Number, Field(description="order number, as the buyer writes it")]
ShipmentNumber = Annotated[Number, Field(description="despatch advice number, as the supplier writes it")]
InvoiceNumber = Annotated[Number, Field(description="invoice number, as the supplier writes it")]
CreditNumber = Annotated[Number, Field(description="credit note number, as the supplier writes it")]
CertificateNumber = Annotated[Number, Field(description="certificate number, as the obligor writes it")]
RequestNumber = Annotated[Number, Field(description="number of the request, as the supplier writes it")]
AuctionNumber = Annotated[Number, Field(description="number of the auction, as the supplier writes it")]
ResaleNumber = Annotated[Number, Field(description="number of the offer, as the seller writes it")]
DemandNumber = Annotated[Number, Field(description="number of the demand, as the lender writes it")]
ExchangeNumber = Annotated[Number, Field(description="number of the exchange, as the client writes it")]
EntryNumber = Annotated[
    Number, Field(description="the bank's reference of the entry; consumed once per account")
]
OptionalNumber = Annotated[
    str,
    Field(
        max_length=MAX_IDENTIFIER_LENGTH,
        pattern=f"^$|{IDENTIFIER_PATTERN}",
        description="document number as its issuer writes it; empty for none",
    ),
    AfterValidator(_checked_number),
]


def _without_spaces(account: str) -> str:
    return account.replace(" ", "")


Account = Annotated[
    Number,
    AfterValidator(_without_spaces),
    Field(description="account, IBAN or the bank's own form; spaces do not tell accounts apart (ISO 13616)"),
]
LineId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LINE_ID_LENGTH,
        pattern=r"^[!-~]+$",
        description="line number of the document, at most 16 visible ASCII characters",
    ),
]
_NO_CONTROLS = "^[^\\x00-\\x1f\\x7f-\\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*$"
"""Text for people may not steer a terminal or turn its own direction round."""

Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TITLE_LENGTH,
        pattern=_NO_CONTROLS,
        description="short text for people",
    ),
]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_REASON_LENGTH,
        pattern=_NO_CONTROLS,
        description="why, for people; no personal data",
    ),
]
Address = Annotated[
    str,
    Field(
        max_length=MAX_ADDRESS_LENGTH,
        pattern=_NO_CONTROLS,
        description="registered address of a legal entity in one line, no person's; empty if it is not said",
    ),
]


def _lei_or_nothing(text: str) -> str:
    if text and not is_lei(text):
        raise PydanticCustomError("lei", "20 characters whose check digits fit (ISO 17442), or nothing")
    return text


OptionalLei = Annotated[
    str,
    Field(max_length=LEI_LENGTH, description="legal entity identifier (ISO 17442), empty for none"),
    AfterValidator(_lei_or_nothing),
]
Currency = Annotated[
    str,
    Field(min_length=3, max_length=3, description="ISO 4217 code"),
    AfterValidator(_checked_currency),
]
Date = Annotated[
    int,
    BeforeValidator(_day, json_schema_input_type=Annotated[str, Field(pattern=DATE_PATTERN)]),
    PlainSerializer(iso_from_day, return_type=str),
    Field(description="calendar day, ISO 8601 text YYYY-MM-DD"),
]
BookingDay = Annotated[Date, Field(description="booking day; ISO text YYYY-MM-DD")]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="minor units of the document's currency")]
PositiveAmount = Annotated[
    int, Field(ge=1, le=MAX_AMOUNT, description="minor units of the document's currency, above zero")
]
SignedAmount = Annotated[
    int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="minor units of the document's currency")
]
Quantity = Annotated[int, Field(ge=0, le=MAX_QUANTITY, description="units of the order line's item")]
PositiveQuantity = Annotated[
    int, Field(ge=1, le=MAX_QUANTITY, description="units of the order line's item, above zero")
]
PriceMicros = Annotated[
    int, Field(ge=0, le=MAX_PRICE_MICROS, description="millionths of a minor unit for one unit of the item")
]
PublicKey = Annotated[
    bytes,
    Field(min_length=PUBLIC_KEY_BYTES, max_length=PUBLIC_KEY_BYTES, description="Ed25519 key, 32 bytes"),
]


def _digest_or_nothing(value: bytes) -> bytes:
    if len(value) not in (0, DIGEST_BYTES):
        raise PydanticCustomError("digest", "32 bytes, or none")
    return value


QuoteDigest = Annotated[
    bytes,
    Field(
        max_length=DIGEST_BYTES,
        description="digest of the quote's terms, 32 bytes; empty: whichever has these figures",
    ),
    AfterValidator(_digest_or_nothing),
]
DocumentHash = Annotated[
    bytes,
    Field(max_length=DIGEST_BYTES, description="SHA-256 of the document as sent, 32 bytes; empty for none"),
    AfterValidator(_digest_or_nothing),
]
