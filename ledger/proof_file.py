"""Proof files: what a client keeps, and anyone can verify later without a node.

    file = [kind, 1, …]          one canonical array

| kind | holds | read by |
|---|---|---|
| receipt | transactions with their results, and the way to a certified block | `ledger.proofs.receipt` |
| history | the records of a relationship, and the way to a certified block | `ledger.proofs.history` |
| state | state entries, present or absent, and the way to a certified block | `ledger.proofs.statement` |
| quote | a price with all that went into it | `contracts.finance.quote` |
| answer | a question about the state, with every entry that its answer needs | `contracts.answer` |
| quotes | many prices, page by page with a shared proof | `contracts.finance.quote_book` |
| evidence | what a node signed and no honest node signs | `ledger.faults.evidence` |
| memberships | the membership changes since the genesis block, with their proofs | `ledger.proofs.handover` |
| carried | a proof file, and the membership changes that it needs | `ledger.proofs.carried` |

The bytes are canonical, so a file has one form only: a changed byte is found either by
its form or because a hash or a signature no longer fits.
"""

from __future__ import annotations

from ledger import codec, shape
from ledger.errors import Malformed
from ledger.limits import MAX_PROOF_BYTES

VERSION = 1
RECEIPT = "receipt"
HISTORY = "history"
STATE = "state"
QUOTE = "quote"
QUOTES = "quotes"
ANSWER = "answer"
MEMBERSHIPS = "memberships"
CARRIED = "carried"
EVIDENCE = "evidence"
KINDS = (RECEIPT, HISTORY, STATE, QUOTE, QUOTES, ANSWER, MEMBERSHIPS, CARRIED, EVIDENCE)


def read(data: bytes) -> tuple[codec.Value, ...]:
    """The array of a proof file, of any known kind; `value[0]` is the kind.

    Raises:
        Malformed, NonCanonical, TooLarge: not a proof file.
    """
    value = codec.decode(data, MAX_PROOF_BYTES)
    if type(value) is not tuple or len(value) < 2 or type(value[0]) is not str or value[0] not in KINDS:
        raise Malformed(
            "not a proof file", field="kind", expected=f"an array that begins with {', '.join(KINDS)}"
        )
    return value


def parts(value: codec.Value, kind: str, count: int) -> tuple[codec.Value, ...]:
    """What follows kind and version in a proof file of this kind.

    Raises:
        Malformed: another kind, version or number of parts.
    """
    if type(value) is tuple and value and value[0] != kind and value[0] in KINDS:
        raise Malformed(
            "another kind of proof", code="other_kind", field="kind", found=value[0], expected=kind
        )
    whole = shape.array(value, count + 2, kind)
    if whole[0] != kind:
        raise Malformed("not a proof", field="kind", found=whole[0], expected=kind)
    shape.integer(whole[1], f"{kind}.version", least=VERSION, most=VERSION)
    return whole[2:]
