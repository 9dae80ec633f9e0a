"""Request bodies: read with a hard bound on size, then taken apart once.

No endpoint lets the framework read a body, so no body can grow past the bound of its
endpoint, whatever its Content-Length says. A bundle is cut into bodies and
signatures without decoding them: the mempool decodes each body, and only it.

    bundle   = [envelope, …]                       MessagePack array, shortest form
    envelope = [body bytes, signature of 64 bytes]
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any

from starlette.types import Receive, Scope

from ledger import codec
from ledger.errors import Malformed, TooLarge
from ledger.limits import MAX_BUNDLE_TRANSACTIONS, SIGNATURE_BYTES
from node.api.problems import Problem

MSGPACK = codec.MEDIA_TYPE
MSGPACK_FILE = codec.FILE_MEDIA_TYPE
JSON = "application/json"

_ARRAY_16, _ARRAY_32 = 0xDC, 0xDD
_BIN_WIDTH = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_PAIR = 0x92
_SIGNATURE_HEAD = bytes((0xC4, SIGNATURE_BYTES))


class Disconnected(Exception):
    """The client went away before its request was whole: nobody is left to answer."""


async def read(receive: Receive, scope: Scope, limit_bytes: int) -> bytes:
    """The whole body, at most `limit_bytes` of it.

    Raises:
        TooLarge: body_too_large, before more than the bound is held in memory.
        Disconnected: the client went away.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def is_msgpack(scope: Scope) -> bool:
    """Whether the body is MessagePack rather than JSON, by its Content-Type.

    Raises:
        Problem: unsupported_media_type.
    """
    found = header(scope, b"content-type")
    kind = (found or b"").split(b";", 1)[0].strip().lower()
    if kind in (b"application/msgpack", b"application/x-msgpack"):
        return True
    if kind == b"application/json":
        return False
    raise Problem(
        "unsupported media type",
        code="unsupported_media_type",
        field="Content-Type",
        found=(found or b"(none)").decode("latin-1"),
        expected=f"{MSGPACK} or {JSON}",
        remedy="Send MessagePack, or JSON with base64, and name it in Content-Type.",
    )


def wants_msgpack(scope: Scope) -> bool:
    """Whether the answer shall be MessagePack, by the Accept header; JSON otherwise."""
    accept = header(scope, b"accept")
    return accept is not None and b"msgpack" in accept


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body holds.

    Raises:
        Malformed: invalid_json.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(
            "the body is not JSON",
            code="invalid_json",
            field="body",
            found=str(error),
            expected="one JSON object",
        ) from None
    if type(found) is not dict:
        raise Malformed(
            "the body is not a JSON object",
            code="invalid_json",
            field="body",
            found=type(found).__name__,
            expected="{…}",
        )
    return found


def envelope_of(body: bytes, msgpack: bool) -> bytes:
    """The envelope in the body of POST /transactions.

    Raises:
        Malformed: invalid_json, or the field `envelope` is not base64.
    """
    return body if msgpack else _base64(json_object(body).get("envelope"), "envelope")


def envelopes_of(body: bytes, msgpack: bool) -> list[bytes | tuple[bytes, bytes]]:
    """The envelopes in the body of POST /bundles, at least one.

    Raises:
        Malformed: not a bundle; the field names the envelope that is wrong.
        TooLarge: bundle_too_long.
    """
    if msgpack:
        return _cut(body)
    found = json_object(body).get("envelopes")
    if type(found) is not list:
        raise Malformed(
            "no list of envelopes",
            field="envelopes",
            found=type(found).__name__,
            expected="an array of base64 texts",
        )
    _check_count(len(found))
    return [_base64(text, f"envelopes[{index}]") for index, text in enumerate(found)]


def _cut(bundle: bytes) -> list[bytes | tuple[bytes, bytes]]:
    """A MessagePack array of envelopes as (body, signature) slices; no body is looked into."""
    count, at = _array_head(bundle)
    _check_count(count)
    envelopes: list[bytes | tuple[bytes, bytes]] = []
    end = len(bundle)
    for index in range(count):
        if at + 2 > end or bundle[at] != _PAIR:
            raise _not_an_envelope(index)
        width = _BIN_WIDTH.get(bundle[at + 1])
        if width is None:
            raise _not_an_envelope(index)
        start = at + 2 + width
        middle = start + int.from_bytes(bundle[at + 2 : start], "big")
        if bundle[middle : middle + 2] != _SIGNATURE_HEAD:
            raise _not_an_envelope(index)
        at = middle + 2 + SIGNATURE_BYTES
        if at > end:
            raise _not_an_envelope(index)
        envelopes.append((bundle[start:middle], bundle[middle + 2 : at]))
    if at != end:
        raise Malformed(
            "bytes after the last envelope",
            field="body",
            found=f"{end - at} bytes",
            expected="nothing",
        )
    return envelopes


def _array_head(body: bytes) -> tuple[int, int]:
    """(number of elements, where the first starts) of a MessagePack array in shortest form."""
    head = body[0] if body else 0
    if head & 0xF0 == 0x90:
        return head & 0x0F, 1
    width = {_ARRAY_16: 2, _ARRAY_32: 4}.get(head)
    if width is None or len(body) < 1 + width:
        raise Malformed(
            "not a bundle",
            field="body",
            found=f"{len(body)} bytes that begin with {body[:4].hex() or 'nothing'}",
            expected="a MessagePack array of envelopes",
        )
    return int.from_bytes(body[1 : 1 + width], "big"), 1 + width


def _check_count(count: int) -> None:
    if count == 0:
        raise Malformed("an empty bundle", field="envelopes", found="none", expected="at least one envelope")
    if count > MAX_BUNDLE_TRANSACTIONS:
        raise TooLarge(
            "too many envelopes in one bundle",
            code="bundle_too_long",
            field="envelopes",
            found=count,
            expected=f"at most {MAX_BUNDLE_TRANSACTIONS}",
            remedy="Send several bundles.",
        )


def _base64(text: object, field: str) -> bytes:
    if type(text) is not str:
        raise Malformed("not base64 text", field=field, found=type(text).__name__, expected="base64")
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise Malformed("not base64 text", field=field, found=str(error), expected="base64") from None


def _not_an_envelope(index: int) -> Malformed:
    return Malformed(
        "not an envelope",
        field=f"envelopes[{index}]",
        found="other bytes",
        expected="[body bytes, signature of 64 bytes]",
    )


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(
        "request body too large",
        code="body_too_large",
        field="body",
        found=f"more than {limit_bytes} bytes",
        expected=f"at most {limit_bytes} bytes",
    )
