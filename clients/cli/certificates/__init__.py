"""Commands of certificates: promises to pay that travel down the tiers.

`certificates` issues and passes on, `leaves` sells, pledges and redeems, `certificate_trees` shows.
"""
