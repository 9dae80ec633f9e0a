"""`tally quote`: provable prices, checked and explained offline."""

from __future__ import annotations

from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import days, money, percent
from clients.cli.exits import UsageProblem
from clients.cli.groups import falling_back_to
from clients.cli.options import (
    GenesisFile,
    Json,
    OutFile,
    ProfileFile,
    SupplierArgument,
    open_session,
    read_bytes,
    reading,
    save,
    trusted_genesis,
)
from clients.cli.pricing import quote_book, quote_story
from clients.cli.screen import FAINT, GOOD, Screen, examples
from clients.reports import chart
from clients.sdk import Session, VerifiedQuote
from clients.sdk.questions import Answer, answers
from clients.verification.report import shown
from clients.verification.verifier import verify_data
from clients.wording import counted, short_percent
from contracts.finance import model as models
from contracts.finance.pricer import challenge
from contracts.finance.quote import MAX_QUOTE_BYTES, verify_quote
from contracts.pricing import Prediction
from contracts.pricing.model import Model
from ledger import proof_file
from ledger.dates import iso_from_day
from ledger.limits import MAX_PROVED_KEYS

QuoteFile = Annotated[Path, typer.Argument(metavar="QUOTEFILE", help="What `tally quote ask --out` saved.")]

app = typer.Typer(
    name="quote",
    cls=falling_back_to("ask"),
    help="Ask for prices, check and explain them.",
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "tally quote ask early-pay acme INV-7 --profile net/profiles/lender.json --out INV-7.quote",
        "tally quote early-pay acme INV-7 --challenger --json",
        "tally finance offer INV-7.quote --expires 2026-02-01",
    )
)
def ask(
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME", help="The lender's programme.")],
    supplier: SupplierArgument,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice number.")],
    out: OutFile = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Say beside it what the challenging model expects.")
    ] = False,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Ask for the price of an invoice and compute it again, here, from proved inputs.

    The file carries the proof of every input, that nobody has a claim on the invoice included, and
    the model in force; anyone can check it without a node: `tally quote verify`. What the challenger
    expects is computed here from proved state too, and moves no price.
    """
    screen = Screen(json)
    beside = None
    with open_session(profile) as session:
        found = session.quote(programme, supplier, invoice)
        if challenger:
            beside = _beside(session, programme, supplier, invoice)
    if out is not None:
        save(found.data, out, "quote")
    document = quote_document(found) | {"file": None if out is None else str(out)}
    if beside is not None:
        document["challenger"] = _prediction(beside.value)
    if screen.answer(document):
        return
    show_quote(screen, found)
    if beside is not None:
        screen.facts([("challenger", _expectation(beside.value))])
    if out is not None:
        file = quoted(str(out))
        screen.note(f"saved in {out}; offer exactly this: tally finance offer {file} --expires YYYY-MM-DD")


def _beside(session: Session, programme: str, supplier: str, invoice: str) -> Answer[Prediction | None]:
    """What the challenger expects, from proved state; its bytes by their hash, in several proofs."""
    fetched: dict[bytes, Model] = {}

    def model_of(known: models.Adopted) -> Model:
        if known.model not in fetched:
            keys = models.part_keys(known)
            parts: dict[bytes, Any] = {}
            for first in range(0, len(keys), MAX_PROVED_KEYS):
                parts.update(session.state(keys[first : first + MAX_PROVED_KEYS]).entries)
            fetched[known.model] = models.decoded(known, tuple([parts[key] or b"" for key in keys]))
        return fetched[known.model]

    (found,) = answers(session, [lambda state: challenge(state, supplier, invoice, programme, model_of)])
    return found


app.command(
    epilog=examples(
        "tally quote book early-pay --profile net/profiles/lender.json --out book",
        "tally quote book early-pay --supplier acme --json",
        "tally verify book/0001.quotes --genesis net/genesis.block",
    )
)(quote_book.book)


@app.command(epilog=examples("tally quote verify INV-7.quote --genesis net/genesis.block"))
def verify(
    file: QuoteFile, genesis: GenesisFile = None, profile: ProfileFile = None, json: Json = False
) -> None:
    """Compute a quote again offline, from the inputs that its file proves; says step by step what holds.

    Needs no node and no network. Exit code 0 only if the price is right to the unit.
    """
    screen = Screen(json)
    data, trusted = read_bytes(file, "quote", MAX_QUOTE_BYTES), trusted_genesis(genesis, profile)
    with reading(file, "quote"):
        report = verify_data(data, trusted)
    if report.kind != proof_file.QUOTE:
        raise UsageProblem(
            f"{file} is no quote",
            code="other_kind",
            field="QUOTEFILE",
            found=report.kind,
            remedy="tally verify checks proof files of every kind.",
        )
    if screen.answer({"file": str(file), **report.as_dict()}):
        return
    screen.line(f"{file}: proved: {report.summary}", GOOD)
    for step in report.steps:
        screen.line(f"  {step}", FAINT)


@app.command(
    epilog=examples(
        "tally quote explain INV-7.quote --genesis net/genesis.block",
        "tally quote explain INV-7.quote --genesis net/genesis.block --svg INV-7.svg",
    )
)
def explain(
    file: QuoteFile,
    genesis: GenesisFile = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the charts into this SVG file.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Say in words and bars how a quote's price comes about; it is proved offline first.

    Three lists, each of which adds up exactly: from the net to what is paid out, why the payment is
    expected so late, and what the least discount pays for.
    """
    screen = Screen(json)
    data = read_bytes(file, "quote", MAX_QUOTE_BYTES)
    trusted = trusted_genesis(genesis, profile)
    with reading(file, "quote"):
        proved = verify_quote(data, trusted)
    story = quote_story.tell(proved)
    if svg is not None:
        note = f"proved at height {proved.height}, block {proved.block_hash.hex()}"
        save(chart.bars(story.title, story.sections, note).svg().encode(), svg, "chart")
    document = {
        "file": str(file),
        "proved": True,
        "title": story.title,
        "sentences": list(story.sentences),
        "sections": [
            {"title": section.title, "bars": [bar._asdict() for bar in section.bars]}
            for section in story.sections
        ],
        "svg": None if svg is None else str(svg),
    }
    if screen.answer(document):
        return
    screen.line(f"{story.title}: proved", GOOD)
    for sentence in story.sentences:
        screen.line(f"  {sentence}")
    for section in story.sections:
        screen.line()
        screen.line(section.title)
        for line in chart.text_bars(section):
            screen.line(line)
    if svg is not None:
        screen.note(f"chart in {svg}")


def quote_document(found: VerifiedQuote) -> dict[str, Any]:
    """The quote for JSON; amounts in minor units, rates in ppm."""
    return {
        "proved": True,
        "programme": found.programme,
        "lender": found.lender,
        "supplier": found.supplier,
        "buyer": found.proved.inputs.buyer,
        "invoice": found.invoice,
        "height": found.height,
        "expires_height": found.proved.expires_height,
        "quote": found.terms.quote.hex(),
        "terms": shown(found.terms.to_value()),
    }


def _prediction(found: Prediction | None) -> dict[str, Any] | None:
    """What a model expects, for JSON, with the names that a node gives it."""
    if found is None:
        return None
    return {
        "model": found.model.hex(),
        "late_ppm": found.lateness.late_ppm,
        "median_late_centidays": found.lateness.days_centidays,
        "beyond_centidays": found.lateness.beyond_centidays,
    }


def _expectation(found: Prediction | None) -> str:
    if found is None:
        return "none has the role"
    return (
        f"late with probability {short_percent(found.lateness.late_ppm, 1)}, "
        f"{days(found.lateness.beyond_centidays)} beyond terms; {found.model.hex()}"
    )


def show_quote(screen: Screen, found: VerifiedQuote) -> None:
    """The price with its reasons."""
    screen.line(
        f"Invoice {found.invoice} of {found.supplier} under {found.programme} of {found.lender}: "
        f"price recomputed from proved inputs at height {found.height}",
        GOOD,
    )
    terms, currency = found.terms, found.terms.currency
    rows: list[tuple[object, object]] = [("net of the invoice", money(terms.net, currency))]
    rows += [
        (quote_story.REASON_WORDS.get(name, name), f"-{money(amount, currency)}")
        for name, amount in terms.reasons
        if amount
    ]
    rows.append(("paid out now", money(terms.paid_out, currency)))
    if terms.reserve:
        rows.append(("reserve, paid when the buyer has paid", money(terms.reserve, currency)))
    screen.table(("", "amount"), rows, right=("amount",))
    screen.facts(quote_facts(found))


def quote_facts(found: VerifiedQuote) -> list[tuple[str, object]]:
    """What the price rests on."""
    terms, currency = found.terms, found.terms.currency
    settled = found.proved.inputs.features.settled_invoices
    paid = f"{days(terms.dbt_centidays)} over {settled:,} paid" if settled else "no invoice paid yet"
    return [
        ("due", f"{iso_from_day(terms.due_day)}; payment expected after {counted(terms.tenor_days, 'day')}"),
        (
            "days beyond terms",
            f"{paid}, {days(terms.expected_late_centidays)} expected",
        ),
        ("paid late", f"with probability {percent(terms.late_ppm)}"),
        ("model", terms.model.hex() or "none in force: shrinkage"),
        ("advance rate", percent(terms.advance_rate_ppm)),
        ("yield a year", percent(terms.yield_ppm)),
        ("expected loss", f"{money(terms.expected_loss, currency)}, default {percent(terms.pd_ppm)}"),
        ("priced on", f"{iso_from_day(terms.day)}, revision {terms.revision} of the programme"),
    ]
