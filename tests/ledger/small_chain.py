"""A small chain made by hand from the ledger's values alone: real keys, blocks, proofs and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bucket_rows import BucketRows
from clock_readings import clocks_at
from elections import elected_if_needed

from ledger import codec
from ledger.blocks.block import APPLIED, Block
from ledger.blocks.certificate import Certificate, CertifiedHeader, HistoryLink, sign_ack
from ledger.blocks.genesis import Genesis, GenesisBlock, genesis_block, read_genesis
from ledger.blocks.preamble import Preamble
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey
from ledger.merkle import Accumulator, levels, run_proof
from ledger.proofs.history import History
from ledger.proofs.receipt import Receipt
from ledger.state import history
from ledger.state.overlay import Overlay
from ledger.state.tree import StateTree

GENESIS_MS = 1_700_000_000_000
NODES = ("node-a", "node-b", "node-c")


def seed_key(name: str) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


SUPPLIER = seed_key("supplier")


def document() -> dict[str, codec.Value]:
    """A genesis document of three organisations with a node each; two acknowledgements commit."""
    return {
        "version": 1,
        "name": "Test channel",
        "time_ms": GENESIS_MS,
        "contract_version": 1,
        "quorum": 2,
        "nodes": [
            {
                "id": node,
                "organisation": organisation,
                "key": seed_key(node).public,
                "certificate": f"certificate of {node}".encode(),
            }
            for node, organisation in zip(NODES, ("acme", "bank", "carrier"), strict=True)
        ],
        "organisations": [
            {
                "id": organisation,
                "name": organisation.title(),
                "lei": "",
                "roles": ["operator", role],
                "identifiers": [["VAT", f"XX{index}"]],
                "keys": [
                    {
                        "key": seed_key(f"{organisation} clerk").public,
                        "name": "clerk",
                        "enrolled_by": organisation,
                    }
                ],
            }
            for index, (organisation, role) in enumerate(
                (("acme", "supplier"), ("bank", "lender"), ("carrier", "buyer"))
            )
        ],
        "parameters": {"business_date": "2023-11-14", "price_tolerance_ppm": 0},
    }


class SmallChain:
    """Blocks over a state that tests write as they like."""

    def __init__(self) -> None:
        self.rows = BucketRows()
        self.tree = StateTree(self.rows.bucket)
        self.state: dict[bytes, codec.Value] = {}
        self.genesis: GenesisBlock = read_genesis(
            genesis_block(Genesis.from_document(document()), self.tree.root).data
        )
        self.blocks: list[Block] = [self.genesis.block]
        self.records: dict[bytes, list[bytes]] = {}
        self._accumulator = Accumulator()
        self._accumulator.append(self.genesis.block.header.leaf)

    @property
    def channel(self) -> bytes:
        return self.genesis.channel

    def transaction(self, number: int = 0, **fields: codec.Value) -> Transaction:
        """A signed transaction with one operation."""
        return Transaction.sign(
            SUPPLIER,
            channel=self.channel,
            operations=[{"op": "note", "number": number, **fields}],
            valid_until_ms=GENESIS_MS + 60_000,
            nonce=number.to_bytes(8, "big"),
        )

    def overlay(self) -> Overlay:
        """The state after the newest block, to be written for the next one."""
        return Overlay(self.state)

    def seal(
        self,
        transactions: Sequence[Transaction] = (),
        results: Sequence[codec.Value] | None = None,
        *,
        state: Overlay | None = None,
        term: int = 1,
        proposer: str = NODES[0],
    ) -> Block:
        """Add a block."""
        if state is not None:
            for key, value in state.writes.items():
                self.state[key] = value
                if value is None:
                    del self.state[key]
            self.tree.update(
                {key: None if value is None else codec.encode(value) for key, value in state.writes.items()}
            )
            self.rows.put(self.tree.hashes(1))
            self.tree.settle(1)
            for key, _, record in state.records:
                self.records.setdefault(key, []).append(record)
        head = self.blocks[-1].header
        keys = {node: seed_key(node) for node in NODES}
        election = elected_if_needed(keys, self.channel, head, term, proposer, NODES[:2])
        time_ms = head.time_ms + 10
        block = Block.assemble(
            key=seed_key(proposer),
            channel=self.channel,
            height=head.height + 1,
            term=term,
            previous=head.hash,
            time_ms=time_ms,
            proposer=proposer,
            transactions=transactions,
            results=[APPLIED] * len(transactions) if results is None else results,
            state_root=self.tree.root,
            history_root=self._accumulator.root(),
            membership=self.genesis.membership.hash,
            contract_version=1,
            preamble=Preamble(election, clocks=clocks_at(keys, self.channel, time_ms, NODES[:2])).encode(),
        )
        self.blocks.append(block)
        self._accumulator.append(block.header.leaf)
        return block

    def certificate(self, height: int, nodes: Iterable[str] = NODES[:2]) -> Certificate:
        """What these nodes' acknowledgements of a block make."""
        header = self.blocks[height].header
        return Certificate.of(
            header.term,
            height,
            header.hash,
            [
                (node, sign_ack(seed_key(node), self.channel, header.term, height, header.hash))
                for node in nodes
            ],
        )

    def certified(self, height: int, via: int | None = None) -> CertifiedHeader:
        """A header with its proof, directly or by a later block."""
        header = self.blocks[height].header
        if via is None:
            return CertifiedHeader(header, None, self.certificate(height))
        tree = levels([block.header.leaf for block in self.blocks[:via]])
        link = HistoryLink(tuple(run_proof(tree, height, 1)), self.blocks[via].header)
        return CertifiedHeader(header, link, self.certificate(via))

    def receipt(self, height: int, first: int, count: int = 1, via: int | None = None) -> Receipt:
        """A receipt for a run of a block's transactions."""
        return Receipt.of_block(self.blocks[height], first, count, self.certified(height, via))

    def history(self, key: bytes, last: int | None = None) -> History:
        """The history at `key` in the state after the newest block, or its last records."""
        records = self.records.get(key, [])
        first = 0 if last is None else max(0, len(records) - last)
        value = self.state.get(key)
        return History(
            key,
            first,
            history.chain(history.NO_RECORDS, records[:first]),
            tuple(records[first:]),
            self.tree.prove([(key, None if value is None else codec.encode(value))]),
            self.certified(len(self.blocks) - 1),
        )
