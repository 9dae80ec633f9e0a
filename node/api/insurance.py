"""Credit insurance: policies with limits, and claims; whether an invoice is covered is proved, not told."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from contracts.insurance import insurance_views as made
from node.api import answers, insurance_forms
from node.api.channel import channel_router
from node.api.parameters import DEFAULT_PAGE, After, Limit, NamePath, NameQuery, NumberPath, chain_of

Status = Annotated[str | None, Query(pattern="^[A-Za-z]+$", max_length=32, description="such as Filed")]

router = channel_router("insurance")


@router.get("/policies", summary="Policies", responses=answers.shown_as(insurance_forms.PoliciesView))
async def list_policies(
    request: Request,
    insurer: NameQuery = None,
    assured: NameQuery = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Policies with the limits of their buyers, of one insurer or one assured if asked for."""
    chain = chain_of(request)
    found = made.policies(chain, insurer, assured=assured, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "policies", found)


@router.get(
    "/policies/{insurer}/{number:path}",
    summary="A policy",
    responses=answers.shown_as(insurance_forms.PolicyView),
)
async def get_policy(request: Request, insurer: NamePath, number: NumberPath) -> Response:
    """One policy on the business date, with the limit of each buyer."""
    chain = chain_of(request)
    found = made.policy_view(chain, insurer, number)
    return answers.view(chain, found, "unknown_policy", insurer=insurer, number=number)


@router.get(
    "/insurance-claims",
    summary="Insurance claims",
    responses=answers.shown_as(insurance_forms.ClaimsView),
)
async def list_claims(
    request: Request,
    assured: NameQuery = None,
    insurer: NameQuery = None,
    status: Status = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Claims, of one assured, against one insurer or in one state if asked for."""
    chain = chain_of(request)
    found = made.claims(
        chain, assured, insurer=insurer, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "claims", found)


@router.get(
    "/insurance-claims/{assured}/{number:path}",
    summary="An insurance claim",
    responses=answers.shown_as(insurance_forms.ClaimView),
)
async def get_claim(request: Request, assured: NamePath, number: NumberPath) -> Response:
    """One claim, with what is the insurer's of recoveries today."""
    chain = chain_of(request)
    found = made.claim_view(chain, assured, number)
    return answers.view(chain, found, "unknown_claim", assured=assured, number=number)
