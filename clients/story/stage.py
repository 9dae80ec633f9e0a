"""The stage: parties with their sessions, the folder, what earlier runs have reached, what is shown.

DIR/…                    the network (see `clients.network`)
DIR/trade/               the trade data that is imported
DIR/receipts/<party>/    what each party holds as evidence
DIR/evidence/            the history, the quote and the refusals of the story
DIR/tampered/            copies of them with one byte changed
DIR/story.json           how far the story has come on this ledger
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients import data, network
from clients.cli.exits import DONE, REFUSED
from clients.cli.screen import FAINT, GOOD, STRONG, Screen
from clients.network import Network
from clients.sdk import Recorded, Session
from ledger.errors import VerificationError

BUYER = data.BUYER
BANK = "meridian-bank"
LENDER = "harbour-finance"
OPERATOR = "scf-operator"
SUPPLIER = "aurobindo"
"""Whose invoice is financed."""

HOSTS = (BUYER, BANK, OPERATOR)
"""Who runs a node. The lender does not, and needs none."""

FIRST_BUSINESS_DATE = "2006-10-31"
BACKDATING_DAYS = 92
"""The story records a quarter at a time, so an invoice may come a quarter after its issue."""

SIMULATED = f"payments are {data.PAYMENTS_ARE}"
CHECK_TIMEOUT_S = 60

Facts = dict[str, Any]


class Stage:
    """Everything that the chapters share."""

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.folder = folder
        self.screen = screen
        self.net: Network
        self.ours: set[str] = set()
        """Ids of the nodes that this run started."""
        self._sessions: dict[str, Session] = {}
        self.reached: Facts = {}
        self._chapter = 0

    def open(self) -> bool:
        """Start the network; whether the ledger was there before.

        Raises:
            NetworkError: it does not start, or the folder holds another network.
        """
        is_reused = (self.folder / network.DESCRIPTION).exists()
        running = (
            {node.pid for node in Network.load(self.folder).nodes if node.is_running} if is_reused else set()
        )
        self.net = network.up(
            self.folder,
            nodes=len(HOSTS),
            hosts=HOSTS,
            organisations=data.organisations(),
            parameters={"business_date": FIRST_BUSINESS_DATE, "backdating_days": BACKDATING_DAYS},
            name="Tallystick demonstration",
            progress=self.screen.note,
        )
        self.ours = {node.id for node in self.net.nodes if node.pid not in running}
        self.folder = self.net.folder
        for organisation in (BUYER, BANK, LENDER, OPERATOR, SUPPLIER):
            self.net.profile(organisation)
        for name in ("evidence", "receipts", "tampered"):
            (self.folder / name).mkdir(exist_ok=True)
        self.reached = self._load_reached()
        return is_reused

    def close(self) -> list[str]:
        """Stop the nodes that this run started."""
        for session in self._sessions.values():
            session.close()
        return network.down(Network.load(self.folder), only=self.ours) if self.ours else []

    def session(self, organisation: str) -> Session:
        """The session of a party, with its own key."""
        if organisation not in self._sessions:
            self._sessions[organisation] = Session(self.net.profile(organisation))
        return self._sessions[organisation]

    def reach(self, **facts: Any) -> None:
        """Note how far the story has come, whole or not at all."""
        self.reached |= facts
        draft = self.folder / "story.draft"
        draft.write_text(json.dumps(self.reached, indent=2) + "\n", encoding="utf-8")
        draft.replace(self.folder / "story.json")

    def _load_reached(self) -> Facts:
        try:
            found = json.loads((self.folder / "story.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        channel = self.net.channel.hex()
        return found if isinstance(found, dict) and found.get("channel") == channel else {"channel": channel}

    # what is shown

    @contextmanager
    def chapter(self, title: str) -> Iterator[Facts]:
        """A numbered chapter; what it puts into the facts is shown by `--json`, with its duration."""
        self._chapter += 1
        self.screen.line()
        self.screen.line(f"{self._chapter}. {title}", STRONG)
        facts: Facts = {}
        started = time.monotonic()
        yield facts
        facts["seconds"] = round(time.monotonic() - started, 2)
        self.screen.line(f"   {facts['seconds']:.1f} s", FAINT)

    def done(self, text: str) -> None:
        """Something that happened."""
        self.screen.line(f"   ✓ {text}", GOOD)

    def say(self, text: str) -> None:
        """Something to know."""
        self.screen.line(f"     {text}", FAINT)

    # evidence

    def keep(self, organisation: str, recorded: list[Recorded]) -> int:
        """Save receipts with the party that they belong to; how many files are new."""
        folder = self.folder / "receipts" / organisation
        folder.mkdir(exist_ok=True)
        files = {
            outcome.receipt: f"{outcome.height}-{outcome.index}.receipt" for outcome in reversed(recorded)
        }
        for content, name in files.items():
            (folder / name).write_bytes(content)
        return len(files)

    @property
    def evidence(self) -> Path:
        """Folder of the story's proof files."""
        return self.folder / "evidence"

    def check_offline(self, *files: Path) -> tuple[int, list[Facts]]:
        """`tally verify` in a fresh process that knows the genesis file and nothing else.

        Raises:
            VerificationError: it could not even read the files.
        """
        command = [sys.executable, "-m", "clients.cli", "verify", *map(str, files), "--json"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
        ended = subprocess.run(  # noqa: S603 (our own interpreter and module)
            [*command, "--genesis", str(self.net.genesis_file)],
            capture_output=True,
            env=environment,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
        if ended.returncode not in (DONE, REFUSED):
            raise VerificationError(
                "the check could not be carried out",
                field=str(files[0]),
                found=(ended.stdout or ended.stderr).decode(errors="replace")[-300:],
            )
        answer = json.loads(ended.stdout)
        return ended.returncode, answer.get("files", [answer])
