"""Eligibility: which invoices a programme takes, and how much of them, besides what the price asks.

A programme's `Rules` are read once into `Facts`; each rule is one function of the two and the advance, and
refuses with a code of its own, naming what was found and what was expected. What a price depends on (obligors
with their limits, tenor, backdating, currency) is checked by `contracts.pricing.price`.

| rule | code |
|---|---|
| `suppliers` | `supplier_not_accepted` |
| `goods_receipt` | `goods_receipt_missing` |
| `smallest`, `largest` | `invoice_too_small`, `invoice_too_large` |
| `policy` | `not_insured`, `insured_limit` |
| `programme_limit` | `programme_limit` |
| `supplier_limit` | `supplier_limit` |
| `obligor_share_ppm`, `supplier_share_ppm` | `obligor_concentration`, `supplier_concentration` |

A share is of what the programme has out in all, this advance included, and of at least `share_base`: a
programme that has bought nothing yet could otherwise not buy its first invoice. Later repayments of others
may raise a share over its cap; that stops new finance and breaks no law. Limits are laws (invariant 13).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator

from contracts import invariants
from contracts.context import business_day
from contracts.errors import refuse
from contracts.fields import Number, OrganisationId, Part, PositiveAmount, read_part
from contracts.finance.usage import ALL, OBLIGOR, SUPPLIER, Use, read_use
from contracts.insurance.policy import Cover, Policy, read_cover, read_policy
from contracts.pricing.terms import MAX_OBLIGOR_LIMITS, Name, Ppm
from contracts.trade.invoice import Invoice
from ledger import codec
from ledger.errors import Refusal
from ledger.limits import MAX_NAME_BYTES, MAX_STATE_VALUE_BYTES
from ledger.money import PPM, Money, Rate, divide_down
from ledger.state.overlay import Reader

MAX_SUPPLIERS = 256
"""Suppliers that one programme may name."""

_MOST_LIMIT_BYTES = MAX_NAME_BYTES + 30
assert MAX_SUPPLIERS * (MAX_NAME_BYTES + 2) + MAX_OBLIGOR_LIMITS * _MOST_LIMIT_BYTES + 4_096 < (
    MAX_STATE_VALUE_BYTES
), "a programme with all its limits and suppliers is one state value"


class InsurancePolicy(Part):
    """A policy that must cover what the programme buys."""

    insurer: OrganisationId
    policy: Number = Field(description="number of the policy, as the insurer writes it")


class Rules(Part):
    """What a programme takes; amounts in minor units of its currency, shares in ppm. Unset: everything."""

    suppliers: tuple[Name, ...] = Field(
        (),
        max_length=MAX_SUPPLIERS,
        description="accepted suppliers, ascending by id, none twice; none: every supplier of the ledger",
    )
    programme_limit: PositiveAmount | None = Field(
        None, description="advances outstanding and reserved in all, at most; minor units; none: no limit"
    )
    supplier_limit: PositiveAmount | None = Field(
        None, description="the same for each supplier; minor units; none: no limit"
    )
    obligor_share_ppm: Ppm = Field(
        PPM, description="share of one obligor in what the programme has out, at most; ppm"
    )
    supplier_share_ppm: Ppm = Field(
        PPM, description="share of one supplier in what the programme has out, at most; ppm"
    )
    share_base: PositiveAmount | None = Field(
        None, description="shares are of at least this amount; minor units; none: of what is out"
    )
    smallest: PositiveAmount | None = Field(
        None, description="outstanding on an invoice, at least; minor units; none: any"
    )
    largest: PositiveAmount | None = Field(
        None, description="outstanding on an invoice, at most; minor units; none: any"
    )
    goods_receipt: bool = Field(
        False, description="whether the invoice must bill an order, of goods that the buyer has received"
    )
    policy: InsurancePolicy | None = Field(
        None, description="policy of the lender or the supplier that must cover the buyer; none: not needed"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.suppliers)):
            raise ValueError("suppliers must be ascending, none twice")
        if self.smallest and self.largest and self.smallest > self.largest:
            raise ValueError("smallest must not pass largest")
        return self

    def to_value(self) -> dict[str, Any]:
        """The map of every field, none left to a default: the same in state and operation."""
        return self.model_dump()

    @classmethod
    def from_value(cls, value: codec.Value) -> Rules:
        """Read what `to_value` wrote.

        Raises:
            Malformed: code `programme_rules`, with the first field that is wrong.
        """
        return read_part(cls, value, "programme rules", code="programme_rules")


class Facts(NamedTuple):
    """What the rules are asked about; amounts in minor units."""

    supplier: str
    obligor: str
    outstanding: int
    currency: str
    """Of all amounts."""
    is_received: bool
    """Whether the invoice bills an order: what is billed was accepted then (invariant 7)."""
    drawn: Use
    """What the programme has out in all."""
    drawn_on_obligor: Use
    drawn_for_supplier: Use
    insured: int
    """Limit of the programme's policy for this obligor and supplier; 0 if there is no cover, or no policy."""


def read_facts(state: Reader, place: tuple[str, str], rules: Rules, supplier: str, invoice: Invoice) -> Facts:
    """The facts of an invoice under the programme at `place` (lender, programme)."""
    lender, programme = place
    currency, obligor = invoice.currency, invoice.buyer
    return Facts(
        supplier=supplier,
        obligor=obligor,
        outstanding=invoice.outstanding,
        currency=currency,
        is_received=bool(invoice.order),
        drawn=read_use(state, programme, currency, ALL),
        drawn_on_obligor=read_use(state, programme, currency, OBLIGOR, obligor),
        drawn_for_supplier=read_use(state, programme, currency, SUPPLIER, supplier),
        insured=_insured(state, rules, (lender, supplier), invoice),
    )


def _insured(state: Reader, rules: Rules, assured: tuple[str, str], invoice: Invoice) -> int:
    """The policy's limit for an invoice, minor units; `assured` is (lender, supplier).

    The least limit of today and of the day of issue, both days under cover; an issue that the ledger was told
    later falls under what had changed by then. Which goods were shipped when is asked at a claim
    (`contracts.insurance.coverage`).
    """
    if rules.policy is None:
        return 0
    place = (rules.policy.insurer, rules.policy.policy)
    policy, cover = read_policy(state, *place), read_cover(state, *place, invoice.buyer)
    if policy is None or cover is None:
        return 0
    return _limit(policy, cover, assured, invoice, business_day(state))


def _limit(policy: Policy, cover: Cover, assured: tuple[str, str], invoice: Invoice, day: int) -> int:
    lender, supplier = assured
    pays_lender = policy.assured == lender or (policy.assured, policy.loss_payee) == (supplier, lender)
    days = ((invoice.issue_day, invoice.recorded), (day, day))
    if (
        not pays_lender
        or policy.currency != invoice.currency
        or supplier not in cover.suppliers
        or not all(policy.covers_shipment_on(*each) for each in days)
    ):
        return 0
    return min(cover.least_limit(*each) for each in days)


# what an invoice must be


def supplier_is_accepted(rules: Rules, facts: Facts) -> None:
    """Its supplier is one of the programme's."""
    if rules.suppliers and facts.supplier not in rules.suppliers:
        raise refuse(
            "supplier_not_accepted",
            "the programme does not take this supplier",
            field="supplier",
            found=facts.supplier,
            expected=f"one of its {len(rules.suppliers)} suppliers",
        )


def goods_are_received(rules: Rules, facts: Facts) -> None:
    """It bills goods that the buyer has received."""
    if rules.goods_receipt and not facts.is_received:
        raise refuse(
            "goods_receipt_missing",
            "no order with a receipt of goods stands behind it",
            field="invoice",
            found="an invoice without an order",
            expected="an invoice that bills an order",
        )


def size_fits(rules: Rules, facts: Facts) -> None:
    """It is neither too small nor too large."""
    if rules.smallest and facts.outstanding < rules.smallest:
        raise refuse(
            "invoice_too_small",
            "less than the programme's smallest invoice",
            field="invoice",
            found=Money(facts.outstanding, facts.currency),
            expected=f"at least {Money(rules.smallest, facts.currency)}",
        )
    if rules.largest and facts.outstanding > rules.largest:
        raise refuse(
            "invoice_too_large",
            "more than the programme's largest invoice",
            field="invoice",
            found=Money(facts.outstanding, facts.currency),
            expected=f"at most {Money(rules.largest, facts.currency)}",
        )


def is_insured(rules: Rules, facts: Facts) -> None:
    """The programme's policy covers the buyer."""
    if rules.policy is not None and not facts.insured:
        raise refuse(
            "not_insured",
            "the programme's policy does not cover it",
            field="policy",
            found=f"{facts.obligor}, billed by {facts.supplier}",
            expected=f"cover by policy {rules.policy.policy} of {rules.policy.insurer} since its issue",
        )


# what a programme may have out


def _passes(drawn: Use, advance: int, limit: int | None) -> bool:
    return limit is not None and drawn.total + advance > limit


def _against(facts: Facts, drawn: Use, advance: int, limit: int | None) -> dict[str, Any]:
    """Field, found and expected of a limit that would be passed."""
    found = f"drawn {Money(drawn.total, facts.currency)} and advance {Money(advance, facts.currency)}"
    return {"field": "limit", "found": found, "expected": f"at most {Money(limit or 0, facts.currency)}"}


def in_programme_limit(rules: Rules, facts: Facts, advance: int) -> None:
    """All advances fit the programme's limit."""
    asked = (facts.drawn, advance, rules.programme_limit)
    if _passes(*asked):
        raise refuse("programme_limit", "the programme's limit would be passed", **_against(facts, *asked))


def in_supplier_limit(rules: Rules, facts: Facts, advance: int) -> None:
    """The supplier's advances fit its limit."""
    asked = (facts.drawn_for_supplier, advance, rules.supplier_limit)
    if _passes(*asked):
        raise refuse(
            "supplier_limit",
            "the limit for this supplier would be passed",
            **_against(facts, *asked),
        )


def in_insured_limit(rules: Rules, facts: Facts, advance: int) -> None:
    """What is out on the buyer is insured."""
    asked = (facts.drawn_on_obligor, advance, facts.insured if rules.policy is not None else None)
    if _passes(*asked):
        raise refuse("insured_limit", "more than is insured of this buyer", **_against(facts, *asked))


def _whole(rules: Rules, facts: Facts, advance: int) -> int:
    """What a share is a share of, this advance included."""
    return max(facts.drawn.total + advance, rules.share_base or 0)


def _share(facts: Facts, part: int, whole: int, cap_ppm: int) -> dict[str, Any]:
    """Field, found and expected of a share that would pass its cap."""
    share = Rate(divide_down(part * PPM, whole))
    found = f"{Money(part, facts.currency)} of {Money(whole, facts.currency)}, {share}"
    return {"field": "limit", "found": found, "expected": f"at most {Rate(cap_ppm)}"}


def in_obligor_share(rules: Rules, facts: Facts, advance: int) -> None:
    """The obligor's part of what is out is within its cap."""
    part, whole, cap_ppm = (
        facts.drawn_on_obligor.total + advance,
        _whole(rules, facts, advance),
        rules.obligor_share_ppm,
    )
    if part * PPM > cap_ppm * whole:
        raise refuse(
            "obligor_concentration", "too much on one obligor", **_share(facts, part, whole, cap_ppm)
        )


def in_supplier_share(rules: Rules, facts: Facts, advance: int) -> None:
    """The supplier's part of what is out is within its cap."""
    part, whole, cap_ppm = (
        facts.drawn_for_supplier.total + advance,
        _whole(rules, facts, advance),
        rules.supplier_share_ppm,
    )
    if part * PPM > cap_ppm * whole:
        raise refuse(
            "supplier_concentration",
            "too much for one supplier",
            **_share(facts, part, whole, cap_ppm),
        )


OF_INVOICE: tuple[Callable[[Rules, Facts], None], ...] = (
    supplier_is_accepted,
    goods_are_received,
    size_fits,
    is_insured,
)
OF_ADVANCE: tuple[Callable[[Rules, Facts, int], None], ...] = (
    in_programme_limit,
    in_supplier_limit,
    in_insured_limit,
    in_obligor_share,
    in_supplier_share,
)
"""The rules in the order in which they are asked; the first that does not hold refuses."""


def check_invoice(rules: Rules, facts: Facts) -> None:
    """Refuse an invoice that the programme does not take, whatever the amount."""
    for rule in OF_INVOICE:
        rule(rules, facts)


def takes(rules: Rules, facts: Facts) -> bool:
    """Whether the programme takes the invoice, whatever the amount."""
    try:
        check_invoice(rules, facts)
    except Refusal:
        return False
    return True


def check(rules: Rules, facts: Facts, advance: int) -> None:
    """Refuse an advance of so many minor units that the programme's rules do not let through."""
    check_invoice(rules, facts)
    for rule in OF_ADVANCE:
        rule(rules, facts, advance)


def room(rules: Rules, facts: Facts, wanted: int) -> int:
    """The largest advance of at most `wanted` that `OF_ADVANCE` lets through, minor units."""
    most = wanted
    for limit, drawn in (
        (rules.programme_limit, facts.drawn),
        (rules.supplier_limit, facts.drawn_for_supplier),
        (facts.insured if rules.policy is not None else None, facts.drawn_on_obligor),
    ):
        if limit is not None:
            most = min(most, limit - drawn.total)
    for cap_ppm, drawn in (
        (rules.obligor_share_ppm, facts.drawn_on_obligor),
        (rules.supplier_share_ppm, facts.drawn_for_supplier),
    ):
        whole = (facts.drawn.total, rules.share_base or 0)
        most = min(most, share_room(drawn.total, cap_ppm, whole, most))
    return max(0, most)


def share_room(part: int, cap_ppm: int, whole: tuple[int, int], wanted: int) -> int:
    """How much of `wanted` a part may grow by within its cap: the whole grows with it. Minor units.

    `whole` is (drawn in all, least base). part + x ≤ cap · max(total + x, base) holds if it holds for one of
    the two, so the larger of both solutions is the answer.
    """
    if cap_ppm == PPM:
        return wanted
    total, base = whole
    fixed = divide_down(cap_ppm * base, PPM) - part
    growing = divide_down(cap_ppm * total - part * PPM, PPM - cap_ppm)
    return max(0, min(wanted, max(fixed, growing)))


def within_limits(state: Reader, programme: str, rules: Rules, owed: tuple[str, str]) -> None:
    """Invariant 13 of a programme, once a reservation is written; `owed` is (supplier, currency)."""
    supplier, currency = owed
    for limit, scope, name in ((rules.programme_limit, ALL, ""), (rules.supplier_limit, SUPPLIER, supplier)):
        if limit is not None:
            invariants.within_limit(*read_use(state, programme, currency, scope, name), limit)
