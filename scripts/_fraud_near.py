"""Honest trade that looks like a fraud of the table: nothing of it may be refused, little of it flagged."""

from __future__ import annotations

from random import Random
from typing import Any

from _fraud_cases import Case, Play, Scheme
from _fraud_honest import basket, billed, deal, delivered, until_due
from _fraud_invoices import (
    another_number,
    confirmed,
    receivable,
    register,
    service,
)
from _fraud_money import (
    LENDERS_ACCOUNT,
    SELLERS_ACCOUNT,
    auction,
    bid,
    insure,
    issue_certificate,
    notify,
    redirect,
    settle_account,
)
from _fraud_world import CURRENCY, LENDER, OTHER_LENDER, REGULATOR, Process, World, lei_of


def equal_months(world: World, chance: Random, case: Case) -> Process:
    """Two equal monthly invoices of a standing order."""
    amount = chance.randrange(300_000, 9_000_000)
    for _ in range(2):
        fields = case.about(world.invoice(case.buyer, ((1, amount),), term=30))
        case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
        yield 1
        world.confirm(case.supplier, fields)
        yield 29
        world.pay(case.supplier, fields)


def financed_again(world: World, chance: Random, case: Case) -> Process:
    """An offer is withdrawn, and another lender finances the invoice."""
    fields = confirmed(world, chance, case)
    assert not world.offer(case.supplier, fields["invoice"])
    place = {"supplier": case.supplier, "invoice": fields["invoice"]}
    yield 1
    world.do(LENDER, "finance.withdraw", **place)
    case.tries(world.finance(case.supplier, fields["invoice"], OTHER_LENDER))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def released_and_registered(world: World, chance: Random, case: Case) -> Process:
    """Registered by one lender, released, and financed by a member on another platform."""
    fields = confirmed(world, chance, case)
    pledge, _ = register(world, LENDER, receivable(case, fields))
    yield 2
    world.do(LENDER, "pledge.release", pledge=pledge)
    case.tries(register(world, OTHER_LENDER, receivable(case, fields))[1])
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def alike_and_compared(world: World, chance: Random, case: Case) -> Process:
    """Two receivables of one day and one amount; the second lender has compared the documents."""
    fields = confirmed(world, chance, case)
    register(world, LENDER, receivable(case, fields))
    other = receivable(case, fields, number=world.number("INV"))
    yield 0
    case.tries(register(world, OTHER_LENDER, other, compared=True)[1])
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def weekly_parts(world: World, chance: Random, case: Case) -> Process:
    """Two equal deliveries on one order within a week, each billed."""
    count, price = chance.randrange(10, 60), chance.randrange(500, 60_000)
    order = world.order(case.supplier, case.buyer, (("weekly part", 2 * count, price),))
    for _ in range(2):
        shipment = world.ship(case.supplier, case.buyer, order, (count,))
        yield 2
        world.receive(case.supplier, case.buyer, shipment, (count,))
        fields = case.about(world.invoice(case.buyer, ((count, count * price),), order=order, term=30))
        case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
        yield 2
        world.confirm(case.supplier, fields)
    yield 0


def two_halves(world: World, chance: Random, case: Case) -> Process:
    """One delivery, billed in two equal halves three days apart."""
    count, price = chance.randrange(10, 60), chance.randrange(500, 60_000)
    lines = (("halved part", 2 * count, price),)
    order = yield from delivered(world, chance, case.habits, lines)
    for _ in range(2):
        fields = case.about(world.invoice(case.buyer, ((count, count * price),), order=order, term=30))
        case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
        yield 3
        world.confirm(case.supplier, fields)


def weekly_fee(world: World, chance: Random, case: Case) -> Process:
    """The same fee each week, without an order."""
    amount = chance.randrange(300_000, 9_000_000)
    for _ in range(10):
        fields = case.about(world.invoice(case.buyer, ((1, amount),), term=30))
        case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
        yield 7
        world.confirm(case.supplier, fields)


def corrected_amount(world: World, chance: Random, case: Case) -> Process:
    """A wrong amount: withdrawn before the buyer confirmed, and billed rightly."""
    fields = service(world, chance, case)
    world.bill(case.supplier, fields)
    yield 1
    world.do(case.supplier, "invoice.cancel", invoice=fields["invoice"])
    amount = fields["gross"] - chance.randrange(1, 1_000)
    copy = another_number(world, case, world.invoice(case.buyer, ((1, amount),)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield 2
    world.confirm(case.supplier, copy)
    yield from until_due(world, copy, 2)
    world.pay(case.supplier, copy)


def confirmed_lower(world: World, chance: Random, case: Case) -> Process:
    """Contested, confirmed at less, and financed at that."""
    fields = service(world, chance, case)
    world.bill(case.supplier, fields)
    yield 2
    place = {"invoice": fields["invoice"], "supplier": case.supplier}
    world.do(case.buyer, "invoice.dispute", **place, amount=fields["gross"] // 10, reason="short delivery")
    yield 3
    net = fields["gross"] - fields["gross"] // 20
    world.do(case.buyer, "invoice.confirm", **place, net=net, due_date=fields["due_date"])
    case.tries(world.finance(case.supplier, fields["invoice"]))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def dearer(low: float, high: float) -> Play:
    """A price list that rises once, and stays."""

    def play(world: World, chance: Random, case: Case) -> Process:
        lines = basket(world, chance, case.habits, chance.uniform(low, high))
        order = yield from delivered(world, chance, case.habits, lines)
        fields = case.about(world.invoice(case.buyer, billed(lines), order=order))
        case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
        yield 1
        world.confirm(case.supplier, fields)
        yield from until_due(world, fields, 2)
        world.pay(case.supplier, fields)

    return play


def paid_as_redirected(world: World, chance: Random, case: Case) -> Process:
    """Redirected to the lender, and paid there."""
    redirect(world, case)
    fields = confirmed(world, chance, case)
    world.finance(case.supplier, fields["invoice"])
    yield from until_due(world, fields, chance.randrange(5))
    world.pay(case.supplier, fields, account=LENDERS_ACCOUNT)
    case.tries("")
    place = {"supplier": case.supplier, "buyer": case.buyer, "currency": CURRENCY}
    world.do(LENDER, "redirection.end", **place, reason="programme closed")


def late_with_all(world: World, chance: Random, case: Case) -> Process:
    """A buyer that runs out of cash, and is late with everything."""
    made = []
    for _ in range(4):
        fields = confirmed(world, chance, case, term=20)
        world.finance(case.supplier, fields["invoice"])
        made.append(fields)
        yield 10
    yield 60
    for fields in made:
        world.pay(case.supplier, fields)
        case.tries("")
        yield 2


def contested(world: World, chance: Random, case: Case) -> Process:
    """A financed invoice that the buyer contests, and pays after two months."""
    fields = confirmed(world, chance, case, term=30)
    world.finance(case.supplier, fields["invoice"])
    yield 20
    place = {"invoice": fields["invoice"], "supplier": case.supplier}
    world.do(case.buyer, "invoice.dispute", **place, amount=fields["gross"] // 2, reason="damaged goods")
    yield 75
    world.do(case.buyer, "dispute.withdraw", **place, reason="repaired")
    world.pay(case.supplier, fields)
    case.tries("")


def both_ways_alike(world: World, chance: Random, case: Case) -> Process:
    """Each buys from the other what it makes itself, at values in one range."""
    return both_ways(world, chance, case, 1_000_000)


def both_ways(world: World, chance: Random, case: Case, other: int = 2_000_000) -> Process:
    """Each buys from the other what it makes itself, at values of their own."""
    for _ in range(6):
        for seller, buyer, low in (
            (case.supplier, case.third, 1_000_000),
            (case.third, case.supplier, other),
        ):
            amount = round(low * chance.uniform(1, 2))
            fields = case.about(world.invoice(buyer, ((1, amount),), term=30))
            case.tries(world.attempt(seller, "invoice.submit", **fields))
            yield 5
            world.confirm(seller, fields)
            world.start(_pays(world, seller, fields))
        yield 12


def _pays(world: World, seller: str, fields: dict[str, Any]) -> Process:
    yield from until_due(world, fields, 2)
    world.pay(seller, fields)


def open_sisters(world: World, chance: Random, case: Case) -> Process:
    """Sisters that say so themselves, as the register does."""
    parent = lei_of(f"parent of {case.supplier}")
    for sister in (case.supplier, case.buyer):
        world.do(sister, "affiliation.declare", ultimate_parent=parent)
        world.do(REGULATOR, "affiliation.record", organisation=sister, ultimate_parent=parent)
    case.tries("")
    yield from deal(world, chance, case.habits)


def other_floors(world: World, chance: Random, case: Case) -> Process:
    """Strangers in one office tower, on floors of their own."""
    tower = chance.randrange(1, 200)
    for place, sister in enumerate((case.supplier, case.buyer)):
        address = f"{tower} Station Square, floor {place + 3}, Ghent"
        world.do(REGULATOR, "affiliation.record", organisation=sister, address=address)
    case.tries("")
    yield from deal(world, chance, case.habits)


def one_business_centre(world: World, chance: Random, case: Case) -> Process:
    """Strangers whose register names the same business centre and nothing more."""
    for sister in (case.supplier, case.buyer):
        address = f"Business Centre {case.supplier}, Antwerp"
        world.do(REGULATOR, "affiliation.record", organisation=sister, address=address)
    case.tries("")
    yield from deal(world, chance, case.habits)


def weeks_in_the_post(world: World, chance: Random, case: Case) -> Process:
    """Entered three or four weeks after its date."""
    fields = service(world, chance, case, issue_date=world.date(-chance.randrange(18, 30)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
    yield 1
    world.confirm(case.supplier, fields)
    case.tries(world.finance(case.supplier, fields["invoice"]))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def units_of_its_own(world: World, _: Random, case: Case) -> Process:
    """A lost shipment is sent again, under new labels."""
    order = world.order(case.supplier, case.buyer, (("spare part", 10, 5_000),))
    shipment = world.ship(case.supplier, case.buyer, order, (10,))
    yield 10
    lost = {"shipment": shipment, "supplier": case.supplier, "date": world.today, "reason": "truck fire"}
    world.do(case.supplier, "shipment.lose", **lost)
    shipped = world.ship(case.supplier, case.buyer, order, (10,))
    yield 3
    world.receive(case.supplier, case.buyer, shipped, (10,))
    fields = case.about(world.invoice(case.buyer, ((10, 50_000),), order=order))
    case.tries(world.attempt(case.supplier, "invoice.submit", **fields))
    yield 1
    world.confirm(case.supplier, fields)
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def one_large_return(world: World, chance: Random, case: Case) -> Process:
    """Goods that did not fit: one credit of half an invoice."""
    fields = confirmed(world, chance, case)
    world.finance(case.supplier, fields["invoice"])
    yield 10
    world.credit(case.supplier, fields, fields["gross"] // 2)
    case.tries("")
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def credited_and_corrected(world: World, chance: Random, case: Case) -> Process:
    """A wrong price found after the confirmation: credited in full, billed rightly two days later."""
    fields = confirmed(world, chance, case)
    yield 12
    world.credit(case.supplier, fields, fields["gross"])
    yield 2
    right = fields["gross"] - fields["gross"] // 30
    copy = another_number(world, case, world.invoice(case.buyer, ((1, right),)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield 1
    world.confirm(case.supplier, copy)
    yield from until_due(world, copy, 2)
    world.pay(case.supplier, copy)


def formal_correction(world: World, chance: Random, case: Case) -> Process:
    """A missing reference: credited in full, the same lines billed again three days later."""
    fields = confirmed(world, chance, case)
    yield 3
    world.credit(case.supplier, fields, fields["gross"])
    copy = another_number(world, case, world.invoice(case.buyer, ((1, fields["gross"]),)))
    case.tries(world.attempt(case.supplier, "invoice.submit", **copy))
    yield 1
    world.confirm(case.supplier, copy)
    yield from until_due(world, copy, 2)
    world.pay(case.supplier, copy)


def month_waived(world: World, chance: Random, case: Case) -> Process:
    """A month of a fee is waived for bad service; the next month costs the same as ever."""
    amount = chance.randrange(300_000, 9_000_000)
    waived = case.about(world.invoice(case.buyer, ((1, amount),), term=30))
    world.bill(case.supplier, waived)
    yield 1
    world.confirm(case.supplier, waived)
    yield chance.randrange(4, 25)
    world.credit(case.supplier, waived, amount)
    yield max(1, world.days_to(waived["due_date"]))
    following = case.about(world.invoice(case.buyer, ((1, amount),), term=30))
    case.tries(world.attempt(case.supplier, "invoice.submit", **following))
    yield 1
    world.confirm(case.supplier, following)
    yield from until_due(world, following, 2)
    world.pay(case.supplier, following)


def lawful_split(world: World, chance: Random, case: Case) -> Process:
    """Split into pieces of the smallest size and more."""
    leaf = issue_certificate(world, case)
    yield 1
    piece = chance.randrange(100_000, 5_000_000)
    amounts = (10_000_000 - piece, piece)
    case.tries(world.attempt(case.supplier, "certificate.split", **leaf, amounts=amounts))


def honest_bids(world: World, chance: Random, case: Case) -> Process:
    """Two lenders open what they have sealed."""
    fields = confirmed(world, chance, case)
    of = auction(world, case, fields)
    bids = {
        lender: bid(world, case, of, lender, 80_000, fields["gross"]) for lender in (LENDER, OTHER_LENDER)
    }
    yield 2
    for lender, opened in bids.items():
        case.tries(world.attempt(lender, "auction.reveal", **opened))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def account_changed(world: World, chance: Random, case: Case) -> Process:
    """A new account by two keys and after the wait: paid out and paid in there."""
    yield from settle_account(world, case, SELLERS_ACCOUNT)
    yield from settle_account(world, case, f"BE{chance.randrange(10**14):014}")
    account = world.payee(case.supplier)
    fields = confirmed(world, chance, case)
    assert not world.offer(case.supplier, fields["invoice"])
    case.tries(world.fund(case.supplier, fields["invoice"], payee=account))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields, account=account)


def notified_in_time(world: World, chance: Random, case: Case) -> Process:
    """A loss that the insurer hears of on the last days of its clock."""
    policy = insure(world, case, 200)
    fields = confirmed(world, chance, case, term=20)
    yield from until_due(world, fields, chance.randrange(25, 31))
    case.tries(notify(world, case, policy, fields))
    yield 1


def near(fraud: str, way: str, play: Play, *, trades: bool = True) -> Scheme:
    """An honest near-miss."""
    return Scheme(fraud, way, play, is_honest=True, trades=trades)


NEAR_MISSES: tuple[Scheme, ...] = (
    near("same invoice twice here", "equal months of a standing order", equal_months),
    near("same invoice twice here", "another lender after a withdrawal", financed_again, trades=False),
    near(
        "same invoice elsewhere",
        "released, then registered by another",
        released_and_registered,
        trades=False,
    ),
    near("same invoice elsewhere", "alike, and compared", alike_and_compared, trades=False),
    near("altered number or amount", "equal weekly deliveries", weekly_parts),
    near("altered number or amount", "one delivery billed in two halves", two_halves),
    near("altered number or amount", "the same fee each week", weekly_fee),
    near("altered number or amount", "withdrawn and corrected", corrected_amount),
    near("fictitious invoice", "contested, confirmed at less", confirmed_lower),
    near("inflated invoice", "a price list up by 3 to 6 %", dearer(1.03, 1.06)),
    near("inflated invoice", "a price list up by 10 to 15 %", dearer(1.10, 1.15)),
    near("seller keeps collections", "paid as redirected", paid_as_redirected),
    near("seller keeps collections", "a buyer late with everything", late_with_all, trades=False),
    near("seller keeps collections", "contested, paid later", contested),
    near("round-tripping", "trade in both directions", both_ways),
    near("round-tripping", "both directions at like values", both_ways_alike),
    near("related party", "sisters that say so", open_sisters),
    near("related party", "floors of one tower", other_floors),
    near("related party", "one business centre", one_business_centre),
    near("backdating", "weeks in the post", weeks_in_the_post),
    near("reused shipment", "lost and sent again", units_of_its_own, trades=False),
    near("credit note after finance", "one large return", one_large_return),
    near("ageing by re-invoicing", "credited and corrected", credited_and_corrected),
    near("ageing by re-invoicing", "a formal correction", formal_correction),
    near("ageing by re-invoicing", "a month waived", month_waived),
    near("smurfing by splits", "lawful pieces", lawful_split, trades=False),
    near("peeking at bids", "bids opened as sealed", honest_bids, trades=False),
    near("changed payee account", "changed by two keys and in time", account_changed, trades=False),
    near("voided insurance", "notified in time", notified_in_time, trades=False),
)
