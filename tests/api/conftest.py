"""One local channel for each test module that asks for it, and a client that talks to its node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ApiClient
from local_node import LocalNetwork

from node.api import Front, create_app


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    made = LocalNetwork(Path(tmp_path_factory.mktemp("channel")), members=("n1",))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(network: LocalNetwork) -> Iterator[ApiClient]:
    made = ApiClient(Front(create_app(network.nodes["n1"])))
    yield made
    made.close()


@pytest.fixture
def channel(network: LocalNetwork) -> str:
    return f"/v1/channels/{network.channel.hex()}"
