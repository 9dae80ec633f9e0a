"""Operations of custody accounts, deposits, redemptions and exchanges."""

from __future__ import annotations

from campaign.plain.arithmetic import up
from campaign.plain.deposits import BLOCKED, CLOSED, OPEN, Place
from campaign.plain.world import Exchange, Operation, World


def _of_client(signer: str, operation: Operation) -> Place:
    return signer, operation["client"], operation["currency"]


def custody_open(world: World, signer: str, operation: Operation) -> None:
    world.cash.open(_of_client(signer, operation))


def custody_block(world: World, signer: str, operation: Operation) -> None:
    world.cash.status[_of_client(signer, operation)] = BLOCKED


def custody_unblock(world: World, signer: str, operation: Operation) -> None:
    world.cash.status[_of_client(signer, operation)] = OPEN


def custody_close(world: World, signer: str, operation: Operation) -> None:
    place = _of_client(signer, operation)
    assert not world.cash.free[place] + world.cash.held()[place], f"{place} was closed with money on it"
    world.cash.status[place] = CLOSED


def deposit_mint(world: World, signer: str, operation: Operation) -> None:
    world.cash.give(_of_client(signer, operation), operation["amount"])
    _issue(world, signer, operation["currency"], operation["amount"])


def _issue(world: World, bank: str, currency: str, amount: int) -> None:
    world.issued[bank, currency] = world.issued.get((bank, currency), 0) + amount


def deposit_transfer(world: World, signer: str, operation: Operation) -> None:
    payees = [(operation["payee"], operation["amount"])]
    world.cash.pay(operation["bank"], signer, operation["currency"], payees)


def redemption_request(world: World, signer: str, operation: Operation) -> None:
    bank, currency, amount = operation["bank"], operation["currency"], operation["amount"]
    world.redemptions[signer, operation["redemption"]] = (bank, currency, amount)
    purpose = ("redemption", signer, operation["redemption"])
    world.cash.set_aside(purpose, (bank, signer, currency), amount)


def redemption_pay(world: World, signer: str, operation: Operation) -> None:
    client, number = operation["client"], operation["redemption"]
    asked = world.redemptions.pop((client, number))
    assert asked == (signer, operation["currency"], operation["amount"]), f"asked for was {asked}"
    place, amount = world.cash.spend(("redemption", client, number))
    assert world.cash.can_leave(place), "paid out of a blocked account"
    _issue(world, signer, operation["currency"], -amount)


def redemption_decline(world: World, signer: str, operation: Operation) -> None:
    client, number = operation["client"], operation["redemption"]
    assert world.redemptions.pop((client, number))[0] == signer, "another bank's client"
    world.cash.give_back(("redemption", client, number))


# exchanges, of currencies with as many digits as each other


def exchange_request(world: World, signer: str, operation: Operation) -> None:
    sold = (operation["sold_bank"], operation["sold_currency"], operation["sold"])
    bought = (operation["bought_bank"], operation["bought_currency"])
    assert sold[1] != bought[1], "one currency for itself"
    asked = Exchange(operation["maker"], sold, bought, world.day)
    world.exchanges[signer, operation["exchange"]] = asked


def exchange_quote(world: World, signer: str, operation: Operation) -> None:
    asked = world.exchanges[operation["taker"], operation["exchange"]]
    assert (asked.maker, asked.state) == (signer, "Requested"), "not asked for a rate"
    bank, currency, amount = asked.sold
    purpose = ("exchange", operation["taker"], operation["exchange"])
    world.cash.set_aside(purpose, (bank, signer, currency), amount)
    rate = operation["rate"]
    asked.price, asked.fee = up(amount * rate["numerator"], rate["denominator"]), operation["fee"]
    assert operation["bought"] == asked.price, f"at that rate it costs {asked.price}"
    asked.state = "Quoted"


def exchange_accept(world: World, signer: str, operation: Operation) -> None:
    asked = world.exchanges[signer, operation["exchange"]]
    assert asked.state == "Quoted", "no quote stands"
    world.cash.pay_aside(("exchange", signer, operation["exchange"]), signer)
    assert (operation["bought"], operation["fee"]) == (asked.price, asked.fee), "not the price of the quote"
    payees = [(asked.maker, asked.price + asked.fee)]
    world.cash.pay(asked.bought[0], signer, asked.bought[1], payees)
    asked.state = "Settled"


def exchange_decline(world: World, signer: str, operation: Operation) -> None:
    place = (operation["taker"], operation["exchange"])
    assert signer in (place[0], world.exchanges[place].maker), "no party to it"
    assert world.exchanges[place].state in ("Requested", "Quoted"), "nothing to decline"
    _end(world, place, "Declined")


def _end(world: World, place: tuple[str, str], state: str) -> None:
    if world.exchanges[place].state == "Quoted":
        world.cash.give_back(("exchange", *place))
    world.exchanges[place].state = state


def expire(world: World) -> None:
    """An exchange stands for the business day."""
    for place, asked in world.exchanges.items():
        if asked.state in ("Requested", "Quoted") and asked.day < world.day:
            _end(world, place, "Expired")
