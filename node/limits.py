"""Every bound of a node, with its unit, in one place.

Relations between bounds are asserted at import, with the argument beside them.
"""

from __future__ import annotations

from ledger.limits import (
    MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS,
    MAX_BUNDLE_BYTES,
    MAX_BUNDLE_TRANSACTIONS,
    MAX_EVIDENCE_BYTES,
    MAX_MEMBERS,
    MAX_MEMBERSHIP_BYTES,
)

MAX_POOL_TRANSACTIONS = 20_000
"""Transactions taken in and not yet seen on the ledger, of all organisations together."""
MAX_POOL_BYTES = 64 * 1_048_576

RETRY_AFTER_MS = 1_000
"""What a refused client is told to wait: longer than an election."""
NO_LEADER_GRACE_MS = 5_000
"""How long submissions are taken in without a known leader: a few elections."""
SUBMIT_TIMEOUT_MS = 20_000
"""How long a submission waits for its outcome unless it asks for less."""
REFORWARD_AFTER_MS = 2_000
"""A forwarded transaction without an outcome is sent to the leader again after this."""
READ_PAUSE_MS = 2
"""How long a read without a leader rests at first."""
HAND_OVER_TIMEOUT_MS = 3_000
"""How long leadership may take to move when it is handed over."""
READ_TIMEOUT_MS = 5_000
"""How long a read waits for its level of consistency, at most."""
SWEEP_MS = 250
"""How often the pool is looked through for what expired or was forwarded in vain."""
CALM_SWEEP_MS = 1_000
"""How often an idle node looks that has applied nothing since it looked last."""
BUSY_PAUSE_MS = 50
"""How long nothing is forwarded to a leader that has said that it is full."""
MAX_FORWARD_TRANSACTIONS = 500
"""Transactions in one forwarding frame."""
MAX_FORWARD_WAITING = 4 * MAX_FORWARD_TRANSACTIONS
"""Transactions that one node has forwarded and that wait for their admission at a leader."""
MAX_FORWARD_WAITING_BYTES = 2 * MAX_BLOCK_BYTES
"""Bytes of them; a member that floods fills its own share and nobody else's."""

INLINE_SIGNATURE_CHECKS = 6
"""Up to this many signatures are checked where they stand: a hop to a thread costs 2 to 3 checks."""
SIGNATURE_THREADS = 2
SIGNATURE_CHUNK = 128
"""Signatures checked per visit to a thread."""

SEAL_WINDOW_BLOCKS = 3
"""Own blocks in flight, sealed and not yet committed."""
PIPELINED_SEAL_OPERATIONS = 500
"""While a block is in flight the next one is sealed only with at least this many operations."""
GATHER_LEAST_MS, GATHER_MOST_MS = 8, 40
"""After a commit, how long the next small block waits for the clients that were just answered, at most: as
long as the block before took, within these."""
SEAL_TRANSACTIONS = 500
"""Transactions in one block."""
SEAL_S = 0.12
"""How long sealing one may last, by the pace of the last ones: while a node executes a block it hears no
heartbeat, and a follower takes about as long. A machine that is not short of processor fills its blocks."""
SEAL_BYTES = MAX_BLOCK_BYTES - 65_536
"""Bytes of transactions in one block; the rest is for header and results."""

MAX_APPEND_BYTES = 1_048_576
"""Block data in one append message; a single larger block still passes."""
MAX_FRAME_BYTES = MAX_APPEND_BYTES + MAX_BLOCK_BYTES + 1_048_576
MAX_FRAME_ELEMENTS = 8_192
"""Elements of one message, of all kinds in all depths: 500 forwarded transactions are 1,502."""
MAX_HELLO_BYTES = 1_024
MAX_INTRODUCED_HANDOVERS = 8
"""Changes of the membership in one message: what checking them costs, 64 members each, is some 50 ms."""
MAX_INTRODUCTION_BYTES = 131_072
"""Bytes of them, unless the first alone is larger."""
MAX_STRANGER_BYTES = 262_144
"""A frame before hello that tells of the members, and one of an answer to it."""
MAX_ADDRESS_BYTES = 300
"""UTF-8 bytes of host:port; a host name has at most 253."""
MAX_LINK_QUEUE_BYTES = 4 * MAX_FRAME_BYTES
"""Bytes queued towards one peer; what goes beyond is dropped (the core sends again)."""
HANDSHAKE_TIMEOUT_MS = 5_000
RECONNECT_FIRST_MS = 50
RECONNECT_MOST_MS = 2_000
SILENT_LINK_MS = 5_000
"""After this long without an acknowledged byte a link counts as lost, and is dialled again."""
MAX_UNPROVED_LINKS = 128
"""Accepted peer connections that have not proved whose they are, at one time."""
MAX_CONNECTS_PER_SECOND = 64
"""Connections that one address may begin in a second: a network of 64 nodes behind one address dials."""
LINK_TURN_S = 0.002
"""After this long with one link's messages it is the others' turn, and the clock's."""
LINK_SHARE = 0.5
"""The part of its time that a node spends on one link's messages, at most; beyond it the link rests."""
LINK_CREDIT_S = 0.02
"""How much time a link that was quiet may take before it has to rest."""
REFUSAL_LOG_S = 60.0
"""How often refusals of one peer for one reason are logged, at most."""
MOVE_LOG_S = 1.0
"""How often it is logged, at most, that a link of one peer came or went."""
MAX_LOGGED_KINDS = 1_024
"""Pairs of peer and reason that are told apart: 64 members, a dozen reasons."""

MAX_GROUP_BLOCKS = 16
"""Blocks that one synced write takes at most."""

MAX_HEAD_BYTES = 65_536
"""Request line and headers; looked at whenever a read ends within them."""
MAX_KNOWN_HEADS, MAX_KNOWN_HEAD_BYTES = 256, 1_024
"""Heads of submissions that are known by their bytes, and the longest one that is worth it."""
REQUEST_TIMEOUT_S = 60.0
"""From a request's first byte, or from the connection before it, until the last one."""
MAX_API_CONNECTIONS = 2_048
"""HTTP connections and requests at one time; beyond them the server answers 503 by itself."""
API_KEEP_ALIVE_S = 60
"""How long an idle HTTP connection stays open, seconds."""
MAX_API_GRACE_S = 2
"""How long an orderly stop waits for answers under way, seconds."""
THREAD_SWITCH_S = 0.000_5
"""How long the storage thread waits, at most, to tell that something is durable."""

SNAPSHOT_SERVE_SHARE = 0.1
"""Of one core, for giving snapshots away while the node has other things to do."""
SNAPSHOT_SERVE_IDLE_SHARE = 0.5
"""The same while nothing waits for the processor."""
SNAPSHOT_IMPORT_SHARE = 0.25
"""Of one core, for taking a snapshot in while others wait for the processor."""
SNAPSHOT_IMPORT_IDLE_SHARE = 0.7
CATCH_UP_SHARE = 0.4
"""Of one core, for executing what the network has committed long ago while others wait for the processor."""
CATCH_UP_LOOK_S = 10.0
"""How often a node that catches up looks whether it comes nearer."""
CATCH_UP_LEAST_GAIN_PERCENT = 2
"""Of what it lacked at the last look; with less it yields to nobody until it lacks but half."""
PACED_PIECE_S = 0.02
"""Processor time after which work that yields looks whether it has to rest."""
MAX_REST_S = 0.25
"""The longest rest of it, so that a clock that jumps stops nothing."""
SNAPSHOT_HOLD_S = 60.0
"""A snapshot stays for as long after it was last asked for."""
MAX_SNAPSHOT_ASKS = 4
"""Questions of one peer that wait here; what goes beyond is told to wait."""
SNAPSHOT_ASKS_PER_PEER = 2
"""Own questions that one peer has at one time: chunks on a link keep heartbeats waiting."""
SNAPSHOT_ASKS_IN_ALL = 4
"""Chunks under way or waiting to be checked."""
SNAPSHOT_ANSWER_S = 20.0
"""A chunk that has not come after this is asked of somebody else."""
SNAPSHOT_ASIDE_S = 5.0
"""How long a peer is not asked that did not answer, or does not have the snapshot."""
SNAPSHOT_NOT_READY_S = 0.5
"""How long a chunk waits that a peer is still preparing."""
SNAPSHOT_STALLED_S = 60.0
"""A transfer in which nothing came for as long is given up; what came is kept."""
SNAPSHOT_STATE_SUBTREES = 64
"""Subtrees of one question: 64 questions for the whole state, if chunks can hold as many."""
SNAPSHOT_PART_RECORDS = 4_000
"""Records of histories in one part, roughly."""

GC_THRESHOLDS = (200_000, 50, 1_000)
"""How rarely the collector looks for cycles: values here form none, and a full look stops everything."""

MAX_EXPORTS = 1
"""Whole exports that are given at once."""
MAX_SUBSCRIBERS = 256
SNAPSHOT_LAG_BLOCKS = 200
"""A follower this far below a snapshot is offered it."""
MAX_LAG_BLOCKS = 64
"""A node that is further behind its leader is not ready: it catches up."""
MAX_PROOFS = 256
"""Proofs that nodes lied, in the store."""
MAX_PROOFS_PER_NODE = 32
"""Of one accused node: enough to be sure, and the lies of others still find room."""
MAX_PROOF_BYTES_PER_NODE = MAX_EVIDENCE_BYTES
"""Of one accused node: the largest proof, or many small ones."""
MAX_PROOF_STORE_BYTES = 128 * 1_048_576
CLOCK_TOLD_MS = 1_000
"""How often a voter tells the others what its clock has reached: blocks are dated no finer than that."""
CALM_CLOCK_TOLD_MS = 4_000
"""The same where nothing happens: checking three nodes' clocks every second costs a quarter of their rest."""
CLOCK_DIFFERENCE_WARNED_MS = 10_000
"""A peer's clock that differs by more than this is logged."""
GOSSIP_MS = 2_000
"""How often a node tells the others its newest certified header."""
MAX_EARLY_HEADERS = 64
"""Certified headers of others above the applied height that are kept for comparison."""
MAX_GOSSIPED_EVIDENCE_BYTES = MAX_FRAME_BYTES - 65_536
"""A larger proof is told of by its name, and fetched in parts by whoever lacks it (`large_proofs`)."""
PROOF_PART_BYTES = 1_048_576
"""Bytes of it in one message."""
PROOF_ANSWER_S = 10.0
"""A part that has not come after this is waited for no more."""
MAX_PROOFS_TOLD = 4
"""Proofs that one peer has told of and that wait to be fetched."""
MAX_REFUSED_BLOCKS = 64
"""Refused blocks kept on disk for the operator."""
DRAIN_TIMEOUT_MS = 5_000
"""How long an orderly stop waits for what was taken in."""

assert SWEEP_MS <= CLOCK_TOLD_MS, "a clock is told in a sweep"
assert CALM_SWEEP_MS <= CALM_CLOCK_TOLD_MS, "at rest as well"
assert MAX_INTRODUCTION_BYTES > 2 * MAX_MEMBERSHIP_BYTES, "a membership with its proof fits a page"
assert MAX_STRANGER_BYTES > MAX_INTRODUCTION_BYTES + 4 * MAX_MEMBERS * MAX_ADDRESS_BYTES, (
    "a page and the addresses of three memberships fit a stranger's frame"
)
assert 2 * MAX_PROOF_BYTES_PER_NODE <= MAX_PROOF_STORE_BYTES, "one liar leaves room for the lies of others"
assert PROOF_PART_BYTES < MAX_GOSSIPED_EVIDENCE_BYTES, "a part fits a frame"
assert MAX_FRAME_BYTES > MAX_BUNDLE_BYTES, "one bundle fits one forwarding frame"
assert MAX_FRAME_BYTES > MAX_APPEND_BYTES + MAX_BLOCK_BYTES, "a full append and one more block fit a frame"
assert MAX_FRAME_ELEMENTS > 2 + 3 * MAX_FORWARD_TRANSACTIONS, "a full forward fits a frame"
assert MAX_FORWARD_WAITING_BYTES > MAX_FRAME_BYTES, "one frame of forwards always finds room"
assert SEAL_TRANSACTIONS <= MAX_BLOCK_TRANSACTIONS, "what is sealed is a legal block"
assert MAX_BUNDLE_TRANSACTIONS <= MAX_POOL_TRANSACTIONS, "an empty pool takes any bundle"
assert PIPELINED_SEAL_OPERATIONS <= SEAL_TRANSACTIONS
assert GATHER_LEAST_MS <= GATHER_MOST_MS
assert RECONNECT_FIRST_MS <= RECONNECT_MOST_MS < NO_LEADER_GRACE_MS, (
    "a link is retried before clients are refused"
)
