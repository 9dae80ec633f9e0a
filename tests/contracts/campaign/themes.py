"""What an episode is rather about, and what must have happened before an operation can be taken.

An operation deep in the business (a receivable that takes another's place, a recovery that is shared) has
many before it. Chance alone seldom gets there in one ledger: so each ledger has a theme, whose operations its
players like better, and who wants an operation that has nothing to be about draws one that leads to it.
"""

from __future__ import annotations

from functools import cache

from campaign.subjects import CYCLES, about
from contracts.lifecycle import LifeCycle
from contracts.registry import OPERATIONS
from contracts.trade import invoice

THEMES: tuple[tuple[str, ...], ...] = (
    ("order", "amendment", "shipment", "goods", "invoice", "dispute", "credit"),
    ("custody", "deposit", "redemption", "exchange", "refund", "payment"),
    ("finance", "settlement", "request", "release"),
    ("recourse", "credit", "finance.charge"),
    ("default", "payment", "release", "recourse"),
    ("auction", "early"),
    ("payables", "programme", "resale"),
    ("certificate",),
    ("claim", "indemnity", "recovery", "policy", "premium"),
    ("key", "membership", "node", "model", "payee", "redirection", "pledge", "affiliation"),
)
"""Names, or first parts of names, of the operations of each theme."""


def favourites(theme: tuple[str, ...]) -> frozenset[str]:
    """The operations of a theme."""
    return frozenset(name for name in OPERATIONS if name in theme or name.split(".")[0] in theme)


MAKES = {
    "order": ("order.submit", "order.issue"),
    "amendment": ("amendment.propose",),
    "shipment": ("shipment.create", "shipment.dispatch"),
    "invoice": ("invoice.submit",),
    "credit": ("credit.issue",),
    "custody": ("custody.open",),
    "redemption": ("redemption.request",),
    "settlement": ("settlement.create",),
    "early": ("early.offer",),
    "auction": ("auction.open",),
    "exchange": ("exchange.request",),
    "recourse": ("recourse.demand",),
    "leaf": ("certificate.issue",),
    "promise": ("certificate.issue",),
    "policy": ("policy.quote",),
    "claim": ("claim.notify",),
    "redirection": ("redirection.propose",),
    "pledge": ("pledge.register",),
    "unapplied": ("payment.attest",),
    "payee": ("payee.nominate",),
    "request": ("finance.request",),
    "answer": ("finance.request",),
    "resale": ("resale.offer",),
    "overpaid": ("certificate.collect",),
}
"""What makes an object of each kind."""

PAID_FOR = ("finance.settle", "finance.settle", "finance.fund", "auction.pay")
"""What puts an invoice into a lender's hands."""

NEEDS: dict[str, tuple[str, ...]] = {
    "finance.offer": ("invoice.submit", "invoice.confirm", "invoice.confirm_many"),
    "auction.open": ("invoice.submit", "invoice.confirm", "invoice.confirm_many"),
    "early.offer": ("invoice.submit", "invoice.confirm", "invoice.confirm_many"),
    "finance.accept": ("finance.offer",),
    "finance.withdraw": ("finance.offer",),
    "settlement.create": ("finance.offer",),
    "finance.settle": ("finance.accept", "finance.accept", "finance.offer"),
    "finance.fund": ("finance.accept", "finance.accept", "finance.offer"),
    "finance.charge": PAID_FOR,
    "release.pay": PAID_FOR,
    "release.attest": PAID_FOR,
    "settlement.return": ("settlement.attest", "date.advance"),
    "recourse.demand": (*PAID_FOR, "credit.accept", "credit.issue", "date.advance"),
    "resale.offer": PAID_FOR,
    "default.declare": ("date.advance", *PAID_FOR),
    "default.write_off": ("default.declare", "date.advance"),
    "recourse.offset": ("recourse.demand", "credit.accept"),
    "recourse.propose": ("recourse.demand", "recourse.demand", "invoice.confirm_many"),
    "recourse.substitute": ("recourse.propose",),
    "auction.reveal": ("auction.bid", "date.advance"),
    "auction.rank": ("auction.reveal", "date.advance"),
    "certificate.redeem": ("certificate.accept", "date.advance"),
    "certificate.collect": ("certificate.accept", "date.advance"),
    "certificate.dishonour": ("certificate.accept", "date.advance"),
    "certificate.write_off": ("certificate.dishonour",),
    "claim.notify": ("premium.pay", "premium.attest", "invoice.submit", "date.advance"),
    "claim.file": ("claim.notify", "date.advance"),
    "recovery.cede": ("claim.subrogate", "payment.attest"),
    "recovery.attest": ("claim.subrogate", "payment.attest"),
    "payables.approve": ("programme.enrol", "invoice.submit"),
    "payables.finance": ("payables.approve", "invoice.submit"),
    "payables.extend": ("payables.approve", "payables.finance"),
    "programme.leave": ("programme.enrol",),
    "early.pay": ("early.accept",),
    "dispute.withdraw": ("invoice.dispute",),
    "invoice.confirm_many": ("invoice.submit",),
    "credit.apply": ("credit.accept", "invoice.submit"),
    "shipment.create": ("order.issue", "order.issue", "order.submit"),
    "shipment.dispatch": ("order.issue", "order.issue", "order.submit"),
    "goods.return": ("goods.receive",),
    "membership.approve": ("membership.propose",),
    "membership.withdraw": ("membership.propose",),
    "model.publish": ("model.upload",),
    "model.approve": ("model.publish",),
    "model.retire": ("model.publish",),
}
"""What leads to an operation where the tables of states do not say it."""


@cache
def needs(op: str) -> tuple[str, ...]:
    """Operations of which one may have to come first; none if nothing is known."""
    if op in NEEDS:
        return NEEDS[op]
    kind = about(op)
    if kind is None:
        return ()
    cycles: tuple[LifeCycle, ...] = (invoice.VALIDITY, invoice.CASH) if kind == "invoice" else ()
    if kind in CYCLES:
        cycles = (CYCLES[kind],)
    found = set(MAKES.get(kind, ()))
    for cycle in cycles:
        sources = {move.source for move in cycle.transitions if move.by == op}
        found |= {
            move.by
            for move in cycle.transitions
            if move.target in sources and move.source != move.target and move.by in OPERATIONS
        }
        if sources and cycle.states[0] not in sources:
            found -= set(MAKES.get(kind, ()))
    return tuple(sorted(found - {op}))
