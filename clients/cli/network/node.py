"""`tally node`: one node process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from clients import network
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, NetworkFolder, ProfileFile, load_profile
from clients.cli.screen import Screen, examples
from clients.errors import NetworkError
from clients.network import Network

NodeId = Annotated[str, typer.Argument(metavar="NODE", help="Node id, such as n1.")]

app = typer.Typer(name="node", help="Run, start and stop one node.", no_args_is_help=True)


ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The node's settings, TOML or JSON.")]


@app.command(epilog=examples("tally node run --config net/nodes/n1/node.toml"))
def run(
    config: ConfigFile,
    trace: Annotated[
        Path | None, typer.Option(help="Write a consensus trace to this file, for scripts/check-trace.")
    ] = None,
) -> None:
    """Become a node process: this is what a service manager starts."""
    _become_node(config, variables={} if trace is None else {"TALLY_TRACE_FILE": str(trace.absolute())})


@app.command(epilog=examples("tally node repair --config net/nodes/n1/node.toml"))
def repair(config: ConfigFile) -> None:
    """Set a damaged ledger aside, so that the node's next start fetches it anew from the others.

    Until it has come as far as it had acknowledged, the node neither votes nor acknowledges.
    """
    _become_node(config, "--repair")


def _become_node(config: Path, *options: str, variables: Mapping[str, str] = MappingProxyType({})) -> None:
    """The node's own program takes the place of this one."""
    if not config.is_file():
        raise UsageProblem(
            "no such settings file",
            code="file_unreadable",
            field="--config",
            found=config,
            remedy="`tally network up` writes one for each node to DIR/nodes/NODE/node.toml.",
        )
    command = [sys.executable, "-m", "node", "--config", str(config), *options]
    os.environ.update(variables)
    os.execv(sys.executable, command)  # noqa: S606 (our own interpreter and module)


@app.command(epilog=examples("tally node start n2 --dir net"))
def start(node: NodeId, dir: NetworkFolder = Path("network"), json: Json = False) -> None:  # noqa: A002
    """Start one node of a local network and wait until it is ready."""
    screen = Screen(json)
    known = Network.load(dir)
    was_running = known.node(node).is_running
    started = known if was_running else network.start(known, only={node}, outlives=True)
    never = network.wait_ready(started, only={node}).get(node)
    if never is not None:
        raise NetworkError(
            f"{node} runs and is not ready: {never.get('sentence')}",
            code="not_ready",
            found=never.get("code"),
            remedy=str(never.get("remedy", "")),
        )
    entry = started.node(node)
    if not screen.answer(entry.as_dict()):
        screen.line(
            f"{node} {'runs already' if was_running else 'is ready'}: {entry.api}, process {entry.pid}"
        )


@app.command(epilog=examples("tally node stop n2 --dir net"))
def stop(node: NodeId, dir: NetworkFolder = Path("network"), json: Json = False) -> None:  # noqa: A002
    """Stop one node of a local network in an orderly way."""
    screen = Screen(json)
    known = Network.load(dir)
    known.node(node)
    stopped = network.down(known, only={node})
    if not screen.answer({"stopped": stopped}):
        screen.line(f"{node} stopped." if stopped else f"{node} was not running.")


@app.command(
    name="hand-over",
    epilog=examples(
        "tally node hand-over --dir net",
        "tally node hand-over n2 --dir net",
        "tally node hand-over --api http://127.0.0.1:7314 --profile anchor.json",
    ),
)
def hand_over(
    to: Annotated[
        str | None, typer.Argument(metavar="[NODE]", help="Who is to lead; the most advanced voter.")
    ] = None,
    dir: NetworkFolder = Path("network"),  # noqa: A002
    api: Annotated[
        str | None, typer.Option(help="API of the node that leads, without a network's folder.")
    ] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Hand the leadership over to another node, before the leader is stopped.

    Only the organisation that runs the leader can: in a local network its key is at hand, elsewhere
    give --api and its --profile.
    """
    screen = Screen(json)
    if api is None:
        leader = network.hand_over(Network.load(dir), to)
    else:
        leader = network.order_hand_over(network.status_at(api), api, load_profile(profile), to)
    if not screen.answer({"leader": leader}):
        screen.line(f"{leader} leads.")
