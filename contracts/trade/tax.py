"""VAT as an invoice states it: by category and rate (EN 16931, BG-23); `totals` says how it adds up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.fields import Part, SignedAmount
from ledger.money import PPM

MAX_TAX_PARTS = 20
"""VAT categories and rates of one invoice."""

TAX_CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O", "L", "M")
"""UNCL 5305 as EN 16931 restricts it."""

TaxCategory = Annotated[
    str,
    Field(
        max_length=2,
        pattern=f"^({'|'.join(TAX_CATEGORIES)})?$",
        description="VAT category: S standard, Z zero, E exempt, AE reverse charge, K intra-community, "
        "G export, O outside, L Canaries, M Ceuta and Melilla; empty where no categories are given",
    ),
]
TaxRate = Annotated[int, Field(ge=0, le=PPM, description="VAT rate; parts per million")]

TaxTotal = tuple[str, int, int, int]
"""(category, rate in ppm, taxable amount, tax) of one VAT category, in minor units."""


class TaxPart(Part):
    """VAT of one category and rate (EN 16931, BG-23)."""

    category: TaxCategory
    rate_ppm: TaxRate
    adjustment: SignedAmount = Field(
        0, description="charges less allowances of the document in this category; minor units"
    )
    amount: SignedAmount = Field(description="VAT of the category (BT-117); minor units")
