"""Reading a history file of a trade relationship: the ledger's proof and the contracts' sums.

| step | what is shown |
|---|---|
| 1 | the file proves its records against the genesis block (`ledger.history`) |
| 2 | it is the history of one supplier and one buyer |
| 3 | the proved aggregates are what the records add up to, if the file has all of them |
"""

from __future__ import annotations

from clients.sdk.recorded import VerifiedHistory
from contracts import relationship
from ledger import codec
from ledger.errors import Malformed, Refusal, VerificationError
from ledger.genesis import GenesisBlock
from ledger.history import History, ProvedHistory
from ledger.limits import MAX_STATE_KEY_BYTES

RELATIONSHIP = "relationship"


def read_history(data: bytes, genesis: GenesisBlock) -> VerifiedHistory:
    """The verified history that a file holds.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims.
    """
    # 1. The records are proved.
    proved = History.decode(data).verify(genesis)
    # 2. It is the history of a relationship.
    supplier, buyer = _parties(proved.key)
    # 3. The aggregates follow from the records.
    if proved.is_complete:
        _check_aggregates(proved)
    return VerifiedHistory(supplier, buyer, proved, data)


def _parties(key: bytes) -> tuple[str, str]:
    parts = codec.decode(key, MAX_STATE_KEY_BYTES)
    if type(parts) is not tuple or len(parts) != 3 or parts[0] != RELATIONSHIP:
        raise VerificationError(
            "not the history of a trade relationship", field="key", found=ascii(parts)[:120]
        )
    if type(parts[1]) is not str or type(parts[2]) is not str:
        raise VerificationError(
            "not the history of a trade relationship", field="key", found=ascii(parts)[:120]
        )
    return parts[1], parts[2]


def _check_aggregates(proved: ProvedHistory) -> None:
    aggregates: codec.Value = relationship.EMPTY
    try:
        for record in proved.records:
            aggregates = relationship.fold(aggregates, record)
    except (Refusal, Malformed, KeyError, IndexError, TypeError, ValueError) as error:
        raise VerificationError(
            "a record that the contracts do not know", field="records", found=str(error)[:120]
        ) from None
    claimed = relationship.EMPTY if proved.entry is None else proved.entry.aggregates
    if codec.encode(aggregates) != codec.encode(claimed):
        raise VerificationError("the aggregates do not follow from the records", field="aggregates")
