"""A whole channel in one process: a real chain, store and contracts, and no network between its nodes.

Every submission is sealed at once, acknowledged by the keys of all members, and committed on
the chain of every `LocalNode`. What API and SDK see is what a node shows them; consensus,
TLS and processes have tests of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import time_ns
from typing import Any

from contracts import Contracts
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.clock import Reading
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote
from ledger.chain.chain import Chain
from ledger.errors import TallyError
from ledger.keys import SigningKey
from ledger.members.leadership import HandOverOrder
from ledger.members.membership import Membership
from ledger.storage.store import Store
from node.accountability.evidence import EvidenceStore
from node.errors import LeadershipStays, NotAdmitted
from node.intake.outcome import Outcome
from node.loop.leadership import check_order
from node.main import identify_by
from node.readiness import NotReady
from node.service import BlockSummary, Envelope, Service
from node.statistics import Statistics

ROLES = {
    "acme": ["supplier"],
    "anchor": ["buyer"],
    "fund": ["lender"],
    "bank": ["settlement_bank"],
    "registrar": ["operator"],
}
MEMBERS = ("n1", "n2", "n3")


def key_of(name: str) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


def document(time_ms: int, roles: dict[str, list[str]]) -> dict[str, Any]:
    """A genesis document: these organisations, three nodes, two acknowledgements commit."""
    return {
        "version": 1,
        "name": "Local channel",
        "time_ms": time_ms,
        "contract_version": Contracts.version,
        "quorum": 2,
        "nodes": [
            {"id": node, "organisation": host, "key": key_of(node).public, "certificate": node.encode()}
            for node, host in zip(MEMBERS, ("anchor", "fund", "registrar"), strict=True)
        ],
        "organisations": [
            {
                "id": name,
                "name": name.title(),
                "lei": "",
                "roles": owned,
                "identifiers": [],
                "keys": [{"key": key_of(name).public, "name": "first", "enrolled_by": name}],
            }
            for name, owned in roles.items()
        ],
        "parameters": {
            "business_date": "2024-03-05",
            "price_tolerance_ppm": 0,
            "quantity_tolerance_ppm": 0,
            "backdating_days": 3_000,
        },
    }


class LocalNetwork:
    """The members of one channel, all in this process."""

    def __init__(
        self,
        folder: Path,
        members: Sequence[str] = MEMBERS,
        roles: dict[str, list[str]] = ROLES,
    ) -> None:
        self.genesis_block = make_genesis_block(
            Contracts(), Genesis.from_document(document(time_ns() // 1_000_000 - 1_000, roles))
        )
        self.genesis_path = folder / "genesis.block"
        self.genesis_path.write_bytes(self.genesis_block.data)
        self.term = 1
        self.nodes = {name: LocalNode(self, name, folder / name) for name in members}
        self.commit([])

    @property
    def channel(self) -> bytes:
        return self.genesis_block.hash

    def settle_membership(self) -> int:
        """The blocks that bring the adopted membership into force; how many they were."""
        count = 0
        while next(iter(self.nodes.values())).chain.due_membership() is not None:
            self.commit([], change=True)
            count += 1
        return count

    def _election(self, leader: str) -> ElectionCertificate:
        """All nodes vote for the leader while their ledger is empty."""
        ballot = Ballot(self.term, leader, 0, 0, 0, self.channel)
        voters = [voter.node for voter in self.nodes[leader].chain.membership.voters]
        votes = [Vote(name, ballot, sign_vote(key_of(name), self.channel, ballot)) for name in voters]
        return ElectionCertificate.of(self.term, leader, votes)

    def _clocks(self, membership: Membership) -> list[Reading]:
        """All voters' clocks show the time of now."""
        now_ms = time_ns() // 1_000_000
        return [
            Reading.sign(key_of(each.node), self.channel, each.node, now_ms) for each in membership.members
        ]

    def commit(self, transactions: Sequence[Transaction], *, change: bool = False) -> Block:
        """One block of these, on every node; with `change`, one that makes the due membership change."""
        leader = next(iter(self.nodes.values()))
        executor = Contracts()
        block = leader.chain.seal(
            [executor.prepare(transaction) for transaction in transactions],
            term=self.term,
            proposer=leader.name,
            key=key_of(leader.name),
            clocks=self._clocks(leader.chain.membership),
            election=self._election(leader.name) if leader.chain.head.height == 0 else None,
            membership=leader.chain.due_membership() if change else None,
        )
        acks = [
            (name, sign_ack(key_of(name), self.channel, self.term, block.height, block.hash))
            for name in self._signers(leader.chain.membership)
        ]
        certificate = Certificate.of(self.term, block.height, block.hash, acks)
        for node in self.nodes.values():
            if node is not leader:
                node.chain.accept(node.chain.check(block))
            node.take(block, certificate)
        return block

    @staticmethod
    def _signers(membership: Membership) -> list[str]:
        voters = [member.node for member in membership.members if membership.is_voter(member.node)]
        while len(voters) > 1 and membership.has_quorum(voters[:-1]):
            voters.pop()
        return voters

    def close(self) -> None:
        for node in self.nodes.values():
            node.store.close()


class LocalNode(Service):
    """One member's service: refuses what a node refuses, and commits the rest at once."""

    def __init__(self, network: LocalNetwork, name: str, folder: Path) -> None:
        self.network = network
        self.name = name
        self.folder = folder
        self.store = Store.open(folder)
        self.chain = Chain.open(self.store, Contracts(), network.genesis_block.data)
        self.statistics = Statistics()
        self.evidence = EvidenceStore.open(folder / "evidence", self.chain.genesis, Contracts())
        self.closed: NotAdmitted | None = None
        """Set: nothing is taken in."""
        self.stopped = False
        self.is_slow = False
        """Set: submissions have no outcome before their deadline."""
        self.ends_streams = False
        """Set: an event stream ends with the newest block."""
        self._news = asyncio.Condition()

    def take(self, block: Block, certificate: Certificate) -> None:
        self.store.append([(block.height, block.data)], None, (block.header.term, None, 0))
        self.chain.commit(certificate)

    async def announce(self) -> None:
        """Wake the event streams."""
        async with self._news:
            self._news.notify_all()

    @property
    def not_ready(self) -> NotReady | None:
        return None if self.closed is None else NotReady(self.closed.code, self.closed.message)

    @property
    def node(self) -> str:
        return self.name

    @property
    def leadership(self) -> tuple[str | None, int]:
        status = self.status()
        return status["leader"], status["term"]

    async def reach(self, *, linearizable: bool, at_least: int) -> None:
        """All that is committed is applied here at once: only a height can be out of reach."""
        if self.chain.applied.height < at_least:
            raise NotAdmitted("not_reached", "not applied in time", field="at_least")

    async def hand_over(self, order: HandOverOrder) -> str:
        check_order(order, self.chain, self.name, identify_by(self.chain))
        if order.to in ("", self.name):
            raise LeadershipStays("nobody else leads here", found=order.to)
        raise NotAdmitted("not_leading", "this node does not lead")

    async def submit(
        self, envelopes: Sequence[Envelope], *, wait: bool = True, timeout_ms: int | None = None
    ) -> list[Outcome]:
        outcomes: list[Outcome | None] = []
        fresh: dict[bytes, Transaction] = {}
        for envelope in envelopes:
            self.statistics.submitted += 1
            try:
                transaction = self._admitted(envelope)
            except TallyError as error:
                self.statistics.not_admitted[error.code] += 1
                outcomes.append(Outcome(b"", "refused", error=error))
                continue
            outcomes.append(None)
            if not self.chain.knows(transaction.id):
                fresh[transaction.id] = transaction
        if fresh:
            self.network.commit(list(fresh.values()))
            for node in self.network.nodes.values():
                await node.announce()
        return [
            self._outcome_of(envelope, wait) if found is None else found
            for envelope, found in zip(envelopes, outcomes, strict=True)
        ]

    def _admitted(self, envelope: Envelope) -> Transaction:
        if self.closed is not None:
            raise self.closed
        transaction = (
            Transaction.decode(envelope) if isinstance(envelope, bytes) else Transaction.from_parts(envelope)
        )
        now_ms = time_ns() // 1_000_000
        if transaction.channel != self.network.channel:
            raise NotAdmitted("wrong_channel", "signed for another ledger", field="channel")
        if not transaction.signature_ok():
            raise NotAdmitted("bad_signature", "the signature is not the signer's", field="signature")
        if transaction.valid_until_ms < now_ms:
            raise NotAdmitted("expired", "valid_until_ms has passed", field="valid_until_ms")
        if transaction.valid_until_ms > now_ms + 3_600_000:
            raise NotAdmitted("validity_too_far", "beyond the window", field="valid_until_ms")
        Contracts().prepare(transaction)
        return transaction

    def _outcome_of(self, envelope: Envelope, wait: bool) -> Outcome:
        parts = (
            Transaction.decode(envelope) if isinstance(envelope, bytes) else Transaction.from_parts(envelope)
        )
        if self.is_slow:
            return Outcome(parts.id, "unknown", error=NotAdmitted("outcome_unknown", "no outcome in time"))
        found = self.outcome(parts.id)
        assert found is not None
        return found if wait else Outcome(parts.id, "accepted")

    def outcome(self, transaction_id: bytes) -> Outcome | None:
        found = self.chain.outcome(transaction_id)
        return None if found is None else Outcome(transaction_id, "committed", *found)

    def block(self, height: int) -> bytes | None:
        return self.store.block(height) if height <= self.chain.applied.height else None

    def status(self) -> dict[str, Any]:
        applied = self.chain.applied
        return {
            "node": self.name,
            "organisation": "anchor",
            "channel": self.chain.channel.hex(),
            "role": "leader" if self.name == MEMBERS[0] else "follower",
            "term": self.network.term,
            "leader": MEMBERS[0],
            "last_height": applied.height,
            "committed_height": applied.height,
            "applied_height": applied.height,
            "goes_on_from": None,
            "head": applied.hash.hex(),
            "state_root": applied.state_root.hex(),
            "ready": self.ready,
            "not_ready": None if self.not_ready is None else self.not_ready.as_dict(),
        }

    async def subscribe(self, after_height: int) -> AsyncIterator[BlockSummary]:  # type: ignore[override]
        height = after_height
        while not self.stopped:
            while height < self.chain.applied.height:
                height += 1
                block = self.chain.block(height)
                assert block is not None
                yield BlockSummary(
                    height,
                    block.hash,
                    block.header.term,
                    block.header.time_ms,
                    block.header.proposer,
                    tuple(transaction.id for transaction in block.transactions),
                    block.results,
                    block.header.state_root,
                )
            if self.ends_streams:
                return
            async with self._news:
                await self._news.wait_for(lambda at=height: self.stopped or at < self.chain.applied.height)

    async def stop(self) -> None:
        """End the event streams."""
        self.stopped = True
        await self.announce()
