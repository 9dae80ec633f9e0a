"""Scopes: what one organisation trades, holds and owes, cut out of a whole ledger.

`walk` asks a ledger for everything that belongs to the scope, beginning with the organisation's list of
relationships. Each next key follows from what was answered: relationships from the list, invoices and
certificates from the records, ended claims from their numbers. So the same walk finds the keys when an
extract is cut, and proves the extract complete when it is read: it must ask for exactly the keys that are
there, and every history that it goes through must be whole.

| asked for | because |
|---|---|
| business date, the organisation | what days are counted to; what it is |
| its relationships, whole | the history at ("party", organisation) says that there are no others |
| of each: its records, whole | they name every invoice and certificate |
| its book, whole | it names every invoice on which it has paid for a claim |
| of each invoice: itself, claim, approval, ended claims | they are numbered from 0 without a gap |
| of each certificate: promise, tree and leaves | the tree counts its leaves |

Of a certificate that was neither promised by the organisation nor to it, only its own leaves are asked
for. Of an invoice that it financed, how the buyer paid is in the history of others, which is not asked for: a
lender's scope has what it holds, and no rates of its obligors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from contracts.certificates.leaf import Place, Promise, certificate_key, leaf_key, promise_key
from contracts.context import BUSINESS_DATE, organisation_key
from contracts.errors import refuse
from contracts.finance.claim import MAX_ROUNDS, deal_key, lien_key
from contracts.holdings.book import book_key
from contracts.reverse_factoring.approval import approval_key
from contracts.trade.invoice import invoice_key
from contracts.trade.relationship import party_key, relationship_key
from ledger import codec
from ledger.errors import VerificationError

_NAMES_LEAF = ("hold", "let_go", "proceeds", "pledge", "dishonour")
"""Kinds of records whose number is a certificate's and whose last place is a leaf's."""


class Ledger(Protocol):
    """What is walked through."""

    def get(self, key: bytes) -> codec.Value | None:
        """The value of a key, None where nothing stands."""
        ...

    def records(self, key: bytes) -> Sequence[codec.Value]:
        """All records of the history whose entry stands at a key; none where nothing does."""
        ...


class Walked:
    """A ledger that remembers what was asked for; canonical bytes below."""

    def __init__(
        self, entries: dict[bytes, bytes] | dict[bytes, bytes | None], histories: dict[bytes, list[bytes]]
    ) -> None:
        self.keys: set[bytes] = set()
        self.whole: set[bytes] = set()
        """Keys of the histories that were gone through."""
        self._entries = entries
        self._histories = histories

    def get(self, key: bytes) -> codec.Value | None:
        """The value of a key."""
        self.keys.add(key)
        data = self._entries.get(key)
        return None if data is None else codec.decode(data)

    def records(self, key: bytes) -> Sequence[codec.Value]:
        """All records of a history.

        Raises:
            VerificationError: there is such a history, and its records are not here.
        """
        if self.get(key) is None:
            return ()
        if key not in self._histories:
            raise VerificationError("a history of the scope without its records", found=key.hex())
        self.whole.add(key)
        return [codec.decode(record) for record in self._histories[key]]


def walk(party: str, ledger: Ledger) -> None:
    """Ask for everything that belongs to an organisation.

    Raises:
        Refusal: `unknown_organisation`.
        VerificationError: a history of the scope is not whole.
    """
    ledger.get(BUSINESS_DATE)
    if ledger.get(organisation_key(party)) is None:
        raise refuse("unknown_organisation", "no such organisation", field="scope", found=party)
    for _, _, supplier, buyer in ledger.records(party_key(party)):
        _relationship(party, supplier, buyer, ledger)
    financed: dict[tuple[str, str], None] = {}
    for record in ledger.records(book_key(party)):
        kind, supplier = record[1], record[3]
        if kind in ("buy", "move"):
            financed[supplier, record[4 if kind == "buy" else 5]] = None
    for supplier, number in financed:
        _invoice(supplier, number, ledger)


def check(party: str, entries: dict[bytes, bytes | None], histories: dict[bytes, list[bytes]]) -> None:
    """Refuse an extract that is not exactly what belongs to an organisation.

    Raises:
        Refusal: like `walk`.
        VerificationError: something is missing, or left over.
    """
    walked = Walked(entries, histories)
    walk(party, walked)
    missing, surplus = walked.keys - entries.keys(), entries.keys() - walked.keys
    if missing or surplus or walked.whole != histories.keys():
        raise VerificationError(
            "not exactly what belongs to the scope",
            field="scope",
            found=f"{len(missing)} entries missing, {len(surplus)} left over, {len(histories)} histories",
            expected=f"{len(walked.keys)} entries, {len(walked.whole)} histories",
        )


def _relationship(party: str, supplier: str, buyer: str, ledger: Ledger) -> None:
    invoices: dict[str, None] = {}
    leaves: dict[str, set[int]] = {}
    for record in ledger.records(relationship_key(supplier, buyer)):
        kind, number = record[1], record[2]
        if kind == "invoice":
            invoices[number] = None
        elif kind in _NAMES_LEAF:
            leaves.setdefault(number, set()).add(record[-1])
        elif kind == "redeem":
            leaves.setdefault(number, set())
        elif kind == "certificate":
            leaves.setdefault(record[-1], set())
    for number in invoices:
        _invoice(supplier, number, ledger)
    for certificate, own in sorted(leaves.items()):
        _certificate(party, buyer, certificate, own, ledger)


def _invoice(supplier: str, number: str, ledger: Ledger) -> None:
    for key in (invoice_key, lien_key, approval_key):
        ledger.get(key(supplier, number))
    for turn in range(MAX_ROUNDS):
        if ledger.get(deal_key(supplier, number, turn)) is None:
            return


def _certificate(party: str, obligor: str, certificate: str, own: set[int], ledger: Ledger) -> None:
    value = ledger.get(promise_key(obligor, certificate))
    tree = ledger.get(certificate_key(obligor, certificate))
    if value is None or tree is None:
        raise VerificationError("records name a certificate that is not there", found=certificate)
    is_whole = party in (obligor, Promise._make(value).payee)
    for leaf in range(tree[2][4]) if is_whole else sorted(own):
        ledger.get(leaf_key(Place(obligor, certificate, leaf)))
