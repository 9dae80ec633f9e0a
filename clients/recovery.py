"""Recovery of a network that has lost a quorum of disks: another one goes on from what is left.

    data = draft(export, old, members, …)     a genesis block that nobody has approved yet
    check(data, export, old)                  it is what it must be of this export, computed again
    data = approve(data, key)                 with one more organisation's approval
    recover(network, to)                      all of it, for a network whose keys lie in one folder

The export is that of the survivor whose ledger reaches furthest. What the lost nodes certified beyond it is
not in it, and nobody can tell what that was but those who hold receipts: `ledger.blocks.recovery` has what
follows.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote as quoted
from tempfile import TemporaryDirectory
from typing import Any

from clients import network
from clients.errors import NetworkError
from clients.network import Network, NodeProcess
from clients.sdk.exports import checked
from clients.trust import load_genesis
from clients.verification.export_file import from_disk
from contracts import Contracts
from contracts.parties import recovery
from contracts.parties.identity import ACTIVE
from contracts.parties.membership import in_force, voting_organisations
from ledger import codec
from ledger.blocks.genesis import RECOVERING, EnrolledKey, Genesis, GenesisBlock, genesis_block, read_genesis
from ledger.blocks.recovery import Recovery
from ledger.chain.chain import Chain
from ledger.errors import TallyError, VerificationError
from ledger.keys import SigningKey
from ledger.limits import MAX_APPROVALS, MAX_AUTHORITY_BYTES, MAX_GENESIS_BYTES, MAX_KEYS_PER_ORGANISATION
from ledger.members.membership import Member, Membership
from ledger.proofs.carried import carry
from ledger.proofs.export import Nothing
from ledger.proofs.export import verify as verify_export
from ledger.proofs.handover import Followed
from ledger.proofs.statement import Statement
from ledger.snapshots.inheritance import EXPORT_FILE, Estate
from ledger.state.overlay import Overlay
from ledger.storage.store import LEDGER_FOLDER, Store

MAX_AHEAD_MS = 300_000
"""How far a new ledger's beginning may lie ahead of the clock of whoever approves it: what clocks differ by.

No block's time is before it, so that until then the transactions of all whose clocks are right have run out.
"""

_MAX_DRAFT_BYTES = MAX_GENESIS_BYTES - MAX_APPROVALS * 128
"""Of a document whose approvals are to come: a map of a key and a signature is shorter."""

LOST_FILE = "lost"
"""In a node's data folder: what the node signed is not there (`node/disk.py`)."""


class _Draft(Contracts):
    """The contracts, but that a recovery is not approved yet."""

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        """Write the state that the recovery will begin with."""
        recovery.write(state, genesis)


def draft(
    export: Path,
    old: GenesisBlock,
    members: Sequence[Member],
    *,
    quorum: int = 0,
    name: str = "",
    time_ms: int | None = None,
) -> bytes:
    """A genesis block that goes on from an export of the old ledger, with these voters; not approved yet.

    `quorum` 0 is a majority. Name and time are those of the old ledger and of now unless given.

    Raises:
        Malformed: a node that was one before (`node_id_used`, `node_key_used`) or may be none
            (`no_node_right`), or members that are none.
        VerificationError: the export does not prove itself under the old genesis block.
        StoreError: the disk refuses.
    """
    proved = checked(export, old)
    document = {
        **old.genesis.document(),
        "version": RECOVERING,
        "name": name or old.genesis.name,
        "time_ms": max(time_ms or _now_ms(), proved.header.time_ms),
        "contract_version": Contracts.version,
        "quorum": quorum or len(members) // 2 + 1,
        "nodes": [
            {
                "id": member.node,
                "organisation": member.organisation,
                "key": member.key,
                "certificate": member.certificate,
            }
            for member in members
        ],
        "parameters": {},
        "recovers": Recovery(old.channel, proved.header.height, proved.header.hash, b"").to_value(),
    }
    for organisation in document["organisations"]:
        organisation["keys"] = []
    genesis = Genesis.from_document(document)
    with _estate(genesis, export) as estate:
        state = estate.prove(_authority_keys(estate))
        authority = _authority(Statement(state, proved.certified), Followed.of(proved.trust))
        assert genesis.recovers is not None, "it is in the document"
        genesis = replace(genesis, recovers=replace(genesis.recovers, authority=authority))
        genesis = _with_keys(genesis, estate)
        data = genesis_block(genesis, estate.root(_Draft(), genesis)).data
    return read_genesis(data).block.data


def _authority(statement: Statement, trust: Followed) -> bytes:
    """The statement with the membership changes that it needs, or alone where all of them are too many.

    Whoever verifies it has them then beside the old genesis block; the export has them too.
    """
    data = statement.encode()
    carried = carry(data, trust.chain)
    return carried if len(carried) <= MAX_AUTHORITY_BYTES else data


def _with_keys(genesis: Genesis, estate: Estate) -> Genesis:
    """The genesis with the keys of its organisations, or without any where all of them are too many.

    They stand in the state in any case. In the document they tell whoever checks a proof whose key it was.
    """
    keys: dict[str, list[EnrolledKey]] = {organisation.id: [] for organisation in genesis.organisations}
    for key, entry in estate.entries("key"):
        organisation, name, enrolled_by, status, _ = entry
        found = keys.get(organisation, [])
        if status == ACTIVE and len(found) < MAX_KEYS_PER_ORGANISATION:
            found.append(EnrolledKey(key, name, enrolled_by))
    named = replace(
        genesis,
        organisations=tuple(
            replace(organisation, keys=tuple(keys[organisation.id])) for organisation in genesis.organisations
        ),
    )
    return named if len(codec.encode(named.document())) <= _MAX_DRAFT_BYTES else genesis


def _authority_keys(estate: Estate) -> list[bytes]:
    """State keys that show who could approve: some keys of each organisation that ran voters."""
    voting = voting_organisations(in_force(estate))
    keys: dict[str, list[bytes]] = {organisation: [] for organisation in voting}
    most = MAX_APPROVALS // (2 * len(voting)) or 1
    for key, entry in estate.entries("key"):
        organisation, _, _, status, _ = entry
        if status == ACTIVE and len(keys.get(organisation, ())) < most and organisation in keys:
            keys[organisation].append(key)
    return recovery.authority_keys(tuple([key for each in keys.values() for key in each]))


@contextmanager
def _estate(genesis: Genesis, export: Path) -> Iterator[Estate]:
    """What the export holds, in a folder beside it that is removed afterwards."""
    with TemporaryDirectory(dir=export.absolute().parent) as folder:
        estate = Estate(genesis, export, Path(folder) / "estate")
        try:
            yield estate
        finally:
            estate.close()


@dataclass(frozen=True, slots=True)
class Checked:
    """A recovery's genesis block that is what it must be of an export."""

    block: GenesisBlock
    old: GenesisBlock
    """That of the old ledger, with the membership changes that the export brought along."""


def check(data: bytes, export: Path, old: GenesisBlock, *, now_ms: int | None = None) -> Checked:
    """Check that a genesis block is what it must be of this export, computed again.

    What it may be otherwise is for people to say who approve it: name, nodes and quorum.

    Raises:
        Malformed, VerificationError: it goes on from something else, begins with another state, or later
            than `now_ms`, the clock unless given (`begins_later`).
        StoreError: the disk refuses.
    """
    block = read_genesis(data)
    recovers = block.genesis.recovers
    if recovers is None:
        raise VerificationError("a genesis block that recovers nothing", code="no_recovery", field="recovers")
    proved = checked(export, old)
    if (recovers.channel, recovers.height) != (old.channel, proved.header.height):
        raise VerificationError(
            "it goes on from something else than this export",
            code="other_export",
            field="recovers",
            found=f"height {recovers.height} of channel {recovers.channel.hex()}",
            expected=f"height {proved.header.height} of channel {old.channel.hex()}",
        )
    _check_begins(block.genesis, max(now_ms or _now_ms(), proved.header.time_ms))
    with _estate(block.genesis, export) as estate:
        stated = recovery.authority(recovers, proved.trust)
        shown = (stated.height, stated.block_hash, set(stated.entries))
        if shown != (proved.header.height, proved.header.hash, set(_authority_keys(estate))):
            raise VerificationError("another authority than the export gives", field="recovers.authority")
        root = estate.root(_Draft(), block.genesis)
    if root != block.block.header.state_root:
        raise VerificationError(
            "it begins with another state than the export gives",
            field="state_root",
            found=block.block.header.state_root.hex(),
            expected=root.hex(),
        )
    return Checked(block, proved.trust)


def _check_begins(genesis: Genesis, now_ms: int) -> None:
    """Nothing can be recorded in a ledger whose time is ahead of that of its members."""
    if genesis.time_ms > now_ms + MAX_AHEAD_MS:
        raise VerificationError(
            "it begins later than now",
            code="begins_later",
            field="time_ms",
            found=genesis.time_ms,
            expected=f"at most {now_ms + MAX_AHEAD_MS}",
            remedy="Set the clock right on which it was drafted, or this one, and draft it again.",
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def approve(data: bytes, key: SigningKey, old: GenesisBlock) -> bytes:
    """The genesis block with the approval of this key, and with those that it has.

    Raises:
        NetworkError: the key's approval would not count: `runs_no_voter`.
    """
    block = read_genesis(data)
    recovers, root = block.genesis.recovers, block.block.header.state_root
    if recovers is None:
        raise VerificationError("a genesis block that recovers nothing", code="no_recovery", field="recovers")
    if not recovery.may_approve(recovers, old, key.public):
        raise NetworkError(
            "the key is not one of those who approve",
            code="runs_no_voter",
            field="--profile",
            found=key.public.hex(),
            expected="a key of an organisation that ran a voter of the old ledger",
            remedy="Let the organisations that ran voters approve; a majority of them is enough.",
        )
    signed = recovers.approved_by(key, block.genesis.document(), root)
    return genesis_block(replace(block.genesis, recovers=signed), root).data


@dataclass(frozen=True, slots=True)
class Survivor:
    """What is left of a node's ledger; `height` is -1 where it cannot be opened, and `reason` says why."""

    node: str
    height: int
    """Up to which its ledger is certified."""
    last: int
    """Height of its newest block: what lies above `height` may have been committed, unproved."""
    can_vote: bool = False
    """Whether it holds all that it signed, so that it still counts for a quorum of the old network."""
    reason: str = ""
    membership: Membership | None = None
    """Which governs at that height."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "node": self.node,
            "height": self.height,
            "last": self.last,
            "can_vote": self.can_vote,
            "reason": self.reason,
        }


def survivors(old: Network) -> list[Survivor]:
    """What the disks of a network's stopped nodes hold, the one that reaches furthest first."""
    genesis = load_genesis(old.genesis_file)
    found = [_survivor(node, genesis) for node in old.nodes]
    return sorted(found, key=lambda survivor: (-survivor.height, survivor.node))


def _survivor(node: NodeProcess, genesis: GenesisBlock) -> Survivor:
    folder = node.data / LEDGER_FOLDER
    if not (folder / "mark").exists():
        return Survivor(node.id, -1, -1, reason="its ledger is gone")
    try:
        store = Store.open(folder)
        try:
            chain = Chain.open(store, Contracts(), genesis.block.data)
            height = chain.certified().header.height
            can_vote = not (node.data / LOST_FILE).exists()
            return Survivor(node.id, height, store.last_height, can_vote, membership=chain.applied_membership)
        finally:
            store.close()
    except TallyError as error:
        return Survivor(node.id, -1, -1, reason=error.message)


@dataclass(frozen=True, slots=True)
class RecoveredNetwork:
    """The network that goes on, and what it goes on from."""

    network: Network
    recovered: recovery.Recovered
    survivors: tuple[Survivor, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.network.as_dict(),
            "recovered": asdict(self.recovered),
            "survivors": [survivor.as_dict() for survivor in self.survivors],
        }


def recover(
    old: Network,
    to: Path,
    *,
    nodes: int | None = None,
    timing: str = "default",
    progress: Callable[[str], None] = lambda _: None,
) -> RecoveredNetwork:
    """Make the network that goes on from what is left of one whose keys lie in one folder; starts nothing.

    Its nodes are as many as the old network's voters, or `nodes`, of the same organisations, under ids that
    were never used. All organisations that ran voters approve it with the keys in the old folder, which are
    copied. The old folder keeps what it holds, since its ledgers are the only ones with the old blocks, and
    is started no more.

    Raises:
        NetworkError: a node of the old network runs, a quorum of them is left (`quorum_left`), nothing is
            left (`nothing_left`), it was recovered before, there is a network in `to`, or no such timing.
        TallyError: as for `draft`.
    """
    _check_stands(old, to)
    network.check_timing(timing)
    found = survivors(old)
    best = found[0]
    if best.height < 1 or best.membership is None:
        raise NetworkError(
            "no node of the network has a ledger to go on from",
            code="nothing_left",
            found="; ".join(f"{each.node}: {each.reason or 'no certified block'}" for each in found),
            remedy="An export that was taken before is enough: `tally recovery draft --from FILE`.",
        )
    _check_lost(old, best.membership, found)
    network.make_folders(to)
    progress(f"taking the state over from {best.node}, certified up to height {best.height}")
    export = to / EXPORT_FILE
    proved = from_disk(old.node(best.node).data, load_genesis(old.genesis_file), export)
    hosts = [voter.organisation for voter in best.membership.voters]
    count = nodes or len(hosts)
    first = _first_free_number(export, proved.trust)
    ids = [(f"n{first + at}", hosts[at % len(hosts)]) for at in range(count)]
    members = [_member(network.make_node(to, node, organisation)) for node, organisation in ids]
    data = draft(export, proved.trust, members)
    for organisation in voting_organisations(best.membership):
        data = approve(data, old.profile(organisation).signing_key(), proved.trust)
    block = read_genesis(data)
    recovered = recovery.verify(block, proved.trust)
    for organisation in old.profiles:
        shutil.copy2(old.folder / "keys" / f"{organisation}.pem", to / "keys")
    made = network.furnish(to, block.block, ids, list(old.profiles), network.node_ports(count, None), timing)
    old.succeed(to)
    return RecoveredNetwork(made, recovered, tuple(found))


def _check_stands(old: Network, to: Path) -> None:
    old.check_not_succeeded()
    running = [node.id for node in old.nodes if node.is_running]
    if running:
        raise NetworkError(
            "nodes of the network run",
            code="nodes_run",
            found=", ".join(running),
            remedy=f"Stop them: tally network down --dir {quoted(str(old.folder))}",
        )
    if (to / network.DESCRIPTION).exists():
        raise NetworkError(
            f"there is a network in {to}",
            code="other_network",
            field="--to",
            remedy="Name a new folder: the old network's stays as it is.",
        )


def _check_lost(old: Network, membership: Membership, found: Sequence[Survivor]) -> None:
    """Nothing is given up as long as the network can go on by itself."""
    whole = [each.node for each in found if each.can_vote and membership.is_voter(each.node)]
    if membership.has_quorum(whole) and membership.has_majority(whole):
        raise NetworkError(
            "a quorum of its nodes is left: the network can go on as it is, and loses nothing",
            code="quorum_left",
            found=", ".join(sorted(whole)),
            remedy=f"Start it, then readmit the others: tally network up --dir {quoted(str(old.folder))}",
        )


def _member(entry: dict[str, Any]) -> Member:
    return Member(entry["id"], entry["organisation"], entry["key"], entry["certificate"])


class _NodeIds(Nothing):
    """Of an export: the ids of all nodes that ever were."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def entry(self, key: bytes, value: bytes) -> None:  # noqa: ARG002 (what `Sink` asks for)
        """Keep the id, if the entry is a node's."""
        kind, *parts = codec.decode(key)
        if kind == "node":
            self.found.append(str(parts[0]))


def _first_free_number(export: Path, trust: GenesisBlock) -> int:
    """The number after the highest of all node ids of the form n7 that were ever used."""
    ids = _NodeIds()
    with export.open("rb") as file:
        verify_export(file, trust, ids)
    numbers = [int(found[1:]) for found in ids.found if found[:1] == "n" and found[1:].isdecimal()]
    return max(numbers, default=0) + 1
