"""Handing leadership over: by order of the organisation that runs the leader, and of nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient
from local_node import LocalNetwork, key_of

from ledger.members.leadership import HandOverOrder


def body(network: LocalNetwork, signer: str = "", **changed: Any) -> dict[str, Any]:
    """What is posted; signed by whoever runs n1 unless told."""
    given = {"channel": network.channel, "node": "n1", "term": 1, "to": "n2", **changed}
    member = network.nodes["n1"].chain.membership.member("n1")
    assert member is not None
    order = HandOverOrder.sign(
        key_of(signer or member.organisation),
        given["channel"],
        given["node"],
        given["term"],
        given["to"],
    )
    return {"to": "n2", "term": 1, "key": order.key.hex(), "signature": order.signature.hex()}


def test_an_order_of_the_nodes_operator_reaches_the_leader(
    client: ApiClient, channel: str, network: LocalNetwork
) -> None:
    answer = client.post(f"{channel}/leader", json=body(network))
    assert answer.json()["code"] == "not_leading", "past all that is checked of the order"


@pytest.mark.parametrize(
    "changed",
    [{"channel": bytes(32)}, {"node": "n2"}, {"term": 2}, {"to": "n3"}, {"to": ""}],
    ids=["channel", "node", "term", "to", "nobody"],
)
def test_an_order_is_worth_nothing_elsewhere(
    client: ApiClient, channel: str, network: LocalNetwork, changed: dict[str, Any]
) -> None:
    answer = client.post(f"{channel}/leader", json=body(network, **changed))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")


@pytest.mark.parametrize(
    ("signer", "status", "code"), [("fund", 403, "not_the_operator"), ("nobody", 403, "unknown_key")]
)
def test_nobody_else_can_order_it(
    client: ApiClient, channel: str, network: LocalNetwork, signer: str, status: int, code: str
) -> None:
    answer = client.post(f"{channel}/leader", json=body(network, signer))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("field", ["term", "key", "signature"])
def test_an_order_without_a_signature_is_none(
    client: ApiClient, channel: str, network: LocalNetwork, field: str
) -> None:
    given = {name: value for name, value in body(network).items() if name != field}
    assert client.post(f"{channel}/leader", json=given).status_code == 422
    assert client.post(f"{channel}/leader", json={}).status_code == 422


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b" " * 5_000 + b"{}", 413, "body_too_large"),
        (b"{", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"term": ' + b"[" * 2_000, 400, "invalid_json"),
        (b'{"term": 1e999}', 422, "invalid_parameter"),
    ],
)
def test_what_is_no_order_is_refused_as_everywhere_else(
    client: ApiClient, channel: str, sent: bytes, status: int, code: str
) -> None:
    answer = client.post(f"{channel}/leader", content=sent, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
