"""Sealed-bid auctions of a confirmed invoice: several lenders may take parts of it, all at one rate.

    ("auction", supplier, auction)   -> Auction
    ("auctioned", supplier, invoice) -> the number of the auction that the invoice is in, while it is

| phase | business date | who does what |
|---|---|---|
| Commit | up to `commit_until` | lenders send hashes of their bids (`contracts.market.bid`) |
| Reveal | after that, up to `reveal_until` | lenders open them |
| Ranked | up to `accept_until` | they are ranked, the supplier accepts (`contracts.market.allotment`) |
| Accepted, Agreed | up to `fund_until` | each winner sets its cash aside; with the last everything moves |

Phases follow the business date, not the time of a block: the date moves by a signed transaction, so no leader
can shorten a phase by the time that it writes, and each phase is whole days, so that arriving late within one
costs nobody anything.

The price is uniform: every winner gets the rate of the last bid that was needed. Nobody gains by guessing the
others' rates, and the parts make one claim with one rate. A purchase is whole: advance = net, bank discount.
An auction is of one amount: when the invoice changes, or is sold otherwise, it is void at once
(`contracts.market.standing`). From funding on the claim itself is the record: Active while the lien stands,
Closed once it is a deal.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import expiry
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import AuctionNumber, Date, InvoiceNumber, Operation, OrganisationId, PositiveAmount
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade.invoice import CHANGED, CONFIRMED, FREE, Invoice, live_invoice
from ledger.dates import iso_from_day
from ledger.money import PPM, Money
from ledger.state.overlay import Reader, state_key

AUCTION = "auction"
"""What an auction is called among the things that expire."""

LEAST_DAYS = 3
"""Business days from the opening to the due date: for bids, for opening them, for acceptance and payment."""

LIFE = LifeCycle(
    "auction",
    "status",
    (
        "Open",
        "Commit",
        "Reveal",
        "Ranked",
        "Accepted",
        "Agreed",
        "Funded",
        "NoBid",
        "Expired",
        "Withdrawn",
        "Void",
    ),
    (
        Transition("auction.bid", "Open", "Commit"),
        Transition("auction.bid", "Commit", "Commit"),
        Transition("auction.reveal", "Commit", "Reveal"),
        Transition("auction.reveal", "Reveal", "Reveal"),
        Transition("auction.rank", "Reveal", "Ranked"),
        Transition("auction.rank", "Reveal", "NoBid", "the bids do not cover the invoice"),
        Transition("auction.rank", "Ranked", "Ranked", "by the supplier: limits have changed"),
        Transition("auction.rank", "Ranked", "NoBid", "by the supplier: limits have changed"),
        Transition("auction.accept", "Ranked", "Accepted"),
        Transition("auction.pay", "Accepted", "Agreed", "another winner has not paid"),
        Transition("auction.pay", "Accepted", "Funded", "the only winner has paid"),
        Transition("auction.pay", "Agreed", "Agreed", "another winner has not paid"),
        Transition("auction.pay", "Agreed", "Funded", "the last winner has paid"),
        Transition("auction.withdraw", "Open", "Withdrawn"),
        Transition("auction.withdraw", "Commit", "Withdrawn"),
        Transition("date.advance", "Open", "NoBid"),
        Transition("date.advance", "Commit", "NoBid", "nobody opened a bid"),
        Transition("date.advance", "Reveal", "Expired"),
        Transition("date.advance", "Ranked", "Expired"),
        Transition("date.advance", "Accepted", "Expired"),
        Transition("date.advance", "Agreed", "Expired"),
        *[
            Transition(CHANGED, state, "Void", "or it is sold otherwise")
            for state in ("Open", "Commit", "Reveal", "Ranked", "Accepted", "Agreed")
        ],
    ),
)
OPEN, COMMIT, REVEAL, RANKED, ACCEPTED, AGREED, FUNDED, NO_BID, EXPIRED, WITHDRAWN, VOID = range(11)
ENDED = (FUNDED, NO_BID, EXPIRED, WITHDRAWN, VOID)


class Auction(NamedTuple):
    """State value of an auction. Amounts in minor units, days since 1970."""

    status: int
    """Place in `LIFE.states`."""
    invoice: str
    buyer: str
    currency: str
    net: int
    """What is outstanding on the invoice: sold as a whole, or not at all."""
    due_day: int
    opened: int
    commit_until: int
    reveal_until: int
    accept_until: int
    fund_until: int
    max_rate_ppm: int
    min_amount: int
    """Smallest bid."""
    bidders: tuple[str, ...]
    """Lenders that have committed a bid, in that order, which decides nothing."""
    revealed: int
    """How many of them have opened it."""
    rate_ppm: int
    """The rate that every winner gets, a year; 0 before the ranking."""
    parts: tuple[tuple[str, int], ...]
    """(winner, part of the net), by the winners' ids; the parts add up to the net."""
    paid: tuple[str, ...]
    """Winners that have set their cash aside."""


class AuctionOpen(Operation):
    """A supplier offers a confirmed invoice to lenders, who bid under seal."""

    op: Literal["auction.open"]
    auction: AuctionNumber
    invoice: InvoiceNumber
    commit_until: Date = Field(description="last business date for sealed bids; ISO text YYYY-MM-DD")
    reveal_until: Date = Field(description="last business date for opening them; ISO text YYYY-MM-DD")
    accept_until: Date = Field(description="last business date for accepting; ISO text YYYY-MM-DD")
    fund_until: Date = Field(description="last business date for paying; ISO text YYYY-MM-DD")
    max_rate_ppm: int = Field(ge=0, le=PPM, description="highest discount rate a year that is taken; ppm")
    min_amount: PositiveAmount = Field(description="smallest bid that is taken; minor units")


class AuctionWithdraw(Operation):
    """A supplier ends its auction before bids are opened."""

    op: Literal["auction.withdraw"]
    supplier: OrganisationId
    auction: AuctionNumber


def auction_key(supplier: str, auction: str) -> bytes:
    """State key of an auction."""
    return state_key("auction", supplier, auction)


def auctioned_key(supplier: str, invoice: str) -> bytes:
    """State key of the number of the auction that an invoice is in."""
    return state_key("auctioned", supplier, invoice)


def read_auction(state: Reader, supplier: str, number: str) -> Auction | None:
    """The auction, if there is one."""
    value = state.get(auction_key(supplier, number))
    return None if value is None else Auction._make(value)


def found_auction(context: Context, supplier: str, number: str) -> Auction:
    """The auction; refused if there is none."""
    found = read_auction(context.state, supplier, number)
    if found is None:
        raise refuse("unknown_auction", "no such auction", field="auction", found=number)
    return found


def put_auction(context: Context, supplier: str, number: str, auction: Auction) -> None:
    """Write an auction; what has ended expires no more and leaves its invoice free for another."""
    if auction.status in ENDED:
        expiry.cancel(context, (AUCTION, supplier, number))
        context.state.delete(auctioned_key(supplier, auction.invoice))
    context.put(auction_key(supplier, number), tuple(auction))


def wrong_phase(context: Context, expected: str) -> Exception:
    """The refusal of what comes on another day than the phase's."""
    return refuse(
        "wrong_phase",
        "not in this phase",
        field="auction",
        found=f"business date {iso_from_day(context.day)}",
        expected=expected,
    )


def open_auction(context: Context, operation: AuctionOpen) -> None:
    """Opened by the supplier, on a confirmed invoice whose title is free and that is in no other auction."""
    supplier, number = context.actor, operation.auction
    if read_auction(context.state, supplier, number) is not None:
        raise refuse("duplicate_number", "auction number used", field="auction", found=number)
    invoice = live_invoice(context, supplier, operation.invoice)
    check_sellable(operation.invoice, invoice)
    running = context.get(auctioned_key(supplier, operation.invoice))
    if running is not None:
        raise refuse("in_auction", "the invoice is in an auction", field="invoice", found=running)
    _check_days(context, operation, invoice)
    opened = Auction(
        OPEN,
        operation.invoice,
        invoice.buyer,
        invoice.currency,
        invoice.outstanding,
        invoice.due_day,
        context.day,
        operation.commit_until,
        operation.reveal_until,
        operation.accept_until,
        operation.fund_until,
        operation.max_rate_ppm,
        operation.min_amount,
        (),
        0,
        0,
        (),
        (),
    )
    expiry.schedule(context, (AUCTION, supplier, number), operation.accept_until)
    context.put(auctioned_key(supplier, operation.invoice), number)
    put_auction(context, supplier, number, opened)


def check_sellable(number: str, invoice: Invoice) -> None:
    """Refuse an invoice that no lender could buy as it stands."""
    if invoice.validity != CONFIRMED:
        raise refuse("not_confirmed", "the buyer has not confirmed", field="invoice", found=number)
    if invoice.contested:
        raise refuse(
            "disputed",
            "an amount is in dispute",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
        )
    if invoice.title != FREE:
        raise refuse("already_financed", "somebody has a claim on it", field="invoice", found=number)
    if not invoice.outstanding:
        raise refuse("nothing_outstanding", "nothing is left to pay", field="invoice", found=number)


def _check_days(context: Context, operation: AuctionOpen, invoice: Invoice) -> None:
    """Each phase has a day, and the last one leaves a tenor."""
    expiry.check_last_day(context, operation.commit_until, "commit_until")
    expiry.check_last_day(context, operation.fund_until, "fund_until")
    if operation.reveal_until <= operation.commit_until:
        raise refuse("date_order", "no day to open bids on", field="reveal_until")
    if operation.accept_until <= operation.reveal_until:
        raise refuse("date_order", "no day to accept on", field="accept_until")
    if operation.fund_until < operation.accept_until:
        raise refuse("date_order", "paid before it could be accepted", field="fund_until")
    if invoice.due_day <= operation.fund_until:
        raise refuse(
            "past_due",
            "due before it would be paid for",
            field="fund_until",
            found=iso_from_day(operation.fund_until),
            expected=f"before {iso_from_day(invoice.due_day)}",
        )
