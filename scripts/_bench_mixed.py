"""Measurement of `scripts/bench --mixed`: a mixed business beside plain invoices, on the same three nodes.

What happens how often is counted in the SCMS trade data of the demonstration (`clients/data/scms`): orders,
shipments, receipts, confirmations and payments for each invoice. Finance is not in that data: every second
invoice is offered, accepted and funded here. Each bundle is one moment of such a business: new orders, the
goods of orders of the bundle before, the receipts of goods before that, and so on to the payment, so that no
transaction waits for another in its own bundle. Every transaction is signed by the organisation whose it is.

Plain bundles and mixed ones take turns, so that both meet the same ledger and the same hour.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvloop
from _bench_load import BUNDLE, Invoices, Shape, drive, enter_trade, leader_of, running, shapes

from clients.data import CSV_FILES
from clients.network import Network
from clients.sdk import Session
from contracts.finance.offer import OfferTerms
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey

BAR = 0.70
"""Of the plain throughput, that the mixed one is to reach."""
ROUNDS = 4
"""Of each kind, in turn."""
CLIENTS = 8
FINANCED_SHARE = 0.5
QUANTITY = 100
AMOUNT = 1_000_00
"""Minor units of each invoice: one unit costs a thousandth of it times ten."""
KEYS = {"orders": "order", "shipments": "shipment", "receipts": "shipment", "confirmations": "invoice"}
"""File → column that names its documents; an invoice and a payment are rows of their own name."""
PROGRAMME = "bench"
TERMS = {
    "currency": "USD",
    "limits": [{"obligor": "anchor", "limit": 10**14}],
    "discount_rate_ppm": 72_000,
    "fee_ppm": 2_500,
    "prior_dbt_centidays": 0,
    "accept_backdated": True,
}


def proportions() -> dict[str, float]:
    """Documents of each kind for one invoice, in the SCMS data."""
    counts = {}
    for name, path in CSV_FILES.items():
        with files("clients.data").joinpath(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        column = KEYS.get(name, "invoice")
        counts[name] = len(rows) if name == "payments" else len({row[column] for row in rows})
    return {name: counts[name] / counts["invoices"] for name in CSV_FILES}


@dataclass(frozen=True)
class Batch:
    """Some invoices of one supplier, with all that comes before and after them."""

    supplier: str
    name: str
    orders: int
    invoices: int

    def order(self, number: int) -> str:
        """The order of an invoice: the first ones have one each, the others a second delivery on one."""
        return f"{self.name}-{number % self.orders}"

    @property
    def financed(self) -> range:
        """Invoices that a lender buys."""
        return range(min(self.orders, round(self.invoices * FINANCED_SHARE)))


class Business:
    """Makes bundles: for each client a row of batches, one stage further in each bundle."""

    def __init__(
        self,
        net: Network,
        suppliers: list[tuple[str, SigningKey]],
        terms: dict[str, int],
        batch: tuple[int, int],
    ) -> None:
        self._channel = net.channel
        self._suppliers = suppliers
        self._keys = {name: net.profile(name).signing_key() for name in ("anchor", "lender", "bank")}
        self._keys |= dict(suppliers)
        self._terms = terms
        self._batch = batch
        self._rows: dict[int, deque[Batch]] = defaultdict(lambda: deque(maxlen=len(STAGES)))
        self._numbers = 0
        self.sizes: list[int] = []

    def bundle(self, client: int) -> bytes:
        """The next bundle of a client."""
        supplier = self._suppliers[client % len(self._suppliers)][0]
        self._numbers += 1
        rows = self._rows[client]
        rows.appendleft(Batch(supplier, f"X{client}.{self._numbers}", *self._batch))
        signed = [
            self._sign(signer, operation)
            for stage, batch in zip(STAGES, rows, strict=False)
            for signer, operation in stage(self, batch)
        ]
        self.sizes.append(len(signed))
        return codec.encode(tuple(transaction.parts for transaction in signed))

    def _sign(self, signer: str, operation: dict[str, Any]) -> Transaction:
        self._numbers += 1
        return Transaction.sign(
            self._keys[signer],
            channel=self._channel,
            operations=[operation],
            valid_until_ms=int(time.time() * 1000) + 600_000,
            nonce=self._numbers.to_bytes(8, "big"),
        )

    def issue(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The buyer's orders: of twice the quantity, for a second delivery."""
        line = {
            "line": "1",
            "item": "unit",
            "quantity": 2 * QUANTITY,
            "price_micros": AMOUNT // QUANTITY * 10**6,
        }
        for number in range(batch.orders):
            order = {"order": batch.order(number), "currency": "USD", "date": "2024-01-01", "lines": [line]}
            yield "anchor", {"op": "order.issue", "supplier": batch.supplier, **order}

    def ship(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the supplier sends, one delivery for each invoice."""
        for number in range(batch.invoices):
            goods = {"lines": [{"line": "1", "quantity": QUANTITY}], "units": [], "scheduled": "2024-01-10"}
            place = {"shipment": f"{batch.name}-{number}", "order": batch.order(number), "buyer": "anchor"}
            yield batch.supplier, {"op": "shipment.dispatch", **place, "date": "2024-01-02", **goods}

    def receive(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The buyer's receipts."""
        for number in range(batch.invoices):
            found = {"lines": [{"line": "1", "accepted": QUANTITY, "rejected": 0}], "date": "2024-01-10"}
            place = {"shipment": f"{batch.name}-{number}", "supplier": batch.supplier}
            yield "anchor", {"op": "goods.receive", **place, **found}

    def bill(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The supplier's invoices; the one of a second delivery is of another day."""
        for number in range(batch.invoices):
            yield (
                batch.supplier,
                {
                    "op": "invoice.submit",
                    "invoice": f"{batch.name}-{number}",
                    "buyer": "anchor",
                    "currency": "USD",
                    "issue_date": "2024-03-01" if number < batch.orders else "2024-02-29",
                    "due_date": "2024-05-30",
                    "order": batch.order(number),
                    "lines": [{"line": "1", "quantity": QUANTITY, "amount": AMOUNT}],
                    "tax": 0,
                    "gross": AMOUNT,
                    "document": b"",
                },
            )

    def confirm(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The buyer's confirmations."""
        for number in range(batch.invoices):
            said = {"supplier": batch.supplier, "net": AMOUNT, "due_date": "2024-05-30"}
            yield "anchor", {"op": "invoice.confirm", "invoice": f"{batch.name}-{number}", **said}

    def offer(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The lender's offers: the same amount and days have the same price."""
        for number in batch.financed:
            place = {"programme": PROGRAMME, "supplier": batch.supplier, "invoice": f"{batch.name}-{number}"}
            yield "lender", {"op": "finance.offer", **place, "expires": "2024-03-10", "terms": self._terms}

    def accept(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The supplier's acceptances."""
        for number in batch.financed:
            yield batch.supplier, {"op": "finance.accept", "invoice": f"{batch.name}-{number}"}

    def fund(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The bank's payouts."""
        for number in batch.financed:
            place = {"supplier": batch.supplier, "invoice": f"{batch.name}-{number}", "lender": "lender"}
            booked = {"account": "OUT", "entry": f"{batch.name}-{number}", "date": "2024-03-01"}
            yield "bank", {"op": "finance.fund", **place, **booked, "amount": self._terms["paid_out"]}

    def settle(self, batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
        """The buyer's payments, as the bank attests them."""
        for number in range(batch.invoices):
            place = {"supplier": batch.supplier, "invoice": f"{batch.name}-{number}", "payer": "anchor"}
            booked = {"account": "IN", "entry": f"{batch.name}-{number}", "date": "2024-03-01"}
            yield "bank", {"op": "payment.attest", **place, **booked, "currency": "USD", "amount": AMOUNT}


STAGES = (
    Business.issue,
    Business.ship,
    Business.receive,
    Business.bill,
    Business.confirm,
    Business.offer,
    Business.accept,
    Business.fund,
    Business.settle,
)


def batch_of(found: dict[str, float]) -> tuple[int, int]:
    """(orders, invoices) of a batch, so that a bundle has about as many transactions as a plain one."""
    each = sum(found[name] for name in ("orders", "shipments", "receipts", "confirmations", "payments"))
    invoices = round(BUNDLE / (each + 1 + 3 * FINANCED_SHARE))
    return max(1, round(invoices * found["orders"])), invoices


def mixed(folder: Path, *, seconds: float, seen: Any) -> dict[str, Any]:
    """Both loads in turn; the ratio of their transactions a second."""
    found = proportions()
    batch = batch_of(found)
    with running(folder, 3) as net:
        suppliers = enter_trade(net)
        business = Business(net, suppliers, _terms(net, suppliers[0]), batch)
        plain = next(
            shape
            for shape in shapes(Invoices(net.channel, suppliers, "anchor", "B"), net.channel.hex())
            if shape.name == "b"
        )
        pids = {node.id: node.pid for node in net.nodes}
        _warm(business, plain.path, leader_of(net), pids)
        size = business.sizes[-1]
        mixture = Shape("m", "bundles of a mixed business", plain.path, size, size, business.bundle)
        cells: dict[str, list[float]] = {"plain": [], "mixed": []}
        for _ in range(ROUNDS):
            for name, shape in (("plain", plain), ("mixed", mixture)):
                cell = uvloop.run(drive(shape, CLIENTS, seconds, leader_of(net), pids))
                cells[name].append(cell.transactions / cell.seconds)
                seen()
    rates = {name: statistics.median(values) for name, values in cells.items()}
    return {
        "proportions": {name: round(value, 3) for name, value in found.items()},
        "financed_share": FINANCED_SHARE,
        "orders_and_invoices_a_batch": batch,
        "transactions_a_bundle": size,
        "clients": CLIENTS,
        "seconds_a_round": seconds,
        "rounds": {name: [round(rate) for rate in values] for name, values in cells.items()},
        "transactions_per_second": {name: round(rate) for name, rate in rates.items()},
        "ratio": round(rates["mixed"] / rates["plain"], 3),
        "bar": BAR,
    }


def _warm(business: Business, path: str, url: str, pids: dict[str, int]) -> None:
    """Bring every client to the stage at which all kinds are in its bundles."""
    for _ in STAGES:
        shape = Shape("m", "to begin with", path, 1, 1, business.bundle)
        uvloop.run(drive(shape, CLIENTS, 0.001, url, pids))


def _terms(net: Network, supplier: tuple[str, SigningKey]) -> dict[str, int]:
    """The price of one of the invoices, as a node quotes it."""
    name, _ = supplier
    lender, anchor = Session(net.profile("lender")), Session(net.profile("anchor"))
    seller = Session(net.profile(name))
    lender.submit({"op": "programme.publish", "programme": PROGRAMME, "terms": TERMS})
    bill = {**Invoices(b"", [], "anchor", "first").operation(0), "invoice": "FIRST", "gross": AMOUNT}
    seller.submit({**bill, "lines": [{"line": "1", "quantity": 1, "amount": AMOUNT}]})
    said = {"supplier": name, "net": AMOUNT, "due_date": "2024-05-30"}
    anchor.submit({"op": "invoice.confirm", "invoice": "FIRST", **said})
    quote = lender.quote(PROGRAMME, name, "FIRST")
    for session in (lender, anchor, seller):
        session.close()
    return {field: getattr(quote.proved.terms, field) for field in OfferTerms.model_fields}
