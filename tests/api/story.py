"""A small trade on a local channel: order, shipment, receipt of goods, invoice, confirmation, programme."""

from __future__ import annotations

import asyncio
from typing import Any

from envelopes import order, signed
from local_node import LocalNetwork

INVOICE = "RE/2024 17"
ORDER = "PO-1"
PROGRAMME = "early"


def steps() -> list[tuple[str, dict[str, Any]]]:
    """(who, operation) of the story, in order."""
    moved = {"line": "1", "quantity": 10}
    return [
        ("anchor", order(ORDER)),
        (
            "acme",
            {
                "op": "shipment.dispatch",
                "shipment": "S 1",
                "order": ORDER,
                "buyer": "anchor",
                "date": "2024-03-02",
                "lines": [moved],
                "units": ["340123450000000017"],
                "scheduled": "2024-03-03",
            },
        ),
        (
            "anchor",
            {
                "op": "goods.receive",
                "shipment": "S 1",
                "supplier": "acme",
                "date": "2024-03-04",
                "lines": [{"line": "1", "accepted": 10, "rejected": 0}],
            },
        ),
        (
            "acme",
            {
                "op": "invoice.submit",
                "invoice": INVOICE,
                "buyer": "anchor",
                "currency": "EUR",
                "issue_date": "2024-03-04",
                "due_date": "2024-05-03",
                "order": ORDER,
                "lines": [{**moved, "amount": 1_000_00}],
                "tax": 0,
                "gross": 1_000_00,
                "document": b"",
            },
        ),
        (
            "anchor",
            {
                "op": "invoice.confirm",
                "invoice": INVOICE,
                "supplier": "acme",
                "net": 1_000_00,
                "due_date": "2024-05-03",
            },
        ),
        (
            "acme",
            {
                "op": "credit.issue",
                "credit": "CN-1",
                "invoice": INVOICE,
                "amount": 10_00,
                "date": "2024-03-05",
            },
        ),
        (
            "fund",
            {
                "op": "programme.publish",
                "programme": PROGRAMME,
                "terms": {
                    "currency": "EUR",
                    "limits": [{"obligor": "anchor", "limit": 1_000_000_00}],
                    "discount_rate_ppm": 72_000,
                    "fee_ppm": 2_500,
                },
            },
        ),
    ]


def play(network: LocalNetwork) -> None:
    """Record the whole story.

    Raises:
        AssertionError: an operation was refused.
    """
    node = next(iter(network.nodes.values()))
    for who, operation in steps():
        transaction = signed(network.channel, operation, by=who)
        (outcome,) = asyncio.run(node.submit([transaction.envelope]))
        assert outcome.status == "committed", outcome.error
        assert outcome.result == (), (operation["op"], outcome.result)
