"""What a member achieves with forwarded transactions: its own share, its own blame, nobody else's outcome.

| attack | what happens |
|---|---|
| garbage instead of envelopes | the link is closed |
| a bad signature, also for a body that another node forwards well | refused, counted against the forwarder |
| a flood | beyond the node's share: busy; the others' shares stay free |
| a refusal of what was offered to somebody else, or of nothing | counted, no client hears of it |
| a refusal twice in one frame | the link is closed; the pool stays whole |
| a refusal with an invented code, or of a megabyte | counted under one label; the link is closed |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from key_value import KeyValue, set_pair
from node_network import run

from ledger import codec, keys
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, TallyError
from ledger.keys import SigningKey
from node.errors import NotAdmitted
from node.intake import mempool
from node.intake.forwarding import Forwarder
from node.intake.mempool import Entry, Pool
from node.intake.outcome import Outcome
from node.limits import MAX_FORWARD_TRANSACTIONS, MAX_FORWARD_WAITING
from node.statistics import Statistics

CHANNEL = bytes(32)
CLIENT = SigningKey.from_seed(b"client".ljust(32))
STRANGER = SigningKey.from_seed(b"stranger".ljust(32))


@dataclass
class Links:
    """Remembers what is sent and who is blamed."""

    sent: list[tuple[str, codec.Value]] = field(default_factory=list)
    blamed: list[tuple[str, str]] = field(default_factory=list)

    def send(self, peer: str, message: codec.Value) -> bool:
        self.sent.append((peer, message))
        return True

    def can_reach(self, peer: str) -> bool:
        return True

    def refused(self, peer: str, error: TallyError) -> None:
        self.blamed.append((peer, error.code))


class Door:
    """Admission that waits to be opened, and then refuses bad signatures and what is named."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[list[Transaction]] = []
        self.refuses: dict[bytes, str] = {}
        self.admitted: set[bytes] = set()

    async def admit(self, transactions: list[Transaction], *, own: bool) -> list[Any]:
        self.calls.append(list(transactions))
        await self.open.wait()
        answers: list[Any] = []
        for transaction in transactions:
            code = self.refuses.get(transaction.id)
            if not transaction.signature_ok():
                code = "bad_signature"
            if code is None:
                self.admitted.add(transaction.id)
                answers.append(SimpleNamespace(id=transaction.id))
            else:
                answers.append(Outcome(transaction.id, "refused", error=NotAdmitted(code, code)))
        return answers


class Case:
    """A forwarder with nothing real around it but the pool."""

    def __init__(self) -> None:
        self.links = Links()
        self.door = Door()
        self.pool = Pool()
        self.statistics = Statistics()
        self.leads = True
        self.forwarder = Forwarder(
            pool=self.pool,
            peers=self.links,  # type: ignore[arg-type]
            admission=self.door,  # type: ignore[arg-type]
            leads=lambda: self.leads,
            wake=lambda: None,
            statistics=self.statistics,
        )

    def offer(self, leader: str, *transactions: Transaction) -> list[Entry]:
        entries = [Entry(KeyValue().prepare(each), "org", 0.0, own=True) for each in transactions]
        for entry in entries:
            self.pool.add(entry)
        self.forwarder.forward(leader)
        assert all(entry.state is mempool.FORWARDED for entry in entries)
        return entries

    async def settled(self) -> None:
        while self.forwarder._admitting is not None:
            await asyncio.sleep(0)


def play(scenario: Callable[[Case], Any]) -> None:
    async def whole() -> None:
        case = Case()
        await scenario(case)
        await case.forwarder.close()

    run(whole)


def transaction(number: int = 0) -> Transaction:
    return set_pair(CHANNEL, CLIENT, "k", number)


def badly_signed(good: Transaction) -> tuple[bytes, bytes]:
    return (good.body, STRANGER.sign(keys.TRANSACTION_DOMAIN, good.body))


@pytest.mark.parametrize(
    "envelopes",
    [None, 7, b"", (b"",), ((b"", b""),), ((b"\x90", bytes(64)),), ((1, 2, 3),), ({"a": 1},), ((),) * 501],
)
def test_what_are_no_envelopes_closes_the_link(envelopes: codec.Value) -> None:
    async def scenario(case: Case) -> None:
        with pytest.raises(Malformed):
            case.forwarder.take_in("n2", envelopes)
        assert not case.door.calls

    play(scenario)


def test_a_bad_signature_is_the_forwarders_fault_and_not_anothers() -> None:
    async def scenario(case: Case) -> None:
        good = transaction()
        case.door.open.clear()
        case.forwarder.take_in("n4", (transaction(1).parts,))
        await asyncio.sleep(0)
        case.forwarder.take_in("n2", (badly_signed(good),))
        case.forwarder.take_in("n3", (good.parts,))
        case.door.open.set()
        await case.settled()
        assert case.links.blamed == [("n2", "bad_forward")]
        assert [(peer, message[1][0][:2]) for peer, message in case.links.sent] == [
            ("n2", (good.id, "bad_signature"))
        ]
        assert good.id in case.door.admitted

    play(scenario)


def test_a_flood_of_one_node_leaves_the_shares_of_others() -> None:
    async def scenario(case: Case) -> None:
        case.door.open.clear()
        flood = tuple([transaction(number).parts for number in range(MAX_FORWARD_TRANSACTIONS)])
        frames = 0
        while not case.links.sent:
            case.forwarder.take_in("n2", flood)
            await asyncio.sleep(0)
            frames += 1
        assert frames == MAX_FORWARD_WAITING // MAX_FORWARD_TRANSACTIONS + 1
        assert {refusal[1] for refusal in case.links.sent[0][1][1]} == {"busy"}
        honest = transaction(-1)
        case.forwarder.take_in("n3", (honest.parts,))
        assert len(case.links.sent) == 1
        case.door.open.set()
        await case.settled()
        assert honest.id in case.door.admitted
        case.forwarder.take_in("n2", flood)
        assert len(case.links.sent) == 1, "its share is free again"
        await case.settled()

    play(scenario)


def test_only_the_leader_that_was_offered_a_transaction_can_refuse_it() -> None:
    async def scenario(case: Case) -> None:
        (entry,) = case.offer("n2", transaction())
        case.forwarder.refused("n3", ((entry.id, "expired", "no"),))
        assert entry.id in case.pool
        assert case.links.blamed == [("n3", "wrong_answer")]
        case.forwarder.refused("n2", ((entry.id, "expired", "no"),))
        assert entry.id not in case.pool
        assert case.statistics.not_admitted == {"expired": 1}

    play(scenario)


@pytest.mark.parametrize("code", ["busy", "not_leading"])
def test_what_one_leader_cannot_take_in_now_goes_to_the_next_one_at_once(code: str) -> None:
    """After a hand-over no client waits for the pause that was meant for the leader before."""

    async def scenario(case: Case) -> None:
        (entry,) = case.offer("n2", transaction())
        case.forwarder.refused("n2", ((entry.id, code, "no"),))
        case.links.sent.clear()
        case.forwarder.forward("n2")
        assert not case.links.sent
        case.forwarder.forward("n3")
        assert [peer for peer, _ in case.links.sent] == ["n3"]

    play(scenario)


@pytest.mark.parametrize("codes", [("busy", "busy"), ("expired", "busy"), ("busy", "expired")])
def test_one_transaction_refused_twice_in_a_frame_leaves_the_pool_whole(codes: tuple[str, str]) -> None:
    async def scenario(case: Case) -> None:
        (entry,) = case.offer("n2", transaction())
        with pytest.raises(Malformed):
            case.forwarder.refused("n2", tuple([(entry.id, code, "no") for code in codes]))
        assert entry.state is mempool.FORWARDED
        assert case.pool.waiting == 0

    play(scenario)


def test_invented_codes_of_a_leader_share_one_label() -> None:
    async def scenario(case: Case) -> None:
        entries = case.offer("n2", *[transaction(number) for number in range(20)])
        case.forwarder.refused("n2", tuple([(entry.id, f"code{n}", "no") for n, entry in enumerate(entries)]))
        assert case.statistics.not_admitted == {"refused_by_leader": 20}
        with pytest.raises(Malformed):
            case.forwarder.refused("n2", ((bytes(32), "busy", "x" * 1_000_000),))
        with pytest.raises(Malformed):
            case.forwarder.refused("n2", ((bytes(32), "", "x"),))

    play(scenario)


def test_one_body_with_many_signatures_is_admitted_in_turns(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        good = transaction()
        variants = [(good.body, bytes([number]) * 64) for number in range(50)]
        case.forwarder.take_in("n2", (*variants, good.parts))
        await case.settled()
        assert all(len({each.id for each in call}) == len(call) for call in case.door.calls)
        assert case.door.admitted == {good.id}
        assert case.links.blamed == [("n2", "bad_forward")] * 50

    play(scenario)
