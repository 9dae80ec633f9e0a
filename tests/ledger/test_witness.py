"""Wrong blocks: shown to be wrong from the parent's header and a witness; right ones never are (CR-77)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ledger import (
    CHANNEL,
    CLIENT,
    GENESIS,
    NODES,
    START_MS,
    KeyValueRules,
    Node,
    put,
    record,
    transaction,
)

from ledger.blocks.block import APPLIED, Block
from ledger.blocks.certificate import sign_ack
from ledger.blocks.genesis import read_genesis
from ledger.blocks.transaction import Transaction
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.faults.detector import Detector
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, WrongBlock
from ledger.state.overlay import Overlay

TRUST = read_genesis(GENESIS)
RULES = KeyValueRules()


@pytest.fixture
def node(tmp_path: Path):
    """A node with some state: one applied block, and two in flight."""
    built = Node(tmp_path / "data")
    built.seal_and_commit(*[put(f"k{number}", number, number) for number in range(40)])
    built.append(built.seal(put("k1", "one", 100), record("log", 5, 101)))
    built.append(built.seal(put("k2", "two", 102), record("log", 6, 103)))
    yield built
    built.close()


def sealed(node: Node, *transactions: Transaction, leader: str = "n1", **changes: Any) -> Block:
    """A block on top of the head as a liar makes it: right, but for the changes."""
    right = node.seal(*transactions, node=leader)
    node.chain.drop_from(right.height)
    return forged(right, leader, **changes)


def forged(right: Block, leader: str = "n1", **changes: Any) -> Block:
    header = right.header
    fields: dict[str, Any] = {
        "channel": header.channel,
        "height": header.height,
        "term": header.term,
        "previous": header.previous,
        "time_ms": header.time_ms,
        "proposer": leader,
        "transactions": right.transactions,
        "results": right.results,
        "state_root": header.state_root,
        "history_root": header.history_root,
        "membership": header.membership,
        "contract_version": header.contract_version,
        "preamble": right.preamble,
    }
    return Block.assemble(key=NODES[leader], **{**fields, **changes})


def proof_of(node: Node, block: Block) -> WrongBlock:
    with pytest.raises(BlockInvalid):
        node.accept(block)
    wrong = node.chain.refute(block)
    assert wrong is not None
    return wrong


def test_wrong_state_root_is_proved_to_a_stranger(node: Node):
    """CR-77: the verifier executes the block again on the entries that the witness proves."""
    wrong = proof_of(node, sealed(node, put("k3", 3, 200), record("log", 7, 201), state_root=b"\1" * 32))
    data = Evidence("n1", wrong).encode()
    proved = Evidence.decode(data).verify(TRUST, RULES)
    assert proved.nodes == ("n1",)
    assert proved.says.startswith("n1 proposed the wrong block")
    assert "state root" in proved.says
    assert len(data) < 20_000, "the witness holds what the block touches, not the state"


def test_wrong_result_is_proved(node: Node):
    block = sealed(node, put("k3", 3, 200), results=[((0, "refused", "by nobody"),)])
    assert "another result" in Evidence("n1", proof_of(node, block)).verify(TRUST, RULES).says


def test_who_acknowledged_it_is_guilty_and_nobody_else(node: Node):
    block = sealed(node, put("k3", 3, 200), state_root=b"\1" * 32)
    wrong = proof_of(node, block)
    header = block.header
    signature = sign_ack(NODES["n2"], CHANNEL, header.term, header.height, header.hash)
    accused = dataclasses.replace(wrong, ack=signature)
    assert Evidence("n2", accused).verify(TRUST, RULES).nodes == ("n2",)
    for name, fault in (("n3", accused), ("n2", wrong), ("n1", accused)):
        with pytest.raises(VerificationError) as caught:
            Evidence(name, fault).verify(TRUST, RULES)
        assert caught.value.code == "not_guilty"


def test_detector_names_proposer_and_acknowledgers_in_any_order(node: Node):
    block = sealed(node, put("k3", 3, 200), state_root=b"\1" * 32)
    wrong = proof_of(node, block)
    header = block.header
    detector = Detector(TRUST, RULES)

    def ack(name: str) -> SignedAck:
        signature = sign_ack(NODES[name], CHANNEL, header.term, header.height, header.hash)
        return SignedAck(header.term, header.height, header.hash, signature)

    assert detector.saw_ack("n2", ack("n2")) == []
    found = [*detector.saw_wrong_block(wrong), *detector.saw_ack("n3", ack("n3"))]
    assert [evidence.node for evidence in found] == ["n1", "n2", "n3"]
    for evidence in found:
        assert Evidence.decode(evidence.encode()).verify(TRUST, RULES).nodes == (evidence.node,)


def unsigned(number: int) -> Transaction:
    good = put("k4", 4, number)
    return Transaction.from_parts((good.body, bytes(64)))


def stranger(number: int) -> Transaction:
    return Transaction.sign(
        CLIENT,
        channel=bytes(32),
        operations=[{"op": "put", "key": "k4", "value": 4}],
        valid_until_ms=START_MS + 60_000,
        nonce=number.to_bytes(8, "big"),
    )


@pytest.mark.parametrize(
    ("transactions", "changes", "sentence"),
    [
        ((), {"channel": bytes(32)}, "another channel"),
        ((), {"height": 9}, "height"),
        ((), {"time_ms": START_MS - 1}, "backwards"),
        ((), {"time_ms": START_MS + 10**9}, "time is not shown"),
        ((), {"membership": bytes(32)}, "membership"),
        ((), {"preamble": b"\x80"}, "preamble"),
        ((), {"proposer": "n9"}, None),
        ((), {"history_root": bytes(32)}, "history root"),
        ((unsigned(300),), {}, "not signed by its signer"),
        ((stranger(300),), {}, "another channel"),
        ((put("k4", 4, 300),) * 2, {}, "twice"),
        ((transaction({"op": "dance"}, nonce=300),), {}, "no form"),
        ((transaction({"op": "fail"}, nonce=300, valid_until_ms=START_MS - 9),), {}, "validity window"),
    ],
)
def test_each_rule_that_a_block_breaks_is_named(
    node: Node, transactions: tuple[Transaction, ...], changes: dict[str, Any], sentence: str | None
):
    right = node.seal()
    node.chain.drop_from(right.height)
    block = forged(right, transactions=transactions, results=[APPLIED] * len(transactions), **changes)
    wrong = proof_of(node, block)
    if sentence is None:
        assert wrong is not None
        return
    assert sentence in Evidence.decode(Evidence("n1", wrong).encode()).verify(TRUST, RULES).says


def test_right_block_is_never_refuted(node: Node):
    block = sealed(node, put("k3", 3, 200), record("log", 7, 201), transaction({"op": "fail"}, nonce=202))
    assert node.chain.refute(block) is None
    wrong = WrongBlock(node.chain.head, block, None, node.chain._witness(block))
    with pytest.raises(VerificationError, match="breaks no rule"):
        Evidence("n1", wrong).verify(TRUST, RULES)


def test_witness_that_holds_less_or_something_else_accuses_nobody(node: Node):
    block = sealed(node, put("k3", 3, 200), record("log", 7, 201))
    witness = node.chain._witness(block)
    state = witness.state
    assert state is not None
    head = node.chain.head
    tree = node.chain._tree
    fewer = [(key, value) for key, value in state.entries if b"log" not in key]
    elsewhere = dataclasses.replace(state, entries=tuple((key, None) for key, _ in state.entries))
    for changed, expected in (
        (dataclasses.replace(witness, state=tree.prove(fewer, newest=True)), "does not hold"),
        (dataclasses.replace(witness, state=elsewhere), "absent"),
        (dataclasses.replace(witness, state=tree.prove(state.entries)), "absent"),
        (dataclasses.replace(witness, peaks=()), "peak"),
        (dataclasses.replace(witness, peaks=(bytes(32),) * head.height.bit_count()), "peaks"),
    ):
        with pytest.raises(VerificationError, match=expected):
            Evidence("n1", WrongBlock(head, block, None, changed)).verify(TRUST, RULES)


def test_other_parent_and_missing_rules_prove_nothing(node: Node):
    block = sealed(node, put("k3", 3, 200), state_root=b"\1" * 32)
    wrong = proof_of(node, block)
    with pytest.raises(VerificationError, match="not the parent"):
        Evidence("n1", dataclasses.replace(wrong, parent=TRUST.block.header)).verify(TRUST, RULES)
    with pytest.raises(VerificationError) as caught:
        Evidence("n1", wrong).verify(TRUST)
    assert caught.value.code == "needs_rules"


class OtherRules(KeyValueRules):
    """A node that computes something else."""

    def execute(self, state: Overlay, prepared: Any, time_ms: int) -> Any:
        return super().execute(state, prepared, time_ms + 1)


OPERATIONS = st.lists(
    st.one_of(
        st.builds(
            lambda k, v: {"op": "put", "key": f"k{k}", "value": v}, st.integers(0, 60), st.integers(0, 9)
        ),
        st.builds(lambda k: {"op": "delete", "key": f"k{k}"}, st.integers(0, 60)),
        st.builds(lambda v: {"op": "record", "key": "log", "value": v}, st.integers(0, 9)),
        st.just({"op": "fail"}),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40)
@given(blocks=st.lists(st.lists(OPERATIONS, max_size=4), min_size=1, max_size=3), is_wrong=st.booleans())
def test_stateless_execution_agrees_with_the_chain(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[list[dict[str, Any]]]], is_wrong: bool
):
    """Right blocks are never shown to be wrong, wrong roots always are, whatever the block touches."""
    built = Node(tmp_path_factory.mktemp("witness") / "data")
    try:
        built.append(built.seal(*[put(f"k{number}", number, number) for number in range(30)]))
        nonce = 1_000
        for operations in blocks:
            transactions = []
            for each in operations:
                nonce += 1
                transactions.append(transaction(*each, nonce=nonce))
            changes = {"state_root": b"\1" * 32} if is_wrong else {}
            block = sealed(built, *transactions, **changes)
            wrong = built.chain.refute(block)
            assert (wrong is not None) == is_wrong
            if wrong is None:
                built.append(built.seal(*transactions))
            else:
                data = Evidence("n1", wrong).encode()
                assert Evidence.decode(data).verify(TRUST, RULES).nodes == ("n1",)
    finally:
        built.close()


def test_node_with_other_rules_is_found_by_its_roots(node: Node, tmp_path: Path):
    liar = Node(tmp_path / "liar", OtherRules())
    first = liar.seal(put("k1", 1, 1))
    liar.close()
    honest = Node(tmp_path / "honest")
    wrong = proof_of(honest, first)
    honest.close()
    assert Evidence("n1", wrong).verify(TRUST, RULES).height == 1


@settings(max_examples=150)
@given(st.data())
def test_changed_byte_proves_nothing_or_still_names_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    file = wrong_file(tmp_path_factory)
    changed = bytearray(file)
    changed[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        proved = Evidence.decode(bytes(changed)).verify(TRUST, RULES)
    except (Malformed, VerificationError):
        return
    assert proved.nodes == ("n1",)


_FILES: list[bytes] = []


def wrong_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if not _FILES:
        built = Node(tmp_path_factory.mktemp("file") / "data")
        built.append(built.seal(put("k1", 1, 1)))
        block = sealed(built, put("k2", 2, 2), record("log", 1, 3), state_root=b"\1" * 32)
        wrong = built.chain.refute(block)
        assert wrong is not None
        _FILES.append(Evidence("n1", wrong).encode())
        built.close()
    return _FILES[0]
