"""Each requirement of the consensus is named by a test: `CR-17` in its docstring, or `cr17` in its name.

A name is a promise that a reader can follow from a requirement to what holds it, not a proof: that a
test fails when the rule is broken was checked with deliberate bugs, here and in `tests/sim`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

REQUIREMENTS = {
    1: "a higher term is adopted first",
    2: "a lower term changes nothing and is told",
    3: "one vote a term, the same one again",
    4: "no vote for a log that is behind",
    5: "votes leave when they are durable",
    6: "a restart finds term, vote and log",
    7: "a quorum of granting voters elects",
    8: "refusals and ties end a campaign",
    9: "a candidate follows its term's leader",
    10: "timeouts are drawn anew",
    11: "a term begins with an entry of its own",
    12: "a lone voter needs nobody",
    13: "who has no vote does not campaign",
    14: "no election while a leader is heard",
    15: "a pre-vote changes nothing",
    16: "a returning node does not disturb",
    17: "terms spread by refused pre-votes",
    18: "a pre-candidate forgets its leader",
    19: "a node stuck in a higher term is freed",
    20: "a leader without a quorum resigns",
    21: "a paused leader confirms nothing",
    22: "unknown is not called failed",
    23: "an append after something else is refused",
    24: "a late append cuts nothing",
    25: "a conflict with what is committed stops the node",
    26: "an answer reaches as far as its request",
    27: "a refusal moves only a guess",
    28: "a round trip for each differing term",
    29: "what is not durable does not count",
    30: "a late completion marks nothing else",
    31: "equal index and term, equal bytes",
    32: "a leader only appends, in its own term",
    33: "an old term's answers count for nothing",
    34: "messages of strangers and for others",
    35: "torn ends and damage of the log",
    36: "a failed sync ends everything",
    37: "older terms are not committed by counting",
    38: "commit goes to what a quorum stores",
    39: "a follower commits what is confirmed",
    40: "commit never moves back",
    41: "a new leader holds what is committed",
    42: "applied in order, once, durable first",
    43: "catching up in pages",
    44: "an idle leader still tells of commits",
    45: "one probe at a time",
    46: "a full window does not silence a follower",
    47: "back to pipelining",
    48: "a snapshot instead of an invented term",
    49: "uncommitted data is bounded",
    50: "all converge after any trouble",
    51: "a slow minority slows nobody",
    52: "one-way cuts leave a lasting leader",
    53: "a configuration governs from the log on",
    54: "one change of the members at a time",
    55: "no change before a commit of the own term",
    56: "voters change through a joint configuration",
    57: "each half has its own majority",
    58: "impossible changes are refused",
    59: "learners catch up before they vote",
    60: "a removed leader finishes and leaves",
    61: "a removed node disturbs nobody",
    62: "a removed id never returns",
    63: "a log that begins with a snapshot",
    64: "a snapshot keeps what is held",
    65: "replication goes on around a snapshot",
    66: "a crash at any step of a snapshot",
    67: "a snapshot's members govern, and it is verified",
    68: "an acknowledgement is for one block",
    69: "one signature for a term and height",
    70: "two statements of a liar are a proof",
    71: "one thing wrong voids a certificate",
    72: "a leader commits by certificates only",
    73: "older blocks are proved by later ones",
    74: "two certificates at a height halt",
    75: "a replayed acknowledgement counts once",
    76: "a lost disk promises nothing",
    77: "a block that cannot be reproduced",
    78: "no read before the term's first commit",
    79: "reads are confirmed by later requests",
    80: "one round confirms all reads",
    81: "no leases, and clocks may jump",
    82: "a successor is caught up first",
    83: "a handover in vain ends",
    84: "to whom leadership may go",
    85: "an orderly stop hands over",
    86: "equal inputs, equal outputs",
    87: "persist, send, apply",
    88: "absurd messages change nothing",
}


@cache
def named() -> dict[int, list[str]]:
    """For each number, the tests that name it in their name or docstring."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                words = f"{node.name.replace('_', ' ')} {ast.get_docstring(node) or ''}"
                for number in {int(each) for each in re.findall(r"\bcr-?(\d\d)\b", words, re.IGNORECASE)}:
                    found[number].append(f"{path.relative_to(TESTS)}::{node.name}")
    return found


@pytest.mark.parametrize("number", REQUIREMENTS, ids=lambda number: f"CR{number:02}")
def test_a_test_names_the_requirement(number: int) -> None:
    assert named()[number], f"no test names CR-{number:02}: {REQUIREMENTS[number]}"


def test_no_test_names_a_requirement_that_is_not_there() -> None:
    assert list(REQUIREMENTS) == list(range(1, 89))
    assert {number: tests for number, tests in named().items() if number not in REQUIREMENTS} == {}
