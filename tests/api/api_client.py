"""A blocking client of an application in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


class ApiClient:
    """Requests, one after the other, on an event loop of its own."""

    def __init__(self, app: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, url, **given))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
