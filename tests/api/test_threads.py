"""Requests are answered on the event loop: nothing of the API is handed to a thread and waited for."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import ApiClient
from fastapi import routing
from fastapi.dependencies import utils


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/organisations", None),
        ("GET", "/blocks", None),
        ("GET", "/relationships?party=acme", None),
        ("POST", "/quotes", {"programme": "none", "supplier": "acme", "invoice": "1"}),
    ],
)
def test_a_request_needs_no_thread(
    client: ApiClient, channel: str, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    handed: list[str] = []

    async def to_thread(function: Any, *given: Any, **named: Any) -> Any:
        handed.append(function.__name__)
        return function(*given, **named)

    for module in (utils, routing):
        monkeypatch.setattr(module, "run_in_threadpool", to_thread)
    answer = client.request(method, channel + path, **({} if body is None else {"json": body}))
    assert answer.status_code in (200, 404)
    assert handed == []
