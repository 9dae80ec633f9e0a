"""Trade relationships, as the API shows them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api.forms import View


class RelationshipView(View):
    """How much two parties have traded; the history file proves it."""

    supplier: str
    buyer: str
    records: int
    head: str
    business_date: str
    currencies: dict[str, dict[str, Any]] = Field(description="running sums by currency")


class PartnershipView(View):
    """A relationship that a party has."""

    since: str
    supplier: str
    buyer: str


class RelationshipsView(View):
    """The relationships of a party, oldest first; its history file proves the list complete."""

    party: str
    relationships: list[PartnershipView]
