"""The secondary market: a lender sells a receivable that it has bought to another lender, for a price.

| operation | by | what it does |
|---|---|---|
| `resale.offer` | its holder | offers it to one lender at a price, up to a last day |
| `resale.settle` | the other lender | pays out of its deposit: cash and claim move together (invariant 12) |
| `resale.fund` | a settlement bank | attests that the other lender has paid: the same |
| `resale.withdraw` | either side | ends the offer |

The claim goes over as it is: what the buyer owes, the supplier's reserve, what the supplier answers for. Its
new holder is who is paid from then on (invariant 18), who may demand of the supplier, declare a default and
charge costs. It takes the claim under a programme of its own, whose limit for the obligor and whose rules
hold as for any purchase (invariant 13).

Only what was bought whole is sold on. A pledge secures an advance and stays with it; the shares of a claim
belong together. Nothing changes hands from the due date on: that is the cut-off, and whoever holds it then is
who is to be paid. Nor while the buyer disputes it, is in default on it, or a demand on the supplier stands.
The price was that of the claim as it was: the operation that makes another one of it ends the offer
(`end_what_changed`), and what is taken back later revives nothing.

Credit insurance does not go with it. A policy insures the loss of its assured: the seller has none any more,
and the other lender is insured by its own policy, or not at all (`contracts.insurance.coverage.interest`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts import expiry, invariants
from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    Date,
    EntryNumber,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
    ProgrammeId,
    ResaleNumber,
)
from contracts.finance import eligibility, resale
from contracts.finance.claim import Lien, claim_adds_up, expose_lender, held_lien, put_claim, read_lien
from contracts.finance.limit import check_room
from contracts.finance.resale import (
    RESALE,
    STATUS,
    Resale,
    claim_moved_with_cash,
    found_resale,
    read_resale,
    resale_key,
)
from contracts.holdings import book
from contracts.parties import payee
from contracts.parties.identity import LENDER
from contracts.trade.invoice import ASSIGNED, CONFIRMED, TITLE, Invoice, live_invoice
from contracts.trade.order import require_no_credit_due
from ledger.dates import iso_from_day
from ledger.money import Money


class ResaleOffer(Operation):
    """A lender offers a receivable that it has bought to another lender, at a price."""

    op: Literal["resale.offer"]
    resale: ResaleNumber
    supplier: OrganisationId
    invoice: InvoiceNumber
    lender: OrganisationId = Field(description="lender to which it is offered")
    price: PositiveAmount = Field(description="what that lender pays, at most the principal; minor units")
    expires: Date = Field(description="last business date on which it can be paid; ISO text YYYY-MM-DD")


class ResaleSettle(Operation):
    """A lender pays for an offered receivable out of its deposit: cash and claim move together."""

    op: Literal["resale.settle"]
    seller: OrganisationId = Field(description="lender that offers it")
    resale: ResaleNumber
    price: PositiveAmount = Field(description="price of the offer; minor units")
    bank: OrganisationId = Field(description="settlement bank at which both lenders have deposits")
    programme: ProgrammeId = Field(description="the paying lender's programme under which it takes it")


class ResaleFund(Operation):
    """A settlement bank attests that a lender has paid the seller: cash and claim move together."""

    op: Literal["resale.fund"]
    seller: OrganisationId = Field(description="lender that offers it")
    resale: ResaleNumber
    lender: OrganisationId = Field(description="lender that has paid")
    account: Account = Field(description="account from which the money left")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount paid; minor units of the invoice's currency")
    programme: ProgrammeId = Field(description="the paying lender's programme, as it has instructed")
    payee: Account | None = Field(
        None, description="account to which it was paid; needed where the seller has a payee account"
    )


class ResaleWithdraw(Operation):
    """A lender takes its offer back, or the other lender declines it."""

    op: Literal["resale.withdraw"]
    seller: OrganisationId = Field(description="lender that offers it")
    resale: ResaleNumber


def offer(context: Context, operation: ResaleOffer) -> None:
    """Offered by the holder; it stays the holder until the other lender has paid."""
    seller, supplier, number = context.actor, operation.supplier, operation.invoice
    lien, invoice = _sellable(context, seller, supplier, number)
    if lien.resale:
        raise refuse("resale_open", "an offer stands", field="invoice", found=lien.resale)
    if read_resale(context.state, seller, operation.resale) is not None:
        raise refuse("duplicate_number", "number of an offer used", field="resale", found=operation.resale)
    context.require_organisation(operation.lender, LENDER, "lender")
    if operation.lender in (supplier, invoice.buyer):
        raise refuse("same_party", "it would hold a claim on itself", field="lender", found=operation.lender)
    if operation.price > lien.principal:
        raise refuse(
            "price_above_face",
            "more than is left to be paid",
            field="price",
            found=Money(operation.price, invoice.currency),
            expected=f"at most {Money(lien.principal, invoice.currency)}",
        )
    expiry.check_last_day(context, operation.expires)
    _check_before_due(operation.expires, invoice, "expires")
    made = Resale(
        resale.OFFERED,
        operation.lender,
        supplier,
        number,
        lien.currency,
        operation.price,
        lien.principal,
        invoice.outstanding,
        invoice.due_day,
        context.day,
        operation.expires,
    )
    expiry.schedule(context, (RESALE, seller, operation.resale), operation.expires)
    context.put(resale_key(seller, operation.resale), tuple(made))
    put_claim(context, supplier, number, lien._replace(resale=operation.resale))


def _sellable(context: Context, seller: str, supplier: str, number: str) -> tuple[Lien, Invoice]:
    """The claim of a lender and its invoice; refused where it cannot be sold on as things stand."""
    lien = held_lien(context, supplier, number)
    if lien.shares:
        raise refuse(
            "claim_shared", "several lenders share it", field="invoice", found=f"{len(lien.shares)} shares"
        )
    if lien.lender != seller:
        raise refuse("not_party", "not its holder", field="signer", found=seller, expected=lien.lender)
    if lien.title != ASSIGNED:
        raise refuse(
            "not_assigned",
            "it was pledged, not sold",
            field="invoice",
            found=TITLE.states[lien.title],
            expected=TITLE.states[ASSIGNED],
        )
    invoice = live_invoice(context, supplier, number)
    if invoice.defaulted:
        raise refuse(
            "wrong_state", "in default", field="invoice", found=invoice.cash, expected="not in default"
        )
    if invoice.contested:
        raise refuse(
            "disputed",
            "an amount is in dispute",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
        )
    if lien.recourse:
        raise refuse("recourse_open", "a demand stands", field="invoice", found=lien.recourse)
    _check_before_due(context.day, invoice, "invoice")
    _check_no_credit_due(context, supplier, lien, invoice)
    return lien, invoice


def _check_no_credit_due(context: Context, supplier: str, lien: Lien, invoice: Invoice) -> None:
    if invoice.order and not lien.arrangement:
        require_no_credit_due(context.state, supplier, invoice.buyer, invoice.order)


def _check_before_due(day: int, invoice: Invoice, field: str) -> None:
    """From the due date on its holder stays who is to be paid (invariant 18)."""
    if day >= invoice.due_day:
        raise refuse(
            "past_due",
            "it changes hands before it is due",
            field=field,
            found=iso_from_day(day),
            expected=f"before {iso_from_day(invoice.due_day)}",
        )


def settle(context: Context, operation: ResaleSettle) -> None:
    """Paid by the other lender out of its deposit, at the price that it signs."""
    seller, number = operation.seller, operation.resale
    found = _offered(context, seller, number, context.actor, operation.op)
    _check_price(found, operation.price, "price")
    lien = _as_offered(context, found)
    evidence = deposit.pay(
        context,
        bank_id=operation.bank,
        payer=found.to,
        currency=found.currency,
        payees=((seller, found.price),),
        purpose=deposit.Purpose(bank.RESALE, seller, number),
    )
    paid = found._replace(account=evidence.account, entry=evidence.entry)
    _deliver(context, (seller, number), paid, lien, operation.programme)


def fund(context: Context, operation: ResaleFund) -> None:
    """Attested by the bank: the other lender has paid the seller."""
    seller, number = operation.seller, operation.resale
    bank.check_unused(context, operation.account, operation.entry, bank.RESALE)
    context.require_past(operation.date, "date")
    found = _offered(context, seller, number, operation.lender, operation.op)
    _check_price(found, operation.amount, "amount")
    if operation.date < found.offered:
        raise refuse("date_order", "paid before it was offered", field="date")
    lien = _as_offered(context, found)
    payee.check_paid_to(context, seller, found.currency, operation.payee, operation.date)
    entry = bank.BankEntry(
        context.actor, bank.RESALE, seller, number, found.currency, found.price, operation.date
    )
    bank.consume(context, operation.account, operation.entry, entry)
    paid = found._replace(account=operation.account, entry=operation.entry)
    _deliver(context, (seller, number), paid, lien, operation.programme)


def _offered(context: Context, seller: str, number: str, lender: str, by: str) -> Resale:
    """An offer to this lender, in the state that its payment leads to."""
    found = found_resale(context, seller, number)
    status = STATUS.after(found.status, by)
    if found.to != lender:
        raise refuse(
            "not_party", "offered to another lender", field="lender", found=lender, expected=found.to
        )
    return found._replace(status=status)


def _check_price(found: Resale, paid: int, field: str) -> None:
    if paid != found.price:
        raise refuse(
            "amount_mismatch",
            "not the price of the offer",
            field=field,
            found=Money(paid, found.currency),
            expected=Money(found.price, found.currency),
        )


def _as_offered(context: Context, found: Resale) -> Lien:
    """The claim on which an offer stands; refused while goods went back that are still billed."""
    lien = held_lien(context, found.supplier, found.invoice)
    invoice = live_invoice(context, found.supplier, found.invoice)
    assert is_as_offered(found, lien, invoice), "an offer of what has changed is void"
    assert context.day < invoice.due_day, "an offer ends before the due date"
    _check_no_credit_due(context, found.supplier, lien, invoice)
    return lien


def is_as_offered(found: Resale, lien: Lien, invoice: Invoice) -> bool:
    """Whether a claim is still the one that a price was named for."""
    now = (lien.principal, invoice.outstanding, invoice.due_day)
    is_sound = invoice.validity == CONFIRMED and not (invoice.contested or invoice.defaulted)
    return is_sound and not lien.recourse and now == (found.principal, found.outstanding, found.due_day)


def end_what_changed(context: Context, supplier: str, number: str) -> None:
    """The offer on a claim is void once the claim is not what was offered: see `market.standing`."""
    lien = read_lien(context.state, supplier, number)
    if lien is None or not lien.resale:
        return
    found = found_resale(context, lien.lender, lien.resale)
    if not is_as_offered(found, lien, live_invoice(context, supplier, number)):
        _end(context, lien.lender, lien.resale, found, resale.CHANGED)


def _deliver(context: Context, link: tuple[str, str], sold: Resale, lien: Lien, programme: str) -> None:
    """Move a claim against the cash leg that the sale names: holder, exposures, books and postings."""
    seller, number = link
    supplier, invoice = sold.supplier, live_invoice(context, sold.supplier, sold.invoice)
    revision = _take_room(context, sold, lien, programme, invoice)
    claim_moved_with_cash(sold, lien.principal)
    expiry.cancel(context, (RESALE, seller, number))
    context.put(resale_key(seller, number), tuple(sold._replace(bought=lien.bought)))
    moved = lien._replace(
        lender=sold.to, programme=programme, revision=revision, resale="", bought=(seller, number)
    )
    claim_adds_up(moved, invoice.outstanding)
    put_claim(context, supplier, sold.invoice, moved)
    book.resold(context, supplier, sold.invoice, lien, (moved, sold.price, invoice.due_day))
    context.post(
        (
            (sold.to, "principal", sold.currency, -lien.principal),
            (sold.to, "discount", sold.currency, lien.principal - sold.price),
            (seller, "resales", sold.currency, sold.price),
        )
    )


def _take_room(context: Context, sold: Resale, lien: Lien, programme: str, invoice: Invoice) -> int:
    """Move the exposure from one lender to the other, within the other's limit and rules; the revision of its
    programme (invariant 13).
    """
    supplier, amount = sold.supplier, lien.principal
    holder, owed = (sold.to, programme), (supplier, lien.buyer, lien.currency)
    published, limit = check_room(context.state, holder, owed[1:], amount)
    rules = eligibility.Rules.from_value(published.rules)
    facts = eligibility.read_facts(context.state, holder, rules, supplier, invoice)
    eligibility.check(rules, facts, amount)
    expose_lender(context, (lien.lender, lien.programme), owed, (0, -amount))
    invariants.within_limit(*expose_lender(context, holder, owed, (0, amount)), limit)
    eligibility.within_limits(context.state, programme, rules, (supplier, lien.currency))
    return published.revision


def withdraw(context: Context, operation: ResaleWithdraw) -> None:
    """Taken back by the seller, or declined by the other lender."""
    found = found_resale(context, operation.seller, operation.resale)
    if context.actor not in (operation.seller, found.to):
        raise refuse("not_party", "not a party to the offer", field="signer", found=context.actor)
    _end(context, operation.seller, operation.resale, found, operation.op)


def expire(context: Context, seller: str, number: str) -> None:
    """The last day of the offer is over."""
    _end(context, seller, number, found_resale(context, seller, number), "date.advance")


def _end(context: Context, seller: str, number: str, found: Resale, by: str) -> None:
    resale.end(context, seller, number, by)
    lien = held_lien(context, found.supplier, found.invoice)
    put_claim(context, found.supplier, found.invoice, lien._replace(resale=""))
