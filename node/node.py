"""One node put together: ledger, consensus, links, pool and service, without the HTTP API.

open    read identity and ledger; nothing listens yet
listen  take the peer port
start   dial the others, begin to tick
stop    take nothing new in, finish what was taken in, leave
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Self

import structlog

from consensus.limits import MAX_INDEX
from consensus.raft import Raft
from consensus.state import Config, HardState
from ledger.blocks.executor import Executor
from ledger.chain.chain import Chain
from ledger.codec import Value
from ledger.snapshots.staging import settle
from ledger.storage.store import LEDGER_FOLDER, Store
from node import disk
from node.accountability.evidence import EvidenceStore
from node.accountability.watch import Watch
from node.errors import SettingsError, cannot_listen
from node.identity import Identity
from node.intake.admission import Admission, Identify
from node.intake.forwarding import Forwarder
from node.intake.mempool import Pool
from node.intake.signatures import SignatureChecker
from node.limits import MAX_APPEND_BYTES, SNAPSHOT_LAG_BLOCKS
from node.loop.driver import Driver
from node.peering.introductions import Introductions
from node.peering.neighbours import Neighbourhood
from node.peering.peers import Peers
from node.problem import lost_data
from node.raft_storage import KeyAuthority, LedgerLog, configuration_of, next_boot
from node.second_mark import SecondMark
from node.service import Service
from node.settings import Settings
from node.snapshots.state_transfer import Reports, StateTransfer
from node.statistics import Statistics
from node.trace_file import TraceFile

log = structlog.get_logger(component="node")

FOREVER = MAX_INDEX + 1
"""An index that is never reached: a node that lost its data stays mute under this id."""

MakeIdentify = Callable[[Chain], Identify]
"""Given the chain, how to find the organisation of a key."""


class Node:
    """One node in one channel; belongs to the running loop."""

    def __init__(self, settings: Settings, executor: Executor, identify: MakeIdentify) -> None:
        """Open everything that the settings name.

        Raises:
            TallyError: settings, key, genesis block or ledger are not what they must be.
        """
        self.settings = settings
        self._identity = Identity.load(settings.node, settings.key_file, settings.certificate_file)
        self.stopped = asyncio.Event()
        """Set when the node stops by itself, because of a bug of ours."""
        self.renewed = asyncio.Event()
        """Set when the node is to be closed and opened again, on the snapshot that it has fetched."""
        genesis_data = settings.read_genesis()
        identity = self._identity
        self._ledger = settings.data_dir / LEDGER_FOLDER
        settle(self._ledger)
        self._has_lost_data = disk.has_lost_data(settings.data_dir)
        self._second_mark = SecondMark.beside(settings.key_file, identity.key.public)
        is_repaired = disk.promised(settings.data_dir) is not None
        self._store = Store.open(self._ledger, self._second_mark.marks if is_repaired else 0)
        try:
            self.chain = Chain.open(self._store, executor, genesis_data, settings.inherited_file)
            self.neighbourhood = Neighbourhood(self.chain, settings.genesis_file, settings.peer_addresses())
            known = self.neighbourhood.known()
            if not settings.joining or known.member(settings.node) is not None:
                identity.member_of(known)
            self._store.claim(identity.key.public)
            self._has_lost_data = self._has_lost_data or self._was_set_back()
            self._mute_until = self._begin_again_from()
            self.statistics = Statistics()
            self._trace = None if settings.trace_file is None else TraceFile(settings.trace_file)
            self._assemble(settings, executor, identify, identity)
        except BaseException:
            self._store.close()
            self._second_mark.close()
            raise

    def _assemble(
        self, settings: Settings, executor: Executor, identify: MakeIdentify, identity: Identity
    ) -> None:
        chain, neighbours = self.chain, self.neighbourhood.neighbours()
        self._linked_with = (neighbours, self.neighbourhood.addresses(neighbours))
        self.pool = Pool()
        self._checker = SignatureChecker()
        self.driver = Driver(
            node=settings.node,
            key=identity.key,
            chain=chain,
            store=self._store,
            executor=executor,
            raft=self._raft(settings, identity),
            pool=self.pool,
            checker=self._checker,
            statistics=self.statistics,
            tick_ms=settings.tick_ms,
            data_dir=settings.data_dir,
            stop=self.stopped.set,
            note=self._note_promises,
            meet=self._meet,
            renew=self.renewed.set,
            problem=lost_data(settings.node) if self._has_lost_data else None,
        )
        self.peers = Peers(
            node=settings.node,
            channel=chain.channel,
            membership=neighbours,
            key_file=settings.key_file,
            certificate_file=settings.certificate_file,
            addresses=self._linked_with[1],
            handler=self.driver.on_message,
            linked=self.driver.linked,
            introductions=Introductions(chain.channel, self.neighbourhood, self._meet),
            statistics=self.statistics,
        )
        self._watch = Watch(
            chain=chain,
            evidence=EvidenceStore.open(settings.data_dir / "evidence" / "proofs", chain.genesis, executor),
            tell_all=self._tell_all,
            send=self.peers.send,
            clock_s=asyncio.get_running_loop().time,
            alarm=self.driver.on_fork,
        )
        self._transfer = StateTransfer(
            chain=chain,
            ledger=self._ledger,
            send=self.peers.send,
            peers=self._sources,
            reports=Reports(
                self.driver.on_snapshot_complete,
                self.driver.on_snapshot_failed,
                self.peers.refused,
                self.driver.on_snapshot_available,
            ),
        )
        self._admission = Admission(
            chain=chain,
            executor=executor,
            pool=self.pool,
            checker=self._checker,
            identify=identify(chain),
            clock_ms=self.driver.clocks.now_ms,
            loop_time_s=asyncio.get_running_loop().time,
            statistics=self.statistics,
        )
        self._forwarder = Forwarder(
            pool=self.pool,
            peers=self.peers,
            admission=self._admission,
            leads=self.driver.leads,
            wake=self.driver.submitted,
            statistics=self.statistics,
        )
        self.service = Service(
            identity=identity,
            chain=chain,
            pool=self.pool,
            admission=self._admission,
            driver=self.driver,
            peers=self.peers,
            neighbourhood=self.neighbourhood,
            evidence=self._watch.evidence,
            statistics=self.statistics,
            submit_timeout_ms=settings.submit_timeout_ms,
        )

    def _tell_all(self, message: Value) -> None:
        for peer in self.peers.reachable:
            self.peers.send(peer, message)

    def _sources(self) -> list[str]:
        """Whom to ask for a snapshot, the leader last: it has the most to do."""
        leader = self.driver.leader
        return sorted(self.peers.reachable, key=lambda peer: (peer == leader, peer))

    def _meet(self) -> None:
        """Link with whom the newest membership in the log has, where they are now."""
        neighbours = self.neighbourhood.neighbours()
        addresses = self.neighbourhood.addresses(neighbours)
        if (neighbours, addresses) != self._linked_with:
            is_new = neighbours != self._linked_with[0]
            self._linked_with = (neighbours, addresses)
            self.peers.follow(neighbours, addresses)
            if is_new:  # addresses may change as often as a member says others
                log.info("neighbours", nodes=[member.node for member in neighbours.members])

    def _was_set_back(self) -> bool:
        """Whether the ledger is an older copy: the second mark has seen more of it (CR-76).

        Raises:
            SettingsError: the data folder cannot be written.
        """
        seen = self._second_mark
        if self._store.marks >= seen.marks:
            return False
        log.critical(
            "set_back",
            reason=lost_data(self.settings.node).sentence,
            found=f"{self._store.marks} durable marks",
            expected=f"at least {seen.marks}, as {seen.path.name} says",
        )
        try:
            disk.set_back(self.settings.data_dir)
        except OSError as error:
            raise SettingsError(
                f"cannot write to {self.settings.data_dir}", field="data_dir", found=error.strerror
            ) from None
        return True

    def _note_promises(self) -> None:
        if not self._has_lost_data:
            self._second_mark.note(self._store.marks)

    def _begin_again_from(self) -> int | None:
        """Until which height this node must not promise anything; None for one that forgot nothing."""
        if self._has_lost_data:
            return FOREVER
        promised = disk.promised(self.settings.data_dir)
        if promised is None:
            return None
        if self.chain.applied.height >= promised.height:
            disk.kept(self.settings.data_dir)
            return None
        if self._store.hard_state[0] < promised.term:
            self._store.append(hard=(promised.term, promised.vote, promised.accepted))
        return promised.height

    def _raft(self, settings: Settings, identity: Identity) -> Raft:
        chain, second = self.chain, self._second_mark
        boot = next_boot(settings.data_dir, has_lost_data=self._has_lost_data, after=second.starts)
        second.begin(boot, second.marks if self._has_lost_data else self._store.marks)
        config = Config(
            node=settings.node,
            start=configuration_of(chain.membership_at(chain.first_height)),
            boot=boot,
            election_ticks=settings.election_ticks,
            heartbeat_ticks=settings.heartbeat_ticks,
            max_append_bytes=MAX_APPEND_BYTES,
            snapshot_lag=SNAPSHOT_LAG_BLOCKS,
            mute_until=self._mute_until,
        )
        disk.begin(settings.data_dir)
        return Raft(
            config,
            HardState(*self._store.hard_state),
            LedgerLog(self._store, chain),
            chain.applied.height,
            KeyAuthority(identity.key, chain),
            random.SystemRandom().randrange,
            self._trace,
        )

    async def listen(self) -> int:
        """Take the peer port; its number.

        Raises:
            SettingsError: the address cannot be used.
        """
        host, port = self.settings.peer_host, self.settings.peer_port
        try:
            return await self.peers.listen(host, port)
        except OSError as error:
            raise cannot_listen("peer", host, port, error) from None

    def start(self) -> None:
        """Take part."""
        self.driver.start(
            peers=self.peers,
            admission=self._admission,
            forwarder=self._forwarder,
            transfer=self._transfer,
            watch=self._watch,
            applied=self.service.on_applied,
        )
        self._watch.recall()
        self.peers.dial()
        log.info(
            "started",
            channel=self.chain.channel.hex(),
            applied_height=self.chain.applied.height,
            last_height=self._store.last_height,
        )

    async def drain(self) -> None:
        """Take nothing new in, and finish what was taken in, within the bound of the settings."""
        await self.service.drain(self.settings.drain_timeout_ms)

    async def close(self) -> None:
        """Leave: links, loop, disk, in this order. What is on its way to the disk gets there."""
        self.service.end()
        await self._forwarder.close()
        self.driver.close()
        await self.peers.close()
        self._checker.close()
        self._transfer.close()
        hard = self._store.hard_state
        fetched = self._transfer.complete if self.renewed.is_set() else None
        is_wanted = fetched is not None and self.driver.lacks(fetched)
        self._store.close()
        self._second_mark.close()
        if is_wanted:
            self._transfer.install(self._identity.key.public, hard)
        elif fetched is not None:
            self._transfer.drop()
        if self._trace is not None:
            self._trace.close()
        log.info("closed", applied_height=self.chain.applied.height)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
