"""What other nodes and strangers were refused: counted by reason, logged now and then.

An attacker decides how often something is refused, so refusing must cost no log line each
time. The first refusal of a peer for a reason is logged at once, later ones of the same kind
together, at most once a minute, with their number. The set of reasons is fixed: it labels a
metric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ledger.errors import TallyError
from node.limits import MAX_LOGGED_KINDS, REFUSAL_LOG_S

REASONS: dict[str, str] = {
    "tls_failed": "no TLS 1.3, or a certificate that the ledger does not have",
    "too_many_connections": "connections of one address beyond the bounds for unproved ones",
    "hello_missing": "connected, and said nothing whole in time",
    "peer_version": "another version of the protocol between nodes",
    "wrong_channel": "a node of another channel",
    "wrong_target": "meant for another node",
    "unknown_node": "named a node that is no member",
    "wrong_key": "named a member and holds another key",
    "refused_by_peer": "a dialled node refuses this one",
    "bad_memberships": "changes of the members that are not proved, or lead nowhere",
    "frame_too_large": "a frame longer than any message",
    "too_many_elements": "a frame with more elements than any message",
    "malformed": "bytes or messages of a form that no node sends",
    "non_canonical": "bytes in a second spelling",
    "wrong_sender": "a message in another node's name",
    "wrong_answer": "an answer to what this node did not ask",
    "bad_forward": "forwarded transactions that the forwarding node should have refused",
    "bad_snapshot": "parts of a snapshot that do not have their hash",
    "other": "anything else",
}
"""Reasons, which are the codes of the errors, and what they mean."""

_SHOWN_CHARACTERS = 200

log = structlog.get_logger(component="peers")


@dataclass(slots=True)
class _Kind:
    count: int = 0
    logged_count: int = 0
    logged_s: float = 0.0


class Refusals:
    """The count of refusals by peer and reason; a peer is a member that proved its key, or ""."""

    def __init__(self, total: Counter[str], clock_s: Callable[[], float]) -> None:
        self._total = total
        self._clock_s = clock_s
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def add(self, peer: str, error: TallyError) -> None:
        """Count a refusal, and log it if it is the first of its kind or the last line is old."""
        reason = error.code if error.code in REASONS else "other"
        self._total[reason] += 1
        kind = self._kinds.get((peer, reason))
        if kind is None:
            if len(self._kinds) >= MAX_LOGGED_KINDS:
                return
            kind = self._kinds[peer, reason] = _Kind()
        kind.count += 1
        now_s = self._clock_s()
        if kind.logged_count and now_s - kind.logged_s < REFUSAL_LOG_S:
            return
        shown = {name: str(value)[:_SHOWN_CHARACTERS] for name, value in error.as_dict().items()}
        log.warning(
            "peer_refused",
            peer=peer,
            reason=reason,
            times=kind.count - kind.logged_count,
            in_all=kind.count,
            **shown,
        )
        kind.logged_count = kind.count
        kind.logged_s = now_s

    def of(self, peer: str) -> dict[str, int]:
        """How often this peer was refused, by reason."""
        return {reason: kind.count for (who, reason), kind in sorted(self._kinds.items()) if who == peer}
