"""An answer as bytes of HTTP/1.1: of submissions and refused connections, which pass by the framework."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from ledger.errors import TallyError
from node.api import problems


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and what is said about them."""

    status: int
    media_type: str
    body: bytes
    retry_after: int | None = None
    """Seconds."""

    @classmethod
    def problem(cls, error: TallyError) -> Answer:
        """An error as a problem document."""
        status, body, retry_after = problems.render(error)
        return cls(status, problems.PROBLEM_MEDIA_TYPE, body, retry_after)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case, and values."""
        headers = [
            (b"content-type", self.media_type.encode()),
            (b"content-length", b"%d" % len(self.body)),
        ]
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append((b"www-authenticate", problems.SIGNATURE_SCHEME.encode()))
        if self.retry_after is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after))
        return headers

    def encode(self, *, closes: bool) -> bytes:
        """The whole answer in one piece; `closes` if the connection ends with it."""
        lines = [_STATUS_LINES[self.status], *[b"%b: %b\r\n" % header for header in self.headers()]]
        if closes:
            lines.append(b"connection: close\r\n")
        return b"".join([*lines, b"\r\n", self.body])


_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
