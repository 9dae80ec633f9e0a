"""What the core asks of the world: a log to read, and signatures. Nothing is written here.

Both are called synchronously and must be pure as far as the core can see: equal
arguments give equal results (CR-86).
"""

from __future__ import annotations

from typing import Protocol

from consensus.messages import Certificate, Entry


class LogReader(Protocol):
    """The durable log. Index 0 is the genesis: term 0, and a hash that all nodes know.

    The core asks only for what was durable and not truncated since, and keeps everything
    newer in memory itself. `None` means "not held": below a compacted start, or unreadable.
    """

    @property
    def first_index(self) -> int:
        """The oldest index whose entry can be read; 0 or 1 for an uncompacted log."""

    @property
    def last_index(self) -> int:
        """The newest durable index. Read once, when the core is made."""

    def term(self, index: int) -> int | None:
        """The term of the entry at `index`; 0 for the genesis."""

    def entry(self, index: int) -> Entry | None:
        """The entry at `index`."""

    def certificate(self, index: int) -> Certificate | None:
        """The certificate stored for exactly this index, where there is one."""


class Authority(Protocol):
    """Signed acknowledgements: Ed25519 in the node, a cheap MAC in the simulator.

    The signed bytes hold a domain tag, the channel, term, index and hash (CR-68); the
    channel is the authority's own business, as is which key a node had at that index.
    """

    def sign(self, term: int, index: int, entry_hash: bytes, /) -> bytes:
        """This node's acknowledgement."""

    def verify(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes, /) -> bool:
        """Whether `signature` is that node's acknowledgement of exactly this."""
