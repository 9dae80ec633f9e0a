"""Evidence that nodes lied: finding the files, in a folder or at a node, and saying what stands in them.

A file proves nothing by lying somewhere: `clients.verification.verifier` checks it against the genesis block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from clients.errors import BrokenAnswer, ProfileError
from clients.profile import is_node_url
from clients.sdk.conversation import Conversation
from clients.sdk.transport import Call, SyncTransport
from ledger.blocks.genesis import GenesisBlock
from ledger.codec import FILE_MEDIA_TYPE
from ledger.faults.evidence import SUFFIX
from ledger.faults.fault import (
    DeniedAck,
    Fault,
    SignedAck,
    SignedBallot,
    SignedHeader,
    TwoAcks,
    TwoCertificates,
    TwoHeaders,
    TwoVotes,
    WrongBlock,
)
from ledger.keys import SigningKey
from ledger.limits import DIGEST_BYTES, MAX_EVIDENCE_BYTES

MAX_FILES = 1_024
"""Files of evidence that one listing reads."""


def find_files(folder: Path) -> list[Path]:
    """The files of evidence in a folder and below it: a node's data, or a whole network's folder.

    Raises:
        ProfileError: there is no such folder.
    """
    if not folder.is_dir():
        raise ProfileError(
            f"no folder {folder}",
            code="no_folder",
            field="--dir",
            remedy="Name a node's data folder, a network's folder, or any folder with files of evidence.",
        )
    found = (path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())
    return sorted(islice(found, MAX_FILES))


def fetch(url: str, genesis: GenesisBlock, deadline_s: float) -> Iterator[tuple[str, bytes]]:
    """The files of evidence that a node keeps, each with its name, one after the other.

    All of them together may be more than the memory holds, whoever says that it keeps them.

    Raises:
        ProfileError: not the URL of a node.
        Unavailable: it does not answer.
        NodeProblem: it does not serve this channel.
        BrokenAnswer: it answers something else than a list of evidence.
    """
    if not is_node_url(url):
        raise ProfileError(
            "not the URL of a node",
            code="node_url",
            field="--api",
            found=url[:80],
            expected="http://host:port",
        )
    conversation = Conversation(genesis, [url], _no_key, deadline_s=deadline_s)
    transport = SyncTransport()
    try:
        listed = transport.run(conversation.view("/evidence"))
        for identity in _identities(listed, url):
            path = f"{conversation.prefix}/evidence/{identity}"
            reply = transport.run(conversation.ask(Call("GET", path, accept=FILE_MEDIA_TYPE)))
            yield f"{identity}{SUFFIX}", reply.body[: MAX_EVIDENCE_BYTES + 1]
    finally:
        transport.close()


def statements(fault: Fault) -> list[dict[str, Any]]:
    """What was signed, one map for each statement, ready for JSON."""
    match fault:
        case TwoHeaders(first, second):
            return [_header(first), _header(second)]
        case TwoAcks(first, second):
            return [_ack(first), _ack(second)]
        case DeniedAck(ack, vote):
            return [_ack(ack), _vote(vote)]
        case TwoVotes(first, second):
            return [_vote(first), _vote(second)]
        case WrongBlock(_, block, ack, _):
            header = block.header
            proposed = _header(SignedHeader(header, block.signature))
            if ack is None:
                return [proposed]
            return [proposed, _ack(SignedAck(header.term, header.height, header.hash, ack))]
        case TwoCertificates(first, second):
            return [
                {
                    "statement": "certificate",
                    "term": certified.certificate.term,
                    "height": certified.header.height,
                    "block": certified.header.hash.hex(),
                    "acknowledged_by": [node for node, _ in certified.certificate.acks],
                }
                for certified in (first, second)
            ]
    return []


def _header(signed: SignedHeader) -> dict[str, Any]:
    header = signed.header
    return {
        "statement": "header",
        "term": header.term,
        "height": header.height,
        "block": header.hash.hex(),
        "proposer": header.proposer,
        "state_root": header.state_root.hex(),
        "signature": signed.signature.hex(),
    }


def _ack(ack: SignedAck) -> dict[str, Any]:
    return {
        "statement": "acknowledgement",
        "term": ack.term,
        "height": ack.height,
        "block": ack.block_hash.hex(),
        "signature": ack.signature.hex(),
    }


def _vote(vote: SignedBallot) -> dict[str, Any]:
    ballot = vote.ballot
    return {
        "statement": "vote",
        "term": ballot.term,
        "candidate": ballot.candidate,
        "accepted_term": ballot.accepted_term,
        "last_term": ballot.last_term,
        "last_height": ballot.last_height,
        "last_block": ballot.last_hash.hex(),
        "signature": vote.signature.hex(),
    }


def _identities(listed: Any, url: str) -> Sequence[str]:
    entries = listed.get("evidence") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        raise BrokenAnswer("not a list of evidence", found=url)
    identities = [entry.get("id") if isinstance(entry, dict) else None for entry in entries[:MAX_FILES]]
    for identity in identities:
        if not isinstance(identity, str) or len(identity) != 2 * DIGEST_BYTES or not _is_hex(identity):
            raise BrokenAnswer("not the id of a piece of evidence", found=str(identity)[:80])
    return [str(identity) for identity in identities]


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdef" for digit in text)


def _no_key() -> SigningKey:
    raise ProfileError("evidence is read without a key", code="no_key")
