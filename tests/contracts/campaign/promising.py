"""Moves of certificates and insurance."""

from __future__ import annotations

from campaign.draw import SIGNER, Draw, Facts
from contracts.certificates.leaf import Leaf
from contracts.insurance.coverage import MAX_SHIPMENTS
from contracts.insurance.policy import Policy
from contracts.trade.invoice import CONFIRMED, FREE, Invoice
from contracts.trade.shipment import Shipment


def certificate_issue(draw: Draw, facts: Facts) -> Facts:
    payee, obligor = draw.parties()
    amount, currency, invoice = draw.rng.choice([10_001, 50_000]), "USD", ""
    free = [
        (parts, Invoice._make(value))
        for parts, value in draw.ledger.kinds["invoice"].items()
        if Invoice._make(value).validity == CONFIRMED
        and Invoice._make(value).title == FREE
        and Invoice._make(value).outstanding
        and not Invoice._make(value).contested
        and Invoice._make(value).due_day >= draw.day
        and parts not in draw.ledger.kinds["promised"]
    ]
    if free and draw.rng.random() < 0.6:
        (payee, invoice), found = draw.rng.choice(free[-5:])
        obligor, currency = found.buyer, found.currency
        amount = draw.rng.choice([found.outstanding, max(1, found.outstanding // 2)])
    return {
        "certificate": f"C{draw.number()}",
        "payee": payee,
        "currency": currency,
        "amount": amount,
        "maturity": draw.date(draw.rng.choice([8, 30, 60])),
        "cut_off_days": draw.rng.choice([1, 3]),
        "smallest": min(amount, draw.rng.choice([1, 1, 1_000])),
        "highest_tier": draw.rng.choice([1, 3, 4]),
        "invoice": invoice,
        SIGNER: obligor,
    }


def leaf_taker(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("taker", "acme")}


def leaf_decline(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice([facts.get("taker", "acme"), facts.get("holder", "acme")])}


def leaf_split(draw: Draw, facts: Facts) -> Facts:
    left = facts.get("left", 2)
    first = max(1, left // draw.rng.choice([2, 3]))
    return {"amounts": [first, max(1, left - first)], SIGNER: facts.get("holder", "acme")}


def leaf_transfer(draw: Draw, facts: Facts) -> Facts:
    others = [name for name in ("acme", "bolt", "trio") if name != facts.get("holder")]
    expires = draw.date(draw.rng.choice([0, 2, 5]))
    return {"to": draw.rng.choice(others), "expires": expires, SIGNER: facts.get("holder", "acme")}


def leaf_reserve(draw: Draw, facts: Facts) -> Facts:
    left = facts.get("left", 1)
    price = max(1, left * draw.rng.choice([9, 10, 5]) // 10)
    return {
        "lender": draw.rng.choice(["loan", "fund"]),
        "price": price,
        "repay": draw.rng.choice([0, price, left]),
        "expires": draw.date(draw.rng.choice([0, 2, 5])),
        SIGNER: facts.get("holder", "acme"),
    }


def leaf_lender(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("lender") or "loan"}


def redeem(draw: Draw, facts: Facts) -> Facts:
    leaves = [
        Leaf._make(value)
        for parts, value in draw.ledger.kinds["leaf"].items()
        if parts[:2] == (facts["obligor"], facts["certificate"])
    ]
    live = max(1, sum(leaf.live for leaf in leaves))
    return {"amount": draw.rng.choice([live, live, max(1, live // 3)])}


def collect(draw: Draw, facts: Facts) -> Facts:
    """A bank attests what arrived, which may be too much."""
    amount = redeem(draw, facts)["amount"]
    return {"amount": draw.rng.choice([amount, amount + 9])}


def stop(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice(["root", "watch"])}


def policy_quote(draw: Draw, facts: Facts) -> Facts:
    assured = draw.rng.choice(["acme", "acme", "bolt", "loan"])
    suppliers = [assured] if assured != "loan" else ["acme", "bolt"]
    return {
        "policy": f"K{draw.number()}",
        "assured": assured,
        "currency": "USD",
        "starts": draw.date(),
        "ends": draw.date(draw.rng.choice([60, 360])),
        "bind_by": draw.date(10),
        "buyers": [{"buyer": "mega", "limit": draw.rng.choice([20_000, 500_000]), "suppliers": suppliers}],
        "maximum": draw.rng.choice([5_000, 1_000_000]),
        "insured_ppm": draw.rng.choice([900_000, 1_000_000]),
        "deductible": draw.rng.choice([0, 100]),
        "waiting_days": draw.rng.choice([0, 5, 30]),
        "notify_days": draw.rng.choice([10, 60]),
        "loss_payee": draw.rng.choice([None, "loan"]) if assured != "loan" else None,
        "terms": {"pd_basis": draw.rng.choice(["annual", "history"])},
        "premium": 1,
        SIGNER: "cover",
    }


def assured(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("assured", "acme")}


def lower(draw: Draw, facts: Facts) -> Facts:
    return {"limit": draw.rng.choice([0, 10_000, 19_999])}


def notify(draw: Draw, facts: Facts) -> Facts | None:
    policy = Policy._make(draw.ledger.entry("policy", facts["insurer"], facts["policy"]))
    suppliers = draw.ledger.entry("cover", facts["insurer"], facts["policy"], "mega")[0]
    known = {(parts[0], (value[3], value[4])) for parts, value in draw.ledger.kinds["claim"].items()}
    overdue = [
        (parts, Invoice._make(value))
        for parts, value in draw.ledger.kinds["invoice"].items()
        if parts[0] in suppliers
        and value[:2] == ("mega", policy.currency)
        and policy.since <= Invoice._make(value).issue_day <= policy.ends
        and (facts["assured"], parts) not in known
        and draw.day - policy.notify_days <= Invoice._make(value).due_day < draw.day
        and Invoice._make(value).outstanding
        and (Invoice._make(value).validity == CONFIRMED or draw.rng.random() < 0.2)
    ]
    if not overdue:
        return None
    liens = draw.ledger.kinds["lien"]
    payees = [each for each in overdue if each[0] in liens and liens[each[0]][1] == policy.loss_payee]
    rather = payees if payees and draw.rng.random() < 0.7 else overdue
    (supplier, number), found = draw.rng.choice(rather[-12:])
    shipments = [
        parts[1]
        for parts, value in draw.ledger.kinds["shipment"].items()
        if found.order and parts[0] == supplier and Shipment._make(value).order == found.order
    ]
    return {
        "claim": f"L{draw.number()}",
        "supplier": supplier,
        "invoice": number,
        "shipments": shipments[:MAX_SHIPMENTS],
        SIGNER: facts["assured"],
    }


def cede(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice([facts.get("assured", "acme")] * 3 + ["loan"])}
