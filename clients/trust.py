"""What a client trusts: one genesis block, known by its hash, and what follows from it.

Everything that a node says is checked against it. When the nodes of the channel change, the client
follows the changes from the genesis block (`ledger.proofs.handover`) and keeps them beside its file:

    genesis.block              from somebody whom you trust
    genesis.memberships        from anybody: every change in it is proved by the ones before

The second file only ever grows; whoever deletes it fetches it again.
"""

from __future__ import annotations

from pathlib import Path

from clients.errors import ProfileError
from clients.kept_files import keep
from ledger.blocks.genesis import GenesisBlock, read_genesis
from ledger.errors import TallyError
from ledger.limits import MAX_GENESIS_BYTES, MAX_PROOF_BYTES
from ledger.proofs.handover import Followed, MembershipChain

_MAX_FILE_BYTES = 2 * MAX_GENESIS_BYTES


def load_trust(path: Path, channel: bytes | None = None) -> Followed:
    """Read a genesis file, and follow the membership changes that are kept beside it.

    Raises:
        ProfileError: not a genesis block, another channel's, or changes that are not proved.
    """
    trust = Followed.of(load_genesis(path, channel))
    beside = changes_file(path)
    try:
        with beside.open("rb") as file:
            data = file.read(MAX_PROOF_BYTES + 1)
    except FileNotFoundError:
        return trust
    except OSError as error:
        raise ProfileError(
            f"cannot read {beside}", code="memberships_file", found=error.strerror, remedy=_DELETE
        ) from None
    return follow(trust, data, str(beside))


def follow(trust: Followed, data: bytes, source: str) -> Followed:
    """What is trusted after the changes in a memberships file; `source` is named when it is refused.

    Raises:
        ProfileError: not such a file, or a change in it is not proved.
    """
    try:
        return trust.extended(MembershipChain.decode(data).handovers)
    except TallyError as error:
        raise ProfileError(
            f"{source} does not prove how the membership changed: {error.message}",
            code="memberships_file",
            field=error.field,
            found=error.found,
            expected=error.expected,
            remedy=_DELETE,
        ) from None


_DELETE = "Delete the file of membership changes: it is fetched again from any node."


def keep_changes(path: Path, trust: Followed) -> None:
    """Write the changes that were followed beside the genesis file, unless more are there already.

    A folder that cannot be written keeps nothing: the next session then follows them anew.
    """
    beside = changes_file(path)
    try:
        known = beside.stat().st_size if beside.exists() else 0
        data = trust.chain.encode()
        if len(data) <= known:
            return
    except OSError:
        return
    keep(beside, data)


def changes_file(path: Path) -> Path:
    """Where the membership changes stand that belong to a genesis file."""
    return path.with_suffix(".memberships")


def load_genesis(path: Path, channel: bytes | None = None) -> GenesisBlock:
    """Read a genesis file; with `channel`, only the genesis of that channel is accepted.

    Raises:
        ProfileError: unreadable, not a genesis block, or another channel's.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ProfileError(
            f"cannot read genesis file {path}",
            code="genesis_file",
            found=error.strerror,
            remedy="Name the genesis block's file that you got from somebody whom you trust.",
        ) from None
    return checked_genesis(data, str(path), channel)


def checked_genesis(data: bytes, source: str, channel: bytes | None = None) -> GenesisBlock:
    """The genesis block in `data`; `source` is named when it is refused.

    Raises:
        ProfileError: not a genesis block, or another channel's.
    """
    try:
        genesis = read_genesis(data)
    except TallyError as error:
        raise ProfileError(
            f"{source} is not a genesis block: {error.message}",
            code="genesis_file",
            field=error.field,
            found=error.found,
            expected=error.expected,
            remedy="Get the genesis block's file again from somebody whom you trust.",
        ) from None
    if channel is not None and genesis.channel != channel:
        raise ProfileError(
            f"{source} is the genesis of another channel",
            code="wrong_genesis",
            field="channel",
            found=genesis.channel.hex(),
            expected=channel.hex(),
            remedy="Profile and genesis file must name the same channel; get both from one source.",
        )
    return genesis
