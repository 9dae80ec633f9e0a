"""The durable mark: what the log is known to have held, kept apart from the log.

LevelDB opens a log with a chopped tail without a word, so a node could forget blocks that
it acknowledged and votes that it gave. The mark is a small file beside the database that
names the newest durable block, the newest term and vote, and the term of the last leader
that was followed (`accepted`). It is written after the log is
synced (and *before* the log is cut back, so that it never names more than the log holds);
`Store.open` compares the two.

    file    = two slots in turn (`ledger.storage.slot_file`)
    payload = [1, sequence, height, SHA-256(block bytes), term, vote, accepted]

The slot with the higher sequence counts. The sequence goes on where another ledger takes this
one's place: of two marks of one node the higher one is the later.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger import codec, shape
from ledger.errors import Malformed, StoreError, store_error
from ledger.limits import DIGEST_BYTES, MAX_NAME_BYTES
from ledger.storage.durable import sync_folder
from ledger.storage.slot_file import SlotFile

_VERSION = 1


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

    __slots__ = ("_file", "_path", "mark", "sequence")

    def __init__(self, path: Path, file: SlotFile, sequence: int, mark: Mark) -> None:
        self._path = path
        self._file = file
        self.sequence = sequence
        """How many marks this node has written."""
        self.mark = mark

    @classmethod
    def create(cls, path: Path, after: int = 0) -> MarkFile:
        """A new file that marks nothing; `after` is the sequence of the mark whose place it takes.

        Raises:
            StoreError: it exists or cannot be written.
        """
        try:
            file = cls(path, SlotFile.create(path, is_synced=True), after, NOTHING)
            file.write(NOTHING)
            sync_folder(path.parent)
        except OSError as error:
            raise store_error("cannot create the durable mark", error.strerror, field=path.name) from None
        return file

    @classmethod
    def open(cls, path: Path) -> MarkFile:
        """The existing file.

        Raises:
            StoreError: it cannot be read, or neither slot is whole.
        """
        try:
            file = SlotFile.open(path, is_synced=True)
            payloads = file.read()
        except FileNotFoundError:
            raise mark_lost("the durable mark is missing", path) from None
        except OSError as error:
            raise store_error("cannot read the durable mark", error.strerror, field=path.name) from None
        whole = [read for read in map(_read, payloads) if read is not None]
        if not whole:
            file.close()
            raise mark_lost("the durable mark is damaged", path)
        return cls(path, file, *max(whole, key=lambda read: read[0]))

    def write(self, mark: Mark) -> None:
        """Replace the mark, durably.

        Raises:
            StoreError: the disk refuses.
        """
        sequence = self.sequence + 1
        payload = codec.encode(
            (_VERSION, sequence, mark.height, mark.block, mark.term, mark.vote, mark.accepted)
        )
        try:
            self._file.write(sequence, payload)
        except OSError as error:
            said = error.strerror or str(error)
            raise store_error("cannot write the durable mark", said, field=self._path.name) from None
        self.sequence = sequence
        self.mark = mark

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def mark_lost(message: str, path: Path) -> StoreError:
    """The ledger may be whole, and nothing says any more how far it must go: a repair needs the mark."""
    return StoreError(
        message,
        field=path.name,
        remedy="Nothing else says what the node has signed, so no repair helps. Put the newest mark back if "
        "you have it, or readmit the node under a new id: `tally network readmit`.",
    )


def _read(payload: bytes) -> tuple[int, Mark] | None:
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
