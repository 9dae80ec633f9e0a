"""Organisations and their keys as people are shown them, by the rules of `contracts.views`."""

from __future__ import annotations

from typing import Any

from contracts.context import organisation_key
from contracts.parties.identity import ACTIVE
from contracts.views import Page, Scanner, View, page, shown_day
from ledger import codec
from ledger.state.overlay import Reader


def organisation_view(state: Reader, organisation: str) -> View | None:
    """One organisation."""
    value = state.get(organisation_key(organisation))
    return None if value is None else _organisation(organisation, value)


def organisations(scanner: Scanner, *, limit: int = 100, after: bytes | None = None) -> Page:
    """All organisations."""
    return page(scanner, "org", (), limit, after, lambda parts, value: _organisation(parts[0], value))


def _organisation(organisation: str, value: codec.Value) -> View:
    name, lei, roles, identifiers, keys = value
    return {
        "id": organisation,
        "name": name,
        "lei": lei or None,
        "roles": list(roles),
        "identifiers": [{"scheme": scheme, "value": text} for scheme, text in identifiers],
        "active_keys": keys,
    }


def keys(
    scanner: Scanner, organisation: str | None = None, *, limit: int = 100, after: bytes | None = None
) -> Page:
    """Enrolled keys, of one organisation if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        owner, name, approver, status, day = value
        if organisation is not None and owner != organisation:
            return None
        return {
            "key": parts[0].hex(),
            "organisation": owner,
            "name": name,
            "enrolled_by": approver,
            "enrolled": shown_day(day),
            "status": "Active" if status == ACTIVE else "Revoked",
        }

    return page(scanner, "key", (), limit, after, view)
