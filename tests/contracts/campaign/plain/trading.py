"""Operations of invoices, credit notes and payments, early payment and default."""

from __future__ import annotations

from campaign.plain import insuring, lending
from campaign.plain.arithmetic import MILLION, day_of, up
from campaign.plain.world import (
    CANCELLED,
    CONFIRMED,
    DISPUTED,
    REJECTED,
    SUBMITTED,
    Bill,
    Early,
    Operation,
    Receivable,
    World,
)


def invoice_submit(world: World, signer: str, operation: Operation) -> None:
    world.bills[signer, operation["invoice"]] = Bill(
        operation["buyer"],
        operation["currency"],
        operation["gross"],
        day_of(operation["issue_date"]),
        world.day,
        day_of(operation["due_date"]),
        operation["order"],
    )


def _of_buyer(world: World, signer: str, operation: Operation) -> Bill:
    bill = world.bill(operation)
    assert bill.buyer == signer, "invariant 17: only the buyer of the invoice says this"
    return bill


def invoice_confirm(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    assert bill.state != CONFIRMED or bill.contested, "it was confirmed, and is not contested"
    less = bill.open - (operation["net"] - bill.paid - bill.offset)
    assert 0 <= less <= bill.owed, "more than was billed, or less than was paid"
    due = day_of(operation["due_date"])
    assert bill.issued <= due <= bill.due, "a later due date than the supplier's"
    place = (operation["supplier"], operation["invoice"])
    if bill.state == CONFIRMED:
        assert less <= bill.contested, "more is taken off than was contested"
        lending.changed(world, place, less)
    bill.credited += less
    bill.state, bill.contested, bill.due = CONFIRMED, 0, due
    lending.settled(world, place)


def invoice_confirm_many(world: World, signer: str, operation: Operation) -> None:
    for said in operation["invoices"]:
        invoice_confirm(world, signer, {**said, "supplier": operation["supplier"]})


def invoice_dispute(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    assert bill.approval is None, "an undertaking is disputed"
    assert not bill.contested, "disputed twice"
    assert operation["amount"] <= bill.owed, "more is disputed than is owed"
    lending.changed(world, (operation["supplier"], operation["invoice"]))
    bill.contested = operation["amount"]
    bill.state = DISPUTED if bill.state == SUBMITTED else bill.state


def dispute_withdraw(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    assert bill.state == DISPUTED or bill.contested, "nothing is disputed"
    bill.contested = 0
    bill.state = SUBMITTED if bill.state == DISPUTED else bill.state


def invoice_reject(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    assert bill.state != CONFIRMED, "the buyer owes it by its own word"
    _void(bill, REJECTED)


def invoice_cancel(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation, signer)
    assert not bill.is_defaulted, "cancelled in default"
    assert not bill.credited_over, "credits of it stand for other invoices"
    _void(bill, CANCELLED)


def _void(bill: Bill, state: str) -> None:
    assert bill.title == "Free", "somebody has a claim on it"
    assert not bill.paid + bill.offset, "money stands against it"
    bill.credited += bill.owed
    bill.state, bill.contested = state, 0


def credit_issue(world: World, signer: str, operation: Operation) -> None:
    bill, amount = world.bill(operation, signer), operation["amount"]
    assert amount <= bill.gross - bill.credited - bill.credited_over - bill.given_up, (
        "more is credited than is owed"
    )
    world.credits[signer, operation["credit"]] = (operation["invoice"], amount, amount)


def credit_accept(world: World, signer: str, operation: Operation) -> None:
    note = (operation["supplier"], operation["credit"])
    invoice, amount, _ = world.credits[note]
    place = (operation["supplier"], invoice)
    bill = _of_buyer(world, signer, {**operation, "invoice": invoice})
    assert amount <= bill.gross - bill.credited - bill.credited_over - bill.given_up, (
        "more is credited than is owed"
    )
    taken = min(amount, bill.owed) if bill.approval is None else 0
    if taken:
        lending.changed(world, place, taken)
        bill.credited += taken
        lending.settled(world, place)
    bill.contested = min(bill.contested, bill.owed)
    bill.credited_over += amount - taken
    world.credits[note] = (invoice, amount, amount - taken)


def credit_apply(world: World, signer: str, operation: Operation) -> None:
    note, amount = (operation["supplier"], operation["credit"]), operation["amount"]
    bill = _of_buyer(world, signer, operation)
    invoice, whole, left = world.credits[note]
    assert amount <= min(left, bill.owed), "more is set off than is left"
    assert bill.held is None, "set off against a lender"
    assert bill.approval is None, "set off against an undertaking"
    lending.changed(world, (operation["supplier"], operation["invoice"]))
    bill.offset += amount
    bill.contested = min(bill.contested, bill.owed)
    world.credits[note] = (invoice, whole, left - amount)


def payment_attest(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation)
    assert (operation["payer"], operation["currency"]) == (bill.buyer, bill.currency), (
        "another payer, or money"
    )
    assert bill.open, "paid on what is settled"
    amount = min(operation["amount"], bill.open)
    receive(world, (operation["supplier"], operation["invoice"]), amount, day_of(operation["date"]))
    bill.unapplied += operation["amount"] - amount


def payment_make(world: World, signer: str, operation: Operation) -> None:
    bill, amount = _of_buyer(world, signer, operation), operation["amount"]
    assert amount <= bill.open, "more than is owed"
    assert operation["currency"] == bill.currency, "invariant 9: another currency"
    shares = receive(world, (operation["supplier"], operation["invoice"]), amount, world.day)
    world.cash.pay(operation["bank"], signer, bill.currency, shares)


def receive(world: World, place: Receivable, amount: int, day: int) -> list[tuple[str, int]]:
    """The buyer's money on a receivable: who gets what of it."""
    lending.changed(world, place)
    bill = world.bills[place]
    shares = [(place[0], amount)]
    if bill.held is not None:
        insurers = insuring.taken_over(world, *place, amount)
        bill.held.insurers -= insurers
        shares = [(place[0], insurers), *bill.held.collect(place[0], amount - insurers, day)]
    assert sum(share for _, share in shares) == amount, "money is lost between the parties"
    if bill.given_up:
        bill.given_up -= amount
    bill.paid += amount
    bill.contested = min(bill.contested, bill.owed)
    lending.settled(world, place)
    return shares


def refund_pay(world: World, signer: str, operation: Operation) -> None:
    bill = world.bills[signer, operation["invoice"]]
    _refund(bill, operation["amount"])
    world.cash.pay(operation["bank"], signer, bill.currency, [(bill.buyer, operation["amount"])])


def refund_attest(world: World, signer: str, operation: Operation) -> None:
    _refund(world.bills[operation["supplier"], operation["invoice"]], operation["amount"])


def _refund(bill: Bill, amount: int) -> None:
    assert amount <= bill.unapplied, "more goes back than was paid too much"
    bill.unapplied -= amount


def early_offer(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    assert bill.is_sellable(), f"{bill.title} {bill.state} is offered early payment"
    before = bill.early
    assert before is None or before.state not in ("Offered", "Accepted"), "two offers at a time"
    steps = [(day_of(step["until"]), step["discount_ppm"]) for step in operation["steps"]]
    bill.early = Early(bill.owed, steps, steps[-1][0])


def early_accept(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation, signer)
    found = bill.early
    assert found is not None, "no offer stands"
    assert found.state == "Offered", "no offer stands"
    assert world.day <= found.until, "no offer stands"
    assert bill.is_sellable(), "a lender has reserved it"
    found.until, ppm = next(step for step in found.steps if world.day <= step[0])
    found.discount, found.state = up(found.net * ppm, MILLION), "Accepted"
    assert operation["paid"] == found.net - found.discount, f"the discount is {found.discount}"


def early_pay(world: World, signer: str, operation: Operation) -> None:
    bill = _of_buyer(world, signer, operation)
    found, place = bill.early, (operation["supplier"], operation["invoice"])
    assert found is not None, "nothing was accepted"
    assert found.state == "Accepted", "nothing was accepted"
    assert world.day <= found.until, "nothing was accepted"
    assert bill.is_sellable(), "a lender has reserved it"
    bill.credited += found.discount
    shares = receive(world, place, bill.owed, world.day)
    world.cash.pay(operation["bank"], signer, bill.currency, shares)
    found.state = "Paid"


def early_withdraw(world: World, signer: str, operation: Operation) -> None:
    bill = world.bills[operation["supplier"], operation["invoice"]]
    assert signer in (bill.buyer, operation["supplier"]), "no party to it"
    assert bill.early is not None, "no offer stands"
    assert bill.early.state == "Offered", "no offer stands"
    bill.early.state = "Withdrawn"


def _of_holder(world: World, signer: str, operation: Operation) -> Bill:
    bill = world.bill(operation)
    holder = operation["supplier"] if bill.held is None else bill.held.agent
    assert signer == holder, f"invariant 18: the holder of record is {holder}"
    assert bill.state == CONFIRMED, "in default on what is disputed"
    assert not bill.contested, "in default on what is disputed"
    return bill


def default_declare(world: World, signer: str, operation: Operation) -> None:
    bill = _of_holder(world, signer, operation)
    least = 90 if bill.held is None else bill.held.default_days
    assert world.day - bill.due >= least, f"declared {world.day - bill.due} days past due, not {least}"
    assert bill.owed, "nothing to be in default on"
    assert not bill.is_defaulted, "nothing to be in default on"
    lending.changed(world, (operation["supplier"], operation["invoice"]))
    bill.is_defaulted = True


def default_write_off(world: World, signer: str, operation: Operation) -> None:
    bill = _of_holder(world, signer, operation)
    assert bill.is_defaulted, "written off without a default"
    assert bill.owed, "written off without a default"
    bill.given_up = bill.owed
    if bill.held is not None:
        bill.held.is_given_up = True


def expire(world: World) -> None:
    """Offers of early payment end with their last day."""
    for bill in world.bills.values():
        found = bill.early
        if found is not None and found.state in ("Offered", "Accepted") and found.until < world.day:
            found.state = "Expired"
