"""Moves of orders, goods, invoices and credit notes."""

from __future__ import annotations

from trade_ledger import sscc

from campaign.draw import AMOUNTS, SIGNER, Draw, Facts
from contracts.trade.invoice import Invoice
from contracts.trade.order import CANCELLED, CLOSED, DRAFT, OrderLine
from contracts.trade.shipment import Shipment
from ledger.dates import iso_from_day


def _lines(draw: Draw) -> list[Facts]:
    return [
        {
            "line": str(line),
            "item": f"item {line}",
            "quantity": draw.rng.choice([5, 10, 20]),
            "price_micros": price,
        }
        for line, price in enumerate([100_000_000, 2_500_000_000][: draw.rng.choice([1, 1, 2])], 1)
    ]


def order_submit(draw: Draw, facts: Facts) -> Facts:
    supplier, buyer = draw.parties()
    currency = draw.rng.choice(["USD", "USD", "USD", "EUR"])
    document = {"currency": currency, "date": draw.date(-20), "lines": _lines(draw)}
    return {"order": f"O{draw.number()}", "buyer": buyer, **document, SIGNER: supplier}


def order_issue(draw: Draw, facts: Facts) -> Facts:
    if facts and draw.rng.random() < 0.8:
        return {}
    supplier, buyer = draw.parties()
    document = {"currency": "USD", "date": draw.date(-20), "lines": _lines(draw)}
    return {"order": f"O{draw.number()}", "supplier": supplier, **document, SIGNER: buyer}


def _order_lines(draw: Draw, supplier: str, buyer: str, order: str) -> list[tuple[str, OrderLine]]:
    entry = draw.ledger.entry("order", supplier, buyer, order)
    names = entry[3] if entry else ()
    lines = [(name, draw.ledger.entry("order_line", supplier, buyer, order, name)) for name in names]
    return [(name, OrderLine._make(value)) for name, value in lines if value is not None]


def amend(draw: Draw, facts: Facts) -> Facts:
    if not facts:
        return {}
    known = _order_lines(draw, facts["supplier"], facts["buyer"], facts["order"])
    name, line = draw.rng.choice(known) if known else ("9", OrderLine("item 9", 1, 1))
    quantity = draw.rng.choice([max(line.shipped, line.invoiced), line.quantity + 5, line.quantity + 1])
    price_micros = draw.rng.choice([line.price_micros, line.price_micros * 2])
    changed = {"line": name, "item": line.item, "quantity": quantity, "price_micros": price_micros}
    signer = draw.rng.choice([facts["supplier"], facts["buyer"]])
    return {"lines": [changed], SIGNER: signer}


def answer_amendment(draw: Draw, facts: Facts) -> Facts:
    if not facts:
        return {}
    value = draw.ledger.entry("amendment", facts["supplier"], facts["buyer"], facts["order"])
    proposer = value[2] if value else facts["supplier"]
    other = facts["buyer"] if proposer == facts["supplier"] else facts["supplier"]
    return {SIGNER: other, "reason": "agreed by telephone"}


def ship(draw: Draw, facts: Facts) -> Facts | None:
    open_orders = [
        parts
        for parts, value in draw.ledger.kinds["order"].items()
        if value[0] not in (DRAFT, CLOSED, CANCELLED)
    ][-8:]
    if not open_orders:
        return None
    supplier, buyer, order = draw.rng.choice(open_orders)
    lines = [
        {"line": name, "quantity": max(1, (line.quantity - line.shipped) // draw.rng.choice([1, 1, 2]))}
        for name, line in _order_lines(draw, supplier, buyer, order)
        if line.quantity > line.shipped
    ]
    if not lines:
        return None
    number = draw.number()
    units = [sscc(int(number))] if draw.rng.random() < 0.3 else []
    more = {"carrier": "ship"} if draw.rng.random() < 0.6 else {}
    more |= {"scheduled": draw.date(3)} if draw.rng.random() < 0.5 else {}
    return {
        "shipment": f"S{number}",
        "order": order,
        "buyer": buyer,
        "lines": lines,
        "units": units,
        **more,
        SIGNER: supplier,
    }


def by_carrier(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("carrier", facts.get("supplier", "ship"))}


def _shipped(draw: Draw, facts: Facts) -> Shipment | None:
    value = draw.ledger.entry("shipment", facts["supplier"], facts["shipment"]) if facts else None
    return None if value is None else Shipment._make(value)


def receive(draw: Draw, facts: Facts) -> Facts:
    found = _shipped(draw, facts)
    lines = []
    for line, shipped, *_ in found.lines if found else ():
        rejected = draw.rng.choice([0, 0, 0, 1, shipped])
        missing = draw.rng.choice([0, 0, 0, 1])
        lines.append(
            {
                "line": line,
                "accepted": max(0, shipped - rejected - missing),
                "rejected": min(rejected, shipped),
            }
        )
    return {"lines": lines} if lines else {}


def send_back(draw: Draw, facts: Facts) -> Facts | None:
    found = _shipped(draw, facts)
    kept = [(line, accepted - returned) for line, _, accepted, _, returned in (found.lines if found else ())]
    kept = [(line, left) for line, left in kept if left > 0]
    if not kept:
        return None
    line, left = draw.rng.choice(kept)
    return {"lines": [{"line": line, "quantity": draw.rng.choice([left, 1, max(1, left // 2)])}]}


def invoice_submit(draw: Draw, facts: Facts) -> Facts:
    supplier, buyer = draw.parties()
    amount = draw.rng.choice(AMOUNTS)
    currency = draw.rng.choice(["USD"] * 5 + ["EUR"])
    order, lines = "", [{"line": "1", "quantity": 1 + draw.numbers, "amount": amount}]
    billable = [] if draw.rng.random() < 0.5 else _billable(draw)
    if billable:
        (supplier, buyer, order), currency, lines = draw.rng.choice(billable)
        amount = sum(line["amount"] for line in lines)
    taxed = draw.rng.random() < 0.1
    tax = amount // 5 if taxed else 0
    return {
        "invoice": f"I{draw.number()}",
        "buyer": buyer,
        "currency": currency,
        "issue_date": draw.date(draw.rng.choice([0, 0, 0, -30])),
        "due_date": draw.date(draw.rng.choice([6, 15, 30, 60, 90])),
        "order": order,
        "lines": lines,
        "tax": tax,
        "gross": amount + tax or 1,
        "document": b"",
        SIGNER: supplier,
    }


def _billable(draw: Draw) -> list[tuple[tuple[str, str, str], str, list[Facts]]]:
    """Orders with goods that were accepted and not billed, and the lines that bill them."""
    found = []
    for parts, value in list(draw.ledger.kinds["order"].items())[-10:]:
        lines = [
            {
                "line": name,
                "quantity": line.accepted - line.invoiced,
                "amount": (line.accepted - line.invoiced) * line.price_micros // 1_000_000,
            }
            for name, line in _order_lines(draw, *parts)
            if line.accepted > line.invoiced
        ]
        if lines:
            found.append((parts, value[1], lines))
    return found


def confirm(draw: Draw, facts: Facts) -> Facts:
    net = facts.get("net", 1)
    return {"net": max(1, draw.rng.choice([net, net, net, net * 9 // 10]))}


def confirm_many(draw: Draw, facts: Facts) -> Facts | None:
    waiting = [
        {
            "invoice": parts[1],
            "net": Invoice._make(value).gross - Invoice._make(value).credited,
            "due_date": iso_from_day(Invoice._make(value).due_day),
        }
        for parts, value in draw.ledger.kinds["invoice"].items()
        if parts[0] == facts["supplier"]
        and value[0] == facts["buyer"]
        and Invoice._make(value).validity == 0
        and Invoice._make(value).gross > Invoice._make(value).credited
    ]
    return {"invoices": waiting[-5:]} if waiting else None


def dispute(draw: Draw, facts: Facts) -> Facts:
    amount = facts.get("amount", 1)
    return {"amount": draw.rng.choice([amount, max(1, amount // 3), 1])}


def credit_issue(draw: Draw, facts: Facts) -> Facts:
    most = facts.get("net", 1)
    fields: Facts = {"amount": max(1, draw.rng.choice([most, most // 10, most // 10, most // 3, 1]))}
    if draw.rng.random() < 0.3:
        fields["lines"] = [{"line": "1", "quantity": draw.rng.choice([1, 2, 5])}]
    return fields | {"credit": f"N{draw.number()}", "date": draw.date()}


def credit_apply(draw: Draw, facts: Facts) -> Facts | None:
    owed = [
        (parts[1], Invoice._make(value).outstanding)
        for parts, value in draw.ledger.kinds["invoice"].items()
        if parts[0] == facts["supplier"] and value[0] == facts["buyer"] and Invoice._make(value).outstanding
    ]
    if not owed:
        return None
    invoice, outstanding = draw.rng.choice(owed[-6:])
    return {"invoice": invoice, "amount": max(1, min(outstanding, facts["amount"]))}


def pay(draw: Draw, facts: Facts) -> Facts:
    amount = facts.get("amount", 1)
    return {"amount": max(1, draw.rng.choice([amount, amount, amount // 2, amount + 5, 1]))}
