"""Lender programmes: the terms under which one lender buys receivables, and the rules of what it takes.

    ("programme", programme) -> (lender, revision, terms map, rules map)

Publishing again replaces terms and rules; what was funded keeps the terms that it was funded under.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.eligibility import Rules
from contracts.errors import refuse
from contracts.fields import Operation, ProgrammeId
from contracts.policy import read_policy
from contracts.pricing.terms import ProgrammeTerms
from ledger.codec import Value
from ledger.state import Reader, state_key


class Programme(NamedTuple):
    """State value of a programme."""

    lender: str
    revision: int
    """1 when first published."""
    terms: Value
    """Map of `ProgrammeTerms.to_value`."""
    rules: Value
    """Map of `Rules.to_value`."""


class ProgrammePublish(Operation):
    """A lender publishes a programme, or new terms and rules of its programme."""

    op: Literal["programme.publish"]
    programme: ProgrammeId
    terms: ProgrammeTerms
    rules: Rules = Field(Rules(), description="what it takes; without them every invoice that has a price")


def programme_key(programme: str) -> bytes:
    """State key of a programme."""
    return state_key("programme", programme)


def read_programme(state: Reader, programme: str) -> Programme | None:
    """The programme, if there is one."""
    value = state.get(programme_key(programme))
    return None if value is None else Programme._make(value)


def publish(context: Context, operation: ProgrammePublish) -> None:
    """Published by the lender, who alone may replace the terms."""
    known = read_programme(context.state, operation.programme)
    if known is not None and known.lender != context.actor:
        raise refuse(
            "programme_of_other_lender", "another lender's programme", field="programme", found=known.lender
        )
    policy = operation.rules.policy
    if policy is not None and read_policy(context.state, policy.insurer, policy.policy) is None:
        raise refuse("unknown_policy", "no such policy", field="rules.policy", found=policy.policy)
    revision = 1 if known is None else known.revision + 1
    programme = Programme(context.actor, revision, operation.terms.to_value(), operation.rules.to_value())
    context.put(programme_key(operation.programme), tuple(programme))
