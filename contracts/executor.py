"""Running transactions: the `Executor` that the ledger asks for.

A transaction's operations run in order, each under a savepoint. A refusal takes back what its operation had
written; in an atomic transaction it takes back everything and ends it. Offers on invoices that an operation
has changed end with it, whichever operation it is (`contracts.market.standing`). The result is () when every
operation was applied, else a tuple of (operation index, code, detail), one for each refusal: a refusal is
evidence.

Any other exception is our own bug and reaches the caller: a node must not acknowledge what it
cannot compute.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.context import BUSINESS_DATE, Context, Run
from contracts.errors import refuse
from contracts.fields import Operation
from contracts.market import standing
from contracts.parameters import checked_parameter, parameter_key
from contracts.parties import identity, membership, recovery
from contracts.registry import OPERATIONS, OperationSpec, parse
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.codec import Value
from ledger.dates import LAST_DAY, day_from_iso
from ledger.errors import Malformed, Refusal
from ledger.state.overlay import Overlay

CONTRACT_VERSION = 3
"""Of the rules: raised whenever a block may come out otherwise than under the ones before."""

MAX_DETAIL_LENGTH = 240
"""Characters of a refusal's detail on the ledger."""

_MILLISECONDS_PER_DAY = 86_400_000


class Prepared(NamedTuple):
    """A transaction whose operations are typed."""

    transaction: Transaction
    operations: tuple[Operation, ...]


class Contracts:
    """The contract set."""

    version = CONTRACT_VERSION

    def prepare(self, transaction: Transaction) -> Prepared:
        """Read the operations into their models; pure, and may run in any thread.

        Raises:
            Malformed: an unknown operation, or one that its model refuses.
        """
        operations = transaction.operations
        if len(operations) == 1:
            return Prepared(transaction, (parse(operations[0]),))
        return Prepared(transaction, tuple([parse(fields, index) for index, fields in enumerate(operations)]))

    def execute(self, state: Overlay, prepared: Prepared, time_ms: int) -> Value:
        """Apply a transaction; its result. Days are those of the business date, not of the block's time."""
        is_atomic = prepared.transaction.atomic
        start = state.savepoint()
        refusals: list[tuple[int, str, str]] = []
        context: Context | None = None
        spec: OperationSpec | None = None
        run: Run | None = None
        for index, operation in enumerate(prepared.operations):
            savepoint = start if is_atomic else state.savepoint()
            try:
                if context is None:
                    transaction = prepared.transaction
                    context = identity.signed_by(state, transaction.signer, transaction.channel, time_ms)
                if run is None or spec is None or operation.op != spec.name:
                    if run is not None:
                        run.close()
                    spec = OPERATIONS[operation.op]
                    _check_role(context, spec)
                    run = spec.run(context) if is_atomic and spec.run is not None else None
                if run is None:
                    spec.handle(context, operation)
                    if context.changed:
                        standing.end_what_changed(context)
                else:
                    run.take(operation)
            except Refusal as refusal:
                refusals.append((index, refusal.code, str(refusal)[:MAX_DETAIL_LENGTH]))
                if is_atomic:
                    state.rollback(start)
                    break
                state.rollback(savepoint)
                context = None
            else:
                if operation.op in _CHANGES_SIGNERS:
                    context = None
        if run is not None and not refusals:
            run.close()
        return tuple(refusals)

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        """Write organisations, keys, parameters and the business date of a genesis document.

        Raises:
            Malformed: a role, a parameter or a contract version that this contract set does not know.
            Malformed, VerificationError: a recovery that may not begin (`contracts.parties.recovery`).
        """
        if genesis.contract_version != CONTRACT_VERSION:
            raise Malformed(
                "unknown contract version",
                field="contract_version",
                found=genesis.contract_version,
                expected=CONTRACT_VERSION,
            )
        for organisation in genesis.organisations:
            for role in organisation.roles:
                if role not in identity.ROLES:
                    raise Malformed(
                        "unknown role",
                        code="unknown_role",
                        field=f"organisations.{organisation.id}.roles",
                        found=role,
                        expected=", ".join(identity.ROLES),
                    )
        if genesis.recovers is not None:
            recovery.begin(state, genesis, genesis.recovers)
            return
        identity.enrol_first(state, genesis)
        membership.enrol_first(state, genesis)
        numbers = dict(genesis.parameters)
        date = numbers.pop("business_date", None)
        state.put(BUSINESS_DATE, _first_day(genesis.time_ms) if date is None else _business_date(date))
        for name, value in numbers.items():
            state.put(parameter_key(name), checked_parameter(name, value))


_CHANGES_SIGNERS = ("key.add", "key.revoke")
"""After these the signer is read again: the next operation may no longer be its to sign."""


def _check_role(context: Context, spec: OperationSpec) -> None:
    if not spec.roles:
        return
    for role in spec.roles:
        if role in context.roles:
            return
    raise refuse(
        "wrong_role",
        f"{spec.name} is not this organisation's to sign",
        field="signer",
        found=f"{context.actor}: {', '.join(context.roles) or 'no role'}",
        expected=" or ".join(spec.roles),
    )


def _first_day(time_ms: int) -> int:
    """The business date of a genesis document that names none: that of its time."""
    day = time_ms // _MILLISECONDS_PER_DAY
    if not 1 <= day <= LAST_DAY:
        raise Malformed(
            "not a time of trade", field="time_ms", found=time_ms, expected="a day of the years 1970 to 2999"
        )
    return day


def _business_date(value: int | str) -> int:
    """The business date that a genesis document names."""
    day = day_from_iso(str(value), "parameters.business_date")
    if day < 1:
        raise Malformed("business date", field="parameters.business_date", expected="after 1970-01-01")
    return day
