"""The chain: sealing, accepting, dropping, committing, and starting again."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from small_ledger import (
    CHANNEL,
    CLIENT,
    GENESIS,
    NODES,
    START_MS,
    KeyValueRules,
    Node,
    certify,
    make_genesis,
    put,
    record,
    transaction,
)

from ledger import keys
from ledger.blocks.block import Block
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain, ExecutorBug
from ledger.errors import BlockInvalid, Malformed, StoreError, TooLarge
from ledger.limits import DIGEST_BYTES, MAX_BLOCK_TRANSACTIONS, MAX_STATE_VALUE_BYTES, MAX_VALIDITY_MS
from ledger.state.overlay import Overlay, state_key
from ledger.storage.store import CommitBatch


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def make(name: str = "a", **how: Any) -> Node:
        nodes.append(Node(tmp_path / name, **how))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def forge(node: Node, block: Block, **changed: Any) -> Block:
    """The block with parts changed, signed by its proposer as if all were well."""
    header = block.header
    parts: dict[str, Any] = {
        "key": NODES["n1"],
        "transactions": block.transactions,
        "results": block.results,
        "preamble": block.preamble,
        **{
            name: getattr(header, name)
            for name in (
                "channel",
                "height",
                "term",
                "previous",
                "time_ms",
                "proposer",
                "state_root",
                "history_root",
                "membership",
                "contract_version",
            )
        },
    }
    return Block.assemble(**(parts | changed))


def trace(node: Node) -> tuple[Any, ...]:
    """Everything that must be as before after a refusal."""
    chain = node.chain
    return (
        chain.head,
        chain.applied,
        len(chain.pending),
        chain._tree.root,
        len(chain._tree.pending),
        chain._history.root(),
    )


def test_the_genesis_state_is_there_from_the_start(make_node) -> None:
    chain = make_node().chain
    assert chain.get(state_key("param", "limit")) == 7
    assert (chain.head, chain.applied.height, chain.channel) == (chain.applied, 0, CHANNEL)


def test_what_one_node_seals_another_accepts_with_the_same_roots(make_node) -> None:
    leader, follower = make_node("a"), make_node("b")
    for number in range(5):
        block = leader.seal(
            put("x", number, number), record("x", number, 100 + number), time_ms=START_MS + number
        )
        follower.accept(block)
        assert follower.chain.head == leader.chain.head
        assert follower.chain._tree.root == leader.chain._tree.root == block.header.state_root
    leader.append(*[pending.block for pending in leader.chain.pending])
    follower.append(*[pending.block for pending in follower.chain.pending])
    assert [block.height for block in leader.commit(block)] == [1, 2, 3, 4, 5]
    assert [block.height for block in follower.commit(block)] == [1, 2, 3, 4, 5]
    assert leader.value("x") == follower.value("x") == (4, START_MS + 4)
    assert leader.chain.get(state_key("log", "x"))[2] == 10


def test_readers_see_nothing_of_blocks_in_flight(make_node) -> None:
    node = make_node()
    node.seal_and_commit(put("x", "old", 1), put("gone", 1, 2), record("x", 1, 3))
    key, log = state_key("kv", "x"), state_key("log", "x")
    before = (node.chain.state_proof([key]), node.chain.history(log), node.chain.certified())
    pending = put("x", "new", 4)
    node.seal(pending, transaction({"op": "delete", "key": "gone"}, nonce=5), record("x", 5, 6))
    node.seal(put("x", "newer", 7))
    assert node.value("x")[0] == "old"
    assert node.value("gone") is not None
    assert [value for _, value in node.chain.scan("kv", "x")] == [node.value("x")]
    assert (node.chain.state_proof([key]), node.chain.history(log), node.chain.certified()) == before
    assert before[0].verify(node.chain.applied.state_root) == {key: node.value("x")}
    assert node.chain.knows(pending.id)
    assert node.chain.locate(pending.id) is None
    assert node.chain.outcome(pending.id) is None
    assert node.chain.receipt(pending.id) is None
    assert node.chain.block(2) is None
    assert node.chain.header(2) is None
    assert node.chain.pending_block(2).height == 2


def test_a_block_executes_on_the_blocks_in_flight_before_it(make_node) -> None:
    node = make_node()
    node.seal(record("x", 5, 1))
    node.seal(record("x", 6, 2))
    block = node.seal(record("x", 7, 3))
    node.append(*[pending.block for pending in node.chain.pending])
    node.commit(block)
    assert node.chain.get(state_key("log", "x"))[::2] == (3, 18)


def test_a_refused_transaction_is_on_the_ledger_and_writes_nothing(make_node) -> None:
    node = make_node()
    refused = transaction(
        {"op": "put", "key": "x", "value": 1}, {"op": "record", "key": "x", "value": 1}, {"op": "fail"}
    )
    block = node.seal_and_commit(refused, put("y", 2))
    assert block.results == (((2, "failed", "as asked"),), ())
    assert node.value("x") is None
    assert node.value("y") is not None
    assert node.chain.outcome(refused.id) == (1, 0, ((2, "failed", "as asked"),))


def test_block_time_never_runs_backwards(make_node) -> None:
    node = make_node()
    first = node.seal(time_ms=START_MS + 100)
    assert node.seal(time_ms=START_MS).header.time_ms == first.header.time_ms


@pytest.mark.parametrize(
    "field",
    [
        "state_root", "history_root", "previous", "channel", "membership", "height", "term", "time_ms",
        "contract_version", "proposer", "results",
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_reproduced_is_refused_without_a_trace(make_node, field) -> None:
    """CR-31, CR-69, CR-77: its previous hash must agree, and its roots; else nothing of it stays."""
    leader, follower = make_node("a"), make_node("b")
    first = leader.seal(put("x", 1), term=2, time_ms=START_MS + 50)
    follower.accept(first)
    block = leader.seal(put("x", 2, 1), term=3, time_ms=START_MS + 60)
    header = block.header
    wrong = {
        "height": header.height + 1,
        "term": 1,
        "time_ms": START_MS + 40,
        "contract_version": 2,
        "proposer": "n2",
        "results": (((0, "failed", "not so"),),),
    }.get(field, b"\x55" * 32)
    before = trace(follower)
    with pytest.raises(BlockInvalid) as refused:
        follower.accept(forge(follower, block, **{field: wrong}))
    assert field in str(refused.value) or field in ("proposer", "results")
    assert trace(follower) == before
    follower.accept(block)
    assert follower.chain.head == leader.chain.head


def test_a_stranger_does_not_propose(make_node) -> None:
    node = make_node()
    block = forge(node, make_node("b").seal(), proposer="stranger")
    with pytest.raises(BlockInvalid, match="voter"):
        node.accept(block)


def test_a_transaction_of_a_wrong_signature_or_form_is_refused(make_node) -> None:
    node = make_node()
    sealed = make_node("b").seal(put("x", 1))
    good = sealed.transactions[0]
    unsigned = Transaction.from_parts((good.body, bytes(64)))
    with pytest.raises(BlockInvalid, match="signed by its signer"):
        node.accept(forge(node, sealed, transactions=(unsigned,)))
    with pytest.raises(BlockInvalid, match="no form"):
        node.accept(forge(node, sealed, transactions=(transaction({"op": "dance"}),)))
    foreign = Transaction.sign(
        CLIENT, channel=bytes(32), operations=[{"op": "fail"}], valid_until_ms=START_MS + 9, nonce=bytes(8)
    )
    with pytest.raises(BlockInvalid, match="another channel"):
        node.accept(forge(node, sealed, transactions=(foreign,)))


def test_a_transaction_checked_before_is_not_checked_again_but_only_with_the_same_bytes(make_node) -> None:
    node = make_node()
    sealed = make_node("b").seal(put("x", 1))
    good = sealed.transactions[0]
    known = {good.id: node.rules.prepare(good)}
    assert node.chain.check(sealed, known).prepared == (known[good.id],)
    other_signature = Transaction.from_parts((good.body, bytes(64)))
    with pytest.raises(BlockInvalid, match="signed by its signer"):
        node.chain.check(forge(node, sealed, transactions=(other_signature,)), known)


@pytest.mark.parametrize(
    ("valid_until_ms", "code"),
    [(START_MS + 4, "expired"), (START_MS + 5, None), (START_MS + 5 + MAX_VALIDITY_MS, None),
     (START_MS + 6 + MAX_VALIDITY_MS, "valid_too_long")],
)  # fmt: skip
def test_a_transaction_enters_a_block_only_inside_its_window(make_node, valid_until_ms, code) -> None:
    node, leader = make_node(), make_node("b")
    edge = transaction({"op": "put", "key": "x", "value": 1}, valid_until_ms=valid_until_ms)
    objection = node.chain.objection(edge, START_MS + 5)
    assert (objection and objection.code) == code
    if code is None:
        node.accept(leader.seal(edge, time_ms=START_MS + 5))
        return
    with pytest.raises(BlockInvalid):
        leader.seal(edge, time_ms=START_MS + 5)
    sealed = leader.seal(time_ms=START_MS + 5)
    with pytest.raises(BlockInvalid, match=r"transactions\[0\]"):
        node.accept(forge(node, sealed, transactions=(edge,), results=((),)))


def test_no_transaction_is_on_the_chain_twice(make_node) -> None:
    node, other = make_node(), make_node("b")
    once = put("x", 1)
    with pytest.raises(BlockInvalid, match="twice"):
        node.seal(once, once)
    block = node.seal(once)
    other.accept(block)
    for state in ("pending", "committed", "reopened"):
        before = trace(node)
        with pytest.raises(BlockInvalid) as refused:
            node.seal(put("y", 1, 1), once)
        assert refused.value.code == "duplicate_transaction"
        assert node.chain.objection(once, START_MS).code == "duplicate_transaction"
        assert trace(node) == before
        if state == "pending":
            empty = other.seal()
            with pytest.raises(BlockInvalid, match="already"):
                node.accept(forge(node, empty, transactions=(once,), results=((),)))
            with pytest.raises(BlockInvalid, match="twice"):
                node.accept(forge(node, empty, transactions=(put("z", 1), put("z", 1)), results=((), ())))
            node.append(block)
            node.commit(block)
        else:
            node.reopen()


def test_dropped_blocks_leave_no_trace_and_their_transactions_can_come_again(make_node) -> None:
    node, other = make_node(), make_node("b")
    first = node.seal_and_commit(put("x", 0), record("x", 1, 50))
    kept = node.seal(put("x", 1, 1))
    before = trace(node)
    again = [put("x", 2, 2), put("new", 1, 3), record("x", 9, 4)]
    node.seal(*again)
    node.seal(put("x", 3, 5))
    node.chain.drop_from(3)
    assert trace(node) == before
    assert not node.chain.knows(again[0].id)
    replacement = node.seal(*again, term=2, node="n2")
    for block in (first, kept, replacement):
        other.accept(block)
    assert other.chain.head == node.chain.head
    node.append(kept, replacement)
    node.commit(replacement)
    assert node.value("x")[0] == 2
    node.chain.drop_from(9)
    with pytest.raises(ValueError, match="applied"):
        node.chain.drop_from(3)


def test_everything_in_flight_can_be_dropped(make_node) -> None:
    node = make_node()
    node.seal_and_commit(put("x", 0))
    before = trace(node)
    node.seal(put("x", 1, 1))
    node.seal(put("y", 1, 2))
    node.chain.drop_from(2)
    assert trace(node) == before
    assert node.seal(put("x", 2, 3)).height == 2


def test_a_commit_waits_for_its_own_block_to_be_durable(make_node) -> None:
    node = make_node()
    old = node.seal(put("x", "old"))
    assert node.commit(old) == []
    node.append(old)
    node.chain.drop_from(1)
    new = node.seal(put("x", "new", 1), term=2)
    assert node.commit(new) == []  # the old block still stands at this height of the log
    assert node.chain.applied.height == 0
    node.append(new, truncate_from=1)
    assert node.commit(new) == [new]
    assert node.commit(new) == []
    assert node.value("x")[0] == "new"


def test_a_certificate_for_another_block_is_a_conflict(make_node) -> None:
    node, other = make_node(), make_node("b")
    block, rival = node.seal(put("x", 1)), other.seal(put("x", 2, 1))
    node.append(block)
    with pytest.raises(BlockInvalid) as refused:
        node.commit(rival)
    assert refused.value.code == "conflicting_certificate"
    with pytest.raises(BlockInvalid):
        node.chain.commit(dataclasses.replace(certify(block), term=2))
    with pytest.raises(ValueError, match="not held"):
        node.chain.commit(dataclasses.replace(certify(block), height=2))
    assert node.chain.applied.height == 0


def test_a_failed_commit_changes_nothing_in_memory(make_node, monkeypatch) -> None:
    node = make_node()
    block = node.seal(put("x", 1))
    node.append(block)
    before = trace(node)

    def full(_changed: CommitBatch) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(node.store, "commit", full)
    with pytest.raises(StoreError):
        node.commit(block)
    monkeypatch.undo()
    assert trace(node) == before
    assert node.commit(block) == [block]


def test_a_bug_of_the_rules_stops_without_a_trace(make_node) -> None:
    node = make_node()
    node.seal(put("x", 1))
    before = trace(node)
    culprit = transaction({"op": "put", "key": "x", "value": 2}, {"op": "bug"}, nonce=1)
    with pytest.raises(ExecutorBug, match=culprit.id.hex()):
        node.seal(put("y", 1, 2), culprit)
    assert trace(node) == before
    assert not node.chain.knows(culprit.id)


@pytest.mark.parametrize(
    "result", [None, False, 7, "done", ((0, "", "no code"),), ((1, "a", ""), (0, "b", "")), 0.5]
)
def test_a_result_of_no_form_is_a_bug_of_the_rules(make_node, result) -> None:
    class Rules(KeyValueRules):
        def execute(self, state: Overlay, prepared: Any, time_ms: int) -> Any:
            return result

    node = make_node(rules=Rules())
    with pytest.raises(ExecutorBug):
        node.seal(put("x", 1))
    assert node.chain.pending == []


@pytest.mark.parametrize("value", [0.5, {1: 2}, 2**63, b"x" * (MAX_STATE_VALUE_BYTES + 1), "\ud800"])
def test_a_state_value_of_no_form_is_a_bug_of_the_rules(make_node, value) -> None:
    class Rules(KeyValueRules):
        def execute(self, state: Overlay, prepared: Any, time_ms: int) -> Any:
            state.put(b"k", value)
            return ()

    node = make_node(rules=Rules())
    before = trace(node)
    with pytest.raises(ExecutorBug):
        node.seal(put("x", 1))
    assert trace(node) == before


def test_lists_and_unordered_maps_make_no_difference_to_later_blocks(make_node) -> None:
    seen = []

    class Rules(KeyValueRules):
        def execute(self, state: Overlay, prepared: Any, time_ms: int) -> Any:
            seen.append(state.get(b"k"))
            state.put(b"k", {"b": [1, [2]], "a": 1})
            return [[0, "listed", ""]]

    node = make_node(rules=Rules())
    blocks = [node.seal(put("x", number, number)) for number in range(2)]
    node.append(*blocks)
    node.commit(blocks[-1])
    node.seal(put("x", 2, 2))
    node.reopen()
    node.seal(put("x", 3, 3))
    assert seen[0] is None
    assert [list(value.items()) for value in seen[1:]] == [[("a", 1), ("b", (1, (2,)))]] * 3
    assert blocks[0].results == (((0, "listed", ""),),)


def test_a_block_too_large_is_refused_without_a_trace(make_node) -> None:
    node = make_node()
    before = trace(node)
    many = [put("x", number, number) for number in range(MAX_BLOCK_TRANSACTIONS + 1)]
    with pytest.raises(TooLarge):
        node.seal(*many)
    assert trace(node) == before


def test_a_term_before_the_heads_is_a_bug_of_the_caller(make_node) -> None:
    node = make_node()
    node.seal(term=4)
    with pytest.raises(ValueError, match="term"):
        node.seal(term=3)


def test_a_kill_after_append_and_before_commit_executes_the_block_again(make_node, tmp_path) -> None:
    node = make_node()
    node.seal_and_commit(put("x", 1), record("x", 1, 40))
    second, third = node.seal(put("x", 2, 1), record("x", 2, 41)), node.seal(put("y", 3, 2))
    node.append(second, third)
    shutil.copytree(node.path, tmp_path / "killed")
    node.commit(third)
    killed = make_node("killed")
    assert [pending.block.hash for pending in killed.chain.pending] == [second.hash, third.hash]
    assert (killed.chain.applied.height, killed.value("x")[0]) == (1, 1)
    killed.commit(third)
    for key in (state_key("kv", "x"), state_key("kv", "y"), state_key("log", "x")):
        assert killed.chain.get(key) == node.chain.get(key)
    assert killed.chain._tree.settled_root == node.chain._tree.settled_root == third.header.state_root
    assert list(killed.store.buckets()) == list(node.store.buckets())


def test_the_first_commit_may_be_lost_too(make_node, tmp_path) -> None:
    node = make_node()
    shutil.copytree(node.path, tmp_path / "killed")
    log = max((tmp_path / "killed" / "db").glob("*.log"))
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 10)
    killed = make_node("killed")
    assert killed.chain.get(state_key("param", "limit")) == 7
    assert killed.chain.applied == node.chain.applied


def test_a_reopened_chain_goes_on_where_it_stood(make_node) -> None:
    node, other = make_node(), make_node("b")
    for number in range(9):
        other.accept(node.seal_and_commit(put("x", number, number), record("x", number, 100 + number)))
        if number % 4 == 3:
            node.reopen()
    assert node.chain.head == other.chain.head
    assert node.chain.get(state_key("log", "x"))[0] == 9


def test_a_block_in_the_log_that_cannot_be_reproduced_stops_the_node(make_node) -> None:
    node = make_node()
    block = forge(node, node.seal(put("x", 1)), state_root=b"\x66" * 32)
    node.append(block)
    with pytest.raises(StoreError, match=r"reproduced.*state_root"):
        node.reopen()


def test_a_folder_of_another_genesis_is_refused(make_node) -> None:
    node = make_node()
    with pytest.raises(StoreError) as refused:
        Chain.open(node.store, KeyValueRules(), make_genesis("another"))
    assert refused.value.code == "wrong_genesis"


def test_a_genesis_of_other_rules_is_refused(make_node, tmp_path) -> None:
    class Other(KeyValueRules):
        def genesis(self, state: Overlay, genesis: Any) -> None:
            state.put(b"k", 1)

    class Newer(KeyValueRules):
        version = 2

    for rules, words in ((Other(), "state_root"), (Newer(), "contract_version")):
        with pytest.raises(BlockInvalid, match=words):
            Node(tmp_path / words, rules).close()
    with pytest.raises(Malformed):
        Node(tmp_path / "x", genesis=GENESIS[:-1]).close()


def test_state_that_does_not_have_the_applied_root_stops_the_node(make_node) -> None:
    node = make_node()
    node.seal_and_commit(put("x", 1))
    (_, content), *_ = node.store.buckets()
    node.store._db.delete(b"t" + content[:DIGEST_BYTES])
    with pytest.raises(StoreError, match="root"):
        node.reopen()


class ChainMachine(RuleBasedStateMachine):
    """A leader and a follower that drop, commit, restart: readers always see a model's committed state."""

    temporary: Any = None

    @initialize(folder=st.builds(lambda: Path(ChainMachine.temporary("machine"))))
    def begin(self, folder: Path) -> None:
        self.node = Node(folder / "a")
        self.other = Node(folder / "b")
        self.states: list[dict[str, int]] = [{}]
        self.number = 0
        self.term = 1

    def teardown(self) -> None:
        if hasattr(self, "node"):
            self.node.close()
            self.other.close()

    @precondition(lambda self: len(self.states) < 6)
    @rule(
        writes=st.lists(
            st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9), st.booleans()), max_size=4
        )
    )
    def seal(self, writes: list[tuple[str, int | None, bool]]) -> None:
        state = dict(self.states[-1])
        transactions = []
        for key, value, fails in writes:
            self.number += 1
            operation = (
                {"op": "delete", "key": key} if value is None else {"op": "put", "key": key, "value": value}
            )
            more = [{"op": "fail"}] if fails else []
            transactions.append(transaction(operation, *more, nonce=self.number))
            if fails:
                continue
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        block = self.node.seal(*transactions, term=self.term)
        self.other.accept(block)
        self.node.append(block)
        self.other.append(block)
        self.states.append(state)

    @precondition(lambda self: len(self.states) > 1)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(1, len(self.states) - 1))
        height = self.node.chain.applied.height + place
        for each in (self.node, self.other):
            each.chain.drop_from(height)
            each.append(truncate_from=height)
        del self.states[place:]
        self.term += 1

    @precondition(lambda self: len(self.states) > 1)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.states) - 1))
        certified = self.node.chain.pending[count - 1].block
        assert len(self.node.commit(certified)) == len(self.other.commit(certified)) == count
        del self.states[:count]

    @rule()
    def restart(self) -> None:
        self.node.reopen()

    @invariant()
    def readers_see_the_committed_state(self) -> None:
        if not hasattr(self, "node"):
            return
        chain = self.node.chain
        committed = self.states[0]
        keys_read = [state_key("kv", name) for name in "abc"]
        values = [chain.get(key) for key in keys_read]
        assert [value and value[0] for value in values] == [committed.get(name) for name in "abc"]
        proved = chain.state_proof(keys_read).verify(chain.applied.state_root)
        assert proved == dict(zip(keys_read, values, strict=True))
        assert chain.head == self.other.chain.head
        assert len(chain.pending) == len(self.states) - 1


@pytest.fixture(scope="module", autouse=True)
def _folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    ChainMachine.temporary = tmp_path_factory.mktemp


ChainMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestChain = ChainMachine.TestCase


def test_sealing_signs_with_the_key_that_it_is_given(make_node) -> None:
    block = make_node().seal(node="n3")
    assert keys.verify(NODES["n3"].public, keys.HEADER_DOMAIN, block.header.data, block.signature)
