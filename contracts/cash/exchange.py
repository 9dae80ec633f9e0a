"""Payment versus payment: two currencies change hands between two deposits, both legs or none.

    ("exchange", taker, exchange) -> Exchange

The taker asks for an amount of one currency, paid in another; the maker quotes a rate, which sets its
currency aside; the taker's acceptance moves both legs in one operation. The two currencies may lie at two
banks. What the two sign is final on commit: no leg waits for a correspondent.

The taker pays up(sold x rate) + fee in the minor unit of the bought currency. The rate is a fraction of whole
units; rounding up leaves less than one minor unit with the maker, on its deposit like the rest.

A quote ends at its block time, and with the business day at the latest: the date's advance releases what was
set aside (invariant 14).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import expiry
from contracts.cash import deposit
from contracts.cash.custody import account_of, check_open
from contracts.cash.deposit import Purpose
from contracts.context import Context, organisation_key
from contracts.errors import refuse
from contracts.fields import Amount, Currency, ExchangeNumber, Operation, OrganisationId, Part, PositiveAmount
from contracts.lifecycle import LifeCycle, Transition
from ledger.money import Money, checked_amount, currency_digits, divide_up
from ledger.state.overlay import Reader, state_key

EXCHANGE = "exchange"
ENDS = "business day ends"

STATUS = LifeCycle(
    "exchange",
    "status",
    ("Requested", "Quoted", "Settled", "Declined", "Expired"),
    (
        Transition("exchange.quote", "Requested", "Quoted"),
        Transition("exchange.accept", "Quoted", "Settled", "both legs move"),
        Transition("exchange.decline", "Requested", "Declined"),
        Transition("exchange.decline", "Quoted", "Declined", "by the taker, or once the quote has run out"),
        Transition(ENDS, "Requested", "Expired"),
        Transition(ENDS, "Quoted", "Expired"),
    ),
)
REQUESTED, QUOTED, SETTLED, DECLINED, EXPIRED = range(5)

MAX_RATE_PART = 10**12
"""Bound of a rate's numerator and denominator."""
MAX_QUOTE_MS = 86_400_000
"""Milliseconds that a quote may stand: a day."""


class Exchange(NamedTuple):
    """State value of an exchange. Amounts in minor units, block times in milliseconds since 1970."""

    status: int
    """Place in `STATUS.states`."""
    maker: str
    sold_bank: str
    sold_currency: str
    sold: int
    """What the taker gets from the maker."""
    bought_bank: str
    bought_currency: str
    bought: int
    """What the taker pays for it, without the fee; 0 until it is quoted."""
    fee: int
    """What the taker pays on top, in the bought currency."""
    rate: tuple[int, int]
    """(numerator, denominator): whole units of the bought currency for one of the sold currency."""
    mid: tuple[int, int]
    """The middle of the market as the maker states it: what the cost is measured against."""
    expires_ms: int
    requested_ms: int
    quoted_ms: int
    settled_ms: int
    sold_entry: int
    """Line of the maker's statement by which its leg left, 0 before: see `contracts.cash.bank`."""
    bought_entry: int


class Fraction(Part):
    """A rate of two currencies as a fraction of whole units: 1.0847 USD for 1 EUR is 10847/10000."""

    numerator: int = Field(ge=1, le=MAX_RATE_PART, description="units of the currency that is paid")
    denominator: int = Field(ge=1, le=MAX_RATE_PART, description="units of the currency that is got")


class ExchangeRequest(Operation):
    """A client asks for an amount of one currency, to be paid for in another."""

    op: Literal["exchange.request"]
    exchange: ExchangeNumber
    maker: OrganisationId = Field(description="who is asked for a rate")
    sold_bank: OrganisationId = Field(description="bank at which the wanted currency arrives")
    sold_currency: Currency = Field(description="currency wanted; ISO 4217 code")
    sold: PositiveAmount = Field(description="amount wanted; minor units of the wanted currency")
    bought_bank: OrganisationId = Field(description="bank at which it is paid for")
    bought_currency: Currency = Field(description="currency to pay with; ISO 4217 code")


class ExchangeQuote(Operation):
    """The maker quotes a rate; what it sells is set aside until the quote is answered or has run out."""

    op: Literal["exchange.quote"]
    exchange: ExchangeNumber
    taker: OrganisationId
    rate: Fraction = Field(description="price of one unit of the wanted currency")
    mid: Fraction = Field(description="middle of the market now, by which the cost is measured")
    bought: PositiveAmount = Field(description="wanted amount x rate, rounded up; minor units")
    fee: Amount = Field(description="on top of it; minor units of the currency paid")
    expires_ms: int = Field(
        ge=0, le=2**53, description="block time after which it is void; milliseconds since 1970"
    )


class ExchangeAccept(Operation):
    """The client accepts the quote: both legs move, or none."""

    op: Literal["exchange.accept"]
    exchange: ExchangeNumber
    bought: PositiveAmount = Field(description="amount of the quote; minor units")
    fee: Amount = Field(description="fee of the quote; minor units")


class ExchangeDecline(Operation):
    """The client, or the maker without a standing quote, ends an exchange."""

    op: Literal["exchange.decline"]
    exchange: ExchangeNumber
    taker: OrganisationId


def exchange_key(taker: str, number: str) -> bytes:
    """State key of an exchange."""
    return state_key("exchange", taker, number)


def read_exchange(state: Reader, taker: str, number: str) -> Exchange | None:
    """The exchange, if there is one."""
    value = state.get(exchange_key(taker, number))
    return None if value is None else Exchange._make(value)


def _and_fee(found: Exchange, bought: int, fee: int) -> str:
    return f"{Money(bought, found.bought_currency)} and {Money(fee, found.bought_currency)}"


def price(sold: int, sold_currency: str, bought_currency: str, rate: tuple[int, int]) -> int:
    """What an amount costs at a rate, rounded up to the minor unit of the bought currency."""
    numerator = sold * rate[0] * 10 ** currency_digits(bought_currency)
    return divide_up(numerator, rate[1] * 10 ** currency_digits(sold_currency))


def _purpose(taker: str, number: str) -> Purpose:
    return Purpose(EXCHANGE, taker, number)


def _put(context: Context, taker: str, number: str, found: Exchange) -> None:
    context.put(exchange_key(taker, number), tuple(found))


def request(context: Context, operation: ExchangeRequest) -> None:
    """Asked by the client, who has an account for each leg."""
    taker, number = context.actor, operation.exchange
    if read_exchange(context.state, taker, number) is not None:
        raise refuse("duplicate_number", "exchange number used", field="exchange", found=number)
    if operation.maker == taker:
        raise refuse("same_party", "an exchange with oneself", field="maker", found=taker)
    if context.get(organisation_key(operation.maker)) is None:
        raise refuse("unknown_organisation", "no such maker", field="maker", found=operation.maker)
    if operation.sold_currency == operation.bought_currency:
        raise refuse(
            "same_currency", "one currency for itself", field="bought_currency", found=operation.sold_currency
        )
    for bank_id, currency, leaves in (
        (operation.sold_bank, operation.sold_currency, False),
        (operation.bought_bank, operation.bought_currency, True),
    ):
        check_open(account_of(context, bank_id, taker, currency), taker, leaves=leaves)
    expiry.schedule(context, (EXCHANGE, taker, number), context.day)
    asked = Exchange(
        REQUESTED,
        operation.maker,
        operation.sold_bank,
        operation.sold_currency,
        operation.sold,
        operation.bought_bank,
        operation.bought_currency,
        0,
        0,
        (0, 1),
        (0, 1),
        0,
        context.time_ms,
        0,
        0,
        0,
        0,
    )
    _put(context, taker, number, asked)


def _found(context: Context, taker: str, number: str) -> Exchange:
    found = read_exchange(context.state, taker, number)
    if found is None:
        raise refuse("unknown_exchange", "no such exchange", field="exchange", found=number)
    return found


def quote(context: Context, operation: ExchangeQuote) -> None:
    """Quoted by the maker: what it sells is set aside."""
    taker, number = operation.taker, operation.exchange
    found = _found(context, taker, number)
    if found.maker != context.actor:
        raise refuse("not_party", "not asked for a rate", field="signer", found=context.actor)
    status = STATUS.after(found.status, operation.op)
    if not context.time_ms < operation.expires_ms <= context.time_ms + MAX_QUOTE_MS:
        raise refuse(
            "quote_time",
            "the quote would stand too long, or not at all",
            field="expires_ms",
            found=operation.expires_ms,
            expected=f"after {context.time_ms}, at most {MAX_QUOTE_MS} ms later",
        )
    rate = (operation.rate.numerator, operation.rate.denominator)
    bought = checked_amount(price(found.sold, found.sold_currency, found.bought_currency, rate), "bought")
    if operation.bought != bought:
        raise refuse(
            "rate_mismatch",
            "not the wanted amount at that rate",
            field="bought",
            found=Money(operation.bought, found.bought_currency),
            expected=Money(bought, found.bought_currency),
        )
    account_of(context, found.bought_bank, context.actor, found.bought_currency)
    deposit.hold(
        context,
        bank_id=found.sold_bank,
        owner=context.actor,
        currency=found.sold_currency,
        amount=found.sold,
        purpose=_purpose(taker, number),
    )
    quoted = found._replace(
        status=status,
        bought=bought,
        fee=operation.fee,
        rate=rate,
        mid=(operation.mid.numerator, operation.mid.denominator),
        expires_ms=operation.expires_ms,
        quoted_ms=context.time_ms,
    )
    _put(context, taker, number, quoted)


def accept(context: Context, operation: ExchangeAccept) -> None:
    """Accepted by the client: what the maker has set aside and what the client pays change hands."""
    taker, number = context.actor, operation.exchange
    found = _found(context, taker, number)
    status = STATUS.after(found.status, operation.op)
    if context.time_ms > found.expires_ms:
        raise refuse(
            "quote_expired",
            "the quote has run out",
            field="exchange",
            found=f"block time {context.time_ms}",
            expected=f"at most {found.expires_ms}",
        )
    if (operation.bought, operation.fee) != (found.bought, found.fee):
        raise refuse(
            "amount_mismatch",
            "not the amounts of the quote",
            field="bought",
            found=_and_fee(found, operation.bought, operation.fee),
            expected=_and_fee(found, found.bought, found.fee),
        )
    purpose = _purpose(taker, number)
    sold = deposit.pay_held(context, payees=((taker, found.sold),), purpose=purpose)
    bought = deposit.pay(
        context,
        bank_id=found.bought_bank,
        payer=taker,
        currency=found.bought_currency,
        payees=((found.maker, found.bought + found.fee),),
        purpose=purpose,
    )
    expiry.cancel(context, (EXCHANGE, taker, number))
    settled = found._replace(
        status=status, settled_ms=context.time_ms, sold_entry=sold.entry, bought_entry=bought.entry
    )
    _put(context, taker, number, settled)


def decline(context: Context, operation: ExchangeDecline) -> None:
    """Ended by the client at any time; by the maker unless a quote of its stands."""
    taker, number = operation.taker, operation.exchange
    found = _found(context, taker, number)
    if context.actor not in (taker, found.maker):
        raise refuse("not_party", "not a party to the exchange", field="signer", found=context.actor)
    status = STATUS.after(found.status, operation.op)
    if context.actor != taker and found.status == QUOTED and context.time_ms <= found.expires_ms:
        raise refuse(
            "quote_stands",
            "the quote binds its maker",
            field="exchange",
            found=number,
            expected=f"block time after {found.expires_ms}",
        )
    _end(context, taker, number, found, status)


def expire(context: Context, taker: str, number: str) -> None:
    """The business day is over: what was set aside is available again."""
    found = _found(context, taker, number)
    _end(context, taker, number, found, STATUS.after(found.status, ENDS))


def _end(context: Context, taker: str, number: str, found: Exchange, status: int) -> None:
    if found.status == QUOTED:
        deposit.release(context, _purpose(taker, number))
    expiry.cancel(context, (EXCHANGE, taker, number))
    _put(context, taker, number, found._replace(status=status))
