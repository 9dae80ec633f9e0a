"""The campaign over the whole contract set, a bounded number of operations of it.

`scripts/contract-campaign` plays as many as one likes, and says which operations it has covered.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain

import pytest
from campaign.books import Books
from campaign.episodes import (
    OPERATIONS_A_LEDGER,
    Coverage,
    Episode,
    Failed,
    fails,
    run_campaign,
    run_episode,
)
from campaign.plain.operations import FUNCTIONS, SILENT
from campaign.plain.world import World
from campaign.player import Step
from campaign.shrink import describe, kind_of, shrink
from campaign.themes import NEEDS, THEMES, favourites, needs
from trade_ledger import invoice

from contracts.registry import OPERATIONS

SEED = 1
SEEDS = (3, 7, 8, 10)
"""Of the ledgers that are played here: of recourse, of certificates, of insurance, of trade."""
LEAST_SHARE = 0.6
"""Of the operations of the registry, that so few operations have seen applied at least."""


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return [run_episode(seed, OPERATIONS_A_LEDGER) for seed in SEEDS]


@pytest.fixture(scope="module")
def coverage(episodes: list[Episode]) -> Coverage:
    total = Coverage()
    for episode in episodes:
        total.add(episode.coverage)
    return total


def test_random_operations_break_no_law_agree_with_the_books_and_replay(coverage: Coverage) -> None:
    """All invariants that a state or a step shows, after each of them; 23 at the end of each episode."""
    assert coverage.operations >= len(SEEDS) * OPERATIONS_A_LEDGER
    assert coverage.applied.total() > coverage.operations // 3, "most of what is played should be taken"


def test_even_a_short_campaign_reaches_most_operations(coverage: Coverage) -> None:
    assert len(coverage.never_applied) < (1 - LEAST_SHARE) * len(OPERATIONS), coverage.never_applied
    assert len(coverage.codes) > 40


def test_an_episode_follows_from_its_seed() -> None:
    first, again = run_episode(7, 60), run_episode(7, 60)
    assert first.script == again.script
    assert first.ledger.state.data == again.ledger.state.data


def test_what_the_books_forbid_and_the_ledger_takes_fails_and_is_made_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule that a ledger forgot, here one made up: the campaign finds it, and a few steps show it."""

    def forbids(self: Books, key: str, operation: dict[str, object]) -> str | None:
        return "a rule that the ledger forgot" if operation["op"] == "invoice.confirm" else None

    monkeypatch.setattr(Books, "forbids", forbids)
    with pytest.raises(Failed) as caught:
        run_campaign(SEED, 400)
    failed = caught.value
    short = shrink(failed.parameters, failed.script, failed.cause)
    assert len(short) <= 4 < len(failed.script)
    cause = fails(failed.parameters, short)
    assert cause is not None
    assert kind_of(cause) == kind_of(failed.cause)
    assert "op=invoice.confirm" in describe(short)


def test_books_that_say_another_debt_than_the_ledger_are_noticed() -> None:
    episode = Episode({})
    bill = Step("acme", (invoice("I", 100),), True)
    episode.play(bill)
    episode.books.world.bills["acme", "I"].credited = 1
    with pytest.raises(AssertionError, match=r"invoice: .* the books say"):
        episode.play(Step("acme", ({"op": "invoice.cancel", "invoice": "none"},), True))


def _more_in_a_deposit(world: World) -> None:
    world.cash.free[next(place for place, free in world.cash.free.items() if free)] += 1


def _more_out_to_a_lender(world: World) -> None:
    next(bill.claim for bill in world.bills.values() if bill.held is not None).parts[0].left += 1


def _more_of_a_reserve(world: World) -> None:
    next(bill.claim for bill in world.bills.values() if bill.claim is not None).reserve += 1


def _more_paid_on_what_is_over(world: World) -> None:
    ended = (claim for bill in world.bills.values() for claim in bill.ended)
    next(claim for claim in ended if not claim.is_replaced).collected += 1


def _another_holder(world: World) -> None:
    next(iter(world.certificates.values())).leaves[-1].holder = "nobody"


def _another_demand(world: World) -> None:
    next(iter(world.demands.values())).state = "Forgotten"


def _another_rate(world: World) -> None:
    next(each for each in world.auctions.values() if each.parts).rate_ppm += 1


def _more_discount(world: World) -> None:
    next(bill.early for bill in world.bills.values() if bill.early is not None).discount += 1


def _another_answer(world: World) -> None:
    answers = next(iter(world.requests.values())).answers
    answers[next(iter(answers))] = "Forgotten"


def _more_to_settle(world: World) -> None:
    next(iter(world.settlements.values())).amount += 1


def _a_dearer_exchange(world: World) -> None:
    next(each for each in world.exchanges.values() if each.price).price += 1


def _more_promised(world: World) -> None:
    next(iter(world.policies.values())).promised += 1


def _more_indemnified(world: World) -> None:
    next(iter(world.losses.values())).indemnity += 1


@pytest.mark.parametrize(
    ("tamper", "part"),
    [
        (_more_in_a_deposit, "deposit"),
        (_more_out_to_a_lender, "claim"),
        (_more_of_a_reserve, "claim"),
        (_more_paid_on_what_is_over, "ended claim"),
        (_another_holder, "leaf"),
        (_another_demand, "demand"),
        (_another_rate, "auction"),
        (_more_discount, "early payment"),
        (_another_answer, "request"),
        (_more_to_settle, "settlement"),
        (_a_dearer_exchange, "exchange"),
        (_more_promised, "policy"),
        (_more_indemnified, "insurance claim"),
    ],
)
def test_any_other_figure_in_the_books_is_noticed(
    episodes: list[Episode], tamper: Callable[[World], None], part: str
) -> None:
    for played in chain(episodes, (run_episode(seed, OPERATIONS_A_LEDGER) for seed in range(11, 31))):
        books = copy.deepcopy(played.books)
        try:
            tamper(books.world)
        except StopIteration:  # this ledger has nothing of the kind
            continue
        with pytest.raises(AssertionError, match=f"^{part}: of .* the books say"):
            books.compare(played.ledger.kinds)
        return
    pytest.fail("no ledger has what is to be changed")


def test_what_the_plain_ledger_could_not_do_must_not_have_been_taken() -> None:
    episode = Episode({})
    episode.play(Step("acme", (invoice("I", 100),), True))
    billed = {"op": "invoice.cancel", "invoice": "I"}
    episode.books.world.bills["acme", "I"].paid = 1
    with pytest.raises(AssertionError, match=r"invoice\.cancel of acme was taken: money stands against it"):
        episode.books.take("acme", billed, episode.ledger.kinds)


def test_the_plain_ledger_follows_every_operation_but_those_that_change_nothing_it_knows_of() -> None:
    """Who adds an operation says what it does there, or that it does nothing."""
    silent = {name for name in OPERATIONS if name in SILENT or name.split(".")[0] in SILENT}
    assert silent == OPERATIONS.keys() - FUNCTIONS.keys()


def test_every_operation_is_in_a_theme_and_what_leads_to_it_exists() -> None:
    named = set().union(*(favourites(theme) for theme in THEMES))
    assert OPERATIONS.keys() - named == {"date.advance"}
    assert NEEDS.keys() <= OPERATIONS.keys()
    for name in OPERATIONS:
        assert set(needs(name)) <= OPERATIONS.keys() - {name}
