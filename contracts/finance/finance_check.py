"""The numbered invariants of finance over a whole state: what programmes have out, and what nobody is owed.

`state_check` runs them with those of trade and cash. Each function names its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from contracts import invariants
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, Share, shares_of
from contracts.finance.eligibility import Rules
from contracts.finance.programme import Programme
from contracts.finance.request import ANSWER, DECLINED, LIFE, OPEN, REFUSED, Request
from contracts.finance.usage import ALL, NOTHING, SUPPLIER, Use, scopes
from contracts.reverse_factoring.approval import Approval
from contracts.reverse_factoring.pool import POOL
from contracts.trade.invoice import CONFIRMED, HELD, RESERVED, Invoice
from contracts.trade.trade_check import Kinds


def _parts(kinds: Kinds) -> Iterable[tuple[str, Lien, Share, Use]]:
    """(supplier, claim, lender's part of it, what counts against limits) of every standing claim."""
    for (supplier, _), value in kinds["lien"].items():
        lien = Lien._make(value)
        for share in shares_of(lien):
            if lien.title == RESERVED:
                yield supplier, lien, share, Use(share.part, 0)
            else:
                yield supplier, lien, share, Use(0, 0 if lien.written_off else share.left)


def uses_follow_claims(kinds: Kinds) -> None:
    """13: what a programme has out, in all, by obligor and by supplier, is the sum of its claims."""
    sums: dict[tuple[str, ...], Use] = defaultdict(lambda: NOTHING)
    for supplier, lien, share, drawn in _parts(kinds):
        for scope in scopes(supplier, lien.buyer):
            key = (share.programme, lien.currency, *scope)
            sums[key] = Use(sums[key].reserved + drawn.reserved, sums[key].funded + drawn.funded)
    found = {key: Use._make(value) for key, value in kinds["use"].items()}
    if found != {key: use for key, use in sums.items() if use != NOTHING}:
        raise InvariantBroken(13, "what programmes have out is not the sum of their claims")


def programmes_keep_their_limits(kinds: Kinds) -> None:
    """13: a programme's own limits hold wherever its newest revision has let a claim through.

    A lender may lower a limit below what is out. Once it has reserved under the new one, that one held, and
    what is out only falls until the next reservation.
    """
    for supplier, lien, share, _ in _parts(kinds):
        published = kinds["programme"].get((share.programme,))
        if published is None or Programme._make(published).revision != lien.revision:
            continue
        rules = Rules.from_value(Programme._make(published).rules)
        for limit, scope in (
            (rules.programme_limit, (ALL, "")),
            (rules.supplier_limit, (SUPPLIER, supplier)),
        ):
            drawn = Use._make(kinds["use"].get((share.programme, lien.currency, *scope), NOTHING))
            if limit is not None:
                invariants.within_limit(*drawn, limit)


def unapplied_is_kept(kinds: Kinds) -> None:
    """21: what buyers have paid beyond what they owed is on the suppliers' accounts, until it goes back."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for (supplier, number), amount in kinds["unapplied"].items():
        if amount <= 0:
            raise InvariantBroken(21, f"{supplier} {number}: {amount} unapplied")
        sums[supplier, Invoice._make(kinds["invoice"][supplier, number]).currency] += amount
    found = {
        (party, currency): balance
        for (party, account, currency), balance in kinds["journal"].items()
        if account == "unapplied" and balance
    }
    if found != sums:
        raise InvariantBroken(21, "what is unapplied is not on the suppliers' accounts")


def undertakings_stand(kinds: Kinds) -> None:
    """1, 18: an approved invoice is undisputed; while a funder holds it, it owes all that was undertaken."""
    for (supplier, number), value in kinds["approved"].items():
        approved = Approval._make(value)
        invoice = Invoice._make(kinds["invoice"][supplier, number])
        if not invoice.is_live:
            continue
        if invoice.validity != CONFIRMED or invoice.contested:
            raise InvariantBroken(1, f"{supplier} {number} is approved and disputed")
        if invoice.title not in HELD:
            continue
        if invoice.gross - invoice.credited != approved.net or invoice.offset != approved.offset:
            raise InvariantBroken(1, f"{supplier} {number}: less than was undertaken is owed to its holder")
        if not approved.due_day <= invoice.due_day <= approved.extend_until:
            raise InvariantBroken(1, f"{supplier} {number} is put off further than its approval lets it")


def arrangements_are_approved(kinds: Kinds) -> None:
    """6: a claim of a supplier finance arrangement is the whole of an approved invoice, without a reserve."""
    for (supplier, number), value in kinds["lien"].items():
        lien = Lien._make(value)
        if not lien.arrangement:
            continue
        if (supplier, number) not in kinds["approved"] or lien.shares or lien.pledges:
            raise InvariantBroken(6, f"{supplier} {number}: an arrangement without the buyer's approval")
        if lien.reserve or lien.advance != lien.net or lien.shortfall:
            raise InvariantBroken(6, f"{supplier} {number}: an arrangement buys the whole")


def money_set_aside_has_its_programme(kinds: Kinds) -> None:
    """14: what a funder has set aside for automatic payments is for a programme of its own."""
    for kind, lender, programme in kinds["hold"]:
        if kind != POOL:
            continue
        published = kinds["programme"].get((programme,))
        if published is None or Programme._make(published).lender != lender:
            raise InvariantBroken(14, f"money of {lender} set aside for no programme of its own")


def requests_are_answered(kinds: Kinds) -> None:
    """15: one request is open on an invoice; each programme that was asked has one answer, no other has."""
    asked, running = set(), {}
    for (supplier, number), value in kinds["request"].items():
        found = Request._make(value)
        answers = [kinds["answer"].get((supplier, number, programme)) for programme in found.programmes]
        asked |= {(supplier, number, programme) for programme in found.programmes}
        declined = sum(answer is not None and answer[0] == DECLINED for answer in answers)
        if None in answers or declined != found.declined:
            raise InvariantBroken(
                15, f"request {supplier} {number}: answers are not {found.declined} times no"
            )
        if (found.declined == len(found.programmes)) != (found.status == REFUSED):
            raise InvariantBroken(15, f"request {supplier} {number} is over by no without everybody's no")
        if found.status == OPEN:
            running[supplier, found.invoice] = number
    open_requests = sum(Request._make(value).status == OPEN for value in kinds["request"].values())
    if running != kinds["requested"] or len(running) != open_requests:
        raise InvariantBroken(15, "an invoice has two open requests, or an unknown one")
    if kinds["answer"].keys() != asked:
        raise InvariantBroken(15, "an answer to nothing")


def requests_follow_their_tables(was: Kinds, now: Kinds) -> None:
    """15: requests and answers stay, or move along their tables."""
    for kind, cycle in (("request", LIFE), ("answer", ANSWER)):
        for key, value in was[kind].items():
            if key not in now[kind]:
                raise InvariantBroken(15, f"{kind} {key} is gone")
            invariants.stays_if_terminal(cycle, value[0], now[kind][key][0])


CHECKS: tuple[Callable[[Kinds], None], ...] = (
    uses_follow_claims,
    programmes_keep_their_limits,
    unapplied_is_kept,
    undertakings_stand,
    arrangements_are_approved,
    money_set_aside_has_its_programme,
    requests_are_answered,
)
