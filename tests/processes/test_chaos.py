"""A three-node network of real processes under faults, with clients that submit throughout.

A short selection, in one go on one network; `scripts/chaos` plays all faults for as long as
one likes. After each fault `chaos.checks` looks at everything, and at the end the traces of all
nodes are judged by the rules of consensus.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Broken, play, running
from chaos.checks import Chains
from chaos.every import FAULTS
from chaos.links import CUT, OPEN, SILENT, Links, slow
from chaos.load import Acknowledged

SELECTED = (
    "kill leader",
    "pause leader, long",
    "isolate leader",
    "bridge",
    "deaf leader",
    "clock ahead",
    "kill all",
    "older folder",
)
SECONDS = 1.8
"""How long a fault of links lasts: longer than any election timeout."""


@pytest.mark.timeout(300)
def test_faults_lose_and_double_nothing_and_leave_identical_chains(tmp_path: Path) -> None:
    """CR-05, CR-19, CR-20, CR-21, CR-22, CR-52, CR-81: kill -9, SIGSTOP, harmed links, a wrong clock."""
    by_name = {fault.name: fault for fault in FAULTS}
    dice = random.Random(1)

    async def run() -> None:
        async with running(tmp_path / "net", nodes=3, trace=True) as (cluster, load, chains):
            for name in SELECTED:
                played = await play(by_name[name], cluster, load, chains, dice, SECONDS)
                assert played.acknowledged > 0, played
            told = load.told
            assert chains.transactions == told.sent == len(told.acknowledged)
            assert min(told.twice, told.reads) > 0
        judged = cluster.judged()
        assert judged["broken"] == {}, judged["violations"][:5]
        assert len(judged["disks"]) == 1, "the folder that was set back"
        assert all(judged["exercised"][rule] for rule in ("T2", "T6", "T7", "L3", "L5", "C3", "C5"))

    asyncio.run(run())


class _Echo:
    """A server that sends back what it gets, to try links on."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    connection.sendall(data)
            except OSError:
                return


@pytest.fixture
def links() -> Iterator[Links]:
    echo = _Echo()
    with Links({("a", "b"): echo.port, ("b", "a"): echo.port}) as made:
        yield made
    echo.listener.close()


def _dial(links: Links, sender: str, hearer: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", links.ports[sender, hearer]), timeout=10)
    connection.settimeout(10)
    return connection


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += (part := connection.recv(length - len(data)))
        if not part:
            raise ConnectionResetError("closed")
    return data


def _says(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return _read(connection, len(data))


def test_a_link_is_cut_in_one_direction_only(links: Links) -> None:
    with _dial(links, "a", "b") as there, _dial(links, "b", "a") as back:
        assert (_says(there, b"one"), _says(back, b"two")) == (b"one", b"two")
        links.set([("a", "b")], CUT)
        with pytest.raises(ConnectionError):
            _says(there, b"three")
        assert _says(back, b"four") == b"four"
    links.set([("a", "b")], OPEN)
    with _dial(links, "a", "b") as again:
        assert _says(again, b"five") == b"five"


def test_what_a_silent_or_slow_link_is_given_arrives_later_whole_and_in_order(links: Links) -> None:
    sent = random.Random(1).randbytes(3_000_000)
    with _dial(links, "a", "b") as connection:
        assert _says(connection, b"one") == b"one"
        links.set([("a", "b")], SILENT)
        sending = threading.Thread(target=connection.sendall, args=(sent,))
        sending.start()
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        links.set([("a", "b")], slow(5))
        assert _read(connection, len(sent)) == sent
        sending.join()
        links.reset([("a", "b")])
        with pytest.raises(ConnectionError):
            _says(connection, b"two")


def test_the_checks_notice_what_is_lost_and_what_is_there_twice() -> None:
    """A check that never fails proves nothing."""
    ack = Acknowledged(b"i" * 32, "supplier0", "C-1", 7, 0, 0.0, 1.0)
    chains = Chains.__new__(Chains)
    for places, applied, what in (
        ({}, {}, "lost"),
        ({ack.id: (7, 1)}, {("supplier0", "C-1"): 1}, "moved"),
        ({ack.id: (7, 0)}, {("supplier0", "C-1"): 2}, "twice"),
        ({ack.id: (7, 0)}, {}, "not applied"),
    ):
        chains._places, chains._applied = places, applied  # type: ignore[assignment]
        with pytest.raises(Broken, match=what):
            chains._check_places([ack])
    chains._places, chains._applied = {ack.id: (7, 0)}, {("supplier0", "C-1"): 1}  # type: ignore[assignment]
    chains._check_places([ack])
