"""Who leads, and handing leadership over: for operators, before they stop a node."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from ledger.identifiers import NAME_PATTERN
from ledger.limits import INT_MAX, MAX_NAME_BYTES
from ledger.members.leadership import HandOverOrder
from node.api import bodies, problems
from node.api.channel import channel_router

MAX_BODY_BYTES = 4_096

router = channel_router("node")

_Node = Annotated[str, Field(pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]


class HandOver(BaseModel):
    """To whom leadership is to go, signed with a key of the organisation that runs the leading node."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: _Node | None = Field(
        default=None, description="node id of a voter; the most advanced one if none is named"
    )
    term: int = Field(ge=0, le=INT_MAX, description="the term that the leader leads in, as GET shows it")
    key: str = Field(pattern="^[0-9a-f]{64}$", description="the signer's public key, 64 hex digits")
    signature: str = Field(
        pattern="^[0-9a-f]{128}$",
        description='128 hex digits: Ed25519 over "tallystick/hand-over/1\\0" and the canonical array '
        "[channel, node id of the leader, term, to or an empty text]",
    )


class LeaderView(BaseModel):
    """Who leads."""

    leader: str | None = Field(description="node id of the leader that this node knows")
    term: int


def _view(request: Request) -> Response:
    leader, term = request.app.state.service.leadership
    return Response(json.dumps({"leader": leader, "term": term}), media_type=bodies.JSON)


@router.get("/leader", summary="Who leads", responses={200: {"model": LeaderView}})
async def leader(request: Request) -> Response:
    """The leader that this node knows, and the term."""
    return _view(request)


@router.post(
    "/leader",
    summary="Hand leadership over",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {bodies.JSON: {"schema": {"$ref": "#/components/schemas/HandOver"}}},
        }
    },
    responses={200: {"model": LeaderView}, **problems.documented(400, 401, 403, 409, 413, 422)},
)
async def hand_over(request: Request) -> Response:
    """Order the leader, which must be this node, to hand over; answers when another node leads.

    Only the organisation that runs the node may: by a signature, so that reaching the port is not enough.
    What clients have sent meanwhile waits and is committed under the next leader.
    """
    given = await _given(request)
    service = request.app.state.service
    key, signature = bytes.fromhex(given.key), bytes.fromhex(given.signature)
    await service.hand_over(HandOverOrder(service.node, given.term, given.to or "", key, signature))
    return _view(request)


async def _given(request: Request) -> HandOver:
    found = bodies.json_object(await bodies.read(request.receive, request.scope, MAX_BODY_BYTES))
    try:
        return HandOver.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RequestValidationError([{**first, "loc": ("body", *first["loc"])}]) from None
