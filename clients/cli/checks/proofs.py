"""`tally verify`, `tally audit`, `tally receipt`: what proves, and whether it does. No node is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.exits import DONE, REFUSED, UsageProblem, exit_code_of
from clients.cli.options import (
    GenesisFile,
    Json,
    ProfileFile,
    deadline_s,
    load_profile,
    open_session,
    save,
    trusted_genesis,
)
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.errors import ProfileError, with_remedy_of_file
from clients.verification.auditor import AuditReport, audit_folder, audit_nodes
from clients.verification.report import Report
from clients.verification.verifier import verify_data, verify_path
from clients.wording import counted
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, TallyError
from ledger.limits import DIGEST_BYTES
from ledger.snapshots.inheritance import EXPORT_FILE


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            "tally verify INV-7.receipt --genesis net/genesis.block",
            "tally verify trade.history INV-7.quote --genesis net/genesis.block --json",
            "tally verify ledger.export --genesis net/genesis.block",
        )
    )(verify)
    app.command(
        epilog=examples(
            "tally audit --data net/nodes/n1/data --genesis net/genesis.block",
            "tally audit --node http://127.0.0.1:7100 --genesis net/genesis.block",
            "tally audit --profile net/profiles/lender.json",
        )
    )(audit)
    app.command(epilog=examples("tally receipt 9f86d081… --out INV-7.receipt"))(receipt)


def verify(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Receipt, history, quote, evidence or export files.")
    ],
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Check proof files offline against the genesis block; says step by step what is proved.

    Needs no node and no network. Exit code 0 only if every file proves all that it claims;
    otherwise the step that fails is named.
    """
    screen = Screen(json)
    trusted = trusted_genesis(genesis, profile)
    code = DONE
    documents = []
    for file in files:
        checked = _verified(file, trusted)
        if isinstance(checked, Report):
            documents.append({"file": str(file), **checked.as_dict()})
        else:
            code = max(code, exit_code_of(checked) if isinstance(checked, ProfileError) else REFUSED)
            documents.append({"file": str(file), "proved": False, "error": checked.as_dict()})
        if not screen.as_json:
            _show(screen, file, checked)
    all_proved = all(document["proved"] for document in documents)
    screen.answer(documents[0] if len(documents) == 1 else {"proved": all_proved, "files": documents})
    return code


def _verified(file: Path, trusted: GenesisBlock) -> Report | TallyError:
    try:
        return verify_path(file, trusted)
    except Malformed as error:
        return with_remedy_of_file(error)
    except TallyError as error:
        return error


def _show(screen: Screen, file: Path, checked: Report | TallyError) -> None:
    if isinstance(checked, Report):
        screen.line(f"{file}: proved: {checked.summary}", GOOD)
        for line in checked.says:
            screen.line(f"  {line}")
        for step in checked.steps:
            screen.line(f"  {step}", FAINT)
        return
    screen.line(f"{file}: NOT PROVED [{checked.code}] {checked}", BAD)
    if checked.remedy:
        screen.line(f"  → {checked.remedy}")


def audit(
    data: Annotated[
        Path | None, typer.Option(help="A stopped node's data folder (`tally network status` lists it).")
    ] = None,
    node: Annotated[list[str] | None, typer.Option(help="URL of a running node; may be repeated.")] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Check a whole ledger: every signature, every hash, every result computed again from genesis.

    Of a stopped node's disk, or of what running nodes serve. Exit code 0 only if all is right.
    """
    screen = Screen(json)
    if (data is None) == (not node) and (data is not None or profile is None):
        raise UsageProblem(
            "say what to audit", code="no_source", expected="one of --data DIR, --node URL or --profile FILE"
        )
    trusted = trusted_genesis(genesis, profile)
    beside = genesis or load_profile(profile).genesis
    report = _audited(screen, data, node, profile, trusted, beside.with_name(EXPORT_FILE))
    if screen.answer(report.as_dict()):
        return
    screen.line(f"Proved right up to height {report.height}: {report.source}.", GOOD)
    screen.facts(
        [
            ("head", report.head),
            ("state root", report.state_root),
            _executed(report),
            *([("goes on from", report.goes_on_from)] if report.goes_on_from else []),
            (
                "refused by rules",
                f"{counted(report.refused, 'transaction')}" + ("" if report.first_height else ", rightly"),
            ),
            ("signatures", f"{report.signatures:,}"),
            ("certificates", f"{report.certificates:,}"),
            ("state entries", f"{report.state_entries:,}"),
            ("history records", f"{report.records:,}" if data is not None else "checked with --data only"),
        ]
    )


def _executed(report: AuditReport) -> tuple[str, str]:
    done = f"{counted(report.transactions, 'transaction')}, {counted(report.operations, 'operation')}"
    if not report.first_height:
        return ("executed again", done)
    return (
        "not executed",
        f"{done} since height {report.first_height:,}, where this ledger began; state proved",
    )


def _audited(
    screen: Screen,
    data: Path | None,
    node: list[str] | None,
    profile: Path | None,
    trusted: GenesisBlock,
    inherited: Path,
) -> AuditReport:
    with screen.progress("auditing block", None) as advance:
        done = 0

        def progress(height: int, _newest: int) -> None:
            nonlocal done
            advance(height - done)
            done = height

        if data is not None:
            return audit_folder(data, trusted, progress, inherited=inherited)
        urls = node or list(load_profile(profile).nodes)
        return audit_nodes(urls, trusted, progress, deadline_s(), inherited=inherited)


def receipt(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Transaction id, 64 hex digits.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Save the receipt here.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Fetch the receipt of a transaction, verify it, and show what it proves."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.receipt(_read_id(identity))
        report = verify_data(found.receipt, session.genesis)
    if out is not None:
        save(found.receipt, out, "receipt")
    document: dict[str, Any] = {**report.as_dict(), "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    screen.line(f"Proved: {report.summary}", GOOD)
    for line in report.says:
        screen.line(f"  {line}")
    for step in report.steps:
        screen.line(f"  {step}", FAINT)
    for refusal in found.refusals:
        screen.line(f"  refused: {refusal.operation} [{refusal.code}] {refusal.detail}", BAD)


def _read_id(text: str) -> bytes:
    try:
        identity = bytes.fromhex(text)
    except ValueError:
        identity = b""
    if len(identity) != DIGEST_BYTES:
        raise UsageProblem(
            "not a transaction id",
            code="transaction_id",
            field="ID",
            found=text[:80],
            expected="64 hex digits",
        )
    return identity
