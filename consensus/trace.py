"""Events for a trace that a checker outside can judge: `trace-schema.md`, version 1.

The core emits from the place where a variable changes. An event lacks only `t`, the
shared clock, which the tracer adds: the core has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consensus.limits import BOOT_SHIFT
from consensus.messages import (
    REPLIES,
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    ReadIndex,
    ReadIndexReply,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from consensus.quorum import Configuration

Event = dict[str, Any]
Tracer = Callable[[Event], None]

_TYPES: dict[type[Any], str] = {
    PreVote: "pre_vote",
    PreVoteReply: "pre_vote_resp",
    Vote: "vote",
    VoteReply: "vote_resp",
    Append: "append",
    AppendReply: "append_resp",
    Heartbeat: "heartbeat",
    HeartbeatReply: "heartbeat_resp",
    TimeoutNow: "timeout_now",
    ReadIndex: "read_index",
    ReadIndexReply: "read_index_resp",
    Snapshot: "snapshot",
    SnapshotReply: "snapshot_resp",
}


def message_id(node: str, number: int) -> str:
    """A message id as the trace writes it: node.boot.counter."""
    return f"{node}.{number >> BOOT_SHIFT}.{number & ((1 << BOOT_SHIFT) - 1)}"


def entry_event(entry: Entry) -> list[Any]:
    """An entry as the trace writes it."""
    plain = [entry.index, entry.term, entry.hash.hex(), entry.kind]
    return plain if entry.configuration is None else [*plain, configuration_event(entry.configuration)]


def configuration_event(configuration: Configuration) -> Event:
    """The members as the trace writes them."""
    return {
        "voters": list(configuration.voters),
        "outgoing": list(configuration.outgoing),
        "learners": list(configuration.learners),
        "quorums": [configuration.quorum, configuration.outgoing_quorum],
    }


def message_event(message: Message) -> Event:
    """A message as the trace writes it."""
    event: Event = {
        "id": message_id(message.sender, message.id),
        "type": _TYPES[type(message)],
        "from": message.sender,
        "to": message.target,
        "term": message.term,
    }
    match message:
        case PreVote() | Vote():
            event["last"] = [message.last_term, message.last_index]
        case PreVoteReply() | VoteReply():
            event["granted"] = message.granted
        case Append():
            event["prev"] = [message.prev_term, message.prev_index]
            event["entries"] = [entry_event(entry) for entry in message.entries]
            event["commit"] = message.commit
        case AppendReply():
            event["ok"] = message.ok
            event["match"] = message.match
            if not message.ok:
                event["hint"] = [message.hint_term, message.hint_index]
        case Heartbeat():
            event["commit"] = message.commit
        case HeartbeatReply():
            event["commit"] = message.commit
        case ReadIndex():
            event["rid"] = message_id(message.sender, message.rid)
        case ReadIndexReply():
            event |= {
                "rid": message_id(message.target, message.rid),
                "ok": message.ok,
                "index": message.index,
            }
        case Snapshot():
            event |= {
                "index": message.index,
                "block_term": message.block_term,
                "hash": message.hash.hex(),
            } | configuration_event(message.configuration)
        case SnapshotReply():
            event |= {"ok": message.ok, "match": message.match}
    if isinstance(message, REPLIES):
        event["re"] = message_id(message.target, message.re)
    return event
