"""The chain: a node's ledger, whose blocks are executed, committed and read.

| module | idea |
|---|---|
| `chain` | seal, check, accept, drop, commit |
| `execution`, `inflight` | what a block's transactions do; blocks that are executed but not committed |
| `committed`, `value_cache` | reads and proofs at the applied height and nowhere else; values at hand |
| `id_filter` | which transaction ids are certainly not on the chain |
"""
