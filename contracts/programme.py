"""Lender programmes: the terms under which one lender buys receivables.

    ("programme", programme) -> (lender, revision, terms map)

Publishing again replaces the terms; what was funded keeps the terms that it was funded under.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Operation, ProgrammeId
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


class ProgrammePublish(Operation):
    """A lender publishes a programme, or new terms of its programme."""

    op: Literal["programme.publish"]
    programme: ProgrammeId
    terms: ProgrammeTerms


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
    revision = 1 if known is None else known.revision + 1
    programme = Programme(context.actor, revision, operation.terms.to_value())
    context.put(programme_key(operation.programme), tuple(programme))
