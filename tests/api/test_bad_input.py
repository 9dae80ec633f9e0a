"""Each kind of bad input has its own code and says field, found, expected and a remedy."""

from __future__ import annotations

import os
import time
from typing import Any

import msgpack
import pytest
from api_client import ApiClient
from envelopes import order, signed
from local_node import LocalNetwork, key_of

from ledger import codec
from ledger.keys import TRANSACTION_DOMAIN, SigningKey
from ledger.limits import MAX_OPERATIONS
from node.api import bodies
from node.errors import NotAdmitted
from node.main import identify_by

MSGPACK = {"content-type": bodies.MSGPACK}


def _packed(channel: bytes, changed: dict[int, Any], operation: dict[str, Any] | None = None) -> bytes:
    """An envelope whose signature is right, over a body that need not be."""
    key = key_of("anchor")
    until_ms = time.time_ns() // 1_000_000 + 60_000
    operations = [_sorted(operation or order("PO-X"))]
    fields: list[Any] = [1, channel, key.public, until_ms, os.urandom(12), True, [], operations]
    for place, value in changed.items():
        fields[place] = value
    body = msgpack.packb(fields)
    return codec.encode((body, key.sign(TRANSACTION_DOMAIN, body)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _nested(depth: int) -> Any:
    return [_nested(depth - 1)] if depth else 1


def _cases(channel: bytes) -> list[tuple[str, bytes]]:
    good = signed(channel, order("PO-X")).envelope
    return [
        ("malformed", b""),
        ("malformed", b"\xc0"),
        ("malformed", good + b"\0"),
        ("malformed", b"\x91" * 60_000),
        ("malformed", codec.encode((b"x",))),
        ("malformed", codec.encode((b"x", b"y"))),
        ("malformed", codec.encode((b"\xc0", bytes(64)))),
        ("non_canonical", b"\xdc\x00\x02" + good[1:]),
        ("non_canonical", _packed(channel, {7: [{"op": "order.issue", "b": 1, "a": 2}]})),
        ("non_canonical", _packed(channel, {7: [{"op": "order.issue", "z": 1.5}]})),
        ("non_canonical", _packed(channel, {7: [{"op": "order.issue", "z": 2**63}]})),
        ("non_canonical", _packed(channel, {7: [{"op": "x", "z": _nested(20)}]})),
        ("malformed", _packed(channel, {0: 2})),
        ("malformed", _packed(channel, {1: b"short"})),
        ("malformed", _packed(channel, {2: "text"})),
        ("malformed", _packed(channel, {3: -1})),
        ("malformed", _packed(channel, {4: b"short"})),
        ("malformed", _packed(channel, {5: 1})),
        ("malformed", _packed(channel, {6: None})),
        ("malformed", _packed(channel, {7: []})),
        ("malformed", _packed(channel, {7: [{"no": "op"}]})),
        ("malformed", _packed(channel, {7: ["op"]})),
        ("too_many_operations", _packed(channel, {7: [{"op": "x"}] * (MAX_OPERATIONS + 1)})),
        ("text_too_long", _packed(channel, {}, order("x" * 5_000))),
        ("body_too_large", b"x" * 70_000),
        ("unknown_operation", _packed(channel, {7: [{"op": "no.such"}]})),
        ("unknown_currency", _packed(channel, {}, order("PO-X", currency="XXQ"))),
        ("missing_field", _packed(channel, {7: [{"op": "order.issue"}]})),
    ]


def test_every_kind_of_bad_input_names_field_found_expected_and_a_remedy(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    lacking = []
    for code, content in _cases(network.channel):
        answer = client.post(f"{channel}/transactions", content=content, headers=MSGPACK)
        problem = answer.json()
        assert problem.get("code") == code, problem
        assert 400 <= answer.status_code < 500
        missing = {"field", "found", "expected", "remedy"} - problem.keys()
        if missing:
            lacking.append((problem["detail"], missing))
    assert not lacking


def test_a_key_that_nobody_enrolled_is_named(network: LocalNetwork) -> None:
    with pytest.raises(NotAdmitted) as refused:
        identify_by(network.nodes["n1"].chain)(SigningKey.generate().public)
    assert refused.value.code == "unknown_key"
    assert {"field", "found", "expected", "remedy"} <= refused.value.as_dict().keys()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x90",
        b"\xc0",
        b"\x91\x00",
        b"\x91\x92\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x91\x92\xc4\x01a\xc4\x40" + bytes(65),
    ],
)
def test_so_does_a_bundle_that_is_none(client: ApiClient, channel: str, content: bytes) -> None:
    answer = client.post(f"{channel}/bundles", content=content, headers=MSGPACK)
    assert 400 <= answer.status_code < 500
    assert {"field", "found", "expected", "remedy"} <= answer.json().keys()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"envelope": 5}', b"[" * 50_000])
def test_and_json_that_is_no_envelope(client: ApiClient, channel: str, content: bytes) -> None:
    answer = client.post(
        f"{channel}/transactions", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert {"field", "found", "expected", "remedy"} <= answer.json().keys()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2"),
        ("PUT", "/v1/status"),
        ("GET", "{channel}/blocks/x"),
        ("POST", "{channel}/transactions?wait=x"),
    ],
)
def test_and_a_request_that_the_api_does_not_have(
    client: ApiClient, channel: str, method: str, path: str
) -> None:
    answer = client.request(method, path.format(channel=channel), headers=MSGPACK)
    assert {"field", "found", "expected", "remedy"} <= answer.json().keys()
