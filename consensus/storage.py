"""What the core asks of the world: a log to read, and signatures. Nothing is written here.

Both are called synchronously and must be pure as far as the core can see: equal
arguments give equal results (CR-86).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from consensus.messages import Ballot, Certificate, Entry
from consensus.quorum import Configuration


class LogReader(Protocol):
    """The durable log, above its start: the genesis at index 0, or the block of a snapshot.

    The genesis has term 0 and a hash that all nodes know. Term and entry of the start can be
    read as well (CR-63); nothing below it can.

    The core asks only for what was durable and not truncated since, and keeps everything
    newer in memory itself. `None` means "not held": below a compacted start, or unreadable.
    """

    @property
    def first_index(self) -> int:
        """The start of the log: 0, or the index of the snapshot that it goes on from."""

    @property
    def last_index(self) -> int:
        """The newest durable index. Read once, when the core is made."""

    def term(self, index: int) -> int | None:
        """The term of the entry at `index`; 0 for the genesis."""

    def entry(self, index: int) -> Entry | None:
        """The entry at `index`."""

    def certificate(self, index: int) -> Certificate | None:
        """The certificate stored for exactly this index, where there is one."""

    def configurations(self) -> Sequence[tuple[int, Configuration]]:
        """(index, configuration) of every durable entry above the start that has one, ascending.

        Read once, when the core is made (CR-53).
        """


class Authority(Protocol):
    """Signed acknowledgements and votes: Ed25519 in the node, a cheap MAC in the simulator.

    The signed bytes hold a domain tag, the channel, and all that is given here (CR-68); the
    channel is the authority's own business, as is which key a node had at that index.
    """

    def sign(self, term: int, index: int, entry_hash: bytes, /) -> bytes:
        """This node's acknowledgement."""

    def verify(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes, /) -> bool:
        """Whether `signature` is that node's acknowledgement of exactly this."""

    def sign_vote(self, ballot: Ballot, /) -> bytes:
        """This node's vote."""

    def verify_vote(self, node: str, ballot: Ballot, signature: bytes, /) -> bool:
        """Whether `signature` is that node's vote, with exactly this ballot."""
