"""What the core hands out, and the contract with its caller.

    raft.tick() / step(message) / propose(entries) / persisted(…)      any of these, then
    while (ready := raft.ready()) is not None: carry it out

Each Ready is handed out once. It is carried out in this order; steps marked FIFO run in
the order of the Readys, each after the same step of the Ready before (CR-87):

1. `send_now` may leave at once, before or while anything else happens. A leader's Append
   is among them: it does not wait for the leader's own disk.
2. FIFO: validate `entries` (the caller reproduces each), then make `truncate_from`,
   `entries` and `hard` durable in one step: entries from `truncate_from` on are dropped
   first. An entry that cannot be reproduced is not stored, nor any after it:
   `raft.refuse(index, hash, reason)`. A failed sync is `raft.storage_failed(reason)`, and
   is never tried again (CR-36).
3. FIFO: when it is durable, call `raft.hard_persisted(hard)` if there was one, and
   `raft.persisted(index, hash)` with the last stored entry, once for every Ready that had
   entries. What waited in the core for either comes with the next Ready.
4. `certificate`: everything up to its index is committed and is durable here. Apply it in
   order. It never depends on the steps above: what it commits was reported durable before.
5. `reads`: these may be served now, from what step 4 and the steps 4 before it applied.
   `reads_failed`: these are to be tried again or given up; nothing was promised.
6. `took_office`: the votes by which this node leads in their term. The caller proposes one
   entry of the term at once, before any client's (CR-11); by now it has stored everything in
   the log. `lost_office`: it does not lead any more. What clients wait for is "unknown" until it
   commits or is replaced, never "failed" (CR-22).

7. `snapshot`: the log goes on too far above its end here. The caller fetches the state at
   that index, from whom it likes, verifies it against a certificate, and installs it in one
   durable step in place of log and state, with a term of at least the block's, but only if
   `raft.lacks(point)` is true at that time: the log may have come over meanwhile;
   then `raft.snapshot_installed(point)`. If it gives up: `raft.snapshot_failed()`. Readys go
   on coming meanwhile and are carried out as ever; those of before the installation are
   carried out before it.

If `hard_persisted` is never called nothing unsafe happens: messages that depend on it then
stay in the core.

Messages that have arrived are stepped before `tick()`, so that a leader does not resign
over answers that are already in its inbox (CR-20). Ticks may be counted late, all together: before
the next input, and when `quiet_ticks` have passed.
"""

from __future__ import annotations

from typing import NamedTuple

from consensus.messages import Certificate, ElectionCertificate, Entry, Message
from consensus.state import HardState, SnapshotPoint, Soft


class Ready(NamedTuple):
    """One step's output; see the module for what to do with it, in which order."""

    hard: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    send_now: tuple[Message, ...]
    certificate: Certificate | None
    took_office: ElectionCertificate | None
    lost_office: bool
    soft: Soft | None
    """Role, leader and term, when one of them changed."""
    reads: tuple[tuple[int, int], ...] = ()
    """(number, index) of linearizable reads to be served now."""
    reads_failed: tuple[int, ...] = ()
    snapshot: SnapshotPoint | None = None
    """What is to be fetched; a later one takes the place of an earlier."""
