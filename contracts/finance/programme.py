"""Lender programmes: the terms under which one lender buys receivables, and the rules of what it takes.

    ("programme", programme) -> (lender, revision, terms map, rules map, payables map or nothing)

Publishing again replaces terms and rules; what was funded keeps the terms that it was funded under. With
`Payables` it is one buyer's programme: invoices that this buyer has approved are financed at its rate
(`contracts.reverse_factoring.payables`), bought in full and without recourse, and nothing else is priced
under it. In an auction and between lenders its limits and rules count like those of any other programme.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Operation, OrganisationId, Part, ProgrammeId
from contracts.finance.eligibility import Rules
from contracts.insurance.policy import read_policy
from contracts.parties.identity import BUYER, SUPPLIER
from contracts.pricing.terms import Ppm, ProgrammeTerms
from ledger.codec import Value
from ledger.state.overlay import Reader, state_key

MAX_EXTENSION_DAYS = 360
"""Days by which a payables programme may let its buyer put off a payment."""


class Programme(NamedTuple):
    """State value of a programme."""

    lender: str
    revision: int
    """1 when first published."""
    terms: Value
    """Map of `ProgrammeTerms.to_value`."""
    rules: Value
    """Map of `Rules.to_value`."""
    payables: Value
    """Map of `Payables`, or () for a programme of receivables."""

    def require_payables(self) -> Payables:
        """What makes it a payables programme; refused if it is none."""
        if not self.payables:
            raise refuse(
                "not_payables",
                "not a buyer's payables programme",
                field="programme",
                found=self.lender,
                expected="a programme that was published with `payables`",
            )
        return Payables.model_validate(self.payables)


class Payables(Part):
    """What makes a programme the payables finance of one buyer."""

    buyer: OrganisationId = Field(description="buyer whose approved invoices are financed")
    extension_days: int = Field(
        0,
        ge=0,
        le=MAX_EXTENSION_DAYS,
        description="days by which the buyer may put off the payment of a financed invoice; 0: none",
    )
    extension_rate_ppm: Ppm = Field(0, description="rate a year that the buyer pays for that; ppm")


class ProgrammePublish(Operation):
    """A lender publishes a programme, or new terms and rules of its programme."""

    op: Literal["programme.publish"]
    programme: ProgrammeId
    terms: ProgrammeTerms
    rules: Rules = Field(Rules(), description="what it takes; without them every invoice that has a price")
    payables: Payables | None = Field(
        None, description="the buyer whose approved invoices it finances; none: a programme of receivables"
    )


def programme_key(programme: str) -> bytes:
    """State key of a programme."""
    return state_key("programme", programme)


def read_programme(state: Reader, programme: str) -> Programme | None:
    """The programme, if there is one."""
    value = state.get(programme_key(programme))
    return None if value is None else Programme._make(value)


def found_programme(state: Reader, programme: str) -> Programme:
    """The programme; refused if there is none."""
    found = read_programme(state, programme)
    if found is None:
        raise refuse("unknown_programme", "no such programme", field="programme", found=programme)
    return found


def own_programme(context: Context, programme: str) -> Programme:
    """The signer's programme; refused if there is none, or it is another lender's."""
    found = found_programme(context.state, programme)
    if found.lender != context.actor:
        raise refuse(
            "programme_of_other_lender", "another lender's programme", field="programme", found=found.lender
        )
    return found


def publish(context: Context, operation: ProgrammePublish) -> None:
    """Published by the lender, who alone may replace the terms."""
    known = read_programme(context.state, operation.programme)
    if known is not None and known.lender != context.actor:
        raise refuse(
            "programme_of_other_lender", "another lender's programme", field="programme", found=known.lender
        )
    for place, limit in enumerate(operation.terms.limits):
        context.require_organisation(limit.obligor, BUYER, f"terms.limits[{place}].obligor")
    for place, supplier in enumerate(operation.rules.suppliers):
        context.require_organisation(supplier, SUPPLIER, f"rules.suppliers[{place}]")
    policy = operation.rules.policy
    if policy is not None and read_policy(context.state, policy.insurer, policy.policy) is None:
        raise refuse("unknown_policy", "no such policy", field="rules.policy", found=policy.policy)
    payables = operation.payables
    if payables is not None:
        _check_payables(context, payables, operation.terms)
    revision = 1 if known is None else known.revision + 1
    programme = Programme(
        context.actor,
        revision,
        operation.terms.to_value(),
        operation.rules.to_value(),
        () if payables is None else payables.model_dump(),
    )
    context.put(programme_key(operation.programme), tuple(programme))


def _check_payables(context: Context, payables: Payables, terms: ProgrammeTerms) -> None:
    """Refuse terms that a buyer's undertaking leaves no room for: a reserve, a pledge, recourse."""
    context.require_organisation(payables.buyer, BUYER, "payables.buyer")
    for field, found, fits, expected in (
        ("limits", payables.buyer, terms.limit_of(payables.buyer) is not None, "a limit for the buyer"),
        ("discount_basis", terms.discount_basis, terms.discount_basis != "advance", "bank or true"),
        ("security", terms.security, terms.security == "assignment", "assignment"),
        ("recourse_days", terms.recourse_days, not terms.recourse_days, 0),
    ):
        if not fits:
            raise refuse(
                "payables_terms",
                "not the terms of a full purchase without recourse",
                field=f"terms.{field}",
                found=found,
                expected=expected,
            )
