"""What running nodes say of themselves, and the order by which their leader hands over."""

from __future__ import annotations

from typing import Any

import httpx

from clients.errors import NetworkError
from clients.network.description import Network, NodeProcess
from clients.profile import Profile
from ledger.members.leadership import HandOverOrder


def status(network: Network) -> list[dict[str, Any]]:
    """What each node says of itself, in the order of `network.json`; a node that does not answer says so.

    What answers at a node's address is believed only if it names that node and this channel:
    another network may listen there by now.
    """
    described = []
    with httpx.Client(timeout=5) as client:
        for node in network.nodes:
            entry = node.as_dict() | {"running": node.is_running}
            try:
                stands = client.get(f"{node.api}/v1/status").json()
                is_it = isinstance(stands, dict) and (stands.get("node"), stands.get("channel")) == (
                    node.id,
                    network.channel.hex(),
                )
                entry["status"] = stands if is_it else None
                if not is_it:
                    entry["error"] = f"what listens at {node.api} is not this node"
            except (httpx.HTTPError, ValueError) as error:
                entry["status"] = None
                entry["error"] = str(error) or type(error).__name__
            described.append(entry)
    return described


def status_at(api: str) -> dict[str, Any]:
    """What the node at this address says of itself.

    Raises:
        NetworkError: nothing answers there as a node does.
    """
    try:
        stands = httpx.get(f"{api}/v1/status", timeout=5).json()
        if not (type(stands) is dict and (type(stands.get("node")), type(stands.get("term"))) == (str, int)):
            raise ValueError("not the status of a node")
        return dict(stands)
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        raise NetworkError(
            "no node answers there",
            code="no_leader",
            field="--api",
            found=str(error)[:120],
            remedy="Name the API of the node that leads; /v1/status of any node names it.",
        ) from None


def reason_of(client: httpx.Client, node: NodeProcess) -> dict[str, Any]:
    """Why a node is not ready, as it says; empty if it is, or does not answer."""
    try:
        reason = client.get(f"{node.api}/v1/status").json().get("not_ready") or {}
    except (httpx.HTTPError, ValueError, AttributeError):
        return {}
    return reason if isinstance(reason, dict) else {}


def told(reason: dict[str, Any]) -> str:
    """A node's reason not to be ready, for people: what is wrong, its code, what to do."""
    sentence = str(reason.get("sentence", "")).rstrip(".")
    return f"{sentence} ({reason.get('code', '')}). {reason.get('remedy', '')}".strip()


def is_well(client: httpx.Client, node: NodeProcess, probe: str) -> bool:
    """Whether the node answers one of its probes, `healthz` or `readyz`, with yes."""
    try:
        return client.get(f"{node.api}/{probe}").status_code == 200
    except httpx.HTTPError:
        return False


def hand_over(network: Network, to: str | None = None) -> str:
    """Hand the leadership over to a voter, the most advanced one if none is named; who leads then.

    Raises:
        NetworkError: no node leads, or the leader goes on leading; its own code and remedy.
    """
    leaders = [entry for entry in status(network) if (entry["status"] or {}).get("role") == "leader"]
    if not leaders:
        raise NetworkError(
            "no node of this network leads at the moment",
            code="no_leader",
            field="--dir",
            remedy="`tally network status` shows them; a quorum of voters must run.",
        )
    organisation = network.node(leaders[0]["id"]).organisation
    return order_hand_over(leaders[0]["status"], leaders[0]["api"], network.profile(organisation), to)


def order_hand_over(status: dict[str, Any], api: str, profile: Profile, to: str | None = None) -> str:
    """Order the node at `api`, of which this is the status, to hand over, as whoever runs it; who leads then.

    Raises:
        NetworkError: it does not lead, or goes on leading; its own code and remedy.
        ProfileError, KeyFileError: the profile has no key that can be read.
    """
    url = f"{api}/v1/channels/{profile.channel.hex()}/leader"
    try:
        answer = httpx.post(url, json=hand_over_body(status, profile, to), timeout=10)
        said = answer.json()
        if type(said) is not dict or (answer.status_code == 200 and type(said.get("leader")) is not str):
            raise ValueError("not the answer of a node")
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        raise NetworkError(
            "the leader does not answer",
            code="no_leader",
            found=str(error),
            remedy="`tally network status` shows who leads; try again once somebody does.",
        ) from None
    if answer.status_code != 200:
        raise NetworkError(
            str(said.get("detail", "refused")),
            code=str(said.get("code", "refused")),
            remedy=str(said.get("remedy", "")),
        )
    return str(said["leader"])


def hand_over_body(status: dict[str, Any], profile: Profile, to: str | None = None) -> dict[str, Any]:
    """What is posted to a leader with this status, signed with the profile's key."""
    order = HandOverOrder.sign(
        profile.signing_key(), profile.channel, status["node"], status["term"], to or ""
    )
    return {
        "to": to,
        "term": order.term,
        "key": order.key.hex(),
        "signature": order.signature.hex(),
    }
