"""Which requirements a run exercised: situations, counted from outside the core.

A rule that holds says little if the situation that it is about never came up. Every message is
looked at before the core gets it, and what happened besides is counted where it happens; the
table at the end says which counters belong to which requirement (`consensus-requirements.md`).
Not in the table are those that a simulation of this kind cannot show and a transcript does: CR-08,
CR-10 to CR-12, CR-15, CR-16, CR-18, CR-21, CR-22, CR-25, CR-31, CR-43, CR-51, CR-62, CR-68, CR-74, CR-85.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from consensus import Message, Role
from consensus.messages import (
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    PreVote,
    PreVoteReply,
    ReadIndex,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from consensus.progress import Pacing

if TYPE_CHECKING:
    from simulator.process import Process

EXERCISED: dict[str, tuple[str, ...]] = {
    "CR-01": ("higher term",),
    "CR-02": ("lower term",),
    "CR-03": ("vote asked again", "vote asked of who has voted"),
    "CR-04": ("vote asked by one behind",),
    "CR-05": ("point: hard reported", "point: sent"),
    "CR-06": ("crashes",),
    "CR-07": ("elections",),
    "CR-09": ("leader heard by a candidate",),
    "CR-13": ("vote asked of no voter",),
    "CR-14": ("vote asked of who hears a leader",),
    "CR-17": ("higher term by a refused pre-vote",),
    "CR-19": ("higher term by a follower's answer",),
    "CR-20": ("dropped: resigned: no answer from a majority",),
    "CR-23": ("append after what is not held",),
    "CR-24": ("append of what is held", "append of what is held in part"),
    "CR-26": ("append ends before the log",),
    "CR-27": ("late refusal",),
    "CR-28": ("hint of an earlier term",),
    "CR-29": ("acknowledged while the leader's disk lags",),
    "CR-30": ("rewritten while being written",),
    "CR-32": ("blocks proposed",),
    "CR-33": ("answer of an earlier term",),
    "CR-34": ("dropped: addressed to another node", "dropped: sender is no other member"),
    "CR-35": ("damage found at start", "torn batch", "log file cut"),
    "CR-36": ("disk failures",),
    "CR-37": ("elected over uncommitted blocks",),
    "CR-38": ("committed several at once",),
    "CR-39": ("certificate beyond what is confirmed",),
    "CR-40": ("started above what is applied",),
    "CR-41": ("elections",),
    "CR-42": ("point: applied",),
    "CR-44": ("certificate by a heartbeat", "news of a commit held back"),
    "CR-45": ("answer while probing",),
    "CR-46": ("answer while the window is full",),
    "CR-47": ("heartbeat answered while probing",),
    "CR-48": ("snapshot offered",),
    "CR-49": ("refused as Busy",),
    "CR-50": ("lost", "late", "doubled", "replayed"),
    "CR-52": ("cut",),
    "CR-53": ("members truncated",),
    "CR-54": ("refused as ChangeRefused",),
    "CR-55": ("change tried before a commit",),
    "CR-56": ("joint members proposed",),
    "CR-57": ("certified while joint", "elected while joint"),
    "CR-58": ("refused as ChangeRefused",),
    "CR-59": ("learner promoted",),
    "CR-60": ("hands over before it leaves", "dropped: resigned: no longer a voter"),
    "CR-61": ("vote asked by a former member", "posed by a member that has left"),
    "CR-63": ("snapshots made",),
    "CR-64": ("snapshots installed", "snapshot offered that is held"),
    "CR-65": ("snapshots given up",),
    "CR-66": ("point: snapshot stored", "point: snapshot fetched"),
    "CR-67": ("snapshot with learners or joint",),
    "CR-69": ("acknowledgements",),
    "CR-70": ("votes signed",),
    "CR-71": ("dropped: void certificate",),
    "CR-72": ("dropped: acknowledgement that does not verify",),
    "CR-73": ("committed by a later block",),
    "CR-75": ("replayed",),
    "CR-76": ("wiped disk", "durable entries lost"),
    "CR-77": ("blocks refused",),
    "CR-78": ("read before a commit",),
    "CR-79": ("reads served",),
    "CR-80": ("reads failed", "read asked of a leader"),
    "CR-81": ("clock jump",),
    "CR-82": ("told to campaign",),
    "CR-83": ("transfer",),
    "CR-84": ("transfers refused",),
    "CR-86": ("messages",),
    "CR-87": ("killed at a point",),
    "CR-88": ("forged", "dropped: absurd"),
}


def exercised(counted: Mapping[str, int]) -> dict[str, int]:
    """How often each requirement's situations came up."""
    return {number: sum(counted.get(name, 0) for name in names) for number, names in EXERCISED.items()}


def add_dropped(counted: Counter[str], node: Process) -> None:
    """What one life of a node refused on purpose."""
    for reason, count in node.raft.dropped.items():
        counted["dropped: absurd" if reason.startswith("absurd") else f"dropped: {reason}"] += count


def observe(counted: Counter[str], node: Process, message: Message) -> None:
    """A message is about to be given to a core."""
    raft = node.raft
    if message.term > raft.term:
        _observe_higher(counted, node, message)
    elif message.term < raft.term:
        counted["lower term"] += 1
        if isinstance(message, AppendReply | HeartbeatReply | VoteReply):
            counted["answer of an earlier term"] += 1
        return
    match message:
        case Append():
            _observe_append(counted, node, message)
        case AppendReply() | HeartbeatReply():
            _observe_answer(counted, node, message)
        case Heartbeat():
            _observe_heartbeat(counted, node, message)
        case Vote() | PreVote():
            _observe_request(counted, node, message)
        case TimeoutNow():
            counted["told to campaign"] += 1
        case ReadIndex():
            counted["read asked of a leader"] += 1
            if not 0 < raft._office <= raft.commit:
                counted["read before a commit"] += 1
        case Snapshot():
            _observe_offer(counted, node, message)


def _observe_heartbeat(counted: Counter[str], node: Process, message: Heartbeat) -> None:
    raft = node.raft
    if raft.role is Role.CANDIDATE:
        counted["leader heard by a candidate"] += 1
    if message.certificate is not None:
        counted["certificate by a heartbeat"] += 1
        if message.certificate.index > raft.confirmed:
            counted["certificate beyond what is confirmed"] += 1


def _observe_offer(counted: Counter[str], node: Process, message: Snapshot) -> None:
    counted["snapshot offered"] += 1
    if message.index <= node.raft.last_index:
        counted["snapshot offered that is held"] += 1
    if message.configuration.is_joint or message.configuration.learners:
        counted["snapshot with learners or joint"] += 1


def _observe_higher(counted: Counter[str], node: Process, message: Message) -> None:
    counted["higher term"] += 1
    if isinstance(message, PreVoteReply) and not message.granted:
        counted["higher term by a refused pre-vote"] += 1
    elif isinstance(message, AppendReply | HeartbeatReply | SnapshotReply):
        counted["higher term by a follower's answer"] += 1


def _observe_append(counted: Counter[str], node: Process, message: Append) -> None:
    raft = node.raft
    last = raft.last_index
    if raft.role is Role.CANDIDATE:
        counted["leader heard by a candidate"] += 1
    if raft.log.term(message.prev_index) != message.prev_term:
        counted["append after what is not held"] += 1
        return
    end = message.prev_index + len(message.entries)
    if end < last:
        counted["append ends before the log"] += 1
    if message.entries and end <= last and raft.log.term(end) == message.entries[-1].term:
        counted["append of what is held"] += 1
    elif message.entries and message.prev_index < last < end:
        counted["append of what is held in part"] += 1
    if message.certificate is not None and message.certificate.index > max(raft.confirmed, end):
        counted["certificate beyond what is confirmed"] += 1


def _observe_answer(counted: Counter[str], node: Process, message: AppendReply | HeartbeatReply) -> None:
    raft = node.raft
    peer = raft._peers.get(message.sender)
    if peer is None:
        return
    is_append = isinstance(message, AppendReply)
    if peer.pacing is Pacing.PROBE:
        counted["answer while probing" if is_append else "heartbeat answered while probing"] += 1
    elif not peer.is_open:
        counted["answer while the window is full"] += 1
    if not isinstance(message, AppendReply):
        return
    if message.ok:
        if message.match > raft.log.persisted:
            counted["acknowledged while the leader's disk lags"] += 1
        return
    if message.prev_index <= peer.match:
        counted["late refusal"] += 1
    if 0 < message.hint_term < raft.term:
        counted["hint of an earlier term"] += 1


def _observe_request(counted: Counter[str], node: Process, message: Vote | PreVote) -> None:
    raft = node.raft
    if (message.last_term, message.last_index) < (raft.last_term, raft.last_index):
        counted["vote asked by one behind"] += 1
    if not raft.configuration.is_voter(node.name):
        counted["vote asked of no voter"] += 1
    if not raft.configuration.is_member(message.sender):
        counted["vote asked by a former member"] += 1
    if message.term > raft.term and raft._is_loyal():
        counted["vote asked of who hears a leader"] += 1
    if isinstance(message, Vote) and message.term == raft.term and raft.vote is not None:
        again = raft.vote == message.sender
        counted["vote asked again" if again else "vote asked of who has voted"] += 1
