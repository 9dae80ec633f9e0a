"""Submissions that a connection takes whole are answered as by the long way, which all other requests go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
import uvloop
from envelopes import order, signed
from local_node import LocalNetwork
from uvicorn.server import ServerState

from ledger import codec
from ledger.limits import MAX_TRANSACTION_BYTES
from node.api import Front, create_app
from node.api.connections import BoundedProtocol
from node.errors import NotAdmitted
from node.intake.outcome import Outcome
from node.service import Service

_TYPE = b"Content-Type: application/msgpack"


class Wire:
    """The client's end of a connection, in memory."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if name != "socket" else None

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Site:
    """A node's HTTP side: new connections, and how many submissions came which way."""

    def __init__(self, network: LocalNetwork) -> None:
        self.node = network.nodes["n1"]
        self.path = f"/v1/channels/{network.channel.hex()}/transactions"
        self.direct = 0
        self.told: list[Callable[[Outcome], None]] = []
        """Set aside instead of being answered, if `holds`."""
        self.holds = False
        self.tasks: set[asyncio.Task[None]] = set()
        self.app = create_app(self.node)
        self._config = uvicorn.Config(
            Front(self.app),
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
        )
        self._config.load()

    def submit_one(self, envelope: bytes, told: Callable[[Outcome], None]) -> None:
        """In the place of the service's own, which has a driver and a pool."""
        self.direct += 1
        if self.holds:
            self.told.append(told)
            return

        async def submit() -> None:
            (outcome,) = await self.node.submit([envelope])
            told(outcome)

        task = asyncio.get_running_loop().create_task(submit())
        self.tasks.add(task)

    def connect(self) -> tuple[BoundedProtocol, Wire]:
        connection = BoundedProtocol(config=self._config, server_state=ServerState(), app_state={})
        wire = Wire()
        connection.connection_made(wire)  # type: ignore[arg-type]
        return connection, wire

    def request(
        self, body: bytes, *lines: str, accept: str = "application/msgpack", query: str = ""
    ) -> bytes:
        head = [
            f"POST {self.path}{query} HTTP/1.1",
            "Host: here",
            "Content-Type: application/msgpack",
            f"Accept: {accept}",
            *(lines or [f"Content-Length: {len(body)}"]),
        ]
        return "\r\n".join([*head, "", ""]).encode() + body

    async def ask(self, request: bytes) -> bytes:
        """The bytes of the answer on a connection of its own."""
        connection, wire = self.connect()
        connection.data_received(request)
        await answered(wire)
        return b"".join(wire.sent)


async def answered(wire: Wire, count: int = 1) -> None:
    """Wait for so many answers."""
    for _ in range(1_000):
        if b"".join(wire.sent).count(b"content-length") >= count:
            break
        await asyncio.sleep(0.005)
    await asyncio.sleep(0)
    assert b"".join(wire.sent).count(b"content-length") == count


def on_site(
    network: LocalNetwork, monkeypatch: pytest.MonkeyPatch, scenario: Callable[[Site], Awaitable[None]]
) -> Site:
    async def whole() -> Site:
        site = Site(network)
        monkeypatch.setattr(Service, "submit_one", lambda _, *given: site.submit_one(*given))
        await scenario(site)
        return site

    return uvloop.run(whole())


def parts(answer: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, headers and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return first, dict(line.split(b": ", 1) for line in lines), body


@pytest.mark.parametrize("query", ["", "?wait=committed"])
def test_a_submission_is_answered_in_one_write(
    network: LocalNetwork, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    async def scenario(site: Site) -> None:
        connection, wire = site.connect()
        transaction = signed(network.channel, order(f"PO-D{len(query)}"))
        request = site.request(transaction.envelope, query=query)
        for end in (20, 150, len(request)):  # however it arrives
            connection.data_received(request[:end])
            request = request[end:]
        await answered(wire)
        assert len(wire.sent) == 1
        shown = codec.decode(parts(wire.sent[0])[2])
        assert (shown["status"], shown["id"]) == ("committed", transaction.id)
        assert not wire.is_closed

    assert on_site(network, monkeypatch, scenario).direct == 1


def test_both_ways_answer_alike(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    good = signed(network.channel, order("PO-D2"))
    known = signed(network.channel, order("PO-D3")).envelope
    refused = signed(network.channel, {**order("PO-D4"), "supplier": "nobody"}).envelope
    sent = {
        "committed": known,
        "on the ledger, and refused by a rule": refused,
        "no transaction": b"\x92\xc0\xc0",
        "nothing": b"",
        "of another ledger": signed(bytes(32), order("PO-D5")).envelope,
        "signed by nobody": codec.encode((good.body, bytes(64))),
        "expired": signed(network.channel, order("PO-D6"), valid_ms=-5_000).envelope,
    }

    async def scenario(site: Site) -> None:
        for what, body in sent.items():
            first = await site.ask(site.request(body))
            again, long = [
                parts(await site.ask(site.request(body, accept=accept)))
                for accept in ("application/msgpack", "application/msgpack, */*")
            ]
            assert again[0] == long[0] == parts(first)[0], what
            assert again[1:] == long[1:], what
        site.node.closed = NotAdmitted("busy", "this node's queue is full")
        try:
            busy = [
                parts(await site.ask(site.request(known, accept=accept)))
                for accept in ("application/msgpack", "application/msgpack, */*")
            ]
        finally:
            site.node.closed = None
        assert busy[0] == busy[1]
        assert b"retry-after" in busy[0][1]

    assert on_site(network, monkeypatch, scenario).direct == 2 * len(sent) + 1


def test_what_is_unusual_goes_the_long_way(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is answered as it always was, and never half by one way and half by the other."""
    envelope = signed(network.channel, order("PO-D7")).envelope
    length = f"Content-Length: {len(envelope)}"
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(envelope), envelope)

    async def scenario(site: Site) -> None:
        plain = site.request(envelope)
        requests = {
            "an answer as JSON": (200, site.request(envelope, accept="application/json")),
            "not waited for": (202, site.request(envelope, query="?wait=none")),
            "chunks": (200, site.request(b"", "Transfer-Encoding: chunked") + chunked),
            "HTTP/1.0": (200, plain.replace(b"HTTP/1.1", b"HTTP/1.0")),
            "the last one": (200, site.request(envelope, length, "Connection: close")),
            "a JSON body": (
                400,
                plain.replace(b"Content-Type: application/msgpack", b"Content-Type: application/json"),
            ),
            "another type": (
                415,
                plain.replace(b"Content-Type: application/msgpack", b"Content-Type: text/plain"),
            ),
            "too large": (413, site.request(bytes(MAX_TRANSACTION_BYTES + 1))),
            "another method": (405, plain.replace(b"POST", b"PUT")),
        }
        for what, (status, request) in requests.items():
            found = await site.ask(request)
            assert int(found.split(b" ", 2)[1]) == status, what
        connection, wire = site.connect()
        connection.data_received(site.request(b"", length, "Expect: 100-continue"))
        await asyncio.sleep(0.01)
        assert wire.sent == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        connection.data_received(envelope)
        await answered(wire)

    assert on_site(network, monkeypatch, scenario).direct == 0


def test_requests_in_a_row_are_answered_in_that_order(
    network: LocalNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = [signed(network.channel, order(f"PO-D8-{number}")) for number in range(3)]

    async def scenario(site: Site) -> None:
        connection, wire = site.connect()
        status = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
        requests = [site.request(each.envelope) for each in transactions]
        connection.data_received(requests[0] + requests[1] + status + requests[2])
        await answered(wire, 4)
        answers = b"".join(wire.sent).split(b"HTTP/1.1 ")[1:]
        ids = [codec.decode(answers[place].partition(b"\r\n\r\n")[2])["id"] for place in (0, 1, 3)]
        assert ids == [each.id for each in transactions]
        connection.data_received(requests[0])
        await answered(wire, 5)

    assert on_site(network, monkeypatch, scenario).direct == 2, "the first, and the one on an idle connection"


def test_whoever_is_gone_gets_no_answer(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Site) -> None:
        site.holds = True
        connection, wire = site.connect()
        connection.data_received(site.request(signed(network.channel, order("PO-D9")).envelope))
        wire.close()
        connection.connection_lost(None)
        site.told[0](Outcome(bytes(32), "refused", error=NotAdmitted("expired", "too late")))
        assert not wire.sent

    on_site(network, monkeypatch, scenario)


def test_a_server_that_stops_answers_first(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Site) -> None:
        site.holds = True
        connection, wire = site.connect()
        connection.data_received(site.request(signed(network.channel, order("PO-D10")).envelope))
        connection.shutdown()
        assert not wire.is_closed
        site.told[0](Outcome(bytes(32), "refused", error=NotAdmitted("expired", "too late")))
        _, headers, _ = parts(wire.sent[0])
        assert headers[b"connection"] == b"close"
        assert wire.is_closed

    on_site(network, monkeypatch, scenario)


@pytest.mark.parametrize("when", ["as it comes", "as it is answered"])
def test_a_bug_is_told_as_a_bug(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    async def scenario(site: Site) -> None:
        def breaks(*_: object) -> None:
            raise RuntimeError("no such luck")

        owner, name = (site, "submit_one") if when == "as it comes" else (site.node.chain, "receipt_at")
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, breaks)
            answer = await site.ask(site.request(signed(network.channel, order(f"PO-D{len(when)}")).envelope))
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"internal_error" in answer

    on_site(network, monkeypatch, scenario)


def test_direct_submissions_are_counted_like_all_others(
    network: LocalNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(site: Site) -> None:
        await site.ask(site.request(signed(network.channel, order("PO-D11")).envelope))
        await site.ask(site.request(b"\x92\xc0\xc0"))
        exposed = site.app.state.telemetry.exposition().decode()
        for status in (200, 400):
            assert (
                f'tally_http_requests_total{{operation="submit_transaction",status="{status}"}} 1.0'
                in exposed
            )
        assert 'tally_http_request_seconds_count{operation="submit_transaction"} 2.0' in exposed

    on_site(network, monkeypatch, scenario)


class _NoParser:
    """Stands where a connection has its parser, and must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the parser was asked: {name}")


def test_a_head_that_is_known_is_not_parsed_again(
    network: LocalNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on another connection; a request that comes in pieces, or with the next one, is parsed."""
    envelopes = [signed(network.channel, order(f"PO-D1{number}")).envelope for number in range(4)]

    async def scenario(site: Site) -> None:
        await site.ask(site.request(envelopes[0]))
        connection, wire = site.connect()
        parser, connection.parser = connection.parser, _NoParser()
        connection.data_received(site.request(envelopes[1]))
        await answered(wire)
        connection.parser = parser
        request = site.request(envelopes[2])
        connection.data_received(request[:-1])
        connection.data_received(request[-1:])
        await answered(wire, 2)
        connection.data_received(site.request(envelopes[3]) + site.request(envelopes[0]))
        await answered(wire, 4)
        assert b"".join(wire.sent).count(b"HTTP/1.1 200") == 4

    assert on_site(network, monkeypatch, scenario).direct == 4, (
        "all but the last, which does not wait its turn"
    )
