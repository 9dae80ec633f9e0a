"""`tally model`: lateness models are published, approved, checked against what they learnt, reported on."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import days, read_day, short_percent
from clients.cli.exits import DONE, REFUSED, UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    ProfileFile,
    ReceiptFile,
    open_session,
    read_bytes,
    reading,
    trusted_genesis,
)
from clients.cli.recording import record, save_receipt, show_recorded
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.models.model_record import FIGURES, STATE_ROOT, Compared, compared, on_tested_rows
from clients.models.model_report import Figures, drift, fared
from clients.models.training_export import Training, read_training
from clients.sdk.questions import answers
from contracts.fields import read_part
from contracts.finance import model_views
from contracts.finance.model import CHALLENGER, CHAMPION, PART_BYTES, ROLES, part_key
from contracts.finance.model import Record as ModelRecord
from contracts.pricing.model import MAX_MODEL_BYTES, Model, shrinkage
from contracts.pricing.training import Example
from ledger.dates import day_from_iso, iso_from_day
from ledger.errors import Malformed
from ledger.hashing import SHOWN_HEX

MAX_RECORD_BYTES = 65_536
MAX_SHOWN_FEATURES = 10

ExportFile = Annotated[
    Path, typer.Option("--from", help="Export of the ledger, as `tally export` writes it.")
]
ModelFile = Annotated[
    Path, typer.Argument(metavar="MODELFILE", help="Bytes of a model, as `scripts/train-model` writes them.")
]
Role = Annotated[str, typer.Option(help="champion: in force; challenger: scored beside it.")]

app = typer.Typer(name="model", help="Publish, approve and check lateness models.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "tally model publish lateness.model --record record.json --profile net/profiles/lender.json"
    )
)
def publish(
    model: ModelFile,
    record: Annotated[Path, typer.Option("--record", help="JSON: training root, rows, days and figures.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Put a model on the ledger and propose it for a role (operator or lender).

    What is there already is not sent again: a challenger becomes champion by a second proposal. What you
    uploaded of another model and did not publish goes away.
    """
    data = read_bytes(model, "model", MAX_MODEL_BYTES)
    with reading(model, "model"):
        Model.decode(data)
    known = _read_record(record)
    _check_role(role)
    name = sha256(data).digest()
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    screen = Screen(json)
    with open_session(profile) as session, screen.progress("uploading", len(parts)) as advance:
        keys = [part_key(session.profile.organisation, name, number) for number in range(len(parts))]
        there = session.state(keys).entries
        for number, part in enumerate(parts):
            if there[keys[number]] != part:
                session.submit({"op": "model.upload", "model": name, "part": number, "data": part})
            advance(1)
        recorded = session.submit(
            {"op": "model.publish", "model": name, "parts": len(parts), "role": role, "record": known}
        )
    save_receipt(recorded, receipt)
    show_recorded(screen, recorded, f"Model {name.hex()} proposed as {role}", receipt)


@app.command(epilog=examples("tally model approve 9f86d081… --profile net/profiles/operator.json"))
def approve(
    model: Annotated[str, typer.Argument(metavar="HASH", help="SHA-256 of the model's bytes, in hex.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Approve a proposed model (an organisation that runs a voter)."""
    _check_role(role)
    operation = {"op": "model.approve", "model": _read_hash(model), "role": role}
    record(profile, lambda _: operation, f"Model approved as {role}", receipt=receipt, as_json=json)


@app.command(
    epilog=examples("tally model retire 9f86d081… --role champion --profile net/profiles/operator.json")
)
def retire(
    model: Annotated[str, typer.Argument(metavar="HASH", help="SHA-256 of the model's bytes, in hex.")],
    role: Role = CHALLENGER,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Want a model out of its role, with none in its place (an organisation that runs a voter).

    As many as adopt a model take it out; then shrinkage prices, or nothing is scored beside it.
    """
    _check_role(role)
    operation = {"op": "model.retire", "model": _read_hash(model), "role": role}
    record(profile, lambda _: operation, f"Model wanted out as {role}", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally model show --profile net/profiles/lender.json",
        "tally model show 9f86d081… --json",
    )
)
def show(
    model: Annotated[
        str, typer.Argument(metavar="[HASH]", help="A proposed model; the ones in force if none is named.")
    ] = "",
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Which models are in force, or how the proposals of one stand; from proved state.

    A proposal is adopted when enough of the organisations that run voters have approved it; who still may
    is shown.
    """
    screen = Screen(json)
    name = _read_hash(model) if model else b""
    ask = partial(model_views.proposal_view, model=name) if model else model_views.role_view
    with open_session(profile) as session:
        found = answers(session, [partial(ask, role=role) for role in ROLES])
    shown = [answer.value for answer in found if answer.value is not None]
    if model and not shown:
        raise UsageProblem(
            "no proposal of this model",
            code="unknown_model",
            field="HASH",
            found=model,
            remedy="Publish it first: tally model publish MODELFILE --record FILE.",
        )
    height = min(answer.height for answer in found)
    if screen.answer({"proved": True, "height": height, "models": shown}):
        return
    screen.line(f"{'Proposals' if model else 'Champion and challenger'}, proved at height {height}", GOOD)
    if not model:
        for role, says in ((CHAMPION, "shrinkage prices"), (CHALLENGER, "nothing is scored beside it")):
            if role not in [view["role"] for view in shown]:
                screen.line(f"  no {role}: {says}")
    for view in shown:
        _show_model(screen, view)


def _show_model(screen: Screen, view: Mapping[str, Any]) -> None:
    known = view["record"]
    screen.facts(
        [
            ("state", _standing(view)),
            ("published by", view["publisher"]),
            ("trained", f"on {known['rows']:,} invoices, until {known['trained_until']}"),
            (
                "its record",
                f"AUC {known['auc_ppm'] / 1e6:.3f}, Brier {known['brier_ppm'] / 1e6:.3f}, "
                f"{days(known['mae_centidays'])} off, days beyond terms predicted to realised "
                f"{known['dbt_ratio_ppm'] / 1e6:.2f}",
            ),
            ("", f"of an earlier model on {known['tested_rows']:,} later invoices; check: tally model check"),
            ("rises with", f"{len(known['rising'])} features"),
        ],
        title=f"{view['role']} {view['model']}",
    )


def _standing(view: Mapping[str, Any]) -> str:
    standing = f"{view['state']}; approved by {', '.join(view['approvals']) or 'nobody'}"
    if view["wanted_out_by"]:
        standing += f"; wanted out by {', '.join(view['wanted_out_by'])}"
    if view["missing"]:
        return f"{standing}, {view['missing']} more needed of {', '.join(view['may_approve'])}"
    if view["may_approve"]:
        return f"{standing}, which is enough by now: any of them may say so once more"
    return standing


@app.command(
    epilog=examples(
        "tally model check 9f86d081… --from ledger.export --genesis net/genesis.block",
        "tally model check 9f86d081… --from ledger.export --record a.json --model a.model",
    )
)
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
    name = _read_hash(model)
    given = None if file is None else _read_model(file, name)
    training = read_training(from_, trusted_genesis(genesis, profile))
    known = training.record(name) if record is None else _read_record(record)
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


@app.command(
    epilog=examples(
        "tally model report --from ledger.export --genesis net/genesis.block",
        "tally model report --from ledger.export --since 2026-01-01 --json",
    )
)
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
        f"{document['later']} invoices confirmed since {document['since']}, {document['open']} of them open, "
        f"at height {document['height']}",
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


def _read_record(path: Path) -> dict[str, Any]:
    """A record as `model.publish` takes it; hashes in hex in the file.

    Raises:
        UsageProblem: unreadable, or no record.
    """
    data = read_bytes(path, "record", MAX_RECORD_BYTES)
    try:
        found = json_text.loads(data)
        if not isinstance(found, dict):
            raise Malformed("no object", field="--record", expected="a JSON object")
        return read_part(ModelRecord, _typed(found), "record", code="record_file").model_dump()
    except (ValueError, RecursionError) as error:
        problem = Malformed("no JSON", field="--record", found=str(error)[:120], expected="a JSON object")
    except Malformed as error:
        problem = error
    raise UsageProblem(
        f"{path} is no model's record",
        code="record_file",
        field=problem.field,
        found=problem.found,
        expected=problem.expected,
        remedy="`scripts/train-model --record FILE` writes one.",
    )


def _typed(found: dict[str, Any]) -> dict[str, Any]:
    """A record with the types of an operation, where JSON has none for them.

    Raises:
        Malformed: the state root is not in hex.
    """
    root, names = found.get("training_root"), found.get("rising")
    try:
        typed: dict[str, Any] = {} if root is None else {"training_root": bytes.fromhex(root)}
    except (ValueError, TypeError):
        raise Malformed(
            "no hash", field="training_root", found=ascii(root)[:80], expected="64 hexadecimal digits"
        ) from None
    if isinstance(names, list):
        typed["rising"] = tuple(names)
    return {**found, **typed}


def _read_model(path: Path, name: bytes) -> Model:
    """The model in a file, which must be the one of this hash.

    Raises:
        UsageProblem: it cannot be read, or is another one.
        Malformed: no model.
    """
    data = read_bytes(path, "model", MAX_MODEL_BYTES)
    found = sha256(data).digest()
    if found != name:
        raise UsageProblem(
            f"{path} is not the model of this hash",
            code="other_model",
            field="--model",
            found=found.hex(),
            expected=name.hex(),
            remedy="Name the file that this hash was made of, or leave --model out.",
        )
    with reading(path, "model"):
        return Model.decode(data)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageProblem("no such role", field="--role", found=role, expected=" or ".join(ROLES))


def _read_hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != sha256().digest_size:
        raise UsageProblem("not a hash", field="HASH", found=text[:80], expected="64 hexadecimal digits")
    return found
