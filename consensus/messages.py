"""Messages between nodes, the entries and the certificates in them, and their plain form.

Every message has `sender`, `target`, `term` and `id`; a reply has `re`, the id of the
request that it answers. A position is (term, index), compared in this order.

    code  message          term is          own fields
    1     PreVote          the asked one    last_term last_index
    2     PreVoteReply     see below        re granted
    3     Vote             sender's         last_term last_index transfer
    4     VoteReply        sender's         re granted
    5     Append           sender's         prev_term prev_index entries commit certificate
    6     AppendReply      sender's         re ok prev_index match hint_term hint_index acks commit
    7     Heartbeat        sender's         commit certificate
    8     HeartbeatReply   sender's         re commit

A granted PreVoteReply carries the asked term, a refusal the refuser's own. That is how
terms spread although a pre-vote changes none (CR-17).

In an AppendReply, `prev_index` repeats the request's. When `ok`, `match` is the index up
to which *that request* proved the logs equal, durable at the sender (CR-26, CR-29), and
`acks` holds a signature for each entry of the current term that this makes certain. When
not, (`hint_term`, `hint_index`) is the last position at which the logs may agree (CR-28).

`commit` in a reply is what the sender has committed: it tells the leader who lacks a
certificate.

The plain form (`to_value`) is a tuple of integers, text, bytes, None and tuples: code,
then the fields in the order of the class. `from_value` checks types and lengths; `check`
says what is absurd in a message of right types (CR-88).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from consensus.errors import ProtocolError
from consensus.limits import (
    MAX_APPEND_BYTES,
    MAX_APPEND_ENTRIES,
    MAX_ENTRY_BYTES,
    MAX_HASH_BYTES,
    MAX_INDEX,
    MAX_MESSAGE_ID,
    MAX_NODE_BYTES,
    MAX_REPLY_ACKS,
    MAX_SIGNATURE_BYTES,
    MAX_TERM,
    MAX_VOTERS,
)

BLOCK = "block"
CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of the log. The core reads nothing of `data` but its length."""

    index: int
    term: int
    hash: bytes
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's signed acknowledgements of one entry, in the entry's own term."""

    term: int
    index: int
    hash: bytes
    acks: tuple[tuple[str, bytes], ...]
    """(node, signature), ascending by node."""


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


Message = PreVote | PreVoteReply | Vote | VoteReply | Append | AppendReply | Heartbeat | HeartbeatReply

Reader = Callable[[Any], Any]
Writer = Callable[[Any], tuple[Any, ...]]


def to_value(message: Message) -> tuple[Any, ...]:
    """The message as plain values, ready for a codec."""
    kind = type(message)
    code, get = _WRITERS[kind]
    plain: tuple[Any, ...] = (code, *get(message))
    if kind is Append or kind is Heartbeat:
        certificate = plain[-1]
        if certificate is not None:
            plain = (*plain[:-1], _CERTIFICATE_FIELDS(certificate))
    if kind is Append:
        entries = tuple([_ENTRY_FIELDS(entry) for entry in plain[7]])
        plain = (*plain[:7], entries, *plain[8:])
    return plain


def from_value(value: Any) -> Message:
    """The message that plain values stand for; arrays may be tuples or lists.

    Raises:
        ProtocolError: a form that `to_value` never gives, or a length beyond its bound.
    """
    if type(value) not in (tuple, list) or not value or type(value[0]) is not int:
        raise ProtocolError("not a message: no array that begins with a code")
    shape = _READERS.get(value[0])
    if shape is None:
        raise ProtocolError(f"unknown message code {value[0]}")
    kind, readers = shape
    if len(value) != len(readers) + 1:
        raise ProtocolError(f"{kind.__name__} with {len(value) - 1} fields, {len(readers)} expected")
    message: Message = kind(*[read(part) for read, part in zip(readers, value[1:], strict=True)])
    return message


def check(message: Message) -> str | None:
    """What is absurd in a message, or None (CR-88)."""
    if not 0 <= message.id <= MAX_MESSAGE_ID:
        return "message id out of range"
    least_term = 0 if type(message) in (PreVoteReply, VoteReply, AppendReply, HeartbeatReply) else 1
    if not least_term <= message.term <= MAX_TERM:
        return "term out of range"
    if type(message) is Append:
        return _check_append(message)
    if type(message) is AppendReply:
        return _check_append_reply(message)
    if type(message) is Heartbeat:
        if not 0 <= message.commit <= MAX_INDEX:
            return "commit out of range"
        return _check_certificate(message.certificate, message.term, message.commit)
    if type(message) is HeartbeatReply:
        return None if 0 <= message.commit <= MAX_INDEX else "commit out of range"
    if type(message) is PreVote or type(message) is Vote:
        if not 0 <= message.last_term < message.term:
            return "position of a later term than the candidate's own"
        if not 0 <= message.last_index <= MAX_INDEX or (message.last_term == 0) != (message.last_index == 0):
            return "position out of range"
    return None


def _check_append(message: Append) -> str | None:
    if not 0 <= message.prev_index <= MAX_INDEX or not 0 <= message.commit <= MAX_INDEX:
        return "index out of range"
    if not 0 <= message.prev_term <= message.term or (message.prev_term == 0) != (message.prev_index == 0):
        return "previous term out of range"
    if len(message.entries) > MAX_APPEND_ENTRIES:
        return "too many entries"
    index = message.prev_index
    term = message.prev_term
    size = 0
    for entry in message.entries:
        index += 1
        if entry.index != index:
            return "entries out of order"
        if not max(term, 1) <= entry.term <= message.term:
            return "terms of entries out of order"
        if len(entry.data) > MAX_ENTRY_BYTES:
            return "entry too large"
        if entry.kind not in (BLOCK, CONFIG):
            return "unknown kind of entry"
        term = entry.term
        size += len(entry.data)
    if index > MAX_INDEX:
        return "index out of range"
    if size > MAX_APPEND_BYTES and len(message.entries) > 1:
        return "append too large"
    return _check_certificate(message.certificate, message.term, message.commit)


def _check_append_reply(message: AppendReply) -> str | None:
    if not 0 <= message.prev_index <= MAX_INDEX or not 0 <= message.match <= MAX_INDEX:
        return "index out of range"
    if not 0 <= message.commit <= MAX_INDEX:
        return "commit out of range"
    if message.ok and message.match < message.prev_index:
        return "less proved than the request stated"
    if not 0 <= message.hint_index <= MAX_INDEX or not 0 <= message.hint_term <= MAX_TERM:
        return "hint out of range"
    if not message.ok and message.hint_index > message.prev_index:
        return "hint above what was refused"
    if message.acks and not message.ok:
        return "acknowledgement in a refusal"
    before = 0
    for index, _ in message.acks:
        if not before < index <= message.match:
            return "acknowledgements out of order"
        before = index
    return None


def _check_certificate(certificate: Certificate | None, term: int, commit: int) -> str | None:
    if certificate is None:
        return None
    if not 1 <= certificate.index <= commit or not 1 <= certificate.term <= term:
        return "certificate out of range"
    before = ""
    for node, _ in certificate.acks:
        if node <= before:
            return "signers out of order, or one twice"
        before = node
    return None


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ProtocolError("an integer is expected")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ProtocolError("true or false is expected")
    return value


def _node(value: Any) -> str:
    if type(value) is not str or not 0 < len(value) <= MAX_NODE_BYTES:
        raise ProtocolError("a node's name is expected")
    return value


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > MAX_NODE_BYTES:
        raise ProtocolError("a short text is expected")
    return value


def _data(value: Any) -> bytes:
    if type(value) is not bytes or len(value) > MAX_ENTRY_BYTES:
        raise ProtocolError("bytes within the bound of an entry are expected")
    return value


def _hash(value: Any) -> bytes:
    if type(value) is not bytes or not 0 < len(value) <= MAX_HASH_BYTES:
        raise ProtocolError("a hash is expected")
    return value


def _signature(value: Any) -> bytes:
    if type(value) is not bytes or len(value) > MAX_SIGNATURE_BYTES:
        raise ProtocolError("a signature is expected")
    return value


def _array(value: Any, most: int) -> Any:
    if type(value) not in (tuple, list) or len(value) > most:
        raise ProtocolError(f"an array of at most {most} elements is expected")
    return value


def _fixed(value: Any, length: int) -> Any:
    if type(value) not in (tuple, list) or len(value) != length:
        raise ProtocolError(f"an array of {length} elements is expected")
    return value


def _entry(value: Any) -> Entry:
    index, term, hash_, kind, data = _fixed(value, 5)
    return Entry(_integer(index), _integer(term), _hash(hash_), _text(kind), _data(data))


def _entries(value: Any) -> tuple[Entry, ...]:
    return tuple([_entry(part) for part in _array(value, MAX_APPEND_ENTRIES)])


def _node_ack(value: Any) -> tuple[str, bytes]:
    node, signature = _fixed(value, 2)
    return _node(node), _signature(signature)


def _index_ack(value: Any) -> tuple[int, bytes]:
    index, signature = _fixed(value, 2)
    return _integer(index), _signature(signature)


def _certificate(value: Any) -> Certificate | None:
    if value is None:
        return None
    term, index, hash_, acks = _fixed(value, 4)
    signers = tuple([_node_ack(part) for part in _array(acks, MAX_VOTERS)])
    return Certificate(_integer(term), _integer(index), _hash(hash_), signers)


def _acks(value: Any) -> tuple[tuple[int, bytes], ...]:
    return tuple([_index_ack(part) for part in _array(value, MAX_REPLY_ACKS)])


_CODES: tuple[tuple[int, type[Any]], ...] = (
    (1, PreVote),
    (2, PreVoteReply),
    (3, Vote),
    (4, VoteReply),
    (5, Append),
    (6, AppendReply),
    (7, Heartbeat),
    (8, HeartbeatReply),
)
_READER_OF_FIELD: dict[str, Reader] = {
    "sender": _node,
    "target": _node,
    "granted": _flag,
    "transfer": _flag,
    "ok": _flag,
    "entries": _entries,
    "certificate": _certificate,
    "acks": _acks,
}
_READERS: dict[int, tuple[type[Any], tuple[Reader, ...]]] = {
    code: (kind, tuple(_READER_OF_FIELD.get(field.name, _integer) for field in fields(kind)))
    for code, kind in _CODES
}
_WRITERS: dict[type[Any], tuple[int, Writer]] = {
    kind: (code, attrgetter(*[field.name for field in fields(kind)])) for code, kind in _CODES
}
_ENTRY_FIELDS: Writer = attrgetter(*[field.name for field in fields(Entry)])
_CERTIFICATE_FIELDS: Writer = attrgetter(*[field.name for field in fields(Certificate)])
