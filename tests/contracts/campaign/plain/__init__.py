"""A second ledger in plain integers: who owns what, what is owed, and who has how much cash.

It is told which operations were taken, in order, and follows them by the words of the domain alone:
docs/trade.md, finance.md, payables.md, market.md, certificates.md, insurance.md, cash.md. It uses no
function of the contracts, and takes one figure from the ledger: the advance rate of an offer, which comes
from a whole history (`lending.finance_offer`).
Where an operation was taken that must not be, its function fails with a reason; where the ledger then shows
anything else than this one, `comparing` says what.

Read `world` first: what there is. `claims` is the arithmetic of a lender's claim, `deposits` that of cash.
The rest are the operations, a function of each name: `goods`, `trading`, `asking`, `lending`, `resales`,
`auctions`, `reverse_factoring`, `certificates`, `insuring`, `banking`; `operations` finds them. After each of
them `standing` ends what was made on an invoice that it has changed.
"""
