"""Pages are of the reports that the tests of clients make."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "clients"))
