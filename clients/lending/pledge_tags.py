"""Blinded fingerprints of a receivable for the pledge registry (`contracts.finance.pledge`).

    key = new_key(path)                  32 random bytes, shared among the members of the registry
    number, content = tags(key, receivable)

A tag is HMAC-SHA256 (RFC 2104) under the members' key over a domain and the fields, each in one form,
separated by line feeds. Members write a party by its legal entity identifier, or else as SCHEME:VALUE.

| tag | domain | fields |
|---|---|---|
| number | tallystick/pledge/number/1 | supplier, buyer, number |
| content | tallystick/pledge/content/1 | supplier, buyer, currency, gross in minor units, day of issue |

The forms: Unicode NFKC, capitals, letters and digits alone; of a number no zeros at its front either. So
"INV-0042/12", "inv 0042 12" and "INV0042.12" are one number.
"""

from __future__ import annotations

import hmac
import os
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from clients.errors import ProfileError
from ledger.dates import iso_from_day

KEY_BYTES = 32
NUMBER_DOMAIN, CONTENT_DOMAIN = "tallystick/pledge/number/1", "tallystick/pledge/content/1"


@dataclass(frozen=True, slots=True)
class Receivable:
    """What members of different ledgers know one receivable by."""

    supplier: str
    """LEI, or SCHEME:VALUE such as VAT:DE123456789."""
    buyer: str
    number: str
    currency: str
    gross: int
    """Minor units."""
    issued: int
    """Days since 1970."""


def tags(key: bytes, receivable: Receivable) -> tuple[bytes, bytes]:
    """The number tag and the content tag, 32 bytes each."""
    assert len(key) == KEY_BYTES, "a key is read by read_key"
    parties = (_plain(receivable.supplier), _plain(receivable.buyer))
    number = _plain(receivable.number).lstrip("0")
    content = (receivable.currency, str(receivable.gross), iso_from_day(receivable.issued))
    return _tag(key, NUMBER_DOMAIN, *parties, number), _tag(key, CONTENT_DOMAIN, *parties, *content)


def _plain(text: str) -> str:
    """The one form of a text that people write in several."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).upper() if letter.isalnum())


def _tag(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\n".join(parts).encode(), "sha256")


def new_key(path: Path) -> bytes:
    """Make a members' key, readable by its owner only; never overwrites a file.

    Raises:
        ProfileError: the file exists or cannot be written.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
    except OSError as error:
        raise ProfileError(
            f"cannot write {path}",
            code="registry_key",
            found=error.strerror,
            remedy="Name a new file in a folder that you may write to.",
        ) from None
    return key


def read_key(path: Path) -> bytes:
    """The members' key of a file: 64 hexadecimal digits.

    Raises:
        ProfileError: the file cannot be read, or holds no key.
    """
    try:
        with path.open("rb") as file:
            text = file.read(2 * KEY_BYTES + 16).strip()
        key = bytes.fromhex(text.decode("ascii"))
    except (OSError, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else "other text"
        raise _no_key(path, found) from None
    if len(key) != KEY_BYTES:
        raise _no_key(path, f"{len(key)} bytes")
    return key


def _no_key(path: Path, found: str | None) -> ProfileError:
    return ProfileError(
        f"no registry key in {path}",
        code="registry_key",
        found=found,
        expected=f"{2 * KEY_BYTES} hexadecimal digits",
        remedy="Ask a member of the registry for the key, or make the first one: tally pledge key FILE.",
    )
