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
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote as percent_encoded

from pydantic import BaseModel

from clients.errors import BrokenAnswer, NodeProblem, Unavailable
from clients.kept_models import KeptModels
from clients.sdk import told
from clients.sdk.books import VerifiedBook, read_book
from clients.sdk.certificates import VerifiedCertificate, read_certificate
from clients.sdk.histories import read_history, read_party_history
from clients.sdk.outcome import NotAdmitted, OutcomeUnknown, Recorded, RefusedOperation, looked_up_later
from clients.sdk.recording import Recording, in_bundles
from clients.sdk.statements import VerifiedStatement, read_statement
from clients.sdk.transport import (
    FIRST_PAUSE_S,
    MAX_ANSWER_BYTES,
    Call,
    Nodes,
    Pause,
    Reply,
    Steps,
    broken,
    exchange,
    problem_of,
)
from clients.sdk.verified import VerifiedAnswer, VerifiedHistory, VerifiedPrices, VerifiedQuote
from contracts import registry
from contracts.answer import Answer, Argument, verify_answer
from contracts.finance.quote_book import QuoteBook
from contracts.rules_in_force import RECORDED_UNDER, check_rules_known
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.transaction import Operation, Transaction
from ledger.codec import FILE_MEDIA_TYPE, MEDIA_TYPE
from ledger.errors import Malformed, TallyError, VerificationError
from ledger.identifiers import checked_identifier, checked_name
from ledger.keys import SigningKey
from ledger.limits import (
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    MAX_VALIDITY_MS,
)
from ledger.proofs.carried import carry, opened
from ledger.proofs.handover import Followed, MembershipChain
from ledger.proofs.history import ProvedHistory
from ledger.proofs.receipt import ProvedOutcome, Receipt
from ledger.proofs.statement import ProvedState, Statement

T = TypeVar("T")

DEADLINE_S = 60.0
"""How long a session tries to carry one call to an answer."""

VALIDITY_MS = 600_000
"""How far ahead a new transaction's valid_until lies; the time within which it can be sent again."""

NONCE_BYTES = 12
MAX_PROVED_HEADERS = 4_096
"""Hashes of headers that a session remembers as proved."""

BODY_OVERHEAD_BYTES = 256
"""Bytes of a transaction that are not its operations: head, channel, signer, nonce, signature."""

HEIGHT_HEADER = "tally-height"

UNKNOWN_MEMBERSHIP = "unknown_membership"
STATUS = "/v1/status"

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
        keep: Callable[[Followed], None] = lambda _: None,
        models: KeptModels | None = None,
    ) -> None:
        self.genesis = Followed.of(genesis)
        """What is trusted: it grows when the channel's nodes change, and then goes to `keep`."""
        self._keep = keep
        self.nodes = Nodes(nodes)
        self.seen_height = 0
        """Greatest height that was proved to this session."""
        self._key = key
        self.deadline_s = deadline_s
        self.clock = clock
        self.prefix = f"/v1/channels/{genesis.channel.hex()}"
        self._proved: OrderedDict[bytes, None] = OrderedDict()
        self._models = models or KeptModels()

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
            BrokenAnswer, VerificationError: what a node answers is worth nothing; it may be recorded all the
                same, and the remedy says how to look.
        """
        recorded: dict[bytes, Recorded] = {}
        problems: dict[bytes, NodeProblem] = {}
        bundles = list(in_bundles(transactions))
        for number, bundle in enumerate(bundles):
            recording = Recording(self, bundle, recorded, problems)
            try:
                yield from recording.steps()
            except Unavailable as error:
                if number == 0 and not error.was_sent:
                    raise
                later = [transaction for rest in bundles[number + 1 :] for transaction in rest]
                left = (*recording.waiting.values(), *later)
                raise OutcomeUnknown(error.message, left, tuple(recorded.values())) from None
            except (BrokenAnswer, VerificationError) as error:
                sent = [transaction for transaction in bundle if transaction.id in recording.waiting]
                if sent:
                    error.remedy = f"{looked_up_later(sent)} {error.remedy}".rstrip()
                raise
        if problems:
            places = {
                index: problems[transaction.id]
                for index, transaction in enumerate(transactions)
                if transaction.id in problems
            }
            first = min(places)
            raise NotAdmitted(places[first], index=first, problems=places, recorded=tuple(recorded.values()))
        return [recorded[transaction.id] for transaction in transactions]

    def proved_by(
        self, receipt: bytes, source: str, signed: Container[tuple[bytes, bytes]] = ()
    ) -> Steps[list[Recorded]]:
        """What a receipt file proves; `signed` holds (body, signature) pairs that are known to be good.

        Raises:
            VerificationError: it does not prove what it claims; names the source.
        """

        def read() -> list[ProvedOutcome]:
            return Receipt.decode(receipt).verify(self.genesis, proved=self._proved, signed=signed)

        outcomes = yield from self._followed(read, f"receipt from {source}")
        for outcome in outcomes:
            self._saw(outcome.height, outcome.block_hash)
        kept = self._kept(receipt)
        return [recorded_of(outcome, kept) for outcome in outcomes]

    def receipt(self, identity: bytes) -> Steps[Recorded]:
        """A transaction that is on the ledger, by its id.

        Raises:
            NodeProblem: `unknown_transaction`.
            VerificationError: the receipt does not prove it.
        """
        reply = yield from self.ask(self.receipt_call(identity))
        for found in (yield from self.proved_by(reply.body, reply.node)):
            if found.id == identity:
                return found
        raise VerificationError("the receipt is of another transaction", expected=identity.hex())

    def receipt_call(self, identity: bytes) -> Call:
        """The request of a receipt file."""
        return Call("GET", f"{self.prefix}/transactions/{identity.hex()}/receipt", accept=FILE_MEDIA_TYPE)

    def history(self, supplier: str, buyer: str, last: int | None = None) -> Steps[VerifiedHistory]:
        """The history of a relationship, whole or its newest `last` records, proved.

        Raises:
            NodeProblem: `unknown_relationship`.
            VerificationError: the file does not prove it, or not what was asked for.
        """
        path = f"{self.prefix}/relationships/{segments(supplier=supplier, buyer=buyer)}/history"
        call = Call("GET", path, {} if last is None else {"last": last}, accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[VerifiedHistory, int]:
            history = read_history(data, self.genesis)
            history = replace(history, data=self._kept(data))
            if (history.supplier, history.buyer) != (supplier, buyer):
                raise VerificationError(
                    "the history of another relationship",
                    found=f"{history.supplier}, {history.buyer}",
                    expected=f"{supplier}, {buyer}",
                )
            _check_extent(history.proved, last)
            return history, history.height

        return (yield from self._proof(call, read))

    def statement(
        self, bank: str, client: str, currency: str, last: int | None = None
    ) -> Steps[VerifiedStatement]:
        """The statement of a custody account, whole or its newest `last` lines, proved.

        Raises:
            VerificationError: the file does not prove it, or not what was asked for.
        """
        path = f"{self.prefix}/deposits/{segments(bank=bank, client=client)}/{segment(currency)}/statement"
        call = Call("GET", path, {} if last is None else {"last": last}, accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[VerifiedStatement, int]:
            found = replace(read_statement(data, self.genesis), data=self._kept(data))
            if (found.bank, found.client, found.currency) != (bank, client, currency):
                raise VerificationError(
                    "the statement of another account",
                    found=f"{found.bank}, {found.client}, {found.currency}",
                    expected=f"{bank}, {client}, {currency}",
                )
            _check_extent(found.proved, last)
            return found, found.height

        return (yield from self._proof(call, read))

    def book(self, lender: str, last: int | None = None) -> Steps[VerifiedBook]:
        """The book of a lender, whole or its newest `last` records, proved.

        Raises:
            VerificationError: the file does not prove it, or not what was asked for.
        """
        path = f"{self.prefix}/lenders/{segments(lender=lender)}/book"
        call = Call("GET", path, {} if last is None else {"last": last}, accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[VerifiedBook, int]:
            found = replace(read_book(data, self.genesis), data=self._kept(data))
            if found.lender != lender:
                raise VerificationError("the book of another lender", found=found.lender, expected=lender)
            _check_extent(found.proved, last)
            return found, found.height

        return (yield from self._proof(call, read))

    def certificate(self, obligor: str, number: str) -> Steps[VerifiedCertificate]:
        """A certificate with its whole tree, proved by its complete history.

        Raises:
            NodeProblem: `unknown_certificate`.
            VerificationError: the file does not prove it, or not what was asked for.
        """
        path = f"{self.prefix}/certificate-histories/{segments(obligor=obligor)}/{segment(number)}"
        call = Call("GET", path, accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[VerifiedCertificate, int]:
            found = replace(read_certificate(data, self.genesis), data=self._kept(data))
            if (found.obligor, found.number) != (obligor, number):
                raise VerificationError(
                    "another certificate",
                    found=f"{found.number} of {found.obligor}",
                    expected=f"{number} of {obligor}",
                )
            return found, found.height

        return (yield from self._proof(call, read))

    def partners(self, party: str) -> Steps[tuple[tuple[str, str], ...]]:
        """(supplier, buyer) of every relationship that an organisation has, proved complete.

        Raises:
            VerificationError: the file does not prove it, or not what was asked for.
        """
        call = Call("GET", f"{self.prefix}/parties/{segments(party=party)}/history", accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[tuple[tuple[str, str], ...], int]:
            found, proved = read_party_history(data, self.genesis)
            if found != party or not proved.is_complete:
                raise VerificationError("not all relationships of the party", found=found, expected=party)
            return tuple((record[2], record[3]) for record in proved.records), proved.height

        return (yield from self._proof(call, read))

    def answer(
        self, question: str, arguments: Sequence[Argument], keys: Sequence[bytes]
    ) -> Steps[VerifiedAnswer]:
        """The answer to a question of `contracts.answer`, computed from these entries, with its file.

        `questions.ask` finds out which entries these are.

        Raises:
            VerificationError: the entries are not proved, or not those that the answer needs.
        """
        _, data = yield from self._statement(keys)
        proved = Statement.decode(data)
        file = Answer(question, tuple(arguments), proved.state, proved.certified).encode()
        return VerifiedAnswer(verify_answer(file, self.genesis), self._kept(file))

    def state(self, keys: Sequence[bytes]) -> Steps[ProvedState]:
        """What stands under some state keys, or that nothing does, proved; at most `MAX_PROVED_KEYS`.

        Raises:
            VerificationError: the file does not prove it, or not what was asked for, or it is of another
                contract version.
        """
        return (yield from self._statement(keys))[0]

    def _statement(self, keys: Sequence[bytes]) -> Steps[tuple[ProvedState, bytes]]:
        """The proved entries of some state keys, with the statement file as the node made it."""
        path = f"{self.prefix}/state-proofs?" + "&".join(f"key={key.hex()}" for key in keys)
        call = Call("GET", path, accept=FILE_MEDIA_TYPE)

        def read(data: bytes) -> tuple[tuple[ProvedState, bytes], int]:
            inner, trust = opened(data, self.genesis)
            statement = Statement.decode(inner)
            found = statement.verify(trust)
            check_rules_known(statement.certified.header, RECORDED_UNDER, "state")
            if set(found.entries) != set(keys):
                raise VerificationError("the proof is of other entries", field="key")
            return (found, inner), found.height

        return (yield from self._proof(call, read))

    def quote(self, programme: str, supplier: str, invoice: str) -> Steps[VerifiedQuote]:
        """A programme's price for an invoice, recomputed here from proved inputs.

        Raises:
            NodeProblem: unknown programme or invoice, or one that cannot be priced.
            VerificationError: the file does not prove its price, or prices something else.
        """
        asked = {
            "programme": checked_name(programme, "programme"),
            "supplier": checked_name(supplier, "supplier"),
            "invoice": checked_identifier(invoice, "invoice"),
        }
        known = self._models.known()
        call = self._prices_call("/quotes", asked, known)

        def read(data: bytes) -> tuple[VerifiedQuote, int]:
            quote = VerifiedQuote.read(data, self.genesis, known)
            self._models.keep(quote.quote.model)
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

    def quote_page(self, programme: str, invoices: Sequence[tuple[str, str]]) -> Steps[VerifiedPrices]:
        """A programme's prices for at most `MAX_PAGE_INVOICES` invoices, (supplier, number), recomputed here.

        Raises:
            VerificationError: the file does not prove its prices, or prices something else.
        """
        asked = {"programme": programme, "invoices": list(invoices)}
        known = self._models.known()
        call = self._prices_call("/quotes/book", asked, known)

        def read(data: bytes) -> tuple[VerifiedPrices, int]:
            inner, trust = opened(data, self.genesis)
            book = QuoteBook.decode(inner).completed(known)
            results = book.verify(trust)
            for model in book.models:
                self._models.keep(model)
            found = [(supplier, number) for page in book.pages for supplier, number, _ in page.rows]
            if book.programme != programme or found != list(invoices):
                raise VerificationError("the quotes are for something else", field="invoices")
            return VerifiedPrices(book, results), min([result.height for result in results])

        return (yield from self._proof(call, read))

    def _prices_call(self, path: str, asked: Mapping[str, Any], known: Sequence[bytes]) -> Call:
        """A question for prices, which says what model the session has: that need not come again."""
        newest = sha256(known[-1]).hexdigest() if known else ""
        return Call(
            "POST",
            self.prefix + path,
            body=json.dumps({**asked, "model": newest}).encode(),
            content_type="application/json",
            accept=FILE_MEDIA_TYPE,
        )

    def _proof(self, call: Call, read: Callable[[bytes], tuple[T, int]]) -> Steps[T]:
        """A proof that is not older than what this session has seen."""
        deadline = self.clock() + self.deadline_s
        while True:
            reply = yield from self.ask(call)
            value, height = yield from self._followed(partial(read, reply.body), f"answer of {reply.node}")
            if height >= self.seen_height:
                self.seen_height = height
                return value
            if self.clock() >= deadline:
                raise Unavailable(
                    "no node is as far as this session has seen",
                    found=f"height {height}",
                    expected=f"at least {self.seen_height}",
                )
            self.nodes.leave(reply.node)
            yield Pause(FIRST_PAUSE_S)

    def _followed(self, read: Callable[[], T], source: str) -> Steps[T]:
        """What a proof proves; under an unknown membership only after its changes have been followed.

        Raises:
            VerificationError: it does not prove what it claims; names the source.
        """
        try:
            return read()
        except TallyError as error:
            if error.code != UNKNOWN_MEMBERSHIP:
                raise _named(error, source) from None
        yield from self.follow()
        try:
            return read()
        except TallyError as error:
            raise _named(error, source) from None

    def follow(self) -> Steps[Followed]:
        """Follow the membership changes since those that are known, as far as the node in use has them.

        Raises:
            VerificationError: they are not proved; names the node.
        """
        call = Call(
            "GET", f"{self.prefix}/memberships", {"after": self.genesis.heights[-1]}, accept=FILE_MEDIA_TYPE
        )
        reply = yield from self.ask(call)
        try:
            followed = self.genesis.extended(MembershipChain.decode(reply.body).handovers)
        except TallyError as error:
            raise _named(error, f"membership changes from {reply.node}") from None
        if followed.heights != self.genesis.heights:
            self.genesis = followed
            self._keep(followed)
        return followed

    def _kept(self, data: bytes) -> bytes:
        """A proof file as it is kept: with the membership changes that a later reader needs."""
        return carry(data, self.genesis.chain)

    def view(self, path: str, query: Mapping[str, str | int | None] | None = None) -> Steps[dict[str, Any]]:
        """A JSON view below the channel, as the node tells it: not proved.

        Raises:
            NodeProblem: what the node answered instead.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        call = Call("GET", self.prefix + path, given)
        deadline = self.clock() + self.deadline_s
        while True:
            reply = yield from self.ask(call)
            height = height_of(reply)
            if height is None or height >= self.seen_height or self.clock() >= deadline:
                return _told(reply, path)
            self.nodes.leave(reply.node)
            yield Pause(FIRST_PAUSE_S)

    def status(self) -> Steps[dict[str, Any]]:
        """Where the node in use stands."""
        reply = yield from self.ask(Call("GET", STATUS))
        return _told(reply, STATUS)

    def raw_blocks(self, first: int, limit: int) -> Steps[list[tuple[int, bytes, codec.Value]]]:
        """A page of (height, block bytes, certificate value or None) from a height upwards."""
        query: dict[str, str | int] = {"from": first, "limit": limit, "form": "raw"}
        reply = yield from self.ask(Call("GET", f"{self.prefix}/blocks", query, accept=MEDIA_TYPE))
        try:
            page = codec.decode(reply.body, MAX_ANSWER_BYTES)
        except Malformed as error:
            raise broken(reply, str(error)) from None
        if type(page) is not tuple or not all(_is_raw_block(entry) for entry in page):
            raise broken(reply, "not a page of blocks")
        return list(page)

    def ask(self, call: Call) -> Steps[Reply]:
        """A call that must be answered with success.

        Raises:
            NodeProblem: the node's problem document.
            Unavailable: no node answered before the deadline.
        """
        deadline = self.clock() + self.deadline_s
        reply = yield from exchange(self.nodes, call, deadline, self.clock)
        if reply.status != 200:
            raise problem_of(reply)
        return reply

    def events_call(self, after: int | None) -> Call:
        """The request of the event stream, to resume after a height."""
        query = {} if after is None else {"after": after}
        return Call("GET", f"{self.prefix}/events", query, accept="text/event-stream")

    def _saw(self, height: int, block_hash: bytes) -> None:
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


def height_of(reply: Reply) -> int | None:
    """The height that a view is of, as its node says; None if it says none that a ledger can have."""
    given = reply.headers.get(HEIGHT_HEADER, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 20 else None


def _is_raw_block(entry: codec.Value) -> bool:
    return type(entry) is tuple and len(entry) == 3 and type(entry[0]) is int and type(entry[1]) is bytes


def _told(reply: Reply, path: str) -> dict[str, Any]:
    """The view that a node answers with under a path; names the node if it is none."""
    try:
        return told.read(reply.body, path)
    except BrokenAnswer as error:
        raise broken(reply, str(error)[:200]) from None


def _check_extent(proved: ProvedHistory, last: int | None) -> None:
    """A history is whole, or its newest `last` records, as it was asked for.

    Raises:
        VerificationError: it has fewer or more.
    """
    wanted = proved.count if last is None else min(last, proved.count)
    if len(proved.records) != wanted:
        raise VerificationError(
            "not as many records as asked for", found=len(proved.records), expected=wanted
        )


def _named(error: TallyError, source: str) -> VerificationError:
    """A proof's error, with the node whose proof it was; what to do is not always to ask another node."""
    return VerificationError(
        f"{source}: {error.message}",
        field=error.field,
        found=error.found,
        expected=error.expected,
        remedy=error.remedy if isinstance(error, VerificationError) else None,
    )


def segments(**ids: str) -> str:
    """Ids of organisations or programmes as segments of a path, each under the field that it is.

    Raises:
        Malformed: nothing can have such an id.
    """
    return "/".join([segment(checked_name(text, field)) for field, text in ids.items()])


def segment(text: str) -> str:
    """A text as one segment of a path: nothing in it is a slash or a dot segment.

    A lone "." or ".." must not be resolved away on the road, so dots are encoded too.
    """
    return percent_encoded(text, safe="").replace(".", "%2E")
