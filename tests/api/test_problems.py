"""Every error has one shape, a stable code, and the status that the code's owner gave it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from api_client import ApiClient
from local_node import LocalNetwork
from structlog.testing import capture_logs

from ledger.chain.committed import NotCertified
from ledger.errors import Malformed, NonCanonical, Refusal, StoreError, TallyError, TooLarge
from node.api import Front, bodies, create_app, problems
from node.errors import KINDS, NotAdmitted


@pytest.mark.parametrize("code", sorted(KINDS))
def test_refusal_at_the_door_keeps_the_status_that_it_was_given(code: str) -> None:
    status, _, retry_after = problems.render(NotAdmitted(code, "no"))
    assert status == KINDS[code].http_status
    assert (retry_after is not None) == KINDS[code].passes


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("x"), 400),
        (NonCanonical("x"), 400),
        (TooLarge("x"), 413),
        (TooLarge("x", code="too_many_operations"), 422),
        (Refusal("already_financed", "x"), 409),
        (Refusal("unknown_invoice", "x"), 404),
        (StoreError("x"), 503),
        (NotCertified("x"), 503),
        (TallyError("x"), 422),
    ],
)
def test_status_follows_from_code_and_type(error: TallyError, status: int) -> None:
    assert problems.status_of(error) == status


def test_problem_shows_everything_that_the_error_knows() -> None:
    error = Malformed("wrong", field="a.b", found="x" * 5_000, expected=3, remedy="mend it")
    shown = problems.details(error)
    assert shown == {
        "type": "urn:tallystick:problem:malformed",
        "title": "Bad Request",
        "status": 400,
        "detail": shown["detail"],
        "code": "malformed",
        "field": "a.b",
        "found": "x" * (problems.MAX_SHOWN_CHARACTERS - 1) + "…",
        "expected": 3,
        "remedy": "mend it",
    }
    problems.ProblemDetails.model_validate(shown)


def test_text_that_utf8_cannot_express_is_still_an_answer() -> None:
    _, body, _ = problems.render(Malformed("wrong", found="\ud800"))
    assert b"\\ud800" in body


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/status", "/v1/channels", "/docs", "/v1/status/"])
def test_unknown_path_is_a_problem(client: ApiClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_path")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
def test_method_that_a_path_does_not_have_is_a_problem_that_names_those_it_has(
    client: ApiClient, channel: str, method: str
) -> None:
    answer = client.request(method, f"{channel}/transactions")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_bug_is_a_problem_without_its_insides(network: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    node = network.nodes["n1"]
    app = create_app(node)
    monkeypatch.setattr(node, "status", lambda: 1 // 0)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.get("/v1/status")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text


def test_bug_in_a_submission_is_a_problem_without_its_insides(
    network: LocalNetwork, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = network.nodes["n1"]
    client = ApiClient(Front(create_app(node)))
    monkeypatch.setattr(node, "submit", lambda *_, **__: 1 // 0)
    answer = client.post(f"{channel}/transactions", content=b"x", headers={"content-type": bodies.MSGPACK})
    client.close()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text


def test_every_path_parameter_is_checked(client: ApiClient, channel: str) -> None:
    refused: list[tuple[str, str]] = [
        (f"{channel}/blocks/-1", "height"),
        (f"{channel}/blocks/x", "height"),
        (f"{channel}/blocks/{2**63}", "height"),
        (f"{channel}/blocks/1e3", "height"),
        (f"{channel}/blocks?limit=0", "limit"),
        (f"{channel}/blocks?limit=101", "limit"),
        (f"{channel}/blocks?from=-1", "from"),
        (f"{channel}/blocks?form=xml", "form"),
        (f"{channel}/invoices", "supplier"),
        (f"{channel}/invoices?supplier=ACME", "supplier"),
        (f"{channel}/invoices?supplier=acme&limit=501", "limit"),
        (f"{channel}/invoices?supplier=acme&after=xyz", "after"),
        (f"{channel}/invoices?supplier=acme&status=%00", "status"),
        (f"{channel}/invoices/acme/{'x' * 65}", "number"),
        (f"{channel}/invoices/acme/", "number"),
        (f"{channel}/invoices/acme/a%00b", "number"),
        (f"{channel}/invoices/acme/a%E2%80%AEb", "number"),
        (f"{channel}/invoices/%2e%2e/a", "supplier"),
        (f"{channel}/relationships/acme/anchor/history?last=0", "last"),
        (f"{channel}/relationships/acme/anchor/history?last=x", "last"),
        (f"{channel}/relationships", "party"),
        (f"{channel}/state-proofs", "key"),
        (f"{channel}/state-proofs?key=abc", "key"),
        (f"{channel}/state-proofs?" + "&".join(["key=00"] * 65), "key"),
        (f"{channel}/events?after=-1", "after"),
        (f"/v1/channels/{'A' * 64}/genesis", "channel"),
    ]
    found: list[tuple[str, Any, Any, Any]] = []
    for url, field in refused:
        answer = client.get(url)
        body = answer.json()
        if (answer.status_code, body["code"], body["field"].split(".")[0]) != (
            422,
            "invalid_parameter",
            field,
        ):
            found.append((url, answer.status_code, body["code"], body.get("field")))
    assert found == []


@pytest.mark.parametrize("path", ["/leader", "/quotes", "/quotes/book"])
def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_bug(
    network: LocalNetwork, channel: str, path: str
) -> None:
    begun = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(begun)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": channel + path,
        "query_string": b"level=local",
        "headers": [(b"content-type", b"application/json")],
    }
    with capture_logs() as logs:
        asyncio.run(create_app(network.nodes["n1"])(scope, receive, send))
    assert [message.get("status") for message in sent if "status" in message] == [400]
    assert logs == []
