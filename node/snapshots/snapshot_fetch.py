"""Which chunk is asked of whom, and what becomes of the answers; no clock, no socket, no disk.

    waiting --ask--> asked --answer--> checking --accepted--> gone, and what follows from it waits
       ^               |                   |
       +---------------+-------------------+
        no answer in time, not there, not ready: asked again, of somebody else if it can be
        a chunk that is wrong: asked again, and whoever sent it is asked nothing any more

Questions go to whoever has the fewest, the peers that were named first before others. Who was not ready
comes after those who were, until a chunk of it is right: otherwise a peer that is never ready, and so has no
question in hand, would be asked every one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.limits import (
    SNAPSHOT_ANSWER_S,
    SNAPSHOT_ASIDE_S,
    SNAPSHOT_ASKS_IN_ALL,
    SNAPSHOT_ASKS_PER_PEER,
    SNAPSHOT_NOT_READY_S,
    SNAPSHOT_STALLED_S,
)
from node.snapshots.snapshot_asks import GIVEN, MANIFEST, NOT_KEPT, Ask


@dataclass(slots=True)
class _Asked:
    peer: str
    ask: Ask
    until_s: float
    is_checking: bool = False


class SnapshotFetch:
    """One transfer. `number` is the first one that its questions go out under."""

    def __init__(self, asks: Iterable[Ask], number: int, now_s: float) -> None:
        self.struck: dict[str, str] = {}
        """Peers that sent something wrong, and what."""
        self.chunks: Counter[str] = Counter()
        """Chunks that were right, by peer."""
        self._waiting: deque[tuple[float, Ask]] = deque((now_s, ask) for ask in asks)
        self._asked: dict[int, _Asked] = {}
        self._number = number
        self._aside: dict[str, float] = {}
        self._without: set[str] = set()
        self._not_ready: Counter[str] = Counter()
        """How often in a row, by peer."""
        self._progress_s = now_s

    @property
    def is_through(self) -> bool:
        """Whether nothing is waiting, asked or being checked."""
        return not self._waiting and not self._asked

    def is_lost(self, peers: Iterable[str], now_s: float) -> bool:
        """Whether nothing has come for a while, and nobody who can be asked has the snapshot."""
        useful = [peer for peer in peers if peer not in self.struck]
        is_quiet = now_s - self._progress_s > 2 * SNAPSHOT_ASIDE_S
        return is_quiet and bool(useful) and all(peer in self._without for peer in useful)

    def has_stalled(self, now_s: float) -> bool:
        """Whether nothing has come for long."""
        return now_s - self._progress_s > SNAPSHOT_STALLED_S

    def to_ask(self, peers: Sequence[str], now_s: float) -> list[tuple[str, int, Ask]]:
        """(peer, number, question) for everything that can be asked now."""
        self._give_up_late(now_s)
        usable = [peer for peer in peers if peer not in self.struck and self._aside.get(peer, 0.0) <= now_s]
        load = Counter(asked.peer for asked in self._asked.values())
        questions = []
        for _ in range(len(self._waiting)):
            free = [peer for peer in usable if load[peer] < SNAPSHOT_ASKS_PER_PEER]
            if not free or len(self._asked) >= SNAPSHOT_ASKS_IN_ALL:
                break
            not_before_s, ask = self._waiting.popleft()
            if not_before_s > now_s:
                self._waiting.append((not_before_s, ask))
                continue
            peer = min(free, key=lambda peer: (self._not_ready[peer], load[peer]))
            load[peer] += 1
            self._number += 1
            self._asked[self._number] = _Asked(peer, ask, now_s + SNAPSHOT_ANSWER_S)
            questions.append((peer, self._number, ask))
        return questions

    def answered(self, peer: str, number: int, code: str, now_s: float) -> Ask | None:
        """What the chunk that came is to be checked as; None if there is nothing to check."""
        asked = self._asked.get(number)
        if asked is None or asked.peer != peer or asked.is_checking:
            return None
        if code == GIVEN:
            asked.is_checking = True
            self._without.discard(peer)
            return asked.ask
        del self._asked[number]
        if code == NOT_KEPT:
            if asked.ask.kind != MANIFEST:
                self._without.add(peer)
            self._aside[peer] = now_s + SNAPSHOT_ASIDE_S
            self._waiting.appendleft((now_s, asked.ask))
        else:
            self._not_ready[peer] += 1
            self._waiting.append((now_s + SNAPSHOT_NOT_READY_S, asked.ask))
            self._progress_s = now_s
        return None

    def is_asked(self, peer: str, number: int) -> bool:
        """Whether a question to this peer under this number waits for its answer."""
        asked = self._asked.get(number)
        return asked is not None and asked.peer == peer and not asked.is_checking

    def accepted(self, number: int, follow: Iterable[Ask], now_s: float) -> None:
        """The chunk was right; what is to be asked next because of it."""
        asked = self._asked.pop(number)
        self.chunks[asked.peer] += 1
        del self._not_ready[asked.peer]
        self._progress_s = now_s
        self._waiting.extend((now_s, ask) for ask in follow)

    def refused(self, number: int, reason: str, now_s: float) -> str:
        """The chunk was wrong: who sent it, and is asked nothing any more."""
        asked = self._asked.pop(number)
        self.struck[asked.peer] = reason
        self._waiting.appendleft((now_s, asked.ask))
        for other in [key for key, held in self._asked.items() if held.peer == asked.peer]:
            if not self._asked[other].is_checking:
                self._waiting.appendleft((now_s, self._asked.pop(other).ask))
        return asked.peer

    def _give_up_late(self, now_s: float) -> None:
        for number, asked in list(self._asked.items()):
            if not asked.is_checking and asked.until_s <= now_s:
                del self._asked[number]
                self._aside[asked.peer] = now_s + SNAPSHOT_ASIDE_S
                self._waiting.appendleft((now_s, asked.ask))
