"""Bounds of HTTP connections, over real sockets: heads without end, requests that never come, too many."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from node.api import bodies
from node.api.connections import BoundedProtocol
from node.limits import MAX_API_CONNECTIONS, MAX_HEAD_BYTES
from node.main import LEAST_API_CONNECTIONS, OWN_FILES

GOOD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Short(BoundedProtocol):
    """As in a node, with less of everything."""

    most_connections = 8
    request_timeout_s = 0.6


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"on ", "more_body": True})
        await asyncio.sleep(1.5)
        await send({"type": "http.response.body", "body": b"and on"})
        return
    try:
        body = await bodies.read(receive, scope, 1_000_000)
    except bodies.Disconnected:
        return
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(_app, http=Short, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def _open(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def _all_of(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """(status, problem document) of an answer after which the server closes."""
    data = b""
    while chunk := connection.recv(65_536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


def _sent_until_cut_off(connection: socket.socket, piece: bytes, pause_s: float) -> int:
    """How many pieces the server takes."""
    for count in range(1_000):
        try:
            connection.sendall(piece)
        except OSError:
            return count
        time.sleep(pause_s)
    return 1_000


def _answers(connection: socket.socket) -> bool:
    connection.sendall(GOOD)
    return connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_head_without_end_is_refused_before_it_fills_the_memory(port: int) -> None:
    with _open(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: ")
        assert _sent_until_cut_off(connection, b"x" * 100_000, 0) < 200
    with _open(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD_BYTES + 1))
        status, problem = _all_of(connection)
    assert (status, problem["code"]) == (431, "head_too_large")
    assert {"field", "found", "expected", "remedy"} <= problem.keys()


def test_trailers_without_end_are_refused_before_they_fill_the_memory(port: int) -> None:
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    for trailers in (b"A: " + b"x" * 100_000, b"A: x\r\n" * 20_000):
        with _open(port) as connection:
            connection.sendall(begun)
            assert _sent_until_cut_off(connection, trailers, 0) < 200
    with _open(port) as connection:
        connection.sendall(begun)
        time.sleep(0.1)
        connection.sendall(b"A: " + b"x" * (MAX_HEAD_BYTES + 1))
        status, problem = _all_of(connection)
    assert (status, problem["code"]) == (431, "head_too_large")


def test_few_trailers_after_a_large_body_are_no_matter(port: int) -> None:
    chunks = (b"1869f\r\n" + b"x" * 99_999 + b"\r\n") * 3
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with _open(port) as connection:
        connection.sendall(head + chunks + b"0\r\nA: b\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_a_request_that_never_becomes_whole_loses_its_place(port: int, begun: bytes) -> None:
    with _open(port) as connection:
        connection.sendall(begun)
        status, problem = _all_of(connection)
    assert (status, problem["code"]) == (408, "request_too_slow")


def test_dripping_does_not_buy_time(port: int) -> None:
    with _open(port) as connection:
        connection.sendall(b"GET /")
        assert _sent_until_cut_off(connection, b"x", 0.05) < 80


def test_whole_requests_keep_their_connection_and_streams_go_on(port: int) -> None:
    with _open(port) as connection, _open(port) as stream:
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(4):
            assert _answers(connection)
            time.sleep(0.3)
        body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400_000
        connection.sendall(body)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        data = b""
        while chunk := stream.recv(1_000):
            data += chunk
        assert data.endswith(b"and on\r\n0\r\n\r\n")


def test_one_connection_too_many_is_told_to_come_again(port: int) -> None:
    held = [_open(port) for _ in range(Short.most_connections)]
    assert all(_answers(connection) for connection in held)
    with _open(port) as connection:
        status, problem = _all_of(connection)
        assert (status, problem["code"]) == (503, "busy")
    held.pop().close()
    time.sleep(0.1)
    with _open(port) as connection:
        assert _answers(connection)
    for connection in held:
        connection.close()


def test_what_is_not_http_gets_a_problem_document_too(port: int) -> None:
    for sent in (b"\x16\x03\x01\x00\r\n\r\n", b"FOO / HTTP/1.1\r\n\r\n"):
        with _open(port) as connection:
            connection.sendall(sent)
            status, problem = _all_of(connection)
        assert (status, problem["code"]) == (400, "not_http")


@pytest.mark.parametrize(("soft", "hard"), [(256, 20_000), (256, 512), (20_000, 20_000)])
def test_connections_never_take_the_files_that_the_ledger_needs(soft: int, hard: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < hard:
        pytest.skip("this system permits fewer open files")
    script = (
        "import resource; from node import main; n = main._api_connections();"
        "print(n, resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        capture_output=True,
        check=True,
        text=True,
    )
    connections, files = map(int, told.stdout.split()[-2:])
    if hard == 20_000:
        assert connections == MAX_API_CONNECTIONS
        assert files >= MAX_API_CONNECTIONS + OWN_FILES
    else:
        assert files == hard
        assert connections == LEAST_API_CONNECTIONS
