"""What a ledger begins with that goes on from another one: its export, taken into an empty store.

The genesis block names the block whose state it is. So nothing of the export has to be believed, and no key
of the old ledger is needed: the header in it must have that block's hash, and all the rest must lead to
that header (`ledger.proofs.export`). The rows are those of a ledger that has executed everything itself, but
for the blocks.

An attempt that did not get to its end leaves rows behind. They are deleted first; the genesis block, which is
applied in the end, is what makes them count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from ledger import codec
from ledger.blocks.block import Header
from ledger.blocks.executor import Executor, genesis_overlay, settled_writes
from ledger.blocks.genesis import Genesis
from ledger.errors import StoreError, VerificationError
from ledger.limits import HISTORY_HEAD_INTERVAL
from ledger.proofs.export import verify_at
from ledger.state.history import NO_RECORDS, next_head
from ledger.state.overlay import state_key
from ledger.state.proof import StateProof
from ledger.state.root import value_hash
from ledger.state.tree import StateTree
from ledger.storage.database import Rows
from ledger.storage.rows import ENTRY, HEAD, RECORD, STATE, beyond, number
from ledger.storage.store import Store

EXPORT_FILE = "genesis.export"
"""Beside the genesis block of a recovered ledger: the export that it begins with."""

ROWS_A_BATCH = 10_000
_PAIR = b"\x92"
"""How an array of two begins."""
_TAKEN_OVER = (STATE, ENTRY, RECORD, HEAD)

_REMEDY = (
    "Put the export that the ledger goes on from beside its genesis block, as genesis.export: whoever runs a "
    "node of it has the file, and its content is checked against the genesis block."
)
_OTHER_RULES = (
    "Recover with the release of the software that the lost ledger ran: a recovery changes no rules."
)


def inherit(store: Rows, genesis: Genesis, export: Path | None) -> None:
    """Take the state over that a recovered ledger begins with, into a store without applied blocks.

    Raises:
        StoreError: there is no such export (`inheritance_missing`), it cannot be read, or the disk refuses.
        Malformed, NonCanonical, TooLarge, VerificationError: it is not the state that the genesis block
        names.
    """
    recovers = genesis.recovers
    assert recovers is not None, "a ledger that begins anew inherits nothing"
    if export is None or not export.is_file():
        raise StoreError(
            "the ledger goes on from another one, whose export is not there",
            code="inheritance_missing",
            field="genesis_file",
            found="no file" if export is None else f"no file {export}",
            expected=f"the export of height {recovers.height} of channel {recovers.channel.hex()}",
            remedy=_REMEDY,
        )
    heir = _Heir(store)
    heir.delete_rows()
    try:
        with export.open("rb") as file:
            header = verify_at(file, recovers.block, heir)
    except OSError as error:
        raise StoreError("the export cannot be read", found=f"{export}: {error.strerror}") from None
    heir.write()
    check_end(genesis, header)


def check_end(genesis: Genesis, header: Header) -> None:
    """Check that a recovered ledger begins where the one ended that it goes on from, with this header.

    Raises:
        VerificationError: its document says another height, or begins earlier or under other rules.
    """
    recovers = genesis.recovers
    assert recovers is not None, "a ledger that begins anew inherits nothing"
    for field, found, expected in (
        ("recovers.height", recovers.height, header.height),
        ("contract_version", genesis.contract_version, header.contract_version),
        ("time_ms", genesis.time_ms, max(genesis.time_ms, header.time_ms)),
    ):
        if found != expected:
            raise VerificationError(
                "not how the ledger that it goes on from ended",
                field=field,
                found=found,
                expected=expected,
                remedy=_OTHER_RULES if field == "contract_version" else None,
            )


class Estate:
    """What an export holds, in a scratch folder: to make a recovery's genesis block, and to check one."""

    def __init__(self, genesis: Genesis, export: Path, scratch: Path) -> None:
        """Take it in; `scratch` must be an empty folder, or none yet.

        Raises:
            StoreError, Malformed, NonCanonical, TooLarge, VerificationError: as for `inherit`.
        """
        self._store = Store.open(scratch)
        try:
            inherit(self._store, genesis, export)
            self._tree = StateTree(self._store.bucket)
            self._tree.load(self._store.buckets())
        except BaseException:
            self._store.close()
            raise

    def close(self) -> None:
        """Close the files; the folder may be removed."""
        self._store.close()

    def get(self, key: bytes, /) -> codec.Value | None:
        """The value of a state key, or None."""
        data = self._store.state(key)
        return None if data is None else codec.decode(data)

    def entries(self, kind: str) -> Iterator[tuple[codec.Value, codec.Value]]:
        """(part, value) of each entry whose key is [kind, part], in the order of the keys."""
        prefix = _PAIR + state_key(kind)[1:]
        after: bytes | None = None
        while rows := self._store.state_from(prefix, after, ROWS_A_BATCH):
            for key, data in rows:
                yield codec.decode(key)[1], codec.decode(data)
            after = rows[-1][0]

    def prove(self, keys: Iterable[bytes]) -> StateProof:
        """Proof of the presence or absence of these keys."""
        return self._tree.prove([(key, self._store.state(key)) for key in keys])

    def root(self, executor: Executor, genesis: Genesis) -> bytes:
        """The state root of the ledger that goes on from it with this document."""
        self._tree.update(settled_writes(genesis_overlay(executor, genesis, self))[0])
        try:
            return self._tree.root
        finally:
            self._tree.undo()


class _Heir:
    """Writes the rows of what an export holds, as it is read; each batch is synced.

    LevelDB begins a new log where the rows in memory become a file, and the sync of the genesis block is that
    of the newest log alone: a power cut could leave it behind a hole.
    """

    def __init__(self, store: Rows) -> None:
        self._store = store
        self._batch = store.batch(sync=True)
        self._rows = 0
        self._key, self._sequence, self._head = b"", 0, NO_RECORDS

    def delete_rows(self) -> None:
        """Delete what an earlier attempt left."""
        for kind in _TAKEN_OVER:
            for row, _ in self._store.rows(kind, beyond(kind), check=False):
                self._batch.delete(row)
                self._count()
        self.write()

    def entry(self, key: bytes, value: bytes) -> None:
        """A state entry."""
        self._put(STATE + key, value)
        self._put(ENTRY + sha256(key).digest(), value_hash(value))

    def record(self, key: bytes, record: bytes) -> None:
        """The next record of a history."""
        if key != self._key:
            self._key, self._sequence, self._head = key, 0, NO_RECORDS
        if self._sequence % HISTORY_HEAD_INTERVAL == 0:
            self._put(HEAD + key + number(self._sequence), self._head)
        self._put(RECORD + key + number(self._sequence), record)
        self._head = next_head(self._head, record)
        self._sequence += 1

    def write(self) -> None:
        """Write what has gathered."""
        self._store.write(self._batch)
        self._batch, self._rows = self._store.batch(sync=True), 0

    def _put(self, row: bytes, value: bytes) -> None:
        self._batch.put(row, value)
        self._count()

    def _count(self) -> None:
        self._rows += 1
        if self._rows >= ROWS_A_BATCH:
            self.write()
