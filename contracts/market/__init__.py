"""Market: several lenders for one invoice, a buyer that pays early, and what suits whom.

`auction`, sealed `bid`, `allotment` and `share` are an auction up to its payment; `early_payment` is dynamic
discounting by the buyer; `standing` ends both, and requests for finance, when their invoice changes.
`matching` ranks the ways that suit an invoice, `prospect` is an invoice as one programme sees it.
`auction_views` shows auctions and `early_views` offers of early payment, `market_check` has the laws over a
whole state.
"""
