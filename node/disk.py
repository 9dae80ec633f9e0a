"""Whether a data folder still holds what its node promised.

A node id belongs to one disk. Whoever votes or acknowledges binds itself for the future, and a
node that has forgotten what it promised can break that promise without knowing it: a vote
given twice, an acknowledged block denied. So a folder says of itself where it stands:

| the folder holds | means |
|---|---|
| `fresh`, and at most a ledger | prepared for a node that has never run; a start may have failed |
| without a promise | before it did |
| `boot` and `ledger/` | the node has run here, and its ledger is here |
| `boot` and `promised` | the ledger was damaged and set aside; what the node had promised is known, |
| | and it has signed nothing since |
| `lost` | the node has run somewhere under this id, and what it signed then is not here |
| anything else | as `lost`: nobody prepared this folder, or something was taken out of it |

`tally network up` and `tally network add-node` prepare a folder once. A node on a `lost` folder
takes the log and serves reads, but neither votes nor acknowledges, for ever (CR-76). It comes
back under a new id: `tally network readmit`. A node whose damaged ledger was set aside
(`tally node repair`) does so only until it has committed as far as it had promised: its durable
mark, a file of its own, tells how far that was (CR-35).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path

from ledger import codec
from ledger.errors import Malformed, StoreError, StoreRefused, TallyError
from ledger.snapshots.staging import READY, REPLACED
from ledger.storage import durable
from ledger.storage.database import StoreLocked
from ledger.storage.mark import Mark, MarkFile
from ledger.storage.store import LEDGER_FOLDER, MARK_FILE, Store
from node.errors import SettingsError
from node.raft_storage import has_booted

FRESH, LOST, PROMISED = "fresh", "lost", "promised"


def has_lost_data(data_dir: Path) -> bool:
    """Whether the node of this folder may have promised what is not here; the answer is kept.

    Raises:
        SettingsError: the folder cannot be read or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if (data_dir / LOST).exists():
            return True
        if has_booted(data_dir):
            is_lost = not _holds_ledger(data_dir) and not (data_dir / PROMISED).exists()
        else:
            is_lost = not (data_dir / FRESH).exists() or _has_promised(data_dir / LEDGER_FOLDER)
        if is_lost:
            durable.write_file(data_dir / LOST, b"what this node signed is not in this folder\n")
    except OSError as error:
        raise SettingsError(
            f"cannot use {data_dir}", field="data_dir", found=error.strerror or str(error)
        ) from None
    return is_lost


def _holds_ledger(data_dir: Path) -> bool:
    """Whether there is a ledger, or what is left of one: in an empty folder a new one would begin."""
    ledger = data_dir / LEDGER_FOLDER
    return (ledger / MARK_FILE).exists() or (ledger / "db" / "CURRENT").exists()


def _has_promised(ledger: Path) -> bool:
    """Whether a node has run on this ledger, which may be missing or half made."""
    try:
        file = MarkFile.open(ledger / MARK_FILE)
    except StoreError:
        return (ledger / "db").exists()
    file.close()
    return file.mark.term > 0 or file.mark.height > 0


def set_aside(data_dir: Path, look: Callable[[Store], object]) -> Path:
    """Put a damaged ledger aside, and keep what its node had promised; where it lies now.

    `look` reads an open store, and raises StoreError if it is damaged. Every row is read after that.

    Raises:
        StoreError: there is none (`no_ledger`), another process has it open, it is not damaged, the system
            does not let it be looked at (StoreRefused), or it does not say any more what was promised: the
            node has lost its data then.
        SettingsError: there is no such folder, or it cannot be written.
    """
    ledger = data_dir / LEDGER_FOLDER
    if not _holds_ledger(data_dir):
        raise _no_ledger(data_dir)
    try:
        store = Store.open(ledger)
        try:
            look(store)
            store.read_all()
        finally:
            store.close()
    except (StoreLocked, StoreRefused):
        raise
    except StoreError as error:
        if error.code in ("wrong_genesis", "wrong_owner", "other_format"):
            raise
        mark = MarkFile.open(ledger / MARK_FILE)
    else:
        raise StoreError(
            "the ledger is not damaged",
            code="not_damaged",
            found=f"{ledger} opens, and every row of it can be read",
            remedy="There is nothing to repair; start the node.",
        )
    mark.close()
    before = promised(data_dir)
    kept_mark = mark.mark if before is None else _further(before, mark.mark)
    aside = next(
        place for number in count(1) if not (place := data_dir / f"{LEDGER_FOLDER}.damaged-{number}").exists()
    )
    try:
        promise = codec.encode(tuple(asdict(kept_mark).values())).hex()
        durable.write_file(data_dir / PROMISED, promise.encode())
        durable.rename(ledger, aside)
    except OSError as error:
        raise SettingsError(
            f"cannot write to {data_dir}", field="data_dir", found=error.strerror or str(error)
        ) from None
    return aside


def _no_ledger(data_dir: Path) -> TallyError:
    """Why there is nothing to be set aside, and what to do instead."""
    if not data_dir.is_dir():
        return SettingsError("there is no such folder", field="data_dir", found=data_dir)
    if (data_dir / PROMISED).exists():
        said = "the ledger has been set aside already"
        remedy = "Start the node: it fetches the ledger anew from the others."
    elif (data_dir / FRESH).exists():
        said, remedy = "the node has never run on this folder", "Start the node: there is nothing to repair."
    elif any((data_dir / f"{LEDGER_FOLDER}{suffix}").exists() for suffix in (READY, REPLACED)):
        said, remedy = "a snapshot is taking the ledger's place", "Start the node: it goes on with that."
    else:
        said = "the folder holds no ledger, and what its node signed is not in it"
        remedy = (
            "Put the newest ledger back in its place if you have it; otherwise readmit the node under a new "
            "id: `tally network readmit`."
        )
    return StoreError(said, code="no_ledger", found=data_dir / LEDGER_FOLDER, remedy=remedy)


def _further(one: Mark, other: Mark) -> Mark:
    """All that either of two marks of one node holds it to: a first repair may not be through yet."""
    height, block = max((one.height, one.block), (other.height, other.block))
    term, vote = max(
        (one.term, one.vote), (other.term, other.vote), key=lambda hard: (hard[0], hard[1] or "")
    )
    return Mark(height, block, term, vote, max(one.accepted, other.accepted))


def promised(data_dir: Path) -> Mark | None:
    """What the node had promised when its ledger was set aside; None if none was, or it is kept by now.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        text = (data_dir / PROMISED).read_text(encoding="ascii")
        return Mark(*codec.decode(bytes.fromhex(text)))
    except FileNotFoundError:
        return None
    except (Malformed, ValueError, TypeError):
        raise StoreError(
            "what the node had promised cannot be read",
            field=PROMISED,
            remedy="The node has lost its data: readmit it under a new id, `tally network readmit`.",
        ) from None


def kept(data_dir: Path) -> None:
    """The node has committed as far as it had promised; durably, before it promises anything else.

    What it signs from now on is in its ledger alone. If that is taken away, the folder must not be taken
    for one that was repaired a moment ago.

    Raises:
        OSError: the folder cannot be written.
    """
    (data_dir / PROMISED).unlink(missing_ok=True)
    durable.sync_folder(data_dir)


def set_back(data_dir: Path) -> None:
    """The folder was found to be an older copy: what the node signed since is not in it.

    Raises:
        OSError: the folder cannot be written.
    """
    durable.write_file(
        data_dir / LOST, b"this folder is an older copy: what this node signed since is not in it\n"
    )


def begin(data_dir: Path) -> None:
    """The node runs from now on: the folder is fresh no more. After the start was counted durably.

    Raises:
        OSError: the folder cannot be written.
    """
    if (data_dir / FRESH).exists():
        (data_dir / FRESH).unlink()
        durable.sync_folder(data_dir)
