"""What became of a submitted transaction, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ledger import codec
from ledger.errors import TallyError

Status = Literal["committed", "accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one submitted transaction.

    | status | meaning | set |
    |---|---|---|
    | committed | on the ledger, at this place | height, index, result |
    | accepted | taken in, nobody waited for more | |
    | refused | not taken in; nothing is recorded | error |
    | unknown | taken in, may yet be recorded: submit the same bytes again | error |
    """

    id: bytes
    """32 bytes; empty if the bytes are no transaction."""
    status: Status
    height: int | None = None
    index: int | None = None
    result: codec.Value = None
    """() if every operation was applied, else ((operation, code, detail), …)."""
    error: TallyError | None = None
