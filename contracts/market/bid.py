"""Sealed bids: committed as a salted hash, opened when nobody can bid any more (invariant 24).

    ("bid", supplier, auction, lender) -> Bid

    commitment = SHA-256(tag || canonical array of
        [channel, supplier, auction, lender, programme, rate, amount, salt])

The salt, 32 random bytes, keeps everybody who holds the ledger, its leader too, from finding the bid by
trying rates. Lender, auction and channel are hashed in: a copied commitment cannot be opened by another
lender, nor in another auction or channel. A lender has one bid in an auction and cannot take it back. A bid
that is not opened in its phase, or that does not equal its commitment, takes no part.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import AuctionNumber, Operation, OrganisationId, PositiveAmount, ProgrammeId
from contracts.finance import eligibility
from contracts.finance.claim import exposure_key
from contracts.finance.programme import own_programme, read_programme
from contracts.market.auction import LIFE, Auction, found_auction, put_auction, wrong_phase
from contracts.pricing.terms import ProgrammeTerms
from contracts.trade.invoice import read_invoice
from ledger import codec
from ledger.dates import iso_from_day
from ledger.hashing import BID, digest
from ledger.limits import DIGEST_BYTES
from ledger.money import PPM, Money
from ledger.state.overlay import Reader, state_key

MAX_BIDDERS = 64
"""Lenders that bid in one auction: what a ranking reads, and the longest list of shares of a claim."""

SALT_BYTES = 32


class Bid(NamedTuple):
    """State value of a bid; all but the commitment is empty until it is opened."""

    commitment: bytes
    programme: str
    rate_ppm: int
    amount: int
    """Most of the net that the lender takes; minor units."""
    day: int
    """Business date on which it was opened, 0 before."""


class AuctionBid(Operation):
    """A lender commits a sealed bid."""

    op: Literal["auction.bid"]
    supplier: OrganisationId
    auction: AuctionNumber
    commitment: Annotated[bytes, Field(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)] = Field(
        description="salted hash of the bid, 32 bytes: see docs/market.md"
    )


class AuctionReveal(Operation):
    """A lender opens its sealed bid."""

    op: Literal["auction.reveal"]
    supplier: OrganisationId
    auction: AuctionNumber
    programme: ProgrammeId = Field(description="the lender's programme whose limit it uses")
    rate_ppm: int = Field(ge=0, le=PPM, description="discount rate a year, ACT/360; ppm")
    amount: PositiveAmount = Field(description="most of the net that is taken; minor units")
    salt: Annotated[bytes, Field(min_length=SALT_BYTES, max_length=SALT_BYTES)] = Field(
        description="the 32 random bytes of the commitment"
    )


def commitment(
    channel: bytes,
    place: tuple[str, str, str],
    content: tuple[str, int, int],
    salt: bytes,
) -> bytes:
    """32 bytes of a bid: place is (supplier, auction, lender), content (programme, rate ppm, amount)."""
    return digest(BID, codec.encode((channel, *place, *content, salt)))


def bid_key(supplier: str, auction: str, lender: str) -> bytes:
    """State key of a bid."""
    return state_key("bid", supplier, auction, lender)


def read_bid(state: Reader, supplier: str, auction: str, lender: str) -> Bid | None:
    """The bid, if the lender has one."""
    value = state.get(bid_key(supplier, auction, lender))
    return None if value is None else Bid._make(value)


def bid(context: Context, operation: AuctionBid) -> None:
    """Committed by the lender: nothing but the hash is on the ledger."""
    supplier, number, lender = operation.supplier, operation.auction, context.actor
    found = found_auction(context, supplier, number)
    status = LIFE.after(found.status, operation.op)
    if context.day > found.commit_until:
        raise wrong_phase(context, f"at most {iso_from_day(found.commit_until)}")
    if lender in (supplier, found.buyer):
        raise refuse("same_party", "a bid on one's own invoice", field="signer", found=lender)
    if lender in found.bidders:
        raise refuse("already_bid", "the lender has a bid", field="signer", found=lender)
    if len(found.bidders) >= MAX_BIDDERS:
        raise refuse("too_many_bids", "the auction is full", field="auction", found=MAX_BIDDERS)
    context.put(bid_key(supplier, number, lender), tuple(Bid(operation.commitment, "", 0, 0, 0)))
    put_auction(context, supplier, number, found._replace(status=status, bidders=(*found.bidders, lender)))


def reveal(context: Context, operation: AuctionReveal) -> None:
    """Opened by the lender: it must equal the commitment, and be a bid that the auction takes."""
    supplier, number, lender = operation.supplier, operation.auction, context.actor
    found = found_auction(context, supplier, number)
    status = LIFE.after(found.status, operation.op)
    if not found.commit_until < context.day <= found.reveal_until:
        raise wrong_phase(
            context, f"after {iso_from_day(found.commit_until)}, at most {iso_from_day(found.reveal_until)}"
        )
    sealed = read_bid(context.state, supplier, number, lender)
    if sealed is None:
        raise refuse("unknown_bid", "the lender has no bid", field="signer", found=lender)
    if sealed.day:
        raise refuse("already_revealed", "the bid is open", field="signer", found=lender)
    content = (operation.programme, operation.rate_ppm, operation.amount)
    opened = commitment(context.channel, (supplier, number, lender), content, operation.salt)
    if opened != sealed.commitment:
        raise refuse("bid_mismatch", "not what was committed", field="salt", found=opened.hex()[:16])
    _check_bid(context, operation, found)
    invariants.bid_as_committed(sealed.commitment, opened, context.day, found.commit_until)
    context.put(bid_key(supplier, number, lender), tuple(Bid(sealed.commitment, *content, context.day)))
    put_auction(context, supplier, number, found._replace(status=status, revealed=found.revealed + 1))


def _check_bid(context: Context, operation: AuctionReveal, auction: Auction) -> None:
    highest, least = auction.max_rate_ppm, auction.min_amount
    if operation.rate_ppm > highest:
        raise refuse(
            "rate_too_high",
            "more than the supplier pays",
            field="rate_ppm",
            found=operation.rate_ppm,
            expected=highest,
        )
    if operation.amount < least:
        raise refuse(
            "bid_too_small",
            "less than the smallest bid",
            field="amount",
            found=Money(operation.amount, auction.currency),
            expected=f"at least {Money(least, auction.currency)}",
        )
    own_programme(context, operation.programme)
    if limit_for(context.state, operation.programme, auction.buyer, auction.currency) == 0:
        raise refuse(
            "obligor_not_eligible",
            "the programme has no limit for it",
            field="programme",
            found=auction.buyer,
        )
    eligibility.check_invoice(
        *_asked(context.state, (context.actor, operation.programme), operation.supplier, auction)
    )


def _asked(
    state: Reader, holder: tuple[str, str], supplier: str, auction: Auction
) -> tuple[eligibility.Rules, eligibility.Facts]:
    """The rules of a (lender, programme), and what they are asked about an auctioned invoice."""
    published, invoice = read_programme(state, holder[1]), read_invoice(state, supplier, auction.invoice)
    assert published is not None, "a bid that was opened names a programme"
    assert invoice is not None, "an auction has an invoice"
    rules = eligibility.Rules.from_value(published.rules)
    return rules, eligibility.read_facts(state, holder, rules, supplier, invoice)


def room_of(state: Reader, holder: tuple[str, str], supplier: str, auction: Auction) -> int:
    """How much of an auctioned invoice limits and rules of a (lender, programme) leave; minor units."""
    lender, programme = holder
    rules, facts = _asked(state, holder, supplier, auction)
    if not eligibility.takes(rules, facts):
        return 0
    exposed = sum(state.get(exposure_key(lender, auction.buyer, auction.currency)) or ())
    left = limit_for(state, programme, auction.buyer, auction.currency) - exposed
    return eligibility.room(rules, facts, max(0, left))


def limit_for(state: Reader, programme: str, buyer: str, currency: str) -> int:
    """What a programme may have out on a buyer in a currency, minor units; 0 if it does not take it."""
    published = read_programme(state, programme)
    if published is None:
        return 0
    terms = ProgrammeTerms.from_value(published.terms)
    return (terms.limit_of(buyer) or 0) if terms.currency == currency else 0
