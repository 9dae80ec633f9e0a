"""Assembles `tally` and ends every command with an exit code: no error leaves a stack trace.

| error | shown | exit code |
|---|---|---|
| an option or argument (typer) | the usage and what is wrong | 2 |
| a `TallyError` | code, message, field, found, expected, remedy | `exits.exit_code_of` |
| what the system refuses: a full disk, a closed file | the sentence, on standard error | 2 |
| Ctrl-C | "Interrupted" | 130 |
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import typer
from typer.exceptions import TyperException

from clients.cli import (
    affiliations,
    auctions,
    calendar,
    cash,
    certificates,
    claims,
    credit_notes,
    demands,
    disclosures,
    early_payments,
    evidence,
    exporting,
    finance,
    histories,
    importing,
    insurance,
    invoices,
    keys,
    matching,
    models,
    network,
    node,
    orders,
    payables,
    payees,
    payments,
    pledges,
    portfolio,
    programmes,
    proofs,
    quotes,
    requests,
    screening,
    shipments,
)
from clients.cli.exits import DONE, INTERRUPTED, SUMMARY, USAGE, UsageProblem, exit_code_of
from clients.cli.screen import Screen, asks_for_json, examples
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
for group in (
    network,
    node,
    keys,
    orders,
    shipments,
    invoices,
    credit_notes,
    programmes,
    payables,
    requests,
    finance,
    matching,
    portfolio,
    claims,
    demands,
    auctions,
    early_payments,
    certificates,
    insurance,
    payments,
    payees,
    pledges,
    affiliations,
    cash,
    calendar,
    evidence,
    disclosures,
    quotes,
    models,
    exporting,
):
    app.add_typer(group.app)
app.add_typer(payees.redirection)
for area in (importing, histories, proofs, screening):
    area.register(app)


@cache
def _command() -> Callable[..., Any]:
    """All commands, put together once in a process."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code (see `exits`)."""
    screen = Screen(asks_for_json(arguments))
    try:
        code = _command()(
            args=None if arguments is None else list(arguments), prog_name="tally", standalone_mode=False
        )
    except TallyError as error:
        screen.error(error)
        return exit_code_of(error)
    except TyperException as error:
        return _show_usage(error, screen)
    except OSError as error:
        _show_refused_by_system(error, screen)
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
