"""What people are shown of payables finance: who takes part, and what the buyer has approved.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency, and nothing
is proved.
"""

from __future__ import annotations

from typing import Any

from contracts.finance import claim
from contracts.reverse_factoring import payables
from contracts.reverse_factoring.approval import Approval, read_approval
from contracts.reverse_factoring.enrolment import Charges, Enrolment
from contracts.trade.invoice import TITLE, read_invoice
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.state.overlay import Reader


def enrolments(scanner: Scanner, programme: str, *, limit: int = 100, after: bytes | None = None) -> Page:
    """The suppliers that take part in a payables programme."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        found = Enrolment._make(value)
        return {
            "programme": parts[0],
            "supplier": parts[1],
            "bank": found.bank,
            "standing": bool(found.standing),
            "since": iso_from_day(found.day),
            "charges": Charges._make(found.charges)._asdict(),
        }

    return page(scanner, "enrolment", (programme,), limit, after, view)


def approvals(
    scanner: Scanner,
    programme: str,
    *,
    supplier: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """What a buyer has approved under a payables programme, of one supplier if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = Approval._make(value)
        return _approval(scanner, parts[0], parts[1], found) if found.programme == programme else None

    return page(scanner, "approved", (supplier,), limit, after, view)


def approval_view(state: Reader, supplier: str, number: str) -> View | None:
    """One approved invoice, with what it would be financed at today, or why it is not."""
    found = read_approval(state, supplier, number)
    return None if found is None else _approval(state, supplier, number, found)


def _approval(state: Reader, supplier: str, number: str, found: Approval) -> View:
    billed = read_invoice(state, supplier, number)
    assert billed is not None, "what is approved is an invoice"
    lien = claim.read_lien(state, supplier, number)
    return {
        "programme": found.programme,
        "supplier": supplier,
        "invoice": number,
        "buyer": found.buyer,
        "currency": found.currency,
        "net": found.net,
        "outstanding": billed.outstanding,
        "approved": iso_from_day(found.day),
        "due_date": iso_from_day(billed.due_day),
        "approved_due_date": iso_from_day(found.due_day),
        "extend_until": iso_from_day(found.extend_until),
        "extension_rate_ppm": found.extension_rate_ppm,
        "principal": 0 if lien is None else lien.principal,
        "day_count": 360 if lien is None else lien.day_count,
        "title": TITLE.states[billed.title],
        "financed": lien is not None and lien.arrangement == 1 and lien.funded > 0,
        **_today(state, found.programme, supplier, number),
    }


def _today(state: Reader, programme: str, supplier: str, number: str) -> View:
    """The price of today, or the code that it is refused with."""
    try:
        lien = payables.claim_of(state, programme, (supplier, number))
    except Refusal as refusal:
        return {"price": None, "refused": refusal.code}
    price = {name: getattr(lien, name) for name in ("tenor_days", "discount", "fee", "paid_out")}
    return {"price": price, "refused": None}
