"""A leaf is sold to a lender, or pledged for an advance: the title or the pledge moves with its cash leg.

| leaf | from | by |
|---|---|---|
| Reserved | Held | its holder offers it to one lender at a price |
| Sold, Pledged | Reserved | the lender's deposit pays, or a bank attests the payout (invariant 12) |
| Held | Pledged | the lender lets it go, or the owner repays it: owner and amount as before (invariant 26) |

A sale has no recourse and no way back. Of a pledge the owner stays the holder; until it is repaid, the
lender is paid first of what the obligor pays at maturity.

What a lender has at stake on a leaf counts in its exposure to the obligor (invariant 13): what is left of a
leaf that it bought, what frees its pledge; until it is paid, let go or written off. A payment that names one
of the lender's programmes is refused beyond the programme's limit for the obligor.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts import expiry
from contracts.cash import bank, deposit
from contracts.certificates import certificate
from contracts.certificates.certificate import LeafOperation, offer_until, subject
from contracts.certificates.leaf import (
    PLEDGED,
    SOLD,
    STATUS,
    Leaf,
    Place,
    Promise,
    found_leaf,
    pledge_restores,
    record,
    require_holder,
    require_movable,
)
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    Amount,
    BookingDay,
    Date,
    EntryNumber,
    OrganisationId,
    PositiveAmount,
    ProgrammeId,
)
from contracts.finance.limit import check_room
from contracts.parties import payee
from contracts.parties.identity import LENDER
from ledger.money import Money


class CertificateReserve(LeafOperation):
    """A holder offers a leaf to a lender: to buy it, or to advance money on it."""

    op: Literal["certificate.reserve"]
    lender: OrganisationId
    price: PositiveAmount = Field(description="what the lender pays, at most what is left; minor units")
    repay: Amount = Field(description="what frees the pledge, from the price to what is left; 0 for a sale")
    expires: Date = Field(description="last business date on which it can be paid; ISO text YYYY-MM-DD")


class CertificateSettle(LeafOperation):
    """A lender pays for a leaf out of its deposit: cash and leaf move together."""

    op: Literal["certificate.settle"]
    price: PositiveAmount = Field(description="price of the offer; minor units")
    repay: Amount = Field(description="what frees the pledge; 0 for a sale; minor units")
    bank: OrganisationId = Field(description="settlement bank at which lender and holder have deposits")
    programme: ProgrammeId | None = Field(None, description="programme of the lender whose limit it uses")


class CertificateFund(LeafOperation):
    """A settlement bank attests the lender's payout to the holder: cash and leaf move together."""

    op: Literal["certificate.fund"]
    lender: OrganisationId
    account: Account = Field(description="account from which the money left")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount paid out; minor units of the certificate's currency")
    payee: Account | None = Field(
        None, description="account to which it was paid; needed where the holder has a payee account"
    )
    programme: ProgrammeId | None = Field(
        None, description="programme of the lender whose limit it uses, as the lender has instructed"
    )


class CertificateRelease(LeafOperation):
    """A lender lets a pledged leaf go."""

    op: Literal["certificate.release"]


class CertificateRepay(LeafOperation):
    """The owner repays what was advanced on a leaf, out of its deposit: the pledge ends with it."""

    op: Literal["certificate.repay"]
    bank: OrganisationId = Field(description="settlement bank at which owner and lender have deposits")


def reserve(context: Context, operation: CertificateReserve) -> None:
    """Offered by the holder: from now on only the lender's payment, its refusal or expiry moves it."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    require_holder(context, leaf)
    status = STATUS.after(leaf.status, operation.op)
    require_movable(context, promise, leaf)
    context.require_organisation(operation.lender, LENDER, "lender")
    if operation.lender == place.obligor:
        raise refuse("same_party", "a promise to oneself", field="lender", found=operation.lender)
    if operation.price > leaf.left:
        raise refuse(
            "price_above_face",
            "more than the obligor will pay",
            field="price",
            found=Money(operation.price, promise.currency),
            expected=f"at most {Money(leaf.left, promise.currency)}",
        )
    if operation.repay and not operation.price <= operation.repay <= leaf.left:
        raise refuse(
            "repay_out_of_range",
            "not between the advance and what is left",
            field="repay",
            found=Money(operation.repay, promise.currency),
            expected=f"nothing, or from {Money(operation.price, promise.currency)} to "
            f"{Money(leaf.left, promise.currency)}",
        )
    offer_until(context, place, promise, operation.expires)
    reserved = leaf._replace(
        status=status,
        offered_to=operation.lender,
        expires=operation.expires,
        price=operation.price,
        repay=operation.repay,
    )
    record(context, place, reserved, "reserve", operation.lender, leaf.left)


def _both(price: int, repay: int, currency: str) -> str:
    return f"{Money(price, currency)} and {Money(repay, currency)}"


def settle(context: Context, operation: CertificateSettle) -> None:
    """Paid by the lender out of its deposit, at the terms that it signs."""
    place = operation.place
    promise, leaf = _offered(context, place, context.actor, operation.op)
    if (operation.price, operation.repay) != (leaf.price, leaf.repay):
        raise refuse(
            "amount_mismatch",
            "not the amounts of the offer",
            field="price",
            found=_both(operation.price, operation.repay, promise.currency),
            expected=_both(leaf.price, leaf.repay, promise.currency),
        )
    evidence = deposit.pay(
        context,
        bank_id=operation.bank,
        payer=context.actor,
        currency=promise.currency,
        payees=((leaf.holder, leaf.price),),
        purpose=deposit.Purpose(bank.LEAF_SALE, *subject(place)[1:]),
    )
    paid = leaf._replace(account=evidence.account, entry=evidence.entry)
    _deliver(context, place, promise, paid, operation.programme)


def fund(context: Context, operation: CertificateFund) -> None:
    """Attested by the bank: the lender has paid the holder."""
    place = operation.place
    bank.check_unused(context, operation.account, operation.entry, bank.LEAF_SALE)
    context.require_past(operation.date, "date")
    promise, leaf = _offered(context, place, operation.lender, operation.op)
    if operation.amount != leaf.price:
        raise refuse(
            "amount_mismatch",
            "not the amount of the offer",
            field="amount",
            found=Money(operation.amount, promise.currency),
            expected=Money(leaf.price, promise.currency),
        )
    if operation.date < promise.issued:
        raise refuse("date_order", "paid before it was issued", field="date")
    payee.check_paid_to(context, leaf.holder, promise.currency, operation.payee, operation.date)
    party, document = subject(place)[1:]
    entry = bank.BankEntry(
        context.actor, bank.LEAF_SALE, party, document, promise.currency, leaf.price, operation.date
    )
    bank.consume(context, operation.account, operation.entry, entry)
    paid = leaf._replace(account=operation.account, entry=operation.entry)
    _deliver(context, place, promise, paid, operation.programme)


def _offered(context: Context, place: Place, lender: str, by: str) -> tuple[Promise, Leaf]:
    """A leaf that is offered to this lender, in the state that its payment leads to."""
    promise, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, by, PLEDGED if leaf.repay else SOLD)
    require_movable(context, promise, leaf)
    if leaf.offered_to != lender:
        raise refuse(
            "not_party", "offered to another lender", field="lender", found=lender, expected=leaf.offered_to
        )
    return promise, leaf._replace(status=status)


def _deliver(context: Context, place: Place, promise: Promise, leaf: Leaf, programme: str | None) -> None:
    """Move a leaf, or the pledge on it, against the cash leg that it names."""
    expiry.cancel(context, subject(place))
    lender, before = leaf.offered_to, leaf.holder
    is_sale = leaf.status == SOLD
    moved = leaf._replace(
        offered_to="",
        expires=0,
        holder=lender if is_sale else before,
        lender="" if is_sale else lender,
    )
    if programme is not None:
        lender, amount = moved.at_stake
        check_room(context.state, (lender, programme), (place.obligor, promise.currency), amount)
    record(context, place, moved, "sold" if is_sale else "pledged", lender, moved.left)
    if is_sale:
        certificate.move(context, place, promise, before, moved)
    context.post(
        (
            (lender, "leaves", promise.currency, -leaf.price),
            (before, "leaf proceeds", promise.currency, leaf.price),
        )
    )


def release(context: Context, operation: CertificateRelease) -> None:
    """Released by the lender: the leaf is its owner's, as it was before the pledge."""
    place = operation.place
    _, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, operation.op)
    if leaf.lender != context.actor:
        raise refuse(
            "not_party", "another lender's pledge", field="signer", found=context.actor, expected=leaf.lender
        )
    _free(context, place, leaf, status)


def repay(context: Context, operation: CertificateRepay) -> None:
    """Repaid by the owner: cash and pledge move together."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    require_holder(context, leaf)
    status = STATUS.after(leaf.status, operation.op)
    if not leaf.repay:
        raise refuse("nothing_outstanding", "the lender has been paid", field="leaf", found=0)
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=leaf.holder,
        currency=promise.currency,
        payees=((leaf.lender, leaf.repay),),
        purpose=deposit.Purpose(bank.LEAF_REPAYMENT, *subject(place)[1:]),
    )
    context.post(
        (
            (leaf.holder, "leaf proceeds", promise.currency, -leaf.repay),
            (leaf.lender, "leaves", promise.currency, leaf.repay),
        )
    )
    _free(context, place, leaf, status)


def _free(context: Context, place: Place, leaf: Leaf, status: int) -> None:
    freed = leaf._replace(status=status, lender="", price=0, repay=0, account="", entry="")
    pledge_restores(leaf, freed)
    record(context, place, freed, "release", leaf.holder, freed.left)
