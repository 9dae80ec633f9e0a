"""The shape of events and messages: which fields each kind has, and of what type (rule E3).

Extra fields are welcome everywhere and are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Is = Callable[[Any], bool]

VERSION = 1
ROLES = frozenset({"follower", "precandidate", "candidate", "leader"})
ENTRY_KINDS = frozenset({"block", "noop", "config"})


def is_count(value: Any) -> bool:
    """An integer from 0 on."""
    return type(value) is int and value >= 0


def is_text(value: Any) -> bool:
    """Text that is not empty."""
    return type(value) is str and value != ""


def is_name(value: Any) -> bool:
    """A node's name, or null."""
    return value is None or is_text(value)


def is_flag(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def is_position(value: Any) -> bool:
    """[term, index]."""
    return type(value) is list and len(value) == 2 and is_count(value[0]) and is_count(value[1])


def is_point(value: Any) -> bool:
    """[index, term, hash]."""
    return (
        type(value) is list
        and len(value) == 3
        and is_count(value[0])
        and is_count(value[1])
        and type(value[2]) is str
    )


def is_entry(value: Any) -> bool:
    """[index, term, hash, kind, …]."""
    return (
        type(value) is list
        and len(value) >= 4
        and is_count(value[0])
        and value[0] > 0
        and is_count(value[1])
        and is_text(value[2])
        and value[3] in ENTRY_KINDS
    )


def are_entries(value: Any) -> bool:
    """[entry, …]."""
    return type(value) is list and all(map(is_entry, value))


def are_new_entries(value: Any) -> bool:
    """[entry, …], at least one."""
    return are_entries(value) and bool(value)


def are_names(value: Any) -> bool:
    """[name, …], none twice."""
    return type(value) is list and all(map(is_text, value)) and len(set(value)) == len(value)


def are_signers(value: Any) -> bool:
    """[name, …]; that none comes twice is rule Q4."""
    return type(value) is list and all(map(is_text, value))


def is_hard(value: Any) -> bool:
    """[term, vote]."""
    return type(value) is list and len(value) == 2 and is_count(value[0]) and is_name(value[1])


def is_who_committed(value: Any) -> bool:
    """By counting, or because the leader said so."""
    return value in ("quorum", "leader")


def is_role(value: Any) -> bool:
    """One of the four."""
    return type(value) is str and value in ROLES


def is_version(value: Any) -> bool:
    """This schema's."""
    return type(value) is int and value == VERSION


ENVELOPE: dict[str, Is] = {
    "v": is_version,
    "ev": is_text,
    "node": is_text,
    "boot": is_count,
    "seq": is_count,
    "t": is_count,
    "term": is_count,
    "vote": is_name,
    "role": is_role,
    "commit": is_count,
    "last": is_position,
}

_MEMBERS: dict[str, Is] = {"voters": are_names, "outgoing": are_names, "learners": are_names}
_SNAPSHOT: dict[str, Is] = {"index": is_count, "block_term": is_count, "hash": is_text}
_READ: dict[str, Is] = {"rid": is_text, "index": is_count}

KINDS: dict[str, dict[str, Is]] = {
    "boot": {"snap": is_point, "tail": are_entries, "applied": is_count, **_MEMBERS},
    "become_follower": {"leader": is_name},
    "become_precandidate": {},
    "become_candidate": {},
    "become_leader": {},
    "vote": {"to": is_text, "pre": is_flag, "granted": is_flag, "cand_last": is_position},
    "send": {},
    "recv": {},
    "append": {"entries": are_new_entries},
    "truncate": {"from": is_count},
    "persist": {"upto": is_count, "hard": is_hard},
    "ack": _SNAPSHOT,
    "cert": {"index": is_count, "hash": is_text, "cert_term": is_count, "signers": are_signers},
    "commit": {"to": is_count, "by": is_who_committed},
    "apply": {"index": is_count, "hash": is_text},
    "config": {"index": is_count, **_MEMBERS},
    "snapshot_create": _SNAPSHOT,
    "compact": {"upto": is_count},
    "snapshot_install": {**_SNAPSHOT, **_MEMBERS},
    "read_start": _READ,
    "read_ready": _READ,
    "transfer_start": {"to": is_text},
    "transfer_end": {"to": is_text, "done": is_flag},
    "evidence": {"kind": is_text, "against": is_text},
    "drop": {"reason": is_text},
}

MESSAGE: dict[str, Is] = {"id": is_text, "type": is_text, "from": is_text, "to": is_text, "term": is_count}

_ASK: dict[str, Is] = {"last": is_position}
_GRANT: dict[str, Is] = {"granted": is_flag, "re": is_text}
_DONE: dict[str, Is] = {"ok": is_flag, "match": is_count, "re": is_text}

MESSAGES: dict[str, dict[str, Is]] = {
    "pre_vote": _ASK,
    "vote": _ASK,
    "pre_vote_resp": _GRANT,
    "vote_resp": _GRANT,
    "append": {"prev": is_position, "entries": are_entries, "commit": is_count},
    "append_resp": _DONE,
    "heartbeat": {"commit": is_count},
    "heartbeat_resp": {"re": is_text},
    "snapshot": _SNAPSHOT,
    "snapshot_resp": _DONE,
    "timeout_now": {},
    "propose": {},
    "read_index": {"rid": is_text},
    "read_index_resp": {**_READ, "re": is_text},
}

REPLICATION = frozenset({"append", "heartbeat", "snapshot", "timeout_now"})
"""What only a leader sends."""


def misshapen(event: Any) -> str | None:
    """What is wrong with the shape of an event, or None."""
    if type(event) is not dict:
        return "not an object"
    wrong = _first_wrong(event, ENVELOPE)
    if wrong is not None:
        return wrong
    kind = event["ev"]
    if kind not in KINDS:
        return f"ev is {kind!r}"
    wrong = _first_wrong(event, KINDS[kind])
    if wrong is not None:
        return wrong
    if "quorums" in event and not is_position(event["quorums"]):
        return f"quorums is {event['quorums']!r}"
    if kind in ("send", "recv"):
        return _misshapen_message(event.get("msg"))
    return None


def _misshapen_message(message: Any) -> str | None:
    if type(message) is not dict:
        return f"msg is {message!r}"
    wrong = _first_wrong(message, MESSAGE)
    if wrong is not None:
        return f"msg: {wrong}"
    if message["type"] not in MESSAGES:
        return f"msg: type is {message['type']!r}"
    wrong = _first_wrong(message, MESSAGES[message["type"]])
    if wrong is not None:
        return f"msg: {wrong}"
    hint = message.get("hint")
    if hint is not None and not is_position(hint):
        return f"msg: hint is {hint!r}"
    return None


def _first_wrong(value: dict[str, Any], fields: dict[str, Is]) -> str | None:
    for name, is_right in fields.items():
        if name not in value:
            return f"{name} is missing"
        if not is_right(value[name]):
            return f"{name} is {value[name]!r}"[:200]
    return None
