"""Affiliations: whom an organisation belongs to, and where it sits, by its own word and by a register's.

    ("affiliation", organisation, "own")      -> Affiliation: what it says of itself
    ("affiliation", organisation, "register") -> Affiliation: what the operator or the regulator found

Parents are legal entity identifiers as level 2 of the Global LEI Index names them ("who owns whom": the
direct and the ultimate accounting consolidating parent, GLEIF LEI-CDF). Both words stand beside each other:
who trades with a sister openly says so itself, and that a register says more than the organisation shows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from contracts.context import Context, organisation_key
from contracts.errors import refuse
from contracts.fields import Address, Operation, OptionalLei, OrganisationId
from ledger.state.overlay import Reader, state_key

OWN, REGISTER = "own", "register"
SOURCES = (OWN, REGISTER)


class Affiliation(NamedTuple):
    """State value of an affiliation."""

    direct_parent: str
    """LEI, empty for none."""
    ultimate_parent: str
    """LEI, empty for none."""
    address: str
    """Registered address in one line, empty if it was not said."""
    day: int
    """Business day, days since 1970."""
    said_by: str


class AffiliationDeclare(Operation):
    """An organisation says whom it belongs to, and where it sits."""

    op: Literal["affiliation.declare"]
    direct_parent: OptionalLei = ""
    ultimate_parent: OptionalLei = ""
    address: Address = ""


class AffiliationRecord(Operation):
    """The operator or the regulator records what a register says of an organisation."""

    op: Literal["affiliation.record"]
    organisation: OrganisationId
    direct_parent: OptionalLei = ""
    ultimate_parent: OptionalLei = ""
    address: Address = ""


def affiliation_key(organisation: str, source: str) -> bytes:
    """State key of what one source says of an organisation; `source` is one of `SOURCES`."""
    return state_key("affiliation", organisation, source)


def read_affiliation(state: Reader, organisation: str, source: str) -> Affiliation | None:
    """What one source says of an organisation, if it said anything."""
    value = state.get(affiliation_key(organisation, source))
    return None if value is None else Affiliation._make(value)


def declare(context: Context, operation: AffiliationDeclare) -> None:
    """Said by the organisation itself."""
    _write(context, context.actor, OWN, operation)


def record(context: Context, operation: AffiliationRecord) -> None:
    """Said by the operator or the regulator."""
    if context.get(organisation_key(operation.organisation)) is None:
        raise refuse(
            "unknown_organisation", "no such organisation", field="organisation", found=operation.organisation
        )
    _write(context, operation.organisation, REGISTER, operation)


def _write(
    context: Context, organisation: str, source: str, said: AffiliationDeclare | AffiliationRecord
) -> None:
    affiliation = Affiliation(
        said.direct_parent, said.ultimate_parent, said.address, context.day, context.actor
    )
    context.put(affiliation_key(organisation, source), tuple(affiliation))
