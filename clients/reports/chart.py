"""Charts of figures: bars as text for a terminal or a pipe, and drawings. Pure functions of their rows.

| chart | shows |
|---|---|
| `text_bars`, `bars` | amounts under each other: label and figure as given, and a bar of that length |
| `columns` | how many fall between which edges: a histogram |
| `curves` | several series over one axis |
| `calibration` | what was predicted against what happened, with intervals |

A bar's length is its share of the longest in its section, rounded down to whole characters as text; figures
stand beside the bars as given, so nobody has to read them off. Drawings are 380 pixels wide: a phone has
about 320 for one, so its smallest text is 10 pixels high there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from clients.reports.drawing import (
    END,
    LETTER_PX,
    MIDDLE,
    SERIES,
    SMALL,
    Dot,
    Drawing,
    Label,
    Line,
    Mark,
    Rect,
)

TEXT_WIDTH = 32
"""Characters of the longest bar."""
FULL, BELOW_ZERO = "█", "▒"

WIDTH_PX, ROW_PX, LINE_PX, BAR_PX = 380, 36, 18, 10
PLOT_PX, LEFT_PX, RIGHT_PX, TOP_PX, AXIS_PX, LEGEND_PX = 180, 50, 14, 34, 42, 20

TICKS = 4
SHARE_STEP = 0.25
MAX_EDGE_LABELS = 6


class Bar(NamedTuple):
    """One row of a chart."""

    label: str
    value: int
    """Its length; below zero it is drawn in another way."""
    figure: str
    """What it says."""


class Section(NamedTuple):
    """Bars on one scale, under a title."""

    title: str
    bars: tuple[Bar, ...]


class Series(NamedTuple):
    """A line of a chart; None where there is no figure."""

    name: str
    values: tuple[float | None, ...]


class Judged(NamedTuple):
    """A share that was predicted, and the one that happened with its interval; all from 0 to 1."""

    predicted: float
    happened: float
    low: float
    high: float


def text_bars(section: Section) -> list[str]:
    """One line for each bar: label, figure, bar."""
    longest = max([abs(bar.value) for bar in section.bars], default=0)
    labels = max([len(bar.label) for bar in section.bars], default=0)
    figures = max([len(bar.figure) for bar in section.bars], default=0)
    return [
        f"  {bar.label.ljust(labels)}  {bar.figure.rjust(figures)}  {_text_bar(bar.value, longest)}".rstrip()
        for bar in section.bars
    ]


def _text_bar(value: int, longest: int) -> str:
    length = abs(value) * TEXT_WIDTH // longest if longest else 0
    return (BELOW_ZERO if value < 0 else FULL) * (length or (value != 0))


def bars(title: str, sections: Sequence[Section], note: str = "") -> Drawing:
    """The sections below each other: of each row label and figure, and the bar under both.

    A label that has no room beside its figure gets a line of its own.
    """
    y = 0.0
    marks: list[Mark] = []
    for section in sections:
        if section.title:
            y += ROW_PX
            marks.append(Label(0, y - 12, section.title, bold=True))
        longest = max([abs(bar.value) for bar in section.bars], default=0)
        for bar in section.bars:
            length = abs(bar.value) * WIDTH_PX / longest if longest else 0
            marks.append(Label(0, y + 14, shortened(bar.label, WIDTH_PX)))
            if (len(bar.label) + len(bar.figure) + 2) * LETTER_PX > WIDTH_PX:
                y += LINE_PX
            marks += (
                Label(WIDTH_PX, y + 14, bar.figure, END),
                Rect(0, y + 20, length, BAR_PX, "below" if bar.value < 0 else "first"),
            )
            y += ROW_PX
    return Drawing(title, WIDTH_PX, round(y) + 2, tuple(marks), note)


def shortened(text: str, room_px: float) -> str:
    """The text, cut so that it has room."""
    most = max(4, int(room_px / (LETTER_PX + 1)))
    return text if len(text) <= most else text[: most - 1] + "…"


def columns(
    title: str, edges: Sequence[str], counts: Sequence[int], axis: str, up: str, note: str = ""
) -> Drawing:
    """A column for each count, between its two edges; `axis` says what the edges are of, `up` what counts."""
    assert len(edges) == len(counts) + 1, "every column has two edges"
    plot = _Plot(0, len(counts), max([*counts, 1]))
    marks = plot.grid(str, max(1, round_step(plot.top / TICKS)))
    every = -(-len(edges) // MAX_EDGE_LABELS)
    for place, count in enumerate(counts):
        if not count:
            continue
        left, right, top = plot.x(place), plot.x(place + 1), plot.y(count)
        marks.append(Rect(left + 1, top, max(1.0, right - left - 2), plot.y(0) - top, "first"))
        if right - left >= LETTER_PX * len(str(count)):
            marks.append(Label((left + right) / 2, top - 4, str(count), MIDDLE, "faint", SMALL))
    marks += [
        plot.tick(place, edge, is_last=place == len(counts))
        for place, edge in enumerate(edges)
        if place % every == 0
    ]
    return plot.drawing(title, [*marks, *plot.axes(axis, up)], note)


def curves(
    title: str,
    places: Sequence[tuple[float, str]],
    series: Sequence[Series],
    shown: Callable[[float], str],
    axis: str,
    up: str,
    *,
    most: float | None = None,
    note: str = "",
) -> Drawing:
    """Each series as a line over the places, (x, label) each, with a legend; up to `most` if it is given."""
    assert len(series) <= len(SERIES), "every series has a tone of its own"
    known = [value for line in series for value in line.values if value is not None]
    plot = _Plot(places[0][0], places[-1][0], most if most is not None else max([*known, 0]) or 1)
    marks = plot.grid(shown, SHARE_STEP if most == 1 else round_step(plot.top / TICKS))
    every = -(-len(places) // MAX_EDGE_LABELS)
    marks += [
        plot.tick(x, label, is_last=at == len(places) - 1)
        for at, (x, label) in enumerate(places)
        if at % every == 0
    ]
    for tone, line in zip(SERIES, series, strict=False):
        run: list[tuple[float, float]] = []
        for (x, _), value in zip(places, line.values, strict=True):
            if value is None:
                marks += _run(run, tone)
                run = []
            else:
                run.append((plot.x(x), plot.y(value)))
        marks += _run(run, tone)
    return plot.drawing(title, [*marks, *plot.axes(axis, up)], note, [line.name for line in series])


def _run(points: Sequence[tuple[float, float]], tone: str) -> list[Mark]:
    """A line through neighbours, with a dot at each."""
    dots: list[Mark] = [Dot(x, y, 3, tone) for x, y in points]
    return [Line(tuple(points), tone, 2), *dots] if len(points) > 1 else dots


def calibration(title: str, judged: Sequence[Judged], note: str = "") -> Drawing:
    """Predicted shares against those that happened: on the dashed line a prediction is right."""
    plot = _Plot(0, 1, 1)
    marks = plot.grid(in_percent, SHARE_STEP)
    shares = [place * SHARE_STEP for place in range(round(1 / SHARE_STEP) + 1)]
    marks += [plot.tick(share, in_percent(share), is_last=share == 1) for share in shares]
    marks.append(Line(((plot.x(0), plot.y(0)), (plot.x(1), plot.y(1))), "faint", 1, dashed=True))
    for one in judged:
        x = plot.x(one.predicted)
        low, high = plot.y(one.low), plot.y(one.high)
        marks += (
            Line(((x, low), (x, high)), "first", 2),
            Line(((x - 4, low), (x + 4, low)), "first", 2),
            Line(((x - 4, high), (x + 4, high)), "first", 2),
            Dot(x, plot.y(one.happened), 4, "first"),
        )
    return plot.drawing(title, [*marks, *plot.axes("predicted share late", "share that was late")], note)


class _Plot(NamedTuple):
    """A field with two axes: from `least` to `most` across, from 0 to `top` up."""

    least: float
    most: float
    top: float

    def x(self, value: float) -> float:
        """Place of a value across."""
        span = (self.most - self.least) or 1
        return LEFT_PX + (value - self.least) * (WIDTH_PX - LEFT_PX - RIGHT_PX) / span

    def y(self, value: float) -> float:
        """Place of a value up."""
        return TOP_PX + PLOT_PX * (1 - min(value, self.top) / self.top)

    def grid(self, shown: Callable[[float], str], step: float) -> list[Mark]:
        """Lines across with what they stand for."""
        marks: list[Mark] = []
        place = 0.0
        while place <= self.top * 1.0001:
            y = self.y(place)
            is_base = place == 0
            marks.append(Line(((LEFT_PX, y), (WIDTH_PX - RIGHT_PX, y)), "faint" if is_base else "grid"))
            value = int(place) if place == int(place) else place
            marks.append(Label(LEFT_PX - 6, y + 4, shown(value), END, "faint", SMALL))
            place += step
        return marks

    def tick(self, value: float, label: str, *, is_last: bool) -> Label:
        """What stands at a place of the lower axis; the last one stays inside."""
        x = self.x(value)
        fits = x + LETTER_PX * len(label) / 2 <= WIDTH_PX
        if is_last and not fits:
            return Label(WIDTH_PX, self.y(0) + 16, label, END, "faint", SMALL)
        return Label(x, self.y(0) + 16, label, MIDDLE, "faint", SMALL)

    def axes(self, across: str, up: str) -> tuple[Label, Label]:
        """What the axes are of: below the lower one, and above the other."""
        middle = (LEFT_PX + WIDTH_PX - RIGHT_PX) / 2
        return (
            Label(middle, self.y(0) + 33, across, MIDDLE, "faint", SMALL),
            Label(0, 12, up, tone="faint", size=SMALL),
        )

    def drawing(self, title: str, marks: Sequence[Mark], note: str, legend: Sequence[str] = ()) -> Drawing:
        """The field with its marks, and a legend below."""
        height = TOP_PX + PLOT_PX + AXIS_PX
        below, x = list[Mark](), float(LEFT_PX)
        for tone, name in zip(SERIES, legend, strict=False):
            width = 18 + LETTER_PX * len(name) + 12
            if x > LEFT_PX and x + width > WIDTH_PX:
                x, height = float(LEFT_PX), height + LEGEND_PX
            below += (
                Rect(x, height + 4, 12, 4, tone),
                Label(x + 18, height + 10, name, tone="ink", size=SMALL),
            )
            x += width
        return Drawing(title, WIDTH_PX, height + (LEGEND_PX if legend else 0), (*marks, *below), note)


def in_percent(share: float) -> str:
    """ "25 %" of 0.25."""
    return f"{100 * share:.0f} %"


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … (of 0.1, 0.2, 0.5 below one …) that is at least so much."""
    assert least > 0
    power = 1.0
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999999)
