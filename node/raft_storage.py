"""The log and the signatures, as the consensus core asks for them.

The core calls a place of the log an entry and does not look into it; here an entry is a
block, its index the height, its hash the header's.
"""

from __future__ import annotations

import os
from pathlib import Path

from consensus.messages import BLOCK, Certificate, Entry
from ledger import certificate as acks
from ledger import codec
from ledger.block import Block, Header
from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.membership import Membership
from ledger.store import Store
from node.errors import SettingsError

BOOT_FILE = "boot"
"""Of the data folder: how often its node has started."""


def entry_of(block: Block) -> Entry:
    """The log entry that a block is."""
    return Entry(block.height, block.header.term, block.hash, BLOCK, block.data)


def certificate_of(certificate: Certificate) -> acks.Certificate:
    """The ledger's form of a certificate."""
    return acks.Certificate.of(certificate.term, certificate.index, certificate.hash, certificate.acks)


class LedgerLog:
    """The durable log of a store (`consensus.storage.LogReader`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def first_index(self) -> int:
        """The genesis block is always there."""
        return 0

    @property
    def last_index(self) -> int:
        """Height of the newest durable block."""
        return self._store.last_height

    def term(self, index: int) -> int | None:
        """The term of the block at a height."""
        data = self._store.block(index)
        return None if data is None else _header(data).term

    def entry(self, index: int) -> Entry | None:
        """The block at a height as an entry."""
        data = self._store.block(index)
        if data is None:
            return None
        header = _header(data)
        return Entry(index, header.term, header.hash, BLOCK, data)

    def certificate(self, index: int) -> Certificate | None:
        """The certificate kept for exactly this height."""
        data = self._store.certificate(index)
        if data is None:
            return None
        kept = acks.Certificate.from_value(codec.decode(data))
        return Certificate(kept.term, kept.height, kept.block_hash, kept.acks)


class KeyAuthority:
    """Ed25519 acknowledgements with the members' keys (`consensus.storage.Authority`)."""

    def __init__(self, key: SigningKey, channel: bytes, membership: Membership) -> None:
        self._key = key
        self._channel = channel
        self._keys = {member.node: member.key for member in membership.members}

    def sign(self, term: int, index: int, hash: bytes) -> bytes:  # noqa: A002 (the core's name for it)
        """This node's acknowledgement."""
        return acks.sign_ack(self._key, self._channel, term, index, hash)

    def verify(self, node: str, term: int, index: int, hash: bytes, signature: bytes) -> bool:  # noqa: A002
        """Whether the signature is that member's acknowledgement of exactly this block."""
        public = self._keys.get(node)
        return public is not None and acks.verify_ack(public, self._channel, term, index, hash, signature)


def has_booted(data_dir: Path) -> bool:
    """Whether a node has started on this folder before."""
    return (data_dir / BOOT_FILE).exists()


def next_boot(data_dir: Path) -> int:
    """Count this start of the process, durably: message ids must not repeat over restarts.

    Raises:
        SettingsError: the folder cannot be written, or the counter is damaged.
    """
    path = data_dir / BOOT_FILE
    try:
        boot = int(path.read_text(encoding="ascii")) + 1 if path.exists() else 1
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write(str(boot))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot write {path}", field="data_dir", found=error.strerror) from None
    except ValueError:
        raise SettingsError("the counter of starts is damaged", field="data_dir", found=str(path)) from None
    return boot


def _header(data: bytes) -> Header:
    """The header of a block's bytes, without reading the rest: [header bytes, …]."""
    if data[:2] == b"\x95\xc4":
        return Header.decode(data[3 : 3 + data[2]])
    if data[:2] == b"\x95\xc5":
        return Header.decode(data[4 : 4 + int.from_bytes(data[2:4], "big")])
    raise Malformed("not a block", field="block")
