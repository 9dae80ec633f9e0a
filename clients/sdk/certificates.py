"""Reading a certificate file: the history of one certificate, proved complete, and the tree that follows.

| step | what is shown |
|---|---|
| 1 | the file proves its records against the genesis block (`ledger.proofs.history`) |
| 2 | they were made under rules that we know |
| 3 | it is the history of one certificate, from its first record on |
| 4 | the proved sums are what the records add up to |
| 5 | the tree that the records make has as many leaves, and the same sums |
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.sdk.histories import check_aggregates, proved_history
from clients.sdk.verified import InFile
from contracts.certificates import certificate_views, leaf
from contracts.certificates.certificate_tree import Tree, replay
from contracts.views import View
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Refusal, VerificationError
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.proofs.history import ProvedHistory

CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class VerifiedCertificate(InFile):
    """A certificate with its whole tree, proved."""

    obligor: str
    number: str
    proved: ProvedHistory
    tree: Tree
    data: bytes
    """The certificate file."""

    @property
    def view(self) -> View:
        """The tree by name, amounts in minor units."""
        return certificate_views.tree_view(self.obligor, self.number, self.tree)


def certificate_subject(key: bytes) -> tuple[str, str] | None:
    """(obligor, certificate) of a certificate's state key; None for another kind of history."""
    parts = codec.decode(key, MAX_STATE_KEY_BYTES)
    if type(parts) is tuple and len(parts) == 3 and parts[0] == CERTIFICATE:
        obligor, number = (str(part) for part in parts[1:])
        return obligor, number
    return None


def read_certificate(data: bytes, genesis: GenesisBlock) -> VerifiedCertificate:
    """The verified certificate that a file holds.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims, or that there is no such certificate.
    """
    # 1. The records are proved, 2. under rules that we know.
    proved = proved_history(data, genesis)
    # 3. They are all records of a certificate.
    subject = certificate_subject(proved.key)
    if subject is None:
        raise VerificationError("not the history of a certificate", field="key")
    if proved.entry is None or not proved.is_complete:
        raise VerificationError("not a whole certificate", field="records", found=len(proved.records))
    # 4. The sums follow from the records.
    check_aggregates(proved, tuple(leaf.NO_LEAVES), leaf.fold)
    # 5. The tree follows from the records.
    try:
        tree = replay(proved.records)
    except (Refusal, TypeError, ValueError) as error:
        raise VerificationError(
            "records that make no tree", field="records", found=str(error)[:120]
        ) from None
    sums = certificate_views.tree_totals(tree)
    if tuple(sums) != proved.entry.aggregates:
        raise VerificationError("the tree does not add up to the proved sums", field="aggregates")
    return VerifiedCertificate(*subject, proved, tree, data)
