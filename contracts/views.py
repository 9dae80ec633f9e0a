"""What people are shown: business objects as plain maps, for the API, the CLI and the console.

A view is read from committed state and proves nothing; money should move on a proof. Amounts are
integers of minor units beside their `currency`, days are ISO text, and the places of the state's tuples
have the names of `Invoice`, `Order`, … A view of nothing is None. Lists come in pages: (items, key to go on
after, or None at the end); a page with a filter may hold fewer items than its limit, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from contracts.cash import deposit, refund
from contracts.context import business_day, organisation_key
from contracts.finance import claim, programme
from contracts.finance.eligibility import Rules
from contracts.finance.usage import ALL, OBLIGOR, SUPPLIER, read_use
from contracts.parties.identity import ACTIVE
from contracts.pricing import Features, ProgrammeTerms, formulae
from contracts.reverse_factoring.pool import purpose_of
from contracts.trade import amendment, credit, invoice, order, relationship, shipment
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state import Reader

View = dict[str, Any]

MAX_PAGE = 500
"""Entries that one page looks at."""


class Scanner(Reader, Protocol):
    """State that can also be listed, as `ledger.committed.Committed` can."""

    def scan(
        self, kind: str, *parts: str | int | bytes, limit: int = ..., after: bytes | None = ...
    ) -> list[tuple[bytes, codec.Value]]:
        """Entries whose key begins with these parts, ascending, after a key."""
        ...


Page = tuple[list[View], bytes | None]


def page(
    scanner: Scanner,
    kind: str,
    parts: tuple[str | None, ...],
    limit: int,
    after: bytes | None,
    view: Callable[[tuple[Any, ...], codec.Value], View | None],
    *,
    status: str | None = None,
) -> Page:
    """One page of a kind: of the entries whose keys begin with `parts`; the last of these may be None.

    `view` gets the key's parts after the kind, and may leave an entry out. `status` names the one state,
    in any case, that is asked for.
    """
    limit = max(1, min(limit, MAX_PAGE))
    named = [part for part in parts if part is not None]
    entries = scanner.scan(kind, *named, limit=limit, after=after)
    views = [view(codec.decode(key)[1:], value) for key, value in entries]
    shown = [item for item in views if item is not None and _is_in(status, item)]
    return shown, entries[-1][0] if len(entries) == limit else None


def _is_in(status: str | None, view: View) -> bool:
    """Whether a view's state is the one asked for; every state is, if none was."""
    return not status or view["status"].lower() == status.lower()


def _day(day: int) -> str | None:
    return iso_from_day(day) if day else None


# invoices


def invoice_view(state: Reader, supplier: str, number: str) -> View | None:
    """One invoice on all its axes, with its claim or closed deal."""
    found = invoice.read_invoice(state, supplier, number)
    return None if found is None else _invoice(state, supplier, number, found)


def invoices(
    scanner: Scanner,
    supplier: str,
    *,
    status: str | None = None,
    buyer: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """A supplier's invoices; `status` is a word of any axis: Confirmed, Reserved, Settled, Overdue, …"""
    wanted = status.lower() if status else None

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = invoice.Invoice._make(value)
        if buyer is not None and found.buyer != buyer:
            return None
        shown = _invoice(scanner, supplier, parts[1], found)
        axes = (shown["validity"], shown["title"], shown["cash"], shown["maturity"])
        return shown if wanted is None or wanted in {axis.lower() for axis in axes if axis} else None

    return page(scanner, "invoice", (supplier,), limit, after, view)


def _invoice(state: Reader, supplier: str, number: str, found: invoice.Invoice) -> View:
    day = business_day(state)
    is_owed = found.is_live and found.outstanding > 0
    return {
        "supplier": supplier,
        "invoice": number,
        "buyer": found.buyer,
        "currency": found.currency,
        "issue_date": iso_from_day(found.issue_day),
        "due_date": iso_from_day(found.due_day),
        "order": found.order or None,
        "lines": [
            {"line": line, "quantity": quantity, "amount": amount} for line, quantity, amount in found.lines
        ],
        "credited_units": dict(found.credited_units),
        "tax": found.tax,
        "taxes": [
            {"category": category, "rate_ppm": rate_ppm, "taxable": taxable, "amount": amount}
            for category, rate_ppm, taxable, amount in found.taxes
        ],
        "prepaid": found.prepaid,
        "gross": found.gross,
        "net": found.net if found.validity == invoice.CONFIRMED else None,
        "credited": found.credited,
        "paid": found.paid,
        "offset": found.offset,
        "written_off": found.written_off,
        "outstanding": found.outstanding,
        "unapplied": refund.read_unapplied(state, supplier, number),
        "contested": found.contested,
        "validity": invoice.VALIDITY.states[found.validity],
        "title": invoice.TITLE.states[found.title],
        "cash": found.cash,
        "maturity": _maturity(day - found.due_day) if is_owed else None,
        "days_past_due": max(0, day - found.due_day) if is_owed else 0,
        "matched": bool(found.order),
        "credit_due": _is_credit_due(state, supplier, found),
        "recorded": _day(found.recorded),
        "backdated": bool(found.backdated),
        "document": found.document.hex() or None,
        "finance": _finance(state, supplier, number),
    }


def _is_credit_due(state: Reader, supplier: str, found: invoice.Invoice) -> bool:
    """Whether goods of its order went back and are still billed: it gets no new finance."""
    billed = order.read_order(state, supplier, found.buyer, found.order) if found.order else None
    return billed is not None and billed.overbilled > 0


def _maturity(days_past_due: int) -> str:
    if days_past_due < 0:
        return "NotDue"
    return "Overdue" if days_past_due else "Matured"


def _finance(state: Reader, supplier: str, number: str) -> View | None:
    """The claim on an invoice, or the deal that it was part of."""
    standing = claim.read_lien(state, supplier, number)
    is_closed = standing is None
    lien = standing or claim.last_deal(state, supplier, number)
    if lien is None:
        return None
    stage = "Funded" if lien.funded else "Accepted" if lien.accepted else "Offered"
    return {
        "stage": "Closed" if is_closed else stage,
        "lender": lien.lender,
        "shares": [
            {"lender": share.lender, "part": share.part, "left": share.left}
            for share in claim.shares_of(lien)
        ],
        "programme": lien.programme,
        "offered": iso_from_day(lien.offered),
        "expires": iso_from_day(lien.expires),
        "funded": _day(lien.funded),
        "security": "pledge" if lien.pledges else "assignment",
        "arrangement": bool(lien.arrangement),
        "quote": lien.quote.hex() or None,
        "recourse": lien.recourse or None,
        "resale": lien.resale or None,
        "bought_from": lien.bought[0] if lien.bought else None,
        **{
            name: getattr(lien, name)
            for name in (
                "net",
                "tenor_days",
                "advance",
                "reserve",
                "discount",
                "fee",
                "paid_out",
                "principal",
                "reserve_left",
                "interest_due",
                "interest_paid",
                "shortfall",
                "recourse_days",
                "default_days",
                "costs_limit",
                "costs_charged",
                "costs_paid",
                "collected",
                "repaid",
                "indemnified",
                "subrogated",
            )
        },
    }


# orders, shipments, credit notes


def order_view(state: Reader, supplier: str, buyer: str, number: str) -> View | None:
    """One order with the progress of its lines."""
    found = order.read_order(state, supplier, buyer, number)
    return None if found is None else _order(state, supplier, buyer, number, found)


def orders(
    scanner: Scanner,
    supplier: str,
    buyer: str | None = None,
    *,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Orders of a supplier, of one buyer if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        return _order(scanner, supplier, parts[1], parts[2], order.Order._make(value))

    return page(scanner, "order", (supplier, buyer), limit, after, view)


def _order(state: Reader, supplier: str, buyer: str, number: str, found: order.Order) -> View:
    lines = []
    for name in found.lines:
        line = order.OrderLine._make(state.get(order.line_key(supplier, buyer, number, name)) or ())
        lines.append(
            {
                "line": name,
                **line._asdict(),
                "amount": order.line_amount(line.quantity, line.price_micros),
                "units_to_credit": line.to_credit,
                "to_credit": order.line_amount(line.to_credit, line.price_micros),
            }
        )
    proposed = amendment.read_amendment(state, supplier, buyer, number)
    return {
        "supplier": supplier,
        "buyer": buyer,
        "order": number,
        "currency": found.currency,
        "date": iso_from_day(found.day),
        "status": order.LIFE.states[found.status],
        "amount": sum(line["amount"] for line in lines),
        "to_credit": sum(line["to_credit"] for line in lines),
        "lines": lines,
        "amendment": None if proposed is None else _amendment(proposed),
    }


def _amendment(found: amendment.Amendment) -> View:
    """The newest amendment of an order."""
    return {
        "number": found.number,
        "status": amendment.LIFE.states[found.status],
        "proposer": found.proposer,
        "lines": [
            {"line": line, "item": item, "quantity": quantity, "price_micros": price_micros}
            for line, item, quantity, price_micros in found.lines
        ],
    }


def shipment_view(state: Reader, supplier: str, number: str) -> View | None:
    """One shipment and what the buyer found in it."""
    found = shipment.read_shipment(state, supplier, number)
    if found is None:
        return None
    return {
        "supplier": supplier,
        "shipment": number,
        "buyer": found.buyer,
        "order": found.order,
        "status": shipment.LIFE.states[found.status],
        "carrier": found.carrier or None,
        "dispatched": _day(found.day),
        "recorded": _day(found.recorded),
        "scheduled": _day(found.scheduled),
        "delivered": _day(found.delivered),
        "received": _day(found.received),
        "units": list(found.units),
        "lines": [
            {
                "line": line,
                "shipped": shipped,
                "accepted": accepted,
                "rejected": rejected,
                "returned": returned,
            }
            for line, shipped, accepted, rejected, returned in found.lines
        ],
    }


def credit_view(state: Reader, supplier: str, number: str) -> View | None:
    """One credit note."""
    found = credit.read_credit(state, supplier, number)
    if found is None:
        return None
    return {
        "supplier": supplier,
        "credit": number,
        "buyer": found.buyer,
        "invoice": found.invoice,
        "currency": found.currency,
        "amount": found.amount,
        "applied": found.applied,
        "lines": [{"line": line, "quantity": quantity} for line, quantity in found.lines],
        "date": iso_from_day(found.day),
        "status": credit.LIFE.states[found.status],
    }


# relationships


def relationship_view(state: Reader, supplier: str, buyer: str) -> View | None:
    """How many records a relationship has, and its aggregates per currency with what is derived from them."""
    entry = state.get(relationship.relationship_key(supplier, buyer))
    if entry is None:
        return None
    count, head, aggregates = entry
    day = business_day(state)
    return {
        "supplier": supplier,
        "buyer": buyer,
        "records": count,
        "head": head.hex(),
        "business_date": iso_from_day(day),
        "currencies": {code: aggregates_view(aggregates, code, day) for code in sorted(aggregates)},
    }


def aggregates_view(aggregates: codec.Value, currency: str, day: int) -> View:
    """The sums of one currency by name, and what follows from them on a day."""
    sums = relationship.of_currency(aggregates, currency)
    features = Features.of(sums, day)
    overdue_invoices, overdue, overdue_days = sums.overdue(day)
    shown = {name: value for name, value in sums._asdict().items() if name != "open"}
    return {
        **shown,
        "open_invoices": sums.open_invoices,
        "open_amount": sums.open_amount,
        "overdue_invoices": overdue_invoices,
        "overdue_amount": overdue,
        "overdue_amount_days": overdue_days,
        "dbt_centidays": features.dbt_centidays,
        "mean_dilution_ppm": sums.mean_dilution_ppm,
        "peak_dilution_ppm": sums.peak_dilution_ppm,
    }


def record_view(record: codec.Value) -> View:
    """One record of a history by name; `RECORD_FIELDS` of `contracts.trade.relationship` has the names."""
    day, kind, *rest = record
    shown: View = {"business_date": iso_from_day(day), "kind": kind}
    for name, value in zip(relationship.RECORD_FIELDS[kind], rest, strict=True):
        if name.endswith("_date"):
            shown[name] = _day(value)
        else:
            shown[name] = value.hex() if isinstance(value, bytes) else value
    return shown


def relationships_of(party_records: Iterable[codec.Value]) -> list[View]:
    """The relationships of an organisation, from the records of its party history, oldest first."""
    return [
        {"since": iso_from_day(day), "supplier": supplier, "buyer": buyer}
        for day, _, supplier, buyer in party_records
    ]


# organisations, programmes, cash


def organisation_view(state: Reader, organisation: str) -> View | None:
    """One organisation."""
    value = state.get(organisation_key(organisation))
    return None if value is None else _organisation(organisation, value)


def organisations(scanner: Scanner, *, limit: int = 100, after: bytes | None = None) -> Page:
    """All organisations."""
    return page(scanner, "org", (), limit, after, lambda parts, value: _organisation(parts[0], value))


def _organisation(organisation: str, value: codec.Value) -> View:
    name, lei, roles, identifiers, keys = value
    return {
        "id": organisation,
        "name": name,
        "lei": lei or None,
        "roles": list(roles),
        "identifiers": [{"scheme": scheme, "value": text} for scheme, text in identifiers],
        "active_keys": keys,
    }


def keys(
    scanner: Scanner, organisation: str | None = None, *, limit: int = 100, after: bytes | None = None
) -> Page:
    """Enrolled keys, of one organisation if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        owner, name, approver, status, day = value
        if organisation is not None and owner != organisation:
            return None
        return {
            "key": parts[0].hex(),
            "organisation": owner,
            "name": name,
            "enrolled_by": approver,
            "enrolled": _day(day),
            "status": "Active" if status == ACTIVE else "Revoked",
        }

    return page(scanner, "key", (), limit, after, view)


def programme_view(state: Reader, name: str) -> View | None:
    """One programme with its terms."""
    value = state.get(programme.programme_key(name))
    return None if value is None else _programme(state, name, value)


def programmes(scanner: Scanner, *, limit: int = 100, after: bytes | None = None) -> Page:
    """All programmes."""
    return page(
        scanner, "programme", (), limit, after, lambda parts, value: _programme(scanner, parts[0], value)
    )


def _programme(state: Reader, name: str, value: codec.Value) -> View:
    found = programme.Programme._make(value)
    terms = ProgrammeTerms.from_value(found.terms)
    exposures = {}
    for limit in terms.limits:
        key = claim.exposure_key(found.lender, limit.obligor, terms.currency)
        reserved, funded = state.get(key) or (0, 0)
        exposures[limit.obligor] = {"limit": limit.limit, "reserved": reserved, "funded": funded}
    rules = Rules.from_value(found.rules)
    drawn = {"limit": rules.programme_limit, **read_use(state, name, terms.currency, ALL)._asdict()}
    suppliers = {
        supplier: {
            "limit": rules.supplier_limit,
            **read_use(state, name, terms.currency, SUPPLIER, supplier)._asdict(),
        }
        for supplier in rules.suppliers
    }
    on_obligors = [
        read_use(state, name, terms.currency, OBLIGOR, limit.obligor).total for limit in terms.limits
    ]
    over = sum(formulae.concentration_excess(on_obligors, rules.obligor_share_ppm))
    return {
        "programme": name,
        "lender": found.lender,
        "revision": found.revision,
        "terms": terms.model_dump(mode="json"),
        "rules": rules.model_dump(mode="json"),
        "payables": _payables(state, name, found),
        "drawn": drawn,
        "eligible": sum(on_obligors) - over,
        "over_concentration": over,
        "exposures": exposures,
        "suppliers": suppliers,
    }


def _payables(state: Reader, name: str, found: programme.Programme) -> View | None:
    """What makes it the payables programme of a buyer, with what the funder has set aside for it."""
    if not found.payables:
        return None
    held = deposit.read_hold(state, purpose_of(found.lender, name))
    set_aside = None if held is None else {"bank": held.bank, "amount": held.amount}
    return {**found.require_payables().model_dump(mode="json"), "set_aside": set_aside}


def journal(scanner: Scanner, organisation: str, *, limit: int = 100, after: bytes | None = None) -> Page:
    """Cash accounts of an organisation: what the banks' attestations add up to."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        return {"organisation": parts[0], "account": parts[1], "currency": parts[2], "balance": value}

    return page(scanner, "journal", (organisation,), limit, after, view)
