"""Models of lateness, from a verified export: what they learn from, what is published, how they fare.

Read `training_export` first: it makes the rows to train on. `model_report` says how models fare on a ledger,
`model_record` checks what the record of a published one claims.

Imports ledger, contracts, and of the clients `errors`.
"""
