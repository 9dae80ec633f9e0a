"""A node that means harm, over real sockets: its answers end in typed errors, in time, in little memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from local_sessions import Channel

from clients import network
from clients.errors import BrokenAnswer, NetworkError, Unavailable
from clients.profile import Profile
from clients.sdk import AsyncSession, Session
from clients.sdk import exports as sdk_exports
from clients.sdk import session as sdk_session
from clients.sdk.conversation import height_of
from clients.sdk.events import MAX_EVENT_BYTES
from clients.sdk.transport import AsyncTransport, Call, Nodes, Reply, SyncTransport, exchange
from clients.verification import evidence
from ledger.blocks.genesis import read_genesis

Answer = Callable[[socket.socket], None]
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 %s\r\ntransfer-encoding: chunked\r\n%s\r\n"


@contextmanager
def node(answer: Answer) -> Iterator[str]:
    """The URL of a node that answers every connection so."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65_536)
                answer(connection)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def saying(*parts: bytes) -> Answer:
    """Says this and closes."""
    return lambda connection: connection.sendall(b"".join(parts))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def dripping(first: bytes, drop: bytes) -> Answer:
    """Never silent and never done."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return answer


DRIPPING_BODY = dripping(CHUNKED % (b"200 OK", b""), chunk(b" "))
DRIPPING_HEAD = dripping(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n")
NEVER_FINAL = dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
HEADLESS = [DRIPPING_HEAD, NEVER_FINAL]


def asked(urls: list[str], deadline_s: float, transport: SyncTransport | AsyncTransport) -> Reply:
    call = Call("GET", "/v1/status", answer_timeout_s=0.2)
    steps = exchange(Nodes(urls), call, time.monotonic() + deadline_s, time.monotonic)
    if isinstance(transport, SyncTransport):
        return transport.run(steps)
    return asyncio.run(transport.run(steps))


@pytest.mark.parametrize(
    ("answer", "transport"),
    [
        (DRIPPING_BODY, SyncTransport),
        (DRIPPING_BODY, AsyncTransport),
        *product(HEADLESS, (SyncTransport, AsyncTransport)),
    ],
)
def test_an_answer_that_drips_leaves_time_for_another_node(
    answer: Answer, transport: type[SyncTransport] | type[AsyncTransport]
) -> None:
    with node(answer) as slow, node(saying(WHOLE)) as good:
        assert asked([slow, good], 2, transport()).node == good


@pytest.mark.parametrize("answer", [DRIPPING_BODY, *HEADLESS])
@pytest.mark.parametrize("transport", [SyncTransport, AsyncTransport])
def test_if_there_is_no_other_node_it_ends_by_the_deadline(
    answer: Answer,
    transport: type[SyncTransport] | type[AsyncTransport],
) -> None:
    began = time.monotonic()
    with node(answer) as slow, pytest.raises(Unavailable, match=r"is (too slow|silent)"):
        asked([slow], 0.5, transport())
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("transport", [SyncTransport, AsyncTransport])
def test_what_grows_when_it_is_read_is_not_read(
    transport: type[SyncTransport] | type[AsyncTransport],
) -> None:
    small = gzip.compress(b" " * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(small)
    with node(saying(head, small)) as bomb, pytest.raises(BrokenAnswer, match="compressed"):
        asked([bomb], 2, transport())


@pytest.mark.parametrize(
    ("said", "height"), [("7", 7), ("", None), ("9" * 5_000, None), ("-1", None), ("\u0667", None)]
)
def test_the_height_of_a_view_is_one_that_a_ledger_can_have(said: str, height: int | None) -> None:
    assert height_of(Reply("n1", 200, {"tally-height": said}, b"{}")) == height


def at(channel: Channel, url: str) -> Profile:
    return replace(channel.profile("anchor"), nodes=(url,))


EVENTS = CHUNKED % (b"200 OK", b"content-type: text/event-stream; charset=%s\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        saying(EVENTS % b"hex_codec", chunk(b"data: 00\n\n"), chunk(b"")),
        saying(EVENTS % b"utf-8", chunk(b'data: {"height": 1e999}\n\n'), chunk(b"")),
        saying(EVENTS % b"utf-8", chunk(b"x" * (MAX_EVENT_BYTES + 1))),
        saying(EVENTS % b"utf-8", chunk(b"data: x\n" * (MAX_EVENT_BYTES // 6))),
    ],
    ids=["charset", "infinite height", "line without end", "event without end"],
)
def test_a_stream_that_is_none_is_named_as_such(channel: Channel, answer: Answer) -> None:
    async def first(profile: Profile) -> None:
        async with AsyncSession(profile) as session:
            async for _ in session.events():
                return

    with node(answer) as url:
        profile = at(channel, url)
        with pytest.raises(BrokenAnswer), Session(profile) as session:
            next(session.events())
        with pytest.raises(BrokenAnswer):
            asyncio.run(first(profile))


@pytest.mark.parametrize("answer", HEADLESS)
def test_a_stream_that_does_not_begin_is_given_up(
    channel: Channel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk_session, "SILENCE_S", 0.2)

    async def first(profile: Profile) -> None:
        async with AsyncSession(profile, deadline_s=0.5) as session:
            async for _ in session.events():
                return

    with node(answer) as url:
        with (
            Session(at(channel, url), deadline_s=0.5) as session,
            pytest.raises(Unavailable, match="streams"),
        ):
            next(session.events())
        with pytest.raises(Unavailable, match="no node streams"):
            asyncio.run(asyncio.wait_for(first(at(channel, url)), 5))


def test_comments_of_a_stream_are_no_event_however_many(channel: Channel) -> None:
    block = b'data: {"height": 5, "hash": "", "term": 1, "time_ms": 1, "proposer": "n1", "transactions": []}'
    comments = chunk(b": ping\r\n\r\n" * (MAX_EVENT_BYTES // 8))
    cut = [chunk(part) for part in (block[:7], block[7:] + b"\r", b"\n\r\n")]
    stream = saying(EVENTS % b"utf-8", comments, *cut, chunk(b""))
    with node(stream) as url, Session(at(channel, url)) as session:
        assert next(session.events()).height == 5


def test_an_export_ends_whatever_comes_instead(
    channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk_exports, "ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(sdk_exports, "GRACE_S", 0.2)
    endless = dripping(CHUNKED % (b"500 No", b""), chunk(b"x" * 10_000))
    folder = tmp_path / "exports"
    folder.mkdir()
    late = dripping(CHUNKED % (b"500 No", b""), chunk(b"x"))
    for answer in (endless, late, DRIPPING_BODY, *HEADLESS):
        with (
            node(answer) as url,
            Session(at(channel, url)) as session,
            pytest.raises(Unavailable, match="no node gives an export"),
        ):
            session.export(folder / "whole.export")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"{}", b"[" * 100_000, b'{"node": [], "term": 1}', b'{"node": "n1", "term": 1e999}'],
)
def test_what_stands_at_an_address_and_is_no_node_cannot_be_ordered(channel: Channel, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    with node(saying(head, body)) as url:
        with pytest.raises(NetworkError) as no_status:
            network.status_at(url)
        with pytest.raises(NetworkError) as no_answer:
            network.order_hand_over({"node": "n1", "term": 1}, url, channel.profile("anchor"))
    assert no_status.value.code == no_answer.value.code == "no_leader"


def test_evidence_of_a_node_that_keeps_more_than_the_memory_holds_is_read_one_by_one(
    channel: Channel,
) -> None:
    size_bytes, count = 2_000_000, 32
    entry = {"id": "0" * 64, "kind": "two_acks", "nodes": ["n1"], "term": 1, "height": 1, "bytes": size_bytes}
    listed = json.dumps({"evidence": [entry] * count}).encode()
    bodies = iter([listed, *[bytes(size_bytes)] * count])

    def answer(connection: socket.socket) -> None:
        body = next(bodies)
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
        connection.sendall(body)

    with node(answer) as url:
        tracemalloc.start()
        try:
            found = [
                len(data)
                for _, data in evidence.fetch(url, read_genesis(channel.network.genesis_path.read_bytes()), 5)
            ]
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert found == [size_bytes] * count
    assert peak_bytes < 10 * size_bytes
