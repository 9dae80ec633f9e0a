"""Scopes: the trade of one organisation, as supplier and as buyer, cut out of a whole ledger.

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
| of each invoice: itself, claim, approval, ended claims | they are numbered from 0 without a gap |
| of each certificate: promise, tree and leaves | the tree counts its leaves |

Of a certificate that was neither promised by the organisation nor to it, only its own leaves are asked for.
What a lender holds by claims on others' invoices is not in its trade: for lenders there is no such scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from contracts.approval import approval_key
from contracts.claim import MAX_ROUNDS, deal_key, lien_key
from contracts.context import BUSINESS_DATE, organisation_key
from contracts.errors import refuse
from contracts.identity import LENDER
from contracts.invoice import invoice_key
from contracts.leaf import Place, Promise, certificate_key, leaf_key, promise_key
from contracts.relationship import party_key, relationship_key
from ledger import codec
from ledger.errors import VerificationError

_NAMES_LEAF = ("hold", "let_go", "proceeds", "dishonour")
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
    """Ask for everything that belongs to the trade of an organisation.

    Raises:
        Refusal: `unknown_organisation`, `scope_of_lender`.
        VerificationError: a history of the scope is not whole.
    """
    ledger.get(BUSINESS_DATE)
    organisation = ledger.get(organisation_key(party))
    if organisation is None:
        raise refuse("unknown_organisation", "no such organisation", field="scope", found=party)
    if LENDER in organisation[2]:
        raise refuse(
            "scope_of_lender",
            "what a lender holds is not in its trade",
            field="scope",
            found=party,
            expected="a supplier or a buyer",
        )
    for _, _, supplier, buyer in ledger.records(party_key(party)):
        _relationship(party, supplier, buyer, ledger)


def check(party: str, entries: dict[bytes, bytes | None], histories: dict[bytes, list[bytes]]) -> None:
    """Refuse an extract that is not exactly the trade of an organisation.

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
