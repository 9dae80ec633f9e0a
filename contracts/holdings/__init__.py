"""Holdings: what a lender has bought, how it did, and what it should buy next.

`book` is the complete history of what each lender has paid for, `portfolio` what follows from it, `vintage`
how claims fared against what their price expected, `rebalancing` what exceeds its caps, `allocation` the
check of what to buy under a budget. `portfolio_views` shows it, `book_check` has the laws over a whole state.
"""
