"""Every bound of the ledger, with its unit, in one place.

Relations between bounds are asserted at import, with the argument beside them.
"""

from __future__ import annotations

DIGEST_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

MAX_DEPTH = 16
"""Nesting of a canonical value; the outermost container counts as 1."""

MAX_ELEMENTS = 4_000_000
"""Elements of one value, of all kinds in all depths: the largest history proof has a few for each record."""
MAX_BLOCK_ELEMENTS = 32_768
"""Elements of a block outside its transactions' bodies: three a transaction, four a refused operation."""

MAX_STRING_BYTES = 4_096
"""UTF-8 bytes of one text inside a transaction."""

MAX_BYTES_LENGTH = 16_384
"""Length of one byte string inside a transaction."""

MAX_IDENTIFIER_LENGTH = 64

MAX_TRANSACTION_BYTES = 65_536
MAX_OPERATIONS = 256
"""Operations under one signature."""

MAX_PRIVATE_FIELDS = 256
MIN_NONCE_BYTES = 8
MAX_NONCE_BYTES = 16
MIN_SALT_BYTES = 16
MAX_SALT_BYTES = 64

MAX_VALIDITY_MS = 3_600_000
"""How far ahead of block time `valid_until` may lie: the window in which ids are remembered."""

MAX_BUNDLE_TRANSACTIONS = 500
MAX_BUNDLE_BYTES = 4 * 1_048_576

MAX_BLOCK_TRANSACTIONS = 1_000
MAX_BLOCK_OPERATIONS = 2_000
MAX_BLOCK_BYTES = 4 * 1_048_576

MAX_STATE_KEY_BYTES = 256
MAX_STATE_VALUE_BYTES = 65_536
MAX_RECORD_BYTES = 4_096

MAX_MEMBERS = 64
MAX_CERTIFICATE_DER_BYTES = 2_048
MAX_MEMBERSHIP_BYTES = 61_440
"""Canonical bytes of a membership: it stands in one state value."""
MAX_HANDOVERS = 4_096
"""Membership changes that one proof follows from the genesis block on."""
MAX_NAME_BYTES = 64
"""UTF-8 bytes of a node or organisation id."""

MAX_HEADER_BYTES = 1_024
MAX_PREAMBLE_BYTES = 1_048_576
"""The genesis document is the largest preamble."""
MAX_GENESIS_BYTES = 1_048_576
MAX_APPROVALS = 256
"""Approvals of one recovery."""
MAX_AUTHORITY_BYTES = 786_432
"""A recovery's statement of who could approve it, with the membership changes that it needs."""
MAX_ORGANISATIONS = 4_096
MAX_KEYS_PER_ORGANISATION = 64
MAX_PARAMETERS = 64
"""Entries in each of a genesis document's small lists: parameters, roles, identifiers."""
MAX_TITLE_BYTES = 256
"""UTF-8 bytes of a name for people."""

MAX_PROOF_BYTES = 64 * 1_048_576
"""A proof file: a whole history is the largest kind."""
MAX_PROOF_ENTRIES = 256
MAX_HISTORY_RECORDS = 200_000
"""Records in one history proof; longer histories are fetched as suffixes."""
MAX_EVIDENCE_BYTES = 32 * 1_048_576
"""A piece of evidence: a wrong block with its witness is the largest kind."""
MAX_WITNESS_ENTRIES = 65_536
"""State entries that executing one block reads or writes."""
MAX_STATEMENTS_SEEN = 1_024
"""Headers, and acknowledgements of each node, that a detector of lies remembers."""
MAX_BALLOTS_SEEN = 256
"""Terms whose ballot of each node a detector remembers."""
MAX_WRONG_BLOCKS_SEEN = 4
MAX_DOUBTS = 64
MAX_LIES_REMEMBERED = 1_024
MAX_TREE_LEAVES = 2**48
MAX_TREE_DEPTH = 48

BUCKET_BITS = 20
NODE_FANOUT_BITS = 4
BUCKET_CACHE_BYTES = 1_024 * 1_048_576
"""Buckets of the state tree kept in memory: every one of them up to some 16 million keys. They take no more
than the state has (64 bytes a key), and what is not here costs more than all else that a key does."""
CACHED_BUCKET_BYTES = 48
"""What a bucket that is kept takes beside its contents: the object's head, and what the allocator adds."""
ID_FILTER_BITS = 27
"""Of a transaction id, that the filter of known ids tells apart: 16 MiB."""
READ_VALUES_KEPT = 50_000
"""Committed state values that were read, kept decoded in memory."""
WRITTEN_VALUES_KEPT = 100_000
"""Committed state values that were written and not read since, kept in memory as bytes."""
HISTORY_HEAD_INTERVAL = 64
"""Records of a history between two kept heads of its chain: a suffix re-hashes at most this many more."""
BLOCK_CACHE_ENTRIES = 32
"""Applied blocks kept decoded in memory, for the receipts that are asked for at once."""
BLOCK_CACHE_BYTES = 1_048_576
"""Their bytes as stored, unless the newest alone has more: decoded they take some six times as much. These
are four large blocks, one more than a leader has in flight."""
HEADER_CACHE_ENTRIES = 4_096
MAX_SCAN_ENTRIES = 10_000
"""State entries that one scan returns; the next one continues after the last key."""

SNAPSHOT_INTERVAL_BLOCKS = 250
"""Every node can give away the state at each multiple of this height, so that all have the same ones."""
SNAPSHOT_TREE_LEVEL = 2
"""Level of the state tree, from the leaves, whose nodes a manifest lists: 4,096 subtrees."""
SNAPSHOT_CHUNK_BYTES = 524_288
"""A chunk ends after the first piece that passes this."""
MAX_SNAPSHOT_CHUNK_BYTES = MAX_BLOCK_BYTES
"""The largest chunk: one subtree, one block, or a run of records. Bounds a state to about 16 GB."""
MAX_SNAPSHOT_MANIFEST_BYTES = 1_048_576
MAX_PROVED_KEYS = 64
"""State entries that a node proves in one answer."""
MAX_EXTRACT_ENTRIES = 1_000_000
"""State entries of one extract; its proof fits `MAX_PROOF_BYTES`, or it is refused."""
MAX_EXPORT_FRAME_BYTES = MAX_SNAPSHOT_CHUNK_BYTES
MAX_EXPORT_BYTES = 32 * 1_073_741_824
"""A whole state and its histories as a client takes them in; more is a node that does not end."""
SPOOL_BUFFER_BYTES = 16 * 1_048_576
"""State entries that are sorted in memory before they go to the spool."""

LEVELDB_WRITE_BUFFER_BYTES = 64 * 1_048_576
"""Rows sorted in memory before they become a file: the more, the less is merged again and again."""
LEVELDB_CACHE_BYTES = 32 * 1_048_576
LEVELDB_FILE_BYTES = 32 * 1_048_576
LEVELDB_BLOCK_BYTES = 4 * 1_024
LEVELDB_BLOOM_BITS = 10
LEVELDB_OPEN_FILES = 512

assert BUCKET_BITS % NODE_FANOUT_BITS == 0, "the levels of inner nodes divide the bucket's bits"
assert MAX_TRANSACTION_BYTES <= MAX_BUNDLE_BYTES <= MAX_BLOCK_BYTES, "what is admitted fits a block"
assert MAX_BLOCK_ELEMENTS > 8 + 4 * MAX_BLOCK_TRANSACTIONS + 4 * MAX_BLOCK_OPERATIONS, "a full block is read"
assert MAX_ELEMENTS > 8 * MAX_HISTORY_RECORDS, "the largest history proof is read"
assert MAX_OPERATIONS <= MAX_BLOCK_OPERATIONS, "one transaction always fits an empty block"
assert MAX_BUNDLE_TRANSACTIONS <= MAX_BLOCK_TRANSACTIONS, "one bundle fits an empty block"
assert MAX_GENESIS_BYTES <= MAX_PREAMBLE_BYTES < MAX_BLOCK_BYTES, "a genesis document fits its block"
assert MAX_AUTHORITY_BYTES < MAX_GENESIS_BYTES, "the statement of who could approve fits its document"
assert MAX_MEMBERSHIP_BYTES + 64 <= MAX_STATE_VALUE_BYTES, "a membership fits a state value"
assert MAX_BLOCK_BYTES < MAX_EVIDENCE_BYTES <= MAX_PROOF_BYTES, "a block fits its evidence, which is a proof"
assert SNAPSHOT_CHUNK_BYTES + MAX_STATE_KEY_BYTES + MAX_STATE_VALUE_BYTES < MAX_EXPORT_FRAME_BYTES // 2, (
    "a frame that ends after the entry that passes its size is within its bound, with the codec's heads"
)
assert MAX_PROVED_KEYS <= MAX_PROOF_ENTRIES, "what a node proves is read"
assert MAX_STRING_BYTES < MAX_BYTES_LENGTH < MAX_TRANSACTION_BYTES
