"""Blocks by height, pages of raw blocks, the genesis block."""

from __future__ import annotations

import pytest
import story
from api_client import ApiClient
from local_node import LocalNetwork

from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate
from ledger.blocks.genesis import read_genesis
from ledger.proofs.audit import ChainAudit


@pytest.fixture(scope="module", autouse=True)
def _trade(network: LocalNetwork) -> None:
    story.play(network)


def test_block_shows_its_header_and_transactions(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    block = network.nodes["n1"].chain.block(2)
    assert block is not None
    shown = client.get(f"{channel}/blocks/2").json()
    assert shown["header"]["hash"] == block.hash.hex()
    assert shown["header"]["state_root"] == block.header.state_root.hex()
    assert shown["size_bytes"] == len(block.data)
    (transaction,) = shown["transactions"]
    assert transaction["id"] == block.transactions[0].id.hex()
    assert transaction["operations"][0]["op"] == "order.issue"
    assert transaction["refusals"] == []


def test_raw_block_is_the_stored_bytes(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    assert client.get(f"{channel}/blocks/2?form=raw").content == network.nodes["n1"].block(2)


def test_block_that_is_not_there_yet_is_404(client: ApiClient, channel: str) -> None:
    answer = client.get(f"{channel}/blocks/100000")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_block")


def test_genesis_block_is_served_as_its_file(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    assert client.get(f"{channel}/genesis").content == network.genesis_path.read_bytes()


def test_pages_lead_through_the_whole_chain(client: ApiClient, network: LocalNetwork, channel: str) -> None:
    heights: list[int] = []
    following: int | None = 0
    while following is not None:
        page = client.get(f"{channel}/blocks?from={following}&limit=3").json()
        assert len(page["blocks"]) <= 3
        heights += [block["height"] for block in page["blocks"]]
        following = page["next"]
    assert heights == list(range(network.nodes["n1"].chain.applied.height + 1))


def test_raw_pages_are_enough_to_audit_the_chain(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    audit = ChainAudit(read_genesis(network.genesis_block.data))
    first = 1
    while True:
        answer = client.get(f"{channel}/blocks?from={first}&limit=2&form=raw")
        page = codec.decode(answer.content)
        if not page:
            break
        for height, data, certificate in page:
            audit.take(
                Block.decode(data), None if certificate is None else Certificate.from_value(certificate)
            )
            assert height == audit.head.height
        first = audit.head.height + 1
    applied = network.nodes["n1"].chain.applied
    assert (audit.head.hash, audit.certified) == (applied.hash, applied.height)
