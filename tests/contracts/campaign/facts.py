"""What there is to say of an object of the ledger, under the names that operations have for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from campaign.subjects import Found, better, lien_on
from contracts.certificates import leaf
from contracts.finance.claim import Lien, agent, payoff
from contracts.insurance import insurance_claim, policy
from contracts.market import auction
from contracts.trade import invoice
from contracts.trade.trade_check import Kinds
from ledger.dates import iso_from_day


def facts(kinds: Kinds, found: Found) -> dict[str, Any]:
    """What there is to say of an object, under the names that operations have for it."""
    about_it: Callable[[Kinds, Found], dict[str, Any]] = _FACTS[found.kind]
    return about_it(kinds, found)


def awaited_days(kinds: Kinds) -> Iterator[int]:
    """Days on which something can be done that could not be done before: bids opened, a default declared."""
    for value in kinds["auction"].values():
        found = auction.Auction._make(value)
        if found.status == auction.COMMIT:
            yield found.commit_until + 1
        elif found.status == auction.REVEAL:
            yield found.reveal_until + 1
    for parts, value in kinds["lien"].items():
        claim = Lien._make(value)
        if claim.settlement:
            yield claim.expires + 1
        if claim.title in invoice.HELD:
            due = invoice.Invoice._make(kinds["invoice"][parts]).due_day
            yield from (due + 1, due + claim.recourse_days, due + claim.default_days)
    for value in kinds["promise"].values():
        yield from (leaf.Promise._make(value).maturity, leaf.Promise._make(value).maturity + 1)
    for value in kinds["claim"].values():
        notified = insurance_claim.Claim._make(value)
        if notified.status in (insurance_claim.NOTIFIED, insurance_claim.WAITING):
            terms = policy.Policy._make(kinds["policy"][notified.insurer, notified.policy])
            billed = invoice.Invoice._make(kinds["invoice"][notified.supplier, notified.invoice])
            yield billed.due_day + terms.waiting_days


def _order(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, buyer, number = found.parts
    newest = kinds["amendment"].get(found.parts)
    facts = {"supplier": supplier, "buyer": buyer, "order": number}
    return facts | ({"amendment": newest[0]} if newest else {})


def _shipment(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number = found.parts
    value = found.value
    facts = {
        "supplier": supplier,
        "buyer": value.buyer,
        "shipment": number,
        "order": value.order,
    }
    return facts | ({"carrier": value.carrier} if value.carrier else {})


def _invoice(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number = found.parts
    value, day = found.value, kinds["param"]["business_date",]
    lien = lien_on(kinds, found)
    facts: dict[str, Any] = {
        "supplier": supplier,
        "invoice": number,
        "buyer": value.buyer,
        "payer": value.buyer,
        "currency": value.currency,
        "amount": value.outstanding or value.written_off or value.gross,
        "net": value.gross - value.credited,
        "due_date": iso_from_day(value.due_day),
    }
    if lien is None:
        return facts | {"holder": supplier}
    facts |= {
        "lender": agent(lien),
        "holder": agent(lien) if lien.title in invoice.HELD else supplier,
    }
    if lien.title in invoice.HELD:
        facts |= {"due": payoff(lien, day), "shortfall": lien.shortfall, "recourse_days": lien.recourse_days}
    else:
        facts["paid_out"] = lien.paid_out
    return facts


def _credit(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number = found.parts
    value = found.value
    left = max(1, value.amount - value.applied)
    return {
        "supplier": supplier,
        "credit": number,
        "buyer": value.buyer,
        "invoice": value.invoice,
        "amount": left,
    }


def _custody(kinds: Kinds, found: Found) -> dict[str, Any]:
    bank, client, currency = found.parts
    entry = kinds["deposit"].get(found.parts)
    return {
        "bank": bank,
        "client": client,
        "currency": currency,
        "account": found.value.account,
        "available": entry[2][0] if entry else 0,
        "payout": found.value.nominated or found.value.payout,
    }


def _redemption(kinds: Kinds, found: Found) -> dict[str, Any]:
    client, number = found.parts
    value = found.value
    kept = kinds["custody"].get((value.bank, client, value.currency))
    return {
        "client": client,
        "redemption": number,
        "bank": value.bank,
        "currency": value.currency,
        "amount": value.amount,
        "account": kept[1] if kept else "none",
    }


def _settlement(kinds: Kinds, found: Found) -> dict[str, Any]:
    lender, number = found.parts
    value = found.value
    return {
        "lender": lender,
        "settlement": number,
        "bank": value.bank,
        "supplier": value.supplier,
        "invoice": value.invoice,
        "amount": value.amount,
    }


def _early(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number = found.parts
    return {
        "supplier": supplier,
        "invoice": number,
        "buyer": found.value.buyer,
        "paid": found.value.net,
    }


def _auction(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number = found.parts
    value = found.value
    return {
        "supplier": supplier,
        "auction": number,
        "invoice": value.invoice,
        "buyer": value.buyer,
        "rate_ppm": value.rate_ppm,
        "winners": [lender for lender, _ in value.parts if lender not in value.paid],
        "currency": value.currency,
        "bidders": list(value.bidders),
        "sealed": [name for name in value.bidders if not kinds["bid"][supplier, number, name][4]],
    }


def _exchange(kinds: Kinds, found: Found) -> dict[str, Any]:
    taker, number = found.parts
    value = found.value
    return {
        "taker": taker,
        "exchange": number,
        "maker": value.maker,
        "bought": value.bought or value.sold,
        "fee": value.fee,
    }


def _recourse(kinds: Kinds, found: Found) -> dict[str, Any]:
    lender, number = found.parts
    value = found.value
    return {
        "lender": lender,
        "recourse": number,
        "supplier": value.supplier,
        "invoice": value.proposed or value.invoice,
        "currency": value.currency,
        "better": better(kinds, found),
        "amount": value.amount,
    }


def _leaf(kinds: Kinds, found: Found) -> dict[str, Any]:
    obligor, certificate, number = found.parts
    value = found.value
    return {
        "obligor": obligor,
        "certificate": certificate,
        "leaf": number,
        "holder": value.holder,
        "taker": value.offered_to or value.holder,
        "lender": value.offered_to or value.lender,
        "price": value.price or max(1, value.left * 9 // 10),
        "repay": value.repay,
        "amount": value.price or value.left,
        "left": value.left,
    }


def _promise(kinds: Kinds, found: Found) -> dict[str, Any]:
    obligor, certificate = found.parts
    return {
        "obligor": obligor,
        "buyer": obligor,
        "certificate": certificate,
        "amount": found.value.face,
        "currency": found.value.currency,
    }


def _policy(kinds: Kinds, found: Found) -> dict[str, Any]:
    insurer, number = found.parts
    value = found.value
    covers = [parts[2] for parts in kinds["cover"] if parts[:2] == found.parts]
    return {
        "insurer": insurer,
        "policy": number,
        "assured": value.assured,
        "premium": value.premium,
        "amount": value.premium,
        "buyer": covers[0] if covers else "mega",
        "currency": value.currency,
    }


def _claim(kinds: Kinds, found: Found) -> dict[str, Any]:
    assured, number = found.parts
    value = found.value
    return {
        "assured": assured,
        "claim": number,
        "insurer": value.insurer,
        "policy": value.policy,
        "supplier": value.supplier,
        "invoice": value.invoice,
        "amount": value.indemnity or 1,
        "indemnity": value.loss or 1,
    }


def _redirection(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, buyer, currency = found.parts
    place = {"supplier": supplier, "buyer": buyer, "currency": currency}
    return {**place, "lender": found.value.lender, "account": found.value.account}


def _pledge(kinds: Kinds, found: Found) -> dict[str, Any]:
    lender, number = found.parts
    return {"lender": lender, "pledge": number}


def _request(kinds: Kinds, found: Found) -> dict[str, Any]:
    return {"supplier": found.parts[0], "request": found.parts[1]}


def _answer(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, number, programme = found.parts
    published = kinds["programme"].get((programme,))
    lender = published[0] if published else "loan"
    return {"supplier": supplier, "request": number, "programme": programme, "lender": lender}


def _resale(kinds: Kinds, found: Found) -> dict[str, Any]:
    seller, number = found.parts
    value = found.value
    return {
        "seller": seller,
        "resale": number,
        "lender": value.to,
        "price": value.price,
        "amount": value.price,
    }


def _overpaid(kinds: Kinds, found: Found) -> dict[str, Any]:
    obligor, certificate = found.parts
    return {"obligor": obligor, "certificate": certificate, "amount": found.value}


def _unapplied(kinds: Kinds, found: Found) -> dict[str, Any]:
    supplier, invoice = found.parts
    return {"supplier": supplier, "invoice": invoice, "amount": found.value}


def _payee(kinds: Kinds, found: Found) -> dict[str, Any]:
    organisation, currency = found.parts
    return {
        "organisation": organisation,
        "currency": currency,
        "account": found.value[1],
    }


_FACTS: dict[str, Callable[[Kinds, Found], dict[str, Any]]] = {
    "order": _order,
    "amendment": _order,
    "shipment": _shipment,
    "invoice": _invoice,
    "credit": _credit,
    "custody": _custody,
    "redemption": _redemption,
    "settlement": _settlement,
    "early": _early,
    "auction": _auction,
    "exchange": _exchange,
    "recourse": _recourse,
    "leaf": _leaf,
    "promise": _promise,
    "policy": _policy,
    "claim": _claim,
    "redirection": _redirection,
    "pledge": _pledge,
    "unapplied": _unapplied,
    "overpaid": _overpaid,
    "resale": _resale,
    "payee": _payee,
    "request": _request,
    "answer": _answer,
}
