"""Roles, the ways between them, and the small values that describe a node.

    from            to              when
    follower        precandidate    election timeout, voter, log durable
    precandidate    candidate       a majority grants the pre-vote (term + 1, own vote)
    precandidate    precandidate    election timeout
    precandidate    follower        leader of its term heard, higher term seen, or lost
    follower        candidate       the leader hands over to this node (no pre-vote)
    precandidate    candidate       likewise
    candidate       leader          a majority grants the vote
    candidate       precandidate    election timeout
    candidate       follower        leader of its term heard, higher term seen, or lost
    leader          follower        higher term seen, no answer from a majority for an
                                    election timeout, removed, or storage failed
    any             follower        halted: storage failed or a contradiction was proved

A lone voter passes from follower to candidate within one tick, and leads once its own vote is
durable: else it could lead one term twice, before and after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from consensus.limits import MAX_APPEND_BYTES, MAX_APPEND_ENTRIES, MAX_REPLY_ACKS
from consensus.quorum import Configuration


class Role(StrEnum):
    """What a node is in its current term."""

    FOLLOWER = "follower"
    PRECANDIDATE = "precandidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


TRANSITIONS: dict[Role, frozenset[Role]] = {
    Role.FOLLOWER: frozenset({Role.FOLLOWER, Role.PRECANDIDATE, Role.CANDIDATE}),
    Role.PRECANDIDATE: frozenset({Role.FOLLOWER, Role.PRECANDIDATE, Role.CANDIDATE}),
    Role.CANDIDATE: frozenset({Role.FOLLOWER, Role.PRECANDIDATE, Role.LEADER}),
    Role.LEADER: frozenset({Role.FOLLOWER}),
}


@dataclass(frozen=True, slots=True)
class HardState:
    """What must be durable before anybody hears of it (CR-05)."""

    term: int = 0
    vote: str | None = None
    accepted: int = 0
    """The term of the last leader whose append changed the log, where the log's last term is lower.

    A leader may first send again what an earlier one had sent, and the node then cuts off what
    it acknowledged since. A later vote states this term, or it would seem to deny that
    acknowledgement (CR-70).
    """


@dataclass(frozen=True, slots=True)
class Soft:
    """What a node is at the moment; worth nothing after a restart."""

    role: Role
    leader: str | None
    term: int


@dataclass(frozen=True, slots=True)
class Config:
    """A node's settings. Times are ticks; the caller decides how long a tick lasts."""

    node: str
    start: Configuration
    """Governs from the start of the log on: that of the genesis, or of a snapshot."""
    boot: int = 1
    """Counts the process's starts; makes message ids unique over restarts."""
    election_ticks: int = 20
    """Shortest election timeout; each is drawn from this to twice this."""
    heartbeat_ticks: int = 4
    max_append_bytes: int = 2 * 1_048_576
    """Data in one append; a larger entry goes alone."""
    max_append_entries: int = 16
    max_inflight: int = 32
    """Appends on the way to one follower."""
    max_inflight_bytes: int = 16 * 1_048_576
    max_inflight_entries: int = 32
    """One append may pass it; a follower has this many and one append's open at most."""
    max_uncommitted_bytes: int = 32 * 1_048_576
    max_uncommitted_entries: int = 48
    """Less than the ledger's MAX_OVERLAYS, so that a new leader's first entry always fits."""
    promotion_lag: int = 64
    """Entries that a learner may lack when it becomes a voter (CR-59)."""
    snapshot_lag: int = 2_000
    """A follower that lacks more entries than this below a snapshot is offered the snapshot."""
    mute_until: int | None = None
    """A node that lost data it may have promised: until this index is committed here it takes
    the log, but neither votes nor campaigns nor signs (CR-76). None for a node that lost nothing."""

    def __post_init__(self) -> None:
        checks = (
            (
                0 < self.heartbeat_ticks * 2 <= self.election_ticks,
                "two heartbeats an election timeout",
            ),
            (0 < self.max_append_bytes <= MAX_APPEND_BYTES, "max_append_bytes"),
            (0 < self.max_append_entries <= MAX_APPEND_ENTRIES, "max_append_entries"),
            (self.max_inflight > 0, "max_inflight"),
            (self.max_inflight_bytes > 0, "max_inflight_bytes"),
            (self.max_inflight_entries > 0, "max_inflight_entries"),
            (self.max_uncommitted_bytes > 0, "max_uncommitted_bytes"),
            (0 < self.max_uncommitted_entries < MAX_REPLY_ACKS, "max_uncommitted_entries"),
            (self.promotion_lag > 0, "promotion_lag"),
            (self.snapshot_lag > 0, "snapshot_lag"),
        )
        for holds, what in checks:
            if not holds:
                raise ValueError(f"consensus settings: {what}")


@dataclass(frozen=True, slots=True)
class SnapshotPoint:
    """What the log may go on from: the entry at `index`, and the members there."""

    index: int
    term: int
    hash: bytes
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Refusal:
    """A block that this node could not reproduce (CR-77)."""

    term: int
    index: int
    hash: bytes
    leader: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two statements that cannot both be honest, as they were seen."""

    kind: str
    against: str
    detail: str
    first: object
    second: object


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """How far a follower is, as its leader sees it."""

    node: str
    match: int
    next: int
    commit: int
    pacing: str
    inflight: int
    needs_snapshot: bool
    silent_ticks: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything worth showing of a node."""

    node: str
    role: Role
    term: int
    vote: str | None
    leader: str | None
    last_term: int
    last_index: int
    persisted: int
    commit: int
    configuration: Configuration
    configuration_index: int
    """Index of the entry that the configuration comes from."""
    transferee: str | None
    """To whom leadership is being handed over."""
    is_mute: bool
    """Whether this node lost data and must not vote or acknowledge yet (CR-76)."""
    silent_voters: tuple[tuple[str, int], ...]
    """Who does not answer requests for a vote, and for how many ticks; empty while there is a leader."""
    uncommitted_bytes: int
    halted: str | None
    refusal: Refusal | None
    evidence: tuple[Evidence, ...]
    dropped: tuple[tuple[str, int], ...]
    peers: tuple[PeerStatus, ...]
