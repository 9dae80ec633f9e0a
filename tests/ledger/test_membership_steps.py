"""The steps between memberships: which are legal, and that every target is reached by legal ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from membership_steps import member, members, settled

from ledger.errors import BlockInvalid, Malformed
from ledger.limits import MAX_MEMBERS
from ledger.members.membership import (
    ENTER,
    LEARNERS,
    LEAVE,
    MAX_STEPS,
    Member,
    Membership,
    check_step,
    next_membership,
    step,
    steps_to,
)

THREE = settled("n1", "n2", "n3")
NODES = [f"n{number}" for number in range(1, 9)]


def joint(voters, outgoing, learners=(), quorum=None, outgoing_quorum=None):
    return Membership.of(
        len(voters) // 2 + 1 if quorum is None else quorum,
        members(*voters),
        outgoing=members(*outgoing),
        outgoing_quorum=len(outgoing) // 2 + 1 if outgoing_quorum is None else outgoing_quorum,
        learners=members(*learners),
    )


def test_each_half_of_a_joint_membership_counts_by_itself():
    """CR-57: a node of both counts in both, and the union's majority is never enough."""
    membership = joint(["n1", "n2", "n3"], ["n3", "n4", "n5"])
    assert membership.has_majority(["n1", "n3", "n4"])
    assert membership.has_majority(["n2", "n3", "n5"])
    assert not membership.has_majority(["n1", "n2", "n3"])
    assert not membership.has_majority(["n3", "n4", "n5"])
    assert not membership.has_majority(["n1", "n2", "n4"])
    assert membership.has_quorum(["n1", "n3", "n4"])
    assert not joint(["n1", "n2", "n3"], ["n3", "n4", "n5"], outgoing_quorum=3).has_quorum(["n1", "n3", "n4"])
    assert not joint(["n1", "n2", "n3"], ["n3", "n4", "n5"], quorum=3).has_quorum(["n1", "n3", "n4"])


def test_learners_count_for_nothing():
    """CR-59."""
    membership = settled("n1", "n2", "n3", learners=("n4", "n5"))
    assert not membership.has_majority(["n1", "n4", "n5"])
    assert membership.is_member("n4")
    assert not membership.is_voter("n4")
    assert not membership.is_member("n6")


def test_a_voter_is_never_a_learner_of_the_same_membership():
    """CR-58."""
    with pytest.raises(Malformed, match="voter among the learners"):
        settled("n1", "n2", learners=("n2",))
    with pytest.raises(Malformed, match="voter among the learners"):
        joint(["n1"], ["n1", "n2"], learners=["n2"])


def test_both_halves_together_have_a_bounded_number_of_members():
    many = [Member(f"m{n:02}", "org", n.to_bytes(32, "big"), b"") for n in range(MAX_MEMBERS + 1)]
    Membership.of(33, many[:-1])
    with pytest.raises(Malformed, match="too many"):
        Membership.of(33, many[:-1], outgoing=many[1:], outgoing_quorum=33)


def test_a_membership_has_a_bounded_size():
    many = [Member(f"m{n:02}", "org", n.to_bytes(32, "big"), bytes(1_000)) for n in range(MAX_MEMBERS)]
    with pytest.raises(Malformed, match="too large"):
        Membership.of(33, many)


LEGAL = {
    "a learner comes": (THREE, settled("n1", "n2", "n3", learners=("n4",)), LEARNERS),
    "a learner goes": (settled("n1", learners=("n2",)), settled("n1"), LEARNERS),
    "a learner gets a vote": (
        settled("n1", "n2", "n3", learners=("n4", "n5")),
        joint(["n1", "n2", "n3", "n4"], ["n1", "n2", "n3"], ["n5"]),
        ENTER,
    ),
    "a voter goes": (THREE, joint(["n1", "n2"], ["n1", "n2", "n3"]), ENTER),
    "another quorum": (THREE, joint(["n1", "n2", "n3"], ["n1", "n2", "n3"], quorum=3), ENTER),
    "left": (joint(["n1", "n2"], ["n1", "n2", "n3"], ["n5"]), settled("n1", "n2", learners=("n5",)), LEAVE),
}


@pytest.mark.parametrize("case", LEGAL)
def test_legal_steps_have_their_kind(case):
    before, after, kind = LEGAL[case]
    assert step(before, after) == kind


CHANGED = Membership.of(2, [member("n1"), member("n2"), Member("n3", "org", b"k" * 32, b"")])
ILLEGAL = {
    "nothing changes": (THREE, THREE, "membership_unchanged"),
    "joint of two equal halves": (
        THREE,
        joint(["n1", "n2", "n3"], ["n1", "n2", "n3"]),
        "membership_unchanged",
    ),
    "one voter less at once": (THREE, settled("n1", "n2"), "membership_not_joint"),
    "one voter more at once": (THREE, settled("n1", "n2", "n3", "n4"), "membership_not_joint"),
    "another quorum at once": (THREE, settled("n1", "n2", "n3", quorum=3), "membership_not_joint"),
    "outgoing are not the voters": (
        THREE,
        joint(["n1", "n2"], ["n1", "n2"], quorum=2),
        "membership_outgoing",
    ),
    "outgoing with a lower quorum": (
        settled("n1", "n2", "n3", quorum=3),
        joint(["n1", "n2"], ["n1", "n2", "n3"], outgoing_quorum=2),
        "membership_outgoing",
    ),
    "a voter out of nowhere": (
        THREE,
        joint(["n1", "n2", "n3", "n4"], ["n1", "n2", "n3"]),
        "membership_stranger",
    ),
    "learners change with voters": (
        settled("n1", "n2", "n3", learners=("n4",)),
        joint(["n1", "n2"], ["n1", "n2", "n3"]),
        "membership_learners",
    ),
    "another key": (THREE, CHANGED, "membership_identity"),
    "from joint to joint": (
        joint(["n1", "n2"], ["n1", "n2", "n3"]),
        joint(["n1"], ["n1", "n2"], quorum=1),
        "membership_in_transition",
    ),
    "back out of joint": (joint(["n1", "n2"], ["n1", "n2", "n3"]), THREE, "membership_in_transition"),
    "left with another learner": (
        joint(["n1", "n2"], ["n1", "n2", "n3"]),
        settled("n1", "n2", learners=("n3",)),
        "membership_in_transition",
    ),
}


@pytest.mark.parametrize("case", ILLEGAL)
def test_illegal_steps_are_refused_with_a_code_of_their_own(case):
    """CR-56, CR-58."""
    before, after, code = ILLEGAL[case]
    with pytest.raises(BlockInvalid) as caught:
        step(before, after)
    assert caught.value.code == code


def test_a_step_must_be_the_next_one_to_the_target():
    one, other = settled("n1", "n2", "n3", learners=("n4",)), settled("n1", "n2", "n3", learners=("n5",))
    assert check_step(THREE, one, one) == LEARNERS
    with pytest.raises(BlockInvalid) as caught:
        check_step(THREE, one, other)
    assert caught.value.code == "membership_other_target"
    with pytest.raises(BlockInvalid) as caught:
        check_step(THREE, one, None)
    assert caught.value.code == "membership_not_adopted"


def test_leaving_a_joint_membership_needs_no_target():
    """CR-56: leaving is automatic."""
    before = joint(["n1", "n2"], ["n1", "n2", "n3"])
    assert check_step(before, settled("n1", "n2"), None) == LEAVE
    assert next_membership(before, THREE) == settled("n1", "n2")


def test_a_voter_that_becomes_a_learner_leaves_and_returns():
    target = settled("n1", "n2", learners=("n3",))
    assert steps_to(THREE, target) == [
        joint(["n1", "n2"], ["n1", "n2", "n3"]),
        settled("n1", "n2"),
        target,
    ]


def test_a_new_voter_learns_first():
    """CR-59."""
    assert [step.is_joint for step in steps_to(THREE, settled("n2", "n3", "n4"))] == [False, True, False]
    assert steps_to(THREE, settled("n2", "n3", "n4"))[0] == settled("n1", "n2", "n3", learners=("n4",))


@st.composite
def memberships(draw):
    voters = draw(st.lists(st.sampled_from(NODES), min_size=1, unique=True))
    others = [node for node in NODES if node not in voters]
    learners = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    quorum = draw(st.integers(len(voters) // 2 + 1, len(voters)))
    return settled(*voters, quorum=quorum, learners=tuple(learners))


@given(memberships(), memberships())
def test_every_target_is_reached_by_legal_steps_and_each_is_the_only_next_one(start, target):
    steps = steps_to(start, target)
    assert len(steps) <= MAX_STEPS
    assert (steps[-1] if steps else start) == target
    before = start
    for after in steps:
        assert check_step(before, after, target)
        assert Membership.from_value(after.to_value()) == after
        before = after


@given(memberships(), memberships(), st.sets(st.sampled_from(NODES)), st.sets(st.sampled_from(NODES)))
def test_quorums_of_neighbours_always_share_a_voter(start, target, some, others):
    """CR-57: what two memberships one step apart commit, they do not commit differently."""
    before = start
    for after in steps_to(start, target):
        if before.has_quorum(some) and after.has_quorum(others):
            assert some & others
        if before.has_majority(some) and after.has_quorum(others):
            assert some & others
        before = after
