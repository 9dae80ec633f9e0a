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

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from clients.sdk import Session
from clients.sdk.questions import answers
from contracts import prospect, relationship
from contracts import receivables as receivables_of
from contracts.context import business_day
from contracts.pricing import ProgrammeTerms
from contracts.programme import read_programme
from contracts.prospect import Suited, Unsuited
from contracts.receivables import Open
from ledger.errors import VerificationError
from ledger.state import Reader

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
    with progress("histories", len(pairs)) as advance:
        for supplier, obligor in pairs:
            found, height = _open_receivables(session, supplier, obligor)
            receivables += found
            heights.append(height)
            advance(1)
    questions = [
        partial(prospect.suited, programme=name, supplier=one.supplier, number=one.invoice)
        for name, found in programmes.items()
        for one in receivables
        if one.currency == found.currency and found.limit_of(one.buyer) is not None
    ]
    with progress("prices", len(questions)) as advance:
        priced = answers(session, questions, advance=advance)
    heights += [answer.height for answer in priced]
    return Prospects(
        lender,
        today.value,
        min(heights),
        tuple((name, found.currency) for name, found in programmes.items()),
        len(pairs),
        prospect.ranked(answer.value for answer in priced if isinstance(answer.value, Suited)),
        tuple(answer.value for answer in priced if isinstance(answer.value, Unsuited)),
    )


def _terms(state: Reader, name: str, lender: str) -> ProgrammeTerms | None:
    """The terms of a programme of this lender."""
    published = read_programme(state, name)
    if published is None or published.lender != lender:
        return None
    return ProgrammeTerms.from_value(published.terms)


def _open_receivables(session: Session, supplier: str, obligor: str) -> tuple[tuple[Open, ...], int]:
    """The open receivables of a relationship, checked against its proved sums, and their height.

    Raises:
        VerificationError: they are not what the aggregates say is open.
    """
    history = session.history(supplier, obligor)
    found = receivables_of.open_receivables(supplier, obligor, history.records)
    known = {}
    for currency in history.aggregates:
        sums = relationship.of_currency(history.aggregates, currency)
        if sums.open_invoices or sums.open_amount:
            known[currency] = (sums.open_invoices, sums.open_amount)
    if receivables_of.totals(found) != known:
        raise VerificationError(
            "the open receivables are not what the history's sums say",
            field=f"{supplier}, {obligor}",
            found=receivables_of.totals(found),
            expected=known,
        )
    return found, history.height
