"""Bars of amounts: as text for a terminal or a pipe, and as an SVG document. Pure functions of their rows.

A bar's length is its share of the longest in its section, rounded down to whole characters (text) or tenths
of a pixel (SVG); figures stand beside the bars as given, so nobody has to read them off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

TEXT_WIDTH = 32
"""Characters of the longest bar."""
FULL, BELOW_ZERO = "█", "▒"

ROW_PX, TITLE_PX, LABEL_PX, BAR_PX, FIGURE_PX = 24, 40, 320, 360, 180
WIDTH_PX = LABEL_PX + BAR_PX + FIGURE_PX
COLOUR, COLOUR_BELOW_ZERO, INK = "#1f6f8b", "#b5651d", "#1c1c1c"


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


def svg(title: str, sections: Sequence[Section]) -> str:
    """The sections below each other, as an SVG document that needs nothing but a reader."""
    y = TITLE_PX
    body = [f'<text x="16" y="26" font-size="17" font-weight="bold">{escape(title)}</text>']
    for section in sections:
        y += ROW_PX
        body.append(f'<text x="16" y="{y}" font-weight="bold">{escape(section.title)}</text>')
        longest = max([abs(bar.value) for bar in section.bars], default=0)
        for bar in section.bars:
            y += ROW_PX
            body.append(_svg_row(bar, longest, y))
        y += ROW_PX // 2
    height = y + ROW_PX
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" '
        f'viewBox="0 0 {WIDTH_PX} {height}" role="img" font-family="sans-serif" font-size="13" fill="{INK}">'
    )
    ground = f'<rect width="{WIDTH_PX}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, f"<title>{escape(title)}</title>", ground, *body, "</svg>", ""))


def _svg_row(bar: Bar, longest: int, y: int) -> str:
    tenths = abs(bar.value) * BAR_PX * 10 // longest if longest else 0
    length, colour = f"{tenths // 10}.{tenths % 10}", COLOUR_BELOW_ZERO if bar.value < 0 else COLOUR
    return (
        f'<text x="{LABEL_PX - 8}" y="{y}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{LABEL_PX}" y="{y - 12}" width="{length}" height="15" fill="{colour}"/>'
        f'<text x="{LABEL_PX + BAR_PX + 8}" y="{y}">{escape(bar.figure)}</text>'
    )
