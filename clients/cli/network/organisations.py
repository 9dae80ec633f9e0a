"""`tally organisation`: who takes part in a channel, under which id, and what it may do there."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.cli.options import GenesisFile, Json, ProfileFile, trusted_genesis
from clients.cli.screen import Screen, examples

app = typer.Typer(name="organisation", help="Who takes part: ids, names and roles.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Who takes part: ids, names and roles."""


@app.command(
    name="list",
    epilog=examples(
        "tally organisation list --profile net/profiles/acme.json",
        "tally organisation list --role buyer --genesis net/genesis.block",
    ),
)
def list_organisations(
    role: Annotated[str, typer.Option(help="Only those with this role, such as buyer or lender.")] = "",
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """The organisations of the channel, as its genesis block has them: no node is asked."""
    screen = Screen(json)
    found = [
        organisation
        for organisation in trusted_genesis(genesis, profile).genesis.organisations
        if not role or role in organisation.roles
    ]
    document = [
        {
            "id": organisation.id,
            "name": organisation.name,
            "lei": organisation.lei or None,
            "roles": list(organisation.roles),
            "identifiers": [{"scheme": scheme, "value": value} for scheme, value in organisation.identifiers],
        }
        for organisation in found
    ]
    if screen.answer({"organisations": document}):
        return
    screen.table(
        ("id", "name", "roles", "identifiers"),
        [
            (
                organisation.id,
                organisation.name,
                ", ".join(organisation.roles),
                ", ".join(
                    f"{scheme} {value}"
                    for scheme, value in (
                        *([("LEI", organisation.lei)] if organisation.lei else []),
                        *organisation.identifiers,
                    )
                ),
            )
            for organisation in found
        ],
    )
    if not found:
        screen.note(f"No organisation has the role {role}." if role else "No organisation takes part.")
