"""The leaves of a receivable certificate: who holds which part of an obligor's promise, and their history.

    ("promise", obligor, certificate)     -> Promise: what was promised; never changes
    ("certificate", obligor, certificate) -> [records, head, Totals]: the history of the whole tree
    ("leaf", obligor, certificate, leaf)  -> Leaf, numbered from 0, the root
    ("promised", supplier, invoice)       -> certificate on it that its payee has not accepted yet
    ("drawn", supplier, invoice)          -> (obligor, certificate) of an invoice that is Certificated

A certificate is a tree. A split burns a leaf and mints its children; what nobody has split is live. The
claim on a leaf is part of the leaf: it has one state, so that it can be passed on, sold or pledged to one
party only (invariant 5), and one state proof shows holder, amount and claim together.

The history (`ledger.state.history`) has a record for every change of every leaf: business day, then
`RECORD_FIELDS`. With its entry proved, a reader has the whole tree and knows that no leaf is missing.

| record | written when | party | amount |
|---|---|---|---|
| issue | the obligor promises; `ISSUE_FIELDS` follow | payee | face |
| accept | the payee, or the next owner, accepts | holder from now on | what is left |
| void | the payee declines, the obligor takes it back, or nobody can accept it any more | payee | face |
| burn, mint | a holder splits: the parent, then each child | holder | amount |
| transfer, reserve | a holder offers a leaf | to whom | what is left |
| back | the offer is declined or has expired | holder | what is left |
| sold, pledged | its cash leg has moved | lender | what is left |
| release | a pledge ends | holder | what is left |
| redeem | the obligor has paid | holder | paid on this leaf |
| dishonour | it was not paid at maturity | holder | what is left |
| write_off | its holder gives up | holder | what was left |
| recover | the obligor has paid on what was written off | holder | paid on this leaf |
| freeze, unfreeze | an authority stops it, or lets it go | holder | what is left |

Amounts are minor units of the certificate's currency. Prices are in no record.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.context import Context
from contracts.errors import InvariantBroken, refuse
from contracts.finance.claim import expose_to
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade.invoice import CHANGED
from ledger import codec
from ledger.state import history
from ledger.state.overlay import Reader, state_key

MAX_LEAVES = 256
"""Leaves of one certificate in all, split ones included: what one payment of the obligor has to look at."""

EXPIRED = "date.advance"

STATUS = LifeCycle(
    "leaf",
    "status",
    (
        "Issued",
        "Void",
        "Held",
        "Split",
        "TransferPending",
        "Reserved",
        "Sold",
        "Pledged",
        "Redeemed",
        "Dishonoured",
        "RedeemedLate",
        "WrittenOff",
    ),
    (
        Transition("certificate.accept", "Issued", "Held", "by the payee; its invoice is Certificated"),
        Transition("certificate.decline", "Issued", "Void", "by the payee, or the obligor"),
        Transition(EXPIRED, "Issued", "Void", "its last day has passed"),
        Transition(CHANGED, "Issued", "Void", "paid, sold, disputed or otherwise not what it was drawn on"),
        Transition("certificate.split", "Held", "Split", "burnt; its children are Held"),
        Transition("certificate.transfer", "Held", "TransferPending"),
        Transition("certificate.accept", "TransferPending", "Held", "by its new owner"),
        Transition("certificate.decline", "TransferPending", "Held", "back to its owner"),
        Transition(EXPIRED, "TransferPending", "Held", "back to its owner"),
        Transition("certificate.reserve", "Held", "Reserved"),
        Transition("certificate.decline", "Reserved", "Held", "back to its owner"),
        Transition(EXPIRED, "Reserved", "Held", "back to its owner"),
        Transition("certificate.settle", "Reserved", "Sold", "a sale is paid"),
        Transition("certificate.settle", "Reserved", "Pledged", "an advance is paid"),
        Transition("certificate.fund", "Reserved", "Sold", "a bank attests the price"),
        Transition("certificate.fund", "Reserved", "Pledged", "a bank attests the advance"),
        Transition("certificate.release", "Pledged", "Held", "by the lender"),
        Transition("certificate.repay", "Pledged", "Held", "the owner repays"),
        Transition("certificate.release", "Dishonoured", "Dishonoured", "it was pledged"),
        Transition("certificate.repay", "Dishonoured", "Dishonoured", "it was pledged"),
        *(
            Transition(by, source, target, when)
            for by in ("certificate.redeem", "certificate.collect")
            for source, target, when in (
                ("Held", "Redeemed", "paid in full"),
                ("Sold", "Redeemed", "paid in full"),
                ("Pledged", "Redeemed", "paid in full"),
                ("Dishonoured", "RedeemedLate", "paid in full"),
                ("WrittenOff", "WrittenOff", "a recovery"),
                ("WrittenOff", "RedeemedLate", "recovered in full"),
            )
        ),
        Transition("certificate.dishonour", "Held", "Dishonoured"),
        Transition("certificate.dishonour", "Sold", "Dishonoured"),
        Transition("certificate.dishonour", "Pledged", "Dishonoured"),
        Transition("certificate.write_off", "Dishonoured", "WrittenOff"),
    ),
)
(
    ISSUED,
    VOID,
    HELD,
    SPLIT,
    TRANSFER_PENDING,
    RESERVED,
    SOLD,
    PLEDGED,
    REDEEMED,
    DISHONOURED,
    REDEEMED_LATE,
    WRITTEN_OFF,
) = range(12)

OFFERED = (TRANSFER_PENDING, RESERVED)
"""What comes back to its holder when it is not taken."""
EXPIRING = (ISSUED, *OFFERED)
"""What ends by itself when it is not taken."""
PAYABLE = (HELD, SOLD, PLEDGED, DISHONOURED, WRITTEN_OFF)
"""What the obligor owes at maturity: a write-off is its holder's bookkeeping, and no waiver."""

RECORD_FIELDS = ("kind", "leaf", "parent", "party", "amount")
ISSUE_FIELDS = ("currency", "maturity", "cut_off", "smallest", "highest_tier", "invoice")
"""What follows in the record of an issue: the promise, so that the history alone says all of the tree."""


class Promise(NamedTuple):
    """State value of what an obligor has promised. Amounts in minor units, days since 1970."""

    payee: str
    currency: str
    face: int
    issued: int
    """Business day."""
    maturity: int
    """Day on which it is to be paid."""
    cut_off: int
    """From this day on nothing moves any more: whoever holds a leaf then is paid (invariant 18)."""
    smallest: int
    """No split makes a smaller leaf."""
    highest_tier: int
    """The payee is tier 1, whoever it passes a leaf on to tier 2, and so on."""
    invoice: str
    """Invoice of the payee that it replaces, empty for a promise without one."""
    approver: str
    """Approver of the obligor's key, empty if it approved itself."""


class Leaf(NamedTuple):
    """State value of a leaf. Amounts in minor units, days since 1970."""

    status: int
    """Place in `STATUS.states`."""
    holder: str
    """Owner: the payee until it has passed the leaf on, the buyer of a sold one; of a pledge who gave it."""
    amount: int
    tier: int
    parent: int
    """Leaf that was split for it, -1 for the root."""
    offered_to: str = ""
    """Next owner or lender while it is offered."""
    expires: int = 0
    """Last day of the offer, or on which the payee can accept what was issued."""
    price: int = 0
    """What the lender pays, or has paid, for the title or on the pledge."""
    repay: int = 0
    """What frees a pledge; 0 for a sale."""
    lender: str = ""
    """Who has the pledge, empty for none."""
    account: str = ""
    entry: str | int = ""
    """Bank entry of the cash leg by which it was sold or pledged last."""
    redeemed: int = 0
    written_off: int = 0
    frozen: int = 0
    """1 while an authority has stopped it."""

    @property
    def left(self) -> int:
        """What the obligor still owes on it, were it live."""
        return self.amount - self.redeemed - self.written_off

    @property
    def owed(self) -> int:
        """What the obligor has not paid on it, given up by its holder or not, were it payable."""
        return self.amount - self.redeemed

    @property
    def live(self) -> int:
        """What the obligor owes or will owe on it; 0 once it is split, void or over."""
        return 0 if self.status in (SPLIT, VOID) else self.left

    @property
    def at_stake(self) -> tuple[str, int]:
        """(lender, what it stands to lose on the obligor): what is left of a leaf that it bought, what frees
        its pledge; empty and 0 where no lender paid. Minor units.
        """
        if self.lender:
            return self.lender, self.repay
        return (self.holder, self.left) if self.account else ("", 0)


class Totals(NamedTuple):
    """The aggregates of a certificate's history, minor units."""

    issued: int
    """Face; 0 once it is void."""
    live: int
    redeemed: int
    written_off: int
    leaves: int
    """Leaves numbered so far."""


def pledge_restores(pledged: Leaf, freed: Leaf) -> None:
    """Invariant 26: what the pledge did not change is as before it, and nothing of the pledge is left."""
    expected = (pledged.holder, pledged.amount, pledged.tier, pledged.parent, pledged.redeemed)
    if (freed.holder, freed.amount, freed.tier, freed.parent, freed.redeemed) != expected or freed.lender:
        raise InvariantBroken(26, f"{freed} is not what was pledged: {pledged}")


def tree_adds_up(totals: Totals) -> None:
    """Invariant 2."""
    parts = (totals.live, totals.redeemed, totals.written_off)
    if min(parts) < 0 or sum(parts) != totals.issued:
        raise InvariantBroken(2, f"face {totals.issued} is not the sum of {parts}")


class Place(NamedTuple):
    """Which leaf."""

    obligor: str
    certificate: str
    leaf: int


NO_LEAVES = Totals(0, 0, 0, 0, 0)


def promise_key(obligor: str, certificate: str) -> bytes:
    """State key of a promise."""
    return state_key("promise", obligor, certificate)


def certificate_key(obligor: str, certificate: str) -> bytes:
    """State key of a certificate's history entry."""
    return state_key("certificate", obligor, certificate)


def leaf_key(place: Place) -> bytes:
    """State key of a leaf."""
    return state_key("leaf", *place)


def promised_key(supplier: str, invoice: str) -> bytes:
    """State key of the certificate on an invoice that its payee has not accepted yet."""
    return state_key("promised", supplier, invoice)


def drawn_key(supplier: str, invoice: str) -> bytes:
    """State key of the certificate that an invoice was replaced by."""
    return state_key("drawn", supplier, invoice)


def read_promise(state: Reader, obligor: str, certificate: str) -> Promise | None:
    """The promise, if there is one."""
    value = state.get(promise_key(obligor, certificate))
    return None if value is None else Promise._make(value)


def read_leaf(state: Reader, place: Place) -> Leaf | None:
    """The leaf, if there is one."""
    value = state.get(leaf_key(place))
    return None if value is None else Leaf._make(value)


def read_totals(state: Reader, obligor: str, certificate: str) -> Totals:
    """The sums of a certificate; nothing if there is none."""
    entry = state.get(certificate_key(obligor, certificate))
    return NO_LEAVES if entry is None else Totals._make(entry[2])


def leaves(state: Reader, obligor: str, certificate: str) -> tuple[tuple[int, Leaf], ...]:
    """All leaves of a certificate by number, split ones included."""
    count = read_totals(state, obligor, certificate).leaves
    found = [(number, read_leaf(state, Place(obligor, certificate, number))) for number in range(count)]
    return tuple([(number, leaf) for number, leaf in found if leaf is not None])


def fold(totals: codec.Value, record: codec.Value) -> codec.Value:
    """The totals after one more record; a pure function of both, from `NO_LEAVES`."""
    sums = Totals._make(totals)
    kind, amount = record[1], record[5]
    issued, live, redeemed, written_off, count = sums
    if kind in ("issue", "mint"):
        count += 1
    if kind in ("issue", "void"):
        issued += amount if kind == "issue" else -amount
    if kind in ("issue", "mint"):
        live += amount
    elif kind in ("void", "burn", "redeem", "write_off"):
        live -= amount
    if kind in ("redeem", "recover"):
        redeemed += amount
    if kind in ("write_off", "recover"):
        written_off += amount if kind == "write_off" else -amount
    return (issued, live, redeemed, written_off, count)


def record(
    context: Context,
    place: Place,
    leaf: Leaf,
    kind: str,
    party: str,
    amount: int,
    more: tuple[codec.Value, ...] = (),
) -> None:
    """Write a leaf together with the record of what happened to it, and with its lender's exposure."""
    obligor, certificate, number = place
    line = (context.day, kind, number, leaf.parent, party, amount, *more)
    _expose(context, place, leaf)
    totals = fold(read_totals(context.state, obligor, certificate), line)
    context.put(leaf_key(place), tuple(leaf))
    history.append(context.state, certificate_key(obligor, certificate), line, totals)
    if kind not in ("burn", "mint"):
        tree_adds_up(Totals._make(totals))


def _expose(context: Context, place: Place, leaf: Leaf) -> None:
    """Count what lenders have at stake on a leaf in their exposure to its obligor (invariant 13).

    What a pledge secures is told to the history between lender and obligor: nothing else shows it there.
    """
    before = read_leaf(context.state, place)
    was, now = ("", 0) if before is None else before.at_stake, leaf.at_stake
    if was == now or not (was[1] or now[1]):
        return
    promise = found_promise(context, place.obligor, place.certificate)
    owed = (place.obligor, promise.currency)
    for (lender, amount), sign in ((was, -1), (now, 1)):
        if amount:
            expose_to(context, lender, owed, (0, sign * amount))
    pledgee = leaf.lender or ("" if before is None else before.lender)
    if pledgee:
        secured = now[1] if leaf.lender else 0
        told = ("pledge", place.certificate, promise.currency, secured, promise.maturity, place.leaf)
        context.record(pledgee, place.obligor, told)


def found_promise(context: Context, obligor: str, certificate: str) -> Promise:
    """The promise; refused if there is none."""
    promise = read_promise(context.state, obligor, certificate)
    if promise is None:
        raise refuse("unknown_certificate", "no such certificate", field="certificate", found=certificate)
    return promise


def found_leaf(context: Context, place: Place) -> tuple[Promise, Leaf]:
    """The leaf and what it is a part of; refused if there is none."""
    promise = found_promise(context, place.obligor, place.certificate)
    leaf = read_leaf(context.state, place)
    if leaf is None:
        raise refuse("unknown_leaf", "no such leaf of the certificate", field="leaf", found=place.leaf)
    return promise, leaf


def require_holder(context: Context, leaf: Leaf) -> None:
    """Refuse a signer that does not own the leaf."""
    if leaf.holder != context.actor:
        raise refuse("not_party", "not the holder", field="signer", found=context.actor, expected=leaf.holder)


def require_movable(context: Context, promise: Promise, leaf: Leaf) -> None:
    """Refuse what would change hands while it is frozen, or from the cut-off on (invariant 18)."""
    if leaf.frozen:
        raise refuse("frozen", "an authority has stopped the leaf", field="leaf", found=leaf.holder)
    if context.day >= promise.cut_off:
        raise refuse(
            "cut_off",
            "too late: the holders of record are fixed",
            field="certificate",
            found=f"{context.day - promise.cut_off} days after the cut-off",
            expected=f"before the cut-off, {promise.maturity - promise.cut_off} days before maturity",
        )
