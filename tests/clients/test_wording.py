"""Numbers of things, in words."""

import pytest

from clients.wording import counted, counted_are


@pytest.mark.parametrize(
    ("number", "one", "words"),
    [
        (1, "invoice", "1 invoice"),
        (0, "entry", "0 entries"),
        (2_000, "day", "2,000 days"),
        (3, "leaf", "3 leaves"),
        (2, "more approval", "2 more approvals"),
    ],
)
def test_one_is_told_from_several(number: int, one: str, words: str) -> None:
    assert counted(number, one) == words


def test_the_verb_goes_with_the_number() -> None:
    assert [counted_are(1, "payment"), counted_are(2, "payment")] == ["1 payment is", "2 payments are"]
