"""What a session says to the nodes, without I/O: every method is a generator of steps.

`transport.exchange` decides where a call goes; here stands what is asked, what is made of
the answer, and what is believed: nothing that money depends on without its proof.

Read your own writes: a proof that is older than something this session has already seen
proved is not taken; another node, or the same a little later, has a newer one.
"""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote as percent_encoded

from pydantic import BaseModel

from clients.errors import BrokenAnswer, NodeProblem, NotAdmitted, OutcomeUnknown, Unavailable
from clients.sdk.histories import read_history
from clients.sdk.recorded import Recorded, RefusedOperation, VerifiedHistory, VerifiedQuote
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
    exchange,
    retry_after_s,
)
from contracts import registry
from contracts.quote import verify_quote
from ledger import codec
from ledger.errors import Malformed, TallyError, VerificationError
from ledger.genesis import GenesisBlock
from ledger.keys import SigningKey
from ledger.limits import (
    MAX_BUNDLE_BYTES,
    MAX_BUNDLE_TRANSACTIONS,
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    MAX_VALIDITY_MS,
    SIGNATURE_BYTES,
)
from ledger.receipt import ProvedOutcome, Receipt
from ledger.transaction import Operation, Transaction

T = TypeVar("T")

DEADLINE_S = 60.0
"""How long a session tries to carry one call to an answer."""

ATTEMPT_MS = 6_000
"""How long one node is asked to wait for a commit before the same bytes go to the next."""

VALIDITY_MS = 600_000
"""How far ahead a new transaction's valid_until lies; the time within which it can be sent again."""

NONCE_BYTES = 12
MAX_PROVED_HEADERS = 4_096
"""Hashes of headers that a session remembers as proved."""

BODY_OVERHEAD_BYTES = 256
"""Bytes of a transaction that are not its operations: head, channel, signer, nonce, signature."""

HEIGHT_HEADER = "tally-height"
MSGPACK = "application/msgpack"
MSGPACK_FILE = "application/vnd.tallystick+msgpack"

assert ATTEMPT_MS / 1_000 < ANSWER_TIMEOUT_S, "a node that waits for a commit is not silent"
assert DEADLINE_S * 1_000 < VALIDITY_MS <= MAX_VALIDITY_MS, "what is sent again is still valid"

OperationLike = Mapping[str, Any] | BaseModel
"""An operation: a map with `op` and its fields, or a contract's model."""


class Conversation:
    """One client's side of a channel: signs, asks, verifies, remembers what it saw proved."""

    def __init__(
        self,
        genesis: GenesisBlock,
        nodes: Sequence[str],
        key: Callable[[], SigningKey],
        *,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.genesis = genesis
        self.nodes = Nodes(nodes)
        self.seen_height = 0
        """Greatest height that was proved to this session."""
        self._key = key
        self.deadline_s = deadline_s
        self._clock = clock
        self._prefix = f"/v1/channels/{genesis.channel.hex()}"
        self._proved: OrderedDict[bytes, None] = OrderedDict()

    def sign(
        self, operations: Sequence[OperationLike], *, atomic: bool = True, valid_for_ms: int = VALIDITY_MS
    ) -> Transaction:
        """A transaction of this client over operations whose form is checked here already.

        Raises:
            Malformed, TooLarge: with the operation and the field that is wrong.
        """
        values = [operation_value(operation, index) for index, operation in enumerate(operations)]
        return Transaction.sign(
            self._key(),
            channel=self.genesis.channel,
            operations=values,
            valid_until_ms=time.time_ns() // 1_000_000 + valid_for_ms,
            nonce=os.urandom(NONCE_BYTES),
            atomic=atomic,
        )

    def batches(self, operations: Iterable[OperationLike], *, atomic: bool = False) -> Iterator[Transaction]:
        """As few transactions as hold these operations, in order, each under one signature."""
        pending: list[Operation] = []
        size_bytes = 0
        for index, operation in enumerate(operations):
            value = operation_value(operation, index)
            length = len(codec.encode(value))
            full = size_bytes + length > MAX_TRANSACTION_BYTES - BODY_OVERHEAD_BYTES
            if pending and (full or len(pending) == MAX_OPERATIONS):
                yield self.sign(pending, atomic=atomic)
                pending, size_bytes = [], 0
            pending.append(value)
            size_bytes += length
        if pending:
            yield self.sign(pending, atomic=atomic)

    def record(self, transactions: Sequence[Transaction]) -> Steps[list[Recorded]]:
        """Carry signed transactions onto the ledger; proved outcomes in the order given.

        Raises:
            NotAdmitted: no node takes one of them in; the others are carried through first.
            OutcomeUnknown: no outcome for some before the deadline; holds their bytes.
            Unavailable: no node could be reached at all, so nothing was sent.
        """
        recorded: dict[bytes, Recorded] = {}
        problems: dict[bytes, NodeProblem] = {}
        for chunk in _bundles(transactions):
            yield from self._record_bundle(chunk, recorded, problems)
        if problems:
            places = {
                index: problems[transaction.id]
                for index, transaction in enumerate(transactions)
                if transaction.id in problems
            }
            first = min(places)
            raise NotAdmitted(places[first], index=first, problems=places, recorded=tuple(recorded.values()))
        return [recorded[transaction.id] for transaction in transactions]

    def _record_bundle(
        self,
        transactions: Sequence[Transaction],
        recorded: dict[bytes, Recorded],
        problems: dict[bytes, NodeProblem],
    ) -> Steps[None]:
        deadline = self._clock() + self.deadline_s
        signed = {transaction.parts for transaction in transactions}
        waiting = {transaction.id: transaction for transaction in transactions}
        was_sent = False
        attempts = 0
        while waiting:
            left = list(waiting.values())
            try:
                reply = yield from exchange(
                    self.nodes, self._submission(left, deadline), deadline, self._clock
                )
            except Unavailable as error:
                if was_sent or error.was_sent:
                    raise OutcomeUnknown(error.message, tuple(left), tuple(recorded.values())) from None
                raise
            was_sent = True
            if reply.status not in (200, 202):
                problem = _problem(reply)
                problems.update(dict.fromkeys(waiting, problem))
                return
            outcomes, receipts = _answer(reply, left)
            for found in self._from_receipts(receipts, waiting, signed, reply.node):
                recorded[found.id] = found
                waiting.pop(found.id, None)
            attempts += 1
            pause_s = self._sort_out(outcomes, waiting, problems, reply, attempts)
            for transaction in [known for known in left if known.id in waiting]:
                found_late = yield from self._fetch_receipt(transaction, outcomes, signed)
                if found_late is not None:
                    recorded[found_late.id] = found_late
                    waiting.pop(found_late.id, None)
            if waiting:
                if self._clock() + pause_s >= deadline:
                    raise OutcomeUnknown(
                        "no outcome before the deadline", tuple(waiting.values()), tuple(recorded.values())
                    )
                yield Pause(pause_s)

    def _submission(self, transactions: Sequence[Transaction], deadline: float) -> Call:
        left_ms = max(1, int(1_000 * (deadline - self._clock())))
        query: dict[str, str | int] = {"wait": "committed", "timeout_ms": min(ATTEMPT_MS, left_ms)}
        if len(transactions) == 1:
            path, body = "/transactions", transactions[0].envelope
        else:
            path, body = "/bundles", codec.encode([transaction.parts for transaction in transactions])
        return Call("POST", self._prefix + path, query, body, accept=MSGPACK)

    def _sort_out(
        self,
        outcomes: Mapping[bytes, Mapping[str, Any]],
        waiting: dict[bytes, Transaction],
        problems: dict[bytes, NodeProblem],
        reply: Reply,
        attempts: int,
    ) -> float:
        """Move what is never taken in from `waiting` to `problems`; seconds until the rest goes again."""
        passing = set()
        for identity, outcome in outcomes.items():
            error = outcome.get("error")
            if identity not in waiting or error is None:
                continue
            problem = NodeProblem.of(error, error["status"], reply.node)
            if problem.passes:
                passing.add(problem.status)
            else:
                problems[identity] = problem
                del waiting[identity]
        wait_s = retry_after_s(reply.headers) or MOST_PAUSE_S
        if 429 in passing:
            return wait_s
        if passing:
            self.nodes.leave(reply.node)
            return wait_s if attempts % len(self.nodes.urls) == 0 else FIRST_PAUSE_S
        return FIRST_PAUSE_S

    def _fetch_receipt(
        self,
        transaction: Transaction,
        outcomes: Mapping[bytes, Mapping[str, Any]],
        signed: set[tuple[bytes, bytes]],
    ) -> Steps[Recorded | None]:
        """The receipt of what is committed but came without one."""
        if outcomes[transaction.id].get("status") != "committed":
            return None
        path = f"{self._prefix}/transactions/{transaction.id.hex()}/receipt"
        deadline = self._clock() + ANSWER_TIMEOUT_S
        try:
            found = yield from exchange(
                self.nodes, Call("GET", path, accept=MSGPACK_FILE), deadline, self._clock
            )
        except Unavailable:
            return None
        if found.status != 200:
            return None
        waiting = {transaction.id: transaction}
        return next(iter(self._from_receipts([found.body], waiting, signed, found.node)), None)

    def _from_receipts(
        self,
        receipts: Iterable[bytes],
        waiting: Mapping[bytes, Transaction],
        signed: set[tuple[bytes, bytes]],
        node: str,
    ) -> list[Recorded]:
        """What receipts prove about the transactions that are waited for.

        Raises:
            VerificationError: a receipt that does not prove what it claims, with the node that gave it.
        """
        found = []
        for data in receipts:
            try:
                outcomes = Receipt.decode(data).verify(self.genesis, proved=self._proved, signed=signed)
            except TallyError as error:
                raise _named(error, f"receipt from {node}") from None
            for outcome in outcomes:
                self.saw(outcome.height, outcome.block_hash)
                if outcome.transaction.id in waiting:
                    found.append(recorded_of(outcome, data))
        return found

    def receipt(self, identity: bytes) -> Steps[Recorded]:
        """A transaction that is on the ledger, by its id.

        Raises:
            NodeProblem: `unknown_transaction`.
            VerificationError: the receipt does not prove it.
        """
        path = f"/transactions/{identity.hex()}/receipt"
        reply = yield from self.ask(Call("GET", self._prefix + path, accept=MSGPACK_FILE))
        for outcome in Receipt.decode(reply.body).verify(self.genesis, proved=self._proved):
            if outcome.transaction.id == identity:
                self.saw(outcome.height, outcome.block_hash)
                return recorded_of(outcome, reply.body)
        raise VerificationError("the receipt is of another transaction", expected=identity.hex())

    def history(self, supplier: str, buyer: str, last: int | None = None) -> Steps[VerifiedHistory]:
        """The history of a relationship, whole or its newest `last` records, proved.

        Raises:
            NodeProblem: `unknown_relationship`.
            VerificationError: the file does not prove it, or not what was asked for.
        """
        path = f"{self._prefix}/relationships/{segment(supplier)}/{segment(buyer)}/history"
        call = Call("GET", path, {} if last is None else {"last": last}, accept=MSGPACK_FILE)

        def read(data: bytes) -> tuple[VerifiedHistory, int]:
            history = read_history(data, self.genesis)
            if (history.supplier, history.buyer) != (supplier, buyer):
                raise VerificationError(
                    "the history of another relationship",
                    found=f"{history.supplier}, {history.buyer}",
                    expected=f"{supplier}, {buyer}",
                )
            wanted = history.count if last is None else min(last, history.count)
            if len(history.records) != wanted:
                raise VerificationError(
                    "not as many records as asked for", found=len(history.records), expected=wanted
                )
            return history, history.height

        return (yield from self._proof(call, read))

    def quote(self, programme: str, supplier: str, invoice: str) -> Steps[VerifiedQuote]:
        """A programme's price for an invoice, recomputed here from proved inputs.

        Raises:
            NodeProblem: unknown programme or invoice, or one that cannot be priced.
            VerificationError: the file does not prove its price, or prices something else.
        """
        asked = {"programme": programme, "supplier": supplier, "invoice": invoice}
        call = Call(
            "POST",
            f"{self._prefix}/quotes",
            body=json.dumps(asked).encode(),
            content_type="application/json",
            accept=MSGPACK_FILE,
        )

        def read(data: bytes) -> tuple[VerifiedQuote, int]:
            quote = VerifiedQuote(verify_quote(data, self.genesis), data)
            for name, wanted in asked.items():
                if getattr(quote, name) != wanted:
                    raise VerificationError(
                        "the quote is for something else",
                        field=name,
                        found=getattr(quote, name),
                        expected=wanted,
                    )
            return quote, quote.height

        return (yield from self._proof(call, read))

    def _proof(self, call: Call, read: Callable[[bytes], tuple[T, int]]) -> Steps[T]:
        """A proof that is not older than what this session has seen."""
        deadline = self._clock() + self.deadline_s
        while True:
            reply = yield from self.ask(call)
            try:
                value, height = read(reply.body)
            except TallyError as error:
                raise _named(error, f"answer of {reply.node}") from None
            if height >= self.seen_height:
                self.seen_height = height
                return value
            if self._clock() >= deadline:
                raise Unavailable(
                    "no node is as far as this session has seen",
                    found=f"height {height}",
                    expected=f"at least {self.seen_height}",
                )
            self.nodes.leave(reply.node)
            yield Pause(FIRST_PAUSE_S)

    def view(self, path: str, query: Mapping[str, str | int | None] | None = None) -> Steps[Any]:
        """A JSON view below the channel, as the node tells it: not proved.

        Raises:
            NodeProblem: what the node answered instead.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        call = Call("GET", self._prefix + path, given)
        deadline = self._clock() + self.deadline_s
        while True:
            reply = yield from self.ask(call)
            height = reply.headers.get(HEIGHT_HEADER, "")
            if not height.isdecimal() or int(height) >= self.seen_height or self._clock() >= deadline:
                return _json(reply)
            self.nodes.leave(reply.node)
            yield Pause(FIRST_PAUSE_S)

    def status(self) -> Steps[dict[str, Any]]:
        """Where the node in use stands."""
        reply = yield from self.ask(Call("GET", "/v1/status"))
        return dict(_json(reply))

    def raw_blocks(self, first: int, limit: int) -> Steps[list[tuple[int, bytes, codec.Value]]]:
        """A page of (height, block bytes, certificate value or None) from a height upwards."""
        query: dict[str, str | int] = {"from": first, "limit": limit, "form": "raw"}
        reply = yield from self.ask(Call("GET", f"{self._prefix}/blocks", query, accept=MSGPACK))
        try:
            page = codec.decode(reply.body, MAX_ANSWER_BYTES)
        except Malformed as error:
            raise _broken(reply, str(error)) from None
        if type(page) is not tuple or not all(_is_raw_block(entry) for entry in page):
            raise _broken(reply, "not a page of blocks")
        return list(page)

    def ask(self, call: Call) -> Steps[Reply]:
        """A call that must be answered with success.

        Raises:
            NodeProblem: the node's problem document.
            Unavailable: no node answered before the deadline.
        """
        deadline = self._clock() + self.deadline_s
        reply = yield from exchange(self.nodes, call, deadline, self._clock)
        if reply.status != 200:
            raise _problem(reply)
        return reply

    def events_call(self, after: int | None) -> Call:
        """The request of the event stream, to resume after a height."""
        query = {} if after is None else {"after": after}
        return Call("GET", f"{self._prefix}/events", query, accept="text/event-stream")

    def saw(self, height: int, block_hash: bytes) -> None:
        """Remember a header as proved."""
        self.seen_height = max(self.seen_height, height)
        self._proved[block_hash] = None
        if len(self._proved) > MAX_PROVED_HEADERS:
            self._proved.popitem(last=False)


def operation_value(operation: OperationLike, index: int = 0) -> Operation:
    """The canonical map of an operation, its form checked.

    Raises:
        Malformed: with the field that is wrong.
    """
    if isinstance(operation, BaseModel):
        return dict(operation.model_dump())
    value = dict(operation)
    if type(value.get("op")) is not str:
        raise Malformed("operation without a name", field=f"operations[{index}].op", expected="text")
    registry.parse(codec.decode(codec.encode(value)), index)
    return value


def recorded_of(outcome: ProvedOutcome, receipt: bytes) -> Recorded:
    """A proved outcome as sessions hand it out."""
    names = [operation["op"] for operation in outcome.transaction.operations]
    return Recorded(
        outcome.transaction,
        outcome.height,
        outcome.index,
        outcome.time_ms,
        tuple(
            RefusedOperation(place, names[place] if place < len(names) else "", code, detail)
            for place, code, detail in outcome.result
        ),
        receipt,
    )


def _bundles(transactions: Sequence[Transaction]) -> Iterator[list[Transaction]]:
    """Bundles within the node's bounds, without a transaction twice."""
    pending: dict[bytes, Transaction] = {}
    size_bytes = 0
    for transaction in {known.id: known for known in transactions}.values():
        length = len(transaction.body) + SIGNATURE_BYTES + 16
        if pending and (
            len(pending) == MAX_BUNDLE_TRANSACTIONS or size_bytes + length > MAX_BUNDLE_BYTES - 16
        ):
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
        raise _broken(reply, str(error)) from None
    if type(answer) is not dict:
        raise _broken(reply, "not an outcome")
    outcomes: codec.Value = (answer,)
    receipts: codec.Value = (answer.get("receipt"),)
    if len(transactions) > 1:
        outcomes, receipts = answer.get("outcomes"), answer.get("receipts")
    if type(outcomes) is not tuple or type(receipts) is not tuple or len(outcomes) != len(transactions):
        raise _broken(reply, "not one outcome for each transaction")
    for outcome in outcomes:
        if type(outcome) is not dict or type(outcome.get("status")) is not str:
            raise _broken(reply, "not an outcome")
        problem = outcome.get("error")
        if problem is not None and not (type(problem) is dict and type(problem.get("status")) is int):
            raise _broken(reply, "not a problem document")
    if not all(receipt is None or type(receipt) is bytes for receipt in receipts):
        raise _broken(reply, "a receipt that is no file")
    by_id: dict[bytes, Mapping[str, Any]] = {
        transaction.id: outcome for transaction, outcome in zip(transactions, outcomes, strict=True)
    }
    return by_id, [receipt for receipt in receipts if receipt is not None]


def _is_raw_block(entry: codec.Value) -> bool:
    return type(entry) is tuple and len(entry) == 3 and type(entry[0]) is int and type(entry[1]) is bytes


def _problem(reply: Reply) -> NodeProblem:
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = {}
    return NodeProblem.of(document if isinstance(document, dict) else {}, reply.status, reply.node)


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise _broken(reply, str(error)[:120]) from None


def _broken(reply: Reply, found: str) -> BrokenAnswer:
    return BrokenAnswer(f"{reply.node} answers something else than the protocol says", found=found)


def _named(error: TallyError, source: str) -> VerificationError:
    """A proof's error, with the node whose proof it was."""
    return VerificationError(
        f"{source}: {error.message}", field=error.field, found=error.found, expected=error.expected
    )


def segment(text: str) -> str:
    """A text as one segment of a path: nothing in it is a slash or a dot segment.

    A lone "." or ".." must not be resolved away on the road, so dots are encoded too.
    """
    return percent_encoded(text, safe="").replace(".", "%2E")
