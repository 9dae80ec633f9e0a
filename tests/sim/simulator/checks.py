"""The rules, judged after every step from outside the core, over all nodes and all their lives.

The checks keep a picture of their own: a mirror of each node's log, the ancestry of every
block ever sealed, who voted, signed and led. Each step costs what changed, because a block's
hash covers its predecessor: two logs with the same hash at an index are equal up to there
(`deep` compares the mirrors themselves now and then).

*Decided* is a block as soon as a quorum has signed it, whether or not anybody knows. That is
earlier and stricter than *committed*, which is what a node believes.

    rule                    holds when                                                    END
    election_safety         one leader in a term, for ever                                 x
    log_matching            (term, index) has one hash and one predecessor, for ever       x
    state_machine_safety    one committed hash for an index, on all nodes, for ever        x
    leader_completeness     a new leader holds everything decided in earlier terms         x
    committed_truncated     nothing decided or committed is ever removed                   x
    lost doubled            acknowledged to a client: committed, once                      x
    liveness                healed, all nodes agree and go on within bounded time          x
    core_raised halted      the core neither raises nor halts, unless its disk failed      x
    framed                  no evidence is made against honest nodes
    leader_append_only      a leader only appends entries of its own term
    cut_needed              no honest node cuts what it signed, if no majority does without the
                            honest ones that did: a certificate may need it
    held_truncated          an entry that the request holds too is not removed (CR-24)
    term_monotone commit_monotone
    commit_undecided        a node commits only what is decided and what it holds (CR-39)
    persisted               what the core takes for durable is on the disk (CR-29, CR-30)
    signed_early            signed: durable, held, own current term, not refused (CR-69)
    signed_twice            one hash for a (term, index); terms never fall (CR-69)
    certificate             genuine signatures of a quorum of distinct voters (CR-71)
    voted_twice             one vote a term, over restarts (CR-03, CR-05)
    vote_position           a vote states the voter's true position (CR-70)
    vote_denies_ack         no vote that left denies an acknowledgement of its voter (CR-70)
    election_certificate    genuine votes of a majority, of each half if joint (CR-07, CR-57)
    mute_spoke              a node that lost data neither votes nor signs (CR-76)
    stale_read              a read sees all that was acknowledged or read before it began (CR-79)     x
    handed_over_early       who is to lead next holds all of the log (CR-82)
    members                 the members that govern are those of the log (CR-53)
    granted_behind          a vote goes only to a log at least as up to date (CR-04)
    elected_without_votes   a leader has a majority of votes that left their nodes (CR-07)
    sent_early              term and vote are durable before a message leaves (CR-05)
    absurd_obeyed           an absurd message changes nothing (CR-88)
    apply_order             applied in order, durable first (CR-42)                        x
    disk_unsound            only a damaged disk keeps a node from starting (CR-35)          x
    state_root              equal states, and roots of them, at equal heights (CR-77)      x
    storage_order handed_order   the disk and the application are handed a log without gaps    x

The rules marked END are what a user would suffer from; `only=END_TO_END` judges by them alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from consensus import (
    Ballot,
    Certificate,
    Configuration,
    ElectionCertificate,
    Entry,
    Message,
    Ready,
    Role,
    SnapshotPoint,
)
from consensus.messages import Append, Heartbeat, PreVote, PreVoteReply, TimeoutNow, Vote, VoteReply
from simulator.violation import Violation

if TYPE_CHECKING:
    from simulator.blocks import Blocks
    from simulator.plan import Plan
    from simulator.process import Process

PROVED = 2
"""So many acknowledged transactions of each node get a receipt at the end, which must verify."""

END_TO_END = frozenset(
    {
        "election_safety",
        "log_matching",
        "state_machine_safety",
        "leader_completeness",
        "committed_truncated",
        "lost",
        "doubled",
        "liveness",
        "core_raised",
        "halted",
        "apply_order",
        "state_root",
        "disk_unsound",
        "stale_read",
        "storage_order",
        "handed_order",
    }
)


AMONG_LIARS = frozenset(
    {
        "cut_needed",
        "framed_by_proof",
        "unproved_lie",
        "unverified_proof",
        "unattributed",
        "doubted",
        "acknowledged_wrong",
        "signed_twice",
        "signed_early",
        "voted_twice",
        "vote_denies_ack",
        "sent_early",
        "persisted",
        "core_raised",
        "disk_unsound",
    }
)
"""What honest nodes keep to whatever one of the others says; safety itself is not claimed then."""


class Picture:
    """What the checks know of one node; `boot` and the fields after it are of its present life."""

    __slots__ = (
        "boot",
        "commit",
        "mirror",
        "persisted",
        "role",
        "sent_term",
        "signed",
        "signed_term",
        "term",
        "vote",
        "voted_term",
    )

    def __init__(self, genesis: bytes) -> None:
        self.signed_term = 0
        self.signed = (0, 0)
        """The furthest (term, index) that this node acknowledged, in any life."""
        self.voted_term = 0
        self.sent_term = 0
        self.boot = 0
        self.mirror: list[bytes] = [genesis]
        self.term = 0
        self.vote: str | None = None
        self.role = Role.FOLLOWER
        self.commit = 0
        self.persisted = 0


class Checks:
    """Judges; a rule that does not hold is raised as a `Violation`."""

    def __init__(self, plan: Plan, blocks: Blocks, only: Collection[str] | None = None) -> None:
        self._blocks = blocks
        genesis = blocks.genesis.hash
        self._governs: dict[bytes, Configuration] = {genesis: Configuration(plan.names, plan.quorum)}
        """Of every block the members that govern it, itself included."""
        self._only = only
        self._liar = plan.liar
        self._victims = frozenset(plan.victims)
        self.ignored: Counter[str] = Counter()
        """Rules that did not hold and are not judged."""
        self._pictures: dict[str, Picture] = {name: Picture(genesis) for name in plan.everyone}
        self._parent: dict[bytes, bytes] = {}
        """Of every block ever sealed, the one before."""
        self._place: dict[bytes, tuple[int, int]] = {genesis: (0, 0)}
        """Of every block its (term, index)."""
        self._block_at: dict[tuple[int, int], bytes] = {}
        self._numbers: dict[bytes, Sequence[int]] = {}
        """Of every block its transactions."""
        self._leaders: dict[int, tuple[str, int, bytes]] = {}
        """Of each term its leader, and the end of its log when it was elected."""
        self._votes: dict[tuple[str, int], str] = {}
        self._grants: dict[tuple[int, str], set[str]] = defaultdict(set)
        self._signed: dict[tuple[str, int, int], bytes] = {}
        self._signers: dict[tuple[int, int, bytes], set[str]] = defaultdict(set)
        self._genuine: set[Certificate] = set()
        self._ballots: set[tuple[str, Ballot]] = set()
        self.read_floor = 0
        """The highest height that a client has heard of, by an acknowledgement or a read."""
        self.decided: list[bytes] = [genesis]
        self._decided_in: list[int] = [0]
        """The term in which each was decided; it never falls along the log."""
        self.committed: list[bytes] = [genesis]
        self._heights: dict[int, int] = {}
        """Of each committed transaction its height."""
        self._states: dict[int, bytes] = {}
        """Of each height the state that the first node to apply it had."""
        self._rows: dict[int, bytes] = {}
        self.elections = 0
        self.members_cut = 0
        """Times that members ceased to govern because their entry was removed."""
        self.cuts = 0
        """Times that a node removed entries from its log."""

    def fail(self, rule: str, detail: str) -> None:
        """A rule does not hold."""
        if not self.ignores(rule):
            raise Violation(rule, detail)
        self.ignored[rule] += 1

    def ignores(self, rule: str) -> bool:
        """Whether this rule is not judged."""
        return self._only is not None and rule not in self._only

    def started(self, node: Process) -> None:
        """A node is up; its log is what its disk held."""
        picture = self._pictures[node.name]
        raft = node.raft
        picture.boot = node.boot
        picture.mirror = [entry.hash for entry in node.disk.entries]
        picture.term, picture.vote = raft.term, raft.vote
        picture.role = raft.role
        picture.commit = raft.commit
        picture.persisted = raft.log.persisted
        if raft.last_index != len(picture.mirror) - 1:
            self.fail("persisted", f"{node.name} starts with {raft.last_index} of {len(picture.mirror) - 1}")

    def damaged(self, name: str, reason: str) -> None:
        """A node does not start, because of its disk: somebody must have damaged that."""
        if name not in self._victims:
            self.fail("disk_unsound", f"{name} does not start: {reason}")

    def wiped(self, name: str) -> None:
        """A node's disk is gone: it does not know any more which terms it spoke of."""
        self._pictures[name].sent_term = 0

    def after(self, node: Process) -> None:
        """Something was said to this node's core: what has changed?"""
        raft = node.raft
        log = raft.log
        picture = self._pictures[node.name]
        term, role, last = raft.hard.term, raft.role, log.last_index
        mirror = picture.mirror
        cut = 0
        end = self._held(node, last)
        if len(mirror) - 1 != last or (end is not None and mirror[last] != end.hash):
            cut = self._log_changed(node, picture)
        if term != picture.term or raft.hard.vote != picture.vote:
            self._hard_changed(node, picture)
        persisted = log.persisted
        if persisted < picture.persisted and cut != persisted + 1:
            self.fail("held_truncated", f"{node.name} unlearns {persisted + 1}, which did not change")
        picture.persisted = persisted
        disk = node.disk.entries
        if persisted >= len(disk) or disk[persisted].hash != mirror[persisted]:
            self.fail("persisted", f"{node.name} takes {persisted} for durable, which its disk does not hold")
        if role is Role.LEADER and (picture.role is not Role.LEADER or picture.term != term):
            self._elected(node, picture, term)
        picture.term, picture.role = term, role
        if raft.commit != picture.commit:
            self._committed(node, picture, raft.commit)
        if raft.halted is not None and not node.stopped:
            self.fail("halted", f"{node.name}: {raft.halted}")
        if raft.evidence:
            self.fail("framed", f"{node.name}: {raft.evidence[0]}")

    def _log_changed(self, node: Process, picture: Picture) -> int:
        """Bring the mirror up to date; the first index that was removed, or 0."""
        log = node.raft.log
        mirror = picture.mirror
        last = log.last_index
        same = min(last, len(mirror) - 1)
        new: list[Entry] = []
        for index in range(last, same, -1):
            new.append(self._read(node, index))
        while same:
            entry = self._read(node, same)
            if entry.hash == mirror[same]:
                break
            new.append(entry)
            same -= 1
        new.reverse()
        cut = 0
        leads = picture.role is Role.LEADER and node.raft.role is Role.LEADER
        if same < len(mirror) - 1:
            cut = same + 1
            self.cuts += 1
            if leads:
                self.fail("leader_append_only", f"{node.name} removes {cut} from its own log")
            if cut <= picture.commit or (
                not node.refusing and cut < len(self.decided) and mirror[cut] == self.decided[cut]
            ):
                self.fail("committed_truncated", f"{node.name} removes {cut}")
            self._check_needed(node, mirror, cut)
            if self._governs.get(mirror[-1]) is not self._governs.get(mirror[cut - 1]):
                self.members_cut += 1
            del mirror[cut:]
        for entry in new:
            self._check_place(node, entry, mirror[-1])
            if leads and entry.term != picture.term:
                self.fail("leader_append_only", f"{node.name} appends {entry.index} of term {entry.term}")
            mirror.append(entry.hash)
        self._check_members(node, mirror[-1])
        return cut

    def _check_needed(self, node: Process, mirror: list[bytes], cut: int) -> None:
        """A certificate of what is cut may exist, or come, unless a majority can do without its signers."""
        for block in mirror[cut:]:
            signers = self._signers.get((*self._place[block], block), frozenset())
            honest = signers - self._victims - {self._liar}
            governs = self._governs[block]
            if node.name in honest and not governs.has_majority_of_a_half({*governs.electorate} - honest):
                self.fail("cut_needed", f"{node.name} cuts {self._place[block]}, signed by {sorted(signers)}")

    def _check_members(self, node: Process, end: bytes) -> None:
        governs, found = self._governs.get(end), node.raft.configuration
        if governs is not None and found != governs:
            self.fail("members", f"{node.name} goes by {found}, its log says {governs}")

    def _read(self, node: Process, index: int) -> Entry:
        entry = self._held(node, index)
        if entry is None:
            raise Violation("core_raised", f"{node.name} cannot read {index} of its own log")
        return entry

    @staticmethod
    def _held(node: Process, index: int) -> Entry | None:
        """An entry of the log, past the disk: looking on must not find damage that nobody else found."""
        found = node.raft.log.recent(index)
        if found is not None:
            return found
        entries = node.disk.entries
        return entries[index] if index < len(entries) else None

    def _check_place(self, node: Process, entry: Entry, previous: bytes) -> None:
        if self._place.get(entry.hash) != (entry.term, entry.index):
            self.fail("log_matching", f"{node.name} holds an entry nobody made: {entry}")
        elif self._parent[entry.hash] != previous:
            self.fail("log_matching", f"{node.name}: {entry.index} does not follow what is before it")

    def _hard_changed(self, node: Process, picture: Picture) -> None:
        hard = node.raft.hard
        if hard.term < picture.term:
            self.fail("term_monotone", f"{node.name} goes from term {picture.term} to {hard.term}")
        if hard.term == picture.term and picture.vote is not None:
            self.fail("voted_twice", f"{node.name} in term {hard.term}: {picture.vote}, then {hard.vote}")
        picture.vote = hard.vote

    def _elected(self, node: Process, picture: Picture, term: int) -> None:
        name, mirror = node.name, picture.mirror
        self.elections += 1
        known = self._leaders.setdefault(term, (name, len(mirror) - 1, mirror[-1]))
        if known[0] != name:
            self.fail("election_safety", f"{known[0]} and {name} lead term {term}")
        voters = self._grants[term, name]
        if not self._governs[mirror[-1]].has_majority(voters | {name}):
            self.fail("elected_without_votes", f"{name} leads term {term} by {sorted(voters)}")
        top = bisect_left(self._decided_in, term) - 1
        if len(mirror) <= top or mirror[top] != self.decided[top]:
            self.fail("leader_completeness", f"{name} leads term {term} without the decided block {top}")

    def _committed(self, node: Process, picture: Picture, commit: int) -> None:
        name, mirror, committed = node.name, picture.mirror, self.committed
        if commit < picture.commit:
            self.fail("commit_monotone", f"{name} goes from {picture.commit} to {commit}")
        if commit >= len(mirror):
            self.fail("commit_undecided", f"{name} commits {commit} beyond its log")
            commit = len(mirror) - 1
        if commit >= len(self.decided) or mirror[commit] != self.decided[commit]:
            self.fail("commit_undecided", f"{name} commits {commit}, which no quorum has signed")
        picture.commit = commit
        common = min(commit, len(committed) - 1)
        if mirror[common] != committed[common]:
            self.fail("state_machine_safety", f"{name} commits another block at {common}")
        for index in range(len(committed), commit + 1):
            block = mirror[index]
            committed.append(block)
            for number in self._numbers.get(block, ()):
                height = self._heights.setdefault(number, index)
                if height != index:
                    self.fail("doubled", f"transaction {number} is committed at {height} and at {index}")

    def sealed(self, entry: Entry, previous: bytes, numbers: Sequence[int]) -> None:
        """A node made a block."""
        key = (entry.term, entry.index)
        self._place[entry.hash] = key
        self._parent[entry.hash] = previous
        self._numbers[entry.hash] = numbers
        self._governs[entry.hash] = entry.configuration or self._governs[previous]
        if self._block_at.setdefault(key, entry.hash) != entry.hash:
            self.fail("log_matching", f"two blocks at term {entry.term}, index {entry.index}")

    def forged(self, entry: Entry, previous: bytes, numbers: Sequence[int]) -> None:
        """A liar made a block beside the one that its chain holds."""
        self._numbers[entry.hash] = numbers
        self._place[entry.hash] = (entry.term, entry.index)
        self._parent[entry.hash] = previous
        self._governs[entry.hash] = self._governs[previous]

    def seals(self, node: Process) -> None:
        """A leader is about to build on its application's head: it must be the log's end."""
        end = self._held(node, node.raft.last_index) or self._blocks.genesis
        if end.hash != node.app.head.hash:
            raise Violation("handed_order", f"{node.name} leads with an application that is not at the end")

    def signs(self, node: Process, term: int, index: int, entry_hash: bytes) -> None:
        """A node makes an acknowledgement."""
        name, raft, disk = node.name, node.raft, node.disk
        picture = self._pictures[name]
        if disk.mute_until is not None and raft.commit < disk.mute_until:
            self.fail("mute_spoke", f"{name} signs {index}, but has lost data")
        held = self._held(node, index)
        durable = disk.entries[index] if index < len(disk.entries) else None
        if durable is None or durable.hash != entry_hash:
            self.fail("signed_early", f"{name} signs {index} in term {term}, which is not durable")
        if held is None or held.hash != entry_hash or held.term != term:
            self.fail("signed_early", f"{name} signs {index} in term {term}, which its log does not hold")
        if raft.term != term or disk.hard.term != term:
            self.fail("signed_early", f"{name} signs for term {term} in {raft.term}, durable {disk.hard}")
        if entry_hash in node.refused:
            self.fail("signed_early", f"{name} signs {index}, which it refused")
        if term < picture.signed_term and name != self._liar:
            self.fail("signed_twice", f"{name} signs in term {term} after {picture.signed_term}")
        if term < picture.voted_term and name != self._liar:
            self.fail("signed_twice", f"{name} signs in term {term} after a vote in {picture.voted_term}")
        picture.signed_term = max(term, picture.signed_term)
        picture.signed = max((term, index), picture.signed)
        if self._signed.setdefault((name, term, index), entry_hash) != entry_hash and name != self._liar:
            self.fail("signed_twice", f"{name} signs two blocks at term {term}, index {index}")
        signers = self._signers[term, index, entry_hash]
        if name not in signers:
            signers.add(name)
            governs = self._governs.get(entry_hash)
            if governs is not None and governs.has_quorum(signers):
                self._decide(term, index, entry_hash)

    def votes(self, node: Process, ballot: Ballot) -> None:
        """A node makes a vote; it counts once it leaves."""
        raft = node.raft
        until = node.disk.mute_until
        if until is not None and raft.commit < until:
            self.fail("mute_spoke", f"{node.name} votes in term {ballot.term}, but has lost data")
        mirror = self._pictures[node.name].mirror
        if (ballot.last_index, ballot.last_hash) != (len(mirror) - 1, mirror[-1]):
            self.fail("vote_position", f"{node.name} states {ballot.last_index} of {len(mirror) - 1}")
        self._ballots.add((node.name, ballot))

    def _vote_left(self, name: str, ballot: Ballot) -> None:
        """A signed vote has left: does it deny what its voter acknowledged before?"""
        picture = self._pictures[name]
        picture.voted_term = max(ballot.term, picture.voted_term)
        stated = (ballot.accepted_term, ballot.last_index)
        if name == self._liar:
            return
        if picture.signed[0] < ballot.term and stated < picture.signed:
            self.fail("vote_denies_ack", f"{name} states {stated} in {ballot}, acknowledged {picture.signed}")
        if picture.signed[0] > ballot.term:
            self.fail(
                "vote_denies_ack", f"{name} votes in {ballot.term} after signing in {picture.signed[0]}"
            )

    def took_office(self, node: Process, election: ElectionCertificate) -> None:
        """A node shows the votes by which it leads."""
        voters = [vote.node for vote in election.votes]
        for vote in election.votes:
            statement = (vote.accepted_term, vote.last_term, vote.last_index, vote.last_hash)
            ballot = Ballot(election.term, election.candidate, *statement)
            if (vote.node, ballot) not in self._ballots:
                self.fail("election_certificate", f"{vote.node} did not vote {ballot}")
            if not self._blocks.verifies_vote(vote.node, ballot, vote.signature):
                self.fail("election_certificate", f"the vote of {vote.node} does not verify")
            if vote.node == node.name:
                self._vote_left(node.name, ballot)
        governs = self._governs[self._pictures[node.name].mirror[-1]]
        if voters != sorted(set(voters)) or not governs.has_majority(voters):
            self.fail("election_certificate", f"{node.name} leads {election.term} by votes of {voters}")

    def read(self, node: Process, floor: int, index: int) -> None:
        """A node serves a read from what it has applied; `floor` is what clients knew when it began."""
        applied = node.app.applied
        if applied < floor:
            self.fail("stale_read", f"{node.name} reads at {applied}, known before was {floor}")
        if applied < index:
            self.fail("stale_read", f"{node.name} reads at {applied}, before the read's index {index}")
        self.read_floor = max(self.read_floor, applied)

    def installs(self, node: Process, point: SnapshotPoint) -> None:
        """A node's log and state are replaced by a snapshot."""
        picture = self._pictures[node.name]
        index = point.index
        if index >= len(self.committed) or self.committed[index] != point.hash:
            self.fail("state_machine_safety", f"{node.name} installs another block at {index}")
        if index <= picture.commit:
            self.fail("commit_monotone", f"{node.name} installs {index} at commit {picture.commit}")
        picture.mirror = [entry.hash for entry in node.disk.entries]
        picture.commit = picture.persisted = index
        if self._governs[point.hash] != point.configuration:
            self.fail("members", f"{node.name} installs {index} with the members {point.configuration}")

    def _decide(self, term: int, index: int, block: bytes) -> None:
        decided = self.decided
        path = []
        while index >= len(decided):
            path.append(block)
            block, index = self._parent[block], index - 1
        if decided[index] != block:
            self.fail("state_machine_safety", f"another block is decided at {index} in term {term}")
            return
        if not path:
            return
        path.reverse()
        decided.extend(path)
        self._decided_in.extend([term] * len(path))
        for later, (name, last, end) in self._leaders.items():
            if later > term and not self._descends(end, last, len(decided) - 1):
                self.fail("leader_completeness", f"{name} led term {later} without {index}, decided now")

    def _descends(self, block: bytes, index: int, height: int) -> bool:
        while index > height:
            block, index = self._parent[block], index - 1
        return index == height and block == self.decided[height]

    def handed(self, node: Process, ready: Ready) -> None:
        """A node hands out a Ready."""
        if ready.certificate is not None:
            self._check_certificate(node.name, ready.certificate)

    def sent(self, node: Process, message: Message) -> None:
        """A message leaves a node."""
        name, picture, durable = node.name, self._pictures[node.name], node.disk.hard
        if isinstance(message, PreVote) or (isinstance(message, PreVoteReply) and message.granted):
            return
        if message.term > durable.term:
            self.fail("sent_early", f"{name} speaks of term {message.term}, durable is {durable}")
        if message.term < picture.sent_term:
            self.fail("term_monotone", f"{name} speaks of term {message.term} after {picture.sent_term}")
        picture.sent_term = max(message.term, picture.sent_term)
        if isinstance(message, VoteReply):
            if message.granted:
                self._voted(node, message.term, message.target)
                self._vote_left(name, message.ballot)
        elif isinstance(message, Vote):
            self._voted(node, message.term, name)
        elif isinstance(message, TimeoutNow):
            self._check_heir(node, message)
        elif isinstance(message, Append | Heartbeat) and message.certificate is not None:
            self._check_certificate(name, message.certificate)

    def _check_heir(self, node: Process, message: TimeoutNow) -> None:
        mine, heir = self._pictures[node.name].mirror, self._pictures[message.target].mirror
        if len(heir) < len(mine) or heir[len(mine) - 1] != mine[-1]:
            detail = f"{node.name} hands over to {message.target}, whose log is not its own"
            self.fail("handed_over_early", detail)

    def _voted(self, node: Process, term: int, candidate: str) -> None:
        name, durable = node.name, node.disk.hard
        if durable.term == term and durable.vote != candidate:
            self.fail("sent_early", f"{name} votes for {candidate} in term {term}, durable is {durable}")
        if self._votes.setdefault((name, term), candidate) != candidate:
            other = self._votes[name, term]
            self.fail("voted_twice", f"{name} in term {term}: {other}, then {candidate}")
        self._grants[term, candidate].add(name)

    def answered(self, node: Process, ask: Vote, had_granted: bool) -> None:
        """A request for a vote was stepped: was the vote given to a log that is behind?"""
        raft = node.raft
        if raft.vote != ask.sender or raft.term != ask.term or had_granted:
            return
        if (ask.last_term, ask.last_index) < (raft.last_term, raft.last_index):
            self.fail("granted_behind", f"{node.name} votes for {ask.sender} in term {ask.term}")

    def _check_certificate(self, name: str, certificate: Certificate) -> None:
        if certificate in self._genuine:
            return
        term, index, block = certificate.term, certificate.index, certificate.hash
        signers = [signer for signer, _ in certificate.acks]
        genuine = self._signers.get((term, index, block), set())
        governs = self._governs[block]
        if len(set(signers)) != len(signers) or not all(map(governs.is_voter, signers)):
            self.fail("certificate", f"{name} has one for {index} signed by {signers}")
        if not governs.has_quorum(signers):
            self.fail("certificate", f"{name} has one for {index} signed only by {signers}")
        for signer, signature in certificate.acks:
            if signer not in genuine or not self._blocks.verifies(signer, term, index, block, signature):
                self.fail("certificate", f"{name} has one for {index}, which {signer} did not sign")
        if self._place.get(block) != (term, index):
            self.fail("certificate", f"{name} has one for {index} in term {term}, which is not its block's")
        self._genuine.add(certificate)

    def applies(self, node: Process, certificate: Certificate) -> None:
        """A node is about to apply up to a certificate."""
        index, entries = certificate.index, node.disk.entries
        if index >= len(entries) or entries[index].hash != certificate.hash:
            self.fail("apply_order", f"{node.name} applies {index}, which is not durable here")

    def applied(self, node: Process, block: Entry) -> None:
        """A node applied a block."""
        index = block.index
        if index >= len(self.committed) or self.committed[index] != block.hash:
            self.fail("state_machine_safety", f"{node.name} applies another block at {index}")

    def pictured(self, node: Process) -> None:
        """A node has applied some blocks: its state is that of all others at this height."""
        app = node.app
        picture = app.picture()
        if self._states.setdefault(app.applied, picture) != picture:
            self.fail("state_root", f"{node.name} has another state at height {app.applied}")

    def acknowledged(self, number: int, node: str) -> None:
        """A client was told that its transaction is committed."""
        if number not in self._heights:
            self.fail("lost", f"{node} acknowledged transaction {number}, which is not committed")
        self.read_floor = max(self.read_floor, self._heights.get(number, 0))

    def obeyed(self, node: Process, before: tuple[object, ...], after: tuple[object, ...]) -> None:
        """An absurd message was stepped."""
        if before != after:
            self.fail("absurd_obeyed", f"{node.name} goes from {before} to {after}")

    def deep(self, node: Process) -> None:
        """Compare the whole log with the mirror."""
        mirror, recent, disk = self._pictures[node.name].mirror, node.raft.log.recent, node.disk
        self._check_members(node, mirror[-1])
        first, end = disk.first_index + 1, node.raft.last_index + 1
        while end > first and (entry := recent(end - 1)) is not None:
            end -= 1
            if entry.hash != mirror[end]:
                self.fail("log_matching", f"{node.name} changed {end} below its log's end")
        if [entry.hash for entry in disk.entries[first:end]] != mirror[first:end]:
            self.fail("log_matching", f"{node.name} changed its log below {end}")

    def at_the_end(self, node: Process, acknowledged: Collection[int]) -> None:
        """After healing: every node holds what was acknowledged, once."""
        held = node.app.held()
        rows = node.app.deep_picture()
        if self._rows.setdefault(node.app.applied, rows) != rows:
            self.fail("state_root", f"{node.name} stores another state at height {node.app.applied}")
        for number in acknowledged:
            if held.get(number, 0) != 1:
                self.fail("lost", f"{node.name} holds acknowledged {number} {held.get(number, 0)} times")
        for number in sorted(acknowledged)[-PROVED:]:
            node.app.prove(number)
