"""The work of `scripts/train-model`: from a ledger's verified export to a model and its record."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import sklearn
from _outputs import ended, require_writable
from _pricing_rows import Row
from _pricing_training import (
    CALIBRATIONS,
    LEAST_ROWS,
    LEAVES,
    RISING,
    TREES,
    TrainingSet,
    calibration_left_out,
    train,
)
from rich.console import Console

from clients.cli.options import read_bytes, save
from clients.cli.pricing.model_files import MAX_RECORD_BYTES
from clients.models.model_record import OLDER_TENTHS, figures_of, parted
from clients.models.model_report import fared
from clients.models.training_export import read_training
from clients.trust import load_trust
from contracts.pricing.model import MAX_MODEL_BYTES, Model
from contracts.pricing.training import PAID, Example, usable
from ledger.dates import iso_from_day
from ledger.errors import Malformed

DESCRIPTION = """\
Train a lateness model on what a ledger knew, and write it with the record that `tally model publish` wants.

The export proves itself against the genesis block. The model learns from every row that fell due before the
last day on which an invoice ended. The figures of the record are those of a model that learnt from the older
rows alone, on the newer ones.

The same export, options and release of scikit-learn give the same bytes: so --check tells whether a model and
its figures are those of this export.
"""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/train-model",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="EXPORT")
    parser.add_argument("--genesis", type=Path, required=True, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model's bytes")
    parser.add_argument("--record", type=Path, required=True, metavar="FILE", help="its record, JSON")
    parser.add_argument(
        "--kind",
        choices=sorted(LEAVES),
        default=TREES,
        help="trees; or a scorecard, the points of single features, easier to check by hand and less exact",
    )
    parser.add_argument(
        "--calibrate",
        choices=sorted(CALIBRATIONS),
        default="",
        help="calibrate the probabilities by the newest rows, if that helps on rows still newer",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: train again and say whether both files hold exactly what comes of it",
    )
    return parser.parse_args()


def row_of(example: Example) -> Row:
    """An example as the training takes it: what was written off never cleared."""
    cleared = example.ended_day if example.outcome == PAID else None
    parties = f"{example.supplier} {example.buyer}"
    return Row(
        example.invoice,
        parties,
        example.issue_day,
        example.due_day,
        cleared,
        example.amount,
        example.currency,
    )


def learn(rows: Sequence[Example], calibration: str, kind: str = TREES) -> Model | None:
    """The model of these rows; None if they are too few."""
    known = TrainingSet.of([row_of(row) for row in rows], [row.description for row in rows])
    return train(known, calibration, kind) if known.is_enough else None


def record_of(
    root: bytes, rows: Sequence[Example], last: int, calibration: str, kind: str = TREES
) -> dict[str, Any] | None:
    """The record of a model that is trained on all rows; None if the older ones are too few to be tested."""
    older, newer = parted(rows)
    judged = learn(older, calibration, kind)
    if judged is None or not newer:
        return None
    figures = fared(newer, judged.predict)
    return {
        "training_root": root.hex(),
        "rows": len(rows),
        "trained_until": iso_from_day(last),
        "tested_rows": figures.invoices,
        **figures_of(figures),
        "rising": sorted(RISING & set(judged.features)),
    }


def _read_record(path: Path) -> dict[str, Any]:
    """A record to be checked.

    Raises:
        UsageProblem, Malformed: it cannot be read.
    """
    data = read_bytes(path, "record", MAX_RECORD_BYTES)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path} is no model's record", found=str(error)[:160]) from None
    if not isinstance(found, dict):
        raise Malformed(f"{path} is no model's record", expected="a JSON object")
    return found


def _compare(
    console: Console, there: tuple[bytes, dict[str, Any]], trained: tuple[bytes, dict[str, Any]]
) -> int:
    """Say what of a model and its record is other than what was trained; the exit code."""
    differing = [
        f"{name}: {there[1].get(name)} in the record, {trained[1].get(name)} trained again"
        for name in (*trained[1], *sorted(there[1].keys() - trained[1].keys()))
        if there[1].get(name) != trained[1].get(name)
    ]
    if there[0] != trained[0]:
        hashes = [sha256(data).hexdigest() for data in (there[0], trained[0])]
        differing.append(f"model: {hashes[0]} in the file, {hashes[1]} trained again")
    for line in differing:
        console.print(line, style="red", markup=False)
    if differing:
        console.print(
            f"Not what this export, these options and scikit-learn {sklearn.__version__} give; "
            "--kind and --calibrate must be those that the model was trained with."
        )
        return 1
    console.print("Model and record are exactly what training on this export gives again.")
    return 0


def train_or_check(options: argparse.Namespace, console: Console) -> int:
    """Train, and write or compare; the exit code.

    Raises:
        TallyError, OSError: what cannot be read or written, with a remedy.
    """
    there = None
    if options.check:
        there = read_bytes(options.out, "model", MAX_MODEL_BYTES), _read_record(options.record)
    else:
        require_writable(options.out, options.record, apart_from=(options.source, options.genesis))
    with console.status("reading and proving the export"):
        found = read_training(options.source, load_trust(options.genesis))
        rows, last = usable(found.examples())
    with console.status(f"training on {len(rows):,} rows, twice: for the record on the older ones alone"):
        record = record_of(found.proved.header.state_root, rows, last, options.calibrate, options.kind)
        model = learn(rows, options.calibrate, options.kind)
    if record is None or model is None:
        console.print(
            f"{len(rows)} rows are too few: it takes {LEAST_ROWS}, late and punctual ones, among the older "
            f"{OLDER_TENTHS} tenths, to test on the rest. The default model needs none."
        )
        return 1
    if there is not None:
        return _compare(console, there, (model.encode(), record))
    save(model.encode(), options.out, "model")
    save(f"{json.dumps(record, indent=2)}\n".encode(), options.record, "record")
    if options.calibrate and (said := calibration_left_out(model)):
        console.print(said)
    console.print(f"{options.out}: trained on {len(rows):,} rows; its record is in {options.record}")
    console.print(f"Propose it: tally model publish {options.out} --record {options.record}", markup=False)
    return 0


def main() -> int:
    """Run; the exit code."""
    options = arguments()
    return ended(lambda console: train_or_check(options, console))


if __name__ == "__main__":
    sys.exit(main())
