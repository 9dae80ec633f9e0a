"""The laws of the ledger, numbered as in the domain document; each is one named check.

Run where something changes, before it is written; `state_check` runs them over a whole state. A check that
fails is our own bug: it raises `InvariantBroken` and the node stops rather than writing it.

| no. | law | check |
|---|---|---|
| 1 | gross = credited + paid + offset + written off + outstanding; all ≥ 0 | `amounts_add_up` |
| 2 | per certificate: live leaves + redeemed + written off = issued face | `tree_adds_up` |
| 3 | children of a split add up to the parent | `pieces_add_up` |
| 4 | a certificate drawn on an invoice is within its confirmed net | `drawn_within_net` |
| 5 | at most one active exclusive claim per receivable | `one_claim` |
| 6 | advance + reserve = purchased net face | `purchase_adds_up` |
| 7 | per line: invoiced ≤ accepted ≤ shipped ≤ ordered × (1 + tolerance) | `line_in_order` |
| 8 | exact fingerprints are unique among live invoices | `state_check.fingerprints_are_unique` |
| 9 | no arithmetic across currencies | `same_currency` |
| 10 | postings sum to zero per currency | `postings_sum_to_zero` |
| 10 | no deposit falls below zero | `deposit_is_covered` |
| 11 | a bank entry is consumed once | `entry_is_unused` |
| 12 | title moves with its cash leg | `title_moved_with_cash` |
| 12 | a claim goes from lender to lender with its price | `claim_moved_with_cash` |
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
| 19 | what a lender gets back of its advance is at most its advance | `paid_back_at_most_once` |
| 19 | what a lender has advanced is open, owed, paid back, written off or sold on | `book_adds_up` |
| 19 | cash + indemnity - ceded recoveries ≤ amount owed | `never_more_than_owed` |
| 19 | a lender is paid once | `insurance.insurance_check.insurers_have_what_they_paid_for` |
| 20 | indemnities ≤ limit; indemnity ≤ insured share x loss | `within_cover`, `indemnity_in_share` |
| 21 | allocations add up to the total | `parts_add_up`, `allocation_is_complete` |
| 21 | what is left of a payment is kept until it goes back | `finance.finance_check.unapplied_is_kept` |
| 21 | parts of a recovery add up to it | `recovery_adds_up`, `claim_in_bounds` |
| 24 | sealed bids stay sealed, and are opened as committed | `bid_as_committed` |
| 25 | no credit note changes a certificate's face | `certificates.leaf_check.leaves_follow_their_table` |
| 26 | a release restores the owner and the amount | `release_restores`, `pledge_restores` |

22 (equal inputs give equal quotes) and 23 (replay gives the same root) are laws of the whole and are
tested: nothing here reads anything but its arguments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from contracts.errors import InvariantBroken
from ledger import codec
from ledger.money import PPM

if TYPE_CHECKING:
    from contracts.certificates.leaf import Leaf, Totals
    from contracts.finance.claim import Lien
    from contracts.finance.resale import Resale
    from contracts.holdings.book import Totals as BookTotals
    from contracts.insurance.indemnity import Claim
    from contracts.lifecycle import LifeCycle
    from contracts.trade.invoice import Invoice
    from contracts.trade.order import OrderLine


def amounts_add_up(invoice: Invoice) -> None:
    """Invariant 1."""
    credited, paid, offset, written_off = invoice.credited, invoice.paid, invoice.offset, invoice.written_off
    outstanding = invoice.outstanding
    if credited < 0 or paid < 0 or offset < 0 or written_off < 0 or outstanding < 0:
        raise InvariantBroken(1, f"a part of the gross is below zero: {invoice}")
    if credited + paid + offset + written_off + outstanding != invoice.gross:
        raise InvariantBroken(1, f"the gross is not the sum of its parts: {invoice}")
    if not 0 <= invoice.contested <= outstanding:
        raise InvariantBroken(1, f"{invoice.contested} in dispute of {invoice.outstanding} outstanding")


def tree_adds_up(totals: Totals) -> None:
    """Invariant 2."""
    parts = (totals.live, totals.redeemed, totals.written_off)
    if min(parts) < 0 or sum(parts) != totals.issued:
        raise InvariantBroken(2, f"face {totals.issued} is not the sum of {parts}")


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


def line_in_order(line: OrderLine, tolerance_ppm: int) -> None:
    """Invariant 7, for quantities; the price is checked against the line when it is billed.

    Only a return may leave more billed than accepted, and at most what was returned.
    """
    _, quantity, _, shipped, accepted, rejected, invoiced, returned, lost = line
    if not 0 <= accepted <= shipped <= quantity * (PPM + tolerance_ppm) // PPM or invoiced < 0:
        raise InvariantBroken(7, f"quantities out of order: {line}")
    if invoiced > accepted + returned or rejected < 0 or returned < 0 or lost < 0:
        raise InvariantBroken(7, f"billed and never accepted: {line}")


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


def title_moved_with_cash(lien: Lien, amount: int) -> None:
    """Invariant 12, at the moment of funding: the cash that moved is what the title was sold for."""
    if amount != lien.paid_out or lien.advance != lien.paid_out + lien.discount + lien.fee:
        raise InvariantBroken(12, f"cash {amount} is not the price {lien.paid_out}")


def claim_moved_with_cash(sold: Resale, principal: int) -> None:
    """Invariant 12, between lenders: what moves is what was offered, and its price is in a bank entry."""
    if not sold.account or not 0 < sold.price <= sold.principal or principal != sold.principal:
        raise InvariantBroken(12, f"a principal of {principal} moved for {sold.price} of {sold.principal}")


def claim_adds_up(lien: Lien, outstanding: int) -> None:
    """Invariant 6 after funding: what is the lender's, the supplier's and its insurer's is what is owed.

    A shortfall is what credit notes took beyond the reserve: principal that is no longer the buyer's to pay.
    """
    parts = (lien.principal, lien.reserve_left, lien.shortfall, lien.subrogated)
    if lien.shares and sum(share[2] for share in lien.shares) != lien.principal:
        raise InvariantBroken(6, f"shares of {lien.shares} are not the principal {lien.principal}")
    whole = lien.principal + lien.reserve_left + lien.subrogated - lien.shortfall
    if min(parts) < 0 or whole != outstanding:
        raise InvariantBroken(6, f"parts {parts} against outstanding {outstanding}")
    if lien.shortfall > lien.principal:
        raise InvariantBroken(6, f"{lien.shortfall} is short of {lien.principal}")


def parts_add_up(total: int, parts: Sequence[int]) -> None:
    """Invariant 21: parts are above zero and add up to the total."""
    if min(parts) <= 0 or sum(parts) != total:
        raise InvariantBroken(21, f"{parts} are not the parts of {total}")


def bid_as_committed(commitment: bytes, opened: bytes, day: int, sealed_until: int) -> None:
    """Invariant 24: a bid is opened after the last day of bidding, and is what was committed."""
    if opened != commitment or day <= sealed_until:
        raise InvariantBroken(24, f"opened on {day}, sealed until {sealed_until}")


def paid_back_at_most_once(lien: Lien) -> None:
    """Invariant 19: what buyer, supplier and its insurer have paid of an advance, and what is due, are it."""
    parts = (lien.principal, lien.collected, lien.repaid, lien.indemnified)
    if min(parts) < 0 or sum(parts) != lien.advance:
        raise InvariantBroken(19, f"{parts} of an advance of {lien.advance}")
    if not 0 <= lien.costs_paid <= lien.costs_charged <= lien.costs_limit:
        raise InvariantBroken(
            19, f"costs {lien.costs_paid} of {lien.costs_charged}, at most {lien.costs_limit}"
        )


def book_adds_up(totals: BookTotals) -> None:
    """Invariant 19 for all claims of a lender: each part of what it advanced is somewhere, and once."""
    parts = (
        totals.principal,
        totals.owed,
        totals.collected,
        totals.repaid,
        totals.written_off,
        totals.sold,
        totals.indemnified,
    )
    if min(totals) < 0 or sum(parts) != totals.advanced or totals.recovered > totals.written_off:
        raise InvariantBroken(19, f"{parts} of {totals.advanced} advanced, {totals.recovered} recovered")


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


def release_restores(before: Invoice, after: Invoice) -> None:
    """Invariant 26: a released receivable is what it was but for the title: the supplier's, at its amount."""
    if after.title != 0 or after._replace(title=before.title) != before:
        raise InvariantBroken(26, "a release changed more than the title")


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


def pledge_restores(pledged: Leaf, freed: Leaf) -> None:
    """Invariant 26: what the pledge did not change is as before it, and nothing of the pledge is left."""
    expected = (pledged.holder, pledged.amount, pledged.tier, pledged.parent, pledged.redeemed)
    if (freed.holder, freed.amount, freed.tier, freed.parent, freed.redeemed) != expected or freed.lender:
        raise InvariantBroken(26, f"{freed} is not what was pledged: {pledged}")


def approvers_differ(first: str, second: str) -> None:
    """Invariant 17."""
    if first == second:
        raise InvariantBroken(17, f"one approver on both sides: {first}")


def never_more_than_owed(net: int, invoice: Invoice) -> None:
    """Invariant 19: indemnities less the insurers' part of recoveries fit into what is still open.

    That is buyer's cash + offset + net ≤ gross - credited, less cash and offset on both sides.
    """
    left = invoice.outstanding + invoice.written_off
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


def claim_in_bounds(claim: Claim) -> None:
    """Invariant 21: what was paid and ceded is part of what was promised, and that of the loss."""
    if not 0 <= claim.paid <= claim.indemnity <= claim.insured <= claim.loss:
        raise InvariantBroken(21, f"paid {claim.paid}, indemnity {claim.indemnity}, loss {claim.loss}")
    if not 0 <= claim.ceded <= claim.indemnity or not claim.loss <= claim.pool <= claim.base - claim.ahead:
        raise InvariantBroken(21, f"ceded {claim.ceded} of {claim.indemnity}, {claim.loss} of {claim.base}")


def recovery_adds_up(reached: int, insurers: int, claim: Claim) -> None:
    """Invariant 21: the insurer's part and the assured's are the recovery, by what each bore of the loss.

    `reached` is what came in of the pool. The insurer has less than one minor unit more than its exact part.
    """
    exact = reached * claim.indemnity
    if not exact <= insurers * claim.pool < exact + claim.pool or insurers > claim.indemnity:
        bore = f"{claim.indemnity} of {claim.pool}"
        raise InvariantBroken(21, f"{insurers} of {reached} recovered is not the part of who bore {bore}")
