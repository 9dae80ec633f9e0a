"""Operations of credit insurance: premium, limits, loss, indemnity, and the insurer's part of recoveries."""

from __future__ import annotations

from campaign.plain.arithmetic import MILLION, day_of, up
from campaign.plain.claims import Claim
from campaign.plain.world import CONFIRMED, Bill, Cover, Loss, Operation, Policy, World

ASSUMED = {
    "pd_basis": "history",
    "pd_annual_ppm": 12_000,
    "tenor_days": 62,
    "lgd_ppm": 600_000,
    "loading_ppm": 350_000,
}
BINDING = ("Accepted", "Paid", "Subrogated", "RecoveriesShared")


def policy_quote(world: World, signer: str, operation: Operation) -> None:
    """At an assumed probability the premium is a sum; at the buyers' own it is the pricing's."""
    starts = day_of(operation["starts"])
    assert operation["deductible"] < operation["maximum"], "nothing is insured"
    terms = {**ASSUMED, **operation["terms"]}
    if terms["pd_basis"] == "annual":
        premium = sum(
            _premium(each["limit"], operation["insured_ppm"], terms) for each in operation["buyers"]
        )
        assert operation["premium"] == premium, f"the premium is {premium}"
    world.policies[signer, operation["policy"]] = Policy(
        operation["assured"],
        operation["currency"],
        starts,
        day_of(operation["ends"]),
        day_of(operation["bind_by"]),
        operation["insured_ppm"],
        operation["deductible"],
        operation.get("waiting_days", 60),
        operation.get("notify_days", 30),
        operation["maximum"],
        operation["premium"],
        operation.get("loss_payee") or "",
        {
            each["buyer"]: Cover(list(each["suppliers"]), [(starts, each["limit"])])
            for each in operation["buyers"]
        },
    )


def _premium(limit: int, share_ppm: int, terms: Operation) -> int:
    """limit x probability for the tenor x insured share x loss given default / (1 - loading), up."""
    risk = limit * terms["pd_annual_ppm"] * terms["tenor_days"] * share_ppm * terms["lgd_ppm"]
    return up(risk, MILLION * MILLION * 365 * (MILLION - terms["loading_ppm"]))


def policy_bind(world: World, signer: str, operation: Operation) -> None:
    policy = world.policies[operation["insurer"], operation["policy"]]
    assert (policy.state, policy.assured) == ("Quoted", signer), "not its quote"
    assert world.day <= policy.bind_by, "not its quote"
    assert operation["premium"] == policy.premium, f"the premium is {policy.premium}"
    policy.state = "Bound"


def premium_pay(world: World, signer: str, operation: Operation) -> None:
    policy = _begin(world, operation)
    assert policy.assured == signer, "another's premium"
    payees = [(operation["insurer"], policy.premium)]
    world.cash.pay(operation["bank"], signer, policy.currency, payees)


def premium_attest(world: World, signer: str, operation: Operation) -> None:
    assert operation["amount"] == _begin(world, operation).premium, "not the premium"


def _begin(world: World, operation: Operation) -> Policy:
    policy = world.policies[operation["insurer"], operation["policy"]]
    assert policy.state == "Bound", "no policy to pay for"
    assert world.day <= policy.ends, "no policy to pay for"
    policy.state, policy.since = "Active", max(policy.starts, world.day)
    return policy


def policy_suspend(world: World, signer: str, operation: Operation) -> None:
    policy = world.policies[signer, operation["policy"]]
    assert policy.state == "Active", "no cover to suspend"
    assert world.day <= policy.ends, "no cover to suspend"
    policy.state = "Suspended"
    policy.pauses.append((world.day + 1, 0))


def policy_resume(world: World, signer: str, operation: Operation) -> None:
    policy = world.policies[signer, operation["policy"]]
    assert policy.state == "Suspended", "no cover to resume"
    assert world.day <= policy.ends, "no cover to resume"
    policy.state = "Active"
    policy.pauses[-1] = (policy.pauses[-1][0], world.day + 1)


def policy_limit(world: World, signer: str, operation: Operation) -> None:
    policy = world.policies[signer, operation["policy"]]
    assert policy.state != "Quoted", "a quote is not changed"
    cover = policy.covers[operation["buyer"]]
    assert operation["limit"] < cover.limits[-1][1], "a limit is only lowered"
    first = max(world.day + 1, cover.limits[0][0])
    kept = [entry for entry in cover.limits if entry[0] < first]
    cover.limits = [*kept, (first, operation["limit"])]


# a loss


def claim_notify(world: World, signer: str, operation: Operation) -> None:
    policy = world.policies[operation["insurer"], operation["policy"]]
    supplier, bill = operation["supplier"], world.bill(operation)
    assert policy.since, "not its policy"
    assert (policy.assured, policy.currency) == (signer, bill.currency), "not its policy"
    cover = policy.covers.get(bill.buyer)
    assert cover is not None, "not a buyer, or supplier, of the policy"
    assert supplier in cover.suppliers, "not a buyer, or supplier, of the policy"
    assert 0 < world.day - bill.due <= policy.notify_days, "notified too early, or too late"
    place = (supplier, operation["invoice"])
    known = [
        loss
        for (assured, _), loss in world.losses.items()
        if assured == signer and (loss.supplier, loss.invoice) == place and loss.state != "Withdrawn"
    ]
    assert not known, "notified twice"
    limits = []
    for left, told in _departures(world, bill, operation):
        paused = [first for first, back in policy.pauses if first <= max(left, told) and not 0 < back <= left]
        assert policy.since <= left <= policy.ends, "the goods left without cover"
        assert not paused, "the goods left without cover"
        limits.append(min(cover.on(left), cover.on(max(left, told))))
    assert min(limits), "the goods left without a limit"
    found = Loss(operation["insurer"], operation["policy"], *place, min(limits))
    assert _interest(bill, supplier, signer, policy.loss_payee)[0], "nothing to lose"
    world.losses[signer, operation["claim"]] = found


def _departures(world: World, bill: Bill, operation: Operation) -> list[tuple[int, int]]:
    """When what is billed left, and when the ledger was told; without an order when it was billed."""
    parcels = [world.parcels[operation["supplier"], number] for number in operation.get("shipments", ())]
    assert all(parcel.left for parcel in parcels), "goods that have not left"
    return [(parcel.left, parcel.told) for parcel in parcels] or [(bill.issued, bill.recorded)]


def _interest(bill: Bill, supplier: str, assured: str, loss_payee: str) -> tuple[int, int, int]:
    """(what the assured loses of what is open, what comes in before it, what it has a part of).

    A lender loses its principal, the supplier the rest; all of it is the supplier's where nobody has bought
    the invoice, or where its policy pays the one lender first.
    """
    claim = bill.held
    if claim is None or (len(claim.parts) == 1 and claim.agent == loss_payee and assured == supplier):
        return (bill.open, 0, bill.open) if assured == supplier else (0, 0, 0)
    lenders = min(claim.principal, bill.open)
    if assured == supplier:
        return bill.open - lenders, lenders, bill.open - lenders
    mine = sum(part.left for part in claim.parts if part.lender == assured)
    return (mine * lenders // claim.principal if mine else 0), 0, lenders


def _is_insured_by_another(world: World, bill: Bill, assured: str) -> bool:
    """Whether the principal of the one lender of a claim is insured by another policy than the assured's."""
    lenders = [part.lender for part in bill.held.parts] if bill.held is not None else []
    return any(
        other != assured
        and loss.state in BINDING
        and world.bills[loss.supplier, loss.invoice] is bill
        and lenders in ([other], [world.policies[loss.insurer, loss.policy].loss_payee])
        for (other, _), loss in world.losses.items()
    )


def makes_good(world: World, bill: Bill, claim: Claim) -> bool:
    """Whether an insurer bears what the lenders of a claim lose: their own, or one that pays them first."""
    lenders = [part.lender for part in claim.parts]
    for (assured, _), loss in world.losses.items():
        if world.bills[loss.supplier, loss.invoice] is bill and loss.state in BINDING[:3]:
            payee = world.policies[loss.insurer, loss.policy].loss_payee
            if assured in lenders or lenders == [payee]:
                return True
    return False


def _loss(world: World, assured: str, operation: Operation, *states: str) -> tuple[Loss, Policy, Bill]:
    found = world.losses[assured, operation["claim"]]
    assert found.state in states, f"the claim is {found.state}"
    policy = world.policies[found.insurer, found.policy]
    return found, policy, world.bills[found.supplier, found.invoice]


def claim_acknowledge(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _loss(world, operation["assured"], operation, "Notified")
    assert found.insurer == signer, "another insurer's claim"
    found.state = "Waiting"


def claim_file(world: World, signer: str, operation: Operation) -> None:
    found, policy, bill = _loss(world, signer, operation, "Notified", "Waiting")
    assert world.day >= bill.due + policy.waiting_days, "the waiting period is not over"
    assert bill.state == CONFIRMED, "a dispute blocks it"
    assert not bill.contested, "a dispute blocks it"
    found.state = "Filed"


def claim_accept(world: World, signer: str, operation: Operation) -> None:
    assured = operation["assured"]
    found, policy, bill = _loss(world, assured, operation, "Filed", "Disputed")
    assert found.insurer == signer, "another insurer's claim"
    assert bill.state == CONFIRMED, "a dispute blocks it"
    assert not bill.contested, "a dispute blocks it"
    cover = policy.covers[bill.buyer]
    payee = policy.loss_payee
    if _is_insured_by_another(world, bill, assured):
        assert assured == found.supplier, "a principal that is insured twice"
        payee = ""
    found.loss, found.ahead, found.pool = _interest(bill, found.supplier, assured, payee)
    found.base, found.insured = bill.open, min(found.loss, max(0, found.limit - cover.used))
    of_loss = max(0, found.insured - policy.deductible) * policy.share_ppm // MILLION
    room = bill.open - _promised_to_others(world, found, assured)
    found.indemnity = min(of_loss, policy.maximum - policy.promised, room)
    assert 0 < found.indemnity == operation["indemnity"], f"the indemnity is {found.indemnity}"
    cover.used += found.insured
    policy.promised += found.indemnity
    if policy.promised == policy.maximum:
        policy.state = "Exhausted"
    found.state = "Accepted"


def _promised_to_others(world: World, about: Loss, assured: str) -> int:
    """What other assureds were promised on the same invoice, less what insurers have of recoveries."""
    return sum(
        loss.indemnity - _insurers_part(world, loss)
        for (other, _), loss in world.losses.items()
        if other != assured
        and loss.state in BINDING
        and (loss.supplier, loss.invoice) == (about.supplier, about.invoice)
    )


def _recovered(world: World, found: Loss) -> int:
    """What came in since of what the assured has a part of."""
    came = found.base - world.bills[found.supplier, found.invoice].open
    return min(max(0, came - found.ahead), found.pool)


def _insurers_part(world: World, found: Loss) -> int:
    """What an insurer bore of a loss it has of a recovery; the fraction of a unit is its own."""
    return up(_recovered(world, found) * found.indemnity, found.pool)


def taken_over(world: World, supplier: str, invoice: str, less: int) -> int:
    """What of `less` that comes in, or falls away, is that of the insurer of a supplier's whole claim."""
    claim = world.bills[supplier, invoice].held
    if claim is None or not claim.insurers:
        return 0
    (found,) = [
        loss
        for (assured, _), loss in world.losses.items()
        if (assured, loss.supplier, loss.invoice) == (supplier, supplier, invoice)
        and loss.state in ("Paid", "Subrogated", "RecoveriesShared")
    ]
    came = found.base - (world.bills[supplier, invoice].open - less)
    left = found.indemnity - up(min(came, found.pool) * found.indemnity, found.pool)
    return claim.insurers - left


def claim_reject(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _loss(world, operation["assured"], operation, "Filed", "Disputed")
    assert found.insurer == signer, "another insurer's claim"
    found.state = "Rejected"


def claim_dispute(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _loss(world, signer, operation, "Rejected")
    found.state = "Disputed"


def claim_withdraw(world: World, signer: str, operation: Operation) -> None:
    before_payment = ("Notified", "Waiting", "Filed", "Rejected", "Disputed", "Accepted")
    found, policy, bill = _loss(world, signer, operation, *before_payment)
    if found.state == "Accepted":
        policy.covers[bill.buyer].used -= found.insured
        policy.promised -= found.indemnity
        if policy.state == "Exhausted":
            is_paused = policy.pauses and not policy.pauses[-1][1]
            policy.state = "Suspended" if is_paused else "Active"
    found.insured = found.indemnity = 0
    found.state = "Withdrawn"


def indemnity_pay(world: World, signer: str, operation: Operation) -> None:
    found, shares = _indemnify(world, operation)
    assert found.insurer == signer, "another insurer's claim"
    currency = world.policies[found.insurer, found.policy].currency
    world.cash.pay(operation["bank"], signer, currency, shares)


def indemnity_attest(world: World, signer: str, operation: Operation) -> None:
    found, _ = _indemnify(world, operation)
    assert operation["amount"] == found.paid, f"the indemnity is {found.paid}"


def _indemnify(world: World, operation: Operation) -> tuple[Loss, list[tuple[str, int]]]:
    """What came in before the payment is set off; a loss payee that holds the claim is paid first."""
    assured = operation["assured"]
    found, policy, bill = _loss(world, assured, operation, "Accepted")
    found.ceded = _insurers_part(world, found)
    found.paid = found.indemnity - found.ceded
    assert found.paid > 0, "an indemnity for what has come in"
    assert found.paid + _promised_to_others(world, found, assured) <= bill.open, "invariant 19"
    found.state = "Paid"
    claim, payee = bill.held, policy.loss_payee
    first = 0
    if claim is not None and len(claim.parts) == 1 and claim.agent == payee != assured and not found.ahead:
        first = min(found.paid, claim.principal)
        day = day_of(operation["date"]) if "date" in operation else world.day
        claim.indemnify(first, found.paid - first, day)
    return found, [(payee, first), (assured, found.paid - first)]


def claim_subrogate(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _loss(world, signer, operation, "Paid")
    found.state = "Subrogated"


def recovery_cede(world: World, signer: str, operation: Operation) -> None:
    found, policy, _ = _loss(world, operation["assured"], operation, "Subrogated")
    assert signer == operation["assured"], "not the assured, who has what came in"
    payees = [(found.insurer, _cede(world, found))]
    world.cash.pay(operation["bank"], signer, policy.currency, payees)


def recovery_attest(world: World, signer: str, operation: Operation) -> None:
    found, _, _ = _loss(world, operation["assured"], operation, "Subrogated")
    assert operation["amount"] == _cede(world, found), "not the insurer's part"


def _cede(world: World, found: Loss) -> int:
    due = _insurers_part(world, found) - found.ceded
    assert due > 0, "the insurer has its part"
    found.ceded += due
    if found.ceded == found.indemnity:
        found.state = "RecoveriesShared"
    return due
