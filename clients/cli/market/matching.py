"""`tally match`: which ways suit an invoice, and which receivables suit a lender."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, ProofFolder, open_session, save_proofs
from clients.cli.screen import FAINT, GOOD, Screen, examples
from clients.lending.prospects import Prospects, prices, prospects
from clients.sdk import Session
from clients.sdk.questions import answers
from clients.wording import counted
from contracts.finance.quote import ProvedQuote
from contracts.finance.quote_book import Result
from contracts.market import matching
from contracts.market.matching import Way
from contracts.trade.invoice import read_invoice
from ledger.dates import iso_from_day

SHOWN = 15
"""Rows on a terminal."""

app = typer.Typer(
    name="match",
    help="What suits an invoice, what suits a lender.",
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "tally match invoice INV-7 --profile net/profiles/acme.json",
        "tally match invoice INV-7 --supplier acme --json",
    )
)
def invoice(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice number, as the supplier has it.")],
    supplier: Annotated[
        str | None, typer.Option("--supplier", "-s", help="Whose invoice; yours if not given.")
    ] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Every way to make money of an invoice, ranked by the cash in hand; why the others do not suit.

    Prices and refusals are computed here, by the ledger's own rules, on proved state. Which programmes
    there are is the node's word.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        owner = supplier or session.profile.organisation
        listed = [
            (entry["programme"], entry["lender"], entry["payables"] is not None)
            for entry in session.programmes()
        ]
        ways, height, currency = ways_of_invoice(session, owner, number, sorted(listed))
    document = {
        "supplier": owner,
        "invoice": number,
        "currency": currency,
        "proved": True,
        "height": height,
        "programmes": len(listed),
        "ways": [way._asdict() | {"suits": way.suits} for way in ways],
    }
    if screen.answer(document):
        return
    fitting = [way for way in ways if way.suits]
    screen.line(
        f"Invoice {number} of {owner}: {len(fitting)} of {len(ways)} ways suit, computed from proved state "
        f"at height {height}",
        GOOD,
    )
    columns = ("way", "name", "with", "cash now", "later", "costs", "a year", "why")
    _table(
        screen,
        columns,
        [
            (
                way.kind,
                way.name,
                way.party,
                money(way.cash, currency) if way.cash else "-",
                money(way.later, currency) if way.later else "-",
                money(way.cost, currency) if way.cash else "-",
                percent(way.cost_ppm) if way.cash else "-",
                way.reason,
            )
            for way in fitting
        ],
        right=columns[3:7],
    )
    _table(
        screen,
        ("way", "name", "with", "does not suit", "why"),
        [(way.kind, way.name, way.party, way.code, way.reason) for way in ways if not way.suits],
        title="Does not suit",
    )


def _table(
    screen: Screen,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """A table with something in it, faint if it is about what does not suit."""
    if rows:
        screen.table(columns, rows, title=title, right=right, styles=[FAINT if title else ""] * len(rows))


def ways_of_invoice(
    session: Session, supplier: str, number: str, programmes: Sequence[tuple[str, str, bool]]
) -> tuple[tuple[Way, ...], int, str]:
    """The ways of an invoice, the height of the oldest state that they rest on, and the currency.

    `programmes` are (name, lender, whether it is a buyer's).

    Raises:
        UsageProblem: `unknown_invoice`.
    """
    (billed,) = answers(session, [lambda state: read_invoice(state, supplier, number)])
    if billed.value is None:
        raise UsageProblem(
            "no such invoice",
            code="unknown_invoice",
            field="INVOICE",
            found=number,
            expected=f"a number of {supplier}",
            remedy="`tally invoice list` shows them.",
        )
    plain = [(name, supplier, number) for name, _, is_payables in programmes if not is_payables]
    priced, _ = prices(session, plain, lambda _: None)
    bought = answers(
        session,
        [
            partial(matching.payables_way, supplier=supplier, number=number, programme=name)
            for name, _, is_payables in programmes
            if is_payables
        ],
    )
    lenders = {name: lender for name, lender, _ in programmes}
    ways = (
        *(_way(name, lenders[name], result) for (name, _, _), result in zip(plain, priced, strict=True)),
        *(answer.value for answer in bought),
    )
    (others,) = answers(
        session, [partial(matching.other_ways, supplier=supplier, number=number, programmes=ways)]
    )
    height = min(billed.height, others.height, *(one.height for one in (*priced, *bought)))
    return matching.ranked_ways((*ways, *others.value)), height, billed.value.currency


def _way(programme: str, lender: str, result: Result) -> Way:
    if isinstance(result, ProvedQuote):
        return matching.priced_way(programme, result.lender, result.terms)
    return matching.refused_way(programme, lender, result.refusal)


@app.command(
    epilog=examples(
        "tally match lender --profile net/profiles/lender.json",
        "tally match lender --currency EUR --out proofs --json",
    )
)
def lender(
    currency: Annotated[str | None, typer.Option("--currency", "-c", help="Only in this currency.")] = None,
    out: ProofFolder = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Every open receivable of your obligors, ranked by net yield after expected loss; why others do not
    suit.

    The receivables come from complete, proved histories; each is priced here under each of your programmes,
    on proved state.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        found = prospects(
            session,
            session.profile.organisation,
            None if currency is None else currency.upper(),
            progress=screen.progress,
        )
    save_proofs(found.files, out)
    if screen.answer(prospects_document(found) | {"proofs": None if out is None else str(out)}):
        return
    screen.line(
        f"{counted(len(found.suited), 'receivable')} to suit {found.lender}, out of "
        f"{counted(found.relationships, 'complete history')}, "
        f"priced here from proved state since height {found.height}; as of {iso_from_day(found.day)}",
        GOOD,
    )
    if not found.programmes:
        screen.note("You have no programme in force: tally programme publish FILE.")
    columns = ("programme", "supplier", "invoice", "obligor", "advance", "paid out", "net yield", "why")
    shown = found.suited[:SHOWN] if screen.is_terminal else found.suited
    if len(shown) < len(found.suited):
        screen.note(f"The best {len(shown)} (all with --json or in a pipe):")
    _table(
        screen,
        columns,
        [
            (
                one.opportunity.programme,
                one.opportunity.supplier,
                one.opportunity.invoice,
                one.opportunity.obligor,
                money(one.opportunity.most, one.terms.currency),
                money(one.opportunity.cash, one.terms.currency),
                percent(one.opportunity.net_yield_ppm),
                one.reason,
            )
            for one in shown
        ],
        right=columns[4:7],
    )
    others = found.unsuited[:SHOWN] if screen.is_terminal else found.unsuited
    if len(others) < len(found.unsuited):
        screen.note(f"{len(found.unsuited)} do not suit; the first {len(others)}:")
    _table(
        screen,
        ("programme", "supplier", "invoice", "does not suit", "why"),
        [tuple(one) for one in others],
        title="Does not suit",
    )


def prospects_document(found: Prospects) -> dict[str, Any]:
    """What a lender could buy, for JSON; amounts in minor units, rates in ppm a year."""
    return {
        "lender": found.lender,
        "proved": True,
        "height": found.height,
        "business_date": iso_from_day(found.day),
        "relationships": found.relationships,
        "suited": [
            {
                "programme": one.opportunity.programme,
                "supplier": one.opportunity.supplier,
                "invoice": one.opportunity.invoice,
                "obligor": one.opportunity.obligor,
                "currency": one.terms.currency,
                "advance": one.opportunity.most,
                "paid_out": one.opportunity.cash,
                "tenor_days": one.opportunity.tenor_days,
                "yield_ppm": one.terms.yield_ppm,
                "expected_loss": one.terms.expected_loss,
                "net_yield_ppm": one.opportunity.net_yield_ppm,
                "reason": one.reason,
            }
            for one in found.suited
        ],
        "unsuited": [one._asdict() for one in found.unsuited],
    }
