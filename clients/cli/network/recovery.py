"""`tally recovery`, `tally network recover`: a network has lost a quorum of disks, and another goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated

import typer

from clients import recovery
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    NetworkFolder,
    ProfileFile,
    load_profile,
    read_bytes,
    read_passphrase,
    save,
    trusted_genesis,
)
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.network import Network, membership
from clients.trust import checked_genesis
from clients.wording import counted
from contracts.parties.recovery import Recovered, verify
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.recovery import Recovery
from ledger.limits import MAX_GENESIS_BYTES, MAX_MEMBERS
from ledger.members import node_certificate
from ledger.members.membership import Member
from ledger.proofs.handover import Followed

MAX_BLOCK_BYTES = 2 * MAX_GENESIS_BYTES

NewBlock = Annotated[Path, typer.Argument(metavar="BLOCK", help="File of the new ledger's genesis block.")]
From = Annotated[
    Path, typer.Option("--from", help="The old ledger's export, of the survivor with most of it.")
]

app = typer.Typer(
    name="recovery",
    help="Go on from what is left of a ledger whose nodes have lost a quorum of disks.",
    no_args_is_help=True,
)


def recover(
    to: Annotated[Path, typer.Option("--to", help="Folder of the network that goes on; a new one.")],
    dir: NetworkFolder = Path("network"),  # noqa: A002
    nodes: Annotated[
        int | None,
        typer.Option(
            "--nodes", "-n", min=1, max=MAX_MEMBERS, help="How many nodes; as many as there were voters."
        ),
    ] = None,
    timing: Annotated[str, typer.Option(help="As of `tally network up`: default, or lan.")] = "default",
    json: Json = False,
) -> None:
    """Make a network that goes on from what is left of one that has lost a quorum of disks.

    It begins with the state at the last certified height that a survivor holds; what the lost nodes
    certified after that is not in it. It is another channel, with new nodes; the organisations that ran
    voters approve it with their keys in the old folder, whose network is started no more.
    """
    screen = Screen(json)
    made = recovery.recover(Network.load(dir), to.resolve(), nodes=nodes, timing=timing, progress=screen.note)
    if screen.answer(made.as_dict()):
        return
    screen.table(
        ("node", "certified up to", "newest block", ""),
        [
            (each.node, each.height, each.last, "") if each.height >= 0 else (each.node, "", "", each.reason)
            for each in made.survivors
        ],
    )
    _show(screen, made.network.channel, made.recovered)
    screen.line(f"Start it: tally network up --dir {quoted(str(to))}", FAINT)


@app.command(epilog=examples("tally recovery node n4 --config /srv/tally/nodes/n1/node.toml --as anchor"))
def node(
    name: Annotated[str, typer.Argument(metavar="NODE", help="Id of the new node; one that was never used.")],
    organisation: Annotated[str, typer.Option("--as", help="The organisation that runs it.")],
    config: Annotated[
        Path, typer.Option("--config", "-c", help="Settings of a node of yours, to make the new ones from.")
    ],
    json: Json = False,
) -> None:
    """Make the home of a node of the new ledger: key, certificate, settings, an empty data folder.

    Whoever drafts the genesis block needs its certificate; the key stays here. Before it is started it needs
    genesis.block and genesis.export in its home, and the addresses of the others as `peers` in its settings.
    """
    screen = Screen(json)
    home = membership.new_home(config, name, organisation, is_founding=True)
    certificate = home.folder / membership.CERTIFICATE
    document = {
        "node": name,
        "organisation": organisation,
        "config": str(home.config),
        "certificate": str(certificate),
    }
    if screen.answer(document):
        return
    screen.line(f"node {name} of {organisation}: {home.config}")
    screen.line(f"For the draft: --node {name}={organisation}={certificate}")


@app.command(
    epilog=examples(
        "tally recovery draft genesis.block --from last.export --genesis old/genesis.block \\\n"
        "        --node n4=anchor=n4.pem --node n5=lender=n5.pem --node n6=bank=n6.pem"
    )
)
def draft(
    block: NewBlock,
    from_: From,
    node: Annotated[
        list[str], typer.Option("--node", help="A voter: ID=ORGANISATION=FILE of its certificate; repeated.")
    ],
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    quorum: Annotated[int, typer.Option(help="Acknowledgements that commit a block; 0: a majority.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the ledger; the old one's if not given.")] = "",
    json: Json = False,
) -> None:
    """Write the genesis block of a ledger that goes on from an export; nobody has approved it yet."""
    screen = Screen(json)
    members = [_member(entry) for entry in node]
    data = recovery.draft(from_, trusted_genesis(genesis, profile), members, quorum=quorum, name=name)
    save(data, block, "genesis block")
    drafted = checked_genesis(data, str(block))
    if not screen.answer(_document(drafted, None)):
        _show_members(screen, drafted)
        screen.line(f"{block}: goes on from height {_recovers(drafted).height}, approved by nobody yet")


@app.command(
    epilog=examples("tally recovery check genesis.block --from last.export --genesis old/genesis.block")
)
def check(
    block: NewBlock, from_: From, genesis: GenesisFile = None, profile: ProfileFile = None, json: Json = False
) -> None:
    """Show what one would approve, after everything in it was computed again from the export.

    Exit code 0 only if it is what it must be of this export. Which nodes it has, of whom, and how many of
    them commit a block is for you to say: no rule of the ledger does.
    """
    screen = Screen(json)
    data = read_bytes(block, "genesis block", MAX_BLOCK_BYTES)
    checked_genesis(data, str(block))
    checked = recovery.check(data, from_, trusted_genesis(genesis, profile)).block
    if not screen.answer(_document(checked, None)):
        _show_members(screen, checked)
        screen.line(f"{block}: goes on from height {_recovers(checked).height}, as the export gives it", GOOD)


@app.command(
    epilog=examples(
        "tally recovery approve genesis.block --from last.export --genesis old/genesis.block -p anchor.json"
    )
)
def approve(
    block: NewBlock,
    from_: From,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Approve a recovery for your organisation, after everything in it was computed again from the export.

    `tally recovery check` shows what you approve. Approve one recovery of a ledger only.

    The genesis block is written anew, with your approval beside those that it has: pass it on until those
    of a majority of the organisations that ran voters are there.
    """
    screen = Screen(json)
    known = load_profile(profile)
    data = read_bytes(block, "genesis block", MAX_BLOCK_BYTES)
    checked_genesis(data, str(block))
    checked = recovery.check(data, from_, trusted_genesis(genesis, profile))
    signed = recovery.approve(data, known.signing_key(read_passphrase()), checked.old)
    save(signed, block, "genesis block")
    approved = checked_genesis(signed, str(block))
    if not screen.answer(_document(approved, None)):
        _show_members(screen, approved)
        screen.line(
            f"{block}: approved, with {counted(len(_recovers(approved).approvals), 'approval')} by now", GOOD
        )
        screen.line(
            f"Whether they are enough: tally recovery verify {quoted(str(block))} --genesis OLD", FAINT
        )


@app.command("verify", epilog=examples("tally recovery verify new/genesis.block --genesis old/genesis.block"))
def verify_block(
    block: NewBlock, genesis: GenesisFile = None, profile: ProfileFile = None, json: Json = False
) -> None:
    """Check offline that a genesis block goes on from the ledger that you know, approved by those who could.

    Exit code 0 only if it does. Says from which height on nothing of the old ledger is in the new one.
    """
    screen = Screen(json)
    new = checked_genesis(read_bytes(block, "genesis block", MAX_BLOCK_BYTES), str(block))
    old = trusted_genesis(genesis, profile)
    recovered = verify(new, old)
    changed = Followed.of(old).heights[-1]
    if screen.answer({**_document(new, recovered), "members_changed_at": changed}):
        return
    _show_members(screen, new)
    _show(screen, new.channel, recovered)
    if changed > recovered.height:
        screen.line(
            f"The members that you know of changed at height {changed}, after that: it was approved by those "
            f"of height {recovered.height}, with keys that may have been revoked since. Ask the others.",
            BAD,
        )


def _recovers(block: GenesisBlock) -> Recovery:
    found = block.genesis.recovers
    if found is None:
        raise UsageProblem(
            "a genesis block that recovers nothing",
            code="no_recovery",
            expected="one of `tally recovery draft`",
        )
    return found


def _document(block: GenesisBlock, recovered: Recovered | None) -> dict[str, object]:
    recovers = _recovers(block)
    return {
        "proved": recovered is not None,
        "channel": block.channel.hex(),
        "recovers": recovers.channel.hex(),
        "height": recovers.height,
        "block": recovers.block.hex(),
        "approvals": [key.hex() for key in recovers.approving],
        "approved_by": None if recovered is None else list(recovered.approved_by),
        "approvals_needed": None if recovered is None else recovered.needed,
        "name": block.genesis.name,
        "time_ms": block.genesis.time_ms,
        "quorum": block.membership.quorum,
        "nodes": [
            {"node": member.node, "organisation": member.organisation, "key": member.key.hex()}
            for member in block.membership.voters
        ],
    }


def _show_members(screen: Screen, block: GenesisBlock) -> None:
    voters = block.membership.voters
    screen.table(
        ("node", "organisation", "key"),
        [(member.node, member.organisation, member.key.hex()[:16]) for member in voters],
    )
    screen.line(
        f"{block.genesis.name}, from {_moment(block.genesis.time_ms)}; "
        f"{membership.commits(len(voters), block.membership.quorum)}."
    )


def _moment(time_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(time_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError):
        return f"{time_ms} ms after 1970"


def _show(screen: Screen, channel: bytes, recovered: Recovered) -> None:
    screen.line(
        f"Goes on from height {recovered.height}, approved by {', '.join(recovered.approved_by)} "
        f"({recovered.needed} needed). The new channel is {channel.hex()}.",
        GOOD,
    )
    screen.line(
        f"What was recorded after height {recovered.height} is not in it: whoever holds a receipt of a later "
        "block submits again."
    )


def _member(entry: str) -> Member:
    parts = entry.split("=", 2)
    if len(parts) != 3:
        raise UsageProblem(
            "not a node",
            code="node",
            field="--node",
            found=entry[:80],
            expected="ID=ORGANISATION=CERTIFICATE.pem",
        )
    text = read_bytes(Path(parts[2]), "certificate", MAX_GENESIS_BYTES).decode("ascii", errors="replace")
    certificate = node_certificate.from_pem(text)
    return Member(parts[0], parts[1], node_certificate.public_key(certificate), certificate)
