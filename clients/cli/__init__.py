"""`tally`: the command line. One file for each area of commands, in packages as those of `contracts`.

Read `main.py` first: it says where each command stands, and turns every error into a sentence and an exit
code (`exits.py`). `screen.py` is all that prints, `options.py` what commands have in common, `amounts.py` how
people write money, `recording.py` how one operation gets onto the ledger, `standing.py` what stands after it,
`groups.py` reads only the commands that are asked for. The packages are the commands: `trade`, `cash`,
`finance`, `market`, `pricing`, `portfolio`, `certificates`, `insurance`, `network` and `checks`.

Imports clients, contracts and ledger; never node: nodes are processes, started by
`clients.network` and spoken to over HTTP.
"""

import gc

gc.disable()  # What modules make stays: to look through it for garbage takes a seventh of a command's start.
from clients.cli.main import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]
