"""Sessions: one client on one channel, blocking (`Session`) or on the event loop (`AsyncSession`).

    with Session(Profile.load(path)) as session:
        recorded = session.submit({"op": "invoice.submit", …})
        recorded.save(Path("invoice.receipt"))

Both run the steps of `conversation`; they differ in how they wait, and in nothing else. A
node that dies, hangs or is overloaded is a pause, not an error, until the deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from clients.errors import BrokenAnswer, NodeProblem, Unavailable
from clients.kept_models import KeptModels, kept_model_file
from clients.profile import Profile
from clients.sdk.books import VerifiedBook
from clients.sdk.certificates import VerifiedCertificate
from clients.sdk.conversation import DEADLINE_S, Conversation, OperationLike, segment, segments
from clients.sdk.deadlines import begun
from clients.sdk.events import SILENCE_S, EventReader
from clients.sdk.exports import Took, fetch
from clients.sdk.outcome import Recorded
from clients.sdk.statements import VerifiedStatement
from clients.sdk.transport import (
    CONNECT_TIMEOUT_S,
    MOST_PAUSE_S,
    PLAIN,
    AsyncTransport,
    Call,
    SyncTransport,
    check_plain,
)
from clients.sdk.verified import BlockEvent, VerifiedAnswer, VerifiedHistory, VerifiedPrices, VerifiedQuote
from clients.trust import keep_changes, load_trust
from contracts.answer import Argument
from contracts.finance.quote_book import MAX_PAGE_INVOICES
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey
from ledger.proofs.export import ProvedExport
from ledger.proofs.handover import Followed
from ledger.proofs.statement import ProvedState

PAGE = 500
MAX_PAGES = 20_000
"""Pages of one list: ten million entries, ten times what a ledger of a million invoices has."""
PAGES_IN_FLIGHT = 2
"""Pages of a book that are asked for at once: the node makes one while the client checks the other."""
BLOCK_PAGE = 100

_EVENT_TIMEOUT = httpx.Timeout(SILENCE_S, connect=CONNECT_TIMEOUT_S)


class _Base:
    """What both kinds of session have in common: everything that does not wait."""

    def __init__(self, profile: Profile, passphrase: bytes | None, deadline_s: float) -> None:
        self.profile = profile
        self._passphrase = passphrase
        self._signing_key: SigningKey | None = None
        self.conversation = Conversation(
            load_trust(profile.genesis, profile.channel),
            profile.nodes,
            self._key,
            deadline_s=deadline_s,
            keep=partial(keep_changes, profile.genesis),
            models=KeptModels(kept_model_file(profile.genesis)),
        )

    @property
    def genesis(self) -> Followed:
        """What this session trusts: the genesis block, and the membership changes that it followed."""
        return self.conversation.genesis

    def _key(self) -> SigningKey:
        if self._signing_key is None:
            self._signing_key = self.profile.signing_key(self._passphrase)
        return self._signing_key

    def sign(self, *operations: OperationLike, atomic: bool = True) -> Transaction:
        """A transaction of this client; `record` carries it onto the ledger, as often as need be.

        Raises:
            Malformed, TooLarge: an operation that is not well formed, with its field.
            ProfileError, KeyFileError: there is no key to sign with.
        """
        return self.conversation.sign(operations, atomic=atomic)


class Session(_Base):
    """A blocking session; threads may share it."""

    def __init__(
        self,
        profile: Profile,
        *,
        passphrase: bytes | None = None,
        deadline_s: float = DEADLINE_S,
        client: httpx.Client | None = None,
    ) -> None:
        super().__init__(profile, passphrase, deadline_s)
        self._transport = SyncTransport(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def submit(self, *operations: OperationLike, atomic: bool = True) -> Recorded:
        """Sign operations, carry them onto the ledger, verify the receipt.

        Raises:
            Malformed: an operation that is not well formed.
            NotAdmitted: no node takes the transaction in; nothing is recorded.
            Refused: a rule refused an operation; recorded, with a receipt that proves it.
            OutcomeUnknown: no outcome before the deadline; send the same bytes again.
        """
        (recorded,) = self.record([self.sign(*operations, atomic=atomic)])
        recorded.raise_if_refused()
        return recorded

    def record(self, transactions: Sequence[Transaction]) -> list[Recorded]:
        """Carry signed transactions onto the ledger, in bundles; refusals are in the results.

        Raises:
            NotAdmitted, OutcomeUnknown, Unavailable: see `clients.errors`.
        """
        return self._transport.run(self.conversation.record(transactions))

    def bundle(self, groups: Iterable[Sequence[OperationLike]]) -> list[Recorded]:
        """Sign each group of operations as a transaction of its own, and record them together."""
        return self.record([self.sign(*operations) for operations in groups])

    def batch(self, operations: Iterable[OperationLike], *, atomic: bool = False) -> list[Recorded]:
        """Record many operations under as few signatures as hold them, in order."""
        return self.record(list(self.conversation.batches(operations, atomic=atomic)))

    def receipt(self, identity: bytes) -> Recorded:
        """A transaction that is on the ledger, proved, by its id."""
        return self._transport.run(self.conversation.receipt(identity))

    def history(self, supplier: str, buyer: str, last: int | None = None) -> VerifiedHistory:
        """The history of a trade relationship, proved: complete, or its newest `last` records."""
        return self._transport.run(self.conversation.history(supplier, buyer, last))

    def statement(self, bank: str, client: str, currency: str, last: int | None = None) -> VerifiedStatement:
        """The statement of a custody account, proved: complete, or its newest `last` lines."""
        return self._transport.run(self.conversation.statement(bank, client, currency, last))

    def book(self, lender: str, last: int | None = None) -> VerifiedBook:
        """Every claim that a lender has paid for, proved: complete, or its newest `last` records."""
        return self._transport.run(self.conversation.book(lender, last))

    def certificate(self, obligor: str, number: str) -> VerifiedCertificate:
        """A certificate with its whole tree, proved by its complete history."""
        return self._transport.run(self.conversation.certificate(obligor, number))

    def partners(self, party: str) -> tuple[tuple[str, str], ...]:
        """(supplier, buyer) of every relationship that an organisation has, proved complete."""
        return self._transport.run(self.conversation.partners(party))

    def answer(self, question: str, arguments: Sequence[Argument], keys: Sequence[bytes]) -> VerifiedAnswer:
        """The answer to a question from these entries, with its file: see `clients.sdk.questions.ask`."""
        return self._transport.run(self.conversation.answer(question, arguments, keys))

    def state(self, keys: Sequence[bytes]) -> ProvedState:
        """What stands under state keys, or that nothing does, proved."""
        return self._transport.run(self.conversation.state(keys))

    def quote(self, programme: str, supplier: str, invoice: str) -> VerifiedQuote:
        """A programme's price for an invoice, recomputed here from proved inputs."""
        return self._transport.run(self.conversation.quote(programme, supplier, invoice))

    def export(self, to: Path, took: Took = lambda _: None) -> ProvedExport:
        """Everything on the ledger at the newest height, proved complete, in a file.

        Raises:
            Unavailable: no node gives one that proves itself.
            OSError: the file cannot be written.
        """
        conversation = self.conversation
        path = f"{conversation.prefix}/export"
        least = conversation.seen_height
        client, nodes = self._transport.client, conversation.nodes
        return fetch(client, nodes, path, conversation.genesis, to, took, least)

    def quote_page(self, programme: str, invoices: Sequence[tuple[str, str]]) -> VerifiedPrices:
        """A programme's prices for a page of invoices, (supplier, number), recomputed here."""
        return self._transport.run(self.conversation.quote_page(programme, invoices))

    def quote_book(
        self, programme: str, invoices: Sequence[tuple[str, str]]
    ) -> Generator[VerifiedPrices, None, None]:
        """The prices of any number of invoices, page by page: while one is recomputed here, the next is made.

        Raises:
            VerificationError: a page does not prove its prices, or prices something else.
        """
        with ThreadPoolExecutor(PAGES_IN_FLIGHT) as threads:
            waiting: deque[Future[VerifiedPrices]] = deque()
            for start in range(0, len(invoices), MAX_PAGE_INVOICES):
                asked = invoices[start : start + MAX_PAGE_INVOICES]
                waiting.append(threads.submit(self.quote_page, programme, asked))
                if not start or len(waiting) == PAGES_IN_FLIGHT:
                    yield waiting.popleft().result()
            for page_to_come in waiting:
                yield page_to_come.result()

    def view(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """A JSON view below the channel, as the node tells it (not proved)."""
        return self._transport.run(self.conversation.view(path, query))

    def pages(self, path: str, name: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """The entries of a paged view, one after the other."""
        after: str | None = None
        seen: set[str] = set()
        while True:
            page = self.view(path, limit=PAGE, after=after, **query)
            yield from page[name]
            after = page.get("next")
            if after is None:
                return
            if after in seen:
                raise BrokenAnswer("a node answers a list that goes round", field="next", found=after[:80])
            seen.add(after)
            if len(seen) >= MAX_PAGES:
                raise BrokenAnswer("a node answers a list without end", field="next", found=after[:80])

    def invoice(self, supplier: str, number: str) -> dict[str, Any]:
        """An invoice as it stands (not proved).

        Raises:
            NodeProblem: `unknown_invoice`.
        """
        return self.view(f"/invoices/{segments(supplier=supplier)}/{segment(number)}")

    def invoices(
        self, supplier: str, *, buyer: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """A supplier's invoices, of one buyer or in one state if asked for (not proved)."""
        return self.pages("/invoices", "invoices", supplier=supplier, buyer=buyer, status=status)

    def order(self, supplier: str, buyer: str, number: str) -> dict[str, Any]:
        """An order as it stands (not proved).

        Raises:
            NodeProblem: `unknown_order`.
        """
        return self.view(f"/orders/{segments(supplier=supplier, buyer=buyer)}/{segment(number)}")

    def orders(self, supplier: str, buyer: str | None = None) -> Iterator[dict[str, Any]]:
        """A supplier's orders, of one buyer if asked for (not proved)."""
        return self.pages("/orders", "orders", supplier=supplier, buyer=buyer)

    def shipment(self, supplier: str, number: str) -> dict[str, Any]:
        """A shipment as it stands (not proved).

        Raises:
            NodeProblem: `unknown_shipment`.
        """
        return self.view(f"/shipments/{segments(supplier=supplier)}/{segment(number)}")

    def shipments(
        self, supplier: str, *, buyer: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """A supplier's shipments, to one buyer or in one state if asked for (not proved)."""
        return self.pages("/shipments", "shipments", supplier=supplier, buyer=buyer, status=status)

    def credit(self, supplier: str, number: str) -> dict[str, Any]:
        """A credit note as it stands (not proved).

        Raises:
            NodeProblem: `unknown_credit`.
        """
        return self.view(f"/credits/{segments(supplier=supplier)}/{segment(number)}")

    def credits(
        self, supplier: str, *, buyer: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """A supplier's credit notes, to one buyer or in one state if asked for (not proved)."""
        return self.pages("/credits", "credits", supplier=supplier, buyer=buyer, status=status)

    def deposit(self, bank: str, client: str, currency: str) -> dict[str, Any]:
        """A custody account and what is on it (not proved; `statement` is).

        Raises:
            NodeProblem: `no_deposit`.
        """
        return self.view(f"/deposits/{segments(bank=bank)}/{segments(client=client)}/{currency}")

    def relationships(self, party: str) -> list[dict[str, Any]]:
        """With whom an organisation trades (not proved)."""
        return list(self.view("/relationships", party=party)["relationships"])

    def organisations(self) -> Iterator[dict[str, Any]]:
        """Who takes part in the channel (not proved)."""
        return self.pages("/organisations", "organisations")

    def programme(self, name: str) -> dict[str, Any]:
        """A lender's programme with what it has out (not proved).

        Raises:
            NodeProblem: `unknown_programme`.
        """
        return self.view(f"/programmes/{segments(programme=name)}")

    def enrolments(self, programme: str) -> Iterator[dict[str, Any]]:
        """The suppliers that take part in a payables programme (not proved)."""
        return self.pages(f"/programmes/{segments(programme=programme)}/enrolments", "enrolments")

    def approvals(self, programme: str, supplier: str | None = None) -> Iterator[dict[str, Any]]:
        """What a buyer has approved under a payables programme, of one supplier if asked for (not proved)."""
        path = f"/programmes/{segments(programme=programme)}/approvals"
        return self.pages(path, "approvals", supplier=supplier)

    def approval(self, supplier: str, number: str) -> dict[str, Any]:
        """An approved invoice with the price of today (not proved).

        Raises:
            NodeProblem: `not_approved`.
        """
        return self.view(f"/approvals/{segments(supplier=supplier)}/{segment(number)}")

    def request(self, supplier: str, number: str) -> dict[str, Any]:
        """A request for finance with its answers (not proved).

        Raises:
            NodeProblem: `unknown_request`.
        """
        return self.view(f"/requests/{segments(supplier=supplier)}/{segment(number)}")

    def requests(
        self, *, supplier: str | None = None, lender: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Requests for finance of a supplier, to a lender or in one state if asked for (not proved)."""
        return self.pages("/requests", "requests", supplier=supplier, lender=lender, status=status)

    def auction(self, supplier: str, number: str) -> dict[str, Any]:
        """An auction with the bids that are open (not proved).

        Raises:
            NodeProblem: `unknown_auction`.
        """
        return self.view(f"/auctions/{segments(supplier=supplier)}/{segment(number)}")

    def auctions(
        self, *, supplier: str | None = None, lender: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Auctions of a supplier, with a bid of a lender or in one state if asked for (not proved)."""
        return self.pages("/auctions", "auctions", supplier=supplier, lender=lender, status=status)

    def exchanges(
        self, *, taker: str | None = None, maker: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Exchanges of two currencies: of one taker, one maker or in one state if asked for (not proved)."""
        return self.pages("/exchanges", "exchanges", taker=taker, maker=maker, status=status)

    def resales(
        self, *, seller: str | None = None, lender: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Offers between lenders: of one, to one or in one state if asked for (not proved)."""
        return self.pages("/resales", "resales", seller=seller, lender=lender, status=status)

    def demand(self, lender: str, number: str) -> dict[str, Any]:
        """A demand of a lender on a supplier as it stands (not proved).

        Raises:
            NodeProblem: `unknown_recourse`.
        """
        return self.view(f"/demands/{segments(lender=lender)}/{segment(number)}")

    def demands(
        self, *, lender: str | None = None, supplier: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Demands of a lender, on a supplier or in one state if asked for (not proved)."""
        return self.pages("/demands", "demands", lender=lender, supplier=supplier, status=status)

    def early_payments(
        self, *, supplier: str | None = None, buyer: str | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Offers of early payment to a supplier, of a buyer or in one state if asked for (not proved)."""
        return self.pages("/early-payments", "early_payments", supplier=supplier, buyer=buyer, status=status)

    def programmes(self) -> Iterator[dict[str, Any]]:
        """Lenders' programmes with terms and exposures (not proved)."""
        return self.pages("/programmes", "programmes")

    def follow(self) -> Followed:
        """Follow the membership changes since those that are known; what is trusted afterwards."""
        return self._transport.run(self.conversation.follow())

    def status(self) -> dict[str, Any]:
        """Where the node in use stands."""
        return self._transport.run(self.conversation.status())

    def statuses(self) -> dict[str, dict[str, Any] | None]:
        """Where each node stands, by its URL; None for one that does not answer."""
        found: dict[str, dict[str, Any] | None] = {}
        for url in self.profile.nodes:
            alone = Conversation(self.genesis, [url], self._key, deadline_s=CONNECT_TIMEOUT_S)
            try:
                found[url] = self._transport.run(alone.status())
            except (Unavailable, NodeProblem):
                found[url] = None
        return found

    def blocks(self, first: int = 0) -> Iterator[tuple[int, bytes, codec.Value]]:
        """(height, block bytes, certificate value or None) of every block from a height up to the newest."""
        while True:
            page = self._transport.run(self.conversation.raw_blocks(first, BLOCK_PAGE))
            yield from page
            if not page:
                return
            first = page[-1][0] + 1

    def events(self, after: int | None = None) -> Iterator[BlockEvent]:
        """Blocks as nodes apply them, without gaps, across nodes, without end.

        From the block above `after`; without it, from what comes next.

        Raises:
            Unavailable: no node streams for as long as the session's deadline.
        """
        failures = _Failures(self.conversation)
        while True:
            node = self.conversation.nodes.current
            try:
                for event in self._stream(node, self.conversation.events_call(after)):
                    failures.clear()
                    after = event.height
                    yield event
                reason = "ended the stream"
            except httpx.HTTPError as error:
                reason = type(error).__name__
            time.sleep(failures.pause_s(node, reason))

    def _stream(self, node: str, call: Call) -> Iterator[BlockEvent]:
        reader = EventReader()
        with begun(
            self._transport.client,
            time.monotonic() + SILENCE_S,
            call.method,
            node + call.path,
            params=dict(call.query) or None,
            headers={"accept": call.accept, **PLAIN},
            timeout=_EVENT_TIMEOUT,
        ) as response:
            response.raise_for_status()
            check_plain(response, node)
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)


class AsyncSession(_Base):
    """A session on the event loop; many tasks may share it."""

    def __init__(
        self,
        profile: Profile,
        *,
        passphrase: bytes | None = None,
        deadline_s: float = DEADLINE_S,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(profile, passphrase, deadline_s)
        self._transport = AsyncTransport(client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def submit(self, *operations: OperationLike, atomic: bool = True) -> Recorded:
        """Sign operations, carry them onto the ledger, verify the receipt; raises like `Session.submit`."""
        (recorded,) = await self.record([self.sign(*operations, atomic=atomic)])
        recorded.raise_if_refused()
        return recorded

    async def record(self, transactions: Sequence[Transaction]) -> list[Recorded]:
        """Carry signed transactions onto the ledger, in bundles; refusals are in the results."""
        return await self._transport.run(self.conversation.record(transactions))

    async def bundle(self, groups: Iterable[Sequence[OperationLike]]) -> list[Recorded]:
        """Sign each group of operations as a transaction of its own, and record them together."""
        return await self.record([self.sign(*operations) for operations in groups])

    async def batch(self, operations: Iterable[OperationLike], *, atomic: bool = False) -> list[Recorded]:
        """Record many operations under as few signatures as hold them, in order."""
        return await self.record(list(self.conversation.batches(operations, atomic=atomic)))

    async def receipt(self, identity: bytes) -> Recorded:
        """A transaction that is on the ledger, proved, by its id."""
        return await self._transport.run(self.conversation.receipt(identity))

    async def history(self, supplier: str, buyer: str, last: int | None = None) -> VerifiedHistory:
        """The history of a trade relationship, proved: complete, or its newest `last` records."""
        return await self._transport.run(self.conversation.history(supplier, buyer, last))

    async def statement(
        self, bank: str, client: str, currency: str, last: int | None = None
    ) -> VerifiedStatement:
        """The statement of a custody account, proved: complete, or its newest `last` lines."""
        return await self._transport.run(self.conversation.statement(bank, client, currency, last))

    async def book(self, lender: str, last: int | None = None) -> VerifiedBook:
        """Every claim that a lender has paid for, proved: complete, or its newest `last` records."""
        return await self._transport.run(self.conversation.book(lender, last))

    async def certificate(self, obligor: str, number: str) -> VerifiedCertificate:
        """A certificate with its whole tree, proved by its complete history."""
        return await self._transport.run(self.conversation.certificate(obligor, number))

    async def partners(self, party: str) -> tuple[tuple[str, str], ...]:
        """(supplier, buyer) of every relationship that an organisation has, proved complete."""
        return await self._transport.run(self.conversation.partners(party))

    async def state(self, keys: Sequence[bytes]) -> ProvedState:
        """What stands under state keys, or that nothing does, proved."""
        return await self._transport.run(self.conversation.state(keys))

    async def quote(self, programme: str, supplier: str, invoice: str) -> VerifiedQuote:
        """A programme's price for an invoice, recomputed here from proved inputs."""
        return await self._transport.run(self.conversation.quote(programme, supplier, invoice))

    async def quote_page(self, programme: str, invoices: Sequence[tuple[str, str]]) -> VerifiedPrices:
        """A programme's prices for a page of invoices, (supplier, number), recomputed here."""
        return await self._transport.run(self.conversation.quote_page(programme, invoices))

    async def view(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """A JSON view below the channel, as the node tells it (not proved)."""
        return await self._transport.run(self.conversation.view(path, query))

    async def follow(self) -> Followed:
        """Follow the membership changes since those that are known; what is trusted afterwards."""
        return await self._transport.run(self.conversation.follow())

    async def status(self) -> dict[str, Any]:
        """Where the node in use stands."""
        return await self._transport.run(self.conversation.status())

    async def events(self, after: int | None = None) -> AsyncIterator[BlockEvent]:
        """Blocks as nodes apply them; like `Session.events`."""
        failures = _Failures(self.conversation)
        while True:
            node = self.conversation.nodes.current
            try:
                async for event in self._stream(node, self.conversation.events_call(after)):
                    failures.clear()
                    after = event.height
                    yield event
                reason = "ended the stream"
            except (httpx.HTTPError, TimeoutError) as error:
                reason = type(error).__name__
            await asyncio.sleep(failures.pause_s(node, reason))

    async def _stream(self, node: str, call: Call) -> AsyncIterator[BlockEvent]:
        reader = EventReader()
        async with AsyncExitStack() as answers:
            stream = self._transport.client.stream(
                call.method,
                node + call.path,
                params=dict(call.query) or None,
                headers={"accept": call.accept, **PLAIN},
                timeout=_EVENT_TIMEOUT,
            )
            async with asyncio.timeout(SILENCE_S):
                response = await answers.enter_async_context(stream)
            response.raise_for_status()
            check_plain(response, node)
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    yield event


class _Failures:
    """How long an event stream has been failing, and how long to wait before the next node."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._since: float | None = None

    def clear(self) -> None:
        """An event came."""
        self._since = None

    def pause_s(self, node: str, reason: str) -> float:
        """Use the next node; seconds to wait before.

        Raises:
            Unavailable: failing for longer than the deadline.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if now - self._since > self._conversation.deadline_s:
            raise Unavailable("no node streams events", found=f"{node} {reason}")
        self._conversation.nodes.leave(node)
        return MOST_PAUSE_S / 5
