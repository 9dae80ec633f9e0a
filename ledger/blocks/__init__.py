"""The blocks: all that is signed on the way of a transaction, from its signer to the quorum.

| module | idea |
|---|---|
| `transaction`, `private` | a signed envelope of operations; salted commitments to private fields |
| `block` | header and body, and that they fit |
| `genesis`, `recovery` | what everybody starts from; what a lost ledger left |
| `vote`, `preamble` | signed votes and election certificates; what a block carries besides transactions |
| `clock` | signed clock readings: what a block's time is worth |
| `certificate` | signed acknowledgements: the portable proof of commit |
| `executor` | what the ledger asks of the business rules |
"""
