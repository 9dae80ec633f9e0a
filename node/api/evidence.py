"""Proofs that nodes lied, as this node keeps them; each is a file that anybody checks offline."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ledger.faults.evidence import SUFFIX
from node.accountability.evidence import EvidenceStore, Kept
from node.api import answers, bodies, problems
from node.api.channel import channel_router
from node.api.problems import Problem

router = channel_router("evidence")


class KeptEvidenceView(BaseModel):
    """A proof that is kept."""

    id: str = Field(description="SHA-256 of the file, 64 hex digits")
    kind: str
    nodes: list[str] = Field(description="ids of the nodes that it names")
    term: int
    height: int
    says: str = Field(description="what it proves, in a sentence")
    size_bytes: int


class EvidenceView(BaseModel):
    """All that is kept; bounded in number."""

    evidence: list[KeptEvidenceView]


EvidenceId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, 64 hex digits")]


@router.get(
    "/evidence",
    summary="Proofs that nodes lied",
    responses=answers.shown_as(EvidenceView),
)
async def list_evidence(request: Request) -> Response:
    """The proofs that this node has made or heard of, oldest first. Check them yourself: `tally evidence`."""
    store: EvidenceStore = request.app.state.service.evidence
    shown = {"evidence": [_view(kept) for kept in store.kept()]}
    return Response(json.dumps(shown), media_type=bodies.JSON)


@router.get(
    "/evidence/{identity}",
    summary="One proof, as a file",
    responses={200: {"content": {bodies.MSGPACK_FILE: {}}}, **problems.documented(404, 422)},
    response_class=Response,
)
async def get_evidence(request: Request, identity: EvidenceId) -> Response:
    """The bytes of a proof; `tally evidence verify` checks them offline."""
    service = request.app.state.service
    store: EvidenceStore = service.evidence
    data = store.read(identity)
    if data is None:
        raise Problem("no such evidence here", code="unknown_evidence", field="identity", found=identity)
    return answers.file(service.chain, data, f"{identity}{SUFFIX}")


def _view(kept: Kept) -> dict[str, Any]:
    proved = kept.proved
    return {
        "id": kept.id,
        "kind": proved.kind,
        "nodes": list(proved.nodes),
        "term": proved.term,
        "height": proved.height,
        "says": proved.says,
        "size_bytes": kept.size_bytes,
    }
