"""A ledger in memory that past invoices are fed to, by the operations of the contracts.

One supplier, each customer a buyer, one bank. An invoice is submitted and confirmed on its day of issue and
paid on its clear date by the handlers that a node runs; only signatures, blocks and disk are left out.

A day t goes: what is issued on t is described (the state holds what was paid before t, and what was issued
before t), then submitted and confirmed, then what is cleared on t is paid. So nothing of a later day, nor
of the day itself, can enter a description: it has not been fed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from _pricing_rows import Row, RowError

from contracts import Contracts, Prepared
from contracts.pricing.known import Asked
from contracts.pricing.lateness import describe_in
from contracts.registry import parse
from ledger.blocks.executor import genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.keys import SigningKey
from ledger.limits import MAX_ORGANISATIONS
from ledger.state.overlay import Overlay

SUPPLIER, BANK, OPERATOR = "supplier", "bank", "operator"
FIRST_DAY = 1
CHANNEL = bytes(32)

Description = tuple[int, ...]
Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Signed:
    """What the executor looks at of a transaction, without its signature."""

    signer: bytes
    channel: bytes = CHANNEL
    atomic: bool = True


class FedState(dict[bytes, Value]):
    """The committed state: values are shared and never changed in place."""


def _public(name: str) -> bytes:
    return SigningKey.from_seed(sha256(b"tallystick/evaluate-pricing/" + name.encode()).digest()).public


class FedLedger:
    """The contracts over a state in memory."""

    def __init__(self, customers: Iterable[str]) -> None:
        """A ledger with these customers.

        Raises:
            RowError: they are more than a ledger takes.
        """
        self.buyers = {customer: f"buyer-{place}" for place, customer in enumerate(sorted(set(customers)))}
        if len(self.buyers) > MAX_ORGANISATIONS - 3:
            raise RowError(f"{len(self.buyers)} customers; one ledger takes {MAX_ORGANISATIONS - 3}")
        roles = {SUPPLIER: "supplier", BANK: "settlement_bank", OPERATOR: "operator"}
        roles |= dict.fromkeys(self.buyers.values(), "buyer")
        self._keys = {name: _public(name) for name in roles}
        self._contracts = Contracts()
        self._state = FedState()
        self._commit(genesis_overlay(self._contracts, Genesis.from_document(self._document(roles))))
        self._day = FIRST_DAY
        self._fed = 0

    def _document(self, roles: dict[str, str]) -> dict[str, Any]:
        organisations = [
            {
                "id": name,
                "name": name,
                "lei": "",
                "roles": [role],
                "identifiers": [],
                "keys": [{"key": self._keys[name], "name": "main", "enrolled_by": name}],
            }
            for name, role in roles.items()
        ]
        node = {"id": "n1", "organisation": OPERATOR, "key": self._keys[OPERATOR], "certificate": b"none"}
        return {
            "version": 1,
            "name": "evaluation",
            "time_ms": 86_400_000,
            "contract_version": Contracts.version,
            "quorum": 1,
            "nodes": [node],
            "organisations": organisations,
            "parameters": {"business_date": iso_from_day(FIRST_DAY)},
        }

    def _commit(self, overlay: Overlay) -> None:
        for key, value in overlay.writes.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value

    def _run(self, overlay: Overlay, about: str, signer: str, *operations: dict[str, Any]) -> None:
        prepared = Prepared(
            Signed(self._keys[signer]),  # type: ignore[arg-type]
            tuple([parse(operation) for operation in operations]),
        )
        refusals = self._contracts.execute(overlay, prepared, self._day * 86_400_000)
        if refusals:
            _, _, why = refusals[0]
            raise RowError(f"{about}: {why}")

    def go_to(self, day: int) -> None:
        """Advance the business date."""
        while self._day < day:
            step = min(day, self._day + 3_660)
            overlay = Overlay(self._state)
            self._run(
                overlay,
                f"the day {iso_from_day(step)}",
                OPERATOR,
                {"op": "date.advance", "date": iso_from_day(step)},
            )
            self._commit(overlay)
            self._day = step

    def describe(self, row: Row) -> Description:
        """What a model sees of an invoice before it is submitted."""
        asked = Asked(self._day, row.issued, row.due, row.amount, row.currency)
        return describe_in(self._state, SUPPLIER, self.buyers[row.customer], asked)

    def submit(self, row: Row) -> str:
        """Submit and confirm an invoice on the business date; its number on the ledger.

        Raises:
            RowError: the contracts refuse it: with the others of its customer it is more than sums hold.
        """
        self._fed += 1
        number = f"F{self._fed}"
        due = iso_from_day(max(row.due, row.issued))
        overlay = Overlay(self._state)
        line = {"line": number, "quantity": 1, "amount": row.amount}
        invoice = {
            "op": "invoice.submit",
            "invoice": number,
            "buyer": self.buyers[row.customer],
            "currency": row.currency,
            "issue_date": iso_from_day(row.issued),
            "due_date": due,
            "order": "",
            "lines": (line,),
            "tax": 0,
            "gross": row.amount,
            "document": b"",
        }
        confirmed = {
            "op": "invoice.confirm",
            "invoice": number,
            "supplier": SUPPLIER,
            "net": row.amount,
            "due_date": due,
        }
        self._run(overlay, _named(row), SUPPLIER, invoice)
        self._run(overlay, _named(row), self.buyers[row.customer], confirmed)
        self._commit(overlay)
        return number

    def pay(self, row: Row, number: str) -> None:
        """Attest that an invoice was paid on its clear date.

        Raises:
            RowError: as `submit`.
        """
        assert row.cleared is not None
        overlay = Overlay(self._state)
        payment = {
            "op": "payment.attest",
            "account": "evaluation",
            "entry": number,
            "date": iso_from_day(row.cleared),
            "currency": row.currency,
            "payer": self.buyers[row.customer],
            "amount": row.amount,
            "invoice": number,
            "supplier": SUPPLIER,
        }
        self._run(overlay, _named(row), BANK, payment)
        self._commit(overlay)


def _named(row: Row) -> str:
    return f"invoice {row.invoice} of customer {row.customer}"


def feed(
    fed: list[Row], described: list[Row], last_day: int | None = None, progress: Progress = lambda: None
) -> list[Description]:
    """Feed rows in date order; the descriptions of the others (or the same), each before its day of issue.

    Args:
        fed: rows that are submitted and, if they have a clear date, paid.
        described: rows to describe, in the order of the answer.
        last_day: nothing after it is fed.
        progress: called once for each row fed and each described.

    Raises:
        RowError: no ledger takes the rows together.
    """
    ledger = FedLedger(row.customer for row in (*fed, *described))
    issues, clears, wanted = defaultdict(list), defaultdict(list), defaultdict(list)
    for place, row in enumerate(fed):
        issues[row.issued].append(place)
        if row.cleared is not None:
            clears[max(row.issued, row.cleared)].append(place)
    for place, row in enumerate(described):
        wanted[row.issued].append(place)
    numbers: dict[int, str] = {}
    found: dict[int, Description] = {}
    for day in sorted({*issues, *clears, *wanted}):
        ledger.go_to(day)
        for place in wanted[day]:
            found[place] = ledger.describe(described[place])
            progress()
        if last_day is not None and day > last_day:
            continue
        for place in issues[day]:
            numbers[place] = ledger.submit(fed[place])
            progress()
        for place in clears[day]:
            ledger.pay(fed[place], numbers[place])
    return [found[place] for place in range(len(described))]
