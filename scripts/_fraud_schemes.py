"""Every fraud of the table of docs/fraud.md, each in the ways that somebody would try."""

from __future__ import annotations

from random import Random
from typing import Any

from _fraud_cases import NOTHING, SCREENING, Case, Scheme
from _fraud_honest import basket, billed, deal, delivered, until_due
from _fraud_world import (
    BANK,
    CHANNEL,
    COLLECTION_ACCOUNT,
    CURRENCY,
    INSURER,
    LENDER,
    OTHER_LENDER,
    REGULATOR,
    Process,
    World,
    lei_of,
    public_key,
)

from clients.pledge_tags import Receivable, tags
from contracts.bid import commitment
from ledger.dates import day_from_iso

MEMBERS_KEY = bytes(range(32))
"""Of the registry's members; a drill keeps no secret."""

LENDERS_ACCOUNT, SELLERS_ACCOUNT = "DE89370400440532013000", "FR1420041010050500013M02606"
THIEFS_ACCOUNT = "GB29NWBK60161331926819"


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


def another_number(world: World, case: Case, fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The invoice once more, under another number."""
    return case.about({**fields, "invoice": world.number("INV"), **changes})


# the same invoice twice here


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


# the same invoice in another channel or on another platform


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


# altered number or amount


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


# fictitious invoices


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


# forged confirmations


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


# inflated invoices


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


# the seller keeps collections


def redirect(world: World, case: Case) -> None:
    """From now on the buyer pays to the lender's account, and has seen it."""
    place = {"currency": CURRENCY, "account": LENDERS_ACCOUNT}
    world.do(case.supplier, "redirection.propose", buyer=case.buyer, lender=LENDER, **place)
    world.do(LENDER, "redirection.agree", supplier=case.supplier, buyer=case.buyer, **place)
    world.do(case.buyer, "redirection.acknowledge", supplier=case.supplier, **place)


def paid_to_seller(world: World, chance: Random, case: Case) -> Process:
    """Redirected to the lender, and yet paid to the seller's account."""
    redirect(world, case)
    fields = confirmed(world, chance, case)
    assert not world.finance(case.supplier, fields["invoice"])
    yield from until_due(world, fields, chance.randrange(5))
    world.pay(case.supplier, fields, account=SELLERS_ACCOUNT)
    case.tries("")


def paid_unseen(world: World, chance: Random, case: Case) -> Process:
    """Paid to an account of the seller's at a bank that is not on this ledger."""
    fields = confirmed(world, chance, case, term=30)
    assert not world.finance(case.supplier, fields["invoice"])
    yield from until_due(world, fields, 0)
    case.tries("")


# round trips


def ring(world: World, chance: Random, parties: tuple[str, ...], case: Case, margin: float = 0.0) -> Process:
    """Each bills the next about the same within three weeks, and all of it is paid in a circle."""
    value = chance.randrange(1_000_000, 20_000_000)
    made = []
    for place, party in enumerate(parties):
        following = parties[(place + 1) % len(parties)]
        amount = round(value * (1 + margin) ** place * chance.uniform(0.98, 1.01))
        fields = case.about(world.invoice(following, ((1, amount),), term=40))
        world.bill(party, fields)
        yield 1
        world.confirm(party, fields)
        made.append((party, fields))
        yield chance.randrange(1, 9)
    case.tries(world.finance(made[0][0], made[0][1]["invoice"]))
    for party, fields in made:
        yield from until_due(world, fields, chance.randrange(3))
        world.pay(party, fields)


def three_in_a_ring(world: World, chance: Random, case: Case) -> Process:
    """Three parties."""
    return ring(world, chance, (case.supplier, case.third, case.buyer), case)


def margin_at_each_step(world: World, chance: Random, case: Case) -> Process:
    """Three parties, each of which takes a margin of 6 to 15 %."""
    margin = chance.uniform(0.06, 0.15)
    return ring(world, chance, (case.supplier, case.third, case.buyer), case, margin)


def there_and_back(world: World, chance: Random, case: Case) -> Process:
    """Two parties."""
    return ring(world, chance, (case.supplier, case.third), case)


# related parties


def silent_sisters(world: World, chance: Random, case: Case) -> Process:
    """The register knows their parent; they do not say it."""
    parent = lei_of(f"parent of {case.supplier}")
    for sister in (case.supplier, case.buyer):
        world.do(REGULATOR, "affiliation.record", organisation=sister, ultimate_parent=parent)
    case.tries("")
    yield from deal(world, chance, case.habits)


def one_account(world: World, chance: Random, case: Case) -> Process:
    """Both are paid to one account."""
    account = f"NL{chance.randrange(10**15):015}"
    for sister in (case.supplier, case.buyer):
        world.do(sister, "payee.nominate", currency=CURRENCY, account=account)
    case.tries("")
    yield from deal(world, chance, case.habits)


def one_address(world: World, chance: Random, case: Case) -> Process:
    """Both sit behind one door."""
    street = f"{chance.randrange(1, 200)} Harbour Road, Rotterdam"
    for sister, address in ((case.supplier, street), (case.buyer, street.upper().replace(",", " "))):
        world.do(REGULATOR, "affiliation.record", organisation=sister, address=address)
    case.tries("")
    yield from deal(world, chance, case.habits)


# backdating


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


# shipments used again


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


# credit notes after finance


def credits_after_sale(world: World, chance: Random, case: Case) -> Process:
    """Sold, paid out, and then credited, again and again within two months."""
    for _ in range(5):
        fields = confirmed(world, chance, case)
        world.finance(case.supplier, fields["invoice"])
        yield chance.randrange(2, 8)
        world.credit(case.supplier, fields, round(fields["gross"] * chance.uniform(0.3, 0.6)))
        case.tries("")
        yield chance.randrange(1, 5)


# ageing by re-invoicing


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


# splits into dust


def issue_certificate(world: World, case: Case, **changes: Any) -> dict[str, Any]:
    """The buyer's certificate, accepted by the supplier; how its leaf 0 is named."""
    number = world.number("CERT")
    terms = {
        "payee": case.supplier,
        "currency": CURRENCY,
        "amount": 10_000_000,
        "maturity": world.date(90),
        "cut_off_days": 3,
        "smallest": 100_000,
        "highest_tier": 2,
        "invoice": "",
        **changes,
    }
    world.do(case.buyer, "certificate.issue", certificate=number, **terms)
    leaf = {"obligor": case.buyer, "certificate": number, "leaf": 0}
    world.do(case.supplier, "certificate.accept", **leaf)
    return leaf


def dust(world: World, chance: Random, case: Case) -> Process:
    """Split below the smallest piece."""
    leaf = issue_certificate(world, case)
    yield 1
    small = chance.randrange(1, 100_000)
    amounts = (10_000_000 - small, small)
    case.tries(world.attempt(case.supplier, "certificate.split", **leaf, amounts=amounts))


def too_deep(world: World, chance: Random, case: Case) -> Process:
    """Passed on below the last tier."""
    leaf = issue_certificate(world, case, highest_tier=1)
    yield chance.randrange(1, 5)
    to = {"to": case.third, "expires": world.date(5)}
    case.tries(world.attempt(case.supplier, "certificate.transfer", **leaf, **to))


# peeking at bids


def auction(world: World, case: Case, fields: dict[str, Any]) -> dict[str, Any]:
    """An auction of an invoice; how it is named."""
    number = world.number("AUC")
    world.do(
        case.supplier,
        "auction.open",
        auction=number,
        invoice=fields["invoice"],
        commit_until=world.date(1),
        reveal_until=world.date(2),
        accept_until=world.date(4),
        fund_until=world.date(5),
        max_rate_ppm=120_000,
        min_amount=1,
    )
    return {"supplier": case.supplier, "auction": number}


def bid(
    world: World, case: Case, of: dict[str, Any], lender: str, rate_ppm: int, amount: int
) -> dict[str, Any]:
    """A lender's sealed bid, committed; how it is opened."""
    programme, salt = world.programme(lender, case.buyer), world.number("SALT").encode().ljust(32, b".")
    sealed = commitment(CHANNEL, (case.supplier, of["auction"], lender), (programme, rate_ppm, amount), salt)
    world.do(lender, "auction.bid", **of, commitment=sealed)
    return {**of, "programme": programme, "rate_ppm": rate_ppm, "amount": amount, "salt": salt}


def changed_bid(world: World, chance: Random, case: Case) -> Process:
    """A bidder waits until another has opened its bid, and opens a better one than it had sealed."""
    fields = confirmed(world, chance, case)
    of = auction(world, case, fields)
    first = bid(world, case, of, LENDER, 70_000, fields["gross"])
    second = bid(world, case, of, OTHER_LENDER, 90_000, fields["gross"])
    yield 2
    world.do(LENDER, "auction.reveal", **first)
    case.tries(world.attempt(OTHER_LENDER, "auction.reveal", **{**second, "rate_ppm": 69_999}))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def early_look(world: World, chance: Random, case: Case) -> Process:
    """A bid is to be opened while others may still bid."""
    fields = confirmed(world, chance, case)
    of = auction(world, case, fields)
    opened = bid(world, case, of, LENDER, 70_000, fields["gross"])
    yield 0
    case.tries(world.attempt(LENDER, "auction.reveal", **opened))
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


# the payee's account


def settle_account(world: World, case: Case, account: str) -> Process:
    """The supplier's account by two of its keys, and the wait."""
    world.do(case.supplier, "payee.nominate", currency=CURRENCY, account=account)
    world.do(f"{case.supplier}/second", "payee.approve", currency=CURRENCY, account=account)
    yield 3


def one_stolen_key(world: World, _: Random, case: Case) -> Process:
    """A thief of one key nominates its own account and approves it with the same key."""
    yield from settle_account(world, case, SELLERS_ACCOUNT)
    world.do(case.supplier, "payee.nominate", currency=CURRENCY, account=THIEFS_ACCOUNT)
    case.tries(world.attempt(case.supplier, "payee.approve", currency=CURRENCY, account=THIEFS_ACCOUNT))


def enrolled_key(world: World, _: Random, case: Case) -> Process:
    """It enrols another key with the stolen one, and approves with that."""
    yield from settle_account(world, case, SELLERS_ACCOUNT)
    spare = f"{case.supplier}/spare"
    world.do(case.supplier, "key.add", key=public_key(spare), name="spare")
    world.do(case.supplier, "payee.nominate", currency=CURRENCY, account=THIEFS_ACCOUNT)
    yield 1
    case.tries(world.attempt(spare, "payee.approve", currency=CURRENCY, account=THIEFS_ACCOUNT))


def paid_too_soon(world: World, chance: Random, case: Case) -> Process:
    """Two keys stolen: the bank is told to pay to the new account before it is in force."""
    yield from settle_account(world, case, SELLERS_ACCOUNT)
    fields = confirmed(world, chance, case)
    assert not world.offer(case.supplier, fields["invoice"])
    world.do(case.supplier, "payee.nominate", currency=CURRENCY, account=THIEFS_ACCOUNT)
    world.do(f"{case.supplier}/second", "payee.approve", currency=CURRENCY, account=THIEFS_ACCOUNT)
    yield 1
    case.tries(world.fund(case.supplier, fields["invoice"], payee=THIEFS_ACCOUNT))


# voided insurance


def insure(world: World, case: Case, days: int) -> str:
    """The supplier's policy on the buyer, paid for; its number."""
    number = world.number("POL")
    quote = {
        "policy": number,
        "assured": case.supplier,
        "currency": CURRENCY,
        "starts": world.today,
        "ends": world.date(days),
        "bind_by": world.date(5),
        "buyers": ({"buyer": case.buyer, "limit": 50_000_000, "suppliers": (case.supplier,)},),
        "maximum": 100_000_000,
        "insured_ppm": 900_000,
        "deductible": 10_000,
        "terms": {"pd_basis": "annual"},
    }
    premium = world.premium(quote)
    world.do(INSURER, "policy.quote", **quote, premium=premium)
    place = {"policy": number, "insurer": INSURER}
    world.do(case.supplier, "policy.bind", **place, premium=premium)
    booked = {"account": COLLECTION_ACCOUNT, "entry": world.number("E"), "date": world.today}
    world.do(BANK, "premium.attest", **place, **booked, amount=premium)
    return number


def notify(world: World, case: Case, policy: str, fields: dict[str, Any]) -> str:
    """The assured notifies an overdue invoice; the refusal's code, or empty."""
    return world.attempt(
        case.supplier,
        "claim.notify",
        claim=world.number("CLAIM"),
        insurer=INSURER,
        policy=policy,
        supplier=case.supplier,
        invoice=fields["invoice"],
        shipments=(),
    )


def late_notice(world: World, chance: Random, case: Case) -> Process:
    """A loss is kept from the insurer until its clock has run out."""
    policy = insure(world, case, 200)
    fields = confirmed(world, chance, case, term=20)
    yield from until_due(world, fields, chance.randrange(31, 60))
    case.tries(notify(world, case, policy, fields))
    world.pay(case.supplier, fields)


def shipped_uncovered(world: World, chance: Random, case: Case) -> Process:
    """What left after the cover had ended is claimed under it."""
    policy = insure(world, case, 5)
    yield 7
    fields = confirmed(world, chance, case, term=20)
    yield from until_due(world, fields, 5)
    case.tries(notify(world, case, policy, fields))
    world.pay(case.supplier, fields)


FRAUDS: tuple[Scheme, ...] = (
    Scheme("same invoice twice here", "under another number", billed_again, trades=False),
    Scheme("same invoice twice here", "sold to two lenders", sold_twice, trades=False),
    Scheme(
        "same invoice elsewhere", "as it is, renumbered or at another amount", pledged_elsewhere, trades=False
    ),
    Scheme("altered number or amount", "without an order", altered_without_order, SCREENING, ("near_match",)),
    Scheme(
        "altered number or amount", "by more than a percent or a week", altered_more, NOTHING, ("near_match",)
    ),
    Scheme("altered number or amount", "on its order", altered_on_order, trades=False),
    Scheme("fictitious invoice", "no goods", no_goods, trades=False),
    Scheme("fictitious invoice", "never confirmed", never_confirmed, trades=False),
    Scheme("fictitious invoice", "the buyer signs all of it", buyer_colludes, NOTHING, ("payment_missing",)),
    Scheme("forged confirmation", "by the supplier's key", confirms_itself, trades=False),
    Scheme("forged confirmation", "by another buyer's key", stranger_confirms, trades=False),
    Scheme("inflated invoice", "above the order", above_order, trades=False),
    Scheme("inflated invoice", "the order is inflated too", dear_order, SCREENING, ("price_outlier",)),
    Scheme("inflated invoice", "the order is a little dearer", little_dearer, NOTHING, ("price_outlier",)),
    Scheme(
        "seller keeps collections", "paid to its account", paid_to_seller, SCREENING, ("seller_collects",)
    ),
    Scheme(
        "seller keeps collections", "paid where no bank sees it", paid_unseen, SCREENING, ("payment_missing",)
    ),
    Scheme("round-tripping", "three in a ring", three_in_a_ring, SCREENING, ("round_trip",)),
    Scheme("round-tripping", "with a margin at each step", margin_at_each_step, NOTHING, ("round_trip",)),
    Scheme("round-tripping", "there and back", there_and_back, SCREENING, ("round_trip",)),
    Scheme("related party", "parent in the register only", silent_sisters, SCREENING, ("related_party",)),
    Scheme("related party", "one account", one_account, SCREENING, ("related_party",)),
    Scheme("related party", "one address", one_address, SCREENING, ("related_party",)),
    Scheme("backdating", "an old date", old_date, SCREENING, ("backdated",)),
    Scheme("backdating", "an old date, sold", old_date_sold, trades=False),
    Scheme("backdating", "a date to come", future_date, trades=False),
    Scheme("reused shipment", "the same logistic unit", same_unit, trades=False),
    Scheme(
        "credit note after finance", "again and again", credits_after_sale, SCREENING, ("dilution_trend",)
    ),
    Scheme("ageing by re-invoicing", "credited and billed anew", rebilled, SCREENING, ("rebilled",)),
    Scheme("ageing by re-invoicing", "billed anew after a month", rebilled_later, NOTHING, ("rebilled",)),
    Scheme("smurfing by splits", "below the smallest piece", dust, trades=False),
    Scheme("smurfing by splits", "below the last tier", too_deep, trades=False),
    Scheme("peeking at bids", "another bid than the sealed one", changed_bid, trades=False),
    Scheme("peeking at bids", "opened while others bid", early_look, trades=False),
    Scheme("changed payee account", "one stolen key", one_stolen_key, trades=False),
    Scheme("changed payee account", "a key enrolled for it", enrolled_key, trades=False),
    Scheme("changed payee account", "before it is in force", paid_too_soon, trades=False),
    Scheme("voided insurance", "notified late", late_notice, trades=False),
    Scheme("voided insurance", "shipped after the cover", shipped_uncovered, trades=False),
)
