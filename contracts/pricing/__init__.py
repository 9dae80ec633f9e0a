"""Pricing: a pure function of verified aggregates and a programme's terms, in integers.

Read in this order: `terms` (what a lender publishes), `formulae` (each formula with its
rounding), `features` (what a relationship's history says), `price` (eligibility, then the quote).
Nothing here reads a clock, the state or a file. Imports: `ledger`.
"""

from contracts.pricing.terms import ObligorLimit, ProgrammeTerms

__all__ = ["ObligorLimit", "ProgrammeTerms"]
