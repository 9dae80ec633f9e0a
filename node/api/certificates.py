"""Receivable certificates: what an obligor has promised, the leaves, and the provable history of the tree."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.certificates import certificate_views as made
from contracts.certificates.leaf import certificate_key
from node.api import answers, certificate_forms
from node.api.channel import channel_router
from node.api.parameters import (
    DEFAULT_PAGE,
    After,
    Limit,
    NamePath,
    NameQuery,
    NumberPath,
    RequiredName,
    chain_of,
)
from node.api.relationships import proved_history

router = channel_router("certificates")


@router.get(
    "/certificates",
    summary="Certificates of an obligor",
    responses=answers.shown_as(certificate_forms.CertificatesView),
)
async def list_certificates(
    request: Request,
    obligor: RequiredName,
    payee: NameQuery = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Promises with their sums, to one payee if asked for."""
    chain = chain_of(request)
    found = made.certificates(chain, obligor, payee, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "certificates", found)


@router.get(
    "/certificates/{obligor}/{number:path}",
    summary="A certificate with its leaves",
    responses=answers.shown_as(certificate_forms.CertificateView),
)
async def get_certificate(request: Request, obligor: NamePath, number: NumberPath) -> Response:
    """One certificate with all leaves, without proof: its history proves them."""
    chain = chain_of(request)
    found = made.certificate_view(chain, obligor, number)
    return answers.view(chain, found, "unknown_certificate", obligor=obligor, number=number)


@router.get(
    "/certificate-histories/{obligor}/{number:path}",
    summary="The complete, provable history of a certificate, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_certificate_history(request: Request, obligor: NamePath, number: NumberPath) -> Response:
    """Every change of every leaf with the proof that none is missing: the whole tree follows from it."""
    chain = chain_of(request)
    if chain.get(certificate_key(obligor, number)) is None:
        return answers.view(chain, None, "unknown_certificate", obligor=obligor, number=number)
    history = proved_history(chain, certificate_key(obligor, number), None)
    return answers.file(chain, history.encode(), f"{obligor}.certificate")
