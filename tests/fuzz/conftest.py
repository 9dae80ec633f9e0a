"""Fuzzing uses what other tests build: chains, simulated clusters, nodes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog

for neighbour in ("sim", "consensus", "ledger", "api", "node"):
    sys.path.append(str(Path(__file__).parents[1] / neighbour))

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
