"""What stands on an invoice for somebody to accept ends when the invoice is not what it was made on any more.

| what stands | void when the invoice |
|---|---|
| offer of early payment, accepted or not | changes, or is sold |
| auction, from its opening to the last winner's payment | changes, or is sold otherwise |
| request for finance | owes nothing any more, or is sold or certificated |
| certificate on it that its payee has not accepted | owes less than the face, is sold or disputed |
| offer of the claim on it to another lender | changes, or the claim: a demand on the supplier, an indemnity |

A change is a payment, a credit, a lower confirmation, an earlier due date, a dispute, a default, a
cancellation: who bid for the invoice, or promised a discount on it, did so for another one. Nothing waits for
its last day, no winner's cash stays bound, and a dispute that is taken back later revives nothing. A lender's
offer ends in the same way, where the claim is told of the change (`contracts.finance.collection`). That it
reserves the invoice voids nothing yet: it may still lapse, and what stands is refused meanwhile.

Handlers do not call this. The executor does, after each operation that has written an invoice again, so that
no operation can forget it; invariant 14 says the same of every state (`market_check.offers_are_current`).
"""

from __future__ import annotations

from contracts.certificates import certificate
from contracts.context import Context
from contracts.finance import request, secondary
from contracts.market import early_payment, share
from contracts.market.auction import auctioned_key
from contracts.market.early_payment import RUNNING, read_early
from contracts.trade.invoice import CHANGED, CONFIRMED, UNSOLD, Invoice, read_invoice


def end_what_changed(context: Context) -> None:
    """End what stands on the invoices and claims that the operation has changed."""
    for (supplier, number), value in context.changed.items():
        before, after = Invoice._make(value), read_invoice(context.state, supplier, number)
        assert after is not None, "an invoice never goes away"
        if before.title not in UNSOLD:
            secondary.end_what_changed(context, supplier, number)
            continue
        certificate.end_what_changed(context, supplier, number, after)
        if not can_be_financed(after):
            request.close(context, supplier, number, CHANGED)
        if before.validity == CONFIRMED and not _is_same(before, after):
            early = read_early(context.state, supplier, number)
            if early is not None and early.status in RUNNING:
                early_payment.end_what_changed(context, supplier, number)
            auction = context.get(auctioned_key(supplier, number))
            if auction is not None:
                share.end_what_changed(context, supplier, str(auction))
    context.changed.clear()


def can_be_financed(invoice: Invoice) -> bool:
    """Whether anything of an invoice is left that nobody has bought."""
    return invoice.title in UNSOLD and invoice.outstanding > 0


def _is_same(before: Invoice, after: Invoice) -> bool:
    """Whether an invoice is what an offer was made on, whoever has reserved it."""
    return can_be_financed(after) and _terms(before) == _terms(after)


def _terms(invoice: Invoice) -> tuple[int, ...]:
    return invoice.validity, invoice.contested, invoice.outstanding, invoice.due_day, invoice.defaulted
