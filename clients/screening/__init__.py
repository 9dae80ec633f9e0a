"""Screening: what verified histories and state say about fraud, as findings that the reader can check.

Read `screen` first: the table of checks. `trade` reads proved histories as invoices and payments, `facts` the
proved state beside them, `exported` both out of one file; `finding` is what a check says: a sentence, the
amount at stake, and the records and state entries that show it. One check a module: `near_match`,
`rebilling`, `price`, `collection`, `cycles`, `related`, `backdating`, `dilution`. All are pure functions: who
has the proofs needs no node.

What the ledger prevents is a rule of `contracts`; docs/fraud.md has both beside each other.
"""

from clients.screening.facts import Facts
from clients.screening.finding import ALARM, NOTE, Finding
from clients.screening.screen import CHECKS, screen
from clients.screening.trade import Trade

__all__ = ["ALARM", "CHECKS", "NOTE", "Facts", "Finding", "Trade", "screen"]
