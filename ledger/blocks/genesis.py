"""The genesis document and the genesis block: what everybody starts from.

The document is a canonical map; it travels as the preamble of the block at height 0, and
the hash of that block's header is the channel's id. Whoever holds the file `genesis.block`
and checked its hash with somebody whom they trust can verify everything after it.

| field | type | meaning |
|---|---|---|
| version | int | 1; 2 with `recovers` |
| name | text | for people |
| time_ms | int | block time of height 0, milliseconds since 1970 |
| contract_version | int | the rules in force from the start |
| quorum | int | acknowledgements that commit a block, at least a majority |
| nodes | array of {id, organisation, key, certificate} | the first membership, ascending by id |
| organisations | array of {id, name, lei, roles, identifiers, keys} | ascending by id |
| parameters | map of text to int or text | values that contracts read, such as `business_date` |
| recovers | map | only of a ledger that goes on from another one: `ledger.blocks.recovery` |

`roles` are texts, ascending; `identifiers` are [scheme, value] pairs, ascending, by which
importers know the organisation (a VAT or GLN number); `keys` are maps {key, name,
enrolled_by}, ascending by key. Which roles and parameters mean something is for the
contracts to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger import codec, shape
from ledger.blocks.block import NO_SIGNATURE, Block, Header
from ledger.blocks.recovery import Recovery
from ledger.errors import BlockInvalid, Malformed, TooLarge, VerificationError
from ledger.hashing import EMPTY_TREE, ZERO
from ledger.identifiers import checked_lei
from ledger.limits import (
    MAX_CERTIFICATE_DER_BYTES,
    MAX_GENESIS_BYTES,
    MAX_IDENTIFIER_LENGTH,
    MAX_KEYS_PER_ORGANISATION,
    MAX_MEMBERS,
    MAX_ORGANISATIONS,
    MAX_PARAMETERS,
    MAX_TITLE_BYTES,
    PUBLIC_KEY_BYTES,
)
from ledger.members.membership import Member, Membership

VERSION = 1
RECOVERING = 2
"""Version of a document with `recovers`."""

_DOCUMENT_FIELDS = (
    "version",
    "name",
    "time_ms",
    "contract_version",
    "quorum",
    "nodes",
    "organisations",
    "parameters",
)
_NODE_FIELDS = ("id", "organisation", "key", "certificate")
_ORGANISATION_FIELDS = ("id", "name", "lei", "roles", "identifiers", "keys")
_KEY_FIELDS = ("key", "name", "enrolled_by")


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key with which an organisation signs transactions from the start."""

    key: bytes
    name: str
    enrolled_by: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation that takes part from the start; `lei` is empty where it has none."""

    id: str
    name: str
    lei: str
    roles: tuple[str, ...]
    identifiers: tuple[tuple[str, str], ...]
    keys: tuple[EnrolledKey, ...]


@dataclass(frozen=True, slots=True)
class Genesis:
    """A checked genesis document."""

    name: str
    time_ms: int
    contract_version: int
    membership: Membership
    organisations: tuple[Organisation, ...]
    parameters: dict[str, int | str]
    recovers: Recovery | None = None
    """What it goes on from, if it does not begin anew."""

    @property
    def quorum(self) -> int:
        """Acknowledgements that commit a block."""
        return self.membership.quorum

    def organisation(self, organisation: str) -> Organisation | None:
        """The organisation with this id."""
        return next((known for known in self.organisations if known.id == organisation), None)

    @classmethod
    def from_document(cls, document: codec.Value) -> Genesis:
        """Check a genesis document; lists may come in any order and as lists or tuples.

        Raises:
            Malformed, TooLarge: with the field that is wrong.
        """
        data = codec.encode(document)
        if len(data) > MAX_GENESIS_BYTES:
            raise TooLarge(
                "genesis too large", found=f"{len(data)} bytes", expected=f"at most {MAX_GENESIS_BYTES}"
            )
        value = codec.decode(data)
        is_recovering = type(value) is dict and "recovers" in value
        names = (*_DOCUMENT_FIELDS, "recovers") if is_recovering else _DOCUMENT_FIELDS
        fields = shape.record(value, names, "genesis")
        version = RECOVERING if is_recovering else VERSION
        shape.integer(fields["version"], "genesis.version", least=version, most=version)
        organisations = _organisations(fields["organisations"])
        return cls(
            shape.text(fields["name"], MAX_TITLE_BYTES, "genesis.name", least_bytes=1),
            shape.integer(fields["time_ms"], "genesis.time_ms", least=1),
            shape.integer(fields["contract_version"], "genesis.contract_version", least=1),
            _membership(fields["quorum"], fields["nodes"], {known.id for known in organisations}),
            organisations,
            _parameters(fields["parameters"]),
            Recovery.from_value(fields["recovers"]) if is_recovering else None,
        )

    def document(self) -> dict[str, Any]:
        """The document in canonical order: what the genesis block carries."""
        document = {
            "version": VERSION if self.recovers is None else RECOVERING,
            "name": self.name,
            "time_ms": self.time_ms,
            "contract_version": self.contract_version,
            "quorum": self.membership.quorum,
            "nodes": [
                {
                    "id": member.node,
                    "organisation": member.organisation,
                    "key": member.key,
                    "certificate": member.certificate,
                }
                for member in self.membership.voters
            ],
            "organisations": [
                {
                    "id": organisation.id,
                    "name": organisation.name,
                    "lei": organisation.lei,
                    "roles": list(organisation.roles),
                    "identifiers": [list(identifier) for identifier in organisation.identifiers],
                    "keys": [
                        {"key": key.key, "name": key.name, "enrolled_by": key.enrolled_by}
                        for key in organisation.keys
                    ],
                }
                for organisation in self.organisations
            ],
            "parameters": dict(self.parameters),
        }
        if self.recovers is not None:
            document["recovers"] = self.recovers.to_value()
        return document


@dataclass(frozen=True, slots=True)
class GenesisBlock:
    """The genesis block, read and checked: the trust from which everything is verified."""

    block: Block
    genesis: Genesis
    channel: bytes
    membership: Membership

    def member(self, node: str) -> Member | None:
        """The node with this id, under any membership that is known: no two nodes share an id (CR-62)."""
        return self.membership.member(node)

    def governing(self, header: Header) -> Membership:
        """The membership that governs a block of this channel.

        The genesis block knows the first one; `ledger.proofs.handover.Followed` also knows those after it.

        Raises:
            VerificationError: another one does: `unknown_membership`.
        """
        if header.membership != self.membership.hash:
            raise VerificationError(
                "the block is governed by a membership that we do not know",
                code="unknown_membership",
                field="header.membership",
                found=f"{header.membership.hex()} at height {header.height}",
                remedy="The nodes of this channel have changed: fetch the membership changes since the "
                "genesis block from any node, and verify again with them.",
            )
        return self.membership

    def proposing(self, header: Header) -> Membership:  # noqa: ARG002 (later memberships go by the height)
        """The membership whose voters may propose a block: the one that governs its parent."""
        return self.membership


def genesis_block(genesis: Genesis, state_root: bytes) -> Block:
    """The block at height 0; `state_root` is that of the state which the contracts make of the document."""
    return Block.assemble(
        key=None,
        channel=ZERO,
        height=0,
        term=0,
        previous=ZERO,
        time_ms=genesis.time_ms,
        proposer="",
        transactions=(),
        results=(),
        state_root=state_root,
        history_root=EMPTY_TREE,
        membership=genesis.membership.hash,
        contract_version=genesis.contract_version,
        preamble=codec.encode(genesis.document()),
    )


def read_genesis(data: bytes) -> GenesisBlock:
    """Read the file form `genesis.block`.

    The state root is taken as it is: it is checked by whoever runs the contracts.

    Raises:
        Malformed, NonCanonical, TooLarge: with the field that is wrong.
        BlockInvalid: a block that is not a genesis block.
    """
    block = Block.decode(data)
    header = block.header
    genesis = Genesis.from_document(codec.decode(block.preamble, MAX_GENESIS_BYTES))
    if block.signature != NO_SIGNATURE:
        raise BlockInvalid("a genesis block has no signature", field="signature", expected="64 zero bytes")
    if header.membership != genesis.membership.hash:
        raise BlockInvalid("the header names another membership than the document", field="header.membership")
    if block.data != genesis_block(genesis, header.state_root).data:
        raise BlockInvalid("not the genesis block of its document", field="header")
    if genesis.recovers is not None:
        genesis.recovers.check_signatures(genesis.document(), header.state_root)
    return GenesisBlock(block, genesis, header.hash, genesis.membership)


def _membership(quorum: codec.Value, nodes: codec.Value, organisations: set[str]) -> Membership:
    members = []
    for index, value in enumerate(shape.sequence(nodes, MAX_MEMBERS, "nodes", least=1)):
        place = f"nodes[{index}]"
        node = shape.record(value, _NODE_FIELDS, place)
        if node["organisation"] not in organisations:
            raise Malformed("unknown organisation", field=f"{place}.organisation", found=node["organisation"])
        members.append(
            Member(
                shape.name(node["id"], f"{place}.id"),
                node["organisation"],
                shape.octets(node["key"], PUBLIC_KEY_BYTES, f"{place}.key"),
                shape.octets_within(node["certificate"], MAX_CERTIFICATE_DER_BYTES, f"{place}.certificate"),
            )
        )
    return Membership.of(quorum, members)


def _organisations(value: codec.Value) -> tuple[Organisation, ...]:
    entries = shape.sequence(value, MAX_ORGANISATIONS, "organisations", least=1)
    organisations = [_organisation(entry, f"organisations[{index}]") for index, entry in enumerate(entries)]
    ids = {organisation.id for organisation in organisations}
    if len(ids) != len(organisations):
        raise Malformed("organisation listed twice", field="organisations")
    owners: dict[bytes, str] = {}
    for organisation in organisations:
        for key in organisation.keys:
            if key.key in owners:
                raise Malformed(
                    "key listed twice",
                    field="organisations.keys",
                    found=f"{owners[key.key]} and {organisation.id}",
                )
            owners[key.key] = organisation.id
            if key.enrolled_by not in ids:
                raise Malformed(
                    "unknown organisation", field="organisations.keys.enrolled_by", found=key.enrolled_by
                )
    return tuple(sorted(organisations, key=lambda organisation: organisation.id))


def _organisation(value: codec.Value, place: str) -> Organisation:
    fields = shape.record(value, _ORGANISATION_FIELDS, place)
    roles = [
        shape.name(role, f"{place}.roles")
        for role in shape.sequence(fields["roles"], MAX_PARAMETERS, f"{place}.roles")
    ]
    identifiers = []
    for pair in shape.sequence(fields["identifiers"], MAX_PARAMETERS, f"{place}.identifiers"):
        scheme, number = shape.array(pair, 2, f"{place}.identifiers")
        identifiers.append(
            (
                shape.text(scheme, MAX_IDENTIFIER_LENGTH, f"{place}.identifiers", least_bytes=1),
                shape.text(number, MAX_IDENTIFIER_LENGTH, f"{place}.identifiers", least_bytes=1),
            )
        )
    keys = []
    for entry in shape.sequence(fields["keys"], MAX_KEYS_PER_ORGANISATION, f"{place}.keys"):
        key = shape.record(entry, _KEY_FIELDS, f"{place}.keys")
        keys.append(
            EnrolledKey(
                shape.octets(key["key"], PUBLIC_KEY_BYTES, f"{place}.keys.key"),
                shape.text(key["name"], MAX_TITLE_BYTES, f"{place}.keys.name"),
                shape.name(key["enrolled_by"], f"{place}.keys.enrolled_by"),
            )
        )
    lei = shape.text(fields["lei"], MAX_IDENTIFIER_LENGTH, f"{place}.lei")
    for name, listed in (("roles", roles), ("identifiers", identifiers)):
        if len(set(listed)) != len(listed):
            raise Malformed("listed twice", field=f"{place}.{name}")
    return Organisation(
        shape.name(fields["id"], f"{place}.id"),
        shape.text(fields["name"], MAX_TITLE_BYTES, f"{place}.name", least_bytes=1),
        checked_lei(lei, f"{place}.lei") if lei else "",
        tuple(sorted(roles)),
        tuple(sorted(identifiers)),
        tuple(sorted(keys, key=lambda entry: entry.key)),
    )


def _parameters(value: codec.Value) -> dict[str, int | str]:
    if type(value) is not dict or len(value) > MAX_PARAMETERS:
        raise Malformed(
            "not a map of parameters",
            field="parameters",
            expected=f"a map of at most {MAX_PARAMETERS} entries",
        )
    parameters: dict[str, int | str] = {}
    for name, entry in value.items():
        shape.text(name, MAX_IDENTIFIER_LENGTH, "parameters", least_bytes=1)
        if type(entry) is int:
            parameters[name] = entry
        else:
            parameters[name] = shape.text(entry, MAX_TITLE_BYTES, f"parameters.{name}")
    return parameters
