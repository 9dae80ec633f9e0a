"""All faults."""

from __future__ import annotations

from chaos.disks import DISKS
from chaos.faults import PROCESSES_AND_LINKS

FAULTS = (*PROCESSES_AND_LINKS, *DISKS)
