"""Only warnings and worse are logged in tests; memberships and their changes are made as for the ledger's."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog

sys.path.append(str(Path(__file__).parents[1] / "ledger"))

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
