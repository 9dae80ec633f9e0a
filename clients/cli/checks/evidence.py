"""`tally evidence`: proofs that a node lied. They are checked here, offline; no node's word counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.exits import DONE, REFUSED, UsageProblem
from clients.cli.options import GenesisFile, Json, ProfileFile, deadline_s, read_bytes, trusted_genesis
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.errors import with_remedy_of_file
from clients.trust import load_trust
from clients.verification.evidence import fetch, find_files
from clients.verification.report import Report
from clients.verification.verifier import verify_data
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, TallyError, VerificationError
from ledger.limits import MAX_PROOF_BYTES
from ledger.proof_file import EVIDENCE

app = typer.Typer(name="evidence", help="Proofs that a node lied: list, show, verify.", no_args_is_help=True)

EvidenceFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of evidence.")]


@app.callback()
def _group() -> None:
    """Proofs that a node lied: list, show, verify."""


@app.command(
    "list",
    epilog=examples(
        "tally evidence list --dir net",
        "tally evidence list --api http://127.0.0.1:7100 --genesis net/genesis.block",
    ),
)
def list_(
    folder: Annotated[
        Path | None, typer.Option("--dir", "-d", help="A network's folder, or a node's data folder.")
    ] = None,
    api: Annotated[
        str | None, typer.Option("--api", help="URL of a node that is asked for what it keeps.")
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """List evidence, each file checked. Exit code 0 only if every file that is there proves its claim."""
    screen = Screen(json)
    if (folder is None) == (api is None):
        raise UsageProblem("say where to look", code="no_source", expected="one of --dir DIR, --api URL")
    if folder is not None:
        files = _read(find_files(folder))
        trusted = _trust_of(folder, genesis, profile)
    else:
        assert api is not None, "one of the two is given"
        trusted = trusted_genesis(genesis, profile)
        files = fetch(api, trusted, deadline_s())
    checked = [(name, _checked(data, trusted)) for name, data in files]
    code = DONE if all(isinstance(found, Report) for _, found in checked) else REFUSED
    if screen.answer({"evidence": [_document(name, found) for name, found in checked]}):
        return code
    if not checked:
        screen.line("No evidence: no node is known to have lied.", GOOD)
        return code
    rows = []
    for name, found in checked:
        if isinstance(found, Report):
            facts = found.facts
            nodes = ", ".join(facts["nodes"]) or "unknown"
            rows.append((nodes, facts["fault"], facts["term"], facts["height"], "proved", name))
        else:
            rows.append(("", "", "", "", f"NOT PROVED [{found.code}]", name))
    screen.table(("node", "kind", "term", "height", "", "file"), rows, right=("term", "height"))
    return code


@app.command(epilog=examples("tally evidence verify 3f1c….evidence --genesis net/genesis.block"))
def verify(
    file: EvidenceFile,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Check a file of evidence offline: what was checked, and who is guilty. Exit code 0 only if proved."""
    screen = Screen(json)
    report = _verified(file, genesis, profile)
    if screen.answer(_document(str(file), report)):
        return DONE
    screen.line(f"Proved: {report.summary}", BAD)
    for step in report.steps:
        screen.line(f"  {step}", FAINT)
    return DONE


@app.command(epilog=examples("tally evidence show 3f1c….evidence --genesis net/genesis.block"))
def show(
    file: EvidenceFile,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Show what a file of evidence proves, what was signed, and why no honest node signs it."""
    screen = Screen(json)
    report = _verified(file, genesis, profile)
    if screen.answer(_document(str(file), report)):
        return DONE
    screen.line(f"Proved: {report.summary}", BAD)
    for statement in report.facts["statements"]:
        signed = dict(statement)
        screen.facts(list(signed.items())[1:], title=f"signed {signed['statement']}")
    screen.facts(
        [
            ("why it proves", report.facts["honest"]),
            ("what is no guilt", report.facts["alike"]),
            ("requirements", ", ".join(report.facts["requirements"])),
        ]
    )
    return DONE


def _read(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    """One file after the other: no more of them is in memory than is checked."""
    return ((str(path), read_bytes(path, "evidence", MAX_PROOF_BYTES)) for path in paths)


def _verified(file: Path, genesis: Path | None, profile: Path | None) -> Report:
    trusted = trusted_genesis(genesis, profile)
    found = _checked(read_bytes(file, "evidence", MAX_PROOF_BYTES), trusted)
    if isinstance(found, Malformed):
        raise with_remedy_of_file(found)
    if not isinstance(found, Report):
        raise found
    return found


def _checked(data: bytes, trusted: GenesisBlock) -> Report | TallyError:
    try:
        report = verify_data(data, trusted)
    except TallyError as error:
        return error
    if report.kind != EVIDENCE:
        return VerificationError(
            "a proof of another kind",
            code="no_evidence",
            found=report.kind,
            expected=EVIDENCE,
            remedy="`tally verify` checks proof files of every kind.",
        )
    return report


def _trust_of(folder: Path, genesis: Path | None, profile: Path | None) -> GenesisBlock:
    """The genesis named, or the network's own where its folder is looked through."""
    if genesis is None and profile is None and (folder / "genesis.block").is_file():
        return load_trust(folder / "genesis.block")
    return trusted_genesis(genesis, profile)


def _document(name: str, found: Report | TallyError) -> dict[str, Any]:
    if isinstance(found, Report):
        return {"file": name, **found.as_dict()}
    return {"file": name, "proved": False, "error": found.as_dict()}
