"""Three real node processes with the real contracts: killed, restarted, stopped in order."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from node_network import NodeFiles, free_ports, node_files, prepare, run

from contracts import Contracts
from ledger import codec
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey

pytestmark = pytest.mark.processes

MSGPACK = {"content-type": "application/msgpack", "accept": "application/msgpack"}


@dataclass
class Processes:
    """Nodes as processes; each has its own folder, key and ports."""

    folder: Path
    client: SigningKey
    channel: bytes
    files: dict[str, NodeFiles]
    api: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Processes:
        names = ["n1", "n2", "n3"]
        files = {name: node_files(folder / name, name) for name in names}
        client = SigningKey.generate()
        document = {
            "version": 1,
            "name": "processes",
            "time_ms": 1_700_000_000_000,
            "contract_version": Contracts.version,
            "quorum": 2,
            "nodes": [
                {"id": name, "organisation": "op", "key": each.key.public, "certificate": each.certificate}
                for name, each in files.items()
            ],
            "organisations": [
                {
                    "id": "op",
                    "name": "Operator",
                    "lei": "",
                    "roles": ["operator"],
                    "identifiers": [],
                    "keys": [{"key": client.public, "name": "client", "enrolled_by": "op"}],
                }
            ],
            "parameters": {"business_date": "2024-01-01"},
        }
        genesis = make_genesis_block(Contracts(), Genesis.from_document(document))
        (folder / "genesis.block").write_bytes(genesis.data)
        ports = free_ports(6)
        peers = {name: f"127.0.0.1:{port}" for name, port in zip(names, ports[3:], strict=True)}
        for name, api_port, peer_port in zip(names, ports[:3], ports[3:], strict=True):
            prepare(folder / name / "data")
            settings = {
                "node": name,
                "data_dir": "data",
                "genesis_file": "../genesis.block",
                "key_file": f"{name}.key",
                "certificate_file": f"{name}.crt",
                "api_port": api_port,
                "peer_port": peer_port,
                "peers": peers,
                "log_file": "node.log",
            }
            (folder / name / "node.json").write_text(json.dumps(settings))
        api = {name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports[:3], strict=True)}
        return cls(folder, client, genesis.hash, files, api)

    def url(self, name: str, path: str) -> str:
        return f"{self.api[name]}/v1/channels/{self.channel.hex()}/{path}"

    def start(self, name: str) -> None:
        config = self.folder / name / "node.json"
        command = [sys.executable, "-m", "node", "--config", str(config), "--attached"]
        self.running[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def signal(self, name: str, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(timeout=30)

    def transaction(self) -> Transaction:
        return Transaction.sign(
            self.client,
            channel=self.channel,
            operations=[{"op": "key.add", "key": os.urandom(32), "name": "spare"}],
            valid_until_ms=time.time_ns() // 1_000_000 + 600_000,
            nonce=os.urandom(8),
        )

    async def status(self, client: httpx.AsyncClient, name: str) -> dict[str, object]:
        answer: dict[str, object] = (await client.get(f"{self.api[name]}/v1/status")).json()
        return answer

    async def applied(self, client: httpx.AsyncClient, name: str, height: object) -> dict[str, object]:
        """The status of a node once it answers and has applied this height."""
        assert isinstance(height, int)
        while True:
            with suppress(httpx.HTTPError):
                status = await self.status(client, name)
                if status["applied_height"] >= height:  # type: ignore[operator]
                    return status
            await asyncio.sleep(0.05)

    async def ready(self, client: httpx.AsyncClient) -> str:
        """Wait until every running node is ready; the leader."""
        while True:
            try:
                for name in self.running:
                    (await client.get(f"{self.api[name]}/readyz")).raise_for_status()
                return str((await self.status(client, next(iter(self.running))))["leader"])
            except httpx.HTTPError:
                assert all(process.poll() is None for process in self.running.values()), "a node has ended"
                await asyncio.sleep(0.02)

    async def submit(self, client: httpx.AsyncClient, transaction: Transaction) -> dict[str, object]:
        """Send the same bytes to one node after the other until they are committed."""
        while True:
            for name in list(self.api):
                url = self.url(name, "transactions")
                try:
                    answer = await client.post(url, content=transaction.envelope, headers=MSGPACK)
                except httpx.HTTPError:
                    continue
                if answer.status_code == 200:
                    outcome: dict[str, object] = codec.decode(answer.content)
                    assert outcome["id"] == transaction.id
                    return outcome
                assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.02)


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    made = Processes.make(folder)
    try:
        for name in made.api:
            made.start(name)
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


def test_nothing_acknowledged_is_lost_or_doubled_when_the_leader_is_killed(tmp_path: Path) -> None:
    with processes(tmp_path) as network:

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                leader = await network.ready(client)
                transactions = [network.transaction() for _ in range(120)]
                feed = iter(transactions)
                outcomes: dict[bytes, dict[str, object]] = {}

                async def work() -> None:
                    for transaction in feed:
                        outcomes[transaction.id] = await network.submit(client, transaction)

                workers = [asyncio.create_task(work()) for _ in range(8)]
                while len(outcomes) < 30:
                    await asyncio.sleep(0.005)
                assert network.signal(leader, signal.SIGKILL) == -signal.SIGKILL
                await asyncio.gather(*workers)
                assert len(outcomes) == len(transactions)
                places = {(outcome["height"], outcome["index"]) for outcome in outcomes.values()}
                assert len(places) == len(transactions), "each has a place of its own"
                network.start(leader)
                await network.ready(client)
                again = network.transaction()
                outcomes[again.id] = await network.submit(client, again)
                last = int(str(outcomes[again.id]["height"]))
                heads = set()
                for name in network.api:
                    while int(str((status := await network.status(client, name))["applied_height"])) < last:
                        await asyncio.sleep(0.01)
                    heads.add(status["head"])
                    for identity, outcome in outcomes.items():
                        found = (await client.get(network.url(name, f"transactions/{identity.hex()}"))).json()
                        assert (found["height"], found["index"]) == (outcome["height"], outcome["index"])
                        assert found["result"]["applied"]
                assert len(heads) == 1

        run(scenario)


def test_sigterm_finishes_what_was_taken_in_and_exits_with_zero(tmp_path: Path) -> None:
    with processes(tmp_path) as network:

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                leader = await network.ready(client)
                follower = next(name for name in network.api if name != leader)
                url = network.url(follower, "bundles")
                transactions = [network.transaction() for _ in range(100)]
                bundle = b"\xdc\x00\x64" + b"".join([transaction.envelope for transaction in transactions])
                answer = asyncio.create_task(client.post(url, content=bundle, headers=MSGPACK))
                while int(str((await network.status(client, follower))["pool_transactions"])) == 0:
                    if answer.done():
                        break
                assert await asyncio.to_thread(network.signal, follower, signal.SIGTERM) == 0
                outcomes = codec.decode((await answer).content)["outcomes"]
                assert {outcome["status"] for outcome in outcomes} == {"committed"}
                assert await asyncio.to_thread(network.signal, leader, signal.SIGTERM) == 0

        run(scenario)
        log = [json.loads(line) for line in (tmp_path / "n1" / "node.log").read_text().splitlines()]
        assert {"listening", "started"} <= {line["event"] for line in log}
        assert all(line["node"] == "n1" for line in log)


def test_a_bad_configuration_ends_with_a_sentence_and_a_code_of_its_own(tmp_path: Path) -> None:
    network = Processes.make(tmp_path)
    config = network.folder / "n1" / "node.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "key_file": "../n2/n2.key"}))
    command = [sys.executable, "-m", "node", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "another key" in ended.stderr
    assert "Traceback" not in ended.stderr


def _ended(network: Processes, name: str) -> str:
    """What a node says that must not start."""
    command = [sys.executable, "-m", "node", "--config", str(network.folder / name / "node.json")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("what", ["api", "peer"])
def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path, what: str) -> None:
    network = Processes.make(tmp_path)
    config = tmp_path / "n1" / "node.json"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(json.dumps({**json.loads(config.read_text()), f"{what}_port": port}))
        said = _ended(network, "n1")
    assert said.startswith(
        f"cannot listen on 127.0.0.1:{port}; field {what}_port; found Address already in use"
    )
    assert "Stop the process that listens there" in said
    assert '"cannot_run"' in (tmp_path / "n1" / "node.log").read_text()


def test_a_node_does_not_start_on_another_node_s_ledger(tmp_path: Path) -> None:
    with processes(tmp_path) as network:

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                await network.ready(client)
                await network.submit(client, network.transaction())

        run(scenario)
        for name in network.api:
            assert network.signal(name, signal.SIGTERM) == 0
    data = tmp_path / "n1" / "data"
    data.rename(tmp_path / "n1" / "own")
    shutil.copytree(tmp_path / "n2" / "data", data)
    assert "another node" in _ended(network, "n1")


@pytest.mark.parametrize("loss", ["the ledger", "everything"])
def test_cr76_a_node_that_lost_its_data_follows_and_promises_nothing(tmp_path: Path, loss: str) -> None:
    """CR-76: it takes the log and says what is wrong and what to do; the others go on without it."""
    with processes(tmp_path) as network:

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                await network.ready(client)
                before = await network.submit(client, network.transaction())
                network.signal("n1", signal.SIGKILL)
                data = tmp_path / "n1" / "data"
                shutil.rmtree(data / "ledger" if loss == "the ledger" else data)
                data.mkdir(exist_ok=True)
                network.start("n1")
                after = await network.submit(client, network.transaction())
                assert after["height"] > before["height"]  # type: ignore[operator]
                status = await network.applied(client, "n1", after["height"])
                assert status["problem"]["code"] == "lost_data"  # type: ignore[index]
                assert "tally network readmit n1" in status["problem"]["sentence"]  # type: ignore[index]
                assert not status["ready"]
                network.signal("n3", signal.SIGKILL)
                last = network.transaction()
                url = network.url("n2", "transactions?timeout_ms=1500")
                answer = await client.post(url, content=last.envelope, headers=MSGPACK)
                assert answer.status_code == 503, "n1 acknowledges nothing: n2 alone is no quorum"
                network.start("n3")
                await network.submit(client, last)

        run(scenario)


def test_cr35_a_damaged_ledger_is_set_aside_and_fetched_anew(tmp_path: Path) -> None:
    """CR-35, CR-76: the node says so and does not start; repaired, it first becomes what it was."""
    with processes(tmp_path) as network:

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                await network.ready(client)
                for _ in range(20):
                    before = await network.submit(client, network.transaction())
                assert network.signal("n1", signal.SIGTERM) == 0
                ledger = tmp_path / "n1" / "data" / "ledger"
                assert "not damaged" in _repaired(network, "n1")
                for file in [*(ledger / "db").glob("*.log"), *(ledger / "db").glob("*.ldb")]:
                    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
                said = _ended(network, "n1")
                assert "tally node repair" in said
                assert "set aside" in _repaired(network, "n1")
                network.start("n1")
                status = await network.applied(client, "n1", before["height"])
                assert status["problem"] is None
                while not (await network.status(client, "n1"))["promises"]:
                    await asyncio.sleep(0.05)
                network.signal("n3", signal.SIGKILL)
                after = await network.submit(client, network.transaction())
                assert after["height"] > before["height"]  # type: ignore[operator]  # with n1's signature
                assert not (tmp_path / "n1" / "data" / "lost").exists()
                # What it signed since the repair is in its ledger alone: without that it has lost data.
                network.signal("n1", signal.SIGKILL)
                shutil.rmtree(ledger)
                network.start("n1")
                network.start("n3")
                status = await network.applied(client, "n1", after["height"])
                assert status["problem"]["code"] == "lost_data"  # type: ignore[index]
                assert status["promises"] is False

        run(scenario, limit_s=150)


def _repaired(network: Processes, name: str) -> str:
    command = [
        sys.executable,
        "-m",
        "node",
        "--config",
        str(network.folder / name / "node.json"),
        "--repair",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr
