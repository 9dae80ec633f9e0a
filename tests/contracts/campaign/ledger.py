"""The ledger of a campaign: one transaction a block, every law of `contracts.state_check` after each.

States are kept twice: as encoded values, decoded at every read as a node would, and as maps by kind, which
only the checks read. What a block does beside its transactions (the next step of a membership) is a step of
the script like any other, so that a script replays.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from trade_ledger import KEYS, TradeLedger, document

from contracts import state_check
from contracts.certificates import leaf_check
from contracts.insurance import insurance_check
from contracts.parties import identity
from contracts.parties.membership import in_force, target
from contracts.registry import OPERATIONS, parse
from contracts.trade import trade_check
from contracts.trade.trade_check import Kinds
from ledger import codec
from ledger.blocks.executor import enter_membership, genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.errors import Refusal
from ledger.hashing import ZERO
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member, next_membership
from ledger.members.possession import sign_possession
from ledger.state.overlay import Overlay

MORE_ROLES: dict[str, tuple[str, ...]] = {
    "trio": ("buyer", "lender", "supplier"),
    "host": ("node_operator",),
    "watch": ("regulator",),
}
"""Organisations beside those of `trade_ledger.ROLES`."""

HOSTS = {"n1": "root", "n2": "mega", "n3": "loan"}
BLOCK_MS = 1_000


def signing_key(name: str) -> SigningKey:
    """The key of a name, the same in each run."""
    return KEYS.get(name) or SigningKey.from_seed(name.encode().ljust(32, b"+"))


def new_node(name: str, organisation: str) -> dict[str, Any]:
    """A node that is to join, with the proof that it holds its key."""
    key = SigningKey.from_seed(name.encode().ljust(32, b"*"))
    member = Member(name, organisation, key.public, node_certificate.issue(key, name))
    return {
        "node": name,
        "organisation": organisation,
        "key": member.key,
        "certificate": member.certificate,
        "proof": sign_possession(key, ZERO, member),
    }


def genesis(parameters: dict[str, int | str]) -> Genesis:
    """Everybody with roles, and three voters of three organisations."""
    hosted = document(parameters, {"trio": "mega"})
    hosted["quorum"] = 2
    hosted["nodes"] = [
        {name: value for name, value in {**new_node(node, owner), "id": node}.items() if name in _NODE_FIELDS}
        for node, owner in HOSTS.items()
    ]
    hosted["organisations"] += [
        {
            "id": name,
            "name": name.title(),
            "lei": "",
            "roles": list(roles),
            "identifiers": [],
            "keys": [
                {
                    "key": signing_key(name).public,
                    "name": "main",
                    "enrolled_by": "mega" if name == "trio" else name,
                }
            ],
        }
        for name, roles in MORE_ROLES.items()
    ]
    return Genesis.from_document(hosted)


_NODE_FIELDS = ("id", "organisation", "key", "certificate")


class CampaignLedger(TradeLedger):
    """Executes, keeps the state by kind, and checks it."""

    def __init__(self, parameters: dict[str, int | str], *, is_checked: bool = True) -> None:
        super().__init__(parameters)
        self.is_checked = is_checked
        """Not where states that were checked come about again."""
        self.genesis = genesis(parameters)
        self.state.data.clear()
        self.kinds: Kinds = defaultdict(dict)
        self.written: set[str] = set()
        """Kinds of the state entries that the newest block has changed."""
        self.before: Kinds = defaultdict(dict)
        """What the newest block has changed, as it was."""
        self.log: list[Transaction | None] = []
        """What was executed, in order; None for a step of the membership."""
        self._apply(genesis_overlay(self.contracts, self.genesis))

    def sign(self, signer: str, operations: tuple[dict[str, Any], ...], atomic: bool) -> Transaction:
        """A transaction signed by the key of a name."""
        return Transaction.sign(
            signing_key(signer),
            channel=ZERO,
            operations=operations,
            valid_until_ms=1_400_000_000_000,
            nonce=len(self.transactions).to_bytes(8, "big"),
            atomic=atomic,
        )

    def execute(self, transaction: Transaction) -> codec.Value:
        """Execute and commit one block; its result.

        Raises:
            Malformed: an operation without form, which never reaches a block.
            InvariantBroken: a law does not hold, during the execution or in the state after it.
        """
        prepared = self.contracts.prepare(transaction)
        self.log.append(transaction)
        self.time_ms += BLOCK_MS
        overlay = Overlay(self.state)
        result = self.contracts.execute(overlay, prepared, self.time_ms)
        refused: Any = result
        changed = self._apply(overlay)
        self.written = {codec.decode(key)[0] for key in changed}
        known = ((key, codec.decode(data)) for key, data in changed.items() if data is not None)
        self.before = state_check.by_kind(known)
        self.transactions.append(transaction)
        self.results.append(result)
        if (transaction.atomic and refused) or len(refused) == len(prepared.operations):
            assert not changed, "a refused operation changes nothing"
            assert not overlay.records, "a refused operation leaves no record"
        self._check(changed, is_one_step=len(prepared.operations) == 1)
        return result

    def step_membership(self) -> None:
        """What a leader's next block does once a change of the members was adopted."""
        self.log.append(None)
        goal = target(self.state)
        following = None if goal is None else next_membership(in_force(self.state), goal)
        if following is None:
            return
        overlay = Overlay(self.state)
        enter_membership(overlay, following, len(self.transactions) + 1)
        self._check(self._apply(overlay), is_one_step=False)

    def try_out(self, signer: str, operation: dict[str, Any]) -> Refusal | None:
        """What the ledger would answer now, with all that a refusal says; nothing is changed."""
        overlay = Overlay(self.state)
        typed = parse(codec.decode(codec.encode(operation)))
        try:
            public = signing_key(signer).public
            context = identity.signed_by(overlay, public, ZERO, self.time_ms + BLOCK_MS)
            OPERATIONS[typed.op].handle(context, typed)
        except Refusal as refusal:
            return refusal
        return None

    def _apply(self, overlay: Overlay) -> dict[bytes, bytes | None]:
        """Take an overlay's writes; what stood under each changed key before."""
        changed: dict[bytes, bytes | None] = {}
        for key, value in overlay.writes.items():
            before = self.state.data.get(key)
            data = None if value is None else codec.encode(value)
            if data == before:
                continue
            changed[key] = before
            kind, *parts = codec.decode(key)
            if data is None:
                del self.state.data[key], self.kinds[kind][tuple(parts)]
            else:
                self.state.data[key] = data
                self.kinds[kind][tuple(parts)] = codec.decode(data)
        for key, sequence, record in overlay.records:
            known = self.records.setdefault(key, [])
            assert sequence == len(known), "records are numbered one after the other"
            known.append(record)
        return changed

    def _check(self, changed: dict[bytes, bytes | None], *, is_one_step: bool) -> None:
        """Every law of a state, and of the step that led to it if it was one operation."""
        if not changed or not self.is_checked:
            return
        for check in state_check.CHECKS:
            check(self.kinds)
        if not is_one_step:
            return
        trade_check.follows_life_cycles(self.before, self.kinds)
        insurance_check.follows_life_cycles(self.before, self.kinds)
        leaf_check.leaves_follow_their_table(self.before, self.kinds)
