"""The nodes, and changes of them, as the API shows them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api.forms import View


class MemberView(View):
    """A node of the membership in force."""

    node: str
    organisation: str
    role: str = Field(description="voter, incoming, outgoing or learner")
    key: str
    address: str | None = Field(description="where other nodes reach it, if its organisation said so")


class TargetView(View):
    """The membership that was adopted and is not in force yet."""

    quorum: int
    voters: list[str]
    learners: list[str]


class MembershipView(View):
    """The membership in force, and what it is becoming."""

    hash: str
    since_height: int = Field(description="height of the block that changed it last; 0 for the genesis block")
    changes: int = Field(description="how often it has changed")
    quorum: int = Field(description="acknowledgements of voters that commit a block")
    outgoing_quorum: int | None = Field(description="and of outgoing voters, while it is joint")
    joint: bool = Field(description="whether it is on its way from outgoing voters to others")
    members: list[MemberView]
    former: list[str] = Field(description="node ids that were used and are never used again")
    approving: list[str] = Field(description="organisations that decide: those that run voters")
    approvals_needed: int
    target: TargetView | None
    steps_left: list[str] = Field(description="learners, enter, leave: the blocks that lead to the target")


class ProposalView(View):
    """A proposal about the membership."""

    proposal: str
    proposer: str
    change: dict[str, Any]
    last_day: str = Field(description="last business date on which it can be adopted")
    approvals: list[str]
    status: str = Field(description="Open, Adopted, Withdrawn or Expired")


class ProposalsView(View):
    """A page of proposals about the membership."""

    proposals: list[ProposalView]
    next: str | None
