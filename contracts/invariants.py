"""The laws of the ledger, numbered as in the domain document; each is one named check.

Run where something changes, before it is written; `state_check` runs them over a whole state. A check that
fails is our own bug: it raises `InvariantBroken` and the node stops rather than writing it. What must hold
among the places of one kind of entry stands in that entry's module, what holds of plain values below.

| no. | law | check |
|---|---|---|
| 1 | gross = credited + paid + offset + written off + outstanding; all ≥ 0 | `trade.invoice.amounts_add_up` |
| 2 | per certificate: live leaves + redeemed + written off = issued face | `certificates.leaf.tree_adds_up` |
| 3 | children of a split add up to the parent | `pieces_add_up` |
| 4 | a certificate drawn on an invoice is within its confirmed net | `drawn_within_net` |
| 5 | at most one active exclusive claim per receivable | `one_claim` |
| 6 | advance + reserve = purchased net face | `purchase_adds_up` |
| 7 | per line: invoiced ≤ accepted ≤ shipped ≤ ordered × (1 + tolerance) | `trade.order.line_in_order` |
| 8 | exact fingerprints are unique among live invoices | `state_check.fingerprints_are_unique` |
| 9 | no arithmetic across currencies | `same_currency` |
| 10 | postings sum to zero per currency | `postings_sum_to_zero` |
| 10 | no deposit falls below zero | `deposit_is_covered` |
| 11 | a bank entry is consumed once | `entry_is_unused` |
| 12 | title moves with its cash leg | `finance.claim.title_moved_with_cash` |
| 12 | a claim goes from lender to lender with its price | `finance.resale.claim_moved_with_cash` |
| 12 | each holder has paid the one before it | `finance.resale_check.claims_follow_their_sales` |
| 13 | exposure and reserved fit the limit; a programme's and a supplier's limits too | `within_limit` |
| 13 | what counts against limits is the sum of the claims | `finance.finance_check.uses_follow_claims` |
| 6 | an arrangement buys an approved invoice whole | `finance.finance_check.arrangements_are_approved` |
| 14 | no reservation survives its expiry | `state_check.reservations_are_current` |
| 14 | no offer survives a change of its invoice | `market.market_check.offers_are_current` |
| 15 | terminal states absorb | `stays_if_terminal`, `state_check.check_step` |
| 16 | a declared date is not after the business date; a late one is flagged | `declared_in_time` |
| 17 | supplier's and buyer's keys were enrolled by different approvers | `approvers_differ` |
| 18 | what a buyer pays goes to the holders of record and the supplier | `proceeds_to_holders`, `one_claim` |
| 19 | a lender gets back at most its advance | `finance.claim.paid_back_at_most_once` |
| 19 | what a lender advanced is open, owed, paid back, lost or sold on | `holdings.book.book_adds_up` |
| 19 | cash + indemnity - ceded recoveries ≤ amount owed | `never_more_than_owed` |
| 19 | a lender is paid once | `insurance.insurance_check.insurers_have_what_they_paid_for` |
| 20 | indemnities ≤ limit; indemnity ≤ insured share x loss | `within_cover`, `indemnity_in_share` |
| 21 | allocations add up to the total | `parts_add_up`, `allocation_is_complete` |
| 21 | what is left of a payment is kept until it goes back | `finance.finance_check.unapplied_is_kept` |
| 21 | parts of a recovery add up to it | `insurance.insurance_claim.recovery_adds_up` |
| 21 | an insurer pays and is ceded no more than it promised | `insurance.insurance_claim.claim_in_bounds` |
| 24 | sealed bids stay sealed, and are opened as committed | `bid_as_committed` |
| 25 | no credit note changes a certificate's face | `certificates.leaf_check.leaves_follow_their_table` |
| 26 | a release restores the owner and the amount | `trade.invoice.release_restores` |
| 26 | a leaf is freed as it was pledged | `certificates.leaf.pledge_restores` |

22 (equal inputs give equal quotes) and 23 (replay gives the same root) are laws of the whole and are
tested: nothing here reads anything but its arguments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from contracts.errors import InvariantBroken
from contracts.lifecycle import LifeCycle
from ledger import codec
from ledger.money import PPM


def pieces_add_up(amount: int, pieces: tuple[int, ...]) -> None:
    """Invariant 3; root, obligor, currency and maturity are one for all leaves: they stand in the promise."""
    if min(pieces) <= 0 or sum(pieces) != amount:
        raise InvariantBroken(3, f"pieces {pieces} of a leaf of {amount}")


def drawn_within_net(face: int, net: int) -> None:
    """Invariant 4."""
    if face > net:
        raise InvariantBroken(4, f"a certificate of {face} on a confirmed net of {net}")


def one_claim(is_free: bool, lien: object | None) -> None:
    """Invariant 5: a claim exists exactly while title is not free."""
    if is_free != (lien is None):
        raise InvariantBroken(5, "title and claim disagree")


def purchase_adds_up(net: int, advance: int, reserve: int) -> None:
    """Invariant 6."""
    if min(net, advance, reserve) < 0 or advance + reserve != net:
        raise InvariantBroken(6, f"{advance} + {reserve} is not {net}")


def same_currency(first: str, second: str) -> None:
    """Invariant 9, behind every refusal of it."""
    if first != second:
        raise InvariantBroken(9, f"{first} met {second}")


def postings_sum_to_zero(postings: Iterable[tuple[str, str, str, int]]) -> None:
    """Invariant 10, for one operation."""
    sums: dict[str, int] = defaultdict(int)
    for _, _, currency, amount in postings:
        sums[currency] += amount
    for currency, total in sums.items():
        if total:
            raise InvariantBroken(10, f"postings leave {total} {currency}")


def entry_is_unused(entry: codec.Value | None) -> None:
    """Invariant 11, before the entry is written."""
    if entry is not None:
        raise InvariantBroken(11, "bank entry consumed before")


def parts_add_up(total: int, parts: Sequence[int]) -> None:
    """Invariant 21: parts are above zero and add up to the total."""
    if min(parts) <= 0 or sum(parts) != total:
        raise InvariantBroken(21, f"{parts} are not the parts of {total}")


def bid_as_committed(commitment: bytes, opened: bytes, day: int, sealed_until: int) -> None:
    """Invariant 24: a bid is opened after the last day of bidding, and is what was committed."""
    if opened != commitment or day <= sealed_until:
        raise InvariantBroken(24, f"opened on {day}, sealed until {sealed_until}")


def proceeds_to_holders(holders: Sequence[str], supplier: str, postings: Iterable[tuple[str, str]]) -> None:
    """Invariant 18: (organisation, account) of a buyer's money on a receivable that lenders hold."""
    for organisation, account in postings:
        if organisation not in ((supplier,) if account in ("reserve", "in trust") else holders):
            raise InvariantBroken(18, f"{account} to {organisation}; the holders of record are {holders}")


def allocation_is_complete(total: int, parts: Iterable[int]) -> None:
    """Invariant 21."""
    shares = tuple(parts)
    if min(shares) < 0 or sum(shares) != total:
        raise InvariantBroken(21, f"{shares} is not {total}")


def deposit_is_covered(available: int, held: int) -> None:
    """Invariant 10 for one deposit: tokens are never spent twice, nor out of nothing."""
    if min(available, held) < 0:
        raise InvariantBroken(10, f"a deposit of {available} available and {held} held")


def within_limit(reserved: int, funded: int, limit: int) -> None:
    """Invariant 13, when a reservation is made."""
    if min(reserved, funded) < 0 or reserved + funded > limit:
        raise InvariantBroken(13, f"{reserved} + {funded} against a limit of {limit}")


def stays_if_terminal(cycle: LifeCycle, before: int, after: int) -> None:
    """Invariant 15, and that no state is reached but by an arrow of the table."""
    if not cycle.allows(before, after):
        was, now = cycle.states[before], cycle.states[after]
        raise InvariantBroken(15, f"{cycle.subject}, {cycle.axis}: no way from {was} to {now}")


def declared_in_time(declared: int, day: int, backdated: int, most_days: int) -> None:
    """Invariant 16, when a document comes to the ledger: `day` is the business date."""
    if declared > day or backdated != (day - declared > most_days):
        raise InvariantBroken(16, f"declared {declared} on {day}, backdated {backdated}")


def approvers_differ(first: str, second: str) -> None:
    """Invariant 17."""
    if first == second:
        raise InvariantBroken(17, f"one approver on both sides: {first}")


def never_more_than_owed(net: int, left: int) -> None:
    """Invariant 19: indemnities less the insurers' part of recoveries fit into what is left of an invoice.

    That is buyer's cash + offset + net ≤ gross - credited, less cash and offset on both sides.
    """
    if not 0 <= net <= left:
        raise InvariantBroken(19, f"indemnities of {net} on {left} open")


def indemnity_in_share(indemnity: int, loss: int, insured_ppm: int) -> None:
    """Invariant 20, for one claim."""
    if not 0 <= indemnity * PPM <= loss * insured_ppm:
        raise InvariantBroken(20, f"indemnity {indemnity} is over {insured_ppm} ppm of {loss}")


def within_cover(used: int, limit: int, promised: int, maximum: int) -> None:
    """Invariant 20, for the sums of a buyer's limit and of a policy."""
    if not 0 <= used <= limit or not 0 <= promised <= maximum:
        raise InvariantBroken(20, f"used {used} of {limit}, promised {promised} of {maximum}")
