"""Sessions against the real API: what is proved, what is raised, and what a node's failure costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import story
from envelopes import order
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_node import key_of
from local_sessions import (
    Channel,
    answer_with,
    be_silent,
    die_after_recording,
    refuse_connections,
    rewriting,
    times,
)

from clients.errors import BrokenAnswer, NodeProblem, ProfileError, Unavailable
from clients.profile import Profile
from clients.sdk import AsyncSession, NotAdmitted, OutcomeUnknown, Refused, Session
from contracts import CONTRACT_VERSION
from contracts.trade.order import OrderIssue
from ledger import codec
from ledger.blocks.genesis import read_genesis
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, TallyError, VerificationError
from ledger.limits import MAX_BUNDLE_TRANSACTIONS, MAX_OPERATIONS
from ledger.proofs.receipt import Receipt
from ledger.state.overlay import state_key
from node.errors import NotAdmitted as NodeRefusal


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def liars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    made = Channel(tmp_path_factory.mktemp("liars"), ("n1",))
    yield made
    made.close()


def _run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


def _places(channel: Channel, identity: bytes) -> set[tuple[int, int] | None]:
    return {node.chain.locate(identity) for node in channel.network.nodes.values()}


def test_submission_is_proved_by_its_receipt(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            recorded = await session.submit(order("PO-1"))
        assert recorded.is_applied
        proved = Receipt.decode(recorded.receipt).verify(read_genesis(channel.network.genesis_block.data))
        assert [outcome.transaction.id for outcome in proved] == [recorded.id]
        assert _places(channel, recorded.id) == {(recorded.height, recorded.index)}

    _run(scenario)


def test_operation_may_be_a_contract_model(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            recorded = await session.submit(OrderIssue.model_validate(order("PO-1", lines=_lines())))
        assert recorded.transaction.operations[0]["date"] == "2024-03-01"

    _run(scenario)


def _lines() -> tuple[dict[str, Any], ...]:
    return tuple(order("x")["lines"])


def test_refusal_is_raised_with_its_evidence(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("fund") as session:
            with pytest.raises(Refused) as caught:
                await session.submit(order("PO-1"))
        error = caught.value
        assert error.code == "wrong_role"
        assert error.remedy
        (proved,) = Receipt.decode(error.receipt).verify(read_genesis(channel.network.genesis_block.data))
        assert proved.result[0][:2] == (0, "wrong_role")

    _run(scenario)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "mint.money"}, "unknown_operation"),
        ({"supplier": "acme"}, "malformed"),
        (order("PO-1", currency="XXY"), "unknown_currency"),
        (order("PO-1", price=1.5), "non_canonical"),
    ],
)
def test_malformed_operation_is_refused_before_anything_is_sent(
    channel: Channel, operation: dict[str, Any], code: str
) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            with pytest.raises(Malformed) as caught:
                await session.submit(operation)
        assert caught.value.code == code
        assert all(not node.requests for node in channel.nodes.values())

    _run(scenario)


@pytest.mark.parametrize("failure", [refuse_connections, be_silent, die_after_recording, answer_with(503)])
def test_failing_node_is_a_pause_and_the_same_bytes_go_to_the_next(channel: Channel, failure: Any) -> None:
    async def scenario() -> None:
        channel.nodes["n1"].misbehave = failure
        async with channel.session("anchor") as session:
            recorded = await session.submit(order("PO-1"))
            again = await session.submit(order("PO-2"))
        sent = [body for node in channel.nodes.values() for _, _, body in node.requests]
        assert sent.count(recorded.transaction.envelope) == 2
        assert sent.count(again.transaction.envelope) == 1
        assert len(_places(channel, recorded.id)) == 1

    _run(scenario)


def test_whole_network_may_be_away_for_a_while(channel: Channel) -> None:
    async def scenario() -> None:
        for node in channel.nodes.values():
            node.misbehave = times(2, refuse_connections)
        async with channel.session("anchor") as session:
            assert (await session.submit(order("PO-1"))).is_applied

    _run(scenario)


def test_deadline_hands_back_the_exact_bytes_which_are_recorded_once(channel: Channel) -> None:
    async def scenario() -> None:
        for node in channel.nodes.values():
            node.misbehave = die_after_recording
        async with channel.session("anchor", deadline_s=0.2) as session:
            with pytest.raises(OutcomeUnknown) as caught:
                await session.submit(order("PO-1"))
            for node in channel.nodes.values():
                node.misbehave = None
            height = channel.network.nodes["n1"].chain.applied.height
            (recorded,) = await session.record(caught.value.transactions)
        assert recorded.height <= height
        assert len(_places(channel, recorded.id)) == 1

    _run(scenario)


def test_nothing_is_unknown_if_nothing_was_sent(channel: Channel) -> None:
    async def scenario() -> None:
        for node in channel.nodes.values():
            node.misbehave = refuse_connections
        async with channel.session("anchor", deadline_s=0.1) as session:
            with pytest.raises(Unavailable):
                await session.submit(order("PO-1"))

    _run(scenario)


def test_transaction_that_is_not_admitted_is_raised_with_the_nodes_reason(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            signed = session.sign(order("PO-1"))
            forged = Transaction.from_parts((signed.body, bytes(64)))
            with pytest.raises(NotAdmitted) as caught:
                await session.record([forged])
        assert (caught.value.code, caught.value.status, caught.value.index) == ("bad_signature", 401, 0)

    _run(scenario)


def test_bundle_carries_the_good_ones_through_and_names_the_bad(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            good = [session.sign(order(f"PO-{number}")) for number in range(3)]
            forged = Transaction.from_parts((session.sign(order("PO-9")).body, bytes(64)))
            with pytest.raises(NotAdmitted) as caught:
                await session.record([good[0], forged, *good[1:]])
        assert (caught.value.index, list(caught.value.problems)) == (1, [1])
        assert {recorded.id for recorded in caught.value.recorded} == {transaction.id for transaction in good}

    _run(scenario)


def test_bundle_of_individually_signed_transactions_is_recorded_in_order(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            recorded = await session.bundle([order(f"PO-{number}")] for number in range(7))
        assert [found.transaction.operations[0]["order"] for found in recorded] == [
            f"PO-{number}" for number in range(7)
        ]
        assert len({found.receipt for found in recorded}) == 1

    _run(scenario)


def test_refusals_of_a_bundle_are_results(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            recorded = await session.bundle([[order("PO-1")], [order("PO-1")], [order("PO-2")]])
        assert [found.is_applied for found in recorded] == [True, False, True]
        with pytest.raises(Refused):
            recorded[1].raise_if_refused()

    _run(scenario)


def test_more_transactions_than_a_bundle_holds_are_several_bundles(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            transactions = [
                session.sign(order(f"PO-{number}")) for number in range(MAX_BUNDLE_TRANSACTIONS + 5)
            ]
            recorded = await session.record(transactions)
        assert [found.id for found in recorded] == [transaction.id for transaction in transactions]
        posts = [path for _, path, _ in channel.nodes["n1"].requests]
        assert len(posts) == 2

    _run(scenario)


def test_batch_is_one_signature_over_many_operations(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            operations = [order(f"PO-{number}") for number in range(MAX_OPERATIONS + 10)]
            recorded = await session.batch([*operations, operations[3]])
        kept = [operation["order"] for found in recorded for operation in found.transaction.operations]
        assert kept == [operation["order"] for operation in operations] + ["PO-3"]
        assert all(len(found.transaction.operations) <= MAX_OPERATIONS for found in recorded)
        assert [refusal.code for found in recorded for refusal in found.refusals] == ["duplicate_number"]

    _run(scenario)


def test_overloaded_node_is_asked_again_for_what_it_did_not_take(channel: Channel) -> None:
    async def scenario() -> None:
        service = channel.network.nodes["n1"]
        service.closed = NodeRefusal("busy", "full")
        async with channel.session("anchor") as session:
            recorded = await session.bundle([[order("PO-1")], [order("PO-2")]])
        assert [found.is_applied for found in recorded] == [True, True]

    _run(scenario)


def test_unknown_outcome_holds_everything_that_has_none_yet(channel: Channel) -> None:
    async def scenario() -> None:
        answered = times(MAX_BUNDLE_TRANSACTIONS, be_silent)
        left = [2]

        async def misbehave(
            request: httpx.Request, ask: Callable[[], Awaitable[httpx.Response]]
        ) -> httpx.Response:
            left[0] -= 1
            return await (ask() if left[0] > 0 else answered(request, ask))

        for node in channel.nodes.values():
            node.misbehave = misbehave
        async with channel.session("anchor", deadline_s=0.3) as session:
            transactions = [session.sign(order(f"PO-{n}")) for n in range(2 * MAX_BUNDLE_TRANSACTIONS + 1)]
            with pytest.raises(OutcomeUnknown) as caught:
                await session.record(transactions)
        assert [found.id for found in caught.value.recorded] == [
            transaction.id for transaction in transactions[:MAX_BUNDLE_TRANSACTIONS]
        ]
        assert list(caught.value.transactions) == transactions[MAX_BUNDLE_TRANSACTIONS:]

    _run(scenario)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_LIES = st.dictionaries(
    st.sampled_from(["id", "status", "error", "receipt", "outcomes", "receipts", "height"]),
    _VALUES
    | st.just("committed")
    | st.lists(st.dictionaries(st.just("status"), st.just("refused")), max_size=2),
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(lie=_LIES, status=st.sampled_from([200, 202, 204, 301, 400, 418, 500]), many=st.booleans())
def test_lying_node_is_met_with_typed_errors_only(
    liars: Channel, lie: dict[str, Any], status: int, many: bool
) -> None:
    for node in liars.nodes.values():
        node.misbehave = answer_with(status, content=codec.encode(lie))

    async def scenario() -> None:
        async with liars.session("anchor", deadline_s=0.02) as session:
            transactions = [session.sign(order(f"PO-{number}")) for number in range(1 + many)]
            with pytest.raises(TallyError):
                await session.record(transactions)
            with pytest.raises(TallyError):
                await session.history("acme", "anchor")
            with pytest.raises(TallyError):
                await session.receipt(transactions[0].id)

    _run(scenario)


def _with_receipt(change: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes]:
    def rewrite(content: bytes) -> bytes:
        answer = codec.decode(content)
        receipt = change(answer["receipt"])
        return codec.encode({**answer, "receipt": receipt})

    return rewrite


def test_forged_receipt_is_not_believed(channel: Channel) -> None:
    async def scenario() -> None:
        forge = _with_receipt(lambda receipt: receipt[:-1] + bytes([receipt[-1] ^ 1]))
        channel.nodes["n1"].misbehave = rewriting(forge, "/transactions")
        async with channel.session("anchor") as session:
            with pytest.raises(VerificationError, match="http://n1") as caught:
                await session.submit(order("PO-1"))
            channel.nodes["n1"].misbehave = None
            recorded = await session.receipt(bytes.fromhex(caught.value.remedy.split("`")[1].split()[-1]))
        assert recorded.is_applied, "as the remedy says, it was recorded"

    _run(scenario)


@pytest.mark.parametrize("known", [CONTRACT_VERSION - 1, CONTRACT_VERSION + 1])
def test_what_other_contracts_wrote_is_refused_with_the_release_that_can_read_it(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """Of a node's answer too: under other rules records and state entries mean something else."""

    async def scenario() -> None:
        async with channel.session("anchor") as session:
            await session.submit(order("PO-1"))
            for module in ("histories", "conversation"):
                monkeypatch.setattr(f"clients.sdk.{module}.RECORDED_UNDER", (known,))
            for question in (session.history("acme", "anchor"), session.state([state_key("param", "x")])):
                with pytest.raises(
                    VerificationError, match="rules that this verifier does not know"
                ) as refused:
                    await question
                assert refused.value.remedy == (
                    "Update the verifier."
                    if known < CONTRACT_VERSION
                    else "Verify it with the release that the nodes ran when it was made."
                )

    _run(scenario)


def _after_recording(status: int) -> Callable[..., Any]:
    """A node that takes in what it is sent, and fails to say so."""

    async def misbehave(request: httpx.Request, ask: Any) -> httpx.Response:
        await ask()
        return httpx.Response(status, content=b"{}", request=request)

    return misbehave


def test_a_node_that_fails_is_not_taken_to_have_refused(channel: Channel) -> None:
    async def scenario() -> None:
        channel.nodes["n1"].misbehave = _after_recording(500)
        async with channel.session("anchor") as session:
            assert (await session.submit(order("PO-1"))).is_applied, "the next node says what became of it"
            for node in channel.nodes.values():
                node.misbehave = _after_recording(500)
            with pytest.raises(OutcomeUnknown, match="fails") as caught:
                await session.submit(order("PO-2"))
            for node in channel.nodes.values():
                node.misbehave = None
            (recorded,) = await session.record(caught.value.transactions)
        assert recorded.is_applied

    _run(scenario)


def test_missing_receipt_is_fetched(channel: Channel) -> None:
    async def scenario() -> None:
        channel.nodes["n1"].misbehave = times(1, rewriting(_with_receipt(lambda _: None)))
        async with channel.session("anchor") as session:
            recorded = await session.submit(order("PO-1"))
        assert [path.rsplit("/", 1)[1] for _, path, _ in channel.nodes["n1"].requests] == [
            "transactions",
            "receipt",
        ]
        assert recorded.receipt

    _run(scenario)


@pytest.mark.parametrize("content", [b"", b"\xc0", b"\x80", b"<html>"])
def test_answer_that_is_none_is_named_as_such(channel: Channel, content: bytes) -> None:
    async def scenario() -> None:
        channel.nodes["n1"].misbehave = answer_with(200, content=content)
        async with channel.session("anchor") as session:
            with pytest.raises(BrokenAnswer, match="http://n1") as caught:
                await session.submit(order("PO-1"))
        assert "may still be recorded" in caught.value.remedy

    _run(scenario)


def test_history_is_verified_and_complete(channel: Channel) -> None:
    story.play(channel.network)

    async def scenario() -> None:
        async with channel.session("fund") as session:
            history = await session.history("acme", "anchor")
            newest = await session.history("acme", "anchor", last=2)
            empty = await session.history("acme", "bank")
        assert [record[1] for record in history.records] == [
            "order",
            "dispatch",
            "receive",
            "invoice",
            "confirm",
        ]
        assert history.is_complete
        assert newest.records == history.records[-2:]
        assert (newest.is_complete, newest.count) == (False, 5)
        assert (empty.records, empty.count, empty.aggregates) == ((), 0, {})

    _run(scenario)


@pytest.mark.parametrize(
    ("asked", "given"),
    [(("acme", "bank"), ("acme", "anchor")), (("acme", "anchor"), ("acme", "bank"))],
)
def test_history_of_somebody_else_is_not_taken(
    channel: Channel, asked: tuple[str, str], given: tuple[str, str]
) -> None:
    story.play(channel.network)

    async def scenario() -> None:
        async with channel.session("fund") as session:
            other = (await session.history(*given)).data
            channel.nodes["n1"].misbehave = answer_with(200, content=other)
            with pytest.raises(VerificationError, match="another relationship"):
                await session.history(*asked)

    _run(scenario)


def test_shorter_history_than_asked_for_is_not_taken(channel: Channel) -> None:
    story.play(channel.network)

    async def scenario() -> None:
        async with channel.session("fund") as session:
            short = (await session.history("acme", "anchor", last=2)).data
            channel.nodes["n1"].misbehave = answer_with(200, content=short)
            with pytest.raises(VerificationError, match="as many records"):
                await session.history("acme", "anchor")

    _run(scenario)


def test_older_state_than_already_seen_is_not_taken(channel: Channel) -> None:
    story.play(channel.network)

    async def scenario() -> None:
        async with channel.session("anchor") as session:
            old = (await session.history("acme", "anchor")).data
            await session.submit(order("PO-NEW"))
            channel.nodes["n1"].misbehave = answer_with(200, content=old)
            history = await session.history("acme", "anchor")
            assert history.records[-1][2] == "PO-NEW"
            channel.nodes["n1"].misbehave = answer_with(200, {"Tally-Height": "1"}, b'{"stale": true}')
            session.conversation.nodes.leave("http://n2")
            session.conversation.nodes.leave("http://n3")
            assert "stale" not in await session.view("/orders/acme/anchor/PO-NEW")

    _run(scenario)


def test_quote_is_recomputed_and_must_be_the_one_asked_for(channel: Channel) -> None:
    story.play(channel.network)

    async def scenario() -> None:
        async with channel.session("fund") as session:
            quote = await session.quote(story.PROGRAMME, "acme", story.INVOICE)
            assert (quote.programme, quote.supplier, quote.invoice) == (
                story.PROGRAMME,
                "acme",
                story.INVOICE,
            )
            assert quote.terms.advance + quote.terms.reserve == 1_000_00
            channel.nodes["n1"].misbehave = answer_with(200, content=quote.data)
            with pytest.raises(VerificationError, match="something else"):
                await session.quote(story.PROGRAMME, "acme", "ANOTHER")
            channel.nodes["n1"].misbehave = None
            with pytest.raises(NodeProblem) as caught:
                await session.quote("none", "acme", story.INVOICE)
        assert caught.value.code == "unknown_programme"

    _run(scenario)


def test_receipt_is_found_again_by_id(channel: Channel) -> None:
    async def scenario() -> None:
        async with channel.session("anchor") as session:
            recorded = await session.submit(order("PO-1"))
            again = await session.receipt(recorded.id)
            assert (again.id, again.height, again.index) == (recorded.id, recorded.height, recorded.index)
            with pytest.raises(NodeProblem) as caught:
                await session.receipt(bytes(32))
        assert caught.value.code == "unknown_transaction"

    _run(scenario)


def test_blocking_session_does_the_same(channel: Channel) -> None:
    story.play(channel.network)
    with channel.blocking_session("anchor") as session:
        channel.nodes["n1"].misbehave = times(1, refuse_connections)
        recorded = session.submit(order("PO-S"))
        assert _places(channel, recorded.id) == {(recorded.height, recorded.index)}
        assert len(session.bundle([[order("PO-T")], [order("PO-U")]])) == 2
        assert len(session.batch([order("PO-V"), order("PO-W")])) == 1
        assert session.history("acme", "anchor").is_complete
        assert session.quote(story.PROGRAMME, "acme", story.INVOICE).height >= recorded.height
        assert session.invoice("acme", story.INVOICE)["validity"] == "Confirmed"
        assert [found["invoice"] for found in session.invoices("acme")] == [story.INVOICE]
        assert session.order("acme", "anchor", "PO-S")["status"] == "Issued"
        assert {found["order"] for found in session.orders("acme")} >= {"PO-S", "PO-T", "PO-W"}
        assert [found["buyer"] for found in session.relationships("acme")] == ["anchor"]
        assert len(list(session.organisations())) == 5
        assert [found["programme"] for found in session.programmes()] == [story.PROGRAMME]
        assert session.receipt(recorded.id).height == recorded.height
        assert session.status()["applied_height"] >= recorded.height
        heights = [height for height, _, _ in session.blocks()]
        assert heights == list(range(session.status()["applied_height"] + 1))
        channel.nodes["n2"].misbehave = refuse_connections
        statuses = session.statuses()
        assert [found is None for found in statuses.values()] == [False, True, False]


@pytest.mark.parametrize("number", ["a/b", "..", ".", "RE/2024 17", "50%", "a?b#c", "ä"])
def test_document_numbers_survive_the_path(channel: Channel, number: str) -> None:
    with channel.blocking_session("anchor") as session:
        session.submit(order(number))
        assert session.order("acme", "anchor", number)["order"] == number


class _Streams(httpx.AsyncBaseTransport):
    """Event streams as the given nodes send them, one after the other."""

    def __init__(self, streams: list[bytes | int]) -> None:
        self._streams = streams
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.host}?{request.url.query.decode()}")
        stream = self._streams.pop(0)
        if isinstance(stream, int):
            return httpx.Response(stream, request=request)
        return httpx.Response(200, content=stream, request=request)


def _event(height: int) -> bytes:
    data = (
        f'{{"height": {height}, "hash": "{"0" * 64}", "term": 1, "time_ms": 1, "proposer": "n1", '
        f'"transactions": [{{"id": "{"1" * 64}", "refusals": [[0, "wrong_role", "no"]]}}]}}'
    )
    return f"id: {height}\nevent: block\ndata: {data}\n\n: ping\n\n".encode()


def test_event_stream_goes_on_at_the_next_node_after_the_last_event(channel: Channel) -> None:
    streams = _Streams([_event(5) + _event(6), 503, _event(7)])

    async def scenario() -> None:
        session = AsyncSession(channel.profile("anchor"), client=httpx.AsyncClient(transport=streams))
        heights = []
        async for event in session.events(after=4):
            heights.append(event.height)
            if event.height == 7:
                break
        assert heights == [5, 6, 7]
        assert event.transactions == ((b"\x11" * 32, ((0, "wrong_role", "no"),)),)
        await session.close()

    _run(scenario)
    assert streams.asked == ["n1?after=4", "n2?after=6", "n3?after=6"]


def test_blocking_event_stream_goes_on_at_the_next_node(channel: Channel) -> None:
    streams = [_event(5), None, _event(6)]

    def answer(request: httpx.Request) -> httpx.Response:
        content = streams.pop(0)
        if content is None:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, content=content)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with Session(channel.profile("anchor"), client=client) as session:
        events = session.events(after=4)
        assert [next(events).height for _ in range(2)] == [5, 6]


def test_events_that_no_node_streams_end_with_the_deadline(channel: Channel) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    session = Session(channel.profile("anchor"), client=client, deadline_s=0.05)
    with session, pytest.raises(Unavailable):
        next(session.events())


def test_event_that_is_no_block_is_named_as_such(channel: Channel) -> None:
    streams = _Streams([b"data: {}\n\n"])

    async def scenario() -> None:
        session = AsyncSession(channel.profile("anchor"), client=httpx.AsyncClient(transport=streams))
        with pytest.raises(BrokenAnswer):
            async for _ in session.events():
                pass
        await session.close()

    _run(scenario)


def test_event_stream_of_a_node_is_read(channel: Channel) -> None:
    with channel.blocking_session("anchor") as session:
        recorded = [session.submit(order(f"PO-{number}")) for number in range(3)]
    channel.network.nodes["n1"].ends_streams = True

    async def scenario() -> None:
        found = []
        async with channel.session("anchor") as session:
            async for event in session.events(after=1):
                found.append(event)
                if len(found) == 3:
                    break
        assert [event.transactions for event in found] == [((known.id, ()),) for known in recorded]
        block = channel.network.nodes["n1"].chain.block(found[0].height)
        assert block is not None
        assert found[0].hash == block.hash

    _run(scenario)


def test_profile_survives_being_saved(channel: Channel, tmp_path: Path) -> None:
    profile = channel.profile("anchor")
    profile.save(tmp_path / "p.json")
    assert Profile.load(tmp_path / "p.json") == profile
    assert profile.signing_key().public == key_of("anchor").public


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[", None),
        ("[]", None),
        ("{}", "name"),
        ('{"name": "a", "organisation": "a", "genesis": "g", "channel": "zz"}', "channel"),
        ('{"name": "a", "organisation": "a", "genesis": "g", "channel": "%s"}', "nodes"),
        ('{"name": "a", "organisation": "a", "genesis": "g", "channel": "%s", "nodes": ["n1"]}', "nodes[0]"),
        (
            '{"name": "a", "organisation": "a", "genesis": "g", "channel": "%s", "nodes": ["http://["]}',
            "nodes[0]",
        ),
        ('{"name": "a", "organisation": "a", "genesis": "g", "channel": "%s", "key": 3}', "key"),
    ],
)
def test_profile_that_cannot_be_used_names_its_field(tmp_path: Path, text: str, field: str | None) -> None:
    path = tmp_path / "p.json"
    path.write_text(text.replace("%s", "00" * 32))
    with pytest.raises(ProfileError) as caught:
        Profile.load(path)
    assert caught.value.field == field


def test_genesis_of_another_channel_is_not_trusted(channel: Channel) -> None:
    profile = channel.profile("anchor")
    other = Profile("a", "a", None, profile.genesis, bytes(32), profile.nodes)
    with pytest.raises(ProfileError) as caught:
        Session(other)
    assert caught.value.code == "wrong_genesis"


def test_profile_without_key_can_read_but_not_sign(channel: Channel) -> None:
    profile = channel.profile("anchor")
    reader = Profile("a", "a", None, profile.genesis, profile.channel, profile.nodes)
    with pytest.raises(ProfileError) as caught:
        Session(reader).sign(order("PO-1"))
    assert caught.value.code == "no_key"
