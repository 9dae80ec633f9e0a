"""Drawings as PNG, by Pillow, which the extra `portfolio` brings: the marks that `drawing` has as SVG.

A drawing is made several times larger and scaled down, so that slanted lines are smooth. Text is in the first
of `FONTS` that the machine has; else in the one inside Pillow, which has no letters but A to Z.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from clients.reports.drawing import END, LIGHT, MIDDLE, Dot, Drawing, Label, Line, Mark, Rect

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw


SCALE = 3
"""Pixels of the picture for one of the drawing."""
OVERSAMPLED = 2
"""Times that the picture is drawn larger, in both directions."""
DASH_PX = 4
FONTS = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
)
"""File names of a font, plain and bold, in the order in which they are looked for."""

_ANCHORS = {MIDDLE: "ms", END: "rs"}


def can_raster() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def png(drawing: Drawing) -> bytes:
    """The drawing with title and note, on a light ground.

    Raises:
        ImportError: Pillow is not installed; `can_raster` says so before.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415 (an extra)

    framed = drawing.framed
    large = SCALE * OVERSAMPLED
    image = Image.new("RGB", (framed.width * large, framed.height * large), LIGHT["ground"])
    canvas = ImageDraw.Draw(image, "RGBA")
    for mark in framed.marks:
        _draw(canvas, mark, large)
    small = image.resize((framed.width * SCALE, framed.height * SCALE), Image.Resampling.LANCZOS)
    data = BytesIO()
    small.save(data, "PNG", optimize=True)
    return data.getvalue()


def _draw(canvas: ImageDraw, mark: Mark, scale: int) -> None:
    colour = LIGHT[mark.tone]
    if isinstance(mark, Rect):
        if mark.width <= 0 or mark.height <= 0:
            return
        right, bottom = mark.x + mark.width, mark.y + mark.height
        box = (mark.x * scale, mark.y * scale, right * scale - 1, bottom * scale - 1)
        canvas.rectangle(box, fill=colour)
    elif isinstance(mark, Line):
        points = [(x * scale, y * scale) for x, y in mark.points]
        for part in _dashes(points, DASH_PX * scale) if mark.dashed else [points]:
            canvas.line(part, fill=colour, width=round(mark.width * scale), joint="curve")
    elif isinstance(mark, Dot):
        canvas.circle((mark.x * scale, mark.y * scale), mark.radius * scale, fill=colour)
    else:
        _write(canvas, mark, scale)


def _dashes(points: list[tuple[float, float]], length: float) -> list[list[tuple[float, float]]]:
    """Every other piece of a straight line."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    whole = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    count = max(1, int(whole / length))

    def at(place: int) -> tuple[float, float]:
        return x0 + (x1 - x0) * place / count, y0 + (y1 - y0) * place / count

    return [[at(place), at(place + 1)] for place in range(0, count, 2)]


def _write(canvas: ImageDraw, label: Label, scale: int) -> None:
    place = (label.x * scale, label.y * scale)
    font = _font(label.size * scale, bold=label.bold)
    canvas.text(place, label.text, fill=LIGHT[label.tone], font=font, anchor=_ANCHORS.get(label.anchor, "ls"))


def _font(size: int, *, bold: bool) -> Any:
    from PIL import ImageFont  # noqa: PLC0415 (an extra)

    for names in FONTS:
        with suppress(OSError):
            return ImageFont.truetype(names[bold], size)
    return ImageFont.load_default(size)
