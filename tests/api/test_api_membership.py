"""The membership as the API tells it, and the file that proves how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import ApiClient
from envelopes import signed
from local_node import LocalNetwork, key_of

from ledger.blocks.genesis import read_genesis
from ledger.members import node_certificate
from ledger.members.membership import Member
from ledger.members.possession import sign_possession
from ledger.proofs.handover import MembershipChain
from node.api import Front, create_app, membership_forms


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LocalNetwork]:
    made = LocalNetwork(tmp_path, members=("n1",))
    yield made
    made.close()


@pytest.fixture
def client(network: LocalNetwork) -> Iterator[ApiClient]:
    made = ApiClient(Front(create_app(network.nodes["n1"])))
    yield made
    made.close()


def new_node(network: LocalNetwork, name: str, organisation: str) -> dict[str, Any]:
    key = key_of(name)
    member = Member(name, organisation, key.public, node_certificate.issue(key, name))
    return {
        "node": name,
        "organisation": organisation,
        "key": member.key,
        "certificate": member.certificate,
        "proof": sign_possession(key, network.channel, member),
    }


def adopt(network: LocalNetwork, name: str, change: dict[str, Any]) -> None:
    proposal = {"op": "membership.propose", "proposal": name, "change": change, "days": 7}
    for by, operation in (("fund", proposal), ("anchor", {"op": "membership.approve", "proposal": name})):
        block = network.commit([signed(network.channel, operation, by=by)])
        assert block.results == ((),)


def test_the_membership_of_the_genesis_block(client: ApiClient, channel: str) -> None:
    shown = client.get(f"{channel}/membership").json()
    membership_forms.MembershipView.model_validate(shown)
    assert [(member["node"], member["role"]) for member in shown["members"]] == [
        ("n1", "voter"),
        ("n2", "voter"),
        ("n3", "voter"),
    ]
    assert (shown["changes"], shown["quorum"], shown["target"]) == (0, 2, None)
    assert (shown["approving"], shown["approvals_needed"]) == (["anchor", "fund", "registrar"], 2)
    answer = client.get(f"{channel}/memberships")
    assert MembershipChain.decode(answer.content).handovers == ()


def test_a_change_is_shown_on_its_way_and_proved_afterwards(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    change = {"kind": "replace", "node": "n2", "new": new_node(network, "n2-2", "fund")}
    adopt(network, "LOST-DISK", change)
    shown = client.get(f"{channel}/membership").json()
    membership_forms.MembershipView.model_validate(shown)
    assert shown["target"] == {"quorum": 2, "voters": ["n1", "n2-2", "n3"], "learners": []}
    assert shown["steps_left"] == ["learners", "enter", "leave"]
    network.commit([], change=True)
    network.commit([], change=True)
    shown = client.get(f"{channel}/membership").json()
    roles = {member["node"]: member["role"] for member in shown["members"]}
    assert roles == {"n1": "voter", "n2": "outgoing", "n2-2": "incoming", "n3": "voter"}
    assert (shown["joint"], shown["outgoing_quorum"], shown["steps_left"]) == (True, 2, ["leave"])
    assert network.settle_membership() == 1
    shown = client.get(f"{channel}/membership").json()
    assert (shown["joint"], shown["target"], shown["changes"]) == (False, None, 3)
    whole = client.get(f"{channel}/memberships").content
    followed = MembershipChain.decode(whole).verify(read_genesis(network.genesis_block.data))
    assert [member.node for member in followed.newest.voters] == ["n1", "n2-2", "n3"]
    rest = MembershipChain.decode(client.get(f"{channel}/memberships?after={followed.heights[1]}").content)
    assert rest.handovers == followed.chain.handovers[1:]


def test_proposals_are_listed_with_their_approvals(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    for number in range(3):
        change = {"kind": "quorum", "quorum": 3}
        operation = {"op": "membership.propose", "proposal": f"P{number}", "change": change, "days": 7}
        network.commit([signed(network.channel, operation, by="registrar")])
    withdrawal = {"op": "membership.withdraw", "proposal": "P1"}
    network.commit([signed(network.channel, withdrawal, by="registrar")])
    page = client.get(f"{channel}/membership/proposals?limit=2").json()
    membership_forms.ProposalsView.model_validate(page)
    assert [(each["proposal"], each["status"]) for each in page["proposals"]] == [
        ("P0", "Open"),
        ("P1", "Withdrawn"),
    ]
    rest = client.get(f"{channel}/membership/proposals?after={page['next']}").json()
    assert [each["proposal"] for each in rest["proposals"]] == ["P2"]
    one = client.get(f"{channel}/membership/proposals/P2").json()
    membership_forms.ProposalView.model_validate(one)
    assert one["approvals"] == ["registrar"]
    assert one["change"] == {"kind": "quorum", "quorum": 3}
    assert one["last_day"] == "2024-03-12"
    missing = client.get(f"{channel}/membership/proposals/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_proposal")
