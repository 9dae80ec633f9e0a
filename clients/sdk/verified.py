"""What a session hands to its caller: proved things, each with the file that proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from contracts.answer import ProvedAnswer
from contracts.finance.quote import ProvedQuote, Quote
from contracts.finance.quote_book import QuoteBook, Result
from contracts.pricing import QuoteTerms
from ledger import codec
from ledger.proofs.carried import carry, opened
from ledger.proofs.handover import Followed, MembershipChain
from ledger.proofs.history import ProvedHistory


class HasHeight(Protocol):
    """What is proved of one height."""

    @property
    def height(self) -> int:
        """Of the block after which it was so."""
        ...


class InFile:
    """What was proved by a file, and the file."""

    __slots__ = ()

    proved: HasHeight
    data: bytes

    @property
    def height(self) -> int:
        """Height at which this is proved."""
        return self.proved.height

    def save(self, path: Path) -> None:
        """Write the file that proves it."""
        path.write_bytes(self.data)


@dataclass(frozen=True, slots=True)
class VerifiedHistory(InFile):
    """The proved records of a trade relationship; complete unless only the newest were asked for."""

    supplier: str
    buyer: str
    proved: ProvedHistory
    data: bytes
    """The history file."""

    @property
    def records(self) -> tuple[codec.Value, ...]:
        """The records, oldest first; their form is drawn in `contracts.trade.relationship`."""
        return self.proved.records

    @property
    def aggregates(self) -> Mapping[str, codec.Value]:
        """Running sums by currency."""
        return {} if self.proved.entry is None else self.proved.entry.aggregates

    @property
    def count(self) -> int:
        """Records that the relationship has in all."""
        return self.proved.count

    @property
    def is_complete(self) -> bool:
        """Whether these are all of them."""
        return self.proved.is_complete


@dataclass(frozen=True, slots=True)
class VerifiedQuote:
    """A price that was recomputed here from proved inputs."""

    proved: ProvedQuote
    quote: Quote
    """With the model in force."""
    changes: MembershipChain
    """Those that a later reader needs."""

    @classmethod
    def read(cls, data: bytes, trust: Followed, known: Iterable[bytes] = ()) -> VerifiedQuote:
        """The price in a quote file, out of which one of these known models may be left.

        Raises:
            Malformed, NonCanonical, TooLarge: not a quote file.
            VerificationError: it does not prove its terms.
        """
        inner, under = opened(data, trust)
        quote = Quote.decode(inner).completed(known)
        return cls(quote.verify(under), quote, Followed.of(under).chain)

    @property
    def data(self) -> bytes:
        """The quote file."""
        return carry(self.quote.encode(), self.changes)

    @property
    def programme(self) -> str:
        """The lender's programme."""
        return self.proved.programme

    @property
    def lender(self) -> str:
        """Whose programme it is."""
        return self.proved.lender

    @property
    def supplier(self) -> str:
        """Whose invoice it is."""
        return self.proved.inputs.supplier

    @property
    def invoice(self) -> str:
        """The invoice's number."""
        return self.proved.inputs.invoice

    @property
    def terms(self) -> QuoteTerms:
        """The price, to the unit; an offer must state exactly these terms."""
        return self.proved.terms

    @property
    def height(self) -> int:
        """Height at which this is proved."""
        return self.proved.height

    def save(self, path: Path) -> None:
        """Write the quote file."""
        path.write_bytes(self.data)


@dataclass(frozen=True, slots=True)
class VerifiedAnswer(InFile):
    """What was answered here, from proved state alone."""

    proved: ProvedAnswer
    data: bytes
    """The answer file."""

    @property
    def view(self) -> dict[str, Any]:
        """The answer by name, amounts in minor units."""
        return self.proved.view


@dataclass(frozen=True, slots=True)
class VerifiedPrices:
    """Prices of many invoices, each recomputed here from proved inputs, or proved to be refused."""

    book: QuoteBook
    results: tuple[Result, ...]
    """In the order in which they were asked for."""


@dataclass(frozen=True, slots=True)
class BlockEvent:
    """A block that a node has applied, as its event stream tells; a hint, not a proof."""

    height: int
    hash: bytes
    term: int
    time_ms: int
    proposer: str
    transactions: tuple[tuple[bytes, tuple[tuple[int, str, str], ...]], ...]
    """(id, refusals) of each transaction."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BlockEvent:
        """Read the data of an event.

        Raises:
            KeyError, TypeError, ValueError: it is not that of a block.
        """
        return cls(
            int(data["height"]),
            bytes.fromhex(data["hash"]),
            int(data["term"]),
            int(data["time_ms"]),
            str(data["proposer"]),
            tuple(
                (bytes.fromhex(entry["id"]), tuple((int(i), str(c), str(d)) for i, c, d in entry["refusals"]))
                for entry in data["transactions"]
            ),
        )
