"""All faults."""

from __future__ import annotations

from chaos.clocks import CLOCKS
from chaos.disks import DISKS
from chaos.faults import PROCESSES_AND_LINKS

FAULTS = (*PROCESSES_AND_LINKS, *CLOCKS, *DISKS)
