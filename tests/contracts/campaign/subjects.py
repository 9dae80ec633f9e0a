"""What an operation can be about: an object of the ledger, and where it stands.

An operation is about an object of the kind that the first part of its name says, but for those in `ABOUT`.
Of the objects of that kind those come first from whose state the tables (`contracts.lifecycle`) let the
operation lead somewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Any, NamedTuple

from contracts.cash import custody, exchange, redemption, settlement
from contracts.certificates import leaf
from contracts.finance import pledge, recourse, request, resale
from contracts.finance.claim import Lien
from contracts.insurance import insurance_claim, policy
from contracts.lifecycle import LifeCycle
from contracts.market import auction, early_payment
from contracts.trade import amendment, credit, invoice, order, redirection, shipment
from contracts.trade.trade_check import Kinds

PREFIXES = {
    "order": "order",
    "amendment": "amendment",
    "shipment": "shipment",
    "goods": "shipment",
    "invoice": "invoice",
    "dispute": "invoice",
    "credit": "credit",
    "payment": "invoice",
    "custody": "custody",
    "deposit": "custody",
    "redemption": "redemption",
    "finance": "invoice",
    "settlement": "settlement",
    "early": "early",
    "auction": "auction",
    "exchange": "exchange",
    "release": "invoice",
    "default": "invoice",
    "recourse": "recourse",
    "certificate": "leaf",
    "policy": "policy",
    "premium": "policy",
    "claim": "claim",
    "indemnity": "claim",
    "recovery": "claim",
    "redirection": "redirection",
    "pledge": "pledge",
    "refund": "unapplied",
    "request": "answer",
    "resale": "resale",
}
ABOUT: dict[str, str | None] = {
    "order.submit": None,
    "amendment.propose": "order",
    "shipment.create": "order",
    "shipment.dispatch": "order",
    "invoice.submit": None,
    "credit.issue": "invoice",
    "custody.open": None,
    "redemption.request": "custody",
    "settlement.create": "invoice",
    "early.offer": "invoice",
    "auction.open": "invoice",
    "exchange.request": "custody",
    "recourse.demand": "invoice",
    "certificate.issue": None,
    "certificate.redeem": "promise",
    "certificate.collect": "promise",
    "certificate.refund": "overpaid",
    "policy.quote": None,
    "claim.notify": "policy",
    "redirection.propose": None,
    "pledge.register": None,
    "payee.approve": "payee",
    "request.withdraw": "request",
    "resale.offer": "invoice",
}
"""Operations that are about another kind of object than their name says, or about none that exists."""


def about(op: str) -> str | None:
    """The kind of object that an operation is about."""
    return ABOUT[op] if op in ABOUT else PREFIXES.get(op.split(".", maxsplit=1)[0])


class Found(NamedTuple):
    """An object on the ledger."""

    kind: str
    parts: tuple[Any, ...]
    value: Any


VALUES: dict[str, Callable[[Any], Any]] = {
    "order": order.Order._make,
    "amendment": amendment.Amendment._make,
    "shipment": shipment.Shipment._make,
    "invoice": invoice.Invoice._make,
    "credit": credit.CreditNote._make,
    "custody": custody.Custody._make,
    "redemption": redemption.Redemption._make,
    "settlement": settlement.Settlement._make,
    "early": early_payment.EarlyPayment._make,
    "auction": auction.Auction._make,
    "exchange": exchange.Exchange._make,
    "recourse": recourse.Recourse._make,
    "leaf": leaf.Leaf._make,
    "promise": leaf.Promise._make,
    "policy": policy.Policy._make,
    "claim": insurance_claim.Claim._make,
    "redirection": redirection.Redirection._make,
    "pledge": pledge.Pledge._make,
    "request": request.Request._make,
    "answer": request.Answer._make,
    "resale": resale.Resale._make,
}


def _title_and_cash(found: invoice.Invoice) -> tuple[tuple[LifeCycle, str], ...]:
    return (
        (invoice.VALIDITY, invoice.VALIDITY.states[found.validity]),
        (invoice.TITLE, invoice.TITLE.states[found.title]),
        (invoice.CASH, found.cash),
    )


CYCLES: dict[str, LifeCycle] = {
    "order": order.LIFE,
    "amendment": amendment.LIFE,
    "shipment": shipment.LIFE,
    "credit": credit.LIFE,
    "custody": custody.STATUS,
    "redemption": redemption.STATUS,
    "settlement": settlement.STATUS,
    "early": early_payment.LIFE,
    "auction": auction.LIFE,
    "exchange": exchange.STATUS,
    "recourse": recourse.STATUS,
    "leaf": leaf.STATUS,
    "policy": policy.LIFE,
    "claim": insurance_claim.CLAIM,
    "redirection": redirection.STATUS,
    "pledge": pledge.STATUS,
    "request": request.LIFE,
    "answer": request.ANSWER,
    "resale": resale.STATUS,
}


def axes(kind: str, value: Any) -> tuple[tuple[LifeCycle, str], ...]:
    """(table, state) of an object on each axis on which it moves."""
    if kind == "invoice":
        return _title_and_cash(value)
    return ((CYCLES[kind], CYCLES[kind].states[value.status]),) if kind in CYCLES else ()


RENEWED = ("amendment", "early", "redirection")
"""Kinds of which a new object takes the place of one that is over: its number tells them apart."""

Move = tuple[str, str, str, str]
"""(subject, axis, from, to)."""


def moves(before: Kinds, after: Kinds) -> set[Move]:
    """How objects have moved on their axes between two states, of which the first has what was changed."""
    found = set()
    for kind in {*CYCLES, "invoice"} & before.keys():
        for parts, value in before[kind].items():
            before_it, after_it = VALUES[kind](value), VALUES[kind](after[kind][parts])
            if kind in RENEWED and before_it.number != after_it.number:
                continue
            was, now = axes(kind, before_it), axes(kind, after_it)
            for (cycle, source), (_, target) in zip(was, now, strict=True):
                if source != target:
                    found.add((cycle.subject, cycle.axis, source, target))
    return found


def lien_on(kinds: Kinds, found: Found) -> Lien | None:
    """The claim on an invoice, if there is one."""
    value = kinds["lien"].get(found.parts)
    return None if value is None else Lien._make(value)


def _is_reserved(accepted: int) -> Callable[[Kinds, Found], bool]:
    def check(kinds: Kinds, found: Found) -> bool:
        lien = lien_on(kinds, found)
        return lien is not None and lien.title == invoice.RESERVED and lien.accepted == accepted

    return check


def _is_held(kinds: Kinds, found: Found) -> bool:
    return found.value.title in invoice.HELD


def _can_be_sold_on(kinds: Kinds, found: Found) -> bool:
    value = found.value
    is_due = value.due_day <= kinds["param"]["business_date",]
    return bool(value.title == invoice.ASSIGNED and not is_due and not value.contested)


def _is_pledged(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.title == invoice.PLEDGED)


def _is_sellable(kinds: Kinds, found: Found) -> bool:
    value = found.value
    return bool(
        value.validity == invoice.CONFIRMED
        and value.title == invoice.FREE
        and value.outstanding
        and not value.contested
        and value.due_day > kinds["param"]["business_date",] + 4
        and found.parts not in kinds["auctioned"]
    )


def _is_sellable_for_long(kinds: Kinds, found: Found) -> bool:
    return _is_sellable(kinds, found) and found.value.due_day > kinds["param"]["business_date",] + 12


def _is_owed(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.outstanding or found.value.written_off)


def _has_matured(kinds: Kinds, found: Found) -> bool:
    leaves = [leaf.Leaf._make(value) for parts, value in kinds["leaf"].items() if parts[:2] == found.parts]
    is_time = found.value.maturity <= kinds["param"]["business_date",]
    return bool(is_time and any(each.status in leaf.PAYABLE for each in leaves))


def _is_contested(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.contested)


def _is_late(kinds: Kinds, found: Found) -> bool:
    return _is_owed(kinds, found) and found.value.due_day + 10 < kinds["param"]["business_date",]


def _takes_bids(kinds: Kinds, found: Found) -> bool:
    return bool(kinds["param"]["business_date",] <= found.value.commit_until)


def _opens_bids(kinds: Kinds, found: Found) -> bool:
    value = found.value
    return bool(value.commit_until < kinds["param"]["business_date",] <= value.reveal_until)


def _can_be_ranked(kinds: Kinds, found: Found) -> bool:
    value = found.value
    return bool(kinds["param"]["business_date",] > value.reveal_until or value.revealed == len(value.bidders))


def _is_in_force(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.since)


def _is_short_or_late(kinds: Kinds, found: Found) -> bool:
    lien = lien_on(kinds, found)
    is_late = found.value.due_day < kinds["param"]["business_date",]
    is_undemanded = lien is not None and _is_held(kinds, found) and not lien.recourse
    return lien is not None and is_undemanded and bool(lien.shortfall or is_late)


def _is_empty(kinds: Kinds, found: Found) -> bool:
    entry = kinds["deposit"].get(found.parts)
    return entry is None or not any(entry[2])


def _is_unsaid(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.validity != invoice.CONFIRMED or found.value.contested)


def _is_asked(kinds: Kinds, found: Found) -> bool:
    return bool(request.Request._make(kinds["request"][found.parts[:2]]).status == request.OPEN)


def _can_be_bound(kinds: Kinds, found: Found) -> bool:
    return bool(kinds["param"]["business_date",] <= found.value.bind_by)


def _has_not_ended(kinds: Kinds, found: Found) -> bool:
    return bool(kinds["param"]["business_date",] <= found.value.ends)


def _stands(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.status in (recourse.DEMANDED, recourse.CONTESTED))


def better(kinds: Kinds, found: Found) -> list[tuple[int, str]]:
    """(owed, invoice) of the receivables that could take the place of the one that a demand is about."""
    supplier, number = found.value.supplier, found.value.invoice
    lien = lien_on(kinds, Found("invoice", (supplier, number), None))
    bad = invoice.Invoice._make(kinds["invoice"][supplier, number])
    return [
        (other.outstanding, parts[1])
        for parts, other in (
            (parts, invoice.Invoice._make(value))
            for parts, value in kinds["invoice"].items()
            if parts[0] == supplier
        )
        if (other.buyer, other.currency) == (bad.buyer, bad.currency)
        and other.title == invoice.FREE
        and other.validity == invoice.CONFIRMED
        and not other.contested
        and other.due_day > kinds["param"]["business_date",]
        and other.outstanding >= (0 if lien is None else lien.principal)
    ]


def _can_be_substituted(kinds: Kinds, found: Found) -> bool:
    return _stands(kinds, found) and bool(better(kinds, found))


def _is_to_be_met(kinds: Kinds, found: Found) -> bool:
    return not found.value.proposed


def _is_proposed(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.proposed)


def _can_be_set_off(kinds: Kinds, found: Found) -> bool:
    claim = lien_on(kinds, Found("invoice", (found.value.supplier, found.value.invoice), None))
    is_dilution = found.value.cause == recourse.DILUTION
    return is_dilution and claim is not None and claim.shortfall <= claim.reserve_left


def _has_recovered(kinds: Kinds, found: Found) -> bool:
    billed = invoice.Invoice._make(kinds["invoice"][found.value.supplier, found.value.invoice])
    return bool(found.value.insurers_part(insurance_claim.open_amount(billed)) > found.value.ceded)


def _moves(kinds: Kinds, found: Found) -> bool:
    promise = leaf.Promise._make(kinds["promise"][found.parts[:2]])
    return not found.value.frozen and kinds["param"]["business_date",] < promise.cut_off


def _is_overdue(kinds: Kinds, found: Found) -> bool:
    promise = leaf.Promise._make(kinds["promise"][found.parts[:2]])
    return bool(promise.maturity < kinds["param"]["business_date",])


def _is_in_pledge(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.lender)


def _is_owed_to_lender(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.lender and found.value.repay)


def _is_frozen(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.frozen)


def _can_be_frozen(kinds: Kinds, found: Found) -> bool:
    return bool(found.value.live and not found.value.frozen)


WANTED: dict[str, Callable[[Kinds, Found], bool]] = {
    "finance.offer": _is_sellable,
    "finance.accept": _is_reserved(0),
    "finance.withdraw": _is_reserved(0),
    "finance.fund": _is_reserved(1),
    "finance.settle": _is_reserved(1),
    "finance.charge": _is_held,
    "settlement.create": _is_reserved(0),
    "resale.offer": _can_be_sold_on,
    "early.offer": _is_sellable,
    "auction.open": _is_sellable_for_long,
    "payment.attest": _is_owed,
    "payment.make": _is_owed,
    "release.pay": _is_pledged,
    "release.attest": _is_pledged,
    "recourse.demand": _is_short_or_late,
    "recourse.offset": _can_be_set_off,
    "recourse.pay": _is_to_be_met,
    "recourse.attest": _is_to_be_met,
    "recourse.close": _is_to_be_met,
    "recourse.propose": _can_be_substituted,
    "recourse.substitute": _is_proposed,
    "custody.close": _is_empty,
    "certificate.accept": _moves,
    "certificate.split": _moves,
    "certificate.transfer": _moves,
    "certificate.reserve": _moves,
    "certificate.settle": _moves,
    "certificate.fund": _moves,
    "certificate.release": _is_in_pledge,
    "certificate.repay": _is_owed_to_lender,
    "certificate.freeze": _can_be_frozen,
    "certificate.unfreeze": _is_frozen,
    "certificate.dishonour": _is_overdue,
    "certificate.redeem": _has_matured,
    "certificate.collect": _has_matured,
    "dispute.withdraw": _is_contested,
    "default.declare": _is_late,
    "auction.bid": _takes_bids,
    "auction.reveal": _opens_bids,
    "auction.rank": _can_be_ranked,
    "claim.notify": _is_in_force,
    "recovery.cede": _has_recovered,
    "recovery.attest": _has_recovered,
    "policy.bind": _can_be_bound,
    "premium.pay": _has_not_ended,
    "premium.attest": _has_not_ended,
    "policy.suspend": _has_not_ended,
    "policy.resume": _has_not_ended,
    "request.quote": _is_asked,
    "request.decline": _is_asked,
    "invoice.confirm": _is_unsaid,
}
"""What makes an operation likely to be taken, beside the tables of states."""


def _allows(op: str, kinds: Kinds, found: Found) -> bool:
    """Whether the tables, and `WANTED`, say that an operation leads somewhere from here."""
    if op in WANTED and not WANTED[op](kinds, found):
        return False
    for cycle, state in axes(found.kind, found.value):
        sources = [transition.source for transition in cycle.transitions if transition.by == op]
        if sources and state not in sources:
            return False
    return True


def _is_insured(kinds: Kinds, found: Found) -> bool:
    return found.parts in kinds["insured"]


def _is_short(kinds: Kinds, found: Found) -> bool:
    lien = lien_on(kinds, found)
    return lien is not None and bool(lien.shortfall)


def _is_in_settlement(kinds: Kinds, found: Found) -> bool:
    lien = lien_on(kinds, found)
    return lien is not None and bool(lien.settlement)


def _is_on_held(kinds: Kinds, found: Found) -> bool:
    billed = invoice.Invoice._make(kinds["invoice"][found.parts[0], found.value.invoice])
    return billed.title in invoice.HELD


def _can_be_restored(kinds: Kinds, found: Found) -> bool:
    lien = lien_on(kinds, found)
    return lien is not None and _is_held(kinds, found) and bool(lien.restores and lien.reserve_left)


RATHER: dict[str, tuple[Callable[[Kinds, Found], bool], ...]] = {
    "payment.attest": (_is_insured,),
    "credit.issue": (_can_be_restored, _is_held),
    "credit.accept": (_is_on_held,),
    "invoice.dispute": (_is_held,),
    "recourse.demand": (_is_short,),
    "finance.accept": (_is_in_settlement,),
}
"""What makes an operation the more interesting, the first that there is."""

NEWEST = 8
MOST = 40
"""Objects of a kind that are looked through."""


def objects(kinds: Kinds, kind: str) -> list[Found]:
    """The newer objects of a kind, in the order in which they came."""
    make = VALUES.get(kind, lambda value: value)
    known = kinds[kind]
    return [
        Found(kind, parts, make(value))
        for parts, value in islice(known.items(), max(0, len(known) - MOST), None)
    ]


def pick(rng: Random, op: str, kinds: Kinds, kind: str, *, any_state: bool) -> Found | None:
    """An object that the operation can be about, the newest more often; None if there is none."""
    known = objects(kinds, kind)
    if not any_state:
        known = [found for found in known if _allows(op, kinds, found)]
    if not known:
        return None
    if op in RATHER and rng.random() < 0.5:
        rather = ([found for found in known if is_it(kinds, found)] for is_it in RATHER[op])
        known = next((found for found in rather if found), known)
    return rng.choice(known[-NEWEST:] if rng.random() < 0.6 else known)
