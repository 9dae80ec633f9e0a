"""A deterministic simulator of whole clusters of the real consensus core.

Read `plan.py` (what a seed chooses) and `checks.py` (what is judged after every step) first.

    plan         everything that a run depends on, drawn from a seed
    violation    what stops a run
    disk         what survives a crash
    application  chain of blocks of numbered transactions; the ledger's place
    signing      acknowledgements by a keyed hash
    process      one node: the core and its caller, with points at which it can be killed
    network      loss, delay, order, doubles, cuts, replays, forgeries
    clients      who submit, ask again, and remember what they were told
    checks       the rules, judged from outside
    world        clock, queue, faults, healing
    shrink       a failing plan, made smaller
    mutants      cores with one deliberate bug each
    campaign     many seeds, counted

The places where it grows: `application` and `disk` are what real chains and stores replace,
`plan` gets a new kind of fault, `checks` a new rule; `World(tracer=…)` gives every node's
trace with one clock, for the checker outside.
"""

from simulator.plan import Plan, plan_of
from simulator.violation import Violation
from simulator.world import Outcome, World

__all__ = ["Outcome", "Plan", "Violation", "World", "plan_of"]
