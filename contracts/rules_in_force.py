"""Which contract versions a reader of proofs can compute again: what no release can check is not claimed."""

from __future__ import annotations

from collections.abc import Collection

from ledger.blocks.block import Header
from ledger.errors import VerificationError

RECORDED_UNDER = (3,)
"""Contract versions whose records and sums these contracts read. No released ledger is of one before."""


def check_rules_known(header: Header, known: Collection[int], what: str) -> None:
    """Refuse what was made under a contract version that is not among these; `what` names it.

    Raises:
        VerificationError: with the release that could check it as its remedy.
    """
    version = header.contract_version
    if version in known:
        return
    raise VerificationError(
        f"the {what} was made under rules that this verifier does not know",
        field="header.contract_version",
        found=version,
        expected=" or ".join(map(str, sorted(known))),
        remedy="Update the verifier."
        if version > max(known)
        else "Verify it with the release that the nodes ran when it was made.",
    )
