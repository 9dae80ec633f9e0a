"""Commands of what a lender holds.

`portfolio` is the group and shows it, `books` says where it is read from; `allocations` and `rebalances`
plan what to buy and what to give up, `portfolio_report` draws it.
"""
