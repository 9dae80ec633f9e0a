"""Episodes: fresh ledgers on which random operations run, and what a campaign of them has covered.

    step      a law of the contracts, or an entry of the books, after each transaction
    end       invariant 23: the same bytes from genesis give the same state, results and records

An episode follows from its seed alone. What fails is kept as a script, the signed bytes in their order, which
plays again without any chance.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from trade_ledger import DAY

from campaign.arranging import payables_programme
from campaign.books import Books
from campaign.draw import Draw
from campaign.financing import programme_terms
from campaign.ledger import CampaignLedger, signing_key
from campaign.player import Step, first_steps, next_step, remember
from campaign.subjects import Move, moves
from campaign.themes import THEMES, favourites
from contracts.errors import REMEDIES
from contracts.registry import OPERATIONS
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed

OPERATIONS_A_LEDGER = 400
"""Of one episode: enough for an auction, a default and a claim to come to their end."""
FIRST_MONEY = 5_000_000
"""Minor units that everybody has at the bank at first."""

Script = tuple[Step | None, ...]
Parameters = dict[str, int | str]


@dataclass
class Coverage:
    """How often each operation was taken, and refused with which code."""

    applied: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    written: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Operation → kinds of state entries that it has changed."""
    moved: dict[str, set[Move]] = field(default_factory=lambda: defaultdict(set))
    """Operation → how it has moved objects on their axes."""

    @property
    def operations(self) -> int:
        """All that were played."""
        return self.applied.total() + self.refused.total() + self.malformed.total()

    @property
    def never_applied(self) -> list[str]:
        """Operations of the registry that were never taken."""
        return [name for name in OPERATIONS if not self.applied[name]]

    @property
    def codes(self) -> Counter[str]:
        """How often each code was given."""
        found: Counter[str] = Counter()
        for (_, code), count in self.refused.items():
            found[code] += count
        return found

    def refused_of(self, name: str) -> dict[str, int]:
        """How often an operation was refused with each code."""
        return {code: count for (op, code), count in self.refused.items() if op == name}

    def add(self, other: Coverage) -> None:
        """Count another's as well."""
        self.applied += other.applied
        self.refused += other.refused
        self.malformed += other.malformed
        for op, kinds in other.written.items():
            self.written[op] |= kinds
        for op, moved in other.moved.items():
            self.moved[op] |= moved


class Failed(Exception):
    """An episode that failed, with all that shows it."""

    def __init__(self, seed: int, parameters: Parameters, script: Script, cause: Exception) -> None:
        super().__init__(f"seed {seed}, step {len(script)}: {type(cause).__name__}: {cause}")
        self.seed = seed
        self.parameters = parameters
        self.script = script
        self.cause = cause


class Episode:
    """A ledger with its books, on which steps are played and checked."""

    def __init__(self, parameters: Parameters, ledger: CampaignLedger | None = None) -> None:
        self.parameters = parameters
        self.ledger = ledger or CampaignLedger(parameters)
        self.books = Books(DAY)
        self.coverage = Coverage()
        self.script: list[Step | None] = []

    def play(self, step: Step | None) -> None:
        """Play one step and check everything.

        Raises:
            AssertionError: a law does not hold, or the books say otherwise.
        """
        self.script.append(step)
        if step is None:
            self.ledger.step_membership()
            return
        try:
            transaction = self.ledger.sign(step.signer, step.operations, step.atomic)
            refused: Any = self.ledger.execute(transaction)
        except Malformed:
            self.coverage.malformed.update(operation["op"] for operation in step.operations)
            return
        self._book(step, refused)
        self.books.compare(self.ledger.kinds)

    def _book(self, step: Step, refused: Any) -> None:
        codes = {index: code for index, code, _ in refused}
        for index, code in codes.items():
            assert code in REMEDIES, f"the code {code} has no remedy"
            self.coverage.refused[step.operations[index]["op"], code] += 1
        if refused and step.atomic:
            return
        for index, operation in enumerate(step.operations):
            if index in codes:
                continue
            self.coverage.applied[operation["op"]] += 1
            self.books.take(step.signer, operation, self.ledger.kinds)
            if len(step.operations) == 1:
                self.coverage.written[operation["op"]] |= self.ledger.written
                self.coverage.moved[operation["op"]] |= moves(self.ledger.before, self.ledger.kinds)

    def replay(self) -> None:
        """Invariant 23: the same bytes give the same state, results and records."""
        again = CampaignLedger(self.parameters, is_checked=False)
        for kept in self.ledger.log:
            if kept is None:
                again.step_membership()
            else:
                again.execute(Transaction.decode(kept.envelope))
        assert again.state.data == self.ledger.state.data, "invariant 23: another state"
        assert again.results == self.ledger.results, "invariant 23: other results"
        assert again.records == self.ledger.records, "invariant 23: other records"


def opening(draw: Draw) -> list[Step]:
    """What everybody begins with: accounts with money, and terms to lend on."""
    steps = []
    for bank, currency, clients in (
        ("bank", "USD", ("acme", "bolt", "trio", "mega", "nova", "loan", "fund", "cover")),
        ("giro", "EUR", ("acme", "mega", "fund", "loan")),
    ):
        for client in clients:
            account = f"{bank}/{client}/{currency}"
            place = {"client": client, "currency": currency, "account": account}
            opened = {"op": "custody.open", **place, "payout": f"elsewhere {client}"}
            booked = {"op": "deposit.mint", **place, "entry": "first", "date": DAY, "amount": FIRST_MONEY}
            steps.append(Step(bank, (opened, booked), True))
    for lender in ("loan", "fund"):
        published = tuple(
            {
                "op": "programme.publish",
                "programme": f"of-{lender}-{number}",
                "terms": {**programme_terms(draw), "currency": currency},
            }
            for number, currency in enumerate(("USD", "EUR"))
        )
        steps.append(Step(lender, published, True))
    steps.append(Step("loan", (payables_programme(),), True))
    for owner in ("acme", "bolt"):
        more = {"op": "key.add", "key": signing_key(f"{owner}+1").public, "name": "another machine"}
        steps.append(Step(owner, (more,), True))
    return steps


def run_episode(seed: int, operations: int) -> Episode:
    """Play an episode to its end.

    Raises:
        Failed: a law does not hold.
    """
    episode = play_episode(seed, operations)
    try:
        episode.replay()
    except Exception as cause:
        raise Failed(seed, episode.parameters, tuple(episode.script), cause) from cause
    return episode


def play_episode(
    seed: int, operations: int, make: Callable[[Parameters], CampaignLedger] = CampaignLedger
) -> Episode:
    """Play an episode on a ledger of one's own, and leave the replay to others.

    Raises:
        Failed: a law does not hold.
    """
    rng = Random(seed)
    parameters = _parameters(rng)
    episode = Episode(parameters, make(parameters))
    theme = favourites(THEMES[seed % len(THEMES)])
    draw = Draw(rng, episode.ledger, episode.coverage.applied, theme)
    try:
        for first in opening(draw):
            episode.play(first)
            remember(draw, first)
        for first in first_steps(draw):
            episode.play(first)
        while episode.coverage.operations < operations:
            step = next_step(draw)
            episode.play(step)
            if step is not None:
                remember(draw, step)
    except Exception as cause:
        raise Failed(seed, parameters, tuple(episode.script), cause) from cause
    return episode


def _parameters(rng: Random) -> Parameters:
    return {
        "quantity_tolerance_ppm": rng.choice([0, 100_000]),
        "price_tolerance_ppm": rng.choice([0, 10_000]),
        "return_days": rng.choice([14, 60]),
        "backdating_days": rng.choice([5, 3_660]),
        "payout_cooling_days": rng.choice([0, 2]),
        "membership_approvals": rng.choice([0, 1]),
    }


def run_campaign(seed: int, operations: int, seen: Callable[[Coverage], None] = lambda _: None) -> Coverage:
    """Episodes from a seed on until so many operations were played; what they covered.

    `seen` is told the coverage so far after each episode.

    Raises:
        Failed: a law does not hold; the seed of the exception plays it again.
    """
    total = Coverage()
    while total.operations < operations:
        most = min(OPERATIONS_A_LEDGER, operations - total.operations)
        total.add(run_episode(seed, most).coverage)
        seed += 1
        seen(total)
    return total


def fails(parameters: Parameters, script: Iterable[Step | None]) -> Exception | None:
    """Why a script fails, by itself and without chance; None if it does not."""
    episode = Episode(parameters)
    try:
        for step in script:
            episode.play(step)
        episode.replay()
    except Exception as cause:
        return cause
    return None
