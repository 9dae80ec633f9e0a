"""Everything that reads bytes of somebody else, and what must hold for any bytes at all.

A *target* takes bytes and returns whether they were read; it raises nothing but what its
decoder documents, and what was read is written back as the same bytes. Each target knows
honest bytes to begin with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from core_victim import Recording, recording
from mutation import any_value, mutated_bytes, mutated_value
from small_chain import NODES, SmallChain, seed_key

from consensus import wire
from consensus.errors import ProtocolError
from ledger import codec, keys
from ledger.blocks.block import APPLIED, Block, Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import read_genesis
from ledger.blocks.preamble import Preamble
from ledger.blocks.transaction import Transaction
from ledger.errors import BlockInvalid, Malformed, TallyError, VerificationError
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, SignedHeader, TwoAcks, TwoHeaders
from ledger.members.membership import Membership
from ledger.proofs.handover import Handover, MembershipChain
from ledger.proofs.history import History
from ledger.proofs.receipt import Receipt
from ledger.snapshots.snapshot import Manifest
from ledger.state import history
from ledger.state.overlay import state_key
from ledger.state.root import SUBTREES
from node.errors import PeerRefused
from node.limits import MAX_FRAME_BYTES, MAX_HELLO_BYTES, MAX_INTRODUCED_HANDOVERS
from node.peering.frames import FrameReader, frame, read
from node.peering.introductions import INTRODUCTION, Introduction


@dataclass(frozen=True)
class Target:
    """One decoder."""

    seeds: Callable[[], tuple[bytes, ...]]
    is_read: Callable[[bytes], bool]
    """Raises only for a bug."""

    def case(self, chance: Random) -> bytes:
        """Bytes to try: honest ones with a change of the bytes or of the value in them, rarely any."""
        seeds = self.seeds()
        data = chance.choice(seeds)
        kind = chance.random()
        if kind < 0.05:
            return chance.randbytes(chance.randrange(200))
        if kind < 0.1:
            return codec.encode(any_value(chance))
        if kind < 0.55:
            return mutated_bytes(chance, data, seeds)
        try:
            value = codec.decode(data)
            for _ in range(chance.choice((1, 1, 2, 3))):
                value = mutated_value(chance, value)
            return codec.encode(value)
        except TallyError:
            return mutated_bytes(chance, data, seeds)


@cache
def chain() -> SmallChain:
    """A few real blocks with real signatures."""
    made = SmallChain()
    state = made.overlay()
    key = state_key("relationship", "acme", "carrier")
    history.append(state, key, (19_675, "payment", "INV-0", "EUR", 100), {"EUR": 100})
    made.seal(
        [made.transaction(number) for number in range(3)],
        [APPLIED, APPLIED, ((0, "duplicate_invoice", "this invoice is on the ledger"),)],
        state=state,
    )
    made.seal([made.transaction(7, text="x" * 300, numbers=[1, 2, {"a": None}])], term=2, proposer="node-b")
    return made


@cache
def played() -> Recording:
    """What a simulated cluster said to each other."""
    return recording(2, steps=700)


def _message_seeds() -> tuple[bytes, ...]:
    found: dict[type, list[bytes]] = {}
    for message in played().messages:
        found.setdefault(type(message), []).append(codec.encode(wire.to_value(message)))
    return tuple([data for each in found.values() for data in each[:6]])


def _reads_message(data: bytes) -> bool:
    try:
        value = read(data)
    except Malformed:
        return False
    try:
        message = wire.from_value(value)
    except ProtocolError:
        return False
    complaint = wire.check(message)
    assert complaint is None or len(complaint) < 100
    assert codec.encode(wire.to_value(message)) == data, "one spelling for each message"
    return complaint is None


def _stream_seeds() -> tuple[bytes, ...]:
    hello = frame(("hello", 1, bytes(32), "n1", "n2"))
    some = [frame(("raft", codec.decode(data))) for data in _message_seeds()[:8]]
    stranger = frame((INTRODUCTION, 1, (bytes(32), 0, (), ())))
    return (hello, hello + b"".join(some), b"".join(some), frame(None), frame(("forwarded", ())), stranger)


def _reads_stream(data: bytes) -> bool:
    """However a stream is cut on its way, the same frames come out, and no more is held than has come."""
    outcomes = []
    for piece in (len(data) or 1, 7):
        reader = FrameReader(MAX_HELLO_BYTES)
        taken: list[codec.Value] = []
        outcome = ""
        try:
            for start in range(0, len(data), piece):
                reader.feed(data[start : start + piece])
                while (content := reader.take()) is not None:
                    taken.append(read(content))
                    reader.limit_bytes = MAX_FRAME_BYTES
                assert reader.held_bytes <= len(data)
        except (PeerRefused, Malformed) as error:
            outcome = error.code
        outcomes.append((outcome, taken))
    assert outcomes[0] == outcomes[1], "how the stream is cut makes no difference"
    return outcomes[0][0] == ""


def _by(
    decode: Callable[[bytes], Any], encode: Callable[[Any], bytes] | None = None
) -> Callable[[bytes], bool]:
    def is_read(data: bytes) -> bool:
        refusal: TallyError | None = None
        try:
            found = decode(data)
        except (Malformed, BlockInvalid, VerificationError) as error:
            refusal = error
        if refusal is not None:
            assert refusal.code
            assert len(str(refusal)) < 1_000, "a refusal is a sentence, not what was refused"
            return False
        assert (found.encode() if encode is None else encode(found)) == data, "one spelling"
        return True

    return is_read


@cache
def _chain_bytes() -> dict[str, tuple[bytes, ...]]:
    made = chain()
    blocks = made.blocks
    key = state_key("relationship", "acme", "carrier")
    acks = [
        SignedAck(1, 1, digest, seed_key(NODES[0]).sign(keys.ACK_DOMAIN, digest))
        for digest in (b"a" * 32, b"b" * 32)
    ]
    headers = [SignedHeader(block.header, block.signature) for block in blocks[1:]]
    return {
        "block": tuple([block.data for block in blocks[1:]]),
        "header": tuple([block.header.data for block in blocks]),
        "transaction": tuple([each.envelope for block in blocks for each in block.transactions]),
        "receipt": (made.receipt(1, 0, 2).encode(), made.receipt(1, 1, 1, via=2).encode()),
        "history": (made.history(key).encode(),),
        "evidence": (
            Evidence(NODES[0], TwoAcks.of(*acks)).encode(),
            Evidence(NODES[0], TwoHeaders.of(*headers)).encode(),
        ),
        "membership": (codec.encode(made.genesis.membership.to_value()),),
        "preamble": (
            Preamble(membership=made.genesis.membership, settled=made.certified(1)).encode(),
            blocks[1].preamble,
        ),
        "certified": tuple(
            [codec.encode(each.to_value()) for each in (made.certified(1), made.certified(1, 2))]
        ),
        "manifest": (Manifest(made.certified(1), bytes(32 * SUBTREES), (b"p" * 32,)).encode(),),
        "memberships": (MembershipChain(()).encode(),),
        "genesis": (blocks[0].data,),
    }


def _introduction_seeds() -> tuple[bytes, ...]:
    made = chain()
    blocks = made.blocks[1:]
    handovers = tuple([Handover(made.certified(each.height), each.preamble).to_value() for each in blocks])
    addresses = (("n1", "localhost:7000"), ("n2", "[::1]:7001"))
    return tuple(
        [
            codec.encode((made.genesis.channel, height, handovers[:height], addresses[:height]))
            for height in range(3)
        ]
    )


def _reads_introduction(data: bytes) -> codec.Value:
    """What strangers say of the members, read; as the value that it was read from."""
    value = codec.decode(data)
    said = Introduction.from_value(value)
    assert len(said.handovers) <= MAX_INTRODUCED_HANDOVERS
    assert all(host and 0 < port <= 65_535 for _, (host, port) in said.addresses)
    return value


def _chain_target(
    name: str, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes] | None = None
) -> Target:
    return Target(lambda: _chain_bytes()[name], _by(decode, encode))


def _value_target(name: str, kind: Any) -> Target:
    return _chain_target(
        name, lambda data: kind.from_value(codec.decode(data)), lambda found: codec.encode(found.to_value())
    )


TARGETS: dict[str, Target] = {
    "stream": Target(_stream_seeds, _reads_stream),
    "message": Target(_message_seeds, _reads_message),
    "value": Target(_message_seeds, _by(codec.decode, codec.encode)),
    "block": _chain_target("block", Block.decode, lambda block: block.data),
    "header": _chain_target("header", Header.decode, lambda header: header.data),
    "transaction": _chain_target("transaction", Transaction.decode, lambda found: found.envelope),
    "receipt": _chain_target("receipt", Receipt.decode),
    "history": _chain_target("history", History.decode),
    "evidence": _chain_target("evidence", Evidence.decode),
    "preamble": _chain_target("preamble", Preamble.decode),
    "manifest": _chain_target("manifest", Manifest.decode),
    "introduction": Target(_introduction_seeds, _by(_reads_introduction, codec.encode)),
    "memberships": _chain_target("memberships", MembershipChain.decode),
    "membership": _value_target("membership", Membership),
    "certified": _value_target("certified", CertifiedHeader),
    "genesis": _chain_target("genesis", read_genesis, lambda genesis: genesis.block.data),
}
"""Every decoder of bytes that come from somebody else."""
