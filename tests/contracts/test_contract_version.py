"""The form of what the contracts store belongs to their version."""

from __future__ import annotations

from hashlib import sha256

from contracts import CONTRACT_VERSION
from contracts.affiliation import Affiliation
from contracts.amendment import Amendment
from contracts.approval import Approval
from contracts.auction import Auction
from contracts.bank import BankEntry
from contracts.bid import Bid
from contracts.book import RECORD_FIELDS as BOOK_FIELDS
from contracts.book import Totals as BookTotals
from contracts.claim import Lien, Share
from contracts.credit import CreditNote
from contracts.custody import Custody
from contracts.deposit import LINE_FIELDS, Balance, Hold
from contracts.early_payment import EarlyPayment
from contracts.enrolment import Enrolment
from contracts.exchange import Exchange
from contracts.invoice import Invoice
from contracts.leaf import Leaf, Promise, Totals
from contracts.order import Order, OrderLine
from contracts.payee import Payee
from contracts.pledge import Pledge
from contracts.programme import Programme
from contracts.recourse import Recourse
from contracts.redemption import Redemption
from contracts.redirection import Redirection
from contracts.registry import OPERATIONS
from contracts.relationship import RECORD_FIELDS, Aggregates, OpenWeek
from contracts.request import Answer, Request
from contracts.settlement import Settlement
from contracts.shipment import Shipment
from contracts.usage import Use

LAYOUTS = {1: "6fb6d0bdca430e24841f53da44526f242edb1db2889ca56f3d7a8a26b47f93c9"}


def test_stored_values_keep_their_form_within_a_contract_version() -> None:
    """A ledger made under other forms would stop a node: who changes one raises CONTRACT_VERSION."""
    values = (
        Affiliation,
        Aggregates,
        Amendment,
        Answer,
        Approval,
        Auction,
        Balance,
        BankEntry,
        Bid,
        BookTotals,
        CreditNote,
        Custody,
        EarlyPayment,
        Enrolment,
        Exchange,
        Hold,
        Invoice,
        Leaf,
        Lien,
        OpenWeek,
        Order,
        OrderLine,
        Payee,
        Pledge,
        Programme,
        Promise,
        Recourse,
        Redemption,
        Redirection,
        Request,
        Settlement,
        Share,
        Shipment,
        Totals,
        Use,
    )
    layout = [(value.__name__, value._fields) for value in values]
    layout += [(kind, fields) for kind, fields in sorted(RECORD_FIELDS.items())]
    layout += [("statement", LINE_FIELDS)]
    layout += [("book", kind, fields) for kind, fields in sorted(BOOK_FIELDS.items())]
    layout += [(name, tuple(spec.model.model_fields)) for name, spec in sorted(OPERATIONS.items())]
    assert LAYOUTS[CONTRACT_VERSION] == sha256(repr(layout).encode()).hexdigest()
