"""Finance: receivables that are priced, bought, collected, and what happens when nobody pays.

A lender's `programme` (shown by `programme_views`) says what it buys: `eligibility` which invoices, `usage`
how much is out. A supplier asks by `request` (shown by `request_views`); `pricer` reads what a price is
made from, `quote` is a price with its proof, `quote_book` many with one, `model` the published lateness
models that prices use (shown by `model_views`). `offer`, then `funding`: `claim` says who holds an invoice
and divides its money, `collection` follows the invoice, `repayment` and `release` give the title back,
`default` and `recourse` (shown by `recourse_views`) are what is left when the buyer does not pay. Lenders
sell claims to one another in the `secondary` market: `resale` is such an offer (shown by `resale_views`),
`limit` what a lender may have out on an obligor. `pledge` keeps blinded fingerprints that lenders of several
ledgers share.
`finance_check` and `resale_check` have the laws over a whole state.
"""
