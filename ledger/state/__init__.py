"""The state: what contracts read and write, and the root that commits to all of it.

| module | idea |
|---|---|
| `overlay` | keys, and what one block writes on top of what stands: with savepoints |
| `tree`, `bucket_cache` | a root over all entries, proofs of presence and absence; its newest parts |
| `history` | entries with the count of their records and the head of a chain over them: nothing is left out |
"""
