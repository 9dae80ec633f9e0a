"""The numbered invariants over a whole state: what `invariants` checks at each change, everywhere.

    check_state(entries)        entries: (state key, value), all of them, in any order
    check_step(before, after)   two states with one operation between them

For tests after every step, and for whoever has a whole state at hand. Each function names its number.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from contracts import invariants
from contracts.cash import settlement
from contracts.cash.bank import (
    EXTENSION,
    HELD,
    MINT,
    PAYMENT,
    PAYOUT,
    REDEMPTION,
    REFUND,
    REPAYMENT,
    RETURN,
    BankEntry,
)
from contracts.cash.bank import RESALE as RESALE_PRICE
from contracts.cash.custody import Custody
from contracts.cash.deposit import DEBT, Hold
from contracts.cash.exchange import EXCHANGE, QUOTED, REQUESTED, Exchange
from contracts.cash.exchange import SETTLED as EXCHANGED
from contracts.cash.settlement import Settlement
from contracts.certificates import leaf_check
from contracts.errors import InvariantBroken
from contracts.finance import finance_check, resale_check
from contracts.finance.claim import (
    Lien,
    agent,
    claim_adds_up,
    paid_back_at_most_once,
    shares_of,
    title_moved_with_cash,
)
from contracts.finance.recourse import CONTESTED, DEMANDED, Recourse
from contracts.finance.request import OPEN, REQUEST, Request
from contracts.holdings import book_check
from contracts.insurance import insurance_check
from contracts.market import auction, early_payment, market_check
from contracts.market.auction import Auction
from contracts.market.early_payment import EarlyPayment
from contracts.trade import trade_check
from contracts.trade.invoice import (
    CERTIFICATED,
    CONFIRMED,
    FREE,
    RESERVED,
    Invoice,
    amounts_add_up,
    fingerprint,
)
from contracts.trade.invoice import HELD as HELD_TITLES
from contracts.trade.relationship_sums import Aggregates, of_currency
from contracts.trade.trade_check import Kinds
from ledger import codec


def by_kind(entries: Iterable[tuple[bytes, codec.Value]]) -> Kinds:
    """A state as maps by kind."""
    kinds: Kinds = defaultdict(dict)
    for key, value in entries:
        kind, *parts = codec.decode(key)
        kinds[kind][tuple(parts)] = value
    return kinds


def check_state(entries: Iterable[tuple[bytes, codec.Value]]) -> None:
    """Check every invariant that a state alone can show.

    Raises:
        InvariantBroken: the first that does not hold, with its number.
    """
    kinds = by_kind(entries)
    for check in CHECKS:
        check(kinds)


def check_step(
    before: Iterable[tuple[bytes, codec.Value]], after: Iterable[tuple[bytes, codec.Value]]
) -> None:
    """Check what only two states that follow each other show: invariant 15.

    Raises:
        InvariantBroken: a document vanished, or moved where its table has no arrow.
    """
    was, now = by_kind(before), by_kind(after)
    trade_check.follows_life_cycles(was, now)
    insurance_check.follows_life_cycles(was, now)
    leaf_check.leaves_follow_their_table(was, now)
    finance_check.requests_follow_their_tables(was, now)
    resale_check.offers_follow_their_table(was, now)


def _invoices(kinds: Kinds) -> Iterable[tuple[str, str, Invoice]]:
    for (supplier, number), value in kinds["invoice"].items():
        yield supplier, number, Invoice._make(value)


def invoices_add_up(kinds: Kinds) -> None:
    """1: gross = credited + paid + offset + written off + outstanding; what is void owes nothing."""
    for supplier, number, invoice in _invoices(kinds):
        amounts_add_up(invoice)
        if not invoice.is_live and invoice.outstanding:
            raise InvariantBroken(1, f"{supplier} {number} is void and owed")


def one_claim(kinds: Kinds) -> None:
    """5: a receivable has one claim exactly while its title is not Free."""
    for supplier, number, invoice in _invoices(kinds):
        value = kinds["lien"].get((supplier, number))
        invariants.one_claim(invoice.title in (FREE, CERTIFICATED), value)
        if value is not None and Lien._make(value).title != invoice.title:
            raise InvariantBroken(5, f"{supplier} {number}: title and claim name different states")
    for key in kinds["lien"]:
        if key not in kinds["invoice"]:
            raise InvariantBroken(5, f"claim on nothing: {key}")


def claims_add_up(kinds: Kinds) -> None:
    """6, 19: advance + reserve = net bought; after funding the parts are what is owed, and paid back once."""
    for (supplier, number), value in kinds["lien"].items():
        lien = Lien._make(value)
        invoice = Invoice._make(kinds["invoice"][supplier, number])
        invariants.purchase_adds_up(lien.net, lien.advance, lien.reserve)
        if lien.title in HELD_TITLES:
            claim_adds_up(lien, invoice.outstanding + invoice.written_off)
            paid_back_at_most_once(lien)
        elif lien.net != invoice.outstanding or invoice.contested or invoice.validity != CONFIRMED:
            raise InvariantBroken(6, f"{supplier} {number} is reserved at the price of another receivable")
        elif lien.expires >= invoice.due_day:
            raise InvariantBroken(6, f"{supplier} {number} is reserved at a price of days that are over")


def fingerprints_are_unique(kinds: Kinds) -> None:
    """8: live invoices have different fingerprints, and each is registered."""
    live = {
        fingerprint(supplier, invoice): (supplier, number)
        for supplier, number, invoice in _invoices(kinds)
        if invoice.is_live
    }
    registered = {parts[0]: tuple(value) for parts, value in kinds["fingerprint"].items()}
    count = sum(1 for _, _, invoice in _invoices(kinds) if invoice.is_live)
    if live != registered or len(live) != count:
        raise InvariantBroken(8, "registered fingerprints are not those of the live invoices")


def currencies_never_meet(kinds: Kinds) -> None:
    """9: everything that adds to an invoice is in the invoice's currency."""
    for (supplier, number, *_), value in (*kinds["lien"].items(), *kinds["deal"].items()):
        invariants.same_currency(
            Lien._make(value).currency, Invoice._make(kinds["invoice"][supplier, number]).currency
        )
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind in (PAYMENT, PAYOUT, REPAYMENT, REFUND, EXTENSION):
            invariants.same_currency(
                entry.currency, Invoice._make(kinds["invoice"][entry.party, entry.document]).currency
            )


def journal_sums_to_zero(kinds: Kinds) -> None:
    """10: all cash accounts together are zero in each currency."""
    invariants.postings_sum_to_zero((*parts, balance) for parts, balance in kinds["journal"].items())


def entries_are_consumed_once(kinds: Kinds) -> None:
    """11: what was paid, minted and redeemed is exactly what the consumed entries say."""
    attested: dict[tuple[str, str], int] = defaultdict(int)
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind in (
            PAYMENT,
            PAYOUT,
            REPAYMENT,
            REFUND,
            EXTENSION,
            RESALE_PRICE,
            MINT,
            REDEMPTION,
        ):
            attested[entry.currency, entry.kind] += entry.amount
    journal: dict[tuple[str, str], int] = defaultdict(int)
    for (_, account, currency), balance in kinds["journal"].items():
        if account == "payments":
            journal[currency, PAYMENT] -= balance
        elif account == "repayments":
            journal[currency, REPAYMENT] -= balance
        elif account == "extensions":
            journal[currency, EXTENSION] += balance
        elif account == "refunds":
            journal[currency, REFUND] += balance
        elif account == "proceeds":
            journal[currency, PAYOUT] += balance
        elif account == "resales":
            journal[currency, RESALE_PRICE] += balance
    for (_, currency), (minted, redeemed) in kinds["issued"].items():
        journal[currency, MINT] += minted
        journal[currency, REDEMPTION] += redeemed
    if {key: total for key, total in journal.items() if total} != attested:
        raise InvariantBroken(11, "cash moved without a bank entry of its own")


def titles_moved_with_cash(kinds: Kinds) -> None:
    """12: each funded claim or closed deal has its payout's entry, and each payout its claim or deal."""
    payouts = {
        key: BankEntry._make(value)
        for key, value in kinds["bank_entry"].items()
        if BankEntry._make(value).kind == PAYOUT
    }
    for (supplier, number, *_), value in (*kinds["lien"].items(), *kinds["deal"].items()):
        lien = Lien._make(value)
        if lien.title not in HELD_TITLES or lien.replaced_by:
            continue
        paid = 0
        for share in shares_of(lien):
            entry = payouts.pop((share.account, share.entry), None)
            if entry is None or (entry.party, entry.document) != (supplier, lien.paid_for or number):
                raise InvariantBroken(12, f"title of {supplier} {number} moved without cash")
            paid += entry.amount
        title_moved_with_cash(lien, paid)
    if payouts:
        raise InvariantBroken(12, f"cash without title: {min(payouts)}")


def custody_reconciles(kinds: Kinds) -> None:
    """10: per bank and currency, Σ available + Σ held = minted - redeemed = the bank's debt.

    The journal of each deposit says what its statement says, and what is held is the sum of the holds.
    """
    owed: dict[tuple[str, str], int] = defaultdict(int)
    held: dict[tuple[str, str, str], int] = defaultdict(int)
    for value in kinds["hold"].values():
        hold = Hold._make(value)
        held[hold.bank, hold.owner, hold.currency] += hold.amount
    for (bank, client, currency), (_, _, balance) in kinds["deposit"].items():
        invariants.deposit_is_covered(*balance)
        if balance[1] != held.pop((bank, client, currency), 0):
            raise InvariantBroken(10, f"{client} at {bank}: held is not the sum of its holds")
        for account, amount in zip((f"deposit at {bank}", f"held at {bank}"), balance, strict=True):
            if kinds["journal"].get((client, account, currency), 0) != amount:
                raise InvariantBroken(10, f"{client}: {account} is not what the statement says")
        owed[bank, currency] += sum(balance)
    if held:
        raise InvariantBroken(10, f"money is held on no account: {min(held)}")
    for (bank, currency), (minted, redeemed) in kinds["issued"].items():
        debt = -kinds["journal"].get((bank, DEBT, currency), 0)
        if not owed.pop((bank, currency), 0) == minted - redeemed == debt:
            raise InvariantBroken(10, f"{bank} owes {debt} {currency}; minted {minted}, redeemed {redeemed}")
    if any(owed.values()):
        raise InvariantBroken(10, "deposits that no bank has issued")


def custody_is_not_pooled(kinds: Kinds) -> None:
    """10: an account number of a bank keeps the money of one client in one currency."""
    numbers = [Custody._make(value).account for value in kinds["custody"].values()]
    clients = {parts[0]: tuple(value) for parts, value in kinds["account"].items() if value[1]}
    opened = {
        Custody._make(value).account: (bank, client) for (bank, client, _), value in kinds["custody"].items()
    }
    if len(set(numbers)) != len(numbers) or opened != clients:
        raise InvariantBroken(10, "a custody account serves two clients, or is not registered")
    if not kinds["deposit"].keys() <= kinds["custody"].keys():
        raise InvariantBroken(10, "a deposit without a custody account")


def both_legs_or_none(kinds: Kinds) -> None:
    """12: each settled exchange has its two payments, and what is quoted is set aside; no other has any."""
    legs: dict[tuple[str, ...], list[tuple[str, str, int]]] = defaultdict(list)
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind == EXCHANGE:
            legs[entry.party, entry.document].append((entry.bank, entry.currency, entry.amount))
    held = {key[1:] for key in kinds["hold"] if key[0] == EXCHANGE}
    for key, value in kinds["exchange"].items():
        found = Exchange._make(value)
        expected = []
        if found.status == EXCHANGED:
            paid = (found.bought_bank, found.bought_currency, found.bought + found.fee)
            expected = sorted([paid, (found.sold_bank, found.sold_currency, found.sold)])
        if sorted(legs.pop(key, [])) != expected or (key in held) != (found.status == QUOTED):
            raise InvariantBroken(12, f"exchange of {key}: one leg without the other")
        held.discard(key)
    if legs or held:
        raise InvariantBroken(12, "a leg of no exchange")


def settlements_follow_claims(kinds: Kinds) -> None:
    """12: a settlement is where its claim is, and what a bank holds for it is what was attested."""
    claims = {
        (resale_check.first_holder(kinds, Lien._make(value)), Lien._make(value).settlement): (
            key,
            Lien._make(value),
        )
        for key, value in (*kinds["deal"].items(), *kinds["lien"].items())
        if Lien._make(value).settlement
    }
    for key, value in kinds["settlement"].items():
        found = Settlement._make(value)
        claim = claims.pop(key, None)
        is_over = found.status in (settlement.EXPIRED, settlement.RETURNED)
        if is_over != (claim is None):
            raise InvariantBroken(12, f"settlement {key} has ended and its claim has not, or the reverse")
        if claim is not None and (claim[1].title in HELD_TITLES) != (found.status == settlement.SETTLED):
            raise InvariantBroken(12, f"settlement {key} and the title disagree")
        for place, kind in (
            ((found.account, found.entry), HELD),
            ((found.return_account, found.return_entry), RETURN),
        ):
            entry = kinds["bank_entry"].get(place) if place[1] else None
            if place[1] and (entry is None or (entry[1], *entry[2:4]) != (kind, *key)):
                raise InvariantBroken(12, f"settlement {key} without its bank entry")
        if bool(found.entry) < (found.status in (settlement.CASH_HELD, settlement.SETTLED)):
            raise InvariantBroken(12, f"settlement {key} holds no cash")
    if claims:
        raise InvariantBroken(12, f"claims without their settlement: {min(claims)}")


def deals_are_over(kinds: Kinds) -> None:
    """19: an ended claim is paid back, but for a shortfall or what moved to another receivable."""
    for key, value in kinds["deal"].items():
        lien = Lien._make(value)
        if lien.replaced_by:
            continue
        paid_back_at_most_once(lien)
        if lien.principal != lien.shortfall:
            raise InvariantBroken(
                19, f"{key}: {lien.principal} of the advance is left, {lien.shortfall} is short"
            )


def exposures_follow_claims(kinds: Kinds) -> None:
    """13, as far as a state shows it: exposures are the sum of claims and of leaves, and none is negative."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for value in kinds["lien"].values():
        lien = Lien._make(value)
        for share in shares_of(lien):
            reserved_or_funded = sums[share.lender, lien.buyer, lien.currency]
            if lien.title == RESERVED:
                reserved_or_funded[0] += share.part
            elif not lien.written_off:
                reserved_or_funded[1] += share.left
    for lender, obligor, currency, amount in leaf_check.at_stake(kinds):
        sums[lender, obligor, currency][1] += amount
    found = {key: tuple(value) for key, value in kinds["exposure"].items()}
    if found != {key: tuple(parts) for key, parts in sums.items() if any(parts)}:
        raise InvariantBroken(13, "exposures are not the sum of claims and leaves")


def demands_follow_claims(kinds: Kinds) -> None:
    """19: a demand stands on exactly one claim of its lender, and a claim names a demand that stands."""
    named = {
        (agent(lien), lien.recourse): (supplier, number)
        for (supplier, number, *_), lien in (
            (key, Lien._make(value)) for key, value in (*kinds["lien"].items(), *kinds["deal"].items())
        )
        if lien.recourse
    }
    standing = {
        key: tuple(Recourse._make(value)[1:3])
        for key, value in kinds["recourse"].items()
        if Recourse._make(value).status in (DEMANDED, CONTESTED)
    }
    if named != standing:
        raise InvariantBroken(19, "demands on suppliers are not those that claims name")


def reservations_are_current(kinds: Kinds) -> None:
    """14: no reservation outlives its last day, and each stands once among those that expire on it."""
    day = kinds["param"]["business_date",]
    scheduled = {
        (kind, *subject): (last, slot) for (kind, last, slot), subject in kinds["expiry"].items() if slot
    }
    if scheduled != {subject: tuple(place[:2]) for subject, place in kinds["expires"].items()}:
        raise InvariantBroken(14, "what expires is not what was scheduled")
    made = Counter((subject[0], last, by) for subject, (last, _, by) in kinds["expires"].items())
    if made != kinds["scheduled"]:
        raise InvariantBroken(14, "what expires of an organisation is not as many as it has made")
    expected: dict[tuple[str, ...], int] = {
        ("offer", *key): Lien._make(value).expires
        for key, value in kinds["lien"].items()
        if Lien._make(value).title == RESERVED
    }
    expected |= leaf_check.offers(kinds)
    expected |= resale_check.offers(kinds)
    for key, value in kinds["exchange"].items():
        if Exchange._make(value).status in (REQUESTED, QUOTED):
            expected["exchange", *key] = day
    for key, value in kinds["early"].items():
        offered = EarlyPayment._make(value)
        if offered.status in early_payment.RUNNING:
            expected[early_payment.EARLY, *key] = offered.until
    for key, value in kinds["request"].items():
        if Request._make(value).status == OPEN:
            expected[REQUEST, *key] = Request._make(value).expires
    for key, value in kinds["auction"].items():
        running = Auction._make(value)
        if running.status not in auction.ENDED:
            is_accepted = running.status in (auction.ACCEPTED, auction.AGREED)
            expected[auction.AUCTION, *key] = running.fund_until if is_accepted else running.accept_until
    if {subject: slot[0] for subject, slot in scheduled.items()} != expected:
        raise InvariantBroken(14, "a reservation would never expire, or nothing would")
    if expected and min(expected.values()) < day:
        raise InvariantBroken(14, "a reservation outlived its last day")


def approvers_differ(kinds: Kinds) -> None:
    """17: what a buyer has signed hangs on another approver than what its supplier signed."""
    for supplier, _, invoice in _invoices(kinds):
        if invoice.validity == CONFIRMED:
            invariants.approvers_differ(
                invoice.supplier_approver or supplier, invoice.buyer_approver or invoice.buyer
            )


def open_basis_follows_invoices(kinds: Kinds) -> None:
    """22 needs it: the open basis of the aggregates is what confirmed invoices and certificates still owe."""
    owed: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for supplier, _, invoice in _invoices(kinds):
        if invoice.validity == CONFIRMED and invoice.outstanding:
            sums = owed[supplier, invoice.buyer, invoice.currency]
            sums[0] += 1
            sums[1] += invoice.outstanding
    for payee, obligor, currency, live in leaf_check.promised(kinds):
        sums = owed[payee, obligor, currency]
        sums[0] += 1
        sums[1] += live
    for (supplier, buyer), (_, _, aggregates) in kinds["relationship"].items():
        for currency in aggregates:
            known: Aggregates = of_currency(aggregates, currency)
            expected = owed.pop((supplier, buyer, currency), [0, 0])
            if [known.open_invoices, known.open_amount] != expected:
                raise InvariantBroken(22, f"open basis of {supplier} and {buyer} is not {expected}")
    if owed:
        raise InvariantBroken(22, f"no aggregates for {min(owed)}")


CHECKS: tuple[Callable[[Kinds], None], ...] = (
    invoices_add_up,
    one_claim,
    claims_add_up,
    deals_are_over,
    trade_check.lines_in_order,
    trade_check.orders_count_their_lines,
    trade_check.units_are_used_once,
    trade_check.documents_keep_their_currency,
    trade_check.credits_are_applied_once,
    trade_check.dates_are_past,
    trade_check.shippers_are_independent,
    fingerprints_are_unique,
    currencies_never_meet,
    journal_sums_to_zero,
    entries_are_consumed_once,
    titles_moved_with_cash,
    *resale_check.CHECKS,
    both_legs_or_none,
    settlements_follow_claims,
    custody_reconciles,
    custody_is_not_pooled,
    exposures_follow_claims,
    demands_follow_claims,
    reservations_are_current,
    approvers_differ,
    open_basis_follows_invoices,
    market_check.bids_are_sealed,
    market_check.parts_are_whole,
    market_check.winners_cash_is_held,
    market_check.offers_are_current,
    *book_check.CHECKS,
    market_check.pledges_exclude_each_other,
    *finance_check.CHECKS,
    *insurance_check.CHECKS,
    *leaf_check.CHECKS,
)
