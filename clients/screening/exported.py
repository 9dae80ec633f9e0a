"""Screening of a whole ledger from its export (`ledger.proofs.export`): proved, then read; needs no node."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from clients.errors import ProfileError
from clients.screening.facts import Facts, Parts
from clients.screening.trade import Told
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.proofs.export import ProvedExport, verify

KINDS = frozenset({"affiliation", "invoice", "lien", "order_line", "org", "param", "payee", "redirection"})
"""Kinds of state entries that the checks read."""


class _Taker:
    """Keeps of an export what the checks read."""

    def __init__(self) -> None:
        self.entries: dict[Parts, codec.Value] = {}
        self.histories: dict[tuple[str, str], list[codec.Value]] = defaultdict(list)

    def entry(self, key: bytes, value: bytes) -> None:
        """A state entry."""
        parts = codec.decode(key)
        if parts[0] in KINDS:
            self.entries[parts] = codec.decode(value)

    def record(self, key: bytes, record: bytes) -> None:
        """The next record of a history."""
        kind, *parties = codec.decode(key)
        if kind == "relationship":
            self.histories[parties[0], parties[1]].append(codec.decode(record))


def read(path: Path, genesis: GenesisBlock) -> tuple[ProvedExport, list[Told], Facts]:
    """What an export proves, its histories, and the facts beside them.

    Raises:
        ProfileError: it cannot be read.
        Malformed: not an export.
        VerificationError: it does not prove that it is everything.
    """
    taker = _Taker()
    try:
        with path.open("rb") as file:
            proved = verify(file, genesis, taker)
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}", code="export_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    told: list[Told] = [(*pair, 0, records) for pair, records in sorted(taker.histories.items())]
    return proved, told, Facts(taker.entries)
