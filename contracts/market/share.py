"""Payment of the shares of an auctioned invoice, and how an auction ends without it.

Each winner sets its part less its discount aside out of its own deposit, under its own signature. With the
last one all of it is paid to the supplier and the title moves, in one operation (invariant 12): no winner
pays for a part of a claim that did not come about. The discount is divided over the parts by largest
remainder.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.cash import bank, deposit
from contracts.cash.custody import account_of, check_open
from contracts.cash.deposit import Purpose
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import AuctionNumber, Operation, OrganisationId
from contracts.finance import funding
from contracts.finance.claim import Lien, Share, divided, read_lien, shares_of
from contracts.market.auction import (
    AGREED,
    COMMIT,
    EXPIRED,
    FUNDED,
    LIFE,
    NO_BID,
    OPEN,
    Auction,
    AuctionWithdraw,
    found_auction,
    put_auction,
)
from contracts.trade.invoice import CHANGED


class AuctionPay(Operation):
    """A winner sets the cash for its part aside; with the last one title and cash move together."""

    op: Literal["auction.pay"]
    supplier: OrganisationId
    auction: AuctionNumber
    bank: OrganisationId = Field(description="settlement bank at which winner and supplier have deposits")


def hold_purpose(lender: str, supplier: str, auction: str) -> Purpose:
    """What a winner sets its cash aside for."""
    return Purpose(f"share of {lender}", supplier, auction)


def payable(lien: Lien) -> dict[str, int]:
    """What each winner pays: its part less its share of the discount; minor units, each above zero."""
    discounts = dict(divided(lien, lien.discount))
    return {share.lender: share.part - discounts[share.lender] for share in shares_of(lien)}


def pay(context: Context, operation: AuctionPay) -> None:
    """Signed by a winner; the last winner's signature moves all cash and the title."""
    supplier, number, lender = operation.supplier, operation.auction, context.actor
    found = found_auction(context, supplier, number)
    if lender not in dict(found.parts):
        raise refuse("not_party", "not a winner of the auction", field="signer", found=lender)
    if lender in found.paid:
        raise refuse("already_paid", "the cash is set aside", field="signer", found=lender)
    paid = (*found.paid, lender)
    is_last = len(paid) == len(found.parts)
    status = LIFE.after(found.status, operation.op, FUNDED if is_last else AGREED)
    lien = read_lien(context.state, supplier, found.invoice)
    assert lien is not None, "an auction without its reservation is void"
    check_open(account_of(context, operation.bank, supplier, found.currency, "bank"), supplier, leaves=False)
    deposit.hold(
        context,
        bank_id=operation.bank,
        owner=lender,
        currency=found.currency,
        amount=payable(lien)[lender],
        purpose=hold_purpose(lender, supplier, number),
    )
    if is_last:
        _deliver(context, supplier, number, found.invoice, lien)
    put_auction(context, supplier, number, found._replace(status=status, paid=paid))


def _deliver(context: Context, supplier: str, number: str, invoice: str, lien: Lien) -> None:
    """Pay the supplier out of every winner's hold, against the title."""
    amounts = payable(lien)
    shares = []
    for share in shares_of(lien):
        evidence = deposit.pay_held(
            context,
            payees=((supplier, amounts[share.lender]),),
            purpose=hold_purpose(share.lender, supplier, number),
            paid_for=Purpose(bank.PAYOUT, supplier, invoice),
        )
        shares.append(Share(share.lender, share.part, share.part, *evidence, share.programme))
    funding.deliver(
        context,
        supplier,
        invoice,
        lien,
        funding.CashLeg("", "", lien.paid_out, context.day),
        shares=tuple(shares),
    )


def withdraw(context: Context, operation: AuctionWithdraw) -> None:
    """Withdrawn by the supplier while all bids are sealed."""
    supplier, number = operation.supplier, operation.auction
    found = found_auction(context, supplier, number)
    if context.actor != supplier:
        raise refuse("not_party", "another supplier's auction", field="signer", found=context.actor)
    status = LIFE.after(found.status, operation.op)
    if found.status == COMMIT and context.day > found.commit_until:
        raise refuse(
            "already_sealed", "bids are being opened", field="auction", found=number, expected="Commit phase"
        )
    _end(context, supplier, number, found, status)


def expire(context: Context, supplier: str, number: str) -> None:
    """Its last day is over; the reservation, if any, has ended with it (`contracts.finance.offer`)."""
    found = found_auction(context, supplier, number)
    target = NO_BID if found.status in (OPEN, COMMIT) else EXPIRED
    _end(context, supplier, number, found, LIFE.after(found.status, "date.advance", target))


def end_what_changed(context: Context, supplier: str, number: str) -> None:
    """Its invoice is not what was bid for: it is void, and what winners have set aside is theirs again."""
    found = found_auction(context, supplier, number)
    _end(context, supplier, number, found, LIFE.after(found.status, CHANGED))


def _end(context: Context, supplier: str, number: str, found: Auction, status: int) -> None:
    for lender in found.paid:
        deposit.release(context, hold_purpose(lender, supplier, number))
    put_auction(context, supplier, number, found._replace(status=status))
