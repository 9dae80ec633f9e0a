"""The business rules: deterministic functions of (state, operation, signer, business date).

Read `registry` first: the table of operations. Each business object has one file, in the package of its part
of the business, with its models (of `fields`) and its handlers, every handler in the same order: authority ->
state -> compute -> write -> emit. `context` is what a handler is given, `lifecycle` the tables of states that
it follows, `expiry` what ends when the business date moves on, `parameters` what a ledger's founders chose;
it refuses with `errors`.
`invariants` are the laws that hold after every operation, `state_check` the same laws over a whole state,
`views` how people are shown things, `answer` what follows from proved entries, as a file; `rules_in_force`
says which versions' files can be checked; `executor` runs transactions.

    parties            who takes part, with which keys, roles and nodes, and on which day
    trade              orders, goods, invoices, confirmations, and the histories they leave
    cash               bank entries, custody, deposits, payments, exchange
    finance            programmes, quotes, offers, claims, collection, default, recourse
    reverse_factoring  invoices paid early on the undertaking of their buyer
    market             auctions, early payment, matching
    certificates       promises to pay that travel down the tiers
    insurance          credit insurance, from the premium to the recovery
    holdings           a lender's book, portfolio and allocation
    pricing            the formulae and models of a price
    disclosure         what a regulator reads off a whole ledger

May import: ledger. No input or output, no clock, no randomness.
"""

from contracts.executor import CONTRACT_VERSION, Contracts, Prepared

__all__ = ["CONTRACT_VERSION", "Contracts", "Prepared"]
