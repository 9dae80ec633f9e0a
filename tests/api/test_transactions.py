"""Submission, alone and in bundles; reading outcomes and receipts."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from api_client import ApiClient
from envelopes import order, signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_node import LocalNetwork, key_of

from ledger import codec
from ledger.blocks.genesis import read_genesis
from ledger.blocks.transaction import Transaction
from ledger.limits import MAX_BUNDLE_BYTES, MAX_BUNDLE_TRANSACTIONS, MAX_TRANSACTION_BYTES
from ledger.proofs.receipt import Receipt
from node.api import bodies
from node.api.transactions import _runs
from node.errors import NotAdmitted
from node.intake.outcome import Outcome

MSGPACK = {"content-type": bodies.MSGPACK}
BOTH = {"content-type": bodies.MSGPACK, "accept": bodies.MSGPACK}


def test_submitted_transaction_is_answered_with_a_receipt_that_proves_it(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    transaction = signed(network.channel, order("PO-T1"))
    answer = client.post(f"{channel}/transactions", content=transaction.envelope, headers=MSGPACK)
    assert answer.status_code == 200
    body = answer.json()
    assert body["id"] == transaction.id.hex()
    assert body["status"] == "committed"
    assert body["result"] == {"applied": True, "refusals": []}
    genesis = read_genesis(network.genesis_block.data)
    (proved,) = Receipt.decode(b64decode(body["receipt"])).verify(genesis)
    assert proved.transaction.id == transaction.id
    assert (proved.height, proved.index) == (body["height"], body["index"])


def test_msgpack_answer_says_the_same_as_json(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    envelope = signed(network.channel, order("PO-T2")).envelope
    packed = codec.decode(client.post(f"{channel}/transactions", content=envelope, headers=BOTH).content)
    shown = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK).json()
    assert packed["id"].hex() == shown["id"]
    assert packed["receipt"] == b64decode(shown["receipt"])
    assert {name: packed[name] for name in ("status", "height", "index")} == {
        name: shown[name] for name in ("status", "height", "index")
    }


def test_same_bytes_again_have_the_same_place(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    envelope = signed(network.channel, order("PO-T3")).envelope
    answers = [
        client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK).json() for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]


def test_envelope_may_come_as_base64_in_json(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    transaction = signed(network.channel, order("PO-T4"))
    answer = client.post(
        f"{channel}/transactions", json={"envelope": b64encode(transaction.envelope).decode()}
    )
    assert (answer.status_code, answer.json()["id"]) == (200, transaction.id.hex())


def test_refusal_by_a_rule_is_recorded_and_answered_with_200(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    envelope = signed(network.channel, order("PO-T5"), by="fund").envelope
    answer = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK)
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert result["applied"] is False
    assert [(refusal["operation"], refusal["code"]) for refusal in result["refusals"]] == [(0, "wrong_role")]


def test_without_waiting_the_answer_is_202(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    transaction = signed(network.channel, order("PO-T6"))
    answer = client.post(f"{channel}/transactions?wait=none", content=transaction.envelope, headers=MSGPACK)
    assert answer.status_code == 202
    assert answer.json() == {
        "id": transaction.id.hex(),
        "status": "accepted",
        "height": None,
        "index": None,
        "result": None,
    }


def test_bundle_has_one_outcome_for_each_envelope_in_order(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    good = [signed(network.channel, order(f"PO-B{number}")) for number in range(3)]
    forged = Transaction.from_parts((good[0].body, key_of("fund").sign(b"", good[0].body)))
    bundle = codec.encode([good[0].parts, forged.parts, good[1].parts, good[2].parts])
    answer = client.post(f"{channel}/bundles", content=bundle, headers=MSGPACK)
    assert answer.status_code == 200
    outcomes = answer.json()["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["committed", "refused", "committed", "committed"]
    assert outcomes[1]["error"]["code"] == "bad_signature"
    assert outcomes[1]["error"]["status"] == 401
    assert [outcomes[place]["id"] for place in (0, 2, 3)] == [transaction.id.hex() for transaction in good]


def test_receipts_of_a_bundle_cover_neighbours_together(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    transactions = [signed(network.channel, order(f"PO-R{number}")) for number in range(5)]
    bundle = codec.encode([transaction.parts for transaction in transactions])
    answer = codec.decode(client.post(f"{channel}/bundles", content=bundle, headers=BOTH).content)
    (receipt,) = answer["receipts"]
    proved = Receipt.decode(receipt).verify(read_genesis(network.genesis_block.data))
    assert [outcome.transaction.id for outcome in proved] == [transaction.id for transaction in transactions]


def test_bundle_may_come_as_base64_in_json(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    transactions = [signed(network.channel, order(f"PO-J{number}")) for number in range(2)]
    form = {"envelopes": [b64encode(transaction.envelope).decode() for transaction in transactions]}
    answer = client.post(f"{channel}/bundles", json=form)
    assert [outcome["id"] for outcome in answer.json()["outcomes"]] == [
        known.id.hex() for known in transactions
    ]


def test_outcome_and_receipt_are_read_by_id(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    transaction = signed(network.channel, order("PO-T7"))
    posted = client.post(f"{channel}/transactions", content=transaction.envelope, headers=MSGPACK).json()
    path = f"{channel}/transactions/{transaction.id.hex()}"
    found = client.get(path).json()
    assert found == {name: posted[name] for name in ("id", "status", "height", "index", "result")}
    receipt = client.get(f"{path}/receipt")
    assert receipt.headers["content-type"] == bodies.MSGPACK_FILE
    assert receipt.content == b64decode(posted["receipt"])


def _post(client: ApiClient, url: str, content: bytes, headers: dict[str, str] = MSGPACK) -> tuple[int, Any]:
    answer = client.post(url, content=content, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:tallystick:problem:{body['code']}"
    assert body["detail"]
    return answer.status_code, body


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", MSGPACK, 400, "malformed"),
        (b"\x92\xc4\x01\x00", MSGPACK, 400, "malformed"),
        (codec.encode((b"x", b"short")), MSGPACK, 400, "malformed"),
        (b"\x92\xc5\x00\x01\x00" + b"\xc4\x40" + bytes(64), MSGPACK, 400, "non_canonical"),
        (bytes(MAX_TRANSACTION_BYTES + 1), MSGPACK, 413, "body_too_large"),
        (b"{", {"content-type": "application/json"}, 400, "invalid_json"),
        (b"[]", {"content-type": "application/json"}, 400, "invalid_json"),
        (b"[" * 100_000, {"content-type": "application/json"}, 413, "body_too_large"),
        (b'{"envelope": 1}', {"content-type": "application/json"}, 400, "malformed"),
        (b'{"envelope": "%%%"}', {"content-type": "application/json"}, 400, "malformed"),
        (b"x", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"x", {}, 415, "unsupported_media_type"),
    ],
)
def test_body_that_is_no_envelope_is_refused_with_its_own_code(
    client: ApiClient, channel: str, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    found, body = _post(client, f"{channel}/transactions", content, headers)
    assert (found, body["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"\x90", 400, "malformed"),
        (b"\xc0", 400, "malformed"),
        (b"\xdc\x00", 400, "malformed"),
        (b"\x91\xc0", 400, "malformed"),
        (b"\x91\x92\xc4\x05ab", 400, "malformed"),
        (b"\x91\x92\xc4\x00\xc4\x40" + bytes(63), 400, "malformed"),
        (b"\x91\x92\xc4\x00\xc4\x40" + bytes(65), 400, "malformed"),
        (b"\xdd\xff\xff\xff\xff", 422, "bundle_too_long"),
        (b"\xdc" + (MAX_BUNDLE_TRANSACTIONS + 1).to_bytes(2, "big"), 422, "bundle_too_long"),
        (bytes(MAX_BUNDLE_BYTES + 1), 413, "body_too_large"),
    ],
)
def test_body_that_is_no_bundle_is_refused_with_its_own_code(
    client: ApiClient, channel: str, content: bytes, status: int, code: str
) -> None:
    found, body = _post(client, f"{channel}/bundles", content)
    assert (found, body["code"]) == (status, code)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("wait=soon", "wait"),
        ("wait=", "wait"),
        ("timeout_ms=0", "timeout_ms"),
        ("timeout_ms=-1", "timeout_ms"),
        ("timeout_ms=1.5", "timeout_ms"),
        ("timeout_ms=99999999999", "timeout_ms"),
        ("wait=none&timeout_ms=²", "timeout_ms"),
        ("&".join(f"a{number}=1" for number in range(40)), "query"),
    ],
)
def test_parameter_out_of_bounds_is_named(client: ApiClient, channel: str, query: str, field: str) -> None:
    status, body = _post(client, f"{channel}/transactions?{query}", b"x")
    assert (status, body["code"], body["field"]) == (422, "invalid_parameter", field)


@pytest.mark.parametrize("path", ["transactions", "bundles"])
def test_other_channels_are_not_served(client: ApiClient, path: str) -> None:
    status, body = _post(client, f"/v1/channels/{'0' * 64}/{path}", b"x")
    assert (status, body["code"]) == (404, "unknown_channel")
    status, body = _post(client, f"/v1/channels/xyz/{path}", b"x")
    assert (status, body["code"], body["field"]) == (422, "invalid_parameter", "channel")


def _admission(network: LocalNetwork) -> dict[str, tuple[int, bytes]]:
    transaction = signed(network.channel, order("PO-X"))
    return {
        "wrong_channel": (409, signed(bytes(32), order("PO-X")).envelope),
        "bad_signature": (401, codec.encode((transaction.body, bytes(64)))),
        "expired": (422, signed(network.channel, order("PO-X"), valid_ms=-60_000).envelope),
        "validity_too_far": (422, signed(network.channel, order("PO-X"), valid_ms=7_200_000).envelope),
        "unknown_currency": (400, signed(network.channel, order("PO-X", currency="XXY")).envelope),
        "unknown_operation": (400, signed(network.channel, {"op": "mint.money"}).envelope),
        "unknown_field": (400, signed(network.channel, order("PO-X", colour="red")).envelope),
        "missing_field": (400, signed(network.channel, {"op": "order.issue"}).envelope),
    }


@pytest.mark.parametrize(
    "code",
    [
        "wrong_channel",
        "bad_signature",
        "expired",
        "validity_too_far",
        "unknown_currency",
        "unknown_operation",
        "unknown_field",
        "missing_field",
    ],
)
def test_transaction_that_is_not_admitted_is_refused_with_its_own_code(
    client: ApiClient, network: LocalNetwork, channel: str, code: str
) -> None:
    status, envelope = _admission(network)[code]
    found, body = _post(client, f"{channel}/transactions", envelope)
    assert (found, body["code"]) == (status, code)
    assert body["remedy"]


def test_unsigned_401_names_its_scheme(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    envelope = codec.encode((signed(network.channel, order("PO-X")).body, bytes(64)))
    answer = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK)
    assert answer.headers["www-authenticate"] == "Tallystick-Envelope"


@pytest.mark.parametrize("code", ["too_many_in_flight", "busy", "no_leader", "shutting_down"])
def test_overload_and_absence_say_when_to_come_back(
    client: ApiClient, network: LocalNetwork, channel: str, code: str
) -> None:
    node = network.nodes["n1"]
    node.closed = NotAdmitted(code, "not now")
    try:
        envelope = signed(network.channel, order("PO-X")).envelope
        answer = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK)
    finally:
        node.closed = None
    assert answer.status_code in (429, 503)
    assert answer.json()["code"] == code
    assert int(answer.headers["retry-after"]) >= 1


def test_bundle_turned_away_for_the_moment_says_when_to_come_back(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    node = network.nodes["n1"]
    node.closed = NotAdmitted("busy", "not now")
    try:
        bundle = codec.encode([signed(network.channel, order(f"PO-Z{number}")).parts for number in range(2)])
        answer = client.post(f"{channel}/bundles", content=bundle, headers=MSGPACK)
    finally:
        node.closed = None
    assert answer.status_code == 200
    assert [outcome["error"]["code"] for outcome in answer.json()["outcomes"]] == ["busy", "busy"]
    assert answer.headers["retry-after"] == "1"


def test_no_outcome_before_the_deadline_is_not_an_answer(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    node = network.nodes["n1"]
    node.is_slow = True
    try:
        envelope = signed(network.channel, order("PO-SLOW")).envelope
        answer = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK)
    finally:
        node.is_slow = False
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    again = client.post(f"{channel}/transactions", content=envelope, headers=MSGPACK)
    assert again.json()["status"] == "committed"


def test_unknown_transaction_is_404(client: ApiClient, channel: str) -> None:
    for path in (f"{channel}/transactions/{'a' * 64}", f"{channel}/transactions/{'a' * 64}/receipt"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_transaction")


@pytest.mark.parametrize("identity", ["a", "A" * 64, "g" * 64, "a" * 65, "%00" * 64])
def test_transaction_id_is_strict(client: ApiClient, channel: str, identity: str) -> None:
    answer = client.get(f"{channel}/transactions/{identity}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_runs_join_neighbours_only() -> None:
    def at(height: int, index: int) -> Outcome:
        return Outcome(bytes([height, index]), "committed", height, index, ())

    outcomes = [at(5, 1), at(5, 0), at(5, 3), at(6, 4), at(5, 1), Outcome(b"", "refused")]
    assert _runs(outcomes) == [(5, 0, 2), (5, 3, 1), (6, 4, 1)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300), packed=st.booleans(), path=st.sampled_from(["transactions", "bundles"])
)
def test_no_body_is_answered_with_a_server_error(
    client: ApiClient, channel: str, content: bytes, packed: bool, path: str
) -> None:
    kind = bodies.MSGPACK if packed else bodies.JSON
    answer = client.post(f"{channel}/{path}", content=content, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from(["transactions", "bundles"]))
def test_damaged_submission_is_refused_as_the_clients_fault(
    client: ApiClient, network: LocalNetwork, channel: str, data: st.DataObject, path: str
) -> None:
    transaction = signed(network.channel, order("PO-D"))
    whole = transaction.envelope if path == "transactions" else codec.encode([transaction.parts])
    place = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
    answer = client.post(f"{channel}/{path}", content=damaged, headers=MSGPACK)
    if path == "bundles" and answer.status_code == 200:
        (outcome,) = answer.json()["outcomes"]
        assert outcome["status"] == "refused"
        assert 400 <= outcome["error"]["status"] < 500
    else:
        assert 400 <= answer.status_code < 500


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(["supplier", "order", "lines", "currency", "x"]), _VALUES, max_size=5
    )
)
def test_signed_nonsense_is_refused_as_the_clients_fault(
    client: ApiClient, network: LocalNetwork, channel: str, fields: dict[str, Any]
) -> None:
    transaction = signed(network.channel, {**order("PO-N"), **fields})
    answer = client.post(f"{channel}/transactions", content=transaction.envelope, headers=MSGPACK)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500
