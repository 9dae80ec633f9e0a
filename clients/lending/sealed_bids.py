"""A lender's sealed bids, kept until they are opened: without the salt a bid cannot be.

One JSON file for each bid, named by its commitment, so that the ledger itself says which file opens it:

    {"supplier": …, "auction": …, "programme": …, "rate_ppm": …, "amount": …, "salt": "<64 hex digits>"}

Only its owner may read the file, and it is on the disk before the commitment is sent. What it contains is
checked against the commitment whenever it is read.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from clients.errors import ProfileError
from contracts.market.bid import SALT_BYTES, commitment
from ledger.hashing import short

MAX_BID_FILE_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class SealedBid:
    """A bid with its salt; amount in minor units."""

    supplier: str
    auction: str
    programme: str
    rate_ppm: int
    amount: int
    salt: bytes

    @classmethod
    def new(cls, supplier: str, auction: str, programme: str, rate_ppm: int, amount: int) -> SealedBid:
        """A bid under a fresh salt."""
        return cls(supplier, auction, programme, rate_ppm, amount, secrets.token_bytes(SALT_BYTES))

    def commitment(self, channel: bytes, lender: str) -> bytes:
        """What goes on the ledger, 32 bytes."""
        return commitment(
            channel,
            (self.supplier, self.auction, lender),
            (self.programme, self.rate_ppm, self.amount),
            self.salt,
        )


def bid_path(folder: Path, sealed: bytes) -> Path:
    """The file of a commitment."""
    return folder / f"{sealed.hex()}.json"


def save_bid(folder: Path, bid: SealedBid, sealed: bytes) -> Path:
    """Keep a bid, readable by its owner only, synced; a file that exists is never overwritten.

    Raises:
        ProfileError: it cannot be written.
    """
    path = bid_path(folder, sealed)
    document = {
        "supplier": bid.supplier,
        "auction": bid.auction,
        "programme": bid.programme,
        "rate_ppm": bid.rate_ppm,
        "amount": bid.amount,
        "salt": bid.salt.hex(),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise ProfileError(
            f"the sealed bid cannot be kept, and was not sent: {error.strerror}",
            code="bid_not_kept",
            field="--bids",
            found=str(path),
            remedy="Name a folder that you may write to.",
        ) from None
    return path


def load_bid(folder: Path, sealed: bytes, channel: bytes, lender: str) -> SealedBid:
    """The bid of a commitment that is on the ledger.

    Raises:
        ProfileError: its file is gone, or is not what was committed.
    """
    path = bid_path(folder, sealed)
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_BID_FILE_BYTES))
        bid = SealedBid(
            str(document["supplier"]),
            str(document["auction"]),
            str(document["programme"]),
            int(document["rate_ppm"]),
            int(document["amount"]),
            bytes.fromhex(document["salt"]),
        )
        fits = bid.commitment(channel, lender) == sealed
    except OSError as error:
        raise ProfileError(
            f"the sealed bid's file is lost: {error.strerror}",
            code="bid_lost",
            field="--bids",
            found=str(path),
            expected="the file that `tally auction bid` wrote",
            remedy="Restore it from a copy, or name its folder. Nobody can open the bid without its salt: "
            "it takes no part in the ranking.",
        ) from None
    except (ValueError, KeyError, TypeError, OverflowError):
        fits = False
    if not fits:
        raise ProfileError(
            "the file is not the bid that was committed",
            code="bid_damaged",
            field="--bids",
            found=str(path),
            expected=f"the bid of commitment {short(sealed)}",
            remedy="Restore the file from a copy; the ledger takes nothing but what was committed.",
        )
    return bid
