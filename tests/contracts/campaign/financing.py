"""Moves of finance and of the markets: offers, claims, demands, auctions, early payment."""

from __future__ import annotations

from hashlib import sha256

from campaign.draw import SIGNER, Draw, Facts
from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import requote
from contracts.finance.programme import Programme
from contracts.market import allotment
from contracts.market.auction import Auction
from contracts.market.bid import commitment
from contracts.market.early_payment import EarlyPayment, discount_of, step_on
from ledger.errors import Refusal
from ledger.hashing import ZERO


def programme_terms(draw: Draw) -> Facts:
    """A lender's terms, of each kind that there is; mostly with a reserve where shortfalls are the theme."""
    is_short = "recourse.offset" in draw.favourites
    return {
        "currency": draw.rng.choice(["USD"] * 6 + ["EUR"]),
        "limits": [{"obligor": "mega", "limit": 2_000_000}, {"obligor": "nova", "limit": 300_000}],
        "discount_rate_ppm": draw.rng.choice([50_000, 72_000]),
        "fee_ppm": 2_500,
        "security": draw.rng.choice(["assignment", "pledge"]),
        "recourse_days": draw.rng.choice([0, 1, 10]),
        "default_days": draw.rng.choice([1, 20, 90]),
        "costs_ppm": draw.rng.choice([0, 20_000]),
        "credit_note_rule": draw.rng.choice(["absorb", "restore", "restore"]),
        "discount_basis": draw.rng.choice(["advance"] * 9 + ["bank", "true"] * (1 if is_short else 4)),
        "accept_backdated": True,
        "min_tenor_days": 1,
        "max_tenor_days": draw.rng.choice([180, 720, 720]),
    }


def programme(draw: Draw, facts: Facts) -> Facts:
    lender = draw.rng.choice(["loan", "fund", "trio"])
    return {
        "programme": f"of-{lender}-{draw.rng.randrange(2)}",
        "terms": programme_terms(draw),
        SIGNER: lender,
    }


def offer(draw: Draw, facts: Facts) -> Facts | None:
    known = [
        (parts[0], Programme._make(value))
        for parts, value in draw.ledger.kinds["programme"].items()
        if value[2]["currency"] == facts.get("currency") and not value[4]
    ]
    if not known:
        return None
    name, programme = draw.rng.choice(known)
    try:
        quote = requote(draw.ledger.state, facts["supplier"], facts["invoice"], name)
        terms = {field: getattr(quote, field) for field in OfferTerms.model_fields}
    except Refusal:
        terms = dict.fromkeys(OfferTerms.model_fields, 1)
    expires = draw.date(draw.rng.choice([0, 5, 10, 20]))
    return {"programme": name, "terms": terms, "expires": expires, SIGNER: programme.lender}


def either(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice([facts.get("lender", "loan"), facts.get("supplier", "acme")])}


def fund(draw: Draw, facts: Facts) -> Facts:
    return {"amount": max(1, facts.get("paid_out", 1))}


def charge(draw: Draw, facts: Facts) -> Facts:
    return {"amount": draw.rng.choice([1, 50, 300])}


def repay(draw: Draw, facts: Facts) -> Facts:
    return {"amount": max(1, facts.get("due", 1))}


def holder(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: facts.get("holder", "acme")}


def demand(draw: Draw, facts: Facts) -> Facts:
    causes = ["warranty", "overdue"] if facts.get("recourse_days") else ["warranty"]
    cause = "dilution" if facts.get("shortfall") else draw.rng.choice(causes)
    return {"recourse": f"D{draw.number()}", "cause": cause, SIGNER: facts.get("holder", "loan")}


def substitute_for(draw: Draw, facts: Facts) -> Facts | None:
    """A better receivable for the lender: the largest."""
    return {"invoice": max(facts["better"])[1]} if facts["better"] else None


def request(draw: Draw, facts: Facts) -> Facts:
    programmes = [
        parts[0] for parts, value in draw.ledger.kinds["programme"].items() if parts[0][:3] == "of-"
    ]
    asked = draw.rng.sample(programmes, k=min(len(programmes), draw.rng.choice([1, 2])))
    return {"request": f"R{draw.number()}", "programmes": asked, "expires": draw.date(8)}


def request_quote(draw: Draw, facts: Facts) -> Facts:
    return {"advance": draw.rng.choice([100, 9_000]), "discount": 9, "fee": draw.rng.choice([0, 1])}


def resale_offer(draw: Draw, facts: Facts) -> Facts:
    seller = facts.get("holder", "loan")
    other = draw.rng.choice([lender for lender in ("loan", "fund", "trio") if lender != seller])
    terms = {"lender": other, "price": draw.rng.choice([1, 9_000]), "expires": draw.date(5)}
    return {"resale": f"Y{draw.number()}", **terms, SIGNER: seller}


def take_over(draw: Draw, facts: Facts) -> Facts:
    return {"programme": f"of-{facts.get('lender', 'fund')}-0"}


def new_settlement(draw: Draw, facts: Facts) -> Facts:
    return {"settlement": f"T{draw.number()}", SIGNER: facts.get("lender", "loan")}


def auction_open(draw: Draw, facts: Facts) -> Facts:
    ends = {"commit_until": 1, "reveal_until": 6, "accept_until": 9, "fund_until": 12}
    return {
        "auction": f"A{draw.number()}",
        **{name: draw.date(ahead) for name, ahead in ends.items()},
        "max_rate_ppm": draw.rng.choice([60_000, 120_000]),
        "min_amount": 1,
    }


def auction_bid(draw: Draw, facts: Facts) -> Facts:
    lender = draw.rng.choice(["loan", "fund"])
    found = Auction._make(draw.ledger.entry("auction", facts["supplier"], facts["auction"]))
    owned = [
        parts[0]
        for parts, value in draw.ledger.kinds["programme"].items()
        if value[0] == lender and value[2]["currency"] == found.currency
    ]
    programme = draw.rng.choice(owned or ["of-loan-0"])
    rate = draw.rng.choice([40_000, 50_000, 50_000, 50_000, 130_000])
    amount = max(1, draw.rng.choice([found.net, found.net, found.net, found.net // 2, found.net * 2 // 3]))
    salt = sha256(f"{lender} {facts['auction']}".encode()).digest()
    place = (facts["supplier"], facts["auction"], lender)
    draw.bids.setdefault(place, (programme, rate, amount, salt))
    programme, rate, amount, salt = draw.bids[place]
    return {"commitment": commitment(ZERO, place, (programme, rate, amount), salt), SIGNER: lender}


def auction_reveal(draw: Draw, facts: Facts) -> Facts:
    lender = draw.rng.choice(facts["sealed"] or ["loan"])
    place = (facts["supplier"], facts["auction"], lender)
    programme, rate, amount, salt = draw.bids.get(place, ("of-loan-0", 1, 1, bytes(32)))
    return {"programme": programme, "rate_ppm": rate, "amount": amount, "salt": salt, SIGNER: lender}


def auction_accept(draw: Draw, facts: Facts) -> Facts:
    found = Auction._make(draw.ledger.entry("auction", facts["supplier"], facts["auction"]))
    return {"rate_ppm": found.rate_ppm, "paid_out": max(1, allotment.price(found, draw.day)[2])}


def auction_pay(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice(facts.get("winners") or ["loan"])}


def early_offer(draw: Draw, facts: Facts) -> Facts:
    steps = [{"until": draw.date(4), "discount_ppm": 20_000}, {"until": draw.date(8), "discount_ppm": 10_000}]
    return {"steps": steps[: draw.rng.choice([1, 2])]}


def early_accept(draw: Draw, facts: Facts) -> Facts:
    found = EarlyPayment._make(draw.ledger.entry("early", facts["supplier"], facts["invoice"]))
    step = step_on(found.steps, draw.day)
    return {"paid": max(1, found.net - discount_of(found.net, step[1] if step else 1))}


def party_of_early(draw: Draw, facts: Facts) -> Facts:
    return {SIGNER: draw.rng.choice([facts.get("buyer", "mega"), facts.get("supplier", "acme")])}
