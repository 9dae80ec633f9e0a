"""Who leads, and handing leadership over: for operators, before they stop a node."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ledger.identifiers import NAME_PATTERN
from ledger.limits import MAX_NAME_BYTES
from node.api import bodies, problems

router = APIRouter(tags=["node"])

_Node = Annotated[str, Field(pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]


class HandOver(BaseModel):
    """To whom leadership is to go."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: _Node | None = Field(
        default=None, description="node id of a voter; the most advanced one if none is named"
    )


class LeaderView(BaseModel):
    """Who leads."""

    leader: str | None = Field(description="node id of the leader that this node knows")
    term: int


def _view(request: Request) -> Response:
    status = request.app.state.service.status()
    shown = {"leader": status["leader"], "term": status["term"]}
    return Response(json.dumps(shown), media_type=bodies.JSON)


@router.get("/leader", summary="Who leads", responses={200: {"model": LeaderView}})
async def leader(request: Request) -> Response:
    """The leader that this node knows, and the term."""
    return _view(request)


@router.post(
    "/leader",
    summary="Hand leadership over",
    responses={200: {"model": LeaderView}, **problems.documented(409, 422)},
)
async def hand_over(request: Request, given: HandOver) -> Response:
    """Ask the leader, which must be this node, to hand over; answers when another node leads.

    What clients have sent meanwhile waits and is committed under the next leader.
    """
    await request.app.state.service.hand_over(given.to)
    return _view(request)
