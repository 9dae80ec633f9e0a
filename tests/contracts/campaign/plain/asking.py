"""Operations of requests for finance, and of settlements in a bank."""

from __future__ import annotations

from campaign.plain.arithmetic import day_of
from campaign.plain.claims import Claim
from campaign.plain.world import Operation, Receivable, Request, Settlement, World

# requests


def finance_request(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation, signer)
    assert bill.title == "Free", "finance is asked for what somebody has reserved"
    assert bill.owed, "finance is asked for nothing"
    assert _open_on(world, (signer, operation["invoice"])) is None, "asked twice at a time"
    asked = operation["programmes"]
    assert len(set(asked)) == len(asked), "one is asked twice"
    assert all(world.programmes[name].payables is None for name in asked), "a buyer's programme is asked"
    expires = day_of(operation["expires"])
    assert expires >= world.day, "a request of the past"
    answers = dict.fromkeys(asked, "Asked")
    world.requests[signer, operation["request"]] = Request(operation["invoice"], expires, answers)


def _open_on(world: World, place: Receivable) -> Request | None:
    return next(
        (
            found
            for (supplier, _), found in world.requests.items()
            if (supplier, found.invoice) == place and found.state == "Open"
        ),
        None,
    )


def financed(world: World, place: Receivable) -> None:
    """The supplier has its money promised: what it has asked for is answered."""
    found = _open_on(world, place)
    if found is not None:
        found.state = "Accepted"


def _asked(world: World, signer: str, operation: Operation) -> Request:
    found, name = world.requests[operation["supplier"], operation["request"]], operation["programme"]
    assert found.state == "Open", f"the request is {found.state}"
    assert world.programmes[name].lender == signer, "another lender's programme"
    assert found.answers[name] != "Declined", "an answer after a no"
    return found


def request_quote(world: World, signer: str, operation: Operation) -> None:
    found, advance = _asked(world, signer, operation), operation["advance"]
    assert advance <= world.bills[operation["supplier"], found.invoice].owed, "more than is owed"
    assert advance > operation["discount"] + operation["fee"], "nothing is paid out"
    found.answers[operation["programme"]] = "Quoted"


def request_decline(world: World, signer: str, operation: Operation) -> None:
    found = _asked(world, signer, operation)
    found.answers[operation["programme"]] = "Declined"
    if set(found.answers.values()) == {"Declined"}:
        found.state = "Refused"


def request_withdraw(world: World, signer: str, operation: Operation) -> None:
    found = world.requests[signer, operation["request"]]
    assert found.state == "Open", f"the request is {found.state}"
    found.state = "Withdrawn"


def expire(world: World) -> None:
    """Requests end with their last day."""
    for found in world.requests.values():
        if found.state == "Open" and found.expires < world.day:
            found.state = "Expired"


# settlements


def settlement_create(world: World, signer: str, operation: Operation) -> None:
    claim = world.bill(operation).claim
    assert claim is not None, "no offer stands"
    assert not claim.is_paid, "no offer stands"
    assert [part.lender for part in claim.parts] == [signer], "another lender's offer"
    assert settlement_of(world, claim) is None, "settled twice"
    world.settlements[signer, operation["settlement"]] = Settlement(
        operation["bank"],
        operation["supplier"],
        operation["invoice"],
        claim.paid_out,
        claim,
        "AssetHeld" if claim.is_accepted else "Created",
    )


def settlement_of(world: World, claim: Claim) -> Settlement | None:
    """The settlement of an offer, if its lender has made one."""
    return next((found for found in world.settlements.values() if found.claim is claim), None)


def _of_bank(world: World, signer: str, operation: Operation, state: str) -> Settlement:
    found = world.settlements[operation["lender"], operation["settlement"]]
    assert found.bank == signer, "another bank's settlement"
    assert found.state == state, f"the settlement is {found.state}"
    assert found.amount == operation["amount"], f"the settlement is of {found.amount}"
    return found


def settlement_attest(world: World, signer: str, operation: Operation) -> None:
    found = _of_bank(world, signer, operation, "AssetHeld")
    found.state, found.has_cash = "CashHeld", True


def settlement_return(world: World, signer: str, operation: Operation) -> None:
    found = _of_bank(world, signer, operation, "Expired")
    assert found.has_cash, "no money was held"
    found.state = "Returned"
