"""`tally network`: a whole network in one folder, for a laptop, a demonstration, a test."""

from __future__ import annotations

import json
import time
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients import network
from clients.cli.amounts import read_day
from clients.cli.exits import DONE, UNAVAILABLE, UsageProblem
from clients.cli.network import membership, recovery
from clients.cli.network.parameters import read_parameters, show_parameters
from clients.cli.options import PROFILE_VARIABLE, Json, NetworkFolder, read_bytes
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.network import Network

WATCH_S = 0.5
MAX_ORGANISATIONS_BYTES = 1_048_576

app = typer.Typer(
    name="network",
    help="Make, start, look at and stop a local network; decide which nodes a network has.",
    no_args_is_help=True,
)
membership.register(app)
app.command(epilog=examples("tally network recover --dir net --to net-2"))(recovery.recover)
app.command(
    name="parameters",
    epilog=examples(
        "tally network parameters --profile net/profiles/acme.json", "tally network parameters --json"
    ),
)(show_parameters)


@app.command(
    epilog=examples(
        "tally network up --nodes 3 --dir net",
        "tally network up --nodes 5 --dir net --base-port 7100 --detach",
        "tally network up --dir net --organisations companies.json --business-date 2026-01-05",
        "tally network up --dir net --parameter return_days=45 --parameter price_tolerance_ppm=10000",
    )
)
def up(
    dir: NetworkFolder = Path("network"),  # noqa: A002
    nodes: Annotated[
        int | None, typer.Option("--nodes", "-n", help="How many nodes a new network has; 3 if not given.")
    ] = None,
    base_port: Annotated[
        int | None, typer.Option(help="First of two ports a node; free ones if not given.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return and leave the nodes running.")] = False,
    organisations: Annotated[
        Path | None, typer.Option(help="JSON list of organisations: id, name, roles, lei, identifiers.")
    ] = None,
    business_date: Annotated[
        str | None, typer.Option(help="The ledger's first business date, YYYY-MM-DD.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER that holds for good on a new ledger; `parameters` lists them."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of a new network.")] = "Local Tallystick network",
    timing: Annotated[
        str, typer.Option(help="How soon a new network misses its leader: default, or lan.")
    ] = "default",
    trace: Annotated[
        bool, typer.Option("--trace", help="Nodes write consensus traces, for scripts/check-trace.")
    ] = False,
    json: Json = False,
) -> None:
    """Start a network and, the first time, make it: keys, certificates, genesis block, profiles.

    Stays in the foreground until Ctrl-C, then stops the nodes that it started; they also stop if it is
    killed. With --detach it returns once all nodes are ready, and they go on. Running it again starts
    what is not running and keeps the ledger.
    """
    screen = Screen(json)
    listed = network.DEFAULT_ORGANISATIONS if organisations is None else _read_organisations(organisations)
    parameters = read_parameters(parameter or [])
    if business_date is not None:
        parameters["business_date"] = read_day(business_date, "--business-date")
    was_running = _running(dir)
    network.interrupt_on_sigterm()
    started = network.up(
        dir,
        nodes=nodes,
        base_port=base_port,
        organisations=listed,
        parameters=parameters,
        name=name,
        timing=timing,
        trace=trace,
        outlives=detach,
        progress=screen.note,
    )
    if not screen.answer(started.as_dict()):
        show_network(screen, started)
        first = min(started.profiles.items())[1]
        screen.note(
            f"Next, as one of them: export {PROFILE_VARIABLE}={quoted(str(first))}; "
            "then tally organisation list, tally date show, tally order submit, tally import"
        )
    if detach:
        return
    ours = {node.id for node in started.nodes if node.pid not in was_running}
    screen.note("Running. Ctrl-C stops the nodes." if ours else "All nodes ran already.")
    watch(started.folder, ours)
    screen.note("Stopping …")
    network.down(Network.load(started.folder), only=ours)


def watch(folder: Path, ours: set[str]) -> None:
    """Wait for Ctrl-C or SIGTERM, or until none of our nodes runs any more, whoever started it last."""
    try:
        while any(node.is_running for node in Network.load(folder).nodes if node.id in ours):
            time.sleep(WATCH_S)
    except KeyboardInterrupt:
        return


def _running(folder: Path) -> set[int]:
    if not (folder / network.DESCRIPTION).exists():
        return set()
    return {node.pid for node in Network.load(folder).nodes if node.is_running}


def show_network(screen: Screen, shown: Network) -> None:
    """Nodes, profiles and where to go on."""
    screen.table(
        ("node", "organisation", "process", "API", "data", "log"),
        [(node.id, node.organisation, node.pid, node.api, node.data, node.log) for node in shown.nodes],
    )
    screen.line(f"genesis block  {shown.genesis_file}", FAINT)
    for organisation, path in sorted(shown.profiles.items()):
        screen.line(f"profile        {path}  ({organisation})", FAINT)


@app.command(epilog=examples("tally network status --dir net", "tally network status --dir net --json"))
def status(dir: NetworkFolder = Path("network"), json: Json = False) -> int:  # noqa: A002
    """Where each node stands; exit code 0 only if all run and are ready."""
    screen = Screen(json)
    found = network.status(Network.load(dir))
    all_ready = all(entry["running"] and (entry["status"] or {}).get("ready") for entry in found)
    if not screen.answer({"ready": all_ready, "nodes": found}):
        screen.table(
            ("node", "organisation", "process", "role", "term", "height", "head", "API"),
            [_status_row(entry) for entry in found],
            right=("term", "height"),
            styles=[GOOD if (entry["status"] or {}).get("ready") else BAD for entry in found],
        )
        for entry in found:
            reason = (entry["status"] or {}).get("not_ready")
            if reason:
                screen.line(f"{entry['id']}: {network.told(reason)}", BAD)
    return DONE if all_ready else UNAVAILABLE


def _status_row(entry: dict[str, Any]) -> tuple[object, ...]:
    stands = entry["status"]
    process = entry["pid"] if entry["running"] else "not running"
    if stands is None:
        role = "does not answer" if entry["running"] else ""
        return (entry["id"], entry["organisation"], process, role, "", "", "", entry["api"])
    role = stands["role"] if stands["ready"] else f"{stands['role']}, not ready"
    return (
        entry["id"],
        entry["organisation"],
        process,
        role,
        stands["term"],
        stands["applied_height"],
        stands["head"][:16],
        entry["api"],
    )


@app.command(epilog=examples("tally network down --dir net"))
def down(dir: NetworkFolder = Path("network"), json: Json = False) -> None:  # noqa: A002
    """Stop the nodes in an orderly way; the ledger stays."""
    screen = Screen(json)
    stopped = network.down(Network.load(dir))
    if not screen.answer({"stopped": stopped}):
        screen.line(f"Stopped {', '.join(stopped)}." if stopped else "No node was running.")


def _read_organisations(path: Path) -> list[dict[str, Any]]:
    data = read_bytes(path, "list of organisations", MAX_ORGANISATIONS_BYTES)
    try:
        listed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageProblem(f"{path} is not JSON", code="organisations", found=str(error)[:120]) from None
    if not isinstance(listed, list) or not listed or not all(_is_entry(entry) for entry in listed):
        raise UsageProblem(
            f"{path} is not a list of organisations",
            code="organisations",
            expected='[{"id": "acme", "name": "Acme", "roles": ["supplier"]}, …]',
        )
    return listed


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and isinstance(entry.get("roles", []), list)
        and isinstance(entry.get("identifiers", []), list)
    )
