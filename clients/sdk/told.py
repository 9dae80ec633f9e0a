"""What a node tells without proof, held against the form that its API describes before anybody reads it.

A view may be a lie, but it is one of the right form: a number where a number belongs, a list where a list
does. What is not ends here, as a broken answer, and not somewhere in the command that shows it.
`views.json` has the forms (`scripts/make-views`). A field that a node leaves out is missed when it is read,
and one that this client does not know is passed over: nodes and clients are not updated on one day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from clients.errors import BrokenAnswer
from ledger.money import CURRENCIES

Json = Any
Views = dict[str, dict[str, str]]

_PLAIN: dict[str, Callable[[Json], bool]] = {
    "": lambda _: True,
    "string": lambda value: type(value) is str,
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: type(value) is bool,
    "object": lambda value: isinstance(value, dict),
}
_MANY: dict[str, tuple[type[Any], str]] = {"[": (list, "an array"), "{": (dict, "an object")}


class Told(dict[str, Any]):
    """A JSON object of a node, which may leave out what the protocol says."""

    def __missing__(self, name: str) -> Any:
        raise BrokenAnswer("a node answers something else than the protocol says", found=f"no {name}")


def read(body: bytes, path: str) -> Told:
    """The view that a node answers with under a path, below the channel or from the root.

    Raises:
        BrokenAnswer: it does not have the form of that view.
    """
    try:
        told = json.loads(body, object_hook=Told)
    except (ValueError, RecursionError) as error:
        raise BrokenAnswer("no JSON", found=str(error)[:120]) from None
    if not isinstance(told, Told):
        raise BrokenAnswer("no JSON object", found=_shown(told))
    view = view_of(path)
    if view is not None:
        _check(told, view, "")
    return told


def view_of(path: str) -> str | None:
    """The view that a path answers with; None for one that is not described."""
    asked = path.split("/")
    for pattern, view in _described()["paths"].items():
        segments = pattern.split("/")
        if len(segments) == len(asked) and all(
            segment == part or segment[:1] == "{" for segment, part in zip(segments, asked, strict=True)
        ):
            return str(view)
    return None


@cache
def _described() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        files(__package__).joinpath("views.json").read_text("utf-8")
    )
    return found


def _check(value: Json, form: str, place: str) -> None:
    """Hold a value against a form; `place` is where it stands."""
    if form.endswith("?"):
        if value is None:
            return
        form = form[:-1]
    views: Views = _described()["views"]
    if form[:1] in _MANY:
        kind, words = _MANY[form[:1]]
        if not isinstance(value, kind):
            raise _other(value, place, words)
        entries: Iterable[tuple[int | str, Json]] = value.items() if kind is dict else enumerate(value)
        for at, entry in entries:
            _check(entry, form[1:-1], f"{place}[{at}]")
    elif form in views:
        if not isinstance(value, dict):
            raise _other(value, place, "an object")
        for name, part in views[form].items():
            if name in value:
                where = f"{place}.{name}" if place else name
                _check(value[name], part, where)
                if name.endswith("currency") and value[name] not in (None, *CURRENCIES):
                    raise _other(value[name], where, "an ISO 4217 code")
    elif not any(_PLAIN[each](value) for each in form.split("|")):
        raise _other(value, place, form.replace("|", " or "))


def _other(value: Json, place: str, expected: str) -> BrokenAnswer:
    return BrokenAnswer(f"{place[:120]} is of another form", found=_shown(value), expected=expected)


def _shown(value: Json) -> str:
    return ascii(value)[:80]
