"""A member that was away is handed the changes of the members; a liar gains nothing by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bare_blocks import Blocks
from membership_steps import CHANNEL, TRUSTED, settled
from node_network import membership_of, node_files, run, until
from peer_links import Node, hello, neighbourhood, network, stranger

from ledger import codec
from ledger.errors import Malformed
from ledger.members.membership import steps_to
from ledger.proofs.handover import Handover
from node.errors import PeerRefused
from node.limits import MAX_INTRODUCED_HANDOVERS, MAX_STRANGER_BYTES
from node.peering.frames import frame
from node.peering.introductions import INTRODUCTION, Introductions, Talk
from node.peering.neighbours import Neighbourhood

TARGETS = (("n2", "n3", "n4"), ("n3", "n4", "n5"), ("n4", "n5", "n6"), ("n6", "n7", "n8"))


def handovers_over(*targets: tuple[str, ...]) -> list[Handover]:
    blocks, at, made = Blocks(), TRUSTED.membership, []
    for target in targets:
        for step in steps_to(at, settled(*target)):
            made.append(blocks.handover(step))
            at = step
    return made


CHANGES = handovers_over(*TARGETS)


def side(known: int = 0) -> tuple[Introductions, Neighbourhood, list[int]]:
    """One that has followed so many of the changes; how often it learned something."""
    around = neighbourhood(TRUSTED.membership, CHANNEL, TRUSTED)
    around.follow(CHANGES[:known])
    learned: list[int] = []
    return Introductions(CHANNEL, around, lambda: learned.append(1)), around, learned


def talk(dialler: Introductions, acceptor: Introductions) -> int:
    """Two strangers take turns, as their links do; how many messages it takes."""
    sides = ((acceptor, Talk()), (dialler, Talk()))
    said, count = dialler.opening(), 1
    while True:
        hearing, stood = sides[(count + 1) % 2]
        is_level, said = hearing.hear_stranger(codec.decode(codec.encode(said)), stood)
        if is_level and hearing is dialler:
            return count
        count += 1
        if is_level:
            sides[1][0].hear_stranger(said, sides[1][1])
            return count


@pytest.mark.parametrize(
    ("ahead", "behind"), [(len(CHANGES), 0), (len(CHANGES), 5), (1, 0), (len(CHANGES), len(CHANGES))]
)
@pytest.mark.parametrize("is_dialler", [False, True])
def test_two_strangers_level_in_pages_whoever_dials(ahead: int, behind: int, is_dialler: bool) -> None:
    assert len(CHANGES) > MAX_INTRODUCED_HANDOVERS, "more than one page"
    (more, knows, untold), (less, learns, told) = side(ahead), side(behind)
    count = talk(more, less) if is_dialler else talk(less, more)
    assert learns.known().memberships == knows.known().memberships
    assert bool(told) == (ahead > behind)
    assert not untold
    assert count <= 4 + 2 * (ahead - behind) // MAX_INTRODUCED_HANDOVERS


def test_members_tell_each_other_once_their_link_begins_and_first_words_may_cross() -> None:
    (more, knows, _), (less, learns, _) = side(len(CHANGES)), side()
    waiting: list[tuple[Introductions, str, codec.Value]] = [
        (less, "ahead", more.greeting("behind")),
        (more, "behind", less.greeting("ahead")),
    ]
    heard = 0
    while waiting:
        hearing, peer, said = waiting.pop(0)
        heard += 1
        answer = hearing.hear_member(said, peer)
        if answer is not None:
            waiting.append((more, "behind", answer) if hearing is less else (less, "ahead", answer))
    assert learns.known().memberships == knows.known().memberships
    assert heard < 12
    assert less.hear_member(more.greeting("behind"), "ahead") is None, "level: nothing to say"


def forged(handover: Handover) -> Handover:
    """The same change, with signatures of nobody."""
    proof = handover.certified.certificate
    acks = tuple([(node, bytes(64)) for node, _ in proof.acks])
    return replace(handover, certified=replace(handover.certified, certificate=replace(proof, acks=acks)))


def said(height: int, *handovers: Handover, channel: bytes = CHANNEL, addresses: Any = ()) -> codec.Value:
    return (channel, height, tuple([each.to_value() for each in handovers]), addresses)


OTHER_PREAMBLE = replace(CHANGES[0], preamble=CHANGES[1].preamble)
ELSEWHERE = handovers_over(("n1", "n2", "n4"))
LIES: dict[str, tuple[Callable[[], codec.Value], str]] = {
    "forged": (lambda: said(99, forged(CHANGES[0])), "bad_memberships"),
    "the first is left out": (lambda: said(99, *CHANGES[1:4]), "bad_memberships"),
    "out of order": (lambda: said(99, CHANGES[1], CHANGES[0]), "bad_memberships"),
    "another preamble": (
        lambda: said(99, OTHER_PREAMBLE),
        "bad_memberships",
    ),
    "good ones, then a bad one": (lambda: said(99, *CHANGES[:2], forged(CHANGES[2])), "bad_memberships"),
    "another channel": (lambda: said(99, *CHANGES[:2], channel=bytes(32)), "wrong_channel"),
    "too many": (lambda: said(99, *CHANGES[: MAX_INTRODUCED_HANDOVERS + 1]), "malformed"),
    "no address": (lambda: said(0, addresses=(("n1", "host:0"),)), "malformed"),
    "no name": (lambda: said(0, addresses=(("../n1", "host:1"),)), "name"),
    "too many addresses": (lambda: said(0, addresses=tuple([("n1", "host:1")] * 193)), "malformed"),
    "below zero": (lambda: said(-1), "malformed"),
    "short": (lambda: (CHANNEL, 1, ()), "malformed"),
    "nothing": (lambda: None, "malformed"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("is_member", [False, True])
def test_a_lie_is_refused_by_its_code_and_changes_nothing(lie: str, is_member: bool) -> None:
    make, code = LIES[lie]
    hearing, around, learned = side()
    with pytest.raises((PeerRefused, Malformed)) as refused:
        hearing.hear_member(make(), "n2") if is_member else hearing.hear_stranger(make(), Talk())
    assert refused.value.code == code
    assert around.known().heights == (0,)
    assert around.located() == {}
    assert not learned


def test_other_changes_than_those_followed_are_refused() -> None:
    hearing, around, _ = side(3)
    with pytest.raises(PeerRefused, match="not proved") as refused:
        hearing.hear_stranger(said(99, *ELSEWHERE), Talk())
    assert refused.value.code == "bad_memberships"
    assert around.known().heights == (0, *[each.height for each in CHANGES[:3]])


@pytest.mark.parametrize("height", [10**9, 0])
def test_who_repeats_itself_without_a_proof_is_refused_at_the_second_time(height: int) -> None:
    hearing, _, _ = side(2)
    stood = Talk()
    assert not hearing.hear_stranger(said(height), stood)[0]
    with pytest.raises(PeerRefused, match="leads nowhere"):
        hearing.hear_stranger(said(height), stood)


@pytest.mark.parametrize("heights", [(0, 1), (10**9, 10**9 + 1)], ids=["behind", "ahead"])
def test_who_counts_upwards_gets_no_more_than_one_answer(heights: tuple[int, int]) -> None:
    """An answer is a hundred times what it takes to ask for it, and anybody who reaches the port may ask."""
    hearing, _, _ = side(len(CHANGES))
    stood = Talk()
    assert not hearing.hear_stranger(said(heights[0]), stood)[0]
    with pytest.raises(PeerRefused, match="leads nowhere"):
        hearing.hear_stranger(said(heights[1]), stood)


def test_a_member_that_repeats_itself_is_not_answered() -> None:
    hearing, _, _ = side(2)
    assert hearing.hear_member(said(0), "n2") is not None
    assert hearing.hear_member(said(0), "n2") is None
    hearing.greeting("n2")
    assert hearing.hear_member(said(0), "n2") is not None, "a new link begins anew"


@pytest.mark.parametrize("ahead", ["dialler", "acceptor"])
def test_who_cannot_link_meets_as_strangers_and_levels(tmp_path: Path, ahead: str) -> None:
    """One side does not know the other's key: by TLS they cannot even talk."""
    a, b, former = (node_files(tmp_path / at, at[0]) for at in ("a", "b", "b-before"))

    async def scenario() -> None:
        knows = Node(a, membership_of(a, b), CHANNEL, TRUSTED)
        lost = Node(b, membership_of(former), CHANNEL, TRUSTED)
        dialler, acceptor = (knows, lost) if ahead == "dialler" else (lost, knows)
        knows.neighbourhood.follow(CHANGES)
        async with network(acceptor), network(dialler):
            dialler.peers.addresses = {acceptor.peers.node: ("127.0.0.1", acceptor.port)}
            dialler.peers.dial()
            await until(lambda: lost.neighbourhood.known().heights[-1] == CHANGES[-1].height)
            assert lost.learned
            assert not knows.learned
            assert not lost.heard
            assert not knows.heard
            assert "bad_memberships" not in acceptor.statistics.peer_refused

    run(scenario)


def words(content: codec.Value, version: int = 1) -> bytes:
    """A stranger's frame."""
    return frame((INTRODUCTION, version, content))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([words(said(10**9)), words(said(10**9))], "bad_memberships"),
        ([words(said(99, *CHANGES[:6]))], "frame_too_large"),
        ([words(said(1)), words(said(2, forged(CHANGES[0])))], "bad_memberships"),
        ([words(said(1)), (MAX_STRANGER_BYTES + 1).to_bytes(4, "big")], "frame_too_large"),
        ([words(said(1)), hello("b", "a")], "malformed"),
        ([words(said(1), version=2)], "peer_version"),
        ([words(said(0, channel=bytes(32)))], "wrong_channel"),
        ([frame((INTRODUCTION, 1))], "malformed"),
        ([frame((INTRODUCTION,))], "malformed"),
        ([hello("b", "a")], "tls_failed"),
        ([frame(("raft", ()))], "tls_failed"),
    ],
    ids=[
        "loop",
        "long first words",
        "forged",
        "huge",
        "hello afterwards",
        "version",
        "channel",
        "no content",
        "kind alone",
        "hello",
        "message",
    ],
)
def test_a_stranger_achieves_nothing_else(tmp_path: Path, sent: list[bytes], reason: str) -> None:
    a, b = node_files(tmp_path, "a"), node_files(tmp_path, "b")

    async def scenario() -> None:
        server = Node(a, membership_of(a, b), CHANNEL, TRUSTED)
        other = Node(b, membership_of(a, b), CHANNEL, TRUSTED)
        async with network(server, other):
            await until(lambda: server.linked and other.linked)
            async with stranger(server.port) as (reader, writer):
                for each in sent:
                    writer.write(each)
                await until(lambda: server.statistics.peer_refused[reason] == 1, reason)
                assert b"welcome" not in await reader.read()
            assert server.neighbourhood.known().heights == (0,)
            assert not server.heard
            assert server.peers.send("b", ("still here",))
            await until(lambda: other.heard == [("a", ("still here",))])

    run(scenario)


def test_who_is_no_member_yet_introduces_itself_and_shows_no_certificate_that_would_be_refused(
    tmp_path: Path,
) -> None:
    """An alarm on what is refused is for others than a node that waits for its approval."""

    async def scenario() -> None:
        files = [node_files(tmp_path, node) for node in ("n1", "n9")]
        membership = membership_of(files[0])
        member, joiner = (Node(each, membership) for each in files)
        member.port = await member.peers.listen("127.0.0.1", 0)
        joiner.peers.addresses = {"n1": ("127.0.0.1", member.port)}
        joiner.peers.dial()
        try:
            await until(lambda: joiner.peers.status()[0].is_met)
            assert joiner.problem("n1") == "this node is no member yet"
            assert member.statistics.peer_refused.total() == 0
            joiner.peers.follow(membership_of(*files), joiner.peers.addresses)
            member.peers.follow(membership_of(*files), {})
            await until(lambda: joiner.peers.status()[0].sending)
            assert member.statistics.peer_refused.total() == 0
        finally:
            await joiner.peers.close()
            await member.peers.close()

    run(scenario)
