"""Drawings of a few kinds of marks, and SVG of them: inside a page that colours it, or as a file by itself.

    drawing.inline()    an <svg> element; each mark has a class, `f-TONE` or `s-TONE`, that a page may style
    drawing.svg()       an SVG document with title, ground and note, that needs nothing but a reader

A mark names a tone, not a colour: the colours of `LIGHT` stand beside the class as attributes, so that a
reader without style sheets shows it as well. Lengths are pixels of the drawing's own coordinates; a page
scales it to its room. `clients.reports.raster` draws the same marks as PNG.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from textwrap import wrap
from typing import NamedTuple

LIGHT = {
    "ground": "#ffffff",
    "ink": "#1b1f24",
    "faint": "#59636e",
    "grid": "#d8dee4",
    "first": "#1f6f8b",
    "second": "#c0562b",
    "third": "#5b7f3a",
    "fourth": "#7a5ca8",
    "below": "#b5651d",
}
"""Tones and their colours on a light ground."""

DARK = {
    "ground": "#15181c",
    "ink": "#e3e6ea",
    "faint": "#9aa4af",
    "grid": "#333a42",
    "first": "#58b4d1",
    "second": "#f08a5d",
    "third": "#9cc56f",
    "fourth": "#b79cf0",
    "below": "#e0a060",
}
assert LIGHT.keys() == DARK.keys(), "every tone has both colours"

SERIES = ("first", "second", "third", "fourth")
"""Tones of things that stand beside each other."""

MARGIN_PX, TITLE_PX, TITLE_LINE_PX, NOTE_PX, TITLE_SIZE, SIZE, SMALL = 14, 34, 20, 16, 16, 13, 12
LETTER_PX = 7.0
"""Usual width of a letter of small text, by which room is kept for it."""
TITLE_LETTER_PX = 10.0

START, MIDDLE, END = "start", "middle", "end"


class Rect(NamedTuple):
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    tone: str


class Line(NamedTuple):
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    tone: str
    width: float = 1.0
    dashed: bool = False


class Dot(NamedTuple):
    """A filled circle."""

    x: float
    y: float
    radius: float
    tone: str


class Label(NamedTuple):
    """A line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    anchor: str = START
    tone: str = "ink"
    size: int = SIZE
    bold: bool = False


Mark = Rect | Line | Dot | Label


class Drawing(NamedTuple):
    """Marks on a ground of so many pixels."""

    title: str
    width: int
    height: int
    marks: tuple[Mark, ...]
    note: str = ""
    """What stands under it in a file by itself: what it was made from."""

    def inline(self) -> str:
        """An element for an HTML page, as wide as its room."""
        body = "".join(_element(mark) for mark in self.marks)
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.title)}" '
            f'font-family="sans-serif">{body}</svg>'
        )

    @property
    def framed(self) -> Drawing:
        """With title and note among its marks, in as many lines as they need."""
        title, note = (
            wrapped(self.title, self.width / TITLE_LETTER_PX),
            wrapped(self.note, self.width / LETTER_PX),
        )
        top = TITLE_PX + TITLE_LINE_PX * (len(title) - 1)
        width, below = self.width + 2 * MARGIN_PX, top + self.height + MARGIN_PX + 8
        marks = (
            *(
                Label(MARGIN_PX, TITLE_PX - 10 + TITLE_LINE_PX * at, line, size=TITLE_SIZE, bold=True)
                for at, line in enumerate(title)
            ),
            *moved(self.marks, MARGIN_PX, top),
            *(
                Label(MARGIN_PX, below + NOTE_PX * at, line, tone="faint", size=SMALL)
                for at, line in enumerate(note)
            ),
        )
        return Drawing(self.title, width, below + NOTE_PX * (len(note) - 1) + MARGIN_PX, marks)

    def svg(self) -> str:
        """A document by itself."""
        framed = self.framed
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{framed.width}" height="{framed.height}" '
            f'viewBox="0 0 {framed.width} {framed.height}" role="img" font-family="sans-serif">'
        )
        ground = Rect(0, 0, framed.width, framed.height, "ground")
        body = [_element(mark) for mark in (ground, *framed.marks)]
        return "\n".join((head, f"<title>{escape(self.title)}</title>", *body, "</svg>", ""))


def wrapped(text: str, letters: float) -> list[str]:
    """The text in lines of at most so many letters; words that are longer, as hashes are, are broken."""
    return wrap(text, max(1, int(letters)), break_on_hyphens=False) or [""]


def moved(marks: Iterable[Mark], right: float, down: float) -> tuple[Mark, ...]:
    """The same marks in another place."""
    return tuple([_moved(mark, right, down) for mark in marks])


def _moved(mark: Mark, right: float, down: float) -> Mark:
    if isinstance(mark, Line):
        return mark._replace(points=tuple([(x + right, y + down) for x, y in mark.points]))
    return mark._replace(x=mark.x + right, y=mark.y + down)


def style(tones: dict[str, str]) -> str:
    """Rules of a style sheet that give the marks of every inline drawing these colours."""
    return "".join(
        f".f-{tone}{{fill:{colour}}}.s-{tone}{{stroke:{colour}}}" for tone, colour in tones.items()
    )


def _element(mark: Mark) -> str:
    if isinstance(mark, Rect):
        return (
            f'<rect x="{mark.x:.1f}" y="{mark.y:.1f}" width="{mark.width:.1f}" height="{mark.height:.1f}" '
            f"{_filled(mark.tone)}/>"
        )
    if isinstance(mark, Line):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in mark.points)
        dashes = ' stroke-dasharray="4 4"' if mark.dashed else ""
        return (
            f'<polyline points="{places}" fill="none" class="s-{mark.tone}" stroke="{LIGHT[mark.tone]}" '
            f'stroke-width="{mark.width:.1f}"{dashes}/>'
        )
    if isinstance(mark, Dot):
        return f'<circle cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="{mark.radius:.1f}" {_filled(mark.tone)}/>'
    bold = ' font-weight="bold"' if mark.bold else ""
    return (
        f'<text x="{mark.x:.1f}" y="{mark.y:.1f}" font-size="{mark.size}" text-anchor="{mark.anchor}"{bold} '
        f"{_filled(mark.tone)}>{escape(mark.text)}</text>"
    )


def _filled(tone: str) -> str:
    return f'class="f-{tone}" fill="{LIGHT[tone]}"'
