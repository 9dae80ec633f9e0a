"""A certificate at maturity: the obligor pays the holders of record, or it is dishonoured.

| leaf | from | by |
|---|---|---|
| Redeemed | Held, Sold, Pledged | the obligor has paid it in full |
| Dishonoured | Held, Sold, Pledged | its holder, or the lender with a pledge, after maturity |
| RedeemedLate | Dishonoured, WrittenOff | the obligor has paid it in full after all |
| WrittenOff | Dishonoured | its holder gives up; what is paid later is a recovery |

From the cut-off on nothing changes hands, so that who holds a leaf at maturity is its holder of record
(invariant 18). A payment is one for the whole certificate: it is divided over what is owed on its leaves by
the largest remainder, the earlier leaf first among equals (invariant 21); who has written its leaf off ranks
no lower. Of a pledged leaf the lender is paid first, up to what frees the pledge. What a bank attests beyond
what is owed is the obligor's, on its account "overpaid", until it goes back
(`contracts.certificates.overpayment`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.cash import bank, deposit
from contracts.certificates import overpayment
from contracts.certificates.certificate import LeafOperation
from contracts.certificates.leaf import (
    DISHONOURED,
    PAYABLE,
    REDEEMED_LATE,
    STATUS,
    WRITTEN_OFF,
    Leaf,
    Place,
    Promise,
    found_leaf,
    found_promise,
    leaves,
    read_totals,
    record,
)
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    CertificateNumber,
    EntryNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from ledger.money import Money, split_by_weights


class CertificateRedeem(Operation):
    """An obligor pays a matured certificate out of its deposit, to the holders of record."""

    op: Literal["certificate.redeem"]
    certificate: CertificateNumber
    bank: OrganisationId = Field(description="settlement bank at which obligor and holders have deposits")
    amount: PositiveAmount = Field(description="at most what is left; minor units")


class CertificateCollect(Operation):
    """A settlement bank attests that the obligor paid a matured certificate to its holders of record."""

    op: Literal["certificate.collect"]
    obligor: OrganisationId
    certificate: CertificateNumber
    account: Account = Field(description="account on which the money arrived")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(
        description="amount that arrived; minor units of the certificate's currency"
    )


class CertificateDishonour(LeafOperation):
    """A holder states that its leaf was not paid at maturity."""

    op: Literal["certificate.dishonour"]


class CertificateWriteOff(LeafOperation):
    """A holder gives up what is left of a dishonoured leaf."""

    op: Literal["certificate.write_off"]


class Share(NamedTuple):
    """What a payment of the obligor pays on one leaf; minor units."""

    number: int
    leaf: Leaf
    """As it was before."""
    amount: int
    to_lender: int
    """Of it, what the lender with the pledge gets."""


def shares(found: tuple[tuple[int, Leaf], ...], amount: int) -> tuple[Share, ...]:
    """An amount of at most what is owed, divided over the leaves that are to be paid."""
    parts = split_by_weights(amount, [leaf.owed for _, leaf in found])
    invariants.allocation_is_complete(amount, parts)
    divided = []
    for (number, leaf), part in zip(found, parts, strict=True):
        assert part <= leaf.owed, "no leaf is paid more than it is"
        divided.append(Share(number, leaf, part, min(part, leaf.repay) if leaf.lender else 0))
    return tuple(divided)


def payees(divided: tuple[Share, ...]) -> tuple[tuple[str, int], ...]:
    """(organisation, minor units) of everybody who is paid, each once, in the order of the leaves."""
    sums: dict[str, int] = {}
    for share in divided:
        for party, part in (
            (share.leaf.lender, share.to_lender),
            (share.leaf.holder, share.amount - share.to_lender),
        ):
            if part:
                sums[party] = sums.get(party, 0) + part
    return tuple(sums.items())


def redeem(context: Context, operation: CertificateRedeem) -> None:
    """Paid by the obligor: its deposit pays the holders of record, or nothing happens."""
    obligor, number = context.actor, operation.certificate
    promise, found = _payable(context, obligor, number)
    owed = sum(leaf.owed for _, leaf in found)
    if operation.amount > owed:
        raise refuse(
            "exceeds_outstanding",
            "more than is left of the certificate",
            field="amount",
            found=Money(operation.amount, promise.currency),
            expected=f"at most {Money(owed, promise.currency)}",
        )
    divided = shares(found, operation.amount)
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=obligor,
        currency=promise.currency,
        payees=payees(divided),
        purpose=deposit.Purpose(bank.LEAF_MATURITY, obligor, number),
    )
    root = Place(obligor, number, 0)
    _apply(context, root, promise, divided, operation.op, context.day)
    _post(context, root, promise, divided, operation.amount)


def collect(context: Context, operation: CertificateCollect) -> None:
    """Attested by the bank: the money is divided over the holders of record."""
    obligor, number = operation.obligor, operation.certificate
    bank.check_unused(context, operation.account, operation.entry, bank.LEAF_MATURITY)
    context.require_past(operation.date, "date")
    promise, found = _payable(context, obligor, number)
    if operation.date < promise.issued:
        raise refuse("date_order", "paid before it was issued", field="date")
    divided = shares(found, min(operation.amount, sum(leaf.owed for _, leaf in found)))
    entry = bank.BankEntry(
        context.actor,
        bank.LEAF_MATURITY,
        obligor,
        number,
        promise.currency,
        operation.amount,
        operation.date,
    )
    bank.consume(context, operation.account, operation.entry, entry)
    root = Place(obligor, number, 0)
    _apply(context, root, promise, divided, operation.op, operation.date)
    _post(context, root, promise, divided, operation.amount)


def _payable(context: Context, obligor: str, number: str) -> tuple[Promise, tuple[tuple[int, Leaf], ...]]:
    """The leaves that the obligor owes; refused before maturity, and when nothing is left."""
    promise = found_promise(context, obligor, number)
    if context.day < promise.maturity:
        raise refuse(
            "not_matured",
            "not due yet",
            field="certificate",
            found=f"{promise.maturity - context.day} days before maturity",
            expected="at maturity or later",
        )
    found = tuple(
        [(place, leaf) for place, leaf in leaves(context.state, obligor, number) if leaf.status in PAYABLE]
    )
    if not found:
        raise refuse(
            "nothing_outstanding", "nobody is owed anything on it", field="certificate", found=number
        )
    return promise, found


def _apply(
    context: Context, root: Place, promise: Promise, divided: tuple[Share, ...], by: str, day: int
) -> None:
    """Write the leaves, and tell the histories of the tree, of its holders and of the payee."""
    for share in divided:
        if not share.amount:
            continue
        leaf = share.leaf
        if leaf.status == WRITTEN_OFF:
            _recover(context, root, promise, share, by, day)
            continue
        paid = leaf._replace(redeemed=leaf.redeemed + share.amount, repay=leaf.repay - share.to_lender)
        if not paid.left:
            paid = paid._replace(status=STATUS.after(leaf.status, by), frozen=0)
        record(context, root._replace(leaf=share.number), paid, "redeem", leaf.holder, share.amount)
        context.record(
            leaf.holder,
            root.obligor,
            (
                "proceeds",
                root.certificate,
                promise.currency,
                share.amount,
                day,
                promise.maturity,
                share.number,
            ),
        )
    live = [share for share in divided if share.leaf.status != WRITTEN_OFF]
    total = sum(share.amount for share in live)
    settled = int(all(share.amount == share.leaf.left for share in live))
    if total:
        context.record(
            promise.payee,
            root.obligor,
            ("redeem", root.certificate, promise.currency, total, day, promise.maturity, settled),
        )


def _recover(context: Context, root: Place, promise: Promise, share: Share, by: str, day: int) -> None:
    """Write what was paid on a leaf that its holder had given up: its history and the payee's are told."""
    leaf, amount = share.leaf, share.amount
    paid = leaf._replace(redeemed=leaf.redeemed + amount, written_off=leaf.written_off - amount)
    paid = paid._replace(status=STATUS.after(leaf.status, by, WRITTEN_OFF if paid.owed else REDEEMED_LATE))
    record(context, root._replace(leaf=share.number), paid, "recover", leaf.holder, amount)
    context.record(
        promise.payee,
        root.obligor,
        ("recovery", root.certificate, promise.currency, amount, day, promise.maturity),
    )


def _post(context: Context, root: Place, promise: Promise, divided: tuple[Share, ...], amount: int) -> None:
    """Post a payment, and keep what of it is beyond the face."""
    obligor = root.obligor
    paid = tuple([(party, "maturities", promise.currency, part) for party, part in payees(divided)])
    overpaid = amount - sum(share.amount for share in divided)
    overpayment.keep(context, obligor, root.certificate, overpaid)
    context.post(
        (
            (obligor, "promises", promise.currency, -amount),
            *paid,
            (obligor, "overpaid", promise.currency, overpaid),
        )
    )


def dishonour(context: Context, operation: CertificateDishonour) -> None:
    """Stated by the holder, or by the lender with the pledge, from the day after maturity."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, operation.op)
    if context.actor not in (leaf.holder, leaf.lender):
        raise refuse("not_party", "not the holder", field="signer", found=context.actor)
    if context.day <= promise.maturity:
        raise refuse("not_matured", "the obligor may still pay in time", field="certificate")
    record(context, place, leaf._replace(status=status), "dishonour", leaf.holder, leaf.left)
    context.record(
        promise.payee,
        place.obligor,
        ("dishonour", place.certificate, promise.currency, leaf.left, promise.maturity, place.leaf),
    )


def write_off(context: Context, operation: CertificateWriteOff) -> None:
    """Given up by the holder; of a pledge, once its lender has been paid or has let it go."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, operation.op)
    if leaf.holder != context.actor:
        raise refuse("not_party", "not the holder", field="signer", found=context.actor)
    if leaf.lender and leaf.repay and leaf.status == DISHONOURED:
        raise refuse(
            "pledged", "a lender has a pledge on it", field="leaf", found=leaf.lender, expected="no pledge"
        )
    left = leaf.left
    ended = leaf._replace(status=status, written_off=leaf.written_off + left, frozen=0)
    record(context, place, ended, "write_off", leaf.holder, left)
    settled = int(not read_totals(context.state, place.obligor, place.certificate).live)
    context.record(
        promise.payee,
        place.obligor,
        ("forgo", place.certificate, promise.currency, left, context.day, promise.maturity, settled),
    )
    context.record(
        leaf.holder,
        place.obligor,
        ("let_go", place.certificate, promise.currency, left, promise.maturity, place.leaf),
    )
