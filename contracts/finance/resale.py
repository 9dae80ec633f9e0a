"""The offer of one lender to sell a receivable that it has bought to another: the document and its table.

    ("resale", seller, resale) -> Resale

The claim names the offer that stands on it (`claim.Lien.resale`), and how its holder came by it
(`Lien.bought`); each sale names the one before, so the chain of holders from the first one to the last can be
followed, each link with its cash (invariant 12). `contracts.finance.secondary` has the operations.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import expiry
from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.lifecycle import LifeCycle, Transition
from ledger.state.overlay import Reader, state_key

RESALE = "resale"
"""What such an offer is called among the things that expire."""

CHANGED = "claim changed"
"""The event by which a claim that is over, or not what was offered any more, ends the offer on it."""

STATUS = LifeCycle(
    "resale",
    "status",
    ("Offered", "Sold", "Withdrawn", "Expired", "Void"),
    (
        Transition("resale.settle", "Offered", "Sold", "the other lender's deposit pays"),
        Transition("resale.fund", "Offered", "Sold", "a bank attests the price"),
        Transition("resale.withdraw", "Offered", "Withdrawn", "by either side"),
        Transition("date.advance", "Offered", "Expired", "its last day has passed"),
        Transition(CHANGED, "Offered", "Void", "over, or not what was offered any more"),
    ),
)
OFFERED, SOLD, WITHDRAWN, EXPIRED, VOID = range(5)

Link = tuple[str, ...]
"""(seller, number) of the sale by which a lender came by a claim; empty where the supplier sold it."""


class Resale(NamedTuple):
    """State value of an offer between lenders. Amounts in minor units, days since 1970."""

    status: int
    """Place in `STATUS.states`."""
    to: str
    """The lender to which it is offered."""
    supplier: str
    invoice: str
    currency: str
    price: int
    principal: int
    """What was left to the seller when it was offered."""
    outstanding: int
    """What the invoice owed then."""
    due_day: int
    """The invoice's then."""
    offered: int
    expires: int
    """Last day of the offer."""
    account: str = ""
    entry: str | int = ""
    """Bank entry of the price, empty before it is paid."""
    bought: Link = ()
    """How the seller came by the claim: set when it is sold."""


def claim_moved_with_cash(sold: Resale, principal: int) -> None:
    """Invariant 12, between lenders: what moves is what was offered, and its price is in a bank entry."""
    if not sold.account or not 0 < sold.price <= sold.principal or principal != sold.principal:
        raise InvariantBroken(12, f"a principal of {principal} moved for {sold.price} of {sold.principal}")


def resale_key(seller: str, number: str) -> bytes:
    """State key of an offer."""
    return state_key(RESALE, seller, number)


def read_resale(state: Reader, seller: str, number: str) -> Resale | None:
    """The offer, if there is one."""
    value = state.get(resale_key(seller, number))
    return None if value is None else Resale._make(value)


def found_resale(context: Context, seller: str, number: str) -> Resale:
    """The offer; refused if there is none."""
    found = read_resale(context.state, seller, number)
    if found is None:
        raise refuse("unknown_resale", "no such offer of a lender", field="resale", found=number)
    return found


def end(context: Context, seller: str, number: str, by: str) -> None:
    """End an offer that stands, unpaid; the caller takes its number off the claim."""
    found = found_resale(context, seller, number)
    ended = found._replace(status=STATUS.after(found.status, by))
    expiry.cancel(context, (RESALE, seller, number))
    context.put(resale_key(seller, number), tuple(ended))
