"""Approval: a buyer's irrevocable undertaking to pay an invoice in full on its due date.

    ("approved", supplier, invoice) -> Approval

Under a buyer's payables programme an approved invoice is as good as the buyer's own credit: it is not
disputed any more, and nothing is set off against it. A later credit note stands as the buyer's claim on the
supplier, to be applied to other invoices. What the buyer may still do is pay, or take more time where a
funder has paid the supplier (`contracts.reverse_factoring.extension`).
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.errors import refuse
from ledger.state.overlay import Reader, state_key


class Approval(NamedTuple):
    """State value of an approval. Amounts in minor units, days since 1970."""

    programme: str
    buyer: str
    currency: str
    net: int
    """What the buyer has undertaken to pay in all."""
    offset: int
    """What was set off against it before; nothing is any more."""
    due_day: int
    """Day on which it is due by the approval; the invoice has the day after an extension."""
    extend_until: int
    """Last day to which the buyer may put the payment off; `due_day` if it may not."""
    extension_rate_ppm: int
    """Rate a year that it pays for that."""
    day: int
    """Business day of the approval."""


def approval_key(supplier: str, invoice: str) -> bytes:
    """State key of the approval of an invoice."""
    return state_key("approved", supplier, invoice)


def read_approval(state: Reader, supplier: str, invoice: str) -> Approval | None:
    """The approval of an invoice, if its buyer has given it."""
    value = state.get(approval_key(supplier, invoice))
    return None if value is None else Approval._make(value)


def is_approved(state: Reader, supplier: str, invoice: str) -> bool:
    """Whether the buyer has undertaken to pay it, whatever comes."""
    return state.get(approval_key(supplier, invoice)) is not None


def check_not_approved(state: Reader, supplier: str, invoice: str) -> None:
    """Refuse what would take an undertaking back: a dispute, a set-off."""
    found = read_approval(state, supplier, invoice)
    if found is not None:
        raise refuse(
            "approved",
            "the buyer has undertaken to pay it in full",
            field="invoice",
            found=f"{invoice}, approved under {found.programme}",
            expected="an invoice that is not approved",
        )
