"""What a disclosure is computed from: a ledger's state and histories at one height.

A verified export gives it (`ledger.proofs.export`), or a whole state that somebody executed. Nothing is added
and nothing is looked up elsewhere, so that the same file gives the same figures to whoever computes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.parties.identity import LENDER
from contracts.trade.trade_check import Kinds
from ledger import codec

KINDS = frozenset(
    {
        "approved",
        "bank_entry",
        "certificate",
        "custody",
        "deal",
        "deposit",
        "hold",
        "invoice",
        "issued",
        "leaf",
        "lien",
        "org",
        "param",
        "programme",
        "promise",
    }
)
"""Kinds of state entries that a disclosure reads."""

RELATIONSHIP = "relationship"


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger at one height."""

    height: int
    time_ms: int
    kinds: Kinds
    """State values by kind and by the parts of their key."""
    histories: Mapping[tuple[str, str], tuple[codec.Value, ...]]
    """The complete records of each trade relationship, by (supplier, buyer)."""
    scope: str = ""
    """Organisation of which this is everything (`contracts.disclosure.scope`); empty for a whole ledger."""

    @property
    def day(self) -> int:
        """The business date; days since 1970."""
        day: int = self.kinds["param"]["business_date",]
        return day

    @property
    def is_lenders(self) -> bool:
        """Whether this is a lender's scope, in which the histories of its obligors are not."""
        return bool(self.scope) and LENDER in self.kinds["org"][self.scope,][2]

    @property
    def claims(self) -> list[tuple[str, str, codec.Value]]:
        """(supplier, invoice, claim) of every claim on an invoice, ended ones first, each in its order."""
        standing = [(*key, value) for key, value in self.kinds["lien"].items()]
        ended = [(key[0], key[1], value) for key, value in sorted(self.kinds["deal"].items())]
        return [*ended, *standing]


class Collector:
    """Takes what an export holds, entry by entry, and keeps what disclosures read."""

    def __init__(self) -> None:
        self._kinds: Kinds = defaultdict(dict)
        self._records: dict[tuple[str, str], list[codec.Value]] = defaultdict(list)
        self._of: dict[bytes, list[codec.Value] | None] = {}

    def entry(self, key: bytes, value: bytes) -> None:
        """A state entry, canonical bytes."""
        kind, *parts = codec.decode(key)
        if kind in KINDS:
            self._kinds[kind][tuple(parts)] = codec.decode(value)

    def record(self, key: bytes, record: bytes) -> None:
        """The next record of the history whose entry stands at `key`."""
        if key not in self._of:
            kind, *parts = codec.decode(key)
            self._of[key] = self._records[parts[0], parts[1]] if kind == RELATIONSHIP else None
        kept = self._of[key]
        if kept is not None:
            kept.append(codec.decode(record))

    def source(self, height: int, time_ms: int, scope: str = "") -> Source:
        """What was taken, once it is proved to be everything at that height, or everything of a scope."""
        histories = {pair: tuple(records) for pair, records in sorted(self._records.items())}
        return Source(height, time_ms, self._kinds, histories, scope)
