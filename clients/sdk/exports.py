"""Fetching an export: streamed into a file, checked, and only then there under its name.

A node that breaks off, or whose file does not prove itself, is left for the next one. What was not checked
never stands under the name that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from clients.errors import BrokenAnswer, NodeProblem, Unavailable
from clients.sdk.deadlines import begun
from clients.sdk.transport import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    PLAIN,
    Nodes,
    Reply,
    check_plain,
    problem_of,
)
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import TallyError
from ledger.limits import MAX_EXPORT_BYTES
from ledger.proofs.export import Nothing, ProvedExport, verify

Took = Callable[[int], None]
"""Called with the bytes that have arrived since the last call."""

PART_SUFFIX = ".part"
MAX_PROBLEM_BYTES = 65_536
LEAST_BYTES_S = 1_024
"""On average, once `GRACE_S` is over: slower than any line that an export can be fetched over."""
GRACE_S = 60.0
_TIMEOUT = httpx.Timeout(4 * ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
"""A node that is busy with other things rests between two pieces."""


def fetch(
    client: httpx.Client, nodes: Nodes, path: str, genesis: GenesisBlock, to: Path, took: Took, least: int
) -> ProvedExport:
    """The export that the first node gives which can, at height `least` or above, proved, in the file `to`.

    Raises:
        Unavailable: no node gives one; says what each one did.
        OSError: the file cannot be written.
    """
    part = to.with_name(to.name + PART_SUFFIX)
    failed: dict[str, str] = {}
    try:
        for _ in nodes.urls:
            node = nodes.current
            try:
                _download(client, node, path, part, took)
                proved = checked(part, genesis)
            except httpx.HTTPError as error:
                failed[node] = f"broke off ({type(error).__name__})"
            except TallyError as error:
                failed[node] = f"[{error.code}] {error.message}"
            else:
                if proved.header.height >= least:
                    part.replace(to)
                    return proved
                failed[node] = f"is at height {proved.header.height} only"
            nodes.leave(node)
    finally:
        part.unlink(missing_ok=True)
    shown = "; ".join(f"{node} {reason}" for node, reason in failed.items())
    raise Unavailable("no node gives an export", found=shown[:400], expected=f"at height {least} or above")


def checked(file: Path, genesis: GenesisBlock) -> ProvedExport:
    """What the export in a file proves.

    Raises:
        Malformed, VerificationError: it does not.
    """
    with file.open("rb") as stream:
        return verify(stream, genesis, Nothing())


def _download(client: httpx.Client, node: str, path: str, part: Path, took: Took) -> None:
    began = time.monotonic()
    size_bytes = 0
    with begun(client, began + GRACE_S, "GET", node + path, headers=PLAIN, timeout=_TIMEOUT) as response:
        check_plain(response, node)
        if response.status_code != 200:
            raise _problem(response, node)
        with part.open("wb") as file:
            for chunk in response.iter_bytes():
                size_bytes += len(chunk)
                if size_bytes > MAX_EXPORT_BYTES:
                    raise BrokenAnswer(
                        "an export without end", found=node, expected=f"at most {MAX_EXPORT_BYTES} bytes"
                    )
                late_s = time.monotonic() - began - GRACE_S
                if size_bytes < late_s * LEAST_BYTES_S:
                    raise BrokenAnswer("an export that comes too slowly", found=node)
                file.write(chunk)
                took(len(chunk))


def _problem(response: httpx.Response, node: str) -> NodeProblem:
    """What a node answers instead, as far as it is short and comes at once."""
    until = time.monotonic() + ANSWER_TIMEOUT_S
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_PROBLEM_BYTES or time.monotonic() > until:
            break
    return problem_of(Reply(node, response.status_code, response.headers, body[:MAX_PROBLEM_BYTES]))
