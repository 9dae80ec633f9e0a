"""Signatures that cost a microsecond: a keyed hash instead of Ed25519."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

from consensus import Ballot


class Witness(Protocol):
    """Who is shown every signature before it is made."""

    def acknowledges(self, term: int, index: int, entry_hash: bytes) -> None: ...
    def votes(self, ballot: Ballot) -> None: ...


@lru_cache(4_096)
def mac(node: str, term: int, index: int, entry_hash: bytes) -> bytes:
    """The acknowledgement of `node` for exactly this."""
    return blake2b(b"%d|%d|" % (term, index) + entry_hash, key=node.encode(), digest_size=16).digest()


def vote_mac(node: str, ballot: Ballot) -> bytes:
    """The vote of `node` by exactly this ballot."""
    return blake2b(repr(ballot).encode(), key=node.encode(), digest_size=16).digest()


class MacAuthority:
    """`consensus.storage.Authority`; every signature made is shown to a witness first."""

    def __init__(self, node: str, witness: Witness | None = None) -> None:
        self._node = node
        self._witness = witness

    def sign(self, term: int, index: int, entry_hash: bytes, /) -> bytes:
        """This node's acknowledgement."""
        if self._witness is not None:
            self._witness.acknowledges(term, index, entry_hash)
        return mac(self._node, term, index, entry_hash)

    def verify(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes, /) -> bool:
        """Whether the signature is that node's acknowledgement."""
        return signature == mac(node, term, index, entry_hash)

    def sign_vote(self, ballot: Ballot, /) -> bytes:
        """This node's vote."""
        if self._witness is not None:
            self._witness.votes(ballot)
        return vote_mac(self._node, ballot)

    def verify_vote(self, node: str, ballot: Ballot, signature: bytes, /) -> bool:
        """Whether the signature is that node's vote."""
        return signature == vote_mac(node, ballot)
