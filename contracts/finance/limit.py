"""A lender's limit for one obligor: what more exposure must fit into (invariant 13)."""

from __future__ import annotations

from contracts.errors import refuse
from contracts.finance.claim import exposure_key
from contracts.finance.programme import Programme, found_programme
from contracts.pricing.terms import ProgrammeTerms
from ledger.money import CurrencyMismatch, Money
from ledger.state.overlay import Reader


def check_room(
    state: Reader, holder: tuple[str, str], owed: tuple[str, str], amount: int
) -> tuple[Programme, int]:
    """The programme at `holder` (lender, programme) and its limit, if `amount` more fits into it.

    `owed` is (obligor, currency); amounts are minor units.

    Raises:
        Refusal: `unknown_programme`, `programme_of_other_lender`, `currency_mismatch`,
            `obligor_not_eligible`, `limit_exceeded`.
    """
    (lender, programme), (obligor, currency) = holder, owed
    found = found_programme(state, programme)
    if found.lender != lender:
        raise refuse(
            "programme_of_other_lender", "another lender's programme", field="programme", found=found.lender
        )
    terms = ProgrammeTerms.from_value(found.terms)
    if terms.currency != currency:
        raise CurrencyMismatch(currency, terms.currency, "programme")
    limit = terms.limit_of(obligor)
    if limit is None:
        raise refuse(
            "obligor_not_eligible",
            "the programme does not take this obligor",
            field="programme",
            found=obligor,
        )
    exposed = sum(state.get(exposure_key(lender, obligor, currency)) or (0, 0))
    if exposed + amount > limit:
        raise refuse(
            "limit_exceeded",
            "the lender's limit for this obligor would be passed",
            field="programme",
            found=f"exposure {Money(exposed, currency)} and {Money(amount, currency)} more",
            expected=f"at most {Money(limit, currency)}",
        )
    return found, limit
