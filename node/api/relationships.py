"""Who trades with whom, and the provable histories of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from contracts.parties import party_views
from contracts.trade import relationship, relationship_views
from ledger import codec
from ledger.chain.chain import Chain
from ledger.errors import TooLarge
from ledger.limits import MAX_PROVED_KEYS, MAX_STATE_KEY_BYTES
from ledger.proofs.history import History
from ledger.proofs.statement import Statement
from node.api import answers, problems, relationship_forms
from node.api.channel import channel_router
from node.api.parameters import Last, NamePath, RequiredName, chain_of
from node.api.problems import Problem

StateKeys = Annotated[
    list[Annotated[str, Query(pattern="^([0-9a-f]{2})+$", max_length=2 * MAX_STATE_KEY_BYTES)]],
    Query(alias="key", min_length=1, max_length=MAX_PROVED_KEYS, description="state keys in hex"),
]

router = channel_router("relationships")


@router.get(
    "/relationships",
    summary="The trade relationships of a party",
    responses={200: {"model": relationship_forms.RelationshipsView}, **problems.documented(404, 422, 503)},
)
async def list_relationships(request: Request, party: RequiredName) -> Response:
    """All of them, oldest first; GET /parties/{party}/history proves that none is missing."""
    chain = chain_of(request)
    if party_views.organisation_view(chain, party) is None:
        return answers.view(chain, None, "unknown_organisation", party=party)
    history = proved_history(chain, relationship.party_key(party), None)
    records = [codec.decode(record) for record in history.records]
    shown = {"party": party, "relationships": relationship_views.relationships_of(records)}
    return answers.view(chain, shown, "unknown_organisation", party=party)


@router.get(
    "/relationships/{supplier}/{buyer}",
    summary="A trade relationship",
    responses=answers.shown_as(relationship_forms.RelationshipView),
)
async def get_relationship(request: Request, supplier: NamePath, buyer: NamePath) -> Response:
    """Number of records and running sums, without proof."""
    chain = chain_of(request)
    found = relationship_views.relationship_view(chain, supplier, buyer)
    return answers.view(chain, found, "unknown_relationship", supplier=supplier, buyer=buyer)


@router.get(
    "/relationships/{supplier}/{buyer}/history",
    summary="The complete, provable history of a trade relationship, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_history(request: Request, supplier: NamePath, buyer: NamePath, last: Last = None) -> Response:
    """All records with the proof that none is missing; `last` proves the newest of them.

    Two parties that never traded have a history too: the proof that it is empty.
    """
    chain = chain_of(request)
    history = proved_history(chain, relationship.relationship_key(supplier, buyer), last)
    return answers.file(chain, history.encode(), f"{supplier}-{buyer}.history")


@router.get(
    "/parties/{party}/history",
    summary="The complete, provable list of a party's relationships, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_party_history(request: Request, party: NamePath, last: Last = None) -> Response:
    """One record for each relationship, with the proof that none is missing."""
    chain = chain_of(request)
    history = proved_history(chain, relationship.party_key(party), last)
    return answers.file(chain, history.encode(), f"{party}.history")


@router.get(
    "/state-proofs",
    summary="Proof of state entries, present or absent, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_state_proof(request: Request, keys: StateKeys) -> Response:
    """What stands under each key, or that nothing does, at the applied height.

    The file is [`state`, 1, state proof, certified header] in canonical MessagePack.
    """
    chain = chain_of(request)
    proof = chain.state_proof(sorted({bytes.fromhex(key) for key in keys}))
    return answers.file(chain, Statement(proof, chain.certified()).encode(), "state.proof")


def proved_history(chain: Chain, key: bytes, last: int | None) -> History:
    """The history at a key, all of it or its newest `last` records, with its proof.

    Raises:
        Problem: it has too many records for one file.
    """
    try:
        return chain.history(key, last)
    except TooLarge as error:
        raise Problem(
            error.message,
            code="history_too_long",
            field="last",
            found=error.found,
            expected=error.expected,
            remedy=error.remedy,
        ) from None
