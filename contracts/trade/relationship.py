"""The trade relationship of one supplier and one buyer: its history, and those of the parties.

The state entry at ("relationship", supplier, buyer) is a history entry (count, head, aggregates). Everything
that happens between the two appends one record (`contracts.trade.relationship_records`), and the aggregates
(`contracts.trade.relationship_sums`) are the fold over all records.
"""

from __future__ import annotations

from functools import lru_cache

from contracts.trade import habit
from contracts.trade.relationship_records import KINDS, MOVING, fold_settled, settlement
from contracts.trade.relationship_sums import EMPTY, Aggregates, of_currency
from ledger import codec
from ledger.state import history
from ledger.state.overlay import Overlay, Reader, state_key


@lru_cache(maxsize=4_096)
def relationship_key(supplier: str, buyer: str) -> bytes:
    """State key of the history entry of a relationship."""
    return state_key("relationship", supplier, buyer)


def party_key(party: str) -> bytes:
    """State key of the history entry over the relationships that an organisation has."""
    return state_key("party", party)


def read_sums(state: Reader, supplier: str, buyer: str, currency: str) -> Aggregates:
    """The sums of a relationship in one currency; all zero if nothing happened in it."""
    entry = state.get(relationship_key(supplier, buyer))
    return of_currency(EMPTY if entry is None else entry[2], currency)


def append(state: Overlay, supplier: str, buyer: str, record: tuple[codec.Value, ...]) -> None:
    """Append one record to a relationship's history; the first one also registers it with both parties.

    The entry at ("party", organisation) is a history with one record (business date, "relationship",
    supplier, buyer) for each relationship, so the set of a party's relationships is provably complete.
    Its aggregates are (as supplier, as buyer): how many in each part.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
    """
    key = relationship_key(supplier, buyer)
    entry = state.get(key)
    if entry is None:
        register(state, record[0], supplier, buyer)
    aggregates = EMPTY if entry is None else entry[2]
    settled = settlement(record)
    history.append_to(state, key, entry, record, fold_settled(aggregates, record, settled))
    observe(state, supplier, buyer, record, settled)


def observe(
    state: habit.Writer, supplier: str, buyer: str, record: codec.Value, settled: habit.Settled | None
) -> None:
    """Take what a record, with what it settles, says of the habits of both parties into them."""
    kind = record[1]
    if settled is not None:
        if kind == "confirm":  # what it closes may have had another due date
            _note_open(state, supplier, buyer, record, (settled.due_day, 1))
        habit.observe(state, supplier, buyer, settled)
    elif kind in MOVING:
        _note_open(state, supplier, buyer, record)
    elif kind == "receive":
        habit.note_delivery(state, supplier, buyer, is_late=record[8] > 0, is_short=record[9] > 0)
    elif kind == "lose":
        habit.note_delivery(state, supplier, buyer, is_late=False, is_short=True)
    elif kind == "dispute":
        habit.note_dispute(state, supplier, buyer)


def _note_open(
    state: habit.Writer, supplier: str, buyer: str, record: codec.Value, *more: tuple[int, int]
) -> None:
    """Count the invoices that a record moves into the open basis and out of it, and more."""
    moves = [(due, invoices) for due, invoices, _ in KINDS[record[1]].moves(record) if invoices]
    if moves:
        habit.note_open(state, supplier, buyer, record[0], (*moves, *more))


NO_PARTY = (0, 0)
"""Aggregates of a party without a relationship: (as supplier, as buyer)."""


def register(state: Overlay, day: int, supplier: str, buyer: str) -> None:
    """Enter a new relationship in the histories of both parties."""
    for party in (supplier, buyer):
        key = party_key(party)
        entry = state.get(key)
        record = (day, "relationship", supplier, buyer)
        history.append(state, key, record, fold_party(NO_PARTY if entry is None else entry[2], record, party))


def fold_party(aggregates: codec.Value, record: codec.Value, party: str) -> codec.Value:
    """The aggregates of a party entry after one more relationship: (as supplier, as buyer)."""
    return (aggregates[0] + (record[2] == party), aggregates[1] + (record[3] == party))
