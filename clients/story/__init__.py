"""The demonstration: one story on real trade data, played on a real network of three nodes.

    ./scripts/demo [--once] [--json] [--dir DIR]      python -m clients.story

| file | what |
|---|---|
| `stage.py` | the parties with their sessions, the folder, what was reached before, what is shown |
| `trade.py` | six years of orders, shipments, invoices and (simulated) payments |
| `financing.py` | history, quote, offer, payout; the second attempt; the invoice under another number |
| `einvoice.py` | a real UBL 2.1 invoice |
| `failover.py` | the leader is killed while clients submit |
| `tampering.py` | one byte of a receipt, a history and a quote is changed |
| `ending.py` | where everything is, and what to try next |
| `run.py` | the order of it all; start here |

Every chapter may be played again on a ledger that has seen it: it does what is left to do.
"""
