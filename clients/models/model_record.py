"""What the record of a published model says, and what of it anyone computes again without training.

| of the record | computed again from | by |
|---|---|---|
| training root, rows, trained until | the export that the model learnt from | `compared` |
| tested rows | the same: the newer rows whose outcome is known (`parted`) | `compared` |
| rising features | the model's bytes | `compared` |
| AUC, Brier, error of the days late, days beyond terms | training again: `scripts/train-model --check` | - |

The figures are those of *another* model, which learnt from the older rows alone, on the newer ones: of the
published model, which learnt from all of them, they do not follow. Its own figures on the same rows are told
beside them: they flatter, so a record that claims better ones deserves a question.

Everything is integers and replayed in one order, so what is computed again is equal or it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clients.models.model_report import Figures, fared
from contracts.pricing.model import Model
from contracts.pricing.training import Example, usable
from ledger.dates import day_from_iso, iso_from_day

OLDER_TENTHS = 7
"""Tenths of the rows, in the order of their due dates, that the tested model learns from."""

STATE_ROOT = "state root"

FIGURES = ("auc_ppm", "brier_ppm", "mae_centidays", "dbt_ratio_ppm")
"""Of a record: they follow from training alone."""


class Compared(NamedTuple):
    """One thing that a record says, beside what was computed here."""

    what: str
    record: object
    export: object
    """None if it could not be computed."""

    @property
    def is_right(self) -> bool | None:
        """Whether they are equal; None if it could not be computed."""
        return None if self.export is None else self.record == self.export


def parted(rows: Sequence[Example]) -> tuple[Sequence[Example], list[Example]]:
    """(older rows that the tested model learns from, newer ones with an outcome that it is tested on)."""
    in_time = sorted(rows, key=lambda row: row.due_day)
    cut = len(in_time) * OLDER_TENTHS // 10
    return in_time[:cut], [row for row in in_time[cut:] if row.is_known]


def figures_of(found: Figures) -> dict[str, int]:
    """The figures as a record has them: where all rows were late, or none, 0 stands for nothing."""
    return {
        "auc_ppm": found.auc_ppm or 0,
        "brier_ppm": found.brier_ppm,
        "mae_centidays": found.mae_centidays,
        "dbt_ratio_ppm": found.dbt_ratio_ppm or 0,
    }


def compared(
    record: Mapping[str, Any], root: bytes, examples: Sequence[Example], model: Model | None
) -> list[Compared]:
    """A record beside what follows from an export's state root and examples and from the model, if known."""
    rows, last = usable(examples)
    until = record["trained_until"]
    return [
        Compared(STATE_ROOT, _hex(record["training_root"]), root.hex()),
        Compared("rows", record["rows"], len(rows)),
        Compared(
            "trained until",
            iso_from_day(until if isinstance(until, int) else day_from_iso(str(until))),
            iso_from_day(last),
        ),
        Compared("tested rows", record["tested_rows"], len(parted(rows)[1])),
        Compared(
            "rising", list(record["rising"]), None if model is None else rising(model, record["rising"])
        ),
    ]


def rising(model: Model, names: Sequence[str]) -> list[str]:
    """Those of the features, in their order, that the model reads and that never lower its probability."""
    return [
        name
        for name in names
        if name in model.features and model.late.falling({model.features.index(name)}) is None
    ]


def on_tested_rows(model: Model, examples: Sequence[Example]) -> dict[str, int] | None:
    """The figures of a model on the rows that its record was tested on; None if there are none of them."""
    tested = parted(usable(examples)[0])[1]
    return figures_of(fared(tested, model.predict)) if tested else None


def _hex(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
