"""`python -m clients.cli` is `tally`."""

import sys

from clients.start import main

if __name__ == "__main__":
    sys.exit(main())
