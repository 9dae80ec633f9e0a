"""The transaction: a signed envelope around a list of operations.

    body     = [1, channel, signer, valid_until_ms, nonce, atomic, private, operations]
    envelope = [body bytes, signature]
    id       = digest(0x02, body bytes)
    private  = [[operation index, field name, commitment], …]

| part | type | meaning |
|---|---|---|
| channel | 32 bytes | hash of the genesis block: worth nothing on another ledger |
| signer | 32 bytes | Ed25519 public key, which is also the key's id |
| valid_until_ms | int | block time after which the transaction can no longer enter a block |
| nonce | 8 to 16 bytes | tells two equal intents apart |
| atomic | bool | all operations or none |
| operations | array of maps | each with a text `op` and the fields of that operation |

The id is the hash of what was signed, so the same bytes submitted twice are one
transaction, and nobody can give them a second id by changing the signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, NoReturn

from ledger import codec, keys
from ledger.errors import Malformed, TooLarge
from ledger.limits import (
    DIGEST_BYTES,
    MAX_BYTES_LENGTH,
    MAX_IDENTIFIER_LENGTH,
    MAX_NONCE_BYTES,
    MAX_OPERATIONS,
    MAX_PRIVATE_FIELDS,
    MAX_STRING_BYTES,
    MAX_TRANSACTION_BYTES,
    MIN_NONCE_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
)

VERSION = 1
MAX_BODY_BYTES = MAX_TRANSACTION_BYTES - SIGNATURE_BYTES - 8
"""The envelope adds its array, the lengths of both parts and the signature."""

_KINDS = (int, bytes, bytes, int, bytes, bool, tuple, tuple)
"""Types of the fields of a body."""

Operation = dict[str, codec.Value]


class Transaction(NamedTuple):
    """A transaction whose form is right; its signature is not checked by being here.

    A named tuple, because it is made in a third of the time of a frozen dataclass, and every
    node makes one for each transaction that it hears of.
    """

    id: bytes
    body: bytes
    signature: bytes
    channel: bytes
    signer: bytes
    valid_until_ms: int
    nonce: bytes
    atomic: bool
    private: tuple[tuple[int, str, bytes], ...]
    operations: tuple[Operation, ...]

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """The envelope as the array that a block holds."""
        return (self.body, self.signature)

    @property
    def envelope(self) -> bytes:
        """The envelope as bytes: what a client submits."""
        return codec.encode(self.parts)

    @property
    def size(self) -> int:
        """Bytes that it adds to a block, to a few bytes."""
        return len(self.body) + SIGNATURE_BYTES

    def signature_ok(self) -> bool:
        """Whether the signature is the signer's."""
        return keys.verify(self.signer, keys.TRANSACTION_DOMAIN, self.body, self.signature)

    @classmethod
    def decode(cls, envelope: bytes) -> Transaction:
        """Read an envelope's bytes.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        if len(envelope) > MAX_TRANSACTION_BYTES:
            raise _too_large(len(envelope), MAX_TRANSACTION_BYTES)
        try:
            parts = codec.decode(envelope, MAX_TRANSACTION_BYTES)
        except Malformed as error:
            error.field = error.field or "envelope"
            raise
        return cls.from_parts(parts)

    @classmethod
    def from_parts(cls, parts: codec.Value) -> Transaction:
        """Read an envelope that is already an array of body and signature."""
        if type(parts) is not tuple or len(parts) != 2 or type(parts[0]) is not bytes:
            raise Malformed(
                "not an envelope",
                field="envelope",
                found=_described(parts),
                expected="[body bytes, signature]",
            )
        body, signature = parts
        if type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
            raise Malformed(
                "no signature of 64 bytes",
                field="signature",
                found=_described(signature),
                expected=f"{SIGNATURE_BYTES} bytes",
            )
        if len(body) > MAX_BODY_BYTES:
            raise _too_large(len(body), MAX_BODY_BYTES)
        return cls._from_fields(body, signature, _decoded(body))

    @classmethod
    def _from_fields(cls, body: bytes, signature: bytes, fields: codec.Value) -> Transaction:
        if type(fields) is not tuple or len(fields) != 8:
            raise Malformed(
                "not a transaction body",
                field="body",
                found=_described(fields),
                expected="an array of 8 elements",
            )
        version, channel, signer, valid_until_ms, nonce, atomic, private, operations = fields
        if (
            tuple(map(type, fields)) != _KINDS
            or version != VERSION
            or len(channel) != DIGEST_BYTES
            or len(signer) != PUBLIC_KEY_BYTES
            or valid_until_ms <= 0
            or not MIN_NONCE_BYTES <= len(nonce) <= MAX_NONCE_BYTES
        ):
            _refuse_body(fields)
        _check_operations(operations)
        if private:
            _check_private(private, len(operations))
        return cls(
            sha256(b"\x02" + body).digest(),
            body,
            signature,
            channel,
            signer,
            valid_until_ms,
            nonce,
            atomic,
            private,
            operations,
        )

    @classmethod
    def sign(
        cls,
        key: keys.SigningKey,
        *,
        channel: bytes,
        operations: Sequence[Operation],
        valid_until_ms: int,
        nonce: bytes,
        atomic: bool = True,
        private: Iterable[tuple[int, str, bytes]] = (),
    ) -> Transaction:
        """A signed transaction.

        Raises:
            Malformed, TooLarge: the same checks as on the receiving side.
        """
        body = codec.encode(
            (VERSION, channel, key.public, valid_until_ms, nonce, atomic, tuple(private), tuple(operations))
        )
        if len(body) > MAX_BODY_BYTES:
            raise _too_large(len(body), MAX_BODY_BYTES)
        try:
            fields = codec.trusted(body, text_bytes=MAX_STRING_BYTES, octets=MAX_BYTES_LENGTH)
        except ValueError:
            fields = _decoded(body)  # says which element is too long
        return cls._from_fields(body, key.sign(keys.TRANSACTION_DOMAIN, body), fields)


def _refuse_body(fields: tuple[codec.Value, ...]) -> NoReturn:
    """Say what is wrong with the fields of a body.

    Raises:
        Malformed, TooLarge: with the field that is wrong.
    """
    version, channel, signer, valid_until_ms, nonce, atomic, private, operations = fields
    if version != VERSION or type(version) is not int:
        raise Malformed("unknown transaction version", field="version", found=version, expected=VERSION)
    if type(channel) is not bytes or len(channel) != DIGEST_BYTES:
        raise Malformed(
            "the channel is not a hash",
            field="channel",
            found=_described(channel),
            expected=f"{DIGEST_BYTES} bytes",
        )
    if type(signer) is not bytes or len(signer) != PUBLIC_KEY_BYTES:
        raise Malformed(
            "the signer is not a public key",
            field="signer",
            found=_described(signer),
            expected=f"{PUBLIC_KEY_BYTES} bytes",
        )
    if type(valid_until_ms) is not int or valid_until_ms <= 0:
        raise Malformed(
            "not a time",
            field="valid_until_ms",
            found=_described(valid_until_ms),
            expected="milliseconds since 1970",
        )
    if type(nonce) is not bytes or not MIN_NONCE_BYTES <= len(nonce) <= MAX_NONCE_BYTES:
        raise Malformed(
            "the nonce has a wrong form",
            field="nonce",
            found=_described(nonce),
            expected=f"{MIN_NONCE_BYTES} to {MAX_NONCE_BYTES} bytes",
        )
    if type(atomic) is not bool:
        raise Malformed(
            "not a truth value", field="atomic", found=_described(atomic), expected="true or false"
        )
    _check_operations(operations)
    raise Malformed(
        "not a list of private fields", field="private", found=_described(private), expected="an array"
    )


def _decoded(body: bytes) -> codec.Value:
    try:
        return codec.decode(body, MAX_BODY_BYTES, text_bytes=MAX_STRING_BYTES, octets=MAX_BYTES_LENGTH)
    except TooLarge:
        _name_what_is_too_long(codec.decode(body, MAX_BODY_BYTES))
        raise
    except Malformed as error:
        error.field = error.field or "body"
        raise


def _described(value: codec.Value) -> str | int:
    """A value that is not what its place asks for, in a few words."""
    if type(value) is bytes:
        return f"{len(value)} bytes"
    if type(value) is tuple:
        return f"an array of {len(value)} elements"
    if type(value) is int:
        return value
    return "nil" if value is None else type(value).__name__


def _too_large(found: int, most: int) -> TooLarge:
    return TooLarge(
        "transaction too large",
        code="transaction_too_large",
        field="envelope",
        found=f"{found} bytes",
        expected=f"at most {most}",
        remedy="Split the operations over several transactions.",
    )


def _check_operations(operations: codec.Value) -> None:
    if type(operations) is not tuple or not operations:
        raise Malformed(
            "no operations",
            field="operations",
            found=_described(operations),
            expected="an array of at least one map",
        )
    if len(operations) > MAX_OPERATIONS:
        raise TooLarge(
            "too many operations",
            code="too_many_operations",
            field="operations",
            found=len(operations),
            expected=f"at most {MAX_OPERATIONS}",
        )
    for index, operation in enumerate(operations):
        if type(operation) is not dict or type(operation.get("op")) is not str:
            raise Malformed(
                "operation without a name",
                field=f"operations[{index}].op",
                found=_described(operation.get("op") if type(operation) is dict else operation),
                expected="text",
            )


def _name_what_is_too_long(body: codec.Value) -> None:
    """Say which text or byte string of a body passes its bound: the decoder knows only that one does."""
    pending: list[tuple[str, codec.Value]] = [("body", body)]
    while pending:
        field, value = pending.pop()
        kind = type(value)
        if kind is dict:
            pending.extend(value.items())
            pending.extend([(field, name) for name in value])
        elif kind is tuple:
            pending.extend([(field, item) for item in value])
        elif kind is str and len(value.encode()) > MAX_STRING_BYTES:
            raise TooLarge(
                "text too long",
                code="text_too_long",
                field=field[:MAX_IDENTIFIER_LENGTH],
                found=f"{len(value.encode())} bytes",
                expected=f"at most {MAX_STRING_BYTES}",
            )
        elif kind is bytes and len(value) > MAX_BYTES_LENGTH:
            raise TooLarge(
                "bytes too long",
                code="bytes_too_long",
                field=field[:MAX_IDENTIFIER_LENGTH],
                found=f"{len(value)} bytes",
                expected=f"at most {MAX_BYTES_LENGTH}",
            )


def _check_private(private: codec.Value, operations: int) -> None:
    if type(private) is not tuple or len(private) > MAX_PRIVATE_FIELDS:
        raise Malformed(
            "not a list of private fields",
            field="private",
            expected=f"an array of at most {MAX_PRIVATE_FIELDS}",
        )
    before = (-1, "")
    for entry in private:
        if (
            type(entry) is not tuple
            or len(entry) != 3
            or type(entry[0]) is not int
            or not 0 <= entry[0] < operations
            or type(entry[1]) is not str
            or type(entry[2]) is not bytes
            or len(entry[2]) != DIGEST_BYTES
        ):
            raise Malformed(
                "not a private field", field="private", expected="[operation index, name, 32 bytes]"
            )
        if entry[:2] <= before:
            raise Malformed("private fields out of order", field="private", expected="ascending, none twice")
        before = entry[:2]
