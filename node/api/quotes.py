"""Prices with proof: a quote is a file that recomputes to the unit, offline.

Asking for a quote writes nothing: it is POST because it computes, and because an invoice
number may hold anything. What makes no price (an invoice that is not confirmed, a claim on
it, a limit that is reached) is a problem with the code that an offer would be refused with.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from contracts.fields import Number, OrganisationId, ProgrammeId
from contracts.quote import Quote, make_quote
from ledger import codec
from ledger.errors import Malformed
from node.api import answers, bodies, problems
from node.api.values import shown

MAX_BODY_BYTES = 4_096

router = APIRouter(tags=["quotes"])


class QuoteForm(BaseModel):
    """What shall be priced: the invoice of a supplier, under a lender's programme."""

    model_config = ConfigDict(extra="forbid", strict=True)

    programme: ProgrammeId
    supplier: OrganisationId
    invoice: Number


class QuoteView(BaseModel):
    """A quote as JSON; the file has the proofs of what it was computed from."""

    programme: str
    supplier: str
    invoice: str
    height: int = Field(description="height of the state that it was computed from")
    time_ms: int
    expires_height: int
    terms: dict[str, object] = Field(description="amounts in minor units, rates in parts per million")


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
    packed = bodies.is_msgpack(request.scope)
    body = await bodies.read(request.receive, request.scope, MAX_BODY_BYTES)
    found = codec.decode(body, MAX_BODY_BYTES) if packed else bodies.json_object(body)
    try:
        asked = QuoteForm.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Malformed(
            "not a question for a quote",
            code="malformed",
            field=".".join(str(part) for part in first["loc"]) or "body",
            found=ascii(first["input"])[:80],
            expected=first["msg"],
        ) from None
    chain = request.app.state.service.chain
    quote = make_quote(chain, asked.supplier, asked.invoice, asked.programme)
    if bodies.wants_msgpack(request.scope):
        return answers.file(chain, quote.encode(), "invoice.quote")
    return answers.view(chain, _view(quote), "unknown_invoice")


def _view(quote: Quote) -> dict[str, object]:
    header = quote.certified.header
    return {
        "programme": quote.programme,
        "supplier": quote.supplier,
        "invoice": quote.invoice,
        "height": header.height,
        "time_ms": header.time_ms,
        "expires_height": quote.expires_height,
        "terms": shown(quote.terms),
    }
