"""Errors of a node, each with a stable code.

    TallyError (ledger)
    ├── SettingsError        the configuration does not describe a node that can run
    ├── PeerRefused          a connection that is not what it must be
    ├── LeadershipStays      leadership could not be handed over
    └── NotAdmitted          a transaction that this node does not take in (not recorded anywhere)

`NotAdmitted` carries the HTTP status that the API answers with, and for refusals that pass
by themselves the time after which trying the same bytes again makes sense. Refusals by a
business rule are not errors of a node: they are results, and stand on the ledger.

| code | status | retry | when |
|---|---|---|---|
| wrong_channel | 409 | no | signed for another ledger |
| bad_signature | 401 | no | the signature is not the signer's |
| unknown_key | 403 | no | no organisation has this key |
| revoked_key | 403 | no | the key was revoked |
| not_the_operator | 403 | no | the key is not one of the organisation that runs this node |
| stale_order | 409 | no | an order for another term than this node leads in |
| expired | 422 | no | `valid_until_ms` has passed |
| validity_too_far | 422 | no | `valid_until_ms` lies beyond the remembered window |
| doubled_in_bundle | 422 | no | one transaction twice in a bundle |
| too_many_in_flight | 429 | yes | the organisation has used up its share of this node's queue |
| busy | 503 | yes | this node's queue is full |
| no_leader | 503 | yes | no leader for longer than a leader change takes |
| outcome_unknown | 503 | yes | taken in, but not seen on the ledger within the time allowed |
| shutting_down | 503 | yes | the node is being stopped |
| not_reached | 409 | no | a read asks for a height that this node has not applied in time |
| not_leading | 409 | no | something that only the leader can do |
| forked | 503 | yes | two certified blocks at one height are known: the node takes no part any more |
| storage_failed | 503 | yes | the disk failed; the node acknowledges nothing any more |
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import TallyError
from node.limits import RETRY_AFTER_MS


class SettingsError(TallyError):
    """A configuration with which no node can run."""

    code = "settings"
    remedy = "Correct the named setting in the node's configuration file, or its TALLY_ variable."


def cannot_listen(what: str, host: str, port: int, error: OSError) -> SettingsError:
    """The address of `what` (api or peer) cannot be taken."""
    return SettingsError(
        f"cannot listen on {host}:{port}",
        field=f"{what}_port",
        found=error.strerror or str(error),
        remedy=f"Stop the process that listens there, or name another {what}_host and {what}_port.",
    )


class PeerRefused(TallyError):
    """A peer connection that does not prove what it claims, or breaks the protocol of frames."""

    code = "peer_refused"
    remedy = "If it goes on, ask whoever runs that node; docs/threat-model.md says what is refused and why."


COMPARE_CERTIFICATES = "Compare the node's certificate with the one that the ledger has for it."


class LeadershipStays(TallyError):
    """Leadership could not be handed over; whoever led goes on."""

    code = "leadership_stays"
    remedy = "GET /v1/status of the leader shows its followers; choose a voter that keeps up."


class _Kind(NamedTuple):
    http_status: int
    passes: bool
    remedy: str


_AGAIN = "Submit the same bytes again; a transaction is recorded once however often it is sent."

KINDS: dict[str, _Kind] = {
    "wrong_channel": _Kind(409, False, "Sign for the channel id that this node's /v1/status shows."),
    "bad_signature": _Kind(
        401, False, "Sign the body bytes with the key named as signer; see docs/protocol.md."
    ),
    "unknown_key": _Kind(403, False, "Let your organisation or the operator enrol the key first."),
    "revoked_key": _Kind(403, False, "Sign with a key that your organisation has not revoked."),
    "not_the_operator": _Kind(403, False, "Sign with a key of the organisation that runs this node."),
    "stale_order": _Kind(409, False, "GET the leader again, and sign for the term that it shows."),
    "expired": _Kind(
        422, False, "Sign again with a later valid_until_ms; this one can no longer be recorded."
    ),
    "validity_too_far": _Kind(422, False, "Choose valid_until_ms at most one hour ahead."),
    "doubled_in_bundle": _Kind(422, False, "Send each transaction once in a bundle."),
    "too_many_in_flight": _Kind(429, True, _AGAIN),
    "busy": _Kind(503, True, _AGAIN),
    "no_leader": _Kind(503, True, _AGAIN),
    "outcome_unknown": _Kind(503, True, _AGAIN),
    "not_reached": _Kind(409, False, "Ask again in a moment, or ask another node."),
    "not_leading": _Kind(409, False, "Send this to the node that leads; GET /v1/status names it."),
    "shutting_down": _Kind(503, True, "Submit the same bytes to another node."),
    "forked": _Kind(
        503, True, "Do not trade on it: ask the operators; /v1/channels/{channel}/evidence has the proofs."
    ),
    "storage_failed": _Kind(
        503, True, "Submit the same bytes to another node; the operator must look at this one."
    ),
}


class NotAdmitted(TallyError):
    """A transaction that this node does not take in; nothing of it is recorded."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        kind = KINDS[code]
        super().__init__(message, code=code, field=field, found=found, expected=expected, remedy=kind.remedy)
        self.http_status = kind.http_status
        self.retry_after_ms = RETRY_AFTER_MS if kind.passes else None


def shutting_down() -> NotAdmitted:
    """What is told to whoever waits for a node that is being stopped."""
    return NotAdmitted("shutting_down", "this node is being stopped")
