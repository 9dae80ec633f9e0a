"""The HTTP API as one ASGI application.

`create_app` puts the resources together, gives every error the same shape, and writes the
two hot endpoints, which no framework documents by itself, into the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ledger.errors import TallyError
from node.api import (
    auctions,
    blocks,
    bodies,
    cash,
    certificates,
    demands,
    documentation,
    early_payments,
    events,
    evidence,
    exports,
    insurance,
    leader,
    lenders,
    membership,
    organisations,
    problems,
    quotes,
    relationships,
    resales,
    status,
    trade,
    transactions,
)
from node.api.channel import CHANNEL_PREFIX
from node.api.connections import Heads
from node.api.problems import Problem
from node.service import Service
from node.telemetry import Observed, Telemetry

_log = structlog.get_logger("node.api")


def create_app(service: Service) -> FastAPI:
    """The API of one node; `service` must be open (its chain is read here)."""
    app = FastAPI(
        title="Tallystick node",
        version="1",
        description=documentation.DESCRIPTION,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.service = service
    app.state.channel = service.chain.channel
    app.state.telemetry = Telemetry(service.status, service.statistics)
    app.state.submissions = {
        path: transactions.Submission(service, service.chain.channel, bundle=bundle)
        for path, bundle in (("/transactions", False), ("/bundles", True))
    }
    for path, endpoint in app.state.submissions.items():
        app.router.routes.append(Route(CHANNEL_PREFIX + path, endpoint, methods=["POST"]))
    for resource in (
        status,
        leader,
        transactions,
        blocks,
        membership,
        trade,
        relationships,
        lenders,
        organisations,
        cash,
        certificates,
        insurance,
        auctions,
        early_payments,
        resales,
        demands,
        quotes,
        events,
        evidence,
        exports,
    ):
        app.router.routes.extend(resource.router.routes)
    app.add_middleware(Observed, telemetry=app.state.telemetry)
    app.add_exception_handler(TallyError, _on_tally_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(bodies.Disconnected, _on_gone)
    app.add_exception_handler(Exception, _on_bug)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


class Front:
    """What the server calls: submissions and quotes go straight to their endpoint, all else through FastAPI.

    The same endpoints are routes of the app, which describes them and answers for what is not
    exactly one of these paths; on the way through it a request passes eight more layers, and some
    hundred patterns that its path is held against. A quote that names a level of reading goes that way.

    `direct` is for the connections: by the bytes of its URL, a submission that they may take
    whole, without a scope and a task. They keep in `heads` how such requests began.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        channel: str = app.state.channel.hex()
        telemetry: Telemetry = app.state.telemetry
        self._path_params = {"channel": channel}
        prefix = CHANNEL_PREFIX.format(channel=channel)
        submissions: dict[str, transactions.Submission] = app.state.submissions
        self._submissions = {
            prefix + path: (endpoint, Observed(endpoint, telemetry)) for path, endpoint in submissions.items()
        }
        self._quotes = {
            prefix + path: (endpoint, Observed(_straight(app, endpoint), telemetry))
            for path, endpoint in (("/quotes", quotes.post_quote), ("/quotes/book", quotes.post_book))
        }
        place = prefix + "/transactions"
        lone = transactions.DirectSubmission(submissions["/transactions"], app.state.service, telemetry)
        self.direct = {place.encode(): lone, f"{place}?wait=committed".encode(): lone}
        self.heads: Heads = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = self._found(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"], observed = found
        scope["path_params"] = self._path_params
        try:
            await observed(scope, receive, send)
        except Exception as error:
            response = await _on_bug(Request(scope), error)
            await response(scope, receive, send)

    def _found(self, scope: Scope) -> tuple[object, Observed] | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        path: str = scope["path"]
        return self._submissions.get(path) or (None if scope["query_string"] else self._quotes.get(path))


def _straight(app: FastAPI, endpoint: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """An endpoint that reads its request itself, called as the framework would."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = app
        try:
            response = await endpoint(Request(scope, receive))
        except TallyError as error:
            response = problems.response(error)
        except bodies.Disconnected:
            return
        await response(scope, receive, send)

    return call


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        app.openapi_schema = documentation.completed(document, CHANNEL_PREFIX)
    return app.openapi_schema


async def _on_tally_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TallyError)
    return problems.response(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    """The first parameter that does not fit its type or bounds."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problems.response(
        Problem(
            "invalid parameter",
            code="invalid_parameter",
            field=".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0]),
            found=str(first.get("input"))[: problems.MAX_SHOWN_CHARACTERS],
            expected=str(first["msg"]),
            remedy=problems.SEE_API,
        )
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, a method that a path does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        shown = Problem(
            "this path does not have that method",
            code="method_not_allowed",
            field="method",
            found=request.method,
            expected=(error.headers or {}).get("Allow", ""),
            remedy=problems.SEE_API,
        )
    else:
        shown = Problem(
            "no such path",
            code="no_such_path",
            field="path",
            found=request.url.path,
            expected="a path of the API",
            remedy=problems.SEE_API,
        )
    return problems.response(shown, error.headers)


async def _on_gone(_request: Request, _error: Exception) -> Response:
    """The client left in the middle of its request: counted as its fault, and nobody reads the answer."""
    return Response(status_code=400)


async def _on_bug(request: Request, error: Exception) -> Response:
    _log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
    return problems.response(problems.internal_error())
