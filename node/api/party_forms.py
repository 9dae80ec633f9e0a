"""Organisations and their keys, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class IdentifierView(View):
    """An identifier of an organisation outside of the ledger."""

    scheme: str
    value: str


class OrganisationView(View):
    """An organisation."""

    id: str
    name: str
    lei: str | None
    roles: list[str]
    identifiers: list[IdentifierView]
    active_keys: int


class OrganisationsView(View):
    """A page of organisations."""

    organisations: list[OrganisationView]
    next: str | None


class KeyView(View):
    """An enrolled key."""

    key: str
    organisation: str
    name: str
    enrolled_by: str
    enrolled: str | None = Field(description="business date of its enrolment; null for keys from the start")
    status: str = Field(description="Active or Revoked")


class KeysView(View):
    """A page of keys; it may hold fewer than its limit, or none, and still have a next one."""

    keys: list[KeyView]
    next: str | None
