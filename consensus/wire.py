"""The plain form of messages, ready for a codec, and what is absurd in one.

A tuple of integers, text, bytes, None and tuples: code, then the fields in the order of the class
(`messages` has the table of both). `from_value` checks types and lengths; `check` says what is absurd in
a message of right types (CR-88).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from operator import attrgetter
from typing import Any

from consensus.errors import ProtocolError
from consensus.limits import (
    MAX_APPEND_BYTES,
    MAX_APPEND_ENTRIES,
    MAX_ENTRY_BYTES,
    MAX_HASH_BYTES,
    MAX_INDEX,
    MAX_LEARNERS,
    MAX_MESSAGE_ID,
    MAX_NODE_BYTES,
    MAX_REPLY_ACKS,
    MAX_SIGNATURE_BYTES,
    MAX_TERM,
    MAX_VOTERS,
)
from consensus.messages import (
    REPLIES,
    Append,
    AppendReply,
    Certificate,
    ElectionCertificate,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    ReadIndex,
    ReadIndexReply,
    SignedVote,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from consensus.quorum import Configuration

Reader = Callable[[Any], Any]
Writer = Callable[[Any], tuple[Any, ...]]


def to_value(message: Message) -> tuple[Any, ...]:
    """The message as plain values, ready for a codec."""
    kind = type(message)
    code, get = _WRITERS[kind]
    plain: tuple[Any, ...] = (code, *get(message))
    if kind is Append:
        *head, entries, commit, certificate, election = plain
        written = tuple([_plain_entry(entry) for entry in entries])
        plain = (*head, written, commit, _plain_certificate(certificate), _plain_election(election))
    elif kind is Heartbeat:
        plain = (*plain[:-1], _plain_certificate(plain[-1]))
    elif kind is Snapshot:
        plain = (*plain[:-1], _CONFIGURATION_FIELDS(plain[-1]))
    return plain


def _plain_entry(entry: Entry) -> tuple[Any, ...]:
    plain = _ENTRY_FIELDS(entry)
    *head, configuration, election = plain
    if configuration is None and election is None:
        return plain
    members = None if configuration is None else _CONFIGURATION_FIELDS(configuration)
    return (*head, members, _plain_election(election))


def _plain_certificate(certificate: Certificate | None) -> tuple[Any, ...] | None:
    return None if certificate is None else _CERTIFICATE_FIELDS(certificate)


def _plain_election(election: ElectionCertificate | None) -> tuple[Any, ...] | None:
    if election is None:
        return None
    return election.term, election.candidate, tuple([_VOTE_FIELDS(vote) for vote in election.votes])


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
    if not 0 <= message.term <= MAX_TERM or (message.term == 0 and type(message) not in REPLIES):
        return "term out of range"
    judge = _CHECKS.get(type(message))
    return None if judge is None else judge(message)


def _check_heartbeat(message: Heartbeat) -> str | None:
    if not 0 <= message.commit <= MAX_INDEX:
        return "commit out of range"
    return _check_certificate(message.certificate, message.term, message.commit)


def _check_heartbeat_reply(message: HeartbeatReply) -> str | None:
    return None if 0 <= message.commit <= MAX_INDEX else "commit out of range"


def _check_request(message: PreVote | Vote) -> str | None:
    return _check_position(message.last_term, message.last_index, message.term)


def _check_read_index(message: ReadIndex) -> str | None:
    return None if 0 <= message.rid <= MAX_MESSAGE_ID else "number of a read out of range"


def _check_read_index_reply(message: ReadIndexReply) -> str | None:
    is_right = 0 <= message.rid <= MAX_MESSAGE_ID and 0 <= message.index <= MAX_INDEX
    return None if is_right else "answer to a read out of range"


def _check_snapshot(message: Snapshot) -> str | None:
    is_right = 1 <= message.index <= MAX_INDEX and 1 <= message.block_term <= message.term
    return None if is_right else "snapshot out of range"


def _check_snapshot_reply(message: SnapshotReply) -> str | None:
    return None if 0 <= message.match <= MAX_INDEX else "index out of range"


def _check_position(last_term: int, last_index: int, term: int) -> str | None:
    if not 0 <= last_term < term:
        return "position of a later term than the candidate's own"
    if not 0 <= last_index <= MAX_INDEX or (last_term == 0) != (last_index == 0):
        return "position out of range"
    return None


def _check_vote(message: VoteReply) -> str | None:
    if not message.granted:
        return None
    if not message.last_term <= message.accepted_term < message.term:
        return "append taken from no earlier leader"
    if not message.last_hash or not message.signature:
        return "a vote that is not signed"
    return _check_position(message.last_term, message.last_index, message.term)


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
        if entry.election is not None and entry.election.term != entry.term:
            return "entry with the election of another term"
        term = entry.term
        size += len(entry.data)
    if index > MAX_INDEX:
        return "index out of range"
    if size > MAX_APPEND_BYTES and len(message.entries) > 1:
        return "append too large"
    if message.election is not None and not 1 <= message.election.term <= message.term:
        return "election out of range"
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
    if not 0 <= message.keeps <= message.term or (message.keeps and message.ok):
        return "kept entries out of range"
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


def _short(value: Any) -> bytes:
    if type(value) is not bytes or len(value) > MAX_SIGNATURE_BYTES:
        raise ProtocolError("short bytes are expected")
    return value


def _names(value: Any) -> tuple[str, ...]:
    return tuple([_node(name) for name in _array(value, MAX_VOTERS + MAX_LEARNERS)])


def _configuration(value: Any) -> Configuration:
    voters, quorum, outgoing, outgoing_quorum, learners = _fixed(value, 5)
    try:
        return Configuration(
            _names(voters), _integer(quorum), _names(outgoing), _integer(outgoing_quorum), _names(learners)
        )
    except ValueError as error:
        raise ProtocolError(f"no configuration: {error}") from None


def _entry(value: Any) -> Entry:
    index, term, hash_, data, configuration, election = _fixed(value, 6)
    members = None if configuration is None else _configuration(configuration)
    return Entry(_integer(index), _integer(term), _hash(hash_), _data(data), members, _election(election))


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


def _election(value: Any) -> ElectionCertificate | None:
    if value is None:
        return None
    term, candidate, votes = _fixed(value, 3)
    signed = tuple([_vote(part) for part in _array(votes, 2 * MAX_VOTERS)])
    if any(before.node >= after.node for before, after in pairwise(signed)):
        raise ProtocolError("votes ascending by node are expected, none twice")
    return ElectionCertificate(_integer(term), _node(candidate), signed)


def _vote(value: Any) -> SignedVote:
    node, accepted_term, last_term, last_index, last_hash, signature = _fixed(value, 6)
    position = (_integer(accepted_term), _integer(last_term), _integer(last_index))
    return SignedVote(_node(node), *position, _hash(last_hash), _signature(signature))


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
    (9, TimeoutNow),
    (10, ReadIndex),
    (11, ReadIndexReply),
    (12, Snapshot),
    (13, SnapshotReply),
)
_READER_OF_FIELD: dict[str, Reader] = {
    "sender": _node,
    "target": _node,
    "granted": _flag,
    "transfer": _flag,
    "ok": _flag,
    "mute": _flag,
    "entries": _entries,
    "certificate": _certificate,
    "election": _election,
    "acks": _acks,
    "hash": _hash,
    "last_hash": _short,
    "signature": _signature,
    "configuration": _configuration,
}
_READERS: dict[int, tuple[type[Any], tuple[Reader, ...]]] = {
    code: (kind, tuple(_READER_OF_FIELD.get(field.name, _integer) for field in fields(kind)))
    for code, kind in _CODES
}
_WRITERS: dict[type[Any], tuple[int, Writer]] = {
    kind: (code, attrgetter(*[field.name for field in fields(kind)])) for code, kind in _CODES
}
_ENTRY_FIELDS: Writer = attrgetter(*[field.name for field in fields(Entry)])
_CONFIGURATION_FIELDS: Writer = attrgetter("voters", "quorum", "outgoing", "outgoing_quorum", "learners")
_CERTIFICATE_FIELDS: Writer = attrgetter(*[field.name for field in fields(Certificate)])
_VOTE_FIELDS: Writer = attrgetter(*[field.name for field in fields(SignedVote)])


_CHECKS: dict[type[Any], Callable[[Any], str | None]] = {
    Append: _check_append,
    AppendReply: _check_append_reply,
    Heartbeat: _check_heartbeat,
    HeartbeatReply: _check_heartbeat_reply,
    PreVote: _check_request,
    Vote: _check_request,
    VoteReply: _check_vote,
    ReadIndex: _check_read_index,
    ReadIndexReply: _check_read_index_reply,
    Snapshot: _check_snapshot,
    SnapshotReply: _check_snapshot_reply,
}
"""What is looked at in each kind of message beside its id and term; nothing in those that are not listed."""
