"""Every bound of the consensus core, with its unit, in one place.

Bounds on what a peer may send are absolute; the `Config` of a node stays below them.
"""

from __future__ import annotations

MAX_TERM = 2**62
MAX_TERM_STEP = 2**24
"""How far ahead of ours a message's term may be: a damaged message or a lying member must not use up
all terms. It takes 2^38 messages, each with a synced write of the new term: a year of a thousand a
second would use up a ninth. An honest node is never that far behind: that many elections take weeks."""
MAX_INDEX = 2**48
MAX_MESSAGE_ID = 2**62

MAX_NODE_BYTES = 64
MAX_HASH_BYTES = 64
MAX_SIGNATURE_BYTES = 128
MAX_VOTERS = 64
MAX_LEARNERS = 64

MAX_ENTRY_BYTES = 8 * 1_048_576
"""One entry; the ledger's largest block is 4 MiB, the rest is room for its envelope."""
MAX_APPEND_ENTRIES = 256
MAX_APPEND_BYTES = 16 * 1_048_576
MAX_REPLY_ACKS = 256
"""Signed acknowledgements in one reply: more entries than a leader may have uncommitted."""

LOG_CACHE_ENTRIES = 512
LOG_CACHE_BYTES = 32 * 1_048_576
"""Durable entries kept in memory behind the log's end, for followers a little behind."""

MAX_WAITING_CERTIFICATES = 128
"""Certificates a follower keeps until the entry they prove is durable here."""
MAX_WAITING_REQUESTS = 256
"""Appends that a follower will answer when its disk is done; the leader asks again for older ones."""
MAX_CUT_REMEMBERED = 256
"""Hashes of entries that were cut off: more than can be acknowledged and uncommitted."""
MAX_CAST_REMEMBERED = 64
"""Own votes of this boot that are kept, the newest ones."""
MAX_UNDURABLE_ENTRIES = 512
MAX_UNDURABLE_BYTES = 64 * 1_048_576
"""Entries that a follower holds before its disk has them, or one append more; the leader sends again
what comes above. More than the windows of a few leaders in a row, and no more: a leader that sends
without regard to its window must not fill the memory."""
MAX_EVIDENCE = 8
"""Contradictions kept in memory, with the entries in them; the first ones stay."""

MAX_READS = 4_096
"""Linearizable reads that wait at one node; more are refused at once."""

BOOT_SHIFT = 40
"""A message id is boot << 40 | counter: unique over restarts."""

assert MAX_ENTRY_BYTES <= MAX_APPEND_BYTES, "the largest entry alone fits an append"
assert MAX_TERM // MAX_TERM_STEP >= 2**38, "all terms cannot be used up within the life of a network"
assert MAX_UNDURABLE_ENTRIES >= MAX_APPEND_ENTRIES, "one append is always taken"
assert MAX_UNDURABLE_BYTES >= 2 * MAX_APPEND_BYTES, "windows are smaller than what is taken"
assert max(MAX_TERM, MAX_INDEX, MAX_MESSAGE_ID) < 2**63, "the codec's integers have 64 bits"
