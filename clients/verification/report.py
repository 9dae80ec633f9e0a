"""The report of a proof file, for people and for JSON, and what those of every kind have in common."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from clients.wording import counted
from ledger import codec
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.hashing import short
from ledger.members.membership import Membership
from ledger.proofs.handover import Followed


@dataclass(frozen=True, slots=True)
class Report:
    """What a file proves."""

    kind: str
    summary: str
    steps: tuple[str, ...]
    facts: dict[str, Any]
    says: tuple[str, ...] = ()
    """What a person would ask for of the facts."""

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "kind": self.kind,
            "proved": True,
            "summary": self.summary,
            "steps": list(self.steps),
            **self.facts,
        }


def commit_steps(certified: CertifiedHeader, genesis: GenesisBlock) -> tuple[str, ...]:
    """The steps by which a block is proved to be committed."""
    top = certified.top
    membership = genesis.governing(top)
    signers = [node for node, _ in certified.certificate.acks]
    steps = [
        f"block {top.height} ({short(top.hash)}) is of channel {short(genesis.channel)}",
        _governed_by(genesis, top),
        "its certificate names exactly this block, in its own term",
        f"{len(signers)} of {counted(_count_voters(membership), 'node')} acknowledged it by signature "
        f"({', '.join(signers)}); {_enough(membership)}",
    ]
    if certified.via is not None:
        steps.append(f"its history root covers block {certified.header.height}")
    return tuple(steps)


def _governed_by(genesis: GenesisBlock, top: Header) -> str:
    place = bisect_right(genesis.heights, top.height) - 1 if isinstance(genesis, Followed) else 0
    if place == 0 or not isinstance(genesis, Followed):
        return "it is governed by the membership of the genesis block"
    return (
        f"it is governed by the membership since block {genesis.heights[place]}, which follows from that of "
        f"the genesis block by {place} proved changes"
    )


def _count_voters(membership: Membership) -> int:
    return len({member.node for member in (*membership.voters, *membership.outgoing)})


def _enough(membership: Membership) -> str:
    if not membership.is_joint:
        return f"{membership.quorum} are enough"
    return (
        f"{membership.quorum} of the {len(membership.voters)} new voters and {membership.outgoing_quorum} of "
        f"the {len(membership.outgoing)} outgoing ones are enough"
    )


def header_facts(certified: CertifiedHeader, genesis: GenesisBlock) -> dict[str, Any]:
    """The block after which something is proved, and who has acknowledged it."""
    header = certified.header
    return {
        "channel": genesis.channel.hex(),
        "height": header.height,
        "block": header.hash.hex(),
        "time_ms": header.time_ms,
        "acknowledged_by": [node for node, _ in certified.certificate.acks],
    }


def numbered(steps: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The steps with their numbers, from 1."""
    return tuple(f"{number}. {step}" for number, step in enumerate(steps, 1))


def shown(value: codec.Value) -> Any:
    """A value with its bytes as hex and its tuples as lists, for JSON."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [shown(item) for item in value]
    return value
