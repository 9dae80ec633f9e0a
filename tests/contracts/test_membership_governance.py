"""Governance of the membership: who may change it, by how many, and what is never allowed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import KEYS, TradeLedger, document

from contracts import CONTRACT_VERSION, Contracts
from contracts.errors import REMEDIES
from contracts.parties import membership
from contracts.parties.membership import GONE, MEMBER, in_force, is_under_way, target
from ledger.blocks.executor import enter_membership, genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.hashing import ZERO
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member, Membership, next_membership
from ledger.members.possession import sign_possession, verify_possession
from ledger.state.overlay import Overlay

HOSTS = {"n1": "mega", "n2": "loan", "n3": "bank", "n4": "mega", "n5": "loan"}


def node(name: str, organisation: str, seed: str | None = None) -> tuple[SigningKey, Member]:
    key = SigningKey.from_seed((seed or name).encode().ljust(32, b"*"))
    return key, Member(name, organisation, key.public, node_certificate.issue(key, name))


def new(name: str, organisation: str, seed: str | None = None, **changes: Any) -> dict[str, Any]:
    key, member = node(name, organisation, seed)
    return {
        "node": name,
        "organisation": organisation,
        "key": member.key,
        "certificate": member.certificate,
        "proof": sign_possession(key, ZERO, member),
        **changes,
    }


def add(name: str, organisation: str, seed: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"kind": "add", "new": new(name, organisation, seed, **changes)}


def propose(name: str, change: dict[str, Any], days: int = 30) -> dict[str, Any]:
    return {"op": "membership.propose", "proposal": name, "change": change, "days": days}


def approve(name: str) -> dict[str, Any]:
    return {"op": "membership.approve", "proposal": name}


class Network(TradeLedger):
    """A ledger whose nodes are run by mega, loan and bank; blocks change the membership when told to."""

    def __init__(self, nodes: int = 3, parameters: dict[str, int | str] | None = None) -> None:
        super().__init__(parameters)
        hosted = document(parameters)
        hosted["quorum"] = nodes // 2 + 1
        hosted["nodes"] = [
            {
                "id": name,
                "organisation": organisation,
                "key": node(name, organisation)[1].key,
                "certificate": node(name, organisation)[1].certificate,
            }
            for name, organisation in list(HOSTS.items())[:nodes]
        ]
        hosted["organisations"].append(
            {
                "id": "host",
                "name": "Host",
                "lei": "",
                "roles": ["node_operator"],
                "identifiers": [],
                "keys": [{"key": KEYS["spare"].public, "name": "main", "enrolled_by": "host"}],
            }
        )
        self.genesis = Genesis.from_document(hosted)
        self.state.data.clear()
        self.state.apply(genesis_overlay(self.contracts, self.genesis))

    @property
    def now(self) -> Membership:
        return in_force(self.state)

    def step(self) -> None:
        """What a leader does: the next step to the target."""
        goal = target(self.state)
        following = None if goal is None else next_membership(self.now, goal)
        assert following is not None
        overlay = Overlay(self.state)
        enter_membership(overlay, following, 1)
        self.state.apply(overlay)

    def settle(self) -> None:
        while is_under_way(self.state):
            self.step()

    def adopt(self, name: str, change: dict[str, Any], proposer: str = "mega") -> None:
        """Propose, and let as many approve as it takes."""
        self.done(proposer, propose(name, change))
        for organisation in ("mega", "loan", "bank"):
            proposal: Any = self.entry("membership_proposal", name)
            if proposal[4] == membership.OPEN and organisation not in proposal[3]:
                self.done(organisation, approve(name))
        assert self.entry("membership_proposal", name)[4] == membership.ADOPTED  # type: ignore[index]


def nodes(members: tuple[Member, ...]) -> list[str]:
    return [member.node for member in members]


def test_a_majority_of_the_organisations_that_run_voters_adopts() -> None:
    network = Network(nodes=5)
    network.done("mega", propose("P", add("n6", "mega")))
    assert target(network.state) is None
    network.done("bank", approve("P"))
    goal = target(network.state)
    assert goal is not None
    assert nodes(goal.learners) == ["n6"]
    assert is_under_way(network.state)
    network.settle()
    assert network.now == goal
    assert not is_under_way(network.state)


@pytest.mark.parametrize(("wanted", "approvals"), [(1, 1), (2, 2), (3, 3), (9, 3), (0, 2)])
def test_the_genesis_says_how_many_approvals_are_enough(wanted: int, approvals: int) -> None:
    network = Network(parameters={"membership_approvals": wanted})
    network.done("mega", propose("P", add("n6", "mega")))
    for count, organisation in enumerate(("loan", "bank"), 1):
        if count < approvals:
            assert target(network.state) is None
            network.done(organisation, approve("P"))
        else:
            assert network.refused(organisation, approve("P")) == "proposal_closed"
    assert target(network.state) is not None


def test_only_organisations_that_run_voters_decide() -> None:
    network = Network()
    assert network.refused("acme", propose("P", {"kind": "remove", "node": "n1"})) == "runs_no_voter"
    network.done("mega", propose("P", {"kind": "remove", "node": "n1"}))
    assert network.refused("acme", approve("P")) == "runs_no_voter"
    assert network.refused("root", approve("P")) == "runs_no_voter"
    assert network.refused("mega", approve("P")) == "already_approved"
    assert network.refused("loan", approve("Q")) == "unknown_proposal"


def test_a_newcomer_with_the_right_proposes_its_own_node_and_others_approve() -> None:
    network = Network()
    network.done("spare", propose("P", add("h1", "host")))
    assert network.entry("membership_proposal", "P")[3] == ()  # type: ignore[index]
    network.done("mega", approve("P"))
    assert target(network.state) is None
    network.done("loan", approve("P"))
    network.settle()
    assert nodes(network.now.learners) == ["h1"]
    assert network.refused("spare", approve("P")) == "runs_no_voter"
    network.adopt("Q", {"kind": "promote", "node": "h1"})
    network.settle()
    network.done("spare", propose("R", {"kind": "remove", "node": "h1"}))


def test_an_organisation_without_the_right_runs_no_node() -> None:
    network = Network()
    assert network.refused("acme", propose("P", add("a1", "acme"))) == "no_node_right"
    network.done("root", propose("P", add("r1", "root")))


def test_nobody_proposes_a_node_for_another() -> None:
    network = Network()
    assert network.refused("loan", propose("P", add("n6", "mega"))) == "not_party"
    replace = {"kind": "replace", "node": "n1", "new": new("n1-2", "loan")}
    assert network.refused("loan", propose("P", replace)) == "not_party"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (add("n3", "mega", seed="x"), "node_id_used"),
        (add("n9", "mega", seed="n3"), "node_key_used"),
        (add("n9", "mega", certificate=b"no certificate"), "certificate_of_other_key"),
        (add("n9", "mega", certificate=node("n8", "mega")[1].certificate), "certificate_of_other_key"),
        (add("n9", "mega", proof=bytes(64)), "key_not_possessed"),
        (add("n9", "mega", proof=new("n8", "mega", seed="n9")["proof"]), "key_not_possessed"),
        ({"kind": "promote", "node": "n1"}, "already_voter"),
        ({"kind": "promote", "node": "n9"}, "unknown_node"),
        ({"kind": "demote", "node": "n9"}, "unknown_node"),
        ({"kind": "remove", "node": "n9"}, "unknown_node"),
        ({"kind": "remove", "node": "n1", "quorum": 1}, "membership_impossible"),
        ({"kind": "remove", "node": "n1", "quorum": 3}, "membership_impossible"),
        ({"kind": "quorum", "quorum": 1}, "membership_impossible"),
        ({"kind": "quorum", "quorum": 4}, "membership_impossible"),
        ({"kind": "quorum", "quorum": 2}, "no_change"),
        ({"kind": "abandon"}, "no_change"),
    ],
)
def test_impossible_changes_are_refused_when_they_are_proposed(change: dict[str, Any], code: str) -> None:
    """CR-58, CR-62."""
    network = Network()
    assert network.refused("mega", propose("P", change)) == code
    assert code in REMEDIES
    assert network.entry("membership_proposal", "P") is None


def test_the_last_voter_stays() -> None:
    """CR-58."""
    network = Network(nodes=1)
    for kind in ("remove", "demote"):
        assert network.refused("mega", propose("P", {"kind": kind, "node": "n1"})) == "no_voter_left"


def test_an_id_once_removed_never_comes_back() -> None:
    """CR-62."""
    network = Network()
    network.adopt("P", {"kind": "remove", "node": "n3"})
    network.settle()
    assert nodes(network.now.members) == ["n1", "n2"]
    assert network.entry("node", "n3")[2] == GONE  # type: ignore[index]
    assert network.refused("bank", propose("Q", add("n3", "bank", seed="x"))) == "no_node_right"
    assert network.refused("loan", propose("Q", add("n3", "loan", seed="x"))) == "node_id_used"
    assert network.refused("loan", propose("Q", add("n9", "loan", seed="n3"))) == "node_key_used"


def test_a_proposal_is_judged_again_when_it_is_adopted() -> None:
    """CR-62: of two proposals for one id the second is refused."""
    network = Network()
    network.done("mega", propose("P", add("n9", "mega", seed="x")))
    network.done("mega", propose("Q", add("n9", "mega", seed="y")))
    network.done("loan", approve("P"))
    network.settle()
    assert network.refused("bank", approve("Q")) == "node_id_used"


def test_one_change_at_a_time() -> None:
    """CR-54."""
    network = Network()
    network.done("mega", propose("Q", {"kind": "quorum", "quorum": 3}))
    network.adopt("P", add("n6", "mega"))
    assert network.refused("loan", approve("Q")) == "change_in_progress"
    network.settle()
    network.done("loan", approve("Q"))
    network.step()
    assert network.now.is_joint
    network.done("mega", propose("R", {"kind": "remove", "node": "n6"}))
    assert network.refused("loan", approve("R")) == "change_in_progress"
    network.settle()
    network.done("loan", approve("R"))


def test_a_lost_disk_is_replaced_by_one_proposal() -> None:
    """CR-62: a new id and a new key, by learner, joint membership and removal of the old id."""
    network = Network()
    network.adopt("P", {"kind": "replace", "node": "n2", "new": new("n2-2", "loan")}, proposer="loan")
    seen = []
    while is_under_way(network.state):
        network.step()
        now = network.now
        seen.append((nodes(now.voters), nodes(now.outgoing), nodes(now.learners)))
    assert seen == [
        (["n1", "n2", "n3"], [], ["n2-2"]),
        (["n1", "n2-2", "n3"], ["n1", "n2", "n3"], []),
        (["n1", "n2-2", "n3"], [], []),
    ]
    assert network.entry("node", "n2")[2] == GONE  # type: ignore[index]
    assert network.entry("node", "n2-2")[2] == MEMBER  # type: ignore[index]


def test_an_organisation_says_where_its_nodes_are_found() -> None:
    network = Network()
    network.adopt("P", add("n6", "mega", address="10.0.0.6:7001"))
    assert network.entry("node_address", "n6") == "10.0.0.6:7001"
    network.settle()
    network.done("mega", {"op": "node.locate", "node": "n6", "address": "six.example:7001"})
    assert network.entry("node_address", "n6") == "six.example:7001"
    move = {"op": "node.locate", "node": "n6", "address": "elsewhere:1"}
    assert network.refused("loan", move) == "not_party"
    assert network.refused("mega", {**move, "node": "n9"}) == "unknown_node"
    network.done("mega", {"op": "node.locate", "node": "n6", "address": ""})
    assert network.entry("node_address", "n6") is None


def test_a_replaced_learner_is_followed_by_a_learner() -> None:
    network = Network()
    network.adopt("P", add("n6", "mega"))
    network.settle()
    network.adopt("Q", {"kind": "replace", "node": "n6", "new": new("n6-2", "mega")})
    network.settle()
    assert nodes(network.now.learners) == ["n6-2"]


def test_a_voter_can_become_a_learner_and_get_its_vote_back() -> None:
    network = Network()
    network.adopt("P", {"kind": "demote", "node": "n3"})
    network.settle()
    assert (nodes(network.now.voters), nodes(network.now.learners)) == (["n1", "n2"], ["n3"])
    network.adopt("Q", {"kind": "promote", "node": "n3"})
    network.settle()
    assert nodes(network.now.voters) == ["n1", "n2", "n3"]


def test_quorum_stays_the_majority_or_the_number_that_it_is_unless_told() -> None:
    network = Network(nodes=5)
    network.adopt("A", {"kind": "remove", "node": "n5"})
    network.settle()
    assert network.now.quorum == 3
    network.adopt("B", {"kind": "quorum", "quorum": 4})
    network.settle()
    network.adopt("C", {"kind": "remove", "node": "n4"})
    network.settle()
    assert network.now.quorum == 3
    network.adopt("D", {"kind": "remove", "node": "n3", "quorum": 2})
    network.settle()
    assert (nodes(network.now.voters), network.now.quorum) == (["n1", "n2"], 2)


def test_a_change_is_abandoned_until_voters_begin_to_change() -> None:
    network = Network()
    before = network.now
    network.adopt("P", {"kind": "replace", "node": "n2", "new": new("n2-2", "loan")}, proposer="loan")
    network.adopt("Q", {"kind": "abandon"})
    assert not is_under_way(network.state)
    assert network.now == before
    assert network.entry("node", "n2")[2] == MEMBER  # type: ignore[index]
    assert network.entry("node", "n2-2")[2] == GONE  # type: ignore[index]
    network.adopt("R", {"kind": "remove", "node": "n2"})
    network.step()
    assert network.now.is_joint
    assert network.refused("mega", propose("S", {"kind": "abandon"})) == "change_in_progress"


def test_a_proposal_ends_by_withdrawal_or_by_its_last_day() -> None:
    network = Network()
    network.done("mega", propose("P", add("n6", "mega"), days=2))
    assert network.refused("loan", {"op": "membership.withdraw", "proposal": "P"}) == "not_party"
    network.done("mega", {"op": "membership.withdraw", "proposal": "P"})
    assert network.refused("loan", approve("P")) == "proposal_closed"
    assert network.refused("mega", propose("P", add("n6", "mega"))) == "duplicate_number"
    network.done("mega", propose("Q", add("n6", "mega"), days=2))
    network.done("root", {"op": "date.advance", "date": "2012-03-04"})
    assert network.refused("loan", approve("Q")) == "proposal_expired"


def test_approvals_of_organisations_that_left_do_not_count() -> None:
    network = Network(nodes=5, parameters={"membership_approvals": 3})
    network.done("bank", propose("P", {"kind": "quorum", "quorum": 4}))
    network.adopt("Q", {"kind": "remove", "node": "n3"})
    network.settle()
    network.done("mega", approve("P"))
    assert network.entry("membership_proposal", "P")[4] == membership.OPEN  # type: ignore[index]
    network.done("loan", approve("P"))
    network.settle()
    assert network.now.quorum == 4


def test_possession_is_worth_nothing_for_anything_else() -> None:
    key, member = node("n6", "mega")
    proof = sign_possession(key, ZERO, member)
    assert verify_possession(ZERO, member, proof)
    assert not verify_possession(b"c" * 32, member, proof)
    for other in (
        Member("n7", "mega", member.key, member.certificate),
        Member("n6", "loan", member.key, member.certificate),
        Member("n6", "mega", member.key, b"other"),
    ):
        assert not verify_possession(ZERO, other, proof)


NAMES = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"]
MOVES = st.one_of(
    st.tuples(st.sampled_from(["promote", "demote", "remove"]), st.sampled_from(NAMES)),
    st.tuples(st.just("add"), st.sampled_from(NAMES)),
    st.tuples(st.just("replace"), st.sampled_from(NAMES)),
    st.tuples(st.just("quorum"), st.integers(1, 7)),
    st.tuples(st.just("step"), st.none()),
)


@given(st.lists(MOVES, max_size=25))
@settings(max_examples=40)
def test_whatever_is_proposed_the_membership_stays_sound_and_no_id_returns(moves: list[Any]) -> None:
    """CR-58, CR-62: ids that left are never in force again, keys belong to one id."""
    network = Network(parameters={"membership_approvals": 1})
    keys: dict[bytes, str] = {}
    gone: set[str] = set()
    for count, (kind, what) in enumerate(moves):
        if kind == "step":
            if is_under_way(network.state):
                network.step()
        elif kind in ("add", "replace"):
            name = f"{what}-{count}" if kind == "replace" else what
            change = {"kind": kind, "new": new(name, HOSTS.get(what, "mega"), seed=f"{name}{count}")}
            if kind == "replace":
                change["node"] = what
            network.submit(HOSTS.get(what, "mega"), propose(f"P{count}", change))
        elif kind == "quorum":
            network.submit("mega", propose(f"P{count}", {"kind": "quorum", "quorum": what}))
        else:
            network.submit("mega", propose(f"P{count}", {"kind": kind, "node": what}))
        now, goal = network.now, target(network.state)
        for member in now.members:
            assert keys.setdefault(member.key, member.node) == member.node
            assert member.node not in gone
        leaves = {
            member.node
            for member in now.members
            if not is_under_way(network.state) and goal and not goal.is_member(member.node)
        }
        assert not leaves
        gone |= {
            name for name in keys.values() if not now.is_member(name) and not is_under_way(network.state)
        }
    assert Contracts.version == CONTRACT_VERSION
