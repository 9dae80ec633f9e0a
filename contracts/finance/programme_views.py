"""Programmes with what they have out, as people are shown them, by the rules of `contracts.views`."""

from __future__ import annotations

from contracts.cash import deposit
from contracts.finance import claim, programme
from contracts.finance.eligibility import Rules
from contracts.finance.usage import ALL, OBLIGOR, SUPPLIER, read_use
from contracts.pricing import ProgrammeTerms, formulae
from contracts.reverse_factoring.pool import purpose_of
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.state.overlay import Reader


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
