"""The state: what contracts read and write, and the root that commits to all of it.

| module | idea |
|---|---|
| `overlay` | keys, and what one block writes on top of what stands: with savepoints |
| `root`, `proof` | how all entries lead to one hash; proofs of presence and absence under it |
| `tree`, `bucket_cache` | the tree below the root in a node's memory; its newest parts |
| `history` | entries with the count of their records and the head of a chain over them: nothing is left out |
"""
