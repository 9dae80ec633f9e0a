"""Links between nodes: who is let in, what a broken or hostile other side achieves."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from node_network import NodeFiles, membership_of, node_files, run, until
from peer_links import CHANNEL, Node, network, raw_link

from ledger.keys import SigningKey
from node.limits import MAX_FRAME_BYTES, MAX_LINK_QUEUE_BYTES
from node.peering.frames import frame


def test_messages_arrive_in_order_and_large_ones_whole(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        left, right = (Node(files, membership_of(a, b)) for files in (a, b))
        async with network(left, right):
            await until(lambda: left.linked == ["b"] and right.linked == ["a"])
            large = bytes(3_000_000)
            for number in range(500):
                assert left.peers.send("b", ("number", number))
            assert left.peers.send("b", ("large", large))
            assert right.peers.send("a", ("answer",))
            await until(lambda: len(right.heard) == 501 and left.heard)
            assert right.heard == [("a", ("number", n)) for n in range(500)] + [("a", ("large", large))]
            assert left.heard == [("b", ("answer",))]

    run(scenario)


def test_expired_certificate_still_connects(tmp_path: Path) -> None:
    a = node_files(tmp_path, "a", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    b = node_files(tmp_path, "b", not_after=datetime(2001, 1, 1, tzinfo=UTC))

    async def scenario() -> None:
        left, right = (Node(files, membership_of(a, b)) for files in (a, b))
        async with network(left, right):
            await until(lambda: left.linked and right.linked)

    run(scenario)


def test_a_stranger_with_a_certificate_of_its_own_is_not_heard(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")
    impostor = node_files(tmp_path / "impostor", "b")

    async def scenario() -> None:
        honest = Node(a, membership_of(a, b))
        other = Node(impostor, membership_of(a, impostor))
        async with network(honest, other):
            await until(lambda: honest.problem("b"))
            assert not honest.linked
            assert not honest.heard

    run(scenario)


def test_a_member_cannot_speak_as_another_member(tmp_path: Path) -> None:
    a, b, c = (node_files(tmp_path, name) for name in "abc")
    everyone = membership_of(a, b, c)

    async def scenario() -> None:
        honest = Node(a, everyone)
        posing = Node(NodeFiles("b", c.key, c.certificate, c.key_file, c.certificate_file), everyone)
        async with network(honest, posing):
            await until(lambda: "not that of b" in honest.problem("b"))
            await until(lambda: "refuses this node" in posing.problem("a"))
            assert honest.statistics.peer_refused.total() >= 1
            assert not honest.heard

    run(scenario)


def test_another_channel_is_refused_by_name(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        left, right = Node(a, membership_of(a, b)), Node(b, membership_of(a, b), channel=bytes(32))
        async with network(left, right):
            await until(lambda: "wrong_channel" in left.problem("b"))
            assert not left.linked

    run(scenario)


@pytest.mark.parametrize(
    "sent",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        frame(("hello", 1)),
        frame(("hello", 1, CHANNEL, "nobody", "a")),
        frame(("hello", 1, CHANNEL, "b", "c")),
        frame(("hello", 2, CHANNEL, "b", "a")),
        b"\0\0\0\1\xc1",
        b"\0\0\0\3\xcd\0\1",
    ],
    ids=["oversize", "short", "unknown-node", "wrong-target", "version", "not-msgpack", "non-canonical"],
)
def test_a_bad_first_frame_closes_the_link_and_nothing_else(tmp_path: Path, sent: bytes) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")
    both = membership_of(a, b)

    async def scenario() -> None:
        server = Node(a, both)
        async with network(server):
            async with raw_link(server, b, both) as (reader, writer):
                writer.write(sent)
                answer = await reader.read()
                assert b"welcome" not in answer
            assert server.statistics.peer_refused.total() == 1
            async with raw_link(server, b, both) as (reader, writer):
                writer.write(frame(("hello", 1, CHANNEL, "b", "a")))
                assert b"welcome" in await reader.readuntil(b"\1")

    run(scenario)


def test_a_frame_beyond_the_bound_after_hello_closes_the_link(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")
    both = membership_of(a, b)

    async def scenario() -> None:
        server = Node(a, both)
        async with network(server), raw_link(server, b, both) as (reader, writer):
            writer.write(frame(("hello", 1, CHANNEL, "b", "a")) + (MAX_FRAME_BYTES + 1).to_bytes(4, "big"))
            await reader.read()
            assert server.statistics.peer_refused.total() == 1

    run(scenario)


def test_without_a_client_certificate_nothing_is_read(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        server = Node(a, membership_of(a, b))
        async with network(server):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            writer.write(frame(("hello", 1, CHANNEL, "b", "a")))
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            assert not server.heard

    run(scenario)


def test_a_lost_link_is_dialled_again(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")
    both = membership_of(a, b)

    async def scenario() -> None:
        left, right = Node(a, both), Node(b, both)
        async with network(left, right):
            await until(lambda: left.linked == ["b"])
            port = right.port
            await right.peers.close()
            await until(lambda: not left.peers.can_reach("b"))
            assert not left.peers.send("b", ("lost",))
            assert left.statistics.dropped_messages == 1
            again = Node(b, both)
            again.port = await again.peers.listen("127.0.0.1", port)
            await until(lambda: left.linked == ["b", "b"])
            assert left.peers.send("b", ("found",))
            await until(lambda: again.heard == [("a", ("found",))])
            await again.peers.close()

    run(scenario)


def test_a_link_that_is_up_outlasts_what_others_say_of_its_address(tmp_path: Path) -> None:
    """A member that says of another that it is elsewhere, again and again, cuts no link."""
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        left, right = (Node(files, membership_of(a, b)) for files in (a, b))
        async with network(left, right):
            await until(lambda: left.linked == ["b"] and right.linked == ["a"])
            for port in range(1, 20):
                left.peers.follow(membership_of(a, b), {"b": ("127.0.0.1", port)})
                await asyncio.sleep(0)
            assert left.peers.can_reach("b")
            left.peers.follow(membership_of(a, b), {"b": ("127.0.0.1", right.port)})
            left.peers._outgoing["b"].abort()
            await until(lambda: left.linked == ["b", "b"])
            left.peers.follow(membership_of(a, b), {})
            await until(lambda: not left.peers.can_reach("b"))

    run(scenario)


@pytest.mark.parametrize("host", ["a..b", "\0", "x" * 64])
def test_what_is_no_name_of_a_host_is_a_problem_as_another_and_tried_again(tmp_path: Path, host: str) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        left = Node(a, membership_of(a, b))
        async with network(left):
            left.peers.follow(membership_of(a, b), {"b": (host, 1)})
            await until(lambda: "cannot connect" in left.problem("b"))
            assert not left.peers._dialling["b"].done()

    run(scenario)


def test_a_peer_that_is_back_is_dialled_as_soon_as_it_dials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")
    both = membership_of(a, b)
    monkeypatch.setattr("node.peering.peers.RECONNECT_FIRST_MS", 3_600_000)

    async def scenario() -> None:
        left, right = Node(a, both), Node(b, both)
        async with network(left, right):
            await until(lambda: left.linked == ["b"] and right.linked == ["a"])
            await right.peers.close()
            await until(lambda: not left.peers.can_reach("b"))
            again = Node(b, both)
            again.port = await again.peers.listen("127.0.0.1", right.port)
            again.peers.addresses = {"a": ("127.0.0.1", left.port)}
            again.peers.dial()
            await until(lambda: left.linked == ["b", "b"])
            await again.peers.close()

    run(scenario)


def test_what_a_full_queue_cannot_hold_is_dropped_and_counted(tmp_path: Path) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        left, right = (Node(files, membership_of(a, b)) for files in (a, b))
        async with network(left, right):
            await until(lambda: left.linked == ["b"])
            block = bytes(4_000_000)
            sent = sum(
                left.peers.send("b", ("block", block)) for _ in range(MAX_LINK_QUEUE_BYTES // 4_000_000 + 5)
            )
            assert sent <= MAX_LINK_QUEUE_BYTES // 4_000_000
            assert left.statistics.dropped_messages >= 5
            await until(lambda: len(right.heard) == sent)

    run(scenario)


def test_the_same_key_gives_the_same_certificate(tmp_path: Path) -> None:
    key = SigningKey.generate()
    assert (
        node_files(tmp_path / "1", "a", key).certificate == node_files(tmp_path / "2", "a", key).certificate
    )
