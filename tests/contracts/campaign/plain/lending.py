"""Operations of programmes, offers, funding, collection, release and recourse."""

from __future__ import annotations

from campaign.plain import asking, insuring
from campaign.plain.arithmetic import MILLION, day_of, interest, up
from campaign.plain.claims import Claim, Part
from campaign.plain.world import Bill, Demand, Operation, Programme, Receivable, World

DEFAULTS = {
    "discount_basis": "advance",
    "day_count": 360,
    "fee_ppm": 0,
    "security": "assignment",
    "credit_note_rule": "absorb",
    "recourse_days": 0,
    "default_days": 90,
    "costs_ppm": 0,
    "min_tenor_days": 5,
    "max_tenor_days": 180,
}
"""Of the terms of a programme that are not named."""


def programme_publish(world: World, signer: str, operation: Operation) -> None:
    before = world.programmes.get(operation["programme"])
    assert before is None or before.lender == signer, "another lender's programme"
    terms = {**DEFAULTS, **operation["terms"]}
    world.programmes[operation["programme"]] = Programme(signer, terms, operation.get("payables"))


# what a change of the invoice means for a claim on it


def changed(world: World, place: Receivable, less: int = 0) -> None:
    """An invoice is about to change: an offer on it is void; less than was bought is borne by its parties."""
    bill = world.bills[place]
    if bill.claim is not None and not bill.claim.is_paid:
        bill.claim = None
    elif bill.claim is not None and less:
        insurers = insuring.taken_over(world, *place, less)
        bill.claim.insurers -= insurers
        bill.claim.bear(less - insurers, bill.owed - less - bill.claim.insurers)


def _is_for_dilution(world: World, claim: Claim) -> bool:
    """Whether what is short is demanded of the supplier."""
    return bool(claim.demand) and world.demands[claim.agent, claim.demand].cause == "dilution"


def settled(world: World, place: Receivable) -> None:
    """The claim on an invoice that owes nothing more is over, but for what the supplier still owes."""
    bill = world.bills[place]
    claim = bill.held
    if claim is None or bill.open:
        return
    assert claim.principal == claim.short, "a claim is over with something left in it"
    assert not claim.reserve, "a claim is over with something left in it"
    _end(world, bill, claim)
    if not (claim.short and _is_for_dilution(world, claim)):
        end_demand(world, claim, "Closed")


def _end(world: World, bill: Bill, claim: Claim) -> None:
    _end_resale(world, claim)
    bill.claim = None
    bill.ended.append(claim)


def _end_resale(world: World, claim: Claim) -> None:
    """What is over, or is about another receivable now, is not sold on as it was offered."""
    if claim.resale:
        world.resales[claim.agent, claim.resale].state = "Void"
        claim.resale = ""


def end_demand(world: World, claim: Claim, state: str) -> None:
    """The demand that stands on a claim, if one does, is over."""
    if claim.demand:
        world.demands[claim.agent, claim.demand].state = state
        claim.demand = ""


# offers and funding


def finance_offer(world: World, signer: str, operation: Operation) -> None:
    """The price is the pricing's: `advance_rate_ppm` is what the ledger says, the rest is checked."""
    advance_rate_ppm = operation["advance_rate_ppm"]
    bill, terms = world.bill(operation), operation["terms"]
    programme = world.programmes[operation["programme"]]
    said = programme.terms
    assert programme.lender == signer, "another lender's programme"
    assert bill.is_sellable(), f"{bill.title} {bill.state} is offered on"
    assert terms["net"] == bill.owed, f"{bill.title} {bill.state} is offered on"
    assert said["currency"] == bill.currency, "invariant 9: another currency"
    _check_price(terms, said, advance_rate_ppm)
    exposed = world.exposure(signer, bill.buyer, bill.currency) + terms["advance"]
    assert exposed <= programme.limit(bill.buyer, bill.currency), "invariant 13: beyond the limit"
    expires = day_of(operation["expires"])
    assert expires >= world.day, "an offer of the past"
    assert expires < bill.due, "an offer that stands when the invoice is due"
    bill.claim = Claim(
        [Part(signer, operation["programme"], terms["advance"])],
        bill.currency,
        terms["reserve"],
        terms["paid_out"],
        said["discount_rate_ppm"],
        said["day_count"],
        terms["tenor_days"],
        expires,
        advance_rate_ppm,
        said["credit_note_rule"] == "restore",
        said["security"] == "pledge",
        said["recourse_days"],
        said["default_days"],
        terms["net"] * said["costs_ppm"] // MILLION,
    )


def _check_price(terms: Operation, said: Operation, advance_rate_ppm: int) -> None:
    net, advance, reserve = terms["net"], terms["advance"], terms["reserve"]
    assert advance == net * advance_rate_ppm // MILLION, "invariant 6: the advance is rounded down"
    assert advance + reserve == net, "invariant 6: advance and reserve are the net"
    rate, days, year = said["discount_rate_ppm"], terms["tenor_days"], said["day_count"]
    if said["discount_basis"] == "true":
        least = net - net * MILLION * year // (MILLION * year + rate * days)
    else:
        least = interest(advance, rate, days, year)
    assert terms["discount"] >= least, f"a discount of {terms['discount']}, not {least} or more"
    assert terms["fee"] == up(net * said["fee_ppm"], MILLION), f"a fee of {terms['fee']}"
    assert terms["paid_out"] == advance - terms["discount"] - terms["fee"] > 0, "what is paid out"


def _offered(bill: Bill) -> Claim:
    assert bill.claim is not None, "no offer stands"
    assert not bill.claim.is_paid, "no offer stands"
    return bill.claim


def finance_accept(world: World, signer: str, operation: Operation) -> None:
    claim = _offered(world.bill(operation, signer))
    assert not claim.is_accepted, "accepted twice"
    claim.is_accepted = True
    asking.financed(world, (signer, operation["invoice"]))
    settlement = asking.settlement_of(world, claim)
    if settlement is not None:
        settlement.state = "AssetHeld"


def finance_withdraw(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation)
    claim = _offered(bill)
    assert not claim.is_accepted, "an accepted offer binds"
    assert signer in (claim.agent, operation["supplier"]), "no party to the offer"
    bill.claim = None


def finance_fund(world: World, signer: str, operation: Operation) -> None:
    claim = _offered(world.bill(operation))
    assert (claim.agent, claim.paid_out) == (operation["lender"], operation["amount"]), (
        "not the offer's payout"
    )
    assert claim.is_accepted, "paid before it was accepted"
    settlement = asking.settlement_of(world, claim)
    if settlement is not None:
        assert (settlement.state, settlement.bank) == ("CashHeld", signer), "not the money that is held"
        settlement.state = "Settled"
    claim.pay_out(day_of(operation["date"]))


def finance_settle(world: World, signer: str, operation: Operation) -> None:
    claim = _offered(world.bill(operation))
    assert claim.is_accepted, "not an accepted offer of the lender's"
    assert claim.agent == signer, "not an accepted offer of the lender's"
    assert asking.settlement_of(world, claim) is None, "a bank has the money for it"
    world.cash.pay(operation["bank"], signer, claim.currency, [(operation["supplier"], claim.paid_out)])
    claim.pay_out(world.day)


def finance_charge(world: World, signer: str, operation: Operation) -> None:
    claim = world.bill(operation).held
    assert claim is not None, "costs on another's claim"
    assert claim.agent == signer, "costs on another's claim"
    claim.costs_charged += operation["amount"]
    claim.costs_due += operation["amount"]
    assert claim.costs_charged <= claim.costs_limit, "more costs than the programme said"


def expire(world: World) -> None:
    """Offers end with their last day."""
    for bill in world.bills.values():
        if bill.claim is not None and not bill.claim.is_paid and bill.claim.expires < world.day:
            bill.claim = None


# the supplier repays


def release_pay(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation, signer)
    shares = _release(world, bill, world.day, operation["amount"])
    world.cash.pay(operation["bank"], signer, bill.currency, shares)


def release_attest(world: World, signer: str, operation: Operation) -> None:
    _release(world, world.bill(operation), day_of(operation["date"]), operation["amount"])


def _release(world: World, bill: Bill, day: int, amount: int) -> list[tuple[str, int]]:
    assert bill.held is not None, "released without a pledge"
    assert bill.held.is_pledge, "released without a pledge"
    end_demand(world, bill.held, "Repurchased")
    return _give_back(world, bill, bill.held, day, amount)


def _give_back(world: World, bill: Bill, claim: Claim, day: int, amount: int) -> list[tuple[str, int]]:
    assert amount == claim.whole_on(day), f"repaid with {amount}, due is {claim.whole_on(day)}"
    assert not insuring.makes_good(world, bill, claim), "invariant 19: the supplier pays what an insurer does"
    shares = claim.repay(day)
    _end(world, bill, claim)
    return shares


# recourse


def _latest(bill: Bill) -> Claim | None:
    """The claim that a lender has paid for: the one that stands, else the one that ended last."""
    return bill.held or (bill.ended[-1] if bill.ended else None)


def recourse_demand(world: World, signer: str, operation: Operation) -> None:
    bill, cause = world.bills[operation["supplier"], operation["invoice"]], operation["cause"]
    claim = _latest(bill)
    assert claim is not None, "demanded on another's claim"
    assert claim.agent == signer, "demanded on another's claim"
    assert not claim.demand, "a demand stands"
    if cause == "dilution":
        assert claim.short, "nothing is short"
    else:
        assert claim is bill.held, "the claim is over"
        assert not insuring.makes_good(world, bill, claim), "invariant 19: demanded, and indemnified"
    if cause == "overdue":
        assert 0 < claim.recourse_days <= world.day - bill.due, "the buyer's credit is the lender's risk"
    claim.demand = operation["recourse"]
    made = Demand(operation["supplier"], operation["invoice"], cause)
    world.demands[signer, operation["recourse"]] = made


def _demand(world: World, lender: str, operation: Operation, *states: str) -> tuple[Demand, Bill, Claim]:
    """A demand that stands, the invoice that it is about, and the claim on that."""
    found = world.demands[lender, operation["recourse"]]
    assert found.state in (states or ("Demanded", "Contested")), f"the demand is {found.state}"
    bill = world.bills[found.supplier, found.invoice]
    claim = _latest(bill)
    assert claim is not None, "the demand has lost its claim"
    assert claim.demand == operation["recourse"], "the demand has lost its claim"
    return found, bill, claim


def recourse_contest(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _demand(world, operation["lender"], operation, "Demanded")
    assert found.supplier == signer, "a demand on another"
    found.state = "Contested"


def recourse_pay(world: World, signer: str, operation: Operation) -> None:
    found, bill, claim = _demand(world, operation["lender"], operation)
    assert found.supplier == signer, "a demand on another"
    shares = _met(world, found, bill, claim, world.day, operation["amount"])
    world.cash.pay(operation["bank"], signer, bill.currency, shares)


def recourse_attest(world: World, signer: str, operation: Operation) -> None:
    found, bill, claim = _demand(world, operation["lender"], operation)
    _met(world, found, bill, claim, day_of(operation["date"]), operation["amount"])


def _met(
    world: World, found: Demand, bill: Bill, claim: Claim, day: int, amount: int
) -> list[tuple[str, int]]:
    end_demand(world, claim, "Repurchased")
    if found.cause != "dilution":
        return _give_back(world, bill, claim, day, amount)
    assert amount == claim.short, f"{amount} is paid, {claim.short} is short"
    return claim.make_up(day)


def recourse_offset(world: World, signer: str, operation: Operation) -> None:
    found, _, claim = _demand(world, signer, operation, "Demanded")
    assert found.cause == "dilution", "only what is short is set off"
    claim.reserve -= claim.short
    claim.short = 0
    assert claim.reserve >= 0, "the reserve does not cover it"
    end_demand(world, claim, "Offset")


def recourse_close(world: World, signer: str, operation: Operation) -> None:
    _, _, claim = _demand(world, signer, operation)
    end_demand(world, claim, "Closed")


def recourse_propose(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _demand(world, operation["lender"], operation)
    assert found.supplier == signer, "a demand on another"
    found.proposed = operation["invoice"]


def recourse_substitute(world: World, signer: str, operation: Operation) -> None:
    """The claim moves as it is, with what is overdue; what was short is covered by the better receivable."""
    found, bill, claim = _demand(world, signer, operation)
    assert found.proposed == operation["invoice"], "not what the supplier has proposed"
    other = world.bills[found.supplier, operation["invoice"]]
    assert claim is bill.held, "the claim is over"
    assert not claim.is_given_up, "the claim is over"
    assert other.is_sellable(), f"{other.title} {other.state} takes the place"
    assert other.due > world.day, f"{other.title} {other.state} takes the place"
    assert (other.buyer, other.currency) == (bill.buyer, bill.currency), "of another buyer, or other money"
    assert other.owed >= claim.principal, "less than the lender has out"
    assert not insuring.makes_good(world, bill, claim), "invariant 19: replaced, and indemnified"
    assert not claim.is_arrangement or other.approval is not None, "no undertaking in place of one"
    end_demand(world, claim, "Substituted")
    _end_resale(world, claim)
    claim.interest_due = claim.interest_on(world.day)
    claim.interest_from = max(world.day, other.due)
    claim.reserve, claim.short = other.owed - claim.principal, 0
    bill.claim, other.claim = None, claim
    gone = Part(claim.agent, "", 0)
    bill.ended.append(Claim([gone], bill.currency, 0, 0, 0, 360, 0, 0, is_paid=True, is_replaced=True))
