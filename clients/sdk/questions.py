"""Questions to the ledger: pure functions of its state, answered here from entries that are each proved.

    answers(session, [lambda state: requote(state, "acme", "INV-7", "prime"), …])

What a function reads only it knows. So it is run on what is known so far; where it reads an entry that is
not, the entry is fetched with its proof and the function runs again. Then everything that it read is fetched
once more in one proof, at one height, and the answer is made of that alone: it follows from one committed
state, and nothing of a node's own computing is in it. Entries that several questions read are in the same
proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from clients.errors import Unavailable
from clients.sdk.conversation import MAX_PROVED_KEYS
from clients.sdk.session import Session
from ledger import codec
from ledger.state import Reader

T = TypeVar("T")

Question = Callable[[Reader], T]

MAX_ROUNDS = 8
"""How often a question is asked again because what it reads has changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a question gives under a proved state."""

    value: T
    height: int
    """Height of that state."""


class _Unread(Exception):
    """A question reads an entry that is not known yet."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key.hex())
        self.key = key


class _Known:
    """Proved entries as a state; remembers what was read."""

    def __init__(self, entries: dict[bytes, codec.Value | None], read: dict[bytes, None]) -> None:
        self._entries = entries
        self._read = read

    def get(self, key: bytes, /) -> codec.Value | None:
        """The proved value, or that there is none."""
        self._read[key] = None
        if key not in self._entries:
            raise _Unread(key)
        return self._entries[key]


def answers(
    session: Session,
    questions: Sequence[Question[T]],
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Answer[T]]:
    """The answers in the order of the questions; `advance` is told how many more there are.

    Raises:
        Refusal: whatever a question itself raises.
        VerificationError: a proof that does not prove.
        Unavailable: what a question reads changes faster than it can be fetched.
    """
    reads = _discovered(session, questions)
    found: dict[int, Answer[T]] = {}
    for _ in range(MAX_ROUNDS):
        waiting = [place for place in range(len(questions)) if place not in found]
        if not waiting:
            break
        for group in _groups(waiting, reads):
            proved = session.state(sorted({key for place in group for key in reads[place]}))
            for place in group:
                read: dict[bytes, None] = {}
                try:
                    value = questions[place](_Known(proved.entries, read))
                except _Unread as unread:
                    reads[place] = {**read, unread.key: None}
                else:
                    found[place] = Answer(value, proved.height)
                    advance(1)
    if len(found) < len(questions):
        raise Unavailable(
            "the state changes faster than it can be proved",
            found=f"{len(found)} of {len(questions)} answers",
            expected="a state that stands for a moment",
        )
    return [found[place] for place in range(len(questions))]


def _discovered(session: Session, questions: Sequence[Question[T]]) -> list[dict[bytes, None]]:
    """The keys that each question reads."""
    seen: dict[bytes, codec.Value | None] = {}
    reads: list[dict[bytes, None]] = [{} for _ in questions]
    waiting = list(range(len(questions)))
    while waiting:
        missing: dict[bytes, None] = {}
        still = []
        for place in waiting:
            reads[place] = {}
            try:
                questions[place](_Known(seen, reads[place]))
            except _Unread as unread:
                if len(reads[place]) > MAX_PROVED_KEYS:
                    raise Unavailable(
                        "a question that reads too much for one proof", expected=f"{MAX_PROVED_KEYS} entries"
                    ) from None
                missing[unread.key] = None
                still.append(place)
        keys = sorted(missing)
        for first in range(0, len(keys), MAX_PROVED_KEYS):
            seen.update(session.state(keys[first : first + MAX_PROVED_KEYS]).entries)
        waiting = still
    return reads


def _groups(places: Sequence[int], reads: Sequence[dict[bytes, None]]) -> Iterator[list[int]]:
    """The places in groups whose keys together fit one proof."""
    group: list[int] = []
    keys: set[bytes] = set()
    for place in places:
        together = keys | reads[place].keys()
        if group and len(together) > MAX_PROVED_KEYS:
            yield group
            group, together = [], set(reads[place])
        group.append(place)
        keys = together
    if group:
        yield group
