"""A recovery: a ledger that goes on from the state of another one, whose nodes have lost a quorum of disks.

Where a quorum is lost nothing can be committed any more, and nobody can say what the lost nodes had
certified last. So what is left, the state at a certified height, becomes what another ledger begins with:
it has a genesis block of its own, and with it another channel id, other nodes and other keys. Nothing that
was signed for the old ledger counts in the new one or against it, and nobody gets from one to the other
without noticing.

The genesis document of such a ledger has one more field, `recovers`, a map:

| field | type | meaning |
|---|---|---|
| channel | 32 bytes | the ledger that it goes on from |
| height | int | the block after which the state was taken over, at least 1 |
| block | 32 bytes | hash of that block's header |
| authority | bytes | a statement, carried if it fits: who could approve it, by the state at that height |
| approvals | array of {key, signature} | ascending by key |

    approval = Ed25519("tallystick/recovery/1\\0" || encode([document without approvals, state root]))

The state root is that of the new genesis block, so an approval is for all that the new ledger begins with.
Whose approvals are enough is for the contracts to say (`contracts.parties.recovery`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ledger import codec, keys, shape
from ledger.errors import BlockInvalid, Malformed
from ledger.limits import DIGEST_BYTES, MAX_APPROVALS, MAX_AUTHORITY_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES

_FIELDS = ("channel", "height", "block", "authority", "approvals")
_APPROVAL_FIELDS = ("key", "signature")


@dataclass(frozen=True, slots=True)
class Approval:
    """The signature of an organisation's key under a recovery."""

    key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Recovery:
    """Which ledger a new one goes on from, and who approved it."""

    channel: bytes
    height: int
    block: bytes
    authority: bytes
    approvals: tuple[Approval, ...] = ()

    @classmethod
    def from_value(cls, value: codec.Value) -> Recovery:
        """Read the field of a genesis document.

        Raises:
            Malformed: with the field that is wrong.
        """
        fields = shape.record(value, _FIELDS, "recovers")
        approvals = []
        for entry in shape.sequence(fields["approvals"], MAX_APPROVALS, "recovers.approvals"):
            approval = shape.record(entry, _APPROVAL_FIELDS, "recovers.approvals")
            approvals.append(
                Approval(
                    shape.octets(approval["key"], PUBLIC_KEY_BYTES, "recovers.approvals.key"),
                    shape.octets(approval["signature"], SIGNATURE_BYTES, "recovers.approvals.signature"),
                )
            )
        if any(second.key <= first.key for first, second in pairwise(approvals)):
            raise Malformed("approvals out of order", field="recovers.approvals", expected="ascending by key")
        return cls(
            shape.octets(fields["channel"], DIGEST_BYTES, "recovers.channel"),
            shape.integer(fields["height"], "recovers.height", least=1),
            shape.octets(fields["block"], DIGEST_BYTES, "recovers.block"),
            shape.octets_within(fields["authority"], MAX_AUTHORITY_BYTES, "recovers.authority"),
            tuple(approvals),
        )

    def to_value(self) -> dict[str, Any]:
        """The field of a genesis document."""
        return {
            "channel": self.channel,
            "height": self.height,
            "block": self.block,
            "authority": self.authority,
            "approvals": [
                {"key": approval.key, "signature": approval.signature} for approval in self.approvals
            ],
        }

    @property
    def approving(self) -> tuple[bytes, ...]:
        """The keys that approved."""
        return tuple([approval.key for approval in self.approvals])

    def approved_by(self, key: keys.SigningKey, document: dict[str, Any], state_root: bytes) -> Recovery:
        """The recovery with this key's approval of the document and of the state that it leads to."""
        signature = key.sign(keys.RECOVERY_DOMAIN, _approved(document, state_root))
        others = [approval for approval in self.approvals if approval.key != key.public]
        approvals = sorted([*others, Approval(key.public, signature)], key=lambda approval: approval.key)
        return replace(self, approvals=tuple(approvals))

    def check_signatures(self, document: dict[str, Any], state_root: bytes) -> None:
        """Check that each approval is signed by its key; whether they are enough is another question.

        Raises:
            BlockInvalid: one is not.
        """
        approved = _approved(document, state_root)
        for approval in self.approvals:
            if not keys.verify(approval.key, keys.RECOVERY_DOMAIN, approved, approval.signature):
                raise BlockInvalid(
                    "an approval that its key did not sign for this ledger",
                    code="approval_not_signed",
                    field="recovers.approvals",
                    found=approval.key.hex(),
                )


def _approved(document: dict[str, Any], state_root: bytes) -> bytes:
    """What an approval signs."""
    recovers = {**document["recovers"], "approvals": []}
    return codec.encode(({**document, "recovers": recovers}, state_root))
