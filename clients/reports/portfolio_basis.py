"""Where a portfolio report comes from: a lender's proved book, or a verified export of the whole ledger.

| from | gives | has no |
|---|---|---|
| a saved book | claims | certificates, expected loss, calibration |
| a node | claims and certificates by complete histories, programmes by proved state | calibration |
| an export | all of it, at one height | - |

Expected losses are by the terms of each claim's programme as they stand at that height, and where these take
the probability of default from the history, by the history as it stands then: the ledger keeps no older ones.
A claim bought in an auction has no programme, and no expected loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from clients.models.model_report import fared
from clients.models.training_export import Collected, Training, read_training
from clients.reports.portfolio_report import Basis, Calibration, Source
from clients.sdk import Session, VerifiedBook
from clients.sdk.histories import check_sums
from clients.sdk.questions import Answer, Question, answers
from contracts.certificates.certificate_views import holdings_of
from contracts.context import organisation_key
from contracts.errors import refuse
from contracts.finance.model import CHAMPION
from contracts.finance.programme import read_programme
from contracts.holdings import vintage
from contracts.holdings.book import EMPTY, Totals, book_key, fold
from contracts.holdings.portfolio import Position, positions
from contracts.pricing import Features, ProgrammeTerms
from contracts.pricing.model import shrinkage
from contracts.pricing.training import OPEN
from contracts.trade import relationship, relationship_sums
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.state.overlay import Reader

Leaves = Mapping[tuple[str, str, str], int]
"""(obligor, certificate, currency) -> minor units."""

_KEPT = ("programme", "relationship")

T = TypeVar("T")


class Asks(Protocol):
    """Who answers questions to a ledger, in their order."""

    def __call__(self, questions: Sequence[Question[T]], /) -> list[Answer[T]]:
        """The answers."""
        ...


class Losses(NamedTuple):
    """What expected losses follow from."""

    terms: Mapping[str, ProgrammeTerms]
    histories: Mapping[tuple[str, str, str], Features]
    """By (supplier, buyer, currency), where the terms need it."""

    def of(self, position: Position) -> int | None:
        """Expected loss of a claim, minor units; None if its programme is not known."""
        terms = self.terms.get(position.programme)
        if terms is None:
            return None
        history = self.histories.get(_pair(position), NO_HISTORY)
        return vintage.expected_loss(position, terms, history)


NO_HISTORY = Features.of(relationship_sums.Aggregates(), 0)


def _pair(position: Position) -> tuple[str, str, str]:
    return position.supplier, position.buyer, position.currency


def of_book(book: VerifiedBook, day: int) -> Basis:
    """Of a saved book: what it says by itself."""
    return _of_book(book, day, {}, lambda _: None, None)


def of_session(session: Session, book: VerifiedBook, day: int, leaves: Leaves) -> Basis:
    """Of a book and the certificates beside it, with programmes and histories from proved state."""

    def ask(questions: Sequence[Question[T]], /) -> list[Answer[T]]:
        return answers(session, questions)

    losses, height = _losses(book.positions, day, ask)
    return _of_book(book, day, leaves, losses.of, height)


def _of_book(
    book: VerifiedBook, day: int, leaves: Leaves, loss_of: vintage.LossOf, losses_at: int | None
) -> Basis:
    proved = book.proved
    source = Source("book", book.height, proved.block_hash.hex(), proved.count, losses_at)
    return Basis(book.lender, day, source, book.records, book.totals, leaves, loss_of, None)


def _losses(held: Iterable[Position], day: int, ask: Asks) -> tuple[Losses, int | None]:
    """What the expected losses of positions follow from, and the lowest height of what was asked."""
    known = list(held)
    names = sorted({position.programme for position in known if position.programme})
    found = ask([_terms_of(name) for name in names])
    terms = {name: one.value for name, one in zip(names, found, strict=True) if one.value is not None}
    pairs = sorted({_pair(position) for position in known if _needs_history(position, terms)})
    more = ask([_history_of(pair, day) for pair in pairs])
    histories = {pair: one.value for pair, one in zip(pairs, more, strict=True)}
    heights = [*(one.height for one in found), *(one.height for one in more)]
    return Losses(terms, histories), min(heights, default=None)


def _needs_history(position: Position, terms: Mapping[str, ProgrammeTerms]) -> bool:
    return position.programme in terms and terms[position.programme].pd_basis == "history"


def _terms_of(programme: str) -> Question[ProgrammeTerms | None]:
    """The terms of a programme; None if there is none of that name."""

    def terms(state: Reader) -> ProgrammeTerms | None:
        found = read_programme(state, programme)
        return None if found is None else ProgrammeTerms.from_value(found.terms)

    return terms


def _history_of(pair: tuple[str, str, str], day: int) -> Question[Features]:
    """The history of (supplier, buyer) in a currency, as default is reckoned from it."""
    supplier, buyer, currency = pair

    def features(state: Reader) -> Features:
        return Features.of(relationship.read_sums(state, supplier, buyer, currency), day)

    return features


# of an export


class _Ledger(Collected):
    """A sink that keeps what the report of one lender needs."""

    def __init__(self, lender: str) -> None:
        super().__init__()
        self.records: list[codec.Value] = []
        self._book = book_key(lender)
        self._own = {self._book, organisation_key(lender)}

    def entry(self, key: bytes, value: bytes) -> None:
        """The lender, its book, programmes and relationships besides what training keeps."""
        super().entry(key, value)
        if key in self._own or codec.decode(key)[0] in _KEPT:
            self.state[key] = codec.decode(value)

    def record(self, key: bytes, record: bytes) -> None:
        """Records of the book besides those of trade relationships."""
        super().record(key, record)
        if key == self._book:
            self.records.append(codec.decode(record))


def of_export(
    path: Path, genesis: GenesisBlock, lender: str, took: Callable[[int], None] = lambda _: None
) -> Basis:
    """Of an export of the whole ledger; `took` is told of the records that were replayed.

    Raises:
        ProfileError: it cannot be read.
        Malformed: not an export.
        VerificationError: it does not prove that it is everything, or the book's totals are not its records'.
        Refusal: `unknown_organisation`.
    """
    ledger = _Ledger(lender)
    training = read_training(path, genesis, ledger)
    if organisation_key(lender) not in ledger.state:
        raise refuse("unknown_organisation", "no such organisation", field="lender", found=lender)
    header, records = training.proved.header, tuple(ledger.records)
    entry = ledger.state.get(book_key(lender))
    sums = EMPTY if entry is None else entry[2]
    check_sums(records, sums, EMPTY, fold)
    totals = {code: Totals._make(parts) for code, parts in sums.items()}

    def ask(questions: Sequence[Question[T]], /) -> list[Answer[T]]:
        return [Answer(question(ledger.state), header.height) for question in questions]

    losses, _ = _losses(positions(records), training.day, ask)
    return Basis(
        lender,
        training.day,
        Source("export", header.height, header.hash.hex(), len(records), header.height),
        records,
        totals,
        _leaves(training, lender),
        losses.of,
        calibrated(training, records, took),
    )


def _leaves(training: Training, lender: str) -> Leaves:
    """Certificates that a lender holds, by its complete history with each obligor."""
    return {
        (obligor, certificate, currency): amount
        for (holder, obligor), records in sorted(training.histories.items())
        if holder == lender
        for (certificate, currency), amount in holdings_of(records).items()
    }


def calibrated(
    training: Training, records: Iterable[codec.Value], took: Callable[[int], None] = lambda _: None
) -> Calibration:
    """How the model in force fared on the invoices that a book has bought."""
    bought = {(record[3], record[4]) for record in records if record[1] == "buy"}
    champion = training.model(CHAMPION)
    says, name, since = shrinkage, "", 0
    if champion is not None:
        says, name = champion[1].predict, champion[0].hex()
        since = (training.trained_until(champion[0]) or 0) + 1
    own = [
        row for row in training.examples(took) if (row.supplier, row.invoice) in bought and row.day >= since
    ]
    known = [row for row in own if row.is_known]
    still_open = sum(row.outcome == OPEN for row in own)
    return Calibration(name, since, len(own), still_open, fared(known, says) if known else None)
