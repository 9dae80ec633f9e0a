"""Where `tally` begins: an interrupt while its modules are still being read ends it like any other.

They take most of a short command's time, so that is when a hasty Ctrl-C meets it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

INTERRUPTED = 130
"""As `clients.cli.exits` has it, which is not read yet."""


def main() -> int:
    """Run the command; its exit code."""
    try:
        return int(import_module("clients.cli").main())
    except KeyboardInterrupt:
        os.write(sys.stderr.fileno(), b"Interrupted.\n")
        return INTERRUPTED
