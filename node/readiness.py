"""Why a node is not ready: a stable code, a sentence, and what to do about it.

The first of these that holds is the reason:

| code | when |
|---|---|
| shutting_down | the node is being stopped |
| forked, storage_failed, halted, lost_data, removed, unreproducible_block, bug | its own trouble: `Problem` |
| members_unknown | no leader, and the members of today, or those who answer, are not known here |
| no_quorum | no leader, and links to too few voters for one |
| no_leader | no leader, though enough voters are linked: an election goes on |
| new_leader | this node was elected and has not begun its term |
| catching_up | the leader has committed far more than is applied here |
| empty_ledger | nothing was ever committed |

`lost_data` does not pass by waiting, nor does `removed`, but for a voter that becomes a learner: it leaves
with one change and returns with the next. A node that was removed while it was away knows of it by the
proofs that it is handed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.errors import NotAdmitted

_NOT_TRIED = "no address, or not tried yet"
_ASK_OTHERS = "Keep its log and data folder, and tell the other operators; docs/operations.md has the steps."

REMEDIES: dict[str, str] = {
    "shutting_down": "Use another node; this one has been told to stop.",
    "forked": "Do not trade on it. Stop all nodes and save their folders: docs/operations.md, A fork.",
    "storage_failed": "Make room on its disk, or replace it, then stop and start the node.",
    "halted": _ASK_OTHERS,
    "lost_data": "Readmit it under a new id, as the sentence says; it never becomes ready by itself.",
    "removed": "Stop it; its folder may be kept as an archive.",
    "unreproducible_block": "Compare its software with the leader's; keep the folder `refused`. "
    "It is over once a block of that height is applied.",
    "bug": "This is a bug of ours: start the node again, and report its log.",
    "members_unknown": "Wait a few seconds: others hand it the changes. If it stays so, give it the address "
    "of a member of today in `peers`, or genesis.memberships: docs/operations.md, A member that was away.",
    "no_quorum": "Start the other voters, or mend the network between them; `peers` in /v1/status shows each "
    "link.",
    "no_leader": "Wait: an election takes about a second. If it stays so, mend the links that are missing, "
    "and look at /v1/status of the voters named: where `promises` is false data is lost; where `leader` is "
    "not null they hear a leader that this node does not. If none is named, compare logs and clocks.",
    "new_leader": "Wait: it takes as long as one block.",
    "catching_up": "Wait: `applied_height` in /v1/status shows how far it is. Use another node meanwhile.",
    "empty_ledger": "Wait for the first leader's first block.",
}
"""Codes, and what the operator does."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """The reason, for the status page, `/readyz` and the command line."""

    code: str
    sentence: str

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.code]

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"code": self.code, "sentence": self.sentence, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Reach:
    """One other voter, and the link to it."""

    node: str
    is_linked: bool
    problem: str
    """Why there is no link; empty if nobody said."""
    is_met: bool
    """Whether somebody answers there all the same."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What readiness is judged by."""

    closed: NotAdmitted | None
    """Why nothing is taken in."""
    problem: tuple[str, str] | None
    """Code and sentence."""
    leader: str | None
    is_leader: bool
    """Whether this node is that leader."""
    leads: bool
    """And has begun its term."""
    behind_blocks: int
    """Blocks that the leader has committed and that are not applied here; 0 if they are few."""
    applied_height: int
    followed_height: int
    """Of the last change of the members that is proved here."""
    is_gone: bool
    """Whether that change, which the ledger here has not reached, has left this node out."""
    majority: int
    """Voters that an election takes, this node included if it is one."""
    is_voter: bool
    is_mute: bool
    """Whether this node has lost data, and gives no vote for that."""
    silent_ms: Mapping[str, int]
    """Voters that do not answer requests of this node for a vote, and for how long."""
    others: Sequence[Reach]


def not_ready(stands: Standing) -> NotReady | None:
    """Why the node is not ready; None if it is."""
    closed = stands.closed
    if closed is not None and closed.code == "shutting_down":
        return NotReady(closed.code, str(closed))
    if stands.problem is not None:
        return NotReady(*stands.problem)
    if stands.is_gone:
        return NotReady(
            "removed",
            f"this node is no member any more, since block {stands.followed_height} or before",
        )
    if stands.leader is None:
        return _without_leader(stands)
    if stands.is_leader and not stands.leads:
        return NotReady("new_leader", "this node has just been elected and has not begun its term")
    if stands.behind_blocks:
        return NotReady(
            "catching_up",
            f"this node is {stands.behind_blocks} blocks behind {stands.leader}, which leads: "
            f"it has applied block {stands.applied_height}",
        )
    if stands.applied_height == 0:
        return NotReady("empty_ledger", "nothing has been committed yet")
    if closed is not None:
        return NotReady(closed.code, str(closed))
    return None


def _without_leader(stands: Standing) -> NotReady:
    linked = [each.node for each in stands.others if each.is_linked]
    if stands.followed_height > stands.applied_height:
        return NotReady(
            "members_unknown",
            f"the members have changed at block {stands.followed_height}, this node's ledger ends at "
            f"{stands.applied_height}, and it has heard of no leader of today; linked: {_names(linked)}",
        )
    missed = [each for each in stands.others if not each.is_linked]
    if not linked and any(each.is_met for each in missed):
        return NotReady(
            "members_unknown",
            "whoever answers at the addresses of the members is not known here, or does not know this node: "
            + _problems(missed),
        )
    if len(linked) + stands.is_voter < stands.majority:
        return NotReady(
            "no_quorum",
            f"no leader is known: a leader takes {stands.majority} voters, and this node is linked with "
            f"{_names(linked)}; without a link: {_problems(missed)}",
        )
    sentence = f"no leader is known, though enough are linked ({_names(linked)}): an election goes on"
    if stands.is_mute:
        sentence += "; this node has lost data, and gives no vote before it has committed as far as it signed"
    if missed:
        sentence += f"; without a link: {_problems(missed)}"
    silent = [f"{voter} (for {ms // 1_000} s)" for voter, ms in stands.silent_ms.items() if voter in linked]
    if silent:
        sentence += f"; without an answer when asked for a vote: {', '.join(silent)}"
    return NotReady("no_leader", sentence)


def _names(nodes: Iterable[str]) -> str:
    return ", ".join(nodes) or "nobody"


def _problems(missed: Iterable[Reach]) -> str:
    return "; ".join(f"{each.node} ({each.problem[:120] or _NOT_TRIED})" for each in missed)
