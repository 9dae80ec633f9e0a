"""Blocks without a ledger, in a row: what a verifier sees of them."""

from __future__ import annotations

from membership_steps import CHANNEL, TRUSTED, certify, voters_of

from ledger.blocks.block import Block
from ledger.blocks.certificate import CertifiedHeader, HistoryLink
from ledger.blocks.preamble import Preamble
from ledger.hashing import ZERO
from ledger.members.membership import Membership
from ledger.merkle import Accumulator, path_from_nodes
from ledger.proofs.handover import Handover


class Blocks:
    """Bare blocks in a row: what a verifier sees of them."""

    def __init__(self) -> None:
        self.history = Accumulator()
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.settled: CertifiedHeader | None = None
        """Of the last change that enough of them acknowledged."""
        self._keep(TRUSTED.block)

    def _keep(self, block: Block) -> None:
        for level, index, node in self.history.append(block.header.leaf):
            self.nodes[level, index] = node

    def block(
        self, membership: Membership, *, changed: bool = False, previous: bytes = ZERO, push: bool = True
    ) -> Block:
        block = Block.assemble(
            key=None,
            channel=CHANNEL,
            height=self.history.size,
            term=1,
            previous=previous,
            time_ms=1,
            proposer="n1",
            transactions=(),
            results=(),
            state_root=ZERO,
            history_root=self.history.root(),
            membership=membership.hash,
            contract_version=1,
            preamble=Preamble(None, membership, self.settled).encode() if changed else b"",
        )
        if push:
            self._keep(block)
        return block

    def handover(self, membership: Membership, *signers: str, later: bool = False) -> Handover:
        """A change to a membership, acknowledged by these nodes or by everybody with a vote."""
        block = top = self.block(membership, changed=True)
        signers = signers or tuple(voters_of(membership))
        link = None
        if later:
            top = self.block(membership)
            path = path_from_nodes(lambda level, index: self.nodes[level, index], block.height, top.height)
            link = HistoryLink(tuple(path), top.header)
        certified = CertifiedHeader(block.header, link, certify(top, *signers))
        if membership.has_quorum(signers):
            self.settled = certified
        return Handover(certified, block.preamble)
