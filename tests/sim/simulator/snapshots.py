"""Snapshots of real ledgers in the simulator: the real chunks, staging and choice of peers.

    offer -> Transfer: question by question, of any peer that is up -> Staging on a device of its own
          -> all there -> a store, synced -> ready -> in the ledger's place -> the node starts on it

What is real: `PinnedState` and the functions by which a node answers, `SnapshotFetch`,
`SnapshotImport` and `Staging`. What is modelled: time, the network between the two, and the folders:
`LedgerDisk` holds the device of what is coming in, and of what is ready, where a node has folders.
A crash loses of the incoming device what was not synced, and the next transfer goes on with it.

A peer may have nothing to say, and some send a chunk with a bit changed: it must be noticed, and
whoever sent it is asked nothing any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ledger.chain.committed import NotCertified
from ledger.errors import StoreError
from ledger.proofs.handover import Followed
from ledger.snapshots.snapshot import Manifest
from ledger.snapshots.source import NotKept, NotReady, PinnedState
from ledger.snapshots.staging import Staging
from ledger.storage.store import HardState
from node.snapshots.snapshot_asks import GIVEN, MANIFEST, NOT_KEPT, NOT_READY, Ask
from node.snapshots.snapshot_fetch import SnapshotFetch
from node.snapshots.snapshot_import import WRONG, SnapshotImport
from node.snapshots.snapshot_server import chunk_of, manifest_chunk
from simulator.device import Device, Level, MarkSlots
from simulator.ledger_disk import LedgerDisk

if TYPE_CHECKING:
    from simulator.ledger_blocks import LedgerApplication
    from simulator.process import Process

MAX_ROUNDS = 2_000
"""Rounds of questions in which a transfer must end, or is given up."""
ASKED_IN_A_ROUND = 6
"""How often in a round it is asked what can be asked."""
NOWHERE = Path("on-a-device")


class DeviceImport(SnapshotImport):
    """The import, on a device instead of a folder."""

    def __init__(self, disk: LedgerDisk, trust: Followed, least: int) -> None:
        super().__init__(NOWHERE, trust, least)
        self._disk = disk

    def _resume(self) -> Staging | None:
        device = self._disk.incoming
        if device is None:
            return None
        if device.recover():  # a node does not open what is damaged, and begins anew
            self._discard()
            return None
        return Staging.found_on(NOWHERE, Level(device), self._trust)

    def _begin(self, manifest: Manifest) -> Staging:
        found = self._resume()
        if found is not None and found.manifest.header == manifest.header:
            return found
        self._disk.incoming = device = Device()
        return Staging.on(NOWHERE, Level(device), manifest, self._trust)

    def _discard(self) -> None:
        self._disk.incoming = None

    def _finish(self, staging: Staging, owner: bytes, hard: HardState, keep_old: bool) -> None:
        device = self._disk.incoming
        assert device is not None, "it was taken in there"
        block = staging.make_store(owner, hard)
        MarkSlots(device).write(staging.mark_of(block, hard))
        device.cut_after = None  # the power was to go until here, and held
        self._disk.ready, self._disk.incoming = device, None


class Transfer:
    """One node's fetching of a snapshot, until its process ends."""

    def __init__(self, node: Process, app: LedgerApplication, disk: LedgerDisk, least: int) -> None:
        self._node = node
        self._disk = disk
        chain = app.chain
        trust = Followed.of(chain.genesis).extended(chain.proved_changes())
        self.taken = DeviceImport(disk, trust, least)
        self._fetch = SnapshotFetch(self.taken.begin(), 0, self._now_s)
        if self.taken.staging is not None:
            node.world.counted["snapshots resumed"] += 1
        self._rounds = 0

    @property
    def _now_s(self) -> float:
        return self._node.world.now / 1_000_000

    @property
    def is_through(self) -> bool:
        """Whether everything is there."""
        return self._fetch.is_through

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody is left to ask, or it takes too long."""
        peers = self._peers()
        return self._rounds > MAX_ROUNDS or all(peer in self._fetch.struck for peer in peers)

    def round(self) -> None:
        """Ask what can be asked, and take in what is answered."""
        self._rounds += 1
        for _ in range(ASKED_IN_A_ROUND):
            self._ask_some()

    def _ask_some(self) -> None:
        world = self._node.world
        for peer, number, ask in self._fetch.to_ask(self._peers(), self._now_s):
            code, chunk = self._asked(peer, ask)
            wanted = self._fetch.answered(peer, number, code, self._now_s)
            if wanted is None:
                continue
            if world.spoils_chunk():
                chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
                world.counted["snapshot chunks spoilt"] += 1
            try:
                follow = self.taken.take(wanted, chunk)
            except WRONG as error:
                world.counted["snapshot chunks refused"] += 1
                self._fetch.refused(number, str(error), self._now_s)
            else:
                self._fetch.accepted(number, follow, self._now_s)
                world.counted["snapshot chunks"] += 1
            self._node.point("snapshot fetched")

    def _peers(self) -> list[str]:
        world = self._node.world
        return [
            name
            for name in world.up
            if name != self._node.name and not world.network.cuts[name, self._node.name]
        ]

    def _asked(self, peer: str, ask: Ask) -> tuple[str, bytes]:
        app = self._node.world.processes[peer].app
        return app.answer(ask) if hasattr(app, "answer") else (NOT_KEPT, b"")


def answer_of(app: LedgerApplication, ask: Ask) -> tuple[str, bytes]:
    """What a node answers to a question about its newest snapshot, or the state that it has now."""
    state = app.pinned
    if ask.kind == MANIFEST and (state is None or state.height < ask.height):
        if app.applied < max(ask.height, 1):
            return NOT_KEPT, b""
        state = app.pin()
    if state is None or (ask.kind != MANIFEST and state.height != ask.height):
        return NOT_KEPT, b""
    try:
        return GIVEN, manifest_chunk(app.chain, state, ask) if ask.kind == MANIFEST else chunk_of(state, ask)
    except (NotKept, StoreError):
        return NOT_KEPT, b""
    except (NotReady, NotCertified):
        return NOT_READY, b""


def sorted_pin(state: PinnedState) -> PinnedState:
    """A snapshot whose chunks can be given at once."""
    for _ in state.sort(NOWHERE):
        pass
    return state
