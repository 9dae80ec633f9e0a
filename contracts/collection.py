"""What becomes of a claim when its invoice changes: payments run down the waterfall, credits are borne.

| title | from | by |
|---|---|---|
| Free | Reserved | any change of the invoice before funding |
| Free | Assigned | the invoice is settled: nothing is owed any more |
"""

from __future__ import annotations

from contracts import invariants
from contracts.claim import deal_key, divided, expose, lien_key, read_lien, reduced, waterfall
from contracts.context import Context, Posting
from contracts.invoice import ASSIGNED, CHANGED, FREE, RESERVED, SETTLED, TITLE, Invoice
from contracts.offer import end_reservation


def before_change(context: Context, supplier: str, number: str, invoice: Invoice, reduction: int) -> Invoice:
    """What a change of an invoice means for a claim on it; the invoice with the title that it then has.

    A reservation is void: its price was that of another receivable. On an assigned invoice a reduction by
    the buyer (credit note, lower confirmation) is borne by the supplier's reserve first, or restores the
    advance rate, as the programme said; what that does not cover is a shortfall.
    """
    if invoice.title == FREE:
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "title that is not Free has a claim"
    if lien.title == RESERVED:
        return end_reservation(context, supplier, number, invoice, lien, CHANGED)
    if reduction:
        context.put(
            lien_key(supplier, number), tuple(reduced(lien, reduction, invoice.outstanding - reduction))
        )
    return invoice


def collect(context: Context, supplier: str, number: str, amount: int, day: int) -> tuple[Posting, ...]:
    """Run a buyer's payment on an assigned invoice through the waterfall; who gets what of it."""
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "an assigned invoice has a claim"
    after, interest, principal, reserve = waterfall(lien, amount, day)
    context.put(lien_key(supplier, number), tuple(after))
    expose(context, lien, 0, -principal)
    lenders = [
        (lender, account, lien.currency, part)
        for account, amount in (("interest", interest), ("principal", principal))
        for lender, part in divided(lien, amount)
    ]
    return (
        *lenders,
        (supplier, "reserve", lien.currency, reserve),
    )


def after_change(context: Context, supplier: str, number: str, invoice: Invoice) -> Invoice:
    """Close the deal on an assigned invoice that is settled; the invoice with the title that it then has."""
    if invoice.title != ASSIGNED:
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "an assigned invoice has a claim"
    invariants.claim_adds_up(lien, invoice.outstanding)
    if invoice.outstanding:
        return invoice
    expose(context, lien, 0, -lien.principal)
    context.state.delete(lien_key(supplier, number))
    context.put(deal_key(supplier, number), tuple(lien))
    return invoice._replace(title=TITLE.after(invoice.title, SETTLED))
