"""What is played in the drill: a way of cheating, or something honest that looks like it, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from _fraud_honest import Habits
from _fraud_world import Process, World

RULE, SCREENING, NOTHING = "prevented", "detected", "evades"


Play = Callable[[World, Random, "Case"], Process]
"""What happens, day by day."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way of cheating, or one honest near-miss of it."""

    fraud: str
    """Row of the table of docs/fraud.md."""
    way: str
    play: Play
    meets: str = RULE
    """What is to meet it: a rule of the ledger, the screening, or nothing for certain."""
    checks: tuple[str, ...] = ()
    """Checks of the screening whose finding counts."""
    is_honest: bool = False
    trades: bool = True
    """Whether its two parties trade honestly beside it."""


@dataclass(slots=True)
class Case:
    """One time that a scheme is played, by parties of its own."""

    scheme: Scheme
    habits: Habits
    third: str
    documents: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    """Codes by which the ledger refused a step."""
    applied: int = 0
    """Steps that the ledger took."""
    is_over: bool = False

    @property
    def supplier(self) -> str:
        """Who bills."""
        return self.habits.supplier

    @property
    def buyer(self) -> str:
        """Who is billed."""
        return self.habits.buyer

    @property
    def parties(self) -> frozenset[str]:
        """The two."""
        return frozenset((self.supplier, self.buyer))

    def tries(self, code: str) -> None:
        """Note the outcome of the step that matters: for a fraud the wrongful one."""
        if code:
            self.refusals.append(code)
        else:
            self.applied += 1

    def about(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Note an invoice that the case is about."""
        self.documents.add(str(fields["invoice"]))
        return fields
