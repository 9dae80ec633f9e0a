"""Random operations of the whole contract set against a simple model, with every law checked after each.

Read `episodes` first: an *episode* is a fresh ledger and some hundred operations, drawn from one seed.
`subjects` finds the object that an operation can be about, `facts` what there is to say of it, `moves` fills
what no rule of thumb can (from `governing`, `trading`, `paying`, `financing`, `promising`, `arranging`),
`themes` says what a ledger is rather about and what has to come first, `player` draws an operation and who
signs it, right or wrong on purpose, `draw` is its chance, `books` the reference model (rights, numbers, and
in `plain` a second ledger of everything else), `forms` the least that is well formed, `ledger` executes and
checks, `shrink` makes a failing list short.
"""
