"""Commands of finance: from a programme to the last demand.

`programmes` and `payables` (of a buyer) say what is bought, `requests` ask for it, `finance` offers and
pays, `claims` and `demands` are what follows, `resales` sell it on; `pledges` is the registry of several
ledgers.
"""
