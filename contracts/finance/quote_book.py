"""A book of quotes: many invoices priced under one programme, page by page, each page with one shared proof.

    file = ["quotes", 1, programme, [model, …], [page, …]]
    page = [expires height, [[supplier, invoice, result], …], state proof, certified]

| part | meaning |
|---|---|
| model | bytes of a model that was in force at some page; none where shrinkage held |
| result | bytes: digest of the price that the ledger gives (`QuoteTerms.quote`); text: code of the refusal |
| state proof | every input of every price of the page, each key once, and nothing else |

A reader computes every price again from the proved inputs, so the terms themselves need not be in the file;
the result says what the node said, and must be what comes out. An invoice that gets no price is proved to get
none: the same inputs give the same refusal. The pages of a book may be of different heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from contracts.finance import model as models
from contracts.finance.pricer import PRICED_BY, ModelOf, Pricer, model_in, priced
from contracts.finance.quote import (
    QUOTE_LIFE_BLOCKS,
    Chain,
    ProvedQuote,
    ProvedState,
    Reads,
    known_forms,
    model_bytes,
    named_model,
    of_hashes,
)
from contracts.pricing.model import MAX_MODEL_BYTES, Model
from contracts.rules_in_force import check_rules_known
from ledger import codec, proof_file, shape
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, Refusal, VerificationError
from ledger.identifiers import checked_identifier
from ledger.limits import DIGEST_BYTES, MAX_PROOF_BYTES
from ledger.proofs.carried import opened
from ledger.state.proof import StateProof

MAX_PAGE_INVOICES = 50
"""Invoices of one page: what a node prices between two of its other tasks, some 50 ms under a large model."""

MAX_PAGE_ENTRIES = 576
"""State entries in the proof of a page."""

MAX_PAGES = 1_000
MAX_MODELS = 16
"""Models that one file may hold."""
MAX_CODE_LENGTH = 64

_OWN_ENTRIES, _SHARED_ENTRIES = 11, 7
assert MAX_PAGE_INVOICES * _OWN_ENTRIES + _SHARED_ENTRIES <= MAX_PAGE_ENTRIES, (
    "an invoice, its claim, its order, and of its parties history, three habits, exposure, cover, use for "
    "obligor and supplier; the date, the programme, its use in all, its policy, the network's habit, the "
    "champion"
)

Asked = tuple[str, str]
"""(supplier, invoice)"""


@dataclass(frozen=True, slots=True)
class ProvedRefusal:
    """An invoice that gets no price from a committed state, and why."""

    supplier: str
    invoice: str
    refusal: Refusal
    height: int


Result = ProvedQuote | ProvedRefusal


@dataclass(frozen=True, slots=True)
class Page:
    """One page; proved by nothing but `verify`."""

    expires_height: int
    rows: tuple[tuple[str, str, bytes | str], ...]
    """(supplier, invoice, digest or code)"""
    state: StateProof
    certified: CertifiedHeader

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.expires_height, self.rows, self.state.to_value(), self.certified.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Page:
        """Read the array of a page.

        Raises:
            Malformed: with the field that is wrong.
        """
        expires_height, rows, state, certified = shape.array(value, 4, "quotes.page")
        read = [_row(row) for row in shape.sequence(rows, MAX_PAGE_INVOICES, "quotes.rows", least=1)]
        return cls(
            shape.integer(expires_height, "quotes.expires_height"),
            tuple(read),
            StateProof.from_value(state, MAX_PAGE_ENTRIES),
            CertifiedHeader.from_value(certified),
        )

    def verify(self, genesis: GenesisBlock, programme: str, model_of: ModelOf) -> tuple[Result, ...]:
        """What the page proves, row by row; the steps are those of a quote, for each row.

        Raises:
            VerificationError: with the step that failed.
        """
        header = self.certified.verify(genesis)
        check_rules_known(header, PRICED_BY, "page of quotes")
        state = Reads(ProvedState(self.state.verify(header.state_root)))
        pricer = Pricer(state, programme, model_of)
        results = []
        for supplier, invoice, claimed in self.rows:
            with known_forms(header):
                found = _priced(pricer, header, (supplier, invoice))
            if _result(found) != claimed:
                raise VerificationError(
                    "the price does not follow from the proved inputs",
                    field=f"{supplier} {invoice}",
                    found=_shown(claimed),
                    expected=_shown(_result(found)),
                )
            results.append(found)
        if any(key not in state.keys for key, _ in self.state.entries):
            raise VerificationError("the proof holds entries that no input needs")
        if self.expires_height != header.height + QUOTE_LIFE_BLOCKS:
            raise VerificationError(
                "the page claims another expiry than the rules give it",
                field="expires_height",
                found=self.expires_height,
                expected=header.height + QUOTE_LIFE_BLOCKS,
            )
        return tuple(results)


def _row(value: codec.Value) -> tuple[str, str, bytes | str]:
    supplier, invoice, result = shape.array(value, 3, "quotes.row")
    if type(invoice) is not str:
        raise Malformed("wrong form", field="quotes.invoice", expected="text")
    if not (type(result) is bytes and len(result) == DIGEST_BYTES) and not (
        type(result) is str and 0 < len(result) <= MAX_CODE_LENGTH
    ):
        raise Malformed("wrong form", field="quotes.result", expected="a digest of 32 bytes, or a code")
    return shape.name(supplier, "quotes.supplier"), checked_identifier(invoice, "quotes.invoice"), result


@dataclass(frozen=True, slots=True)
class QuoteBook:
    """A file of pages; `verify` says what it proves."""

    programme: str
    models: tuple[bytes, ...]
    pages: tuple[Page, ...]

    def encode(self) -> bytes:
        """The bytes of the file."""
        pages = tuple([page.to_value() for page in self.pages])
        return codec.encode((proof_file.QUOTES, proof_file.VERSION, self.programme, self.models, pages))

    @classmethod
    def decode(cls, data: bytes) -> QuoteBook:
        """Read the file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        programme, found, pages = proof_file.parts(codec.decode(data, MAX_PROOF_BYTES), proof_file.QUOTES, 3)
        for model in shape.sequence(found, MAX_MODELS, "quotes.models"):
            shape.octets_within(model, MAX_MODEL_BYTES, "quotes.model", least=1)
        read = [Page.from_value(page) for page in shape.sequence(pages, MAX_PAGES, "quotes.pages", least=1)]
        return cls(shape.name(programme, "quotes.programme"), found, tuple(read))

    def verify(self, genesis: GenesisBlock) -> tuple[Result, ...]:
        """What the file proves, row by row.

        Raises:
            VerificationError: with the step that failed.
        """
        held = {sha256(model).digest(): model for model in self.models}
        used: set[bytes] = set()

        def model_of(adopted: models.Adopted) -> Model:
            data = held.get(adopted.model)
            if data is None:
                raise VerificationError(
                    "the model in force is not in the file", field="model", expected=adopted.model.hex()
                )
            used.add(adopted.model)
            return models.decoded(adopted, (data,))

        results = [result for page in self.pages for result in page.verify(genesis, self.programme, model_of)]
        if held.keys() - used or len(held) < len(self.models):
            raise VerificationError("the file holds a model that no page needs, or one twice", field="model")
        asked = [(page.expires_height, *row[:2]) for page in self.pages for row in page.rows]
        if len(set(asked)) < len(asked):
            raise VerificationError("the file prices an invoice twice at one height", field="invoices")
        return tuple(results)

    def completed(self, known: Iterable[bytes]) -> QuoteBook:
        """The file with all models that its pages need, out of those that the reader had besides its own.

        Raises:
            Malformed, NonCanonical: a page's proof names no model where one stands.
        """
        added = of_hashes(known, {named_model(page.state) for page in self.pages})
        return replace(self, models=tuple(dict.fromkeys((*self.models, *added))))

    def joined(self, other: QuoteBook) -> QuoteBook:
        """One file of both, for the same programme."""
        assert self.programme == other.programme, "a book is of one programme"
        held = tuple(dict.fromkeys((*self.models, *other.models)))
        return replace(self, models=held, pages=(*self.pages, *other.pages))


def make_page(chain: Chain, programme: str, asked: Sequence[Asked], known_model: bytes = b"") -> QuoteBook:
    """One page at the applied height; without the model if the reader has it, by its hash.

    Raises:
        NotCertified: nothing is certified yet.
    """
    assert 0 < len(asked) <= MAX_PAGE_INVOICES, "checked by whoever takes the question"
    header = chain.applied
    state = Reads(chain)
    pricer = Pricer(state, programme, model_in(chain))
    rows = [
        (supplier, invoice, _result(_priced(pricer, header, (supplier, invoice))))
        for supplier, invoice in asked
    ]
    reads_model = models.role_key(models.CHAMPION) in state.keys
    model = model_bytes(chain, known_model) if reads_model else b""
    page = Page(
        header.height + QUOTE_LIFE_BLOCKS,
        tuple(rows),
        chain.state_proof(sorted(state.keys), MAX_PAGE_ENTRIES),
        chain.certified(),
    )
    assert page.certified.header.hash == header.hash, "proof and certificate are of one height"
    return QuoteBook(programme, (model,) if model else (), (page,))


def verify_book(data: bytes, genesis: GenesisBlock) -> tuple[QuoteBook, tuple[Result, ...]]:
    """What a file of quotes proves.

    Raises:
        Malformed, NonCanonical, TooLarge: not such a file.
        VerificationError: it does not prove its prices.
    """
    data, genesis = opened(data, genesis)
    book = QuoteBook.decode(data)
    return book, book.verify(genesis)


def _priced(pricer: Pricer, header: Header, asked: Asked) -> Result:
    supplier, invoice = asked
    try:
        basis = pricer.basis(supplier, invoice)
        terms = priced(basis, header.contract_version)
    except Refusal as refusal:
        return ProvedRefusal(supplier, invoice, refusal, header.height)
    return ProvedQuote(basis.inputs, basis.terms, terms, header.height, header.time_ms, header.hash)


def _result(found: Result) -> bytes | str:
    return found.terms.quote if isinstance(found, ProvedQuote) else found.refusal.code


def _shown(result: bytes | str) -> str:
    return result.hex() if isinstance(result, bytes) else result
