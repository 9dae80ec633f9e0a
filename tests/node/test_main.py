"""A node's process as a whole: what ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from key_value import KeyValue
from node_network import Cluster, prepare, run, until

from node import main
from node.node import Node
from node.settings import Settings


def test_a_node_that_is_told_to_stop_while_it_opens_on_a_snapshot_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when one ledger is closed and the next one is not open yet."""
    cluster = Cluster.make(tmp_path, 1)
    files, close = cluster.files[0], Node.close
    nodes: list[Node] = []

    async def close_amid_a_signal(node: Node) -> None:
        if not nodes:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)
        nodes.append(node)
        await close(node)

    def start(node: Node) -> None:
        begin(node)
        if not nodes:
            node.renewed.set()

    begin = Node.start
    monkeypatch.setattr(main, "Contracts", KeyValue)
    monkeypatch.setattr(main, "identify_by", lambda _: bytes.hex)
    monkeypatch.setattr(Node, "start", start)
    monkeypatch.setattr(Node, "close", close_amid_a_signal)

    async def scenario() -> None:
        prepare(tmp_path / "n1")
        settings = Settings(
            node="n1",
            data_dir=tmp_path / "n1",
            genesis_file=cluster.genesis_file,
            key_file=files.key_file,
            certificate_file=files.certificate_file,
            peer_port=cluster.ports["n1"],
            api_port=0,
            peers={},
        )
        serving = asyncio.create_task(main.serve(settings, is_attached=False))
        await until(lambda: nodes, "closed once")
        assert await asyncio.wait_for(serving, 20) == 0

    run(scenario)
