"""The terms of a lender's programme: everything that a price depends on besides history.

One strict model, used by the operation `programme.publish`, by the price, and by whoever
checks a quote offline. Every field names its unit. The three conventions that change an
amount and are often left unsaid are spelled out: `discount_basis`, `day_count` and
`credit_note_rule`.

The defaults of the risk fields are those of the running example in docs/pricing.md.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from operator import attrgetter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from contracts.fields import MAX_TERM_DAYS, Part, read_part
from ledger import codec
from ledger.identifiers import NAME_PATTERN
from ledger.limits import MAX_NAME_BYTES
from ledger.money import CURRENCIES, MAX_AMOUNT, PPM

MAX_OBLIGOR_LIMITS = 256
"""Obligors that one programme may name."""

MAX_TENOR_DAYS = MAX_TERM_DAYS

Ppm = Annotated[int, Field(strict=True, ge=0, le=PPM)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
Days = Annotated[int, Field(strict=True, ge=0, le=MAX_TENOR_DAYS)]
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Name = Annotated[str, Field(strict=True, pattern=NAME_PATTERN, max_length=MAX_NAME_BYTES)]


class ObligorLimit(Part):
    """How much the lender is willing to have advanced against one buyer's invoices."""

    obligor: Name = Field(description="organisation id of the buyer that owes")
    limit: Amount = Field(description="advances outstanding and reserved, at most; minor units")


_obligor_of = attrgetter("obligor")


class ProgrammeTerms(Part):
    """What a lender offers, in numbers; rates are ppm, amounts minor units of `currency`."""

    currency: str = Field(description="ISO 4217 code of every amount here and of eligible invoices")
    limits: tuple[ObligorLimit, ...] = Field(
        min_length=1,
        max_length=MAX_OBLIGOR_LIMITS,
        description="eligible obligors, ascending by id, none twice",
    )

    max_advance_rate_ppm: Ppm = Field(850_000, description="share of the net paid in advance, at most; ppm")
    loss_reserve_ppm: Ppm = Field(20_000, description="share of the net held back for credit losses; ppm")

    discount_rate_ppm: Ppm = Field(description="discount rate a year; ppm")
    day_count: Literal[360, 365] = Field(
        360, description="days of a year for the discount: ACT/360 or ACT/365"
    )
    discount_basis: Literal["advance", "bank", "true"] = Field(
        "advance",
        description="advance: on the advance, a reserve is held; bank: full purchase, no reserve, simple "
        "discount on the net; true: full purchase, no reserve, net less its present value",
    )
    fee_ppm: Ppm = Field(description="fee, once, on the net; ppm")
    credit_note_rule: Literal["absorb", "restore"] = Field(
        "absorb",
        description="a credit note after funding: absorb: the reserve takes it first; "
        "restore: the advance rate is restored",
    )

    security: Literal["assignment", "pledge"] = Field(
        "assignment",
        description="assignment: the receivable is sold; "
        "pledge: it secures an advance and stays the supplier's",
    )
    recourse_days: Days = Field(
        0, description="days past due from which the supplier answers for the buyer's credit; 0: never"
    )
    default_days: int = Field(
        90, ge=1, le=MAX_TENOR_DAYS, description="days past due from which a default may be declared"
    )
    costs_ppm: Ppm = Field(0, description="costs of collection, share of the net bought, at most; ppm")

    lateness_basis: Literal["model", "history"] = Field(
        "model",
        description="model: days beyond terms by the model in force, or by shrinkage from the prior over "
        "network and buyer to the relationship; history: the relationship's amount-weighted ones, shrunk "
        "towards the prior",
    )
    shrink_count: Count = Field(20, description="weight k of the prior lateness, in paid invoices")
    prior_dbt_centidays: int = Field(
        400, ge=0, le=36_500, description="prior days beyond terms; hundredths of a day"
    )
    min_tenor_days: Days = Field(5, description="days to the due date, at least")
    accept_backdated: bool = Field(
        False, description="whether invoices flagged as backdated are taken (invariant 16)"
    )
    max_tenor_days: Days = Field(180, description="days until payment is expected, at most")

    mean_dilution_ppm: Ppm = Field(5_000, gt=0, description="mean dilution assumed, at least; ppm")
    peak_dilution_ppm: Ppm = Field(10_000, description="peak dilution assumed, at least; ppm")
    dilution_horizon_ppm: int = Field(
        1_200_000, ge=0, le=10 * PPM, description="dilution horizon ratio; ppm (1,200,000 is 1.2)"
    )

    pd_basis: Literal["annual", "history"] = Field(
        "annual",
        description="annual: pd_annual_ppm scaled by the tenor; history: share of buyer-weeks that "
        "defaulted, shrunk towards the Beta prior, not scaled",
    )
    pd_annual_ppm: Ppm = Field(12_000, description="probability of default of an obligor in a year; ppm")
    pd_prior_defaults: Count = Field(3, description="alpha of the Beta prior, buyer-weeks")
    pd_prior_survivals: Count = Field(247, ge=1, description="beta of the Beta prior, buyer-weeks")
    lgd_ppm: Ppm = Field(450_000, description="loss given default, share of the advance; ppm")

    funding_rate_ppm: Ppm = Field(45_000, description="lender's cost of funds a year; ppm")
    operating_rate_ppm: Ppm = Field(4_000, description="lender's operating cost a year; ppm")
    capital_ratio_ppm: Ppm = Field(80_000, description="capital held against the advance; ppm")
    capital_return_ppm: Ppm = Field(120_000, description="return asked on that capital a year; ppm")

    insured_ppm: Ppm = Field(
        0, description="share of a loss that credit insurance bears: its premium is charged; 0: none; ppm"
    )
    insurance_lgd_ppm: Ppm = Field(
        600_000, description="loss given default that the insurer reckons with; ppm"
    )
    insurance_loading_ppm: Ppm = Field(
        350_000, lt=PPM, description="insurer's costs and margin in the premium; ppm"
    )

    concentration_cap_ppm: Ppm = Field(
        PPM,
        description="share of what the programme has out that an obligor may have without add-on; ppm",
    )
    concentration_rate_ppm: Ppm = Field(
        0, description="add-on a year on the part of an advance beyond that share; ppm"
    )

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in CURRENCIES:
            raise ValueError("an ISO 4217 code in capitals, such as EUR")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        obligors = [limit.obligor for limit in self.limits]
        if any(later <= earlier for earlier, later in pairwise(obligors)):
            raise ValueError("limits must be ascending by obligor, none twice")
        if self.min_tenor_days > self.max_tenor_days:
            raise ValueError("min_tenor_days must not pass max_tenor_days")
        if self.peak_dilution_ppm < self.mean_dilution_ppm:
            raise ValueError("peak_dilution_ppm must be at least mean_dilution_ppm")
        return self

    def limit_of(self, obligor: str) -> int | None:
        """The limit for an obligor in minor units; None if the programme does not take it."""
        place = bisect_left(self.limits, obligor, key=_obligor_of)
        if place == len(self.limits) or self.limits[place].obligor != obligor:
            return None
        return self.limits[place].limit

    def to_value(self) -> dict[str, Any]:
        """The map of every field, none left to a default: the same in state, quote and operation."""
        return self.model_dump()

    @classmethod
    def from_value(cls, value: codec.Value) -> ProgrammeTerms:
        """Read what `to_value` wrote.

        Raises:
            Malformed: code `programme_terms`, with the first field that is wrong.
        """
        return read_part(cls, value, "programme terms", code="programme_terms")
