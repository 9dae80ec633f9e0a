"""Frauds with invoices and goods: the ways that somebody would try, each a process of the drill."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Any

from _fraud_cases import Case
from _fraud_honest import basket, billed, delivered, until_due
from _fraud_world import CURRENCY, LENDER, OTHER_LENDER, Process, World, lei_of

from clients.lending.pledge_tags import Receivable, tags
from ledger.dates import day_from_iso

MEMBERS_KEY = bytes(range(32))
"""Of the registry's members; a drill keeps no secret."""


def service(world: World, chance: Random, case: Case, **changes: Any) -> dict[str, Any]:
    """An invoice without an order, of an amount of its own."""
    amount = chance.randrange(300_000, 9_000_000)
    return case.about(world.invoice(case.buyer, ((1, amount),), **changes))


def confirmed(world: World, chance: Random, case: Case, **changes: Any) -> dict[str, Any]:
    """One that the buyer has confirmed."""
    fields = service(world, chance, case, **changes)
    world.bill(case.supplier, fields)
    world.confirm(case.supplier, fields)
    return fields


def financed(
    world: World, chance: Random, case: Case, **changes: Any
) -> Generator[int, None, dict[str, Any]]:
    """One that a lender has bought; while dilution prices it out it is paid, and another is tried later."""
    while True:
        fields = confirmed(world, chance, case, **changes)
        if not world.finance(case.supplier, fields["invoice"]):
            return fields
        case.documents.remove(fields["invoice"])
        world.start(_paid(world, case, fields))
        yield 30


def _paid(world: World, case: Case, fields: dict[str, Any]) -> Process:
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def another_number(world: World, case: Case, fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The invoice once more, under another number."""
    return case.about({**fields, "invoice": world.number("INV"), **changes})


def billed_again(world: World, chance: Random, case: Case) -> Process:
    """The same content under another number."""
    fields = confirmed(world, chance, case)
    yield chance.randrange(1, 20)
    case.tries(world.attempt(case.supplier, "invoice.submit", **another_number(world, case, fields)))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def sold_twice(world: World, chance: Random, case: Case) -> Process:
    """A second lender is offered what the first has bought."""
    fields = confirmed(world, chance, case)
    number = fields["invoice"]
    terms = world.terms(case.supplier, number, OTHER_LENDER)
    assert not world.finance(case.supplier, number)
    yield 0
    case.tries(world.offer_at(case.supplier, number, OTHER_LENDER, terms))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def receivable(case: Case, fields: dict[str, Any], **changes: Any) -> tuple[bytes, bytes]:
    """The tags of an invoice as a lender of any platform computes them."""
    known = {"number": fields["invoice"], "gross": fields["gross"], **changes}
    found = Receivable(
        lei_of(case.supplier),
        lei_of(case.buyer),
        known["number"],
        CURRENCY,
        known["gross"],
        day_from_iso(fields["issue_date"]),
    )
    return tags(MEMBERS_KEY, found)


def register(world: World, lender: str, found: tuple[bytes, bytes], **more: Any) -> tuple[str, str]:
    """A lender registers tags: its own reference, and the refusal's code or empty."""
    number = world.number("PLEDGE")
    code = world.attempt(
        lender, "pledge.register", pledge=number, number_tag=found[0], content_tag=found[1], **more
    )
    return number, code


def pledged_elsewhere(world: World, chance: Random, case: Case) -> Process:
    """Financed on one platform, offered on another: as it is, renumbered, or at another amount."""
    fields = confirmed(world, chance, case)
    pledge, code = register(world, LENDER, receivable(case, fields))
    assert not code
    world.do(LENDER, "pledge.finance", pledge=pledge)
    yield chance.randrange(1, 30)
    changed = chance.choice(
        ({}, {"number": f"{fields['invoice']}-A"}, {"gross": fields["gross"] + chance.randrange(1, 5_000)})
    )
    case.tries(register(world, OTHER_LENDER, receivable(case, fields, **changed))[1])
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def altered_without_order(world: World, chance: Random, case: Case) -> Process:
    """Another number, and an amount a little different."""
    fields = confirmed(world, chance, case)
    yield chance.randrange(0, 7)
    amount = round(fields["gross"] * chance.uniform(0.9905, 1.0095))
    copy = another_number(world, case, world.invoice(case.buyer, ((1, amount),)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def altered_more(world: World, chance: Random, case: Case) -> Process:
    """Altered by more than the check looks for, in the amount or in the days."""
    fields = confirmed(world, chance, case)
    by_amount = chance.random() < 0.5
    yield chance.randrange(0, 7) if by_amount else chance.randrange(8, 30)
    factor = chance.uniform(0.9, 0.98) if by_amount else chance.uniform(0.995, 1.005)
    copy = another_number(world, case, world.invoice(case.buyer, ((1, round(fields["gross"] * factor)),)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def altered_off_order(world: World, chance: Random, case: Case) -> Process:
    """Goods that their order has counted, billed again as if there were no order: as they are, or nearly."""
    lines = basket(world, chance, case.habits)
    order = yield from delivered(world, chance, case.habits, lines)
    fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
    world.bill(case.supplier, fields)
    world.confirm(case.supplier, fields)
    yield chance.randrange(0, 7)
    factor = chance.choice((1.0, chance.uniform(0.9905, 1.0)))
    again = tuple((quantity, round(amount * factor)) for quantity, amount in billed(lines))
    copy = another_number(world, case, world.invoice(case.buyer, again))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def altered_on_order(world: World, chance: Random, case: Case) -> Process:
    """The same order's goods billed again at a little less."""
    lines = basket(world, chance, case.habits)
    order = yield from delivered(world, chance, case.habits, lines)
    fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
    world.bill(case.supplier, fields)
    world.confirm(case.supplier, fields)
    yield 2
    cheaper = tuple((quantity, amount - amount // 200) for quantity, amount in billed(lines))
    copy = another_number(world, case, world.invoice(case.buyer, cheaper, order=order))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def no_goods(world: World, chance: Random, case: Case) -> Process:
    """Billed on an order of which nothing has arrived."""
    lines = basket(world, chance, case.habits)
    order = world.order(case.supplier, case.buyer, lines)
    yield 1
    fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))


def never_confirmed(world: World, chance: Random, case: Case) -> Process:
    """Billed out of thin air and offered to a lender before the buyer has seen it."""
    fields = service(world, chance, case)
    world.bill(case.supplier, fields)
    yield 0
    terms = {"net": fields["gross"], "tenor_days": 60, "advance": fields["gross"] // 2}
    terms |= {"reserve": fields["gross"] - terms["advance"], "discount": 0, "fee": 0}
    terms["paid_out"] = terms["advance"]
    case.tries(world.offer_at(case.supplier, fields["invoice"], LENDER, terms))
    world.do(
        case.buyer, "invoice.reject", invoice=fields["invoice"], supplier=case.supplier, reason="unknown"
    )


def buyer_colludes(world: World, chance: Random, case: Case) -> Process:
    """A buyer that signs for goods which do not exist, and will not pay."""
    lines = basket(world, chance, case.habits)
    order = yield from delivered(world, chance, case.habits, lines)
    fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
    world.bill(case.supplier, fields)
    world.confirm(case.supplier, fields)
    case.tries(world.finance(case.supplier, fields["invoice"]))


def confirms_itself(world: World, chance: Random, case: Case) -> Process:
    """The supplier signs the confirmation with its own key."""
    fields = service(world, chance, case)
    world.bill(case.supplier, fields)
    yield 0
    case.tries(_confirmation(world, case, fields, case.supplier))
    world.do(case.supplier, "invoice.cancel", invoice=fields["invoice"])


def stranger_confirms(world: World, chance: Random, case: Case) -> Process:
    """Another buyer signs it."""
    fields = service(world, chance, case)
    world.bill(case.supplier, fields)
    yield 0
    case.tries(_confirmation(world, case, fields, case.third))
    world.do(case.supplier, "invoice.cancel", invoice=fields["invoice"])


def _confirmation(world: World, case: Case, fields: dict[str, Any], signer: str) -> str:
    return world.attempt(
        signer,
        "invoice.confirm",
        invoice=fields["invoice"],
        supplier=case.supplier,
        net=fields["gross"],
        due_date=fields["due_date"],
    )


def above_order(world: World, chance: Random, case: Case) -> Process:
    """Billed above the order's price."""
    lines = basket(world, chance, case.habits)
    order = yield from delivered(world, chance, case.habits, lines)
    dearer = tuple((quantity, amount + max(1, amount // 10)) for quantity, amount in billed(lines))
    fields = case.about(world.invoice(case.buyer, dearer, order=order))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))


def dear_order(world: World, chance: Random, case: Case) -> Process:
    """Ordered at a price that the buyer never paid before."""
    return inflated_order(world, chance, case, chance.uniform(1.25, 1.9))


def little_dearer(world: World, chance: Random, case: Case) -> Process:
    """Ordered at a price that could be a new price list."""
    return inflated_order(world, chance, case, chance.uniform(1.04, 1.15))


def inflated_order(world: World, chance: Random, case: Case, factor: float) -> Process:
    """One order at so many times the usual prices, all the way to the bank."""
    lines = basket(world, chance, case.habits, factor)
    order = yield from delivered(world, chance, case.habits, lines)
    fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
    world.confirm(case.supplier, fields)
    world.finance(case.supplier, fields["invoice"])
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def old_date(world: World, chance: Random, case: Case) -> Process:
    """Issued, it says, long ago, so that it looks confirmed late and paid soon."""
    fields = service(world, chance, case, issue_date=world.date(-chance.randrange(40, 120)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
    yield 1
    world.confirm(case.supplier, fields)
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def old_date_sold(world: World, chance: Random, case: Case) -> Process:
    """The same, offered to a lender whose programme takes none."""
    fields = service(world, chance, case, issue_date=world.date(-chance.randrange(40, 120)))
    world.bill(case.supplier, fields)
    yield 1
    world.confirm(case.supplier, fields)
    terms = {"net": fields["gross"], "tenor_days": 60, "advance": 1, "reserve": fields["gross"] - 1}
    terms |= {"discount": 0, "fee": 0, "paid_out": 1}
    case.tries(world.offer_at(case.supplier, fields["invoice"], LENDER, terms))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def future_date(world: World, chance: Random, case: Case) -> Process:
    """Issued tomorrow."""
    fields = service(world, chance, case, issue_date=world.date(chance.randrange(1, 30)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
    yield 0


def same_unit(world: World, chance: Random, case: Case) -> Process:
    """The logistic label of an earlier shipment on a new one, perhaps written in another way."""
    unit = world.unit()
    orders = [world.order(case.supplier, case.buyer, (("item-0", 10, 5_000),)) for _ in range(2)]
    world.ship(case.supplier, case.buyer, orders[0], (10,), unit)
    yield chance.randrange(1, 30)
    case.tries(
        world.attempt(
            case.supplier,
            "shipment.dispatch",
            shipment=world.number("DESADV"),
            order=orders[1],
            buyer=case.buyer,
            date=world.today,
            lines=({"line": "1", "quantity": 10},),
            units=(chance.choice((unit, f"(00){unit}", f"https://id.gs1.org/00/{unit}")),),
        )
    )


def credits_after_sale(world: World, chance: Random, case: Case) -> Process:
    """Sold, paid out, and then credited, again and again within two months."""
    for _ in range(5):
        fields = confirmed(world, chance, case)
        world.finance(case.supplier, fields["invoice"])
        yield chance.randrange(2, 8)
        world.credit(case.supplier, fields, round(fields["gross"] * chance.uniform(0.3, 0.6)))
        case.tries("")
        yield chance.randrange(1, 5)


def rebilled(world: World, chance: Random, case: Case) -> Process:
    """Nobody pays: credited in full, and billed again as if it were new."""
    return billed_anew(world, chance, case, chance.randrange(0, 20))


def rebilled_later(world: World, chance: Random, case: Case) -> Process:
    """The same with patience: a month or two lie between."""
    return billed_anew(world, chance, case, chance.randrange(22, 60))


def billed_anew(world: World, chance: Random, case: Case, wait: int) -> Process:
    """Credited in full when it falls due, and billed again so many days later."""
    fields = confirmed(world, chance, case)
    yield from until_due(world, fields, chance.randrange(-5, 30))
    world.credit(case.supplier, fields, fields["gross"])
    yield wait
    renewed = world.invoice(case.buyer, ((1, fields["gross"]),))
    copy = another_number(world, case, renewed)
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield 1
    world.confirm(case.supplier, copy)
    world.finance(case.supplier, copy["invoice"])
