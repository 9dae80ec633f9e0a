"""Reading server-sent events (WHATWG HTML section 9.2.6), as far as a node sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from clients.errors import BrokenAnswer
from clients.sdk.verified import BlockEvent

MAX_EVENT_BYTES = 8 * 1_048_576
SILENCE_S = 40.0
"""A stream that has not even sent a comment for so long is given up; nodes send one every 15 s."""


class EventReader:
    """Turns the bytes of a stream into block events."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size_bytes = 0
        """Of the event and of the line that have begun."""

    def feed(self, chunk: bytes) -> Iterator[BlockEvent]:
        """The events that these bytes complete.

        Raises:
            BrokenAnswer: an event without end, or one that is not a block.
        """
        *ended, begun = chunk.split(b"\n")
        for end in ended:
            self._begin(end)
            line, self._line = b"".join(self._line), []
            event = self._take(line)
            if event is not None:
                yield event
        self._begin(begun)

    def _begin(self, part: bytes) -> None:
        """A part of a line."""
        self._line.append(part)
        self._size_bytes += len(part)
        if self._size_bytes > MAX_EVENT_BYTES:
            raise BrokenAnswer("an event without end", expected=f"at most {MAX_EVENT_BYTES} bytes")

    def _take(self, ended: bytes) -> BlockEvent | None:
        """A whole line: the event that it ends, if it does."""
        line = ended.removesuffix(b"\r")
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            return None
        self._size_bytes -= len(ended)
        if line:
            return None
        data, self._data, self._size_bytes = b"\n".join(self._data), [], 0
        if not data:
            return None
        try:
            return BlockEvent.of(json.loads(data))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BrokenAnswer("an event that is not a block", found=ascii(str(error))[:120]) from None
