"""What a relationship's history says about the next invoice: a few integers.

Read from the running aggregates of (supplier, buyer) in one currency, at one business date,
so the cost does not grow with the history, and anyone who holds the records recomputes them.

Three traps, and how they are met:

- *Survivors flatter.* An unpaid invoice past its due date counts at its current age. That age is
  a lower bound, so it may raise the expected lateness and never lower it: what is overdue is taken
  in from the oldest on, and the worst figure on the way is kept.
- *Invoices of one buyer default together.* A trial for default is a buyer-week, not an invoice.
- *Early payments do not make up for late ones.* The weighted figure counts them as zero days.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.pricing import formulae
from contracts.pricing.terms import ProgrammeTerms
from contracts.trade.relationship_sums import DEFAULT_DAYS, Aggregates
from ledger.money import divide_down


@dataclass(frozen=True, slots=True)
class Features:
    """The history of one relationship in one currency on one day.

    Lateness in centidays (hundredths of a day), shares in ppm, weeks as counts.
    """

    dbt_centidays: int
    """Amount-weighted days beyond terms of what was paid."""
    settled_invoices: int
    """How many invoices that figure stands on."""
    overdue: tuple[tuple[int, int], ...]
    """(invoices, days beyond terms) with what is overdue taken in, week by week from the oldest on."""
    trials: int
    """Buyer-weeks that count for default: with a payment, or in default now."""
    defaults: int
    """Those of them paid or still open `DEFAULT_DAYS` after the due date."""
    mean_dilution_ppm: int
    peak_dilution_ppm: int

    @classmethod
    def of(cls, history: Aggregates, day: int) -> Features:
        """The features of a relationship's aggregates on a business date (days since 1970)."""
        invoices, amount = history.settled_invoices, history.paid + history.written_off
        amount_days = history.late_amount_days
        worsening = []
        in_default = 0
        for week, count, due, due_days in history.open:
            if week >= day // 7 or due <= 0:
                continue
            age_amount = day * due - due_days
            in_default += divide_down(age_amount, due) >= DEFAULT_DAYS
            invoices, amount, amount_days = invoices + count, amount + due, amount_days + age_amount
            worsening.append((invoices, formulae.weighted_dbt(amount_days, amount)))
        return cls(
            dbt_centidays=formulae.weighted_dbt(history.late_amount_days, history.paid + history.written_off),
            settled_invoices=history.settled_invoices,
            overdue=tuple(worsening),
            trials=history.payment_weeks + in_default,
            defaults=history.default_weeks + in_default,
            mean_dilution_ppm=history.mean_dilution_ppm,
            peak_dilution_ppm=history.peak_dilution_ppm,
        )

    def expected_lateness(self, terms: ProgrammeTerms) -> int:
        """Shrunk days beyond terms in centidays: of the payments, or worse if what is overdue says so."""
        evidence = ((self.settled_invoices, self.dbt_centidays), *self.overdue)
        return max(
            formulae.shrunk_dbt(observed, count, terms.prior_dbt_centidays, terms.shrink_count)
            for count, observed in evidence
        )

    def settled_lateness(self, terms: ProgrammeTerms) -> int:
        """Shrunk days beyond terms in centidays, of what was paid alone."""
        return formulae.shrunk_dbt(
            self.dbt_centidays, self.settled_invoices, terms.prior_dbt_centidays, terms.shrink_count
        )

    def overdue_adds(self, terms: ProgrammeTerms) -> int:
        """Centidays by which what is overdue now raises the expected lateness; never below zero."""
        return self.expected_lateness(terms) - self.settled_lateness(terms)

    def dilution_reserve(self, terms: ProgrammeTerms) -> int:
        """The dynamic dilution reserve in ppm, and at least that of the programme's own assumptions.

        The assumed mean also stands under the observed one: the formula divides by it, so one credit
        note in a long clean history would otherwise stop all finance.
        """
        mean = max(self.mean_dilution_ppm, terms.mean_dilution_ppm)
        peak = max(self.peak_dilution_ppm, terms.peak_dilution_ppm, mean)
        return max(
            formulae.dilution_reserve(mean, peak, terms.dilution_horizon_ppm),
            formulae.dilution_reserve(
                terms.mean_dilution_ppm, terms.peak_dilution_ppm, terms.dilution_horizon_ppm
            ),
        )

    def probability_of_default(self, terms: ProgrammeTerms, tenor_days: int) -> int:
        """Probability in ppm that this invoice is not paid, on the programme's basis."""
        if terms.pd_basis == "annual":
            return formulae.pd_for_tenor(terms.pd_annual_ppm, tenor_days)
        return formulae.shrunk_pd(
            self.defaults, self.trials, terms.pd_prior_defaults, terms.pd_prior_survivals
        )
