"""Organisations, their roles and their keys.

    ("org", organisation) -> (name, lei, roles, identifiers, active keys)
    ("key", public key)   -> (organisation, key name, approver, state)

Organisations and first keys come from the genesis document. A key's approver is the
organisation that enrolled it; a key added later inherits the approver of the key that added it, so that
nobody becomes independent by adding keys to itself. Supplier and buyer of one document must
have different approvers (invariant 17): one dishonest approver alone cannot make both halves.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import Operation, PublicKey, Title


class KeyAdd(Operation):
    """Enrol one more key of the signer's own organisation."""

    op: Literal["key.add"]
    key: PublicKey
    name: Title = Field(description="what people call the key, such as the machine that holds it")


class KeyRevoke(Operation):
    """Revoke a key for good: of the signer's own organisation, or of any if the operator signs."""

    op: Literal["key.revoke"]
    key: PublicKey
