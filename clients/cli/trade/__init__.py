"""Commands of trade: goods and papers on their way, and what came of them.

`orders`, `shipments`, `invoices`, `credit_notes` and `payments` are the papers; `payees` says to which
account somebody is paid. `importing` brings in files of them, `histories` shows what two parties have
done.
"""
