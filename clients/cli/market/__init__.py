"""Commands of the market: who pays best for an invoice.

`matching` compares the ways of an invoice, `auctions` are under seal, `early_payments` are by the buyer
itself.
"""
