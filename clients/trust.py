"""What a client trusts: one genesis block, known by its hash, and nothing else.

Everything that a node says is checked against it. Membership changes will extend this
place; until then the genesis membership holds for every height.
"""

from __future__ import annotations

from pathlib import Path

from clients.errors import ProfileError
from ledger.errors import TallyError
from ledger.genesis import GenesisBlock, read_genesis
from ledger.limits import MAX_GENESIS_BYTES

_MAX_FILE_BYTES = 2 * MAX_GENESIS_BYTES


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
