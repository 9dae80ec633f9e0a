"""What a node has promised, noted a second time beside its key: so that a folder set back is found out.

A data folder that is an older copy agrees with itself: log and durable mark were copied together.
The node would vote and acknowledge against what it has signed since. But a promise binds the
key, and the key does not lie in the data folder. So beside it, in `node.mark` for `node.key`,
stands how often the node has started and how many durable marks it has written (`ledger.storage.mark`).
A ledger with fewer marks than that is an older one, and its node is mute from then on (`disk.set_back`).

    file    = two slots in turn (`ledger.storage.slot_file`)
    payload = [1, key of the node, starts, marks]

A mark is noted after it is durable, and before anything that depends on it leaves; not synced: that
outlives the process, and after a power cut the note is behind, never ahead. So it accuses no
honest disk. Where it is missing, unreadable, or of another key, it says nothing; where it cannot
be written, the log says so once, and the node goes on without it. Whoever sets back key folder
and data folder together goes unnoticed here; `consensus.follower` may still find that out.

A node that is mute for ever notes starts only: what it writes promises nothing.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from ledger import codec, shape
from ledger.errors import Malformed
from ledger.limits import PUBLIC_KEY_BYTES
from ledger.storage.slot_file import SlotFile

log = structlog.get_logger(component="disk")

SUFFIX = ".mark"
"""Of the file, in place of that of the key's."""
_VERSION = 1


class SecondMark:
    """The file; `starts` and `marks` are what it held, and what was noted since."""

    def __init__(self, path: Path, owner: bytes) -> None:
        """Read what stands there about the key `owner`."""
        self.path = path
        self.starts = self.marks = 0
        self._owner = owner
        self._turn = 0
        self._file: SlotFile | None = None
        try:
            self._file = (SlotFile.open if path.exists() else SlotFile.create)(path, is_synced=False)
            payloads = self._file.read()
        except OSError as error:
            self._give_up(error)
            return
        self.starts, self.marks = max(map(self._noted, payloads), default=(0, 0))
        if payloads and self.starts == 0:
            log.warning("second_mark_unknown", file=str(path), reason="of another key, or of another form")

    @classmethod
    def beside(cls, key_file: Path, owner: bytes) -> SecondMark:
        """The file that belongs to a key's."""
        return cls(key_file.with_suffix(SUFFIX), owner)

    def begin(self, starts: int, marks: int) -> None:
        """The node has started so often, on a ledger with so many marks; durably."""
        self.starts = starts
        self.marks = max(self.marks, marks)
        for _ in range(2):  # both slots, so that no torn one brings an earlier count of starts back
            self._write()
        if self._file is not None:
            try:
                self._file.sync()
            except OSError as error:
                self._give_up(error)

    def note(self, marks: int) -> None:
        """So many marks are durable."""
        self.marks = marks
        self._write()

    def close(self) -> None:
        """Note nothing more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self) -> None:
        if self._file is None:
            return
        self._turn += 1
        try:
            self._file.write(self._turn, codec.encode((_VERSION, self._owner, self.starts, self.marks)))
        except OSError as error:
            self._give_up(error)

    def _noted(self, payload: bytes) -> tuple[int, int]:
        """(starts, marks) of a slot; nothing of one that is of another key."""
        try:
            version, owner, starts, marks = shape.array(codec.decode(payload), 4, "second mark")
            shape.integer(version, "second mark.version", least=_VERSION, most=_VERSION)
            if shape.octets(owner, PUBLIC_KEY_BYTES, "second mark.owner") != self._owner:
                return 0, 0
            return shape.integer(starts, "second mark.starts"), shape.integer(marks, "second mark.marks")
        except Malformed:
            return 0, 0

    def _give_up(self, error: OSError) -> None:
        log.warning("second_mark_failed", file=str(self.path), error=error.strerror or str(error))
        self.close()
