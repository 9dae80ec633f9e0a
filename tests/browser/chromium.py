"""What a headless Chromium makes of a page: measured in frames of several widths, with no driver in between.

    measured(page, widths) -> (a Measure for each width, what the console said)

The page stands in frames of a sheet whose script measures them once they have loaded and leaves what it found
in the sheet, which Chromium then prints. A frame's media queries see its own width, as on a screen that wide.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS = "needs Chromium (Debian: apt-get install chromium)"
DEADLINE_S = 90

_MEASURE = """
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, width = page.documentElement.clientWidth;
    const texts = [...page.querySelectorAll("svg text")];
    const box = node => node.getBoundingClientRect();
    const size = text => parseFloat(getComputedStyle(text).fontSize) * box(text.ownerSVGElement).width
      / text.ownerSVGElement.viewBox.baseVal.width;
    const within = (inner, outer) =>
      box(inner).left > box(outer).left - 1 && box(inner).right < box(outer).right + 1;
    const scrolled = node => node.closest(".scroll") && !node.matches(".scroll");
    return {
      width,
      across: page.documentElement.scrollWidth,
      beyond: [...page.body.querySelectorAll("*")]
        .filter(node => !scrolled(node) && (box(node).right > width + 1 || box(node).left < -1))
        .map(node => node.textContent.slice(0, 60)),
      cut: texts.filter(text => !within(text, text.ownerSVGElement)).map(text => text.textContent),
      meeting: texts.flatMap((one, at) => texts.slice(at + 1)
        .filter(other => other.ownerSVGElement === one.ownerSVGElement && box(one).left < box(other).right - 1
          && box(other).left < box(one).right - 1 && box(one).top < box(other).bottom - 3
          && box(other).top < box(one).bottom - 3)
        .map(other => one.textContent + " | " + other.textContent)),
      smallest: Math.min(...texts.map(size)),
      requests: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name),
      dangling: [...page.querySelectorAll("a[href]")].map(link => link.getAttribute("href"))
        .filter(target => !page.getElementById(target.slice(1))),
    };
  });
  const sheet = document.createElement("pre");
  sheet.id = "found";
  sheet.textContent = JSON.stringify(found);
  document.body.replaceChildren(sheet);
});
"""


class Measure(NamedTuple):
    """A page at one width; lengths in pixels."""

    width: int
    across: int
    """How wide it is: beyond its width it would scroll sideways."""
    beyond: list[str]
    """What sticks out at a side, but for what scrolls inside its own box."""
    cut: list[str]
    """Texts of drawings that are not whole inside them."""
    meeting: list[str]
    """Pairs of texts of a drawing that lie over each other."""
    smallest: float
    """Height of the smallest text of a drawing, as shown."""
    requests: list[str]
    """What it asked for besides itself."""
    dangling: list[str]
    """Links that lead nowhere in the page."""


def measured(page: str, widths: Sequence[int], folder: Path) -> tuple[list[Measure], str]:
    """The page at these widths, and what it said on the console."""
    assert BROWSER is not None, NEEDS
    shown = escape(page)
    frames = "".join([f'<iframe srcdoc="{shown}" width="{width}" height="800"></iframe>' for width in widths])
    sheet = folder / "sheet.html"
    sheet.write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{frames}<script>{_MEASURE}</script></body>")
    options = (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "hide-scrollbars",
        "enable-logging=stderr",
        "dump-dom",
    )
    arguments = [f"--{option}" for option in (*options, f"user-data-dir={folder / 'profile'}")]
    done = subprocess.run(
        [BROWSER, *arguments, sheet.as_uri()],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    written = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert written is not None, done.stdout[-2_000:] + done.stderr[-2_000:]
    text = written[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    console = "\n".join(line for line in done.stderr.splitlines() if ":CONSOLE" in line)
    return [Measure(**found) for found in json.loads(text)], console
