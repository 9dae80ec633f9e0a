"""Moves of what surrounds a trade: payee accounts, redirections, pledges, refunds, payables finance."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from campaign.draw import SIGNER, Draw, Facts
from contracts.trade.invoice import Invoice
from ledger.dates import iso_from_day

PAYABLES = "pay-loan"
"""The payables programme that lender loan has for buyer mega from the start."""


def payables_programme() -> Facts:
    """What loan publishes for it."""
    terms = {
        "currency": "USD",
        "limits": [{"obligor": "mega", "limit": 3_000_000}],
        "discount_rate_ppm": 40_000,
        "fee_ppm": 500,
        "discount_basis": "bank",
        "min_tenor_days": 1,
    }
    arranged = {"buyer": "mega", "extension_days": 30, "extension_rate_ppm": 60_000}
    return {"op": "programme.publish", "programme": PAYABLES, "terms": terms, "payables": arranged}


def payee_nominate(draw: Draw, facts: Facts) -> Facts:
    owner = draw.rng.choice(["acme", "acme", "bolt", draw.one("supplier", "lender")])
    return {"currency": "USD", "account": f"payee {draw.number()}", SIGNER: owner}


def payee_approve(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("organisation", "acme")}


def redirection_propose(draw: Draw, facts: Facts) -> Facts:
    supplier, buyer = draw.parties()
    account = f"payee {draw.number()}"
    place = {"buyer": buyer, "currency": "USD", "lender": draw.rng.choice(["loan", "fund"])}
    return {**place, "account": account, SIGNER: supplier}


def pledge_register(draw: Draw, facts: Facts) -> Facts:
    number = draw.number()
    alike = draw.rng.choice([number, number, number, "1"])
    tags = {"number_tag": sha256(number.encode()).digest(), "content_tag": sha256(alike.encode()).digest()}
    compared = draw.rng.random() < 0.2
    return {"pledge": f"G{number}", **tags, "days": 10, "compared": compared, SIGNER: draw.one("lender")}


def affiliation(draw: Draw, facts: Facts) -> Facts:
    return {"address": draw.rng.choice(["", "1 Main Street", "2 Main Street"])}


def enrol(draw: Draw, facts: Facts) -> Facts:
    standing = draw.rng.random() < 0.5
    supplier = draw.rng.choice(["acme", "acme", "bolt"])
    return {"programme": PAYABLES, "bank": "bank", "standing": standing, SIGNER: supplier}


def leave(draw: Draw, facts: Facts) -> Facts | None:
    enrolled = [parts for parts in draw.ledger.kinds["enrolment"] if parts[0] == PAYABLES]
    return {"programme": PAYABLES, SIGNER: enrolled[-1][1]} if enrolled else None


def reserve(draw: Draw, facts: Facts) -> Facts:
    amount = draw.rng.choice([5_000, 200_000])
    return {"programme": PAYABLES, "bank": "bank", "amount": amount, SIGNER: "loan"}


def release(draw: Draw, facts: Facts) -> Facts:
    return {"programme": PAYABLES, "amount": draw.rng.choice([1, 1_000]), SIGNER: "loan"}


def approve(draw: Draw, facts: Facts) -> Facts | None:
    enrolled = [parts[1] for parts in draw.ledger.kinds["enrolment"] if parts[0] == PAYABLES]
    if not enrolled:
        return None
    supplier = draw.rng.choice(enrolled)
    waiting: list[Any] = [
        {"invoice": parts[1], "net": found.gross - found.credited, "due_date": iso_from_day(found.due_day)}
        for parts, found in _invoices(draw, supplier)
        if found.buyer == "mega" and found.validity == 0 and found.due_day > draw.day and found.outstanding
    ]
    if not waiting:
        return None
    return {"programme": PAYABLES, "supplier": supplier, "invoices": waiting[-3:], SIGNER: "mega"}


def finance(draw: Draw, facts: Facts) -> Facts | None:
    kinds = draw.ledger.kinds
    approved = [parts for parts in kinds["approved"] if parts not in kinds["lien"]]
    approved = [parts for parts in approved if Invoice._make(kinds["invoice"][parts]).outstanding]
    if not approved:
        return None
    supplier, invoice = draw.rng.choice(approved[-6:])
    return {"programme": PAYABLES, "invoice": invoice, "paid_out": 1, SIGNER: supplier}


def extend(draw: Draw, facts: Facts) -> Facts | None:
    claimed = draw.ledger.kinds["lien"]
    approved = [parts for parts in draw.ledger.kinds["approved"] if parts in claimed]
    if not approved:
        return None
    supplier, invoice = draw.rng.choice(approved[-6:])
    due = Invoice._make(draw.ledger.kinds["invoice"][supplier, invoice]).due_day
    later = iso_from_day(due + draw.rng.choice([5, 20]))
    return {
        "supplier": supplier,
        "invoice": invoice,
        "due_date": later,
        "bank": "bank",
        "charge": 1,
        SIGNER: "mega",
    }


def _invoices(draw: Draw, supplier: str) -> list[tuple[tuple[Any, ...], Invoice]]:
    known = draw.ledger.kinds["invoice"].items()
    return [(parts, Invoice._make(value)) for parts, value in known if parts[0] == supplier]
