"""Blocks by height, the genesis block, and pages of raw blocks for auditors and mirrors.

A raw page is one canonical MessagePack array:

    [[height, block bytes, certificate | nil], …]

Certificates stand beside blocks and not in them: a block without one is proved by the next
certificate above it (docs/protocol.md). A page ends early rather than growing past
`MAX_PAGE_BYTES`; the next page starts after the last height that it holds.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ledger import codec
from ledger.blocks.block import Block
from ledger.limits import MAX_BLOCK_BYTES
from node.api import answers, bodies, problems
from node.api.channel import channel_router
from node.api.parameters import BlockForm, BlockLimit, FromHeight, HeightPath
from node.api.problems import Problem
from node.api.values import shown
from node.service import Service

MAX_PAGE_BYTES = 2 * MAX_BLOCK_BYTES
"""Bytes of blocks after which a page takes no further one."""
DEFAULT_BLOCK_PAGE = 20

router = channel_router("blocks")


class HeaderView(BaseModel):
    """A block's header; hashes as 64 hex digits."""

    height: int
    hash: str
    term: int
    previous: str
    time_ms: int = Field(description="milliseconds since 1970; never decreases")
    proposer: str = Field(description="node id; empty for the genesis block")
    preamble: str
    transaction_count: int
    transactions_root: str
    results_root: str
    state_root: str
    history_root: str
    membership: str
    contract_version: int


class BlockTransactionView(BaseModel):
    """A transaction in a block, with the refusals of its operations."""

    id: str
    signer: str
    valid_until_ms: int
    atomic: bool
    operations: list[dict[str, Any]] = Field(description="byte fields as hex digits")
    refusals: list[list[Any]] = Field(description="[operation, code, detail] of each refused operation")


class BlockView(BaseModel):
    """A block."""

    header: HeaderView
    signature: str
    size_bytes: int
    transactions: list[BlockTransactionView]


class BlocksView(BaseModel):
    """Headers of a run of blocks."""

    blocks: list[HeaderView]
    next: int | None = Field(description="height to continue from, or null at the end")


_RAW = {"description": "canonical bytes, with form=raw"}


@router.get(
    "/blocks",
    summary="A run of blocks",
    responses={
        200: {"model": BlocksView, "content": {bodies.MSGPACK: _RAW}},
        **problems.documented(404, 422),
    },
)
async def list_blocks(
    request: Request,
    first: FromHeight = 0,
    limit: BlockLimit = DEFAULT_BLOCK_PAGE,
    form: BlockForm = "json",
) -> Response:
    """Headers from a height upwards, or with `form=raw` whole blocks with their certificates."""
    service: Service = request.app.state.service
    page: list[tuple[int, bytes]] = []
    size_bytes = 0
    height = first
    while len(page) < limit and size_bytes < MAX_PAGE_BYTES:
        data = service.block(height)
        if data is None:
            break
        page.append((height, data))
        size_bytes += len(data)
        height += 1
    if form == "raw":
        entries = [(at, data, _certificate(service, at)) for at, data in page]
        return Response(codec.encode(entries), media_type=bodies.MSGPACK)
    more = service.block(height) is not None
    view = {"blocks": [header_view(Block.decode(data)) for _, data in page], "next": height if more else None}
    return Response(json.dumps(view), media_type=bodies.JSON)


@router.get(
    "/blocks/{height}",
    summary="One block",
    responses={
        200: {"model": BlockView, "content": {bodies.MSGPACK: _RAW}},
        **problems.documented(404, 422),
    },
)
async def get_block(request: Request, height: HeightPath, form: BlockForm = "json") -> Response:
    """The block as JSON, or its stored bytes with `form=raw`."""
    data = request.app.state.service.block(height)
    if data is None:
        raise Problem("no block at that height yet", code="unknown_block", field="height", found=height)
    if form == "raw":
        return Response(data, media_type=bodies.MSGPACK)
    block = Block.decode(data)
    view = {
        "header": header_view(block),
        "signature": block.signature.hex(),
        "size_bytes": len(data),
        "transactions": [
            {
                "id": transaction.id.hex(),
                "signer": transaction.signer.hex(),
                "valid_until_ms": transaction.valid_until_ms,
                "atomic": transaction.atomic,
                "operations": shown(transaction.operations),
                "refusals": shown(result),
            }
            for transaction, result in zip(block.transactions, block.results, strict=True)
        ],
    }
    return Response(json.dumps(view), media_type=bodies.JSON)


@router.get(
    "/genesis",
    summary="The genesis block, as a file",
    responses={200: {"content": {bodies.MSGPACK_FILE: {}}}, **problems.documented(404, 422)},
    response_class=Response,
)
async def get_genesis(request: Request) -> Response:
    """The bytes of block 0. Compare its hash with somebody whom you trust before you rely on it."""
    service: Service = request.app.state.service
    return answers.file(service.chain, service.chain.genesis.block.data, "genesis.block")


def _certificate(service: Service, height: int) -> codec.Value | None:
    found = service.chain.certificate(height)
    return None if found is None else found.to_value()


def header_view(block: Block) -> dict[str, Any]:
    """The members of a header for JSON."""
    header = block.header
    return {
        "height": header.height,
        "hash": header.hash.hex(),
        "term": header.term,
        "previous": header.previous.hex(),
        "time_ms": header.time_ms,
        "proposer": header.proposer,
        "preamble": header.preamble.hex(),
        "transaction_count": header.transaction_count,
        "transactions_root": header.transactions_root.hex(),
        "results_root": header.results_root.hex(),
        "state_root": header.state_root.hex(),
        "history_root": header.history_root.hex(),
        "membership": header.membership.hex(),
        "contract_version": header.contract_version,
    }
