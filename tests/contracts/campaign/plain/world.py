"""What there is in the plain ledger: the day, deposits, parcels, bills, claims, certificates, policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaign.plain.claims import Claim
from campaign.plain.deposits import Deposits

Operation = dict[str, Any]
Receivable = tuple[str, str]
"""(supplier, invoice)."""

SUBMITTED, CONFIRMED, DISPUTED, REJECTED, CANCELLED = (
    "Submitted",
    "Confirmed",
    "Disputed",
    "Rejected",
    "Cancelled",
)
LIVE = (SUBMITTED, CONFIRMED, DISPUTED)


@dataclass
class Approval:
    """A buyer's undertaking to pay an invoice in full."""

    programme: str
    last_day: int
    """To which it may put the payment off."""
    rate_ppm: int


@dataclass
class Early:
    """A buyer's offer to pay early."""

    net: int
    steps: list[tuple[int, int]]
    """(last day, discount ppm)."""
    until: int
    discount: int = 0
    state: str = "Offered"


@dataclass
class Bill:
    """An invoice, and what became of it; minor units, days since 1970."""

    buyer: str
    currency: str
    gross: int
    issued: int
    recorded: int
    due: int
    order: str
    state: str = SUBMITTED
    contested: int = 0
    credited: int = 0
    credited_over: int = 0
    """By credit notes, beyond what was owed."""
    paid: int = 0
    offset: int = 0
    given_up: int = 0
    is_defaulted: bool = False
    unapplied: int = 0
    is_certificated: bool = False
    approval: Approval | None = None
    early: Early | None = None
    claim: Claim | None = None
    """The one that stands."""
    ended: list[Claim] = field(default_factory=list)
    """Those that a lender paid for and that are over."""

    @property
    def owed(self) -> int:
        """What the buyer still has to pay."""
        return self.gross - self.credited - self.paid - self.offset - self.given_up

    @property
    def open(self) -> int:
        """What it has not paid, written off or not."""
        return self.owed + self.given_up

    @property
    def held(self) -> Claim | None:
        """The claim that a lender has paid for."""
        return self.claim if self.claim is not None and self.claim.is_paid else None

    @property
    def title(self) -> str:
        """Whose it is, in a word."""
        if self.claim is None:
            return "Certificated" if self.is_certificated else "Free"
        if not self.claim.is_paid:
            return "Reserved"
        return "Pledged" if self.claim.is_pledge else "Assigned"

    def is_sellable(self) -> bool:
        """Whether somebody could buy it."""
        return self.state == CONFIRMED and not self.contested and self.title == "Free" and self.owed > 0


@dataclass
class Parcel:
    """A shipment: units by line that were sent, and those that the buyer keeps."""

    buyer: str
    sent: dict[str, int]
    state: str = "Created"
    left: int = 0
    """Day on which it left."""
    told: int = 0
    """Day on which the ledger was told."""
    kept: dict[str, int] = field(default_factory=dict)


@dataclass
class Demand:
    """A lender's demand on a supplier."""

    supplier: str
    invoice: str
    cause: str
    state: str = "Demanded"
    proposed: str = ""


@dataclass
class Resale:
    """A lender's offer of a claim to another lender."""

    to: str
    supplier: str
    invoice: str
    price: int
    standing: tuple[int, int, int]
    """(principal, what the buyer owes, due day) when it was offered."""
    expires: int
    state: str = "Offered"


@dataclass
class Programme:
    """A lender's terms as it published them last."""

    lender: str
    terms: Operation
    payables: Operation | None

    def limit(self, buyer: str, currency: str) -> int:
        """What may be out on a buyer; 0 if it is not taken."""
        if self.terms["currency"] != currency:
            return 0
        return int({each["obligor"]: each["limit"] for each in self.terms["limits"]}.get(buyer, 0))


@dataclass
class Bid:
    """A lender's sealed bid, and what it says once it is open."""

    commitment: bytes
    programme: str = ""
    rate_ppm: int = 0
    amount: int = 0


@dataclass
class Auction:
    """An auction of one invoice."""

    invoice: str
    net: int
    due: int
    commit_until: int
    reveal_until: int
    accept_until: int
    fund_until: int
    max_rate_ppm: int
    min_amount: int
    state: str = "Open"
    bids: dict[str, Bid] = field(default_factory=dict)
    rate_ppm: int = 0
    parts: list[tuple[str, int]] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    claim: Claim | None = None
    """What its acceptance has made."""

    @property
    def is_running(self) -> bool:
        """Whether it can still lead to a sale."""
        return self.state not in ("Funded", "NoBid", "Expired", "Withdrawn", "Void")


@dataclass
class Request:
    """A supplier's request for finance, with what each programme that was asked has said."""

    invoice: str
    expires: int
    answers: dict[str, str]
    state: str = "Open"


@dataclass
class Settlement:
    """A lender's settlement of its offer, whose cash is in a bank."""

    bank: str
    supplier: str
    invoice: str
    amount: int
    claim: Claim
    state: str = "Created"
    has_cash: bool = False


@dataclass
class Leaf:
    """A part of a certificate."""

    holder: str
    amount: int
    tier: int
    parent: int
    state: str = "Issued"
    offered_to: str = ""
    expires: int = 0
    price: int = 0
    repay: int = 0
    lender: str = ""
    """Who has a pledge on it."""
    is_bought: bool = False
    """By a lender."""
    redeemed: int = 0
    given_up: int = 0
    is_frozen: bool = False

    @property
    def left(self) -> int:
        """What is still to be paid on it; nothing on one that was split or is void."""
        if self.state in ("Split", "Void"):
            return 0
        return self.amount - self.redeemed - self.given_up


@dataclass
class Certificate:
    """An obligor's promise with its leaves."""

    payee: str
    currency: str
    face: int
    maturity: int
    cut_off: int
    smallest: int
    highest_tier: int
    invoice: str
    leaves: list[Leaf]
    overpaid: int = 0
    """What the obligor has paid beyond what it owed."""


@dataclass
class Cover:
    """A buyer's limit under a policy."""

    suppliers: list[str]
    limits: list[tuple[int, int]]
    """(first day, limit)."""
    used: int = 0

    def on(self, day: int) -> int:
        """The limit for what leaves on a day."""
        return next((limit for first, limit in reversed(self.limits) if first <= day), 0)


@dataclass
class Policy:
    """A policy of one assured."""

    assured: str
    currency: str
    starts: int
    ends: int
    bind_by: int
    share_ppm: int
    deductible: int
    waiting_days: int
    notify_days: int
    maximum: int
    premium: int
    loss_payee: str
    covers: dict[str, Cover]
    state: str = "Quoted"
    since: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """(first day without cover, day of its return or 0)."""
    promised: int = 0


@dataclass
class Loss:
    """An insurance claim."""

    insurer: str
    policy: str
    supplier: str
    invoice: str
    limit: int
    state: str = "Notified"
    loss: int = 0
    base: int = 0
    ahead: int = 0
    pool: int = 0
    insured: int = 0
    indemnity: int = 0
    paid: int = 0
    ceded: int = 0


@dataclass
class Exchange:
    """One currency for another."""

    maker: str
    sold: tuple[str, str, int]
    """(bank, currency, minor units)."""
    bought: tuple[str, str]
    day: int
    state: str = "Requested"
    price: int = 0
    fee: int = 0


@dataclass
class World:
    """All of it."""

    day: int
    cash: Deposits = field(default_factory=Deposits)
    issued: dict[tuple[str, str], int] = field(default_factory=dict)
    """(bank, currency) → minor units that the bank has minted and not paid out."""
    redemptions: dict[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)
    """(client, number) → (bank, currency, amount), while it is asked for."""
    exchanges: dict[tuple[str, str], Exchange] = field(default_factory=dict)
    bills: dict[Receivable, Bill] = field(default_factory=dict)
    credits: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    """(supplier, credit note) → (invoice, amount, what is left of it)."""
    parcels: dict[tuple[str, str], Parcel] = field(default_factory=dict)
    programmes: dict[str, Programme] = field(default_factory=dict)
    enrolments: dict[tuple[str, str], tuple[str, bool, Operation]] = field(default_factory=dict)
    """(programme, supplier) → bank, whether every approved invoice is to be financed, and the terms then."""
    demands: dict[tuple[str, str], Demand] = field(default_factory=dict)
    resales: dict[tuple[str, str], Resale] = field(default_factory=dict)
    auctions: dict[tuple[str, str], Auction] = field(default_factory=dict)
    requests: dict[tuple[str, str], Request] = field(default_factory=dict)
    settlements: dict[tuple[str, str], Settlement] = field(default_factory=dict)
    certificates: dict[tuple[str, str], Certificate] = field(default_factory=dict)
    policies: dict[tuple[str, str], Policy] = field(default_factory=dict)
    losses: dict[tuple[str, str], Loss] = field(default_factory=dict)

    def bill(self, operation: Operation, supplier: str | None = None) -> Bill:
        """The live bill that an operation names, of its supplier or of the signer."""
        place = (supplier or operation["supplier"], operation["invoice"])
        assert place in self.bills, f"there is no invoice {place}"
        assert self.bills[place].state in LIVE, f"invoice {place} is {self.bills[place].state}"
        return self.bills[place]

    def exposures(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """(lender, obligor, currency) → (reserved, funded), of claims and of leaves, but for (0, 0)."""
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}

        def add(lender: str, obligor: str, currency: str, reserved: int, funded: int) -> None:
            before = sums.get((lender, obligor, currency), (0, 0))
            sums[lender, obligor, currency] = (before[0] + reserved, before[1] + funded)

        for bill in self.bills.values():
            claim = bill.claim
            for part in claim.parts if claim is not None else ():
                assert claim is not None
                if not claim.is_paid:
                    add(part.lender, bill.buyer, bill.currency, part.advance, 0)
                elif not claim.is_given_up:
                    add(part.lender, bill.buyer, bill.currency, 0, part.left)
        for (obligor, _), certificate in self.certificates.items():
            for leaf in certificate.leaves:
                if leaf.lender:
                    add(leaf.lender, obligor, certificate.currency, 0, leaf.repay)
                elif leaf.is_bought:
                    add(leaf.holder, obligor, certificate.currency, 0, leaf.left)
        return {place: amounts for place, amounts in sums.items() if amounts != (0, 0)}

    def exposure(self, lender: str, obligor: str, currency: str) -> int:
        """What counts against a lender's limit."""
        return sum(self.exposures().get((lender, obligor, currency), (0, 0)))
