"""The ledger shows what the plain one says: the only place that reads the ledger's own entries."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from campaign.plain.claims import Claim
from campaign.plain.world import World
from contracts.cash import exchange, settlement
from contracts.certificates import leaf
from contracts.finance import claim as lien
from contracts.finance import recourse, request, resale
from contracts.insurance import indemnity, policy
from contracts.market import auction, early_payment
from contracts.trade import invoice, shipment
from contracts.trade.trade_check import Kinds


def compare(world: World, kinds: Kinds) -> None:
    """Compare all of it.

    Raises:
        AssertionError: what differs.
    """
    assert kinds["param"]["business_date",] == world.day, "the business date is that of the last advance"
    for part in (
        _cash,
        _parcels,
        _bills,
        _claims,
        _exposures,
        _demands,
        _resales,
        _auctions,
        _early,
        _requests,
        _settlements,
        _exchanges,
        _leaves,
        _policies,
        _losses,
    ):
        part(world, kinds)


def _same(what: str, shown: dict[Hashable, Any], said: dict[Hashable, Any]) -> None:
    if shown == said:
        return
    place = next(place for place in {**said, **shown} if shown.get(place) != said.get(place))
    raise AssertionError(
        f"{what}: of {place} the ledger shows {shown.get(place)}, the books say {said.get(place)}"
    )


def _cash(world: World, kinds: Kinds) -> None:
    held = world.cash.held()
    said = {place: (free, held[place]) for place, free in world.cash.free.items()}
    shown = {place: tuple(entry[2]) for place, entry in kinds["deposit"].items()}
    _same("deposit", shown, {place: both for place, both in said.items() if place in shown or any(both)})
    sums: dict[tuple[str, str], int] = {}
    for (bank, _, currency), balance in said.items():
        sums[bank, currency] = sums.get((bank, currency), 0) + sum(balance)
    for place, total in sums.items():
        issued = world.issued.get(place, 0)
        assert total == issued, f"invariant 10: deposits of {total} at {place}, issued were {issued}"


def _parcels(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["shipment"].items():
        sent = shipment.Shipment._make(value)
        lines = {line: (units, kept - returned) for line, units, kept, _, returned in sent.lines}
        shown[place] = (shipment.LIFE.states[sent.status], lines)
    said = {
        place: (
            parcel.state,
            {line: (units, parcel.kept.get(line, 0)) for line, units in parcel.sent.items()},
        )
        for place, parcel in world.parcels.items()
    }
    _same("shipment", shown, said)


def _bills(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["invoice"].items():
        found = invoice.Invoice._make(value)
        shown[place] = (
            (found.outstanding, found.written_off, found.paid, found.offset, found.credited),
            (invoice.VALIDITY.states[found.validity], found.contested, found.due_day),
            (invoice.TITLE.states[found.title], bool(found.defaulted), kinds["unapplied"].get(place, 0)),
        )
    said = {
        place: (
            (bill.owed, bill.given_up, bill.paid, bill.offset, bill.credited),
            (bill.state, bill.contested, bill.due),
            (bill.title, bill.is_defaulted, bill.unapplied),
        )
        for place, bill in world.bills.items()
    }
    _same("invoice", shown, said)


def _claims(world: World, kinds: Kinds) -> None:
    standing = {place: _of_claim(bill.claim) for place, bill in world.bills.items() if bill.claim is not None}
    _same("claim", {place: _of_lien(value) for place, value in kinds["lien"].items()}, standing)
    over = {
        (*place, turn): _of_ended(claim)
        for place, bill in world.bills.items()
        for turn, claim in enumerate(bill.ended)
    }
    _same("ended claim", {place: _of_deal(value) for place, value in kinds["deal"].items()}, over)


def _of_claim(claim: Claim) -> tuple[object, ...]:
    """Whose it is and how much of it, what is due on it, and what came back."""
    return (
        [(part.lender, part.programme, part.advance, part.left) for part in claim.parts],
        (claim.reserve, claim.short, claim.paid_out, claim.collected, claim.repaid),
        (claim.indemnified, claim.insurers),
        (claim.interest_from, claim.interest_due, claim.costs_charged, claim.costs_due),
        (claim.is_accepted, claim.is_given_up, claim.is_arrangement, claim.expires),
        (claim.demand, claim.resale),
    )


def _of_lien(value: Any) -> tuple[object, ...]:
    found = lien.Lien._make(value)
    shares = [(share.lender, share.programme, share.part, share.left) for share in lien.shares_of(found)]
    reserve = found.reserve_left if found.funded else found.reserve
    return (
        shares,
        (reserve, found.shortfall, found.paid_out, found.collected, found.repaid),
        (found.indemnified, found.subrogated),
        (found.interest_from, found.interest_due, found.costs_charged, found.costs_due),
        (
            bool(found.accepted),
            bool(found.written_off),
            bool(found.arrangement),
            found.expires,
        ),
        (found.recourse, found.resale),
    )


def _of_ended(claim: Claim) -> tuple[object, ...]:
    if claim.is_replaced:
        return (0, 0, "", True)
    return (claim.principal, claim.short, claim.demand, False, claim.collected, claim.repaid)


def _of_deal(value: Any) -> tuple[object, ...]:
    found = lien.Lien._make(value)
    if found.replaced_by:
        return (found.principal, found.shortfall, found.recourse, True)
    return (found.principal, found.shortfall, found.recourse, False, found.collected, found.repaid)


def _exposures(world: World, kinds: Kinds) -> None:
    shown = {place: tuple(value) for place, value in kinds["exposure"].items()}
    _same("exposure", shown, dict(world.exposures()))


def _demands(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["recourse"].items():
        found = recourse.Recourse._make(value)
        shown[place] = (recourse.STATUS.states[found.status], found.supplier, found.invoice, found.proposed)
    said = {
        place: (demand.state, demand.supplier, demand.invoice, demand.proposed)
        for place, demand in world.demands.items()
    }
    _same("demand", shown, said)


def _resales(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["resale"].items():
        found = resale.Resale._make(value)
        shown[place] = (resale.STATUS.states[found.status], found.to, found.price, found.expires)
    said = {place: (each.state, each.to, each.price, each.expires) for place, each in world.resales.items()}
    _same("resale", shown, said)


def _auctions(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["auction"].items():
        found = auction.Auction._make(value)
        parts, paid = [tuple(part) for part in found.parts], list(found.paid)
        shown[place] = (auction.LIFE.states[found.status], found.rate_ppm, parts, paid, found.revealed)
    said = {
        place: (
            each.state,
            each.rate_ppm,
            each.parts,
            each.paid,
            sum(bool(bid.programme) for bid in each.bids.values()),
        )
        for place, each in world.auctions.items()
    }
    _same("auction", shown, said)


def _early(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["early"].items():
        found = early_payment.EarlyPayment._make(value)
        shown[place] = (early_payment.LIFE.states[found.status], found.net, found.until, found.discount)
    said = {
        place: (bill.early.state, bill.early.net, bill.early.until, bill.early.discount)
        for place, bill in world.bills.items()
        if bill.early is not None
    }
    _same("early payment", shown, said)


def _requests(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["request"].items():
        found = request.Request._make(value)
        answers = {name: request.ANSWER.states[kinds["answer"][*place, name][0]] for name in found.programmes}
        shown[place] = (request.LIFE.states[found.status], found.invoice, found.expires, answers)
    said = {
        place: (each.state, each.invoice, each.expires, each.answers)
        for place, each in world.requests.items()
    }
    _same("request", shown, said)


def _settlements(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["settlement"].items():
        found = settlement.Settlement._make(value)
        state = settlement.STATUS.states[found.status]
        shown[place] = (state, found.bank, found.supplier, found.invoice, found.amount, bool(found.entry))
    said = {
        place: (each.state, each.bank, each.supplier, each.invoice, each.amount, each.has_cash)
        for place, each in world.settlements.items()
    }
    _same("settlement", shown, said)


def _exchanges(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["exchange"].items():
        found = exchange.Exchange._make(value)
        legs = (found.sold_bank, found.sold_currency, found.sold), (found.bought_bank, found.bought_currency)
        state = exchange.STATUS.states[found.status]
        shown[place] = (state, found.maker, *legs, found.bought, found.fee)
    said = {
        place: (each.state, each.maker, each.sold, each.bought, each.price, each.fee)
        for place, each in world.exchanges.items()
    }
    _same("exchange", shown, said)


def _leaves(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["leaf"].items():
        found = leaf.Leaf._make(value)
        shown[place] = (
            (leaf.STATUS.states[found.status], found.holder, found.live, found.tier, found.parent),
            (found.lender, found.repay, found.offered_to, found.expires, bool(found.frozen)),
            (found.redeemed, found.written_off, found.at_stake),
        )
    said = {
        (*place, number): (
            (each.state, each.holder, each.left, each.tier, each.parent),
            (each.lender, each.repay, each.offered_to, each.expires, each.is_frozen),
            (each.redeemed, each.given_up, _at_stake(each)),
        )
        for place, made in world.certificates.items()
        for number, each in enumerate(made.leaves)
    }
    _same("leaf", shown, said)
    overpaid = {place: made.overpaid for place, made in world.certificates.items() if made.overpaid}
    _same("overpaid", dict(kinds["overpaid"]), dict(overpaid))


def _at_stake(each: Any) -> tuple[str, int]:
    if each.lender:
        return each.lender, each.repay
    return (each.holder, each.left) if each.is_bought else ("", 0)


def _policies(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["policy"].items():
        found = policy.Policy._make(value)
        covers = {
            parts[2]: (cover[4], [tuple(limit) for limit in cover[1]])
            for parts, cover in kinds["cover"].items()
            if parts[:2] == place
        }
        state = policy.LIFE.states[found.status]
        pauses = [tuple(pause) for pause in found.pauses]
        shown[place] = (state, found.since, found.promised, found.premium, pauses, covers)
    said = {
        place: (
            each.state,
            each.since,
            each.promised,
            each.premium,
            each.pauses,
            {buyer: (cover.used, cover.limits) for buyer, cover in each.covers.items()},
        )
        for place, each in world.policies.items()
    }
    _same("policy", shown, said)


def _losses(world: World, kinds: Kinds) -> None:
    shown = {}
    for place, value in kinds["claim"].items():
        found = indemnity.Claim._make(value)
        state = indemnity.CLAIM.states[found.status]
        figures = (found.loss, found.base, found.ahead, found.pool)
        shown[place] = (state, found.limit, figures, found.insured, found.indemnity, found.paid, found.ceded)
    said = {
        place: (
            each.state,
            each.limit,
            (each.loss, each.base, each.ahead, each.pool),
            each.insured,
            each.indemnity,
            each.paid,
            each.ceded,
        )
        for place, each in world.losses.items()
    }
    _same("insurance claim", shown, said)
