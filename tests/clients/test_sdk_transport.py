"""Transcripts of `exchange`: which node is asked when, without any I/O."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.errors import Unavailable
from clients.sdk.transport import (
    FIRST_PAUSE_S,
    MAX_RETRY_AFTER_S,
    MOST_PAUSE_S,
    Call,
    Nodes,
    Pause,
    Reply,
    Send,
    Unreachable,
    exchange,
    retry_after_s,
)

CALL = Call("POST", "/x", body=b"the same bytes")


class Script:
    """Answers steps from a list and keeps the clock; a transcript is what was done."""

    def __init__(
        self, nodes: Nodes, deadline_s: float, answers: Sequence[int | str | tuple[int, int]]
    ) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.pauses: list[float] = []
        self._answers = list(answers)
        self._steps = exchange(nodes, CALL, deadline_s, lambda: self.now)

    def run(self) -> Reply:
        came: Reply | Unreachable | None = None
        while True:
            try:
                step = self._steps.send(came)
            except StopIteration as stop:
                return stop.value
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.now += step.seconds
                came = None
            else:
                came = self._answer(step)

    def _answer(self, step: Send) -> Reply | Unreachable:
        assert step.call.body == CALL.body
        self.asked.append(step.node)
        self.now += 0.001
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, str):
            return Unreachable(step.node, answer, was_sent=answer != "does not take connections")
        status, wait = answer if isinstance(answer, tuple) else (answer, None)
        return Reply(step.node, status, {} if wait is None else {"retry-after": str(wait)}, b"")


def test_node_that_answers_is_kept() -> None:
    nodes = Nodes(["a", "b"])
    assert Script(nodes, 10, [200]).run().status == 200
    assert nodes.current == "a"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_answer_about_the_request_itself_is_final(status: int) -> None:
    script = Script(Nodes(["a", "b"]), 10, [status])
    assert script.run().status == status
    assert script.asked == ["a"]


@pytest.mark.parametrize("failure", ["does not take connections", "is silent", "broke off", 502, 503, 504])
def test_next_node_is_asked_at_once_and_kept(failure: str | int) -> None:
    nodes = Nodes(["a", "b", "c"])
    script = Script(nodes, 10, [failure, 200])
    assert script.run().node == "b"
    assert (script.asked, script.pauses) == (["a", "b"], [])
    assert nodes.current == "b"


def test_what_one_node_does_not_hold_is_asked_of_the_next() -> None:
    nodes = Nodes(["a", "b", "c"])
    script = Script(nodes, 10, [421, 200])
    assert script.run().node == "b"
    assert (script.asked, script.pauses, nodes.current) == (["a", "b"], [], "b")


def test_what_no_node_holds_is_said_after_one_round() -> None:
    script = Script(Nodes(["a", "b"]), 10, [421])
    assert script.run().status == 421
    assert (script.asked, script.pauses) == (["a", "b"], [])


def test_who_holds_it_may_be_away_for_a_moment() -> None:
    script = Script(Nodes(["a", "b"]), 10, [421, "is silent", 421, 200])
    assert script.run().node == "b"
    never = Script(Nodes(["a", "b"]), 0.2, [421, "is silent"] * 9)
    assert never.run().status == 421
    assert never.now <= 0.2 + 0.01


def test_after_a_whole_round_without_success_it_waits_and_doubles() -> None:
    script = Script(Nodes(["a", "b"]), 10, ["is silent"] * 8 + [200])
    script.run()
    assert script.asked == ["a", "b"] * 4 + ["a"]
    for number, pause in enumerate(script.pauses):
        whole = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2**number)
        assert whole / 2 <= pause <= whole


def test_retry_after_of_a_round_is_honoured() -> None:
    script = Script(Nodes(["a", "b"]), 60, [(503, 7), (503, 3), 200])
    script.run()
    assert (script.asked, script.pauses) == (["a", "b", "a"], [3])


def test_a_full_share_waits_at_the_same_node() -> None:
    script = Script(Nodes(["a", "b"]), 60, [(429, 2), 200])
    script.run()
    assert (script.asked, script.pauses) == (["a", "a"], [2])


def test_deadline_ends_it_and_says_what_each_node_did() -> None:
    script = Script(
        Nodes(["a", "b"]), 0.5, ["is silent", 503, "is silent", 503, "is silent", 503, "is silent"]
    )
    with pytest.raises(Unavailable) as caught:
        script.run()
    assert script.now <= 0.5 + 0.01
    assert caught.value.was_sent
    assert "is silent" in str(caught.value)


def test_nothing_was_sent_if_no_node_took_a_connection() -> None:
    script = Script(Nodes(["a", "b"]), 0.1, ["does not take connections"])
    with pytest.raises(Unavailable) as caught:
        script.run()
    assert not caught.value.was_sent


def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    script = Script(Nodes(["a"]), 5, [(503, 30)])
    with pytest.raises(Unavailable):
        script.run()
    assert script.now < 1


@given(st.text(max_size=12))
def test_retry_after_is_a_bounded_number_or_nothing(text: str) -> None:
    found = retry_after_s({"retry-after": text})
    assert found is None or 0 <= found <= MAX_RETRY_AFTER_S


@given(
    st.lists(
        st.sampled_from(
            ["is silent", "broke off", "does not take connections", 503, 504, 429, (503, 1), (429, 1)]
        ),
        max_size=40,
    )
)
def test_whatever_fails_it_ends_by_the_deadline_or_succeeds(
    failures: list[int | str | tuple[int, int]],
) -> None:
    script = Script(Nodes(["a", "b", "c"]), 20, [*failures, 200])
    try:
        assert script.run().status == 200
    except Unavailable:
        assert len(script.asked) <= len(failures)
    assert script.now <= 20 + 0.01
