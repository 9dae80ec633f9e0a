"""Judges a run by the traces of its nodes: the rules of the trace schema, and nothing else.

It shares no code with the core: a bug there must not hide itself here. Start with `rules.py`,
the rules as sentences, then `effects.py`, what each event changes, then the families:

    events report        the shape of an event; what a judgement comes to
    model effects        a node and a run, rebuilt from events
    family               what the rule families have in common
    envelope             E: the events themselves
    terms                T: terms, votes, roles and elections
    logs cuts            L: what is appended, cut, and found after a restart
    commits              C: who may commit, how far, and that all agree
    disks                whose disk, rather than whose step, broke a rule
    applications         A: what is handed to the application
    signatures           Q: acknowledgements and certificates
    snapshots            S: snapshots and compaction
    memberships          M: configurations
    reads                R: linearizable reads
    traffic              G: messages
    checker              the judge: puts events in order and asks every family

No I/O: `scripts/check-trace` reads files.
"""

from consensus.conformance.checker import Checker, Judge, merge
from consensus.conformance.events import Event
from consensus.conformance.report import Report, Violation
from consensus.conformance.rules import RULES

__all__ = ["RULES", "Checker", "Event", "Judge", "Report", "Violation", "merge"]
