"""Fetching an export: streamed into a file, checked, and only then there under its name.

A node that breaks off, or whose file does not prove itself, is left for the next one. What was not checked
never stands under the name that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from clients.errors import BrokenAnswer, Unavailable
from clients.sdk.transport import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, Nodes, Reply, problem_of
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import TallyError
from ledger.limits import MAX_EXPORT_BYTES, MAX_PROOF_BYTES
from ledger.proofs.export import Nothing, ProvedExport, verify

Took = Callable[[int], None]
"""Called with the bytes that have arrived since the last call."""

PART_SUFFIX = ".part"
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
    with client.stream("GET", node + path, timeout=_TIMEOUT) as response:
        if response.status_code != 200:
            body = b""
            for chunk in response.iter_bytes():
                body = (body + chunk)[:MAX_PROOF_BYTES]
            raise problem_of(Reply(node, response.status_code, response.headers, body))
        size_bytes = 0
        with part.open("wb") as file:
            for chunk in response.iter_bytes():
                size_bytes += len(chunk)
                if size_bytes > MAX_EXPORT_BYTES:
                    raise BrokenAnswer(
                        "an export without end", found=node, expected=f"at most {MAX_EXPORT_BYTES} bytes"
                    )
                file.write(chunk)
                took(len(chunk))
