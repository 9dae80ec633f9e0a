"""`tally quote book`: a lender prices everything that its programme could buy, or names why it could not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, open_session, save
from clients.cli.screen import GOOD, Advance, Screen
from clients.sdk import Session
from contracts.finance.quote import ProvedQuote
from contracts.finance.quote_book import MAX_PAGES, QuoteBook, Result
from contracts.pricing.formulae import average_rate
from ledger.carried import carry

FILE_PAGES = 100
"""Pages of one file of a saved book: a reader checks a file as a whole."""

assert FILE_PAGES <= MAX_PAGES


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
    they are worth is proved.
    """
    screen = Screen(json)
    if out is not None:
        _make_folder(out)
    with open_session(profile) as session:
        asked = list(dict.fromkeys(_invoices(session, programme, set(supplier or ()))))
        started = time.perf_counter()
        with screen.progress("pricing", len(asked)) as advance:
            results, files = _priced(session, programme, asked, out, advance)
        seconds = time.perf_counter() - started
    document = _document(programme, results, files, seconds)
    if not screen.answer(document):
        _show(screen, document)


def _invoices(session: Session, programme: str, suppliers: set[str]) -> Iterator[tuple[str, str]]:
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
        found = session.view("/relationships", party=obligor)["relationships"]
        for seller in sorted({entry["supplier"] for entry in found if entry["buyer"] == obligor}):
            if suppliers and seller not in suppliers:
                continue
            for invoice in session.invoices(seller, buyer=obligor, status="Confirmed"):
                if invoice["outstanding"] > 0:
                    yield seller, invoice["invoice"]


def _priced(
    session: Session, programme: str, asked: list[tuple[str, str]], out: Path | None, advance: Advance
) -> tuple[list[Result], list[str]]:
    results: list[Result] = []
    files: list[str] = []
    pending: QuoteBook | None = None
    for page in session.quote_book(programme, asked):
        results += page.results
        advance(len(page.results))
        if out is None:
            continue
        pending = page.book if pending is None else pending.joined(page.book)
        if len(pending.pages) == FILE_PAGES:
            files.append(_saved(session, pending, out, len(files)))
            pending = None
    if pending is not None and out is not None:
        files.append(_saved(session, pending, out, len(files)))
    if out is not None:
        _remove_older(out, len(files))
    return results, files


def _saved(session: Session, book: QuoteBook, folder: Path, place: int) -> str:
    path = folder / f"{place + 1:04}.quotes"
    save(carry(book.encode(), session.genesis.chain), path, "book of quotes")
    return str(path)


def _remove_older(folder: Path, files: int) -> None:
    """Remove what an earlier book of more files left behind: it is no part of this one."""
    for path in folder.glob("[0-9][0-9][0-9][0-9].quotes"):
        if int(path.stem) > files:
            path.unlink()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(
            f"cannot make the folder {folder}", code="file_unwritable", field="--out", found=error.strerror
        ) from None


def _document(programme: str, results: list[Result], files: list[str], seconds: float) -> dict[str, Any]:
    priced = [result for result in results if isinstance(result, ProvedQuote)]
    refused = [result for result in results if not isinstance(result, ProvedQuote)]
    return {
        "proved": True,
        "programme": programme,
        "invoices": len(results),
        "priced": len(priced),
        "net": sum(result.terms.net for result in priced),
        "advance": sum(result.terms.advance for result in priced),
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


def _row(result: Result) -> dict[str, Any]:
    if not isinstance(result, ProvedQuote):
        return {"supplier": result.supplier, "invoice": result.invoice, "code": result.refusal.code}
    terms = result.terms
    return {
        "supplier": terms.supplier,
        "buyer": terms.buyer,
        "invoice": terms.invoice,
        "net": terms.net,
        "paid_out": terms.paid_out,
        "yield_ppm": terms.yield_ppm,
        "expected_late_centidays": terms.expected_late_centidays,
        "quote": terms.quote.hex(),
        "height": result.height,
    }


def _show(screen: Screen, document: dict[str, Any]) -> None:
    currency = document["currency"]
    screen.line(
        f"{document['priced']} of {document['invoices']} invoices priced under {document['programme']}, "
        "each recomputed from proved inputs",
        GOOD,
    )
    if currency:
        screen.facts(
            [
                (name, money(document[key], currency))
                for name, key in (
                    ("net", "net"),
                    ("advance", "advance"),
                    ("paid out", "paid_out"),
                    ("expected loss", "expected_loss"),
                )
            ]
            + [("yield a year", percent(document["yield_ppm"]))]
        )
    if document["refused"]:
        screen.table(("no price because", "invoices"), list(document["refused"].items()), right=("invoices",))
    if document["a_minute"]:
        screen.note(f"{document['seconds']} s, {document['a_minute']:,} a minute")
    for path in document["files"]:
        screen.note(f"saved in {path}")
