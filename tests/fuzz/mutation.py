"""Hostile variants of honest bytes and values; everything follows from the source of chance.

mutated_bytes   as a broken or malicious wire does it: flips, cuts, doubled parts, lying lengths
mutated_value   as a peer does it that speaks the format: fields changed, swapped, left out
any_value       some canonical value, likely to look like a message
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

EDGES = (
    *(0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 2**16, 2**31, 2**32, 2**40),
    *(2**48 - 1, 2**48, 2**48 + 1, 2**62 - 1, 2**62, 2**62 + 1, 2**63 - 1, -1, -2, -(2**63)),
)
"""Integers at which codes, lengths and bounds of ours change."""

HEADS = (0x80, 0x90, 0xA0, 0xBF, 0xC0, 0xC1, 0xC4, 0xC6, 0xC7, 0xCB, 0xCF, 0xD3, 0xDC, 0xDD, 0xDE, 0xDF, 0xFF)
"""First bytes of MessagePack that begin something else."""

TEXTS = ("", "n1", "n2", "n3", "n9", "raft", "forward", "forwarded", "hello", "block", "x" * 65, "\u2028")


def any_value(chance: Random, depth: int = 0) -> Any:
    """Some canonical value."""
    kind = chance.randrange(10 if depth < 4 else 6)
    if kind == 0:
        return chance.choice(TEXTS)
    if kind == 1:
        return chance.choice(EDGES)
    if kind == 2:
        return chance.randbytes(chance.choice((0, 1, 16, 31, 32, 33, 64, 65, 129)))
    if kind == 3:
        return chance.choice((None, True, False))
    if kind == 4:
        return chance.randrange(1, 14)
    if kind == 5:
        return ()
    if kind == 6:
        return {chance.choice(TEXTS): any_value(chance, depth + 1) for _ in range(chance.randrange(3))}
    return tuple([any_value(chance, depth + 1) for _ in range(chance.randrange(1, 10))])


def mutated_value(chance: Random, value: Any, others: Sequence[Any] = ()) -> Any:
    """One place of a value changed; `others` lend it their parts."""
    kind = type(value)
    if kind is dict and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.2:
            del changed[key]
        else:
            changed[key] = mutated_value(chance, value[key], others)
        return changed
    if kind is not tuple or not value or chance.random() < 0.05:
        return _other_leaf(chance, value)
    place = chance.randrange(len(value))
    change = chance.randrange(12)
    if change == 0:
        return (*value[:place], *value[place + 1 :])
    if change == 1:
        return (*value[:place], value[place], *value[place:])
    if change == 2:
        other = chance.randrange(len(value))
        parts = list(value)
        parts[place], parts[other] = parts[other], parts[place]
        return tuple(parts)
    if change == 3 and others:
        lender = chance.choice(others)
        if type(lender) is tuple and place < len(lender):
            return (*value[:place], lender[place], *value[place + 1 :])
    if change == 4:
        return value[:place]
    return (*value[:place], mutated_value(chance, value[place], others), *value[place + 1 :])


def _other_leaf(chance: Random, value: Any) -> Any:
    kind = type(value)
    if kind is int and chance.random() < 0.8:
        if chance.random() < 0.6:
            return value + chance.choice((-2, -1, 1, 2, 3))
        return chance.choice(EDGES)
    if kind is bool and chance.random() < 0.7:
        return not value
    if kind is bytes and chance.random() < 0.8:
        return mutated_bytes(chance, value)
    if kind is str and chance.random() < 0.7:
        return chance.choice(TEXTS)
    return any_value(chance)


def mutated_bytes(chance: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to four places of some bytes changed."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = _changed_once(chance, data, others)
    return data


def _changed_once(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    place = chance.randrange(len(data) + 1)
    change = chance.randrange(9)
    if change == 0 and place < len(data):
        return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    if change == 1 and place < len(data):
        return data[:place] + bytes([chance.choice(HEADS)]) + data[place + 1 :]
    if change == 2:
        return data[:place]
    if change == 3:
        return data[:place] + data[place + chance.choice((1, 2, 4, 8, 32)) :]
    if change == 4:
        return data[:place] + chance.randbytes(chance.choice((1, 2, 4, 32))) + data[place:]
    if change == 5:
        part = data[place : place + chance.choice((1, 4, 40, 400))]
        return data[:place] + part + data[place:]
    if change == 6:
        return data[:place] + bytes([chance.choice(HEADS)]) * chance.choice((1, 20, 300)) + data[place:]
    if change == 7 and others:
        other = chance.choice(others)
        start = chance.randrange(len(other) + 1)
        return data[:place] + other[start : start + 64] + data[place + 64 :]
    width = chance.choice((1, 2, 4, 8))
    number = chance.choice(EDGES) % (1 << 8 * width)
    return data[:place] + number.to_bytes(width, "big") + data[place + width :]
