"""A chain whose membership changes: sealed, accepted, taken back, started again, and followed offline."""

from dataclasses import replace

import pytest
from elections import elected_if_needed
from membership_steps import (
    CHANNEL,
    KEYS,
    TRUSTED,
    Ledger,
    adopt,
    certify,
    member,
    members,
    settled,
    voters_of,
)
from small_ledger import put, record

from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.preamble import Preamble
from ledger.chain.committed import NotCertified
from ledger.errors import BlockInvalid, StoreError, VerificationError
from ledger.members.membership import IN_FORCE_KEY, Membership
from ledger.proofs.audit import ChainAudit
from ledger.proofs.handover import Followed
from ledger.proofs.receipt import Receipt

FOUR = settled("n1", "n2", "n3", "n4")


@pytest.fixture
def leader(tmp_path):
    ledger = Ledger(tmp_path / "leader")
    yield ledger
    ledger.store.close()


@pytest.fixture
def follower(tmp_path):
    ledger = Ledger(tmp_path / "follower")
    yield ledger
    ledger.store.close()


def forged(ledger, membership, settled_by=None, *, node="n1", term=1, key=None):
    """A block on top of the head that changes the membership as it likes; nothing is pushed."""
    chain = ledger.chain
    return Block.assemble(
        key=key or KEYS[node],
        channel=CHANNEL,
        height=chain.head.height + 1,
        term=term,
        previous=chain.head.hash,
        time_ms=chain.head.time_ms,
        proposer=node,
        transactions=(),
        results=(),
        state_root=chain.head.state_root,
        history_root=chain._history.root(),
        membership=membership.hash,
        contract_version=1,
        preamble=Preamble(None, membership, settled_by).encode(),
    )


def test_a_target_is_reached_step_by_step_and_a_follower_agrees(leader, follower):
    """CR-53, CR-56."""
    first = leader.seal(adopt(FOUR))
    follower.accept(first)
    leader.commit(first)
    follower.commit(first)
    seen = []
    while leader.chain.due_membership() is not None:
        block = leader.seal(change=True)
        assert block.header.membership == leader.chain.membership.hash
        follower.accept(block)
        assert follower.chain.membership == leader.chain.membership
        leader.commit(block)
        follower.commit(block)
        seen.append(leader.chain.applied_membership)
    assert seen == [
        settled("n1", "n2", "n3", learners=("n4",)),
        Membership.of(3, FOUR.voters, outgoing=settled("n1", "n2", "n3").voters, outgoing_quorum=2),
        FOUR,
    ]
    assert follower.chain.get(IN_FORCE_KEY) == (3, 4, FOUR.to_value())
    assert [follower.chain.membership_at(height) for height in range(5)] == [
        TRUSTED.membership,
        TRUSTED.membership,
        *seen,
    ]
    assert follower.chain.changes() == [2, 3, 4]


def test_transactions_of_the_block_that_changes_it_already_see_the_membership(leader):
    leader.commit(leader.seal(adopt(settled("n1", "n2", "n3", learners=("n5",)))))
    block = leader.seal(put("a", 1), change=True)
    leader.commit(block)
    assert block.results == ((),)
    assert leader.chain.get(IN_FORCE_KEY)[:2] == (1, block.height)


def test_nothing_is_due_without_a_target_or_before_the_last_change_is_committed(leader):
    """CR-54: one change at a time, and a new leader that inherited one waits for it."""
    assert leader.chain.due_membership() is None
    leader.seal(adopt(FOUR))
    assert leader.chain.due_membership() == settled("n1", "n2", "n3", learners=("n4",))
    block = leader.seal(change=True)
    assert leader.chain.due_membership() is None
    leader.reopen()
    assert leader.chain.due_membership() is None
    leader.commit(block)
    assert leader.chain.due_membership().is_joint


def test_a_change_that_is_not_due_is_not_sealed(leader):
    with pytest.raises(ValueError, match="not due"):
        leader.chain.seal([], term=1, proposer="n1", key=KEYS["n1"], membership=settled("n1", "n2"))
    leader.commit(leader.seal(adopt(FOUR)))
    with pytest.raises(ValueError, match="not due"):
        leader.seal(term=2, change=True)
    assert leader.chain.head.height == 1


def test_a_change_in_flight_can_be_taken_back(leader):
    """CR-53: truncated, the one before governs again."""
    leader.commit(leader.seal(adopt(FOUR)))
    before = leader.chain.membership
    block = leader.seal(change=True)
    leader.seal(put("a", 1))
    assert leader.chain.membership.is_member("n4")
    leader.chain.drop_from(block.height)
    assert leader.chain.membership == before
    assert leader.chain.due_membership() is not None
    election = elected_if_needed(KEYS, CHANNEL, leader.chain.head, 2, "n2", ["n1"])
    again = leader.chain.seal([], term=2, proposer="n2", key=KEYS["n2"], election=election)
    assert again.header.membership == before.hash


@pytest.mark.parametrize("committed", [True, False])
def test_a_restart_finds_the_same_memberships(leader, committed):
    """CR-53."""
    leader.commit(leader.seal(adopt(FOUR)))
    for _ in range(2):
        block = leader.seal(change=True)
        if committed or not leader.chain.membership.is_joint:
            leader.commit(block)
        before = leader.chain.membership, leader.chain.applied_membership
        leader.reopen()
        assert (leader.chain.membership, leader.chain.applied_membership) == before
    assert leader.chain.membership.is_joint
    assert leader.chain.applied_membership.is_joint == committed


def test_a_follower_refuses_a_change_that_nobody_adopted(leader):
    """CR-58."""
    leader.commit(leader.seal())
    for membership, code in (
        (settled("n1", "n2", "n3", learners=("n5",)), "membership_not_adopted"),
        (settled("n1", "n2"), "membership_not_joint"),
    ):
        with pytest.raises(BlockInvalid) as caught:
            leader.accept(forged(leader, membership))
        assert caught.value.code == code
    leader.commit(leader.seal(adopt(FOUR)))
    with pytest.raises(BlockInvalid) as caught:
        leader.accept(forged(leader, settled("n1", "n2", "n3", learners=("n5",))))
    assert caught.value.code == "membership_other_target"
    assert leader.chain.head.height == 2


def test_a_follower_refuses_a_change_before_the_last_one_is_proved_committed(leader, follower):
    """CR-54."""
    for block in (leader.seal(adopt(FOUR)), leader.seal(change=True)):
        follower.accept(block)
        leader.commit(block)
    joint = leader.chain.due_membership()
    good = leader.chain.certified(2)
    weak = replace(good, certificate=replace(good.certificate, acks=good.certificate.acks[:1]))
    for proof in (None, leader.chain.certified(1), weak):
        with pytest.raises(BlockInvalid) as caught:
            follower.accept(forged(follower, joint, proof))
        assert caught.value.code == "change_in_flight"
    follower.accept(leader.seal(change=True))
    assert follower.chain.membership == joint


def test_the_first_block_of_a_term_changes_no_membership(leader):
    """CR-55."""
    leader.commit(leader.seal(adopt(FOUR)))
    with pytest.raises(BlockInvalid) as caught:
        leader.accept(forged(leader, leader.chain.due_membership(), term=2))
    assert caught.value.code == "membership_in_new_term"


def test_a_header_must_name_the_membership_that_its_preamble_holds(leader):
    leader.commit(leader.seal(adopt(FOUR)))
    due = leader.chain.due_membership()
    block = forged(leader, due)
    other = Block.assemble(
        key=KEYS["n1"],
        channel=CHANNEL,
        height=2,
        term=1,
        previous=leader.chain.head.hash,
        time_ms=leader.chain.head.time_ms,
        proposer="n1",
        transactions=(),
        results=(),
        state_root=block.header.state_root,
        history_root=block.header.history_root,
        membership=TRUSTED.membership.hash,
        contract_version=1,
        preamble=block.preamble,
    )
    with pytest.raises(BlockInvalid) as caught:
        leader.accept(other)
    assert caught.value.field == "header.membership"


def test_a_learner_proposes_nothing_and_a_leader_that_is_removed_seals_its_removal(leader, follower):
    """CR-60."""
    first = leader.seal(adopt(settled("n2", "n3", "n4")))
    blocks = [first]
    leader.commit(first)
    for _ in range(3):
        if leader.chain.membership.is_member("n4") and not leader.chain.membership.is_voter("n4"):
            with pytest.raises(ValueError, match="no vote"):
                leader.seal(node="n4")
        blocks.append(leader.seal(node="n1", change=True))
        leader.commit(blocks[-1])
    assert not leader.chain.membership.is_member("n1")
    for block in blocks:
        follower.accept(block)
    with pytest.raises(ValueError, match="no vote"):
        leader.seal(node="n1")
    late = forged(leader, leader.chain.membership, node="n1")
    with pytest.raises(BlockInvalid, match="not a voter"):
        follower.accept(late)
    with pytest.raises(BlockInvalid, match="not signed"):
        follower.accept(forged(leader, leader.chain.membership, node="n2", key=KEYS["n1"]))


def test_checks_may_run_before_the_change_that_they_need_is_accepted(leader, follower):
    """A pipeline checks the block of a new voter before the follower knows that it is one."""
    blocks = [leader.seal(adopt(settled("n4")))]
    leader.commit(blocks[0])
    for _ in range(3):
        blocks.append(leader.seal(change=True))
        leader.commit(blocks[-1])
    blocks.append(leader.seal(node="n4", term=2))
    checked = [follower.chain.check(Block.decode(block.data)) for block in blocks]
    assert checked[-1].signed_by is None
    for verified in checked:
        follower.chain.accept(verified)
    assert follower.chain.head.hash == blocks[-1].hash
    forged_signature = replace(checked[-1], block=replace(blocks[-1], signature=bytes(64)))
    follower.chain.drop_from(blocks[-1].height)
    with pytest.raises(BlockInvalid, match="not signed"):
        follower.chain.accept(forged_signature)


def test_one_certificate_may_commit_several_changes_and_each_is_still_proved(leader, follower):
    """CR-73: a node that was away proves every change by what the later one brought along."""
    blocks = [leader.seal(adopt(FOUR))]
    leader.commit(blocks[0])
    while leader.chain.due_membership() is not None:
        blocks.append(leader.seal(change=True))
        leader.commit(blocks[-1])
    for block in blocks:
        follower.accept(block)
    follower.commit(blocks[-1], "n1", "n2", "n4")
    assert follower.chain.applied.height == blocks[-1].height
    for ledger in (leader, follower):
        followed = ledger.chain.membership_chain().verify(TRUSTED)
        assert followed.newest == FOUR
        assert followed.heights == (0, 2, 3, 4)
    follower.reopen()
    assert follower.chain.membership_chain().verify(TRUSTED).newest == FOUR
    assert (
        follower.chain.membership_chain(after=3).handovers == follower.chain.membership_chain().handovers[2:]
    )


def test_a_crash_between_two_batches_of_a_commit_leaves_the_last_change_to_be_proved_later(
    leader, follower, monkeypatch
):
    """CR-73: the batch up to a boundary brings no certificate; what can be proved still is."""
    blocks = [leader.seal(adopt(FOUR))]
    leader.commit(blocks[0])
    while leader.chain.due_membership() is not None:
        blocks.append(leader.seal(change=True))
        leader.commit(blocks[-1])
    assert [block.height for block in blocks] == [1, 2, 3, 4]
    for block in blocks:
        follower.accept(block)
    follower.chain.snapshot_interval = 3
    write = follower.store.commit

    def crash_after_the_boundary(batch):
        if batch.height > 3:
            raise StoreError("the process ends here")
        write(batch)

    monkeypatch.setattr(follower.store, "commit", crash_after_the_boundary)
    with pytest.raises(StoreError):
        follower.commit(blocks[-1])
    follower.reopen()
    assert follower.chain.applied.height == 3
    assert follower.chain.changes() == [2, 3]
    with pytest.raises(NotCertified):
        follower.chain.membership_chain()
    proved = follower.chain.proved_changes()
    assert Followed.of(TRUSTED).extended(proved).heights == (0, 2)
    follower.commit(blocks[-1])
    assert follower.chain.proved_changes() == follower.chain.membership_chain().handovers
    assert len(follower.chain.proved_changes()) == 3


def test_receipts_of_all_times_verify_with_the_changes_and_only_old_ones_without(leader):
    leader.commit(leader.seal(record("a", 1)))
    leader.reach(settled("n4", "n5", "n6"))
    new = leader.seal(record("a", 2, nonce=1), node="n4", term=2)
    leader.commit(new)
    followed = leader.chain.membership_chain().verify(TRUSTED)
    old, later = [
        leader.chain.receipt(leader.chain.block(height).transactions[0].id) for height in (1, new.height)
    ]
    assert isinstance(old, Receipt)
    assert old.verify(TRUSTED)[0].height == 1
    assert old.verify(followed)[0].height == 1
    assert later.verify(followed)[0].height == new.height
    with pytest.raises(VerificationError) as caught:
        later.verify(TRUSTED)
    assert caught.value.code == "unknown_membership"
    assert "fetch" in caught.value.remedy
    with pytest.raises(VerificationError, match="of another channel") as foreign:
        leader.chain.membership_chain().verify(replace(TRUSTED, channel=bytes(32)))
    assert foreign.value.code == "wrong_channel", "whatever else differs on another ledger"


def test_former_voters_prove_nothing_after_they_have_left(leader):
    """CR-71: signers are voters of the membership that governs the height."""
    leader.reach(settled("n4", "n5", "n6"))
    followed = leader.chain.membership_chain().verify(TRUSTED)
    fake = forged(leader, TRUSTED.membership, node="n1")
    certified = replace(
        leader.chain.certified(),
        header=fake.header,
        via=None,
        certificate=certify(fake, "n1", "n2", "n3"),
    )
    leader.reach(settled("n4", "n5"), node="n4", nonce=1)
    further = leader.chain.membership_chain().verify(TRUSTED)
    for trust, code in (
        (further, "membership_of_other_height"),
        (followed, "unknown_membership"),  # as far as it knows they may have come back since
        (TRUSTED, None),
    ):
        if code is None:  # whoever has not followed the changes cannot know better
            assert certified.verify(trust) == fake.header
        else:
            with pytest.raises(VerificationError) as caught:
                certified.verify(trust)
            assert caught.value.code == code


def test_members_of_before_that_came_back_are_those_of_a_change_to_be_fetched(leader):
    """CR-71: who has followed until a node came is not deceived by whoever shows that it left again."""
    leader.reach(FOUR)
    between = leader.chain.membership_chain().verify(TRUSTED)
    leader.reach(TRUSTED.membership, nonce=1)
    certified = leader.chain.certified()
    assert certified.top.membership == TRUSTED.membership.hash
    assert certified.verify(TRUSTED) == leader.chain.applied
    with pytest.raises(VerificationError) as caught:
        certified.verify(between)
    assert caught.value.code == "unknown_membership"
    assert "fetch" in caught.value.remedy
    assert certified.verify(between.extended(leader.chain.membership_chain().handovers))


def test_no_change_in_between_is_left_out(leader):
    """CR-71: members that left and came back in between would be unknown to whoever follows."""
    leader.reach(FOUR)
    leader.reach(TRUSTED.membership, nonce=1)
    between = len(leader.chain.changes())
    leader.reach(settled("n1", "n2", "n3", "n5"), nonce=2)
    handovers = leader.chain.membership_chain().handovers
    with pytest.raises(VerificationError) as caught:
        Followed.of(TRUSTED).extended(handovers[between:])
    assert caught.value.code == "handover_refused"
    assert Followed.of(TRUSTED).extended(handovers).newest == leader.chain.applied_membership


def test_an_audit_follows_the_changes(leader):
    leader.reach(settled("n4", "n5", "n6"))
    audit = ChainAudit(TRUSTED)
    for height in range(1, leader.chain.applied.height + 1):
        audit.take(leader.chain.block(height), leader.chain.certificate(height))
    assert audit.certified == leader.chain.applied.height


def test_an_audit_refuses_an_illegal_step(leader):
    leader.commit(leader.seal(adopt(FOUR)))
    audit = ChainAudit(TRUSTED)
    audit.take(leader.chain.block(1))
    with pytest.raises(VerificationError, match="without a joint"):
        audit.take(forged(leader, settled("n1", "n2")))
    with pytest.raises(VerificationError, match="none"):
        audit.take(forged(leader, leader.chain.due_membership(), leader.chain.certified(1)))


def test_acknowledgements_of_the_union_do_not_certify_a_joint_block(leader):
    """CR-57, CR-71."""
    leader.commit(leader.seal(adopt(settled("n1", "n4", "n5", "n6"))))
    leader.commit(leader.seal(change=True))
    block = leader.seal(change=True)
    joint = leader.chain.membership
    assert joint.is_joint
    certify(block, "n1", "n2", "n4", "n5").verify(CHANNEL, joint)
    for signers in (("n1", "n4", "n5", "n6"), ("n1", "n2", "n3"), ("n1", "n2", "n3", "n4")):
        with pytest.raises(VerificationError, match="too few"):
            certify(block, *signers).verify(CHANNEL, joint)
    with pytest.raises(VerificationError, match="no voter"):
        certify(block, "n1", "n2", "n4", "n5", "n7").verify(CHANNEL, joint)


def test_memberships_survive_their_canonical_bytes():
    joint = Membership.of(
        2, members("n1", "n4"), outgoing=members("n1", "n2", "n3"), outgoing_quorum=3, learners=[member("n5")]
    )
    assert Membership.from_value(codec.decode(codec.encode(joint.to_value()))) == joint
    assert voters_of(joint) == ["n1", "n2", "n3", "n4"]
