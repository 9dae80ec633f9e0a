"""The governed membership: organisations propose and approve which nodes vote.

    ("membership", "in_force")       -> what governs, written by the ledger    (`ledger.members.membership`)
    ("membership", "target")         -> what was adopted last; the leader seals the steps there
    ("membership_proposal", number)  -> (proposer, change, last day, approvals, state)
    ("node", id)                     -> (organisation, key, state)    every id that was ever adopted
    ("node_key", key)                -> node id                       every key that was ever adopted
    ("node_address", id)             -> host:port                     where other nodes find it

| state | event | next |
|---|---|---|
| - | `membership.propose` | Open, approved by its proposer if that runs a voter |
| Open | `membership.approve`, or the proposal itself, that makes the approvals enough | Adopted |
| Open | `membership.withdraw` by its proposer | Withdrawn |
| Open | the business date passes its last day | nothing adopts it any more |

Who approves: the organisations that run voters of the membership in force, each once, however many
nodes it has. The parameter `membership_approvals` says how many are enough; a majority of them if it is
0 or not there, and never more than there are. Approvals of organisations that run no voter any more do
not count.

Adopting sets the target and takes nothing into force by itself: the leader's next blocks do, step by
step, and an added node must first have caught up. One change at a time: until the target is in force
no other is adopted, except to *abandon* it, which makes the membership in force the target, and is
possible until the voters have begun to change (a joint membership is only left forwards).

Where a node is found is no part of the membership: its organisation says so and changes it alone
(`node.locate`). Links trust keys, so a wrong address reaches nobody.

A node id belongs to one disk, and a key to one node: an id or a key that was adopted once is never
adopted again (CR-62). A node that lost its disk returns under a new id, with a new key: `replace`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from contracts.context import Context, organisation_key
from contracts.errors import REMEDIES, refuse
from contracts.fields import NodeId, Number, Operation, OrganisationId, Part, PublicKey
from contracts.parameters import read_parameter
from contracts.parties.identity import NODE_OPERATOR, OPERATOR
from ledger.blocks.genesis import Genesis
from ledger.codec import Value
from ledger.errors import Malformed, Refusal
from ledger.limits import MAX_CERTIFICATE_DER_BYTES, MAX_MEMBERS, SIGNATURE_BYTES
from ledger.members.membership import IN_FORCE_KEY, TARGET_KEY, Member, Membership, steps_to
from ledger.members.possession import certificate_names_key, verify_possession
from ledger.state.overlay import Overlay, Reader, state_key

OPEN, ADOPTED, WITHDRAWN = 1, 2, 3
MEMBER, GONE = 1, 0
MAX_ADDRESS_LENGTH = 260
"""A host name of 253 characters, and a port."""
MAX_OPEN_DAYS = 365
"""Days for which a proposal can stay open."""

Quorum = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_MEMBERS,
        description="acknowledgements that commit a block afterwards; 0 keeps the present number, or the "
        "majority if that is what it is now",
    ),
]


Address = Annotated[
    str,
    Field(
        max_length=MAX_ADDRESS_LENGTH,
        pattern=r"^$|^[!-~]+:[0-9]{1,5}$",
        description="host:port at which other nodes reach it; empty if it stands in their configurations",
    ),
]


class NewNode(Part):
    """A node that is no member yet."""

    node: NodeId
    organisation: OrganisationId
    key: PublicKey
    certificate: bytes = Field(
        min_length=1, max_length=MAX_CERTIFICATE_DER_BYTES, description="X.509 certificate of the key, DER"
    )
    proof: bytes = Field(
        min_length=SIGNATURE_BYTES,
        max_length=SIGNATURE_BYTES,
        description="the node key's signature over channel, node, organisation, key and certificate",
    )
    address: Address = ""

    @property
    def member(self) -> Member:
        """The node as a member."""
        return Member(self.node, self.organisation, self.key, self.certificate)


class Add(Part):
    """A new node as a learner: it holds the ledger and has no vote."""

    kind: Literal["add"] = Field(description="what changes")
    new: NewNode


class Promote(Part):
    """A learner gets a vote."""

    kind: Literal["promote"] = Field(description="what changes")
    node: NodeId
    quorum: Quorum = 0


class Demote(Part):
    """A voter becomes a learner."""

    kind: Literal["demote"] = Field(description="what changes")
    node: NodeId
    quorum: Quorum = 0


class Remove(Part):
    """A node leaves for good."""

    kind: Literal["remove"] = Field(description="what changes")
    node: NodeId
    quorum: Quorum = 0


class Replace(Part):
    """A new node takes the place of one of the same organisation, which leaves for good."""

    kind: Literal["replace"] = Field(description="what changes")
    node: NodeId
    new: NewNode


class SetQuorum(Part):
    """Another number of acknowledgements commits a block."""

    kind: Literal["quorum"] = Field(description="what changes")
    quorum: int = Field(
        ge=1,
        le=MAX_MEMBERS,
        description="acknowledgements that commit a block: at least a majority of voters",
    )


class Abandon(Part):
    """The change under way is given up; the membership in force stays."""

    kind: Literal["abandon"] = Field(description="what changes")


Change = Annotated[
    Add | Promote | Demote | Remove | Replace | SetQuorum | Abandon,
    Field(discriminator="kind", description="what shall change"),
]
_CHANGES: TypeAdapter[Change] = TypeAdapter(Change, config=ConfigDict(defer_build=True))


class MembershipPropose(Operation):
    """Propose a change of the membership; an organisation that runs a voter approves it by this."""

    op: Literal["membership.propose"]
    proposal: Number = Field(description="name of the proposal, never used before on this ledger")
    change: Change
    days: int = Field(
        default=30, ge=1, le=MAX_OPEN_DAYS, description="days of the business date for which it stays open"
    )


class MembershipApprove(Operation):
    """Approve a proposal; the approval that makes them enough adopts it."""

    op: Literal["membership.approve"]
    proposal: Number


class MembershipWithdraw(Operation):
    """Withdraw one's own open proposal."""

    op: Literal["membership.withdraw"]
    proposal: Number


class NodeLocate(Operation):
    """Say where other nodes reach a node of one's own."""

    op: Literal["node.locate"]
    node: NodeId
    address: Address


def proposal_key(proposal: str) -> bytes:
    """State key of a proposal."""
    return state_key("membership_proposal", proposal)


def node_key(node: str) -> bytes:
    """State key of a node id."""
    return state_key("node", node)


def used_key(key: bytes) -> bytes:
    """State key of a node's public key."""
    return state_key("node_key", key)


def address_key(node: str) -> bytes:
    """State key of a node's address."""
    return state_key("node_address", node)


def enrol_first(state: Overlay, genesis: Genesis) -> None:
    """Write the nodes of the genesis document."""
    for member in genesis.membership.members:
        state.put(node_key(member.node), (member.organisation, member.key, MEMBER))
        state.put(used_key(member.key), member.node)


def enrol_next(state: Overlay, genesis: Genesis) -> None:
    """Write the nodes of a genesis document over the state that it goes on from; those of before are gone.

    Raises:
        Malformed: an id or a key that was a node's before (`node_id_used`, `node_key_used`), or a node of an
            organisation that may not run any (`no_node_right`).
    """
    former = {member.node: member for member in in_force(state).members}
    former |= {member.node: member for member in (target(state) or in_force(state)).members}
    for member in genesis.membership.members:
        for key, code, field, found in (
            (node_key(member.node), "node_id_used", "id", member.node),
            (used_key(member.key), "node_key_used", "key", member.key.hex()),
        ):
            if state.get(key) is not None:
                raise Malformed(
                    "a node of the ledger that this one goes on from",
                    code=code,
                    field=f"nodes.{field}",
                    found=found,
                    expected="an id and a key that were never used",
                    remedy=REMEDIES[code],
                )
        if not may_run_nodes(state, member.organisation):
            raise Malformed(
                "may not run nodes",
                code="no_node_right",
                field="nodes.organisation",
                found=member.organisation,
                expected="an organisation that ran one, or has the role node_operator or operator",
                remedy=REMEDIES["no_node_right"],
            )
    for node, member in former.items():
        state.put(node_key(node), (member.organisation, member.key, GONE))
        if state.get(address_key(node)) is not None:
            state.delete(address_key(node))
    enrol_first(state, genesis)


def in_force(state: Reader) -> Membership:
    """The membership that governs."""
    entry: Value = state.get(IN_FORCE_KEY)
    return Membership.from_value(entry[2])


def target(state: Reader) -> Membership | None:
    """What was adopted last, in force or not; None before the first adoption."""
    value = state.get(TARGET_KEY)
    return None if value is None else Membership.from_value(value)


def is_under_way(state: Reader) -> bool:
    """Whether an adopted change is not in force yet."""
    adopted = target(state)
    return adopted is not None and adopted != in_force(state)


def may_run_nodes(state: Reader, organisation: str) -> bool:
    """Whether an organisation may run one more node: it runs one, or has a role that allows it."""
    entry: Value = state.get(organisation_key(organisation))
    if entry is not None and (NODE_OPERATOR in entry[2] or OPERATOR in entry[2]):
        return True
    return organisation in {known.organisation for known in in_force(state).members}


def voting_organisations(membership: Membership) -> list[str]:
    """Who approves: the organisations that run voters, of either half."""
    return sorted({each.organisation for each in (*membership.voters, *membership.outgoing)})


def approvals_needed(state: Reader, membership: Membership) -> int:
    """How many of them are enough."""
    organisations = len(voting_organisations(membership))
    wanted = read_parameter(state, "membership_approvals")
    return min(wanted or organisations // 2 + 1, organisations)


def propose(context: Context, operation: MembershipPropose) -> None:
    """Proposed by an organisation that runs a voter, or for its own new node by one that may run nodes."""
    change, membership = operation.change, in_force(context.state)
    is_voting = context.actor in voting_organisations(membership)
    if not is_voting and not isinstance(change, Add):
        raise _not_voting(context)
    key = proposal_key(operation.proposal)
    if context.get(key) is not None:
        raise refuse(
            "duplicate_number", "proposal name used before", field="proposal", found=operation.proposal
        )
    _changed(context, context.actor, change, membership)
    approvals = (context.actor,) if is_voting else ()
    last_day = context.day + operation.days
    proposal = (context.actor, change.model_dump(), last_day, approvals, OPEN)
    _write(context, key, proposal, change)


def approve(context: Context, operation: MembershipApprove) -> None:
    """Approved by an organisation that runs a voter."""
    if context.actor not in voting_organisations(in_force(context.state)):
        raise _not_voting(context)
    key = proposal_key(operation.proposal)
    proposer, change, last_day, approvals, _ = _open(context, operation.proposal)
    if last_day < context.day:
        raise refuse(
            "proposal_expired", "its last day has passed", field="proposal", found=operation.proposal
        )
    if context.actor in approvals:
        raise refuse("already_approved", "approved before", field="proposal", found=operation.proposal)
    proposal = (proposer, change, last_day, tuple(sorted((*approvals, context.actor))), OPEN)
    _write(context, key, proposal, _CHANGES.validate_python(change))


def withdraw(context: Context, operation: MembershipWithdraw) -> None:
    """Withdrawn by its proposer."""
    proposal = _open(context, operation.proposal)
    if proposal[0] != context.actor:
        raise refuse("not_party", "proposed by another", field="proposal", found=proposal[0])
    context.put(proposal_key(operation.proposal), (*proposal[:4], WITHDRAWN))


def locate(context: Context, operation: NodeLocate) -> None:
    """Said by the organisation that runs the node."""
    member = in_force(context.state).member(operation.node)
    if member is None:
        raise refuse("unknown_node", "not a member", field="node", found=operation.node)
    if member.organisation != context.actor:
        raise refuse("not_party", "a node of another organisation", field="node", found=member.organisation)
    _put_address(context, operation.node, operation.address)


def _put_address(context: Context, node: str, address: str) -> None:
    key = address_key(node)
    if address:
        context.put(key, address)
    elif context.get(key) is not None:
        context.state.delete(key)


def _open(context: Context, name: str) -> Value:
    proposal: Value = context.get(proposal_key(name))
    if proposal is None:
        raise refuse("unknown_proposal", "no such proposal", field="proposal", found=name)
    if proposal[4] != OPEN:
        raise refuse("proposal_closed", "adopted or withdrawn before", field="proposal", found=name)
    return proposal


def _write(context: Context, key: bytes, proposal: Value, change: Change) -> None:
    """Keep the proposal; adopt it if its approvals are enough."""
    membership = in_force(context.state)
    counted = set(proposal[3]) & set(voting_organisations(membership))
    if len(counted) < approvals_needed(context.state, membership):
        context.put(key, proposal)
        return
    if not isinstance(change, Abandon) and is_under_way(context.state):
        raise refuse("change_in_progress", "an adopted change is not in force yet", field="proposal")
    _adopt(context, membership, _changed(context, proposal[0], change, membership))
    if isinstance(change, Add | Replace):
        _put_address(context, change.new.node, change.new.address)
    context.put(key, (*proposal[:4], ADOPTED))


def _adopt(context: Context, membership: Membership, adopted: Membership) -> None:
    before = target(context.state) or membership
    for member in adopted.members:
        context.put(node_key(member.node), (member.organisation, member.key, MEMBER))
        context.put(used_key(member.key), member.node)
    for member in (*membership.members, *before.members):
        if not adopted.is_member(member.node):
            context.put(node_key(member.node), (member.organisation, member.key, GONE))
    context.put(TARGET_KEY, adopted.to_value())


def _changed(context: Context, proposer: str, change: Change, base: Membership) -> Membership:
    """The membership that a change makes of the one in force.

    Raises:
        Refusal: it makes none, or the proposer may not change it so.
    """
    if isinstance(change, Abandon):
        return _abandoned(context, base)
    voters = {member.node: member for member in base.voters}
    learners = {member.node: member for member in base.learners}
    quorum = 0
    if isinstance(change, Add):
        learners[change.new.node] = _new(context, proposer, change.new)
    elif isinstance(change, Replace):
        old = _member(base, change.node)
        if old.organisation != proposer:
            raise refuse(
                "not_party", "a node of another organisation", field="change.node", found=change.node
            )
        place = voters if change.node in voters else learners
        place[change.new.node] = _new(context, proposer, change.new)
        del place[change.node]
    elif isinstance(change, SetQuorum):
        quorum = change.quorum
    else:
        quorum = change.quorum
        _move(change, _member(base, change.node), voters, learners)
    return _checked(base, voters, learners, quorum)


def _move(
    change: Promote | Demote | Remove, member: Member, voters: dict[str, Member], learners: dict[str, Member]
) -> None:
    is_voter = member.node in voters
    if isinstance(change, Promote) and is_voter:
        raise refuse("already_voter", "the node has a vote", field="change.node", found=member.node)
    if isinstance(change, Demote) and not is_voter:
        raise refuse("not_a_voter", "the node has no vote", field="change.node", found=member.node)
    if not isinstance(change, Promote) and list(voters) == [member.node]:
        raise refuse("no_voter_left", "the last voter", field="change.node", found=member.node)
    voters.pop(member.node, None)
    learners.pop(member.node, None)
    if isinstance(change, Promote):
        voters[member.node] = member
    elif isinstance(change, Demote):
        learners[member.node] = member


def _checked(
    base: Membership, voters: dict[str, Member], learners: dict[str, Member], quorum: int
) -> Membership:
    majority = len(voters) // 2 + 1
    if quorum == 0:
        quorum = majority if base.quorum == base.majority else min(max(base.quorum, majority), len(voters))
    try:
        changed = Membership.of(quorum, voters.values(), learners=learners.values())
        steps_to(base, changed)
    except Malformed as error:
        raise refuse(
            "membership_impossible",
            error.message,
            field="change",
            found=error.found,
            expected=error.expected,
        ) from None
    if changed == base:
        raise refuse("no_change", "the membership is so already", field="change")
    return changed


def _abandoned(context: Context, base: Membership) -> Membership:
    if not is_under_way(context.state):
        raise refuse("no_change", "no change is under way", field="change")
    if base.is_joint:
        raise refuse("change_in_progress", "the voters have begun to change", field="change")
    return base


def _new(context: Context, proposer: str, new: NewNode) -> Member:
    member = new.member
    if member.organisation != proposer:
        raise refuse(
            "not_party", "a node of another organisation", field="change.new", found=member.organisation
        )
    if not may_run_nodes(context.state, member.organisation):
        raise refuse("no_node_right", "may not run nodes", field="change.new", found=member.organisation)
    if context.get(node_key(member.node)) is not None:
        raise refuse("node_id_used", "a node id is used once", field="change.new.node", found=member.node)
    if context.get(used_key(member.key)) is not None:
        raise refuse(
            "node_key_used", "a node key is used once", field="change.new.key", found=member.key.hex()
        )
    if not certificate_names_key(member):
        raise refuse("certificate_of_other_key", "not this key's certificate", field="change.new.certificate")
    if not verify_possession(context.channel, member, new.proof):
        raise refuse("key_not_possessed", "not signed by the node's key", field="change.new.proof")
    return member


def _member(base: Membership, node: str) -> Member:
    member = base.member(node)
    if member is None or not (member in base.voters or member in base.learners):
        raise refuse("unknown_node", "not a member", field="change.node", found=node)
    return member


def _not_voting(context: Context) -> Refusal:
    return refuse("runs_no_voter", "runs no voter", field="signer", found=context.actor)
