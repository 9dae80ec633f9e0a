"""The seller keeps collections: money for a sold invoice that went elsewhere, or that never shows.

| check | what is seen |
|---|---|
| seller_collects | a payment arrived on another account than expected (`contracts.trade.redirection`) |
| redirected_elsewhere | the buyer is told to pay to the account of a lender that does not hold the invoice |
| payment_missing | a financed invoice is long past due, undisputed, and the buyer has paid later ones since |

The last is the sign of money that no bank of this ledger saw: a buyer that is late is late with what falls
due later as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from clients.screening.facts import Facts
from clients.screening.finding import ALARM, Entry, Finding
from clients.screening.trade import Bill, Trade
from clients.wording import counted
from ledger.dates import iso_from_day
from ledger.money import Money

ASTRAY, ELSEWHERE, MISSING = "seller_collects", "redirected_elsewhere", "payment_missing"

MISSING_DAYS = 30
"""Days past due from which a payment is missed."""

LATER_PAID = 2
"""Invoices of the same relationship, due later, that were paid since."""


def find_astray(trade: Trade) -> Iterator[Finding]:
    """Each payment that arrived elsewhere than where it was expected."""
    for payment in trade.astray:
        supplier, buyer, _ = payment.place
        yield Finding(
            ASTRAY,
            ALARM,
            f"{buyer} paid {Money(payment.amount, payment.currency)} for {payment.invoice} of {supplier} on "
            f"{iso_from_day(payment.day)} to {payment.account}; expected on {payment.expected}",
            (supplier, buyer),
            (payment.invoice,),
            Money(payment.amount, payment.currency),
            (payment.place,),
        )


def find_elsewhere(trade: Trade, facts: Facts) -> Iterator[Finding]:
    """Each invoice that lenders hold while its buyer is told to pay to another lender's account."""
    for bill in trade.bills:
        holders = facts.holders(bill.supplier, bill.number)
        stands = facts.redirection(bill.supplier, bill.buyer, bill.currency)
        if not holders or stands is None or stands.lender in holders:
            continue
        yield Finding(
            ELSEWHERE,
            ALARM,
            f"{bill.number} of {bill.supplier} is held by {', '.join(holders)}, and {bill.buyer} is told to "
            f"pay to {stands.account} of {stands.lender}",
            (bill.supplier, bill.buyer),
            (bill.number,),
            Money(bill.left, bill.currency),
            (
                bill.place,
                Entry(("lien", bill.supplier, bill.number)),
                Entry(("redirection", bill.supplier, bill.buyer, bill.currency)),
            ),
        )


def find_missing(trade: Trade) -> Iterator[Finding]:
    """Each financed invoice whose payment is missed."""
    for bills in trade.relationships.values():
        for bill in bills:
            if not _is_missed(bill, trade.day):
                continue
            later = [
                other
                for other in bills
                if other.due > bill.due and other.settled > bill.due and other.currency == bill.currency
            ]
            if len(later) >= LATER_PAID:
                yield _finding(bill, later, trade.day)


def _is_missed(bill: Bill, day: int) -> bool:
    is_missed = bill.is_open and not bill.disputed
    return bill.financed is not None and is_missed and day - bill.due >= MISSING_DAYS


def _finding(bill: Bill, later: list[Bill], day: int) -> Finding:
    assert bill.financed is not None, "only a financed invoice is missed"
    left = Money(bill.left, bill.currency)
    places = [payment.place for other in later[:LATER_PAID] for payment in other.payments[-1:]]
    return Finding(
        MISSING,
        ALARM,
        f"{left} of {bill.number} of {bill.supplier}, financed, is {counted(day - bill.due, 'day')} past "
        f"due, while {bill.buyer} has paid {counted(len(later), 'invoice')} that fell due later: did the "
        "seller collect?",
        (bill.supplier, bill.buyer),
        (bill.number,),
        left,
        (bill.place, bill.financed.place, *places),
    )
