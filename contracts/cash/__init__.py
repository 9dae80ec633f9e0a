"""Cash: money that a settlement bank attests or owes, and how it moves.

`bank` consumes bank entries, `custody` opens accounts, `deposit` moves tokenised money (every cash leg is
paid by `deposit.pay`), `redemption` takes it out. `payment` is the buyer's, `refund` what goes back to it,
`settlement` a title that waits for cash held in a bank, `exchange` payment versus payment. `cash_views` shows
them.
"""
