"""What the contracts know, for reading: invoices, orders, relationships, programmes, organisations.

Two kinds of answer. *Views* are JSON for people and programs that trust this node, read at
the applied height. *Proofs* (histories, state proofs) are files that prove themselves to
anybody who holds the genesis block; money should move on nothing less.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ledger import codec
from ledger.errors import TooLarge
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.state import state_key
from node.api import bodies, problems
from node.api.parameters import Last, NamePath
from node.api.problems import Problem

MAX_PROVED_KEYS = 64
"""State entries in one proof."""

router = APIRouter(tags=["trade"])

StateKeys = Annotated[
    list[Annotated[str, Query(pattern="^([0-9a-f]{2})+$", max_length=2 * MAX_STATE_KEY_BYTES)]],
    Query(alias="key", min_length=1, max_length=MAX_PROVED_KEYS, description="state keys in hex"),
]


@router.get(
    "/relationships/{supplier}/{buyer}/history",
    summary="The complete, provable history of a trade relationship, as a file",
    responses={200: {"content": {bodies.MSGPACK_FILE: {}}}, **problems.documented(404, 422)},
    response_class=Response,
)
async def get_history(request: Request, supplier: NamePath, buyer: NamePath, last: Last = None) -> Response:
    """All records with the proof that none is missing; `last` proves the newest of them.

    Two parties that never traded have a history too: the proof that it is empty.
    """
    chain = request.app.state.service.chain
    try:
        history = chain.history(state_key("relationship", supplier, buyer), last)
    except TooLarge as error:
        raise Problem(
            error.message,
            code="history_too_long",
            field="last",
            found=error.found,
            expected=error.expected,
            remedy=error.remedy,
        ) from None
    return Response(
        history.encode(),
        media_type=bodies.MSGPACK_FILE,
        headers={"Content-Disposition": f'attachment; filename="{supplier}-{buyer}.history"'},
    )


@router.get(
    "/state-proofs",
    summary="Proof of state entries, present or absent, as a file",
    responses={200: {"content": {bodies.MSGPACK_FILE: {}}}, **problems.documented(404, 422)},
    response_class=Response,
)
async def get_state_proof(request: Request, keys: StateKeys) -> Response:
    """What stands under each key, or that nothing does, at the applied height.

    The file is [`state`, 1, state proof, certified header] in canonical MessagePack.
    """
    chain = request.app.state.service.chain
    proof = chain.state_proof(sorted({bytes.fromhex(key) for key in keys}))
    data = codec.encode(("state", 1, proof.to_value(), chain.certified().to_value()))
    return Response(data, media_type=bodies.MSGPACK_FILE)
