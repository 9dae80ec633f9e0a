"""`python -m node` is one node process."""

import gc
import sys

gc.disable()  # What modules make stays: to look through it for garbage takes a seventh of a node's start.
from node.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
