"""The stream between two nodes, cut into frames; knows nothing of sockets.

    frame = length (4 bytes, big endian) || canonical value

The length is compared with the bound before a byte of the frame is waited for, so a link
never holds more than one frame of the largest size and one read beyond it. What a frame
holds is bounded in bytes and in the number of its elements: what nodes say to each other is
few elements and long byte strings.
"""

from __future__ import annotations

from ledger import codec
from node.errors import PeerRefused
from node.limits import MAX_FRAME_BYTES, MAX_FRAME_ELEMENTS

LENGTH_BYTES = 4


def frame(value: codec.Value) -> bytes:
    """The bytes of one message on a link."""
    data = codec.encode(value)
    assert len(data) <= MAX_FRAME_BYTES, "what we send, the other side takes"
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def read(content: bytes) -> codec.Value:
    """The value in a frame.

    Raises:
        Malformed, NonCanonical, TooLarge: not one canonical value within the bounds.
    """
    return codec.decode(content, MAX_FRAME_BYTES, elements=MAX_FRAME_ELEMENTS)


class FrameReader:
    """What has come on one link and was not taken yet."""

    __slots__ = ("_at", "_buffer", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._at = 0

    @property
    def held_bytes(self) -> int:
        """Bytes that wait to be taken."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """More bytes have come."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def take(self) -> bytes | None:
        """The content of the next frame; None until all of it is there.

        Raises:
            PeerRefused: frame_too_large, as soon as its length is there.
        """
        start = self._at + LENGTH_BYTES
        if len(self._buffer) < start:
            return None
        length = int.from_bytes(self._buffer[self._at : start], "big")
        if length > self.limit_bytes:
            raise PeerRefused(
                "frame too large",
                code="frame_too_large",
                found=f"{length} bytes",
                expected=f"at most {self.limit_bytes}",
            )
        if len(self._buffer) - start < length:
            return None
        self._at = start + length
        return bytes(memoryview(self._buffer)[start : self._at])
