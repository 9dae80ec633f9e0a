"""Replays recorded ledgers under the rules as they are, and says what comes out otherwise than it did.

Under other rules a node stops at the first block of a ledger that it cannot reproduce. So whoever changes
what comes out of an operation raises CONTRACT_VERSION; `tests/contracts/test_recorded_ledgers.py` holds it to
that.

    scripts/replay-ledgers                    the first difference of each ledger; 1 if there is any
    scripts/replay-ledgers --record           record what comes out now, and print its digest for that test
    scripts/replay-ledgers --add 4711 4712    add a campaign's ledgers of these seeds, and record
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contracts")]

import recorded  # noqa: E402
from campaign.episodes import OPERATIONS_A_LEDGER, play_episode  # noqa: E402
from campaign.ledger import BLOCK_MS, CampaignLedger, genesis, signing_key  # noqa: E402

from contracts import CONTRACT_VERSION  # noqa: E402
from ledger import codec  # noqa: E402
from ledger.errors import Malformed  # noqa: E402


def main() -> int:
    """0 if everything comes out as it did, or was recorded."""
    arguments = _arguments()
    version, ledgers = recorded.read()
    if arguments.record or arguments.add:
        recorded.write((*ledgers, *(played(seed) for seed in arguments.add)))
        version, ledgers = recorded.read()
        print(f"{len(ledgers)} ledgers recorded under version {version}: {recorded.digest_of(ledgers)}")
        return 0
    found = list(recorded.differences(ledgers))
    for difference in found:
        names = ", ".join(operation["op"] for operation in difference.operations) or "step of the membership"
        print(f"ledger {difference.ledger}, step {difference.step}: {names} is now {difference.result}")
    steps = sum(len(ledger.steps) for ledger in ledgers)
    print(
        f"{len(found)} of {len(ledgers)} ledgers ({steps:,} transactions) come out otherwise under "
        f"version {CONTRACT_VERSION} than they did under version {version}."
    )
    return 1 if found else 0


def played(seed: int) -> recorded.Recorded:
    """The ledger that a campaign plays from a seed.

    Raises:
        Failed: a law does not hold.
    """
    episode = play_episode(seed, OPERATIONS_A_LEDGER)
    ledger = CampaignLedger(episode.parameters, is_checked=False)
    time_ms, steps = ledger.time_ms, []
    for step in episode.script:
        if step is None:
            steps.append(None)
            continue
        try:
            transaction = ledger.sign(step.signer, step.operations, step.atomic)
        except Malformed:
            continue  # no transaction, not even a refused one
        try:
            ledger.contracts.prepare(transaction)
            time_ms += BLOCK_MS
        except Malformed:
            pass  # it never reaches a block, and takes no time
        steps.append((time_ms, signing_key(step.signer).public, step.atomic, step.operations))
    document = {**genesis(episode.parameters).document()}
    del document["contract_version"]
    return recorded.Recorded(*codec.decode(codec.encode((document, steps))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/replay-ledgers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", action="store_true", help="record what comes out now")
    parser.add_argument(
        "--add", type=int, nargs="+", default=[], metavar="SEED", help="add ledgers of a campaign, and record"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
