"""Storage: what a node has on its disk, and what of it outlasts a crash.

| module | idea |
|---|---|
| `store` | log, state and indexes of a channel, written in two batches |
| `rows` | the kinds of rows, and the keys that they stand under |
| `database` | LevelDB: opening, reading and writing; nothing else uses it |
| `mark`, `slot_file` | the durable mark beside it; a file of two slots, whole after any crash |
| `durable` | files and renames that outlast a crash |
"""
