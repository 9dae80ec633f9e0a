"""Reading an export for disclosures: proved first, computed from afterwards, with no node and no network."""

from __future__ import annotations

from pathlib import Path

from clients.errors import ProfileError
from contracts.disclosure.source import Collector, Source
from ledger.export import MAGIC, ProvedExport, verify
from ledger.genesis import GenesisBlock


def is_export(path: Path) -> bool:
    """Whether a file begins as exports do.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_export(path: Path, genesis: GenesisBlock) -> tuple[ProvedExport, Source]:
    """What an export proves, and what disclosures are computed from.

    Raises:
        ProfileError: it cannot be read.
        Malformed: not an export.
        VerificationError: it does not prove that it is everything.
    """
    collector = Collector()
    try:
        with path.open("rb") as file:
            proved = verify(file, genesis, collector)
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}", code="export_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    return proved, collector.source(proved.header.height, proved.header.time_ms)
