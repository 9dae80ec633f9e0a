"""`scripts/evaluate-pricing`: the future changes nothing, and every row gets a score.

Histories are generated; one test runs on the real set where it lies beside the project.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

import _evaluate_pricing  # noqa: E402
import _train_model  # noqa: E402
from _evaluate_pricing import as_written, fit, learnt_from, main, merged, predictions  # noqa: E402
from _pricing_ledger import Description, feed  # noqa: E402
from _pricing_report import Outcome, figures, outcomes, report  # noqa: E402
from _pricing_rows import Row, RowError, read_rows  # noqa: E402
from _pricing_training import (  # noqa: E402
    MICRO,
    RISING,
    SCORECARD,
    STEPS,
    TREES,
    UNCALIBRATED,
    TrainingSet,
    helpful,
    isotonic,
    platt,
    train,
)
from _pricing_unpaid import completed  # noqa: E402

from contracts.pricing.lateness import FEATURES  # noqa: E402
from contracts.pricing.model import Ensemble, Model, on_curve  # noqa: E402
from contracts.pricing.training import PAID, Example  # noqa: E402
from contracts.trade.habit_entry import MOST_BEYOND_DAYS  # noqa: E402
from ledger.money import CURRENCIES, MAX_AMOUNT  # noqa: E402

REAL = ROOT.parent / "shared" / "data" / "ar-b2b"
FIRST = 17_900


def book(rows: int, seed: int, customers: int = 12, first: int = FIRST) -> list[Row]:
    """Buyers that pay on a weekday of their own, some days after the due date."""
    chance = random.Random(seed)
    habits = [(chance.randrange(5), chance.randrange(-4, 6)) for _ in range(customers)]
    found = []
    for number in range(rows):
        customer = chance.randrange(customers)
        weekday, offset = habits[customer]
        issued = first + number * 240 // rows
        due = issued + 15
        paid = due + offset + chance.randrange(3)
        paid += (weekday - (paid + 3)) % 7
        amount = chance.randrange(1, 10**6)
        found.append(Row(f"N{seed}-{number}", f"C{customer}", issued, due, paid, amount, "USD"))
    return found


def write(path: Path, rows: Iterable[Row]) -> Path:
    def iso(day: int | None) -> str:
        return "" if day is None else (date(1970, 1, 1) + timedelta(days=day)).isoformat()

    with gzip.open(path, "wt", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(
            ("invoice_id", "customer_id", "issue_date", "due_date", "clear_date", "amount", "currency")
        )
        for row in rows:
            amount = f"{row.amount // 100}.{row.amount % 100:02}"
            lines.writerow(
                (
                    row.invoice,
                    row.customer,
                    iso(row.issued),
                    iso(row.due),
                    iso(row.cleared),
                    amount,
                    row.currency,
                )
            )
    return path


def outcomes_of(odds: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Late or not, with these log odds."""
    return (chance.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)


@pytest.mark.parametrize("way", [platt, isotonic])
def test_calibration_undoes_what_was_done_to_the_odds_and_is_kept_only_if_it_helps(way: Any) -> None:
    chance = np.random.default_rng(5)
    odds = chance.normal(0, 2, 8_000)
    late = outcomes_of(odds, chance)
    curve = helpful(way, 2 * odds + 1, late)
    assert curve is not None
    for true in (-3, -1.5, 0, 1.5, 3):
        share = on_curve(curve, round((2 * true + 1) * MICRO)) / 1e6
        assert share == pytest.approx(1 / (1 + np.exp(-true)), abs=0.05)
    moved = np.concatenate([outcomes_of(odds[:4_000] + 2, chance), late[4_000:]])
    assert helpful(way, odds, moved) is None, "what held for the earlier half does not hold for the later"
    assert helpful(way, odds, np.zeros(8_000, dtype=int)) is None


def test_isotonic_steps_are_few_rising_integers_and_follow_a_bend_that_no_logistic_curve_has() -> None:
    """Below zero everything is late with a tenth, above it with nine tenths."""
    chance = np.random.default_rng(6)
    odds = chance.normal(0, 2, 8_000)
    late = (chance.random(8_000) < np.where(odds > 0, 0.9, 0.1)).astype(int)
    curve = isotonic(odds, late)
    assert curve is not None
    assert 2 <= len(curve) <= STEPS
    assert all(type(figure) is int for point in curve for figure in point)
    places, shares = zip(*curve, strict=True)
    assert list(places) == sorted(set(places))
    assert list(shares) == sorted(shares)
    assert all(0 < share < 1_000_000 for share in shares)
    smooth = platt(odds, late)
    assert smooth is not None
    for true, share in ((-0.5, 0.1), (0.5, 0.9)):
        assert on_curve(curve, round(true * MICRO)) / 1e6 == pytest.approx(share, abs=0.04)
        assert abs(on_curve(smooth, round(true * MICRO)) / 1e6 - share) > 0.1


def test_nothing_is_certain_and_a_few_rows_give_no_curve() -> None:
    odds = np.linspace(-4, 4, 400)
    curve = isotonic(odds, (odds > 0).astype(int))
    assert curve is not None
    assert (curve[0][1], curve[-1][1]) == (9_804, 990_196), "half a row of 51 each"
    assert isotonic(odds, (odds < 0).astype(int)) is None, "a share that falls is one step: no curve"
    assert isotonic(odds[:99], (odds[:99] > -3).astype(int)) is None


@dataclass
class Learned:
    """A history, its descriptions and the model that is fitted to them."""

    rows: list[Row]
    described: list[Description]
    model: Model


@pytest.fixture(scope="module")
def learned() -> Learned:
    """Late are 10 % or 30 % of the invoices, by customer, from a day on 40 % or 80 %: calibration helps."""
    chance, rows = random.Random(15), []
    for row in book(1_000, 15):
        is_worse, is_even = row.issued >= FIRST + 150, row.customer[-1] in "02468"
        share = (0.8 if is_even else 0.4) if is_worse else (0.3 if is_even else 0.1)
        rows.append(replace(row, cleared=row.due + (4 if chance.random() < share else -2)))
    described = feed(rows, rows)
    model = fit(rows, described)
    assert model is not None
    return Learned(rows, described, model)


@pytest.mark.parametrize("way", ["platt", "isotonic"])
def test_a_calibrated_model_has_the_same_trees_and_is_bytes_that_anybody_reads(
    learned: Learned, way: str
) -> None:
    plain, model = learned.model, fit(learned.rows, learned.described, way)
    assert model is not None
    assert (model.late.base, model.late.trees) == (plain.late.base, plain.late.trees)
    assert (model.days, model.beyond) == (plain.days, plain.beyond)
    assert model.late.curve != plain.late.curve == UNCALIBRATED
    assert Model.decode(model.encode()) == model
    found = predictions(model, learned.described[-100:])
    assert all(type(figure) is int for lateness in found for figure in lateness)


def test_a_record_is_that_of_a_model_that_was_calibrated_the_same_way_on_older_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that says a fifth of everything stands in for the trees: what is tested is who learns what."""
    asked: list[tuple[int, str]] = []
    stand_in = Model(FEATURES[:1], Ensemble(200_000, (), ()), Ensemble(0, (), ()), Ensemble(0, (), ()))

    def train(known: TrainingSet, calibration: str, kind: str) -> Model:
        assert kind == TREES
        asked.append((len(known), calibration))
        return stand_in

    monkeypatch.setattr(_train_model, "train", train)
    places = len(FEATURES)
    rows = [
        Example("s", "b", str(at), "EUR", at, at, at + 30, 100, (at,) * places, PAID, late, at + 30 + late)
        for at, late in enumerate([0, 0, 0, 0, 3] * 200)
    ]
    last = max(row.ended_day for row in rows)
    record = _train_model.record_of(bytes(32), rows, last, "isotonic")
    assert _train_model.learn(rows, "isotonic") == stand_in
    assert record is not None
    assert (record["rows"], record["tested_rows"]) == (1_000, 300)
    assert record["brier_ppm"] == 160_000, "0.8 · 0.2² + 0.2 · 0.8²"
    assert [way for _, way in asked] == ["isotonic"] * 2
    assert asked[0][0] < asked[1][0] <= 1_000


def test_training_again_says_which_figures_of_a_record_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = Model(FEATURES[:1], Ensemble(200_000, (), ()), Ensemble(0, (), ()), Ensemble(0, (), ()))
    rows = [
        Example(
            "s", "b", str(at), "EUR", at, at, at + 30, 100, (at,) * len(FEATURES), PAID, late, at + 30 + late
        )
        for at, late in enumerate([0, 0, 0, 0, 3] * 200)
    ]
    header = SimpleNamespace(state_root=bytes(32))
    found = SimpleNamespace(examples=lambda: rows, proved=SimpleNamespace(header=header))
    monkeypatch.setattr(_train_model, "train", lambda *_: stand_in)
    monkeypatch.setattr(_train_model, "load_trust", lambda _: None)
    monkeypatch.setattr(_train_model, "read_training", lambda *_: found)
    model, record = tmp_path / "a.model", tmp_path / "a.json"

    def run(*more: str) -> tuple[int, str]:
        named = ["--from", "x", "--genesis", "x", "--out", str(model), "--record", str(record), *more]
        monkeypatch.setattr(sys, "argv", ["train-model", *named])
        return _train_model.main(), " ".join(capsys.readouterr().err.split())

    assert run("--check")[0] == 2, "there is nothing to check"
    assert run()[0] == 0
    assert run("--check")[0] == 0
    true = json.loads(record.read_text())
    record.write_text(json.dumps(true | {"auc_ppm": 990_000, "surprise": 1}))
    code, said = run("--check")
    assert code == 1
    assert f"auc_ppm: 990000 in the record, {true['auc_ppm']} trained again" in said
    assert "surprise" in said
    assert "brier_ppm" not in said
    record.write_text(json.dumps(true))
    model.write_bytes(stand_in.encode() + b"\0")
    code, said = run("--check")
    assert (code, "model:" in said, "brier_ppm" in said) == (1, True, False)
    assert model.read_bytes() == stand_in.encode() + b"\0", "a check writes nothing"
    for broken in (b"[]", b"{", b"\xff"):
        record.write_bytes(broken)
        assert run("--check")[0] == 2


def test_what_is_the_same_in_all_rows_is_not_read_by_their_model() -> None:
    """Nor counted as something to choose from: a training set without disputes has the model that it had
    before there was such a feature."""
    rows = book(600, 11)
    told = FEATURES.index("count")
    described = [tuple([at if place == told else 7 for place in range(len(FEATURES))]) for at in range(600)]
    assert TrainingSet.of(rows, described).features == ("count",)
    assert not TrainingSet.of(rows, [(7,) * len(FEATURES)] * 600).is_enough
    assert TrainingSet.of([], []).features == ()


def test_clear_dates_after_the_moment_of_pricing_change_no_description() -> None:
    chance = random.Random(3)
    rows = book(400, 1)
    moment = FIRST + 120
    asked = [row for row in rows if row.issued <= moment]
    before = feed(rows, asked)
    for change in (
        lambda row: replace(row, cleared=None),
        lambda row: replace(row, cleared=chance.randrange(moment, moment + 900)),
    ):
        changed = [change(row) if row.cleared is None or row.cleared >= moment else row for row in rows]
        assert changed != rows
        assert feed(changed, asked) == before


def test_invoices_issued_later_or_the_same_day_change_no_description() -> None:
    rows = book(300, 2)
    moment = FIRST + 100
    asked = [row for row in rows if row.issued == moment]
    assert asked
    assert feed([row for row in rows if row.issued < moment], asked) == feed(rows, asked)


def test_what_was_cleared_the_day_before_is_known() -> None:
    rows = [
        Row("A", "C", FIRST, FIRST + 15, FIRST + 20, 10_000, "USD"),
        Row("B", "C", FIRST + 20, FIRST + 35, None, 10_000, "USD"),
        Row("C", "C", FIRST + 21, FIRST + 36, None, 10_000, "USD"),
    ]
    on_the_day, day_after = feed(rows, rows[1:])
    assert on_the_day[0] == 0
    assert day_after[0] == 1


def test_an_open_invoice_is_visible_as_open() -> None:
    rows = [
        Row("A", "C", FIRST, FIRST + 15, None, 10_000, "USD"),
        Row("B", "C", FIRST + 30, FIRST + 45, None, 10_000, "USD"),
    ]
    (described,) = feed(rows[:1], rows[1:])
    known = dict(zip(FEATURES, described, strict=True))
    assert (known["open_invoices"], known["overdue_fresh"]) == (1, 1)


def test_a_payment_before_the_issue_is_not_known_on_the_day_of_issue() -> None:
    row = Row("A", "C", FIRST, FIRST + 15, FIRST - 3, 10_000, "USD")
    assert feed([row], [row])[0][0] == 0


def test_a_trained_model_is_integers_and_the_same_twice(learned: Learned) -> None:
    again = fit(learned.rows, learned.described)
    assert again is not None
    assert learned.model.encode() == again.encode()
    assert Model.decode(again.encode()) == again
    rising = {again.features.index(name) for name in RISING & set(again.features)}
    assert again.late.falling(rising) is None, "what its record says is what the ledger finds"
    assert again.late.falling(range(len(again.features))) is not None
    later = book(200, 5, first=FIRST + 240)
    found = predictions(again, feed(learned.rows, later))
    assert all(type(figure) is int for lateness in found for figure in lateness)


def test_an_unpaid_invoice_is_expected_as_late_as_those_that_were_unpaid_at_its_age() -> None:
    """By hand: S(2) = 1/2, S(4) = 1/4, S(10) = 0, so at age 3 half are paid on day 4, half on day 10."""
    days = np.array([-5, 0, 2, 3, 4, 10])
    unpaid = np.array([False, False, False, True, False, False])
    median, mean = completed(days, unpaid)
    assert list(median) == [-5, 0, 2, 4, 4, 10]
    assert list(mean) == [-5, 0, 2, 7, 4, 10]
    for nobody_later in (np.array([-5, 0, 2, 10, 4, 9]), np.array([0, 0, 0, 400, 0, 0])):
        median, mean = completed(nobody_later, unpaid)
        assert list(median) == list(mean) == list(nobody_later), "the end of what is known counts as paid"


def test_what_is_expected_of_the_unpaid_keeps_the_level_of_a_history_that_ends() -> None:
    """Counted at their age, the newest rows would seem to be paid much sooner."""
    chance = np.random.default_rng(3)
    late = np.minimum(chance.geometric(1 / 15, 6_000), MOST_BEYOND_DAYS)
    since_due = chance.integers(1, 60, 6_000)
    days, unpaid = np.minimum(late, since_due), late > since_due
    _, mean = completed(days, unpaid)
    newest = since_due < 15
    assert days[newest].mean() < 0.5 * late[newest].mean()
    assert mean[newest].mean() == pytest.approx(late[newest].mean(), rel=0.05)


def test_a_model_learns_the_days_beyond_terms_that_unpaid_rows_are_expected_to_have(learned: Learned) -> None:
    """The level of the newest rows, of which only the quick ones are paid, is that of the rows before."""
    chance = random.Random(4)
    slow = [replace(row, cleared=row.due + chance.choice((-2, 0, 5, 25))) for row in learned.rows]
    end = max(row.due for row in slow) - 10
    cut = [
        replace(row, cleared=None if row.cleared is not None and row.cleared > end else row.cleared)
        for row in slow
        if row.issued <= end
    ]
    described = feed(cut, cut)
    known = TrainingSet.of(cut, described)
    newest = known.due > end - 25
    assert known.beyond[~newest].mean() == pytest.approx(7.5, abs=1)
    assert known.beyond[newest].mean() == pytest.approx(7.5, abs=1.5)
    model = train(known)
    said = [found.beyond_centidays for found in predictions(model, described)]
    assert sum(said) / len(said) == pytest.approx(750, abs=75)


def test_a_scorecard_is_a_sum_of_points_of_single_features(learned: Learned) -> None:
    known = TrainingSet.of(learned.rows, learned.described)
    card = train(known, kind=SCORECARD)
    assert Model.decode(card.encode()) == card
    assert all(len(tree) == 3 for output in (card.late, card.days, card.beyond) for tree in output.trees)
    found = predictions(card, learned.described)
    assert len({lateness.late_ppm for lateness in found}) > 10


def test_an_invoice_in_both_files_is_fed_once_with_its_clear_date() -> None:
    (row,) = book(1, 6)
    still_open = replace(row, cleared=None)
    assert merged([still_open], [row]) == [row]
    assert merged([row], [still_open]) == [row]
    assert merged([row, still_open, row]) == [row], "and so within one file"
    other = replace(row, due=row.due + 1)
    assert merged([other], [row]) == merged([row], [other]) == [row], "whatever order files have"
    unpaid, sooner = replace(other, cleared=None), replace(other, cleared=row.cleared - 1)
    assert merged([unpaid], [still_open]) == [still_open]
    assert merged([unpaid], [row]) == merged([other], [still_open]) == [row], (
        "its due date is not the later fact's"
    )
    assert merged([row], [sooner]) == [replace(row, cleared=sooner.cleared)]


@pytest.mark.parametrize("mode", ["rolling", "frozen"])
def test_rows_of_an_invoice_that_is_there_change_no_score(tmp_path: Path, mode: str) -> None:
    """A list of what was open that was drawn before the list of what was paid, in either order of both."""
    history, scored = book(700, 31), book(20, 32, first=FIRST + 240)
    still_open = [replace(row, cleared=None) for row in history[300:]]
    once = scores(tmp_path, history, scored, mode=mode)
    assert scores(tmp_path, [*history, *still_open], scored, mode=mode) == once
    assert scores(tmp_path, [*still_open, *history], scored, mode=mode) == once


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([replace(row, customer=f"C{at}") for at, row in enumerate(book(4_100, 33))], "4100 customers; one"),
        (
            [
                replace(row, currency=code)
                for row, code in zip(book(13, 34, 1), sorted(CURRENCIES), strict=False)
            ],
            "invoice N34-12 of customer C0: too many currencies",
        ),
        (
            [replace(row, amount=MAX_AMOUNT, cleared=None) for row in book(400, 35, 1)],
            "of customer C0: amount too large",
        ),
    ],
    ids=["customers", "currencies", "amounts"],
)
def test_rows_that_no_ledger_takes_together_are_refused_with_a_sentence(
    tmp_path: Path, history: list[Row], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scores(tmp_path, history, book(1, 36, 1, FIRST + 400), "--model", "shrinkage", code=2) == {}
    assert said in " ".join(capsys.readouterr().err.split())


def test_what_is_read_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, other = write(tmp_path / "a.csv.gz", book(20, 3)), write(tmp_path / "b.csv.gz", book(20, 4))
    before = rows.read_bytes()
    for history, scored in ((rows, other), (other, rows)):
        arguments = ["--history", history, "--score", scored, "--mode", "rolling", "--out", rows]
        monkeypatch.setattr(sys, "argv", ["evaluate-pricing", *map(str, arguments)])
        assert main() == 2
        assert "is read: it cannot be what is written" in " ".join(capsys.readouterr().err.split())
    assert rows.read_bytes() == before


def test_perfect_predictions_have_perfect_figures() -> None:
    rows = book(300, 7)
    perfect = [
        (float(r.cleared > r.due), float(r.cleared - r.due), float(max(0, r.cleared - r.due))) for r in rows
    ]
    found = outcomes(rows, perfect)
    text = report(found)
    assert "without the largest customer" in text
    measured = figures(
        np.array([(o.p_late, o.days, o.beyond, o.days_late, o.amount) for o in found], dtype=float)
    )
    assert measured["AUC"] == 1
    assert measured["Brier"] == measured["MAE, days"] == 0
    assert measured["dbt ratio"] == 1


def outcome(customer: str, days_late: int, p_late: float, beyond: float, amount: int = 1) -> Outcome:
    return Outcome(customer, amount, p_late, 0.0, beyond, days_late)


def test_the_top_decile_is_that_of_the_predicted_cost_and_not_of_the_days_alone() -> None:
    dear, slow = outcome("A", 10, 0.5, 10.0, amount=1_000), outcome("A", 20, 0.5, 20.0, amount=1)
    found = [dear, slow, *[outcome("A", 0, 0.5, 0.0) for _ in range(8)]]
    rows = np.array([(o.p_late, o.days, o.beyond, o.days_late, o.amount) for o in found])
    assert figures(rows)["cost in top decile"] == pytest.approx(10_000 / 10_020)


def test_intervals_are_of_resampled_customers_and_the_largest_is_left_out_once() -> None:
    """One customer is foretold well and one badly: between them lies all that a resample may show."""
    good = [outcome("GOOD", 5 * (at % 2), float(at % 2), 0.0) for at in range(10)]
    bad = [outcome("BAD", 5 * (at % 2), 1.0 - at % 2, 0.0) for at in range(6)]
    lines = report([*good, *bad]).splitlines()
    assert lines[0] == "all: 16 rows, 2 customers"
    (everybody, rest) = [line.split() for line in lines if line.strip().startswith("Brier")]
    assert everybody == ["Brier", f"{6 / 16:.4f}", "[0.0000,", "1.0000]"]
    assert "without the largest customer: 6 rows" in lines
    assert rest == ["Brier", "1.0000", "[1.0000,", "1.0000]"]


def test_a_report_says_how_many_rows_have_no_outcome() -> None:
    found = [outcome("A", 5 * (at % 2), at % 2, 0.0) for at in range(10)]
    assert "left out" not in report(found)
    assert "left out: 3 scored rows without a clear date" in report(found, 3)


def test_what_falls_due_on_the_last_day_teaches_nothing() -> None:
    """Of what is due then only what was paid at once or early is known."""
    history = book(40, 41)
    last = max(row.cleared for row in history if row.cleared is not None)
    due_then = replace(history[0], invoice="THEN", issued=last - 9, due=last, cleared=last)
    described = feed([*history, due_then], [*history, due_then])
    assert len(TrainingSet.of([*history, due_then], described)) == len(
        TrainingSet.of(history, described[:-1])
    )


def test_a_file_without_a_due_date_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("invoice_id,customer_id,issue_date,amount\n1,2,2019-01-01,3\n")
    with pytest.raises(RowError, match=r"for due; .* found invoice_id,customer_id,issue_date,amount"):
        read_rows([path])
    path.write_text(f"{HEAD},{HEAD}\n")
    with pytest.raises(RowError, match="2 columns are named invoice_id"):
        read_rows([path])


HEAD = "invoice_id,customer_id,issue_date,due_date,clear_date,amount,currency"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("I1,C1,2019-01-01,2019-02-01,,Infinity,USD", "Infinity"),
        ("I1,C1,2019-01-01,2019-02-01,,NaN,USD", "NaN"),
        ("I1,C1,2019-01-01,2019-02-01,,1e400,USD", "1e400"),
        ("I1,C1,2019-01-01,2019-02-01,,,USD", "is no amount"),
        ("I1,C1,2019-01-01,2019-02-01,,0.00,USD", "leave out the row"),
        ("I1,C1,2019-01-01,2019-02-01,,-5.00,USD", "leave out the row"),
        ("I1,C1,2019-01-01,2019-02-01,,0.004,USD", "leave out the row"),
        ("I1,C1,2019-01-01,2019-02-01,,0.4,JPY", "one minor unit of JPY"),
        ("I1,C1,2019-01-01,2019-02-01,,5.00,XXQ", "XXQ is no currency"),
        ("I1,C1,2019-01-01,2019-13-01,,5.00,USD", "month"),
        ("I1,C1,2019-01-01,2029-02-01,,5.00,USD", "3684 days after its issue"),
        ("I1,C1,1960-01-01,1960-02-01,,5.00,USD", "1970"),
        ("I1,C1,2019-01-01,2019-02-01,3500-01-01,5.00,USD", "2999"),
        ("I1,C1,2019-01-01,2019-02-01,2017-12-30,5.00,USD", "paid 367 days before its issue"),
        ("I1,C1,3500-01-01,2019-02-01,,5.00,USD", "2999"),
        ("I1,C1,2019-01-01,2019-02-01,,1e999999999,USD", "1e999999999"),
        ("I1,C1,2019-01-01,2019-02-01,1969-12-31,5.00,USD", "1970"),
        ("I1,C1", "'' is no day, expected YYYY-MM-DD"),
        ("I1,C1,2019-01-01,2019-02-01 or so,,5.00,USD", "'2019-02-01 or so' is no day"),
        (",C1,2019-01-01,2019-02-01,,5.00,USD", "no invoice"),
        ("I1, ,2019-01-01,2019-02-01,,5.00,USD", "no customer"),
    ],
)
def test_a_row_that_no_ledger_takes_is_refused_with_its_line(tmp_path: Path, row: str, found: str) -> None:
    """Before anything is fed: a run over forty thousand rows must not end in the middle of its training."""
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEAD}\nI0,C1,2019-01-01,2019-02-01,,5.00,USD\n{row}\n")
    with pytest.raises(RowError, match="line 3") as refused:
        read_rows([path])
    assert found in str(refused.value)


def test_the_line_of_a_bad_row_is_that_of_the_file(tmp_path: Path) -> None:
    """Empty lines and lines inside quotes count."""
    path = tmp_path / "bad.csv"
    path.write_text(f'{HEAD}\n\n"I\n0",C1,2019-01-01,2019-02-01,,5.00,USD\nI1,C1\n')
    with pytest.raises(RowError, match="line 5"):
        read_rows([path])


def test_what_no_reader_of_csv_takes_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """A cell without an end, and line ends of old machines."""
    path = tmp_path / "bad.csv"
    for data in (f"{HEAD}\nI0,{'C' * 200_000}", f"{HEAD}\rI0,C1,2019-01-01,2019-02-01,,5.00,USD\r"):
        path.write_bytes(data.encode())
        with pytest.raises(RowError, match="no CSV"):
            read_rows([path])


def test_files_as_other_programs_write_them_are_read(tmp_path: Path) -> None:
    """Line ends of Windows, a byte order mark, blanks around cells, columns that nobody asked for."""
    path = tmp_path / "rows.csv"
    path.write_bytes(
        f"\ufeff{HEAD.replace(',', ', ')},more,more\r\n"
        "I0,C1,2019-01-01T00:00,2019-02-01, ,5.00, USD ,x\r\n\r\n".encode()
    )
    assert read_rows([path]) == [Row("I0", "C1", 17_897, 17_928, None, 500, "USD")]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    whole = gzip.compress(HEAD.encode())
    for data in (HEAD.encode() + b"\xe9", whole[:-3], whole[:12], b"\x1f\x8b\xff\xff"):
        path.write_bytes(data)
        with pytest.raises(RowError, match="neither CSV"):
            read_rows([path])


def test_what_cannot_be_read_or_written_is_said_before_anything_is_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, bad = write(tmp_path / "rows.csv.gz", book(20, 3)), tmp_path / "bad.csv"
    bad.write_text(f"{HEAD}\nI1,C1\n")
    for scored, out, said in (
        (
            rows,
            tmp_path / "none" / "out.csv",
            "No such file or directory; name a file in a folder that is there",
        ),
        (bad, tmp_path / "out.csv", "line 2"),
        (tmp_path / "none.csv", tmp_path / "out.csv", "No such file or directory; name a file that is there"),
        (tmp_path, tmp_path / "out.csv", "Is a directory; name a file"),
    ):
        arguments = ["--history", rows, "--score", scored, "--mode", "rolling", "--out", out]
        monkeypatch.setattr(sys, "argv", ["evaluate-pricing", *map(str, arguments)])
        assert main() == 2
        assert said in " ".join(capsys.readouterr().err.split())
        assert not out.exists()


def test_places_that_a_model_cannot_be_written_to_are_said_before_it_is_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def learn(*_: object) -> None:
        pytest.fail("an export was read, and learnt from, whose model nobody can have")

    monkeypatch.setattr(_train_model, "read_training", learn)
    there = tmp_path / "there"
    there.write_bytes(b"a model that was made before")
    read = tmp_path / "read"
    read.write_bytes(b"an export, or a genesis block")
    for out, record in (
        (tmp_path / "none" / "a.model", there),
        (there, tmp_path),
        (tmp_path / "a", tmp_path),
        (read, tmp_path / "a"),
        (tmp_path / "a", tmp_path / "x" / ".." / "a"),
        (tmp_path / "a", read),
    ):
        named = {"--from": read, "--genesis": read, "--out": out, "--record": record}
        monkeypatch.setattr(
            sys, "argv", ["train-model", *[str(part) for pair in named.items() for part in pair]]
        )
        assert _train_model.main() == 2
        said = " ".join(capsys.readouterr().err.split())
        assert any(
            why in said for why in ("No such file or directory", "Is a directory", "is read", "named twice")
        )
    assert there.read_bytes() == b"a model that was made before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["read", "there"], "nothing half is left"


@pytest.mark.parametrize("mode", ["rolling", "frozen"])
def test_the_script_scores_every_row(tmp_path: Path, mode: str) -> None:
    history = book(300, 8)
    scored = book(100, 9, customers=20, first=FIRST + 200)
    scored[3] = replace(scored[3], cleared=None)
    out = tmp_path / "out.csv"
    result = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "_evaluate_pricing.py"),
            "--history", str(write(tmp_path / "a.csv.gz", history[:200])),
            "--history", str(write(tmp_path / "b.csv.gz", history[200:])),
            "--score", str(write(tmp_path / "c.csv.gz", scored)),
            "--mode", mode, "--out", str(out), "--report",
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert "Brier" in result.stdout
    assert "left out: 1 scored row without" in result.stdout
    with out.open() as file:
        written = list(csv.DictReader(file))
    assert [line["invoice_id"] for line in written] == [row.invoice for row in scored]
    assert all(0 <= float(line["p_late"]) <= 1 and float(line["dbt"]) >= 0 for line in written)


def scores(
    folder: Path, history: list[Row], scored: list[Row], *more: str, mode: str = "rolling", code: int = 0
) -> dict[str, str]:
    """What the script writes of each invoice, if it ends with this code."""
    out = folder / "out.csv"
    named = {"--history": write(folder / "a.csv.gz", history), "--score": write(folder / "b.csv.gz", scored)}
    arguments = [str(part) for pair in named.items() for part in pair]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["x", *arguments, "--mode", mode, "--out", str(out), *more])
        assert main() == code
    return {line.split(",")[0]: line for line in out.read_text().splitlines()} if out.exists() else {}


def test_neither_the_order_of_rows_nor_what_no_scored_row_may_know_moves_a_score(tmp_path: Path) -> None:
    """A clear date after the last row that is scored, in either file, is as good as none: the model too
    learns nothing of it, and a wrong one in a far year does not age the whole history."""
    history, scored = book(700, 15), book(60, 16, first=FIRST + 240)
    last = max(row.issued for row in scored)
    late = [replace(row, cleared=last + 90 * (at % 2)) for at, row in enumerate(history[-40:])]
    still_open = [replace(row, cleared=None) for row in late]
    before = scores(tmp_path, [*history[:-40], *still_open], scored)
    mixed = [*history[:-40], *late]
    random.Random(2).shuffle(mixed)
    random.Random(3).shuffle(scored)
    changed = [row if row.cleared < last else replace(row, cleared=last + 400) for row in scored]
    assert changed != scored
    assert scores(tmp_path, mixed, changed) == before
    far = replace(late[0], cleared=300_000)
    assert scores(tmp_path, [*history[:-40], far, *late[1:]], scored) == before


def test_no_later_clear_date_in_the_history_and_no_later_row_moves_a_score(tmp_path: Path) -> None:
    """By way of the model neither: it learns what the history knew when the first scored row was issued."""
    history, scored = book(700, 51), book(60, 52, first=FIRST + 240)
    for row in history[-80:]:
        assert row.cleared is not None
    moment = FIRST + 245
    longer = [replace(row, cleared=row.cleared + 8) for row in history[-80:]]
    assert any(FIRST + 240 <= row.cleared < moment for row in longer), "what is known at last, not at first"
    before = scores(tmp_path, [*history[:-80], *longer], scored)
    asked = [row for row in scored if row.issued <= moment]
    assert 0 < len(asked) < len(scored)
    changed = [row if row.cleared < moment else replace(row, cleared=None) for row in longer]
    assert changed != longer
    for fewer in (scored, asked):
        after = scores(tmp_path, [*history[:-80], *changed], fewer)
        assert [after[row.invoice] for row in asked] == [before[row.invoice] for row in asked]


def test_a_calibration_that_is_not_kept_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history, scored = book(700, 61), book(5, 62, first=FIRST + 240)
    plain = scores(tmp_path, history, scored)
    assert scores(tmp_path, history, scored, "--calibrate", "isotonic") == plain
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("The calibration did not help on rows that it had not seen") == 1
    with pytest.raises(SystemExit):
        scores(tmp_path, history, scored, "--calibrate", "platt", "--model", "shrinkage")


def test_a_history_beside_the_scored_rows_is_learnt_from_whole(tmp_path: Path) -> None:
    """As that of other customers is. What it teaches is then its own, whatever is scored."""
    history = book(100, 53)
    known, first = learnt_from(history, book(1, 54, first=FIRST + 150))
    assert first == FIRST + 150
    assert 50 < len(known) < 100
    assert all(row.issued < first and (row.cleared is None or row.cleared < first) for row in known)
    wrong = [*history[:-1], replace(history[-1], cleared=300_000)]
    for scored in (book(9, 55), book(1, 56, first=FIRST + 100), []):
        known, end = learnt_from(wrong, scored)
        assert end == 1 + max(row.due for row in history)
        assert len(known) == 100
        assert known[-1].cleared is None, "a wrong date in a far year does not age the whole history"


def test_names_in_any_script_are_written_whatever_the_locale(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.csv.gz", [replace(book(1, 57)[0], invoice="RÉF-Ж")])
    out = tmp_path / "out.csv"
    subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "_evaluate_pricing.py"),
            *("--history", str(rows), "--score", str(rows), "--mode", "frozen", "--model", "shrinkage"),
            *("--out", str(out)),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert "RÉF-Ж,0.350000" in out.read_bytes().decode()


def test_what_stops_a_command_is_said_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C, and a disk that is full at the end: scores that were there stay whole."""
    rows, out = write(tmp_path / "rows.csv.gz", book(3, 58)), tmp_path / "out.csv"
    other = write(tmp_path / "other.csv.gz", book(3, 59))
    out.write_text("of last month\n")
    arguments = [
        "--history",
        rows,
        "--score",
        other,
        "--mode",
        "frozen",
        "--model",
        "shrinkage",
        "--out",
        out,
    ]
    monkeypatch.setattr(sys, "argv", ["evaluate-pricing", *map(str, arguments)])

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_evaluate_pricing, "feed", stop)
        assert main() == 130
    assert "Interrupted." in capsys.readouterr().err

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert main() == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot write the scores" in said
    assert "No space left on device. Check the folder, its permissions and the free space." in said
    assert out.read_text() == "of last month\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv.gz", "out.csv", "rows.csv.gz"]


@pytest.mark.parametrize(("reader", "code"), [("full", 2), ("gone", 0)])
def test_a_report_that_nobody_takes_is_no_trace(reader: str, code: int) -> None:
    program = f"import sys; sys.path.append({str(ROOT / 'scripts')!r})\n" + (
        "from _outputs import ended, say\nsys.exit(ended(lambda _: say('a report') or 0))"
    )
    source, sink = os.pipe()
    os.close(source)
    with Path("/dev/full").open("wb") if reader == "full" else os.fdopen(sink, "wb", 0) as takes:
        found = subprocess.run(
            [sys.executable, "-c", program], stdout=takes, stderr=subprocess.PIPE, text=True, check=False
        )
    assert found.returncode == code, found.stderr
    assert "Traceback" not in found.stderr
    assert ("No space left on device" in found.stderr) == (reader == "full")


@pytest.mark.skipif(
    not REAL.is_dir(), reason="the real B2B set is not beside the project (its licence: no copies)"
)
def test_the_default_model_ranks_real_invoices() -> None:
    files = sorted(REAL.glob("closed_until_*.csv.gz"))
    rows = read_rows(files)[:6_000]
    late_half = rows[3_000:]
    found = [as_written(lateness) for lateness in predictions(None, feed(rows, late_half))]
    measured = figures(
        np.array([(o.p_late, o.days, o.beyond, o.days_late, o.amount) for o in outcomes(late_half, found)])
    )
    assert measured["AUC"] > 0.75
    assert measured["Brier"] < 0.19
