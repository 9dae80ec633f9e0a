r"""Bringing one bundle of signed transactions onto the ledger, however often that takes.

    waiting --receipt proves it--> recorded
       |  \--refused for good----> problems
       \---turned away, or no outcome: the same bytes again, until the deadline
       \---a node failed: the same bytes to the others; that it took them in is not ruled out

Only a receipt ends the waiting: what a node says of an outcome moves nothing to `recorded`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, Protocol

from clients.errors import NodeProblem, Unavailable
from clients.sdk.outcome import Recorded
from clients.sdk.transport import (
    ANSWER_TIMEOUT_S,
    FIRST_PAUSE_S,
    MAX_ANSWER_BYTES,
    MOST_PAUSE_S,
    Call,
    Nodes,
    Pause,
    Reply,
    Steps,
    broken,
    exchange,
    problem_of,
    retry_after_s,
)
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.codec import MEDIA_TYPE
from ledger.errors import Malformed
from ledger.limits import MAX_BUNDLE_BYTES, MAX_BUNDLE_TRANSACTIONS, SIGNATURE_BYTES

ATTEMPT_MS = 6_000
"""How long one node is asked to wait for a commit before the same bytes go to the next."""

ENVELOPE_OVERHEAD_BYTES = 16

assert ATTEMPT_MS / 1_000 < ANSWER_TIMEOUT_S, "a node that waits for a commit is not silent"

Outcomes = Mapping[bytes, Mapping[str, Any]]
"""What a node says of each transaction, by id."""


class Speaker(Protocol):
    """What a recording needs of the conversation that it is part of."""

    @property
    def nodes(self) -> Nodes:
        """Of the channel, and which one is in use."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, never going back."""
        ...

    @property
    def deadline_s(self) -> float:
        """How long it tries."""
        ...

    @property
    def prefix(self) -> str:
        """Path of the channel."""
        ...

    def receipt_call(self, identity: bytes) -> Call:
        """The request of a receipt file."""
        ...

    def proved_by(
        self, receipt: bytes, source: str, signed: Container[tuple[bytes, bytes]] = ()
    ) -> Steps[list[Recorded]]:
        """What a receipt file proves; `signed` holds (body, signature) pairs that are known to be good."""
        ...


class Recording:
    """One bundle on its way; shares what it finds with the bundles beside it."""

    def __init__(
        self,
        conversation: Speaker,
        transactions: Sequence[Transaction],
        recorded: dict[bytes, Recorded],
        problems: dict[bytes, NodeProblem],
    ) -> None:
        self.waiting = {transaction.id: transaction for transaction in transactions}
        """What has no outcome yet."""
        self._recorded = recorded
        self._problems = problems
        self._conversation = conversation
        self._signed = {transaction.parts for transaction in transactions}
        self._deadline = conversation.clock() + conversation.deadline_s

    def steps(self) -> Steps[None]:
        """Send what waits, again and again, until nothing does.

        Raises:
            Unavailable: the deadline passed; `was_sent` says whether a node may have got it.
            VerificationError: a receipt that proves nothing.
        """
        nodes, clock = self._conversation.nodes, self._conversation.clock
        attempts = failures = 0
        while self.waiting:
            left = list(self.waiting.values())
            try:
                reply = yield from exchange(nodes, self._submission(left), self._deadline, clock)
            except Unavailable as error:
                error.was_sent = error.was_sent or attempts > 0
                raise
            attempts += 1
            if reply.status >= 500:
                failures += 1
                if failures == len(nodes.urls):
                    problem = problem_of(reply)
                    raise Unavailable(f"{reply.node} fails: {problem.message}", was_sent=True)
                nodes.leave(reply.node)
                continue
            if reply.status not in (200, 202):
                self._problems.update(dict.fromkeys(self.waiting, problem_of(reply)))
                return
            outcomes, receipts = _answer(reply, left)
            for receipt in receipts:
                yield from self._take(receipt, reply.node)
            pause_s = self._sort_out(outcomes, reply, attempts)
            yield from self._fetch_missing(outcomes)
            if self.waiting:
                if clock() + pause_s >= self._deadline:
                    raise Unavailable("no outcome before the deadline", was_sent=True)
                yield Pause(pause_s)

    def _submission(self, transactions: Sequence[Transaction]) -> Call:
        left_ms = max(1, int(1_000 * (self._deadline - self._conversation.clock())))
        query: dict[str, str | int] = {"wait": "committed", "timeout_ms": min(ATTEMPT_MS, left_ms)}
        if len(transactions) == 1:
            path, body = "/transactions", transactions[0].envelope
        else:
            path, body = "/bundles", codec.encode([transaction.parts for transaction in transactions])
        return Call("POST", self._conversation.prefix + path, query, body, accept=MEDIA_TYPE)

    def _take(self, receipt: bytes, node: str) -> Steps[None]:
        for found in (yield from self._conversation.proved_by(receipt, node, self._signed)):
            if self.waiting.pop(found.id, None) is not None:
                self._recorded[found.id] = found

    def _sort_out(self, outcomes: Outcomes, reply: Reply, attempts: int) -> float:
        """Move what is never taken in from `waiting` to `problems`; seconds until the rest goes again."""
        passing = set()
        for identity, outcome in outcomes.items():
            error = outcome.get("error")
            if identity not in self.waiting or error is None:
                continue
            problem = NodeProblem.of(error, error["status"], reply.node)
            if problem.passes:
                passing.add(problem.status)
            else:
                self._problems[identity] = problem
                del self.waiting[identity]
        nodes = self._conversation.nodes
        wait_s = retry_after_s(reply.headers) or MOST_PAUSE_S
        if 429 in passing:
            return wait_s
        if passing:
            nodes.leave(reply.node)
            return wait_s if attempts % len(nodes.urls) == 0 else FIRST_PAUSE_S
        return FIRST_PAUSE_S

    def _fetch_missing(self, outcomes: Outcomes) -> Steps[None]:
        """The receipts of what is said to be committed but came without one."""
        conversation = self._conversation
        for identity, outcome in outcomes.items():
            if identity not in self.waiting or outcome["status"] != "committed":
                continue
            call = conversation.receipt_call(identity)
            try:
                reply = yield from exchange(conversation.nodes, call, self._deadline, conversation.clock)
            except Unavailable:
                return
            if reply.status == 200:
                yield from self._take(reply.body, reply.node)


def in_bundles(transactions: Sequence[Transaction]) -> Iterator[list[Transaction]]:
    """Bundles within the node's bounds, in order, without a transaction twice."""
    pending: dict[bytes, Transaction] = {}
    size_bytes = 0
    for transaction in {known.id: known for known in transactions}.values():
        length = len(transaction.body) + SIGNATURE_BYTES + ENVELOPE_OVERHEAD_BYTES
        full = size_bytes + length > MAX_BUNDLE_BYTES - ENVELOPE_OVERHEAD_BYTES
        if pending and (full or len(pending) == MAX_BUNDLE_TRANSACTIONS):
            yield list(pending.values())
            pending, size_bytes = {}, 0
        pending[transaction.id] = transaction
        size_bytes += length
    if pending:
        yield list(pending.values())


def _answer(
    reply: Reply, transactions: Sequence[Transaction]
) -> tuple[dict[bytes, Mapping[str, Any]], list[bytes]]:
    """(outcome by transaction id, receipt files) of an answer to a submission.

    Raises:
        BrokenAnswer: it has another form.
    """
    try:
        answer = codec.decode(reply.body, MAX_ANSWER_BYTES)
    except Malformed as error:
        raise broken(reply, str(error)) from None
    if type(answer) is not dict:
        raise broken(reply, "not an outcome")
    outcomes: codec.Value = (answer,)
    receipts: codec.Value = (answer.get("receipt"),)
    if len(transactions) > 1:
        outcomes, receipts = answer.get("outcomes"), answer.get("receipts")
    if type(outcomes) is not tuple or type(receipts) is not tuple or len(outcomes) != len(transactions):
        raise broken(reply, "not one outcome for each transaction")
    for outcome in outcomes:
        if type(outcome) is not dict or type(outcome.get("status")) is not str:
            raise broken(reply, "not an outcome")
        problem = outcome.get("error")
        if problem is not None and not (type(problem) is dict and type(problem.get("status")) is int):
            raise broken(reply, "not a problem document")
    if not all(receipt is None or type(receipt) is bytes for receipt in receipts):
        raise broken(reply, "a receipt that is no file")
    by_id: dict[bytes, Mapping[str, Any]] = {
        transaction.id: outcome for transaction, outcome in zip(transactions, outcomes, strict=True)
    }
    return by_id, [receipt for receipt in receipts if receipt is not None]
