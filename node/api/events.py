"""Applied blocks as they come, by server-sent events with resume.

    id: <height>
    event: block
    data: {"height", "hash", "term", "time_ms", "proposer", "state_root", "transactions": […]}

A client that reconnects sends the last id that it saw as `Last-Event-ID` (every SSE client
does so by itself) and misses nothing; without it the stream starts at the newest block.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from ledger.limits import INT_MAX
from node.api import problems
from node.api.channel import channel_router
from node.api.problems import Problem
from node.limits import MAX_SUBSCRIBERS
from node.service import BlockSummary, Service
from node.telemetry import Telemetry

PING_S = 15
"""Comment lines that keep idle connections open through proxies."""

SEND_TIMEOUT_S = 30
"""A client that takes nothing for so long is disconnected."""

LastEventId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, le=INT_MAX, description="height of the last event seen")
]
AfterHeight = Annotated[
    int | None, Query(ge=0, le=INT_MAX, description="start after this height; Last-Event-ID wins")
]

router = channel_router("events")


@router.get(
    "/events",
    summary="Blocks as they are applied",
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problems.documented(404, 422, 429),
    },
    response_class=Response,
)
async def get_events(
    request: Request, last_event_id: LastEventId = None, after: AfterHeight = None
) -> Response:
    """A stream without end of block summaries, in order and without gaps."""
    service: Service = request.app.state.service
    telemetry: Telemetry = request.app.state.telemetry
    if telemetry.subscribers >= MAX_SUBSCRIBERS:
        raise Problem(
            "too many event streams are open",
            code="too_many_subscribers",
            found=telemetry.subscribers,
            expected=f"at most {MAX_SUBSCRIBERS}",
            remedy="Close a stream, or use another node.",
        )
    applied = service.chain.applied.height
    start = last_event_id if last_event_id is not None else after
    if start is None:
        start = applied
    if start > applied:
        raise Problem(
            "that block does not exist yet here",
            code="unknown_block",
            field="Last-Event-ID" if last_event_id is not None else "after",
            found=start,
            expected=f"at most {applied}",
            remedy="Resume at another node, or wait until this one has caught up.",
        )
    return EventSourceResponse(
        _events(service, telemetry, start), ping=PING_S, send_timeout=SEND_TIMEOUT_S, sep="\n"
    )


async def _events(
    service: Service, telemetry: Telemetry, after_height: int
) -> AsyncIterator[ServerSentEvent]:
    telemetry.subscribers += 1
    try:
        async for summary in service.subscribe(after_height):
            yield ServerSentEvent(
                id=str(summary.height), event="block", data=json.dumps(summary_view(summary)), sep="\n"
            )
    finally:
        telemetry.subscribers -= 1


def summary_view(summary: BlockSummary) -> dict[str, Any]:
    """The members of an event's data."""
    return {
        "height": summary.height,
        "hash": summary.hash.hex(),
        "term": summary.term,
        "time_ms": summary.time_ms,
        "proposer": summary.proposer,
        "state_root": summary.state_root.hex(),
        "transactions": [
            {"id": identity.hex(), "refusals": [list(refusal) for refusal in result]}
            for identity, result in zip(summary.transactions, summary.results, strict=True)
        ],
    }
