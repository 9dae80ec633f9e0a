"""Parties: who takes part in the ledger, with which keys and roles, and on which day.

`identity` has organisations, roles and keys (shown by `party_views`), `affiliation` whom they belong to
and where they sit, `payee` to which account they are paid outside the ledger. `membership` is the
governed set of voting nodes, shown by `membership_views`; `recovery` says when a ledger may go on from
one that lost them; `calendar` moves the business date on.
"""
