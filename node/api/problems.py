"""Problem details (RFC 9457): the one shape of every error that leaves the API.

    {"type": "urn:tallystick:problem:<code>", "title": …, "status": …, "detail": …,
     "code": …, "field": …, "found": …, "expected": …, "remedy": …}

`code` is stable and the same as in the SDK, the CLI and the logs. Which HTTP status a
code has is decided here and nowhere else: errors of the cores know nothing of HTTP.

| status | whose turn it is |
|---|---|
| 400, 408, 413, 415, 422, 431 | the client's: the request will never be accepted as it is |
| 401, 403, 404, 405, 409 | the client's: another key, another resource, another method, another state |
| 429, 503 | nobody's fault: the same bytes again after Retry-After seconds, here or at another node |
| 500 | ours: a bug; the log of the node has it |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ledger.errors import Malformed, Refusal, StoreError, TallyError, TooLarge
from node.errors import NotAdmitted

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tallystick:problem:"
MAX_SHOWN_CHARACTERS = 200
"""Of a caller's own input that is shown back to it."""

SIGNATURE_SCHEME = "Tallystick-Envelope"
"""RFC 9110 section 11.6.1 asks for a scheme beside a 401; ours is the envelope's own signature."""

SEE_API = "GET /v1/openapi.json describes every path with its methods and parameters."
"""The remedy of a request that the API does not know in this form."""

RETRY_AFTER_S = 1
"""What a client is asked to wait for when the error itself does not say."""

STATUS_BY_CODE: dict[str, int] = {
    "unsupported_media_type": 415,
    "method_not_allowed": 405,
    "invalid_parameter": 422,
    "too_many_operations": 422,
    "text_too_long": 422,
    "bytes_too_long": 422,
    "bundle_too_long": 422,
    "history_too_long": 422,
    "not_http": 400,
    "request_too_slow": 408,
    "head_too_large": 431,
    "no_such_path": 404,
    "unknown_channel": 404,
    "unknown_transaction": 404,
    "unknown_block": 404,
    "unknown_invoice": 404,
    "unknown_order": 404,
    "unknown_shipment": 404,
    "unknown_credit": 404,
    "no_deposit": 404,
    "unknown_redemption": 404,
    "unknown_settlement": 404,
    "unknown_exchange": 404,
    "unknown_certificate": 404,
    "unknown_policy": 404,
    "unknown_claim": 404,
    "unknown_relationship": 404,
    "unknown_programme": 404,
    "not_approved": 404,
    "unknown_request": 404,
    "unknown_auction": 404,
    "unknown_resale": 404,
    "unknown_recourse": 404,
    "no_early_offer": 404,
    "unknown_proposal": 404,
    "unknown_organisation": 404,
    "unknown_evidence": 404,
    "too_many_subscribers": 429,
    "leadership_stays": 409,
    "not_ready": 503,
    "not_certified": 503,
    "not_held_here": 421,
    "internal_error": 500,
}
"""Of codes whose type alone does not decide; errors of `node.errors` carry their own."""


class Problem(TallyError):
    """An error that the API itself finds, before or after the ledger was asked."""

    code = "problem"


def internal_error() -> Problem:
    """What a client is told of a bug."""
    return Problem(
        "the node failed to answer",
        code="internal_error",
        remedy="This is a bug of the node; its log has the details. Try another node.",
    )


class ProblemDetails(BaseModel):
    """Why a request was not carried out (RFC 9457), and what to do about it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    type: str = Field(description="`urn:tallystick:problem:` and the code")
    title: str = Field(description="the HTTP status in words")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str = Field(description="what is wrong, as a sentence")
    code: str = Field(description="stable name of the error")
    field: str | None = Field(default=None, description="the part of the request that is wrong")
    found: int | str | None = Field(default=None, description="what was there")
    expected: int | str | None = Field(default=None, description="what would have been right")
    remedy: str | None = Field(default=None, description="what the caller can do")


def status_of(error: TallyError) -> int:
    """The HTTP status of an error: what it says itself, then its code, then its type."""
    if isinstance(error, NotAdmitted):
        return error.http_status
    status = STATUS_BY_CODE.get(error.code)
    if status is not None:
        return status
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, Malformed):
        return 400
    if isinstance(error, Refusal):
        return 409
    if isinstance(error, StoreError):
        return 503
    return 422


def details(error: TallyError) -> dict[str, Any]:
    """The members of the problem document of an error."""
    status = status_of(error)
    shown: dict[str, Any] = {
        "type": TYPE_PREFIX + error.code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _shortened(str(error), 3 * MAX_SHOWN_CHARACTERS),
    }
    for name, value in error.as_dict().items():
        if name == "remedy":
            shown[name] = _shortened(str(value), 3 * MAX_SHOWN_CHARACTERS)
        elif name != "message":
            shown[name] = value if isinstance(value, int) else _shortened(str(value))
    return shown


def retry_after_s(error: TallyError) -> int | None:
    """Seconds after which the same request may succeed; None if it never will."""
    if isinstance(error, NotAdmitted):
        return None if error.retry_after_ms is None else max(1, ceil(error.retry_after_ms / 1_000))
    return RETRY_AFTER_S if status_of(error) in (429, 503) else None


def render(error: TallyError) -> tuple[int, bytes, int | None]:
    """(HTTP status, body, seconds for Retry-After or None) of an error."""
    document = details(error)
    status: int = document["status"]
    return status, json.dumps(document).encode(), retry_after_s(error)


def response(error: TallyError, headers: Mapping[str, str] | None = None) -> Response:
    """The error as a response."""
    status, body, retry_after = render(error)
    sent = dict(headers or {})
    if retry_after is not None:
        sent["Retry-After"] = str(retry_after)
    if status == 401:
        sent["WWW-Authenticate"] = SIGNATURE_SCHEME
    return Response(body, status, sent, PROBLEM_MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of the problems that an operation can answer with."""
    reference = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    shown: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        entry: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_MEDIA_TYPE: reference},
        }
        if status in (429, 503):
            entry["headers"] = {
                "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}
            }
        shown[status] = entry
    return shown


def _shortened(text: str, most: int = MAX_SHOWN_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
