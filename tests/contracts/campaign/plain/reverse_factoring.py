"""Operations of a buyer's programme: approval, finance without recourse, more time, money set aside."""

from __future__ import annotations

from campaign.plain import asking, trading
from campaign.plain.arithmetic import MILLION, day_of, interest, up
from campaign.plain.claims import Claim, Part
from campaign.plain.world import CONFIRMED, Approval, Operation, Receivable, World

DAYS_TO_PAY = 5


def programme_enrol(world: World, signer: str, operation: Operation) -> None:
    terms = world.programmes[operation["programme"]].terms
    joined = (operation["bank"], operation["standing"], terms)
    world.enrolments[operation["programme"], signer] = joined


def programme_leave(world: World, signer: str, operation: Operation) -> None:
    del world.enrolments[operation["programme"], signer]


def _purse(lender: str, programme: str) -> tuple[str, ...]:
    return ("payables", lender, programme)


def payables_reserve(world: World, signer: str, operation: Operation) -> None:
    programme = world.programmes[operation["programme"]]
    assert programme.lender == signer, "another lender's programme"
    place = (operation["bank"], signer, programme.terms["currency"])
    world.cash.set_aside(_purse(signer, operation["programme"]), place, operation["amount"])


def payables_release(world: World, signer: str, operation: Operation) -> None:
    world.cash.give_back(_purse(signer, operation["programme"]), operation["amount"])


def payables_approve(world: World, signer: str, operation: Operation) -> None:
    supplier, programme = operation["supplier"], world.programmes[operation["programme"]]
    arranged = programme.payables
    assert arranged is not None, "another buyer's programme"
    assert arranged["buyer"] == signer, "another buyer's programme"
    bank, standing, signed = world.enrolments[operation["programme"], supplier]
    for said in operation["invoices"]:
        place = (supplier, said["invoice"])
        bill = world.bills[place]
        assert bill.buyer == signer, "another buyer's invoice"
        assert bill.approval is None, "approved before, or somebody's"
        assert bill.title == "Free", "approved before, or somebody's"
        if bill.state != CONFIRMED or bill.contested:
            trading.invoice_confirm(world, signer, {**said, "supplier": supplier})
        owes = bill.gross - bill.credited
        assert (said["net"], day_of(said["due_date"])) == (owes, bill.due), "not what was confirmed"
        last_day = bill.due + arranged.get("extension_days", 0)
        rate = arranged.get("extension_rate_ppm", 0)
        bill.approval = Approval(operation["programme"], last_day, rate)
        is_wanted = standing and _price(world, programme.terms, place) >= _price(world, signed, place)
        if is_wanted and _is_taken(world, operation["programme"], place):
            _buy(world, operation["programme"], place, bank)


def _is_taken(world: World, name: str, place: Receivable) -> bool:
    """Whether the programme can take an approved invoice today; if not, it stays approved."""
    programme, bill = world.programmes[name], world.bills[place]
    terms, days = programme.terms, bill.due - world.day
    if not bill.owed or terms["currency"] != bill.currency:
        return False
    if days <= 0 or not terms["min_tenor_days"] <= days <= terms["max_tenor_days"]:
        return False
    exposed = world.exposure(programme.lender, bill.buyer, bill.currency)
    return (
        exposed + bill.owed <= programme.limit(bill.buyer, bill.currency) and _price(world, terms, place) > 0
    )


def _price(world: World, terms: Operation, place: Receivable) -> int:
    """What is paid out for it today at the charges of some terms."""
    bill = world.bills[place]
    net, days, rate, year = bill.owed, bill.due - world.day, terms["discount_rate_ppm"], terms["day_count"]
    if terms["discount_basis"] == "true":
        discount = net - net * MILLION * year // (MILLION * year + rate * days)
    else:
        discount = interest(net, rate, days, year)
    return net - discount - up(net * terms["fee_ppm"], MILLION)


def _buy(world: World, name: str, place: Receivable, bank: str) -> None:
    """The whole of it, accepted; paid at once if money for it lies at the supplier's bank."""
    programme, bill = world.programmes[name], world.bills[place]
    terms, price = programme.terms, _price(world, programme.terms, place)
    bill.claim = claim = Claim(
        [Part(programme.lender, name, bill.owed)],
        bill.currency,
        0,
        price,
        terms["discount_rate_ppm"],
        terms["day_count"],
        bill.due - world.day,
        min(world.day + DAYS_TO_PAY, bill.due - 1),
        default_days=terms["default_days"],
        is_arrangement=True,
        is_accepted=True,
    )
    asking.financed(world, place)
    account, aside = world.cash.aside.get(_purse(programme.lender, name), (("", "", ""), 0))
    payee = (bank, place[0], bill.currency)
    is_there = account == (bank, programme.lender, bill.currency) and aside >= price
    if is_there and world.cash.can_leave(account) and world.cash.can_arrive(payee):
        world.cash.pay_aside(_purse(programme.lender, name), place[0], price)
        claim.pay_out(world.day)


def payables_finance(world: World, signer: str, operation: Operation) -> None:
    name, place = operation["programme"], (signer, operation["invoice"])
    bank, _, _ = world.enrolments[name, signer]
    bill = world.bills[place]
    assert bill.approval is not None, "financed without an approval"
    assert bill.approval.programme == name, "financed without an approval"
    assert bill.title == "Free", "the programme cannot take it"
    assert _is_taken(world, name, place), "the programme cannot take it"
    price = _price(world, world.programmes[name].terms, place)
    assert operation["paid_out"] == price, f"the price is {price}"
    _buy(world, name, place, bank)


def payables_extend(world: World, signer: str, operation: Operation) -> None:
    bill, later = world.bill(operation), day_of(operation["due_date"])
    claim, approval = bill.held, bill.approval
    assert bill.buyer == signer, "nothing to put off"
    assert claim is not None, "nothing to put off"
    assert claim.is_arrangement, "nothing to put off"
    assert approval is not None, "put off too far"
    assert bill.due < later <= approval.last_day, "put off too far"
    assert world.day <= bill.due, "put off too late"
    assert not bill.is_defaulted, "put off too late"
    charge = interest(claim.principal, approval.rate_ppm, later - bill.due, claim.year_days)
    assert operation["charge"] == charge, f"the days cost {charge}"
    if charge:
        world.cash.pay(operation["bank"], signer, bill.currency, [(claim.agent, charge)])
    bill.due = claim.interest_from = later
