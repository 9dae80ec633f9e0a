"""`tally network members`, `add-node`, `promote`, …: which nodes a channel has, and who decides."""

from __future__ import annotations

import secrets
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients import network
from clients.cli.exits import UsageProblem
from clients.cli.options import Json, ProfileFile, open_session
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.errors import NodeProblem
from clients.network import Network, NodeProcess, membership
from clients.network.membership import Home, Proposed
from clients.sdk import Session
from clients.trust import keep_changes
from clients.wording import counted, counted_are
from contracts.views import View

Folder = Annotated[
    Path | None, typer.Option("--dir", "-d", envvar="TALLY_DIR", help="The folder of a local network.")
]
As = Annotated[
    str | None, typer.Option("--as", help="Organisation to act as, with its profile in the network's --dir.")
]
NodeId = Annotated[str, typer.Argument(metavar="NODE", help="Node id, such as n4.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the proposal; made up if not given.")]
ProposalName = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Name of the proposal.")]
Days = Annotated[int, typer.Option(help="Business days for which the proposal stays open.")]
QuorumOption = Annotated[
    int, typer.Option("--quorum", help="Acknowledgements that commit a block afterwards; 0: as it follows.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings of a node of yours, to make the new ones from."),
]

DAYS = 30


class _Acting:
    """Which profile acts: the one named, or an organisation's in the folder of a local network."""

    def __init__(self, folder: Path | None, profile: Path | None, organisation: str | None) -> None:
        self.network = None if folder is None else Network.load(folder)
        self.folder = folder
        self._profile = profile
        self._organisation = organisation

    def session(self, organisation: str | None = None) -> Session:
        """A session of whoever acts; `organisation` is taken if nobody was named."""
        return open_session(self.profile(organisation))

    def profile(self, organisation: str | None = None) -> Path | None:
        """The profile's file.

        Raises:
            UsageProblem, NetworkError: nobody was named, or somebody whom the network does not have.
        """
        if self._profile is not None or self.network is None:
            return self._profile
        wanted = self._organisation or organisation
        if wanted is None:
            raise UsageProblem(
                "say who acts",
                code="no_profile",
                field="--as",
                expected=f"one of {', '.join(sorted(self.network.profiles))}, or --profile FILE",
            )
        self.network.profile(wanted)
        return self.network.profiles[wanted]

    def host_of(self, node: str | None = None) -> str | None:
        """The organisation that runs a node of the local network, or its first node."""
        if self.network is None:
            return None
        listed = [known for known in self.network.nodes if node in (None, known.id)]
        return listed[0].organisation if listed else self.network.nodes[0].organisation

    def approve_with(self, proposed: Proposed) -> list[str]:
        """The commands by which the others approve."""
        name = proposed.name
        if self.network is None or self.folder is None:
            return [
                f"tally network approve {name} --profile {organisation}.json"
                for organisation in proposed.may_approve
            ]
        return [
            f"tally network approve {name} --dir {quoted(str(self.folder))} --as {organisation}"
            for organisation in proposed.may_approve
        ]


def register(app: typer.Typer) -> None:
    """Add these commands to `tally network`."""
    app.command(epilog=examples("tally network members --dir net"))(members)
    app.command("add-node", epilog=examples("tally network add-node n4 --dir net --as lender"))(add_node)
    app.command(epilog=examples("tally network promote n4 --dir net"))(promote)
    app.command(epilog=examples("tally network demote n4 --dir net"))(demote)
    app.command(epilog=examples("tally network remove n4 --dir net"))(remove)
    app.command(epilog=examples("tally network forget n4 --dir net"))(forget)
    app.command(epilog=examples("tally network quorum 4 --dir net"))(quorum)
    app.command(epilog=examples("tally network readmit n2 --dir net"))(readmit)
    app.command(epilog=examples("tally network abandon --dir net"))(abandon)
    app.command(epilog=examples("tally network approve readmit-n2-2 --dir net --as anchor"))(approve)
    app.command(epilog=examples("tally network withdraw add-n4 --dir net --as lender"))(withdraw)


def members(
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    json: Json = False,
) -> None:
    """Who votes and who learns, proved since the genesis block; what is under way and what is proposed."""
    screen = Screen(json)
    acting = _Acting(dir, profile, organisation)
    with acting.session(acting.host_of()) as session:
        view = session.view("/membership")
        proposals = membership.open_proposals(session)
        followed = session.follow()
        recovers = followed.genesis.recovers
    is_proved = followed.newest.hash.hex() == view["hash"]
    document = {
        **view,
        "proved": is_proved,
        "goes_on_from": None
        if recovers is None
        else {"channel": recovers.channel.hex(), "height": recovers.height},
        "proposals": [{**each.as_dict(), "approve_with": acting.approve_with(each)} for each in proposals],
    }
    if screen.answer(document):
        return
    screen.table(
        ("node", "organisation", "role", "address", "key"),
        [
            (each["node"], each["organisation"], each["role"], each["address"] or "", each["key"][:16])
            for each in view["members"]
        ],
    )
    screen.line(
        f"{_commits(view)}; in force since block {view['since_height']}, "
        + (
            f"proved by {counted(view['changes'], 'change')}"
            if is_proved
            else "not proved: another change is on its way"
        ),
        GOOD if is_proved else BAD,
    )
    if recovers is not None:
        screen.line(
            f"The ledger goes on from height {recovers.height} of channel {recovers.channel.hex()}, which "
            "lost a quorum of disks."
        )
    if view["target"] is not None:
        target = view["target"]
        screen.line(
            f"Under way ({', '.join(view['steps_left'])}) to voters {', '.join(target['voters'])}"
            + (f", learners {', '.join(target['learners'])}" if target["learners"] else "")
            + f"; then {membership.commits(len(target['voters']), target['quorum'])}."
        )
    for each in proposals:
        _show(screen, acting, each)


def _commits(view: View) -> str:
    if view["joint"]:
        return f"{view['quorum']} voters commit a block, with {view['outgoing_quorum']} outgoing ones"
    voters = sum(1 for each in view["members"] if each["role"] == "voter")
    return membership.commits(voters, view["quorum"])


def add_node(
    node: NodeId,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    config: Config = None,
    address: Annotated[
        str | None, typer.Option(help="host:port at which others reach it; from its settings if not given.")
    ] = None,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Make a new node of your organisation, and propose it as a learner; `promote` gives it a vote."""
    screen = Screen(json)
    acting = _Acting(dir, profile, organisation)
    template = _template(config or (None if acting.network is None else acting.network.nodes[0].config))
    ports = None if acting.network is None else network.free_ports()
    with acting.session() as session:
        membership.check_is_new(session.view("/membership"), node, template)
        home = _home(acting, template, node, session.profile.organisation, ports)
        keep_changes(home.genesis_file, session.follow())
        network.check_can_run(home.node, home.config, home.api)
        change = membership.addition(home, session.genesis.channel)
        _locate(change, address)
        proposed = _proposed_once(session, name or f"add-{node}", change, days)
    _joined(acting, home)
    _answer(screen, acting, proposed, home)


def readmit(
    node: NodeId,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    config: Config = None,
    address: Annotated[
        str | None, typer.Option(help="host:port at which others reach it; from its settings if not given.")
    ] = None,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Bring back a node that lost its disk: a new id and key, proposed in the place of the old one.

    The lost disk held promises (votes, acknowledgements) that the old id must never break, so the
    id is not used again. Once enough organisations approved, the new node learns the ledger, gets
    the old one's vote, and the old id leaves: all that by itself. Run again, the command goes on
    from where it was interrupted.
    """
    screen = Screen(json)
    acting = _Acting(dir, profile, None)
    with acting.session(acting.host_of(node)) as session:
        view = session.view("/membership")
        old = membership.member_of(view, node)
        membership.check_stays(view, node)
        fresh = membership.next_id(view, node)
        template = _template(config or _config_of(acting, node, fresh))
        if acting.network is not None:
            network.down(acting.network, only={node})
        ports = None if acting.network is None else network.free_ports()
        home = _home(acting, template, fresh, old["organisation"], ports)
        keep_changes(home.genesis_file, session.follow())
        network.check_can_run(home.node, home.config, home.api)
        change = membership.replacement(node, home, session.genesis.channel)
        _locate(change, address)
        proposed = _proposed_once(session, name or f"readmit-{fresh}", change, days)
    _joined(acting, home, instead_of=node)
    _answer(screen, acting, proposed, home)


def _config_of(acting: _Acting, *nodes: str) -> Path | None:
    """Settings of the first of these nodes that the local network lists."""
    known = {} if acting.network is None else {each.id: each.config for each in acting.network.nodes}
    return next((known[node] for node in nodes if node in known), None)


def _template(config: Path | None) -> Path:
    if config is None:
        raise UsageProblem(
            "no settings to make the new node's from",
            code="no_config",
            field="--config",
            expected="node.toml of a node of yours on this channel, or --dir of a local network",
        )
    return config


def _home(
    acting: _Acting, template: Path, node: str, organisation: str, ports: tuple[int, int] | None
) -> Home:
    known = () if acting.network is None else acting.network.nodes
    made = [each for each in known if each.id == node]
    if made:  # taken up again after an interruption
        ports = int(made[0].api.rpartition(":")[2]), int(made[0].peer.rpartition(":")[2])
    peers = {each.id: each.peer for each in known if each.id != node}
    return membership.new_home(template, node, organisation, ports=ports, peers=peers)


def _locate(change: View, address: str | None) -> None:
    if address is not None:
        change["new"]["address"] = address


def _joined(acting: _Acting, home: Home, instead_of: str | None = None) -> None:
    """In a local network the node is listed and started; elsewhere a service manager does that.

    Raises:
        NetworkError: it cannot run.
    """
    if acting.network is None:
        return
    entry = NodeProcess(
        home.node,
        home.organisation,
        0,
        home.api,
        home.address,
        home.folder / membership.DATA,
        home.folder / "node.log",
        home.config,
    )
    running = [each for each in acting.network.nodes if each.id == home.node and each.is_running]
    if not running:
        joined = network.join(acting.network, entry, instead_of=instead_of)
        started = network.start(joined, only={home.node}, outlives=True)
        network.wait_answering(started, {home.node})


def promote(
    node: NodeId,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    quorum: QuorumOption = 0,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Propose that a learner gets a vote."""
    change = {"kind": "promote", "node": node, "quorum": quorum}
    _change(_Acting(dir, profile, organisation), node, change, name, days, json)


def demote(
    node: NodeId,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    quorum: QuorumOption = 0,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Propose that a voter becomes a learner."""
    change = {"kind": "demote", "node": node, "quorum": quorum}
    _change(_Acting(dir, profile, organisation), node, change, name, days, json)


def remove(
    node: NodeId,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    quorum: QuorumOption = 0,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Propose that a node leaves for good; its id is never used again."""
    change = {"kind": "remove", "node": node, "quorum": quorum}
    _change(_Acting(dir, profile, organisation), node, change, name, days, json)


def forget(
    node: NodeId,
    dir: Annotated[Path, typer.Option("--dir", "-d", envvar="TALLY_DIR", help="The network's folder.")],  # noqa: A002
    json: Json = False,
) -> None:
    """Take a removed node that does not run off the folder's list; its own folder stays as it is."""
    screen = Screen(json)
    acting = _Acting(dir, None, None)
    listed = Network.load(dir)
    listed.node(node)
    with acting.session(acting.host_of()) as session:
        former = session.view("/membership")["former"]
    if node not in former:
        raise UsageProblem(
            "the node is a member",
            code="still_member",
            field="NODE",
            found=node,
            expected=f"one that was removed: {', '.join(former) or 'none was'}",
            remedy=f"Propose that it leaves first: tally network remove {node}",
        )
    left = network.leave(listed, node)
    if not screen.answer(left.as_dict()):
        screen.line(f"{node} is listed no more; its folder is kept.", GOOD)


def quorum(
    number: Annotated[int, typer.Argument(metavar="QUORUM", help="Acknowledgements that commit a block.")],
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Propose that another number of acknowledgements commits a block."""
    change = {"kind": "quorum", "quorum": number}
    _change(_Acting(dir, profile, organisation), None, change, name, days, json)


def abandon(
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    name: Name = None,
    days: Days = DAYS,
    json: Json = False,
) -> None:
    """Propose to give up the change under way; possible until the voters have begun to change."""
    _change(_Acting(dir, profile, organisation), None, {"kind": "abandon"}, name, days, json)


def _change(
    acting: _Acting, node: str | None, change: View, name: str | None, days: int, as_json: bool
) -> None:
    screen = Screen(as_json)
    made_up = "-".join([change["kind"], *([node] if node else []), secrets.token_hex(2)])
    with acting.session(acting.host_of(node)) as session:
        proposed = membership.propose(session, name or made_up, change, days)
    _answer(screen, acting, proposed)


def approve(
    proposal: ProposalName,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    json: Json = False,
) -> None:
    """Approve a proposal for your organisation; the approval that makes them enough adopts it."""
    screen = Screen(json)
    acting = _Acting(dir, profile, organisation)
    with acting.session() as session:
        proposed = membership.approve(session, proposal)
    _answer(screen, acting, proposed)


def withdraw(
    proposal: ProposalName,
    dir: Folder = None,  # noqa: A002
    profile: ProfileFile = None,
    organisation: As = None,
    json: Json = False,
) -> None:
    """Withdraw a proposal of your organisation."""
    screen = Screen(json)
    acting = _Acting(dir, profile, organisation)
    with acting.session() as session:
        proposed = membership.withdraw(session, proposal)
    _answer(screen, acting, proposed)


def _proposed_once(session: Session, name: str, change: View, days: int) -> Proposed:
    """Propose, or take up the same proposal that was made before."""
    try:
        made = session.view(f"/membership/proposals/{name}")
    except NodeProblem as problem:
        if problem.code != "unknown_proposal":
            raise
        return membership.propose(session, name, change, days)
    if made["status"] not in ("Open", "Adopted") or not _is_same(made["change"], change):
        raise UsageProblem(
            "another proposal has this name",
            code="duplicate_number",
            field="--name",
            found=f"{name}, {made['status']}",
            remedy="Give this one a name of its own with --name.",
        )
    view = session.view("/membership")
    return Proposed(made, tuple(view["approving"]), view["approvals_needed"])


def _is_same(made: View, change: View) -> bool:
    """Whether what was proposed puts the same new node in the same place; anybody may have proposed it."""
    if any(made.get(field) != change.get(field) for field in ("kind", "node")):
        return False
    return bool(made["new"]["key"] == change["new"]["key"].hex())


def _answer(screen: Screen, acting: _Acting, proposed: Proposed, home: Home | None = None) -> None:
    document: dict[str, Any] = {**proposed.as_dict(), "approve_with": acting.approve_with(proposed)}
    if home is not None:
        document |= {"node": home.node, "config": str(home.config), "api": home.api, "peer": home.address}
    if screen.answer(document):
        return
    if home is not None:
        screen.line(f"node {home.node} of {home.organisation}: {home.config}")
        if acting.network is None:
            screen.line(f"Start it now: tally node run --config {quoted(str(home.config))}")
    _show(screen, acting, proposed)


def _show(screen: Screen, acting: _Acting, proposed: Proposed) -> None:
    view = proposed.view
    change = view["change"]
    what = " ".join([change["kind"], change.get("node", ""), change.get("new", {}).get("node", "")]).split()
    approved = ", ".join(view["approvals"]) or "nobody yet"
    screen.line(f"Proposal {proposed.name} ({' '.join(what)}): {view['status']}, approved by {approved}")
    if proposed.is_adopted:
        screen.line(
            "Adopted: the nodes carry it out by themselves; `tally network members` shows how far.", GOOD
        )
    elif view["status"] == "Open":
        screen.line(f"{counted_are(proposed.missing, 'more approval')} needed, by any of:")
        for command in acting.approve_with(proposed):
            screen.line(f"  {command}")
        screen.line(f"until {view['last_day']}", FAINT)
