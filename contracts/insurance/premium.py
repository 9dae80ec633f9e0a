"""The premium of a policy: a price from the ledger's own loss experience, which any reader recomputes.

For each buyer: up(limit · PD · days/365 · insured share · LGD / (1 - loading)). The probability of default is

- *annual*: the insurer's assumption for a year, scaled by the tenor; or
- *history*: the share of buyer-weeks that defaulted, shrunk towards the insurer's prior and never scaled,
  since it is a frequency and not a yearly rate. Of the relationships that a cover names the worst counts: a
  buyer's invoices default together, so that good payments elsewhere do not thin out bad ones.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.fields import Part
from contracts.pricing import formulae
from contracts.pricing.features import Features
from contracts.pricing.terms import Count, Days, Ppm
from contracts.trade.relationship import read_sums
from ledger.money import PPM
from ledger.state.overlay import Reader


class PremiumTerms(Part):
    """What an insurer assumes, beside what the ledger knows."""

    pd_basis: Literal["annual", "history"] = Field(
        "history",
        description="annual: pd_annual_ppm scaled by the tenor; history: share of buyer-weeks that "
        "defaulted, shrunk towards the Beta prior, not scaled",
    )
    pd_annual_ppm: Ppm = Field(12_000, description="probability of default of a buyer in a year; ppm")
    pd_prior_defaults: Count = Field(3, description="alpha of the Beta prior, buyer-weeks")
    pd_prior_survivals: Count = Field(247, ge=1, description="beta of the Beta prior, buyer-weeks")
    tenor_days: Days = Field(62, description="days for which a limit is in use, at an annual probability")
    lgd_ppm: Ppm = Field(600_000, description="loss given default, share of the limit; ppm")
    loading_ppm: Ppm = Field(350_000, lt=PPM, description="insurer's costs and margin in the premium; ppm")


class Experience(NamedTuple):
    """The history of one supplier with a buyer, in one currency, on one day."""

    supplier: str
    trials: int
    """Buyer-weeks with a payment, or in default now."""
    defaults: int
    """Those of them paid or still open 90 days after the due date."""
    overdue: int
    """Confirmed, unpaid and past due; minor units."""


class Priced(NamedTuple):
    """The premium of one buyer's limit, and what it comes from."""

    buyer: str
    limit: int
    pd_ppm: int
    """Annual, or that of the worst relationship."""
    premium: int
    """Minor units."""
    experience: tuple[Experience, ...]

    def reason(self, terms: PremiumTerms) -> str:
        """Why it is that, in a sentence."""
        if terms.pd_basis == "annual":
            return f"assumed {self.pd_ppm} ppm a year, {terms.tenor_days} days"
        worst = max(self.experience, key=lambda found: _probability(terms, found))
        return (
            f"{worst.defaults} of {worst.trials} buyer-weeks of {worst.supplier} defaulted, "
            f"prior {terms.pd_prior_defaults} of {terms.pd_prior_defaults + terms.pd_prior_survivals}: "
            f"{self.pd_ppm} ppm"
        )


def experience(state: Reader, supplier: str, buyer: str, currency: str, day: int) -> Experience:
    """What the ledger knows of a buyer's payments to a supplier; nothing is known of strangers."""
    sums = read_sums(state, supplier, buyer, currency)
    features = Features.of(sums, day)
    return Experience(supplier, features.trials, features.defaults, sums.overdue(day)[1])


def _probability(terms: PremiumTerms, found: Experience) -> int:
    return formulae.shrunk_pd(found.defaults, found.trials, terms.pd_prior_defaults, terms.pd_prior_survivals)


def price(
    terms: PremiumTerms, buyer: str, limit: int, insured_ppm: int, found: tuple[Experience, ...]
) -> Priced:
    """The premium of one buyer's limit, minor units: a pure function of its arguments."""
    if terms.pd_basis == "annual":
        pd_ppm, days = terms.pd_annual_ppm, terms.tenor_days
    else:
        pd_ppm, days = max(_probability(terms, each) for each in found), formulae.YEAR_DAYS
    premium = formulae.premium(limit, pd_ppm, days, insured_ppm, terms.lgd_ppm, terms.loading_ppm)
    return Priced(buyer, limit, pd_ppm, premium, found)
