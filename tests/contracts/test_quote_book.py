"""A book of quotes: prices and refusals that share a proof, and files refused when anything is off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lateness_model import MODEL
from test_model_governance import DATA, HASH
from test_quote import NUMBER, OPEN_INVOICE, Ledger
from test_quote_prediction import BY_MODEL, adopt

from contracts.finance.claim import lien_key
from contracts.finance.eligibility import Rules
from contracts.finance.model import part_key, role_key
from contracts.finance.pricer import Pricer, read_basis
from contracts.finance.programme import programme_key
from contracts.finance.quote import ProvedQuote, verify_quote
from contracts.finance.quote_book import MAX_PAGE_INVOICES, ProvedRefusal, QuoteBook, make_page, verify_book
from contracts.pricing.model import Ensemble, Model
from contracts.trade.invoice import invoice_key
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.state.overlay import state_key
from ledger.state.proof import StateProof

ASKED = [("supplier", NUMBER), ("supplier", "B"), ("supplier", "C"), ("supplier", "none"), ("nobody", "X")]
CHAMPION_KEY = role_key("champion")
OTHER = Model(MODEL.features, MODEL.late, MODEL.days, Ensemble(1, (), ())).encode()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """An invoice as in the tests of a quote, a small one, and one on which somebody has a claim."""
    opened = Ledger(tmp_path_factory.mktemp("book") / "data")
    small = OPEN_INVOICE._replace(gross=1_000_00, net=1_000_00, credited=0, outstanding=1_000_00)
    opened.write(
        {
            programme_key("invoices"): ("bank", 2, BY_MODEL.to_value(), Rules().to_value(), ()),
            invoice_key("supplier", "B"): tuple(small),
            invoice_key("supplier", "C"): tuple(small),
            lien_key("supplier", "C"): ("bank",),
        }
    )
    adopt(opened, DATA)
    yield opened
    opened.store.close()


def page(ledger: Ledger) -> QuoteBook:
    return make_page(ledger.chain, "invoices", ASKED)


def test_every_row_is_a_proved_price_or_a_proved_refusal(ledger: Ledger) -> None:
    book, results = verify_book(page(ledger).encode(), ledger.genesis)
    assert book == page(ledger)
    assert [
        result.refusal.code if isinstance(result, ProvedRefusal) else result.terms.net for result in results
    ] == [950_000_00, 1_000_00, "already_financed", "unknown_invoice", "unknown_invoice"]


def test_a_price_in_a_book_is_the_price_of_its_quote(ledger: Ledger) -> None:
    _, results = verify_book(page(ledger).encode(), ledger.genesis)
    alone = verify_quote(ledger.quote().encode(), ledger.genesis)
    assert isinstance(results[0], ProvedQuote)
    assert results[0] == alone


def test_one_proof_serves_all_rows_of_a_page(ledger: Ledger) -> None:
    book = page(ledger)
    assert len(book.models) == 1
    alone = len(ledger.quote().encode())
    assert len(book.encode()) - len(DATA) < 2 * (alone - len(DATA)), (
        "five rows, and most of the proof is shared"
    )


def forgeries(ledger: Ledger) -> dict[str, QuoteBook]:
    book = page(ledger)
    (only,) = book.pages
    rows = list(only.rows)
    keys = [key for key, _ in only.state.entries]

    def with_page(**changes: object) -> QuoteBook:
        return replace(book, pages=(replace(only, **changes),))  # type: ignore[arg-type]

    return {
        "another price": with_page(rows=((*rows[0][:2], bytes(32)), *rows[1:])),
        "a refusal hidden": with_page(rows=(*rows[:2], (*rows[2][:2], bytes(32)), *rows[3:])),
        "a price withheld": with_page(rows=((*rows[0][:2], "already_financed"), *rows[1:])),
        "another refusal": with_page(rows=(*rows[:2], (*rows[2][:2], "disputed"), *rows[3:])),
        "a row left out": with_page(rows=tuple(rows[1:])),
        "a claim left out": with_page(
            state=ledger.chain.state_proof([key for key in keys if key != lien_key("supplier", "C")])
        ),
        "surplus": with_page(state=ledger.chain.state_proof([*keys, state_key("unrelated")])),
        "longer life": with_page(expires_height=only.expires_height + 1),
        "no model": replace(book, models=()),
        "another model": replace(book, models=(OTHER,)),
        "a model too many": replace(book, models=(DATA, OTHER)),
        "a model twice": replace(book, models=(DATA, DATA)),
        "an invoice twice": with_page(rows=(*rows, rows[0])),
        "a page twice": replace(book, pages=(only, only)),
        "another programme": replace(book, programme="none"),
    }


KINDS = [
    "another price",
    "a refusal hidden",
    "a price withheld",
    "another refusal",
    "a row left out",
    "a claim left out",
    "surplus",
    "longer life",
    "no model",
    "another model",
    "a model too many",
    "a model twice",
    "an invoice twice",
    "a page twice",
    "another programme",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_book_that_is_not_right_is_refused(ledger: Ledger, kind: str) -> None:
    forged = forgeries(ledger)
    assert list(forged) == KINDS
    with pytest.raises(VerificationError):
        verify_book(forged[kind].encode(), ledger.genesis)


def test_a_reader_that_has_the_model_need_not_get_it_again(ledger: Ledger) -> None:
    name = ledger.quote().terms["model"]
    book = make_page(ledger.chain, "invoices", ASKED, name)
    assert book.models == ()
    assert len(book.completed((OTHER, DATA)).verify(ledger.genesis)) == len(ASKED)
    with pytest.raises(VerificationError, match="not in the file"):
        book.verify(ledger.genesis)


def test_a_file_is_completed_with_the_models_that_it_needs_and_no_other(ledger: Ledger) -> None:
    book = make_page(ledger.chain, "invoices", ASKED, HASH)
    completed = book.completed((OTHER, DATA))
    assert completed == page(ledger)
    assert completed.completed((OTHER, DATA)) == completed
    assert len(verify_book(completed.encode(), ledger.genesis)[1]) == len(ASKED)
    nothing = make_page(ledger.chain, "none", ASKED[:1])
    assert nothing.completed((OTHER, DATA)).models == (), "a refusal that read no model needs none"


@pytest.mark.parametrize(
    "named",
    [5, (), {"model": HASH}, ("root", HASH), ("root", {}, 1), ("root", "text", 1), ("root", (HASH, {}), 1)],
)
def test_a_file_that_names_no_model_where_one_stands_is_refused_with_a_sentence(
    ledger: Ledger, named: codec.Value
) -> None:
    """A reader looks for the model before it verifies: what it reads there may be a lie."""
    quote, book = ledger.quote(), page(ledger)

    def forged(state: StateProof) -> StateProof:
        lie = codec.encode(named)
        return replace(
            state, entries=tuple([(key, lie if key == CHAMPION_KEY else data) for key, data in state.entries])
        )

    with pytest.raises(Malformed, match="wrong form"):
        replace(quote, model=b"", state=forged(quote.state)).completed((DATA,))
    told = replace(book.pages[0], state=forged(book.pages[0].state))
    with pytest.raises(Malformed, match="wrong form"):
        replace(book, models=(), pages=(told,)).completed((DATA,))


def test_what_the_prices_of_a_page_share_is_read_once(ledger: Ledger) -> None:
    asked: list[bytes] = []

    class Counted:
        def get(self, key: bytes) -> codec.Value | None:
            asked.append(key)
            return ledger.chain.get(key)

    pricer = Pricer(Counted(), "invoices")
    first, second = pricer.basis("supplier", NUMBER), pricer.basis("supplier", "B")
    assert asked.count(programme_key("invoices")) == 1
    assert asked.count(part_key("bank", HASH, 0)) == 1
    assert (first, second) == tuple(
        read_basis(ledger.chain, "supplier", number, "invoices") for number in (NUMBER, "B")
    )


def test_pages_of_different_heights_and_models_join_into_one_file(ledger: Ledger) -> None:
    first = page(ledger)
    adopt(ledger, OTHER)
    joined = first.joined(page(ledger))
    adopt(ledger, DATA)
    book, results = verify_book(joined.encode(), ledger.genesis)
    assert (len(book.models), len(book.pages), len(results)) == (2, 2, 2 * len(ASKED))
    assert len({result.height for result in results}) == 2


@lru_cache(maxsize=1)
def book_file() -> tuple[bytes, GenesisBlock]:
    """A small book under shrinkage; made once a process."""
    with TemporaryDirectory() as folder:
        opened = Ledger(Path(folder) / "data")
        data = make_page(opened.chain, "invoices", ASKED[:2]).encode()
        opened.store.close()
    return data, opened.genesis


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_any_changed_byte_of_a_book_is_refused(place: int, change: int) -> None:
    data, genesis = book_file()
    assert len(verify_book(data, genesis)[1]) == 2
    position = place % len(data)
    forged = data[:position] + bytes([data[position] ^ change]) + data[position + 1 :]
    with pytest.raises((VerificationError, Malformed)) as refused:
        verify_book(forged, genesis)
    assert refused.value.remedy


def test_a_page_has_a_bound(ledger: Ledger) -> None:
    asked = [("supplier", f"N{place}") for place in range(MAX_PAGE_INVOICES)]
    most = make_page(ledger.chain, "invoices", asked)
    assert len(verify_book(most.encode(), ledger.genesis)[1]) == MAX_PAGE_INVOICES
    (only,) = most.pages
    more = replace(most, pages=(replace(only, rows=(*only.rows, ("supplier", "M", "unknown_invoice"))),))
    with pytest.raises(Malformed):
        QuoteBook.decode(more.encode())
