"""The event stream: in order, without gaps, resumable, bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from envelopes import order, signed
from local_node import LocalNetwork

from node.api import create_app
from node.limits import MAX_SUBSCRIBERS

PATIENCE_S = 20


class Stream:
    """An open event stream on an application in this process."""

    def __init__(self, app: Any, path: str, query: str = "", last_event_id: str | None = None) -> None:
        headers = [(b"accept", b"text/event-stream")]
        if last_event_id is not None:
            headers.append((b"last-event-id", last_event_id.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "client": ("test", 1),
            "server": ("test", 2),
        }
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._task = asyncio.create_task(app(scope, self._receive, self._sent.put))
        self._text = ""
        self.status = 0

    async def _receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _message(self) -> Any:
        return await asyncio.wait_for(self._sent.get(), PATIENCE_S)

    async def opened(self) -> int:
        message = await self._message()
        self.status = message["status"]
        return self.status

    async def event(self) -> dict[str, str]:
        """The next event's fields."""
        while True:
            block, separator, rest = self._text.partition("\n\n")
            if separator:
                self._text = rest
                lines = [line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")]
                if lines:
                    return dict(lines)
                continue
            self._text += (await self._message())["body"].decode()

    async def close(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self._task, PATIENCE_S)


async def _submit(network: LocalNetwork, number: str) -> bytes:
    transaction = signed(network.channel, order(number))
    await network.nodes["n1"].submit([transaction.envelope])
    return transaction.id


@pytest.fixture
def own(tmp_path: Path) -> Any:
    made = LocalNetwork(tmp_path, members=("n1",))
    yield made
    made.close()


def _path(network: LocalNetwork) -> str:
    return f"/v1/channels/{network.channel.hex()}/events"


def test_new_blocks_come_as_they_are_applied(own: LocalNetwork) -> None:
    async def scenario() -> None:
        stream = Stream(create_app(own.nodes["n1"]), _path(own))
        assert await stream.opened() == 200
        identities = [await _submit(own, f"PO-{number}") for number in range(3)]
        for height, identity in enumerate(identities, 2):
            event = await stream.event()
            assert (event["event"], event["id"]) == ("block", str(height))
            data = json.loads(event["data"])
            assert data["height"] == height
            assert [entry["id"] for entry in data["transactions"]] == [identity.hex()]
        await stream.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("by_header", [True, False])
def test_stream_resumes_after_the_last_event_seen(own: LocalNetwork, by_header: bool) -> None:
    async def scenario() -> None:
        for number in range(4):
            await _submit(own, f"PO-{number}")
        app = create_app(own.nodes["n1"])
        stream = (
            Stream(app, _path(own), last_event_id="2") if by_header else Stream(app, _path(own), "after=2")
        )
        assert await stream.opened() == 200
        assert [(await stream.event())["id"] for _ in range(3)] == ["3", "4", "5"]
        await stream.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("given", "status"), [("99", 404), ("-1", 422), ("x", 422), (str(2**63), 422)])
def test_resume_from_nowhere_is_a_problem(own: LocalNetwork, given: str, status: int) -> None:
    async def scenario() -> None:
        stream = Stream(create_app(own.nodes["n1"]), _path(own), last_event_id=given)
        assert await stream.opened() == status
        await stream.close()

    asyncio.run(scenario())


def test_streams_are_bounded_and_a_closed_one_makes_room(own: LocalNetwork) -> None:
    async def scenario() -> None:
        app = create_app(own.nodes["n1"])
        first = Stream(app, _path(own), "after=0")
        await first.opened()
        await first.event()
        app.state.telemetry.subscribers += MAX_SUBSCRIBERS - 1
        refused = Stream(app, _path(own))
        assert await refused.opened() == 429
        await refused.close()
        await first.close()
        assert app.state.telemetry.subscribers == MAX_SUBSCRIBERS - 1
        again = Stream(app, _path(own))
        assert await again.opened() == 200
        await again.close()

    asyncio.run(scenario())


def test_stream_ends_when_the_node_stops(own: LocalNetwork) -> None:
    async def scenario() -> None:
        node = own.nodes["n1"]
        stream = Stream(create_app(node), _path(own), "after=0")
        await stream.opened()
        await stream.event()
        await node.stop()
        await asyncio.wait_for(stream._task, PATIENCE_S)

    asyncio.run(scenario())
