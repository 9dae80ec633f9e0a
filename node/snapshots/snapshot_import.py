"""Chunks of a snapshot on their way in: each is checked, kept, and followed by new questions.

Used in one thread. The order of things: manifest (and the memberships that it needs), then block,
state and recent blocks in any order, then what the state tells of: changes of the members that are still
missing, and the records of the histories.
"""

from __future__ import annotations

from pathlib import Path

from ledger import codec, shape
from ledger.blocks.block import Header
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.limits import MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_MANIFEST_BYTES
from ledger.proofs.handover import Followed, MembershipChain
from ledger.snapshots.snapshot import Manifest
from ledger.snapshots.staging import HistoryPart, Staging, discard
from ledger.state.root import SUBTREES
from ledger.storage.store import HardState
from node.limits import SNAPSHOT_PART_RECORDS, SNAPSHOT_STATE_SUBTREES
from node.snapshots.snapshot_asks import BLOCK, MANIFEST, RECENT, RECORDS, STATE, Ask


class SnapshotImport:
    """What one node takes in, beside its ledger; `trust` knows the memberships that it has followed."""

    def __init__(self, ledger: Path, trust: Followed, least: int) -> None:
        self.staging: Staging | None = None
        self._ledger = ledger
        self._trust = trust
        self._least = least
        self._state_left = 0
        self._parts: dict[bytes, HistoryPart] = {}

    @property
    def header(self) -> Header | None:
        """Header of the block whose state is taken in, once its manifest is there."""
        return None if self.staging is None else self.staging.manifest.header

    @property
    def height(self) -> int | None:
        """The height that is taken in, once its manifest is there."""
        return None if self.staging is None else self.staging.height

    def begin(self) -> list[Ask]:
        """What to ask first: what is missing of what was begun before, if that is new enough.

        Raises:
            StoreError: the disk refuses.
        """
        staging = self._resume()
        if staging is not None and staging.height >= self._least:
            return self._go_on(staging)
        if staging is not None:
            staging.close()
        return [self._ask_manifest()]

    def start_anew(self) -> list[Ask]:
        """What to ask first when nobody has that snapshot any more.

        Raises:
            StoreError: the disk refuses.
        """
        self.close()
        self._discard()
        return [self._ask_manifest()]

    def take(self, ask: Ask, data: bytes) -> list[Ask]:
        """Check and keep the answer to a question; what is to be asked next.

        Raises:
            Malformed, VerificationError, BlockInvalid: it is wrong, and nothing of it was kept.
            StoreError: the disk refuses.
        """
        staging = self.staging
        if staging is None:
            assert ask.kind == MANIFEST, "chunks are asked for after the manifest"
            return self._take_manifest(data)
        if staging.height != ask.height:
            return []  # asked for before another height was begun
        if ask.kind == MANIFEST:
            return self._take_changes(staging, data)
        if ask.kind == BLOCK:
            staging.take_block(data)
            return []
        if ask.kind == STATE:
            end = staging.take_state(ask.first, ask.end, data)
            self._state_left -= end - ask.first
            if end < ask.end:
                return [ask.from_first(end)]
            return self._after_state(staging) if self._state_left == 0 else []
        if ask.kind == RECENT:
            staging.take_recent(data)
            return self._recent(staging)
        part = staging.take_records(self._parts[ask.key], data)
        del self._parts[ask.key]
        return [] if part is None else [self._ask_records(part)]

    def finish(self, owner: bytes, hard: HardState, *, keep_old: bool) -> None:
        """Make it the ledger that takes the place of the old one; `settle` does the rest.

        `hard` is what the old one held last. The block may be of a term that this node has not heard of.

        Raises:
            StoreError: something is missing, or the disk refuses; the old ledger stands.
        """
        assert self.staging is not None, "a complete snapshot"
        self._finish(self.staging, owner, self._heard(self.staging, hard), keep_old)
        self.staging = None

    @staticmethod
    def _heard(staging: Staging, hard: HardState) -> HardState:
        term = staging.manifest.header.term
        return (term, None, hard[2]) if term > hard[0] else hard

    def _resume(self) -> Staging | None:
        return Staging.resume(self._ledger, self._trust)

    def _begin(self, manifest: Manifest) -> Staging:
        return Staging.begin(self._ledger, manifest, self._trust)

    def _discard(self) -> None:
        discard(self._ledger)

    def _finish(self, staging: Staging, owner: bytes, hard: HardState, keep_old: bool) -> None:
        staging.finish(owner, hard, keep_old=keep_old)

    def close(self) -> None:
        """Leave what was taken in for another time."""
        if self.staging is not None:
            self.staging.close()
            self.staging = None

    def _take_manifest(self, data: bytes) -> list[Ask]:
        changes, manifest_data = _read_manifest(data)
        shape.octets_within(manifest_data, MAX_SNAPSHOT_MANIFEST_BYTES, "manifest")
        manifest = Manifest.decode(manifest_data)
        if manifest.height < self._least:
            raise VerificationError("a snapshot of before what was asked for", field="height")
        trust = self._trust.extended(MembershipChain.from_value(changes).handovers)
        try:
            manifest.verify(trust)
        except VerificationError as error:
            if error.code != "unknown_membership" or len(trust.heights) == len(self._trust.heights):
                raise
            self._trust = trust
            return [self._ask_manifest()]
        self._trust = trust
        return self._go_on(self._begin(manifest))

    def _take_changes(self, staging: Staging, data: bytes) -> list[Ask]:
        """Changes of the members that whoever gave the manifest kept back, or that did not fit beside it."""
        changes, _ = _read_manifest(data)
        trust = staging.trust.extended(MembershipChain.from_value(changes).handovers)
        if trust.heights == staging.trust.heights:
            raise VerificationError("not all changes of the members", field="memberships")
        staging.take_memberships(trust)
        self._trust = trust
        return self._after_state(staging)

    def _after_state(self, staging: Staging) -> list[Ask]:
        """The state tells how many changes of the members there were, and how many records there are."""
        if staging.changes_left():
            return [Ask(MANIFEST, staging.height, staging.trust.heights[-1])]
        return self._records()

    def _ask_manifest(self) -> Ask:
        return Ask(MANIFEST, self._least, self._trust.heights[-1])

    def _go_on(self, staging: Staging) -> list[Ask]:
        self.staging = staging
        height = staging.height
        asks = [Ask(BLOCK, height)] if staging.block_left() else []
        asks += self._recent(staging)
        left = staging.state_left()
        self._state_left = sum(end - first for first, end in left)
        if not left:
            return asks + self._after_state(staging)
        for first, end in left:
            asks += [
                Ask(STATE, height, start, min(start + SNAPSHOT_STATE_SUBTREES, end))
                for start in range(first, end, SNAPSHOT_STATE_SUBTREES)
            ]
        return asks

    def _recent(self, staging: Staging) -> list[Ask]:
        left = staging.recent_left()
        return [] if left is None else [Ask(RECENT, staging.height, left[0])]

    def _records(self) -> list[Ask]:
        assert self.staging is not None, "the state is there"
        self._parts.clear()
        return [self._ask_records(part) for part in self.staging.records_left(SNAPSHOT_PART_RECORDS)]

    def _ask_records(self, part: HistoryPart) -> Ask:
        assert self.staging is not None, "the state is there"
        self._parts[part.first] = part
        return Ask(RECORDS, self.staging.height, 0, part.end, part.first, part.stop)


def _read_manifest(data: bytes) -> tuple[codec.Value, codec.Value]:
    changes, manifest = shape.array(codec.decode(data, MAX_SNAPSHOT_CHUNK_BYTES), 2, "manifest")
    return changes, manifest


WRONG = (Malformed, VerificationError, BlockInvalid)
"""What `take` raises when the chunk is wrong, and so whoever sent it."""

assert SUBTREES % SNAPSHOT_STATE_SUBTREES == 0, "questions of equal size"
