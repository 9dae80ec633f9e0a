"""What people are shown of certificates: promises, leaves, the tree, and what a party holds.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency. `leaf_view`
is a pure function of the state entries that it reads, `tree_view` of a certificate's history: whoever has
those proved has the view proved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from contracts.certificates.certificate_tree import Tree
from contracts.certificates.leaf import (
    ISSUE_FIELDS,
    RECORD_FIELDS,
    STATUS,
    Leaf,
    Place,
    Promise,
    Totals,
    leaves,
    read_leaf,
    read_promise,
    read_totals,
)
from contracts.certificates.overpayment import read_overpaid
from contracts.context import business_day
from contracts.views import Page, Scanner, View, page, shown_day
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.money import Money
from ledger.state.overlay import Reader


def certificate_view(state: Reader, obligor: str, number: str) -> View | None:
    """One certificate with all its leaves."""
    promise = read_promise(state, obligor, number)
    if promise is None:
        return None
    return {
        **_certificate(state, obligor, number, promise),
        "leaves": [_leaf(place, leaf) for place, leaf in leaves(state, obligor, number)],
    }


def certificates(
    scanner: Scanner, obligor: str, payee: str | None = None, *, limit: int = 100, after: bytes | None = None
) -> Page:
    """Certificates that an obligor has issued, to one payee if named; without their leaves."""

    def view(parts: tuple[Any, ...], value: Value) -> View | None:
        promise = Promise._make(value)
        if payee not in (None, promise.payee):
            return None
        return _certificate(scanner, obligor, parts[1], promise)

    return page(scanner, "promise", (obligor,), limit, after, view)


def _certificate(state: Reader, obligor: str, number: str, promise: Promise) -> View:
    return {
        **_promise(obligor, number, promise),
        "issued": iso_from_day(promise.issued),
        "business_date": iso_from_day(business_day(state)),
        "totals": read_totals(state, obligor, number)._asdict(),
        "overpaid": read_overpaid(state, obligor, number),
    }


def _promise(obligor: str, number: str, promise: Promise) -> View:
    return {
        "obligor": obligor,
        "certificate": number,
        "payee": promise.payee,
        "currency": promise.currency,
        "face": promise.face,
        "maturity": iso_from_day(promise.maturity),
        "cut_off": iso_from_day(promise.cut_off),
        "smallest": promise.smallest,
        "highest_tier": promise.highest_tier,
        "invoice": promise.invoice or None,
    }


def _leaf(number: int, leaf: Leaf) -> View:
    """A leaf as its state value has it."""
    return {
        **_standing(number, leaf),
        "expires": shown_day(leaf.expires),
        "price": leaf.price or None,
        "repay": leaf.repay or None,
    }


def _standing(number: int, leaf: Leaf) -> View:
    """What state and history alike say of a leaf."""
    return {
        "leaf": number,
        "parent": leaf.parent if leaf.parent >= 0 else None,
        "status": STATUS.states[leaf.status],
        "holder": leaf.holder,
        "tier": leaf.tier,
        "amount": leaf.amount,
        "live": leaf.live,
        "redeemed": leaf.redeemed,
        "written_off": leaf.written_off,
        "offered_to": leaf.offered_to or None,
        "lender": leaf.lender or None,
        "frozen": bool(leaf.frozen),
    }


def leaf_view(state: Reader, obligor: str, certificate: str, number: int) -> View | None:
    """One leaf with its promise, on the business date: terms of offer or pledge, and whether it moves."""
    promise = read_promise(state, obligor, certificate)
    leaf = read_leaf(state, Place(obligor, certificate, number))
    if promise is None or leaf is None:
        return None
    day = business_day(state)
    return {
        **_promise(obligor, certificate, promise),
        "business_date": iso_from_day(day),
        **_leaf(number, leaf),
        "matured": day >= promise.maturity,
        "movable": bool(leaf.live) and not leaf.frozen and day < promise.cut_off,
    }


def leaf_sentence(view: View) -> str:
    """Where a leaf stands, from its view."""
    left, holder = Money(view["live"], view["currency"]), view["holder"]
    said = [f"{view['status']}, {left} of {holder}", f"due {view['maturity']}"]
    if view["offered_to"]:
        said.append(f"offered to {view['offered_to']} until {view['expires']}")
    if view["lender"] and (view["live"] or view["written_off"]):
        said.append(f"pledged to {view['lender']}")
    if view["frozen"]:
        said.append("stopped by an authority")
    return ", ".join(said)


def tree_view(obligor: str, certificate: str, tree: Tree) -> View:
    """The tree of a certificate, from its history alone."""
    issued, found = tree
    return {
        "obligor": obligor,
        "certificate": certificate,
        "payee": issued.payee,
        "currency": issued.currency,
        "face": issued.face,
        "maturity": iso_from_day(issued.maturity),
        "cut_off": iso_from_day(issued.cut_off),
        "smallest": issued.smallest,
        "highest_tier": issued.highest_tier,
        "invoice": issued.invoice or None,
        "totals": tree_totals(tree)._asdict(),
        "leaves": [_standing(number, leaf) for number, leaf in enumerate(found)],
    }


def tree_totals(tree: Tree) -> Totals:
    """The sums of a tree: what the entry of its history must say."""
    live, redeemed, written_off = (
        sum(getattr(leaf, name) for leaf in tree.leaves) for name in ("live", "redeemed", "written_off")
    )
    return Totals(live + redeemed + written_off, live, redeemed, written_off, len(tree.leaves))


def record_view(record: Value) -> View:
    """One record of a certificate's history by name."""
    day, *rest = record
    names = (*RECORD_FIELDS, *ISSUE_FIELDS)
    shown = {"business_date": iso_from_day(day), **dict(zip(names, rest, strict=False))}
    for name in ("maturity", "cut_off"):
        if name in shown:
            shown[name] = iso_from_day(shown[name])
    return shown


def holdings_of(records: Iterable[Value]) -> dict[tuple[str, str], int]:
    """(certificate, currency) -> minor units held, from a holder's complete history with the obligor."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for _, kind, number, currency, amount, *_ in records:
        if kind in ("hold", "let_go", "proceeds"):
            sums[number, currency] += amount if kind == "hold" else -amount
    return {key: amount for key, amount in sums.items() if amount}


def pledges_of(records: Iterable[Value]) -> dict[tuple[str, int], int]:
    """(certificate, leaf) -> minor units that a pledge secures, from a lender's complete history."""
    newest: dict[tuple[str, int], int] = {}
    for _, kind, number, _, amount, *rest in records:
        if kind == "pledge":
            newest[number, rest[1]] = amount
    return {place: amount for place, amount in newest.items() if amount}
