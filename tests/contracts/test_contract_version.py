"""The form of what the contracts store belongs to their version."""

from __future__ import annotations

from hashlib import sha256

from contracts import CONTRACT_VERSION
from contracts.cash.bank import BankEntry
from contracts.cash.custody import Custody
from contracts.cash.deposit import LINE_FIELDS, Balance, Hold
from contracts.cash.exchange import Exchange
from contracts.cash.redemption import Redemption
from contracts.cash.settlement import Settlement
from contracts.certificates.leaf import Leaf, Promise, Totals
from contracts.finance.claim import Lien, Share
from contracts.finance.pledge import Pledge
from contracts.finance.programme import Programme
from contracts.finance.recourse import Recourse
from contracts.finance.request import Answer, Request
from contracts.finance.resale import Resale
from contracts.finance.usage import Use
from contracts.holdings.book import RECORD_FIELDS as BOOK_FIELDS
from contracts.holdings.book import Totals as BookTotals
from contracts.market.auction import Auction
from contracts.market.bid import Bid
from contracts.market.early_payment import EarlyPayment
from contracts.parties.affiliation import Affiliation
from contracts.parties.payee import Payee
from contracts.registry import OPERATIONS
from contracts.reverse_factoring.approval import Approval
from contracts.reverse_factoring.enrolment import Enrolment
from contracts.trade.amendment import Amendment
from contracts.trade.credit import CreditNote
from contracts.trade.invoice import Invoice
from contracts.trade.order import Order, OrderLine
from contracts.trade.redirection import Redirection
from contracts.trade.relationship import RECORD_FIELDS, Aggregates, OpenWeek
from contracts.trade.shipment import Shipment

LAYOUTS = {1: "9ecfcdec4cf4deaa3da150a6d80d343f2a257631024ccd0ce38a71d0e08c2883"}


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
        Resale,
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
