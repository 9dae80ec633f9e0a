"""Tells a node, in many ways, what no honest node or client says, for as long as you like.

Targets: every decoder of foreign bytes (stream, message, block, …), and `core`: the real
consensus core among liars, which are given what a simulated cluster said and change it. What
must hold stands in tests/fuzz/decoders.py and tests/fuzz/core_victim.py. A finding is printed
with the command that plays it again; the bytes that did it are kept, to be put into
tests/fuzz/corpus.

    scripts/fuzz                                 all targets, one minute
    scripts/fuzz --minutes 30 --target core
    scripts/fuzz --target core --seed 4711 --cases 1     one case again
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent
for folder in ("fuzz", "sim", "ledger"):
    sys.path.insert(0, str(ROOT / "tests" / folder))

from core_victim import Recording, play, recording  # noqa: E402
from decoders import TARGETS  # noqa: E402

CORE = "core"
CORE_MESSAGES = 1_500
RECORDINGS = 12
DECODER_CASES = 200
"""Inputs in one case of a decoder."""
MAX_FINDINGS = 10


def main() -> int:
    """0 if something was tried and nothing found."""
    arguments = _arguments()
    names = arguments.target or [CORE, *TARGETS]
    deadline = monotonic() + arguments.minutes * 60
    recordings: dict[int, Recording] = {}
    counted: Counter[str] = Counter()
    findings = 0
    number = arguments.seed
    while number < arguments.seed + arguments.cases and monotonic() < deadline and findings < MAX_FINDINGS:
        for name in names:
            if name == CORE:
                findings += not _core_case(number, recordings, counted)
            else:
                findings += not _decoder_case(name, number, arguments.keep, counted)
        number += 1
    peak_mib = getrusage(RUSAGE_SELF).ru_maxrss // 1_024
    print(
        f"{number - arguments.seed} cases from seed {arguments.seed}, {findings} findings, "
        f"{peak_mib} MiB at most"
    )
    for what, count in sorted(counted.items()):
        print(f"  {what:<32} {count:>12,}")
    if number == arguments.seed:
        print("nothing was tried: give it more cases, or more time", file=sys.stderr)
        return 2
    return 1 if findings else 0


def _core_case(number: int, recordings: dict[int, Recording], counted: Counter[str]) -> bool:
    which = number % RECORDINGS
    if which not in recordings:
        recordings[which] = recording(which, steps=1_500, nodes=3 + 2 * (which % 2))
    try:
        for what, count in play(recordings[which], Random(f"core {number}"), CORE_MESSAGES).items():
            counted[f"core: {what}"] += count
    except Exception:
        traceback.print_exc()
        print(f"Found by: scripts/fuzz --target core --seed {number} --cases 1", flush=True)
        return False
    return True


def _decoder_case(name: str, number: int, keep: Path, counted: Counter[str]) -> bool:
    target = TARGETS[name]
    chance = Random(f"{name} {number}")
    for _ in range(DECODER_CASES):
        data = target.case(chance)
        try:
            counted[f"{name}: {'read' if target.is_read(data) else 'refused'}"] += 1
        except Exception:
            traceback.print_exc()
            keep.mkdir(parents=True, exist_ok=True)
            path = keep / f"{name}-{number}.bin"
            path.write_bytes(data)
            print(
                f"Found by: scripts/fuzz --target {name} --seed {number} --cases 1; bytes in {path}",
                flush=True,
            )
            return False
    return True


def _arguments() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long at most (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument(
        "--cases", type=int, default=10**9, help="how many seeds at most (default: as time allows)"
    )
    parser.add_argument(
        "--target", action="append", choices=[CORE, *TARGETS], help="only this one; may be repeated"
    )
    parser.add_argument(
        "--keep", type=Path, default=ROOT / "fuzz-findings", help="where inputs that broke something are kept"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
