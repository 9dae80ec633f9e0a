"""Lender programmes: the terms under which one lender buys receivables.

    ("programme", programme) -> (lender, revision, terms map)

Publishing again replaces the terms; what was funded keeps the terms that it was funded under.
"""

from __future__ import annotations

from typing import Literal

from contracts.fields import Operation, ProgrammeId
from contracts.pricing.terms import ProgrammeTerms


class ProgrammePublish(Operation):
    """A lender publishes a programme, or new terms of its programme."""

    op: Literal["programme.publish"]
    programme: ProgrammeId
    terms: ProgrammeTerms
