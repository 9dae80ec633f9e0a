"""What a follower does first of what the leader waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_network import Cluster, run

from consensus import wire
from consensus.messages import AppendReply
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate
from ledger.codec import Value


def test_a_follower_acknowledges_a_block_before_it_applies_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the news of a commit comes with the next block, the leader waits for nothing but that block."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        await cluster.level()
        follower = next(node for node in cluster.nodes.values() if node is not leader)
        said: list[tuple[str, int]] = []
        queue, commit = follower.peers.queue, follower.chain.commit

        def queued(peer: str, message: tuple[str, Value]) -> bool:
            stated = wire.from_value(message[1]) if message[0] == "raft" else None
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
