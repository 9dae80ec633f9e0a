"""Errors of the consensus core, and whose fault each one is.

ConsensusError
├── ProtocolError     the other side's: bytes or fields that no honest node sends
├── ProposalRefused   nobody's: this proposal was not taken, and is in no log
│   ├── NotLeader     ask `leader`
│   ├── Busy          ask again when something has committed
│   ├── Moving        leadership is being handed over; ask again in a moment
│   └── ChangeRefused this change of the members may not be made, or not yet
├── TransferRefused   nobody's: that node cannot be handed the leadership
├── ContractBroken    ours: the caller does not keep the contract of `ready.py`
└── DiskDisagrees     the disk's: what it holds cannot have been written by this core
"""

from __future__ import annotations


class ConsensusError(Exception):
    """Base of everything the core raises."""


class ProtocolError(ConsensusError):
    """A message that no honest node sends; the transport drops and counts it."""


class ProposalRefused(ConsensusError):
    """The proposal was not taken: it is in no log and will never commit."""


class NotLeader(ProposalRefused):
    """This node does not lead; `leader` is the node to ask, where one is known."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(
            f"not the leader; the leader is {leader}" if leader else "not the leader; none is known"
        )
        self.leader = leader


class Busy(ProposalRefused):
    """Too much is uncommitted; nothing is wrong with the proposal (CR-49)."""


class Moving(ProposalRefused):
    """Leadership is being handed over, and the log is not to grow meanwhile (CR-82)."""


class ChangeRefused(ProposalRefused):
    """A change of the members that may not be made, or not yet (CR-54 to CR-59)."""


class TransferRefused(ConsensusError):
    """Leadership cannot be handed to that node (CR-84)."""


class ContractBroken(ConsensusError):
    """The caller handed in something that its contract with the core excludes."""


class DiskDisagrees(ConsensusError):
    """Term, vote and log as read from disk contradict each other (CR-06)."""
