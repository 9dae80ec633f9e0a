"""Commands that prove, compute and screen, most of them without a node.

`proofs` checks files and whole ledgers, `exporting` writes them, `evidence` is about nodes that lied;
`disclosures` computes figures for regulators, `screening` looks for signs of fraud.
"""
