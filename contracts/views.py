"""How people are shown business objects: as plain maps, made by the `*_views` that stand beside the objects.

A view is read from committed state and proves nothing; money should move on a proof. Amounts are integers
of minor units beside their `currency`, days are ISO text. A view of nothing is None. Lists come in pages:
(items, key to go on after, or None at the end); a page with a filter may hold fewer items than its limit,
or none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader

View = dict[str, Any]

MAX_PAGE = 500
"""Entries that one page looks at."""


class Scanner(Reader, Protocol):
    """State that can also be listed, as `ledger.chain.committed.Committed` can."""

    def scan(
        self, kind: str, *parts: str | int | bytes, limit: int = ..., after: bytes | None = ...
    ) -> list[tuple[bytes, codec.Value]]:
        """Entries whose key begins with these parts, ascending, after a key."""
        ...


Page = tuple[list[View], bytes | None]


def page(
    scanner: Scanner,
    kind: str,
    parts: tuple[str | None, ...],
    limit: int,
    after: bytes | None,
    view: Callable[[tuple[Any, ...], codec.Value], View | None],
    *,
    status: str | None = None,
) -> Page:
    """One page of a kind: of the entries whose keys begin with `parts`; the last of these may be None.

    `view` gets the key's parts after the kind, and may leave an entry out. `status` names the one state,
    in any case, that is asked for.
    """
    limit = max(1, min(limit, MAX_PAGE))
    named = [part for part in parts if part is not None]
    entries = scanner.scan(kind, *named, limit=limit, after=after)
    views = [view(codec.decode(key)[1:], value) for key, value in entries]
    shown = [item for item in views if item is not None and _is_in(status, item)]
    return shown, entries[-1][0] if len(entries) == limit else None


def _is_in(status: str | None, view: View) -> bool:
    """Whether a view's state is the one asked for; every state is, if none was."""
    return not status or view["status"].lower() == status.lower()


def shown_day(day: int) -> str | None:
    """ISO text of a day; None for 0, which stands for none."""
    return iso_from_day(day) if day else None
