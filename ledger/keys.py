"""Ed25519 keys and signatures. The only module that signs or verifies.

A key is named by itself: the key id is the 32-byte public key. A signature covers a
domain text and the message, so that a signature made for one purpose is worth nothing
for another:

    signature = Ed25519(domain || message), domain = "tallystick/<purpose>/1\\0"

Verification rule. Whether a signature is good decides what is on the ledger, so every
node must give the same answer on every input, the odd ones included. The rule is that of
libsodium (`crypto_sign_verify_detached`), as RFC 8032 section 5.1.7 without cofactor:

1. S is refused unless it is below the group order (no malleability);
2. the public key is refused if its encoding is not canonical or its order is small;
3. R is refused if its order is small; then SB - hA is computed, encoded, and its bytes
   are compared with R, so a non-canonical R never matches.

Point 3 is where implementations differ: a library that multiplies by the cofactor accepts
more. Two signatures under a key with a component of small order tell the two kinds apart;
they are checked when this module is loaded, so that a node with a library of the other
kind does not start instead of leaving the others one day. `tests/ledger/test_keys.py`
pins the verdict on each of the CCTV, Wycheproof and ed25519-speccheck vectors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from ledger.errors import TallyError
from ledger.limits import PUBLIC_KEY_BYTES, SIGNATURE_BYTES

TRANSACTION_DOMAIN = b"tallystick/tx/1\0"
HEADER_DOMAIN = b"tallystick/header/1\0"
ACK_DOMAIN = b"tallystick/ack/1\0"
VOTE_DOMAIN = b"tallystick/vote/1\0"
CLOCK_DOMAIN = b"tallystick/clock/1\0"
NODE_DOMAIN = b"tallystick/node/1\0"
HAND_OVER_DOMAIN = b"tallystick/hand-over/1\0"
RECOVERY_DOMAIN = b"tallystick/recovery/1\0"


class KeyFileError(TallyError):
    """A key file that cannot be read, opened or written."""

    code = "key_file"
    remedy = "Check the path and the passphrase; `tally keys new` makes a fresh key."


def _unwritable(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(
        f"cannot write key file {path}",
        found=error.strerror,
        remedy="Name a file that does not exist yet, where you may write: a key is never overwritten.",
    )


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; `public` is its 32-byte public key and its id."""

    seed: bytes
    public: bytes
    _secret: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed (RFC 8032 section 5.1.5)."""
        public, secret = crypto_sign_seed_keypair(seed)
        return cls(seed, public, secret)

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key from the operating system's randomness."""
        return cls.from_seed(os.urandom(32))

    def sign(self, domain: bytes, message: bytes) -> bytes:
        """64 bytes: the signature over domain and message. The same input gives the same bytes."""
        return crypto_sign(domain + message, self._secret)[:SIGNATURE_BYTES]

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write PKCS#8 PEM, readable by its owner only; never overwrites.

        Raises:
            KeyFileError: the file exists or cannot be written.
        """
        encryption = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        pem = Ed25519PrivateKey.from_private_bytes(self.seed).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _unwritable(path, error) from None

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> SigningKey:
        """Read a PKCS#8 PEM file with an Ed25519 key.

        Raises:
            KeyFileError: missing, not PEM, wrong passphrase or another kind of key.
        """
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
        except OSError as error:
            raise KeyFileError(f"cannot read key file {path}", found=error.strerror) from None
        except (ValueError, TypeError) as error:
            raise KeyFileError(f"cannot open key file {path}", found=str(error)[:120]) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"not an Ed25519 key: {path}", found=type(key).__name__)
        return cls.from_seed(key.private_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"


def verify(public: bytes, domain: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over domain and message, by the rule above."""
    if len(signature) != SIGNATURE_BYTES or len(public) != PUBLIC_KEY_BYTES:
        return False
    try:
        crypto_sign_open(signature + domain + message, public)
    except CryptoError:
        return False
    return True


def verify_many(domain: bytes, items: Iterable[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """The verdict on each (public key, message, signature); releases the GIL in each check."""
    return [verify(public, domain, message, signature) for public, message, signature in items]


_MIXED_KEY = bytes.fromhex("050b1b3ca15a67f17237a4f1833e7c90e55e391284aa87c22f6d19e3a4db61a4")
_MIXED_R = bytes.fromhex("515ea712b2ea8f0b20f6389d83a5c89ea90006c4c1346f8698f50bf3bba76395")
_MIXED_S = (
    # The hash is a multiple of 8, so the small component cancels: accepted by either kind.
    (b"tallystick rule 0", "462b0c035863d03e53f118707b29d10c52b8d5bd1e27eb23ae2f684a23309e01", True),
    # It is not: accepted only by a library that multiplies by the cofactor.
    (b"tallystick rule 1", "c476d11278d5fb9989c9ff623fb54dfee87b9589c2bc5f70e65c76d9d8bb730b", False),
)


def _check_library() -> None:
    """Refuse to run on a library with another verification rule."""
    for message, s, verdict in _MIXED_S:
        if verify(_MIXED_KEY, b"", message, _MIXED_R + bytes.fromhex(s)) is not verdict:
            raise RuntimeError(
                "the installed libsodium verifies signatures by another rule than this ledger; "
                "install the version of PyNaCl that the lock file names"
            )


_check_library()
