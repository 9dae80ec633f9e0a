"""Certificates: an obligor's promise to pay, split and passed down the tiers of its suppliers.

`certificate` issues, accepts and transfers, `certificate_sale` sells and pledges, `maturity` redeems or
dishonours, `overpayment` gives back what was paid too much. `leaf` is who holds which part;
`certificate_tree` makes the tree from its proved history alone, `certificate_views` shows it, `leaf_check`
has the laws over a whole state.
"""
