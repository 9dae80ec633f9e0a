"""What each operation does to the plain ledger: a function of its name, in one of `PARTS`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from campaign.plain import (
    asking,
    auctions,
    banking,
    certificates,
    goods,
    insuring,
    lending,
    resales,
    reverse_factoring,
    trading,
)
from campaign.plain.arithmetic import day_of
from campaign.plain.world import Operation, World
from contracts.registry import OPERATIONS

Function = Callable[[World, str, Operation], None]

PARTS: tuple[ModuleType, ...] = (
    asking,
    banking,
    goods,
    trading,
    lending,
    resales,
    reverse_factoring,
    auctions,
    certificates,
    insuring,
)


def date_advance(world: World, signer: str, operation: Operation) -> None:
    """What ends by itself has its last day before the new date."""
    world.day = day_of(operation["date"])
    for part in PARTS:
        if hasattr(part, "expire"):
            part.expire(world)


def _function(name: str) -> Function | None:
    wanted = name.replace(".", "_")
    return next((getattr(part, wanted) for part in PARTS if hasattr(part, wanted)), None)


FUNCTIONS: dict[str, Function] = {
    **{name: found for name in OPERATIONS if (found := _function(name)) is not None},
    "date.advance": date_advance,
}
"""Operations that it follows."""

SILENT = (
    *("affiliation", "amendment", "key", "membership", "model", "node", "order", "payee", "pledge"),
    *("redirection", "credit.reject", "custody.approve", "custody.nominate"),
)
"""Names, or first parts of names, of operations that change nothing that it knows of."""
