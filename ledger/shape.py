"""Reading decoded values into typed ones: each function returns its value or says what is wrong.

    shape.array(value, 3, "member")        a tuple of 3 elements
    shape.octets(value, 32, "key")         32 bytes
    shape.integer(value, "height")         an integer from 0

`decode` has checked that bytes are canonical; these check that a value is the one that its
place asks for. All raise `Malformed` with the field, what was found and what was expected.
"""

from __future__ import annotations

from ledger import codec
from ledger.errors import Malformed
from ledger.identifiers import checked_name
from ledger.limits import INT_MAX


def array(value: codec.Value, length: int, field: str) -> tuple[codec.Value, ...]:
    """An array of exactly `length` elements."""
    if type(value) is not tuple or len(value) != length:
        raise Malformed(
            "wrong form", field=field, found=_shown(value), expected=f"an array of {length} elements"
        )
    return value


def sequence(value: codec.Value, most: int, field: str, *, least: int = 0) -> tuple[codec.Value, ...]:
    """An array of `least` to `most` elements."""
    if type(value) is not tuple or not least <= len(value) <= most:
        raise Malformed(
            "wrong form", field=field, found=_shown(value), expected=f"an array of {least} to {most} elements"
        )
    return value


def octets(value: codec.Value, length: int, field: str) -> bytes:
    """A byte string of exactly `length` bytes."""
    if type(value) is not bytes or len(value) != length:
        raise Malformed("wrong form", field=field, found=_shown(value), expected=f"{length} bytes")
    return value


def octets_within(value: codec.Value, most: int, field: str, *, least: int = 0) -> bytes:
    """A byte string of `least` to `most` bytes."""
    if type(value) is not bytes or not least <= len(value) <= most:
        raise Malformed("wrong form", field=field, found=_shown(value), expected=f"{least} to {most} bytes")
    return value


def integer(value: codec.Value, field: str, *, least: int = 0, most: int = INT_MAX) -> int:
    """An integer of `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        raise Malformed(
            "wrong form", field=field, found=_shown(value), expected=f"an integer from {least} to {most}"
        )
    return value


def text(value: codec.Value, most_bytes: int, field: str, *, least_bytes: int = 0) -> str:
    """A text of `least_bytes` to `most_bytes` bytes of UTF-8."""
    if type(value) is not str or not least_bytes <= len(value.encode()) <= most_bytes:
        raise Malformed(
            "wrong form",
            field=field,
            found=_shown(value),
            expected=f"text of {least_bytes} to {most_bytes} bytes",
        )
    return value


def name(value: codec.Value, field: str) -> str:
    """The id of a node or organisation; safe in a path, a URL and a file name."""
    if type(value) is not str:
        raise Malformed("wrong form", field=field, found=_shown(value), expected="text")
    return checked_name(value, field)


def record(value: codec.Value, fields: tuple[str, ...], field: str) -> dict[str, codec.Value]:
    """A map with exactly these fields."""
    if type(value) is not dict:
        raise Malformed("wrong form", field=field, found=_shown(value), expected="a map")
    for wanted in fields:
        if wanted not in value:
            raise Malformed("missing field", field=f"{field}.{wanted}")
    if len(value) != len(fields):
        surplus = sorted(set(value) - set(fields))[0]
        raise Malformed("unknown field", field=f"{field}.{surplus[:64]}")
    return value


def _shown(value: codec.Value) -> str:
    """A short description of a value for an error message."""
    if type(value) is bytes:
        return f"{len(value)} bytes"
    if type(value) in (tuple, list):
        return f"an array of {len(value)} elements"
    if type(value) is dict:
        return f"a map of {len(value)} fields"
    return repr(value)[:80]
