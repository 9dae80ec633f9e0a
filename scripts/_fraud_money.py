"""Frauds with money, parties, promises and cover: the ways that somebody would try, each a process."""

from __future__ import annotations

from random import Random
from typing import Any

from _fraud_cases import Case
from _fraud_honest import deal, until_due
from _fraud_invoices import confirmed, financed
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

from contracts.market.bid import commitment

LENDERS_ACCOUNT, SELLERS_ACCOUNT = "DE89370400440532013000", "FR1420041010050500013M02606"
THIEFS_ACCOUNT = "GB29NWBK60161331926819"


def redirect(world: World, case: Case, lender: str = LENDER) -> None:
    """From now on the buyer pays to a lender's account, and has seen it."""
    place = {"currency": CURRENCY, "account": LENDERS_ACCOUNT}
    world.do(case.supplier, "redirection.propose", buyer=case.buyer, lender=lender, **place)
    world.do(lender, "redirection.agree", supplier=case.supplier, buyer=case.buyer, **place)
    world.do(case.buyer, "redirection.acknowledge", supplier=case.supplier, **place)


def paid_to_seller(world: World, chance: Random, case: Case) -> Process:
    """Redirected to the lender, and yet paid to the seller's account."""
    redirect(world, case)
    fields = yield from financed(world, chance, case)
    yield from until_due(world, fields, chance.randrange(5))
    world.pay(case.supplier, fields, account=SELLERS_ACCOUNT)
    case.tries("")


def redirected_for_another(world: World, chance: Random, case: Case) -> Process:
    """One lender has bought it, and the buyer is told to pay to the account of another."""
    fields = yield from financed(world, chance, case, term=120)
    yield chance.randrange(1, 10)
    redirect(world, case, OTHER_LENDER)
    case.tries("")
    yield from until_due(world, fields, 2)
    world.pay(case.supplier, fields)


def paid_unseen(world: World, chance: Random, case: Case) -> Process:
    """Paid to an account of the seller's at a bank that is not on this ledger."""
    fields = yield from financed(world, chance, case, term=30)
    yield from until_due(world, fields, 0)
    case.tries("")


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
    world.finance(made[0][0], made[0][1]["invoice"])
    case.tries("")
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
