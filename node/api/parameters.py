"""Strict types of path, query and header parameters, shared by all resources."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Request

from contracts.views import MAX_PAGE
from ledger.chain.chain import Chain
from ledger.identifiers import IDENTIFIER_PATTERN, NAME_PATTERN
from ledger.limits import INT_MAX, MAX_HISTORY_RECORDS, MAX_IDENTIFIER_LENGTH, MAX_NAME_BYTES

HEX_32 = "^[0-9a-f]{64}$"
DEFAULT_PAGE = 50
MAX_BLOCK_PAGE = 100
DEFAULT_WAIT_MS = 10_000
MAX_WAIT_MS = 60_000

assert DEFAULT_PAGE <= MAX_PAGE
assert DEFAULT_WAIT_MS <= MAX_WAIT_MS

ChannelPath = Annotated[
    str, Path(pattern=HEX_32, description="channel id: hash of the genesis block, 64 hex digits")
]
TransactionPath = Annotated[str, Path(pattern=HEX_32, description="transaction id, 64 hex digits")]
HeightPath = Annotated[int, Path(ge=0, le=INT_MAX, description="block height; 0 is the genesis block")]
NamePath = Annotated[str, Path(pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]
NumberPath = Annotated[str, Path(pattern=IDENTIFIER_PATTERN, max_length=MAX_IDENTIFIER_LENGTH)]

FromHeight = Annotated[int, Query(alias="from", ge=0, le=INT_MAX, description="first height")]
BlockLimit = Annotated[int, Query(ge=1, le=MAX_BLOCK_PAGE, description="blocks at most")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="entries at most")]
After = Annotated[
    str | None,
    Query(
        pattern="^([0-9a-f]{2})+$",
        max_length=2 * 256,
        description="`next` of the page before: entries after it",
    ),
]
RequiredName = Annotated[str, Query(pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]
NameQuery = Annotated[str | None, Query(pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]
StatusWord = Annotated[
    str | None,
    Query(
        pattern="^[A-Za-z]+$", max_length=32, description="a word of any axis: Confirmed, Assigned, Overdue"
    ),
]
Last = Annotated[
    int | None,
    Query(ge=1, le=MAX_HISTORY_RECORDS, description="only the newest so many records, proved as a suffix"),
]
BlockForm = Annotated[
    Literal["json", "raw"], Query(alias="form", description="`raw`: the stored canonical bytes")
]


Level = Annotated[
    Literal["local", "linearizable"],
    Query(
        description="`local`: what this node has applied; `linearizable`: also everything that any "
        "node acknowledged before this request came (a quorum is asked)"
    ),
]
Height = Annotated[int, Query(ge=0, le=INT_MAX, description="wait until this node has applied this height")]


def chain_of(request: Request) -> Chain:
    """The chain of the node that serves the request."""
    chain: Chain = request.app.state.service.chain
    return chain
