"""What a lender holds: the book of every claim that it has paid for."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.holdings.book import book_key
from node.api import answers
from node.api.channel import channel_router
from node.api.parameters import Last, NamePath, chain_of
from node.api.relationships import proved_history

router = channel_router("lenders")


@router.get(
    "/lenders/{lender}/book",
    summary="The complete, provable book of a lender's claims, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_book(request: Request, lender: NamePath, last: Last = None) -> Response:
    """All records with the proof that none is missing, and their totals; `last` proves the newest of them.

    An organisation that never paid for a claim has a book too: the proof that it is empty.
    """
    chain = chain_of(request)
    history = proved_history(chain, book_key(lender), last)
    return answers.file(chain, history.encode(), f"{lender}.book")
