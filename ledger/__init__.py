"""The ledger: values, proofs and the store; imports no other package of ours.

Everything a node says can be checked by whoever hears it. This package holds what that
takes, for the node that makes the proofs and for the client that verifies them alike.
Read `transaction` first, then `block`, `certificate`, `receipt`: that is the way of a
transaction from its signer to the file that proves what became of it.

| module | idea |
|---|---|
| **values** | |
| `errors`, `limits` | every error with its code and remedy; every bound with its unit |
| `codec`, `shape` | canonical MessagePack; reading decoded values into typed ones |
| `hashing`, `merkle` | SHA-256 with a tag for each kind; RFC 6962 trees, proofs, accumulator |
| `keys` | Ed25519 and the one rule by which signatures are good |
| `money`, `dates`, `identifiers` | amounts, business dates and names that contracts and clients share |
| **the chain** | |
| `transaction`, `private` | a signed envelope of operations; salted commitments to private fields |
| `membership`, `genesis`, `recovery` | who votes; what everybody starts from; what a lost ledger left |
| `node_certificate`, `possession` | a node's certificate for its links; the proof that it has its key |
| `hand_over` | an order to hand leadership over, signed by an operator |
| `block` | header and body, and that they fit |
| `vote`, `preamble` | signed votes and election certificates; what a block carries besides transactions |
| `clock` | signed clock readings: what a block's time is worth |
| `certificate` | signed acknowledgements: the portable proof of commit |
| **proofs** | |
| `state_tree`, `bucket_cache` | a root over all state, proofs of presence and absence; its newest parts |
| `history` | count, hash-chain head and aggregates: proof that nothing is left out |
| `proof`, `receipt`, `statement`, `verify` | files that prove, and the offline verifier |
| `export`, `extract` | the whole state with all histories as one file; a part of it |
| `handover`, `carried` | the membership changes since the genesis block, followed offline |
| `evidence`, `fault`, `witness` | proofs that a node lied; the kinds of lies; re-execution without a ledger |
| `detector` | is shown every signed statement, and finds the lies |
| `audit` | a whole chain, block by block |
| **the node's side** | |
| `state` | what contracts read and write: keys, overlay, savepoints |
| `store`, `mark`, `slot_file` | LevelDB in two batches; the durable mark beside it, in a file of two slots |
| `durable` | files and renames that outlast a crash |
| `snapshot`, `snapshot_source`, `staging` | the state in checked chunks: given away, and taken in |
| `inheritance` | the state of a lost ledger, taken in out of its export |
| `executor` | what the ledger asks of the business rules |
| `committed`, `value_cache` | reads and proofs at the applied height and nowhere else; values at hand |
| `id_filter` | which transaction ids are certainly not on the chain |
| `inflight`, `chain` | blocks executed but not committed; seal, check, accept, drop, commit |

Nothing in here reads a clock, opens a socket or draws a random number, but for
`SigningKey.generate`, key files and the store.
"""
