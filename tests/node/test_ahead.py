"""Transactions that a leader sends ahead of their block: checked once, believed of nobody, soon forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from key_value import KeyValue, set_pair
from node_network import Cluster, run

from consensus import messages
from consensus.messages import AppendReply
from ledger import keys
from ledger.block import Block
from ledger.certificate import Certificate
from ledger.codec import Value
from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.transaction import Transaction
from node import ahead
from node.ahead import AHEAD, Ahead
from node.limits import AHEAD_BYTES, AHEAD_LEAST, AHEAD_MOST, MAX_AHEAD_KEPT
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


def test_what_was_sent_ahead_is_neither_decoded_nor_checked_again() -> None:
    waiting = Ahead(KeyValue(), Pool())
    sent = some(AHEAD_LEAST)
    waiting.take_in(tuple(each.parts for each in sent))
    read = waiting.read(sent[0].parts)
    assert read == sent[0]
    checked = waiting.checked(read)
    assert checked is not None
    assert checked.transaction is read
    assert waiting.checked(read) is None, "it is kept until its block has come"
    assert waiting.checked(waiting.read(some(1, first=99)[0].parts)) is None, "nobody sent it"


def test_a_transaction_of_the_pool_counts_as_checked_if_its_signature_is_the_same() -> None:
    """An id does not cover the signature."""
    pool = Pool()
    (held,) = some(1)
    forged = with_signature_of(SigningKey.generate(), held)
    pool.add(Entry(KeyValue().prepare(held), "org", 0.0, own=True))
    waiting = Ahead(KeyValue(), pool)
    assert waiting.checked(held) is not None
    assert waiting.checked(forged) is None
    with pytest.raises(Malformed):
        waiting.take_in((forged.parts,))
    waiting.take_in((held.parts,))
    assert waiting.read(forged.parts) == forged
    assert waiting.checked(forged) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        ((),),
        ((b"", b""),),
        (({}, {}),),
        tuple([b""] * (AHEAD_MOST + 1)),
        (with_signature_of(SigningKey.generate(), some(1)[0]).parts,),
        (set_pair(CHANNEL, CLIENT, "k", 1, op="launch").parts,),
    ],
)
def test_nothing_is_kept_of_what_no_honest_leader_sends(content: Value) -> None:
    waiting = Ahead(KeyValue(), Pool())
    with pytest.raises(Malformed):
        waiting.take_in(content)
    assert not waiting._checked


def test_what_never_comes_in_a_block_is_forgotten() -> None:
    waiting = Ahead(KeyValue(), Pool())
    sent = some(MAX_AHEAD_KEPT + 1)
    for start in range(0, len(sent), AHEAD_MOST):
        waiting.take_in(tuple(each.parts for each in sent[start : start + AHEAD_MOST]))
    assert waiting.checked(sent[0]) is None
    assert waiting.checked(sent[1]) is not None


def test_followers_have_checked_a_small_block_when_it_comes(
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
        assert sorted(checked) == [0, 0, AHEAD_LEAST], "the leader's door, and nothing at the others"
        (other,) = [node for node in cluster.nodes.values() if node is not leader][:1]
        other.driver.on_message("n9", (AHEAD, "not heard, as it is not the leader's"))
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
