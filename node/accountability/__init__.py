"""Who lied is named by proof: what is signed is looked at, proofs are kept and passed on.

    watch            shows every signed statement to a detector, and tells others
    evidence         keeps proofs; `large_proofs` go in parts
    refused_blocks   those that could not be reproduced, kept

Imports ledger and consensus, and of the node `limits` and `raft_storage`.
"""
