"""What the state says beside the histories: organisations, affiliations, accounts, and lines of invoices.

    facts = Facts(entries)          entries: the parts of a state key → its value, proved before

`party_keys`, `invoice_keys` and `line_keys` say which entries the checks read, so that a reader knows what to
have proved; an entry that is missing finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clients.screening.trade import Trade
from contracts.context import BUSINESS_DATE, organisation_key
from contracts.finance.claim import Lien, lien_key, shares_of
from contracts.parameters import PARAMETERS, parameter_key
from contracts.parties.affiliation import SOURCES, Affiliation, affiliation_key
from contracts.parties.payee import Payee, payee_key
from contracts.trade.invoice import HELD, Invoice, invoice_key
from contracts.trade.order import OrderLine, line_key
from contracts.trade.redirection import STANDING, Redirection, redirection_key
from ledger import codec

Parts = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """State entries by the parts of their keys."""

    entries: Mapping[Parts, codec.Value]

    @classmethod
    def of(cls, proved: Mapping[bytes, codec.Value | None]) -> Facts:
        """The facts of proved entries; what is proved to be absent is left out."""
        return cls({codec.decode(key): value for key, value in proved.items() if value is not None})

    @property
    def day(self) -> int:
        """The business date, days since 1970; 0 if it is not among them."""
        return int(self.entries.get(("param", "business_date"), 0))

    @property
    def backdating_days(self) -> int:
        """Days from issue to the ledger from which it calls an invoice backdated."""
        default = PARAMETERS["backdating_days"].default
        return int(self.entries.get(("param", "backdating_days"), default))

    def invoice(self, supplier: str, number: str) -> Invoice | None:
        """An invoice with its lines."""
        value = self.entries.get(("invoice", supplier, number))
        return None if value is None else Invoice._make(value)

    def order_line(self, supplier: str, buyer: str, order: str, line: str) -> OrderLine | None:
        """A line of an order with its item."""
        value = self.entries.get(("order_line", supplier, buyer, order, line))
        return None if value is None else OrderLine._make(value)

    def lei(self, organisation: str) -> str:
        """The organisation's legal entity identifier, empty for none."""
        value = self.entries.get(("org", organisation))
        return "" if value is None else str(value[1])

    def affiliation(self, organisation: str, source: str) -> Affiliation | None:
        """What one source says of an organisation."""
        value = self.entries.get(("affiliation", organisation, source))
        return None if value is None else Affiliation._make(value)

    def holders(self, supplier: str, number: str) -> tuple[str, ...]:
        """The lenders that hold an invoice, none if it is nobody's but the supplier's."""
        value = self.entries.get(("lien", supplier, number))
        lien = None if value is None else Lien._make(value)
        if lien is None or lien.title not in HELD:
            return ()
        return tuple(share.lender for share in shares_of(lien))

    def redirection(self, supplier: str, buyer: str, currency: str) -> Redirection | None:
        """The redirection of a supplier's invoices to a buyer that stands."""
        value = self.entries.get(("redirection", supplier, buyer, currency))
        found = None if value is None else Redirection._make(value)
        return found if found is not None and found.status in STANDING else None

    def accounts(self, organisation: str, currencies: Iterable[str]) -> Iterator[tuple[str, Parts]]:
        """(account, parts of the key) of the accounts that an organisation is paid to, or wants to be."""
        for currency in currencies:
            parts = ("payee", organisation, currency)
            value = self.entries.get(parts)
            for account in () if value is None else Payee._make(value)[:2]:
                if account:
                    yield account, parts


def party_keys(trade: Trade) -> list[bytes]:
    """State keys of the ledger's own terms, and of what is recorded of the parties."""
    currencies = sorted({bill.currency for bill in trade.bills})
    keys = [BUSINESS_DATE, parameter_key("backdating_days")]
    for party in trade.parties:
        keys.append(organisation_key(party))
        keys += [affiliation_key(party, source) for source in SOURCES]
        keys += [payee_key(party, currency) for currency in currencies]
    for pair in trade.relationships:
        keys += [redirection_key(*pair, currency) for currency in currencies]
    return keys


def invoice_keys(trade: Trade) -> list[bytes]:
    """State keys of the invoices that were made on an order, and of claims on those that may be held."""
    made = [invoice_key(bill.supplier, bill.number) for bill in trade.bills if bill.order]
    held = [bill for bill in trade.bills if bill.financed is not None and bill.is_open]
    return [*made, *(lien_key(bill.supplier, bill.number) for bill in held)]


def line_keys(trade: Trade, facts: Facts) -> list[bytes]:
    """State keys of the order lines that those invoices bill."""
    keys: dict[bytes, None] = {}
    for bill in trade.bills:
        invoice = facts.invoice(bill.supplier, bill.number) if bill.order else None
        for line, _, _ in () if invoice is None else invoice.lines:
            keys[line_key(bill.supplier, bill.buyer, bill.order, line)] = None
    return list(keys)
