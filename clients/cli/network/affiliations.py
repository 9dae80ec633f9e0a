"""`tally affiliation`: whom an organisation belongs to, and where it sits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk.questions import answers
from contracts.parties.affiliation import SOURCES, read_affiliation
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader

Direct = Annotated[str, typer.Option("--parent", help="LEI of the direct parent.")]
Ultimate = Annotated[str, typer.Option("--ultimate", help="LEI of the ultimate parent.")]
Address = Annotated[str, typer.Option(help="Registered address in one line.")]
Organisation = Annotated[str, typer.Argument(metavar="ORGANISATION", help="Organisation id.")]

app = typer.Typer(
    name="affiliation", help="Parents and addresses, by own word and by a register's.", no_args_is_help=True
)


@app.command(
    epilog=examples("tally affiliation declare --ultimate 5493001KJTIIGC8Y1R12 --address '1 Quay, Ghent'")
)
def declare(
    parent: Direct = "",
    ultimate: Ultimate = "",
    address: Address = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say whom you belong to and where you sit; it replaces what you said before."""
    operation = {
        "op": "affiliation.declare",
        "direct_parent": parent,
        "ultimate_parent": ultimate,
        "address": address,
    }
    record(profile, lambda _: operation, "Affiliation declared", receipt=receipt, as_json=json)


@app.command(name="record", epilog=examples("tally affiliation record acme --ultimate 5493001KJTIIGC8Y1R12"))
def record_found(
    organisation: Organisation,
    parent: Direct = "",
    ultimate: Ultimate = "",
    address: Address = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Record what a register says of an organisation (operator, regulator)."""
    operation = {
        "op": "affiliation.record",
        "organisation": organisation,
        "direct_parent": parent,
        "ultimate_parent": ultimate,
        "address": address,
    }
    record(profile, lambda _: operation, f"Affiliation of {organisation}", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally affiliation show acme"))
def show(organisation: Organisation, profile: ProfileFile = None, json: Json = False) -> None:
    """What an organisation says of itself, and what a register says; proved, also where nothing is said."""

    def read(state: Reader) -> dict[str, Any]:
        return {source: _document(state, organisation, source) for source in SOURCES}

    with open_session(profile) as session:
        (found,) = answers(session, [read])
    screen = Screen(json)
    if screen.answer({"organisation": organisation, **found.value, "height": found.height}):
        return
    screen.line(f"{organisation}, proved at height {found.height}", GOOD)
    titles = {"own": "By its own word", "register": "By a register"}
    for source, said in found.value.items():
        if said is None:
            screen.facts([("nothing", "")], title=titles[source])
        else:
            screen.facts(
                [(name.replace("_", " "), value or "none") for name, value in said.items()],
                title=titles[source],
            )


def _document(state: Reader, organisation: str, source: str) -> dict[str, Any] | None:
    said = read_affiliation(state, organisation, source)
    if said is None:
        return None
    return {
        "direct_parent": said.direct_parent or None,
        "ultimate_parent": said.ultimate_parent or None,
        "address": said.address or None,
        "said_by": said.said_by,
        "date": iso_from_day(said.day),
    }
