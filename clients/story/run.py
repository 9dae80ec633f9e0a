"""Plays the story: `./scripts/demo`.

| second run in the same folder | |
|---|---|
| trade, finance, e-invoice | on the ledger already: shown as it stands, what was interrupted is completed |
| refusals, failover, tampering | played again; they change nothing that was agreed |
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from clients import network
from clients.cli.exits import DONE, INTERRUPTED, UsageProblem, exit_code_of
from clients.cli.network.network import watch
from clients.cli.screen import STRONG, Screen
from clients.story import einvoice, ending, failover, financing, tampering, trade
from clients.story.stage import HOSTS, LENDER, Facts, Stage
from clients.wording import counted
from ledger.errors import TallyError

CHAPTERS = (
    ("trade", trade.play),
    ("finance", financing.play),
    ("e_invoice", einvoice.play),
    ("failover", failover.play),
    ("tampering", tampering.play),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the story; the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Start three nodes of three organisations and play one story on real trade data: import, "
        "verified history, provable price, finance, refusals, failover, tampering. Then the network stays "
        "up until Ctrl-C. A second run continues on the same ledger.",
    )
    parser.add_argument("--once", action="store_true", help="stop the nodes after the story and end with 0")
    parser.add_argument("--json", action="store_true", help="print a summary as the last line, as JSON")
    parser.add_argument(
        "--dir", type=Path, default=Path("demo-data"), help="folder of the network (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    network.interrupt_on_sigterm()
    stage = Stage(options.dir, Screen())
    is_told = False
    try:
        summary = _play(stage)
        if not options.once:
            ending.show_next(stage)
        if options.json:
            print(json.dumps(summary, ensure_ascii=False), flush=True)  # noqa: T201
        is_told = True
        if not options.once:
            stage.screen.note("The network is up. Ctrl-C stops it.")
            watch(stage.net.folder, {node.id for node in stage.net.nodes})
    except (TallyError, OSError) as error:
        problem = error if isinstance(error, TallyError) else _refused_by_system(error)
        stage.screen.error(problem)
        if options.json:
            print(json.dumps({"ok": False, "error": problem.as_dict()}), flush=True)  # noqa: T201
        return exit_code_of(problem) or 1
    except KeyboardInterrupt:
        if not is_told:
            stage.screen.note("Interrupted. The next run goes on from here.")
            return INTERRUPTED
    finally:
        _close(stage)
    return DONE


def _play(stage: Stage) -> Facts:
    started = time.monotonic()
    stage.screen.line("Tallystick: from one real invoice to a provable price", STRONG)
    chapters: dict[str, Facts] = {}
    with stage.chapter(f"A network of {counted(len(HOSTS), 'node')}: {', '.join(HOSTS)}") as facts:
        is_reused = stage.open()
        stage.done("the same ledger as before" if is_reused else "keys, certificates and genesis block made")
        for node in stage.net.nodes:
            stage.done(f"{node.id} of {node.organisation}: {node.api}, process {node.pid}")
        stage.say(
            f"{LENDER} runs no node: it trusts {stage.net.genesis_file.name} and checks what it is told."
        )
        facts["reused"] = is_reused
    chapters["network"] = facts
    for name, play in CHAPTERS:
        chapters[name] = play(stage)
    seconds = time.monotonic() - started
    ending.show(stage, seconds)
    return {
        "ok": True,
        "seconds": round(seconds, 2),
        "reused": is_reused,
        "dir": str(stage.folder),
        **stage.net.as_dict(),
        "chapters": chapters,
    }


def _refused_by_system(error: OSError) -> UsageProblem:
    return UsageProblem(
        f"the system refuses {error.filename or 'what the story does'}",
        code="system",
        found=error.strerror or type(error).__name__,
        remedy="If a file of the folder is missing, begin a fresh ledger: delete the folder, or give another "
        "--dir. Else check free space, permissions and limits.",
    )


def _close(stage: Stage) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        stopped = stage.close()
    except TallyError as error:
        stage.screen.error(error)
        return
    if stopped:
        stage.screen.note(f"Stopped {', '.join(stopped)}.")
