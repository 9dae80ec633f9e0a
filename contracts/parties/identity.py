"""Organisations, their roles and their keys.

    ("org", organisation) -> (name, lei, roles, identifiers, active keys)
    ("key", public key)   -> (organisation, key name, approver, state, business day of its enrolment)

Organisations and first keys come from the genesis document. A key's approver is the
organisation that enrolled it; a key added later inherits the approver of the key that added it, so that
nobody becomes independent by adding keys to itself. Supplier and buyer of one document must
have different approvers (invariant 17): one dishonest approver alone cannot make both halves. The day of
enrolment is 0 for keys of the genesis document.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.context import Context, organisation_key, signer_key
from contracts.errors import refuse
from contracts.fields import Operation, PublicKey, Title
from ledger.blocks.genesis import Genesis
from ledger.codec import Value
from ledger.state.overlay import Overlay

SUPPLIER, BUYER, LENDER, BANK, OPERATOR = "supplier", "buyer", "lender", "settlement_bank", "operator"
INSURER, REGULATOR, CARRIER = "insurer", "regulator", "carrier"
NODE_OPERATOR = "node_operator"
"""May run nodes; whoever runs one already, and the operator, may without it."""

ROLES = (BUYER, CARRIER, INSURER, LENDER, NODE_OPERATOR, OPERATOR, REGULATOR, BANK, SUPPLIER)

ACTIVE, REVOKED = 1, 0


class KeyAdd(Operation):
    """Enrol one more key of the signer's own organisation."""

    op: Literal["key.add"]
    key: PublicKey
    name: Title = Field(description="what people call the key, such as the machine that holds it")


class KeyRevoke(Operation):
    """Revoke a key for good: of the signer's own organisation, or of any if the operator signs."""

    op: Literal["key.revoke"]
    key: PublicKey


def enrol_first(state: Overlay, genesis: Genesis) -> None:
    """Write the organisations and keys of the genesis document."""
    for organisation in genesis.organisations:
        state.put(
            organisation_key(organisation.id),
            (
                organisation.name,
                organisation.lei,
                organisation.roles,
                organisation.identifiers,
                len(organisation.keys),
            ),
        )
        for key in organisation.keys:
            state.put(signer_key(key.key), (organisation.id, key.name, key.enrolled_by, ACTIVE, 0))


def signed_by(state: Overlay, signer: bytes, channel: bytes, time_ms: int) -> Context:
    """The context of a transaction's signer, on this channel, at the block's time.

    Raises:
        Refusal: `unknown_key` or `revoked_key`.
    """
    entry = state.get(signer_key(signer))
    if entry is None:
        raise refuse("unknown_key", "key not enrolled", field="signer", found=signer.hex())
    organisation, _, approver, status, _ = entry
    if status != ACTIVE:
        raise refuse("revoked_key", "key revoked", field="signer", found=signer.hex())
    owner: Value = state.get(organisation_key(organisation))
    return Context(state, signer, organisation, approver, owner[2], channel, time_ms)


def add_key(context: Context, operation: KeyAdd) -> None:
    """Enrol a key for the signer's organisation, under the signer's approver."""
    key = signer_key(operation.key)
    if context.get(key) is not None:
        raise refuse("key_exists", "key enrolled before", field="key", found=operation.key.hex())
    context.put(key, (context.actor, operation.name, context.approver, ACTIVE, context.day))
    _count_keys(context, context.actor, 1)


def revoke_key(context: Context, operation: KeyRevoke) -> None:
    """Revoke a key; an organisation keeps at least one unless the operator takes it away."""
    key = signer_key(operation.key)
    entry = context.get(key)
    if entry is None:
        raise refuse("unknown_key", "key not enrolled", field="key", found=operation.key.hex())
    organisation, name, approver, status, day = entry
    is_operator = OPERATOR in context.roles
    if organisation != context.actor and not is_operator:
        raise refuse("not_party", "key of another organisation", field="key", found=organisation)
    if status != ACTIVE:
        raise refuse("revoked_key", "key revoked before", field="key", found=operation.key.hex())
    if _active_keys(context, organisation) == 1 and (not is_operator or organisation == context.actor):
        raise refuse("last_key", "last key of the organisation", field="key", found=organisation)
    context.put(key, (organisation, name, approver, REVOKED, day))
    _count_keys(context, organisation, -1)


def _active_keys(context: Context, organisation: str) -> int:
    entry: Value = context.get(organisation_key(organisation))
    return int(entry[4])


def _count_keys(context: Context, organisation: str, change: int) -> None:
    key = organisation_key(organisation)
    entry: Value = context.get(key)
    context.put(key, (*entry[:4], entry[4] + change))
