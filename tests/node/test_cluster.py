"""Three nodes in one process: real LevelDB, real TLS, one loop."""

from __future__ import annotations

from pathlib import Path

from node_network import Cluster, run

from ledger.state import state_key


def test_each_node_takes_submissions_and_all_end_with_one_head(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        for name, node in cluster.nodes.items():
            transaction = cluster.transaction(name, 1)
            (outcome,) = await node.service.submit([transaction.envelope])
            assert (outcome.status, outcome.id, outcome.result) == ("committed", transaction.id, ())
            assert node.chain.outcome(transaction.id) == (outcome.height, outcome.index, ())
            assert node.chain.get(state_key("pair", name)) == (1,)
        await cluster.level()
        await cluster.stop()

    run(scenario)
