"""What a lender works out for itself: what to buy, and what it keeps secret.

Read `prospects` first: every open receivable with its price. `allocating` makes a plan of them for a budget,
`optimum` the best one, by a solver. `pledge_tags` blinds what goes to the pledge registry, and `sealed_bids`
keeps what opens a bid.

Imports ledger, contracts, and of the clients `errors` and `sdk`.
"""
