"""A small file that is replaced again and again, and is whole after any crash: two slots, written in turn.

    file = slot, slot
    slot = SHA-256(payload) || payload length, 2 bytes || payload || zeros

A torn write destroys only the slot that was being written, whose content nobody relied on yet;
the other slot still holds the write before. Which of two whole slots is the newer one their
payloads must tell.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Self

from ledger.limits import DIGEST_BYTES

SLOT_BYTES = 4_096
"""One block of a disk, so that a write of it is rarely torn."""
_HEAD_BYTES = DIGEST_BYTES + 2


class SlotFile:
    """The file; what it raises is the system's own OSError."""

    __slots__ = ("_handle",)

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def create(cls, path: Path, *, is_synced: bool) -> Self:
        """A new file, with nothing in it; if it is synced, each write is on the disk when it returns.

        Raises:
            OSError: it exists or cannot be written.
        """
        return cls(os.open(path, _access(is_synced) | os.O_CREAT | os.O_EXCL, 0o600))

    @classmethod
    def open(cls, path: Path, *, is_synced: bool) -> Self:
        """The existing file.

        Raises:
            OSError: there is none, or it cannot be written.
        """
        return cls(os.open(path, _access(is_synced)))

    def read(self) -> list[bytes]:
        """The payloads of the slots that are whole, at most two.

        Raises:
            OSError: the disk refuses.
        """
        slots = [os.pread(self._handle, SLOT_BYTES, place * SLOT_BYTES) for place in (0, 1)]
        return [payload for payload in map(_payload, slots) if payload is not None]

    def write(self, turn: int, payload: bytes) -> None:
        """Replace the slot whose turn it is: one in every two.

        Raises:
            OSError: the disk refuses.
        """
        slot = sha256(payload).digest() + len(payload).to_bytes(2, "big") + payload
        assert len(slot) <= SLOT_BYTES, "a payload fits its slot"
        written = os.pwrite(self._handle, slot.ljust(SLOT_BYTES, b"\0"), turn % 2 * SLOT_BYTES)
        if written != SLOT_BYTES:
            raise OSError(f"only {written} of {SLOT_BYTES} bytes were written")

    def sync(self) -> None:
        """What was written is on the disk when this returns.

        Raises:
            OSError: the disk refuses.
        """
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def _access(is_synced: bool) -> int:
    """With O_DSYNC a synced write is one call of the system instead of two.

    After each of them a thread would wait for the interpreter.
    """
    return os.O_RDWR | (os.O_DSYNC if is_synced else 0)


def _payload(slot: bytes) -> bytes | None:
    length = int.from_bytes(slot[DIGEST_BYTES:_HEAD_BYTES], "big")
    payload = slot[_HEAD_BYTES : _HEAD_BYTES + length]
    if len(payload) != length or sha256(payload).digest() != slot[:DIGEST_BYTES]:
        return None
    return payload
