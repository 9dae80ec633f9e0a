"""Commands of cash: deposits at a settlement bank, and the bank's files.

`cash` has accounts and deposits, `exchanges` two currencies that change hands, `settlements` a title that
waits for cash which a bank holds. `bank_files` writes what the bank is to pay (`payouts`) and compares its
statements.
"""
