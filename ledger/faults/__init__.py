"""Faults: proofs that a node lied, which need nobody to be believed.

| module | idea |
|---|---|
| `fault` | the kinds of lies: what shows each, and what is checked |
| `witness` | the part of the state that re-executes a block without a ledger |
| `evidence` | a fault as a file; the reasons why no honest node does it |
| `detector` | is shown every signed statement, and finds the lies |
"""
