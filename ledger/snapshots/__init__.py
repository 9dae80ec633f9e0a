"""Snapshots: the whole state at one height, given away by one node and taken in by another.

| module | idea |
|---|---|
| `snapshot` | the manifest and the chunks, each of which is checked alone |
| `source` | giving: chunks out of a pinned view of the store |
| `staging` | taking in: a store that is made beside the old one and takes its place |
| `inheritance` | the state of a lost ledger, taken in out of its export |
"""
