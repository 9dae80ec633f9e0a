"""Canonical MessagePack: one encoding per value. The only module that uses msgpack.

Values are `None`, `bool`, `int` (signed 64 bit), `str`, `bytes`, arrays (tuples once
decoded) and maps with text keys. There are no floats, no extension types and no
timestamps. Canonical means: shortest form of every element, map keys strictly ascending
by their UTF-8 bytes. What is stored, hashed, signed and sent are the same bytes, so a
second spelling of a value must not exist: `decode` refuses it.

How `decode` knows: the value is unpacked by C, walked once for types, ranges, order and
depth, packed again by C and compared. Packing always takes the shortest form and a map
with a doubled key packs shorter, so equality proves the rest.
"""

from __future__ import annotations

from typing import Any

import msgpack

from ledger.errors import Malformed, NonCanonical, TooLarge
from ledger.limits import INT_MAX, INT_MIN, MAX_BLOCK_BYTES, MAX_DEPTH

Value = Any
"""None | bool | int | str | bytes | tuple[Value, ...] | dict[str, Value]"""

_packb = msgpack.packb
_unpackb = msgpack.unpackb


def encode(value: Value) -> bytes:
    """The canonical bytes of a value; maps are written in ascending order of their keys.

    Raises:
        NonCanonical: a type, an integer range or a depth that has no canonical form.
    """
    if not _is_ordered(value):
        value = _ordered(value)
    try:
        packed: bytes = _packb(value)
    except UnicodeEncodeError as error:
        raise NonCanonical("text that UTF-8 cannot express", found=error.reason) from None
    return packed


def decode(data: bytes, limit_bytes: int = MAX_BLOCK_BYTES) -> Value:
    """The value that `data` canonically encodes; arrays come as tuples.

    Raises:
        TooLarge: more than `limit_bytes`.
        Malformed: not one whole MessagePack value.
        NonCanonical: readable, but not in the one permitted spelling.
    """
    if len(data) > limit_bytes:
        raise TooLarge("value too long", found=f"{len(data)} bytes", expected=f"at most {limit_bytes}")
    try:
        value = _unpackb(data, use_list=False, strict_map_key=True)
    except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise Malformed(
            "not one whole MessagePack value", found=str(error)[:120] or type(error).__name__
        ) from None
    if not _is_ordered(value):
        raise NonCanonical("map keys out of order", expected="strictly ascending keys")
    if _packb(value) != data:
        raise NonCanonical("a longer spelling than necessary, or a doubled map key")
    return value


def _is_ordered(value: Value) -> bool:
    """Whether every map is in ascending order; checks types, ranges and depth on the way."""
    ordered = True
    level = (value,)
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise NonCanonical("nested too deeply", expected=f"at most {MAX_DEPTH} levels")
        deeper: list[Value] = []
        for item in level:
            kind = type(item)
            if kind is int:
                if not INT_MIN <= item <= INT_MAX:
                    raise NonCanonical("integer beyond 64 bits", found=item)
            elif kind is str or kind is bytes or item is None or kind is bool:
                continue
            elif kind is tuple or kind is list:
                deeper.extend(item)
            elif kind is dict:
                before = None
                for key in item:
                    if type(key) is not str:
                        raise NonCanonical("map key that is not text", found=type(key).__name__)
                    if before is not None and key <= before:
                        ordered = False
                    before = key
                deeper.extend(item.values())
            else:
                raise NonCanonical("type without canonical form", found=kind.__name__)
        level = deeper  # type: ignore[assignment]
    return ordered


def _ordered(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [_ordered(item) for item in value]
    return value
