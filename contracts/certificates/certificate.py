"""Receivable certificates: an obligor's promise to pay, accepted, split and passed down the tiers.

The leaves and their states are in `contracts.certificates.leaf`, sale and pledge in
`contracts.certificates.certificate_sale`, payment in `contracts.certificates.maturity`.

An obligor issues a certificate on an invoice that it has confirmed, or as a promise of its own. It binds
nobody's title until the payee accepts it: otherwise a buyer could take its supplier's invoice off the
market by a paper that the supplier does not want. By the acceptance the invoice is Certificated for good:
the face leaves what is outstanding on it and stands on its own. No credit note reaches it any more
(invariant 25): a credit reduces what is left of the invoice, the rest of it is a claim of the buyer on the
supplier.

Until then it stands on the invoice like any offer, one at a time, and is void as soon as nobody could accept
it: by the operation that makes another invoice of it (`end_what_changed`), or with its last day. That is the
day before the cut-off, at most `expiry.MAX_DAYS_AHEAD` days after the issue, and no day on which the invoice
is overdue: a promise of a later day would close what was not paid, and no history would show it as late.

A freeze is the operator's or a regulator's. It answers a court or a sanction, and none of them gains by it;
the obligor and its bank, who would save or delay a payment by it, have no such power. It stops what moves a
leaf, not the payment at maturity: money is stopped on the account (`custody.block`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts import expiry, invariants
from contracts.certificates.leaf import (
    EXPIRED,
    HELD,
    ISSUED,
    MAX_LEAVES,
    STATUS,
    Leaf,
    Place,
    Promise,
    drawn_key,
    found_leaf,
    promise_key,
    promised_key,
    read_promise,
    read_totals,
    record,
    require_holder,
    require_movable,
    tree_adds_up,
)
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_TERM_DAYS,
    CertificateNumber,
    Currency,
    Date,
    Operation,
    OptionalNumber,
    OrganisationId,
    PositiveAmount,
    Reason,
)
from contracts.parties.identity import SUPPLIER
from contracts.trade.invoice import (
    CERTIFICATED,
    CHANGED,
    CONFIRMED,
    TITLE,
    UNSOLD,
    Invoice,
    live_invoice,
    write_invoice,
)
from ledger.dates import iso_from_day
from ledger.money import CurrencyMismatch, Money

CERTIFICATE = "certificate"
"""What an offered leaf is called among the things that expire."""

MAX_PIECES = 32
"""Children of one split."""
MAX_TIER = 16

LeafNumber = Annotated[int, Field(ge=0, lt=MAX_LEAVES, description="number of the leaf; 0 is the whole")]


class LeafOperation(Operation):
    """What every operation on a leaf names."""

    obligor: OrganisationId = Field(description="organisation that promised to pay")
    certificate: CertificateNumber
    leaf: LeafNumber

    @property
    def place(self) -> Place:
        """The leaf that is meant."""
        return Place(self.obligor, self.certificate, self.leaf)


class CertificateIssue(Operation):
    """An obligor promises a payee an amount at maturity, on an invoice that it confirmed or without one."""

    op: Literal["certificate.issue"]
    certificate: CertificateNumber
    payee: OrganisationId
    currency: Currency
    amount: PositiveAmount = Field(description="face; minor units")
    maturity: Date = Field(description="day on which it is paid; ISO text YYYY-MM-DD")
    cut_off_days: int = Field(ge=1, le=30, description="days before maturity from which nothing moves")
    smallest: PositiveAmount = Field(description="smallest piece of a split; minor units")
    highest_tier: int = Field(ge=1, le=MAX_TIER, description="the payee is tier 1")
    invoice: OptionalNumber = Field(description="invoice of the payee that it replaces; empty for none")


class CertificateAccept(LeafOperation):
    """The payee accepts a certificate, or its next owner a leaf."""

    op: Literal["certificate.accept"]


class CertificateDecline(LeafOperation):
    """Either side ends what is offered: a certificate before acceptance, a transfer, a sale or a pledge."""

    op: Literal["certificate.decline"]


class CertificateSplit(LeafOperation):
    """A holder splits a leaf: it is burnt, and its children add up to it."""

    op: Literal["certificate.split"]
    amounts: Annotated[tuple[PositiveAmount, ...], Field(min_length=2, max_length=MAX_PIECES)] = Field(
        description="amounts of the children; minor units"
    )


class CertificateTransfer(LeafOperation):
    """A holder passes a leaf on to a supplier of its own, who accepts it or not."""

    op: Literal["certificate.transfer"]
    to: OrganisationId
    expires: Date = Field(description="last business date on which it can be accepted; ISO text YYYY-MM-DD")


class CertificateFreeze(LeafOperation):
    """An authority stops a leaf: it is not split, passed on, sold or pledged."""

    op: Literal["certificate.freeze"]
    reason: Reason


class CertificateUnfreeze(LeafOperation):
    """An authority lets a leaf go."""

    op: Literal["certificate.unfreeze"]
    reason: Reason


def issue(context: Context, operation: CertificateIssue) -> None:
    """Issued by the obligor; nothing changes on the invoice until the payee accepts."""
    obligor, number, payee = context.actor, operation.certificate, operation.payee
    context.require_organisation(payee, SUPPLIER, "payee")
    if read_promise(context.state, obligor, number) is not None:
        raise refuse("duplicate_number", "certificate number used", field="certificate", found=number)
    cut_off = operation.maturity - operation.cut_off_days
    if cut_off <= context.day:
        raise refuse("date_order", "nobody could accept it before its cut-off", field="maturity")
    if operation.maturity > context.day + MAX_TERM_DAYS:
        raise refuse(
            "date_too_far",
            "it matures too late",
            field="maturity",
            found=f"{operation.maturity - context.day} days",
            expected=f"at most {MAX_TERM_DAYS}",
        )
    _check_piece(Money(operation.amount, operation.currency), operation.smallest, "smallest")
    promise = Promise(
        payee,
        operation.currency,
        operation.amount,
        context.day,
        operation.maturity,
        cut_off,
        operation.smallest,
        operation.highest_tier,
        operation.invoice,
        context.stored_approver,
    )
    place, expires = Place(obligor, number, 0), min(cut_off - 1, context.day + expiry.MAX_DAYS_AHEAD)
    if operation.invoice:
        expires = min(expires, _drawn_on(context, obligor, promise).due_day)
        context.put(promised_key(payee, operation.invoice), number)
    expiry.schedule(context, subject(place), expires)
    context.put(promise_key(obligor, number), tuple(promise))
    root = Leaf(ISSUED, payee, operation.amount, 1, -1, expires=expires)
    said = (
        promise.currency,
        promise.maturity,
        promise.cut_off,
        promise.smallest,
        promise.highest_tier,
        promise.invoice,
    )
    record(context, place, root, "issue", payee, operation.amount, said)


def _drawn_on(context: Context, obligor: str, promise: Promise) -> Invoice:
    """The invoice that a certificate is to replace; refused unless it is free, confirmed, not overdue, covers
    the face, and no other certificate waits for its payee.
    """
    invoice = live_invoice(context, promise.payee, promise.invoice)
    if invoice.buyer != obligor:
        raise refuse("not_party", "invoice of another buyer", field="invoice", found=promise.invoice)
    if invoice.currency != promise.currency:
        raise CurrencyMismatch(promise.currency, invoice.currency, "currency")
    if invoice.validity != CONFIRMED:
        raise refuse("not_confirmed", "not confirmed", field="invoice", found=promise.invoice)
    if invoice.contested:
        raise refuse(
            "disputed",
            "an amount is in dispute",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
        )
    TITLE.after(invoice.title, "certificate.accept")
    if context.day > invoice.due_day:
        raise refuse(
            "past_due",
            "it is overdue",
            field="invoice",
            found=iso_from_day(context.day),
            expected=f"at most {iso_from_day(invoice.due_day)}",
        )
    standing = context.get(promised_key(promise.payee, promise.invoice))
    if standing is not None:
        raise refuse("certificate_open", "one waits for its payee", field="invoice", found=str(standing))
    if promise.face > invoice.outstanding:
        raise refuse(
            "exceeds_outstanding",
            "more than is outstanding on the invoice",
            field="amount",
            found=Money(promise.face, promise.currency),
            expected=f"at most {Money(invoice.outstanding, invoice.currency)}",
        )
    return invoice


def _check_piece(piece: Money, smallest: int, field: str) -> None:
    if piece.amount < smallest:
        least = f"at least {Money(smallest, piece.currency)}"
        raise refuse("piece_too_small", "too small a piece", field=field, found=piece, expected=least)


def accept(context: Context, operation: CertificateAccept) -> None:
    """Accepted by the payee, whose invoice it replaces, or by the next owner of a leaf."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, operation.op)
    require_movable(context, promise, leaf)
    taker = leaf.offered_to or leaf.holder
    if taker != context.actor:
        raise refuse("not_party", "offered to another", field="signer", found=context.actor, expected=taker)
    tier = leaf.tier
    expiry.cancel(context, subject(place))
    if leaf.status == ISSUED:
        context.require_independent(place.obligor, promise.approver)
        if promise.invoice:
            _certificate_invoice(context, place, promise, leaf)
        promised = ("promise", place.certificate, promise.currency, promise.face, promise.maturity)
        context.record(taker, place.obligor, promised)
    else:
        _note(context, place, promise, leaf.holder, "let_go", leaf.amount)
        tier += 1
    held = leaf._replace(status=status, holder=taker, tier=tier, offered_to="", expires=0)
    record(context, place, held, "accept", taker, held.left)
    _note(context, place, promise, taker, "hold", leaf.amount)


def _certificate_invoice(context: Context, place: Place, promise: Promise, leaf: Leaf) -> None:
    """Replace what is outstanding on the invoice by the certificate, as far as its face goes; for good."""
    supplier, number = promise.payee, promise.invoice
    invoice = live_invoice(context, supplier, number)
    assert is_as_drawn_on(promise, leaf, invoice), "what was promised on another invoice is void"
    context.state.delete(promised_key(supplier, number))
    invariants.drawn_within_net(promise.face, invoice.net)
    certificated = invoice._replace(
        title=TITLE.after(invoice.title, "certificate.accept"),
        offset=invoice.offset + promise.face,
        outstanding=invoice.outstanding - promise.face,
    )
    assert certificated.title == CERTIFICATED, "there is no other way"
    write_invoice(context, supplier, number, certificated)
    context.put(drawn_key(supplier, number), (place.obligor, place.certificate))
    settled = int(certificated.outstanding == 0)
    context.record(
        supplier,
        place.obligor,
        ("certificate", number, invoice.currency, promise.face, invoice.due_day, settled, place.certificate),
    )


def _note(context: Context, place: Place, promise: Promise, holder: str, kind: str, amount: int) -> None:
    """Tell the history between a holder and the obligor what it holds from now on, or no longer."""
    context.record(
        holder,
        place.obligor,
        (kind, place.certificate, promise.currency, amount, promise.maturity, place.leaf),
    )


def move(context: Context, place: Place, promise: Promise, before: str, after: Leaf) -> None:
    """Tell both holders' histories that a sold leaf has changed hands."""
    _note(context, place, promise, before, "let_go", after.amount)
    _note(context, place, promise, after.holder, "hold", after.amount)


def decline(context: Context, operation: CertificateDecline) -> None:
    """Declined by whom it is offered to, or taken back by who offers it."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    status = STATUS.after(leaf.status, operation.op)
    parties = (place.obligor, leaf.holder) if leaf.status == ISSUED else (leaf.holder, leaf.offered_to)
    if context.actor not in parties:
        raise refuse("not_party", "not a party to the offer", field="signer", found=context.actor)
    _end_offer(context, place, promise, leaf, status)


def expire(context: Context, obligor: str, document: str) -> None:
    """The last day of an offer is over: the leaf is its holder's again, or void if it was only issued."""
    certificate, _, number = document.rpartition("#")
    place = Place(obligor, certificate, int(number))
    promise, leaf = found_leaf(context, place)
    _end_offer(context, place, promise, leaf, STATUS.after(leaf.status, EXPIRED))


def end_what_changed(context: Context, supplier: str, number: str, invoice: Invoice) -> None:
    """A certificate on an invoice that nobody could accept any more is void: see `market.standing`."""
    standing = context.get(promised_key(supplier, number))
    if standing is None:
        return
    place = Place(invoice.buyer, str(standing), 0)
    promise, leaf = found_leaf(context, place)
    if not is_as_drawn_on(promise, leaf, invoice):
        _end_offer(context, place, promise, leaf, STATUS.after(leaf.status, CHANGED))


def is_as_drawn_on(promise: Promise, leaf: Leaf, invoice: Invoice) -> bool:
    """Whether an issued certificate can take the place of its invoice, once no lender has reserved it."""
    is_owed = invoice.validity == CONFIRMED and not invoice.contested and promise.face <= invoice.outstanding
    return is_owed and invoice.title in UNSOLD and leaf.expires <= invoice.due_day


def _end_offer(context: Context, place: Place, promise: Promise, leaf: Leaf, status: int) -> None:
    """End what is offered and not taken: what was only issued is void, another leaf its holder's again."""
    expiry.cancel(context, subject(place))
    ended = leaf._replace(status=status, offered_to="", expires=0, price=0, repay=0)
    if leaf.status == ISSUED:
        if promise.invoice:
            context.state.delete(promised_key(promise.payee, promise.invoice))
        record(context, place, ended._replace(frozen=0), "void", leaf.holder, leaf.amount)
    else:
        record(context, place, ended, "back", leaf.holder, leaf.left)


def subject(place: Place) -> expiry.Subject:
    """What an offered leaf is called among the things that expire; a leaf's number has no #."""
    return (CERTIFICATE, place.obligor, f"{place.certificate}#{place.leaf}")


def offer_until(context: Context, place: Place, promise: Promise, expires: int) -> None:
    """Have an offer end by itself, and before the cut-off."""
    expiry.check_last_day(context, expires)
    if expires >= promise.cut_off:
        raise refuse("cut_off", "it would stand beyond the cut-off", field="expires")
    expiry.schedule(context, subject(place), expires)


def split(context: Context, operation: CertificateSplit) -> None:
    """Split by its holder: the leaf is burnt, its children are of one root, obligor and maturity."""
    place, amounts = operation.place, operation.amounts
    promise, leaf = found_leaf(context, place)
    require_holder(context, leaf)
    status = STATUS.after(leaf.status, operation.op)
    require_movable(context, promise, leaf)
    for amount in amounts:
        _check_piece(Money(amount, promise.currency), promise.smallest, "amounts")
    if sum(amounts) != leaf.amount:
        raise refuse(
            "pieces_mismatch",
            "the pieces do not add up to the leaf",
            field="amounts",
            found=Money(sum(amounts), promise.currency),
            expected=Money(leaf.amount, promise.currency),
        )
    first = read_totals(context.state, place.obligor, place.certificate).leaves
    if first + len(amounts) > MAX_LEAVES:
        raise refuse(
            "too_many_leaves",
            "too many pieces of one certificate",
            field="amounts",
            found=f"{first + len(amounts)} leaves",
            expected=f"at most {MAX_LEAVES} in all",
        )
    record(context, place, leaf._replace(status=status), "burn", leaf.holder, leaf.amount)
    for number, amount in enumerate(amounts, first):
        child = Leaf(HELD, leaf.holder, amount, leaf.tier, place.leaf)
        record(context, place._replace(leaf=number), child, "mint", leaf.holder, amount)
    invariants.pieces_add_up(leaf.amount, tuple(amounts))
    tree_adds_up(read_totals(context.state, place.obligor, place.certificate))


def transfer(context: Context, operation: CertificateTransfer) -> None:
    """Offered by its holder to a supplier one tier further down."""
    place = operation.place
    promise, leaf = found_leaf(context, place)
    require_holder(context, leaf)
    status = STATUS.after(leaf.status, operation.op)
    require_movable(context, promise, leaf)
    context.require_organisation(operation.to, SUPPLIER, "to")
    if operation.to == place.obligor:
        raise refuse("same_party", "a promise to oneself", field="to", found=operation.to)
    if leaf.tier >= promise.highest_tier:
        raise refuse(
            "tier_too_deep",
            "passed on often enough",
            field="leaf",
            found=f"tier {leaf.tier}",
            expected=f"below tier {promise.highest_tier}",
        )
    offer_until(context, place, promise, operation.expires)
    offered = leaf._replace(status=status, offered_to=operation.to, expires=operation.expires)
    record(context, place, offered, "transfer", operation.to, leaf.left)


def freeze(context: Context, operation: CertificateFreeze) -> None:
    """Stopped by the operator or a regulator."""
    _set_frozen(context, operation.place, 1, "freeze")


def unfreeze(context: Context, operation: CertificateUnfreeze) -> None:
    """Let go by the operator or a regulator."""
    _set_frozen(context, operation.place, 0, "unfreeze")


def _set_frozen(context: Context, place: Place, frozen: int, kind: str) -> None:
    _, leaf = found_leaf(context, place)
    if leaf.frozen == frozen or not leaf.live:
        raise refuse(
            "no_change",
            "it is so already, or nothing is left to move",
            field="leaf",
            found=STATUS.states[leaf.status],
        )
    record(context, place, leaf._replace(frozen=frozen), kind, leaf.holder, leaf.left)
