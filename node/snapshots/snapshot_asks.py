"""What nodes say to each other about snapshots: a question, and the chunk that answers it.

    ("snapshot?", [number, kind, height, first, end, key, stop])
    ("snapshot!", [number, code, chunk])

| kind | height | asks for |
|---|---|---|
| manifest | that or more | the newest snapshot's manifest, and the membership changes above `first` |
| block | of the snapshot | its block |
| state | of the snapshot | the subtrees [first, end), or the first of them |
| recent | of the snapshot | headers and ids from the height `first` downwards |
| records | of the snapshot | histories from `key` on, below `stop`; `end` as in `PinnedState.records` |

Places that a kind does not use are 0 or empty. The code is empty when the chunk is there;
otherwise the chunk is empty and the code says why. The chunk of a manifest is the array
[membership changes, manifest bytes]; if the changes are more than fit, it holds the first of them,
and is to be asked for again from there on. The number is the asker's, and a chunk with
a number that it has not asked under is thrown away: it may simply be late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger import codec, shape
from ledger.errors import Malformed
from ledger.limits import MAX_SNAPSHOT_CHUNK_BYTES, MAX_STATE_KEY_BYTES
from ledger.state.root import SUBTREES
from node.limits import MAX_FRAME_BYTES

MANIFEST, BLOCK, STATE, RECENT, RECORDS = "manifest", "block", "state", "recent", "records"
KINDS = (MANIFEST, BLOCK, STATE, RECENT, RECORDS)

GIVEN = ""
NOT_KEPT = "snapshot_not_kept"
NOT_READY = "snapshot_not_ready"
CODES = (GIVEN, NOT_KEPT, NOT_READY)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question; the table above says what its places mean."""

    kind: str
    height: int
    first: int = 0
    end: int = 0
    key: bytes = b""
    stop: bytes = b""

    def from_first(self, first: int) -> Ask:
        """The same question for what comes from there on."""
        return replace(self, first=first)

    def to_value(self, number: int) -> codec.Value:
        """The content of the message."""
        return (number, self.kind, self.height, self.first, self.end, self.key, self.stop)


def read_ask(value: codec.Value) -> tuple[int, Ask]:
    """(number, question) of a message's content.

    Raises:
        Malformed: something that no honest node asks.
    """
    number, kind, height, first, end, key, stop = shape.array(value, 7, "snapshot?")
    shape.integer(number, "snapshot?.number")
    if kind not in KINDS:
        raise Malformed("unknown question", field="snapshot?.kind", found=str(kind)[:32])
    ask = Ask(
        kind,
        shape.integer(height, "snapshot?.height"),
        shape.integer(first, "snapshot?.first"),
        shape.integer(end, "snapshot?.end"),
        shape.octets_within(key, MAX_STATE_KEY_BYTES, "snapshot?.key"),
        shape.octets_within(stop, MAX_STATE_KEY_BYTES, "snapshot?.stop"),
    )
    if kind == STATE and not ask.first < ask.end <= SUBTREES:
        raise Malformed("no range of subtrees", field="snapshot?.end", found=ask.end)
    if kind == RECENT and ask.first >= ask.height:
        raise Malformed("not a height before the snapshot", field="snapshot?.first", found=ask.first)
    if kind == RECORDS and not (ask.key and (not stop or ask.key < ask.stop)):
        raise Malformed("no range of histories", field="snapshot?.key")
    return number, ask


def answer(number: int, code: str, chunk: bytes = b"") -> codec.Value:
    """The content of an answer."""
    return (number, code, chunk)


def read_answer(value: codec.Value) -> tuple[int, str, bytes]:
    """(number, code, chunk) of a message's content.

    Raises:
        Malformed: something that no honest node answers.
    """
    number, code, chunk = shape.array(value, 3, "snapshot!")
    shape.integer(number, "snapshot!.number")
    if code not in CODES:
        raise Malformed("unknown answer", field="snapshot!.code", found=str(code)[:32])
    shape.octets_within(chunk, MAX_SNAPSHOT_CHUNK_BYTES, "snapshot!.chunk")
    if (code == GIVEN) != bool(chunk):
        raise Malformed("a chunk with a reason why it is not there", field="snapshot!.chunk")
    return number, code, chunk


assert MAX_SNAPSHOT_CHUNK_BYTES + 1_024 < MAX_FRAME_BYTES, "the largest chunk fits a frame"
