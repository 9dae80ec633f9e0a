"""Proofs: files that show what stands on the ledger, and the verifier that needs a genesis block alone.

| module | idea |
|---|---|
| `verify` | the offline verifier; read it first |
| `receipt` | what became of a transaction |
| `history` | the records of a relationship or a party, none left out |
| `statement` | what stands under some keys, or that nothing does |
| `export`, `extract` | the whole state with all histories as one file; a part of it |
| `handover`, `carried` | the membership changes since the genesis block; a proof that brings them along |
| `audit` | a whole chain, block by block |

Nothing in here knows a disk or a node. `ledger.proof_file` says how each kind of file begins.
"""
