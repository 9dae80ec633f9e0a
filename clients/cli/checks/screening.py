"""`tally screen`: what proved histories say about fraud, each finding with the records that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    ProfileFile,
    open_session,
    read_bytes,
    trusted_genesis,
)
from clients.cli.screen import BAD, FAINT, GOOD, STRONG, Advance, Screen, examples
from clients.screening import ALARM, CHECKS, Facts, Finding, Trade, exported, screen
from clients.screening.facts import invoice_keys, line_keys, party_keys
from clients.screening.trade import Told
from clients.sdk import Session, VerifiedHistory, read_history
from clients.wording import counted
from contracts.parameters import PARAMETERS
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.dates import iso_from_day
from ledger.limits import MAX_PROOF_BYTES, MAX_PROVED_KEYS

MAX_HOPS = 4
MAX_RELATIONSHIPS = 2_000
"""Histories that one screening takes."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="screen",
        epilog=examples(
            "tally screen acme --profile net/profiles/lender.json",
            "tally screen acme bolt --hops 2 --json",
            "tally screen --from ledger.export --genesis genesis.block   (a whole ledger, without a node)",
            "tally screen --history acme-mega.history --genesis genesis.block",
        ),
    )(screen_trade)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is screened."""

    told: list[Told]
    facts: Facts
    heights: tuple[int, int]
    """The lowest and the highest height that something was proved at."""
    partial: int
    """Histories of which only the newest records are there."""


def screen_trade(
    parties: Annotated[
        list[str] | None,
        typer.Argument(metavar="PARTY…", help="Organisations whose whole trade is looked at."),
    ] = None,
    hops: Annotated[
        int, typer.Option(min=1, max=MAX_HOPS, help="2: also the trade of their partners; circles need it.")
    ] = 1,
    export: Annotated[
        Path | None, typer.Option("--from", help="An export instead of a node (`tally export`).")
    ] = None,
    history: Annotated[
        list[Path] | None,
        typer.Option("--history", help="A history file instead of a node; may be repeated."),
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", help=f"Only this check: {', '.join(CHECKS)}.")
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Look for fraud in trade that is proved here first: complete histories, and state entries beside them.

    Each finding says what was seen, what is at stake, and which records of which history show it: look at
    them with `tally history`. It is a question to ask, not a verdict; docs/fraud.md says how often it is
    wrong.
    """
    out = Screen(json)
    _check_asked(parties, export, history, check)
    if export is not None:
        source = _exported(export, trusted_genesis(genesis, profile))
    elif history:
        source = _handed_over(history, trusted_genesis(genesis, profile))
    else:
        with open_session(profile) as session:
            source = _fetched(out, session, parties or [], hops)
    trade = Trade.of(source.told, source.facts.day)
    findings = [finding for finding in screen(trade, source.facts) if not check or finding.check in check]
    if not out.answer(_document(source, trade, findings)):
        _show(out, source, trade, findings)


def _check_asked(
    parties: list[str] | None, export: Path | None, history: list[Path] | None, check: list[str] | None
) -> None:
    if bool(parties) + bool(export) + bool(history) != 1:
        raise UsageProblem(
            "say what to screen",
            code="no_source",
            expected="organisations, or an export by --from, or history files by --history",
        )
    unknown = sorted(set(check or ()) - set(CHECKS))
    if unknown:
        raise UsageProblem(
            "no such check", code="check", field="--check", found=unknown[0], expected=", ".join(CHECKS)
        )


def _exported(path: Path, trusted: GenesisBlock) -> _Source:
    proved, told, facts = exported.read(path, trusted)
    return _Source(told, facts, (proved.header.height, proved.header.height), 0)


def _handed_over(paths: list[Path], trusted: GenesisBlock) -> _Source:
    found = [read_history(read_bytes(path, "history", MAX_PROOF_BYTES), trusted) for path in paths]
    return _source(found, {})


def _source(found: Sequence[VerifiedHistory], entries: dict[bytes, codec.Value | None]) -> _Source:
    told = [(each.supplier, each.buyer, each.count - len(each.records), each.records) for each in found]
    heights = [each.height for each in found] or [0]
    partial = sum(not each.is_complete for each in found)
    return _Source(list(told), Facts.of(entries), (min(heights), max(heights)), partial)


def _fetched(out: Screen, session: Session, parties: list[str], hops: int) -> _Source:
    pairs = _relationships(session, parties, hops)
    histories = []
    with out.progress("histories", len(pairs)) as advance:
        for supplier, buyer in pairs:
            histories.append(session.history(supplier, buyer))
            advance(1)
    trade = Trade.of(_source(histories, {}).told)
    with out.progress("state entries", None) as advance:
        keys = [*party_keys(trade), *invoice_keys(trade)]
        entries = _proved(session, keys, advance)
        entries |= _proved(session, line_keys(trade, Facts.of(entries)), advance)
    return _source(histories, entries)


def _relationships(session: Session, parties: list[str], hops: int) -> list[tuple[str, str]]:
    """The relationships of the parties, and of their partners as far as asked; each list proved complete."""
    pairs: dict[tuple[str, str], None] = {}
    asked: set[str] = set()
    waiting = list(dict.fromkeys(parties))
    for _ in range(hops):
        for party in waiting:
            asked.add(party)
            pairs |= dict.fromkeys(session.partners(party))
            if len(pairs) > MAX_RELATIONSHIPS:
                raise UsageProblem(
                    "too many relationships for one screening",
                    code="too_many",
                    found=len(pairs),
                    expected=f"at most {MAX_RELATIONSHIPS}",
                    remedy="Name fewer organisations or fewer hops, or screen an export: --from.",
                )
        waiting = sorted({party for pair in pairs for party in pair} - asked)
    return sorted(pairs)


def _proved(session: Session, keys: Sequence[bytes], advance: Advance) -> dict[bytes, codec.Value | None]:
    entries: dict[bytes, codec.Value | None] = {}
    for start in range(0, len(keys), MAX_PROVED_KEYS):
        part = keys[start : start + MAX_PROVED_KEYS]
        entries |= session.state(part).entries
        advance(len(part))
    return entries


def _document(source: _Source, trade: Trade, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "proved": True,
        "heights": list(source.heights),
        "business_date": iso_from_day(trade.day) if trade.day else None,
        "histories": len(source.told),
        "partial": source.partial,
        "invoices": len(trade.bills),
        "state": bool(source.facts.entries),
        "findings": [finding.as_dict() for finding in findings],
    }


def _show(out: Screen, source: _Source, trade: Trade, findings: Sequence[Finding]) -> None:
    if not source.told:
        out.line("Nothing to screen: it is proved that these organisations have no trade.", GOOD)
        return
    extent = f"{source.partial} of them in part" if source.partial else "complete"
    low, high = source.heights
    up_to = f" up to {iso_from_day(trade.day)}" if trade.day else ""
    at = f"height {low}" if low == high else f"heights {low} to {high}"
    out.line(
        f"{counted(len(source.told), 'history')}, {extent}, proved at {at}: "
        f"{counted(len(trade.bills), 'invoice')}{up_to}",
        GOOD,
    )
    if not source.facts.entries:
        usual = PARAMETERS["backdating_days"].default
        out.note(
            "Histories alone: prices, parents, addresses and accounts are not looked at, and an invoice that "
            f"came more than {usual} days after its issue counts as backdated."
        )
    for number, finding in enumerate(findings, 1):
        stake = finding.at_stake
        amount = "" if stake is None else f"  {money(stake.amount, stake.currency)}"
        out.line()
        is_alarm = finding.grade == ALARM
        out.line(f"{number}. {finding.grade}: {finding.check}{amount}", BAD if is_alarm else STRONG)
        out.line(f"   {finding.says}")
        out.line(f"   seen in {'; '.join(map(str, finding.evidence))}", FAINT)
    out.line()
    alarms = sum(finding.grade == ALARM for finding in findings)
    notes = len(findings) - alarms
    summary = f"{counted(alarms, 'alarm')}, {counted(notes, 'note')}"
    out.line(summary if findings else "Nothing found.", STRONG)
