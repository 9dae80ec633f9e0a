"""Pricing: a pure function of verified aggregates and a programme's terms, in integers.

Read in this order: `terms` (what a lender publishes), `formulae` (each formula with its
rounding), `features` (what a relationship's history says), `price` (eligibility, then the
price). `known` is what the ledger knows that bears on an invoice, `lateness` describes it to a model, in
integers; `model` says from that how late it will be paid, `forest` how trees are evaluated, `prediction` with
which reasons; `training` makes the rows that models learn from. Nothing here reads a clock or a file; only
`known` reads the state.

Imports: `ledger`, and what a history leaves in the state: of `contracts.trade`, `relationship`, its records
and sums, `habit_entry` and `holidays`.
"""

from contracts.pricing.features import Features
from contracts.pricing.prediction import Prediction
from contracts.pricing.price import REASONS, QuoteInputs, QuoteTerms, price
from contracts.pricing.terms import ObligorLimit, ProgrammeTerms

__all__ = [
    "REASONS",
    "Features",
    "ObligorLimit",
    "Prediction",
    "ProgrammeTerms",
    "QuoteInputs",
    "QuoteTerms",
    "price",
]
