"""Evidence: files that prove, offline, that a node has said what no honest node says.

    file = ["evidence", 1, kind, node, body]

Each file stands alone: it holds the statements with their signatures, and is checked against nothing
but the genesis block (and the membership changes since, `ledger.proofs.handover`). It names exactly one
node, but for `two_certificates`, whose `node` is empty. `GROUNDS` is the table of the kinds: what is
in the body, why no honest node makes both statements, and what looks alike but is no guilt.

When a ballot denies an acknowledgement (CR-70). Let the acknowledgement be of height h, hash x, in
term T; the ballot one of a later term, with the accepted term A and the last block (L, H, y): term,
height, hash. It denies if

1. (A, H) < (T, h): the voter followed no later leader, and ends before what it acknowledged; or
2. A = T and L is not T: it followed no later leader, yet its last block is not of that leader's term; or
3. A = T, H = h and y is not x: another block stands in the place of the acknowledged one.

A ballot with A > T denies nothing: the leader of A may have cut the log. But A must be a term that
had a leader. Whoever knows no election certificate of term A holds a *doubt*, which the certificate
settles (`ledger.faults.detector`); absence cannot be proved, so a doubt never becomes evidence.

What these rules ask of a node, and the simulator checks of the core:

- the accepted term becomes durable in the one batch that adds, cuts or replaces log entries at a
  leader's word, its own entries as leader included;
- while it follows term T, nothing that the leader of T sends (appends, snapshots, before or after a
  restart) removes an entry of term T;
- it acknowledges a block only in the block's own term, and only while it follows that term;
- as a leader it signs one block for a height in a term, or never shows the other to anybody.

Two certificates of one height prove that the promise of the ledger is broken (CR-74). If both are of
the same term and height, everybody who signed both is guilty of `two_acks`. Otherwise the votes tell
(`denied_ack`): the two quorums and the majorities of the elections between them share a liar.

Out of reach: a transaction that is in an earlier block too, a body that fits its header but is no block
in form, the proof that an earlier membership change was committed, the rules of a contract version that
is not installed, two acknowledged branches of one term that share no height, and everything that a node
*failed* to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ledger import codec, proof_file, shape
from ledger.blocks.executor import Executor
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import VerificationError
from ledger.faults.fault import BODIES, Fault
from ledger.limits import MAX_EVIDENCE_BYTES, MAX_NAME_BYTES

KINDS = tuple(BODIES)
SUFFIX = ".evidence"
"""Of the name of a file of evidence."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a kind of evidence proves guilt."""

    statements: str
    honest: str
    alike: str
    requirements: tuple[str, ...]


GROUNDS = {
    "two_headers": Grounds(
        "two headers of one proposer, term and height, with different hashes, both signed by it",
        "A leader seals one block for a height, and never leads a term twice: a candidate enters a new one.",
        "Blocks of one height in two terms. A header that its proposer lost in a crash and that its later "
        "votes do not mention: a header is not an acknowledgement.",
        ("CR-07", "CR-32", "CR-70"),
    ),
    "two_acks": Grounds(
        "two acknowledgements of one node, term and height, of different blocks",
        "A node holds one block for a term and height in its life. An entry gives way to one of another term "
        "only, and one of the term that is followed to none.",
        "One height acknowledged in two terms, after an uncommitted block was overwritten. The same "
        "acknowledgement again. A leader that lost its unsynced block, restarted, and acknowledged what a "
        "second leader of the term sent, elected by double votes: so a header and an acknowledgement are "
        "no pair.",
        ("CR-31", "CR-69", "CR-70"),
    ),
    "denied_ack": Grounds(
        "an acknowledgement, and a ballot of a later term that denies it",
        "Who acknowledged in term T holds the block for as long as it takes no append of a later leader, and "
        "acknowledges in no term below one in which it voted.",
        "A ballot at a lower position whose accepted term is later: that leader cut the log. A ballot after "
        "a restart, at or above the acknowledged block.",
        ("CR-69", "CR-70"),
    ),
    "two_votes": Grounds(
        "two ballots of one node in one term, for different candidates",
        "A vote is durable before it is sent, and nobody else is granted one in that term.",
        "The same candidate granted again, also if the voter's position or accepted term has moved since.",
        ("CR-03", "CR-05"),
    ),
    "wrong_block": Grounds(
        "a block with its parent's header, that the node proposed or acknowledged, and what it takes to "
        "check the rule that it breaks",
        "A node checks and executes every block before it signs anything about it.",
        "Holding, forwarding or keeping such a block. A right block on a wrong parent.",
        ("CR-69", "CR-77"),
    ),
    "two_certificates": Grounds(
        "two blocks of one height, each with the proof that it is committed",
        "No set of honest nodes makes both: any two quorums share a node.",
        "Acknowledgements of one block in an earlier term than of the other accuse nobody by themselves.",
        ("CR-71", "CR-73", "CR-74"),
    ),
}
assert tuple(GROUNDS) == KINDS, "one row for each kind"


@dataclass(frozen=True, slots=True)
class Proved:
    """What a piece of evidence proves: who is guilty, where, and in one sentence of what."""

    kind: str
    nodes: tuple[str, ...]
    term: int
    height: int
    says: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence; `verify` says whether it proves anything."""

    node: str
    fault: Fault

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(
            (proof_file.EVIDENCE, proof_file.VERSION, self.fault.kind, self.node, self.fault.to_value())
        )

    @property
    def id(self) -> bytes:
        """What the file is called by: SHA-256 of its bytes."""
        return sha256(self.encode()).digest()

    @property
    def place(self) -> tuple[str, str, int, int]:
        """(kind, node, term, height): of two files with the same, one is enough."""
        return (self.fault.kind, self.node, *self.fault.place)

    @classmethod
    def decode(cls, data: bytes) -> Evidence:
        """Read an evidence file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
            VerificationError: a block's body that is not its header's.
        """
        return cls.from_value(codec.decode(data, MAX_EVIDENCE_BYTES))

    @classmethod
    def from_value(cls, value: codec.Value) -> Evidence:
        """Read the array of an evidence file; raises like `decode`."""
        kind, node, body = proof_file.parts(value, proof_file.EVIDENCE, 3)
        read = BODIES.get(shape.text(kind, MAX_NAME_BYTES, "evidence.kind"))
        if read is None:
            raise VerificationError(
                "an unknown kind of evidence",
                code="unknown_evidence",
                field="evidence.kind",
                found=kind,
                expected=", ".join(KINDS),
                remedy="Install a newer version of the software, and verify again.",
            )
        return cls(shape.name(node, "evidence.node") if node != "" else "", read(body))

    def verify(self, genesis: GenesisBlock, executor: Executor | None = None) -> Proved:
        """What the file proves; `executor` holds the rules by which blocks are executed again.

        Raises:
            VerificationError: it does not prove what it claims.
        """
        nodes, says = self.fault.check(self.node, genesis, executor)
        term, height = self.fault.place
        return Proved(self.fault.kind, nodes, term, height, says)
