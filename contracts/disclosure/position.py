"""Positions: what each holder has on each obligor, one row for each holder and receivable.

| asset | holder | amount | follows from |
|---|---|---|---|
| receivable | supplier | outstanding | an invoice that nobody bought, or what a certificate leaves of it |
| purchase | lender | its part of the principal | a claim, Assigned |
| reserve | supplier | reserve left, and what is its insurer's | the same claim, once the buyer has paid |
| advance | lender | its part of the principal; what frees the pledge | a claim, or a leaf, that is Pledged |
| recourse | lender | what is left to it | a claim that is over, of which the supplier owes a shortfall |
| certificate | holder of record | what is left | a live leaf of a certificate, accepted by its payee |

What was written off is held no more. A pledged receivable stands twice, as the supplier's receivable and as
the lender's advance: they are assets of two books and are not added up across holders. Only what the obligor
has confirmed is graded; what it has not confirmed is shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.certificates import leaf
from contracts.disclosure.source import Source
from contracts.finance.claim import Lien, shares_of
from contracts.trade import invoice
from contracts.trade.invoice import Invoice

RECEIVABLE, PURCHASE, RESERVE, ADVANCE = "receivable", "purchase", "reserve", "advance"
RECOURSE, CERTIFICATE = "recourse", "certificate"

_LIVE_LEAVES = (
    leaf.HELD,
    leaf.TRANSFER_PENDING,
    leaf.RESERVED,
    leaf.SOLD,
    leaf.PLEDGED,
    leaf.DISHONOURED,
)


class Position(NamedTuple):
    """What one holder has on one receivable. Amount in minor units, days since 1970."""

    holder: str
    asset: str
    obligor: str
    """Who owes it at the end."""
    supplier: str
    """Whose sale it comes from; of a certificate the payee."""
    programme: str
    """Programme by which it was financed, empty for none."""
    document: str
    """Invoice, or certificate and leaf."""
    currency: str
    amount: int
    due_day: int
    is_confirmed: bool
    """Whether the obligor has confirmed that it owes it by that day."""
    is_defaulted: bool
    """Whether its holder has declared a default, or dishonour."""


def positions(source: Source) -> list[Position]:
    """Every position on the ledger, in the order of holder, obligor, document."""
    return sorted([*_of_invoices(source), *_of_ended_claims(source), *_of_leaves(source)])


def _of_invoices(source: Source) -> Iterator[Position]:
    for (supplier, number), value in source.kinds["invoice"].items():
        found = Invoice._make(value)
        if not found.is_live:
            continue
        claim = source.kinds["lien"].get((supplier, number))
        lien = None if claim is None else Lien._make(claim)
        base = Position(
            supplier,
            RECEIVABLE,
            found.buyer,
            supplier,
            "",
            number,
            found.currency,
            found.outstanding,
            found.due_day,
            found.validity == invoice.CONFIRMED,
            bool(found.defaulted),
        )
        parts = [base] if lien is None else list(_of_claim(base, lien, found.title))
        yield from (part for part in parts if part.amount > 0)


def _of_claim(base: Position, lien: Lien, title: int) -> Iterator[Position]:
    """What the parties of a claim have on its invoice."""
    if title not in invoice.HELD:
        yield base
        return
    if title == invoice.PLEDGED:
        yield base._replace(programme=lien.programme)
    if lien.written_off:
        return
    asset = ADVANCE if title == invoice.PLEDGED else PURCHASE
    for share in shares_of(lien):
        yield base._replace(holder=share.lender, asset=asset, programme=lien.programme, amount=share.left)
    if title == invoice.ASSIGNED:
        yield base._replace(
            asset=RESERVE, programme=lien.programme, amount=lien.reserve_left + lien.subrogated
        )


def _of_ended_claims(source: Source) -> Iterator[Position]:
    """What a supplier still owes on claims that are over: its own debt, due since its buyer's was."""
    for (supplier, number, _), value in source.kinds["deal"].items():
        lien = Lien._make(value)
        if lien.written_off or lien.replaced_by:
            continue
        due_day = Invoice._make(source.kinds["invoice"][supplier, number]).due_day
        for share in shares_of(lien):
            if share.left:
                yield Position(
                    share.lender,
                    RECOURSE,
                    supplier,
                    supplier,
                    lien.programme,
                    number,
                    lien.currency,
                    share.left,
                    due_day,
                    True,
                    False,
                )


def _of_leaves(source: Source) -> Iterator[Position]:
    for (obligor, certificate, number), value in source.kinds["leaf"].items():
        found = leaf.Leaf._make(value)
        if found.status not in _LIVE_LEAVES or not found.left:
            continue
        promise = leaf.Promise._make(source.kinds["promise"][obligor, certificate])
        held = Position(
            found.holder,
            CERTIFICATE,
            obligor,
            promise.payee,
            "",
            f"{certificate} leaf {number}",
            promise.currency,
            found.left,
            promise.maturity,
            True,
            found.status == leaf.DISHONOURED,
        )
        yield held
        if found.lender:
            yield held._replace(holder=found.lender, asset=ADVANCE, amount=min(found.repay, found.left))
