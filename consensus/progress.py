"""How far one follower is, and how fast the leader may send to it.

    state       sends                                    becomes the other when
    probe       one append, then waits for an answer     an append succeeds
                or a heartbeat's answer (CR-45)
                with entries goes an election, that the
                follower may cut what is in the way
    replicate   all that fits the window of messages,    an append is refused
                bytes and entries, without waiting (CR-46)
    snapshot    nothing: the follower fetches a snapshot it got or gave it up, or is
                (CR-65); the offer again if lost         past it: to probe

`match` is proved and never falls within a boot of the follower, unless its disk was set back. `next`
is a guess and may fall, but never to `match` or below (CR-27). In replicate `next` runs ahead of the
answers.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from consensus.state import Config


class Pacing(StrEnum):
    """The ways of sending to a follower."""

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Progress:
    """One follower as its leader sees it."""

    __slots__ = (
        "_bytes",
        "_inflight",
        "answered",
        "boot",
        "certified",
        "certified_by",
        "commit",
        "heard",
        "is_mute",
        "keeps",
        "last_append",
        "match",
        "matched_by",
        "max_bytes",
        "max_entries",
        "max_messages",
        "needs_snapshot",
        "next",
        "pacing",
        "prefers_log",
        "probe_sent",
        "snapshot",
        "snapshot_asked",
    )

    def __init__(self, next_index: int, now: int, config: Config) -> None:
        self.match = 0
        self.next = next_index
        self.commit = 0
        """What the follower last said it had committed; lower after it restarted."""
        self.certified = 0
        """The newest certificate sent; falls back to `commit` when heartbeats show a loss."""
        self.certified_by = 0
        """Id of the message that carried it."""
        self.last_append = 0
        """Id of the last append sent: an answer to an earlier heartbeat says nothing of it."""
        self.matched_by = 0
        """The last append that had been sent when `match` was last raised."""
        self.boot = 0
        """The boot that the follower's messages come from; 0 before the first one."""
        self.heard = now
        """The tick of its last message in this term."""
        self.answered = 0
        """The highest id of a request of this term that it answered and so confirmed."""
        self.is_mute = False
        """Whether it says that it lost data (CR-76)."""
        self.keeps = 0
        """The term of an entry that it does not cut before an election excludes that; 0 for none."""
        self.snapshot = 0
        """Index of the snapshot that it was offered, while in that state."""
        self.snapshot_asked = now
        self.prefers_log = False
        """Whether a snapshot failed before."""
        self.pacing = Pacing.PROBE
        self.probe_sent = False
        self.needs_snapshot = False
        self.max_messages = config.max_inflight
        self.max_bytes = config.max_inflight_bytes
        self.max_entries = config.max_inflight_entries
        self._inflight: deque[tuple[int, int]] = deque()
        self._bytes = 0

    @property
    def inflight(self) -> int:
        """Appends sent and not answered."""
        return len(self._inflight)

    @property
    def is_open(self) -> bool:
        """Whether an append may be sent now."""
        if self.pacing is Pacing.PROBE:
            return not self.probe_sent
        if self.pacing is Pacing.SNAPSHOT:
            return False
        return (
            len(self._inflight) < self.max_messages
            and self._bytes < self.max_bytes
            and self.next - self.match <= self.max_entries
        )

    def sent(self, last_index: int, size: int) -> None:
        """An append with entries up to `last_index` left."""
        if self.pacing is Pacing.PROBE:
            self.probe_sent = True
            return
        self.next = last_index + 1
        self._inflight.append((last_index, size))
        self._bytes += size

    def hears(self, boot: int, *, is_silent: bool) -> bool:
        """Whether a message of this boot of the follower is to be heeded: none of an earlier boot is.

        Unless of the later one nothing was heard for long (`is_silent`): then the count of starts
        was set back together with the disk, and the follower must be found out anew (CR-76).

        With a new boot everything is found out again. Only a follower that lost data goes back
        (CR-76); any other is found at `match` by the first probe.
        """
        if boot > self.boot or (boot < self.boot and is_silent):
            if self.boot:
                self._find_out_anew()
            self.boot = boot
        return boot == self.boot

    def lacks(self, prev_index: int, request: int) -> bool:
        """Whether the follower refused to continue what it was known to hold when it was asked.

        So its disk was set back to the start before, and counts the same boot as then (CR-76).
        """
        if prev_index > self.match or request <= self.matched_by:
            return False
        self._find_out_anew()
        return True

    def _find_out_anew(self) -> None:
        self.match = self.commit = self.certified = self.snapshot = self.keeps = 0
        self.pacing = Pacing.PROBE
        self.probe_sent = False
        self._inflight.clear()
        self._bytes = 0

    def _raise_match(self, match: int) -> None:
        if match > self.match:
            self.match, self.matched_by = match, self.last_append

    def matched(self, match: int) -> None:
        """An append succeeded: frees exactly what it covers, and a duplicate frees nothing."""
        self._raise_match(match)
        while self._inflight and self._inflight[0][0] <= match:
            self._bytes -= self._inflight.popleft()[1]
        if self.pacing is Pacing.SNAPSHOT:
            return
        if self.pacing is Pacing.PROBE:
            self.pacing = Pacing.REPLICATE
            self.probe_sent = False
            self.keeps = 0
            self.next = self.match + 1
        elif self.next <= self.match:
            self.next = self.match + 1

    def refused(self, prev_index: int, guess: int) -> bool:
        """An append after `prev_index` was refused; False if the refusal is stale.

        `guess` is the index at which the logs may still agree.
        """
        if prev_index <= self.match:
            return False
        if self.pacing is Pacing.REPLICATE:
            self.pacing = Pacing.PROBE
            self._inflight.clear()
            self._bytes = 0
            self.next = self.match + 1
            self.probe_sent = False
            return True
        if prev_index != self.next - 1:
            return False
        self.next = max(min(prev_index, guess + 1), self.match + 1)
        self.probe_sent = False
        return True

    def kept(self, prev_index: int, term: int) -> bool:
        """Entries after `prev_index` were refused for an own one of `term` that must not be cut yet.

        Whether to answer at once. The same answer again means that what was sent did not help here
        and now: the next heartbeat's answer is time enough.
        """
        if self.pacing is Pacing.SNAPSHOT or prev_index < self.match:
            return False
        is_news = term != self.keeps
        self.keeps = term
        self.pacing = Pacing.PROBE
        self.next = prev_index + 1
        self.probe_sent = not is_news
        self._inflight.clear()
        self._bytes = 0
        return is_news

    def offered(self, index: int, now: int) -> None:
        """A snapshot at `index` was offered: no appends until it is over."""
        self.pacing = Pacing.SNAPSHOT
        self.snapshot = index
        self.snapshot_asked = now
        self.probe_sent = False
        self._inflight.clear()
        self._bytes = 0

    def snapshot_over(self, match: int) -> None:
        """The follower's log goes up to `match` now, by the snapshot or without it.

        Success at an older index than the newest one offered counts as well: the log
        continues from there.
        """
        if self.pacing is Pacing.SNAPSHOT:
            self._raise_match(match)
            self.pacing = Pacing.PROBE
            self.next = self.match + 1
            self.snapshot = 0

    def snapshot_failed(self) -> None:
        """The follower could not get it: the log serves as well where it reaches back far enough."""
        if self.pacing is Pacing.SNAPSHOT:
            self.pacing = Pacing.PROBE
            self.probe_sent = True
            self.prefers_log = True
            self.snapshot = 0
