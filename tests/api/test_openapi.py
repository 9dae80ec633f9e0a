"""The OpenAPI document is true: schemathesis drives every operation by it and compares every answer."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import story
from api_client import ApiClient
from envelopes import order, signed
from hypothesis import HealthCheck, given, settings
from local_node import LocalNetwork
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contracts.registry import OPERATIONS
from node.api import bodies, create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
"""All but "what fits the schema is accepted": no schema says which channel is served or who signed."""


@pytest.fixture(scope="module", autouse=True)
def _trade(network: LocalNetwork) -> None:
    story.play(network)


@pytest.fixture(scope="module")
def api(network: LocalNetwork) -> Any:
    return schemathesis.openapi.from_asgi("/v1/openapi.json", create_app(network.nodes["n1"]))


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_one_that_the_document_promises(
    api: Any, network: LocalNetwork, mode: GenerationMode
) -> None:
    """The event stream has no end, so it has tests of its own."""
    for found in api.get_all_operations():
        operation = found.ok()
        has_parameters = "{channel}" in operation.path
        if operation.path.endswith("/events") or not (has_parameters or mode.is_positive):
            continue

        @settings(
            max_examples=5 if mode.is_positive else 3,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def drive(case: Any) -> None:
            if re.fullmatch("[0-9a-f]{64}", str(case.path_parameters.get("channel"))):
                case.path_parameters["channel"] = network.channel.hex()
            case.call_and_validate(checks=CHECKS)

        drive()


def test_every_operation_of_the_ledger_is_in_the_document(client: ApiClient) -> None:
    schemas = client.get("/v1/openapi.json").json()["components"]["schemas"]
    assert {f"Operation.{name}" for name in OPERATIONS} <= schemas.keys()
    fields = schemas["Operation.invoice.confirm"]["properties"]
    assert "minor units" in fields["net"]["description"]


def test_every_reference_leads_somewhere(client: ApiClient) -> None:
    document = client.get("/v1/openapi.json").json()

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    schemas = document["components"]["schemas"]
    missing = {name for name in references(document) if name.rsplit("/", 1)[1] not in schemas}
    assert missing == set()


def test_operation_ids_are_unique_and_every_answer_is_documented(client: ApiClient) -> None:
    document = client.get("/v1/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    identities = [operation["operationId"] for operation in operations]
    assert len(identities) == len(set(identities))
    assert all(operation["summary"] and operation["responses"] for operation in operations)


@pytest.mark.parametrize("path", ["transactions", "bundles"])
def test_submission_answers_as_the_document_says(
    client: ApiClient, network: LocalNetwork, channel: str, path: str
) -> None:
    document = client.get("/v1/openapi.json").json()
    operation = document["paths"][f"/v1/channels/{{channel}}/{path}"]["post"]
    transaction = signed(network.channel, order(f"PO-O-{path}"), by="fund")
    form: dict[str, Any] = {"envelope": _base64(transaction.envelope)}
    if path == "bundles":
        form = {"envelopes": [form["envelope"], _base64(b"\x90")]}
    for query, status in (("", "200"), ("?wait=none", "202")):
        answer = client.post(f"{channel}/{path}{query}", json=form)
        assert str(answer.status_code) == status
        schema = operation["responses"][status]["content"][bodies.JSON]["schema"]
        jsonschema_rs.validate({**schema, "components": document["components"]}, answer.json())
    asked = operation["requestBody"]["content"][bodies.JSON]["schema"]
    jsonschema_rs.validate({**asked, "components": document["components"]}, form)


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
