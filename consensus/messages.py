"""Messages between nodes, the entries and the certificates in them; `wire` has their plain form.

Every message has `sender`, `target`, `term` and `id`; a reply has `re`, the id of the
request that it answers. A position is (term, index), compared in this order.

    code  message          term is          own fields
    1     PreVote          the asked one    last_term last_index
    2     PreVoteReply     see below        re granted
    3     Vote             sender's         last_term last_index transfer
    4     VoteReply        sender's         re granted accepted_term last_term last_index last_hash signature
    5     Append           sender's         prev_term prev_index entries commit certificate election
    6     AppendReply      sender's         re ok prev_index match hint_term hint_index acks commit mute keeps
    7     Heartbeat        sender's         commit certificate
    8     HeartbeatReply   sender's         re commit mute
    9     TimeoutNow       sender's
    10    ReadIndex        sender's         rid
    11    ReadIndexReply   sender's         re rid ok index
    12    Snapshot         sender's         index block_term hash configuration
    13    SnapshotReply    sender's         re ok match mute

A granted PreVoteReply carries the asked term, a refusal the refuser's own. That is how
terms spread although a pre-vote changes none (CR-17).

In an AppendReply, `prev_index` repeats the request's. When `ok`, `match` is the index up
to which *that request* proved the logs equal, durable at the sender (CR-26, CR-29), and
`acks` holds a signature for each entry of the current term that this makes certain. When
not, (`hint_term`, `hint_index`) is the last position at which the logs may agree (CR-28).

A follower cuts nothing for an Append but what an election excludes (`exclusion.py`). `keeps` in a
refusal is the term of the newest entry that it would have to cut and that none did so far; the next
Append carries in `election` one that may. It need not be the sender's own.

A granted vote is signed: a `Ballot`, the vote itself with the voter's position and the term
of the last leader whose append it took. A majority of them is the `ElectionCertificate`
that the term's first block carries.

TimeoutNow hands leadership over: the target campaigns at once (CR-82). ReadIndex asks the
leader for an index at which a read is linearizable; `rid` is the reader's number for it.
Snapshot is an offer: the follower's application fetches the data, from whom it likes, and
SnapshotReply says that the log now goes on from there (`match`), or that it failed.

`commit` in a reply is what the sender has committed: it tells the leader who lacks a
certificate. `mute` says that the sender has lost what it may have promised: perhaps a vote for
somebody in a later term, so that its answer confirms no leadership (CR-76).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consensus.quorum import Configuration


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of the log. The core reads nothing of `data` but its length."""

    index: int
    term: int
    hash: bytes
    data: bytes
    configuration: Configuration | None = None
    """The members from this entry on, where it changes them; what `data` says of it, to the
    application, is the same."""
    election: ElectionCertificate | None = None
    """Of the first entry of a term: how its leader was elected; as `data` says."""

    @property
    def kind(self) -> str:
        """What a trace calls it."""
        return "block" if self.configuration is None else "config"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's signed acknowledgements of one entry, in the entry's own term."""

    term: int
    index: int
    hash: bytes
    acks: tuple[tuple[str, bytes], ...]
    """(node, signature), ascending by node."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a voter signs: its vote, and where its log stood (CR-70)."""

    term: int
    candidate: str
    accepted_term: int
    """The term of the last leader whose append the voter took."""
    last_term: int
    last_index: int
    last_hash: bytes


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A voter's ballot for the candidate of an `ElectionCertificate`."""

    node: str
    accepted_term: int
    last_term: int
    last_index: int
    last_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class ElectionCertificate:
    """A majority's signed votes: why this candidate leads in this term."""

    term: int
    candidate: str
    votes: tuple[SignedVote, ...]
    """Ascending by node; the candidate's own is among them."""


@dataclass(frozen=True, slots=True)
class PreVote:
    sender: str
    target: str
    term: int
    id: int
    last_term: int
    last_index: int


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    granted: bool


@dataclass(frozen=True, slots=True)
class Vote:
    sender: str
    target: str
    term: int
    id: int
    last_term: int
    last_index: int
    transfer: bool
    """The standing leader asked for this election: stickiness does not apply (CR-14)."""


@dataclass(frozen=True, slots=True)
class VoteReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    granted: bool
    accepted_term: int
    last_term: int
    last_index: int
    last_hash: bytes
    signature: bytes
    """Under `ballot`; empty in a refusal, whose ballot says nothing."""

    @property
    def ballot(self) -> Ballot:
        """What a grant signs."""
        return Ballot(
            self.term, self.target, self.accepted_term, self.last_term, self.last_index, self.last_hash
        )


@dataclass(frozen=True, slots=True)
class Append:
    sender: str
    target: str
    term: int
    id: int
    prev_term: int
    prev_index: int
    entries: tuple[Entry, ...]
    commit: int
    certificate: Certificate | None
    election: ElectionCertificate | None = None


@dataclass(frozen=True, slots=True)
class AppendReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    ok: bool
    prev_index: int
    match: int
    hint_term: int
    hint_index: int
    acks: tuple[tuple[int, bytes], ...]
    """(index, signature), ascending."""
    commit: int
    mute: bool = False
    keeps: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    sender: str
    target: str
    term: int
    id: int
    commit: int
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    commit: int
    mute: bool = False


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    sender: str
    target: str
    term: int
    id: int


@dataclass(frozen=True, slots=True)
class ReadIndex:
    sender: str
    target: str
    term: int
    id: int
    rid: int


@dataclass(frozen=True, slots=True)
class ReadIndexReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    rid: int
    ok: bool
    index: int
    """Once this is applied, the read may be served; 0 when refused."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    sender: str
    target: str
    term: int
    id: int
    index: int
    block_term: int
    hash: bytes
    configuration: Configuration
    """The members at `index`."""


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    sender: str
    target: str
    term: int
    id: int
    re: int
    ok: bool
    match: int
    mute: bool = False


Message = (
    PreVote
    | PreVoteReply
    | Vote
    | VoteReply
    | Append
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | TimeoutNow
    | ReadIndex
    | ReadIndexReply
    | Snapshot
    | SnapshotReply
)
REPLIES: Final = (PreVoteReply, VoteReply, AppendReply, HeartbeatReply, ReadIndexReply, SnapshotReply)
"""They may come from a node that is in no term yet."""

ROLELESS: Final = (PreVoteReply, VoteReply, AppendReply, HeartbeatReply, SnapshotReply)
"""A node of any role says them, for its term."""
