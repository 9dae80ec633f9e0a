"""Credit insurance: the policy of one assured (a supplier, or a lender) with limits for its buyers.

    ("policy", insurer, policy)       -> Policy
    ("cover", insurer, policy, buyer) -> Cover

The insurer quotes (`contracts.insurance.underwriting`), the assured binds, and cover begins once the premium
is paid. What was insured when goods were shipped stays insured: a lower limit and a suspension hold from the
next day on, so nothing changes for what has left. The day of shipment is the supplier's word: what came to
the ledger only after such a change falls under the change, or a dispatch could be dated back before it. Goods
shipped from the first to the last day are covered, whenever the buyer fails to pay;
`contracts.insurance.insurance_claim` has claims.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    Amount,
    BookingDay,
    EntryNumber,
    Number,
    Operation,
    OrganisationId,
    PositiveAmount,
    Reason,
)
from contracts.lifecycle import LifeCycle, Transition
from ledger.codec import Value
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

MAX_CHANGES = 50
"""Changes of one limit, and suspensions of one policy."""

QUOTED, BOUND, ACTIVE, SUSPENDED, EXHAUSTED, EXPIRED = range(6)
LIFE = LifeCycle(
    "policy",
    "status",
    ("Quoted", "Bound", "Active", "Suspended", "Exhausted", "Expired"),
    (
        Transition("policy.bind", "Quoted", "Bound"),
        Transition("premium.pay", "Bound", "Active"),
        Transition("premium.attest", "Bound", "Active"),
        Transition("policy.suspend", "Active", "Suspended", "for goods shipped from the next day on"),
        Transition("policy.resume", "Suspended", "Active", "for goods shipped from the next day on"),
        Transition("claim.accept", "Active", "Exhausted", "the maximum is promised"),
        Transition("claim.accept", "Suspended", "Exhausted", "the maximum is promised"),
        Transition("claim.withdraw", "Exhausted", "Active", "what was promised is free again"),
        Transition("claim.withdraw", "Exhausted", "Suspended", "it was suspended before"),
        Transition("date.advance", "Quoted", "Expired", "the quote was not bound in time"),
        Transition("date.advance", "Bound", "Expired", "the last day has passed"),
        Transition("date.advance", "Active", "Expired", "the last day has passed; losses are still paid"),
        Transition("date.advance", "Suspended", "Expired", "the last day has passed"),
    ),
)
"""Expired follows from the business date and is never stored."""


class Policy(NamedTuple):
    """State value of a policy. Amounts in minor units, days since 1970."""

    status: int
    """Place in the states of `LIFE` as stored; `status_on` is what holds on a day."""
    assured: str
    currency: str
    starts: int
    ends: int
    """Last day on which shipped goods are covered."""
    bind_by: int
    """Last day of the quote."""
    insured_ppm: int
    deductible: int
    """Borne by the assured in each loss."""
    waiting_days: int
    """From the due date to the first day on which a loss may be filed."""
    notify_days: int
    """From the due date to the last day on which an overdue invoice may be notified."""
    maximum: int
    """Σ indemnities, at most."""
    premium: int
    terms: Value
    """Map of `PremiumTerms`."""
    loss_payee: str
    """Lender that is paid first where it holds the claim on the invoice; empty for none."""
    insurer_approver: str
    assured_approver: str
    since: int = 0
    """First day on which shipped goods are covered: not before the premium was paid; 0 until then."""
    pauses: tuple[tuple[int, int], ...] = ()
    """(first day, day of resumption or 0): what is shipped in between is not covered."""
    promised: int = 0
    """Σ indemnities of accepted claims."""
    account: str = ""
    entry: str | int = ""
    """Evidence of the premium: see `contracts.cash.bank`."""
    buyers: tuple[str, ...] = ()
    """For whose debts it has a limit."""

    def status_on(self, day: int) -> int:
        """What holds on a business date, Expired included."""
        last = self.bind_by if self.status == QUOTED else self.ends
        return EXPIRED if day > last and self.status != EXHAUSTED else self.status

    @property
    def is_paused(self) -> bool:
        """Whether a suspension has not been lifted."""
        return bool(self.pauses) and not self.pauses[-1][1]

    def covers_shipment_on(self, day: int, recorded: int = 0) -> bool:
        """Whether goods fall under the policy that were shipped on a day, and recorded then or later."""
        last = max(day, recorded)
        is_paused = any(first <= last and not 0 < resumed <= day for first, resumed in self.pauses)
        return 0 < self.since <= day <= self.ends and not is_paused


class Cover(NamedTuple):
    """State value of a buyer's limit under a policy."""

    suppliers: tuple[str, ...]
    """Whose invoices are insured, and whose histories priced it."""
    limits: tuple[tuple[int, int], ...]
    """(first day, limit), ascending by day and falling."""
    pd_ppm: int
    premium: int
    used: int = 0
    """Σ insured losses of accepted claims, before deductible and share."""

    def limit_on(self, day: int) -> int:
        """The limit for goods shipped on a day; 0 before the policy."""
        return next((limit for first, limit in reversed(self.limits) if first <= day), 0)

    def least_limit(self, day: int, recorded: int) -> int:
        """The least limit from the day of shipment to the day on which it was recorded."""
        return min(self.limit_on(day), self.limit_on(max(day, recorded)))


class PolicyBind(Operation):
    """The assured takes a quote."""

    op: Literal["policy.bind"]
    policy: Number
    insurer: OrganisationId
    premium: PositiveAmount = Field(description="premium that the assured agrees to; minor units")


class PremiumPay(Operation):
    """The assured pays the premium out of its deposit; cover begins."""

    op: Literal["premium.pay"]
    policy: Number
    insurer: OrganisationId
    bank: OrganisationId = Field(description="settlement bank at which both have deposits")


class PremiumAttest(Operation):
    """A settlement bank attests that the premium was paid; cover begins."""

    op: Literal["premium.attest"]
    policy: Number
    insurer: OrganisationId
    account: Account = Field(description="account on which it was booked")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount booked; minor units")


class PolicySuspend(Operation):
    """The insurer suspends cover for what is shipped from the next day on."""

    op: Literal["policy.suspend"]
    policy: Number
    reason: Reason


class PolicyResume(Operation):
    """The insurer resumes cover for what is shipped from the next day on."""

    op: Literal["policy.resume"]
    policy: Number


class PolicyLimit(Operation):
    """The insurer lowers a buyer's limit for what is shipped from the next day on."""

    op: Literal["policy.limit"]
    policy: Number
    buyer: OrganisationId
    limit: Amount = Field(description="new limit, below the present one; 0 withdraws it; minor units")


def policy_key(insurer: str, policy: str) -> bytes:
    """State key of a policy."""
    return state_key("policy", insurer, policy)


def cover_key(insurer: str, policy: str, buyer: str) -> bytes:
    """State key of a buyer's limit under a policy."""
    return state_key("cover", insurer, policy, buyer)


def read_policy(state: Reader, insurer: str, policy: str) -> Policy | None:
    """The policy, if there is one."""
    value = state.get(policy_key(insurer, policy))
    return None if value is None else Policy._make(value)


def read_cover(state: Reader, insurer: str, policy: str, buyer: str) -> Cover | None:
    """A buyer's limit under a policy, if it has one."""
    value = state.get(cover_key(insurer, policy, buyer))
    return None if value is None else Cover._make(value)


def policy_of(context: Context, insurer: str, number: str) -> Policy:
    """The policy; refused if there is none."""
    found = read_policy(context.state, insurer, number)
    if found is None:
        raise refuse("unknown_policy", "no such policy", field="policy", found=f"{number} of {insurer}")
    return found


def moved(policy: Policy, day: int, by: str) -> Policy:
    """The policy after an operation, from where it stands on this day."""
    return policy._replace(status=LIFE.after(policy.status_on(day), by))


def bind(context: Context, operation: PolicyBind) -> None:
    """Bound by the assured, whose key hangs on another approver than the insurer's (invariant 17)."""
    policy = _of_assured(context, operation.insurer, operation.policy)
    context.require_independent(operation.insurer, policy.insurer_approver)
    if operation.premium != policy.premium:
        raise refuse(
            "amount_mismatch",
            "not the premium of the quote",
            field="premium",
            found=Money(operation.premium, policy.currency),
            expected=Money(policy.premium, policy.currency),
        )
    bound = moved(policy, context.day, operation.op)._replace(assured_approver=context.stored_approver)
    invariants.approvers_differ(
        bound.insurer_approver or operation.insurer, bound.assured_approver or bound.assured
    )
    context.put(policy_key(operation.insurer, operation.policy), tuple(bound))


def _of_assured(context: Context, insurer: str, number: str) -> Policy:
    policy = policy_of(context, insurer, number)
    if policy.assured != context.actor:
        raise refuse("not_party", "not the assured", field="signer", found=context.actor)
    return policy


def pay_premium(context: Context, operation: PremiumPay) -> None:
    """Paid by the assured: its deposit pays the insurer and cover begins, or neither."""
    policy = _of_assured(context, operation.insurer, operation.policy)
    active = moved(policy, context.day, operation.op)
    evidence = deposit.pay(
        context,
        bank_id=operation.bank,
        payer=policy.assured,
        currency=policy.currency,
        payees=((operation.insurer, policy.premium),),
        purpose=deposit.Purpose(bank.PREMIUM, operation.insurer, operation.policy),
    )
    _activate(context, operation.insurer, operation.policy, active, evidence)


def attest_premium(context: Context, operation: PremiumAttest) -> None:
    """Attested by the bank: the premium is paid and cover begins."""
    policy = policy_of(context, operation.insurer, operation.policy)
    active = moved(policy, context.day, operation.op)
    bank.check_unused(context, operation.account, operation.entry, bank.PREMIUM)
    context.require_past(operation.date, "date")
    if operation.amount != policy.premium:
        raise refuse(
            "amount_mismatch",
            "not the premium",
            field="amount",
            found=Money(operation.amount, policy.currency),
            expected=Money(policy.premium, policy.currency),
        )
    consumed = bank.BankEntry(
        context.actor,
        bank.PREMIUM,
        operation.insurer,
        operation.policy,
        policy.currency,
        policy.premium,
        operation.date,
    )
    bank.consume(context, operation.account, operation.entry, consumed)
    evidence = (operation.account, operation.entry)
    _activate(context, operation.insurer, operation.policy, active, evidence)


def _activate(
    context: Context, insurer: str, number: str, active: Policy, evidence: tuple[str, str | int]
) -> None:
    since = max(active.starts, context.day)
    account, entry = evidence
    paid = active._replace(since=since, account=account, entry=entry)
    context.put(policy_key(insurer, number), tuple(paid))
    context.post(
        (
            (paid.assured, "premiums", paid.currency, -paid.premium),
            (insurer, "premium income", paid.currency, paid.premium),
        )
    )


def suspend(context: Context, operation: PolicySuspend) -> None:
    """Suspended by the insurer, from the next day on."""
    policy = policy_of(context, context.actor, operation.policy)
    suspended = moved(policy, context.day, operation.op)
    if len(policy.pauses) >= MAX_CHANGES:
        raise refuse("too_many_changes", "suspended too often", field="policy", found=len(policy.pauses))
    pauses = (*policy.pauses, (context.day + 1, 0))
    context.put(policy_key(context.actor, operation.policy), tuple(suspended._replace(pauses=pauses)))


def resume(context: Context, operation: PolicyResume) -> None:
    """Resumed by the insurer, from the next day on."""
    policy = policy_of(context, context.actor, operation.policy)
    resumed = moved(policy, context.day, operation.op)
    first, _ = policy.pauses[-1]
    pauses = (*policy.pauses[:-1], (first, context.day + 1))
    context.put(policy_key(context.actor, operation.policy), tuple(resumed._replace(pauses=pauses)))


def lower_limit(context: Context, operation: PolicyLimit) -> None:
    """Lowered by the insurer, from the next day on; what has been shipped keeps its limit.

    A quote stays as it was made: whoever binds it signs the premium of its limits.
    """
    insurer, number = context.actor, operation.policy
    policy = policy_of(context, insurer, number)
    if policy.status == QUOTED:
        raise refuse(
            "wrong_state",
            "a quote is not changed",
            field="policy",
            found=LIFE.states[QUOTED],
            expected="a policy that was bound",
        )
    cover = cover_of(context, insurer, number, operation.buyer)
    present = cover.limits[-1][1]
    if operation.limit >= present:
        raise refuse(
            "limit_not_lower",
            "a limit is only lowered",
            field="limit",
            found=Money(operation.limit, policy.currency),
            expected=f"below {Money(present, policy.currency)}",
        )
    if len(cover.limits) >= MAX_CHANGES:
        raise refuse("too_many_changes", "changed too often", field="buyer", found=len(cover.limits))
    first = max(context.day + 1, cover.limits[0][0])
    limits = tuple([entry for entry in cover.limits if entry[0] != first])
    context.put(
        cover_key(insurer, number, operation.buyer),
        tuple(cover._replace(limits=(*limits, (first, operation.limit)))),
    )


def cover_of(context: Context, insurer: str, number: str, buyer: str) -> Cover:
    """A buyer's limit; refused if it has none under this policy."""
    cover = read_cover(context.state, insurer, number, buyer)
    if cover is None:
        raise refuse("buyer_not_covered", "no limit for this buyer", field="buyer", found=buyer)
    return cover
