"""State transfer between real ledgers, without sockets: several peers, bad ones among them, restarts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ledger"))
import membership_steps
import small_ledger
from small_ledger import GENESIS, START_MS, put, record

from ledger import codec
from ledger.blocks.genesis import read_genesis
from ledger.errors import Malformed, TallyError
from ledger.proofs.handover import MembershipChain
from ledger.snapshots.staging import Staging, settle
from node.pace import Pace
from node.snapshots import snapshot_fetch
from node.snapshots.snapshot_asks import (
    BLOCK,
    GIVEN,
    MANIFEST,
    NOT_KEPT,
    NOT_READY,
    RECORDS,
    STATE,
    Ask,
    read_answer,
    read_ask,
)
from node.snapshots.snapshot_fetch import SnapshotFetch
from node.snapshots.state_transfer import Reports, StateTransfer

GENESIS_BLOCK = read_genesis(GENESIS)
OWNER = b"\x05" * 32
HARD = (3, None, 3)
WAIT_S = 20


class Site:
    """Nodes of one loop whose messages are handed over as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, small_ledger.Node] = {}
        self.transfers: dict[str, StateTransfer] = {}
        self.refused: list[tuple[str, str]] = []
        self.offered: list[tuple[str, int]] = []
        self.ended: asyncio.Queue[int | str] = asyncio.Queue()
        self.carried: list[tuple[str, str, Any]] = []
        self.mangle: Callable[[str, str, Any], Any] = lambda _sender, _target, message: message

    def start(self, name: str, node: small_ledger.Node, peers: list[str]) -> StateTransfer:
        self.nodes[name] = node
        transfer = self.transfers[name] = StateTransfer(
            chain=node.chain,
            ledger=node.path,
            send=partial(self.send, name),
            peers=lambda: [peer for peer in peers if peer in self.transfers],
            reports=Reports(
                lambda header: self.ended.put_nowait(header.height),
                self.ended.put_nowait,
                lambda peer, error: self.refused.append((peer, error.code)),
                lambda header: self.offered.append((name, header.height)),
            ),
            serve_pace=Pace(1.0, 1.0),
            import_pace=Pace(1.0, 1.0),
        )
        return transfer

    def send(self, sender: str, target: str, message: Any) -> bool:
        message = self.mangle(sender, target, message)
        if message is None or target not in self.transfers:
            return False
        self.carried.append((sender, target, message))
        kind, content = codec.decode(codec.encode(message), 16 << 20)
        asyncio.get_running_loop().call_soon(self.deliver, sender, target, kind, content)
        return True

    def deliver(self, sender: str, target: str, kind: str, content: Any) -> None:
        if target in self.transfers:
            self.transfers[target].on_message(sender, kind, content)

    async def end(self) -> int | str:
        return await asyncio.wait_for(self.ended.get(), WAIT_S)

    def stop(self, name: str) -> None:
        self.transfers.pop(name).close()
        node = self.nodes.pop(name)
        if name == "new":
            node.close()

    def close(self) -> None:
        for name in list(self.transfers):
            self.stop(name)


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[list[small_ledger.Node]]:
    """Three nodes with one ledger, committed in different batches."""
    nodes = [small_ledger.Node(tmp_path / f"source {place}") for place in range(3)]
    for node in nodes:
        node.chain.snapshot_interval = 5
    yield nodes
    for node in nodes:
        node.store.close()


def grow(nodes: list[small_ledger.Node], blocks: int) -> None:
    leader, *others = nodes
    for _ in range(blocks):
        number = leader.chain.applied.height
        operations = [put(f"k{number} {n}", n, 100 * number + n) for n in range(20)]
        operations += [record("long", n, 100 * number + 50 + n) for n in range(20)]
        block = leader.seal_and_commit(*operations, time_ms=START_MS + number)
        for node in others:
            node.accept(block)
            node.append(block)
            node.commit(block)


def everything(node: small_ledger.Node) -> dict[bytes, bytes]:
    return dict(
        row for kind in (b"s", b"t", b"r", b"k", b"x") for row in node.store.rows(kind, bytes((kind[0] + 1,)))
    )


def run(test: Callable[[Site], Any], folder: Path) -> None:
    async def main() -> None:
        site = Site(folder)
        try:
            await test(site)
        finally:
            site.close()

    asyncio.run(main())


def joined(site: Site, transfer: StateTransfer) -> small_ledger.Node:
    """What a node does when a transfer is complete: stop, install, open again."""
    node = site.nodes.pop("new")
    hard = (max(node.store.hard_state[0], HARD[0]), None, HARD[2])
    del site.transfers["new"]
    transfer.close()
    node.store.close()
    transfer.install(OWNER, hard)
    return small_ledger.Node(node.path)


def test_a_node_fetches_the_state_from_several_peers_while_they_go_on_committing(
    sources: list[small_ledger.Node], tmp_path: Path
) -> None:
    """CR-65: the running network goes on; all peers take part; what follows comes from the log."""

    async def test(site: Site) -> None:
        names = [f"n{place}" for place in range(3)]
        for name, node in zip(names, sources, strict=True):
            site.start(name, node, [])
        grow(sources, 12)
        assert [site.transfers[name].heights for name in names] == [[5, 10]] * 3
        assert sorted(site.offered) == [(name, height) for name in names for height in (5, 10)]
        new = site.start("new", small_ledger.Node(tmp_path / "new"), names)
        new.fetch(7)
        new.fetch(7)  # asked again while it is under way
        while new.chunks_taken < 2:
            await asyncio.sleep(0)
        grow(sources, 9)
        assert site.transfers["n0"].heights == [10, 15, 20]
        assert await site.end() == 10
        assert not site.refused
        givers = {
            sender for sender, target, message in site.carried if target == "new" and message[1][1] == GIVEN
        }
        assert givers == set(names)
        node = joined(site, new)
        assert node.chain.applied == sources[0].chain.header(10)
        for height in range(11, sources[0].chain.applied.height + 1):
            block = sources[0].chain.block(height)
            node.accept(block)
            node.append(block)
            node.commit(block)
        assert everything(node) == everything(sources[0])
        node.close()

    run(test, tmp_path)


def test_a_peer_that_sends_a_wrong_chunk_is_named_and_asked_nothing_any_more(
    sources: list[small_ledger.Node], tmp_path: Path
) -> None:
    """CR-67: whatever it changes, in whatever chunk; the transfer ends with what the others give."""
    grow(sources, 12)

    async def test(site: Site, kind: str) -> None:
        wrong: list[str] = []
        asked: dict[int, str] = {}

        def mangle(sender: str, target: str, message: Any) -> Any:
            if message[0] == "snapshot?":
                asked[message[1][0]] = message[1][1]
            elif asked[message[1][0]] == kind and message[1][1] == GIVEN and sender in (wrong or [sender]):
                number, code, chunk = message[1]
                place = len(chunk) * 2 // 3
                wrong.append(sender)
                return (
                    "snapshot!",
                    (number, code, chunk[:place] + bytes((chunk[place] ^ 1,)) + chunk[place + 1 :]),
                )
            return message

        site.mangle = mangle
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
        new = site.start("new", small_ledger.Node(tmp_path / f"new {kind}"), ["n0", "n1", "n2"])
        new.fetch(12)
        assert await site.end() == 12
        assert site.refused == [(wrong[0], "bad_snapshot")]
        assert new.chunks_refused in (1, 2), "a second one may have been on its way"
        node = joined(site, new)
        assert node.chain.applied == sources[0].chain.applied
        node.close()

    for kind in (MANIFEST, BLOCK, STATE, "recent", RECORDS):
        run(partial(test, kind=kind), tmp_path)


def test_when_every_peer_lies_it_is_given_up_and_the_ledger_stands(
    sources: list[small_ledger.Node], tmp_path: Path
) -> None:
    grow(sources, 6)

    async def test(site: Site) -> None:
        def mangle(_sender: str, _target: str, message: Any) -> Any:
            if message[0] == "snapshot!" and message[1][1] == GIVEN and len(message[1][2]) < 100_000:
                return ("snapshot!", (message[1][0], GIVEN, message[1][2][:-1]))
            return message

        site.mangle = mangle
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
        node = small_ledger.Node(tmp_path / "new")
        new = site.start("new", node, ["n0", "n1", "n2"])
        new.fetch(1)
        assert "every peer" in str(await site.end())
        assert {peer for peer, _ in site.refused} == {"n0", "n1", "n2"}
        assert node.chain.applied.height == 0
        site.mangle = lambda _sender, _target, message: message
        new.fetch(1)  # a later attempt begins with a clean sheet
        assert await site.end() == 6
        node = joined(site, new)
        assert node.chain.applied.height == 6
        node.close()

    run(test, tmp_path)


def test_a_restart_goes_on_with_what_had_come(sources: list[small_ledger.Node], tmp_path: Path) -> None:
    """CR-66: a process that ends in the middle has lost nothing but what was on its way."""
    grow(sources, 12)

    async def test(site: Site) -> None:
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
        new = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0", "n1", "n2"])
        new.fetch(1)
        while new.chunks_taken < 20:
            await asyncio.sleep(0)
        site.stop("new")
        taken = new.chunks_taken
        assert not settle(tmp_path / "new"), "nothing takes the place of the ledger before it is complete"
        staged = Staging.resume(tmp_path / "new", GENESIS_BLOCK)
        assert staged is not None
        left = sum(end - first for first, end in staged.state_left())
        assert 0 < left < 4096
        staged.close()
        again = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0", "n1", "n2"])
        again.fetch(1)
        height = await site.end()
        assert height == sources[0].chain.applied.height
        assert again.chunks_taken < taken + 70 - 20
        node = joined(site, again)
        assert everything(node) == everything(sources[0])
        node.close()

    run(test, tmp_path)


def test_a_node_whose_last_change_of_members_is_not_proved_fetches_a_snapshot(tmp_path: Path) -> None:
    """CR-66: so a crash between two batches of one commit leaves it; its peers have the proof."""
    leader, behind = (membership_steps.Ledger(tmp_path / name) for name in ("leader", "new"))
    leader.chain.snapshot_interval = 5

    async def test(site: Site) -> None:
        new = site.start("new", behind, ["n0"])  # type: ignore[arg-type]
        site.start("n0", leader, [])  # type: ignore[arg-type]
        leader.commit(leader.seal(membership_steps.adopt(membership_steps.settled("n1", "n2", "n3", "n4"))))
        while leader.chain.due_membership() is not None:
            leader.commit(leader.seal(change=True))
        leader.commit(leader.seal())
        for height in range(1, 4):
            block = leader.chain.block(height)
            assert block is not None
            behind.accept(block)
        behind.chain._apply(3, None)  # the batch up to a boundary, and then the process ended
        assert behind.chain.changes() == [2, 3]
        new.fetch(5)
        assert await site.end() == 5
        assert not site.refused
        asked = [message[1] for _, target, message in site.carried if target == "n0"]
        assert asked[0] == Ask(MANIFEST, 5, 2).to_value(asked[0][0])
        site.stop("n0")
        site.transfers.pop("new").close()

    try:
        run(test, tmp_path)
    finally:
        leader.store.close()
        behind.store.close()


def test_a_peer_that_keeps_changes_of_the_members_back_breaks_no_ledger(tmp_path: Path) -> None:
    """CR-67: the members of before came back, so the manifest verifies without the changes in between."""
    leader = membership_steps.Ledger(tmp_path / "leader")
    leader.reach(membership_steps.settled("n1", "n2", "n3", "n4"))
    leader.reach(membership_steps.TRUSTED.membership, nonce=1)
    height = leader.chain.applied.height

    async def test(site: Site) -> None:
        asked: dict[int, str] = {}

        def mangle(sender: str, target: str, message: Any) -> Any:
            if message[0] == "snapshot?":
                asked[message[1][0]] = message[1][1]
            elif sender == "liar" and asked[message[1][0]] == MANIFEST and message[1][1] == GIVEN:
                _, manifest = codec.decode(message[1][2], 16 << 20)
                nothing = codec.encode((MembershipChain().to_value(), manifest))
                return ("snapshot!", (message[1][0], GIVEN, nothing))
            return message

        site.mangle = mangle
        for name in ("liar", "honest"):
            site.start(name, leader, [])  # type: ignore[arg-type]
            site.transfers[name].offer_applied()
        behind = membership_steps.Ledger(tmp_path / "new")
        new = site.start("new", behind, ["liar", "honest"])  # type: ignore[arg-type]
        new.fetch(1)
        assert await site.end() == height
        assert site.refused in ([], [("liar", "bad_snapshot")])
        behind.store.close()
        del site.transfers["new"]
        new.close()
        new.install(OWNER, HARD)
        behind.open()
        assert behind.chain.changes() == leader.chain.changes()
        chain = behind.chain.membership_chain()
        assert chain.verify(membership_steps.TRUSTED).heights == (0, *leader.chain.changes())
        behind.store.close()

    try:
        run(test, tmp_path)
    finally:
        leader.store.close()


def test_peers_that_restart_or_move_on_make_the_transfer_begin_anew(
    sources: list[small_ledger.Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_fetch, "SNAPSHOT_ASIDE_S", 0.05)
    grow(sources, 6)

    async def test(site: Site) -> None:
        def mangle(_sender: str, _target: str, message: Any) -> Any:
            return None if message[0] == "snapshot?" and message[1][1] == STATE else message

        site.mangle = mangle
        monkeypatch.setattr(snapshot_fetch, "SNAPSHOT_ANSWER_S", 0.05)
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
        new = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0", "n1", "n2"])
        new.fetch(6)
        while new.chunks_taken < 3:
            await asyncio.sleep(0)
        for place in range(3):
            site.transfers.pop(f"n{place}").close()
        site.mangle = lambda _sender, _target, message: message
        grow(sources, 5)
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
        assert await site.end() == 11
        node = joined(site, new)
        assert node.chain.applied == sources[0].chain.applied
        node.close()

    run(test, tmp_path)


def test_what_no_honest_node_says_is_refused_and_what_nobody_asked_is_counted(
    sources: list[small_ledger.Node], tmp_path: Path
) -> None:

    async def test(site: Site) -> None:
        transfer = site.start("n0", sources[0], [])
        site.start("n1", sources[1], [])
        grow(sources, 6)
        good = Ask(STATE, 5, 0, 10).to_value(1)
        for bad in (
            None,
            (),
            good[:-1],
            (*good, 0),
            (-1, *good[1:]),
            (1, "nonsense", *good[2:]),
            (1, STATE, 5, 10, 10, b"", b""),
            (1, STATE, 5, 0, 1 << 20, b"", b""),
            (1, "recent", 5, 5, 0, b"", b""),
            (1, RECORDS, 5, 0, 0, b"", b""),
            (1, RECORDS, 5, 0, 0, b"b", b"a"),
            (1, RECORDS, 5, 0, 0, b"x" * 300, b""),
            (1, STATE, "5", 0, 10, b"", b""),
        ):
            with pytest.raises(Malformed):
                transfer.on_message("n1", "snapshot?", bad)
        for bad in (
            None,
            (1, "", b""),
            (1, NOT_KEPT, b"x"),
            (1, "other", b""),
            (1, "", b"x" * (5 << 20)),
            ("1", "", b"x"),
        ):
            with pytest.raises(TallyError):
                transfer.on_message("n1", "snapshot!", bad)
        for number in range(5):
            transfer.on_message("n1", "snapshot!", (number, GIVEN, b"unasked"))
        assert transfer.chunks_unasked == 5
        assert not transfer.is_fetching
        for number in range(12):
            transfer.on_message("n1", "snapshot?", Ask(BLOCK, 5).to_value(number))
        answers: list[tuple[int, str, bytes]] = []
        while len(answers) < 12:
            await asyncio.sleep(0)
            answers = [message[1] for sender, _, message in site.carried if sender == "n0"]
        assert sorted(number for number, code, _ in answers if code == NOT_READY) == list(range(4, 12))
        transfer.on_message("n1", "snapshot?", Ask(BLOCK, 3).to_value(50))
        assert site.carried[-1][2][1] == (50, NOT_KEPT, b"")

    run(test, tmp_path)


def test_a_transfer_that_is_not_needed_any_more_leaves_nothing(
    sources: list[small_ledger.Node], tmp_path: Path
) -> None:
    """CR-65: the follower caught up by itself."""
    grow(sources, 6)

    async def test(site: Site) -> None:
        for place in range(3):
            site.start(f"n{place}", sources[place], []).offer_applied()
        assert sorted(site.offered) == [("n0", 6), ("n1", 6), ("n2", 6)]
        new = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0", "n1", "n2"])
        new.fetch(6)
        assert await site.end() == 6
        assert (tmp_path / "new.incoming").exists()
        new.drop()
        assert not (tmp_path / "new.incoming").exists()
        assert not new.is_fetching
        new.fetch(6)
        assert await site.end() == 6
        node = joined(site, new)
        assert not list(tmp_path.glob("new.*")), "nothing to keep of a ledger without blocks"
        node.close()

    run(test, tmp_path)


def test_an_idle_network_gives_away_what_is_applied(sources: list[small_ledger.Node], tmp_path: Path) -> None:
    """After a restart no node has a snapshot; whoever is asked makes one of where it stands."""
    grow(sources, 3)

    async def test(site: Site) -> None:
        for place in range(3):
            site.start(f"n{place}", sources[place], [])
            assert site.transfers[f"n{place}"].heights == []
        new = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0", "n1", "n2"])
        new.fetch(1)
        assert await site.end() == 3
        assert sorted(new._server.heights) == []
        assert {site.transfers[f"n{place}"].heights[0] for place in range(3)} == {3}
        node = joined(site, new)
        node.close()

    run(test, tmp_path)


def asks(count: int) -> list[Ask]:
    return [Ask(STATE, 10, place, place + 1) for place in range(count)]


def test_questions_are_shared_out_and_bounded() -> None:
    fetch = SnapshotFetch(asks(20), 100, 0.0)
    first = fetch.to_ask(["a", "b", "c"], 0.0)
    assert [peer for peer, _, _ in first] == ["a", "b", "c", "a"]
    assert fetch.to_ask(["a", "b", "c"], 0.1) == []
    assert len({number for _, number, _ in first}) == 4
    peer, number, ask = first[1]
    assert fetch.answered("a", number, GIVEN, 0.2) is None, "not the one who was asked"
    assert fetch.answered(peer, number, GIVEN, 0.2) == ask
    assert fetch.answered(peer, number, GIVEN, 0.2) is None, "not twice"
    assert fetch.to_ask(["a", "b", "c"], 0.2) == [], "what is being checked counts"
    fetch.accepted(number, [], 0.3)
    assert [peer for peer, _, _ in fetch.to_ask(["a", "b", "c"], 0.3)] == ["b"]


def test_a_silent_peer_is_left_aside_and_its_question_asked_of_another() -> None:
    fetch = SnapshotFetch(asks(1), 0, 0.0)
    ((peer, number, ask),) = fetch.to_ask(["a", "b"], 0.0)
    assert peer == "a"
    late = snapshot_fetch.SNAPSHOT_ANSWER_S
    ((other, new_number, same),) = fetch.to_ask(["a", "b"], late)
    assert (other, same) == ("b", ask)
    assert not fetch.is_asked("a", number)
    assert fetch.answered("a", number, GIVEN, late) is None, "too late"
    assert fetch.answered("b", new_number, GIVEN, late) == ask
    fetch.accepted(new_number, [], late)
    assert fetch.is_through


def test_a_peer_that_is_struck_off_loses_all_its_questions() -> None:
    fetch = SnapshotFetch(asks(3), 0, 0.0)
    asked = fetch.to_ask(["a", "b"], 0.0)
    (_, bad, _), (_, other, _) = [each for each in asked if each[0] == "a"]
    assert fetch.answered("a", bad, GIVEN, 0.0) is not None
    assert fetch.refused(bad, "wrong", 0.0) == "a"
    assert not fetch.is_asked("a", other)
    again = fetch.to_ask(["a", "b"], 0.0)
    assert {peer for peer, _, _ in again} == {"b"}
    assert fetch.struck == {"a": "wrong"}


def test_a_snapshot_that_nobody_has_is_lost_only_after_a_while() -> None:
    fetch = SnapshotFetch(asks(2), 0, 0.0)
    for peer, number, _ in fetch.to_ask(["a", "b"], 0.0):
        assert fetch.answered(peer, number, NOT_KEPT, 0.0) is None
    assert not fetch.is_lost(["a", "b"], 1.0), "the others may just be a little behind"
    assert fetch.is_lost(["a", "b"], 100.0)
    assert not fetch.is_lost(["a", "b", "c"], 100.0)
    assert fetch.has_stalled(1_000.0)


def test_a_chunk_that_is_not_ready_is_asked_for_again_later() -> None:
    fetch = SnapshotFetch(asks(1), 0, 0.0)
    ((peer, number, ask),) = fetch.to_ask(["a"], 0.0)
    assert fetch.answered(peer, number, NOT_READY, 0.0) is None
    assert fetch.to_ask(["a"], 0.1) == []
    assert [again for _, _, again in fetch.to_ask(["a"], 1.0)] == [ask]


def test_a_peer_that_is_never_ready_keeps_no_question_from_the_others() -> None:
    fetch = SnapshotFetch(asks(6), 0, 0.0)
    for step in range(12):
        for peer, number, _ in fetch.to_ask(["never", "good"], float(step)):
            if peer == "never":
                fetch.answered(peer, number, NOT_READY, float(step))
            else:
                assert fetch.answered(peer, number, GIVEN, float(step)) is not None
                fetch.accepted(number, [], float(step))
    assert fetch.is_through


def test_a_peer_that_was_not_ready_once_is_one_of_all_again() -> None:
    fetch = SnapshotFetch(asks(3), 0, 0.0)
    ((_, number, _), (_, other, _), _) = fetch.to_ask(["a", "b"], 0.0)
    fetch.answered("a", number, NOT_READY, 0.0)
    fetch.answered("b", other, NOT_READY, 0.0)
    ((first, number, _), (second, other, _)) = fetch.to_ask(["a", "b"], 1.0)
    assert {first, second} == {"a", "b"}
    assert fetch.answered(first, number, GIVEN, 1.0) is not None
    fetch.accepted(number, asks(1), 1.0)
    assert [peer for peer, _, _ in fetch.to_ask(["a", "b"], 1.0)] == [first]


def test_questions_and_answers_are_read_back() -> None:
    for ask in (Ask(MANIFEST, 7, 3), Ask(STATE, 5, 0, 64), Ask(RECORDS, 9, 0, 128, b"a", b"b")):
        assert read_ask(codec.decode(codec.encode(ask.to_value(3)))) == (3, ask)
    assert read_answer((3, GIVEN, b"x")) == (3, GIVEN, b"x")
