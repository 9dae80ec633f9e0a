"""`tally network parameters`, and those that founders choose with `tally network up --parameter`."""

from __future__ import annotations

import re

from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, open_session
from clients.cli.screen import Screen
from clients.sdk.questions import answers
from contracts.parameters import PARAMETERS, read_parameter
from ledger.state.overlay import Reader

_SAID = re.compile(r"(\w{1,64})=(\d{1,9})", re.ASCII)


def read_parameters(texts: list[str]) -> dict[str, int | str]:
    """Parameters written NAME=NUMBER; whether there is such a one is for whoever makes the ledger.

    Raises:
        UsageProblem: another form, or the same one twice.
    """
    found: dict[str, int | str] = {}
    for text in texts:
        said = _SAID.fullmatch(text)
        if said is None or said[1] in found:
            raise UsageProblem(
                "not a parameter with its number" if said is None else "the same parameter twice",
                code="parameter",
                field="--parameter",
                found=text[:60],
                expected="NAME=NUMBER, such as return_days=45; names: " + ", ".join(PARAMETERS),
            )
        found[said[1]] = int(said[2])
    return found


def show_parameters(profile: ProfileFile = None, json: Json = False) -> None:
    """What the founders of the ledger have chosen for good, proved, beside the defaults."""
    screen = Screen(json)
    with open_session(profile) as session:
        (found,) = answers(session, [_in_force])
    if screen.answer({"parameters": found.value, "proved": True, "height": found.height}):
        return
    screen.table(
        ("parameter", "here", "default", "decides"),
        [(name, found.value[name], known.default, known.says) for name, known in PARAMETERS.items()],
        right=("here", "default"),
    )
    screen.line(f"proved at height {found.height}")


def _in_force(state: Reader) -> dict[str, int]:
    return {name: read_parameter(state, name) for name in PARAMETERS}
