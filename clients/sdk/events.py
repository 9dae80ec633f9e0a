"""Reading server-sent events (WHATWG HTML section 9.2.6), as far as a node sends them."""

from __future__ import annotations

import json

from clients.errors import BrokenAnswer
from clients.sdk.verified import BlockEvent

MAX_EVENT_BYTES = 8 * 1_048_576
SILENCE_S = 40.0
"""A stream that has not even sent a comment for so long is given up; nodes send one every 15 s."""


class EventReader:
    """Turns the lines of a stream into block events."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._size = 0

    def feed(self, line: str) -> BlockEvent | None:
        """The event that this line completes, if it does.

        Raises:
            BrokenAnswer: an event without end, or one that is not a block.
        """
        if line.startswith("data:"):
            text = line[5:].removeprefix(" ")
            self._size += len(text)
            if self._size > MAX_EVENT_BYTES:
                raise BrokenAnswer("an event without end", expected=f"at most {MAX_EVENT_BYTES} bytes")
            self._data.append(text)
            return None
        if line or not self._data:
            return None
        data, self._data, self._size = "\n".join(self._data), [], 0
        try:
            return BlockEvent.of(json.loads(data))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BrokenAnswer("an event that is not a block", found=str(error)[:120]) from None
