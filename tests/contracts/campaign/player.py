"""Draws what happens next: an operation that may well be taken, or one that is wrong on purpose.

An honest player reads what a refusal says: where it names a field and the amount that is expected, it tries
that. Whatever it ends with goes on the ledger, taken or refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

from trade_ledger import DAY

from campaign.draw import EVERYBODY, SIGNER, Draw, Facts
from campaign.facts import facts
from campaign.forms import least
from campaign.ledger import signing_key
from campaign.moves import MOVES
from campaign.subjects import about, pick
from campaign.themes import needs
from campaign.trading import invoice_submit
from contracts.parties.identity import (
    BANK,
    BUYER,
    CARRIER,
    INSURER,
    LENDER,
    OPERATOR,
    REGULATOR,
    SUPPLIER,
)
from contracts.registry import OPERATIONS, OperationSpec
from ledger.errors import Malformed, Refusal
from ledger.money import Money

ADVANCES = 0.05
"""Share of moves of the business date: days must pass for much of finance to happen."""
MEMBER_STEPS = 0.01
SPOILED = 0.12
TWO_AT_ONCE = 0.04
BANKS = {"USD": "bank", "EUR": "giro"}
"""Where most have their deposits in each currency."""
SEARCHES = 40
"""Operations that are looked at for one that has something to be about."""
DRAWS = 10
"""Of an honest player until one of its operations would be taken."""
ANY_STATE = 0.08
"""Share of operations that are about an object whatever its state."""
PATIENCE = 0.2
"""Share of those who want an operation of a later day that move the date; others do something else."""
HOPELESS = 0.3
"""Share of what an honest player sends although it would be refused."""
CORRECTIONS = 3
OFTEN, SELDOM = 0.25, 0.03
"""Weight of an operation however often it was taken: of most, and of what governs or ends a document."""
FAVOURITE = 8.0
"""Weight of one of the theme that was never taken."""
BACKBONE = {
    "invoice.submit": 1.0,
    "invoice.confirm": 2.0,
    "finance.offer": 3.0,
    "finance.accept": 5.0,
    "finance.settle": 5.0,
}
"""What most of the rest needs to have happened, and the weight of it."""
KEEN = ("auction", "claim", "indemnity", "recovery", "recourse", "resale", "refund", "certificate.refund")
"""Names, or first parts of names, of operations that seldom have anything to be about."""
SELDOM_NAMES = ("key", "membership", "node", "model", "custody", "programme", "deposit")
ENDS = (
    "cancel",
    "reject",
    "withdraw",
    "decline",
    "close",
    "revoke",
    "suspend",
    "limit",
    "refuse",
    "lose",
    "block",
    "contest",
)
"""Last parts of names of operations that end a document, or stop it."""
NAMES = list(OPERATIONS)
IS_KEEN = {name for name in NAMES if name in KEEN or name.split(".")[0] in KEEN}
IS_SELDOM = {name for name in NAMES if name.split(".")[0] in SELDOM_NAMES or name.split(".")[1] in ENDS}


class Step(NamedTuple):
    """A transaction that is to be played."""

    signer: str
    """Name of a key, which begins with that of its organisation."""
    operations: tuple[dict[str, Any], ...]
    atomic: bool


def next_step(draw: Draw) -> Step | None:
    """The next transaction; None for a step of the membership."""
    if draw.rng.random() < MEMBER_STEPS:
        return None
    if draw.rng.random() < SPOILED:
        signer, operation = _spoiled(draw, *_operation(draw, _any_operation(draw)))
    elif draw.rng.random() < ADVANCES:
        signer, operation = _operation(draw, "date.advance")
    else:
        signer, operation = _likely(draw)
    operations = (operation,)
    if draw.rng.random() < TWO_AT_ONCE:
        operations += (_second(draw, signer) or operation,)
    return Step(_key_of(draw, signer), operations, draw.rng.random() < 0.7)


def first_steps(draw: Draw) -> Iterator[Step]:
    """What most of insurance needs: a policy in force, as far as the draw lets it."""
    for op in ("policy.quote", "policy.bind", "premium.pay"):
        signer, operation = _operation(draw, op)
        yield Step(signer, (_corrected(draw, signer, operation)[0],), True)


def _likely(draw: Draw) -> tuple[str, dict[str, Any]]:
    """An operation that would be taken, or one of which it is not known."""
    for _ in range(DRAWS):
        signer, operation = _operation(draw, _any_operation(draw))
        operation, refusal = _corrected(draw, signer, operation)
        if refusal is None or draw.rng.random() < HOPELESS:
            break
    return signer, operation


def _any_operation(draw: Draw) -> str:
    """One of the table, those that were taken seldom more often."""
    if draw.weighed != draw.taken.total():
        draw.weighed = draw.taken.total()
        draw.weights = list(accumulate(_weight(draw, name) for name in NAMES))
    return draw.rng.choices(NAMES, cum_weights=draw.weights)[0]


def _weight(draw: Draw, name: str) -> float:
    taken = draw.taken[name]
    if name in BACKBONE:
        return BACKBONE[name]
    is_end = name.split(".")[1] in ENDS
    if name in draw.favourites:
        least = 3.0 if name in IS_KEEN else OFTEN
        return FAVOURITE / (1 + taken) ** 2 if is_end else max(least, FAVOURITE / (1 + taken))
    if name in IS_KEEN and not is_end:
        return 2.0
    return SELDOM + 0.2 / (1 + taken) if name in IS_SELDOM else OFTEN + 1 / (1 + taken)


def _second(draw: Draw, signer: str) -> dict[str, Any] | None:
    for _ in range(SEARCHES):
        other, operation = _operation(draw, _any_operation(draw))
        if other == signer:
            return operation
    return None


def _operation(draw: Draw, op: str) -> tuple[str, dict[str, Any]]:
    """An operation about an object for which it is the time, or one that leads there."""
    for _ in range(SEARCHES):
        known = _known(draw, op)
        said = None if known is None else MOVES[op](draw, known) if op in MOVES else {}
        if known is not None and said is not None:
            return _filled(draw, op, known, said)
        op = draw.rng.choice(needs(op) or (_any_operation(draw),))
        if op == "date.advance" and draw.rng.random() > PATIENCE:
            op = _any_operation(draw)
    return _filled(draw, "invoice.submit", {}, invoice_submit(draw, {}))


def _known(draw: Draw, op: str) -> Facts | None:
    """What there is to say of an object of the operation; None if there is none that it could be about."""
    kind = about(op)
    if kind is None:
        return {}
    found = pick(draw.rng, op, draw.ledger.kinds, kind, any_state=draw.rng.random() < ANY_STATE)
    if found is not None:
        return facts(draw.ledger.kinds, found)
    return {} if op == "order.issue" else None


def _filled(draw: Draw, op: str, known: Facts, said: Facts) -> tuple[str, dict[str, Any]]:
    spec = OPERATIONS[op]
    signer = said.get(SIGNER) or _signer(draw, spec, known)
    operation: dict[str, Any] = {"op": op}
    for name, field in spec.model.model_fields.items():
        if name == "op":
            continue
        if name in said:
            if said[name] is not None:
                operation[name] = said[name]
        elif name in known:
            operation[name] = known[name]
        elif field.is_required():
            found = _by_name(draw, name, field.description or "", signer, known)
            operation[name] = _least_of(op)[name] if found is None else found
    return signer, operation


_NAMED_IN = {
    SUPPLIER: ("supplier", "assured"),
    BUYER: ("buyer", "obligor"),
    LENDER: ("lender",),
    BANK: ("bank",),
    INSURER: ("insurer",),
    CARRIER: ("carrier",),
    OPERATOR: (),
    REGULATOR: (),
}
"""Names in the facts of an object that stand for a role."""


def _signer(draw: Draw, spec: OperationSpec, known: Facts) -> str:
    named = [known[name] for role in spec.roles for name in _NAMED_IN.get(role, ()) if name in known]
    return draw.rng.choice(named) if named else draw.one(*spec.roles)


@cache
def _least_of(op: str) -> dict[str, Any]:
    return least(OPERATIONS[op].model, DAY)


def _by_name(draw: Draw, name: str, description: str, signer: str, known: Facts) -> Any:
    """A value for a field that nothing is known of; None where its form alone must do."""
    if name == "entry":
        used = len(draw.ledger.kinds["bank_entry"])
        return f"E{draw.rng.randrange(used + 1)}" if draw.rng.random() < 0.05 else f"E{draw.number()}"
    if "YYYY-MM-DD" in description:
        return draw.date(draw.rng.choice([0, 0, 0, -1, -4]))
    plain: dict[str, Any] = {
        "account": f"account of {signer}",
        "bank": draw.rng.choice([BANKS[known.get("currency", "USD")]] * 9 + ["giro"]),
        "currency": draw.rng.choice(["USD", "USD", "USD", "EUR"]),
        "reason": "see the letter",
        "amount": draw.rng.choice([1, 100, 10_000]),
        "leaf": 0,
        "client": draw.one(),
        "reference": "",
        "lines": [{"line": "1", "quantity": 1}],
    }
    if name in plain:
        return plain[name]
    for role, names in _NAMED_IN.items():
        if name in names:
            return draw.one(role)
    if "minor units" in description or "ppm" in description:
        return draw.rng.choice([1, 1_000])
    return draw.number() if "number" in description or name == "policy" else None


def _key_of(draw: Draw, signer: str) -> str:
    """One of the keys of an organisation, mostly one that is in force."""
    names = [signer, *draw.keys.get(signer, [])]
    entries = {name: draw.ledger.entry("key", signing_key(name).public) for name in names}
    in_force = [name for name, entry in entries.items() if entry is not None and entry[3] == 1]
    return draw.rng.choice(in_force if in_force and draw.rng.random() < 0.97 else names)


def _corrected(
    draw: Draw, signer: str, operation: dict[str, Any]
) -> tuple[dict[str, Any], Refusal | Malformed | None]:
    """The operation with what refusals say is expected of its amounts, and what it would be refused with."""
    found: Refusal | Malformed | None = None
    for _ in range(CORRECTIONS):
        try:
            found = draw.ledger.try_out(_key_of(draw, signer), operation)
        except Malformed as malformed:
            return operation, malformed
        except AssertionError:  # a law is broken: it must go on the ledger to be seen
            return operation, None
        better = None if found is None else _expected(found, operation)
        if better is None:
            return operation, found
        operation = better
    return operation, found


def _expected(refusal: Refusal, operation: dict[str, Any]) -> dict[str, Any] | None:
    """The operation with the amount that a refusal expects; None if it names none."""
    expected, field = refusal.expected, refusal.field
    if field not in operation or type(operation[field]) is not int:
        return None
    if isinstance(expected, str):
        amount = re.match(r"(?:at most )?([0-9][0-9,.]*) ([A-Z]{3})\b", expected)
        expected = None if amount is None else Money.parse(amount[1].replace(",", ""), amount[2]).amount
    return {**operation, field: expected} if type(expected) is int and expected > 0 else None


def _spoiled(draw: Draw, signer: str, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation with one thing wrong: who signs, or a field."""
    if draw.rng.random() < 0.25:
        return draw.rng.choice([*EVERYBODY, "stranger"]), operation
    name = draw.rng.choice(sorted(operation.keys() - {"op"}) or ["op"])
    value = operation[name]
    if isinstance(value, int):
        wrong: Any = draw.rng.choice([value + 1, value - 1, 0, -1, 2 * value, 10**15, 10**18, 2**63 - 1])
    elif isinstance(value, str):
        wrong = draw.rng.choice([draw.one(), "", draw.number(), "2099-01-01", "1", "EUR", "\n"])
    elif isinstance(value, bytes):
        wrong = draw.rng.choice([b"", bytes(32), value[:-1]])
    else:
        wrong = draw.rng.choice([(), value, None, 7])
    if wrong is None:
        return signer, {key: kept for key, kept in operation.items() if key != name}
    return signer, {**operation, name: wrong}


def remember(draw: Draw, step: Step) -> None:
    """What the players must know of what was taken: the names of the keys that there are now."""
    owner = step.signer.split("+")[0]
    known = draw.keys.setdefault(owner, [])
    name = f"{owner}+{len(known) + 1}"
    entry = draw.ledger.entry("key", signing_key(name).public)
    if entry is not None and entry[0] == owner:
        known.append(name)
