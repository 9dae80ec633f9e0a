"""Health, readiness, status and metrics."""

from __future__ import annotations

import httpx
from api_client import ApiClient
from envelopes import order, signed
from local_node import LocalNetwork
from prometheus_client.parser import text_string_to_metric_families

from node.api import bodies, create_app
from node.api.status import StatusView
from node.errors import NotAdmitted
from node.readiness import REMEDIES
from node.telemetry import COUNTERS, METRICS_MEDIA_TYPE, Telemetry


def _metrics(answer: httpx.Response) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_process_that_answers_is_alive(client: ApiClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_node_is_ready_only_while_it_can_commit(client: ApiClient, network: LocalNetwork) -> None:
    assert client.get("/readyz").status_code == 200
    node = network.nodes["n1"]
    node.closed = NotAdmitted("no_leader", "no leader is known")
    try:
        answer = client.get("/readyz")
    finally:
        node.closed = None
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "no leader is known" in answer.json()["detail"]
    assert answer.json()["found"] == "no_leader"
    assert answer.json()["remedy"] == REMEDIES["no_leader"]
    assert answer.headers["retry-after"] == "1"


def test_status_says_where_the_node_stands(client: ApiClient, network: LocalNetwork) -> None:
    shown = client.get("/v1/status").json()
    StatusView.model_validate(shown)
    applied = network.nodes["n1"].chain.applied
    assert (shown["applied_height"], shown["head"]) == (applied.height, applied.hash.hex())


def test_requests_are_counted_by_operation_not_by_path(network: LocalNetwork, channel: str) -> None:
    client = ApiClient(create_app(network.nodes["n1"]))
    for height in (0, 1, 1):
        client.get(f"{channel}/blocks/{height}")
    client.get("/no/such/path")
    client.get("/no/such/path/either")
    envelope = signed(network.channel, order("PO-M")).envelope
    client.post(f"{channel}/transactions", content=envelope, headers={"content-type": bodies.MSGPACK})
    found = _metrics(client.get("/metrics"))
    client.close()

    def count(operation: str, status: str) -> float:
        return found["tally_http_requests_total", (("operation", operation), ("status", status))]

    assert count("get_block", "200") == 3
    assert count("submit_transaction", "200") == 1
    assert count("(none)", "404") == 2


def test_metrics_show_heights_and_everything_that_the_node_counts(
    client: ApiClient, network: LocalNetwork
) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == METRICS_MEDIA_TYPE
    found = _metrics(answer)
    node = network.nodes["n1"]
    assert found["tally_applied_height", ()] == node.chain.applied.height
    assert found["tally_ready", ()] == 1
    for name in COUNTERS:
        assert found[f"tally_{name}_total", ()] == getattr(node.statistics, name)


def test_histograms_are_cumulative_and_in_seconds(network: LocalNetwork) -> None:
    node = network.nodes["n1"]
    telemetry = Telemetry(node.status, node.statistics)
    node.statistics.commit_latency.add(2.5)
    node.statistics.commit_latency.add(40.0)
    found = _metrics(httpx.Response(200, content=telemetry.exposition()))
    assert found["tally_commit_seconds_bucket", (("le", "0.002"),)] == 0
    assert found["tally_commit_seconds_bucket", (("le", "0.003"),)] == 1
    assert found["tally_commit_seconds_bucket", (("le", "+Inf"),)] == 2
    assert found["tally_commit_seconds_count", ()] == 2
    assert abs(found["tally_commit_seconds_sum", ()] - 0.0425) < 1e-9
