"""A client's profile: who it is, where the nodes are, and what it trusts.

    {"name": …, "organisation": …, "key": "…/x.pem", "genesis": "…/genesis.block",
     "channel": "<64 hex digits>", "nodes": ["http://…", …]}

`key` may be left out by clients that only read. Relative paths count from the profile's
folder. `channel` pins the genesis block: a genesis file with another hash is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clients.errors import ProfileError
from ledger.keys import SigningKey
from ledger.limits import DIGEST_BYTES

MAX_PROFILE_BYTES = 65_536
MAX_NODE_URLS = 64


@dataclass(frozen=True, slots=True)
class Profile:
    """One organisation's way into one channel."""

    name: str
    organisation: str
    key: Path | None
    genesis: Path
    channel: bytes
    nodes: tuple[str, ...]

    def signing_key(self, passphrase: bytes | None = None) -> SigningKey:
        """The organisation's key.

        Raises:
            ProfileError: the profile names no key.
            KeyFileError: the file cannot be read or opened.
        """
        if self.key is None:
            raise ProfileError(
                f"profile {self.name} has no key, so it can only read",
                code="no_key",
                field="key",
                remedy="Make a key with `tally keys new` and name its file in the profile.",
            )
        return SigningKey.load(self.key, passphrase)

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile.

        Raises:
            ProfileError: unreadable, or with a field that is missing or wrong.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ProfileError(f"cannot read profile {path}", found=error.strerror) from None
        if len(data) > MAX_PROFILE_BYTES:
            raise ProfileError(f"profile {path} is too large", expected=f"at most {MAX_PROFILE_BYTES} bytes")
        try:
            fields = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ProfileError(f"profile {path} is not JSON", found=str(error)[:120]) from None
        if not isinstance(fields, dict):
            raise ProfileError(f"profile {path} is not a JSON object")
        return cls._from_fields(fields, path)

    @classmethod
    def _from_fields(cls, fields: dict[str, Any], path: Path) -> Profile:
        for name in ("name", "organisation", "genesis", "channel"):
            if not is_printable(fields.get(name)):
                raise ProfileError(
                    f"profile {path}",
                    field=name,
                    found=ascii(fields.get(name))[:80],
                    expected="printable text",
                )
        key = fields.get("key")
        if key is not None and not is_printable(key):
            raise ProfileError(f"profile {path}", field="key", expected="the path of a key file, or nothing")
        folder = path.parent
        return cls(
            fields["name"],
            fields["organisation"],
            folder / key if key else None,
            folder / fields["genesis"],
            _channel(fields["channel"], path),
            _nodes(fields.get("nodes"), path),
        )

    def save(self, path: Path) -> None:
        """Write the profile, whole or not at all.

        Raises:
            ProfileError: the file cannot be written.
        """
        fields = {
            "name": self.name,
            "organisation": self.organisation,
            "key": None if self.key is None else str(self.key),
            "genesis": str(self.genesis),
            "channel": self.channel.hex(),
            "nodes": list(self.nodes),
        }
        draft = path.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise ProfileError(f"cannot write profile {path}", found=error.strerror) from None


def _channel(text: str, path: Path) -> bytes:
    try:
        channel = bytes.fromhex(text)
    except ValueError:
        channel = b""
    if len(channel) != DIGEST_BYTES:
        raise ProfileError(f"profile {path}", field="channel", found=text[:80], expected="64 hex digits")
    return channel


def is_printable(text: object) -> bool:
    """Whether it is text with something in it, and nothing that a path or a terminal cannot take."""
    return isinstance(text, str) and text.isprintable() and bool(text)


def is_node_url(url: object) -> bool:
    """Whether a node could be reached under it."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return (
            parts is not None
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0  # reading it checks that it is a port
        )
    except ValueError:
        return False


def _nodes(urls: object, path: Path) -> tuple[str, ...]:
    if not isinstance(urls, list) or not 1 <= len(urls) <= MAX_NODE_URLS:
        raise ProfileError(f"profile {path}", field="nodes", expected=f"a list of 1 to {MAX_NODE_URLS} URLs")
    for index, url in enumerate(urls):
        if not is_node_url(url):
            raise ProfileError(
                f"profile {path}", field=f"nodes[{index}]", found=str(url)[:80], expected="http://host:port"
            )
    return tuple(url.rstrip("/") for url in urls)
