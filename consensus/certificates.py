"""Acknowledgements gathered into certificates, and certificates checked.

The rules (CR-68, 69, 71–73, 75):

1. An acknowledgement counts only for the entry that the leader holds at that index, only
   if the entry's term is the leader's own, and only if the signature verifies.
2. A certificate is `quorum` distinct voters' acknowledgements of one entry in its term.
3. The leader commits by a certificate and by nothing else: entries of earlier terms are
   committed by what stands above them.
4. A certificate is void as a whole if one signer is no voter, comes twice, or has signed
   something else, however many good ones remain.

Signatures are the dear part, so they are verified as late as they can be: for the entry
that moves `match`, and for those that would complete a certificate.
"""

from __future__ import annotations

from consensus.messages import Certificate
from consensus.quorum import Configuration
from consensus.storage import Authority


def void_because(
    certificate: Certificate,
    configuration: Configuration,
    authority: Authority,
    known: tuple[str, bytes] | None = None,
) -> str | None:
    """Why a certificate is void, or None if it proves its entry committed (CR-71).

    `known` is an acknowledgement that needs no checking: the node's own.
    """
    signers = [node for node, _ in certificate.acks]
    if signers != sorted(set(signers)):
        return "signers out of order, or one twice"
    for node in signers:
        if not configuration.is_voter(node):
            return f"{node} is no voter"
    if not configuration.has_quorum(signers):
        return "no quorum of signers"
    for ack in certificate.acks:
        if ack == known:
            continue
        node, signature = ack
        if not authority.verify(node, certificate.term, certificate.index, certificate.hash, signature):
            return f"the signature of {node} does not verify"
    return None


class _Slot:
    """The acknowledgements of one entry."""

    __slots__ = ("hash", "signatures", "verified")

    def __init__(self, entry_hash: bytes) -> None:
        self.hash = entry_hash
        self.signatures: dict[str, bytes] = {}
        self.verified: set[str] = set()


class AckBook:
    """The acknowledgements that a leader has for uncommitted entries of its term."""

    __slots__ = ("_authority", "_slots", "_term", "bad")

    def __init__(self, term: int, authority: Authority) -> None:
        self._term = term
        self._authority = authority
        self._slots: dict[int, _Slot] = {}
        self.bad = 0
        """Acknowledgements that did not verify and were dropped, since the leader last looked (CR-72)."""

    def add(self, node: str, index: int, entry_hash: bytes, signature: bytes) -> None:
        """Take down an acknowledgement, unverified; once one is verified it stays."""
        slot = self._slots.get(index)
        if slot is None:
            slot = self._slots[index] = _Slot(entry_hash)
        if node not in slot.verified:
            slot.signatures[node] = signature

    def confirms(self, node: str, index: int) -> bool:
        """Whether `node` validly acknowledged the entry at `index`; a bad one is dropped."""
        slot = self._slots.get(index)
        if slot is None:
            return False
        if node in slot.verified:
            return True
        signature = slot.signatures.get(node)
        if signature is None:
            return False
        if not self._authority.verify(node, self._term, index, slot.hash, signature):
            del slot.signatures[node]
            self.bad += 1
            return False
        slot.verified.add(node)
        return True

    def certify(
        self, node: str, persisted: int, configuration: Configuration, least: int
    ) -> Certificate | None:
        """The certificate of the highest index that has a quorum (CR-38), if there is one.

        `node` is the leader itself: it signs here, and only what is durable (CR-29). Nothing
        below `least`, where the configuration comes from, is certified: entries before it
        are committed by what stands above them, and each certificate by one configuration.
        """
        for index in sorted(self._slots, reverse=True):
            if index < least:
                return None
            certificate = self._certify_at(index, node, persisted, configuration)
            if certificate is not None:
                return certificate
        return None

    def _certify_at(
        self, index: int, node: str, persisted: int, configuration: Configuration
    ) -> Certificate | None:
        slot = self._slots[index]
        own = [node] if index <= persisted and configuration.is_voter(node) else []
        if not configuration.has_quorum([*slot.signatures, *own]):
            return None
        voters = [other for other in sorted(slot.signatures) if configuration.is_voter(other)]
        signers = [other for other in voters if self.confirms(other, index)]
        if not configuration.has_quorum([*signers, *own]):
            return None
        acks = {other: slot.signatures[other] for other in signers}
        if own:
            acks[node] = self._authority.sign(self._term, index, slot.hash)
        return Certificate(self._term, index, slot.hash, tuple(sorted(acks.items())))

    def open(self, index: int, entry_hash: bytes) -> None:
        """Make room for an entry; needed where the leader alone may be a quorum."""
        if index not in self._slots:
            self._slots[index] = _Slot(entry_hash)

    def forget(self, index: int) -> None:
        """Everything up to `index` is committed."""
        for place in [place for place in self._slots if place <= index]:
            del self._slots[place]
