"""Enrolment: a supplier takes part in a buyer's payables programme, by its own signature.

    ("enrolment", programme, supplier) -> Enrolment

With a standing request every invoice that the buyer approves is financed at once; without one the supplier
asks invoice by invoice. The request is for what the programme charged on the day of the signature, or less:
the funder alone publishes other terms, and sells nobody's title by it. Enrolling again takes the charges of
that day, and changes bank and standing request; leaving ends both, and changes nothing on what is financed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Operation, OrganisationId, ProgrammeId
from contracts.finance.eligibility import Rules
from contracts.finance.programme import found_programme
from contracts.parties.identity import BANK
from contracts.pricing import ProgrammeTerms, formulae
from ledger.state.overlay import Reader, state_key


class Charges(NamedTuple):
    """What a payables programme charges."""

    discount_basis: str
    discount_rate_ppm: int
    day_count: int
    fee_ppm: int

    def on(self, net: int, days: int) -> tuple[int, int]:
        """(discount, fee) on a net due in so many days, minor units: bank or true discount, each up."""
        discounted = formulae.true_discount if self.discount_basis == "true" else formulae.simple_discount
        discount = discounted(net, self.discount_rate_ppm, days, self.day_count)
        return discount, formulae.fee(net, self.fee_ppm)


def charges_of(terms: ProgrammeTerms) -> Charges:
    """What a programme charges by its terms."""
    return Charges(terms.discount_basis, terms.discount_rate_ppm, terms.day_count, terms.fee_ppm)


class Enrolment(NamedTuple):
    """State value of an enrolment."""

    bank: str
    """Settlement bank at which the supplier is paid."""
    standing: int
    """1 if every approved invoice is to be financed at once."""
    day: int
    """Business day of the signature, days since 1970."""
    charges: tuple[str, int, int, int]
    """`Charges` of the programme on that day: the most at which a standing request sells."""


class ProgrammeEnrol(Operation):
    """A supplier takes part in a payables programme, or changes how."""

    op: Literal["programme.enrol"]
    programme: ProgrammeId
    bank: OrganisationId = Field(description="settlement bank at which it is paid out of the money set aside")
    standing: bool = Field(
        description="whether every invoice that the buyer approves is financed at once, for what the "
        "programme charges on the day of this signature, or for less"
    )


class ProgrammeLeave(Operation):
    """A supplier takes part no more: nothing of its invoices is financed under the programme from now on."""

    op: Literal["programme.leave"]
    programme: ProgrammeId


def enrolment_key(programme: str, supplier: str) -> bytes:
    """State key of a supplier's enrolment."""
    return state_key("enrolment", programme, supplier)


def read_enrolment(state: Reader, programme: str, supplier: str) -> Enrolment | None:
    """The supplier's enrolment, if it takes part."""
    value = state.get(enrolment_key(programme, supplier))
    return None if value is None else Enrolment._make(value)


def found_enrolment(context: Context, programme: str, supplier: str) -> Enrolment:
    """The supplier's enrolment; refused if it takes no part."""
    found = read_enrolment(context.state, programme, supplier)
    if found is None:
        raise refuse(
            "not_enrolled",
            "the supplier takes no part in the programme",
            field="supplier",
            found=supplier,
            expected="a supplier that has enrolled",
        )
    return found


def enrol(context: Context, operation: ProgrammeEnrol) -> None:
    """Signed by the supplier; the programme must take it."""
    published = found_programme(context.state, operation.programme)
    published.require_payables()
    rules = Rules.from_value(published.rules)
    if rules.suppliers and context.actor not in rules.suppliers:
        raise refuse(
            "supplier_not_accepted",
            "the programme does not take this supplier",
            field="signer",
            found=context.actor,
            expected=f"one of its {len(rules.suppliers)} suppliers",
        )
    context.require_organisation(operation.bank, BANK, "bank")
    charges = charges_of(ProgrammeTerms.from_value(published.terms))
    enrolled = Enrolment(operation.bank, int(operation.standing), context.day, (*charges,))
    context.put(enrolment_key(operation.programme, context.actor), tuple(enrolled))


def leave(context: Context, operation: ProgrammeLeave) -> None:
    """Signed by the supplier."""
    found_enrolment(context, operation.programme, context.actor)
    context.state.delete(enrolment_key(operation.programme, context.actor))
