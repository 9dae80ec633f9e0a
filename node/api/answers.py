"""Answers of the reading endpoints: views as JSON, proofs as files, and what is not there as 404.

Every answer names in `Tally-Height` the applied height that it was read at, so that a
client which has seen more (its own write, say) knows to ask elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from contracts.views import Page
from ledger.chain.chain import Chain
from node.api import bodies
from node.api.problems import Problem, documented

HEIGHT_HEADER = "Tally-Height"

PROOF_FILE = {200: {"content": {bodies.MSGPACK_FILE: {}}}, **documented(404, 422, 503)}
"""The OpenAPI `responses` of an operation that answers with a proof."""


def shown_as(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of an operation that answers with a view, or with a page of them."""
    return {200: {"model": model}, **documented(404, 422)}


def view(chain: Chain, found: Any, code: str, **asked: str) -> Response:
    """A view, or the 404 with this code that names what was asked for.

    Raises:
        Problem: there is no such thing.
    """
    if found is None:
        raise Problem(
            "not on this ledger",
            code=code,
            field=", ".join(asked),
            found=", ".join(asked.values()),
            remedy="Check the spelling, or whether it has been recorded yet.",
        )
    return Response(json.dumps(found), media_type=bodies.JSON, headers=_height(chain))


def page(chain: Chain, name: str, found: Page) -> Response:
    """A page of views under this name, with where to go on."""
    items, after = found
    shown = {name: items, "next": None if after is None else after.hex()}
    return Response(json.dumps(shown), media_type=bodies.JSON, headers=_height(chain))


def file(chain: Chain, data: bytes, name: str) -> Response:
    """A proof file to be kept under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_height(chain)}
    return Response(data, media_type=bodies.MSGPACK_FILE, headers=headers)


def key_after(after: str | None) -> bytes | None:
    """The state key that a page goes on after."""
    return None if after is None else bytes.fromhex(after)


def _height(chain: Chain) -> dict[str, str]:
    return {HEIGHT_HEADER: str(chain.applied.height)}
