"""The campaign over the whole contract set, a bounded number of operations of it.

`scripts/contract-campaign` plays as many as one likes, and says which operations it has covered.
"""

from __future__ import annotations

import pytest
from campaign.books import Books
from campaign.episodes import Coverage, Episode, Failed, fails, run_campaign, run_episode
from campaign.player import Step
from campaign.shrink import describe, kind_of, shrink
from trade_ledger import DAY, invoice

from contracts.registry import OPERATIONS

SEED = 1
OPERATIONS_HERE = 1_200
LEAST_SHARE = 0.6
"""Of the operations of the registry, that so few operations have seen applied at least."""


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return run_campaign(SEED, OPERATIONS_HERE)


def test_random_operations_break_no_law_agree_with_the_books_and_replay(coverage: Coverage) -> None:
    """All invariants that a state or a step shows, after each of them; 23 at the end of each episode."""
    assert coverage.operations >= OPERATIONS_HERE
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
    episode.books.debts["acme", "I"].owed = 99
    with pytest.raises(AssertionError, match="the books say"):
        episode.play(Step("acme", ({"op": "invoice.cancel", "invoice": "none"},), True))
    assert Books(DAY).debts == {}
