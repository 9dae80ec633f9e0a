"""Credit insurance: a policy against buyers that do not pay.

`underwriting` quotes at the `premium` of the ledger's own losses, `policy` is bound and declared to,
`insurance_claim` is the claim, `indemnity` decides it by the conditions of `coverage`, and `subrogation`
moves its money.
`insurance_views` shows it, `insurance_check` has the laws over a whole state.
"""
