"""What a lender could buy: every open receivable of its obligors, priced here under each of its programmes.

| step | what is shown | from |
|---|---|---|
| 1 | the lender's programmes and their obligors | proved state entries |
| 2 | every relationship of each obligor | its complete, proved party history |
| 3 | every confirmed, unpaid invoice of each relationship | its complete, proved history |
| 4 | what each programme pays for each, or why it does not buy it | the rules, run here on proved entries |

Only the names of the lender's programmes are the node's word, and the lender knows its own. A receivable that
is confirmed while this goes on is in the next list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from clients.sdk import Session, VerifiedHistory
from clients.sdk.questions import answers
from contracts.context import business_day
from contracts.finance.programme import read_programme
from contracts.finance.quote import ProvedQuote
from contracts.finance.quote_book import MAX_PAGE_INVOICES, ProvedRefusal, QuoteBook, Result
from contracts.market import prospect
from contracts.market.matching import why
from contracts.market.prospect import Suited, Unsuited
from contracts.pricing import ProgrammeTerms
from contracts.trade import receivables as receivables_of
from contracts.trade import relationship_sums
from contracts.trade.receivables import Open
from ledger.errors import VerificationError
from ledger.proofs.carried import carry
from ledger.state.overlay import Reader

Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""What to show while something goes on: its name, how much there is of it."""


@dataclass(frozen=True, slots=True)
class Prospects:
    """What a lender could buy, and what not and why."""

    lender: str
    day: int
    """Business day, days since 1970."""
    height: int
    """Height of the oldest state that this rests on."""
    programmes: tuple[tuple[str, str], ...]
    """(name, currency)."""
    relationships: int
    """Complete histories that were read."""
    suited: tuple[Suited, ...]
    """Best net yield first."""
    unsuited: tuple[Unsuited, ...]
    files: dict[str, bytes]
    """Proof files of the histories and the prices, by name; `tally verify` checks each."""


def _silent(_label: str, _total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


def prospects(
    session: Session, lender: str, currency: str | None = None, *, progress: Progress = _silent
) -> Prospects:
    """Everything that a lender's programmes could buy now, in one currency if it is named.

    Raises:
        VerificationError: a proof that does not prove.
        NodeProblem, Unavailable: see `clients.errors`.
    """
    (today,) = answers(session, [business_day])
    names = [entry["programme"] for entry in session.programmes() if entry["lender"] == lender]
    terms = answers(session, [partial(_terms, name=name, lender=lender) for name in names])
    heights = [today.height, *(answer.height for answer in terms)]
    programmes = {
        name: answer.value
        for name, answer in zip(names, terms, strict=True)
        if answer.value is not None and currency in (None, answer.value.currency)
    }
    obligors = sorted({limit.obligor for found in programmes.values() for limit in found.limits})
    pairs = sorted({pair for obligor in obligors for pair in session.partners(obligor) if pair[1] == obligor})
    receivables: list[Open] = []
    files: dict[str, bytes] = {}
    with progress("histories", len(pairs)) as advance:
        for supplier, obligor in pairs:
            history = session.history(supplier, obligor)
            receivables += open_receivables(history)
            heights.append(history.height)
            files[f"{supplier}-{obligor}.history"] = history.data
            advance(1)
    asked = [
        (name, one.supplier, one.number)
        for name, found in programmes.items()
        for one in receivables
        if one.currency == found.currency and found.limit_of(one.buyer) is not None
    ]
    with progress("prices", len(asked)) as advance:
        priced, books = prices(session, asked, advance)
    for place, book in enumerate(books, 1):
        files[f"{book.programme}-{place:04}.quotes"] = carry(book.encode(), session.genesis.chain)
    bought = [result for result in priced if isinstance(result, ProvedQuote)]
    limits = answers(
        session,
        [
            partial(
                prospect.limits_on,
                programme=quote.programme,
                supplier=quote.inputs.supplier,
                number=quote.inputs.invoice,
            )
            for quote in bought
        ],
    )
    heights += [*(result.height for result in priced), *(answer.height for answer in limits)]
    return Prospects(
        lender,
        today.value,
        min(heights),
        tuple((name, found.currency) for name, found in programmes.items()),
        len(pairs),
        prospect.ranked(
            prospect.bought_as(quote.inputs, quote.programme_terms, quote.terms, answer.value)
            for quote, answer in zip(bought, limits, strict=True)
        ),
        tuple(
            Unsuited(name, result.supplier, result.invoice, result.refusal.code, why(result.refusal))
            for (name, _, _), result in zip(asked, priced, strict=True)
            if isinstance(result, ProvedRefusal)
        ),
        files,
    )


def prices(
    session: Session, asked: Sequence[tuple[str, str, str]], advance: Advance
) -> tuple[list[Result], list[QuoteBook]]:
    """What each (programme, supplier, invoice) is priced at, or why not, recomputed here; and the proofs.

    Results are in the order asked for. A model that is in force comes over once, and stands in each book.
    """
    found: list[Result] = []
    books: list[QuoteBook] = []
    for programme, group in groupby(asked, key=lambda one: one[0]):
        invoices = [(supplier, number) for _, supplier, number in group]
        for first in range(0, len(invoices), MAX_PAGE_INVOICES):
            page = session.quote_page(programme, invoices[first : first + MAX_PAGE_INVOICES])
            found += page.results
            books.append(page.book)
            advance(len(page.results))
    return found, books


def _terms(state: Reader, name: str, lender: str) -> ProgrammeTerms | None:
    """The terms of a programme of this lender, if it buys what a lender chooses: not a buyer's programme."""
    published = read_programme(state, name)
    if published is None or published.lender != lender or published.payables:
        return None
    return ProgrammeTerms.from_value(published.terms)


def open_receivables(history: VerifiedHistory) -> tuple[Open, ...]:
    """The open receivables of a complete history, checked against its proved sums.

    Raises:
        VerificationError: they are not what the aggregates say is open.
    """
    basis = receivables_of.open_basis(history.supplier, history.buyer, history.records)
    found = receivables_of.totals((*basis.invoices, *basis.promises))
    known = {}
    for currency in history.aggregates:
        sums = relationship_sums.of_currency(history.aggregates, currency)
        if sums.open_invoices or sums.open_amount:
            known[currency] = (sums.open_invoices, sums.open_amount)
    if found != known:
        raise VerificationError(
            "the open receivables are not what the history's sums say",
            field=f"{history.supplier}, {history.buyer}",
            found=found,
            expected=known,
        )
    return basis.invoices
