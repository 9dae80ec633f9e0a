"""What people are shown of the membership: who is in it, where it is going, what is proposed.

Like `contracts.views`: plain maps that prove nothing; the file of membership changes proves
(`ledger.proofs.handover`).
"""

from __future__ import annotations

from typing import Any

from contracts.context import business_day
from contracts.parties import membership as governed
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.members.membership import IN_FORCE_KEY, Member, Membership, step, steps_to
from ledger.state.overlay import Reader

_STATES = {governed.OPEN: "Open", governed.ADOPTED: "Adopted", governed.WITHDRAWN: "Withdrawn"}


def membership_view(state: Scanner) -> View:
    """The membership in force, and the way to the adopted one."""
    now, goal = governed.in_force(state), governed.target(state)
    in_force: Value = state.get(IN_FORCE_KEY)
    number, since, _ = in_force
    return {
        "hash": now.hash.hex(),
        "since_height": since,
        "changes": number,
        "quorum": now.quorum,
        "outgoing_quorum": now.outgoing_quorum if now.is_joint else None,
        "joint": now.is_joint,
        "members": [_member_view(state, now, member) for member in now.members],
        "former": _former(state),
        "approving": governed.voting_organisations(now),
        "approvals_needed": governed.approvals_needed(state, now),
        "target": None if goal is None or goal == now else _target_view(goal),
        "steps_left": _steps(now, now if goal is None else goal),
    }


def role(membership: Membership, node: str) -> str:
    """What a member is: voter, incoming (votes in the new half only), outgoing, or learner."""
    in_new = node in {member.node for member in membership.voters}
    in_old = node in {member.node for member in membership.outgoing}
    if not in_new:
        return "outgoing" if in_old else "learner"
    return "incoming" if membership.is_joint and not in_old else "voter"


def proposals(scanner: Scanner, *, limit: int, after: bytes | None = None) -> Page:
    """A page of all proposals that were ever made."""
    today = business_day(scanner)
    return page(
        scanner,
        "membership_proposal",
        (),
        limit,
        after,
        lambda parts, value: _proposal_view(parts[0], value, today),
    )


def proposal_view(state: Reader, proposal: str) -> View | None:
    """One proposal."""
    value: Value = state.get(governed.proposal_key(proposal))
    return None if value is None else _proposal_view(proposal, value, business_day(state))


def _former(state: Scanner) -> list[str]:
    """Ids that nobody may have again; the first thousands of them."""
    nodes = [(codec.decode(key)[1], value[2]) for key, value in state.scan("node")]
    return [node for node, is_member in nodes if not is_member]


def _member_view(state: Reader, membership: Membership, member: Member) -> View:
    return {
        "node": member.node,
        "organisation": member.organisation,
        "role": role(membership, member.node),
        "key": member.key.hex(),
        "address": state.get(governed.address_key(member.node)),
    }


def _target_view(goal: Membership) -> View:
    return {
        "quorum": goal.quorum,
        "voters": [member.node for member in goal.voters],
        "learners": [member.node for member in goal.learners],
    }


def _steps(now: Membership, goal: Membership) -> list[str]:
    kinds = []
    for following in steps_to(now, goal):
        kinds.append(step(now, following))
        now = following
    return kinds


def _proposal_view(name: str, value: Value, today: int) -> View:
    proposer, change, last_day, approvals, state = value
    shown = _STATES[state]
    return {
        "proposal": name,
        "proposer": proposer,
        "change": _plain(change),
        "last_day": iso_from_day(last_day),
        "approvals": list(approvals),
        "status": "Expired" if state == governed.OPEN and last_day < today else shown,
    }


def _plain(value: Value) -> Any:
    if type(value) is bytes:
        return value.hex()
    if type(value) is dict:
        return {name: _plain(part) for name, part in value.items()}
    return value
