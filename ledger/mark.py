"""The durable mark: what the log is known to have held, kept apart from the log.

LevelDB opens a log with a chopped tail without a word, so a node could forget blocks that
it acknowledged and votes that it gave. The mark is a small file beside the database that
names the newest durable block, the newest term and vote, and the term of the last leader
that was followed (`accepted`). It is written after the log is
synced (and *before* the log is cut back, so that it never names more than the log holds);
`Store.open` compares the two.

    file = slot, slot        4096 bytes each, written in turn
    slot = SHA-256(payload) || payload length, 2 bytes || payload
    payload = [1, sequence, height, SHA-256(block bytes), term, vote, accepted]

The slot with the higher sequence counts. A torn write destroys only the slot that was being
written, whose content nobody relied on yet; the other slot still tells the truth.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ledger import codec, shape
from ledger.durable import sync_folder
from ledger.errors import Malformed, StoreError
from ledger.limits import DIGEST_BYTES, MAX_NAME_BYTES

SLOT_BYTES = 4_096
_VERSION = 1
_HEAD_BYTES = DIGEST_BYTES + 2
_ACCESS = os.O_RDWR | os.O_DSYNC
"""A write is on the disk when it returns: one call of the system instead of two, each of which would wait
for the interpreter afterwards."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`height` is -1, and `block` empty, before the first block; `vote` is None for no vote."""

    height: int
    block: bytes
    term: int
    vote: str | None
    accepted: int = 0


NOTHING = Mark(-1, b"", 0, None)


class MarkFile:
    """The file; each `write` is on the disk when it returns."""

    __slots__ = ("_handle", "_path", "_sequence", "mark")

    def __init__(self, path: Path, handle: int, sequence: int, mark: Mark) -> None:
        self._path = path
        self._handle = handle
        self._sequence = sequence
        self.mark = mark

    @classmethod
    def create(cls, path: Path) -> MarkFile:
        """A new file that marks nothing.

        Raises:
            StoreError: it exists or cannot be written.
        """
        try:
            handle = os.open(path, _ACCESS | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise StoreError(
                "cannot create the durable mark", field=path.name, found=error.strerror
            ) from None
        file = cls(path, handle, 0, NOTHING)
        file.write(NOTHING)
        sync_folder(path.parent)
        return file

    @classmethod
    def open(cls, path: Path) -> MarkFile:
        """The existing file.

        Raises:
            StoreError: it cannot be read, or neither slot is whole.
        """
        try:
            handle = os.open(path, _ACCESS)
            slots = [os.pread(handle, SLOT_BYTES, place * SLOT_BYTES) for place in (0, 1)]
        except OSError as error:
            raise StoreError("cannot read the durable mark", field=path.name, found=error.strerror) from None
        whole = [read for read in map(_read_slot, slots) if read is not None]
        if not whole:
            os.close(handle)
            raise StoreError("the durable mark is damaged", field=path.name)
        sequence, mark = max(whole, key=lambda read: read[0])
        return cls(path, handle, sequence, mark)

    def write(self, mark: Mark) -> None:
        """Replace the mark, durably.

        Raises:
            StoreError: the disk refuses.
        """
        sequence = self._sequence + 1
        payload = codec.encode(
            (_VERSION, sequence, mark.height, mark.block, mark.term, mark.vote, mark.accepted)
        )
        slot = sha256(payload).digest() + len(payload).to_bytes(2, "big") + payload
        assert len(slot) <= SLOT_BYTES, "a mark fits its slot"
        try:
            os.pwrite(self._handle, slot.ljust(SLOT_BYTES, b"\0"), sequence % 2 * SLOT_BYTES)
        except OSError as error:
            raise StoreError(
                "cannot write the durable mark", field=self._path.name, found=error.strerror
            ) from None
        self._sequence = sequence
        self.mark = mark

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def _read_slot(slot: bytes) -> tuple[int, Mark] | None:
    length = int.from_bytes(slot[DIGEST_BYTES:_HEAD_BYTES], "big")
    payload = slot[_HEAD_BYTES : _HEAD_BYTES + length]
    if len(payload) != length or sha256(payload).digest() != slot[:DIGEST_BYTES]:
        return None
    try:
        version, sequence, height, block, term, vote, accepted = shape.array(codec.decode(payload), 7, "mark")
        shape.integer(version, "mark.version", least=_VERSION, most=_VERSION)
        if vote is not None:
            shape.text(vote, MAX_NAME_BYTES, "mark.vote")
        return shape.integer(sequence, "mark.sequence"), Mark(
            shape.integer(height, "mark.height", least=-1),
            shape.octets(block, 0 if height == -1 else DIGEST_BYTES, "mark.block"),
            shape.integer(term, "mark.term"),
            vote,
            shape.integer(accepted, "mark.accepted"),
        )
    except Malformed:
        return None
