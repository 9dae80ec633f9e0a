"""Every formula of supply-chain finance that the product uses, in exact integers.

Amounts are minor units, rates and shares ppm, lateness hundredths of a day, spans days. No
formula keeps a rounded intermediate unless its line says so: numerator and denominator are
carried whole and divided once.

| formula | function | rounds |
|---|---|---|
| days beyond terms, weighted, signed | `weighted_dbt` | half away |
| shrunk days beyond terms | `shrunk_dbt` | half away |
| tenor | `tenor` | days late up |
| dilution reserve | `dilution_reserve` | up |
| yield reserve | `yield_reserve` | up |
| advance rate | `advance_rate` | exact |
| advance and reserve | `advance_and_reserve` | advance down, reserve is the rest |
| discount, bank discount | `simple_discount` | up |
| true discount | `true_discount` | present value down |
| fee | `fee` | up |
| yield, simple and compounded | `simple_yield`, `compounded_yield` | half away |
| cash discount forgone (2/10 net 30) | `forgone_discount_yield` | half away |
| shrunk probability of default | `shrunk_pd` | half away |
| probability of default for the tenor | `pd_for_tenor` | half away |
| expected loss | `expected_loss` | up |
| floor rate | `floor_rate` | each part up |
| least discount, in parts | `charges` | running totals up |
| concentration | `concentration_excess` | cap down |
| its part of one advance | `excess_of_advance` | cap down |
| late credit note | `shortfall_absorbed`, `shortfall_restored` | restored advance down |
| indemnity | `indemnity` | down |
| premium | `premium` | up |
| provision matrix (IFRS 9) | `provision` | each bucket up |
| rate of a whole | `average_rate` | half away |

Sources: the running example in docs/pricing.md; rating-agency criteria for trade receivables (dynamic
dilution and yield reserve); Beta-binomial shrinkage; ISO 20022 day counts ACT/360 and ACT/365.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import gcd

from ledger.money import PPM, divide_down, divide_half_away, divide_up

CENTIDAYS = 100
"""Hundredths of a day in a day."""

MAX_YIELD_PPM = 10**12
"""Where a yearly yield stops being a figure: a million times the money a year."""

YEAR_DAYS = 365
"""Days of the year for yields and probabilities; a discount names its own day count."""


def weighted_dbt(weighted_days: int, amount: int) -> int:
    """Days beyond terms in centidays: Σ amount x days / Σ amount; 0 without any amount.

    `weighted_days` is Σ amount x max(0, days late) for the usual figure, Σ amount x days late
    for the signed one.
    """
    if amount <= 0:
        return 0
    return divide_half_away(weighted_days * CENTIDAYS, amount)


def shrunk_dbt(observed: int, count: int, prior: int, weight: int) -> int:
    """(k·μ + n·x̄) / (k + n) in centidays: a short history is drawn towards the prior."""
    if weight + count <= 0:
        return prior
    return divide_half_away(weight * prior + count * observed, weight + count)


def tenor(days_to_due: int, late: int) -> int:
    """Days until payment is expected: to the due date, and the expected lateness rounded up."""
    return days_to_due + divide_up(max(0, late), CENTIDAYS)


def dilution_reserve(mean: int, peak: int, horizon: int) -> int:
    """[2·ED + (DS - ED)·DS/ED]·DHR in ppm: mean ED > 0, peak DS, horizon ratio DHR, all ppm."""
    assert mean > 0
    return divide_up((2 * mean * mean + (peak - mean) * peak) * horizon, mean * PPM)


def yield_reserve(rate: int, days: int, day_count: int) -> int:
    """The discount of the tenor as a share, ppm: what the lender earns must fit beside the advance."""
    return divide_up(rate * days, day_count)


def advance_rate(most: int, dilution: int, loss: int, carry: int) -> int:
    """min(most, 1 - dilution - loss - yield) in ppm, and never below zero."""
    return max(0, min(most, PPM - dilution - loss - carry))


def advance_and_reserve(net: int, rate: int) -> tuple[int, int]:
    """(advance rounded down, the rest): they add up to the net (invariant 6)."""
    advance = divide_down(net * rate, PPM)
    return advance, net - advance


def simple_discount(amount: int, rate: int, days: int, day_count: int) -> int:
    """amount·r·days/year, up: on the advance, or on the net as bank discount."""
    return divide_up(amount * rate * days, PPM * day_count)


def true_discount(net: int, rate: int, days: int, day_count: int) -> int:
    """net - down(net / (1 + r·days/year)): the present value is rounded down."""
    whole = PPM * day_count
    return net - divide_down(net * whole, whole + rate * days)


def fee(net: int, rate: int) -> int:
    """Once, on the net, up."""
    return divide_up(net * rate, PPM)


def simple_yield(charges: int, paid_out: int, days: int) -> int:
    """charges / paid out · 365 / days in ppm a year, at most `MAX_YIELD_PPM`: what the money costs."""
    if paid_out <= 0 or days <= 0:
        return 0
    return min(MAX_YIELD_PPM, divide_half_away(charges * YEAR_DAYS * PPM, paid_out * days))


def compounded_yield(charges: int, paid_out: int, days: int) -> int:
    """(1 + charges / paid out)^(365 / days) - 1 in ppm a year.

    The power is taken exactly: the integer root of order days/g of the ratio to the power
    365/g, with g their greatest divisor, at 12 digits.
    """
    if paid_out <= 0 or days <= 0:
        return 0
    divisor = gcd(YEAR_DAYS, days)
    power, order = YEAR_DAYS // divisor, days // divisor
    scale = 10**12
    grown = integer_root(scale**order * (paid_out + charges) ** power // paid_out**power, order)
    return divide_half_away((grown - scale) * PPM, scale)


def integer_root(number: int, order: int) -> int:
    """The largest r with r^order ≤ number, by Newton's method from above."""
    assert number >= 0
    assert order >= 1
    if number < 2 or order == 1:
        return number
    guess = 1 << -(-number.bit_length() // order)
    while True:
        better = ((order - 1) * guess + number // guess ** (order - 1)) // order
        if better >= guess:
            return guess
        guess = better


def forgone_discount_yield(discount_ppm: int, days_gained: int) -> int:
    """Yearly cost in ppm of not taking a cash discount: d/(1 - d)·365/days; 2/10 net 30 gains 20."""
    return divide_half_away(discount_ppm * YEAR_DAYS * PPM, (PPM - discount_ppm) * days_gained)


def shrunk_pd(defaults: int, trials: int, prior_defaults: int, prior_survivals: int) -> int:
    """Mean of the Beta posterior in ppm; a trial is a cluster that defaults together, a buyer-week."""
    return divide_half_away((prior_defaults + defaults) * PPM, prior_defaults + prior_survivals + trials)


def pd_for_tenor(annual: int, days: int) -> int:
    """An annual probability scaled by the tenor, ppm. Not for a share of invoices that reached 90 days."""
    return min(PPM, divide_half_away(annual * days, YEAR_DAYS))


def expected_loss(exposure: int, pd: int, lgd: int) -> int:
    """exposure·PD·LGD, up."""
    return divide_up(exposure * pd * lgd, PPM * PPM)


def floor_rate(
    funding: int, pd_annual: int, lgd: int, operating: int, capital: int, capital_return: int
) -> int:
    """Least rate a year in ppm: funding + PD·LGD + operating cost + capital·return asked on it."""
    return funding + divide_up(pd_annual * lgd, PPM) + operating + divide_up(capital * capital_return, PPM)


def charges(parts: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Minor units of exact amounts, (numerator, denominator > 0) each, in order.

    Each running total is rounded up, and a part is what it adds to the one before: so the parts add up to the
    whole rounded up once, and none is below zero if its amount is not.
    """
    rounded, numerator, denominator = [0], 0, 1
    for upper, lower in parts:
        numerator, denominator = numerator * lower + upper * denominator, denominator * lower
        rounded.append(divide_up(numerator, denominator))
    return tuple([after - before for before, after in pairwise(rounded)])


def excess_of_advance(exposure: int, advance: int, book: int, cap: int) -> int:
    """The part of a new advance that lies beyond an obligor's share of a book, minor units.

    `exposure` is what the obligor owes already, `book` all balances with the new advance in them, `cap` the
    share in ppm: `concentration_excess` of that obligor, as far as this advance makes it.
    """
    most = divide_down(book * cap, PPM)
    return min(advance, max(0, exposure + advance - most))


def concentration_excess(balances: Sequence[int], cap: int) -> tuple[int, ...]:
    """What of each obligor's balance passes its cap, a share in ppm of all balances."""
    most = divide_down(sum(balances) * cap, PPM)
    return tuple(max(0, balance - most) for balance in balances)


def shortfall_absorbed(reserve: int, credit: int) -> int:
    """Demand on the supplier after a late credit note when the reserve takes it first."""
    return max(0, credit - reserve)


def shortfall_restored(advance: int, net: int, credit: int, rate: int) -> int:
    """Demand on the supplier after a late credit note when the advance rate is restored."""
    restored, _ = advance_and_reserve(max(0, net - credit), rate)
    return max(0, advance - restored)


def indemnity(loss: int, limit: int, deductible: int, insured: int) -> int:
    """(min(loss, limit) - deductible)·insured share, down (invariant 20)."""
    return divide_down(max(0, min(loss, limit) - deductible) * insured, PPM)


def premium(limit: int, pd_annual: int, days: int, insured: int, lgd: int, loading: int) -> int:
    """limit·PD·days/365·insured·LGD / (1 - loading), up once; loading below one."""
    return divide_up(limit * pd_annual * days * insured * lgd, PPM * PPM * YEAR_DAYS * (PPM - loading))


def provision(buckets: Sequence[tuple[int, int]]) -> int:
    """Σ amount·rate over (amount, loss rate ppm) of the ageing buckets, each up (IFRS 9 B5.5.35)."""
    return sum(divide_up(amount * rate, PPM) for amount, rate in buckets)


def average_rate(parts: Sequence[tuple[int, int]]) -> int:
    """Rate in ppm of the whole of (amount, rate ppm), half away."""
    whole = sum(amount for amount, _ in parts)
    return divide_half_away(sum(amount * rate for amount, rate in parts), whole) if whole else 0
