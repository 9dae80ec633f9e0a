"""The business rules: deterministic functions of (state, operation, signer, business date).

Read `registry` first: the table of operations. Each business object has one file (`order`, `amendment`,
`shipment`, `receipt`, `invoice`, `confirmation`, `credit`, `payment`, `programme`, `offer`, `funding`,
`collection`, `refund`, `release`, `default`, `recourse`, `settlement`, `custody`, `deposit`, `redemption`,
`exchange`, `identity`, `affiliation`, `calendar`, `membership`, `model`), with its models of `fields`,
`units` and `totals` and its handlers, every handler in the same order: authority -> state -> compute ->
write -> emit; `context` is what a handler is given, `lifecycle` the tables of states that it follows, and it
refuses with `errors`.
`billing` is the submission of invoices, with the three-way match.
`auction`, `bid`, `allotment` and `share` are the sealed-bid auction of an invoice, up to its payment;
`early_payment` is a buyer that pays before it must.
`book` is the complete history of what each lender has paid for, `portfolio` and `rebalancing` what follows
from it, with `portfolio_views` for people and `book_check` its laws; `receivables` are the open ones
of a relationship, `prospect` and `allocation` say what a lender should buy, `matching` what suits an invoice.
`payee` and `redirection` say to which account somebody is paid, and `pledge` keeps blinded fingerprints of
receivables that lenders of several ledgers share.
`claim`, `leaf`, `repayment`, `bank` and `expiry` are what several of them share: who holds an invoice or a
leaf, how a supplier pays a lender back, money that a bank attests, and what ends when the business date
moves on. Cash legs of any kind are paid by `deposit.pay`.
`request` is a supplier's question to several lenders, `request_views` shows it with its answers.
`enrolment`, `approval`, `payables`, `pool` and `extension` are a buyer's payables finance: who takes part,
what the buyer undertakes to pay, how and out of which money it is financed at once, how the buyer takes more
time; `payables_views` shows it.
`eligibility` is what a programme takes, `usage` what it has out against its limits.
`relationship` keeps the histories and their aggregates, `habit` how a buyer pays (by the `holidays` of its
banks), `invariants` the laws that hold after every operation, `state_check`, `trade_check`, `leaf_check`,
`finance_check` and `market_check` the same laws over a whole state, `pricing` the formulae, `quote` the price
with its proof, `quote_book` many prices with a shared one, `answer` what follows from proved entries alone,
as a file, `views`, `cash_views` and `membership_views` what people are shown, `executor` runs transactions.
`certificate`, `certificate_sale` and `maturity` are promises to pay that are split, sold, pledged and
redeemed as leaves of a tree; `certificate_tree` makes it from its history, `certificate_views` shows it.
`underwriting`, `policy`, `indemnity` and `subrogation` are credit insurance, with `premium` its price,
`coverage` its conditions, `insurance_views` what people are shown of it and `insurance_check` its laws.
`disclosure` is what a regulator reads off a whole ledger.

May import: ledger. No input or output, no clock, no randomness.
"""

from contracts.executor import CONTRACT_VERSION, Contracts, Prepared

__all__ = ["CONTRACT_VERSION", "Contracts", "Prepared"]
