"""`tally programme`: the terms under which a lender buys invoices."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount
from clients.cli.exits import UsageProblem
from clients.cli.options import CommonBank, Json, ProfileFile, ReceiptFile, open_session, read_bytes
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import Standing
from clients.sdk import Session
from clients.wording import counted
from contracts.finance.eligibility import Rules
from contracts.pricing import ProgrammeTerms
from ledger.codec import Value
from ledger.errors import Malformed
from ledger.money import PPM

MAX_PROGRAMME_BYTES = 262_144

_AMOUNTS = ("programme_limit", "supplier_limit", "share_base", "smallest", "largest")
"""Fields of a programme's rules that are amounts."""

Name = Annotated[str, typer.Argument(metavar="PROGRAMME", help="The programme's id.")]

app = typer.Typer(name="programme", help="Publish and list lenders' programmes.", no_args_is_help=True)


@app.command(
    epilog=examples("tally programme publish early-pay.json --profile net/profiles/lender.json")
    + "\n\n\b\nearly-pay.json, rates in parts per million:\n"
    '  {"programme": "early-pay", "terms": {"currency": "EUR",\n'
    '   "limits": [{"obligor": "anchor", "limit": "5,000,000.00 EUR"}],\n'
    '   "discount_rate_ppm": 72000, "fee_ppm": 2000},\n'
    '   "rules": {"suppliers": ["acme", "bolt"], "supplier_limit": "1,000,000.00 EUR",\n'
    '    "programme_limit": "8,000,000.00 EUR", "smallest": "500.00 EUR", "goods_receipt": true,\n'
    '    "obligor_share_ppm": 250000, "share_base": "4,000,000.00 EUR"}}\n'
    "\na buyer's payables programme has a full purchase for terms, and names the buyer:\n"
    '  {"programme": "of-anchor", "terms": {…, "discount_basis": "bank"},\n'
    '   "payables": {"buyer": "anchor", "extension_days": 60, "extension_rate_ppm": 40000}}'
)
def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: programme, terms and rules.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Publish a programme, or new terms and rules of it (lender). What was funded keeps its terms."""
    operation = read_programme(file)
    name = operation["programme"]
    record(
        profile,
        lambda _: operation,
        f"Programme {name}",
        receipt=receipt,
        as_json=json,
        stands=lambda _: Standing(next=_first_use(operation)),
    )


def _first_use(operation: dict[str, Any]) -> str:
    name = quoted(operation["programme"])
    if operation.get("payables"):
        return f"suppliers take part: tally programme enrol {name} --bank BANK"
    return f"price an invoice under it: tally quote {name} SUPPLIER INVOICE"


def read_programme(path: Path) -> dict[str, Any]:
    """The operation of a programme's file.

    Raises:
        UsageProblem: unreadable, or terms that are no programme's.
    """
    try:
        content = json_text.loads(read_bytes(path, "programme", MAX_PROGRAMME_BYTES))
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{path} is not JSON", code="programme_file", found=str(error)[:120]) from None
    required = {"programme", "terms"}
    if not isinstance(content, dict) or not required <= content.keys() <= {*required, "rules", "payables"}:
        raise UsageProblem(
            f"{path} is not a programme",
            code="programme_file",
            expected='{"programme": …, "terms": {…}, "rules": {…}, "payables": {…}}',
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
        rules = Rules.from_value(_read_rules(content.get("rules", {}), currency))
    except Malformed as error:
        raise UsageProblem(
            f"{path} is not a programme",
            code=error.code,
            field=error.field,
            found=error.found,
            expected=error.expected,
        ) from None
    operation = {
        "op": "programme.publish",
        "programme": content["programme"],
        "terms": checked.to_value(),
        "rules": rules.to_value(),
    }
    if content.get("payables") is not None:
        operation["payables"] = content["payables"]
    return operation


def _read_rules(written: Any, currency: str) -> Value:
    """The map of a programme's rules with its amounts in minor units; its form is checked by `Rules`."""
    if not isinstance(written, dict):
        return written
    read = dict(written)
    for name in _AMOUNTS:
        if isinstance(read.get(name), str):
            read[name] = read_amount(read[name], f"rules.{name}", currency).amount
    if isinstance(read.get("suppliers"), list):
        read["suppliers"] = tuple(read["suppliers"])
    return read


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


@app.command(epilog=examples("tally programme show early-pay", "tally programme show early-pay --json"))
def show(name: Name, profile: ProfileFile = None, json: Json = False) -> None:
    """One programme: what it takes and what it has out, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.programme(name)
    if screen.answer(found):
        return
    currency = found["terms"]["currency"]
    screen.facts(
        [
            ("lender", f"{found['lender']}, revision {found['revision']}"),
            ("out in all", _drawn(found["drawn"], currency)),
            (
                "concentration",
                f"{money(found['eligible'], currency)} within one obligor's share, "
                f"{money(found['over_concentration'], currency)} over it",
            ),
            *_rule_facts(found["rules"], currency),
            *_payables_facts(found["payables"], currency),
        ],
        title=f"Programme {name}",
    )
    rows = [("obligor", party, drawn) for party, drawn in found["exposures"].items()]
    rows += [("supplier", party, drawn) for party, drawn in found["suppliers"].items()]
    screen.table(
        ("", "party", "out", "limit"),
        [
            (
                side,
                party,
                money(drawn["reserved"] + drawn["funded"], currency),
                "" if drawn["limit"] is None else money(drawn["limit"], currency),
            )
            for side, party, drawn in rows
        ],
        right=("out", "limit"),
    )


def _drawn(drawn: dict[str, Any], currency: str) -> str:
    out = f"{money(drawn['funded'], currency)} paid, {money(drawn['reserved'], currency)} offered"
    return out if drawn["limit"] is None else f"{out}, of {money(drawn['limit'], currency)}"


def _rule_facts(rules: dict[str, Any], currency: str) -> list[tuple[str, object]]:
    """A programme's rules that are set, for people."""
    facts: list[tuple[str, object]] = [("suppliers", ", ".join(rules["suppliers"]) or "every supplier")]
    facts += [
        (name.replace("_", " "), money(rules[name], currency))
        for name in ("supplier_limit", "smallest", "largest", "share_base")
        if rules[name] is not None
    ]
    facts += [
        (f"one {party}, at most", percent(rules[f"{party}_share_ppm"]))
        for party in ("obligor", "supplier")
        if rules[f"{party}_share_ppm"] < PPM
    ]
    if rules["goods_receipt"]:
        facts.append(("needs", "an order with a receipt of goods"))
    if rules["policy"]:
        facts.append(
            ("needs", f"cover by policy {rules['policy']['policy']} of {rules['policy']['insurer']}")
        )
    return facts


def _payables_facts(payables: dict[str, Any] | None, currency: str) -> list[tuple[str, object]]:
    """What makes it a buyer's payables programme, for people."""
    if payables is None:
        return []
    aside = payables["set_aside"]
    facts: list[tuple[str, object]] = [
        ("payables of", payables["buyer"]),
        (
            "set aside",
            "nothing" if aside is None else f"{money(aside['amount'], currency)} at {aside['bank']}",
        ),
    ]
    if payables["extension_days"]:
        rate = percent(payables["extension_rate_ppm"])
        facts.append(("extension", f"up to {counted(payables['extension_days'], 'day')} at {rate}"))
    return facts


@app.command(
    epilog=examples(
        "tally programme enrol of-anchor --bank bank --standing --profile net/profiles/acme.json",
        "tally programme enrol of-anchor --bank bank --profile net/profiles/acme.json",
    )
)
def enrol(
    name: Name,
    bank: CommonBank,
    standing: Annotated[
        bool,
        typer.Option(
            "--standing",
            help="Every invoice that the buyer approves is financed at once, for what the programme charges "
            "today or less.",
        ),
    ] = False,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take part in a buyer's payables programme, or change how (supplier)."""
    operation = {"op": "programme.enrol", "programme": name, "bank": bank, "standing": standing}
    record(
        profile,
        lambda _: operation,
        f"Enrolled in {name}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_enrolment(session, name),
    )


def _of_enrolment(session: Session, name: str) -> Standing:
    """What a supplier takes part in, and who approves its invoices."""
    found = session.programme(name)
    buyer = quoted(found["payables"]["buyer"])
    approves = f"tally payables approve FILE --programme {quoted(name)}"
    return Standing((), f"{buyer} approves invoices: {approves}", found)


@app.command(epilog=examples("tally programme leave of-anchor --profile net/profiles/acme.json"))
def leave(name: Name, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False) -> None:
    """Take part in a payables programme no more (supplier); what is financed stays financed."""
    operation = {"op": "programme.leave", "programme": name}
    record(profile, lambda _: operation, f"Left {name}", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally programme suppliers of-anchor"))
def suppliers(name: Name, profile: ProfileFile = None, json: Json = False) -> None:
    """Who takes part in a payables programme, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(session.enrolments(name))
    if screen.answer({"enrolments": found}):
        return
    screen.table(
        ("supplier", "bank", "standing request", "since"),
        [(entry["supplier"], entry["bank"], _standing(entry), entry["since"]) for entry in found],
    )


def _standing(entry: dict[str, Any]) -> str:
    """Whether a supplier has a standing request, and for which charges at most."""
    if not entry["standing"]:
        return "no"
    charges = entry["charges"]
    return f"yes, up to {percent(charges['discount_rate_ppm'])} a year, fee {percent(charges['fee_ppm'])}"
