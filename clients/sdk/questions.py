"""Questions to the ledger: pure functions of its state, answered here from entries that are each proved.

    answers(session, [lambda state: requote(state, "acme", "INV-7", "prime"), …])
    ask(session, "leaf", "anchor", "C-1", 2)      one of `contracts.answer`, with the file that proves it

What a function reads only it knows. So it is run on what is known so far; where it reads an entry that is
not, the entry is fetched with its proof and the function runs again. Then everything that it read is fetched
once more in one proof, at one height, and the answer is made of that alone: it follows from one committed
state, and nothing of a node's own computing is in it. Entries that several questions read are in the same
proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from clients.errors import Unavailable
from clients.sdk.session import Session
from clients.sdk.verified import VerifiedAnswer
from contracts.answer import Argument, NotProved, ProvedEntries, SurplusEntries, answered
from ledger import codec
from ledger.limits import MAX_PROVED_KEYS
from ledger.state.overlay import Reader

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
                known = ProvedEntries(proved.entries)
                try:
                    value = questions[place](known)
                except NotProved:
                    reads[place] = known.asked
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


def ask(session: Session, question: str, *arguments: Argument) -> VerifiedAnswer:
    """The answer to a question of `contracts.answer`, computed here from proved entries, with its file.

    Raises:
        Refusal: there is nothing to answer about, as the proved state shows.
        VerificationError: a proof that does not prove.
        Unavailable: what the question reads changes faster than it can be fetched.
    """
    for _ in range(MAX_ROUNDS):
        (keys,) = _discovered(session, [lambda state: answered(state, question, arguments)])
        with suppress(NotProved, SurplusEntries):
            return session.answer(question, arguments, sorted(keys))
    raise Unavailable("the state changes faster than it can be proved", found=question)


def _discovered(session: Session, questions: Sequence[Question[T]]) -> list[set[bytes]]:
    """The keys that each question reads."""
    seen: dict[bytes, codec.Value | None] = {}
    reads: list[set[bytes]] = [set() for _ in questions]
    waiting = list(range(len(questions)))
    while waiting:
        missing: dict[bytes, None] = {}
        still = []
        for place in waiting:
            known = ProvedEntries(seen)
            reads[place] = known.asked
            try:
                questions[place](known)
            except NotProved as unread:
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


def _groups(places: Sequence[int], reads: Sequence[set[bytes]]) -> Iterator[list[int]]:
    """The places in groups whose keys together fit one proof."""
    group: list[int] = []
    keys: set[bytes] = set()
    for place in places:
        together = keys | reads[place]
        if group and len(together) > MAX_PROVED_KEYS:
            yield group
            group, together = [], set(reads[place])
        group.append(place)
        keys = together
    if group:
        yield group
