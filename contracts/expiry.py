"""What expires by itself when the business date moves on (invariant 14).

    ("expiry", kind, day, 0)               -> number of documents of a kind whose last day that is
    ("expiry", kind, day, slot)            -> (party, document) of each of them, slots 1 to that number
    ("expires", kind, party, document)     -> (day, slot, organisation that scheduled it)
    ("scheduled", kind, day, organisation) -> number of those of them that this organisation scheduled

A document that reserves something is scheduled with its last day and cancelled when it ends before. Each kind
has room of its own, so that many of one never keep another from being made.

Members share a day's room as queues share a switch's memory (Choudhury and Hahne, "Dynamic queue length
thresholds for shared-memory packet switches", 1998): each may have as many there as are still free. So one
alone gets half of it, k that take all they can leave 1/(k + 1) of it if they take turns and 1/2^k if they
come one after the other, and who has none there is let in as long as one place is free.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.context import Context
from contracts.errors import refuse
from ledger.codec import Value
from ledger.state.overlay import state_key

MAX_EXPIRING = 10_000
"""Documents of one kind that may expire on one day: what one `date.advance` releases per day and kind.

What one organisation scheduled and what all did are together at most one more than this.
"""

MAX_DAYS_AHEAD = 90
"""Business days from today to the last day of a reservation."""

Subject = tuple[str, str, str]
"""(kind, organisation whose document it is, its number)."""


def _slot_key(kind: str, day: int, slot: int) -> bytes:
    return state_key("expiry", kind, day, slot)


def _subject_key(subject: Subject) -> bytes:
    return state_key("expires", *subject)


def _scheduled_key(kind: str, day: int, organisation: str) -> bytes:
    return state_key("scheduled", kind, day, organisation)


def check_last_day(context: Context, day: int, field: str = "expires") -> None:
    """Refuse a last day that has passed, or that is too far ahead."""
    if day < context.day:
        raise refuse("date_order", "it would have expired", field=field)
    if day > context.day + MAX_DAYS_AHEAD:
        raise refuse(
            "date_too_far",
            "it stands too long",
            field=field,
            found=f"{day - context.day} days",
            expected=f"at most {MAX_DAYS_AHEAD}",
        )


def schedule(context: Context, subject: Subject, day: int) -> None:
    """Enter a document, once, among those whose last day this is; it counts for the organisation that signs.

    Raises:
        Refusal: `too_many_expiring`.
    """
    kind = subject[0]
    count = int(context.get(_slot_key(kind, day, 0)) or 0)
    own = int(context.get(_scheduled_key(kind, day, context.actor)) or 0)
    if count + own >= MAX_EXPIRING:
        raise refuse(
            "too_many_expiring",
            "too much expires on that day",
            field="expires",
            found=f"{own} that you made, {count} in all",
            expected=f"together below {MAX_EXPIRING}",
        )
    assert context.get(_subject_key(subject)) is None, "a document expires once"
    context.put(_slot_key(kind, day, 0), count + 1)
    context.put(_slot_key(kind, day, count + 1), subject[1:])
    context.put(_subject_key(subject), (day, count + 1, context.actor))
    context.put(_scheduled_key(kind, day, context.actor), own + 1)


def cancel(context: Context, subject: Subject) -> None:
    """Take out a document that has ended; the last one of its day moves into its slot."""
    kind = subject[0]
    place: Value = context.get(_subject_key(subject))
    day, slot, organisation = place
    count = int(context.get(_slot_key(kind, day, 0)) or 0)
    if slot != count:
        last: Value = context.get(_slot_key(kind, day, count))
        moved: Value = context.get(_subject_key((kind, *last)))
        context.put(_slot_key(kind, day, slot), last)
        context.put(_subject_key((kind, *last)), (day, slot, moved[2]))
    context.state.delete(_slot_key(kind, day, count))
    context.state.delete(_subject_key(subject))
    _put_count(context, _slot_key(kind, day, 0), count - 1)
    own = _scheduled_key(kind, day, organisation)
    _put_count(context, own, int(context.get(own) or 0) - 1)


def _put_count(context: Context, key: bytes, count: int) -> None:
    """Write a count, of which none is kept where it is 0."""
    if count:
        context.put(key, count)
    else:
        context.state.delete(key)


def count_overdue(context: Context, kind: str, before: int, day: int) -> int:
    """How many `overdue` tells of."""
    return sum(int(context.get(_slot_key(kind, last, 0)) or 0) for last in _days(before, day))


def _days(before: int, day: int) -> range:
    """The last days that end when the business date moves from `before` to `day`, if any is scheduled."""
    return range(before, min(day, before + MAX_DAYS_AHEAD + 1))


def overdue(context: Context, kind: str, before: int, day: int) -> Iterator[tuple[str, str]]:
    """(party, document) of what a move of the business date ends; the caller ends and cancels each."""
    for last in _days(before, day):
        for slot in range(int(context.get(_slot_key(kind, last, 0)) or 0), 0, -1):
            found: Value = context.get(_slot_key(kind, last, slot))
            party, document = found
            yield party, document
