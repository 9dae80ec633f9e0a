"""Admission: what a node checks before it takes a transaction in.

The same ladder stands at both doors: that of the node's own clients, and that of other
nodes which forward. A leader trusts no other node's checks.

1. Form and bounds (`Transaction.decode`).
2. It is for this channel.
3. It is not on the ledger or on its way already; then its place or its entry is the answer.
4. Its validity window holds now.
5. Its key belongs to an organisation.
6. There is room, and the organisation keeps its share.
7. The signature is the signer's.
8. The operations have a form that the contracts can read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ledger.blocks.executor import Executor
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.errors import TallyError
from ledger.limits import MAX_VALIDITY_MS
from node.errors import NotAdmitted
from node.intake.mempool import Entry, Pool
from node.intake.outcome import Outcome
from node.intake.signatures import SignatureChecker
from node.statistics import Statistics

Identify = Callable[[bytes], str]
"""The organisation that a public key signs for; raises NotAdmitted (unknown_key, revoked_key)."""


class _Sifted:
    """Transactions on their way through the ladder: answers, and those whose signature is to be checked."""

    __slots__ = ("answers", "fresh", "organisations", "own", "pending", "transactions")

    def __init__(self, transactions: Sequence[Transaction], own: bool) -> None:
        self.transactions = transactions
        self.own = own
        """Whether clients of this node sent them."""
        self.answers: list[Entry | Outcome | None] = [None] * len(transactions)
        self.fresh: list[int] = []
        """Places of those that have no answer yet."""
        self.organisations: list[str] = []
        """Theirs."""
        self.pending: set[bytes] = set()
        """Ids that the chain holds in a block that is not committed."""

    def complete(self) -> list[Entry | Outcome]:
        """An answer to each."""
        return [answer for answer in self.answers if answer is not None]


class Admission:
    """The door to one node's pool."""

    def __init__(
        self,
        *,
        chain: Chain,
        executor: Executor,
        pool: Pool,
        checker: SignatureChecker,
        identify: Identify,
        clock_ms: Callable[[], int],
        loop_time_s: Callable[[], float],
        statistics: Statistics,
    ) -> None:
        self._chain = chain
        self._executor = executor
        self._pool = pool
        self._checker = checker
        self._bundles = asyncio.Semaphore(checker.at_once)
        self.identify = identify
        """The organisation of a key."""
        self._clock_ms = clock_ms
        self._loop_time_s = loop_time_s
        self._statistics = statistics
        self.closed: NotAdmitted | None = None
        """Why nothing is taken in at all, if so."""

    @asynccontextmanager
    async def turn(self, count: int) -> AsyncIterator[None]:
        """For reading and admitting so many transactions of one request: a bundle waits for the one before.

        Many bundles at once would each do their next step before the loop hears another node.
        """
        if self._checker.is_immediate(count):
            yield
            return
        async with self._bundles:
            yield
            await asyncio.sleep(0)  # the loop hears others before the next bundle

    async def admit(self, transactions: Sequence[Transaction], *, own: bool) -> list[Entry | Outcome]:
        """For each transaction its entry in the pool, or its outcome if it is committed or refused."""
        sifted = self._sift(transactions, own)
        if sifted.fresh:
            raced = not self._checker.is_immediate(len(sifted.fresh))
            verdicts = await self._checker.check([transactions[place] for place in sifted.fresh])
            self._settle(sifted, verdicts, raced=raced)
        return sifted.complete()

    def admit_one(self, transaction: Transaction, *, own: bool) -> Entry | Outcome:
        """The same for one transaction, whose signature is checked where it stands."""
        try:
            found = self._look(transaction, self._now_ms())
            if not isinstance(found, tuple):
                return found
            organisation, is_held = found
            self._pool.check_room(organisation, 1, transaction.size)
        except TallyError as error:
            return self._refused(transaction, error)
        return self._take_in(transaction, organisation, transaction.signature_ok(), own, is_held)

    def _now_ms(self) -> int:
        return max(self._clock_ms(), self._chain.applied.time_ms)

    def _look(self, transaction: Transaction, now_ms: int) -> Entry | Outcome | tuple[str, bool]:
        """Its entry or place; if it is new, its organisation, and whether a block in flight holds it.

        Raises:
            TallyError: it is not to be taken in.
        """
        identity = transaction.id
        entry = self._pool.entry(identity)
        if entry is not None:
            return entry
        self._check_channel(transaction)
        is_held = self._chain.knows(identity)
        if is_held:
            found = self._committed(identity)
            if found is not None:
                return found
        if self.closed is not None:
            raise self.closed
        self._check_window(transaction, now_ms)
        return self.identify(transaction.signer), is_held

    def _sift(self, transactions: Sequence[Transaction], own: bool) -> _Sifted:
        """All that stands before the check of signatures."""
        sifted = _Sifted(transactions, own)
        answers, organisations = sifted.answers, sifted.organisations
        seen: set[bytes] = set()
        now_ms = self._now_ms()
        for place, transaction in enumerate(transactions):
            identity = transaction.id
            try:
                found = self._look(transaction, now_ms)
                if not isinstance(found, tuple):
                    answers[place] = found
                    continue
                organisation, is_held = found
                if identity in seen:
                    raise NotAdmitted("doubled_in_bundle", "the same transaction twice in one bundle")
                seen.add(identity)
                if is_held:
                    sifted.pending.add(identity)
                organisations.append(organisation)
                sifted.fresh.append(place)
            except TallyError as error:
                answers[place] = self._refused(transaction, error)
        if sifted.fresh:
            room = self._room([transactions[place] for place in sifted.fresh], organisations)
            if any(room.values()):
                self._shed(sifted, room)
        return sifted

    def _settle(self, sifted: _Sifted, verdicts: Sequence[bool], *, raced: bool) -> None:
        """Take in what is signed well; `raced` if others had their turn since it was sifted."""
        for place, organisation, is_good in zip(sifted.fresh, sifted.organisations, verdicts, strict=True):
            transaction = sifted.transactions[place]
            identity = transaction.id
            if raced:
                sifted.answers[place] = self._known(identity)
                if sifted.answers[place] is not None:
                    continue
            is_held = self._chain.knows(identity) if raced else identity in sifted.pending
            sifted.answers[place] = self._take_in(transaction, organisation, is_good, sifted.own, is_held)

    def _known(self, identity: bytes) -> Entry | Outcome | None:
        """While signatures were checked, the same transaction may have come by another way."""
        entry = self._pool.entry(identity)
        if entry is not None or not self._chain.knows(identity):
            return entry
        return self._committed(identity)

    def _committed(self, identity: bytes) -> Outcome | None:
        found = self._chain.outcome(identity)
        return None if found is None else Outcome(identity, "committed", *found)

    def _check_channel(self, transaction: Transaction) -> None:
        if transaction.channel != self._chain.channel:
            raise NotAdmitted(
                "wrong_channel",
                "the transaction is for another channel",
                field="channel",
                found=transaction.channel.hex(),
                expected=self._chain.channel.hex(),
            )

    def _check_window(self, transaction: Transaction, now_ms: int) -> None:
        valid_until_ms = transaction.valid_until_ms
        if valid_until_ms < now_ms:
            raise NotAdmitted(
                "expired",
                "the transaction has expired",
                field="valid_until_ms",
                found=valid_until_ms,
                expected=f"at least {now_ms}",
            )
        if valid_until_ms > now_ms + MAX_VALIDITY_MS:
            raise NotAdmitted(
                "validity_too_far",
                "the transaction is valid for too long",
                field="valid_until_ms",
                found=valid_until_ms,
                expected=f"at most {now_ms + MAX_VALIDITY_MS}",
            )

    def _room(
        self, transactions: Sequence[Transaction], organisations: Sequence[str]
    ) -> dict[str, TallyError | None]:
        """For each organisation why what it sends does not fit, or None."""
        wanted: dict[str, tuple[int, int]] = {}
        for transaction, organisation in zip(transactions, organisations, strict=True):
            count, size = wanted.get(organisation, (0, 0))
            wanted[organisation] = (count + 1, size + transaction.size)
        room: dict[str, TallyError | None] = {}
        for organisation, (count, size) in wanted.items():
            try:
                self._pool.check_room(organisation, count, size)
                room[organisation] = None
            except NotAdmitted as error:
                room[organisation] = error
        return room

    def _shed(self, sifted: _Sifted, room: dict[str, TallyError | None]) -> None:
        """Refuse those of the organisations that have no room."""
        fresh, organisations = sifted.fresh, sifted.organisations
        sifted.fresh, sifted.organisations = [], []
        for place, organisation in zip(fresh, organisations, strict=True):
            error = room[organisation]
            if error is None:
                sifted.fresh.append(place)
                sifted.organisations.append(organisation)
            else:
                sifted.answers[place] = self._refused(sifted.transactions[place], error)

    def _take_in(
        self, transaction: Transaction, organisation: str, is_good: bool, own: bool, is_held: bool
    ) -> Entry | Outcome:
        try:
            if not is_good:
                raise NotAdmitted(
                    "bad_signature",
                    "the signature is not the signer's",
                    field="signature",
                    found=f"a signature that the key {transaction.signer.hex()} did not make of these bytes",
                    expected="the Ed25519 signature of that key over domain and body",
                )
            self._pool.check_room(organisation, 1, transaction.size)
            prepared = self._executor.prepare(transaction)
        except TallyError as error:
            return self._refused(transaction, error)
        entry = Entry(prepared, organisation, self._loop_time_s(), own)
        self._pool.add(entry, queue=not is_held)
        self._statistics.admitted += 1
        return entry

    def _refused(self, transaction: Transaction, error: TallyError) -> Outcome:
        self._statistics.not_admitted[error.code] += 1
        return Outcome(transaction.id, "refused", error=error)
