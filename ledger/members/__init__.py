"""The members: which nodes there are, who votes, and what shows that a node is who it says.

| module | idea |
|---|---|
| `membership` | who votes and who learns; the steps from one membership to the next |
| `node_certificate` | the certificate that a node shows on its links |
| `possession` | the proof that a node has the key that is proposed for it |
| `leadership` | an order to hand leadership over, signed by an operator |

A stranger follows the changes of the membership by `ledger.proofs.handover`.
"""
