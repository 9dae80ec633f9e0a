"""Organisations with their keys, programmes and cash accounts."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.cash import cash_views
from contracts.finance import programme_views
from contracts.finance.programme import read_programme
from contracts.parties import party_views
from contracts.reverse_factoring import payables_views as of_payables
from node.api import answers, cash_forms, party_forms, programme_forms
from node.api.channel import channel_router
from node.api.parameters import DEFAULT_PAGE, After, Limit, NamePath, NameQuery, NumberPath, chain_of

router = channel_router("organisations")


@router.get(
    "/organisations", summary="Organisations", responses=answers.shown_as(party_forms.OrganisationsView)
)
async def list_organisations(request: Request, limit: Limit = DEFAULT_PAGE, after: After = None) -> Response:
    """Who takes part in this channel, in which roles."""
    chain = chain_of(request)
    found = party_views.organisations(chain, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "organisations", found)


@router.get(
    "/organisations/{organisation}",
    summary="An organisation",
    responses=answers.shown_as(party_forms.OrganisationView),
)
async def get_organisation(request: Request, organisation: NamePath) -> Response:
    """One organisation: names, identifiers, roles."""
    chain = chain_of(request)
    found = party_views.organisation_view(chain, organisation)
    return answers.view(chain, found, "unknown_organisation", organisation=organisation)


@router.get("/keys", summary="Enrolled keys", responses=answers.shown_as(party_forms.KeysView))
async def list_keys(
    request: Request, organisation: NameQuery = None, limit: Limit = DEFAULT_PAGE, after: After = None
) -> Response:
    """Keys that may sign, and those that were revoked; of one organisation if asked for."""
    chain = chain_of(request)
    found = party_views.keys(chain, organisation, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "keys", found)


@router.get("/programmes", summary="Programmes", responses=answers.shown_as(programme_forms.ProgrammesView))
async def list_programmes(request: Request, limit: Limit = DEFAULT_PAGE, after: After = None) -> Response:
    """Lenders' programmes with their terms and exposures."""
    chain = chain_of(request)
    found = programme_views.programmes(chain, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "programmes", found)


@router.get(
    "/programmes/{programme}",
    summary="A programme",
    responses=answers.shown_as(programme_forms.ProgrammeView),
)
async def get_programme(request: Request, programme: NamePath) -> Response:
    """One programme with its terms and exposures."""
    chain = chain_of(request)
    found = programme_views.programme_view(chain, programme)
    return answers.view(chain, found, "unknown_programme", programme=programme)


@router.get(
    "/programmes/{programme}/enrolments",
    summary="Who takes part in a payables programme",
    responses=answers.shown_as(programme_forms.EnrolmentsView),
)
async def list_enrolments(
    request: Request, programme: NamePath, limit: Limit = DEFAULT_PAGE, after: After = None
) -> Response:
    """Suppliers that have enrolled, with their bank and whether they have a standing request."""
    chain = chain_of(request)
    if read_programme(chain, programme) is None:
        return answers.view(chain, None, "unknown_programme", programme=programme)
    found = of_payables.enrolments(chain, programme, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "enrolments", found)


@router.get(
    "/programmes/{programme}/approvals",
    summary="What a buyer has approved under its payables programme",
    responses=answers.shown_as(programme_forms.ApprovalsView),
)
async def list_approvals(
    request: Request,
    programme: NamePath,
    supplier: NameQuery = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Approved invoices with the price of today, of one supplier if asked for."""
    chain = chain_of(request)
    if read_programme(chain, programme) is None:
        return answers.view(chain, None, "unknown_programme", programme=programme)
    found = of_payables.approvals(
        chain, programme, supplier=supplier, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "approvals", found)


@router.get(
    "/approvals/{supplier}/{number:path}",
    summary="An approved invoice",
    responses=answers.shown_as(programme_forms.ApprovalView),
)
async def get_approval(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One invoice that its buyer has undertaken to pay, with the price of today."""
    chain = chain_of(request)
    found = of_payables.approval_view(chain, supplier, number)
    return answers.view(chain, found, "not_approved", supplier=supplier, number=number)


@router.get(
    "/organisations/{organisation}/accounts",
    summary="An organisation's cash accounts",
    responses=answers.shown_as(cash_forms.AccountsView),
)
async def list_accounts(
    request: Request, organisation: NamePath, limit: Limit = DEFAULT_PAGE, after: After = None
) -> Response:
    """What the settlement banks' attestations add up to."""
    chain = chain_of(request)
    found = cash_views.journal(chain, organisation, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "accounts", found)
