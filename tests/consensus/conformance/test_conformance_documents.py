"""What is written about the rules is what is judged."""

from __future__ import annotations

from pathlib import Path

from consensus.conformance import RULES

DOCUMENT = Path(__file__).parents[3] / "docs" / "consensus-traces.md"


def test_every_rule_is_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    listed = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert {row[0]: row[1] for row in listed if row[0] in RULES} == RULES
