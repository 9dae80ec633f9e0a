"""Prospects: a receivable as one programme of a lender sees it, and what the programme still has room for.

Pure functions of a state. Receivables are ranked by their net yield: a year's discount and fee less the
expected loss, on what is paid out. One that a programme does not buy is told with the code of its refusal.

The rooms of a programme become constraints of an allocation (`contracts.holdings.allocation`) that hold in
whatever order the offers are made: a share of what the programme has out counts the obligor's own growth
only, since all other growth makes it smaller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from contracts.errors import refuse
from contracts.finance import eligibility
from contracts.finance.eligibility import Facts, Rules
from contracts.finance.programme import read_programme
from contracts.holdings.allocation import Constraint, Opportunity, Room
from contracts.market.matching import in_days, percent
from contracts.pricing import ProgrammeTerms, QuoteInputs, QuoteTerms, formulae
from contracts.trade.invoice import read_invoice
from ledger.money import MAX_AMOUNT, PPM, divide_down
from ledger.state.overlay import Reader


def net_yield(terms: QuoteTerms) -> int:
    """A quote's yield after its expected loss, ppm a year on what is paid out; may be below zero."""
    income = terms.discount + terms.fee - terms.expected_loss
    return formulae.simple_yield(income, terms.paid_out, terms.tenor_days)


class Suited(NamedTuple):
    """A receivable that a programme would buy."""

    opportunity: Opportunity
    terms: QuoteTerms
    room: Room
    """The lender's limit for the obligor in this programme, and its exposure in all of them."""
    rules: Rules
    facts: Facts
    """What the programme has out already."""

    @property
    def reason(self) -> str:
        """Why it ranks where it does."""
        return (
            f"yields {percent(self.terms.yield_ppm)} for {in_days(self.terms.tenor_days)}; expected loss "
            f"{percent(divide_down(self.terms.expected_loss * PPM, self.terms.paid_out))} of what is paid out"
        )


class Unsuited(NamedTuple):
    """A receivable that a programme does not buy, and why."""

    programme: str
    supplier: str
    invoice: str
    code: str
    reason: str


def bought_as(
    inputs: QuoteInputs, lenders: ProgrammeTerms, terms: QuoteTerms, limits: tuple[Rules, Facts]
) -> Suited:
    """A receivable at its price, with the programme's terms and what its rules leave room for."""
    opportunity = Opportunity(
        programme=inputs.programme,
        supplier=inputs.supplier,
        invoice=inputs.invoice,
        obligor=inputs.buyer,
        most=terms.advance,
        least=terms.advance,
        cash=terms.paid_out,
        net_yield_ppm=net_yield(terms),
        expected_loss=terms.expected_loss,
        tenor_days=terms.tenor_days,
    )
    room = Room(lenders.limit_of(inputs.buyer) or 0, inputs.exposure)
    return Suited(opportunity, terms, room, *limits)


def limits_on(state: Reader, programme: str, supplier: str, number: str) -> tuple[Rules, Facts]:
    """A programme's own rules, and what it has out that counts against them for a receivable."""
    published, invoice = read_programme(state, programme), read_invoice(state, supplier, number)
    if published is None or invoice is None:
        raise refuse("unknown_invoice", "no such programme or invoice", field="invoice", found=number)
    rules = Rules.from_value(published.rules)
    place = (published.lender, programme)
    facts = eligibility.read_facts(state, place, rules, supplier, invoice)
    return rules, facts


def ranked(found: Iterable[Suited]) -> tuple[Suited, ...]:
    """By net yield, the highest first; then by name, so that the order of arrival decides nothing."""
    return tuple(sorted(found, key=lambda one: (-one.opportunity.net_yield_ppm, one.opportunity[:3])))


# what programmes have room for


def rooms(found: Iterable[Suited]) -> dict[tuple[str, str], Room]:
    """Limits and exposures by (programme, obligor), for `contracts.holdings.allocation.constraints`."""
    made: dict[tuple[str, str], Room] = {}
    for one in found:
        place = (one.opportunity.programme, one.opportunity.obligor)
        known = made.get(place, one.room)
        made[place] = Room(one.room.limit, max(known.exposure, one.room.exposure))
    return made


def in_order(found: Sequence[Suited], plan: Sequence[int]) -> tuple[Opportunity, ...]:
    """What a plan buys, in an order of offers in which each keeps its limit: smaller limits first.

    `plan` is how much it buys of each that was found, minor units.
    """
    bought = [one for one, amount in zip(found, plan, strict=True) if amount]
    bought.sort(key=lambda one: (one.room.limit, one.opportunity[:3]))
    return tuple(one.opportunity for one in bought)


def programme_rules(found: Sequence[Suited]) -> tuple[Constraint, ...]:
    """What each programme's own rules leave room for; members are places in `found`."""
    made: list[Constraint] = []
    for programme, members in _by(found, lambda one: one.opportunity.programme).items():
        limit = found[members[0]].rules.programme_limit
        if limit is not None:
            drawn = max(found[place].facts.drawn.total for place in members)
            made.append(Constraint("programme_limit", programme, max(0, limit - drawn), members))
    for (programme, supplier), members in _by(
        found, lambda one: (one.opportunity.programme, one.opportunity.supplier)
    ).items():
        room = min(_for_supplier(found[place].rules, found[place].facts) for place in members)
        if room < MAX_AMOUNT:
            made.append(Constraint("supplier_limit", f"{supplier} in {programme}", room, members))
    places = _by(found, lambda one: (one.opportunity.programme, one.opportunity.obligor))
    for (programme, obligor), members in places.items():
        room = min(_on_obligor(found[place].rules, found[place].facts) for place in members)
        if room < MAX_AMOUNT:
            made.append(Constraint("obligor_limit", f"{obligor} in {programme}", room, members))
    return tuple(made)


def _for_supplier(rules: Rules, facts: Facts) -> int:
    """What a programme may still advance to a supplier, whatever else it buys; minor units."""
    drawn = facts.drawn_for_supplier.total
    room = MAX_AMOUNT if rules.supplier_limit is None else rules.supplier_limit - drawn
    return max(0, min(room, _of_share(rules, facts, drawn, rules.supplier_share_ppm)))


def _on_obligor(rules: Rules, facts: Facts) -> int:
    """What a programme may still advance on an obligor, whatever else it buys; minor units."""
    drawn = facts.drawn_on_obligor.total
    room = MAX_AMOUNT if rules.policy is None else facts.insured - drawn
    return max(0, min(room, _of_share(rules, facts, drawn, rules.obligor_share_ppm)))


def _of_share(rules: Rules, facts: Facts, drawn: int, cap_ppm: int) -> int:
    whole = (facts.drawn.total, rules.share_base or 0)
    return eligibility.share_room(drawn, cap_ppm, whole, MAX_AMOUNT)


Key = TypeVar("Key", str, tuple[str, str])


def _by(found: Sequence[Suited], name: Callable[[Suited], Key]) -> dict[Key, tuple[int, ...]]:
    """Places by a name, in the order of the names."""
    members: dict[Key, list[int]] = defaultdict(list)
    for place, one in enumerate(found):
        members[name(one)].append(place)
    return {key: tuple(members[key]) for key in sorted(members)}
