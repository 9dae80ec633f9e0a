"""The nodes of a network's folder as processes: started, waited for, stopped."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from clients.errors import NetworkError
from clients.network.description import DESCRIPTION, Network, NodeProcess
from clients.network.making import DEFAULT_NODES, DEFAULT_ORGANISATIONS, create
from clients.network.standing import is_well, reason_of, status_at, told

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
POLL_S = 0.05
LOG_LINE_BYTES = 1_024
"""Room for a line of a node's log."""
NEVER_READY = ("lost_data", "removed", "forked")
"""Problems of a node that runs as well as it ever will: waiting for it is in vain."""


def up(
    folder: Path,
    *,
    nodes: int | None = None,
    base_port: int | None = None,
    organisations: Sequence[dict[str, Any]] = DEFAULT_ORGANISATIONS,
    parameters: dict[str, int | str] | None = None,
    hosts: Sequence[str] = (),
    name: str = "Local Tallystick network",
    timing: str = "default",
    trace: bool = False,
    outlives: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Network:
    """Make the network if the folder has none, start every node that is not running, wait until ready.

    `nodes` (DEFAULT_NODES if not given) and `base_port` shape a new network; one that exists must have
    them already. `hosts` names the organisations that run the nodes; without it they are chosen by
    their roles. With `trace` the nodes that start write their consensus trace, and go on with it at
    every later start until its file is moved away: a trace with gaps proves little. Nodes that this
    starts end when this process does, unless the network `outlives` it.

    Raises:
        NetworkError: the folder's network is of another shape, or another goes on from it
            (`recovered_before`); or a node does not start, and its log's last lines are in the error. Of a
            network that has never run, or when this call is interrupted, the nodes that it started are
            stopped again; of another one, they go on.
    """
    folder = folder.resolve()
    if not (folder / DESCRIPTION).exists():
        progress("making keys, certificates and the genesis block")
        create(
            folder,
            nodes=DEFAULT_NODES if nodes is None else nodes,
            base_port=base_port,
            organisations=organisations,
            parameters=parameters,
            hosts=hosts,
            name=name,
            timing=timing,
        )
    network = Network.load(folder)
    network.check_not_succeeded()
    _check_shape(network, nodes, base_port)
    _let_end(network)
    ours = {node.id for node in network.nodes if not node.is_running}
    is_new = all((node.data / "fresh").exists() for node in network.nodes)
    for node in network.nodes:
        if trace and node.id in ours:
            node.trace.touch()
    try:
        network = start(network, outlives=outlives)
        progress("waiting for the nodes to elect a leader")
        for name_of_it, reason in wait_ready(network).items():
            progress(f"{name_of_it} runs and is not ready: {told(reason)}")
    except BaseException as error:
        if is_new or not isinstance(error, NetworkError):
            down(Network.load(folder), only=ours)
        raise
    return network


def _let_end(network: Network) -> None:
    """Wait for nodes that are on their way out: whoever started them has just ended."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    with httpx.Client(timeout=5) as client:
        for node in network.nodes:
            while node.is_running and reason_of(client, node).get("code") == "shutting_down":
                if time.monotonic() > deadline:
                    return
                time.sleep(POLL_S)


def _check_shape(network: Network, nodes: int | None, base_port: int | None) -> None:
    """Nobody shall believe that a network has the nodes or ports that it was asked for later."""
    first = int(network.nodes[0].api.rpartition(":")[2])
    for field, wanted, found in (("--nodes", nodes, len(network.nodes)), ("--base-port", base_port, first)):
        if wanted not in (None, found):
            raise NetworkError(
                f"the network in {network.folder} is another one",
                code="other_network",
                field=field,
                found=found,
                expected=wanted,
                remedy=f"Leave {field} out to start it as it is, or make a new network in another --dir.",
            )


def start(
    network: Network,
    only: Collection[str] | None = None,
    *,
    outlives: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Network:
    """Start every node (or those named) that is not running; does not wait for readiness.

    When this process ends, in whatever way, they stop in order, unless they are to `outlive` it.
    `environment` is given to the processes beside ours.

    Raises:
        NetworkError: another process listens on one of their ports; nothing is started.
    """
    starting = [node for node in network.nodes if _is_meant(node, only) and not node.is_running]
    for node in starting:
        for address in (node.api, node.peer):
            _check_port_free(node, address)
    started = network
    for node in starting:
        command = [sys.executable, "-m", "node", "--config", str(node.config)]
        command += [] if outlives else ["--attached"]
        variables = {**os.environ, **(environment or {})}
        if node.trace.exists():
            variables["TALLY_TRACE_FILE"] = str(node.trace)
        with node.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter and file)
                command,
                stdin=subprocess.DEVNULL if outlives else _life(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=variables,
            )
        nodes = tuple(
            replace(node, pid=process.pid) if known.id == node.id else known for known in started.nodes
        )
        started = replace(started, nodes=nodes)
        started.save()
    return started


def check_can_run(node: str, config: Path, api: str) -> None:
    """Check that a node could start with its settings, unless it runs already.

    Raises:
        NetworkError: `node_cannot_run`, with what it says.
    """
    with contextlib.suppress(NetworkError):
        if status_at(api)["node"] == node:
            return
    ended = subprocess.run(  # noqa: S603 (our own interpreter and file)
        [sys.executable, "-m", "node", "--config", str(config), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise NetworkError(
            f"node {node} could not run: {ended.stderr.strip()}",
            code="node_cannot_run",
            field="--config",
            found=str(config),
            remedy=f"Nothing was proposed. Mend it, in that file too if need be, then run the command again "
            f"with --config {config}",
        )


def interrupt_on_sigterm() -> None:
    """Have SIGTERM end this process as Ctrl-C does, so that what it began is undone on the way out."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@functools.cache
def _life() -> int:
    """A pipe's end to read from, at whose other end nobody writes: it ends when this process does."""
    reads, _ = os.pipe()
    return reads


def _is_meant(node: NodeProcess, only: Collection[str] | None) -> bool:
    return only is None or node.id in only


def _check_port_free(node: NodeProcess, address: str) -> None:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise NetworkError(
                f"node {node.id} cannot listen on {host}:{port}",
                code="port_in_use",
                found=error.strerror,
                remedy="Stop the process that listens there, or make a network in another folder "
                "with another --base-port.",
            ) from None


def wait_ready(
    network: Network, timeout_s: float = START_TIMEOUT_S, only: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Wait until every node (or those named) answers that it is ready.

    A node that cannot become ready any more (`NEVER_READY`) is not waited for: its own reason
    (code, sentence, remedy) is returned, by node.

    Raises:
        NetworkError: a node ended, or is not ready in time; with the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    waiting = meant = [node for node in network.nodes if _is_meant(node, only)]
    never: dict[str, dict[str, Any]] = {}
    with httpx.Client(timeout=5) as client:
        while waiting := [
            node
            for node in waiting
            if not is_well(client, node, "readyz") and not _is_never_ready(client, node, never)
        ]:
            for node in meant:
                if not _lives(node):
                    raise _not_running(node, f"node {node.id} has ended", "node_ended")
            if time.monotonic() > deadline:
                node = waiting[0]
                raise _not_ready(node, reason_of(client, node), timeout_s, never)
            time.sleep(POLL_S)
    return never


def wait_answering(network: Network, only: Collection[str]) -> None:
    """Wait until these nodes answer, ready or not: one that cannot run has ended by then.

    Raises:
        NetworkError: a node ended, or does not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    with httpx.Client(timeout=5) as client:
        for node in network.nodes:
            while _is_meant(node, only) and not is_well(client, node, "healthz"):
                if not _lives(node):
                    raise _not_running(node, f"node {node.id} has ended", "node_ended")
                if time.monotonic() > deadline:
                    raise _not_running(node, f"node {node.id} does not answer", "not_ready")
                time.sleep(POLL_S)


def _is_never_ready(client: httpx.Client, node: NodeProcess, never: dict[str, dict[str, Any]]) -> bool:
    """Whether it says so; why is then added to `never`."""
    reason = reason_of(client, node)
    if reason.get("code") not in NEVER_READY:
        return False
    never[node.id] = reason
    return True


def _not_ready(
    node: NodeProcess, reason: dict[str, Any], timeout_s: float, never: dict[str, dict[str, Any]]
) -> NetworkError:
    """It is not ready, perhaps because of those that never will be."""
    late = f"node {node.id} is not ready after {timeout_s:.0f} s"
    if not reason:
        return _not_running(node, late, "not_ready")
    others = "".join(f"; {name}: {why.get('sentence')}" for name, why in never.items())
    return NetworkError(
        f"{late}: {reason.get('sentence')}{others}",
        code="not_ready",
        found=reason.get("code"),
        remedy=str(reason.get("remedy", "")),
    )


def _not_running(node: NodeProcess, message: str, code: str) -> NetworkError:
    return NetworkError(
        message, code=code, found=_last_words(node.log), remedy=f"Its log says more: {node.log}"
    )


def down(
    network: Network, *, only: Collection[str] | None = None, timeout_s: float = STOP_TIMEOUT_S
) -> list[str]:
    """Stop the nodes in an orderly way and wait for them; the ids of those that were running.

    Raises:
        NetworkError: a node is still running after the time; it is left alone.
    """
    running = [node for node in network.nodes if node.is_running and _is_meant(node, only)]
    for node in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(node.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    for node in running:
        while _lives(node):
            if time.monotonic() > deadline:
                raise NetworkError(
                    f"node {node.id} (process {node.pid}) has not stopped after {timeout_s:.0f} s",
                    code="not_stopped",
                    remedy="Look at its log; `kill -9` loses nothing that was acknowledged.",
                )
            time.sleep(POLL_S)
    return [node.id for node in running]


def _lives(node: NodeProcess) -> bool:
    """Whether the process runs; one that we started and that ended is collected first."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(node.pid, os.WNOHANG)
    return node.is_running


def _last_words(log: Path) -> str:
    """What a node said last: the sentence that it ended with, or its last log line's event."""
    try:
        if shutil.disk_usage(log.parent).free < LOG_LINE_BYTES:
            return f"the disk of {log} is full: what was said last may be missing"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    except OSError:
        return f"no log at {log}"
    sentences = [line for line in lines if not line.startswith("{")]
    return (sentences or lines or ["nothing"])[-1][:500]
