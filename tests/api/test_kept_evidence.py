"""Proofs that nodes lied: listed, and fetched as files that anybody checks offline."""

from __future__ import annotations

from api_client import ApiClient
from local_node import LocalNetwork, key_of

from contracts import Contracts
from ledger.blocks.certificate import sign_ack
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, TwoAcks
from node.api import bodies


def lie(network: LocalNetwork) -> Evidence:
    """n2 signs two blocks of one term and height."""

    def ack(block: int) -> SignedAck:
        block_hash = bytes([block]) * 32
        return SignedAck(3, 7, block_hash, sign_ack(key_of("n2"), network.channel, 3, 7, block_hash))

    return Evidence("n2", TwoAcks.of(ack(1), ack(2)))


def test_what_is_kept_is_listed_and_fetched(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    node = network.nodes["n1"]
    assert client.get(f"{channel}/evidence").json() == {"evidence": []}
    told = lie(network)
    assert node.evidence.take(told.encode()) is not None
    (shown,) = client.get(f"{channel}/evidence").json()["evidence"]
    assert (shown["id"], shown["kind"], shown["nodes"]) == (told.id.hex(), "two_acks", ["n2"])
    assert (shown["term"], shown["height"], shown["size_bytes"]) == (3, 7, len(told.encode()))
    answer = client.get(f"{channel}/evidence/{shown['id']}")
    assert answer.headers["content-type"] == bodies.MSGPACK_FILE
    assert f"{shown['id']}.evidence" in answer.headers["content-disposition"]
    proved = Evidence.decode(answer.content).verify(node.chain.genesis, Contracts())
    assert proved.nodes == ("n2",)


def test_what_is_not_kept_is_404(client: ApiClient, channel: str) -> None:
    answer = client.get(f"{channel}/evidence/{'ab' * 32}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_evidence")
    assert client.get(f"{channel}/evidence/..%2Fgenesis").status_code in (404, 422)
