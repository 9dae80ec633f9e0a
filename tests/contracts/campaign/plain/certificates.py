"""Operations of certificates: a promise, its leaves, who holds them, and what is paid on them."""

from __future__ import annotations

from campaign.plain.arithmetic import day_of, portions
from campaign.plain.world import CONFIRMED, Bill, Certificate, Leaf, Operation, World

PAYABLE = ("Held", "Sold", "Pledged", "Dishonoured", "WrittenOff")
OFFERED = ("TransferPending", "Reserved")
LONGEST_DAYS = 90
"""Days that an offer of any kind stands at most."""


def certificate_issue(world: World, signer: str, operation: Operation) -> None:
    maturity = day_of(operation["maturity"])
    cut_off = maturity - operation["cut_off_days"]
    assert cut_off > world.day, "nobody could take it"
    assert operation["amount"] >= operation["smallest"], "nobody could take it"
    payee, face = operation["payee"], operation["amount"]
    made = Certificate(
        payee,
        operation["currency"],
        face,
        maturity,
        cut_off,
        operation["smallest"],
        operation["highest_tier"],
        operation["invoice"],
        [Leaf(payee, face, 1, -1, expires=min(cut_off - 1, world.day + LONGEST_DAYS))],
    )
    if made.invoice:
        bill = _drawn_on(world, signer, made)
        others = [each for each in waiting(world) if (each.payee, each.invoice) == (payee, made.invoice)]
        assert not others, "invariant 5: promised twice"
        made.leaves[0].expires = min(made.leaves[0].expires, bill.due)
    world.certificates[signer, operation["certificate"]] = made


def _drawn_on(world: World, obligor: str, made: Certificate) -> Bill:
    bill = world.bills[made.payee, made.invoice]
    assert (bill.buyer, bill.currency) == (obligor, made.currency), "drawn on another's invoice"
    assert bill.is_sellable(), "invariant 4: drawn on more than is owed"
    assert made.face <= bill.owed, "invariant 4: drawn on more than is owed"
    assert world.day <= bill.due, "what is overdue is replaced by a later day"
    return bill


def waiting(world: World) -> list[Certificate]:
    """Certificates on invoices that their payees have not answered."""
    return [each for each in world.certificates.values() if each.invoice and each.leaves[0].state == "Issued"]


def end_promises(world: World) -> None:
    """What was issued in place of an invoice is void once it could not take that place."""
    for made in waiting(world):
        bill, leaf = world.bills[made.payee, made.invoice], made.leaves[0]
        is_unsold = bill.title in ("Free", "Reserved") and bill.state == CONFIRMED and not bill.contested
        if not is_unsold or bill.owed < made.face or bill.due < leaf.expires:
            _void(leaf)


def _void(leaf: Leaf) -> None:
    leaf.state, leaf.expires, leaf.is_frozen = "Void", 0, False


def _leaf(world: World, operation: Operation, *states: str) -> tuple[Certificate, Leaf]:
    made = world.certificates[operation["obligor"], operation["certificate"]]
    leaf = made.leaves[operation["leaf"]]
    assert leaf.state in states, f"the leaf is {leaf.state}"
    return made, leaf


def _moving(world: World, operation: Operation, *states: str) -> tuple[Certificate, Leaf]:
    """A leaf that may change hands today (invariant 18)."""
    made, leaf = _leaf(world, operation, *states)
    assert not leaf.is_frozen, "moved while it was stopped, or after the cut-off"
    assert world.day < made.cut_off, "moved while it was stopped, or after the cut-off"
    return made, leaf


def certificate_accept(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _moving(world, operation, "Issued", "TransferPending")
    assert signer == (leaf.offered_to or leaf.holder), "offered to another"
    if leaf.state == "Issued" and made.invoice:
        bill = _drawn_on(world, operation["obligor"], made)
        bill.offset += made.face
        bill.is_certificated = True
    elif leaf.state == "TransferPending":
        leaf.tier += 1
    leaf.holder, leaf.state = signer, "Held"
    leaf.offered_to, leaf.expires = "", 0


def certificate_decline(world: World, signer: str, operation: Operation) -> None:
    _, leaf = _leaf(world, operation, "Issued", *OFFERED)
    parties = (leaf.holder, leaf.offered_to or operation["obligor"])
    assert signer in parties, "no party to the offer"
    if leaf.state == "Issued":
        _void(leaf)
    else:
        _take_back(leaf)


def _take_back(leaf: Leaf) -> None:
    leaf.state, leaf.offered_to, leaf.expires = "Held", "", 0
    leaf.price = leaf.repay = 0


def certificate_split(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _moving(world, operation, "Held")
    amounts = operation["amounts"]
    assert signer == leaf.holder, "split by another"
    assert sum(amounts) == leaf.amount, "invariant 3: the pieces"
    assert min(amounts) >= made.smallest, "invariant 3: the pieces"
    leaf.state = "Split"
    made.leaves += [Leaf(signer, amount, leaf.tier, operation["leaf"], "Held") for amount in amounts]


def certificate_transfer(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _moving(world, operation, "Held")
    assert signer == leaf.holder, "passed on by another, or too far"
    assert leaf.tier < made.highest_tier, "passed on by another, or too far"
    _offer(made, leaf, "TransferPending", operation["to"], day_of(operation["expires"]))


def certificate_reserve(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _moving(world, operation, "Held")
    price, repay = operation["price"], operation["repay"]
    assert signer == leaf.holder, "offered by another, or too dear"
    assert price <= leaf.left, "offered by another, or too dear"
    assert not repay or price <= repay <= leaf.left, "a pledge for less than its price"
    _offer(made, leaf, "Reserved", operation["lender"], day_of(operation["expires"]))
    leaf.price, leaf.repay = price, repay


def _offer(made: Certificate, leaf: Leaf, state: str, to: str, expires: int) -> None:
    assert expires < made.cut_off, "it would stand beyond the cut-off"
    leaf.state, leaf.offered_to, leaf.expires = state, to, expires


def certificate_settle(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _moving(world, operation, "Reserved")
    assert (operation["price"], operation["repay"]) == (leaf.price, leaf.repay), "other terms"
    world.cash.pay(operation["bank"], signer, made.currency, [(leaf.holder, leaf.price)])
    _deliver(leaf, signer)


def certificate_fund(world: World, signer: str, operation: Operation) -> None:
    _, leaf = _moving(world, operation, "Reserved")
    assert operation["amount"] == leaf.price, "not the price"
    _deliver(leaf, operation["lender"])


def _deliver(leaf: Leaf, lender: str) -> None:
    assert leaf.offered_to == lender, "offered to another lender"
    leaf.offered_to, leaf.expires = "", 0
    if leaf.repay:
        leaf.state, leaf.lender = "Pledged", lender
    else:
        leaf.state, leaf.holder, leaf.is_bought = "Sold", lender, True


def certificate_release(world: World, signer: str, operation: Operation) -> None:
    _, leaf = _leaf(world, operation, "Pledged", "Dishonoured")
    assert leaf.lender == signer, "another's pledge"
    _free(leaf)


def certificate_repay(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _leaf(world, operation, "Pledged", "Dishonoured")
    assert leaf.holder == signer, "nothing to repay"
    assert leaf.lender, "nothing to repay"
    assert leaf.repay, "nothing to repay"
    world.cash.pay(operation["bank"], signer, made.currency, [(leaf.lender, leaf.repay)])
    _free(leaf)


def _free(leaf: Leaf) -> None:
    """Invariant 26: owner and amount as before the pledge."""
    leaf.state = "Held" if leaf.state == "Pledged" else leaf.state
    leaf.lender, leaf.price, leaf.repay = "", 0, 0


def certificate_redeem(world: World, signer: str, operation: Operation) -> None:
    made = world.certificates[signer, operation["certificate"]]
    owed = sum(leaf.left + leaf.given_up for leaf in made.leaves if leaf.state in PAYABLE)
    assert operation["amount"] <= owed, f"more than the {owed} that are left"
    shares = _pay(world, made, operation["amount"])
    world.cash.pay(operation["bank"], signer, made.currency, shares)


def certificate_collect(world: World, signer: str, operation: Operation) -> None:
    made = world.certificates[operation["obligor"], operation["certificate"]]
    owed = sum(leaf.left + leaf.given_up for leaf in made.leaves if leaf.state in PAYABLE)
    _pay(world, made, min(operation["amount"], owed))
    made.overpaid += max(0, operation["amount"] - owed)


def certificate_refund(world: World, signer: str, operation: Operation) -> None:
    made = world.certificates[operation["obligor"], operation["certificate"]]
    made.overpaid -= operation["amount"]
    assert made.overpaid >= 0, "more goes back than was paid too much"


def _pay(world: World, made: Certificate, amount: int) -> list[tuple[str, int]]:
    """Who gets what of the obligor's money: by what is left on each leaf, of a pledge its lender first."""
    assert world.day >= made.maturity, "paid before maturity"
    due = [leaf for leaf in made.leaves if leaf.state in PAYABLE]
    shares = []
    owed = [leaf.left + leaf.given_up for leaf in due]
    for leaf, part in zip(due, portions(amount, owed), strict=True):
        first = min(part, leaf.repay) if leaf.lender else 0
        shares += [(leaf.lender, first), (leaf.holder, part - first)]
        leaf.redeemed += part
        leaf.repay -= first
        leaf.given_up -= part if leaf.state == "WrittenOff" else 0
        if not leaf.left + leaf.given_up:
            leaf.state = "RedeemedLate" if leaf.state in ("Dishonoured", "WrittenOff") else "Redeemed"
            leaf.is_frozen = False
    return shares


def certificate_dishonour(world: World, signer: str, operation: Operation) -> None:
    made, leaf = _leaf(world, operation, "Held", "Sold", "Pledged")
    assert signer in (leaf.holder, leaf.lender), "not the holder, or too early"
    assert world.day > made.maturity, "not the holder, or too early"
    leaf.state = "Dishonoured"


def certificate_write_off(world: World, signer: str, operation: Operation) -> None:
    _, leaf = _leaf(world, operation, "Dishonoured")
    assert signer == leaf.holder, "not the holder, or pledged"
    assert not leaf.repay * bool(leaf.lender), "not the holder, or pledged"
    leaf.given_up, leaf.is_frozen = leaf.left, False
    leaf.state = "WrittenOff"


def certificate_freeze(world: World, signer: str, operation: Operation) -> None:
    _stop(world, operation, True)


def certificate_unfreeze(world: World, signer: str, operation: Operation) -> None:
    _stop(world, operation, False)


def _stop(world: World, operation: Operation, is_frozen: bool) -> None:
    made = world.certificates[operation["obligor"], operation["certificate"]]
    leaf = made.leaves[operation["leaf"]]
    assert leaf.left, "stopped for nothing"
    assert leaf.is_frozen != is_frozen, "stopped for nothing"
    leaf.is_frozen = is_frozen


def expire(world: World) -> None:
    """What is offered and not taken comes back after its last day; what was only issued is void."""
    for made in world.certificates.values():
        if made.leaves[0].state == "Issued" and made.leaves[0].expires < world.day:
            _void(made.leaves[0])
        for leaf in made.leaves:
            if leaf.state in OFFERED and leaf.expires < world.day:
                _take_back(leaf)
