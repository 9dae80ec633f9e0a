"""A ledger in memory for tests of the contracts: organisations, keys, and short ways to submit operations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from contracts import Contracts
from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import priced, read_basis, requote
from contracts.market.matching import why
from contracts.market.prospect import Suited, Unsuited, bought_as
from contracts.registry import OPERATIONS
from contracts.state_check import check_state, check_step
from contracts.trade.units import sscc_with_check_digit
from ledger import codec
from ledger.blocks.executor import genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.errors import Refusal
from ledger.hashing import ZERO
from ledger.keys import SigningKey
from ledger.money import CURRENCIES, Money
from ledger.state.overlay import Overlay, Reader, state_key

ROLES = {
    "acme": ("supplier",),
    "bolt": ("supplier",),
    "mega": ("buyer",),
    "nova": ("buyer",),
    "loan": ("lender",),
    "fund": ("lender",),
    "bank": ("settlement_bank",),
    "giro": ("settlement_bank",),
    "root": ("operator",),
    "ship": ("carrier",),
    "cover": ("insurer",),
}
KEYS = {name: SigningKey.from_seed(name.encode().ljust(32, b"-")) for name in (*ROLES, "stranger", "spare")}
DAY = "2012-03-01"

TERMS: dict[str, Any] = {
    "currency": "USD",
    "limits": [{"obligor": "mega", "limit": 10_000_000_00}, {"obligor": "nova", "limit": 1_000_000_00}],
    "discount_rate_ppm": 72_000,
    "fee_ppm": 2_500,
}


def document(
    parameters: dict[str, int | str] | None = None, enrolled_by: dict[str, str] | None = None
) -> dict[str, Any]:
    """A genesis document with the organisations of `ROLES`."""
    approvers = enrolled_by or {}
    return {
        "version": 1,
        "name": "test",
        "time_ms": 1_330_000_000_000,
        "contract_version": Contracts.version,
        "quorum": 1,
        "nodes": [
            {"id": "n1", "organisation": "root", "key": KEYS["root"].public, "certificate": b"c"},
        ],
        "organisations": [
            {
                "id": name,
                "name": name.title(),
                "lei": "",
                "roles": list(roles),
                "identifiers": [],
                "keys": [
                    {"key": KEYS[name].public, "name": "main", "enrolled_by": approvers.get(name, name)}
                ],
            }
            for name, roles in ROLES.items()
        ],
        "parameters": {"business_date": DAY, **(parameters or {})},
    }


class Committed:
    """Committed state as a map of encoded values, decoded on every read as a node would."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> codec.Value | None:
        data = self.data.get(key)
        return None if data is None else codec.decode(data)

    def scan(
        self, kind: str, *parts: str | int | bytes, limit: int = 100, after: bytes | None = None
    ) -> list[tuple[bytes, codec.Value]]:
        """Entries whose key begins with these parts, ascending, as the chain's own scan gives them."""
        found = [
            (key, codec.decode(data))
            for key, data in sorted(self.data.items())
            if codec.decode(key)[: 1 + len(parts)] == (kind, *parts) and (after is None or key > after)
        ]
        return found[:limit]

    def apply(self, overlay: Overlay) -> None:
        """Take the writes of an overlay."""
        for key, value in overlay.writes.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = codec.encode(value)


def _amount_fields() -> Iterator[str]:
    """Names of the fields of operations that take minor units."""
    models: list[Any] = [spec.model for spec in OPERATIONS.values()]
    seen = set()
    while models:
        model = models.pop()
        for name, field in model.model_fields.items():
            models += [part for part in _models_in(field.annotation) if part not in seen]
            seen |= set(models)
            if field.description and "minor units" in field.description:
                yield name


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


AMOUNT_FIELDS = frozenset(_amount_fields())


def check_amounts_are_written_for_people(detail: str) -> None:
    """A number before a currency in a refusal has its decimals, and one of a field of amounts has a currency:
    nobody reads minor units there.
    """
    field = re.search(r"; field ([^;]+)", detail)
    is_amount = field is not None and field[1].split(".")[-1] in AMOUNT_FIELDS
    if is_amount and "minor units" not in detail:
        assert not re.search(r"; (?:found|expected) [^;]*\b[0-9]+(?:;|$)", detail), detail
    for number, currency in re.findall(r"(-?[0-9][0-9,.]*) ([A-Z]{3})\b", detail):
        if currency in CURRENCIES:
            assert Money.parse(number.replace(",", ""), currency).grouped == number, detail


class TradeLedger:
    """One transaction, one block: `submit` returns the result as the ledger records it."""

    def __init__(
        self,
        parameters: dict[str, int | str] | None = None,
        enrolled_by: dict[str, str] | None = None,
    ) -> None:
        self.contracts = Contracts()
        self.genesis = Genesis.from_document(document(parameters, enrolled_by))
        self.state = Committed()
        self.records: dict[bytes, list[bytes]] = {}
        self.time_ms = 1_330_000_000_001
        """Time of the next block."""
        self.transactions: list[Transaction] = []
        self.results: list[codec.Value] = []
        self.state.apply(genesis_overlay(self.contracts, self.genesis))

    def get(self, key: bytes) -> codec.Value | None:
        """A committed value."""
        return self.state.get(key)

    def entry(self, kind: str, *parts: str | int | bytes) -> codec.Value | None:
        """A committed value by the parts of its key."""
        return self.state.get(state_key(kind, *parts))

    def transaction(self, signer: str, *operations: dict[str, Any], atomic: bool = True) -> Transaction:
        """A signed transaction."""
        return Transaction.sign(
            KEYS[signer],
            channel=ZERO,
            operations=operations,
            valid_until_ms=1_400_000_000_000,
            nonce=len(self.transactions).to_bytes(8, "big"),
            atomic=atomic,
        )

    def submit(self, signer: str, *operations: dict[str, Any], atomic: bool = True) -> codec.Value:
        """Execute and commit; () when every operation was applied."""
        return self.execute(self.transaction(signer, *operations, atomic=atomic))

    def execute(self, transaction: Transaction) -> codec.Value:
        """Execute and commit a signed transaction."""
        overlay = Overlay(self.state)
        result = self.contracts.execute(overlay, self.contracts.prepare(transaction), self.time_ms)
        self.state.apply(overlay)
        for key, sequence, record in overlay.records:
            known = self.records.setdefault(key, [])
            assert sequence == len(known)
            known.append(record)
        self.transactions.append(transaction)
        self.results.append(result)
        for _, _, detail in result:
            check_amounts_are_written_for_people(str(detail))
        return result

    def done(self, signer: str, *operations: dict[str, Any]) -> None:
        """Submit what must be applied."""
        result = self.submit(signer, *operations)
        assert result == (), result

    def refused(self, signer: str, operation: dict[str, Any]) -> str:
        """Submit one operation that must be refused; its code."""
        result = self.submit(signer, operation)
        assert len(result) == 1, "expected a refusal"
        return str(result[0][1])

    def check(self) -> None:
        """All invariants over the whole state."""
        check_state((key, codec.decode(data)) for key, data in self.state.data.items())

    def check_step(self, before: dict[bytes, bytes]) -> None:
        """Every document is where it was in an earlier state, or one operation further (invariant 15)."""
        check_step(
            ((key, codec.decode(data)) for key, data in before.items()),
            ((key, codec.decode(data)) for key, data in self.state.data.items()),
        )

    # what a day in trade is made of

    def order(
        self, number: str = "PO1", lines: tuple[tuple[str, int, int], ...] = (("1", 100, 10_000_000_000),)
    ) -> None:
        """Draft by acme and issue by mega; lines are (line, quantity, price_micros)."""
        self.done("acme", order_submit(number, lines))
        self.done("mega", {"op": "order.issue", "order": number, "supplier": "acme"})

    def deliver(self, shipment: str, order: str = "PO1", line: str = "1", quantity: int = 100) -> None:
        """Dispatch by acme and complete receipt by mega."""
        self.done("acme", dispatch(shipment, order, line, quantity))
        self.done("mega", receive(shipment, line, quantity))

    def confirmed_invoice(
        self, number: str = "INV1", gross: int = 1_000_000_00, due: str = "2012-04-26"
    ) -> None:
        """An invoice of acme to mega without an order, confirmed in full."""
        self.done("acme", invoice(number, gross, due=due))
        self.done("mega", confirm(number, gross, due))

    def quote_terms(self, number: str = "INV1", programme: str = "prime") -> dict[str, int]:
        """The terms that an offer must carry now."""
        quote = requote(self.state, "acme", number, programme)
        return {name: getattr(quote, name) for name in OfferTerms.model_fields}

    def offer(self, number: str = "INV1", expires: str = "2012-03-11") -> dict[str, Any]:
        """An offer of lender loan at the ledger's price."""
        return {
            "op": "finance.offer",
            "programme": "prime",
            "supplier": "acme",
            "invoice": number,
            "expires": expires,
            "terms": self.quote_terms(number),
        }

    def financed_invoice(self, number: str = "INV1") -> dict[str, int]:
        """A confirmed invoice that loan has bought; the terms."""
        self.confirmed_invoice(number)
        if self.entry("programme", "prime") is None:
            self.done("loan", publish())
        offer = self.offer(number)
        self.done("loan", offer)
        self.done("acme", {"op": "finance.accept", "invoice": number})
        self.done("bank", fund(number, offer["terms"]["paid_out"]))
        return dict(offer["terms"])


def sscc(number: int) -> str:
    """The `number`-th serial shipping container code of one sender."""
    return sscc_with_check_digit(f"34012345{number:09}")


def order_submit(
    number: str, lines: tuple[tuple[str, int, int], ...], currency: str = "USD"
) -> dict[str, Any]:
    """acme's draft of an order of mega's."""
    return {
        "op": "order.submit",
        "order": number,
        "buyer": "mega",
        "currency": currency,
        "date": "2012-01-02",
        "lines": [
            {"line": line, "item": f"item {line}", "quantity": quantity, "price_micros": price}
            for line, quantity, price in lines
        ],
    }


def dispatch(
    shipment: str, order: str = "PO1", line: str = "1", quantity: int = 100, units: tuple[str, ...] = ()
) -> dict[str, Any]:
    """acme ships to mega."""
    return {
        "op": "shipment.dispatch",
        "shipment": shipment,
        "order": order,
        "buyer": "mega",
        "date": "2012-01-20",
        "lines": [{"line": line, "quantity": quantity}],
        "units": list(units),
        "scheduled": "2012-01-25",
    }


def receive(shipment: str, line: str = "1", accepted: int = 100, rejected: int = 0) -> dict[str, Any]:
    """mega takes in."""
    return {
        "op": "goods.receive",
        "shipment": shipment,
        "supplier": "acme",
        "date": "2012-01-28",
        "lines": [{"line": line, "accepted": accepted, "rejected": rejected}],
    }


def suited(state: Reader, programme: str, supplier: str, number: str) -> Suited | Unsuited:
    """What one programme says to one receivable."""
    try:
        basis = read_basis(state, supplier, number, programme)
        terms = priced(basis)
    except Refusal as refusal:
        return Unsuited(programme, supplier, number, refusal.code, why(refusal))
    return bought_as(basis.inputs, basis.terms, terms, (basis.rules, basis.facts))


def invoice(
    number: str, gross: int, *, due: str = "2012-04-26", order: str = "", **changes: Any
) -> dict[str, Any]:
    """acme bills mega one line."""
    return {
        "op": "invoice.submit",
        "invoice": number,
        "buyer": "mega",
        "currency": "USD",
        "issue_date": "2012-02-20",
        "due_date": due,
        "order": order,
        "lines": [{"line": "1", "quantity": changes.pop("quantity", 1), "amount": gross}],
        "tax": 0,
        "gross": gross,
        "document": b"",
        **changes,
    }


def confirm(number: str, net: int, due: str = "2012-04-26") -> dict[str, Any]:
    """mega confirms."""
    return {"op": "invoice.confirm", "invoice": number, "supplier": "acme", "net": net, "due_date": due}


def payment(number: str, amount: int, entry: str, *, date: str = DAY, **changes: Any) -> dict[str, Any]:
    """bank attests mega's payment to acme."""
    return {
        "op": "payment.attest",
        "account": "DE02 1203 0000 0000 2020 51",
        "entry": entry,
        "date": date,
        "currency": "USD",
        "payer": "mega",
        "amount": amount,
        "invoice": number,
        "supplier": "acme",
        **changes,
    }


def publish(**changes: Any) -> dict[str, Any]:
    """loan's programme prime."""
    return {"op": "programme.publish", "programme": "prime", "terms": {**TERMS, **changes}}


def fund(number: str, amount: int, entry: str = "OUT-1", **changes: Any) -> dict[str, Any]:
    """bank attests loan's payout to acme."""
    return {
        "op": "finance.fund",
        "account": "DE02 1203 0000 0000 2020 51",
        "entry": f"{entry} {number}",
        "date": DAY,
        "invoice": number,
        "supplier": "acme",
        "lender": "loan",
        "amount": amount,
        **changes,
    }
