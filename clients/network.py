"""A network of nodes in one folder: made, started, looked at, stopped.

    DIR/genesis.block           what everybody starts from
    DIR/network.json            nodes, addresses, processes, profiles
    DIR/keys/<organisation>.pem the organisations' signing keys
    DIR/profiles/<organisation>.json
    DIR/nodes/<node>/           node.toml, node.key, node.pem (certificate), data/, node.log,
                                trace-<node>.jsonl if it is traced

For a laptop, a demonstration, a test: every organisation's key lies in one folder, which no
real network would do. There each organisation makes its own key (`tally keys new`) and only
public keys and certificates meet in the genesis document.

A second `up` of the same folder starts what is not running and keeps keys and ledger.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from clients.errors import NetworkError
from clients.profile import Profile
from contracts import Contracts
from ledger import node_certificate
from ledger.executor import make_genesis_block
from ledger.genesis import Genesis
from ledger.hand_over import HandOverOrder
from ledger.identifiers import checked_name
from ledger.keys import SigningKey
from ledger.limits import MAX_MEMBERS

DESCRIPTION = "network.json"
GENESIS_FILE = "genesis.block"
DEFAULT_NODES = 3
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
POLL_S = 0.05
PORTS = range(12_000, 32_000)
"""Where free ports are looked for."""

DEFAULT_ORGANISATIONS: tuple[dict[str, Any], ...] = (
    {"id": "anchor", "name": "Anchor buyer", "roles": ["buyer"]},
    {"id": "lender", "name": "Lender", "roles": ["lender"]},
    {"id": "bank", "name": "Settlement bank", "roles": ["settlement_bank"]},
    {"id": "operator", "name": "Operator", "roles": ["operator"]},
    {"id": "supplier", "name": "Supplier", "roles": ["supplier"]},
)
DEFAULT_PARAMETERS: dict[str, int | str] = {
    "business_date": "2024-01-01",
    "price_tolerance_ppm": 0,
    "quantity_tolerance_ppm": 0,
    "backdating_days": 30,
}
TIMINGS: dict[str, dict[str, int]] = {
    "default": {},
    "lan": {"tick_ms": 20, "election_ticks": 10, "heartbeat_ticks": 2},
}
"""Settings of the consensus clock by the network that joins the nodes. Timeouts are drawn from once to twice
`election_ticks`. By default that is 600 to 1,200 ms, so that no client waits 1.5 s for a new leader, at four
heartbeats of 150 ms before the first doubt: enough for continents, and for machines that are short of CPU.
`lan` is for nodes within a few milliseconds of each other with cores of their own: 200 to 400 ms, five
heartbeats of 40 ms before the first doubt; it costs two and a half times the wakes of an idle node."""
_HOSTS_A_NODE = ("buyer", "lender", "settlement_bank", "operator", "insurer", "supplier")
"""Which organisations run nodes, the first of each role before the second of any."""


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """One node of a local network, as `network.json` lists it."""

    id: str
    organisation: str
    pid: int
    api: str
    peer: str
    data: Path
    log: Path
    config: Path

    def as_dict(self) -> dict[str, Any]:
        """The entry of `network.json`."""
        return {
            "id": self.id,
            "organisation": self.organisation,
            "pid": self.pid,
            "api": self.api,
            "peer": self.peer,
            "data": str(self.data),
            "log": str(self.log),
            "config": str(self.config),
        }

    @property
    def trace(self) -> Path:
        """Where this node's consensus trace goes, if it is there: see `up`."""
        return self.config.with_name(f"trace-{self.id}.jsonl")

    @property
    def is_running(self) -> bool:
        """Whether the recorded process lives and is this node, not a stranger that got its number.

        A process that has just begun its program has no arguments for a moment. One that has ended, or that
        is the kernel's own, has none either, but no program to name.
        """
        process = Path(f"/proc/{self.pid}")
        try:
            command = (process / "cmdline").read_bytes()
            return str(self.config).encode() in command if command else bool((process / "exe").readlink())
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Network:
    """A network's folder and what `network.json` says of it."""

    folder: Path
    channel: bytes
    nodes: tuple[NodeProcess, ...]
    profiles: dict[str, Path]

    @property
    def genesis_file(self) -> Path:
        """File with the genesis block."""
        return self.folder / GENESIS_FILE

    def as_dict(self) -> dict[str, Any]:
        """The content of `network.json`."""
        return {
            "version": 1,
            "channel": self.channel.hex(),
            "genesis": str(self.genesis_file),
            "nodes": [node.as_dict() for node in self.nodes],
            "profiles": {name: str(path) for name, path in self.profiles.items()},
        }

    def node(self, node: str) -> NodeProcess:
        """The node with this id.

        Raises:
            NetworkError: there is none.
        """
        for known in self.nodes:
            if known.id == node:
                return known
        raise NetworkError(
            "no such node",
            code="unknown_node",
            found=node,
            expected=", ".join(known.id for known in self.nodes),
            remedy="`tally network status` lists the nodes of the folder.",
        )

    def profile(self, organisation: str) -> Profile:
        """An organisation's client profile.

        Raises:
            NetworkError: there is none.
        """
        if organisation not in self.profiles:
            raise NetworkError(
                "no such profile",
                code="unknown_profile",
                found=organisation,
                expected=", ".join(sorted(self.profiles)),
                remedy="Name an organisation that has its profile in the folder, or its file with --profile.",
            )
        return Profile.load(self.profiles[organisation])

    def save(self) -> None:
        """Write `network.json`, whole or not at all."""
        path = self.folder / DESCRIPTION
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Read a folder's `network.json`.

        Raises:
            NetworkError: there is no network in this folder, or its description is damaged.
        """
        path = folder / DESCRIPTION
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            nodes = tuple(
                NodeProcess(
                    entry["id"],
                    entry["organisation"],
                    int(entry["pid"]),
                    entry["api"],
                    entry["peer"],
                    Path(entry["data"]),
                    Path(entry["log"]),
                    Path(entry["config"]),
                )
                for entry in content["nodes"]
            )
            profiles = {name: Path(file) for name, file in content["profiles"].items()}
            if not nodes:
                raise ValueError("no nodes in it")
            return cls(folder, bytes.fromhex(content["channel"]), nodes, profiles)
        except FileNotFoundError:
            raise NetworkError(
                f"no network in {folder}",
                code="no_network",
                remedy=f"Make one: tally network up --dir {folder}",
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NetworkError(
                f"cannot read {path}",
                code="no_network",
                found=str(error)[:120],
                remedy="Restore the file; without it each node runs by `tally node run --config`.",
            ) from None


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
        NetworkError: the folder's network is of another shape; or a node does not start, and its
            log's last lines are in the error. Of a network that has never run, or when this call is
            interrupted, the nodes that it started are stopped again; of another one, they go on.
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
            while node.is_running and _reason(client, node).get("code") == "shutting_down":
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


def create(
    folder: Path,
    *,
    nodes: int,
    base_port: int | None,
    organisations: Sequence[dict[str, Any]],
    parameters: dict[str, int | str] | None,
    hosts: Sequence[str] = (),
    name: str,
    timing: str = "default",
) -> Network:
    """Keys, certificates, genesis block, node configurations and profiles; starts nothing.

    `network.json` comes last: what an interrupted call left is made again, with the same keys.

    Raises:
        NetworkError: a number of nodes or a list of organisations that makes no network.
        Malformed: organisations or parameters that the genesis document does not permit.
    """
    for place, entry in enumerate(organisations):
        checked_name(entry["id"], f"organisations[{place}].id")  # files are called after it
    if timing not in TIMINGS:
        raise NetworkError(
            "no such timing",
            code="timing",
            field="--timing",
            found=timing,
            expected=" or ".join(TIMINGS),
            remedy="Take the default where nodes are far apart or their machines are busy.",
        )
    if not 1 <= nodes <= MAX_MEMBERS:
        raise NetworkError(
            "a network cannot have that many nodes",
            code="nodes",
            field="--nodes",
            found=nodes,
            expected=f"1 to {MAX_MEMBERS}",
            remedy="Choose another number; three nodes bear the loss of one, five that of two.",
        )
    if base_port is not None and not 1 <= base_port <= 65_536 - 2 * nodes:
        raise NetworkError(
            "ports from there on do not exist",
            code="base_port",
            field="--base-port",
            found=base_port,
            expected=f"1 to {65_536 - 2 * nodes}, for two ports a node",
            remedy="Choose another port, or none: free ones are found.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in ("keys", "profiles", "nodes"):
            (folder / part).mkdir(exist_ok=True)
    except OSError as error:
        raise NetworkError(
            f"cannot make {folder}",
            code="folder",
            field="--dir",
            found=error.strerror,
            remedy="Name a folder that can be written.",
        ) from None
    ports = _ports(nodes, base_port)
    hosts = (
        [hosts[index % len(hosts)] for index in range(nodes)] if hosts else _node_hosts(organisations, nodes)
    )
    node_ids = [f"n{number}" for number in range(1, nodes + 1)]
    members = [
        _make_node(folder, node, organisation) for node, organisation in zip(node_ids, hosts, strict=True)
    ]
    document = {
        "version": 1,
        "name": name,
        "time_ms": time.time_ns() // 1_000_000,
        "contract_version": Contracts.version,
        "quorum": nodes // 2 + 1,
        "nodes": members,
        "organisations": [_make_organisation(folder, entry, organisations) for entry in organisations],
        "parameters": {**DEFAULT_PARAMETERS, **(parameters or {})},
    }
    genesis = make_genesis_block(Contracts(), Genesis.from_document(document))
    (folder / GENESIS_FILE).write_bytes(genesis.data)
    described = []
    for index, (node, organisation) in enumerate(zip(node_ids, hosts, strict=True)):
        peers = {other: f"127.0.0.1:{ports[i][1]}" for i, other in enumerate(node_ids) if other != node}
        described.append(_configure_node(folder, node, organisation, ports[index], peers, TIMINGS[timing]))
    urls = [entry.api for entry in described]
    profiles = {}
    for entry in organisations:
        path = folder / "profiles" / f"{entry['id']}.json"
        Profile(
            name=entry["id"],
            organisation=entry["id"],
            key=Path("..", "keys", f"{entry['id']}.pem"),
            genesis=Path("..", GENESIS_FILE),
            channel=genesis.hash,
            nodes=tuple(urls),
        ).save(path)
        profiles[entry["id"]] = path
    network = Network(folder, genesis.hash, tuple(described), profiles)
    network.save()
    return network


def join(network: Network, node: NodeProcess, *, instead_of: str | None = None) -> Network:
    """List a node that was made later, in place of another if named; its API is added to all profiles.

    If any node of the network writes a consensus trace, this one will as well.

    Raises:
        ProfileError: a profile cannot be read or written.
    """
    others = [known for known in network.nodes if known.id not in (node.id, instead_of)]
    joined = replace(network, nodes=tuple(sorted([*others, node], key=lambda known: known.id)))
    joined.save()
    if any(known.trace.exists() for known in network.nodes):
        node.trace.touch()
    for path in joined.profiles.values():
        profile = Profile.load(path)
        if node.api not in profile.nodes:
            written = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps({**written, "nodes": [*profile.nodes, node.api]}, indent=2) + "\n")
    return joined


def free_ports() -> tuple[int, int]:
    """Ports for API and peers that are free now."""
    (ports,) = _ports(1, None)
    return ports


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


LOG_LINE_BYTES = 1_024
"""Room for a line of a node's log."""

NEVER_READY = ("lost_data", "removed", "forked")
"""Problems of a node that runs as well as it ever will: waiting for it is in vain."""


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
            if not _is_well(client, node, "readyz") and not _is_never_ready(client, node, never)
        ]:
            for node in meant:
                if not _lives(node):
                    raise _not_running(node, f"node {node.id} has ended", "node_ended")
            if time.monotonic() > deadline:
                node = waiting[0]
                raise _not_ready(node, _reason(client, node), timeout_s, never)
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
            while _is_meant(node, only) and not _is_well(client, node, "healthz"):
                if not _lives(node):
                    raise _not_running(node, f"node {node.id} has ended", "node_ended")
                if time.monotonic() > deadline:
                    raise _not_running(node, f"node {node.id} does not answer", "not_ready")
                time.sleep(POLL_S)


def _is_never_ready(client: httpx.Client, node: NodeProcess, never: dict[str, dict[str, Any]]) -> bool:
    """Whether it says so; why is then added to `never`."""
    reason = _reason(client, node)
    if reason.get("code") not in NEVER_READY:
        return False
    never[node.id] = reason
    return True


def _reason(client: httpx.Client, node: NodeProcess) -> dict[str, Any]:
    """Why a node is not ready, as it says; empty if it is, or does not answer."""
    try:
        reason = client.get(f"{node.api}/v1/status").json().get("not_ready") or {}
    except (httpx.HTTPError, ValueError, AttributeError):
        return {}
    return reason if isinstance(reason, dict) else {}


def told(reason: dict[str, Any]) -> str:
    """A node's reason not to be ready, for people: what is wrong, its code, what to do."""
    sentence = str(reason.get("sentence", "")).rstrip(".")
    return f"{sentence} ({reason.get('code', '')}). {reason.get('remedy', '')}".strip()


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


def status(network: Network) -> list[dict[str, Any]]:
    """What each node says of itself, in the order of `network.json`; a node that does not answer says so.

    What answers at a node's address is believed only if it names that node and this channel:
    another network may listen there by now.
    """
    described = []
    with httpx.Client(timeout=5) as client:
        for node in network.nodes:
            entry = node.as_dict() | {"running": node.is_running}
            try:
                stands = client.get(f"{node.api}/v1/status").json()
                is_it = isinstance(stands, dict) and (stands.get("node"), stands.get("channel")) == (
                    node.id,
                    network.channel.hex(),
                )
                entry["status"] = stands if is_it else None
                if not is_it:
                    entry["error"] = f"what listens at {node.api} is not this node"
            except (httpx.HTTPError, ValueError) as error:
                entry["status"] = None
                entry["error"] = str(error) or type(error).__name__
            described.append(entry)
    return described


def hand_over(network: Network, to: str | None = None) -> str:
    """Hand the leadership over to a voter, the most advanced one if none is named; who leads then.

    Raises:
        NetworkError: no node leads, or the leader goes on leading; its own code and remedy.
    """
    leaders = [entry for entry in status(network) if (entry["status"] or {}).get("role") == "leader"]
    if not leaders:
        raise NetworkError(
            "no node of this network leads at the moment",
            code="no_leader",
            field="--dir",
            remedy="`tally network status` shows them; a quorum of voters must run.",
        )
    organisation = network.node(leaders[0]["id"]).organisation
    return order_hand_over(leaders[0]["status"], leaders[0]["api"], network.profile(organisation), to)


def order_hand_over(status: dict[str, Any], api: str, profile: Profile, to: str | None = None) -> str:
    """Order the node at `api`, of which this is the status, to hand over, as whoever runs it; who leads then.

    Raises:
        NetworkError: it does not lead, or goes on leading; its own code and remedy.
        ProfileError, KeyFileError: the profile has no key that can be read.
    """
    url = f"{api}/v1/channels/{profile.channel.hex()}/leader"
    try:
        answer = httpx.post(url, json=hand_over_body(status, profile, to), timeout=10)
        said = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NetworkError(
            "the leader does not answer",
            code="no_leader",
            found=str(error),
            remedy="`tally network status` shows who leads; try again once somebody does.",
        ) from None
    if answer.status_code != 200:
        raise NetworkError(
            said.get("detail", "refused"), code=said.get("code", "refused"), remedy=said.get("remedy", "")
        )
    return str(said["leader"])


def hand_over_body(status: dict[str, Any], profile: Profile, to: str | None = None) -> dict[str, Any]:
    """What is posted to a leader with this status, signed with the profile's key."""
    order = HandOverOrder.sign(
        profile.signing_key(), profile.channel, status["node"], status["term"], to or ""
    )
    return {
        "to": to,
        "term": order.term,
        "key": order.key.hex(),
        "signature": order.signature.hex(),
    }


def status_at(api: str) -> dict[str, Any]:
    """What the node at this address says of itself.

    Raises:
        NetworkError: nothing answers there as a node does.
    """
    try:
        stands = httpx.get(f"{api}/v1/status", timeout=5).json()
        return {"node": str(stands["node"]), "term": int(stands["term"]), **stands}
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NetworkError(
            "no node answers there",
            code="no_leader",
            field="--api",
            found=str(error)[:120],
            remedy="Name the API of the node that leads; /v1/status of any node names it.",
        ) from None


def _is_well(client: httpx.Client, node: NodeProcess, probe: str) -> bool:
    """Whether the node answers one of its probes, `healthz` or `readyz`, with yes."""
    try:
        return client.get(f"{node.api}/{probe}").status_code == 200
    except httpx.HTTPError:
        return False


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


def _node_hosts(organisations: Sequence[dict[str, Any]], nodes: int) -> list[str]:
    """Which organisation runs each node: as many different ones as there are."""
    ranked: list[tuple[int, int, str]] = []
    for entry in organisations:
        roles = entry.get("roles", [])
        rank = min((_HOSTS_A_NODE.index(role) for role in roles if role in _HOSTS_A_NODE), default=99)
        earlier = len([known for _, known, _ in ranked if known == rank])
        ranked.append((earlier, rank, entry["id"]))
    if not ranked:
        raise NetworkError(
            "a network needs an organisation",
            code="organisations",
            remedy="List at least one in the file that --organisations names.",
        )
    order = [organisation for _, _, organisation in sorted(ranked, key=lambda item: item[:2])]
    return [order[index % len(order)] for index in range(nodes)]


def _make_node(folder: Path, node: str, organisation: str) -> dict[str, Any]:
    """A node's key and certificate; its entry in the genesis document."""
    home = folder / "nodes" / node
    prepare_data(home / "data")
    key = _key(home / "node.key")
    certificate = node_certificate.issue(key, node)
    (home / "node.pem").write_text(node_certificate.to_pem(certificate), encoding="ascii")
    return {"id": node, "organisation": organisation, "key": key.public, "certificate": certificate}


def prepare_data(folder: Path) -> None:
    """Make the data folder of a node that has never run; one that exists is left as it is.

    The mark in it lets the node vote at its first start. A folder without it, and without what a
    node writes, is that of a node that lost its data (node/disk.py).
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    (folder / "fresh").touch()


def _key(path: Path) -> SigningKey:
    """The key in this file; a fresh one if there is no file."""
    if path.exists():
        return SigningKey.load(path)
    key = SigningKey.generate()
    key.save(path)
    return key


def _make_organisation(
    folder: Path, entry: dict[str, Any], all_of_them: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """An organisation's key; its entry in the genesis document.

    A supplier's key is enrolled by the operator and a buyer's by itself, so that no one
    approver stands behind both sides of a trade.
    """
    key = _key(folder / "keys" / f"{entry['id']}.pem")
    operators = [known["id"] for known in all_of_them if "operator" in known.get("roles", [])]
    enrolled_by = operators[0] if operators and "supplier" in entry.get("roles", []) else entry["id"]
    return {
        "id": entry["id"],
        "name": entry.get("name", entry["id"]),
        "lei": entry.get("lei", ""),
        "roles": list(entry.get("roles", [])),
        "identifiers": entry.get("identifiers", []),
        "keys": [{"key": key.public, "name": "main", "enrolled_by": enrolled_by}],
    }


def _configure_node(
    folder: Path,
    node: str,
    organisation: str,
    ports: tuple[int, int],
    peers: dict[str, str],
    timing: dict[str, int],
) -> NodeProcess:
    """Write node.toml; paths in it are relative to the file."""
    home = folder / "nodes" / node
    api_port, peer_port = ports
    lines = [
        f'node = "{node}"',
        'data_dir = "data"',
        'genesis_file = "../../genesis.block"',
        'key_file = "node.key"',
        'certificate_file = "node.pem"',
        f"api_port = {api_port}",
        f"peer_port = {peer_port}",
        *(f"{setting} = {value}" for setting, value in timing.items()),
        "",
        "[peers]",
        *(f'{other} = "{address}"' for other, address in peers.items()),
    ]
    config = home / "node.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return NodeProcess(
        node,
        organisation,
        0,
        f"http://127.0.0.1:{api_port}",
        f"127.0.0.1:{peer_port}",
        home / "data",
        home / "node.log",
        config,
    )


def _ports(nodes: int, base_port: int | None) -> list[tuple[int, int]]:
    """API and peer port of each node: from the base port on, or free ones."""
    if base_port is not None:
        return [(base_port + 2 * index, base_port + 2 * index + 1) for index in range(nodes)]
    with contextlib.ExitStack() as held:
        free = list(_free_ports(2 * nodes, held))
    return list(zip(free[::2], free[1::2], strict=True))


def _free_ports(count: int, held: contextlib.ExitStack) -> Iterator[int]:
    """Ports that are free now, all different because all are held at once.

    They are below those that the system gives to outgoing connections: one of these could hold a
    node's port whenever the node does not run.
    """
    chance = random.SystemRandom()
    while count:
        listener = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", chance.choice(PORTS)))
            count -= 1
            yield listener.getsockname()[1]
