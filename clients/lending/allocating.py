"""From what could be bought to a plan for a budget.

The plan is found by `clients.lending.optimum` and checked by `contracts.holdings.allocation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clients.lending.optimum import Optimum, optimum
from clients.lending.prospects import Prospects
from contracts.holdings import allocation
from contracts.holdings.allocation import Constraint, Held, Mandate, Opportunity
from contracts.market import prospect
from contracts.market.prospect import Suited
from ledger.dates import iso_from_day
from ledger.money import PPM, divide_down


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan for a budget, with what it was chosen from and under which rules."""

    currency: str
    day: int
    height: int
    mandate: Mandate
    suited: tuple[Suited, ...]
    """What could be chosen."""
    rules: tuple[Constraint, ...]
    best: Optimum
    left_out: tuple[tuple[str, str, str, str, str], ...]
    """(programme, supplier, invoice, code, reason) of what could not be chosen at all."""

    @property
    def opportunities(self) -> tuple[Opportunity, ...]:
        """What could be chosen, as the plan sees it."""
        return tuple(one.opportunity for one in self.suited)

    @property
    def chosen(self) -> list[tuple[Opportunity, int]]:
        """What the plan buys, and how much of it."""
        return [
            (one, amount) for one, amount in zip(self.opportunities, self.best.plan, strict=True) if amount
        ]

    def as_dict(self) -> dict[str, Any]:
        """The plan for JSON: amounts in minor units, rates in ppm a year."""
        plan = self.best.plan
        return {
            "currency": self.currency,
            "business_date": iso_from_day(self.day),
            "height": self.height,
            "mandate": self.mandate._asdict(),
            "considered": len(self.opportunities) + len(self.left_out),
            "method": self.best.method,
            "checked": True,
            "cash": allocation.cash(self.opportunities, plan),
            "amount": sum(plan),
            "expected_loss": sum(one.loss_of(amount) for one, amount in self.chosen),
            "net_yield_ppm": allocation.net_yield(self.opportunities, plan),
            "income": divide_down(self.best.income, PPM),
            "greedy": divide_down(self.best.greedy, PPM),
            "bound": -divide_down(-self.best.bound, PPM),
            "gap_ppm": self.best.gap_ppm,
            "chosen": [
                opportunity_view(one) | {"amount": amount, "cash": one.cash_for(amount)}
                for one, amount in self.chosen
            ],
            "not_chosen": [
                opportunity_view(one)
                for one, amount in zip(self.opportunities, plan, strict=True)
                if not amount
            ],
            "left_out": [
                dict(zip(("programme", "supplier", "invoice", "code", "reason"), entry, strict=True))
                for entry in self.left_out
            ],
            "constraints": [
                {
                    "kind": rule.kind,
                    "subject": rule.subject or None,
                    "used": allocation.used(rule, self.opportunities, plan),
                    "room": rule.room,
                }
                for rule in self.rules
                if rule.kind != allocation.RECEIVABLE
            ],
        }


def opportunity_view(one: Opportunity) -> dict[str, Any]:
    """An opportunity for JSON."""
    return {
        "programme": one.programme,
        "supplier": one.supplier,
        "invoice": one.invoice,
        "obligor": one.obligor,
        "amount": one.most,
        "cash": one.cash,
        "net_yield_ppm": one.net_yield_ppm,
        "expected_loss": one.expected_loss,
        "tenor_days": one.tenor_days,
    }


_UNSUITABLE = {
    "tenor_too_long": "payment is expected later than the mandate allows",
    "ticket_too_small": "smaller than the smallest ticket",
    "yield_too_low": "yields less after expected loss than the mandate asks",
}


def allocate_budget(
    found: Prospects, currency: str, mandate: Mandate, held: Held, *, seconds: float
) -> Allocation:
    """The best plan for a mandate; `held` is what counts under its caps already."""
    left_out = [(one.programme, one.supplier, one.invoice, one.code, one.reason) for one in found.unsuited]
    chosen: list[Suited] = []
    for suited in found.suited:
        code = allocation.unsuitable(suited.opportunity, mandate)
        if code is None:
            chosen.append(suited)
        else:
            left_out.append((*suited.opportunity[:3], code, _UNSUITABLE[code]))
    opportunities = tuple(suited.opportunity for suited in chosen)
    rules = (
        *allocation.constraints(opportunities, mandate, held, prospect.rooms(chosen)),
        *prospect.programme_rules(chosen),
    )
    best = optimum(opportunities, rules, seconds=seconds)
    return Allocation(
        currency,
        found.day,
        found.height,
        mandate,
        tuple(chosen),
        rules,
        best,
        tuple(left_out),
    )
