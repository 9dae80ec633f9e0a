"""An attacker at the peer port: one who owns no key, and one who owns a member's.

docs/threat-model.md, section "Peers", is the table of these attacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest
from node_network import NodeFiles, membership_of, node_files, run, until
from peer_links import CHANNEL, Node, hello, network, raw_link
from structlog.testing import capture_logs

from ledger import codec
from ledger.errors import Malformed
from ledger.members.membership import Membership
from node.limits import LINK_TURN_S, MAX_FRAME_BYTES, MAX_UNPROVED_LINKS
from node.peering import links, peers, tls
from node.peering.frames import FrameReader, frame, read


class Three:
    """Honest a and b; c is the attacker, if it is a member."""

    def __init__(self, folder: Path) -> None:
        self.a, self.b, self.c = (node_files(folder, name) for name in "abc")
        self.everyone = membership_of(self.a, self.b, self.c)
        self.left = Node(self.a, self.everyone)
        self.right = Node(self.b, self.everyone)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with network(self.left, self.right):
            await until(lambda: self.left.linked and self.right.linked)
            yield

    async def unaffected(self) -> None:
        """The honest link works in both directions, and was never lost."""
        self.left.heard.clear()
        self.right.heard.clear()
        assert self.left.peers.send("b", ("from a",))
        assert self.right.peers.send("a", ("from b",))
        await until(lambda: ("b", ("from b",)) in self.left.heard and ("a", ("from a",)) in self.right.heard)
        assert self.left.linked == ["b"]
        assert self.right.linked == ["a"]

    def refused(self, reason: str) -> int:
        return self.left.statistics.peer_refused[reason]


@asynccontextmanager
async def plain(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of somebody without any key."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the other side closes."""
    came = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            came += data
    return came


def test_random_bytes_instead_of_tls_are_refused_and_counted(tmp_path: Path) -> None:
    chance = random.Random(4)

    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running():
            with capture_logs() as lines:
                for size in (1, 5, 100, 5_000, 300_000):
                    async with plain(three.left.port) as (reader, writer):
                        writer.write(chance.randbytes(size))
                        writer.write_eof()
                        await until_closed(reader)
                await until(lambda: three.refused("tls_failed") == 5)
            assert len([line for line in lines if line["event"] == "peer_refused"]) == 1
            await three.unaffected()

    run(scenario)


@pytest.mark.parametrize("version", [2, 2**62, 0, -1])
def test_another_protocol_version_is_refused_with_both_versions_and_a_remedy(
    tmp_path: Path, version: int
) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running(), raw_link(three.left, three.c, three.everyone) as (reader, writer):
            future_form = ("hello", version, {"anything": [1, 2]}, "more", "parts", "than", "five")
            writer.write(frame(future_form))
            reader_of_frames = FrameReader(10_000)
            reader_of_frames.feed(await until_closed(reader))
            content = reader_of_frames.take()
            assert content is not None
            kind, code, sentence = read(content)
            assert (kind, code) == ("refused", "peer_version")
            assert f"version {version} there" in sentence
            assert "version 1 here" in sentence
            assert f"Install on {'this' if version > 1 else 'the other'} node" in sentence
            assert three.refused("peer_version") == 1
            await three.unaffected()

    run(scenario)


def test_a_dialled_node_of_another_version_is_shown_with_both_versions(tmp_path: Path) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)

        async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(4)
            writer.write(frame(("welcome", 3)))

        context = tls.tls_context(three.everyone, three.c.key_file, three.c.certificate_file, server=True)
        server = await asyncio.start_server(answers, "127.0.0.1", 0, ssl=context)
        async with three.running(), server:
            three.left.peers.addresses["c"] = ("127.0.0.1", server.sockets[0].getsockname()[1])
            dialling = asyncio.create_task(three.left.peers._keep_dialling("c"))
            await until(lambda: three.left.problem("c"))
            assert "version 3 there; expected version 1 here" in three.left.problem("c")
            assert three.left.peers.status()[1].refused == {"peer_version": 1}
            dialling.cancel()
            await three.unaffected()

    run(scenario)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (codec.encode(("hello", True, CHANNEL, "c", "a")), "malformed"),
        (codec.encode(("hello", 1, CHANNEL, "c", "a", "more")), "malformed"),
        (codec.encode(("hello", 1, CHANNEL, 7, "a")), "malformed"),
        (codec.encode({"hello": 1}), "malformed"),
        (codec.encode(None), "malformed"),
        (b"", "malformed"),
        (b"\x91" * 1_000, "malformed"),
        (codec.encode(("hello", 1, CHANNEL, "b", "a")), "wrong_key"),
        (codec.encode(("hello", 1, CHANNEL, "a" * 900, "a")), "unknown_node"),
        (codec.encode(("hello", 1, bytes(32), "c", "a")), "wrong_channel"),
        (codec.encode(("hello", 1, CHANNEL, "c", "b")), "wrong_target"),
        (b"\xdd\xff\xff\xff\xff", "malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_hello_of_a_member_is_counted_by_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running(), raw_link(three.left, three.c, three.everyone) as (reader, writer):
            writer.write(len(content).to_bytes(4, "big") + content)
            await until_closed(reader)
            assert three.left.statistics.peer_refused == {reason: 1}
            await three.unaffected()

    run(scenario)


def test_a_message_of_a_million_empty_maps_is_refused_before_it_is_built(tmp_path: Path) -> None:
    """One byte each on the wire, 64 in memory, a microsecond each to look at."""
    content = b"\xdd" + (MAX_FRAME_BYTES - 5).to_bytes(4, "big") + b"\x80" * (MAX_FRAME_BYTES - 5)

    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running(), raw_link(three.left, three.c, three.everyone) as (reader, writer):
            writer.write(hello("c", "a") + len(content).to_bytes(4, "big") + content)
            await until_closed(reader)
            await until(lambda: three.refused("too_many_elements") == 1)
            assert three.left.peers.refusals.of("c") == {"too_many_elements": 1}
            assert not any(peer == "c" for peer, _ in three.left.heard)
            await three.unaffected()

    run(scenario)


def test_what_the_handler_refuses_closes_that_link_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)

        def handler(peer: str, value: codec.Value) -> None:
            if peer == "c":
                raise Malformed("no", code="wrong_sender")
            three.left.heard.append((peer, value))

        three.left.peers.handler = handler
        async with three.running(), raw_link(three.left, three.c, three.everyone) as (reader, writer):
            writer.write(hello("c", "a") + frame(("one",)) + frame(("two",)))
            await until_closed(reader)
            assert three.left.peers.refusals.of("c") == {"wrong_sender": 1}
            await three.unaffected()

    run(scenario)


def test_connections_without_a_word_displace_each_other_and_no_member(tmp_path: Path) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        three.left.peers._gate._most_per_second = 10_000
        async with three.running(), contextlib.AsyncExitStack() as held:
            for _ in range(MAX_UNPROVED_LINKS + 60):
                await held.enter_async_context(plain(three.left.port))
            await until(lambda: three.refused("too_many_connections") >= 60)
            assert len(three.left.peers._gate) <= MAX_UNPROVED_LINKS
            async with raw_link(three.left, three.c, three.everyone) as (reader, writer):
                writer.write(hello("c", "a"))
                assert b"welcome" in await reader.readuntil(b"\1")
                await three.unaffected()
            await until(lambda: len(three.left.peers._accepted) <= MAX_UNPROVED_LINKS + 2)
        await until(lambda: not three.left.peers._handshakes)

    run(scenario)


def test_a_thousand_connections_in_a_row_cost_no_link_and_few_lines(tmp_path: Path) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running():
            with capture_logs() as lines:
                for _ in range(1_000):
                    async with plain(three.left.port):
                        pass
                await until(
                    lambda: three.refused("too_many_connections") + three.refused("tls_failed") >= 1_000
                )
            assert len(lines) < 20
            await three.unaffected()
            assert len(three.left.peers._accepted) == 1

    run(scenario)


def test_a_member_that_connects_again_and_again_keeps_one_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running(), contextlib.AsyncExitStack() as held:
            with capture_logs() as lines:
                for _ in range(40):
                    _, writer = await held.enter_async_context(raw_link(three.left, three.c, three.everyone))
                    writer.write(hello("c", "a") + frame(("hi",)))
                await until(lambda: sum(peer == "c" for peer, _ in three.left.heard) >= 1)
                await until(lambda: len(three.left.peers._accepted) == 2)
            assert len(three.left.peers._gate) == 0
            assert len(lines) < 20
            await three.unaffected()

    run(scenario)


def test_who_does_not_finish_hello_loses_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow TLS, silence after TLS, hello byte by byte: one time for each part of the handshake."""

    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running():
            monkeypatch.setattr(links, "HANDSHAKE_TIMEOUT_MS", 200)
            monkeypatch.setattr(peers, "HANDSHAKE_TIMEOUT_MS", 200)
            async with plain(three.left.port) as (reader, writer):
                writer.write(b"\x16\x03\x01")
                await until_closed(reader)
            assert three.refused("tls_failed") == 1
            async with raw_link(three.left, three.c, three.everyone) as (reader, writer):
                closed = asyncio.create_task(until_closed(reader))
                for byte in hello("c", "a") * 10:
                    if closed.done():
                        break
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.05)
                    if writer.transport.is_closing():
                        break
                assert b"welcome" not in await closed
            assert three.refused("hello_missing") == 1
            assert len(three.left.peers._gate) == 0
            await three.unaffected()

    run(scenario)


def test_what_a_member_says_byte_by_byte_is_heard_once_and_holds_up_nobody(tmp_path: Path) -> None:
    """Each byte is a TLS record of its own; the last frame never ends."""
    said = ("slowly", 1)

    async def scenario() -> None:
        three = Three(tmp_path)
        async with three.running(), raw_link(three.left, three.c, three.everyone) as (_, writer):
            unfinished = (MAX_FRAME_BYTES).to_bytes(4, "big") + bytes(500)
            for byte in hello("c", "a") + frame(said) + unfinished:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0)
            await until(lambda: ("c", said) in three.left.heard)
            assert [each for each in three.left.heard if each[0] == "c"] == [("c", said)]
            await three.unaffected()
            assert not three.left.statistics.peer_refused
            (link,) = [link for link in three.left.peers._accepted if link.node == "c"]
            assert link.reader.held_bytes <= 504

    run(scenario)


def test_a_dialled_node_that_never_says_welcome_is_dialled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        three = Three(tmp_path)
        dialled = 0

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal dialled
            dialled += 1
            await reader.read()

        context = tls.tls_context(three.everyone, three.c.key_file, three.c.certificate_file, server=True)
        server = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=context)
        async with three.running(), server:
            monkeypatch.setattr(links, "HANDSHAKE_TIMEOUT_MS", 100)
            three.left.peers.addresses["c"] = ("127.0.0.1", server.sockets[0].getsockname()[1])
            dialling = asyncio.create_task(three.left.peers._keep_dialling("c"))
            await until(lambda: dialled >= 2)
            assert "in time" in three.left.problem("c")
            dialling.cancel()
            await three.unaffected()

    run(scenario)


@asynccontextmanager
async def flood(
    server: Node, files: NodeFiles, membership: Membership, message: codec.Value
) -> AsyncIterator[None]:
    """A member that says one thing as fast as it is taken."""

    async def pour(writer: asyncio.StreamWriter) -> None:
        many = frame(message) * 2_000
        while True:
            writer.write(many)
            await writer.drain()

    async with raw_link(server, files, membership) as (_, writer):
        writer.write(hello(files.node, server.peers.node))
        pouring = asyncio.create_task(pour(writer))
        try:
            yield
        finally:
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)


def test_a_flood_of_one_member_starves_neither_the_clock_nor_the_others(tmp_path: Path) -> None:
    """Bounded by turns, not by what the flooder sends: between two of them everybody else is heard."""

    async def scenario() -> None:
        three = Three(tmp_path)
        costs_s = LINK_TURN_S / 10
        handled = 0
        in_a_row = most_in_a_row = ticks = 0

        def handler(peer: str, value: codec.Value) -> None:
            nonlocal handled, in_a_row, most_in_a_row
            if peer != "c":
                three.left.heard.append((peer, value))
                return
            handled += 1
            in_a_row += 1
            most_in_a_row = max(most_in_a_row, in_a_row)
            until_s = perf_counter() + costs_s
            while perf_counter() < until_s:
                pass

        def tick() -> None:
            nonlocal in_a_row, ticks
            in_a_row = 0
            ticks += 1
            loop.call_soon(tick)

        loop = asyncio.get_running_loop()
        three.left.peers.handler = handler
        async with three.running(), flood(three.left, three.c, three.everyone, ("x",)):
            loop.call_soon(tick)
            await until(lambda: handled > 100)
            in_a_row = most_in_a_row = 0
            three.left.heard.clear()
            for number in range(200):
                assert three.right.peers.send("a", ("number", number))
                if number % 20 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(three.left.heard) == 200)
            began = handled
            await until(lambda: handled > began + 200)
            assert three.left.heard == [("b", ("number", number)) for number in range(200)]
            link = three.left.peers._incoming["c"]
            assert link.reader.held_bytes < 2 * MAX_FRAME_BYTES
            assert most_in_a_row <= 2 * LINK_TURN_S / costs_s
            assert ticks > handled / 20
            await three.unaffected()

    run(scenario)
