"""Prices with proof: a quote is a file that recomputes to the unit, offline.

Asking for a quote writes nothing: it is POST because it computes, and because an invoice
number may hold anything. What makes no price (an invoice that is not confirmed, a claim on
it, a limit that is reached) is a problem with the code that an offer would be refused with.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, field_validator
from starlette.responses import Response

from contracts.fields import Number, OrganisationId, ProgrammeId
from contracts.finance.pricer import challenge
from contracts.finance.quote import Quote, make_quote
from contracts.finance.quote_book import MAX_PAGE_INVOICES, make_page
from contracts.pricing import Prediction
from ledger import codec
from ledger.errors import Malformed
from node.api import answers, bodies, problems
from node.api.channel import channel_router
from node.api.values import shown

MAX_BODY_BYTES = 4_096
MAX_BOOK_BODY_BYTES = 65_536
"""A page's question: `MAX_PAGE_INVOICES` pairs of names."""

router = channel_router("quotes")

Form = TypeVar("Form", bound=BaseModel)
Pair = Annotated[tuple[OrganisationId, Number], Strict(False)]
"""(supplier, invoice number): an array, which JSON and MessagePack read as different types."""


KnownModel = Annotated[
    str,
    Field(
        pattern="^([0-9a-f]{64})?$",
        description="hash of the model that the reader has: it is left out of the file if it is in force",
    ),
]


class QuoteForm(BaseModel):
    """What shall be priced: the invoice of a supplier, under a lender's programme."""

    model_config = ConfigDict(extra="forbid", strict=True)

    programme: ProgrammeId
    supplier: OrganisationId
    invoice: Number
    model: KnownModel = ""


class BookForm(BaseModel):
    """A page of a book: which invoices shall be priced, each (supplier, number), under one programme."""

    model_config = ConfigDict(extra="forbid", strict=True)

    programme: ProgrammeId
    invoices: Annotated[list[Pair], Strict(False)] = Field(
        min_length=1, max_length=MAX_PAGE_INVOICES, description="(supplier, invoice number) of each"
    )
    model: KnownModel = ""

    @field_validator("invoices")
    @classmethod
    def _each_once(cls, invoices: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """A file that names an invoice twice at one height proves nothing."""
        if len(set(invoices)) < len(invoices):
            raise ValueError("each invoice once")
        return invoices


class ChallengerView(BaseModel):
    """What the challenger says of the invoice; it moves no price."""

    model: str = Field(description="SHA-256 of the model's bytes")
    late_ppm: int
    median_late_centidays: int
    beyond_centidays: int = Field(description="expected days beyond terms; hundredths of a day")


class QuoteView(BaseModel):
    """A quote as JSON; the file has the proofs of what it was computed from."""

    programme: str
    supplier: str
    invoice: str
    height: int = Field(description="height of the state that it was computed from")
    time_ms: int
    expires_height: int
    terms: dict[str, object] = Field(description="amounts in minor units, rates in parts per million")
    challenger: ChallengerView | None = Field(description="beside the price; none if no model challenges")


@router.post(
    "/quotes",
    summary="The price of an invoice under a programme",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                bodies.JSON: {"schema": {"$ref": "#/components/schemas/QuoteForm"}},
                bodies.MSGPACK: {"schema": {"description": "the same members as a canonical map"}},
            },
        }
    },
    responses={
        200: {"model": QuoteView, "content": {bodies.MSGPACK_FILE: {}}},
        **problems.documented(400, 404, 409, 413, 415, 422, 503),
    },
)
async def post_quote(request: Request) -> Response:
    """The quote file, or its terms as JSON, by the Accept header."""
    asked = await _asked(request, QuoteForm, MAX_BODY_BYTES)
    chain = request.app.state.service.chain
    known_model = bytes.fromhex(asked.model)
    quote = make_quote(chain, asked.supplier, asked.invoice, asked.programme, known_model)
    if bodies.wants_msgpack(request.scope):
        return answers.file(chain, quote.encode(), "invoice.quote")
    beside = challenge(chain, asked.supplier, asked.invoice, asked.programme)
    return answers.view(chain, _view(quote, beside), "unknown_invoice")


@router.post(
    "/quotes/book",
    summary="The prices of many invoices under one programme, as a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {bodies.JSON: {"schema": {"$ref": "#/components/schemas/BookForm"}}},
        }
    },
    responses={
        200: {"content": {bodies.MSGPACK_FILE: {}}},
        **problems.documented(400, 413, 415, 422, 503),
    },
    response_class=Response,
)
async def post_book(request: Request) -> Response:
    """One page of a book of quotes: every price, or why there is none, with one shared proof.

    What gets no price is no problem here: its code stands in its row, and is proved like a price.
    """
    asked = await _asked(request, BookForm, MAX_BOOK_BODY_BYTES)
    chain = request.app.state.service.chain
    book = make_page(chain, asked.programme, asked.invoices, bytes.fromhex(asked.model))
    return answers.file(chain, book.encode(), "book.quotes")


async def _asked(request: Request, form: type[Form], most_bytes: int) -> Form:
    packed = bodies.is_msgpack(request.scope)
    body = await bodies.read(request.receive, request.scope, most_bytes)
    found = codec.decode(body, most_bytes) if packed else bodies.json_object(body)
    try:
        return form.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Malformed(
            "not a question for a quote",
            code="malformed",
            field=".".join(str(part) for part in first["loc"]) or "body",
            found=ascii(first["input"])[:80],
            expected=first["msg"],
            remedy=problems.SEE_API,
        ) from None


def _view(quote: Quote, beside: Prediction | None) -> dict[str, object]:
    header = quote.certified.header
    challenger = beside and {
        "model": beside.model.hex(),
        "late_ppm": beside.lateness.late_ppm,
        "median_late_centidays": beside.lateness.days_centidays,
        "beyond_centidays": beside.lateness.beyond_centidays,
    }
    return {
        "programme": quote.programme,
        "supplier": quote.supplier,
        "invoice": quote.invoice,
        "height": header.height,
        "time_ms": header.time_ms,
        "expires_height": quote.expires_height,
        "terms": shown(quote.terms),
        "challenger": challenger,
    }
