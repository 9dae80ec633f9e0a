"""The faults, by name: what is done to processes and links. Those of disks are in `chaos.disks`.

A fault that is *tolerated* leaves a quorum of nodes that run and hear each other, so commits
must go on while it lasts. Any other stops them; then nothing that was sent meanwhile may be
acknowledged before it is over.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaos.links import CUT, OPEN, SILENT, Condition, slow
from chaos.stage import Stage

SHORT_PAUSE_S = 0.4
"""Shorter than any election timeout (800 ms at default settings)."""
LONG_PAUSE_S = 3.0
"""Longer than any election timeout (1,600 ms)."""
FLAPS = 8
FLAP_S = 0.25


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of harm."""

    name: str
    play: Callable[[Stage], Awaitable[None]]
    """Does it, waits, undoes it; tells the stage when it begins and when all is healed."""
    is_tolerated: bool = True
    least_nodes: int = 3
    forgets: bool = False
    """A node runs for a while without what it had made durable: its trace would break rules."""
    is_possible: Callable[[], bool] = lambda: True
    """Whether this machine lets it be done."""


async def kill_follower(stage: Stage) -> None:
    """kill -9 of a follower, and a restart."""
    await stage.begin()
    await _killed(stage, stage.follower())


async def kill_leader(stage: Stage) -> None:
    """CR-05: kill -9 of the leader, and a restart."""
    await stage.begin()
    await _killed(stage, stage.leader)


async def kill_most(stage: Stage) -> None:
    """As many nodes as the network tolerates, the leader among them, all at one moment."""
    await stage.begin()
    await _killed(stage, *stage.some_with_leader(stage.cluster.most_down))


async def kill_quorum(stage: Stage) -> None:
    """One node more than the network tolerates."""
    await stage.begin()
    await _killed(stage, *stage.some_with_leader(stage.cluster.most_down + 1))


async def kill_all(stage: Stage) -> None:
    """Every node at one moment: power fails."""
    await stage.begin()
    await _killed(stage, *stage.cluster.names, seconds=0.3)


async def kill_again_and_again(stage: Stage) -> None:
    """Each new leader is killed as soon as it leads; the one before it is restarted."""
    await stage.begin()
    victim = stage.leader
    for _ in range(3):
        stage.cluster.kill(victim)
        await stage.load.wait_for(5, timeout_s=30)
        await stage.cluster.start(victim)
        await stage.cluster.wait_ready(victim)
        victim = await stage.cluster.leader()
    stage.healed()


async def _killed(stage: Stage, *nodes: str, seconds: float | None = None) -> None:
    stage.note("+".join(sorted(nodes)))
    stage.cluster.kill(*nodes)
    await stage.hold(seconds)
    await stage.cluster.start(*nodes)
    stage.healed()


async def restart_orderly(stage: Stage) -> None:
    """SIGTERM and restart of one node after the other: a maintenance round."""
    await stage.begin()
    for node in stage.shuffled(stage.cluster.names):
        stage.cluster.signal(signal.SIGTERM, node)
        while stage.cluster.is_running(node):
            await asyncio.sleep(0.02)
        await stage.cluster.start(node)
        await stage.cluster.wait_ready(node)
    stage.healed()


async def hand_over(stage: Stage) -> None:
    """CR-81 to CR-85: leadership is handed from node to node while clients submit."""
    await stage.begin()
    moved = 0
    for target in stage.shuffled(stage.cluster.names) * 2:
        leader = await stage.cluster.leader()
        if target != leader:
            moved += await stage.cluster.hand_over(leader, target)
            await stage.load.wait_for(5, timeout_s=30)
    stage.healed()
    stage.note(f"{moved} times")


async def pause_leader_shortly(stage: Stage) -> None:
    """CR-21: SIGSTOP of the leader for less than an election timeout: it goes on leading."""
    await stage.begin()
    await _paused(stage, SHORT_PAUSE_S, stage.leader)


async def pause_leader_long(stage: Stage) -> None:
    """CR-21: SIGSTOP until another leads; resumed, the old leader acknowledges and reads nothing stale."""
    await stage.begin()
    await _paused(stage, LONG_PAUSE_S, stage.leader)


async def pause_follower(stage: Stage) -> None:
    """SIGSTOP of a follower for longer than an election timeout."""
    await stage.begin()
    await _paused(stage, LONG_PAUSE_S, stage.follower())


async def pause_quorum(stage: Stage) -> None:
    """CR-21: SIGSTOP of the leader and as many others as make a quorum stop."""
    await stage.begin()
    await _paused(stage, LONG_PAUSE_S, *stage.some_with_leader(stage.cluster.most_down + 1))


async def pause_all(stage: Stage) -> None:
    """The whole machine sleeps, and wakes."""
    await stage.begin()
    await _paused(stage, LONG_PAUSE_S, *stage.cluster.names)


async def stutter(stage: Stage) -> None:
    """Every node is stopped and goes on at random moments, for times around the election timeout."""
    await stage.begin()
    for _ in range(2 * FLAPS):
        node = stage.dice.choice(stage.cluster.names)
        stage.cluster.pause(node)
        await asyncio.sleep(stage.dice.uniform(0.02, 0.9))
        stage.cluster.resume(node)
        await asyncio.sleep(stage.dice.uniform(0.0, 0.1))
    stage.healed()


async def _paused(stage: Stage, seconds: float, *nodes: str) -> None:
    stage.note("+".join(sorted(nodes)))
    stage.cluster.pause(*nodes)
    await stage.hold(seconds)
    stage.cluster.resume(*nodes)
    stage.healed()


async def cut_follower(stage: Stage) -> None:
    """All links of a follower break."""
    await stage.begin()
    await _cut_off(stage, stage.follower())


async def isolate_leader(stage: Stage) -> None:
    """CR-19, CR-52: the leader reaches nobody, and clients still reach it."""
    await stage.begin()
    await _cut_off(stage, stage.leader)


async def silence_leader(stage: Stage) -> None:
    """As before, but no connection breaks: what is sent is swallowed, and arrives after healing (CR-24)."""
    await stage.begin()
    await _changed(stage, stage.cluster.between([stage.leader], stage.cluster.names), SILENT)


async def _cut_off(stage: Stage, *nodes: str) -> None:
    stage.note("+".join(nodes))
    await _changed(stage, stage.cluster.between(nodes, stage.cluster.others(*nodes)), CUT)


async def split(stage: Stage) -> None:
    """Two groups, the leader in the smaller one."""
    await stage.begin()
    await _cut_off(stage, *stage.some_with_leader(stage.cluster.most_down))


async def shatter(stage: Stage) -> None:
    """Nobody hears anybody."""
    await stage.begin()
    await _changed(stage, stage.cluster.pairs(), CUT)


async def deaf_leader(stage: Stage) -> None:
    """CR-20, CR-52: the leader is heard, and hears nobody."""
    await stage.begin()
    await _changed(stage, [(other, stage.leader) for other in stage.cluster.others(stage.leader)], SILENT)


async def mute_leader(stage: Stage) -> None:
    """CR-52: the leader hears everybody, and is not heard."""
    await stage.begin()
    await _changed(stage, [(stage.leader, other) for other in stage.cluster.others(stage.leader)], SILENT)


async def deaf_follower(stage: Stage) -> None:
    """CR-14, CR-15: a follower hears nobody and asks for votes again and again; the leader stays."""
    await stage.begin()
    node = stage.follower()
    await _changed(stage, [(other, node) for other in stage.cluster.others(node)], SILENT)


async def mute_follower(stage: Stage) -> None:
    """A follower hears everybody and is not heard."""
    await stage.begin()
    node = stage.follower()
    await _changed(stage, [(node, other) for other in stage.cluster.others(node)], SILENT)


async def one_way(stage: Stage) -> None:
    """One direction between the leader and one follower is cut."""
    await stage.begin()
    one, other = stage.shuffled([stage.leader, stage.follower()])
    stage.note(f"{one}>{other}")
    await _changed(stage, [(one, other)], stage.dice.choice((CUT, SILENT)))


async def bridge(stage: Stage) -> None:
    """CR-52: two halves that only one node, which does not lead, connects."""
    await stage.begin()
    middle = stage.follower()
    rest = stage.shuffled(stage.cluster.others(middle))
    half = len(rest) // 2
    stage.note(f"{'+'.join(rest[:half])}|{middle}|{'+'.join(rest[half:])}")
    await _changed(stage, stage.cluster.between(rest[:half], rest[half:]), CUT)


async def ring(stage: Stage) -> None:
    """CR-52: each node hears only its two neighbours on a ring: just a quorum, another for each."""
    await stage.begin()
    order = stage.shuffled(stage.cluster.names)
    near = {frozenset((a, b)) for a, b in zip(order, [*order[1:], order[0]], strict=True)}
    far = [pair for pair in stage.cluster.pairs() if frozenset(pair) not in near]
    stage.note("-".join(order))
    await _changed(stage, far, CUT)


async def slow_links(stage: Stage) -> None:
    """Every message takes tens of milliseconds: nodes in several countries."""
    await stage.begin()
    delay_ms = stage.dice.choice((20, 60, 120))
    stage.note(f"{delay_ms} ms")
    await _changed(stage, stage.cluster.pairs(), slow(delay_ms))


async def slow_leader(stage: Stage) -> None:
    """What the leader sends arrives after about a heartbeat."""
    await stage.begin()
    await _changed(stage, [(stage.leader, other) for other in stage.cluster.others(stage.leader)], slow(200))


async def _changed(stage: Stage, pairs: list[tuple[str, str]], condition: Condition) -> None:
    links = stage.cluster.links
    links.set(pairs, condition)
    await stage.hold()
    if condition == SILENT and stage.dice.random() < 0.5:
        links.reset(pairs)
        stage.note("lost")
    links.set(pairs, OPEN)
    stage.healed()


async def flap(stage: Stage) -> None:
    """The leader's links to one follower break and return, again and again."""
    await stage.begin()
    pairs = stage.cluster.between([stage.leader], [stage.follower()])
    for _ in range(FLAPS):
        stage.cluster.links.set(pairs, CUT)
        await asyncio.sleep(FLAP_S)
        stage.cluster.links.set(pairs, OPEN)
        await asyncio.sleep(FLAP_S)
    stage.healed()


async def reset(stage: Stage) -> None:
    """Every connection between nodes breaks once."""
    await stage.begin()
    stage.cluster.links.reset(stage.cluster.pairs())
    stage.healed()
    await stage.load.wait_for(5, timeout_s=30)


async def undisturbed(stage: Stage) -> None:
    """Nothing: what the pauses are to be compared with; the leader must stay."""
    await stage.begin()
    before = await stage.cluster.term()
    await stage.hold()
    stage.healed()
    if await stage.cluster.term() != before:
        stage.note("an election without cause")


PROCESSES_AND_LINKS = (
    Fault("undisturbed", undisturbed),
    Fault("kill follower", kill_follower),
    Fault("kill leader", kill_leader),
    Fault("kill two at once", kill_most, least_nodes=5),
    Fault("kill a quorum", kill_quorum, is_tolerated=False),
    Fault("kill all", kill_all, is_tolerated=False),
    Fault("kill each new leader", kill_again_and_again),
    Fault("orderly restarts", restart_orderly),
    Fault("hand over", hand_over),
    Fault("pause leader, short", pause_leader_shortly),
    Fault("pause leader, long", pause_leader_long),
    Fault("pause follower", pause_follower),
    Fault("pause a quorum", pause_quorum, is_tolerated=False),
    Fault("pause all", pause_all, is_tolerated=False),
    Fault("stutter", stutter),
    Fault("cut follower", cut_follower),
    Fault("isolate leader", isolate_leader),
    Fault("silence leader", silence_leader),
    Fault("split", split),
    Fault("shatter", shatter, is_tolerated=False),
    Fault("deaf leader", deaf_leader),
    Fault("mute leader", mute_leader),
    Fault("deaf follower", deaf_follower),
    Fault("mute follower", mute_follower),
    Fault("one way", one_way),
    Fault("bridge", bridge),
    Fault("ring", ring, least_nodes=5),
    Fault("slow links", slow_links),
    Fault("slow leader", slow_leader),
    Fault("flapping link", flap),
    Fault("reset connections", reset),
)
