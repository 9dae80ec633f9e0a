"""Reading a history file: the ledger's proof and the contracts' sums.

| step | what is shown |
|---|---|
| 1 | the file proves its records against the genesis block (`ledger.proofs.history`) |
| 2 | they were made under rules that we know: what another version means by them we cannot say |
| 3 | it is the history of one supplier and one buyer, or the relationships of one party |
| 4 | the proved aggregates are what the records add up to, if the file has all of them |

Statements, books and certificates are read by the same first two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from clients.sdk.verified import VerifiedHistory
from contracts.rules_in_force import RECORDED_UNDER, check_rules_known
from contracts.trade import relationship, relationship_records, relationship_sums
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, Refusal, VerificationError
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.proofs.carried import opened
from ledger.proofs.history import History, ProvedHistory

RELATIONSHIP, PARTY = "relationship", "party"


def proved_history(data: bytes, genesis: GenesisBlock) -> ProvedHistory:
    """The records that a file proves, of any kind, under rules that these contracts know.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims, or is of another contract version.
    """
    inner, trust = opened(data, genesis)
    history = History.decode(inner)
    proved = history.verify(trust)
    check_rules_known(history.certified.header, RECORDED_UNDER, "history")
    return proved


def read_history(data: bytes, genesis: GenesisBlock) -> VerifiedHistory:
    """The verified history that a file holds.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims.
    """
    # 1. The records are proved, 2. under rules that we know.
    proved = proved_history(data, genesis)
    # 3. It is the history of a relationship.
    kind, *parties = subject(proved.key)
    if kind != RELATIONSHIP:
        raise VerificationError("not the history of a trade relationship", field="key", found=kind)
    supplier, buyer = parties
    # 4. The aggregates follow from the records.
    if proved.is_complete:
        check_aggregates(proved, relationship_sums.EMPTY, relationship_records.fold)
    return VerifiedHistory(supplier, buyer, proved, data)


def read_party_history(data: bytes, genesis: GenesisBlock) -> tuple[str, ProvedHistory]:
    """The party that a file is about, and its verified relationships: one record for each.

    Raises:
        Malformed: not a history file.
        VerificationError: it does not prove what it claims.
    """
    # 1. The records are proved, 2. under rules that we know.
    proved = proved_history(data, genesis)
    # 3. They are the relationships of a party.
    kind, party, *_ = subject(proved.key)
    if kind != PARTY:
        raise VerificationError("not the relationships of a party", field="key", found=kind)
    # 4. The aggregates follow from the records.
    if proved.is_complete:
        check_aggregates(
            proved, relationship.NO_PARTY, lambda sums, record: relationship.fold_party(sums, record, party)
        )
    return party, proved


def subject(key: bytes) -> tuple[str, ...]:
    """What the history at a state key is about: (kind, supplier, buyer), or (kind, party).

    Raises:
        VerificationError: no kind of history has such a key.
    """
    parts = codec.decode(key, MAX_STATE_KEY_BYTES)
    if (
        type(parts) is not tuple
        or any(type(part) is not str for part in parts)
        or (len(parts), *parts[:1]) not in ((3, RELATIONSHIP), (2, PARTY))
    ):
        raise VerificationError("not the key of a history", field="key", found=ascii(parts)[:120])
    return parts


def check_aggregates(
    proved: ProvedHistory, empty: codec.Value, fold: Callable[[codec.Value, codec.Value], codec.Value]
) -> None:
    """Refuse aggregates that are not the fold over all records, from `empty`.

    Raises:
        VerificationError: as `check_sums`.
    """
    check_sums(proved.records, empty if proved.entry is None else proved.entry.aggregates, empty, fold)


def check_sums(
    records: Iterable[codec.Value],
    claimed: codec.Value,
    empty: codec.Value,
    fold: Callable[[codec.Value, codec.Value], codec.Value],
) -> None:
    """Refuse sums that the records of a whole history do not add up to, from `empty`.

    Raises:
        VerificationError: they do not, or a record is none that the contracts know.
    """
    aggregates = empty
    try:
        for record in records:
            aggregates = fold(aggregates, record)
    except (Refusal, Malformed, KeyError, IndexError, TypeError, ValueError) as error:
        raise VerificationError(
            "a record that the contracts do not know", field="records", found=str(error)[:120]
        ) from None
    if codec.encode(aggregates) != codec.encode(claimed):
        raise VerificationError("the aggregates do not follow from the records", field="aggregates")
