"""The example of docs/protocol.md: fixed keys, so fixed bytes. Run as a script to write the files anew."""

from pathlib import Path

from small_chain import SUPPLIER, SmallChain

from ledger import codec
from ledger.blocks.block import APPLIED
from ledger.blocks.certificate import ack_bytes
from ledger.state import history
from ledger.state.overlay import state_key

ROOT = Path(__file__).parent.parent.parent
FILES = ROOT / "tests" / "data" / "protocol"
DOCUMENT = ROOT / "docs" / "protocol.md"
KEY = state_key("relationship", "acme", "carrier")


def files():
    """Name to bytes of the example files."""
    return built()[0]


def values():
    """Name to bytes of the values that the document lists."""
    return built()[1]


def built():
    chain = SmallChain()
    state = chain.overlay()
    total = 0
    for number in range(3):
        total += 100 * number
        history.append(
            state, KEY, (19_675 + number, "payment", f"INV-{number}", "EUR", 100 * number), {"EUR": total}
        )
    state.put(state_key("invoice", "acme", "INV-1"), ("carrier", 100))
    first = chain.transaction(1, invoice="INV-1")
    block = chain.seal(
        [chain.transaction(0), first, chain.transaction(2)],
        [APPLIED, APPLIED, ((0, "duplicate_invoice", "this invoice is on the ledger"),)],
        state=state,
    )
    chain.seal(term=2, proposer="node-b")
    made = {
        "genesis.block": chain.genesis.block.data,
        "receipt.tally": chain.receipt(1, 1, 2, via=2).encode(),
        "history.tally": chain.history(KEY, 2).encode(),
    }
    listed = {
        "channel id": chain.channel,
        "membership hash": chain.genesis.membership.hash,
        "supplier key": SUPPLIER.public,
        "transaction body": first.body,
        "transaction id": first.id,
        "transaction signature": first.signature,
        "block 1 header": block.header.data,
        "block 1 hash": block.hash,
        "block 1 transactions root": block.header.transactions_root,
        "block 1 results root": block.header.results_root,
        "block 1 state root": block.header.state_root,
        "block 2 hash": chain.blocks[2].hash,
        "block 2 history root": chain.blocks[2].header.history_root,
        "block 2 acknowledged bytes": ack_bytes(chain.channel, 2, 2, chain.blocks[2].hash),
        "block 2 acknowledgement of node-a": chain.certificate(2).acks[0][1],
        "history key": KEY,
        "history entry": codec.encode(chain.state[KEY]),
    }
    return made, listed


def listing():
    """The example block of the document."""
    lines = []
    for name, value in values().items():
        shown = value.hex()
        lines.append(f"{name} ({len(value)} bytes)")
        lines.extend(f"    {shown[start : start + 96]}" for start in range(0, len(shown), 96))
    return "\n".join(lines)


def write():
    for name, data in files().items():
        (FILES / name).write_bytes(data)
    before, _, rest = DOCUMENT.read_text().partition(
        "```\n" if "```\nEXAMPLE" in DOCUMENT.read_text() else "```text\n"
    )
    _, _, after = rest.partition("\n```")
    DOCUMENT.write_text(f"{before}```text\n{listing()}\n```{after}")


if __name__ == "__main__":
    write()
