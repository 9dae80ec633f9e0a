"""What a relationship's history says about the next invoice: a few integers.

Read from the running aggregates of (supplier, buyer) in one currency, at one business date,
so the cost does not grow with the history, and anyone who holds the records recomputes them.

Three traps, and how they are met:

- *Survivors flatter.* An unpaid invoice past its due date counts at its current age. It is a
  lower bound, so it may raise the expected lateness and never lower it.
- *Invoices of one buyer are late together.* Trials are buyer-weeks, not invoices: a week in
  which something was paid, or in which something overdue fell due.
- *Early payments do not make up for late ones.* The weighted figure counts them as zero days;
  the signed one is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.pricing import formulae
from contracts.pricing.terms import ProgrammeTerms
from contracts.relationship import DEFAULT_DAYS, Aggregates
from ledger.money import divide_down


@dataclass(frozen=True, slots=True)
class Features:
    """The history of one relationship in one currency on one day.

    Lateness in centidays (hundredths of a day), shares in ppm, weeks as counts.
    """

    dbt_centidays: int
    """Amount-weighted days beyond terms of what was paid."""
    signed_dbt_centidays: int
    """The same with early payments as negative days."""
    weeks: int
    """Buyer-weeks with a payment."""
    overdue_dbt_centidays: int
    """Amount-weighted days beyond terms of what was paid and what is overdue, at its current age."""
    overdue_weeks: int
    """Buyer-weeks with a payment or with something overdue that fell due in them."""
    trials: int
    """Buyer-weeks that count for default: with a payment, or in default now."""
    defaults: int
    """Those of them paid or still open `DEFAULT_DAYS` after the due date."""
    mean_dilution_ppm: int
    peak_dilution_ppm: int

    @classmethod
    def of(cls, history: Aggregates, day: int) -> Features:
        """The features of a relationship's aggregates on a business date (days since 1970)."""
        overdue = [week for week in history.open if week[0] < day // 7 and week[2] > 0]
        amount = sum(week[2] for week in overdue)
        ages = [(day * week[2] - week[3], week[2]) for week in overdue]
        in_default = sum(1 for age_amount, due in ages if divide_down(age_amount, due) >= DEFAULT_DAYS)
        return cls(
            dbt_centidays=formulae.weighted_dbt(history.late_amount_days, history.paid),
            signed_dbt_centidays=formulae.weighted_dbt(history.signed_amount_days, history.paid),
            weeks=history.payment_weeks,
            overdue_dbt_centidays=formulae.weighted_dbt(
                history.late_amount_days + sum(age_amount for age_amount, _ in ages), history.paid + amount
            ),
            overdue_weeks=history.payment_weeks + len(overdue),
            trials=history.payment_weeks + in_default,
            defaults=history.default_weeks + in_default,
            mean_dilution_ppm=history.mean_dilution_ppm,
            peak_dilution_ppm=history.peak_dilution_ppm,
        )

    def expected_lateness(self, terms: ProgrammeTerms) -> int:
        """Shrunk days beyond terms in centidays: of the payments, or worse if what is overdue says so."""
        paid = formulae.shrunk_dbt(
            self.dbt_centidays, self.weeks, terms.prior_dbt_centidays, terms.shrink_count
        )
        overdue = formulae.shrunk_dbt(
            self.overdue_dbt_centidays, self.overdue_weeks, terms.prior_dbt_centidays, terms.shrink_count
        )
        return max(paid, overdue)

    def dilution_reserve(self, terms: ProgrammeTerms) -> int:
        """The dynamic dilution reserve in ppm, at least that of the programme's own assumptions."""
        mean = max(self.mean_dilution_ppm, terms.mean_dilution_ppm)
        peak = max(self.peak_dilution_ppm, terms.peak_dilution_ppm, mean)
        return formulae.dilution_reserve(mean, peak, terms.dilution_horizon_ppm)

    def probability_of_default(self, terms: ProgrammeTerms, tenor_days: int) -> int:
        """Probability in ppm that this invoice is not paid, on the programme's basis."""
        if terms.pd_basis == "annual":
            return formulae.pd_for_tenor(terms.pd_annual_ppm, tenor_days)
        return formulae.shrunk_pd(
            self.defaults, self.trials, terms.pd_prior_defaults, terms.pd_prior_survivals
        )
