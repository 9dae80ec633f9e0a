"""`tally quote book`: a lender prices everything that its programme could buy, or names why it could not."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import days, money, percent
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, open_session, save, unwritable
from clients.cli.screen import FAINT, GOOD, Advance, Screen
from clients.sdk import Session
from clients.wording import counted, short_percent
from contracts.finance.quote import ProvedQuote
from contracts.finance.quote_book import MAX_PAGES, ProvedRefusal, QuoteBook, Result
from contracts.pricing.formulae import average_rate
from ledger.dates import iso_from_day
from ledger.money import Money
from ledger.proofs.carried import carry

FILE_PAGES = 100
"""Pages of one file of a saved book: a reader checks a file as a whole."""

assert FILE_PAGES <= MAX_PAGES

SHOWN, SHOWN_REFUSALS = 30, 10
"""Prices and refusals on a terminal; a pipe and JSON get all."""


def book(
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME", help="The lender's programme.")],
    supplier: Annotated[
        list[str] | None, typer.Option("--supplier", "-s", help="Only invoices of this supplier; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the proof files; a book there is replaced.")
    ] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Price every confirmed, unpaid invoice of a programme's buyers, each recomputed here from proved inputs.

    Invoices come page by page; the prices of a page share one proof. An invoice that gets no price is
    proved to get none, with the code of the refusal. Which invoices there are the node says; what
    they are worth is proved. A terminal shows the first of a long book; a pipe and --json get all.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        with screen.progress("finding invoices", None) as found:
            asked = list(dict.fromkeys(_invoices(session, programme, set(supplier or ()), found)))
        started = time.perf_counter()
        with screen.progress("pricing", len(asked)) as advance, _folder(out):
            results, files = _priced(session, programme, asked, out, advance)
        seconds = time.perf_counter() - started
    document = _document(programme, results, files, seconds)
    if not screen.answer(document):
        _show(screen, document, results)


def _invoices(
    session: Session, programme: str, suppliers: set[str], found: Advance
) -> Iterator[tuple[str, str]]:
    """The confirmed invoices of the programme's obligors with something left to pay, as the node has them."""
    known = [entry for entry in session.programmes() if entry["programme"] == programme]
    if not known:
        raise UsageProblem(
            "no such programme",
            code="unknown_programme",
            field="PROGRAMME",
            found=programme,
            remedy="`tally programme list` shows them.",
        )
    for obligor in known[0]["exposures"]:
        traded = session.view("/relationships", party=obligor)["relationships"]
        for seller in sorted({entry["supplier"] for entry in traded if entry["buyer"] == obligor}):
            if suppliers and seller not in suppliers:
                continue
            for invoice in session.invoices(seller, buyer=obligor, status="Confirmed"):
                if invoice["outstanding"] > 0:
                    found(1)
                    yield seller, invoice["invoice"]


def _priced(
    session: Session, programme: str, asked: list[tuple[str, str]], out: Path | None, advance: Advance
) -> tuple[list[Result], list[str]]:
    """The results, and the files of the book: until it is whole, the folder keeps the older one."""
    results: list[Result] = []
    drafts: list[Path] = []
    pending: QuoteBook | None = None
    try:
        for page in session.quote_book(programme, asked):
            results += page.results
            advance(len(page.results))
            if out is None:
                continue
            pending = page.book if pending is None else pending.joined(page.book)
            if len(pending.pages) == FILE_PAGES:
                drafts.append(_drafted(session, pending, out, len(drafts)))
                pending = None
        if pending is not None and out is not None:
            drafts.append(_drafted(session, pending, out, len(drafts)))
        return results, [] if out is None else _replaced(out, drafts)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)


def _drafted(session: Session, book: QuoteBook, folder: Path, place: int) -> Path:
    path = folder / f"{place + 1:04}.{os.getpid()}.part"
    save(carry(book.encode(), session.genesis.chain), path, "book of quotes")
    return path


def _replaced(folder: Path, drafts: list[Path]) -> list[str]:
    """Put a book in the place of the one that the folder holds, which may have more files.

    Raises:
        UsageProblem: something there cannot be replaced.
    """
    files = [folder / f"{place:04}.quotes" for place, _ in enumerate(drafts, 1)]
    try:
        for path in folder.glob("[0-9][0-9][0-9][0-9].quotes"):
            if path not in files:
                path.unlink(missing_ok=True)
        for draft, path in zip(drafts, files, strict=True):
            draft.replace(path)
    except OSError as error:
        raise unwritable(folder, "book of quotes", error) from None
    return [str(path) for path in files]


@contextmanager
def _folder(folder: Path | None) -> Iterator[None]:
    """The folder, made if need be; a new one does not stay if nothing comes into it.

    Raises:
        UsageProblem: it cannot be made.
    """
    if folder is None:
        yield
        return
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(
            f"cannot make the folder {folder}", code="file_unwritable", field="--out", found=error.strerror
        ) from None
    try:
        yield
    finally:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()


def _document(programme: str, results: list[Result], files: list[str], seconds: float) -> dict[str, Any]:
    priced, refused = _parted(results)
    return {
        "proved": True,
        "programme": programme,
        "invoices": len(results),
        "priced": len(priced),
        "net": sum(result.terms.net for result in priced),
        "advance": sum(result.terms.advance for result in priced),
        "discount": sum(result.terms.discount for result in priced),
        "fee": sum(result.terms.fee for result in priced),
        "paid_out": sum(result.terms.paid_out for result in priced),
        "expected_loss": sum(result.terms.expected_loss for result in priced),
        "yield_ppm": average_rate([(result.terms.paid_out, result.terms.yield_ppm) for result in priced]),
        "currency": priced[0].terms.currency if priced else None,
        "refused": dict(sorted(Counter(result.refusal.code for result in refused).items())),
        "seconds": round(seconds, 3),
        "a_minute": round(60 * len(results) / seconds) if seconds and results else None,
        "files": files,
        "rows": [_row(result) for result in results],
    }


def _parted(results: list[Result]) -> tuple[list[ProvedQuote], list[ProvedRefusal]]:
    """What has a price, and what has none."""
    priced = [result for result in results if isinstance(result, ProvedQuote)]
    return priced, [result for result in results if isinstance(result, ProvedRefusal)]


def _row(result: Result) -> dict[str, Any]:
    if isinstance(result, ProvedRefusal):
        return {
            "supplier": result.supplier,
            "invoice": result.invoice,
            "code": result.refusal.code,
            "message": result.refusal.message,
            "found": _text(result.refusal.found),
            "expected": _text(result.refusal.expected),
        }
    terms = result.terms
    return {
        "supplier": terms.supplier,
        "buyer": terms.buyer,
        "invoice": terms.invoice,
        "business_date": iso_from_day(terms.day),
        "due_date": iso_from_day(terms.due_day),
        "currency": terms.currency,
        "net": terms.net,
        "advance": terms.advance,
        "advance_rate_ppm": terms.advance_rate_ppm,
        "reserve": terms.reserve,
        "discount": terms.discount,
        "fee": terms.fee,
        "paid_out": terms.paid_out,
        "yield_ppm": terms.yield_ppm,
        "tenor_days": terms.tenor_days,
        "expected_late_centidays": terms.expected_late_centidays,
        "late_ppm": terms.late_ppm,
        "expected_loss": terms.expected_loss,
        "quote": terms.quote.hex(),
        "height": result.height,
    }


def _show(screen: Screen, document: dict[str, Any], results: list[Result]) -> None:
    priced, refused = _parted(results)
    screen.line(
        f"{document['priced']} of {counted(document['invoices'], 'invoice')} priced under "
        f"{document['programme']}, each recomputed from proved inputs{_as_of(results)}",
        GOOD,
    )
    if priced:
        _show_prices(screen, priced)
        _show_totals(screen, document)
    if refused:
        _show_refusals(screen, refused, document["refused"])
    if document["a_minute"]:
        screen.note(f"{document['seconds']} s, {document['a_minute']:,} a minute")
    for path in document["files"]:
        screen.note(f"saved in {path}")


def _as_of(results: list[Result]) -> str:
    """Of which days and heights the prices are: a node that is behind shows older ones."""
    days = sorted({one.terms.day for one in results if isinstance(one, ProvedQuote)})
    heights = sorted({one.height for one in results})
    of = f" of {_span([iso_from_day(day) for day in days])}" if days else ""
    return of + (f" at height {_span(heights)}" if heights else "")


def _span(ends: Sequence[object]) -> str:
    return f"{ends[0]}" if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"


def _show_prices(screen: Screen, priced: list[ProvedQuote]) -> None:
    """A table for each supplier and buyer, so that a line fits 100 columns."""
    columns = ("invoice", "due", "net", "advance", "charges", "paid out", "yield", "late", "P(late)")
    shown = priced[:SHOWN] if screen.is_terminal else priced
    screen.line("charges: discount and fee; yield: a year; late: expected days after the due date", FAINT)
    for supplier, buyer in dict.fromkeys((one.terms.supplier, one.terms.buyer) for one in shown):
        group = [one.terms for one in shown if (one.terms.supplier, one.terms.buyer) == (supplier, buyer)]
        screen.line()
        screen.table(
            columns,
            [
                (
                    terms.invoice,
                    iso_from_day(terms.due_day),
                    Money(terms.net, terms.currency).grouped,
                    short_percent(terms.advance_rate_ppm),
                    Money(terms.discount + terms.fee, terms.currency).grouped,
                    Money(terms.paid_out, terms.currency).grouped,
                    short_percent(terms.yield_ppm),
                    days(terms.expected_late_centidays, "d"),
                    short_percent(terms.late_ppm, 1),
                )
                for terms in group
            ],
            title=f"{supplier} to {buyer}, {group[0].currency}",
            right=columns[2:],
        )
    _say_left_out(screen, len(priced) - len(shown), "prices")
    screen.line()


def _show_totals(screen: Screen, document: dict[str, Any]) -> None:
    currency = document["currency"]
    names = ("net", "advance", "discount", "fee", "paid out", "expected loss")
    facts = [(name, money(document[name.replace(" ", "_")], currency)) for name in names]
    screen.facts(
        [*facts, ("yield a year", percent(document["yield_ppm"]))],
        title=f"In all, {counted(document['priced'], 'invoice')}",
    )
    screen.line(
        "Each is priced as if it alone were bought; what fits: tally portfolio allocate --budget AMOUNT",
        FAINT,
    )


def _show_refusals(screen: Screen, refused: list[ProvedRefusal], counts: dict[str, int]) -> None:
    screen.line()
    shown = refused[:SHOWN_REFUSALS] if screen.is_terminal else refused
    screen.table(
        ("supplier", "invoice", "code", "because"),
        [(one.supplier, one.invoice, one.refusal.code, _because(one)) for one in shown],
        title="No price: " + ", ".join(f"{count:,} {code}" for code, count in counts.items()),
    )
    _say_left_out(screen, len(refused) - len(shown), "refusals")


def _because(refused: ProvedRefusal) -> str:
    """Why there is no price, with the figures that do not fit."""
    refusal = refused.refusal
    if refusal.found is None:
        return refusal.message
    expected = "" if refusal.expected is None else f", expected {refusal.expected}"
    return f"{refusal.message}: {refusal.found}{expected}"


def _text(part: object) -> str | None:
    return None if part is None else str(part)


def _say_left_out(screen: Screen, count: int, what: str) -> None:
    if count > 0:
        screen.line(f"… and {count:,} more {what}: all of them with --json, or in a pipe (| less)", FAINT)
