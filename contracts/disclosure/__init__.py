"""Disclosure: what a regulator, an auditor or an accountant reads off a whole ledger, in integers.

Read `source` first: a ledger's state and histories at one height, as a verified export gives them. Everything
else is a pure function of it that returns sheets (`sheet`): rows with typed columns, which a client prints,
writes as CSV or as a page.

| module | says | by |
|---|---|---|
| `scope` | what belongs to one organisation | |
| `position` | who holds what on whom: one row for each holder and receivable | |
| `ageing`, `stages` | days past due; stages and expected loss | IFRS 9 5.5.11, 5.5.15, B5.5.35, B5.5.37 |
| `obligation`, `rates` | what fell due and how it was paid; overdue, default and bad-debt rates by period | |
| `arrangement` | supplier finance arrangements of a buyer | IAS 7 44F-44H |
| `concentration` | shares of obligors and suppliers, excess above a cap | |
| `segregation` | custody accounts, nothing pooled, every bank's books against the ledger | |

Imports: `ledger`, the state values of `contracts`, and `contracts.pricing.formulae`.
"""

from contracts.disclosure.sheet import Column, Disclosure, Sheet
from contracts.disclosure.source import Source

__all__ = ["Column", "Disclosure", "Sheet", "Source"]
