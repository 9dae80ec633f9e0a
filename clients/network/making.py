"""A network's folder, made: keys, certificates, the genesis block, configurations and profiles.

Nothing is started. A folder that was begun is finished with the keys that it has.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clients.errors import NetworkError
from clients.network.description import GENESIS_FILE, Network, NodeProcess
from clients.profile import Profile
from contracts import Contracts
from contracts.parameters import PARAMETERS
from ledger.blocks.block import Block
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis
from ledger.errors import Malformed
from ledger.identifiers import checked_name
from ledger.keys import SigningKey
from ledger.limits import MAX_MEMBERS
from ledger.members import node_certificate

DEFAULT_NODES = 3
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
    **{name: known.default for name, known in PARAMETERS.items()},
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
        NetworkError: a number of nodes or a list of organisations that makes no network; organisations or
            parameters that the genesis document does not permit.
    """
    with _as_given():
        for place, entry in enumerate(organisations):
            checked_name(entry["id"], f"organisations[{place}].id")  # files are called after it
    check_timing(timing)
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
    make_folders(folder)
    ports = node_ports(nodes, base_port)
    hosts = (
        [hosts[index % len(hosts)] for index in range(nodes)] if hosts else _node_hosts(organisations, nodes)
    )
    node_ids = [f"n{number}" for number in range(1, nodes + 1)]
    members = [
        make_node(folder, node, organisation) for node, organisation in zip(node_ids, hosts, strict=True)
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
    with _as_given():
        genesis = make_genesis_block(Contracts(), Genesis.from_document(document))
    names = [entry["id"] for entry in organisations]
    return furnish(folder, genesis, list(zip(node_ids, hosts, strict=True)), names, ports, timing)


@contextlib.contextmanager
def _as_given() -> Iterator[None]:
    """What does not fit a genesis document was given by whoever makes the network.

    Raises:
        NetworkError: with what is to be corrected where.
    """
    try:
        yield
    except Malformed as error:
        raise NetworkError(
            error.message,
            code=error.code,
            field=error.field,
            found=error.found,
            expected=error.expected,
            remedy="Correct what --organisations, --name, --business-date or --parameter says.",
        ) from None


def check_timing(timing: str) -> None:
    """Check that there is such a timing.

    Raises:
        NetworkError: there is none.
    """
    if timing not in TIMINGS:
        raise NetworkError(
            "no such timing",
            code="timing",
            field="--timing",
            found=timing,
            expected=" or ".join(TIMINGS),
            remedy="Take the default where nodes are far apart or their machines are busy.",
        )


def make_folders(folder: Path) -> None:
    """The folders of a network.

    Raises:
        NetworkError: they cannot be made.
    """
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


def furnish(
    folder: Path,
    genesis: Block,
    nodes: Sequence[tuple[str, str]],
    organisations: Sequence[str],
    ports: Sequence[tuple[int, int]],
    timing: str,
) -> Network:
    """The genesis file, settings of the nodes (id, organisation), profiles; `network.json` comes last."""
    (folder / GENESIS_FILE).write_bytes(genesis.data)
    described = []
    for index, (node, organisation) in enumerate(nodes):
        peers = {other: f"127.0.0.1:{ports[at][1]}" for at, (other, _) in enumerate(nodes) if other != node}
        described.append(_configure_node(folder, node, organisation, ports[index], peers, TIMINGS[timing]))
    profiles = {}
    for name in organisations:
        path = folder / "profiles" / f"{name}.json"
        Profile(
            name=name,
            organisation=name,
            key=Path("..", "keys", f"{name}.pem"),
            genesis=Path("..", GENESIS_FILE),
            channel=genesis.hash,
            nodes=tuple([entry.api for entry in described]),
        ).save(path)
        profiles[name] = path
    network = Network(folder, genesis.hash, tuple(described), profiles)
    network.save()
    return network


def join(network: Network, node: NodeProcess, *, instead_of: str | None = None) -> Network:
    """List a node that was made later, in place of another if named; all profiles have its API then.

    If any node of the network writes a consensus trace, this one will as well.

    Raises:
        ProfileError: a profile cannot be read or written.
    """
    others = [known for known in network.nodes if known.id not in (node.id, instead_of)]
    joined = replace(network, nodes=tuple(sorted([*others, node], key=lambda known: known.id)))
    joined.save()
    if any(known.trace.exists() for known in network.nodes):
        node.trace.touch()
    listed = {known.api for known in joined.nodes}
    gone = {known.api for known in network.nodes} - listed
    for path in joined.profiles.values():
        known = Profile.load(path).nodes
        nodes = [api for api in known if api not in gone]
        if node.api not in nodes:
            _write_nodes(path, [*nodes, node.api])
    return joined


def leave(network: Network, node: str) -> Network:
    """List a node no more that was removed and does not run, nor its API in any profile; its home is kept.

    Raises:
        NetworkError: there is none, it runs, or no other is listed.
        ProfileError: a profile cannot be read or written.
    """
    gone = network.node(node)
    if gone.is_running:
        raise NetworkError(
            "the node runs",
            code="node_running",
            found=node,
            remedy=f"Stop it first: tally node stop {node}",
        )
    if network.nodes == (gone,):
        raise NetworkError(
            "no other node is listed",
            code="last_node",
            found=node,
            remedy="Delete the folder if the network is over.",
        )
    left = replace(network, nodes=tuple([known for known in network.nodes if known.id != node]))
    left.save()
    for path in left.profiles.values():
        known = Profile.load(path).nodes
        if gone.api in known:
            _write_nodes(path, [api for api in known if api != gone.api])
    return left


def _write_nodes(profile: Path, nodes: Sequence[str]) -> None:
    """Change the nodes of a profile and nothing else."""
    written = json.loads(profile.read_text(encoding="utf-8"))
    profile.write_text(json.dumps({**written, "nodes": nodes}, indent=2) + "\n", encoding="utf-8")


def free_ports() -> tuple[int, int]:
    """Ports for API and peers that are free now."""
    (ports,) = node_ports(1, None)
    return ports


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


def make_node(folder: Path, node: str, organisation: str) -> dict[str, Any]:
    """A node's key and certificate; its entry in the genesis document."""
    home = folder / "nodes" / node
    prepare_data(home / "data")
    key = kept_key(home / "node.key")
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


def kept_key(path: Path) -> SigningKey:
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
    key = kept_key(folder / "keys" / f"{entry['id']}.pem")
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


def node_ports(nodes: int, base_port: int | None) -> list[tuple[int, int]]:
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
