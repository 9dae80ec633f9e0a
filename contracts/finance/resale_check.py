"""The numbered invariants of sales between lenders over a whole state.

`state_check` runs them with the others. Each function names its number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts import invariants
from contracts.cash.bank import RESALE as PAID
from contracts.cash.bank import BankEntry
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien
from contracts.finance.resale import OFFERED, SOLD, STATUS, Link, Resale
from contracts.finance.secondary import is_as_offered
from contracts.trade.invoice import ASSIGNED, HELD, Invoice
from contracts.trade.trade_check import Kinds


def first_holder(kinds: Kinds, lien: Lien) -> str:
    """The lender that bought a claim from the supplier, whoever holds it now."""
    holder, link = lien.lender, lien.bought
    while link:
        holder, link = link[0], Resale._make(kinds["resale"][link]).bought
    return holder


def claims_follow_their_sales(kinds: Kinds) -> None:
    """12: each holder but the first has paid the one before it, and each payment between lenders moved a
    claim.
    """
    sold = {key for key, value in kinds["resale"].items() if Resale._make(value).status == SOLD}
    entries = {key for key, value in kinds["bank_entry"].items() if BankEntry._make(value).kind == PAID}
    for (supplier, number, *_), value in (*kinds["lien"].items(), *kinds["deal"].items()):
        lien = Lien._make(value)
        if lien.title not in HELD or lien.replaced_by:
            continue
        holder, link = lien.lender, lien.bought
        while link:
            found = _taken(kinds, sold, entries, link)
            if found.to != holder or found.supplier != supplier:
                raise InvariantBroken(12, f"{supplier} {number}: {holder} holds what was sold to {found.to}")
            holder, link = link[0], found.bought
    if sold or entries:
        raise InvariantBroken(12, f"paid for a claim that did not move: {min(sold or entries)}")


def _taken(kinds: Kinds, sold: set[tuple[Any, ...]], entries: set[tuple[Any, ...]], link: Link) -> Resale:
    """A sale and its bank entry, each taken off those that no claim has named yet."""
    if link not in sold:
        raise InvariantBroken(12, f"a holder by a sale that was not made, or was made once: {link}")
    found = Resale._make(kinds["resale"][link])
    place = (found.account, found.entry)
    value = kinds["bank_entry"].get(place)
    expected = (PAID, *link, found.currency, found.price)
    if value is None or tuple(BankEntry._make(value)[1:6]) != expected:
        raise InvariantBroken(12, f"the sale {link} moved a claim without its cash")
    sold.discard(link)
    entries.discard(place)
    return found


def offers_stand_on_claims(kinds: Kinds) -> None:
    """5, 14: an offer between lenders stands on the one claim that names it, and on none that is over."""
    named = {
        (Lien._make(value).lender, Lien._make(value).resale): key
        for key, value in kinds["lien"].items()
        if Lien._make(value).resale
    }
    standing = {
        key: (found.supplier, found.invoice)
        for key, found in ((key, Resale._make(value)) for key, value in kinds["resale"].items())
        if found.status == OFFERED
    }
    if named != standing:
        raise InvariantBroken(5, "offers between lenders are not those that claims name")
    if any(Lien._make(value).resale for value in kinds["deal"].values()):
        raise InvariantBroken(14, "a claim that is over is still offered")


def offers_are_current(kinds: Kinds) -> None:
    """14: what is offered between lenders is what the claim is now, and nobody disputes or demands it."""
    for (supplier, number), value in kinds["lien"].items():
        lien = Lien._make(value)
        if not lien.resale:
            continue
        found = Resale._make(kinds["resale"][lien.lender, lien.resale])
        invoice = Invoice._make(kinds["invoice"][supplier, number])
        if lien.title != ASSIGNED or lien.shares or not is_as_offered(found, lien, invoice):
            raise InvariantBroken(14, f"the claim on {supplier} {number} is not what its holder offers")


def offers(kinds: Kinds) -> dict[tuple[str, ...], int]:
    """14: what must be scheduled to expire, with its last day."""
    return {
        ("resale", *key): found.expires
        for key, found in ((key, Resale._make(value)) for key, value in kinds["resale"].items())
        if found.status == OFFERED
    }


def offers_follow_their_table(was: Kinds, now: Kinds) -> None:
    """15: an offer between lenders stays, or moves along its table; what was offered never changes."""
    for key, value in was["resale"].items():
        if key not in now["resale"]:
            raise InvariantBroken(15, f"the offer {key} is gone")
        before, after = Resale._make(value), Resale._make(now["resale"][key])
        invariants.stays_if_terminal(STATUS, before.status, after.status)
        ended = after._replace(
            status=before.status, account=before.account, entry=before.entry, bought=before.bought
        )
        if ended != before:
            raise InvariantBroken(15, f"the offer {key} is not what it was")


CHECKS: tuple[Callable[[Kinds], None], ...] = (
    claims_follow_their_sales,
    offers_stand_on_claims,
    offers_are_current,
)
