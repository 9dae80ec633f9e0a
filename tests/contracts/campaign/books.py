"""The reference model: plain books of who may sign, what was used up, what is owed and what is on deposit.

It reads no contract. It is told which operations were taken, in order; it says which must not have been
(`forbids`), and what the ledger must show afterwards (`compare`). It knows nothing of programmes, claims,
waterfalls, trees of leaves or policies: only what follows from the words of the operations.

| book | an entry | rises and falls with |
|---|---|---|
| rights | organisation: roles; key: organisation, in force | genesis, key.add, key.revoke |
| calendar | the business date | date.advance |
| numbers | (owner, kind, number) that was used | whatever creates a document |
| entries | (account, entry) that was consumed | whatever a bank attests |
| issued | (bank, currency): minor units | deposit.mint, redemption.pay |
| debts | (supplier, invoice): what is owed, what was given up | bills, confirmations, payments, credits |
| parcels | (supplier, shipment): units on the way, kept | shipments and goods |
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from campaign.draw import EVERYBODY
from campaign.ledger import signing_key
from contracts.registry import OPERATIONS
from contracts.trade.invoice import Invoice
from contracts.trade.shipment import Shipment
from contracts.trade.trade_check import Kinds

Operation = dict[str, Any]
EPOCH = date(1970, 1, 1).toordinal()

NEW_NUMBERS = {
    "shipment.create": ("shipment", True),
    "shipment.dispatch": ("shipment", True),
    "invoice.submit": ("invoice", True),
    "credit.issue": ("credit", True),
    "redemption.request": ("redemption", True),
    "settlement.create": ("settlement", True),
    "auction.open": ("auction", True),
    "exchange.request": ("exchange", True),
    "recourse.demand": ("recourse", True),
    "resale.offer": ("resale", True),
    "certificate.issue": ("certificate", True),
    "policy.quote": ("policy", True),
    "claim.notify": ("claim", True),
    "membership.propose": ("proposal", False),
}
"""The field with the number of what an operation creates, and whether numbers are its signer's own."""


@dataclass
class Debt:
    """What a buyer owes on an invoice; minor units."""

    buyer: str
    gross: int
    owed: int
    settled: int = 0
    """Paid or set off."""
    given_up: int = 0
    """Written off, and not come in since."""
    is_undertaken: bool = False
    """The buyer has undertaken to pay it in full: a credit note on it is another matter."""


@dataclass
class Parcel:
    """Units of a shipment by line: sent, and kept by the buyer."""

    buyer: str
    sent: dict[str, int]
    state: str = "Created"
    kept: dict[str, int] = field(default_factory=dict)


class Books:
    """All the books of one ledger."""

    def __init__(self, business_date: str) -> None:
        self.day = _day(business_date)
        self.keys = {signing_key(name).public: True for name in EVERYBODY}
        """Key → whether it is in force."""
        self.numbers: set[tuple[str, str, str]] = set()
        self.entries: set[tuple[str, str]] = set()
        self.issued: dict[tuple[str, str], int] = defaultdict(int)
        self.debts: dict[tuple[str, str], Debt] = {}
        self.credits: dict[tuple[str, str], tuple[str, int]] = {}
        """(supplier, credit note) → (invoice, what is left of it)."""
        self.promises: dict[tuple[str, str], tuple[str, str, int]] = {}
        """(obligor, certificate) → (payee, invoice, face), until it is accepted on an invoice."""
        self.parcels: dict[tuple[str, str], Parcel] = {}

    # ------------------------------------------------------------ what must not be taken

    def forbids(self, key: str, operation: Operation) -> str | None:
        """Why the ledger must refuse this, if these books can tell; by themselves they allow too much."""
        signer, op = _owner(key), operation["op"]
        if not self.keys.get(signing_key(key).public, False):
            return "the key is not in force"
        roles = OPERATIONS[op].roles
        if roles and not set(roles) & set(EVERYBODY[signer]):
            return "not the role that signs this"
        if op == "date.advance" and _day(operation["date"]) <= self.day:
            return "the date does not move on"
        if op in NEW_NUMBERS and self._number(signer, operation) in self.numbers:
            return "the number was used"
        if "entry" in operation and (_account(operation), operation["entry"]) in self.entries:
            return "invariant 11: the bank entry was consumed"
        return self._forbids_debt(op, signer, operation) or self._forbids_parcel(op, signer, operation)

    def _forbids_debt(self, op: str, signer: str, operation: Operation) -> str | None:
        if (
            op == "invoice.submit"
            or "invoice" not in operation
            or op.split(".", maxsplit=1)[0] in ("claim", "recourse")
        ):
            return None
        owner = operation.get("supplier", signer)
        debt = self.debts.get((owner, operation["invoice"]))
        if op.split(".", maxsplit=1)[0] in ("invoice", "dispute", "payment", "early") and debt is None:
            return "there is no such invoice"
        if debt is None:
            return None
        by_buyer = (
            "invoice.confirm",
            "invoice.dispute",
            "invoice.reject",
            "dispute.withdraw",
            "payment.make",
        )
        if op in by_buyer and debt.buyer != signer:
            return "invariant 17: only the buyer of the invoice says this"
        if op == "payment.make" and operation["amount"] > debt.owed + debt.given_up:
            return "more than is owed"
        if op == "invoice.confirm" and operation["net"] > debt.gross:
            return "more than was billed"
        return None

    def _forbids_parcel(self, op: str, signer: str, operation: Operation) -> str | None:
        if op not in ("goods.receive", "goods.return", "goods.refuse"):
            return None
        parcel = self.parcels.get((operation["supplier"], operation["shipment"]))
        if parcel is None or parcel.buyer != signer:
            return "no shipment to this buyer"
        if op == "goods.return":
            for line in operation["lines"]:
                if line["quantity"] > parcel.kept.get(line["line"], 0):
                    return "more goes back than was kept"
            return None
        if parcel.state not in ("Dispatched", "Delivered"):
            return "it is not on the way"
        for line in operation.get("lines", ()):
            if line["accepted"] + line["rejected"] > parcel.sent.get(line["line"], 0):
                return "more than was sent"
        return None

    # ------------------------------------------------------------ what was taken

    def take(self, key: str, operation: Operation) -> None:
        """Book an operation that the ledger has taken."""
        signer, op = _owner(key), operation["op"]
        if op == "date.advance":
            self.day = _day(operation["date"])
        if op in NEW_NUMBERS:
            self.numbers.add(self._number(signer, operation))
        if "entry" in operation:
            self.entries.add((_account(operation), operation["entry"]))
        if op == "deposit.mint":
            self.issued[signer, operation["currency"]] += operation["amount"]
        elif op == "redemption.pay":
            self.issued[signer, operation["currency"]] -= operation["amount"]
        book = getattr(self, "_" + op.replace(".", "_"), None)
        if book is not None:
            book(signer, operation)

    def _key_add(self, signer: str, operation: Operation) -> None:
        self.keys[operation["key"]] = True

    def _key_revoke(self, signer: str, operation: Operation) -> None:
        self.keys[operation["key"]] = False

    def _number(self, signer: str, operation: Operation) -> tuple[str, str, str]:
        name, is_own = NEW_NUMBERS[operation["op"]]
        return (signer if is_own else "", name, operation[name])

    def _invoice_submit(self, signer: str, operation: Operation) -> None:
        place = (signer, operation["invoice"])
        self.debts[place] = Debt(operation["buyer"], operation["gross"], operation["gross"])

    def _invoice_confirm(self, signer: str, operation: Operation) -> None:
        debt = self.debts[operation["supplier"], operation["invoice"]]
        debt.owed = operation["net"] - debt.settled - debt.given_up

    def _invoice_confirm_many(self, signer: str, operation: Operation) -> None:
        for said in operation["invoices"]:
            self._invoice_confirm(signer, {**said, "supplier": operation["supplier"]})

    def _payables_approve(self, signer: str, operation: Operation) -> None:
        self._invoice_confirm_many(signer, operation)
        for said in operation["invoices"]:
            self.debts[operation["supplier"], said["invoice"]].is_undertaken = True

    def _invoice_reject(self, signer: str, operation: Operation) -> None:
        self.debts[operation["supplier"], operation["invoice"]].owed = 0

    def _invoice_cancel(self, signer: str, operation: Operation) -> None:
        self.debts[signer, operation["invoice"]].owed = 0

    def _pay(self, debt: Debt, amount: int) -> None:
        if debt.given_up:
            came = min(amount, debt.given_up)
            debt.given_up -= came
        else:
            came = min(amount, debt.owed)
            debt.owed -= came
        debt.settled += came

    def _payment_attest(self, signer: str, operation: Operation) -> None:
        self._pay(self.debts[operation["supplier"], operation["invoice"]], operation["amount"])

    _payment_make = _payment_attest

    def _early_pay(self, signer: str, operation: Operation) -> None:
        self.debts[operation["supplier"], operation["invoice"]].owed = 0

    def _default_write_off(self, signer: str, operation: Operation) -> None:
        debt = self.debts[operation["supplier"], operation["invoice"]]
        debt.given_up, debt.owed = debt.given_up + debt.owed, 0

    def _credit_issue(self, signer: str, operation: Operation) -> None:
        self.credits[signer, operation["credit"]] = (operation["invoice"], operation["amount"])

    def _credit_accept(self, signer: str, operation: Operation) -> None:
        place = (operation["supplier"], operation["credit"])
        invoice, left = self.credits[place]
        debt = self.debts[operation["supplier"], invoice]
        taken = 0 if debt.is_undertaken else min(left, debt.owed)
        debt.owed -= taken
        self.credits[place] = (invoice, left - taken)

    def _credit_apply(self, signer: str, operation: Operation) -> None:
        place, amount = (operation["supplier"], operation["credit"]), operation["amount"]
        invoice, left = self.credits[place]
        debt = self.debts[operation["supplier"], operation["invoice"]]
        assert amount <= min(left, debt.owed), "more is set off than is left"
        debt.owed -= amount
        debt.settled += amount
        self.credits[place] = (invoice, left - amount)

    def _certificate_issue(self, signer: str, operation: Operation) -> None:
        if operation["invoice"]:
            drawn = (operation["payee"], operation["invoice"], operation["amount"])
            self.promises[signer, operation["certificate"]] = drawn

    def _certificate_accept(self, signer: str, operation: Operation) -> None:
        """The first acceptance takes the invoice's place, up to the face."""
        drawn = self.promises.pop((operation["obligor"], operation["certificate"]), None)
        if drawn is not None:
            payee, invoice, face = drawn
            self.debts[payee, invoice].owed -= face
            self.debts[payee, invoice].settled += face

    def _sent(self, signer: str, operation: Operation, state: str) -> None:
        lines: dict[str, int] = {}
        for line in operation["lines"]:
            lines[line["line"]] = lines.get(line["line"], 0) + line["quantity"]
        self.parcels[signer, operation["shipment"]] = Parcel(operation["buyer"], lines, state)

    def _shipment_create(self, signer: str, operation: Operation) -> None:
        self._sent(signer, operation, "Created")

    def _shipment_dispatch(self, signer: str, operation: Operation) -> None:
        self._sent(signer, operation, "Dispatched")

    def _move(self, operation: Operation, state: str) -> Parcel:
        parcel = self.parcels[operation["supplier"], operation["shipment"]]
        parcel.state = state
        return parcel

    def _shipment_depart(self, signer: str, operation: Operation) -> None:
        self._move(operation, "Dispatched")

    def _shipment_deliver(self, signer: str, operation: Operation) -> None:
        self._move(operation, "Delivered")

    def _shipment_lose(self, signer: str, operation: Operation) -> None:
        self._move(operation, "Lost")

    def _goods_refuse(self, signer: str, operation: Operation) -> None:
        self._move(operation, "Refused")

    def _goods_receive(self, signer: str, operation: Operation) -> None:
        parcel = self._move(operation, "Received")
        parcel.kept = {line["line"]: line["accepted"] for line in operation["lines"]}

    def _goods_return(self, signer: str, operation: Operation) -> None:
        parcel = self.parcels[operation["supplier"], operation["shipment"]]
        for line in operation["lines"]:
            parcel.kept[line["line"]] -= line["quantity"]
        if not any(parcel.kept.values()):
            parcel.state = "Returned"

    # ------------------------------------------------------------ what the ledger must show

    def compare(self, kinds: Kinds) -> None:
        """The ledger shows what the books say.

        Raises:
            AssertionError: it does not, and which of them.
        """
        assert kinds["param"]["business_date",] == self.day, "the business date is that of the last advance"
        consumed = {parts for parts in kinds["bank_entry"] if isinstance(parts[1], str)}
        assert consumed == self.entries, f"bank entries consumed: {consumed ^ self.entries}"
        held: dict[tuple[str, str], int] = defaultdict(int)
        for (bank, _, currency), (_, _, balance) in kinds["deposit"].items():
            held[bank, currency] += sum(balance)
        for place in held.keys() | self.issued.keys():
            assert held[place] == self.issued[place], f"deposits at {place} are not what was issued"
        assert kinds["invoice"].keys() == self.debts.keys(), "invoices are those that were submitted"
        for place, debt in self.debts.items():
            shown = Invoice._make(kinds["invoice"][place])
            found = (shown.outstanding, shown.written_off)
            assert found == (debt.owed, debt.given_up), f"invoice {place}: {found}, the books say {debt}"
        for place, parcel in self.parcels.items():
            sent = Shipment._make(kinds["shipment"][place])
            state = SHIPMENT_STATES[sent.status]
            assert state == parcel.state, f"shipment {place} is {state}, the books say {parcel.state}"
            for line, units, accepted, _, returned in sent.lines:
                expected = (parcel.sent[line], parcel.kept.get(line, 0))
                assert (units, accepted - returned) == expected, f"shipment {place}, line {line}"


SHIPMENT_STATES = ("Created", "Dispatched", "Delivered", "Received", "Refused", "Lost", "Returned")


def _owner(key: str) -> str:
    """The organisation of a key, by the key's name."""
    return key.split("+", maxsplit=1)[0]


def _day(text: str) -> int:
    """Days since 1970."""
    return date.fromisoformat(text).toordinal() - EPOCH


def _account(operation: Operation) -> str:
    """An account as the ledger has it: spaces do not tell accounts apart."""
    return str(operation["account"]).replace(" ", "")
