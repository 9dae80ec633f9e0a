"""Every bound of the consensus core, with its unit, in one place.

Bounds on what a peer may send are absolute; the `Config` of a node stays below them.
"""

from __future__ import annotations

MAX_TERM = 2**48
"""Terms above are absurd: one election a millisecond would need 8,900 years."""
MAX_TERM_STEP = 2**32
"""How far ahead of ours a message's term may be: one damaged message must not use up all terms."""
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
MAX_EVIDENCE = 8
"""Contradictions kept in memory, with the entries in them; the first ones stay."""

MAX_READS = 4_096
"""Linearizable reads that wait at one node; more are refused at once."""

BOOT_SHIFT = 40
"""A message id is boot << 40 | counter: unique over restarts."""

assert MAX_ENTRY_BYTES <= MAX_APPEND_BYTES, "the largest entry alone fits an append"
assert max(MAX_TERM, MAX_INDEX, MAX_MESSAGE_ID) < 2**63, "the codec's integers have 64 bits"
