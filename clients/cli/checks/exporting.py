"""`tally export`: the whole ledger as one file that proves itself, and rows for training out of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from clients.cli.exits import UsageProblem
from clients.cli.groups import falling_back_to
from clients.cli.options import (
    GenesisFile,
    Json,
    ProfileFile,
    check_of,
    open_session,
    save,
    trusted_genesis,
    unwritable,
)
from clients.cli.screen import FAINT, GOOD, Screen, examples
from clients.models.training_export import read_training, rows_document
from clients.reports.disclosed import proof_facts
from clients.sdk.exports import PART_SUFFIX
from clients.verification.export_file import Proved, cut, from_disk
from clients.wording import counted

app = typer.Typer(
    name="export",
    cls=falling_back_to("ledger"),
    help="Everything on the ledger, or training rows, as files that anyone checks.",
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "tally export ledger --out ledger.export --profile net/profiles/lender.json",
        "tally export --out ledger.export --data net/nodes/n1/data --genesis net/genesis.block",
        "tally export --scope acme --out acme.extract --profile net/profiles/acme.json",
        "tally export --scope acme --from ledger.export --out acme.extract --genesis net/genesis.block",
        "tally verify ledger.export --genesis net/genesis.block",
        "tally disclose ifrs9 --from ledger.export --genesis net/genesis.block",
    )
)
def ledger(
    out: Annotated[Path, typer.Option("--out", "-o", help="File that the export goes to.")],
    scope: Annotated[
        str, typer.Option(help="Only what belongs to this organisation; the whole ledger if not given.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="A stopped node's data folder, instead of a running node.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="An export to cut the scope out of, instead of a node.")
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Fetch everything on the ledger at the newest height, and prove here that nothing is missing.

    The state root in the certified header depends on every entry, and every history's entry on all of its
    records: a hidden or altered one ends with exit code 1. With --scope the file holds what belongs to
    one organisation, and proves that this is all of it. Anyone checks either without a node: `tally verify`;
    `tally disclose` computes from it.
    """
    screen = Screen(json)
    _require_place(out)
    if from_ is not None and (data is not None or not scope):
        raise UsageProblem(
            "nothing to cut out",
            code="no_scope",
            field="--from",
            expected="--scope ORGANISATION with it, and no --data",
        )
    if from_ is not None:
        proved = cut(from_, trusted_genesis(genesis, profile), scope, out)
    elif scope:
        with TemporaryDirectory(dir=out.parent) as folder:
            whole = Path(folder) / "ledger.export"
            known = _whole(screen, data, genesis, profile, whole)
            proved = cut(whole, known.trust, scope, out)
    else:
        proved = _whole(screen, data, genesis, profile, out)
    if screen.answer({"proved": True, "file": str(out), **proof_facts(proved)}):
        return
    screen.line(
        f"{out}: height {proved.certified.header.height}, {counted(proved.entries, 'entry')}, "
        f"{proved.records:,} records in {counted(proved.histories, 'history')}, proved complete"
        + (f" for {scope}" if scope else ""),
        GOOD,
    )
    screen.line(f"Check it anywhere: {check_of(out, genesis, profile)}", FAINT)


def _require_place(out: Path) -> None:
    """What is written beside it takes its place when it is proved: a device or a pipe would be gone."""
    if out.exists() and not out.is_file():
        raise UsageProblem(
            "an export takes the place of a file, and this is none",
            code="file_unwritable",
            field="--out",
            found=str(out),
            expected="a file, or a name that is free",
        )


def _whole(
    screen: Screen, data: Path | None, genesis: Path | None, profile: Path | None, out: Path
) -> Proved:
    """The whole export, of a disk or of a node."""
    if data is not None:
        return Proved.of(from_disk(data, trusted_genesis(genesis, profile), out))
    with open_session(profile) as session, screen.progress("bytes", None) as advance:
        try:
            return Proved.of(session.export(out, advance))
        except OSError as error:
            raise unwritable(out, "export", error) from None


@app.command(
    epilog=examples(
        "tally export training --out training.jsonl --profile net/profiles/lender.json",
        "tally export training --from ledger.export --out training.jsonl --genesis net/genesis.block",
    )
)
def training(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File that the rows go to, a JSON document a line.")
    ],
    from_: Annotated[
        Path | None, typer.Option("--from", help="A ledger's export; fetched from a node if not given.")
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Write what lateness models learn from: each confirmed invoice as it looked then, and what became of it.

    The rows follow from the verified export of the whole ledger; the first line names its height and state
    root, which a published model's record states, so `tally model check` can hold one against the other.
    """
    screen = Screen(json)
    fetched = out.with_name(out.name + PART_SUFFIX)
    try:
        if from_ is None:
            with open_session(profile) as session, screen.progress("bytes", None) as advance:
                session.export(fetched, advance)
        found = read_training(from_ or fetched, trusted_genesis(genesis, profile))
        with screen.progress("records", sum(map(len, found.histories.values()))) as advance:
            rows = found.examples(advance)
        save(b"".join(rows_document(found, rows)), out, "training set")
    finally:
        fetched.unlink(missing_ok=True)
    ended = sum(row.is_known for row in rows)
    header = found.proved.header
    document = {
        "file": str(out),
        "rows": len(rows),
        "ended": ended,
        "height": header.height,
        "state_root": header.state_root.hex(),
    }
    if not screen.answer(document):
        screen.line(
            f"{out}: {counted(len(rows), 'invoice')}, {ended:,} of them ended, from the proved ledger at "
            f"height {header.height}",
            GOOD,
        )
        screen.line(f"state root {header.state_root.hex()}", FAINT)
