"""`tally programme`: the terms under which a lender buys invoices."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session, read_bytes
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from contracts.pricing import ProgrammeTerms
from ledger.errors import Malformed

MAX_PROGRAMME_BYTES = 262_144

app = typer.Typer(name="programme", help="Publish and list lenders' programmes.", no_args_is_help=True)


@app.command(
    epilog=examples("tally programme publish early-pay.json --profile net/profiles/lender.json")
    + "\n\n\b\nearly-pay.json, rates in parts per million:\n"
    '  {"programme": "early-pay", "terms": {"currency": "EUR",\n'
    '   "limits": [{"obligor": "anchor", "limit": "5,000,000.00 EUR"}],\n'
    '   "discount_rate_ppm": 72000, "fee_ppm": 2000}}'
)
def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: programme and terms.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Publish a programme, or new terms of it (lender). What was funded keeps its terms."""
    operation = read_programme(file)
    sentence = f"Programme {operation['programme']}"
    record(profile, lambda _: operation, sentence, receipt=receipt, as_json=json)


def read_programme(path: Path) -> dict[str, Any]:
    """The operation of a programme's file.

    Raises:
        UsageProblem: unreadable, or terms that are no programme's.
    """
    try:
        content = json_text.loads(read_bytes(path, "programme", MAX_PROGRAMME_BYTES))
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{path} is not JSON", code="programme_file", found=str(error)[:120]) from None
    if not isinstance(content, dict) or content.keys() != {"programme", "terms"}:
        raise UsageProblem(
            f"{path} is not a programme", code="programme_file", expected='{"programme": …, "terms": {…}}'
        )
    terms = content["terms"]
    limits = terms.get("limits") if isinstance(terms, dict) else None
    if not isinstance(limits, list) or not all(isinstance(limit, dict) for limit in limits):
        raise UsageProblem(
            f"{path} has no limits",
            code="programme_file",
            field="terms.limits",
            expected='[{"obligor": "anchor", "limit": "5,000,000.00 EUR"}]',
        )
    currency = str(terms.get("currency", ""))
    read = [_read_limit(limit, index, currency) for index, limit in enumerate(limits)]
    try:
        checked = ProgrammeTerms.from_value({**terms, "limits": tuple(read)})
    except Malformed as error:
        raise UsageProblem(
            f"{path} is not a programme", code=error.code, field=error.field, expected=error.expected
        ) from None
    return {"op": "programme.publish", "programme": content["programme"], "terms": checked.to_value()}


def _read_limit(limit: dict[str, Any], index: int, currency: str) -> dict[str, Any]:
    amount = limit.get("limit")
    if isinstance(amount, str):
        return {**limit, "limit": read_amount(amount, f"terms.limits[{index}].limit", currency).amount}
    return limit


@app.command(name="list", epilog=examples("tally programme list", "tally programme list --json"))
def list_programmes(profile: ProfileFile = None, json: Json = False) -> None:
    """Programmes with their terms, limits and exposures, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(session.programmes())
    if screen.answer({"programmes": found}):
        return
    rows = []
    for entry in found:
        terms = entry["terms"]
        for obligor, exposure in entry["exposures"].items():
            used = exposure["reserved"] + exposure["funded"]
            rows.append(
                (
                    entry["programme"],
                    entry["lender"],
                    obligor,
                    money(exposure["limit"], terms["currency"]),
                    money(used, terms["currency"]),
                    percent(terms["discount_rate_ppm"]),
                    percent(terms["fee_ppm"]),
                    percent(terms["max_advance_rate_ppm"]),
                )
            )
    screen.table(
        ("programme", "lender", "obligor", "limit", "used", "discount", "fee", "advance up to"),
        rows,
        right=("limit", "used", "discount", "fee", "advance up to"),
    )
