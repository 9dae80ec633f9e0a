"""Makes a script that fails short: steps that it fails without are taken out, as long as it fails alike.

Delta debugging (Zeller and Hildebrandt, 2002), the part that takes complements away: halves first, then ever
smaller pieces down to single steps.
"""

from __future__ import annotations

from campaign.episodes import Parameters, Script, fails
from campaign.player import Step

MOST_TRIES = 2_000


def kind_of(cause: Exception) -> tuple[str, str]:
    """What two failures of one kind have in common: type, and the law or the words before figures."""
    number = getattr(cause, "number", None)
    words = str(cause) if number is None else f"invariant {number}"
    return type(cause).__name__, words.split(":")[0][:40]


def shrink(parameters: Parameters, script: Script, cause: Exception) -> Script:
    """A shorter script that fails in the same way; the script itself if it does not fail without chance."""
    wanted = kind_of(cause)

    def still_fails(steps: Script) -> bool:
        found = fails(parameters, steps)
        return found is not None and kind_of(found) == wanted

    if not still_fails(script):
        return script
    tries, size = 0, max(1, len(script) // 2)
    while tries < MOST_TRIES:
        start, shorter = 0, False
        while start < len(script) and tries < MOST_TRIES:
            rest = (*script[:start], *script[start + size :])
            tries += 1
            if rest and still_fails(rest):
                script, shorter = rest, True
            else:
                start += size
        if size == 1 and not shorter:
            return script
        size = max(1, size // 2)
    return script


def describe(script: Script) -> str:
    """The script for people, a line for each operation."""
    return "\n".join(_line(number, step) for number, step in enumerate(script, 1))


def _line(number: int, step: Step | None) -> str:
    if step is None:
        return f"{number:>4}  the membership takes its next step"
    said = "; ".join(
        " ".join(f"{name}={_shown(value)}" for name, value in operation.items())
        for operation in step.operations
    )
    return f"{number:>4}  {step.signer}: {said}{'' if step.atomic else '  (not atomic)'}"


def _shown(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 120 else f"{text[:120]}…"
