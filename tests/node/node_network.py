"""Identities of a small network, with their files, and a loop to run it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from ledger import node_certificate
from ledger.keys import SigningKey
from ledger.membership import Member, Membership


@dataclass(frozen=True)
class NodeFiles:
    """A node's key and certificate, and where they lie."""

    node: str
    key: SigningKey
    certificate: bytes
    key_file: Path
    certificate_file: Path

    @property
    def member(self) -> Member:
        return Member(self.node, f"org-{self.node}", self.key.public, self.certificate)


def node_files(
    folder: Path,
    node: str,
    key: SigningKey | None = None,
    *,
    not_after: datetime = node_certificate.NO_END,
) -> NodeFiles:
    """Fresh identity files of a node."""
    key = key or SigningKey.generate()
    certificate = node_certificate.issue(key, node, not_after=not_after)
    folder.mkdir(parents=True, exist_ok=True)
    key_file, certificate_file = folder / f"{node}.key", folder / f"{node}.crt"
    key.save(key_file)
    certificate_file.write_text(node_certificate.to_pem(certificate))
    return NodeFiles(node, key, certificate, key_file, certificate_file)


def membership_of(*nodes: NodeFiles) -> Membership:
    return Membership.of(len(nodes) // 2 + 1, [node.member for node in nodes])


def run(scenario: Callable[[], Coroutine[Any, Any, None]], *, limit_s: float = 60.0) -> None:
    """Run a scenario on the loop that nodes use."""

    async def limited() -> None:
        await asyncio.wait_for(scenario(), limit_s)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(limited())


async def until(condition: Callable[[], object], what: str = "condition") -> None:
    """Wait for a condition, looking often; the scenario's limit ends a vain wait."""
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never came true: {what}")
