"""Vintages: how claims fared that were bought in the same month, held against what their price expected.

Pure functions of a book's records and a business day; nothing here is on the ledger. Amounts are minor units
of one currency, lateness centidays, shares ppm, days since 1970.

| figure | is | rounds |
|---|---|---|
| expected days late | max(0, day on which the price expected payment - due date); by advance | half away |
| realised days late | max(0, day from which no principal was left - due date); by advance | half away |
| share late | claims realised after their due date / claims | half away |
| paid back | principal that anybody paid / advance, by days past the due date | half away |
| expected loss | advance · PD · LGD for the claim's tenor, by its programme's terms | up, each claim |
| realised loss | written off - recovered | exact |

The due date is the one at purchase, for which the price was made: what was put off later is late. Judged is
what fell due before the day, whether it is over or not: of claims due later only the quick ones are known.
What is still at risk counts at its age, and what was written off at its age then; both are lower bounds. A
tenor is in whole days, rounded up, so what is expected lies up to a day above the prediction behind it.

The share paid back at an age is over the claims that have reached it, weighted by their advance. What was
sold to another lender is neither judged nor aged: how it fared stands in that lender's book.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from contracts.holdings import book
from contracts.holdings.portfolio import Position, by_claim, positions
from contracts.pricing import Features, ProgrammeTerms, formulae
from ledger import codec
from ledger.dates import iso_from_day
from ledger.money import PPM, divide_half_away

AGES = (0, 7, 15, 30, 60, 90)
"""Days past the due date at which the share paid back is taken."""

_PAID_BACK = ("collect", "repay", "recover", "recoup", "indemnify")
"""Kinds of records whose principal somebody paid."""

LossOf = Callable[[Position], int | None]
"""Expected loss of a claim, minor units; None if it is not known."""


class Claim(NamedTuple):
    """A claim with what was paid back on it."""

    position: Position
    paid_back: tuple[tuple[int, int], ...]
    """(business day, principal)"""

    def paid_by(self, age: int) -> int:
        """Principal paid back up to so many days past the due date at purchase."""
        last = self.position.first_due_day + age
        return sum(amount for day, amount in self.paid_back if day <= last)


class Fared(NamedTuple):
    """What was expected of judged claims of one currency, and what came of it."""

    claims: int
    late: int
    """Claims whose principal was at risk after the due date."""
    open: int
    """Claims that are at risk still: they count at their age."""
    advanced: int
    expected_centidays: int
    realised_centidays: int
    expected_loss: int | None
    """None if it is not known of every one."""
    realised_loss: int

    @property
    def late_ppm(self) -> int:
        """Share of claims that were late."""
        return divide_half_away(self.late * PPM, self.claims) if self.claims else 0

    @property
    def ratio_ppm(self) -> int | None:
        """Days late, expected to realised; None if nothing was late."""
        if not self.realised_centidays:
            return None
        return divide_half_away(self.expected_centidays * PPM, self.realised_centidays)


class Aged(NamedTuple):
    """What of a vintage was paid back at one age."""

    age: int
    claims: int
    """That have reached it."""
    advanced: int
    paid: int

    @property
    def paid_ppm(self) -> int | None:
        """Share paid back; None if no claim has reached this age."""
        return divide_half_away(self.paid * PPM, self.advanced) if self.advanced else None


class Vintage(NamedTuple):
    """The claims of one currency that were bought in one month."""

    month: str
    """YYYY-MM"""
    claims: int
    kept: int
    """Those of them that were not sold to another lender."""
    advanced: int
    fared: Fared
    """Of those that are judged."""
    aged: tuple[Aged, ...]
    """One for each of `AGES`."""


def claims(records: Sequence[codec.Value]) -> tuple[Claim, ...]:
    """Every claim of a whole book with what was paid back on it, in the order of purchase."""
    paid_back = [
        tuple(
            [
                (record[0], book.details(record)["principal"])
                for record in claim
                if record[1] in _PAID_BACK and book.details(record)["principal"]
            ]
        )
        for claim in by_claim(records)
    ]
    return tuple([Claim(*pair) for pair in zip(positions(records), paid_back, strict=True)])


def expected_late(position: Position) -> int:
    """Days late that the price reckoned with."""
    return max(0, position.expected_day - position.first_due_day)


def is_judged(position: Position, day: int) -> bool:
    """Whether it fell due before a day, and not in another lender's hands."""
    return position.first_due_day < day and not position.sums.sold


def days_late(position: Position, day: int) -> int:
    """Days from the due date at purchase until no principal was left, up to a day; early ones negative."""
    return (position.cleared or day) - position.first_due_day


def foretold(held: Iterable[Position], day: int) -> list[tuple[int, bool]]:
    """(probability of late payment at purchase in ppm, was late) of judged claims that had one."""
    return [
        (position.late_ppm, days_late(position, day) > 0)
        for position in held
        if position.late_ppm is not None and is_judged(position, day)
    ]


def expected_loss(position: Position, terms: ProgrammeTerms, history: Features) -> int:
    """Expected loss of a claim by a programme's terms, for the tenor at which it was bought; minor units.

    `history` matters only where the terms take the probability of default from it.
    """
    pd_ppm = history.probability_of_default(terms, position.tenor_days)
    return formulae.expected_loss(position.sums.advanced, pd_ppm, terms.lgd_ppm)


def fared(held: Iterable[Position], day: int, loss_of: LossOf) -> Fared:
    """What judged claims of one currency did up to a day; those that are not judged are left out."""
    known = [position for position in held if is_judged(position, day)]
    advanced = sum(position.sums.advanced for position in known)
    losses = [loss_of(position) for position in known]
    priced = [loss for loss in losses if loss is not None]
    return Fared(
        claims=len(known),
        late=sum(days_late(position, day) > 0 for position in known),
        open=sum(not position.cleared for position in known),
        advanced=advanced,
        expected_centidays=_weighted(known, advanced, expected_late),
        realised_centidays=_weighted(known, advanced, lambda position: max(0, days_late(position, day))),
        expected_loss=sum(priced) if len(priced) == len(losses) else None,
        realised_loss=sum(position.sums.written_off - position.sums.recovered for position in known),
    )


def _weighted(known: Iterable[Position], advanced: int, days: Callable[[Position], int]) -> int:
    """Days weighted by the advance, centidays."""
    return formulae.weighted_dbt(sum(position.sums.advanced * days(position) for position in known), advanced)


def vintages(found: Iterable[Claim], day: int, loss_of: LossOf) -> tuple[Vintage, ...]:
    """Claims of one currency by their month of purchase, oldest first."""
    months: dict[str, list[Claim]] = defaultdict(list)
    for claim in found:
        months[iso_from_day(claim.position.bought)[: len("YYYY-MM")]].append(claim)
    return tuple([_vintage(month, months[month], day, loss_of) for month in sorted(months)])


def _vintage(month: str, members: Sequence[Claim], day: int, loss_of: LossOf) -> Vintage:
    held = [claim.position for claim in members]
    return Vintage(
        month,
        len(members),
        sum(not position.sums.sold for position in held),
        sum(position.sums.advanced for position in held),
        fared(held, day, loss_of),
        tuple([_aged(members, age, day) for age in AGES]),
    )


def _aged(members: Iterable[Claim], age: int, day: int) -> Aged:
    kept = [claim for claim in members if not claim.position.sums.sold]
    reached = [claim for claim in kept if claim.position.first_due_day + age <= day]
    return Aged(
        age,
        len(reached),
        sum(claim.position.sums.advanced for claim in reached),
        sum(claim.paid_by(age) for claim in reached),
    )
