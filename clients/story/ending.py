"""Where everything is, and what to try next."""

from __future__ import annotations

from pathlib import Path
from shlex import quote as quoted

from clients.cli.screen import FAINT, STRONG
from clients.story.financing import ACCOUNT, HISTORY_FILE
from clients.story.stage import BANK, BUYER, LENDER, SUPPLIER, Stage


def show(stage: Stage, seconds: float) -> None:
    """The end of the story."""
    screen, folder = stage.screen, _short(stage.folder)
    screen.line()
    screen.line(f"The story took {seconds:.1f} s. Everything is in {folder}:", STRONG)
    screen.table(("node", "of", "API"), [(node.id, node.organisation, node.api) for node in stage.net.nodes])
    screen.facts(
        [
            ("API", "described at /v1/openapi.json of each node"),
            *((f"data {node.id}", _short(node.data)) for node in stage.net.nodes),
            *((f"log {node.id}", _short(node.log)) for node in stage.net.nodes),
            ("trust", f"{folder}/genesis.block"),
            ("profiles", f"{folder}/profiles/*.json, one for each organisation"),
            ("receipts", f"{folder}/receipts/<organisation>/"),
            ("evidence", f"{folder}/evidence/"),
            ("trade data", f"{folder}/trade/, with where it comes from"),
        ]
    )


def show_next(stage: Stage) -> None:
    """Commands to go on with, for a network that keeps running."""
    folder = quoted(_short(stage.folder))
    number = stage.reached["financed"]
    stage.screen.line()
    stage.screen.line("What to try next (in another terminal; tally is in .venv/bin):", STRONG)
    for command in (
        f"export TALLY_PROFILE={folder}/profiles/{LENDER}.json",
        f"tally network status --dir {folder}",
        f"tally invoice show {SUPPLIER} {number}",
        f"tally history {SUPPLIER} {BUYER} --last 10",
        f"tally verify {folder}/evidence/{HISTORY_FILE} --genesis {folder}/genesis.block",
        f"tally audit --profile {folder}/profiles/{LENDER}.json",
        f"tally payment attest {number} -s {SUPPLIER} --amount '100,000.00 USD' --account {ACCOUNT} \\",
        f"    --entry SIM-TRY-1 --date 2013-04-10 --profile {folder}/profiles/{BANK}.json",
        f"tally node stop n1 --dir {folder}; tally network status --dir {folder}",
        f"tally node start n1 --dir {folder}",
    ):
        stage.screen.line(f"  {command}", FAINT)


def _short(path: Path) -> str:
    """The path from here, if that is shorter to read."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
