"""A node that lies: it runs the real core and chain, and says other things than they say.

It has its own keys and nobody else's. What it does follows from `Plan.lies`:

    forks        signs two blocks for a height and shows one to some, the other to the rest
    wrong root   sends blocks whose state root is not what execution gives
    double vote  votes for whoever asks, again and again in a term
    double ack   acknowledges another block of the same term and height, and lets that be seen
    usurps       leads in terms in which nobody elected it, in its own name or another's: after the
                 end of its log, or in place of its newest block
    withholds    takes part, but passes little on
    forgets      loses what it acknowledged, hides that, and votes from where it then stands
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus import Ballot, Entry, Message, Role
from consensus.messages import Append, AppendReply, VoteReply
from ledger.blocks.block import Block
from ledger.blocks.certificate import sign_ack
from ledger.blocks.vote import sign_vote
from ledger.hashing import ZERO
from simulator.ledger_blocks import LedgerBlocks, ballot_of, seed_key
from simulator.plan import DOUBLE_ACK, DOUBLE_VOTE, FORKS, USURPS, WITHHOLDS, WRONG_ROOT

if TYPE_CHECKING:
    from simulator.process import Process


class Liar:
    """What one life of a lying node says instead of what its core says."""

    def __init__(self, node: Process, blocks: LedgerBlocks, lies: tuple[str, ...]) -> None:
        self._node = node
        self._blocks = blocks
        self._lies = frozenset(lies)
        self._key = seed_key(node.name)
        self._draw = node.world.stream(f"lies {node.name} {node.boot}")
        self._others: dict[bytes, Entry] = {}
        """Of own blocks the other version."""

    def says(self, message: Message) -> list[Message]:
        """What is sent in place of a message."""
        if WITHHOLDS in self._lies and self._draw.random() < 0.3:
            return []
        if isinstance(message, Append) and message.entries:
            return [self._twist_append(message)]
        if isinstance(message, VoteReply) and not message.granted and DOUBLE_VOTE in self._lies:
            return [self._grant(message)]
        if isinstance(message, AppendReply) and message.acks and DOUBLE_ACK in self._lies:
            self._acknowledge_another(message)
        return [message]

    def ticked(self) -> list[Message]:
        """Lies that answer nothing."""
        if USURPS not in self._lies or self._draw.random() > 0.02:
            return []
        raft = self._node.raft
        last = raft.log.entry(raft.last_index)
        if last is None or not last.data or raft.role is Role.LEADER:
            return []
        own = self._draw.random() < 0.7
        before = raft.log.entry(raft.last_index - 1)
        if before is not None and before.data and last.index > raft.commit and self._draw.random() < 0.5:
            last = before
        entry = self._resigned(
            last,
            is_wrong=True,
            height=last.index + 1,
            term=raft.term + 1,
            previous=last.hash,
            preamble=ZERO,
            proposer=self._node.name if own else self._blocks.block(last.data).header.proposer,
        )
        place = (last.term, last.index)
        return [
            Append(self._node.name, name, raft.term + 1, raft.new_id(), *place, (entry,), raft.commit, None)
            for name in raft.configuration.members
            if name != self._node.name
        ]

    def _twist_append(self, message: Append) -> Append:
        entry = message.entries[-1]
        if entry.term != message.term:
            return message
        other = self._others.get(entry.hash)
        if other is None:
            other = self._others[entry.hash] = self._other(entry)
        if other is entry or (FORKS in self._lies and self._draw.random() < 0.5):
            return message
        return replace(message, entries=(*message.entries[:-1], other))

    def _other(self, entry: Entry) -> Entry:
        chance = self._draw.random()
        if WRONG_ROOT in self._lies and chance < 0.2:
            return self._resigned(entry, is_wrong=True, state_root=bytes(32))
        if FORKS in self._lies and chance < 0.5:
            before = self._node.raft.log.entry(entry.index - 1)
            earlier_ms = self._time_of(entry) - 1
            if before is not None and before.data and self._time_of(before) < earlier_ms:
                return self._resigned(entry, time_ms=earlier_ms)  # its clocks show that time, too
        return entry

    def _time_of(self, entry: Entry) -> int:
        return self._blocks.block(entry.data).header.time_ms

    def _resigned(self, entry: Entry, *, is_wrong: bool = False, **changed: object) -> Entry:
        """The block with another header, signed as if it were right."""
        block = self._blocks.block(entry.data)
        fields = {name: getattr(block.header, name) for name in _FIELDS} | changed
        transactions, results = block.transactions, block.results
        preamble = block.preamble
        if "preamble" in changed:
            transactions, results, preamble = (), (), b""
        del fields["preamble"]
        data = Block.assemble(
            key=self._key, transactions=transactions, results=results, preamble=preamble, **fields
        ).data
        made = self._blocks.parse(data)
        world = self._node.world
        forged = self._blocks.block(data)
        world.checks.forged(made, forged.header.previous, self._blocks.numbers_of(forged))
        if is_wrong:
            assert world.court is not None, "liars are judged"
            world.court.wrong.add(made.hash)
        return made

    def _grant(self, refusal: VoteReply) -> VoteReply:
        raft = self._node.raft
        if refusal.term != raft.term or refusal.term == 0 or raft.log.last_term >= refusal.term:
            return refusal
        accepted = min(raft.accepted, refusal.term - 1)
        position = (raft.last_term, raft.last_index, raft.log.last_hash)
        ballot = Ballot(refusal.term, refusal.target, accepted, *position)
        signature = sign_vote(self._key, self._blocks.channel, ballot_of(ballot))
        return replace(
            refusal,
            granted=True,
            accepted_term=accepted,
            last_term=position[0],
            last_index=position[1],
            last_hash=position[2],
            signature=signature,
        )

    def _acknowledge_another(self, reply: AppendReply) -> None:
        court = self._node.world.court
        assert court is not None, "liars are judged"
        index, _ = reply.acks[-1]
        invented = bytes(31) + b"\1"
        signature = sign_ack(self._key, self._blocks.channel, reply.term, index, invented)
        court.lies["two_acks", self._node.name] += 1
        court.saw_ack(self._node.name, reply.term, index, invented, signature)


_FIELDS = (
    "channel",
    "height",
    "term",
    "previous",
    "time_ms",
    "proposer",
    "preamble",
    "state_root",
    "history_root",
    "membership",
    "contract_version",
)
