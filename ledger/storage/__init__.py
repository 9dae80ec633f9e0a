"""Storage: what a node has on its disk, and what of it outlasts a crash.

| module | idea |
|---|---|
| `store` | log, state and indexes in one LevelDB, written in two batches; nothing else uses LevelDB |
| `mark`, `slot_file` | the durable mark beside it; a file of two slots, whole after any crash |
| `durable` | files and renames that outlast a crash |
"""
