"""Checks without a node, and without trust in one: of files, of whole chains, of nodes that lied.

Read `verifier` first: it checks a proof file of any kind, step by step, and makes a `report`. `export_file`
reads a whole export or an extract, `evidence` what proves that a node lied. `auditor` computes a chain
again from its beginning, `partial_audit` from a snapshot on.

Imports ledger, contracts, and of the clients `errors`, `profile`, `trust` and `sdk`.
"""
