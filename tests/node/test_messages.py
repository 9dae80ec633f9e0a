"""What a member may send over its link: nothing of it breaks a node."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from node_network import Cluster, run, until

from consensus.messages import Append, Entry, Heartbeat, PreVote, Vote, VoteReply
from consensus.wire import to_value
from ledger import codec
from ledger.errors import TallyError


def any_value(chance: random.Random, depth: int = 0) -> codec.Value:
    """Some canonical value, likely to look like a message."""
    kind = chance.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return chance.choice(["raft", "forward", "forwarded", "hello", "n1", "n2", "n3", "block", ""])
    if kind == 1:
        return chance.choice([0, 1, 2, 5, -1, 2**48, 2**63 - 1, -(2**63)])
    if kind == 2:
        return chance.randbytes(chance.choice([0, 1, 32, 64]))
    if kind == 3:
        return chance.choice([None, True, False])
    if kind == 4:
        return chance.randrange(1, 9)
    if kind == 5:
        return ()
    return tuple([any_value(chance, depth + 1) for _ in range(chance.randrange(1, 10))])


def mutated(chance: random.Random, value: codec.Value) -> codec.Value:
    """A message with one part replaced, doubled or taken out."""
    if type(value) is not tuple or not value or chance.random() < 0.2:
        return any_value(chance)
    place = chance.randrange(len(value))
    change = chance.randrange(4)
    if change == 0:
        return (*value[:place], *value[place + 1 :])
    if change == 1:
        return (*value[:place], value[place], *value[place:])
    return (*value[:place], mutated(chance, value[place]), *value[place + 1 :])


def test_no_message_of_a_member_breaks_a_node(tmp_path: Path) -> None:
    """CR-88, through the whole driver: each is refused with a typed error, dropped or answered."""
    cluster = Cluster.make(tmp_path)
    chance = random.Random(20_261_124)
    entry = Entry(1, 1, bytes(32), b"not a block")
    honest: list[codec.Value] = [
        ("raft", to_value(PreVote("n2", "n1", 3, 1, 0, 0))),
        ("raft", to_value(Vote("n2", "n1", 3, 2, 0, 0, False))),
        ("raft", to_value(VoteReply("n2", "n1", 3, 3, 1, True, 1, 1, 1, bytes(32), bytes(64)))),
        ("raft", to_value(Heartbeat("n2", "n1", 3, 4, 0, None))),
        ("raft", to_value(Append("n2", "n1", 3, 5, 0, 0, (entry,), 0, None))),
        ("forward", (cluster.transaction("k", 1).parts, cluster.transaction("l", 2).parts)),
        ("forwarded", ((bytes(32), "busy", "full"),)),
    ]

    async def scenario() -> None:
        await cluster.start("n1")
        node = cluster.nodes["n1"]
        refused = 0
        for number in range(4_000):
            if number % 20 == 0:
                await asyncio.sleep(0)
            value = mutated(chance, chance.choice(honest)) if chance.random() < 0.8 else any_value(chance)
            try:
                node.driver.on_message(chance.choice(["n2", "n3"]), value)
            except TallyError:
                refused += 1
        assert refused > 1_000
        assert not node.stopped.is_set()
        problem = node.service.status()["problem"]
        assert problem is None or problem["code"] == "unreproducible_block"
        await cluster.start("n2", "n3")
        await cluster.leader()
        (outcome,) = await cluster.nodes["n3"].service.submit([cluster.transaction("after", 1).envelope])
        assert outcome.status == "committed"
        await cluster.stop()

    run(scenario)


def test_a_block_that_is_no_block_is_refused_and_kept(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start("n1")
        node = cluster.nodes["n1"]
        entry = Entry(1, 3, bytes(32), b"\x93not a block")
        node.driver.on_message("n2", ("raft", to_value(Append("n2", "n1", 3, 5, 0, 0, (entry,), 0, None))))
        await until(lambda: node.service.status()["problem"], "the refusal")
        assert node.chain.head.height == 0
        assert [kept.name.split("-")[0] for kept in (tmp_path / "n1" / "refused").iterdir()] == ["1"]
        await cluster.start("n2", "n3")
        await cluster.level()
        await until(lambda: node.service.ready, "the problem to be over")
        await cluster.stop()

    run(scenario)
