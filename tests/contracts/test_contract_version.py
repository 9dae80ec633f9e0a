"""What the contracts declare belongs to their version: the form of what is stored, the tables of the rules.

It is found in the contracts themselves, so that what is added is not forgotten. What only code says (a
formula, the order of two checks) no digest of declarations shows: see `test_recorded_ledgers`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import contracts
from contracts import CONTRACT_VERSION
from contracts.answer import ANSWERED_UNDER
from contracts.cash.deposit import LINE_FIELDS, Balance
from contracts.certificates.leaf import Totals
from contracts.errors import REMEDIES
from contracts.finance.claim import Share
from contracts.finance.pricer import PRICED_BY
from contracts.holdings.book import RECORD_FIELDS as BOOK_FIELDS
from contracts.holdings.book import Totals as BookTotals
from contracts.insurance.insurance_claim import Claim
from contracts.insurance.policy import Cover, Policy
from contracts.lifecycle import LifeCycle
from contracts.parameters import PARAMETERS
from contracts.registry import OPERATIONS
from contracts.rules_in_force import RECORDED_UNDER
from contracts.trade.habit_entry import (
    AMOUNT,
    BUYER,
    FEWEST_AMOUNTS,
    HABIT_BYTES,
    MOST_AMOUNTS,
    MOST_SEEN,
    NETWORK,
    SUPPLIER,
    Cell,
    Dealings,
    Layout,
    Payment,
)
from contracts.trade.invoice import Invoice
from contracts.trade.relationship_records import RECORD_FIELDS
from contracts.trade.relationship_sums import Aggregates, OpenWeek

DECLARED = {
    2: "74701b7afa276fbc697f20ba2aea988a8a27adaf712e2a12e0cffc1ea55a3d3e",
    3: "e99476c73c602e25c8ec62c1ae73f7a1383cef065f954d37400991949d0af3b9",
}
"""Digest of what a version declares. Of version 1 the forms alone were watched, and by far not all."""

INSIDE = (Aggregates, Balance, BookTotals, Cell, Dealings, OpenWeek, Payment, Share, Totals)
"""Forms of parts of a state value; the value itself says in its docstring that it is one."""


def _of_kind(kind: type) -> Iterator[Any]:
    """What the modules of the contracts declare of a kind."""
    for found in pkgutil.walk_packages(contracts.__path__, "contracts."):
        for value in vars(importlib.import_module(found.name)).values():
            if isinstance(value, kind):
                yield value


def stored() -> set[type]:
    """The forms of what is in the state."""
    values = {value for value in _of_kind(type) if (value.__doc__ or "").startswith("State value of ")}
    return values | set(INSIDE)


def declared() -> list[object]:
    """Forms, tables of states, records of histories, operations with who signs them, codes, parameters.

    Where in the code each stands is no rule: moving it changes nothing.
    """
    forms = sorted((value.__name__, getattr(value, "_fields", ())) for value in stored())
    cycles = {
        (cycle.subject, cycle.axis): (
            cycle.states,
            sorted((arrow.by, arrow.source, arrow.target) for arrow in cycle.transitions),
        )
        for cycle in _of_kind(LifeCycle)
    }
    operations = [
        (name, spec.roles, tuple(spec.model.model_fields)) for name, spec in sorted(OPERATIONS.items())
    ]
    records = [sorted(RECORD_FIELDS.items()), LINE_FIELDS, sorted(BOOK_FIELDS.items())]
    amounts = AMOUNT.format, FEWEST_AMOUNTS, MOST_AMOUNTS, MOST_SEEN
    habits = [HABIT_BYTES, amounts, *(_laid_out(layout) for layout in (BUYER, SUPPLIER, NETWORK))]
    return [
        forms,
        sorted(cycles.items()),
        records,
        habits,
        operations,
        sorted(REMEDIES),
        sorted((name, (known.least, known.most)) for name, known in PARAMETERS.items()),
    ]


def _laid_out(layout: Layout) -> list[object]:
    return [getattr(part, "format", part) for part in layout]


def test_what_the_contracts_declare_belongs_to_their_version() -> None:
    """Under other rules a node would stop at the first block: who changes one raises CONTRACT_VERSION."""
    assert DECLARED[CONTRACT_VERSION] == sha256(repr(declared()).encode()).hexdigest()


def test_forms_are_found_where_they_are_declared() -> None:
    assert {Invoice, Claim, Policy, Cover, Share} <= stored()
    assert all(getattr(value, "_fields", ()) for value in stored())


def test_versions_are_never_declared_twice() -> None:
    """A version that was in force keeps its digest; a new one gets its own."""
    assert max(DECLARED) == CONTRACT_VERSION
    assert len(set(DECLARED.values())) == len(DECLARED)


def test_prices_answers_and_records_are_made_under_the_version_in_force() -> None:
    assert max(PRICED_BY) == CONTRACT_VERSION
    assert max(ANSWERED_UNDER) == CONTRACT_VERSION
    assert max(RECORDED_UNDER) == CONTRACT_VERSION
