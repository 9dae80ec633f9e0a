"""What people are shown of requests for finance: who was asked, and who has answered what.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency, and nothing
is proved.
"""

from __future__ import annotations

from typing import Any

from contracts.finance import request
from contracts.finance.claim import read_lien
from contracts.finance.programme import read_programme
from contracts.trade.invoice import RESERVED, read_invoice
from contracts.views import Page, Scanner, View, page, shown_day
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader


def request_view(state: Reader, supplier: str, number: str) -> View | None:
    """One request with its answers."""
    found = request.read_request(state, supplier, number)
    return None if found is None else _request(state, supplier, number, found)


def requests(
    scanner: Scanner,
    *,
    supplier: str | None = None,
    lender: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Requests of a supplier, to a lender, or in one state, if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        shown = _request(scanner, parts[0], parts[1], request.Request._make(value))
        asked = {answer["lender"] for answer in shown["answers"]}
        return shown if lender in (None, *asked) else None

    return page(scanner, "request", (supplier,), limit, after, view, status=status)


def _request(state: Reader, supplier: str, number: str, found: request.Request) -> View:
    billed = read_invoice(state, supplier, found.invoice)
    assert billed is not None, "a request is about an invoice"
    lien = read_lien(state, supplier, found.invoice)
    offered = lien.programme if lien is not None and lien.title == RESERVED else ""
    return {
        "supplier": supplier,
        "request": number,
        "status": request.LIFE.states[found.status],
        "invoice": found.invoice,
        "buyer": billed.buyer,
        "currency": billed.currency,
        "outstanding": billed.outstanding,
        "due_date": iso_from_day(billed.due_day),
        "requested": iso_from_day(found.day),
        "expires": iso_from_day(found.expires),
        "answers": [_answer(state, supplier, number, programme, offered) for programme in found.programmes],
    }


def _answer(state: Reader, supplier: str, number: str, programme: str, offered: str) -> View:
    answer = request.read_answer(state, supplier, number, programme) or request.NOT_ANSWERED
    published = read_programme(state, programme)
    is_quoted = answer.status == request.QUOTED
    return {
        "programme": programme,
        "lender": "" if published is None else published.lender,
        "status": request.ANSWER.states[answer.status],
        "answered": shown_day(answer.day),
        "advance": answer.advance if is_quoted else None,
        "discount": answer.discount if is_quoted else None,
        "fee": answer.fee if is_quoted else None,
        "paid_out": answer.paid_out if is_quoted else None,
        "reason": answer.reason or None,
        "offers": programme == offered,
    }
