"""Which nodes the channel has, what is proposed about them, and the proof of every change."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from contracts.parties import membership_views as made
from ledger.limits import INT_MAX
from node.api import answers, membership_forms
from node.api.channel import channel_router
from node.api.parameters import DEFAULT_PAGE, After, Limit, NumberPath, chain_of

router = channel_router("membership")

AfterHeight = Annotated[int, Query(ge=0, le=INT_MAX, description="only changes above this height")]


@router.get("/membership", summary="The nodes", responses=answers.shown_as(membership_forms.MembershipView))
async def get_membership(request: Request) -> Response:
    """Who votes, who learns, how many acknowledgements commit, and what the membership is becoming."""
    chain = chain_of(request)
    return answers.view(chain, made.membership_view(chain), "unknown_membership")


@router.get(
    "/memberships",
    summary="The membership changes with their proofs, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_memberships(request: Request, after: AfterHeight = 0) -> Response:
    """Every change since the genesis block: with it and the genesis block any proof of any time verifies."""
    chain = chain_of(request)
    return answers.file(chain, chain.membership_chain(after).encode(), "channel.memberships")


@router.get(
    "/membership/proposals",
    summary="Proposals about the membership",
    responses=answers.shown_as(membership_forms.ProposalsView),
)
async def list_proposals(request: Request, limit: Limit = DEFAULT_PAGE, after: After = None) -> Response:
    """All that were made: open, adopted, withdrawn, expired."""
    chain = chain_of(request)
    return answers.page(
        chain, "proposals", made.proposals(chain, limit=limit, after=answers.key_after(after))
    )


@router.get(
    "/membership/proposals/{proposal}",
    summary="A proposal about the membership",
    responses=answers.shown_as(membership_forms.ProposalView),
)
async def get_proposal(request: Request, proposal: NumberPath) -> Response:
    """What it would change, and who has approved it."""
    chain = chain_of(request)
    return answers.view(chain, made.proposal_view(chain, proposal), "unknown_proposal", proposal=proposal)
