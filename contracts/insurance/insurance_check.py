"""The invariants of insurance over a whole state: see `contracts.state_check`, which runs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from contracts import invariants
from contracts.cash.bank import CESSION, INDEMNITY, PREMIUM, BankEntry
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien
from contracts.insurance.insurance_claim import (
    BINDING,
    CLAIM,
    PAID,
    SHARED,
    SUBROGATED,
    WITHDRAWN,
    Claim,
    claim_in_bounds,
    open_amount,
    recovery_adds_up,
)
from contracts.insurance.policy import ACTIVE, BOUND, EXHAUSTED, LIFE, QUOTED, Cover, Policy
from contracts.trade.invoice import Invoice
from contracts.trade.trade_check import Kinds
from ledger import codec

JOURNALS = {"premium income": PREMIUM, "indemnity": INDEMNITY, "recoveries": CESSION}
"""Journal accounts of those who are paid, and the kind of bank entry behind them."""

assert (QUOTED, BOUND, ACTIVE) == (0, 1, 2), "a premium is paid exactly from Active on"


def claims_stand_in_one_currency(kinds: Kinds) -> None:
    """9: a claim is in the currency of its policy and of its invoice."""
    for value in kinds["claim"].values():
        claim = Claim._make(value)
        invariants.same_currency(
            claim.currency, Policy._make(kinds["policy"][claim.insurer, claim.policy]).currency
        )
        invariants.same_currency(
            claim.currency, Invoice._make(kinds["invoice"][claim.supplier, claim.invoice]).currency
        )


def insurance_is_paid_once(kinds: Kinds) -> None:
    """10 and 11: premiums, indemnities and ceded recoveries are exactly what bank entries say."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for (_, account, currency), balance in kinds["journal"].items():
        if account in JOURNALS:
            sums[JOURNALS[account], currency] += balance
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind in JOURNALS.values():
            sums[entry.kind, entry.currency] -= entry.amount
    if any(sums.values()):
        raise InvariantBroken(11, "insurance cash moved without a bank entry of its own")
    for value in kinds["policy"].values():
        policy = Policy._make(value)
        evidence = kinds["bank_entry"].get((policy.account, policy.entry))
        if (policy.status >= ACTIVE) != (evidence is not None) or bool(policy.since) != bool(evidence):
            raise InvariantBroken(12, "cover without premium, or the reverse")


def assureds_are_independent(kinds: Kinds) -> None:
    """17: a policy was bound under another approver than the one it was quoted under."""
    for (insurer, _), value in kinds["policy"].items():
        policy = Policy._make(value)
        if policy.status >= BOUND:
            invariants.approvers_differ(
                policy.insurer_approver or insurer, policy.assured_approver or policy.assured
            )


def never_more_than_owed(kinds: Kinds) -> None:
    """19: buyer's cash + indemnities - ceded recoveries, due or paid, ≤ what is owed, on every invoice."""
    listed: dict[tuple[str, str], tuple[tuple[str, str], ...]] = defaultdict(tuple)
    net: dict[tuple[str, str], int] = defaultdict(int)
    for key, value in sorted(kinds["claim"].items()):
        claim = Claim._make(value)
        invoice = Invoice._make(kinds["invoice"][claim.supplier, claim.invoice])
        claim_in_bounds(claim)
        if claim.status != WITHDRAWN:
            listed[claim.supplier, claim.invoice] += ((key[0], key[1]),)
        if claim.status in BINDING:
            open_now = open_amount(invoice)
            part = claim.insurers_part(open_now)
            net[claim.supplier, claim.invoice] += claim.indemnity - part
            recovery_adds_up(claim.reached(open_now), part, claim)
    for place, amount in net.items():
        invariants.never_more_than_owed(amount, open_amount(Invoice._make(kinds["invoice"][place])))
    found = {place: tuple(sorted(tuple(pair) for pair in value)) for place, value in kinds["insured"].items()}
    if found != dict(listed):
        raise InvariantBroken(19, "the claims on an invoice are not those that are listed")


def insurers_have_what_they_paid_for(kinds: Kinds) -> None:
    """19: what an insurer has taken over of a lender's claim is what it paid and has not recovered."""
    expected: dict[tuple[str, str], int] = {}
    for (assured, _), value in kinds["claim"].items():
        claim = Claim._make(value)
        place = (claim.supplier, claim.invoice)
        standing = kinds["lien"].get(place)
        if standing is None or assured != claim.supplier or claim.status not in (PAID, SUBROGATED, SHARED):
            continue
        payee = Policy._make(kinds["policy"][claim.insurer, claim.policy]).loss_payee
        if payee and payee == Lien._make(standing).lender and not claim.ahead:
            open_now = open_amount(Invoice._make(kinds["invoice"][place]))
            expected[place] = claim.indemnity - claim.insurers_part(open_now)
    for place, value in kinds["lien"].items():
        found, due = Lien._make(value).subrogated, expected.get((place[0], place[1]), 0)
        if found != due:
            raise InvariantBroken(19, f"{place}: an insurer has taken over {found}, and paid for {due}")


def indemnities_fit_limits(kinds: Kinds) -> None:
    """20: indemnities ≤ maximum and insured losses ≤ limit, as sums over claims; exhausted is exhausted."""
    used: dict[tuple[str, ...], int] = defaultdict(int)
    promised: dict[tuple[str, ...], int] = defaultdict(int)
    for value in kinds["claim"].values():
        claim = Claim._make(value)
        if claim.status not in BINDING:
            continue
        policy = Policy._make(kinds["policy"][claim.insurer, claim.policy])
        buyer = Invoice._make(kinds["invoice"][claim.supplier, claim.invoice]).buyer
        invariants.indemnity_in_share(claim.indemnity, claim.loss, policy.insured_ppm)
        used[claim.insurer, claim.policy, buyer] += claim.insured
        promised[claim.insurer, claim.policy] += claim.indemnity
    for key, value in kinds["cover"].items():
        cover = Cover._make(value)
        policy = Policy._make(kinds["policy"][key[:2]])
        invariants.within_cover(cover.used, cover.limits[0][1], policy.promised, policy.maximum)
        if cover.used != used.pop(key, 0):
            raise InvariantBroken(20, f"{key}: used is not the sum of its claims")
    for key, value in kinds["policy"].items():
        policy = Policy._make(value)
        if policy.promised != promised.pop(key, 0):
            raise InvariantBroken(20, f"{key}: promised is not the sum of its claims")
        if (policy.status == EXHAUSTED) != (policy.promised == policy.maximum):
            raise InvariantBroken(20, f"{key} is exhausted and has something left, or the reverse")
    if used or promised:
        raise InvariantBroken(20, "claims under no policy")


def claims_are_paid_as_they_say(kinds: Kinds) -> None:
    """12 and 21: the cash of each claim is its indemnity less what was set off, and its cessions."""
    cash: dict[tuple[str, str, str], int] = defaultdict(int)
    for value in kinds["bank_entry"].values():
        entry = BankEntry._make(value)
        if entry.kind in (INDEMNITY, CESSION):
            cash[entry.kind, entry.party, entry.document] += entry.amount
    for (assured, number), value in kinds["claim"].items():
        claim = Claim._make(value)
        out = cash.pop((INDEMNITY, assured, number), 0)
        back = cash.pop((CESSION, assured, number), 0)
        is_paid = claim.status in (PAID, SUBROGATED, SHARED)
        if out != claim.paid or (out > 0) != is_paid:
            raise InvariantBroken(12, f"claim {number} of {assured}: paid {out}, and it says {claim.paid}")
        if is_paid and claim.indemnity - claim.paid + back != claim.ceded:
            raise InvariantBroken(21, f"claim {number} of {assured}: ceded {claim.ceded}, came {back}")
    if cash:
        raise InvariantBroken(12, "insurance cash of no claim")


CHECKS: tuple[Callable[[Kinds], None], ...] = (
    claims_stand_in_one_currency,
    insurance_is_paid_once,
    assureds_are_independent,
    never_more_than_owed,
    insurers_have_what_they_paid_for,
    indemnities_fit_limits,
    claims_are_paid_as_they_say,
)


def follows_life_cycles(before: Kinds, after: Kinds) -> None:
    """15: policies and claims stay, or move along their tables; what was insured for a past day stays so."""
    for kind, cycle in (("policy", LIFE), ("claim", CLAIM)):
        for key, value in before[kind].items():
            if key not in after[kind]:
                raise InvariantBroken(15, f"{kind} {key} is gone")
            invariants.stays_if_terminal(cycle, value[0], after[kind][key][0])
    day: codec.Value = after["param"]["business_date",]
    for key, value in before["cover"].items():
        was, now = Cover._make(value), Cover._make(after["cover"][key])
        if any(was.limit_on(past) != now.limit_on(past) for past in range(was.limits[0][0], day + 1)):
            raise InvariantBroken(15, f"the limit of {key} changed for goods that have left")
