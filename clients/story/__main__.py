"""`python -m clients.story` plays the demonstration."""

import sys

from clients.story.run import main

if __name__ == "__main__":
    sys.exit(main())
