"""The way of log entries to the disk: what it says of itself when something has come to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from consensus.messages import Entry
from consensus.ready import Ready
from ledger.storage.store import Store
from node.loop.appender import Appender, Reports
from node.statistics import Statistics


def test_nothing_is_on_its_way_any_more_when_the_last_work_is_reported(tmp_path: Path) -> None:
    """Whoever waits for that, as an apply does, is not woken a second time."""
    seen: list[tuple[str, bool]] = []

    def fail(*_: object) -> Any:
        raise AssertionError("neither a block nor the disk is to be touched")

    async def scenario() -> None:
        store = Store.open(tmp_path / "ledger")
        is_over = asyncio.Event()

        def report(_: object) -> None:
            seen.append(("reported", appender.is_busy))
            is_over.set()

        appender = Appender(
            chain=cast(Any, SimpleNamespace(pending_block=lambda _: None)),
            store=store,
            verify=fail,
            reports=Reports(
                durable=report,
                accepted=fail,
                refused=lambda *_: seen.append(("refused", appender.is_busy)),
                dropped=fail,
                failed=fail,
                broken=fail,
            ),
            may_yield=lambda _: False,
            statistics=Statistics(),
        )
        no_block = Entry(1, 1, bytes(32), b"no block")
        appender.put(Ready(None, None, (no_block,), (), None, None, False, None))
        await asyncio.wait_for(is_over.wait(), 10)
        appender.close()
        store.close()

    asyncio.run(scenario())
    assert seen == [("refused", True), ("reported", False)]
