"""`tally model check` and `report`: whether a model's record is true, and how the models fare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import days, read_day
from clients.cli.exits import DONE, REFUSED, UsageProblem
from clients.cli.options import GenesisFile, Json, ProfileFile, trusted_genesis
from clients.cli.pricing.model_files import read_hash, read_model, read_record
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.models.model_record import FIGURES, STATE_ROOT, Compared, compared, on_tested_rows
from clients.models.model_report import Figures, drift, fared
from clients.models.training_export import Training, read_training
from clients.wording import counted, short_percent
from contracts.finance.model import CHALLENGER, CHAMPION, ROLES
from contracts.pricing.model import shrinkage
from contracts.pricing.training import Example
from ledger.dates import day_from_iso, iso_from_day
from ledger.hashing import SHOWN_HEX

MAX_SHOWN_FEATURES = 10

ExportFile = Annotated[
    Path, typer.Option("--from", help="Export of the ledger, as `tally export` writes it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    app.command(
        epilog=examples(
            "tally model check 9f86d081… --from ledger.export --genesis net/genesis.block",
            "tally model check 9f86d081… --from ledger.export --record a.json --model a.model",
        )
    )(check)
    app.command(
        epilog=examples(
            "tally model report --from ledger.export --genesis net/genesis.block",
            "tally model report --from ledger.export --since 2026-01-01 --json",
        )
    )(report)


def check(
    model: Annotated[str, typer.Argument(metavar="HASH", help="SHA-256 of the model's bytes, in hex.")],
    from_: ExportFile,
    record: Annotated[
        Path | None,
        typer.Option("--record", help="The model's record; the ledger's if not given."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--model", help="The model's bytes; the ledger's if not given.")
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Check a model's record against the export that it says it was trained on, offline.

    The export proves itself; state root, rows, last day and tested rows that follow from it must be exactly
    those of the record, and the model must rise with the features that the record names. Exit code 1 if one
    differs. The record's AUC, Brier score, error and ratio are of a model that learnt from the older rows
    alone: they follow from training only, which `scripts/train-model --check` does again. The model's own
    figures on the same rows, from which it has learnt, are shown beside them.
    """
    screen = Screen(json)
    name = read_hash(model)
    given = None if file is None else read_model(file, name)
    training = read_training(from_, trusted_genesis(genesis, profile))
    known = training.record(name) if record is None else read_record(record)
    if known is None:
        raise UsageProblem(
            "the export knows no such model: it is older than the publication",
            code="unknown_model",
            field="HASH",
            remedy="Name the record with --record, as it was published.",
        )
    learnt = given or training.published(name)
    with screen.progress("records", sum(len(found) for found in training.histories.values())) as advance:
        rows = training.examples(advance)
    checks = compared(known, training.proved.header.state_root, rows, learnt)
    own = None if learnt is None else on_tested_rows(learnt, rows)
    is_right = all(entry.is_right is not False for entry in checks)
    document = {
        "right": is_right,
        "checks": [{**entry._asdict(), "right": entry.is_right} for entry in checks],
        "figures": {
            "computed_again": False,
            "record": {figure: known[figure] for figure in FIGURES},
            "model_on_rows_that_it_learnt_from": own,
        },
    }
    if not screen.answer(document):
        _show_check(screen, checks, known, own)
    return DONE if is_right else REFUSED


def report(
    from_: ExportFile,
    since: Annotated[
        str | None,
        typer.Option(
            help="First day that counts, YYYY-MM-DD; else the day after the champion's training, or without "
            "one the challenger's."
        ),
    ] = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """How champion, challenger and the untrained default fare on a ledger: calibration, figures, drift.

    Everything is computed from a verified export: each invoice as the ledger knew it when it was confirmed,
    and what became of it. Drift compares the features since that day with those before it.
    """
    screen = Screen(json)
    training = read_training(from_, trusted_genesis(genesis, profile))
    with screen.progress("records", sum(len(found) for found in training.histories.values())) as advance:
        rows = training.examples(advance)
    first = _first_day(training, since)
    before, later = [row for row in rows if row.day < first], [row for row in rows if row.day >= first]
    known = _with_outcome(later)
    if not known:
        raise UsageProblem(
            "no invoice since then has ended",
            code="no_rows",
            field="--since",
            found=iso_from_day(first),
            expected="an earlier day",
        )
    in_force = {role: found for role in ROLES if (found := training.model(role)) is not None}
    figures = {"default": fared(known, shrinkage)}
    figures |= {role: fared(known, model.predict) for role, (_, model) in in_force.items()}
    drifts = drift(before, later) if before else ()
    flattered = [role for role in ROLES if (_learnt_until(training, role) or 0) >= first]
    document = {
        "proved": True,
        "height": training.proved.header.height,
        "state_root": training.proved.header.state_root.hex(),
        "since": iso_from_day(first),
        "before": len(before),
        "later": len(later),
        "open": sum(row.outcome == "open" for row in later),
        "models": {role: name.hex() for role, (name, _) in in_force.items()},
        "have_learnt_from_some": flattered,
        "figures": {name: found.as_dict() for name, found in figures.items()},
        "drift": [
            {
                **entry._asdict(),
                "verdict": entry.verdict,
                "read_by": [role for role, (_, model) in in_force.items() if entry.feature in model.features],
            }
            for entry in drifts
        ],
    }
    if not screen.answer(document):
        _show(screen, document, figures)


def _first_day(training: Training, since: str | None) -> int:
    if since is not None:
        return day_from_iso(read_day(since, "--since"))
    until = _learnt_until(training, CHAMPION) or _learnt_until(training, CHALLENGER)
    if until is None:
        raise UsageProblem(
            "no champion and no challenger says until when it was trained",
            code="no_champion",
            field="--since",
            expected="a day, YYYY-MM-DD",
            remedy="Name the first day that shall count with --since.",
        )
    return until + 1


def _learnt_until(training: Training, role: str) -> int | None:
    """Last day that the model in a role has learnt from, days since 1970; None if there is none."""
    found = training.model(role)
    return None if found is None else training.trained_until(found[0])


def _show_check(
    screen: Screen, checks: Sequence[Compared], known: Mapping[str, Any], own: Mapping[str, int] | None
) -> None:
    differing = ", ".join([entry.what for entry in checks if entry.is_right is False])
    if differing:
        screen.line(f"the record is NOT that of this export; not the same: {differing}", BAD)
    else:
        screen.line("what follows from the export is as the record says", GOOD)
    verdicts = {True: "equal", False: "DIFFERS", None: "not computed: name the model's file with --model"}
    screen.table(
        ("", "record", "computed here", ""),
        [(entry.what, *_beside(entry), verdicts[entry.is_right]) for entry in checks],
    )
    screen.table(
        ("figure", "record", "the model itself"),
        [(figure, known[figure], "-" if own is None else own[figure]) for figure in FIGURES],
        right=("record", "the model itself"),
    )
    screen.note(
        "The figures of the record are NOT checked: they are of a model that learnt from the older rows "
        "alone, and only training gives them again: scripts/train-model --check. The model itself has "
        "learnt from the rows that it is tested on here, so its own figures flatter."
    )


def _beside(entry: Compared) -> tuple[object, object]:
    """What stands beside each other in a table: of a hash the beginning, of many names those that differ."""
    record, export = entry.record, entry.export
    if isinstance(record, list):
        lacking = [name for name in record if name not in export] if isinstance(export, list) else []
        named = f"{len(record)} features"
        return named, None if export is None else f"not {', '.join(lacking)}" if lacking else named
    if entry.what == STATE_ROOT:
        return f"{str(record)[:SHOWN_HEX]}…", f"{str(export)[:SHOWN_HEX]}…"
    return record, export


def _with_outcome(rows: Sequence[Example]) -> list[Example]:
    return [row for row in rows if row.is_known]


def _show(screen: Screen, document: dict[str, Any], figures: dict[str, Figures]) -> None:
    screen.line(
        f"{counted(document['later'], 'invoice')} confirmed since {document['since']}, {document['open']} "
        f"of them open, at height {document['height']}",
        GOOD,
    )
    rows = [
        (
            name,
            found.invoices,
            "-" if found.auc_ppm is None else f"{found.auc_ppm / 1e6:.3f}",
            f"{found.brier_ppm / 1e6:.3f}",
            days(found.mae_centidays),
            "-" if found.dbt_ratio_ppm is None else f"{found.dbt_ratio_ppm / 1e6:.2f}",
        )
        for name, found in figures.items()
    ]
    for role in document["have_learnt_from_some"]:
        screen.line(
            f"The {role} has learnt from some of these invoices: its figures flatter. Name a later --since.",
            BAD,
        )
    columns = (
        "model",
        "invoices",
        "AUC",
        "Brier",
        "days off",
        "days beyond terms: predicted to realised",
    )
    screen.line()
    screen.table(columns, rows, right=columns[1:])
    for name, found in figures.items():
        screen.line()
        screen.table(
            (f"{name}: tenth", "invoices", "predicted late", "late", "5 % to 95 %"),
            [
                (
                    place,
                    band.invoices,
                    short_percent(band.predicted_ppm, 1),
                    short_percent(band.late_ppm, 1),
                    f"{short_percent(band.low_ppm, 1)} to {short_percent(band.high_ppm, 1)}",
                )
                for place, band in enumerate(found.bands, 1)
            ],
            right=("invoices", "predicted late", "late", "5 % to 95 %"),
        )
    _show_drift(screen, document)


def _show_drift(screen: Screen, document: dict[str, Any]) -> None:
    """What moved most, of what a model in force reads; of all features where none is."""
    told = [entry for entry in document["drift"] if entry["read_by"] or not document["models"]]
    if not told:
        return
    screen.line()
    screen.table(
        ("feature", "PSI", "by chance", "", "read by"),
        [
            (
                entry["feature"],
                f"{entry['psi_ppm'] / 1e6:.3f}",
                f"{entry['chance_ppm'] / 1e6:.3f}",
                entry["verdict"],
                ", ".join(entry["read_by"]) or "-",
            )
            for entry in told[:MAX_SHOWN_FEATURES]
        ],
        right=("PSI", "by chance"),
    )
