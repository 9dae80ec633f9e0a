"""The ledger: values, proofs and the store; imports no other package of ours.

Everything a node says can be checked by whoever hears it. This package holds what that
takes, for the node that makes the proofs and for the client that verifies them alike.
Read `blocks/transaction.py` first, then `blocks/block.py`, `blocks/certificate.py`, `proofs/receipt.py`: that
is the way of a transaction from its signer to the file that proves what became of it.

From the top, where each package imports from those below it alone:

| package | idea |
|---|---|
| `chain` | the ledger of a node: seal, check, accept, commit; reads and proofs at the applied height |
| `snapshots` | the whole state at one height, given away and taken in |
| `storage` | what lies on the disk: LevelDB in two batches, and the durable mark beside it |
| `proofs` | files that prove, and the offline verifier |
| `faults` | proofs that a node lied |
| `blocks` | what is signed: transactions, blocks, votes, certificates; and the block that all starts from |
| `members` | which nodes there are, and what shows that they are it |
| `state` | what contracts read and write, under one root that proves presence and absence |

Neither `proofs` nor what is below it knows `storage`: who verifies offline loads no LevelDB.

Below them all are the values that everything uses, `contracts` and `clients` too:

| module | idea |
|---|---|
| `errors`, `limits` | every error with its code and remedy; every bound with its unit |
| `codec`, `shape` | canonical MessagePack; reading decoded values into typed ones |
| `hashing`, `merkle` | SHA-256 with a tag for each kind; RFC 6962 trees, proofs, accumulator |
| `keys` | Ed25519 and the one rule by which signatures are good |
| `money`, `dates`, `identifiers` | amounts, business dates and names that contracts and clients share |
| `proof_file` | the kinds of files that prove, and how each begins |

Nothing in here reads a clock, opens a socket or draws a random number, but for
`SigningKey.generate`, key files and the store.
"""
