"""Health, readiness, metrics and the status page of this node."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from node.api import bodies, problems
from node.api.channel import name_of
from node.api.problems import Problem
from node.api.values import shown
from node.readiness import REMEDIES
from node.telemetry import METRICS_MEDIA_TYPE


class NotReadyView(BaseModel):
    """Why a node is not ready."""

    code: str = Field(description=f"one of {', '.join(sorted(REMEDIES))}")
    sentence: str
    remedy: str = Field(description="what the operator does")


class RecoveredView(BaseModel):
    """A lost ledger that another one goes on from."""

    channel: str = Field(description="64 hex digits")
    height: int = Field(description="newest block of it whose effects this ledger has")


class StatusView(BaseModel):
    """Where this node stands."""

    model_config = ConfigDict(extra="allow")

    node: str
    organisation: str
    channel: str = Field(description="64 hex digits")
    role: str = Field(description="leader, follower, candidate or pre-candidate")
    term: int
    leader: str | None = Field(description="node id of the leader that this node knows")
    last_height: int = Field(description="newest block in the log")
    committed_height: int = Field(description="newest block with a proof of commit")
    applied_height: int = Field(description="newest block that readers are served from")
    goes_on_from: RecoveredView | None = Field(description="the lost ledger whose state this one began with")
    head: str = Field(description="hash of the header at the applied height, 64 hex digits")
    state_root: str = Field(description="64 hex digits")
    ready: bool
    not_ready: NotReadyView | None = Field(description="why not, if so")


router = APIRouter(tags=["node"], generate_unique_id_function=name_of)


@router.get(
    "/healthz",
    summary="Is the process alive",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def healthz() -> Response:
    """Always `ok`: a process that can answer is alive."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Shall requests be sent here",
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems.documented(503),
    },
)
async def readyz(request: Request) -> Response:
    """200 only while a leader is known and this node has applied what is committed; else `found` is a code.

    The codes are those of `not_ready` in `GET /v1/status`.
    """
    service = request.app.state.service
    reason = service.not_ready
    if reason is not None:
        raise Problem(reason.sentence, code="not_ready", found=reason.code, remedy=reason.remedy)
    return PlainTextResponse("ready\n")


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {METRICS_MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Counters, gauges and histograms in the Prometheus text format."""
    return Response(request.app.state.telemetry.exposition(), headers={"Content-Type": METRICS_MEDIA_TYPE})


@router.get("/v1/status", summary="Where this node stands", responses={200: {"model": StatusView}})
async def status(request: Request) -> Response:
    """Role, term, leader, heights, head hash and state root."""
    return Response(json.dumps(shown(request.app.state.service.status())), media_type=bodies.JSON)
