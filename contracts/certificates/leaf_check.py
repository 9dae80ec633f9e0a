"""The numbered invariants of receivable certificates over a whole state.

`state_check` runs them with those of trade, finance and cash. Each function names its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from contracts import invariants
from contracts.cash.bank import CERTIFICATE_REFUND, LEAF_MATURITY, LEAF_REPAYMENT, LEAF_SALE, BankEntry
from contracts.certificates.certificate import is_as_drawn_on, subject
from contracts.certificates.leaf import (
    DISHONOURED,
    EXPIRING,
    ISSUED,
    OFFERED,
    PLEDGED,
    REDEEMED,
    REDEEMED_LATE,
    SOLD,
    SPLIT,
    STATUS,
    VOID,
    WRITTEN_OFF,
    Leaf,
    Place,
    Promise,
    Totals,
    pledge_restores,
    tree_adds_up,
)
from contracts.errors import InvariantBroken
from contracts.trade.invoice import CERTIFICATED, Invoice
from contracts.trade.trade_check import Kinds

_PLEDGES = (PLEDGED, DISHONOURED, REDEEMED, REDEEMED_LATE, WRITTEN_OFF)
"""Where a lender with a pledge may stand on a leaf: after its end for the record."""


def _leaves(kinds: Kinds) -> dict[Place, Leaf]:
    return {Place(*key): Leaf._make(value) for key, value in kinds["leaf"].items()}


def trees_add_up(kinds: Kinds) -> None:
    """2, 25: per certificate live + redeemed + written off = its face, as promised."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for place, leaf in _leaves(kinds).items():
        parts = sums[place[:2]]
        for index, part in enumerate((leaf.live, leaf.redeemed, leaf.written_off, 1)):
            parts[index] += part
    if not kinds["certificate"].keys() == kinds["promise"].keys() == sums.keys():
        raise InvariantBroken(2, "leaves of no certificate, or promises without leaves")
    for key, value in kinds["certificate"].items():
        totals, promise = Totals._make(value[2]), Promise._make(kinds["promise"][key])
        tree_adds_up(totals)
        if sums[key] != list(totals[1:]):
            raise InvariantBroken(2, f"{key}: its leaves are not what its history adds up to")
        is_void = Leaf._make(kinds["leaf"][*key, 0]).status == VOID
        if totals.issued != (0 if is_void else promise.face):
            raise InvariantBroken(25, f"{key}: the face is not what was promised")


def pieces_add_up(kinds: Kinds) -> None:
    """3: exactly the leaves that were split have children, which add up to them."""
    pieces: dict[Place, list[int]] = defaultdict(list)
    found = _leaves(kinds)
    for place, leaf in found.items():
        if leaf.parent < 0:
            if place.leaf:
                raise InvariantBroken(3, f"{place} comes from nowhere")
            continue
        parent = place._replace(leaf=leaf.parent)
        pieces[parent].append(leaf.amount)
        if leaf.parent >= place.leaf or leaf.tier < found[parent].tier:
            raise InvariantBroken(3, f"{place} is older, or higher up, than what was split for it")
    for place, leaf in found.items():
        if (leaf.status == SPLIT) != (place in pieces):
            raise InvariantBroken(3, f"{place} is {STATUS.states[leaf.status]} and has children, or none")
        if place in pieces:
            invariants.pieces_add_up(leaf.amount, tuple(pieces[place]))


def certificates_stay_within_invoices(kinds: Kinds) -> None:
    """4, 9, 25: a Certificated invoice has one accepted certificate, of at most its net and for good."""
    drawn = {}
    for key, value in kinds["promise"].items():
        promise = Promise._make(value)
        if promise.invoice and Leaf._make(kinds["leaf"][*key, 0]).status not in (ISSUED, VOID):
            place = (promise.payee, promise.invoice)
            if place in drawn:
                raise InvariantBroken(4, f"{place} is drawn on twice")
            drawn[place] = key
            invoice = Invoice._make(kinds["invoice"][place])
            invariants.same_currency(promise.currency, invoice.currency)
            invariants.drawn_within_net(promise.face, invoice.net)
            if invoice.offset < promise.face:
                raise InvariantBroken(25, f"{place}: less than the face of its certificate is off it")
    certificated = {
        key for key, value in kinds["invoice"].items() if Invoice._make(value).title == CERTIFICATED
    }
    if drawn != {key: tuple(value) for key, value in kinds["drawn"].items()} or certificated != drawn.keys():
        raise InvariantBroken(4, "Certificated invoices are not those of accepted certificates")


def promises_stand_alone(kinds: Kinds) -> None:
    """5, 14: one certificate waits for its payee on an invoice, and it can be accepted."""
    promised = {}
    for key, value in kinds["promise"].items():
        promise, root = Promise._make(value), Leaf._make(kinds["leaf"][*key, 0])
        if not promise.invoice or root.status != ISSUED:
            continue
        place = (promise.payee, promise.invoice)
        promised[place] = key[1]
        if not is_as_drawn_on(promise, root, Invoice._make(kinds["invoice"][place])):
            raise InvariantBroken(14, f"{key} is promised in place of another invoice than there is")
    if promised != kinds["promised"]:
        raise InvariantBroken(5, "certificates that wait for their payees are not those on invoices")


def one_claim(kinds: Kinds) -> None:
    """5, 18: a leaf is offered or pledged to one party, as its state says; no offer outlives the cut-off."""
    for place, leaf in _leaves(kinds).items():
        if bool(leaf.offered_to) != (leaf.status in OFFERED):
            raise InvariantBroken(5, f"{place} is {STATUS.states[leaf.status]}, offered to {leaf.offered_to}")
        if bool(leaf.expires) != (leaf.status in EXPIRING):
            raise InvariantBroken(5, f"{place} is {STATUS.states[leaf.status]}, until {leaf.expires}")
        if bool(leaf.lender) > (leaf.status in _PLEDGES) or bool(leaf.lender) < (leaf.status == PLEDGED):
            raise InvariantBroken(5, f"{place}: a pledge of {leaf.lender} where none can be")
        promise = Promise._make(kinds["promise"][place[:2]])
        if leaf.expires >= promise.cut_off:
            raise InvariantBroken(18, f"{place} is offered beyond the cut-off")
        if leaf.tier > promise.highest_tier:
            raise InvariantBroken(5, f"{place} was passed on too often")


def leaves_move_with_cash(kinds: Kinds) -> None:
    """12: each sold or pledged leaf has the bank entry of its price."""
    for place, leaf in _leaves(kinds).items():
        if leaf.status not in (SOLD, PLEDGED) and not leaf.account:
            continue
        value = kinds["bank_entry"].get((leaf.account, leaf.entry))
        expected = (LEAF_SALE, *subject(place)[1:], Promise._make(kinds["promise"][place[:2]]).currency)
        if value is None or (*BankEntry._make(value)[1:6],) != (*expected, leaf.price):
            raise InvariantBroken(12, f"{place} moved without its cash")


def proceeds_add_up(kinds: Kinds) -> None:
    """11, 21: what obligors and lenders paid is what entries say, what holders got, and what is left over."""
    attested: dict[tuple[str, str], int] = defaultdict(int)
    paid: dict[tuple[str, str], int] = defaultdict(int)
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind in (LEAF_SALE, LEAF_REPAYMENT, LEAF_MATURITY, CERTIFICATE_REFUND):
            attested[entry.kind, entry.currency] += entry.amount
        if entry.kind in (LEAF_MATURITY, CERTIFICATE_REFUND):
            sign = 1 if entry.kind == LEAF_MATURITY else -1
            paid[entry.party, entry.document] += sign * entry.amount
    journal: dict[tuple[str, str], int] = defaultdict(int)
    for (_, account, currency), balance in kinds["journal"].items():
        journal[account, currency] += balance
    for currency in {key[1] for key in attested}:
        lent = attested[LEAF_SALE, currency] - attested[LEAF_REPAYMENT, currency]
        if (journal["leaves", currency], journal["leaf proceeds", currency]) != (-lent, lent):
            raise InvariantBroken(11, f"leaves changed hands for other than {lent} {currency}")
        if journal["promises", currency] != -attested[LEAF_MATURITY, currency]:
            raise InvariantBroken(11, f"obligors paid other than what was attested in {currency}")
        if journal["overpayments returned", currency] != attested[CERTIFICATE_REFUND, currency]:
            raise InvariantBroken(11, f"obligors got back other than what was attested in {currency}")
    over: dict[tuple[str, str], int] = defaultdict(int)
    for key, value in kinds["certificate"].items():
        rest = paid.pop(key, 0) - Totals._make(value[2]).redeemed
        if rest != kinds["overpaid"].get(key, 0) or rest < 0:
            raise InvariantBroken(21, f"{key}: {rest} of what was paid is neither redeemed nor gone back")
        over[key[0], Promise._make(kinds["promise"][key]).currency] += rest
    kept = {(key[0], key[2]): sum_ for key, sum_ in kinds["journal"].items() if key[1] == "overpaid" and sum_}
    if paid or 0 in kinds["overpaid"].values() or kept != {key: rest for key, rest in over.items() if rest}:
        raise InvariantBroken(21, "what was paid beyond the face is on no account")


def at_stake(kinds: Kinds) -> Iterable[tuple[str, str, str, int]]:
    """13: (lender, obligor, currency, minor units) of each leaf that counts in a lender's exposure."""
    for place, leaf in _leaves(kinds).items():
        lender, amount = leaf.at_stake
        if amount:
            yield lender, place.obligor, Promise._make(kinds["promise"][place[:2]]).currency, amount


def promised(kinds: Kinds) -> Iterable[tuple[str, str, str, int]]:
    """22: (payee, obligor, currency, minor units) of each accepted certificate that is still to be paid."""
    for key, value in kinds["certificate"].items():
        live = Totals._make(value[2]).live
        if live and Leaf._make(kinds["leaf"][*key, 0]).status != ISSUED:
            promise = Promise._make(kinds["promise"][key])
            yield promise.payee, key[0], promise.currency, live


def offers(kinds: Kinds) -> dict[tuple[str, ...], int]:
    """14: what of leaves must be scheduled to expire, with its last day."""
    return {subject(place): leaf.expires for place, leaf in _leaves(kinds).items() if leaf.status in EXPIRING}


def leaves_follow_their_table(before: Kinds, after: Kinds) -> None:
    """15, 25: a leaf stays or moves along its table, its amount never changes, nor does a promise."""
    for key, value in before["promise"].items():
        if after["promise"].get(key) != value:
            raise InvariantBroken(25, f"the promise {key} has changed")
    for key, value in before["leaf"].items():
        if key not in after["leaf"]:
            raise InvariantBroken(15, f"leaf {key} is gone")
        was, now = Leaf._make(value), Leaf._make(after["leaf"][key])
        invariants.stays_if_terminal(STATUS, was.status, now.status)
        if (was.amount, was.parent) != (now.amount, now.parent):
            raise InvariantBroken(25, f"the amount of leaf {key} has changed")
        if was.status == PLEDGED and now.status not in (PLEDGED, DISHONOURED, REDEEMED):
            pledge_restores(was, now)


CHECKS = (
    trees_add_up,
    pieces_add_up,
    certificates_stay_within_invoices,
    promises_stand_alone,
    one_claim,
    leaves_move_with_cash,
    proceeds_add_up,
)
