"""Why a node is not ready: one reason, with a stable code and what to do."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from node_network import Cluster, run, until

import node.readiness
from node.errors import NotAdmitted, shutting_down
from node.readiness import REMEDIES, Reach, Standing, not_ready

LINKED = Reach("n2", True, "", is_met=False)
LINKED_TOO = replace(LINKED, node="n4")
SILENT = Reach("n3", False, "cannot connect: Connection refused", is_met=False)
STRANGE = Reach("n3", False, "the key is not that of n3", is_met=True)

READY = Standing(
    closed=None,
    problem=None,
    leader="n2",
    is_leader=False,
    leads=False,
    behind_blocks=0,
    applied_height=7,
    followed_height=3,
    is_gone=False,
    majority=2,
    is_voter=True,
    is_mute=False,
    silent_ms={},
    others=(LINKED, SILENT),
)

NO_LEADER = NotAdmitted("no_leader", "no leader is known")
CASES: dict[str, tuple[Standing, str, str]] = {
    "told to stop": (replace(READY, closed=shutting_down(), leader=None), "shutting_down", "being stopped"),
    "a problem, and no leader": (
        replace(READY, problem=("lost_data", "does not hold"), leader=None, closed=NO_LEADER),
        "lost_data",
        "does not hold",
    ),
    "removed while away": (replace(READY, followed_height=9, is_gone=True), "removed", "block 9"),
    "an election": (replace(READY, leader=None), "no_leader", "linked (n2)"),
    "voters that do not answer": (
        replace(READY, leader=None, silent_ms={"n2": 12_300, "n4": 900}, others=(LINKED, LINKED_TOO)),
        "no_leader",
        "(n2, n4): an election goes on; without an answer when asked for a vote: n2 (for 12 s), n4 (for 0 s)",
    ),
    "a leader that is not linked": (
        replace(READY, leader=None, silent_ms={"n2": 12_300, "n3": 12_300}),
        "no_leader",
        "(cannot connect: Connection refused); without an answer when asked for a vote: n2 (for 12 s)",
    ),
    "a repaired node": (replace(READY, leader=None, is_mute=True), "no_leader", "has lost data, and gives"),
    "too few voters": (
        replace(READY, leader=None, others=(SILENT, replace(SILENT, node="n4"))),
        "no_quorum",
        "takes 2 voters, and this node is linked with nobody; without a link: n3 (cannot connect: Conn",
    ),
    "a learner needs others": (
        replace(READY, leader=None, is_voter=False),
        "no_quorum",
        "without a link: n3",
    ),
    "never tried": (
        replace(READY, leader=None, others=(replace(SILENT, problem=""),)),
        "no_quorum",
        "n3 (no address, or not tried yet)",
    ),
    "others have changed": (
        replace(READY, leader=None, followed_height=9),
        "members_unknown",
        "changed at block 9, this node's ledger ends at 7",
    ),
    "strangers answer": (replace(READY, leader=None, others=(STRANGE,)), "members_unknown", "not that of n3"),
    "just elected": (replace(READY, is_leader=True), "new_leader", "not begun"),
    "far behind": (replace(READY, behind_blocks=100), "catching_up", "100 blocks behind n2"),
    "nothing yet": (replace(READY, applied_height=0, followed_height=0), "empty_ledger", "nothing"),
    "closed": (
        replace(READY, closed=NotAdmitted("storage_failed", "no disk")),
        "storage_failed",
        "disk",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_reason_is_the_first_that_holds(case: str) -> None:
    stands, code, sentence = CASES[case]
    reason = not_ready(stands)
    assert reason is not None
    assert reason.code == code
    assert sentence in reason.sentence
    assert reason.as_dict() == {"code": code, "sentence": reason.sentence, "remedy": REMEDIES[code]}


def test_a_ready_node_has_no_reason() -> None:
    assert not_ready(READY) is None
    assert not_ready(replace(READY, leader="n1", is_leader=True, leads=True)) is None


def test_every_code_has_a_case_or_a_problem_a_remedy_and_a_line_in_the_documents() -> None:
    folder = Path(node.readiness.__file__).parent
    problems = {
        code for path in folder.rglob("*.py") for code in re.findall(r'Problem\(\s*"(\w+)"', path.read_text())
    }
    assert {"lost_data", "removed", "halted", "forked", "bug"} <= problems
    assert problems | {code for _, code, _ in CASES.values()} == set(REMEDIES)
    documented = (folder.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    for code in REMEDIES:
        assert f"`{code}`" in documented, code
        assert code in (node.readiness.__doc__ or ""), code


def test_voters_that_lost_their_disks_are_named_to_whoever_waits_for_their_vote(tmp_path: Path) -> None:
    """CR-76: of two mute voters nothing is heard, so the third says whom to call, and for how long."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.stop()
        for lost in ("n2", "n3"):
            shutil.rmtree(cluster.folder / lost)
            (cluster.folder / lost).mkdir()
        await cluster.start()
        node = cluster.nodes["n1"]
        await until(lambda: set(node.service.status()["silent_voters_ms"]) == {"n2", "n3"}, "the silent")
        shown = node.service.status()["not_ready"]
        assert shown["code"] == "no_leader"
        assert re.search(r"asked for a vote: n2 \(for \d+ s\), n3 \(for \d+ s\)$", shown["sentence"])
        assert "promises" in shown["remedy"]
        await until(lambda: "n2, n3" in str(node.driver._admission.closed), "the refusal")
        assert cluster.nodes["n2"].service.status()["silent_voters_ms"] == {}
        await cluster.stop()

    run(scenario)


def test_a_node_alone_says_whom_it_misses_and_an_election_is_told_from_a_quorum_lost(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start("n1")
        service = cluster.nodes["n1"].service

        def code() -> str:
            shown = service.status()["not_ready"]
            return str(shown and shown["code"])

        await until(lambda: code() == "no_quorum", "no quorum")
        shown = service.status()["not_ready"]
        await until(lambda: "cannot connect" in service.status()["not_ready"]["sentence"], "why")
        assert "takes 2 voters" in shown["sentence"]
        assert not service.status()["ready"]
        await cluster.start("n2")
        await until(lambda: service.ready, "ready")
        assert service.status()["not_ready"] is None
        await cluster.stop()

    run(scenario)
