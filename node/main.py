"""`python -m node --config FILE`: one node process.

The loop, the HTTP server and the links run in one thread; signatures and the synced writes
have threads of their own. SIGTERM or SIGINT stops in order: nothing new is taken in, what
was taken in is finished, event streams end, then the node leaves. A second signal ends the
process at once; the ledger survives that too. With `--attached` the end of the standard input
stops it as well: whoever started it for as long as itself holds the other end of that pipe, and
the system closes it however that process ends.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
import uvloop

from contracts import Contracts
from contracts.context import signer_key
from contracts.parties.identity import ACTIVE
from ledger.blocks.genesis import read_genesis
from ledger.chain.chain import Chain
from ledger.errors import TallyError
from ledger.limits import LEVELDB_OPEN_FILES, MAX_MEMBERS
from ledger.storage.store import Store
from node import disk, logs
from node.api.app import Front, create_app
from node.api.connections import BoundedProtocol
from node.errors import NotAdmitted, SettingsError, cannot_listen
from node.identity import Identity
from node.intake.admission import Identify
from node.limits import (
    API_KEEP_ALIVE_S,
    GC_THRESHOLDS,
    MAX_API_CONNECTIONS,
    MAX_API_GRACE_S,
    MAX_UNPROVED_LINKS,
    THREAD_SWITCH_S,
)
from node.node import Node
from node.peering.neighbours import followed_beside
from node.settings import Settings

log = structlog.get_logger(component="main")

EXIT_SETTINGS, EXIT_BUG = 2, 3
_STANDARD_INPUT = 0

OWN_FILES = LEVELDB_OPEN_FILES + MAX_UNPROVED_LINKS + 2 * MAX_MEMBERS + 64
"""Files and sockets that a node needs beside its HTTP connections."""
LEAST_API_CONNECTIONS = 64
_PR_SET_PDEATHSIG = 1


def identify_by(chain: Chain) -> Identify:
    """Whose key signs, by the contracts' state."""

    def identify(key: bytes) -> str:
        entry = chain.get(signer_key(key))
        if entry is None:
            raise NotAdmitted(
                "unknown_key",
                "no organisation has this key",
                field="signer",
                found=key.hex(),
                expected="a key that an organisation has enrolled",
            )
        organisation, _, _, status, _ = entry
        if status != ACTIVE:
            raise NotAdmitted(
                "revoked_key",
                "the key was revoked",
                field="signer",
                found=key.hex(),
                expected=f"a key of {organisation} that is active",
            )
        return str(organisation)

    return identify


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling and its ten looks a second: the node decides when it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told_to_end = asyncio.Event()

    def end(self) -> None:
        """Finish what is being answered, then stop."""
        self.should_exit = True
        self._told_to_end.set()

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own loop does no more than look for it, and for the date."""
        await self._told_to_end.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, *, is_attached: bool) -> int:
    """Run a node until it is told to stop; the exit code.

    One that is attached stops when its standard input ends, too. A node that has fetched a snapshot is
    closed and opened again on it, on the same ports; if it is told to stop meanwhile, it stays closed.
    """
    told = asyncio.Event()
    with _bind(settings.api_host, settings.api_port) as api_socket:
        while True:
            node = Node(settings, Contracts(), identify_by)
            peer_port = await _serve_once(node, api_socket.dup(), told, is_attached)
            if not node.renewed.is_set() or told.is_set():
                return EXIT_BUG if node.stopped.is_set() else 0
            log.info("opening_again")
            settings = settings.model_copy(update={"peer_port": peer_port})


async def _serve_once(node: Node, api_socket: socket.socket, told: asyncio.Event, is_attached: bool) -> int:
    """Serve with this node until it ends; the port that its peers find it at."""
    settings = node.settings
    server = _Server(
        uvicorn.Config(
            Front(create_app(node.service)),
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=API_KEEP_ALIVE_S,
            timeout_graceful_shutdown=MAX_API_GRACE_S,
        )
    )
    async with node:
        peer_port = await node.listen()
        _announce(settings, api_socket.getsockname()[1], peer_port)
        node.start()
        serving = asyncio.create_task(server.serve(sockets=[api_socket]), name="api")
        await _until_told_to_stop(node, serving, told, is_attached)
        if not node.renewed.is_set():
            await node.drain()
        node.service.end()
        server.end()
        await serving
    return peer_port


async def _until_told_to_stop(
    node: Node, serving: asyncio.Task[None], told: asyncio.Event, is_attached: bool
) -> None:
    """`told` is set, also later, by whoever tells this process to stop."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if told.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("stopping", signal=signal.Signals(number).name)
        told.set()

    def on_input() -> None:
        if not os.read(_STANDARD_INPUT, 4_096):
            loop.remove_reader(_STANDARD_INPUT)
            log.info("stopping", reason="whoever started this node is gone")
            told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    if is_attached:
        loop.add_reader(_STANDARD_INPUT, on_input)
    waits = [asyncio.create_task(event.wait()) for event in (told, node.stopped, node.renewed)]
    await asyncio.wait([*waits, serving], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if is_attached:
        loop.remove_reader(_STANDARD_INPUT)
    if told.is_set():
        node.renewed.clear()


def _api_connections() -> int:
    """How many HTTP connections the system lets us hold without taking files from the ledger.

    Raises the process's limit as far as it may; many systems begin with 1,024.
    """
    wanted = OWN_FILES + MAX_API_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_API_CONNECTIONS
    most = max(LEAST_API_CONNECTIONS, soft - OWN_FILES)
    log.warning("few_open_files", limit=soft, wanted=wanted, api_connections=most)
    return most


def _bind(host: str, port: int, what: str = "api") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise cannot_listen(what, host, port, error) from None
    return bound


def _announce(settings: Settings, api_port: int, peer_port: int) -> None:
    """Write down where this node listens, for those who let the system choose."""
    addresses = {
        "api": f"http://{settings.api_host}:{api_port}",
        "peer": f"{settings.peer_host}:{peer_port}",
    }
    path = settings.data_dir / "addresses.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(addresses) + "\n", encoding="utf-8")
    fresh.replace(path)
    log.info("listening", **addresses)


def _repair(settings: Settings) -> Path:
    """Set the ledger aside, which must be this node's own and damaged; where it lies now."""
    genesis = settings.read_genesis()
    identity = Identity.load(settings.node, settings.key_file, settings.certificate_file)

    def look(store: Store) -> None:
        store.claim(identity.key.public)
        Chain.open(store, Contracts(), genesis, settings.inherited_file)

    return disk.set_aside(settings.data_dir, look)


def _wake_when_abandoned() -> None:
    """Have the system send SIGCONT when whoever started this process is gone (prctl(2), Linux).

    The end of its standard input is then heard also by a process that was stopped; to one that runs the
    signal does nothing.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def _check(settings: Settings) -> None:
    """Check what a node needs to start at all; nothing is changed, and the ledger is not opened.

    Raises:
        TallyError: a file that it needs, a folder that it cannot write, or a port that is taken.
    """
    followed_beside(settings.genesis_file, read_genesis(settings.read_genesis()))
    Identity.load(settings.node, settings.key_file, settings.certificate_file)
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        raise SettingsError("cannot write to the data folder", field="data_dir", found=settings.data_dir)
    for what, host, port in (
        ("api", settings.api_host, settings.api_port),
        ("peer", settings.peer_host, settings.peer_port),
    ):
        with _bind(host, port, what) as bound:
            bound.listen()


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m node", description="Run one Tallystick node.")
    parser.add_argument("--config", type=Path, required=True, help="the node's settings, TOML or JSON")
    parser.add_argument(
        "--repair", action="store_true", help="set a damaged ledger aside; the next start fetches it anew"
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the node could start with these settings"
    )
    parser.add_argument(
        "--attached", action="store_true", help="stop in order when the standard input, a pipe, ends as well"
    )
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load(given.config)
        if given.repair:
            print(f"set aside: {_repair(settings)}")  # noqa: T201 (the command's answer)
            return 0
        if given.check:
            _check(settings)
            return 0
        if given.attached:
            _wake_when_abandoned()
        logs.configure(settings.node, settings.log_file, settings.log_level)
        BoundedProtocol.most_connections = _api_connections()
        sys.setswitchinterval(THREAD_SWITCH_S)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve(settings, is_attached=given.attached))
    except TallyError as error:
        print(f"{error}. {error.remedy}", file=sys.stderr)  # noqa: T201 (before there is a log)
        if not (given.repair or given.check):
            log.error("cannot_run", **error.as_dict())
        return EXIT_SETTINGS
    except OSError as error:
        print(f"the system refuses: {error}", file=sys.stderr)  # noqa: T201
        if not (given.repair or given.check):
            log.error("cannot_run", code="system", message=str(error))
        return EXIT_SETTINGS
