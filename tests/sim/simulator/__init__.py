"""A deterministic simulator of whole clusters of the real consensus core.

Read `plan.py` (what a seed chooses) and `checks.py` (what is judged after every step) first.

    plan           everything that a run depends on, drawn from a seed
    violation      what stops a run
    disk           what survives a crash, with opaque blocks
    device         a model of the disk under the real store: torn and lost writes, flipped bits
    ledger_disk    the real store on that model, or on LevelDB in a folder
    blocks         what depends on what the blocks of a run are
    application    opaque: a chain of blocks of numbered transactions
    ledger_blocks  real: chains, an executor, Ed25519
    snapshots      real snapshots: chunks of peers, staging on a modelled disk
    signing        acknowledgements by a keyed hash
    process        one node: the core and its caller, with points at which it can be killed
    late_clock     a clock that counts an idle node's ticks late, as a node does
    network        loss, delay, order, doubles, cuts, replays, forgeries
    clients        who submit, ask again, and remember what they were told
    checks         the rules, judged from outside
    world          clock, queue, faults, healing
    shrink         a failing plan, made smaller
    mutants        cores with one deliberate bug each
    campaign       many seeds, counted

The places where it grows: `plan` gets a new kind of fault, `checks` a new rule;
`World(tracer=…)` gives every node's trace with one clock, for the checker outside.
"""

from simulator.plan import Plan, plan_of
from simulator.violation import Violation
from simulator.world import Outcome, World

__all__ = ["Outcome", "Plan", "Violation", "World", "plan_of"]
