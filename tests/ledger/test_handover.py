"""Following membership changes from the genesis block: all honest sequences, and no dishonest one."""

from dataclasses import replace

import pytest
from bare_blocks import Blocks
from hypothesis import given, settings
from hypothesis import strategies as st
from membership_steps import KEYS, TRUSTED, certify, members, settled, voters_of

from ledger import codec, proof_file
from ledger.blocks.certificate import CertifiedHeader, HistoryLink
from ledger.blocks.preamble import Preamble
from ledger.errors import Malformed, TallyError, VerificationError
from ledger.members.membership import Membership, steps_to
from ledger.merkle import path_from_nodes
from ledger.proofs.carried import carry, opened
from ledger.proofs.handover import Followed, Handover, MembershipChain

NODES = sorted(KEYS)
THREE = settled("n1", "n2", "n3")


@st.composite
def memberships(draw):
    voters = draw(st.lists(st.sampled_from(NODES), min_size=1, max_size=5, unique=True))
    learners = draw(st.lists(st.sampled_from(NODES), max_size=2, unique=True))
    quorum = draw(st.integers(len(voters) // 2 + 1, len(voters)))
    return settled(*voters, quorum=quorum, learners=tuple(sorted(set(learners) - set(voters))))


@st.composite
def walks(draw):
    """The steps from the genesis membership over some targets."""
    at, steps = TRUSTED.membership, []
    for target in draw(st.lists(memberships(), min_size=1, max_size=4)):
        steps.extend(steps_to(at, target))
        at = target
    return steps


@given(walks(), st.data())
def test_every_legal_sequence_is_followed_to_its_end(steps, data):
    blocks = Blocks()
    handovers = []
    for step in steps:
        enough = [node for node in voters_of(step) if data.draw(st.booleans())]
        signers = enough if step.has_quorum(enough) else voters_of(step)
        handovers.append(blocks.handover(step, *signers, later=data.draw(st.booleans())))
    chain = MembershipChain.decode(MembershipChain(tuple(handovers)).encode())
    followed = chain.verify(TRUSTED)
    assert followed.memberships == (TRUSTED.membership, *steps)
    assert followed.chain == chain
    for handover, step in zip(handovers, steps, strict=True):
        assert followed.governing(handover.certified.header) == step
        assert followed.governing(handover.certified.top) == step
    half = len(handovers) // 2
    later = Followed.of(TRUSTED).extended(handovers[:half])
    assert later.extended(handovers) == followed
    assert later.extended(handovers[half:]) == followed


@given(walks(), st.data())
def test_no_step_may_be_left_out_or_come_twice_or_early(steps, data):
    blocks = Blocks()
    handovers = [blocks.handover(step) for step in steps]
    if len(steps) < 2:
        return
    left_out = data.draw(st.integers(0, len(steps) - 2))
    rest = handovers[:left_out] + handovers[left_out + 1 :]
    with pytest.raises(VerificationError):  # also where what is left is a legal sequence of its own
        MembershipChain(tuple(rest)).verify(TRUSTED)


@given(st.data())
@settings(max_examples=60)
def test_no_changed_byte_of_a_file_passes(data):
    blocks = Blocks()
    steps = steps_to(THREE, settled("n2", "n4", "n5"))
    chain = MembershipChain(tuple([blocks.handover(step, later=at == 1) for at, step in enumerate(steps)]))
    whole = bytearray(chain.encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TallyError):
        MembershipChain.decode(bytes(whole)).verify(TRUSTED)


@given(st.data())
@settings(max_examples=60)
def test_no_changed_byte_of_a_carried_file_passes(data):
    blocks = Blocks()
    steps = steps_to(THREE, settled("n2", "n4", "n5"))
    changes = MembershipChain(tuple([blocks.handover(step) for step in steps]))
    inner = codec.encode((proof_file.STATE, proof_file.VERSION, 0, 0))
    assert proof_file.read(inner)
    whole = bytearray(carry(inner, changes))
    opened_inner, followed = opened(bytes(whole), TRUSTED)
    assert (opened_inner, followed.newest) == (inner, steps[-1])
    assert carry(inner, MembershipChain()) == inner
    place = data.draw(st.integers(0, len(whole) - len(inner) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TallyError):
        proof_file.read(opened(bytes(whole), TRUSTED)[0])


def followed_to(*steps):
    blocks = Blocks()
    return blocks, Followed.of(TRUSTED).extended([blocks.handover(step) for step in steps])


def test_a_removal_signed_by_a_minority_of_the_old_voters_is_refused():
    """CR-57: the two who stay cannot throw the three out, though they are all of the new set."""
    five = settled("n1", "n2", "n3", "n4", "n5")
    blocks, followed = followed_to(*steps_to(THREE, five))
    joint = steps_to(five, settled("n1", "n2"))[0]
    assert joint.is_joint
    for signers in (["n1", "n2"], ["n1", "n3", "n4", "n5"]):
        with pytest.raises(VerificationError, match="too few"):
            followed.extended([blocks.handover(joint, *signers)])
    assert followed.extended([blocks.handover(joint, "n1", "n2", "n3")]).newest == joint


def test_a_removal_without_the_joint_step_is_refused():
    """CR-56."""
    blocks, followed = followed_to(*steps_to(THREE, settled("n1", "n2", "n3", "n4", "n5")))
    with pytest.raises(VerificationError) as caught:
        followed.extended([blocks.handover(settled("n1", "n2"), "n1", "n2")])
    assert caught.value.code == "membership_not_joint"


def test_an_outgoing_half_of_ones_own_choice_is_refused():
    blocks, followed = followed_to(settled("n1", "n2", "n3", learners=("n4",)))
    joint = Membership.of(1, members("n4"), outgoing=members("n1"), outgoing_quorum=1)
    with pytest.raises(VerificationError) as caught:
        followed.extended([blocks.handover(joint, "n1", "n4")])
    assert caught.value.code == "membership_outgoing"


def test_the_key_of_a_member_cannot_be_exchanged():
    blocks, followed = followed_to()
    thief = replace(THREE.voters[2], key=KEYS["n8"].public)
    with pytest.raises(VerificationError) as caught:
        followed.extended([blocks.handover(Membership.of(2, [*THREE.voters[:2], thief]))])
    assert caught.value.code == "membership_identity"


def test_a_change_below_the_proof_of_the_one_before_is_refused():
    """CR-54."""
    blocks = Blocks()
    one, two = steps_to(THREE, settled("n1", "n4"))[:2]
    first = blocks.handover(one)
    second = blocks.handover(two)
    top = blocks.block(one)
    path = path_from_nodes(lambda level, index: blocks.nodes[level, index], 1, top.height)
    late = Handover(
        CertifiedHeader(
            first.certified.header, HistoryLink(tuple(path), top.header), certify(top, "n1", "n2", "n3")
        ),
        first.preamble,
    )
    assert MembershipChain((first, second)).verify(TRUSTED).newest == two
    with pytest.raises(VerificationError, match="before the one before"):
        MembershipChain((late, second)).verify(TRUSTED)


def test_another_change_than_the_known_one_is_refused():
    """Two nodes that tell different stories of one height do not both get through."""
    _, followed = followed_to(settled("n1", "n2", "n3", learners=("n4",)))
    other = Blocks().handover(settled("n1", "n2", "n3", learners=("n5",)))
    with pytest.raises(VerificationError, match="another change"):
        followed.extended([other])


def test_a_preamble_of_another_block_is_refused():
    blocks = Blocks()
    handover = blocks.handover(settled("n1", "n2", "n3", learners=("n4",)))
    for preamble in (b"", Preamble(None, THREE).encode(), b"\x80"):
        with pytest.raises(VerificationError, match="not the one"):
            Followed.of(TRUSTED).extended([replace(handover, preamble=preamble)])


@pytest.mark.parametrize(
    "value",
    [(), ("memberships", 1), ("memberships", 1, ((),)), ("memberships", 1, (((), b""),)), ("receipt", 1, ())],
)
def test_other_files_are_malformed(value):
    with pytest.raises(Malformed):
        MembershipChain.decode(codec.encode(value))
