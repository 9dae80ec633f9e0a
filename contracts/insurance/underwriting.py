"""Underwriting: a quote for a policy, at the premium of the ledger (`contracts.insurance.premium`).

The insurer chooses limits, conditions and assumptions; what the buyers did is the ledger's. A quote of any
other amount is refused, so whoever has the state can recompute every premium that was ever quoted.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Amount, Currency, Date, Number, Operation, OrganisationId, Part, PositiveAmount
from contracts.insurance.policy import QUOTED, Cover, Policy, cover_key, policy_key, read_policy
from contracts.insurance.premium import PremiumTerms, Priced, experience, price
from contracts.parties.identity import BUYER, LENDER, SUPPLIER
from contracts.pricing.terms import Ppm
from ledger.dates import iso_from_day
from ledger.money import Money, checked_total
from ledger.state.overlay import Reader

MAX_BUYERS = 50
"""Buyers of one policy."""
MAX_SUPPLIERS = 8
"""Suppliers of one buyer whose histories price its limit."""
MAX_POLICY_DAYS = 1_098
"""First to last day of a policy: three years."""
MAX_CLOCK_DAYS = 366
"""Longest waiting period and notification clock."""


class BuyerLimit(Part):
    """A buyer and the limit asked for it."""

    buyer: OrganisationId
    limit: PositiveAmount = Field(description="most that is insured of this buyer's debts; minor units")
    suppliers: Annotated[
        tuple[OrganisationId, ...],
        Field(min_length=1, max_length=MAX_SUPPLIERS, description="suppliers whose invoices are insured"),
    ]


class PolicyQuote(Operation):
    """An insurer quotes a policy at the premium that the ledger recomputes."""

    op: Literal["policy.quote"]
    policy: Number = Field(description="policy number, as the insurer writes it")
    assured: OrganisationId = Field(description="supplier or lender that is insured")
    currency: Currency
    starts: Date = Field(description="first day on which shipped goods are covered; ISO text YYYY-MM-DD")
    ends: Date = Field(description="last day on which shipped goods are covered; ISO text YYYY-MM-DD")
    bind_by: Date = Field(description="last day of the quote; ISO text YYYY-MM-DD")
    buyers: Annotated[tuple[BuyerLimit, ...], Field(min_length=1, max_length=MAX_BUYERS)] = Field(
        description="limits, each buyer once"
    )
    maximum: PositiveAmount = Field(description="sum of indemnities, at most; minor units")
    insured_ppm: Ppm = Field(gt=0, description="insured share of a loss; ppm")
    deductible: Amount = Field(description="borne by the assured in each loss; minor units")
    waiting_days: int = Field(
        60, ge=0, le=MAX_CLOCK_DAYS, description="days from the due date until a loss may be filed"
    )
    notify_days: int = Field(
        30, ge=1, le=MAX_CLOCK_DAYS, description="days from the due date in which to notify, or cover is void"
    )
    loss_payee: OrganisationId | None = Field(
        None, description="lender that is paid first where it holds the claim"
    )
    terms: PremiumTerms
    premium: PositiveAmount = Field(description="premium in all, as the ledger recomputes it; minor units")


def premium_lines(state: Reader, operation: PolicyQuote, day: int) -> tuple[Priced, ...]:
    """The premium of each buyer's limit on a business date, from the state alone."""
    return tuple(
        [
            price(
                operation.terms,
                asked.buyer,
                asked.limit,
                operation.insured_ppm,
                tuple(
                    [
                        experience(state, supplier, asked.buyer, operation.currency, day)
                        for supplier in asked.suppliers
                    ]
                ),
            )
            for asked in operation.buyers
        ]
    )


def quote(context: Context, operation: PolicyQuote) -> None:
    """Quoted by the insurer; the premium is the ledger's."""
    insurer, number = context.actor, operation.policy
    _check_parties(context, operation)
    _check_days(context, operation)
    if read_policy(context.state, insurer, number) is not None:
        raise refuse("duplicate_number", "policy number used", field="policy", found=number)
    if operation.deductible >= operation.maximum:
        raise refuse(
            "nothing_insured",
            "the deductible leaves nothing",
            field="deductible",
            found=Money(operation.deductible, operation.currency),
            expected=f"below {Money(operation.maximum, operation.currency)}",
        )
    lines = premium_lines(context.state, operation, context.day)
    total = checked_total(sum(line.premium for line in lines))
    if operation.premium != total:
        raise refuse(
            "premium_stale",
            "not the premium of today",
            field="premium",
            found=Money(operation.premium, operation.currency),
            expected=Money(total, operation.currency),
        )
    for asked, line in zip(operation.buyers, lines, strict=True):
        cover = Cover(asked.suppliers, ((operation.starts, asked.limit),), line.pd_ppm, line.premium)
        context.put(cover_key(insurer, number, asked.buyer), tuple(cover))
    policy = Policy(
        QUOTED,
        operation.assured,
        operation.currency,
        operation.starts,
        operation.ends,
        operation.bind_by,
        operation.insured_ppm,
        operation.deductible,
        operation.waiting_days,
        operation.notify_days,
        operation.maximum,
        total,
        operation.terms.model_dump(),
        operation.loss_payee or "",
        context.stored_approver,
        "",
        buyers=tuple([asked.buyer for asked in operation.buyers]),
    )
    context.put(policy_key(insurer, number), tuple(policy))


def _check_parties(context: Context, operation: PolicyQuote) -> None:
    buyers = [asked.buyer for asked in operation.buyers]
    if len(set(buyers)) != len(buyers):
        raise refuse("line_twice", "a buyer has two limits", field="buyers", expected="each buyer once")
    if operation.loss_payee:
        context.require_organisation(operation.loss_payee, LENDER, "loss_payee")
    for asked in operation.buyers:
        context.require_organisation(asked.buyer, BUYER, "buyers")
        if asked.buyer == operation.assured:
            raise refuse("same_party", "insured against itself", field="buyers", found=asked.buyer)
        for supplier in asked.suppliers:
            context.require_organisation(supplier, SUPPLIER, "suppliers")
    insures_itself = all(asked.suppliers == (operation.assured,) for asked in operation.buyers)
    context.require_organisation(operation.assured, SUPPLIER if insures_itself else LENDER, "assured")


def _check_days(context: Context, operation: PolicyQuote) -> None:
    """No cover for what has happened: it begins today at the earliest."""
    if operation.starts < context.day or operation.bind_by < context.day:
        raise refuse(
            "date_order",
            "it would begin, or run out, in the past",
            field="starts",
            found=iso_from_day(min(operation.starts, operation.bind_by)),
            expected=f"{iso_from_day(context.day)} or later",
        )
    if operation.ends < max(operation.starts, operation.bind_by):
        raise refuse("date_order", "it would end before it begins", field="ends")
    if operation.ends - context.day > MAX_POLICY_DAYS:
        raise refuse(
            "date_too_far",
            "it ends too late",
            field="ends",
            found=f"{operation.ends - context.day} days",
            expected=f"at most {MAX_POLICY_DAYS}",
        )
