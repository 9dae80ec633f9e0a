"""Private fields: a salted commitment on the ledger, the value beside it.

    commitment = digest(0x08, encode([field, salt, value]))

The salt (at least 16 random bytes) keeps a value of little entropy from being guessed;
whoever holds salt and value can prove to anyone what was committed; erasing them leaves
every hash on the ledger as it was. Who may read the values is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, VerificationError
from ledger.hashing import COMMITMENT, digest
from ledger.limits import MAX_SALT_BYTES, MIN_SALT_BYTES


@dataclass(frozen=True, slots=True)
class Opening:
    """What turns a commitment back into its value."""

    operation: int
    field: str
    salt: bytes
    value: codec.Value

    def commitment(self) -> bytes:
        """The 32 bytes that stand on the ledger.

        Raises:
            Malformed: a salt that is too short or too long.
        """
        if not MIN_SALT_BYTES <= len(self.salt) <= MAX_SALT_BYTES:
            raise Malformed(
                "the salt has a wrong length",
                field="salt",
                expected=f"{MIN_SALT_BYTES} to {MAX_SALT_BYTES} bytes",
            )
        return digest(COMMITMENT, codec.encode((self.field, self.salt, self.value)))

    def entry(self) -> tuple[int, str, bytes]:
        """The element of a transaction's `private` list."""
        return (self.operation, self.field, self.commitment())


def verify_opening(transaction: Transaction, opening: Opening) -> None:
    """Check that the transaction committed to exactly this value.

    Raises:
        VerificationError: it committed to another value, or not to this field.
    """
    for operation, field, commitment in transaction.private:
        if (operation, field) == (opening.operation, opening.field):
            if commitment != opening.commitment():
                raise VerificationError("private value does not match its commitment", field=field)
            return
    raise VerificationError("the transaction has no commitment for this field", field=opening.field)
