"""The way into `tally`: finds a command and ends it with an exit code; no error leaves a stack trace.

| error | shown | exit code |
|---|---|---|
| an option or argument (typer) | the usage and what is wrong | 2 |
| a `TallyError` | code, message, field, found, expected, remedy | `exits.exit_code_of` |
| what the system refuses: a full disk, a closed file | the sentence, on standard error | 2 |
| text that is not UTF-8 (a file's name may be; it is shown with escapes) | the sentence | 2 |
| Ctrl-C | "Interrupted" | 130 |
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from io import TextIOWrapper

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from clients.cli.exits import DONE, INTERRUPTED, SUMMARY, USAGE, UsageProblem, exit_code_of
from clients.cli.groups import Areas
from clients.cli.screen import Screen, asks_for_json, examples
from clients.sdk import OutcomeUnknown
from clients.sdk.outcome import looked_up_later
from ledger.errors import TallyError

app = typer.Typer(
    name="tally",
    help="Tallystick: a ledger for supply-chain finance whose every answer can be checked offline.",
    epilog=examples(
        "tally network up --nodes 3 --dir net --detach",
        "tally import orders.csv invoices.csv --profile net/profiles/supplier.json",
        "tally history supplier anchor --profile net/profiles/lender.json --out trade.history",
        "tally verify trade.history --genesis net/genesis.block",
    )
    + "\n\n"
    + SUMMARY,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
AREAS = {
    "network": "network.network",
    "node": "network.node",
    "organisation": "network.organisations",
    "keys": "network.keys",
    "order": "trade.orders",
    "shipment": "trade.shipments",
    "invoice": "trade.invoices",
    "credit": "trade.credit_notes",
    "programme": "finance.programmes",
    "payables": "finance.payables",
    "request": "finance.requests",
    "finance": "finance.finance",
    "match": "market.matching",
    "portfolio": "portfolio.portfolio",
    "claim": "finance.claims",
    "recourse": "finance.demands",
    "resale": "finance.resales",
    "auction": "market.auctions",
    "early-pay": "market.early_payments",
    "certificate": "certificates.certificates",
    "insurance": "insurance.insurance",
    "payment": "trade.payments",
    "payee": "trade.payees",
    "redirection": "trade.payees",
    "pledge": "finance.pledges",
    "affiliation": "network.affiliations",
    "cash": "cash.cash",
    "date": "network.calendar",
    "evidence": "checks.evidence",
    "recovery": "network.recovery",
    "disclose": "checks.disclosures",
    "quote": "pricing.quotes",
    "model": "pricing.models",
    "export": "checks.exporting",
    "import": "trade.importing",
    "history": "trade.histories",
    "verify": "checks.proofs",
    "receipt": "checks.proofs",
    "audit": "checks.proofs",
    "screen": "checks.screening",
}
"""Where each command or group of commands stands, in the order that help lists them."""


@app.callback()
def _tally() -> None:
    """What stands before the name of a command: nothing but help."""


@cache
def command() -> TyperGroup:
    """`tally`, put together once in a process; of its commands, those that are asked for."""
    group = typer.main.get_group(app)
    group.commands = Areas(AREAS)
    return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code (see `exits`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    screen = Screen(asks_for_json(arguments))
    try:
        code = command()(
            args=None if arguments is None else list(arguments), prog_name="tally", standalone_mode=False
        )
    except TallyError as error:
        if isinstance(error, OutcomeUnknown) and error.transactions and error.remedy == OutcomeUnknown.remedy:
            error.remedy = looked_up_later(error.transactions)
        screen.error(error)
        return exit_code_of(error)
    except TyperException as error:
        return _show_usage(error, screen)
    except OSError as error:
        _show_refused_by_system(error, screen)
        return USAGE
    except UnicodeEncodeError as error:
        screen.error(UsageProblem("text that is not UTF-8", code="not_utf8", found=ascii(error.object)[:80]))
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        screen.note("Interrupted.")
    return code if isinstance(code, int) else DONE


def _show_refused_by_system(error: OSError, screen: Screen) -> None:
    """A full disk, say; standard output may be what cannot be written."""
    place = str(error.filename or "the answer")
    problem = UsageProblem(
        f"the system refuses {place}",
        code="system",
        found=error.strerror or type(error).__name__,
        remedy="Check free space, permissions and limits of that place, then run the command again.",
    )
    try:
        screen.error(problem)
        sys.stdout.flush()
    except OSError:
        screen.out.on_broken_pipe()
        Screen().error(problem)


def _show_usage(error: TyperException, screen: Screen) -> int:
    """A wrong option or argument: as typer says it, or as JSON."""
    if screen.as_json:
        screen.error(UsageProblem(error.format_message()))
        return USAGE
    show = getattr(error, "show", None)
    if show is not None:
        show()
    return error.exit_code
