"""Tallystick's consensus: Raft over opaque entries, with signed acknowledgements.

Start with `ready.py`, the contract between the core and its caller, then `raft.py`, the
interface. The layers below it, from the bottom:

    errors limits        what goes wrong, and every bound
    messages wire        what nodes say to each other: as values; in plain form
    state quorum         roles and their transitions; who counts, and when it is enough
    storage ready        what is asked of the caller; what is handed to it
    log progress         the log with its writes under way; the pace of one follower
    certificates         acknowledgements gathered, certificates checked
    exclusion            what may be cut: what an election excludes
    trace                events for a checker outside
    core                 what all of these share: term, role, outbox, commit
    election reads follower leader   the parts of the protocol
    raft                 the interface

Sans-IO: no clock, socket, disk or randomness but what is passed in. It imports nothing of
the other packages and reads nothing of an entry but its length.
"""

from consensus.errors import (
    Busy,
    ChangeRefused,
    ConsensusError,
    ContractBroken,
    DiskDisagrees,
    Moving,
    NotLeader,
    ProposalRefused,
    ProtocolError,
    TransferRefused,
)
from consensus.messages import (
    Ballot,
    Certificate,
    ElectionCertificate,
    Entry,
    Message,
    SignedVote,
)
from consensus.quorum import Configuration
from consensus.raft import Raft
from consensus.ready import Ready
from consensus.state import Config, HardState, Role, SnapshotPoint, Status
from consensus.storage import Authority, LogReader
from consensus.wire import from_value, to_value

__all__ = [
    "Authority",
    "Ballot",
    "Busy",
    "Certificate",
    "ChangeRefused",
    "Config",
    "Configuration",
    "ConsensusError",
    "ContractBroken",
    "DiskDisagrees",
    "ElectionCertificate",
    "Entry",
    "HardState",
    "LogReader",
    "Message",
    "Moving",
    "NotLeader",
    "ProposalRefused",
    "ProtocolError",
    "Raft",
    "Ready",
    "Role",
    "SignedVote",
    "SnapshotPoint",
    "Status",
    "TransferRefused",
    "from_value",
    "to_value",
]
