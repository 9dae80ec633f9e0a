"""Canonical MessagePack: one encoding per value. The only module that uses msgpack.

Values are `None`, `bool`, `int` (signed 64 bit), `str`, `bytes`, arrays (tuples once
decoded) and maps with text keys. There are no floats, no extension types and no
timestamps. Canonical means: shortest form of every element, map keys strictly ascending
by their UTF-8 bytes. What is stored, hashed, signed and sent are the same bytes, so a
second spelling of a value must not exist: `decode` refuses it.

How `decode` knows: the value is unpacked by C, walked once for types, ranges, order and
depth, packed again by C and compared. Packing always takes the shortest form and a map
with a doubled key packs shorter, so equality proves the rest.

Hostile bytes cost no more than they weigh. An empty map is one byte on the wire and 64 in
memory, and an array can claim elements that never come; so before anything is built, the
heads are counted wherever there may be more of them than the caller allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack

from ledger.errors import Malformed, NonCanonical, TooLarge
from ledger.limits import INT_MAX, INT_MIN, MAX_BLOCK_BYTES, MAX_DEPTH, MAX_ELEMENTS

Value = Any
"""None | bool | int | str | bytes | tuple[Value, ...] | dict[str, Value]"""

MEDIA_TYPE = "application/msgpack"
FILE_MEDIA_TYPE = "application/vnd.tallystick+msgpack"
"""Of files that are kept and checked: proofs, receipts, blocks of a channel, statements."""

_WIDE_ARRAYS = 64
"""Array heads of 3 or 5 bytes that are unpacked without counting first: each may reserve some kB."""

_unpackb = msgpack.unpackb
_pack = msgpack.Packer().pack
"""One packer for the process: it keeps its buffer, and holds the interpreter lock while it works."""


def encode(value: Value) -> bytes:
    """The canonical bytes of a value; maps are written in ascending order of their keys.

    Raises:
        NonCanonical: a type, an integer range or a depth that has no canonical form.
    """
    if _form((value,), MAX_DEPTH + 1) & _UNORDERED:
        value = _ordered(value)
    return _packed(value)


def pack(value: Value) -> bytes:
    """The canonical bytes of a value whose parts were all decoded or encoded before, its maps in order."""
    return _packed(value)


def encode_key(parts: tuple[str | int | bytes, ...]) -> bytes:
    """The canonical bytes of a flat array of texts, integers and byte strings: what state keys are made of.

    Raises:
        NonCanonical: another type, an integer beyond 64 bits, or text that UTF-8 cannot express.
    """
    for part in parts:
        kind = type(part)
        if kind is str or kind is bytes:
            continue
        if kind is not int or part > 0x7FFF_FFFF_FFFF_FFFF:  # type: ignore[operator]
            raise NonCanonical("not a part of a state key", found=str(part)[:40])
    return _packed(parts)


def settle(value: Value) -> tuple[bytes, Value]:
    """The canonical bytes of a value, and the value as everybody has it who reads them.

    A list has become a tuple and maps are in order, so it makes no difference to whoever
    computes with it whether it was kept in memory or read from a disk.
    """
    form = _form((value,), MAX_DEPTH + 1)
    data = _packed(_ordered(value) if form & _UNORDERED else value)
    if form == _SETTLED:
        return data, value
    return data, _unpackb(data, use_list=False, strict_map_key=True)


def trusted(data: bytes, *, text_bytes: int = MAX_BLOCK_BYTES, octets: int = MAX_BLOCK_BYTES) -> Value:
    """The value of canonical bytes that this node itself encoded or checked before; not checked again.

    Raises:
        ValueError: a text of more than `text_bytes` or a byte string of more than `octets`.
    """
    return _unpackb(data, use_list=False, strict_map_key=True, max_str_len=text_bytes, max_bin_len=octets)


def decode(
    data: bytes,
    limit_bytes: int = MAX_BLOCK_BYTES,
    *,
    text_bytes: int = MAX_BLOCK_BYTES,
    octets: int = MAX_BLOCK_BYTES,
    elements: int = MAX_ELEMENTS,
) -> Value:
    """The value that `data` canonically encodes; arrays come as tuples.

    Raises:
        TooLarge: more than `limit_bytes`, or (code `element_too_long`) a text of more than
            `text_bytes` or a byte string of more than `octets` anywhere in it, or (code
            `too_many_elements`) more than `elements` of all kinds in all depths together.
        Malformed: not one whole MessagePack value.
        NonCanonical: readable, but not in the one permitted spelling.
    """
    if len(data) > limit_bytes:
        raise TooLarge("value too long", found=f"{len(data)} bytes", expected=f"at most {limit_bytes}")
    if len(data) > elements or data.count(b"\xdc") + data.count(b"\xdd") > _WIDE_ARRAYS:
        _check_elements(data, elements)
    try:
        value = _unpackb(
            data, use_list=False, strict_map_key=True, max_str_len=text_bytes, max_bin_len=octets
        )
    except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
        found = str(error)[:120] or type(error).__name__
        if "exceeds max_" in found and (text_bytes < len(data) or octets < len(data)):
            raise TooLarge("an element is too long", code="element_too_long", found=found) from None
        raise Malformed(
            "not one whole MessagePack value", found=found, expected="the bytes of exactly one value"
        ) from None
    if _form((value,), MAX_DEPTH + 1) & _UNORDERED:
        raise NonCanonical(
            "map keys out of order",
            found="a smaller key after a larger one",
            expected="strictly ascending keys",
        )
    if _pack(value) != data:
        raise NonCanonical(
            "a longer spelling than necessary, or a doubled map key",
            found=f"{len(data)} bytes",
            expected=f"the {len(_pack(value))} bytes of the shortest spelling",
        )
    return value


def _fixed_steps() -> list[tuple[int, int, int, int]]:
    """For each first byte: (bytes without content, width of content length, elements, width of count)."""
    steps = [(1, 0, 0, 0)] * 256
    steps[0x80:0x90] = [(1, 0, 2 * count, 0) for count in range(16)]
    steps[0x90:0xA0] = [(1, 0, count, 0) for count in range(16)]
    steps[0xA0:0xC0] = [(1 + length, 0, 0, 0) for length in range(32)]
    for first, width in ((0xC4, 1), (0xC5, 2), (0xC6, 4), (0xD9, 1), (0xDA, 2), (0xDB, 4)):
        steps[first] = (1 + width, width, 0, 0)
    for first, width in ((0xC7, 1), (0xC8, 2), (0xC9, 4)):
        steps[first] = (2 + width, width, 0, 0)
    for first, size in zip(range(0xCA, 0xD9), (4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17), strict=True):
        steps[first] = (1 + size, 0, 0, 0)
    for first, width, each in ((0xDC, 2, 1), (0xDD, 4, 1), (0xDE, 2, 2), (0xDF, 4, 2)):
        steps[first] = (1 + width, 0, each, width)
    return steps


_STEPS = _fixed_steps()


def _check_elements(data: bytes, most: int) -> None:
    """Walk over the heads alone.

    Raises:
        TooLarge: more elements, come or claimed, than `most` or than there are bytes.
    """
    at, end = 0, len(data)
    promised = 1
    bound = min(most, end)
    while at < end and promised <= bound:
        size, length_width, count, count_width = _STEPS[data[at]]
        if length_width:
            size += int.from_bytes(data[at + 1 : at + 1 + length_width], "big")
        elif count_width:
            count *= int.from_bytes(data[at + 1 : at + 1 + count_width], "big")
        promised += count
        at += size
    if promised > bound:
        raise TooLarge(
            "too many elements",
            code="too_many_elements",
            found=f"at least {promised} in {end} bytes",
            expected=f"at most {bound}",
        )


_SETTLED, _LISTED, _UNORDERED = 0, 1, 2
"""What is in a value: nothing but what readers have too; lists, which they have as tuples; unordered maps."""


def _form(items: Iterable[Value], depth: int) -> int:
    """What is in these values, as bits; checks types, ranges and depth on the way.

    Runs over every element of everything that is hashed or received, hence its plain shape. What lies
    below 64 bits is left to the packer, which refuses it.
    """
    if not depth:
        raise NonCanonical(
            "nested too deeply", found=f"more than {MAX_DEPTH} levels", expected=f"at most {MAX_DEPTH} levels"
        )
    form = _SETTLED
    for item in items:
        kind = type(item)
        if kind is str or kind is bytes:
            continue
        if kind is int:
            if item <= 0x7FFF_FFFF_FFFF_FFFF:
                continue
            raise _beyond_64_bits(item)
        if kind is tuple or kind is list:
            if kind is list:
                form |= _LISTED
            if item or depth == 1:
                form |= _form(item, depth - 1)
        elif kind is dict:
            keys = tuple(item)
            if keys not in _known_orders and not _is_ascending(keys):
                form |= _UNORDERED
            form |= _form(item.values(), depth - 1)
        elif item is not None and kind is not bool:
            raise NonCanonical(
                "type without canonical form",
                found=kind.__name__,
                expected="integer, text, bytes, array, map, true, false or nil",
            )
    return form


_known_orders: set[tuple[str, ...]] = set()
"""Keys of maps that were found to be ascending texts: the same few kinds of map come again and again."""
_MOST_ORDERS_KNOWN = 1_024
_MOST_KEYS_KNOWN, _MOST_CHARACTERS_KNOWN = 32, 512
"""Of one map: so strangers can fill the set, but not the memory."""


def _is_ascending(keys: tuple[Any, ...]) -> bool:
    """Whether the keys of a map are in order; remembers those that are."""
    try:
        characters = len("".join(keys))
    except TypeError:
        raise NonCanonical("map key that is not text", found=_kinds(keys), expected="text") from None
    if list(keys) != sorted(keys):
        return False
    if len(keys) <= _MOST_KEYS_KNOWN and characters <= _MOST_CHARACTERS_KNOWN:
        if len(_known_orders) >= _MOST_ORDERS_KNOWN:
            _known_orders.clear()
        _known_orders.add(keys)
    return True


def _packed(value: Value) -> bytes:
    try:
        packed: bytes = _pack(value)
    except UnicodeEncodeError as error:
        raise NonCanonical("text that UTF-8 cannot express", found=error.reason) from None
    except OverflowError:
        raise NonCanonical("integer beyond 64 bits", expected=f"{INT_MIN} to {INT_MAX}") from None
    return packed


def _beyond_64_bits(item: int) -> NonCanonical:
    return NonCanonical("integer beyond 64 bits", found=item, expected=f"{INT_MIN} to {INT_MAX}")


def _kinds(keys: tuple[Any, ...]) -> str:
    return ", ".join(sorted({type(key).__name__ for key in keys} - {"str"}))


def _ordered(value: Value) -> Value:
    """A map, a tuple or a list whose maps are in order, in all depths."""
    if type(value) is dict:
        return {
            key: _ordered(item) if type(item) in _CONTAINERS else item for key, item in sorted(value.items())
        }
    return [_ordered(item) if type(item) in _CONTAINERS else item for item in value]


_CONTAINERS = frozenset((dict, tuple, list))
