"""The whole state with all histories as one file, streamed while commits go on.

The state is pinned when the answer begins, and read in a worker thread that rests between two pieces, as
for snapshots: commits never wait for it. `ledger.proofs.export` is the form of the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from time import perf_counter, thread_time

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ledger.chain.chain import Chain
from ledger.proofs.export import frames
from node.api import problems
from node.api.channel import channel_router
from node.api.parameters import chain_of
from node.errors import NotAdmitted
from node.limits import MAX_EXPORTS
from node.snapshots.snapshot_server import SERVE_PACE
from node.telemetry import Telemetry

EXPORT = "application/vnd.tallystick.export"

router = channel_router("exports")


@router.get(
    "/export",
    summary="Everything on the ledger at the applied height, as a file",
    responses={200: {"content": {EXPORT: {}}}, **problems.documented(404, 422, 503)},
    response_class=Response,
)
async def get_export(request: Request) -> Response:
    """Every state entry and every record of every history; `tally verify` proves that nothing is missing."""
    chain = chain_of(request)
    telemetry: Telemetry = request.app.state.telemetry
    if telemetry.exports >= MAX_EXPORTS:
        raise NotAdmitted(
            "busy", "another export is being given", found=MAX_EXPORTS, expected="one at a time"
        )
    chain.certified()
    headers = {"Content-Disposition": 'attachment; filename="ledger.export"'}
    return StreamingResponse(_stream(chain, telemetry), media_type=EXPORT, headers=headers)


async def _stream(chain: Chain, telemetry: Telemetry) -> AsyncIterator[bytes]:
    telemetry.exports += 1
    state = chain.pin()
    try:
        with closing(frames(state, chain.certified(state.height), chain.membership_chain())) as pieces:
            while True:
                began_s = perf_counter()
                piece, used_s = await run_in_threadpool(_next, pieces)
                rest_s = SERVE_PACE.rest_s(used_s, perf_counter() - began_s)
                if not piece:
                    return
                yield piece
                await asyncio.sleep(rest_s)
    finally:
        telemetry.exports -= 1
        state.close()


def _next(pieces: Iterator[bytes]) -> tuple[bytes, float]:
    """The next piece, empty at the end, and the processor time that it took, seconds."""
    began_s = thread_time()
    piece = next(pieces, b"")
    return piece, thread_time() - began_s
