"""What `network.json` says of a network in one folder: nodes, their addresses and processes, profiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from shlex import quote as quoted
from typing import Any

from clients.errors import NetworkError
from clients.profile import Profile

DESCRIPTION = "network.json"
GENESIS_FILE = "genesis.block"
SUCCESSOR = "recovered-as"
"""Of a network that another goes on from: where that is."""


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

    def succeed(self, by: Path) -> None:
        """Keep in mind that the network in another folder goes on from this one."""
        (self.folder / SUCCESSOR).write_text(f"{by}\n", encoding="utf-8")

    def check_not_succeeded(self) -> None:
        """Two ledgers that go on from one state would each sell the same invoice.

        Raises:
            NetworkError: another network goes on from this one.
        """
        file = self.folder / SUCCESSOR
        if file.exists():
            raise NetworkError(
                "another network goes on from this one",
                code="recovered_before",
                found=file.read_text(encoding="utf-8", errors="replace").strip()[:400],
                remedy="Go on with that one: tally network up --dir with its folder. Only if it has never "
                f"recorded anything may {file} be deleted, and this network be used again.",
            )

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
                remedy=f"Make one: tally network up --dir {quoted(str(folder))}",
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NetworkError(
                f"cannot read {path}",
                code="no_network",
                found=str(error)[:120],
                remedy="Restore the file; without it each node runs by `tally node run --config`.",
            ) from None
