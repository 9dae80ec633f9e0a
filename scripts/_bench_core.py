"""What an operation costs a node by stage, in one process: nothing waits, nothing is sent.

The leader's way (decode, check, seal, append, commit) and a follower's (decode the block, check, accept,
append, commit) run one after the other on two real stores, block by block, with what clients of the three
shapes send. Times are processor time of the one thread, so other work on the machine disturbs little; of
many blocks the *best* is taken for each stage, and the mean beside it, which has the collector of cycles and
caches that miss in it. LevelDB merges its files in a thread of its own: that is the difference between the
process's time and the thread's.

One more block of each shape is only counted: the *bytecodes* that the interpreter executes for it are the
same in every hour: they say where to look, though not what it costs. With `--instructions`, each way is run
under valgrind for two numbers of blocks; the difference of the two is exact, too. (Valgrind's processor has
no instructions for SHA-256, so hashing weighs more, and a run takes minutes.)
"""

from __future__ import annotations

import argparse
import gc
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from types import FrameType
from typing import Any

from _bench_load import BUNDLE, ORGANISATIONS, QUANTITY, SUPPLIERS, Invoices
from rich.table import Table

from contracts import Contracts
from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, read_genesis
from ledger.blocks.transaction import Transaction
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote
from ledger.chain import execution
from ledger.chain.chain import Chain
from ledger.keys import SigningKey
from ledger.state.tree import StateTree
from ledger.storage.store import Store
from node.api import bodies
from node.limits import GC_THRESHOLDS

NODE, BUYER = "n1", "anchor"
BLOCK_REQUESTS = {"a": 64, "b": 5, "c": 12}
"""Requests in one block, about as many as a network under load puts into one."""
OPERATIONS = {"a": 1, "b": BUNDLE, "c": BUNDLE}
"""Operations of one request."""

_SUPPLIERS = [f"supplier{number}" for number in range(SUPPLIERS)]

LEADER, FOLLOWER = "leader", "follower"
STAGES = (
    "decode",
    "signatures",
    "typed parse",
    "rules",
    "encode state",
    "state tree",
    "encode block",
    "link and roots",
    "append",
    "commit",
    "write commit",
)
_OUTSIDE = "outside"


class Stopwatch:
    """Processor time by stage; a stage inside another one is counted once, by its own name."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = defaultdict(int)
        self._running = [_OUTSIDE]
        self._since = time.thread_time_ns()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs inside under this name."""
        self._charge()
        self._running.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted under this name."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return function(*args, **kwargs)

        return counted

    def take(self) -> dict[str, int]:
        """What was spent since the last call, by stage."""
        self._charge()
        spent = {name: spent for name, spent in self.spent_ns.items() if name != _OUTSIDE}
        self.spent_ns.clear()
        return spent

    def _charge(self) -> None:
        now = time.thread_time_ns()
        self.spent_ns[self._running[-1]] += now - self._since
        self._since = now


@contextmanager
def split_by(watch: Stopwatch) -> Iterator[None]:
    """Count what the chain calls once for each block by names of its own."""
    places: tuple[tuple[Any, str, str], ...] = (
        (execution, "execute", "rules"),
        (execution, "settled_writes", "encode state"),
        (StateTree, "update", "state tree"),
        (Block, "assemble", "encode block"),
        (Store, "commit", "write commit"),
    )
    kept = [vars(owner)[name] for owner, name, _ in places]
    for (owner, name, stage), before in zip(places, kept, strict=True):
        if isinstance(before, classmethod):
            setattr(owner, name, classmethod(watch.timed(stage, before.__func__)))
        else:
            setattr(owner, name, watch.timed(stage, before))
    try:
        yield
    finally:
        for (owner, name, _), before in zip(places, kept, strict=True):
            setattr(owner, name, before)


def _key(name: str) -> SigningKey:
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


def _first_key(organisation: str) -> dict[str, Any]:
    return {"key": _key(organisation).public, "name": "main", "enrolled_by": organisation}


def _genesis(time_ms: int) -> bytes:
    """A genesis block of one voter, with the organisations of the load."""
    suppliers = [{"id": name, "name": name, "roles": ["supplier"]} for name in _SUPPLIERS]
    document = {
        "version": 1,
        "name": "core",
        "time_ms": time_ms,
        "contract_version": Contracts.version,
        "quorum": 1,
        "nodes": [{"id": NODE, "organisation": "operator", "key": _key(NODE).public, "certificate": b"none"}],
        "organisations": [
            {
                **organisation,
                "lei": "",
                "identifiers": [],
                "keys": [_first_key(organisation["id"])],
            }
            for organisation in (*ORGANISATIONS, *suppliers)
        ],
        "parameters": {"business_date": "2024-03-01"},
    }
    return make_genesis_block(Contracts(), Genesis.from_document(document)).data


def _trade() -> Iterator[tuple[str, dict[str, Any]]]:
    """Who signs which operation, so that there is something to bill."""
    for name in _SUPPLIERS:
        line = {"line": "1", "item": "unit", "quantity": QUANTITY, "price_micros": 10**14}
        yield (
            BUYER,
            {
                "op": "order.issue",
                "order": "PO-1",
                "supplier": name,
                "currency": "USD",
                "date": "2024-01-01",
                "lines": [line],
            },
        )
        yield (
            name,
            {
                "op": "shipment.dispatch",
                "shipment": "S-1",
                "order": "PO-1",
                "buyer": BUYER,
                "date": "2024-01-02",
                "lines": [{"line": "1", "quantity": QUANTITY}],
                "units": [],
                "scheduled": "2024-01-10",
            },
        )
        yield (
            BUYER,
            {
                "op": "goods.receive",
                "shipment": "S-1",
                "supplier": name,
                "date": "2024-01-10",
                "lines": [{"line": "1", "accepted": QUANTITY, "rejected": 0}],
            },
        )


class Side:
    """One node's chain and store, with a stopwatch over its stages."""

    def __init__(self, folder: Path, genesis: bytes) -> None:
        self.contracts = Contracts()
        self.store = Store.open(folder)
        self.chain = Chain.open(self.store, self.contracts, genesis)
        self.watch = Stopwatch()

    def put(self, block: Block) -> None:
        """Append a block, and apply it as if its certificate had come."""
        with self.watch.stage("append"):
            self.store.append([(block.height, block.data)])
        with self.watch.stage("commit"):
            ack = sign_ack(_key(NODE), self.chain.channel, 1, block.height, block.hash)
            self.chain.commit(Certificate.of(1, block.height, block.hash, [(NODE, ack)]))


class Leader(Side):
    """The way from the bodies of requests to the applied block."""

    def run(self, requests: list[bytes]) -> bytes:
        """Lead one block; its bytes."""
        stage = self.watch.stage
        with stage("decode"):
            transactions = [transaction for body in requests for transaction in _transactions(body)]
        with stage("signatures"):
            assert all(transaction.signature_ok() for transaction in transactions)
        with stage("typed parse"):
            prepared = [self.contracts.prepare(transaction) for transaction in transactions]
        election = self._elect() if self.chain.head.term == 0 else None
        with stage("link and roots"):
            block = self.chain.seal(prepared, term=1, proposer=NODE, key=_key(NODE), election=election)
        if any(block.results):
            raise SystemExit(f"refused: {block.results}")
        self.put(block)
        return block.data

    def _elect(self) -> ElectionCertificate:
        head = self.chain.head
        ballot = Ballot(1, NODE, head.term, head.term, head.height, head.hash)
        vote = Vote(NODE, ballot, sign_vote(_key(NODE), self.chain.channel, ballot))
        return ElectionCertificate.of(1, NODE, [vote])


class Follower(Side):
    """The way from a block's bytes to the applied block."""

    def run(self, data: bytes) -> None:
        """Follow one block."""
        stage = self.watch.stage
        with stage("decode"):
            block = Block.decode(data)
        with stage("signatures"):
            assert all(transaction.signature_ok() for transaction in block.transactions)
        with stage("typed parse"):
            checked = {each.id: self.contracts.prepare(each) for each in block.transactions}
        with stage("link and roots"):
            self.chain.accept(self.chain.check(block, checked))
        self.put(block)


def _transactions(body: bytes) -> list[Transaction]:
    """Those of one request, taken apart as the API does."""
    if body[:1] == b"\x92":  # one envelope is an array of two, a bundle has more
        return [Transaction.decode(body)]
    return [Transaction.from_parts(each) for each in bodies.envelopes_of(body, True)]


class Load:
    """What the clients send, block by block."""

    def __init__(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        self.genesis = _genesis(now_ms)
        self._channel = read_genesis(self.genesis).channel
        self._valid_until_ms = now_ms + 3_000_000
        suppliers = [(name, _key(name)) for name in _SUPPLIERS]
        self._invoices = Invoices(self._channel, suppliers, BUYER, "B")

    def trade(self) -> Iterator[list[bytes]]:
        """One block for each operation that comes before the invoices: each builds on the one before."""
        for place, (signer, operation) in enumerate(_trade()):
            transaction = Transaction.sign(
                _key(signer),
                channel=self._channel,
                operations=[operation],
                valid_until_ms=self._valid_until_ms,
                nonce=bytes(7) + bytes((place,)),
            )
            yield [transaction.envelope]

    def requests(self, shape: str) -> list[bytes]:
        """Bodies of the requests that make one block."""
        sign = self._invoices.sign
        if shape == "b":
            return [
                codec.encode(tuple([sign(client, 1).parts for _ in range(BUNDLE)]))
                for client in range(BLOCK_REQUESTS["b"])
            ]
        return [sign(client, OPERATIONS[shape]).envelope for client in range(BLOCK_REQUESTS[shape])]


# ---------------------------------------------------------------- times


def measure(folder: Path, shapes: str, blocks: int) -> dict[str, Any]:
    """Each shape's cost by way and stage, µs an operation."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    load = Load()
    leader, follower = Leader(folder / LEADER, load.genesis), Follower(folder / FOLLOWER, load.genesis)
    for requests in load.trade():
        follower.run(leader.run(requests))
    result = {shape: _measure(load, leader, follower, shape, blocks) for shape in shapes}
    leader.store.close()
    follower.store.close()
    return result


def _measure(load: Load, leader: Leader, follower: Follower, shape: str, blocks: int) -> dict[str, Any]:
    operations = BLOCK_REQUESTS[shape] * OPERATIONS[shape]
    taken: dict[str, list[dict[str, int]]] = {LEADER: [], FOLLOWER: []}
    signing: list[int] = []
    merging_ns = 0
    for _ in range(blocks):
        began = time.thread_time_ns()
        requests = load.requests(shape)
        signing.append(time.thread_time_ns() - began)
        merging_ns -= time.process_time_ns() - time.thread_time_ns()
        with split_by(leader.watch):
            leader.watch.take()
            data = leader.run(requests)
            taken[LEADER].append(leader.watch.take())
        with split_by(follower.watch):
            follower.watch.take()
            follower.run(data)
            taken[FOLLOWER].append(follower.watch.take())
        merging_ns += time.process_time_ns() - time.thread_time_ns()

    def cost(samples: list[int]) -> dict[str, float]:
        return {
            "best_us": round(min(samples) / operations / 1_000, 2),
            "mean_us": round(mean(samples) / operations / 1_000, 2),
        }

    result: dict[str, Any] = {
        "operations_per_block": operations,
        "blocks": blocks,
        "client_signs": cost(signing),
        "merging_us": round(merging_ns / 2 / operations / blocks / 1_000, 2),
    }
    requests = load.requests(shape)
    data, led = _bytecodes(lambda: leader.run(requests))
    _, followed = _bytecodes(lambda: follower.run(data))
    bytecodes = {LEADER: led, FOLLOWER: followed}
    for way, each in taken.items():
        result[way] = {
            "bytecodes": round(bytecodes[way] / operations),
            "all": cost([sum(block.values()) for block in each]),
            **{name: cost([block.get(name, 0) for block in each]) for name in STAGES},
        }
    return result


def _bytecodes(action: Callable[[], Any]) -> tuple[Any, int]:
    """What an action returns, and how many bytecodes were executed for it."""
    counted = 0

    def each(_frame: FrameType, event: str, _argument: object) -> Callable[..., Any]:
        nonlocal counted
        counted += event == "opcode"
        return each

    def called(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any]:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return each

    before = sys.gettrace()
    sys.settrace(called)
    try:
        result = action()
    finally:
        sys.settrace(before)
    return result, counted


# ---------------------------------------------------------------- instructions


def count_instructions(folder: Path, shape: str, blocks: int) -> dict[str, float]:
    """Instructions an operation on each way, in thousands; needs valgrind."""
    _record(folder / "load", shape, 2 * blocks)
    operations = blocks * BLOCK_REQUESTS[shape] * OPERATIONS[shape]
    counted = {}
    for way in (LEADER, FOLLOWER):
        few, many = (_instructions(folder, way, count) for count in (blocks, 2 * blocks))
        counted[way] = round((many - few) / operations / 1_000, 1)
    return counted


def _instructions(folder: Path, way: str, blocks: int) -> int:
    """Of a process that replays so many recorded blocks."""
    ran = subprocess.run(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
            *(sys.executable, __file__, way, str(folder / "load"), str(folder / "replay"), str(blocks)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(folder / "replay")
    found = re.search(r"I\s+refs:\s+([\d,]+)", ran.stderr)
    if found is None:
        raise SystemExit(f"valgrind counted nothing: {ran.stderr[-400:]}")
    return int(found[1].replace(",", ""))


def _record(folder: Path, shape: str, blocks: int) -> None:
    """Write down what a leader is sent, and the blocks that it makes of it."""
    folder.mkdir()
    load = Load()
    leader = Leader(folder / "made", load.genesis)
    sent = [*load.trade(), *[load.requests(shape) for _ in range(blocks)]]
    made = [leader.run(requests) for requests in sent]
    leader.store.close()
    (folder / "genesis").write_bytes(load.genesis)
    for place, (requests, block) in enumerate(zip(sent, made, strict=True)):
        (folder / f"{place}.{LEADER}").write_bytes(codec.encode(tuple(requests)))
        (folder / f"{place}.{FOLLOWER}").write_bytes(block)


def _replay(way: str, recorded: Path, folder: Path, blocks: int) -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    genesis = (recorded / "genesis").read_bytes()
    sent = [(recorded / f"{place}.{way}").read_bytes() for place in range(3 * SUPPLIERS + blocks)]
    if way == LEADER:
        leader = Leader(folder, genesis)
        for data in sent:
            leader.run(list(codec.decode(data)))
    else:
        follower = Follower(folder, genesis)
        for data in sent:
            follower.run(data)


# ---------------------------------------------------------------- report


def table(result: dict[str, Any]) -> Table:
    """The result as a table: best of all blocks, µs an operation."""
    shown = Table(title="The core alone, µs of processor time an operation (best block)")
    shown.add_column("stage")
    columns = [(shape, way) for shape in result for way in (LEADER, FOLLOWER)]
    for shape, way in columns:
        shown.add_column(f"({shape}) {way}", justify="right")
    for name in (*STAGES, "all"):
        shown.add_row(name, *[f"{result[shape][way][name]['best_us']:.1f}" for shape, way in columns])
    shown.add_row("all, mean", *[f"{result[shape][way]['all']['mean_us']:.1f}" for shape, way in columns])
    shown.add_row("merging of files", *[f"{result[shape]['merging_us']:.1f}" for shape, _ in columns])
    shown.add_row("bytecodes", *[f"{result[shape][way]['bytecodes']:,}" for shape, way in columns])
    if all("instructions" in each for each in result.values()):
        shown.add_row(
            "thousand instructions", *[f"{result[shape]['instructions'][way]:.1f}" for shape, way in columns]
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description="Replay recorded blocks (for `scripts/bench --core`).")
    parser.add_argument("way", choices=(LEADER, FOLLOWER))
    parser.add_argument("recorded", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("blocks", type=int)
    given = parser.parse_args()
    _replay(given.way, given.recorded, given.folder, given.blocks)


if __name__ == "__main__":
    main()
