"""An organisation's part in the membership: new identities of nodes, proposals, approvals.

    home = new_home(old_config, "n2-2")            node.key, node.pem, node.toml, an empty data folder
    change = replacement("n2", home, channel)      what is proposed
    proposed = propose(session, "n2-2", change)    recorded, and who must approve it yet

A node's key never leaves its home; what is proposed holds the public key, the certificate, and the
key's signature that proves its possession. Nothing here starts or stops a process.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.errors import NetworkError
from clients.network.making import kept_key, prepare_data
from clients.sdk import Recorded, Session
from contracts.views import View
from ledger.identifiers import checked_name
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member
from ledger.members.possession import sign_possession

CONFIG, KEY, CERTIFICATE, DATA = "node.toml", "node.key", "node.pem", "data"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of a new node, ready to be started."""

    node: str
    organisation: str
    folder: Path
    api: str
    address: str
    """host:port at which other nodes reach it."""
    genesis_file: Path
    """Beside it the node looks for the membership changes that were followed, to know whom to hear."""

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / CONFIG

    def offered(self, channel: bytes) -> View:
        """What a proposal says of it: key, certificate, proof of possession, address.

        Raises:
            KeyFileError: its key cannot be read.
        """
        key = SigningKey.load(self.folder / KEY)
        certificate = node_certificate.from_pem((self.folder / CERTIFICATE).read_text(encoding="ascii"))
        member = Member(self.node, self.organisation, key.public, certificate)
        return {
            "node": self.node,
            "organisation": self.organisation,
            "key": key.public,
            "certificate": certificate,
            "proof": sign_possession(key, channel, member),
            "address": self.address,
        }


def commits(voters: int, quorum: int) -> str:
    """How many of the voters commit a block, and how many losses that bears."""
    borne = voters - quorum
    losses = f"the loss of {borne} is borne" if borne else "the loss of one stops the network"
    return f"{quorum} of {voters} voters commit a block: {losses}"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal as it stands, and who decides about it."""

    view: View
    approving: tuple[str, ...]
    needed: int
    recorded: Recorded | None = None

    @property
    def name(self) -> str:
        """The proposal's name."""
        return str(self.view["proposal"])

    @property
    def is_adopted(self) -> bool:
        """Whether enough have approved it."""
        return bool(self.view["status"] == "Adopted")

    @property
    def missing(self) -> int:
        """How many approvals it lacks."""
        counted = set(self.view["approvals"]) & set(self.approving)
        return 0 if self.is_adopted else max(0, self.needed - len(counted))

    @property
    def may_approve(self) -> tuple[str, ...]:
        """Who can still give one."""
        return tuple(each for each in self.approving if each not in self.view["approvals"])

    def as_dict(self) -> View:
        """The proposal for JSON."""
        return {
            **self.view,
            "adopted": self.is_adopted,
            "approvals_missing": self.missing,
            "may_approve": list(self.may_approve),
            "height": None if self.recorded is None else self.recorded.height,
        }


def propose(session: Session, name: str, change: View, days: int = 30) -> Proposed:
    """Propose a change; an organisation that runs a voter approves it by this.

    Raises:
        Refused: a rule said no.
    """
    operation = {"op": "membership.propose", "proposal": name, "change": change, "days": days}
    return _after(session, name, session.submit(operation))


def approve(session: Session, name: str) -> Proposed:
    """Approve a proposal.

    Raises:
        Refused: a rule said no.
    """
    return _after(session, name, session.submit({"op": "membership.approve", "proposal": name}))


def withdraw(session: Session, name: str) -> Proposed:
    """Withdraw one's own proposal.

    Raises:
        Refused: a rule said no.
    """
    return _after(session, name, session.submit({"op": "membership.withdraw", "proposal": name}))


def open_proposals(session: Session) -> list[Proposed]:
    """What waits for approvals."""
    view = session.view("/membership")
    proposals = session.pages("/membership/proposals", "proposals")
    return [_proposed(view, proposal) for proposal in proposals if proposal["status"] == "Open"]


def _after(session: Session, name: str, recorded: Recorded) -> Proposed:
    view = session.view("/membership")
    return _proposed(view, session.view(f"/membership/proposals/{name}"), recorded)


def _proposed(membership: View, proposal: View, recorded: Recorded | None = None) -> Proposed:
    return Proposed(proposal, tuple(membership["approving"]), membership["approvals_needed"], recorded)


def member_of(membership: View, node: str) -> View:
    """A node's entry in the membership's view.

    Raises:
        NetworkError: there is no such member.
    """
    for member in membership["members"]:
        if member["node"] == node:
            return dict(member)
    raise NetworkError(
        "no such member",
        code="unknown_node",
        found=node,
        expected=", ".join(member["node"] for member in membership["members"]),
        remedy="`tally network members` lists them.",
    )


def check_stays(membership: View, node: str) -> None:
    """Check that no adopted change takes a member out already.

    Raises:
        NetworkError: one does.
    """
    target = membership["target"]
    if target is not None and node not in (*target["voters"], *target["learners"]):
        raise NetworkError(
            "the node is leaving already",
            code="change_in_progress",
            found=node,
            remedy="Nothing is left to do; `tally network members` shows how far it is.",
        )


def check_is_new(membership: View, node: str, template: Path) -> None:
    """Check that nobody has this node id yet, before anything is written in its name.

    The home that an interrupted call left may be there: its settings say that it is joining.

    Raises:
        NetworkError: it is a member's or was one's, or another node's home lies where its would.
    """
    home = template.parent.parent / checked_name(node, "node")
    if node in membership["former"] or node in [member["node"] for member in membership["members"]]:
        what = "was that of a node before" if node in membership["former"] else "is that of a member"
        raise NetworkError(
            f"the node id {what}",
            code="node_id_used",
            field="NODE",
            found=node,
            expected=f"a new one, such as {next_id(membership, node)}",
            remedy="Choose an id that was never used; `tally network members` lists those in use.",
        )
    if (home / CONFIG).exists() and not _settings(home / CONFIG).get("joining", False):
        raise NetworkError(
            "another node has its home there",
            code="node_home_taken",
            field="NODE",
            found=str(home),
            remedy="Choose another id, or a template beside which there is no such folder.",
        )


def next_id(membership: View, node: str) -> str:
    """The id under which a node returns: n2, n2-2, n2-3, …, the first that was never used."""
    used = {*membership["former"], *(member["node"] for member in membership["members"])}
    stem, _, number = node.rpartition("-")
    if not stem or not number.isdecimal():
        stem, number = node, "1"
    following = int(number) + 1
    while f"{stem}-{following}" in used:
        following += 1
    return checked_name(f"{stem}-{following}", "node")


def new_home(
    template: Path,
    node: str,
    organisation: str,
    *,
    ports: tuple[int, int] | None = None,
    peers: Mapping[str, str] | None = None,
    is_founding: bool = False,
) -> Home:
    """A home for a new node beside that of `template`, the configuration of a node of the same channel.

    Its ports are the template's unless given; `peers` are added to the template's. One that is `founding`
    is of another channel, a recovered one: it knows none of the template's, and its genesis block goes into
    its home. What an interrupted call left is taken up, with the same key.

    Raises:
        NetworkError: the configuration cannot be read, or the folder cannot be written.
    """
    checked_name(node, "node")
    settings = _settings(template)
    home = template.parent.parent / node
    listed = {**({} if is_founding else settings.get("peers", {})), **(peers or {})}
    if ports is not None:
        settings["api_port"], settings["peer_port"] = ports
    settings.update(
        node=node,
        joining=not is_founding,
        data_dir=DATA,
        key_file=KEY,
        certificate_file=CERTIFICATE,
        peers={other: place for other, place in listed.items() if other != node},
    )
    if is_founding:
        settings["genesis_file"] = "genesis.block"
    try:
        home.mkdir(parents=True, exist_ok=True)
        prepare_data(home / DATA)
        key = kept_key(home / KEY)
        (home / CERTIFICATE).write_text(
            node_certificate.to_pem(node_certificate.issue(key, node)), encoding="ascii"
        )
        (home / CONFIG).write_text(_toml(settings), encoding="utf-8")
    except OSError as error:
        raise NetworkError(
            f"cannot make {home}",
            code="folder",
            found=error.strerror,
            remedy="Check space and permissions there, then run the command again: it goes on from there.",
        ) from None
    host = settings.get("peer_host", "127.0.0.1")
    api_host = settings.get("api_host", "127.0.0.1")
    return Home(
        node,
        organisation,
        home,
        f"http://{api_host}:{settings.get('api_port', 0)}",
        f"{host}:{settings.get('peer_port', 0)}",
        home / settings.get("genesis_file", "genesis.block"),
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NetworkError(
            f"cannot read {path}",
            code="node_config",
            found=error.strerror,
            remedy="Name the node.toml of a node of yours with --config.",
        ) from None
    except ValueError as error:
        raise NetworkError(
            f"{path} is not TOML",
            code="node_config",
            found=str(error)[:120],
            remedy="Name the node.toml of a node of yours with --config, as `tally network up` writes it.",
        ) from None


def _toml(settings: Mapping[str, Any]) -> str:
    """A node's settings as TOML: plain values first, then one table for each map."""
    plain = [f"{name} = {_plain(value)}" for name, value in settings.items() if not isinstance(value, dict)]
    tables = []
    for name, table in settings.items():
        if isinstance(table, dict):
            entries = [f"{json.dumps(key)} = {_plain(value)}" for key, value in table.items()]
            tables += ["", f"[{name}]", *entries]
    return "\n".join([*plain, *tables]) + "\n"


def _plain(value: object) -> str:
    return json.dumps(value)


def addition(home: Home, channel: bytes) -> View:
    """The change that takes a new node in as a learner."""
    return {"kind": "add", "new": home.offered(channel)}


def replacement(node: str, home: Home, channel: bytes) -> View:
    """The change that puts a new node in the place of one that lost its disk."""
    return {"kind": "replace", "node": node, "new": home.offered(channel)}
