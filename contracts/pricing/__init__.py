"""Pricing: a pure function of verified aggregates and a programme's terms, in integers.

Read in this order: `terms` (what a lender publishes), `formulae` (each formula with its
rounding), `features` (what a relationship's history says), `price` (eligibility, then the
price). Nothing here reads a clock, the state or a file.

Imports: `ledger`, and the layout of the aggregates from `contracts.relationship`.
"""

from contracts.pricing.features import Features
from contracts.pricing.price import REASONS, QuoteInputs, QuoteTerms, price
from contracts.pricing.terms import ObligorLimit, ProgrammeTerms

__all__ = ["REASONS", "Features", "ObligorLimit", "ProgrammeTerms", "QuoteInputs", "QuoteTerms", "price"]
