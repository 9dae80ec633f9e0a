"""A world of trade in memory: organisations, days, and processes that go on as the days go by.

Operations run through the contracts that a node runs; only signatures, blocks and disk are left out. What
somebody does over time is a generator of operations that yields how many days it waits:

    def monthly_fee(world, supplier, buyer):
        while True:
            world.do(supplier, "invoice.submit", …)
            yield 30

Everything follows from the seed.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from contracts import Contracts, Prepared
from contracts.context import business_day
from contracts.finance.claim import read_lien
from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import requote
from contracts.insurance.underwriting import PolicyQuote, premium_lines
from contracts.parties.payee import account_of
from contracts.pricing.terms import MAX_OBLIGOR_LIMITS
from contracts.registry import parse
from contracts.trade.invoice import Invoice, read_invoice
from contracts.trade.redirection import expected_account
from contracts.trade.units import sscc_with_check_digit
from ledger import codec
from ledger.blocks.executor import genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.codec import Value
from ledger.dates import day_from_iso, iso_from_day
from ledger.errors import Refusal
from ledger.identifiers import mod_97_10
from ledger.keys import SigningKey
from ledger.state.overlay import Overlay, Reader

CHANNEL = bytes(32)
CURRENCY = "EUR"
FIRST_DAY = 19_723
"""2024-01-01."""

BANK, OPERATOR, REGULATOR, CARRIER, INSURER = "bank", "operator", "regulator", "carrier", "insurer"
LENDER, OTHER_LENDER = "lender", "other-lender"
COLLECTION_ACCOUNT = "DE02120300000000202051"
"""Where payments arrive unless something else was agreed."""

SERVICES = {
    BANK: "settlement_bank",
    OPERATOR: "operator",
    REGULATOR: "regulator",
    CARRIER: "carrier",
    INSURER: "insurer",
    LENDER: "lender",
    OTHER_LENDER: "lender",
}

Process = Generator[int, None, None]


@dataclass(frozen=True, slots=True)
class Signed:
    """What the executor looks at of a transaction, without its signature."""

    signer: bytes
    channel: bytes = CHANNEL
    atomic: bool = True


def lei_of(name: str) -> str:
    """A legal entity identifier that belongs to nobody else in this world."""
    body = "XTST00" + sha256(name.encode()).hexdigest()[:12].upper()
    return f"{body}{98 - mod_97_10(body + '00'):02d}"


@cache
def public_key(name: str) -> bytes:
    """A key by its name: "acme", or "acme/second"."""
    return SigningKey.from_seed(sha256(b"tallystick/fraud-drill/" + name.encode()).digest()).public


class World:
    """The contracts over a state in memory, and a calendar of what goes on."""

    def __init__(self, organisations: Mapping[str, tuple[str, ...]]) -> None:
        self._contracts = Contracts()
        self.state: dict[bytes, Value] = {}
        self.histories: dict[tuple[str, str], list[tuple[int, Value]]] = defaultdict(list)
        """(supplier, buyer) → (business day, record), as the ledger wrote them."""
        roles = {**{name: (role,) for name, role in SERVICES.items()}, **organisations}
        self._commit(genesis_overlay(self._contracts, Genesis.from_document(_document(roles))))
        self._reader: Reader = self.state  # type: ignore[assignment]
        self.day = FIRST_DAY
        self.operations = 0
        self._programmes: dict[tuple[str, str], str] = {}
        self._numbers = 0
        self._waiting: list[tuple[int, int, Process]] = []

    def _commit(self, overlay: Overlay) -> None:
        for key, value in overlay.writes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        for key, _, record in overlay.records:
            kind, *parties = codec.decode(key)
            if kind == "relationship":
                self.histories[parties[0], parties[1]].append((self.day, codec.decode(record)))

    # what happens

    def attempt(self, signer: str, op: str, **fields: Any) -> str:
        """Submit an operation; the code of its refusal, empty if it was applied."""
        self.operations += 1
        prepared = Prepared(
            Signed(public_key(signer)),  # type: ignore[arg-type]
            (parse({"op": op, **fields}),),
        )
        overlay = Overlay(self.state)
        refusals = self._contracts.execute(overlay, prepared, self.day * 86_400_000)
        if refusals:
            return str(refusals[0][1])
        self._commit(overlay)
        return ""

    def do(self, signer: str, op: str, **fields: Any) -> None:
        """Submit an operation that must be applied."""
        code = self.attempt(signer, op, **fields)
        if code:
            raise AssertionError(f"{op} of {signer} on {self.today}: {code}; {fields}")

    def number(self, kind: str) -> str:
        """A document number that this world has not seen."""
        self._numbers += 1
        return f"{kind}-{self._numbers:06}"

    def unit(self) -> str:
        """A shipment unit that this world has not seen."""
        self._numbers += 1
        return sscc_with_check_digit(f"3401234{self._numbers:010}")

    # time

    @property
    def today(self) -> str:
        """The business date, ISO text."""
        return iso_from_day(self.day)

    def date(self, days: int) -> str:
        """The business date so many days on, ISO text."""
        return iso_from_day(self.day + days)

    @property
    def elapsed_days(self) -> int:
        """Days since the first."""
        return self.day - FIRST_DAY

    def days_to(self, date: str) -> int:
        """Days from the business date to another."""
        return day_from_iso(date) - self.day

    def start(self, process: Process, in_days: int = 0) -> None:
        """Let something go on, from so many days on."""
        self._numbers += 1
        heapq.heappush(self._waiting, (self.day + in_days, self._numbers, process))

    def run_until(self, day: int) -> None:
        """Let the days go by up to a day, that one included."""
        while self._waiting and self._waiting[0][0] <= day:
            due, _, process = heapq.heappop(self._waiting)
            self._go_to(due)
            wait = next(process, None)
            if wait is not None:
                self.start(process, wait)
        self._go_to(day)

    def _go_to(self, day: int) -> None:
        if day > self.day:
            self.do(OPERATOR, "date.advance", date=iso_from_day(day))
            self.day = day
            assert business_day(self._reader) == day

    # what trade is made of

    def order(self, supplier: str, buyer: str, lines: tuple[tuple[str, int, int], ...]) -> str:
        """The buyer orders: (item, quantity, price in minor units) of each line; the order's number."""
        number = self.number("PO")
        self.do(
            buyer,
            "order.issue",
            order=number,
            supplier=supplier,
            currency=CURRENCY,
            date=self.today,
            lines=tuple(
                {"line": str(place), "item": item, "quantity": quantity, "price_micros": price * 10**6}
                for place, (item, quantity, price) in enumerate(lines, 1)
            ),
        )
        return number

    def ship(self, supplier: str, buyer: str, order: str, quantities: tuple[int, ...], *units: str) -> str:
        """The supplier ships so many units of each line; the shipment's number."""
        number = self.number("DESADV")
        self.do(
            supplier,
            "shipment.dispatch",
            shipment=number,
            order=order,
            buyer=buyer,
            date=self.today,
            lines=tuple(
                {"line": str(place), "quantity": count} for place, count in enumerate(quantities, 1) if count
            ),
            units=units or (self.unit(),),
        )
        return number

    def receive(self, supplier: str, buyer: str, shipment: str, quantities: tuple[int, ...]) -> None:
        """The buyer accepts all of a shipment."""
        self.do(
            buyer,
            "goods.receive",
            shipment=shipment,
            supplier=supplier,
            date=self.today,
            lines=tuple(
                {"line": str(place), "accepted": count, "rejected": 0}
                for place, count in enumerate(quantities, 1)
                if count
            ),
        )

    def invoice(
        self,
        buyer: str,
        lines: tuple[tuple[int, int], ...],
        *,
        order: str = "",
        term: int = 60,
        **changes: Any,
    ) -> dict[str, Any]:
        """The fields of an invoice: (quantity, amount) of each line, without tax."""
        gross = sum(amount for _, amount in lines)
        return {
            "invoice": self.number("INV"),
            "buyer": buyer,
            "currency": CURRENCY,
            "issue_date": self.today,
            "due_date": self.date(term),
            "order": order,
            "lines": tuple(
                {"line": str(place), "quantity": quantity, "amount": amount}
                for place, (quantity, amount) in enumerate(lines, 1)
            ),
            "tax": 0,
            "gross": gross,
            "document": b"",
            **changes,
        }

    def bill(self, supplier: str, fields: dict[str, Any]) -> str:
        """The supplier submits an invoice; its number."""
        self.do(supplier, "invoice.submit", **fields)
        return str(fields["invoice"])

    def confirm(self, supplier: str, fields: dict[str, Any]) -> None:
        """The buyer confirms an invoice in full."""
        self.do(
            fields["buyer"],
            "invoice.confirm",
            invoice=fields["invoice"],
            supplier=supplier,
            net=fields["gross"],
            due_date=fields["due_date"],
        )

    def credit(self, supplier: str, fields: dict[str, Any], amount: int, **more: Any) -> None:
        """The supplier credits an amount of an invoice, and the buyer accepts."""
        number = self.number("CN")
        self.do(
            supplier,
            "credit.issue",
            credit=number,
            invoice=fields["invoice"],
            amount=amount,
            date=self.today,
            **more,
        )
        self.do(fields["buyer"], "credit.accept", credit=number, supplier=supplier)

    def invoice_of(self, supplier: str, number: str) -> Invoice:
        """An invoice as it stands."""
        found = read_invoice(self._reader, supplier, number)
        assert found is not None, number
        return found

    def pay(self, supplier: str, fields: dict[str, Any], *, account: str = "") -> None:
        """The bank attests that the buyer has paid what is owed: to the expected account, or another."""
        owed = self.invoice_of(supplier, fields["invoice"]).outstanding
        if not owed:
            return
        expected = expected_account(self._reader, supplier, fields["buyer"], CURRENCY, self.day)
        self.do(
            BANK,
            "payment.attest",
            account=account or expected or COLLECTION_ACCOUNT,
            entry=self.number("E"),
            date=self.today,
            currency=CURRENCY,
            payer=fields["buyer"],
            amount=owed,
            invoice=fields["invoice"],
            supplier=supplier,
        )

    def terms(self, supplier: str, number: str, lender: str = LENDER) -> dict[str, int]:
        """A lender's price for an invoice, as an offer states it.

        Raises:
            Refusal: it has none.
        """
        programme = self.programme(lender, self.invoice_of(supplier, number).buyer)
        price = requote(self._reader, supplier, number, programme)
        return {name: getattr(price, name) for name in OfferTerms.model_fields}

    def offer_at(self, supplier: str, number: str, lender: str, terms: dict[str, int]) -> str:
        """A lender offers at these terms; the code of the refusal, or empty."""
        return self.attempt(
            lender,
            "finance.offer",
            programme=self.programme(lender, self.invoice_of(supplier, number).buyer),
            supplier=supplier,
            invoice=number,
            expires=self.date(5),
            terms=terms,
        )

    def offer(self, supplier: str, number: str, lender: str = LENDER) -> str:
        """A lender offers its price for an invoice; the code of the refusal, or empty."""
        try:
            terms = self.terms(supplier, number, lender)
        except Refusal as refusal:
            return refusal.code
        return self.offer_at(supplier, number, lender, terms)

    def payee(self, organisation: str) -> str:
        """Where an organisation is paid today."""
        return account_of(self._reader, organisation, CURRENCY, self.day)

    def premium(self, quote: dict[str, Any]) -> int:
        """The premium of a policy's quote, as the ledger computes it; minor units."""
        asked = parse({"op": "policy.quote", **quote, "premium": 1})
        assert isinstance(asked, PolicyQuote)
        return sum(line.premium for line in premium_lines(self._reader, asked, self.day))

    def fund(self, supplier: str, number: str, lender: str = LENDER, *, payee: str = "") -> str:
        """The bank attests the payout of an offer that the supplier accepts; the refusal's code, or empty."""
        code = self.attempt(supplier, "finance.accept", invoice=number)
        if code:
            return code
        lien = read_lien(self._reader, supplier, number)
        assert lien is not None, "an accepted offer stands"
        return self.attempt(
            BANK,
            "finance.fund",
            account=COLLECTION_ACCOUNT,
            entry=self.number("OUT"),
            date=self.today,
            invoice=number,
            supplier=supplier,
            lender=lender,
            amount=lien.paid_out,
            payee=payee or self.payee(supplier) or None,
        )

    def finance(self, supplier: str, number: str, lender: str = LENDER) -> str:
        """Offer, acceptance and payout; the code of the first refusal, or empty."""
        return self.offer(supplier, number, lender) or self.fund(supplier, number, lender)

    def publish_programmes(self, obligors: list[str]) -> None:
        """Both lenders publish programmes that take these buyers, so many in each."""
        for place in range(0, len(obligors), MAX_OBLIGOR_LIMITS):
            taken = sorted(obligors[place : place + MAX_OBLIGOR_LIMITS])
            for lender in (LENDER, OTHER_LENDER):
                name = f"{lender}-{place}"
                self._programmes |= {(lender, obligor): name for obligor in taken}
                self.do(
                    lender,
                    "programme.publish",
                    programme=name,
                    terms={
                        "currency": CURRENCY,
                        "limits": tuple({"obligor": obligor, "limit": 10**13} for obligor in taken),
                        "discount_rate_ppm": 72_000,
                        "fee_ppm": 2_500,
                    },
                )

    def programme(self, lender: str, buyer: str) -> str:
        """A lender's programme that takes a buyer."""
        return self._programmes[lender, buyer]


def _document(roles: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """A genesis document: each organisation with two keys, as two people would keep them."""
    organisations = [
        {
            "id": name,
            "name": name,
            "lei": lei_of(name),
            "roles": sorted(own),
            "identifiers": [],
            "keys": [
                {"key": public_key(key), "name": key, "enrolled_by": name} for key in (name, f"{name}/second")
            ],
        }
        for name, own in sorted(roles.items())
    ]
    node = {"id": "n1", "organisation": OPERATOR, "key": public_key(OPERATOR), "certificate": b"none"}
    return {
        "version": 1,
        "name": "fraud drill",
        "time_ms": FIRST_DAY * 86_400_000,
        "contract_version": Contracts.version,
        "quorum": 1,
        "nodes": [node],
        "organisations": organisations,
        "parameters": {"business_date": iso_from_day(FIRST_DAY)},
    }
