"""Private fields: what a commitment binds, and that it reveals nothing by equality."""

import pytest
from canonical_values import VALUES
from hypothesis import given

from ledger.blocks.private import Opening, verify_opening
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, VerificationError
from ledger.keys import SigningKey

KEY = SigningKey.from_seed(bytes(32))
SALT = bytes(range(16))


def committed(*openings):
    return Transaction.sign(
        KEY,
        channel=b"c" * 32,
        operations=[{"op": "note"}, {"op": "note"}],
        valid_until_ms=1_000,
        nonce=b"nonce123",
        private=sorted(opening.entry() for opening in openings),
    )


@given(VALUES)
def test_opening_proves_the_value_that_was_committed(value):
    opening = Opening(0, "contact", SALT, value)
    verify_opening(committed(opening), opening)


@pytest.mark.parametrize(
    "other",
    [
        Opening(0, "contact", SALT, "Mallory"),
        Opening(0, "contact", SALT + b"x", "Alice"),
        Opening(0, "contact", SALT, b"Alice"),
    ],
    ids=["value", "salt", "type"],
)
def test_another_value_salt_or_type_does_not_open_the_commitment(other):
    with pytest.raises(VerificationError, match="does not match"):
        verify_opening(committed(Opening(0, "contact", SALT, "Alice")), other)


@pytest.mark.parametrize("place", [(1, "contact"), (0, "phone")])
def test_commitment_is_bound_to_its_operation_and_field(place):
    with pytest.raises(VerificationError, match="no commitment"):
        verify_opening(committed(Opening(0, "contact", SALT, "Alice")), Opening(*place, SALT, "Alice"))


def test_commitments_of_one_value_in_two_fields_differ():
    first, second = Opening(0, "a", SALT, "x"), Opening(0, "b", SALT, "x")
    assert first.commitment() != second.commitment()


@pytest.mark.parametrize("length", [0, 15, 65])
def test_salt_out_of_bounds_is_refused(length):
    with pytest.raises(Malformed) as caught:
        Opening(0, "contact", bytes(length), "Alice").commitment()
    assert caught.value.field == "salt"
