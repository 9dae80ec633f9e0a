"""The work of `scripts/evaluate-pricing`: feed, train, score, write, report."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

from _outputs import ended, require_writable, say
from _pricing_ledger import Description, feed
from _pricing_report import outcomes, report
from _pricing_rows import Row, read_rows
from _pricing_training import CALIBRATIONS, LEAVES, TREES, TrainingSet, calibration_left_out, train
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from clients.cli.options import save
from contracts.pricing.model import Lateness, Model, shrinkage
from ledger.dates import iso_from_day
from ledger.money import PPM

SHRINKAGE = "shrinkage"
DESCRIPTION = """\
Score invoices for late payment with the ledger's own contracts, and say how good the scores are.

The history is fed to a ledger in memory in date order; a model is trained on what the ledger knew of each
invoice on its day of issue, quantised, and evaluated in integers. Each row of the scored file gets
p_late (probability that it is paid late), days_late (as many days as not, the median) and dbt (expected
days beyond terms).

The model learns what the history knew when the first scored invoice was issued. If most of the history was
issued only then or later, as that of other customers at the same time, it learns from all of it.

  --mode rolling   a row of issue date t is scored with what was cleared strictly before t and issued before
                   t, in the history and the scored file alike
  --mode frozen    the same without the scored file: its rows never reach the ledger
"""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/evaluate-pricing",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--history",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="past invoices, CSV or gzipped CSV; may be given several times",
    )
    parser.add_argument("--score", type=Path, required=True, metavar="FILE", help="invoices to score")
    parser.add_argument("--mode", choices=("rolling", "frozen"), required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV that is written")
    parser.add_argument(
        "--model",
        choices=(*LEAVES, SHRINKAGE),
        default=TREES,
        help="trees or a scorecard trained on the history, or the default that needs no training",
    )
    parser.add_argument(
        "--calibrate",
        choices=sorted(CALIBRATIONS),
        default="",
        help="calibrate the trees' probabilities by the newest rows of the history, if that helps",
    )
    parser.add_argument(
        "--report", action="store_true", help="compare with the clear dates of the scored file"
    )
    options = parser.parse_args()
    if options.calibrate and options.model == SHRINKAGE:
        parser.error(f"--calibrate is for trained models; --model {SHRINKAGE} is none")
    return options


def merged(*files: list[Row]) -> list[Row]:
    """All rows, but each invoice of a customer once: paid on the first day that any of its rows names.

    Of rows that say different things of one invoice the least counts, whatever order files have. Whether it
    was paid has no say in that: what counts on a day would else depend on a later one.
    """
    known: dict[tuple[str, str], Row] = {}
    for row in chain.from_iterable(files):
        before = known.get((row.customer, row.invoice))
        known[row.customer, row.invoice] = row if before is None else _one(before, row)
    return list(known.values())


def _one(*rows: Row) -> Row:
    least = min(rows, key=lambda row: (row.issued, row.due, row.amount, row.currency))
    cleared = min([row.cleared for row in rows if row.cleared is not None], default=None)
    return replace(least, cleared=cleared)


def in_order(rows: list[Row]) -> list[Row]:
    """By day of issue and then by name: the order in which files list them says nothing of them."""
    return sorted(rows, key=lambda row: (row.issued, row.invoice, row.customer))


def known_before(history: list[Row], day: int) -> list[Row]:
    """A history without what happened on a day or later: not yet issued, or still open."""
    return [
        row if row.cleared is None or row.cleared < day else replace(row, cleared=None)
        for row in history
        if row.issued < day
    ]


def learnt_from(history: list[Row], scored: list[Row]) -> tuple[list[Row], int]:
    """(what of a history a model learns from, the day from which on it learns nothing).

    That day is the first on which a scored row was issued, so a later clear date moves no score by way of the
    model either. A history most of which was issued only then has run beside the scored rows: there is no
    model without it, and all of it counts, but for clear dates after all that it has due.
    """
    first = min([row.issued for row in scored], default=0)
    known = known_before(history, first)
    if 2 * len(known) > len(history):
        return known, first
    end = 1 + max([max(row.issued, row.due) for row in history], default=0)
    return known_before(history, end), end


def fit(
    history: list[Row], descriptions: list[Description], calibration: str = "", kind: str = TREES
) -> Model | None:
    """The model of a history; None if it has too few rows to learn from."""
    known = TrainingSet.of(history, descriptions)
    return train(known, calibration, kind) if known.is_enough else None


def predictions(model: Model | None, descriptions: list[Description]) -> list[Lateness]:
    """What the model, or the default, says of each description."""
    say = shrinkage if model is None else model.predict
    return [say(description) for description in descriptions]


def as_written(found: Lateness) -> tuple[float, float, float]:
    """Probability, whole days late, days beyond terms."""
    return found.late_ppm / PPM, float((found.days_centidays + 50) // 100), found.beyond_centidays / 100


def _lines(scored: list[Row], written: list[tuple[float, float, float]]) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("invoice_id", "p_late", "days_late", "dbt"))
    for row, (p_late, days_late, dbt) in zip(scored, written, strict=True):
        lines.writerow((row.invoice, f"{p_late:.6f}", f"{days_late:.0f}", f"{dbt:.2f}"))
    return text.getvalue().encode()


def score(
    options: argparse.Namespace, history: list[Row], scored: list[Row], console: Console
) -> list[Lateness]:
    """What is said of each scored row, each of which the ledger hears of on its day of issue.

    Raises:
        RowError: no ledger takes the rows together.
    """
    fed = in_order(merged(history, scored) if options.mode == "rolling" else history)
    is_trained = options.model != SHRINKAGE
    learnt, end = learnt_from(in_order(history), scored)
    steps = (2 * len(learnt) if is_trained else 0) + len(fed) + len(scored)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("history", total=steps)
        model = None
        if is_trained:
            described = feed(learnt, learnt, progress=lambda: progress.advance(task))
            progress.update(task, description="training")
            model = fit(learnt, described, options.calibrate, options.model)
        progress.update(task, description="scoring")
        found = predictions(model, feed(fed, scored, progress=lambda: progress.advance(task)))
    if is_trained and model is None:
        console.print("The history is too short to train on: the default model was used.")
    elif model is not None:
        console.print(
            f"The model was trained on what the history knew at the end of {iso_from_day(end - 1)}: "
            f"{len(learnt):,} invoices."
        )
        if options.calibrate and (said := calibration_left_out(model)):
            console.print(said)
    return found


def evaluate(options: argparse.Namespace, console: Console) -> int:
    """Score, write and report; the exit code.

    Raises:
        TallyError, OSError: what cannot be read or written, with a remedy.
    """
    listed, scored = read_rows(options.history), read_rows([options.score])
    require_writable(options.out, apart_from=(*options.history, options.score))
    history = merged(listed)
    if again := len(listed) - len(history):
        console.print(f"{again:,} rows of the history tell again of an invoice that is there: left out.")
    written = [as_written(lateness) for lateness in score(options, history, scored, console)]
    save(_lines(scored, written), options.out, "scores")
    if options.report:
        found = outcomes(scored, written)
        say(report(found, len(scored) - len(found)))
    return 0


def main() -> int:
    """Run; the exit code."""
    options = arguments()
    return ended(lambda console: evaluate(options, console))


if __name__ == "__main__":
    sys.exit(main())
