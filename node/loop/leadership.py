"""What a node asks of leadership: linearizable reads, and handing it over.

Both are questions to the consensus core whose answer comes later; here they become
coroutines with a bounded wait.

Nothing polls: the driver's turn, which follows whatever happens to the core, begins the reads and looks
whether leadership has moved.

Reads that come in one turn of the loop begin together when the driver has its turn, and are one
question to the core. A linearizable read is tried again while leadership moves, so that its caller notices a
change of leaders as a pause and not as an error.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from consensus.errors import Busy, NotLeader, TransferRefused
from consensus.raft import Raft
from consensus.ready import Ready
from consensus.state import Role
from ledger.chain.chain import Chain
from ledger.members.leadership import HandOverOrder
from node.errors import LeadershipStays, NotAdmitted, shutting_down
from node.intake.admission import Identify
from node.limits import READ_PAUSE_MS

MOST_READ_PAUSE_S = 0.064
"""How long a read without a leader rests, at most: thousands of them must not slow an election down."""


def check_order(order: HandOverOrder, chain: Chain, node: str, identify: Identify) -> None:
    """Check that the operator of a node gave this order.

    Raises:
        NotAdmitted: bad_signature, unknown_key, revoked_key, not_the_operator.
    """
    if order.node != node or not order.is_signed(chain.channel):
        raise NotAdmitted(
            "bad_signature",
            "the order is not signed by the key that it names, for this node and channel",
            field="signature",
        )
    organisation = identify(order.key)
    member = chain.membership.member(node)
    if member is None or member.organisation != organisation:
        raise NotAdmitted(
            "not_the_operator",
            "another organisation runs this node",
            field="key",
            found=organisation,
            expected=None if member is None else member.organisation,
        )


class Leadership:
    """One node's questions to its core."""

    def __init__(self, raft: Raft, count_ticks: Callable[[], None], wake: Callable[[], None]) -> None:
        self._raft = raft
        self._count_ticks = count_ticks
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._beginning: list[asyncio.Future[bool | None]] = []
        self._reads: dict[int, list[asyncio.Future[bool | None]]] = {}
        """Who waits for each read of the core: all that began in one turn. True confirms it, False says
        to try again, None that no leader is known."""
        self._hand_overs: list[tuple[str | None, int, asyncio.Future[None]]] = []
        """Target, own term, and who waits for the end of it."""
        self._is_closed = False

    def look(self) -> None:
        """Tell whoever hands over that it has come to an end."""
        for target, term, waiting in self._hand_overs:
            if not waiting.done() and not self._is_under_way(target, term):
                waiting.set_result(None)

    def begin_reads(self) -> None:
        """Ask the core once for all reads that came since the last turn."""
        if not self._beginning:
            return
        beginning, self._beginning = self._beginning, []
        try:
            self._reads[self._raft.read()] = beginning
        except NotLeader:
            _settle(beginning, None)
        except Busy as busy:
            for waiting in beginning:
                if not waiting.done():
                    waiting.set_exception(NotAdmitted("busy", str(busy)))

    def answered(self, ready: Ready) -> None:
        """The core answers reads; what they are to see has been applied, unless the node halted over it."""
        for number, _ in ready.reads:
            _settle(self._reads.pop(number, ()), self._raft.halted is None)
        for number in ready.reads_failed:
            _settle(self._reads.pop(number, ()), False)

    async def confirm_read(self, timeout_ms: int) -> None:
        """Return when whatever was acknowledged before the call, anywhere, is applied here.

        Raises:
            NotAdmitted: no leader could confirm it in time, too many reads wait, or the node stops.
        """
        deadline_s = self._loop.time() + timeout_ms / 1_000
        pause_s = READ_PAUSE_MS / 1_000
        while (left_s := deadline_s - self._loop.time()) > 0:
            if self._is_closed:
                raise shutting_down()
            waiting: asyncio.Future[bool | None] = self._loop.create_future()
            self._beginning.append(waiting)
            self._wake()
            try:
                is_confirmed = await asyncio.wait_for(waiting, left_s)
            except TimeoutError:
                break
            if is_confirmed:
                return
            if is_confirmed is None:
                await asyncio.sleep(min(left_s, pause_s))
                pause_s = min(2 * pause_s, MOST_READ_PAUSE_S)
        raise NotAdmitted("no_leader", "no leader confirmed the read in time")

    async def hand_over(self, target: str | None, timeout_ms: int) -> str:
        """Hand the leadership over to a voter, the most advanced one if none is named; who leads then.

        Raises:
            NotAdmitted: this node does not lead.
            LeadershipStays: the target cannot lead, or did not take over in time.
        """
        raft = self._raft
        self._count_ticks()
        target = target or raft.successor()
        if raft.role is Role.LEADER and target is None:
            raise LeadershipStays("no other voter has been heard of lately")
        term = raft.term
        try:
            raft.transfer(target or raft.node)
        except NotLeader as error:
            raise NotAdmitted("not_leading", str(error), found=raft.node, expected=error.leader) from None
        except TransferRefused as error:
            raise LeadershipStays(str(error), found=target) from None
        self._wake()
        if self._is_under_way(target, term):
            hand_over = (target, term, self._loop.create_future())
            self._hand_overs.append(hand_over)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hand_over[2], timeout_ms / 1_000)
            self._hand_overs.remove(hand_over)
        if raft.leader is None or raft.leader == raft.node:
            raise LeadershipStays("the other node did not take over in time", found=target)
        return raft.leader

    def _is_under_way(self, target: str | None, term: int) -> bool:
        """Whether the hand-over to `target` in this node's `term` has neither succeeded nor been given up."""
        raft = self._raft
        return (raft.transferee == target and raft.term == term) or raft.leader is None

    def close(self) -> None:
        """Nobody is answered any more; whoever waits is told."""
        self._is_closed = True
        for _, _, hand_over in self._hand_overs:
            if not hand_over.done():
                hand_over.set_result(None)
        for waiting in (self._beginning, *self._reads.values()):
            _settle(waiting, False)
        self._reads.clear()
        self._beginning = []


def _settle(reads: Iterable[asyncio.Future[bool | None]], answer: bool | None) -> None:
    for waiting in reads:
        if not waiting.done():
            waiting.set_result(answer)
