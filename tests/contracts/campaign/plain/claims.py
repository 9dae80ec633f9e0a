"""A lender's claim on a receivable: what is the lender's of it, what the supplier's, and who gets what.

    lender's principal + supplier's reserve + insurer's part - shortfall
        = what the buyer has not paid, written off or not

The insurer's part is what it has paid to lender and supplier for the buyer, and has not had back. A shortfall
is what the buyer owes no longer and the lender still has out: the supplier answers for it. It is never more
than the principal.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaign.plain.arithmetic import MILLION, interest, portions


@dataclass
class Part:
    """One lender's part; minor units."""

    lender: str
    programme: str
    advance: int
    left: int = 0
    """Of the principal, once it was paid out."""


@dataclass
class Claim:
    """Reserved by an offer, then paid for. Amounts in minor units, days since 1970."""

    parts: list[Part]
    currency: str
    reserve: int
    """The supplier's, once the buyer has paid."""
    paid_out: int
    rate_ppm: int
    year_days: int
    tenor_days: int
    expires: int
    advance_rate_ppm: int = MILLION
    restores: bool = False
    is_pledge: bool = False
    recourse_days: int = 0
    default_days: int = 90
    costs_limit: int = 0
    is_arrangement: bool = False
    is_accepted: bool = False
    is_paid: bool = False
    is_given_up: bool = False
    """Written off: it counts against no limit."""
    is_replaced: bool = False
    demand: str = ""
    """Number of the lender's demand on the supplier, while it stands."""
    resale: str = ""
    """Number of its holder's offer to another lender, while it stands."""
    interest_from: int = 0
    interest_due: int = 0
    costs_charged: int = 0
    costs_due: int = 0
    short: int = 0
    collected: int = 0
    repaid: int = 0
    indemnified: int = 0
    """Principal that the supplier's insurer has paid."""
    insurers: int = 0
    """What the buyer owes to that insurer; the supplier takes it in for it."""

    @property
    def advance(self) -> int:
        """What the lenders have bought it for, before discount and fee."""
        return sum(part.advance for part in self.parts)

    @property
    def principal(self) -> int:
        """What the lenders still have out."""
        return sum(part.left for part in self.parts)

    @property
    def agent(self) -> str:
        """The lender with the largest part acts for all; of equals the first."""
        return max(self.parts, key=lambda part: part.advance).lender

    def pay_out(self, day: int) -> None:
        """The supplier has its money, the lenders the title."""
        self.is_paid, self.interest_from = True, day + self.tenor_days
        for part in self.parts:
            part.left = part.advance

    def interest_on(self, day: int) -> int:
        """Overdue interest that is due: simple, on the principal, from the day when payment was expected."""
        days = max(0, day - self.interest_from)
        return self.interest_due + interest(self.principal, self.rate_ppm, days, self.year_days)

    def among_lenders(self, amount: int) -> list[tuple[str, int]]:
        """Who of the lenders gets what: by what is left to each, and once nothing is, by their advances."""
        weights = [part.left for part in self.parts]
        if not any(weights):
            weights = [part.advance for part in self.parts]
        names = [part.lender for part in self.parts]
        return list(zip(names, portions(amount, weights), strict=True))

    def _less(self, amount: int) -> list[tuple[str, int]]:
        """The lenders have so much less out; what of it is whose."""
        shares = self.among_lenders(amount)
        for part, (_, share) in zip(self.parts, shares, strict=True):
            part.left -= share
            assert part.left >= 0, "a lender has got more than it had out"
        return shares

    def collect(self, supplier: str, amount: int, day: int) -> list[tuple[str, int]]:
        """The buyer pays: costs, overdue interest, principal, reserve, in this order; who gets what.

        Costs and interest are the supplier's to bear, so that they come out of its reserve.
        """
        costs = min(amount, self.costs_due, self.reserve)
        due = self.interest_on(day)
        overdue = min(amount - costs, due, self.reserve - costs)
        principal = min(amount - costs - overdue, self.principal)
        rest = amount - costs - overdue - principal
        shares = [(self.agent, costs), *self.among_lenders(overdue), *self._less(principal), (supplier, rest)]
        self.costs_due -= costs
        self.interest_due = due - overdue
        self.interest_from = max(self.interest_from, day)
        self.collected += principal
        self.reserve -= costs + overdue + rest
        self._set_off()
        assert self.reserve >= 0, "the supplier's part was paid twice"
        return shares

    def indemnify(self, to_lender: int, to_supplier: int, day: int) -> None:
        """The supplier's insurer pays both: it stands in for so much of what the buyer owes."""
        self._accrue(day)
        self._less(to_lender)
        self.indemnified += to_lender
        self.reserve -= to_supplier
        self.insurers = to_lender + to_supplier
        self._set_off()
        assert self.reserve >= 0, "the supplier was paid more than its part"

    def _set_off(self) -> None:
        """What the buyer has paid after all, the supplier owes no longer: its reserve falls instead."""
        over = max(0, self.short - self.principal)
        self.short, self.reserve = self.short - over, self.reserve - over

    def bear(self, less: int, owed: int) -> None:
        """The buyer owes so much less, `owed` from now on: the reserve takes it, as the programme said."""
        short = max(0, less - self.reserve)
        if self.restores:
            out, most = self.principal - self.short, owed * self.advance_rate_ppm // MILLION
            short = min(less, max(short, out - most))
        self.reserve -= less - short
        self.short += short

    def whole_on(self, day: int) -> int:
        """What repays all of it on a day: costs, overdue interest, principal."""
        return self.costs_due + self.interest_on(day) + self.principal

    def repay(self, day: int) -> list[tuple[str, int]]:
        """The supplier repays all of it; who gets what."""
        costs, due, principal = self.costs_due, self.interest_on(day), self.principal
        shares = [(self.agent, costs), *self.among_lenders(due), *self._less(principal)]
        self.repaid += principal
        self.costs_due = self.interest_due = self.short = 0
        return shares

    def _accrue(self, day: int) -> None:
        """Interest of the days so far is due, before the principal changes."""
        self.interest_due = self.interest_on(day)
        self.interest_from = max(self.interest_from, day)

    def make_up(self, day: int) -> list[tuple[str, int]]:
        """The supplier pays what is short; who gets what."""
        self._accrue(day)
        amount, self.short = self.short, 0
        self.repaid += amount
        return self._less(amount)
