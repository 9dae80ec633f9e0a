"""Transactions that a leader sends ahead of their block: checked once, believed of nobody, soon forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from key_value import KeyValue, set_pair
from node_network import Cluster, run

from consensus import messages
from consensus.messages import AppendReply
from ledger import keys
from ledger.block import Block
from ledger.certificate import Certificate
from ledger.codec import Value
from ledger.errors import Malformed, TallyError
from ledger.keys import SigningKey
from ledger.transaction import Transaction
from node import ahead
from node.ahead import AHEAD, Ahead
from node.limits import AHEAD_BYTES, AHEAD_LEAST, AHEAD_MOST, MAX_AHEAD_KEPT, SEAL_WINDOW_BLOCKS
from node.mempool import Entry, Pool
from node.signatures import SignatureChecker

CHANNEL = bytes(32)
CLIENT = SigningKey.from_seed(b"client".ljust(32))


def some(count: int, first: int = 0) -> list[Transaction]:
    return [set_pair(CHANNEL, CLIENT, f"k{first + number}", number) for number in range(count)]


def with_signature_of(signer: SigningKey, transaction: Transaction) -> Transaction:
    return transaction._replace(signature=signer.sign(keys.TRANSACTION_DOMAIN, transaction.body))


def test_only_blocks_of_some_transactions_and_few_bytes_are_sent_ahead() -> None:
    assert ahead.message(some(AHEAD_LEAST - 1)) is None
    assert ahead.message(some(AHEAD_MOST + 1)) is None
    sent = some(AHEAD_LEAST)
    assert ahead.message(sent) == (AHEAD, tuple(each.parts for each in sent))
    large = set_pair(CHANNEL, CLIENT, "k", (bytes(15_000),) * 4)
    most = AHEAD_BYTES // large.size
    assert most >= AHEAD_LEAST
    assert ahead.message([large] * most) is not None
    assert ahead.message([large] * (most + 1)) is None


@dataclass
class Case:
    """One node's side, and what it held against the leader."""

    pool: Pool = field(default_factory=Pool)
    refused: list[TallyError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ahead = Ahead(KeyValue(), self.pool)

    async def hear(self, *transactions: Transaction) -> None:
        self.ahead.take_in(tuple([each.parts for each in transactions]), self.refused.append)
        await asyncio.sleep(0)

    def knows(self, transaction: Transaction) -> bool:
        """Whether it need not be checked in a block, which comes now."""
        read = self.ahead.read(transaction.parts)
        assert read == transaction
        block = cast(Block, SimpleNamespace(transactions=(read,)))
        checked, unknown = self.ahead.sort(block)
        assert [*checked, *[each.id for each in unknown]] == [read.id]
        return not unknown


def test_what_was_sent_ahead_is_neither_decoded_nor_checked_again() -> None:
    async def scenario() -> None:
        case = Case()
        sent = some(AHEAD_LEAST)
        await case.hear(*sent)
        assert case.ahead.read(sent[0].parts) is case.ahead.read(sent[0].parts)
        assert case.knows(sent[0])
        assert not case.knows(sent[0]), "it is kept until its block has come"
        assert not case.knows(*some(1, first=99)), "nobody sent it"
        assert not case.refused

    run(scenario)


def test_a_transaction_counts_as_checked_only_with_the_signature_that_was_checked() -> None:
    """An id does not cover the signature."""

    async def scenario() -> None:
        case = Case()
        (held,) = some(1)
        forged = with_signature_of(SigningKey.generate(), held)
        case.pool.add(Entry(KeyValue().prepare(held), "org", 0.0, own=True))
        assert case.knows(held)
        assert not case.knows(forged)
        await case.hear(held)
        assert not case.knows(forged)
        await case.hear(forged)
        assert [error.code for error in case.refused] == ["bad_forward"]
        assert not case.knows(forged)

    run(scenario)


@pytest.mark.parametrize("content", [None, {}, tuple([b""] * (AHEAD_MOST + 1))])
def test_what_is_no_list_of_transactions_is_no_message(content: Value) -> None:
    async def scenario() -> None:
        with pytest.raises(Malformed):
            Case().ahead.take_in(content, pytest.fail)

    run(scenario)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"", b""),
        ({}, {}),
        with_signature_of(SigningKey.generate(), some(1)[0]).parts,
        set_pair(CHANNEL, CLIENT, "k", 1, op="launch").parts,
    ],
)
def test_what_no_honest_leader_sends_is_counted_against_it(parts: Value) -> None:
    async def scenario() -> None:
        case = Case()
        case.ahead.take_in((parts, some(1)[0].parts), case.refused.append)
        await asyncio.sleep(0)
        assert len(case.refused) == 1
        assert not case.knows(*some(1)), "what follows is not looked at"

    run(scenario)


def test_what_never_comes_in_a_block_is_forgotten() -> None:
    async def scenario() -> None:
        case = Case()
        sent = some(MAX_AHEAD_KEPT + 1)
        for start in range(0, len(sent), AHEAD_MOST):
            await case.hear(*sent[start : start + AHEAD_MOST])
            case.knows(*some(1, first=9_999))
        assert not case.knows(sent[0])
        assert case.knows(sent[1])

    run(scenario)


def test_a_leader_that_sends_no_blocks_is_not_heard_any_more() -> None:
    async def scenario() -> None:
        case = Case()
        sent = some(SEAL_WINDOW_BLOCKS + 2)
        for each in sent[:-1]:
            await case.hear(each)
        assert not case.knows(sent[SEAL_WINDOW_BLOCKS])
        assert case.knows(sent[SEAL_WINDOW_BLOCKS - 1])
        await case.hear(sent[-1])
        assert case.knows(sent[-1]), "a block has come since"

    run(scenario)


def test_a_follower_that_completes_a_quorum_has_checked_a_small_block_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster.make(tmp_path)
    checked: list[int] = []
    check = SignatureChecker.check

    async def counted(checker: SignatureChecker, transactions: Sequence[Transaction]) -> list[bool]:
        checked.append(len(transactions))
        return await check(checker, transactions)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        leader = await cluster.leader()
        monkeypatch.setattr(SignatureChecker, "check", counted)
        sent = [cluster.transaction(f"k{number}", number) for number in range(AHEAD_LEAST)]
        outcomes = await leader.service.submit([each.envelope for each in sent])
        assert {each.height for each in outcomes} == {outcomes[0].height}
        await cluster.level()
        assert sorted(checked) == [0, AHEAD_LEAST, AHEAD_LEAST], "the leader, and whom it does not wait for"
        checked.clear()
        follower = next(node for node in cluster.nodes.values() if node is not leader)
        await follower.service.submit(
            [cluster.transaction(f"f{number}", number).envelope for number in range(AHEAD_LEAST)]
        )
        await cluster.level()
        assert sorted(checked) == [0, *[AHEAD_LEAST] * 3], "what it forwards a follower has checked"
        (other,) = [node for node in cluster.nodes.values() if node is not leader][:1]
        other.driver.on_message("n9", (AHEAD, "not heard: it is not the leader's"))
        with pytest.raises(Malformed):
            other.driver.on_message(leader.driver.node, (AHEAD, "heard"))
        await cluster.stop()

    run(scenario)


def test_a_follower_acknowledges_a_block_before_it_applies_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the news of a commit comes with the next block, the leader waits for nothing but that block."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        leader = await cluster.leader()
        follower = next(node for node in cluster.nodes.values() if node is not leader)
        said: list[tuple[str, int]] = []
        queue, commit = follower.peers.queue, follower.chain.commit

        def queued(peer: str, message: tuple[str, Value]) -> bool:
            stated = messages.from_value(message[1]) if message[0] == "raft" else None
            if isinstance(stated, AppendReply):
                said.append(("acknowledged", stated.match))
            return queue(peer, message)

        def committed(certificate: Certificate) -> list[Block]:
            said.append(("applied", certificate.height))
            return commit(certificate)

        monkeypatch.setattr(follower.peers, "queue", queued)
        monkeypatch.setattr(follower.chain, "commit", committed)
        for number in range(8):
            await leader.service.submit([cluster.transaction(f"k{number}", number).envelope])
        await cluster.level()
        order = {each: place for place, each in reversed(list(enumerate(said)))}
        applied = [height for what, height in order if what == "applied"]
        assert all(order["acknowledged", height] < order["applied", height] for height in applied)
        waited = [height for height in applied if ("acknowledged", height + 1) in order]
        assert any(order["acknowledged", height + 1] < order["applied", height] for height in waited)
        await cluster.stop()

    run(scenario)
