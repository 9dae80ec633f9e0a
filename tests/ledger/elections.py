"""Ballots, votes and election certificates for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.blocks.block import Header
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote
from ledger.keys import SigningKey


def ballot_at(parent: Header, term: int, candidate: str, accepted_term: int | None = None) -> Ballot:
    """The ballot of a voter whose log ends with `parent`."""
    accepted = parent.term if accepted_term is None else accepted_term
    return Ballot(term, candidate, accepted, parent.term, parent.height, parent.hash)


def vote(key: SigningKey, channel: bytes, node: str, ballot: Ballot) -> Vote:
    """A signed vote."""
    return Vote(node, ballot, sign_vote(key, channel, ballot))


def elect(
    keys: Mapping[str, SigningKey],
    channel: bytes,
    parent: Header,
    term: int,
    candidate: str,
    voters: Iterable[str],
) -> ElectionCertificate:
    """The certificate of an election in which all voters hold the same log."""
    ballot = ballot_at(parent, term, candidate)
    return ElectionCertificate.of(
        term, candidate, [vote(keys[node], channel, node, ballot) for node in {candidate, *voters}]
    )


def elected_if_needed(
    keys: Mapping[str, SigningKey],
    channel: bytes,
    parent: Header,
    term: int,
    candidate: str,
    voters: Iterable[str],
) -> ElectionCertificate | None:
    """What the next block must carry: an election if it begins a term, else None."""
    return None if parent.term == term else elect(keys, channel, parent, term, candidate, voters)
