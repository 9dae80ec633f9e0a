"""Proofs larger than a frame: told of, fetched in parts from whoever has them, within bounds."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest
from key_value import KeyValue
from test_evidence_store import GENESIS, lie

from ledger.blocks.block import Header
from ledger.blocks.certificate import Certificate, CertifiedHeader, HistoryLink
from ledger.errors import Malformed, VerificationError
from ledger.faults.evidence import Evidence
from ledger.faults.fault import TwoCertificates
from ledger.limits import (
    DIGEST_BYTES,
    INT_MAX,
    MAX_EVIDENCE_BYTES,
    MAX_MEMBERS,
    MAX_NAME_BYTES,
    MAX_TREE_DEPTH,
    SIGNATURE_BYTES,
)
from node.accountability import large_proofs
from node.accountability.evidence import EvidenceStore
from node.accountability.large_proofs import LargeProofs, told_of
from node.limits import MAX_GOSSIPED_EVIDENCE_BYTES, MAX_PROOFS_TOLD, PROOF_ANSWER_S


class Side:
    """One node's store and large proofs; what it says waits until it is carried over."""

    def __init__(self, folder: Path) -> None:
        self.store = EvidenceStore.open(folder, GENESIS, KeyValue())
        self.now_s = 0.0
        self.said: deque[tuple[str, Any]] = deque()
        self.proofs = LargeProofs(self.store, lambda *said: self.said.append(said), lambda: self.now_s)

    def asks(self) -> list[tuple[str, Any]]:
        said, self.said = list(self.said), deque()
        return said


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Side, Side, Evidence]:
    """Who keeps a proof of several parts, who lacks it, and the proof."""
    monkeypatch.setattr(large_proofs, "PROOF_PART_BYTES", 100)
    keeps, lacks = Side(tmp_path / "keeps"), Side(tmp_path / "lacks")
    (proof,) = keeps.store.keep(lie(keeps.store, "n2", 5))
    assert len(proof.encode()) > 200
    return keeps, lacks, proof


def fetched(keeps: Side, lacks: Side) -> bytes | None:
    """Carry questions and answers over until there is nothing to be said; the proof that came."""
    whole = None
    while lacks.said:
        ((peer, (_, asked)),) = lacks.asks()
        keeps.proofs.give("taker", asked)
        ((_, (_, answer)),) = keeps.asks()
        whole = lacks.proofs.take(peer, answer) or whole
    return whole


def take_all(lacks: Side, name: bytes, parts: list[bytes]) -> None:
    for number, part in enumerate(parts):
        lacks.asks()
        lacks.proofs.take("n1", (name, 100 * number, part))


def test_a_proof_is_fetched_in_parts_and_only_by_who_lacks_it(sides: tuple[Side, Side, Evidence]) -> None:
    """CR-70: what does not fit a frame is passed on as well."""
    keeps, lacks, proof = sides
    told = told_of(proof, proof.encode())[1]
    lacks.proofs.hear("n1", told)
    whole = fetched(keeps, lacks)
    assert whole == proof.encode()
    assert lacks.store.take(whole) == proof
    lacks.proofs.hear("n3", told)
    assert not lacks.said


def test_other_bytes_than_those_told_of_are_refused(sides: tuple[Side, Side, Evidence]) -> None:
    _, lacks, proof = sides
    data = proof.encode()
    name, size, *place = told_of(proof, data)[1]
    for parts in ([data[:100], data[100:199] + b"\0"], [data[:99]], [b"\0" * 100]):
        lacks.proofs.hear("n1", (name, size, *place))
        sent = [*parts, *(data[start : start + 100] for start in range(100 * len(parts), size, 100))]
        with pytest.raises(VerificationError):
            take_all(lacks, name, sent)
    lacks.proofs.hear("n1", (name, size, *place))
    lacks.asks()
    assert lacks.proofs.take("n3", (name, 0, data[:100])) is None, "asked of another"
    assert lacks.proofs.take("n1", (name, 100, data[:100])) is None, "another part"
    assert not lacks.said
    assert lacks.proofs.take("n1", (name, 0, b"")) is None, "kept no more"
    assert not lacks.said


def test_who_is_slow_loses_its_turn_and_nobody_has_too_many(sides: tuple[Side, Side, Evidence]) -> None:
    _, lacks, proof = sides
    name, size, kind, node, term, _ = told_of(proof, proof.encode())[1]
    for height in range(20):
        lacks.proofs.hear("n1", (name, size, kind, node, term, height))
    lacks.proofs.hear("n3", (name, size, kind, node, term, 99))
    turns = []
    while lacks.said:
        turns += [peer for peer, _ in lacks.asks()]
        lacks.proofs.sweep()
        assert not lacks.said, "one at a time"
        lacks.now_s += PROOF_ANSWER_S + 1
        lacks.proofs.sweep()
    assert turns == ["n1"] * (1 + MAX_PROOFS_TOLD) + ["n3"]


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, b"short"), (1, 0), (1, MAX_EVIDENCE_BYTES + 1), (1, "9"), (2, 5), (3, "x" * 65), (4, -1), (5, None)],
)
def test_what_no_honest_node_says_is_refused(
    sides: tuple[Side, Side, Evidence], place: int, value: object
) -> None:
    _, lacks, proof = sides
    told = list(told_of(proof, proof.encode())[1])
    told[place] = value
    with pytest.raises(Malformed):
        lacks.proofs.hear("n1", tuple(told))
    for content in ((b"x", 0), (bytes(32), -1), (bytes(32), MAX_EVIDENCE_BYTES + 1), None):
        with pytest.raises(Malformed):
            lacks.proofs.give("n1", content)
    with pytest.raises(Malformed):
        lacks.proofs.take("n1", (bytes(32), 0, bytes(101)))
    assert not lacks.said


def test_the_largest_proof_of_a_fork_fits_a_frame() -> None:
    """CR-74: so whoever links is told of every fork at once, whatever the members."""
    root = bytes(DIGEST_BYTES)
    header = Header(
        channel=root,
        height=INT_MAX,
        term=INT_MAX,
        previous=root,
        time_ms=INT_MAX,
        proposer="n" * MAX_NAME_BYTES,
        preamble=root,
        transaction_count=1,
        transactions_root=root,
        results_root=root,
        state_root=root,
        history_root=root,
        membership=root,
        contract_version=1,
    )
    acks = [(f"{number:064}", bytes(SIGNATURE_BYTES)) for number in range(MAX_MEMBERS)]
    certificate = Certificate.of(INT_MAX, INT_MAX, header.hash, acks)
    link = HistoryLink((bytes(DIGEST_BYTES),) * MAX_TREE_DEPTH, header)
    certified = CertifiedHeader(header, link, certificate)
    size = len(Evidence("", TwoCertificates(certified, certified)).encode())
    assert 10_000 < size < MAX_GOSSIPED_EVIDENCE_BYTES // 100
