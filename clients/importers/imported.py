"""What an import gives: operations with their signers, problems, and a summary; and what it is told.

    ImportContext ──► import ──► Imported
                                   entries   Entry(signer, date, operation, line)
                                   errors    every problem, with its place
                                   summary   counts for the person who dropped the file

A document (an order, an invoice) with a bad line gives no operation at all: half an
invoice would be a wrong one. It is counted as `withheld`. A row that is left out unread, or has no
number of a document, may belong to any, so a file with such a row gives none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from clients.importers.errors import ImportProblem
from clients.importers.parties import Directory
from contracts.reverse_factoring.payables import MAX_APPROVED_AT_ONCE
from contracts.trade.confirmation import MAX_CONFIRMED_AT_ONCE
from ledger.blocks.transaction import Operation
from ledger.codec import Value

KINDS = (
    "orders",
    "shipments",
    "receipts",
    "invoices",
    "confirmations",
    "payments",
    "ubl",
    "cii",
    "camt",
    "epcis",
    "response",
    "advice",
)


@dataclass(frozen=True, slots=True)
class Conditional:
    """A conditional delivery whose cash a bank holds or is to hold."""

    lender: str
    settlement: str
    status: str
    supplier: str
    invoice: str
    currency: str
    payee: str
    """Account to which the supplier is paid; empty if it has not said one."""


@dataclass(frozen=True, slots=True)
class BankBook:
    """What a settlement bank knows of its accounts on the ledger."""

    custody: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Custody account number → (client, currency)."""
    redemptions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(client, end-to-end reference) → number of the redemption that waits for its payment."""
    settlements: Mapping[str, Conditional] = field(default_factory=dict)
    """End-to-end reference → conditional delivery that waits for its cash."""


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of an invoice on the ledger."""

    quantity: int
    amount: int
    """Of all those units, without VAT; minor units."""
    left: int
    """Units that no accepted credit note has taken off."""


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice as it stands on the ledger; amounts in minor units."""

    net: int
    """Gross less what was credited."""
    outstanding: int
    due_date: str
    order: str = ""
    """The order that it was matched with; empty for none."""
    lines: Mapping[str, BilledLine] = field(default_factory=dict)


class TradeBook(Protocol):
    """What the ledger knows of the trade, for files that name trade items and no lines, or no amount."""

    def items(self, supplier: str, buyer: str, order: str) -> Mapping[str, str]:
        """Line of an order → its item; empty if there is no such order."""
        ...

    def shipped(self, supplier: str, shipment: str) -> Mapping[str, int]:
        """Line of a shipment → pieces; empty if there is no such shipment."""
        ...

    def order_of(self, supplier: str, shipment: str) -> str:
        """The order that a shipment fulfils; empty if there is no such shipment."""
        ...

    def invoice(self, supplier: str, number: str) -> Billed | None:
        """An invoice, if there is one."""
        ...


class NoTrade:
    """A ledger on which nothing was recorded."""

    def items(self, _supplier: str, _buyer: str, _order: str) -> Mapping[str, str]:
        """None."""
        return {}

    def shipped(self, _supplier: str, _shipment: str) -> Mapping[str, int]:
        """None."""
        return {}

    def order_of(self, _supplier: str, _shipment: str) -> str:
        """None."""
        return ""

    def invoice(self, _supplier: str, _number: str) -> Billed | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What the importing party knows and a file does not say."""

    organisation: str = ""
    """Who imports, and will sign: documents that another party signs are skipped. Empty: all parties."""
    supplier: str = ""
    """For files without a supplier column."""
    buyer: str = ""
    """For files without a buyer column; the obligor."""
    bank: str = ""
    """For payment files without a bank column."""
    currency: str = ""
    """For files without a currency column."""
    decimal_comma: bool = False
    """Amounts are written 1234,50 and not 1234.50; never guessed."""
    issue_drafts: bool = False
    """The buyer issues the drafts that its suppliers proposed, and not the content of its file."""
    link_orders: bool = True
    """European invoices name their order on the ledger, and are matched with it."""
    term_days: int = 0
    """Agreed days from issue to due, for invoices that have no due date; 0: none."""
    book: BankBook = field(default_factory=BankBook)
    """For bank files: accounts that hold clients' money."""
    trade: TradeBook = field(default_factory=NoTrade)
    """For EPCIS files and Invoice Responses: orders, shipments and invoices on the ledger."""
    directory: Directory = field(default_factory=Directory)
    """The channel's organisations, by id, identifiers and name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation, ready to be signed."""

    signer: str
    """Id of the organisation whose key must sign it."""
    date: str
    """The day of the document, ISO; empty where the file has none."""
    operation: Operation
    line: int
    """Where the document starts in the file."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over one file."""

    rows: int = 0
    documents: int = 0
    """Orders, shipments, invoices … that the rows make up."""
    withheld: int = 0
    """Documents without an operation because one of their lines is wrong."""
    skipped: int = 0
    """Documents that another organisation signs."""
    ignored_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know, such as payments that are simulated."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The outcome of importing one file."""

    file: str
    kind: str
    """One of `KINDS`, or "unknown"."""
    entries: tuple[Entry, ...]
    errors: tuple[ImportProblem, ...]
    summary: Summary

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations alone, in the order of the file."""
        return tuple(entry.operation for entry in self.entries)

    @property
    def is_clean(self) -> bool:
        """Whether nothing in the file was wrong."""
        return not self.errors

    def by_signer(self) -> dict[str, tuple[Entry, ...]]:
        """The entries of each organisation that must sign."""
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.signer, []).append(entry)
        return {signer: tuple(entries) for signer, entries in groups.items()}

    def as_dict(self) -> dict[str, Any]:
        """Everything but the operations, for `--json`."""
        return {
            "file": self.file,
            "kind": self.kind,
            "operations": len(self.entries),
            "rows": self.summary.rows,
            "documents": self.summary.documents,
            "withheld": self.summary.withheld,
            "skipped": self.summary.skipped,
            "ignored_columns": list(self.summary.ignored_columns),
            "notes": list(self.summary.notes),
            "errors": [problem.as_dict() for problem in self.errors],
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one importer makes of a table: entries and how many documents are behind them."""

    entries: tuple[Entry, ...]
    documents: int
    withheld: int
    skipped: int
    notes: tuple[str, ...] = ()


NOTHING = Outcome((), 1, 1, 0)
"""Of one document that cannot be imported."""


def together(entries: Iterable[Entry], programme: str = "") -> tuple[Entry, ...]:
    """The entries with the confirmations of one buyer, day and supplier joined: fewer signatures to check.

    Each of them is one `invoice.confirm_many` of at most `MAX_CONFIRMED_AT_ONCE`, in the place of its first;
    the ledger takes all of its invoices or none. Under a payables programme it is the buyer's approval, of at
    most `MAX_APPROVED_AT_ONCE`.
    """
    head = {"op": "payables.approve", "programme": programme} if programme else {"op": "invoice.confirm_many"}
    most = MAX_APPROVED_AT_ONCE if programme else MAX_CONFIRMED_AT_ONCE
    joined: list[Entry] = []
    places: dict[tuple[str, str, Value], int] = {}
    for entry in entries:
        operation = entry.operation
        if operation["op"] != "invoice.confirm":
            joined.append(entry)
            continue
        said = {name: operation[name] for name in ("invoice", "net", "due_date")}
        key = (entry.signer, entry.date, operation["supplier"])
        place = places.get(key)
        if place is None or len(joined[place].operation["invoices"]) == most:
            places[key] = len(joined)
            many = {**head, "supplier": operation["supplier"], "invoices": (said,)}
            joined.append(replace(entry, operation=many))
        else:
            many = joined[place].operation
            many = {**many, "invoices": (*many["invoices"], said)}
            joined[place] = replace(joined[place], operation=many)
    return tuple(joined)


_STAGES = (
    "order.submit",
    "order.issue",
    "shipment.dispatch",
    "goods.receive",
    "invoice.submit",
    "invoice.confirm",
    "invoice.dispute",
    "invoice.reject",
    "credit.issue",
    "deposit.mint",
    "payment.attest",
    "redemption.pay",
    "settlement.attest",
    "finance.fund",
    "settlement.return",
)
_STAGE = {name: place for place, name in enumerate(_STAGES)}


def timeline(imports: Iterable[Imported]) -> tuple[Entry, ...]:
    """The entries of several files as they happened: by day, and on one day orders before
    shipments, receipts, invoices, confirmations and payments. Entries without a day come last.
    """
    entries = [entry for imported in imports for entry in imported.entries]
    return tuple(
        sorted(
            entries,
            key=lambda entry: (entry.date or "9999", _STAGE.get(str(entry.operation["op"]), len(_STAGES))),
        )
    )
