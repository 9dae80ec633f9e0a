"""What becomes of a claim when its invoice changes: payments run down the waterfall, credits are borne.

| title | from | by |
|---|---|---|
| Free | Reserved | any change of the invoice before funding |
| Free | Assigned, Pledged | the invoice is settled: nothing is owed any more |

A lender may charge its costs of collection to a claim, within what the programme said (`finance.charge`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts import invariants
from contracts.context import Context, Posting
from contracts.errors import refuse
from contracts.fields import InvoiceNumber, Operation, OrganisationId, PositiveAmount, Reason
from contracts.finance import recourse
from contracts.finance.claim import (
    Lien,
    accrue,
    agent,
    claim_adds_up,
    close_claim,
    eased,
    expose_less,
    held_lien,
    put_claim,
    read_lien,
    reduced,
    repaid,
    shares_of,
    to_lenders,
    waterfall,
)
from contracts.finance.offer import end_reservation
from contracts.holdings import book
from contracts.insurance.insurance_claim import open_amount, own_claim, read_claim
from contracts.trade.invoice import (
    CERTIFICATED,
    CHANGED,
    FREE,
    HELD,
    RESERVED,
    SETTLED,
    TITLE,
    Invoice,
    live_invoice,
)
from ledger.money import Money


class FinanceCharge(Operation):
    """A lender charges costs of collection to a claim of its own."""

    op: Literal["finance.charge"]
    supplier: OrganisationId
    invoice: InvoiceNumber
    amount: PositiveAmount = Field(description="costs; minor units of the invoice's currency")
    reason: Reason


def charge(context: Context, operation: FinanceCharge) -> None:
    """Charged by the lender: paid first out of what the buyer pays, at the cost of the supplier's reserve."""
    supplier, number = operation.supplier, operation.invoice
    lien = held_lien(context, supplier, number)
    if agent(lien) != context.actor:
        raise refuse("not_party", "another lender's claim", field="signer", found=context.actor)
    charged = lien.costs_charged + operation.amount
    if charged > lien.costs_limit:
        raise refuse(
            "costs_too_high",
            "more costs than the programme allows",
            field="amount",
            found=Money(charged, lien.currency),
            expected=f"at most {Money(lien.costs_limit, lien.currency)} in all",
        )
    put_claim(context, supplier, number, lien._replace(costs_charged=charged))


def before_change(context: Context, supplier: str, number: str, invoice: Invoice, reduction: int) -> Invoice:
    """What a change of an invoice means for a claim on it; the invoice with the title that it then has.

    A reservation is void: its price was that of another receivable. On an assigned invoice a reduction by
    the buyer (credit note, lower confirmation) is borne by the supplier's reserve first, or restores the
    advance rate, as the programme said; what that does not cover is a shortfall.
    """
    if invoice.title in (FREE, CERTIFICATED):
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "title that is not Free has a claim"
    if lien.title == RESERVED:
        return end_reservation(context, supplier, number, invoice, lien, CHANGED)
    if reduction:
        taken_over, lien = _for_insurer(context, supplier, number, lien, open_amount(invoice) - reduction)
        left = invoice.outstanding - reduction - lien.subrogated
        after = reduced(lien, reduction - taken_over, left)
        put_claim(context, supplier, number, after)
        book.bore(context, supplier, number, lien, after)
    return invoice


def rescheduled(context: Context, supplier: str, number: str, invoice: Invoice, due_day: int) -> None:
    """Tell the lenders of a held receivable that the buyer has confirmed another due date."""
    if invoice.title in HELD and due_day != invoice.due_day:
        lien = read_lien(context.state, supplier, number)
        assert lien is not None, "a receivable that is held has a claim"
        book.rescheduled(context, supplier, number, lien, due_day)


def collect(context: Context, supplier: str, number: str, amount: int, day: int) -> tuple[Posting, ...]:
    """Run a buyer's payment on a receivable that a lender holds down the waterfall; who gets what of it.

    Invariant 18: the lenders of the claim that stands now are the holders of record.
    """
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "a receivable that is held has a claim"
    invoice = live_invoice(context, supplier, number)
    taken_over, lien = _for_insurer(context, supplier, number, lien, open_amount(invoice) - amount)
    after, parts = waterfall(lien, amount - taken_over, day)
    put_claim(context, supplier, number, recourse.when_eased(context, lien, eased(after)))
    expose_less(context, supplier, lien, parts.principal)
    book.received(
        context,
        supplier,
        number,
        lien,
        parts[:3],
        by_buyer=True,
        from_reserve=lien.reserve_left - after.reserve_left,
    )
    book.bore(context, supplier, number, after, eased(after))
    postings = (
        *to_lenders(lien, parts.costs, parts.interest, parts.principal),
        (supplier, "reserve", lien.currency, parts.reserve),
        (supplier, "in trust", lien.currency, taken_over),
    )
    invariants.allocation_is_complete(amount, [posting[3] for posting in postings])
    holders = [share.lender for share in shares_of(lien)]
    invariants.proceeds_to_holders(holders, supplier, [posting[:2] for posting in postings])
    return postings


def _for_insurer(context: Context, supplier: str, number: str, lien: Lien, open_now: int) -> tuple[int, Lien]:
    """What of a change is the insurer's, once so much is open on the invoice; the claim without it.

    Whoever paid an indemnity has its part of all that comes in or falls away from then on, beside the
    waterfall and not after it: the supplier has it in trust until it cedes it.
    """
    if not lien.subrogated:
        return 0, lien
    claim = read_claim(context.state, supplier, own_claim(context.state, supplier, number))
    assert claim is not None, "what was taken over was paid for by a claim of the supplier's"
    left = claim.indemnity - claim.insurers_part(open_now)
    return lien.subrogated - left, lien._replace(subrogated=left)


def indemnify(
    context: Context, supplier: str, number: str, lien: Lien, paid: tuple[int, int], day: int
) -> None:
    """The supplier's insurer has paid (lender, supplier) on a day: so much less of what is open is theirs.

    What the supplier was short of a principal that is paid it owes no longer, as when the buyer pays it.
    """
    to_lender, to_supplier = paid
    less = repaid(accrue(lien, day), to_lender)._replace(
        indemnified=lien.indemnified + to_lender,
        reserve_left=lien.reserve_left - to_supplier,
        subrogated=to_lender + to_supplier,
    )
    after = eased(less)
    put_claim(context, supplier, number, recourse.when_eased(context, lien, after))
    expose_less(context, supplier, lien, to_lender)
    book.indemnified(context, supplier, number, lien, to_lender, to_supplier)
    book.bore(context, supplier, number, less, after)
    claim_adds_up(after, open_amount(live_invoice(context, supplier, number)))


def after_change(context: Context, supplier: str, number: str, invoice: Invoice) -> Invoice:
    """Close the deal on a held invoice that owes nothing; the invoice with the title that it then has."""
    if invoice.title not in HELD:
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "a receivable that is held has a claim"
    claim_adds_up(lien, invoice.outstanding + invoice.written_off)
    if invoice.outstanding or invoice.written_off:
        return invoice
    expose_less(context, supplier, lien, lien.principal)
    book.ended(context, supplier, number, lien)
    close_claim(context, supplier, number, recourse.when_over(context, lien, SETTLED))
    return invoice._replace(title=TITLE.after(invoice.title, SETTLED))
