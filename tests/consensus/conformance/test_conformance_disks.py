"""A disk that was set back is named; what its node broke because of it is no step of the protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trace_script import Script, Writer, begun, campaign, entry, offer, replicate, store

COMMAND = Path(__file__).parents[3] / "scripts" / "_check_trace.py"


def set_back(node: Writer, *, boot: int, **fields: object) -> None:
    """The node starts on an older copy of its folder: nothing in it, and fewer starts counted."""
    node.boot, node.log, node.last = boot - 1, [], [0, 0]
    node.term, node.vote, node.commit = 0, None, 0
    node.boots(**fields)


def begun_again() -> tuple[Script, Writer, Writer, Writer]:
    """n2 has started twice."""
    script, n1, n2, n3 = begun()
    n2.boots()
    n2.messages = 0
    replicate(n1, [n2, n3], entry(2, 1))
    return script, n1, n2, n3


def test_a_disk_that_is_known_to_be_set_back_is_named_and_breaks_no_rule() -> None:
    script, _, n2, _ = begun_again()
    set_back(n2, boot=3, wiped=True)
    report = script.judge()
    assert (report.broken, report.has_broken_disks) == ({}, False)
    (disk,) = report.disks
    assert (disk.node, disk.boot, disk.seq) == ("n2", 3, 1)
    assert "index 0 of term 0" in disk.found
    assert "index 2 of term 1" in disk.expected


def test_a_restart_that_finds_everything_names_no_disk() -> None:
    script, *_ = begun_again()
    assert script.judge().disks == []


def test_a_disk_that_is_set_back_and_says_nothing_breaks_the_rules() -> None:
    """Whether the disk or the program forgot, nobody can tell: it is not excused."""
    script, _, n2, _ = begun_again()
    set_back(n2, boot=2)
    report = script.judge()
    assert set(report.broken) == {"E1", "T1", "L5"}
    assert report.disks == []


def late(*, told: bool) -> Script:
    """n2 is set back to its first start, takes the log again under ids that it has used, and finds it out."""
    script, n1, n2, _ = begun_again()
    set_back(n2, boot=2)
    n2.messages = 0
    ask = offer(n1, n2, entry(1, 1), entry(2, 1))
    n2.appends(entry(1, 1), entry(2, 1))
    n2.persists()
    n2.sends("append_resp", "n1", ok=True, match=2, re=ask["id"])
    if told:
        n2.emits(
            "drop", reason="own signature found for index 2, which the disk does not hold", set_back=True
        )
    return script


def test_what_a_node_broke_before_it_knew_is_held_against_its_disk() -> None:
    assert set(late(told=False).judge().broken) == {"E1", "T1", "L5", "G1"}
    report = late(told=True).judge()
    assert (report.broken, report.violations) == ({}, [])
    assert report.has_broken_disks
    (disk,) = report.disks
    assert (disk.node, disk.boot) == ("n2", 2)
    assert disk.broken == {"E1": 1, "T1": 1, "L5": 1, "G1": 1}


def test_what_another_node_broke_is_not_excused_by_it() -> None:
    script = late(told=True)
    script["n3"].commits(9)
    report = script.judge()
    assert report.broken == {"C1": 1}
    assert [each.node for each in report.violations] == ["n3"]


def test_what_the_node_broke_in_an_earlier_life_is_not_excused() -> None:
    script, n1, n2, n3 = begun()
    n2.seq += 1
    n2.emits("drop", reason="one event before this one is missing")
    set_back(n2, boot=1)
    n2.emits("drop", reason="own signature found", set_back=True)
    assert script.judge().broken == {"E1": 1}
    assert n1.term == n3.term


def away_and_back(*, acknowledges: bool) -> Script:
    """n2 runs on an older copy, takes more than it had, and gets its own disk again."""
    script, n1, n2, _ = begun_again()
    log = [list(each) for each in n2.log]
    set_back(n2, boot=3, wiped=True)
    n1.appends(entry(3, 1))
    n1.persists()
    store(n1, n2, entry(1, 1), entry(2, 1), entry(3, 1), signs=acknowledges)
    n2.commit = 2
    n2.boots(tail=log, applied=2)
    return script


def test_the_newest_disk_may_take_its_place_again() -> None:
    """What a node stores that promises nothing is no promise."""
    assert away_and_back(acknowledges=False).judge().broken == {}


def test_what_was_acknowledged_meanwhile_must_be_there() -> None:
    assert set(away_and_back(acknowledges=True).judge().broken) == {"L5"}


def test_two_leaders_of_a_term_are_not_excused_by_a_forgotten_vote() -> None:
    """The network's promise is broken, whoever began it."""
    script, n1, n2, n3 = begun()
    set_back(n2, boot=2)
    n3.log, n3.last, n3.term, n3.vote, n3.commit = [], [0, 0], 0, None, 0
    n3.boots(wiped=True)
    campaign(n3, n2)
    n2.emits("drop", reason="own signature found", set_back=True)
    report = script.judge()
    assert "T7" in report.broken
    assert n1.role == "leader"


@pytest.mark.parametrize(("told", "code"), [(False, 1), (True, 3)])
def test_check_trace_names_the_disk_and_ends_with_a_code_of_its_own(
    tmp_path: Path, told: bool, code: int
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in late(told=told).events))
    ended = subprocess.run(
        [sys.executable, str(COMMAND), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == code, ended.stderr
    assert ("The disk of n2 boot 2" in ended.stdout) == told
    assert ("No rule was broken." in ended.stdout) == told


def test_a_store_that_is_excused_is_still_judged() -> None:
    """From its own disk on, a mute node is judged like any other."""
    script, n1, n2, _ = begun_again()
    set_back(n2, boot=3, wiped=True)
    n1.appends(entry(3, 1))
    n1.persists()
    store(n1, n2, entry(1, 1), entry(2, 1), entry(3, 1), signs=False)
    assert script.judge().broken == {}
    n2.commits(9)
    assert script.judge().broken == {"C1": 1}
