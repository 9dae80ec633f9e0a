"""Trade: from a purchase order to what a buyer owes, and how it usually pays.

Read it as goods and papers travel: `order` and its `amendment`, `shipment` (named by `units`), the buyer's
`receipt` of goods, the `invoice` with its `tax` and `totals` (`billing` submits it, with the three-way
match), the buyer's `confirmation`, `credit` notes, and the `redirection` of payments to another payee.
`relationship` keeps the history of one supplier and one buyer: `relationship_records` are what happens,
`relationship_sums` what it comes to. `habit` is how the buyer pays (by the `holidays` of its banks;
`habit_entry` has the bytes, `lanes` change many at once), `receivables` what is open. `trade_views` and
`relationship_views` show them, `trade_check` has the laws over a whole state.
"""
