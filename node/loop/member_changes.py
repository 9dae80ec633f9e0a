"""A leader's part in changes of the members: the next step towards what governance adopted."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from consensus.raft import Raft
from ledger.chain.chain import Chain
from node.loop.proposer import Proposer
from node.raft_storage import configuration_of

log = structlog.get_logger(component="driver")


class MemberChanges:
    """Takes one step after the other while this node leads."""

    def __init__(
        self, *, node: str, raft: Raft, chain: Chain, proposer: Proposer, wake: Callable[[], None]
    ) -> None:
        self._node = node
        self._raft = raft
        self._chain = chain
        self._proposer = proposer
        self._wake = wake
        self.waits_for: str | None = None
        """Why the next change could not be made yet, as it was logged last."""

    def step(self) -> None:
        """Take the next step towards the membership that governance adopted; this node leads."""
        if not self._raft.may_reconfigure():
            return
        membership = self._chain.due_membership()
        if membership is None:
            return
        waits_for = self._raft.objection_to(configuration_of(membership))
        if waits_for is None and not membership.is_voter(self._node):
            waits_for = "a voter that stays is to lead first"
            self._let_a_stayer_lead()
        if waits_for != self.waits_for:
            self.waits_for = waits_for
            if waits_for is not None:
                log.info("membership_waits", reason=waits_for)
        if waits_for is not None:
            return
        block = self._proposer.propose([], self._raft.term, membership=membership)
        if block is not None:
            log.info("membership_changes", height=block.height, members=[m.node for m in membership.members])

    def _let_a_stayer_lead(self) -> None:
        """Who is to leave does not seal its own removal: its log could be longer than that of those who stay.

        They would then need a vote of it, which it refuses, and it may not stand itself.
        """
        heir = self._raft.successor()
        if heir is not None:
            self._raft.transfer(heir)
            self._wake()
