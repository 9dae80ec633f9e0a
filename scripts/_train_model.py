"""The work of `scripts/train-model`: from a ledger's verified export to a model and its record."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _outputs import require_writable
from _pricing_rows import Row
from _pricing_training import CALIBRATIONS, LEAVES, OLDER_SHARE, RISING, TREES, TrainingSet, train
from rich.console import Console

from clients.model_report import fared
from clients.training_export import read_training
from clients.trust import load_trust
from contracts.pricing.model import Model
from contracts.pricing.training import PAID, Example, usable
from ledger.dates import iso_from_day
from ledger.errors import TallyError

DESCRIPTION = """\
Train a lateness model on what a ledger knew, and write it with the record that `tally model publish` wants.

The export proves itself against the genesis block. The model learns from every row that fell due before the
last day on which an invoice ended. The figures of the record are those of a model that learnt from the older
rows alone, on the newer ones.
"""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
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
    in_time = sorted(rows, key=lambda row: row.due_day)
    cut = int(len(in_time) * OLDER_SHARE)
    older, newer = in_time[:cut], [row for row in in_time[cut:] if row.is_known]
    judged = learn(older, calibration, kind)
    if judged is None or not newer:
        return None
    figures = fared(newer, judged.predict)
    return {
        "training_root": root.hex(),
        "rows": len(rows),
        "trained_until": iso_from_day(last),
        "tested_rows": figures.invoices,
        "auc_ppm": figures.auc_ppm or 0,
        "brier_ppm": figures.brier_ppm,
        "mae_centidays": figures.mae_centidays,
        "dbt_ratio_ppm": figures.dbt_ratio_ppm or 0,
        "rising": sorted(RISING & set(judged.features)),
    }


def main() -> int:
    """Run; the exit code."""
    options = arguments()
    console = Console(stderr=True)
    try:
        require_writable(options.out, options.record)
        found = read_training(options.source, load_trust(options.genesis))
    except (TallyError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    rows, last = usable(found.examples())
    record = record_of(found.proved.header.state_root, rows, last, options.calibrate, options.kind)
    model = learn(rows, options.calibrate, options.kind)
    if record is None or model is None:
        console.print(f"{len(rows)} rows are too few to train on and to test: the default model needs none.")
        return 1
    try:
        options.out.write_bytes(model.encode())
        options.record.write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        console.print(f"cannot write the model and its record: {error}", style="red", markup=False)
        return 2
    console.print(f"{options.out}: trained on {len(rows):,} rows; its record is in {options.record}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
