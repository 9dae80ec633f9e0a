"""Exit codes: what a script can rely on.

| code | means |
|---|---|
| 0 | done; for `verify` and `audit`: everything is proved |
| 1 | refused by a rule or by a node, or not proved |
| 2 | the command cannot be carried out as given: an option, a file, an amount |
| 3 | unavailable: no node answers, a node does not start, the outcome is not known yet |
| 130 | interrupted with Ctrl-C |
"""

from __future__ import annotations

from clients.errors import BrokenAnswer, NetworkError, NodeProblem, ProfileError, Unavailable
from clients.sdk import OutcomeUnknown
from ledger.errors import Malformed, StoreError, TallyError
from ledger.keys import KeyFileError
from ledger.storage.database import StoreLocked

DONE, REFUSED, USAGE, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130

SUMMARY = "Exit codes: 0 done or proved, 1 refused or not proved, 2 wrong usage, 3 unavailable."

_UNAVAILABLE_CODES = ("node_ended", "not_ready", "not_stopped", "port_in_use")


class UsageProblem(TallyError):
    """Something in what was typed, or in a file that it names."""

    code = "usage"
    remedy = "`--help` shows the command's options with examples."


def exit_code_of(error: TallyError) -> int:
    """The exit code that an error ends a command with."""
    if isinstance(error, NodeProblem):
        return UNAVAILABLE if error.passes else REFUSED
    if isinstance(error, NetworkError):
        return UNAVAILABLE if error.code in _UNAVAILABLE_CODES else USAGE
    if isinstance(error, Unavailable | OutcomeUnknown | StoreLocked):
        return UNAVAILABLE
    if isinstance(error, ProfileError | KeyFileError | UsageProblem):
        return USAGE
    if isinstance(error, Malformed) and not isinstance(error, BrokenAnswer | StoreError):
        return USAGE
    return REFUSED
