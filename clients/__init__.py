"""The clients: what people and their systems run to write to the ledger, and to check what it says.

They work against any node by its HTTP API and believe none: only one genesis block, and what is proved
from it on. Read `trust.py` and `sdk/session.py` first.

| package | what it is |
|---|---|
| `sdk` | the library: sign, submit, ask, and verify what comes back |
| `verification` | files, chains and evidence checked offline, whole ledgers audited |
| `network` | nodes in one folder; an organisation's part in who the nodes are |
| `importers` | files of the trade |
| `screening` | signs of fraud |
| `models` | rows to train on; a model's record; how models fare |
| `lending` | what a lender could buy, and what it keeps secret |
| `reports` | portfolios, disclosures, costs of exchanges; pages and drawings |
| `cli` | `tally` |
| `story`, `data` | the demonstration, and what it is played on |

    profile trust kept_models        who a client is and where the nodes are; what it trusts, and keeps of it
    kept_files                       how what is kept is written
    recovery                         a network that goes on from one that has lost a quorum of disks
    errors start wording             what goes wrong, with remedies; where `tally` begins; numbers in words
    pain001                          payments as a file for a bank

Imports ledger and contracts, never node.
"""
