"""All faults."""

from __future__ import annotations

from chaos.faults import PROCESSES_AND_LINKS

FAULTS = PROCESSES_AND_LINKS
