"""A log that is too far ahead is not replayed but fetched as a state, in chunks from several nodes.

    state_transfer   both sides of it
    snapshot_server  gives chunks, to whoever sends `snapshot_asks`
    snapshot_fetch   which chunk from whom; `snapshot_import` checks and keeps them

Imports ledger, and of the node `limits` and `pace`.
"""
