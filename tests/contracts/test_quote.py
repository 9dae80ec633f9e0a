"""Quotes on a real chain: made, read back, verified offline, and refused when a byte is not what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, payment, publish
from trade_ledger import invoice as bill

from contracts import CONTRACT_VERSION
from contracts.context import BUSINESS_DATE
from contracts.finance.claim import exposure_key, lien_key
from contracts.finance.eligibility import Rules
from contracts.finance.pricer import read_basis, requote
from contracts.finance.programme import programme_key
from contracts.finance.quote import QUOTE_LIFE_BLOCKS, ProvedQuote, Quote, make_quote, verify_quote
from contracts.finance.quote_book import make_page, verify_book
from contracts.pricing import Features, ObligorLimit, ProgrammeTerms, price
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.trade.invoice import CONFIRMED, FREE, Invoice, invoice_key
from ledger import codec
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.clock import Reading
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, GenesisBlock, read_genesis
from ledger.blocks.transaction import Transaction
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote
from ledger.chain.chain import Chain
from ledger.dates import day_from_iso
from ledger.errors import Malformed, Refusal, TallyError, VerificationError
from ledger.keys import SigningKey
from ledger.state.overlay import Overlay, state_key
from ledger.state.proof import StateProof
from ledger.storage.store import Store

START_MS = 1_700_000_000_000
TODAY = day_from_iso("2024-03-05")
NODES = {f"node-{number}": SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3)}
CLIENT = SigningKey.from_seed(b"\x07" * 32)
NUMBER = "RE/2024 17"
TERMS = ProgrammeTerms(
    currency="EUR",
    limits=(ObligorLimit(obligor="buyer", limit=1_000_000_00),),
    discount_rate_ppm=72_000,
    fee_ppm=2_500,
    lateness_basis="history",
)
OPEN_INVOICE = Invoice(
    buyer="buyer",
    currency="EUR",
    issue_day=TODAY - 4,
    due_day=TODAY + 56,
    order="",
    lines=(("1", 1, 1_000_000_00),),
    gross=1_000_000_00,
    validity=CONFIRMED,
    title=FREE,
    net=950_000_00,
    contested=0,
    credited=50_000_00,
    paid=0,
    offset=0,
    written_off=0,
    outstanding=950_000_00,
    document=b"",
    backdated=0,
    supplier_approver="",
    buyer_approver="",
    tax=0,
    prepaid=0,
    taxes=(),
)


@dataclass(frozen=True)
class PreparedWrites:
    transaction: Transaction


class WrittenState:
    """Rules that write what a test says: state at genesis, one entry an operation afterwards."""

    def __init__(self, version: int = CONTRACT_VERSION) -> None:
        self.version = version

    def prepare(self, transaction: Transaction) -> PreparedWrites:
        return PreparedWrites(transaction)

    def execute(self, state: Overlay, prepared: PreparedWrites, time_ms: int) -> codec.Value:
        for operation in prepared.transaction.operations:
            if operation["value"] is None:
                state.delete(operation["key"])
            else:
                state.put(operation["key"], operation["value"])
        return ()

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        day = day_from_iso(str(genesis.parameters["business_date"]))
        state.put(BUSINESS_DATE, day)
        state.put(programme_key("invoices"), ("bank", 1, TERMS.to_value(), Rules().to_value(), ()))
        state.put(invoice_key("supplier", NUMBER), tuple(OPEN_INVOICE))
        for number, (amount, late) in enumerate([(40_000_00, 3), (10_000_00, -2), (50_000_00, 18)]):
            for record in (
                (day, "confirm", str(number), "EUR", amount, day - late, 0, amount, 0, 0),
                (day, "payment", str(number), "EUR", amount, day, day - late, amount, 1, day - 60, amount, 0),
            ):
                relationship.append(state, "supplier", "buyer", record)


class Ledger:
    """One node's chain, every block certified by two of three."""

    def __init__(self, path: Path, version: int = CONTRACT_VERSION) -> None:
        document = {
            "version": 1,
            "name": "test",
            "time_ms": START_MS,
            "contract_version": version,
            "quorum": 2,
            "nodes": [
                {"id": node, "organisation": "org", "key": key.public, "certificate": b""}
                for node, key in NODES.items()
            ],
            "organisations": [
                {"id": "org", "name": "Org", "lei": "", "roles": [], "identifiers": [], "keys": []}
            ],
            "parameters": {"business_date": "2024-03-05"},
        }
        data = make_genesis_block(WrittenState(version), Genesis.from_document(document)).data
        self.genesis: GenesisBlock = read_genesis(data)
        self.store = Store.open(path)
        self.chain: Chain = Chain.open(self.store, WrittenState(version), data)
        self.write({state_key("unrelated"): 1})

    def election(self) -> ElectionCertificate:
        """All nodes vote for the first, as their ledger is empty."""
        ballot = Ballot(1, "node-1", 0, 0, 0, self.genesis.channel)
        votes = [
            Vote(node, ballot, sign_vote(key, self.genesis.channel, ballot)) for node, key in NODES.items()
        ]
        return ElectionCertificate.of(1, "node-1", votes)

    def write(self, entries: dict[bytes, codec.Value]) -> None:
        """One block with one transaction that writes these entries."""
        height = self.chain.head.height + 1
        transaction = Transaction.sign(
            CLIENT,
            channel=self.genesis.channel,
            operations=[{"op": "write", "key": key, "value": value} for key, value in entries.items()],
            valid_until_ms=START_MS + 60_000,
            nonce=height.to_bytes(8, "big"),
        )
        block = self.chain.seal(
            [PreparedWrites(transaction)],
            term=1,
            proposer="node-1",
            key=NODES["node-1"],
            clocks=[
                Reading.sign(key, self.genesis.channel, node, START_MS + height)
                for node, key in NODES.items()
            ],
            election=self.election() if height == 1 else None,
        )
        self.store.append([(block.height, block.data)], None)
        header = block.header
        acks = [
            (node, sign_ack(NODES[node], self.genesis.channel, 1, header.height, header.hash))
            for node in ("node-1", "node-2")
        ]
        self.chain.commit(Certificate.of(1, header.height, header.hash, acks))

    def quote(self, supplier: str = "supplier", invoice: str = NUMBER, programme: str = "invoices") -> Quote:
        return make_quote(self.chain, supplier, invoice, programme)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "data")
    yield opened
    opened.store.close()


@lru_cache(maxsize=1)
def quote_file() -> tuple[bytes, GenesisBlock]:
    """One quote's bytes with the genesis to check them; made once a process."""
    with TemporaryDirectory() as folder:
        opened = Ledger(Path(folder) / "data")
        data = opened.quote().encode()
        opened.store.close()
    return data, opened.genesis


def test_a_quote_is_verified_offline_to_the_unit() -> None:
    data, genesis = quote_file()
    proved = verify_quote(data, genesis)
    assert (proved.lender, proved.inputs.buyer, proved.programme) == ("bank", "buyer", "invoices")
    assert (proved.height, proved.expires_height) == (1, 1 + QUOTE_LIFE_BLOCKS)
    terms = proved.terms
    assert (terms.net, terms.advance, terms.reserve) == (950_000_00, 807_500_00, 142_500_00)
    # (20 · 4.00 + 3 · 10.20) / 23 = 4.81 days: 56 + 5
    assert (terms.dbt_centidays, terms.expected_late_centidays, terms.tenor_days) == (1_020, 481, 61)
    assert terms.discount == -(-807_500_00 * 72_000 * 61 // 360_000_000)
    assert terms.paid_out == terms.advance - terms.discount - 2_375_00
    assert proved.inputs.claimed is False


def test_a_quote_reads_back_to_the_same_bytes(ledger: Ledger) -> None:
    data = ledger.quote().encode()
    assert Quote.decode(data).encode() == data


def test_invariant_22_every_node_makes_the_same_terms(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "one"), Ledger(tmp_path / "two")
    assert first.quote().encode() == second.quote().encode()
    basis = read_basis(first.chain, "supplier", NUMBER, "invoices")
    offline = verify_quote(second.quote().encode(), second.genesis)
    assert requote(first.chain, "supplier", NUMBER, "invoices").data == offline.terms.data
    assert (basis.inputs, basis.terms) == (offline.inputs, offline.programme_terms)
    first.store.close()
    second.store.close()


def test_a_quote_proves_that_nobody_has_a_claim(ledger: Ledger) -> None:
    quote = ledger.quote()
    proved = dict(quote.state.entries)
    assert proved[lien_key("supplier", NUMBER)] is None
    ledger.write({lien_key("supplier", NUMBER): ("bank",)})
    with pytest.raises(Refusal) as refused:
        ledger.quote()
    assert refused.value.code == "already_financed"
    assert verify_quote(quote.encode(), ledger.genesis).height == 1, "true at its height, for ever"


def test_a_quote_that_leaves_out_the_claim_is_refused(ledger: Ledger) -> None:
    ledger.write({lien_key("supplier", NUMBER): ("bank",)})
    honest = Quote.decode(quote_file()[0])
    keys = [key for key, _ in honest.state.entries if key != lien_key("supplier", NUMBER)]
    forged = replace(
        honest,
        state=ledger.chain.state_proof(keys),
        certified=ledger.chain.certified(),
        expires_height=10_002,
    )
    with pytest.raises(VerificationError, match=r"leaves out an input of the price.*lien supplier"):
        verify_quote(forged.encode(), ledger.genesis)


def test_a_quote_with_the_claim_in_its_proof_is_refused(ledger: Ledger) -> None:
    ledger.write({lien_key("supplier", NUMBER): ("bank",)})
    honest = Quote.decode(quote_file()[0])
    forged = replace(
        honest,
        state=ledger.chain.state_proof([key for key, _ in honest.state.entries]),
        certified=ledger.chain.certified(),
        expires_height=10_002,
    )
    with pytest.raises(VerificationError, match=r"no such quote.*somebody has a claim"):
        verify_quote(forged.encode(), ledger.genesis)


def test_a_quote_with_surplus_entries_is_refused(ledger: Ledger) -> None:
    quote = ledger.quote()
    keys = [key for key, _ in quote.state.entries]
    padded = replace(quote, state=ledger.chain.state_proof([*keys, state_key("unrelated")]))
    with pytest.raises(VerificationError, match="entries that no input needs"):
        verify_quote(padded.encode(), ledger.genesis)


@pytest.mark.parametrize("field", ["advance", "paid_out", "discount", "pd_ppm", "tenor_days"])
def test_a_quote_with_a_better_price_is_refused_and_says_which_figure(ledger: Ledger, field: str) -> None:
    quote = ledger.quote()
    forged = replace(quote, terms={**quote.terms, field: quote.terms[field] + 1})
    with pytest.raises(VerificationError) as refused:
        verify_quote(forged.encode(), ledger.genesis)
    assert refused.value.field == f"terms.{field}"
    assert (refused.value.found, refused.value.expected) == (
        str(quote.terms[field] + 1),
        str(quote.terms[field]),
    )


@pytest.mark.parametrize("terms", [{}, {"advance": 1}, None])
def test_a_quote_with_other_terms_than_a_price_has_is_refused(ledger: Ledger, terms: Any) -> None:
    forged = replace(ledger.quote(), terms=terms)
    with pytest.raises((VerificationError, Malformed)):
        verify_quote(forged.encode(), ledger.genesis)


def test_a_quote_for_another_invoice_programme_or_life_is_refused(ledger: Ledger) -> None:
    quote = ledger.quote()
    for forged in (
        replace(quote, invoice="RE/2024 18"),
        replace(quote, programme="other"),
        replace(quote, supplier="other"),
        replace(quote, expires_height=quote.expires_height + 1),
    ):
        with pytest.raises(VerificationError):
            verify_quote(forged.encode(), ledger.genesis)


def test_a_quote_of_another_channel_is_refused(ledger: Ledger) -> None:
    other = Genesis.from_document({**ledger.genesis.genesis.document(), "name": "another"})
    genesis = read_genesis(make_genesis_block(WrittenState(), other).data)
    with pytest.raises(VerificationError, match="another channel"):
        verify_quote(quote_file()[0], genesis)


def test_what_comes_later_does_not_move_a_quote_of_an_earlier_height(ledger: Ledger) -> None:
    before = ledger.quote()
    ledger.write({state_key("unrelated"): 2, exposure_key("bank", "other", "EUR"): (5, 5)})
    after = ledger.quote()
    assert after.terms == before.terms
    assert after.certified.header.height == before.certified.header.height + 1
    assert (
        verify_quote(before.encode(), ledger.genesis).terms
        == verify_quote(after.encode(), ledger.genesis).terms
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"validity": 0}, "not_confirmed"),
        ({"validity": 2}, "disputed"),
        ({"contested": 1}, "disputed"),
        ({"validity": 3}, "not_confirmed"),
        ({"backdated": 1}, "backdated"),
        ({"currency": "USD"}, "currency_mismatch"),
        ({"buyer": "stranger"}, "obligor_not_eligible"),
        ({"outstanding": 0}, "nothing_outstanding"),
        ({"due_day": TODAY}, "past_due"),
        ({"due_day": TODAY + 4}, "tenor_too_short"),
        ({"due_day": TODAY + 200}, "tenor_too_long"),
        ({"outstanding": 2_000_000_00}, "limit_exceeded"),
    ],
)
def test_an_invoice_without_a_price_gets_no_quote(ledger: Ledger, change: dict[str, Any], code: str) -> None:
    ledger.write({invoice_key("supplier", NUMBER): tuple(OPEN_INVOICE._replace(**change))})
    with pytest.raises(Refusal) as refused:
        ledger.quote()
    assert refused.value.code == code


def test_exposure_counts_what_is_reserved_and_what_is_funded(ledger: Ledger) -> None:
    ledger.write({exposure_key("bank", "buyer", "EUR"): (100_000_00, 92_500_00)})
    assert verify_quote(ledger.quote().encode(), ledger.genesis).inputs.exposure == 192_500_00
    ledger.write({exposure_key("bank", "buyer", "EUR"): (100_000_00, 92_500_01)})
    with pytest.raises(Refusal) as refused:
        ledger.quote()
    assert refused.value.code == "limit_exceeded"


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"programme": "none"}, "unknown_programme"),
        ({"invoice": "none"}, "unknown_invoice"),
        ({"supplier": "none"}, "unknown_invoice"),
    ],
)
def test_what_is_not_on_the_ledger_gets_no_quote(ledger: Ledger, question: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        ledger.quote(**question)
    assert refused.value.code == code


def traded() -> TradeLedger:
    """acme and mega with a short history made of operations, an open invoice and the programme prime."""
    trade = TradeLedger()
    trade.done("loan", publish())
    paid(trade, "OLD1", 100_00, due="2012-02-25", date="2012-02-28")
    paid(trade, "OLD2", 250_01, due="2012-02-25", date="2012-03-01")
    trade.confirmed_invoice()
    return trade


def paid(trade: TradeLedger, number: str, amount: int, *, due: str, date: str) -> None:
    """An invoice submitted, confirmed and paid."""
    trade.done("acme", bill(number, amount, due=due, issue_date="2011-12-01"))
    trade.done("mega", confirm(number, amount, due))
    trade.done("bank", payment(number, amount, f"IN {number}", date=date))


def test_invariant_5_an_offer_at_the_quoted_price_is_applied_once() -> None:
    trade = traded()
    offer = trade.offer()
    assert trade.submit("loan", offer) == ()
    assert trade.refused("loan", offer) == "already_financed"
    with pytest.raises(Refusal) as refused:
        requote(trade.state, "acme", "INV1", "prime")
    assert refused.value.code == "already_financed"


@pytest.mark.parametrize("field", ["net", "tenor_days", "advance", "reserve", "discount", "fee", "paid_out"])
@pytest.mark.parametrize("change", [-1, 1])
def test_an_offer_one_unit_off_the_quoted_price_is_refused(field: str, change: int) -> None:
    trade = traded()
    offer = trade.offer()
    offer["terms"][field] += change
    assert trade.refused("loan", offer) == "quote_stale"


def test_a_quote_overtaken_by_a_late_payment_is_refused() -> None:
    trade = traded()
    offer = trade.offer()
    paid(trade, "LATE", 77_700_00, due="2011-12-15", date="2012-03-01")
    assert trade.refused("loan", offer) == "quote_stale"
    assert trade.quote_terms()["paid_out"] < offer["terms"]["paid_out"]


def test_a_price_from_recomputed_aggregates_is_the_price_from_the_state() -> None:
    """Whoever holds the records folds them and gets the same features: the aggregates hide nothing."""
    trade = traded()
    aggregates: codec.Value = relationship_sums.EMPTY
    for record in trade.records[relationship.relationship_key("acme", "mega")]:
        aggregates = relationship_records.fold(aggregates, codec.decode(record))
    basis = read_basis(trade.state, "acme", "INV1", "prime")
    day = basis.inputs.day
    assert Features.of(relationship_sums.of_currency(aggregates, "USD"), day) == basis.inputs.features
    # 100.00 three days late, 250.01 five days late
    assert basis.inputs.features.dbt_centidays == (100_00 * 3 + 250_01 * 5) * 100 // 350_01 + 1


def test_every_flipped_byte_of_a_quote_is_refused_with_a_sentence() -> None:
    data, genesis = quote_file()
    assert isinstance(verify_quote(data, genesis), ProvedQuote)
    for position in range(len(data)):
        _refused(data[:position] + bytes([data[position] ^ 0x01]) + data[position + 1 :], genesis)


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=300)
def test_any_changed_byte_of_a_quote_is_refused(place: int, change: int) -> None:
    data, genesis = quote_file()
    position = place % len(data)
    _refused(data[:position] + bytes([data[position] ^ change]) + data[position + 1 :], genesis)


@given(st.integers(0, 10**9))
@settings(max_examples=50)
def test_a_quote_cut_short_or_drawn_out_is_refused(place: int) -> None:
    data, genesis = quote_file()
    _refused(data[: place % len(data)], genesis)
    _refused(data + data[: 1 + place % 16], genesis)


def _refused(data: bytes, genesis: GenesisBlock) -> None:
    with pytest.raises((VerificationError, Malformed)) as refused:
        verify_quote(data, genesis)
    error: TallyError = refused.value
    assert len(error.message) > 8
    assert error.remedy
    assert error.code


def test_the_proof_in_a_quote_is_small() -> None:
    data, _ = quote_file()
    assert len(data) < 8_192
    assert isinstance(Quote.decode(data).state, StateProof)


def test_a_programme_is_read_once_for_each_revision(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And another ledger's programme of the same name and revision is not taken for it."""
    read: list[int] = []
    whole = ProgrammeTerms.from_value

    def from_value(value: dict[str, Any]) -> ProgrammeTerms:
        read.append(value["fee_ppm"])
        return whole(value)

    def publish_with(at: Ledger, revision: int, fee_ppm: int) -> None:
        terms = TERMS.model_copy(update={"fee_ppm": fee_ppm})
        at.write({programme_key("invoices"): ("bank", revision, terms.to_value(), Rules().to_value(), ())})

    def fees(*ledgers: Ledger) -> list[int]:
        return [read_basis(at.chain, "supplier", NUMBER, "invoices").terms.fee_ppm for at in ledgers]

    monkeypatch.setattr(ProgrammeTerms, "from_value", from_value)
    other = Ledger(tmp_path / "other")
    publish_with(other, 1, 7_000)
    assert fees(ledger, ledger, other, other, ledger) == [2_500, 2_500, 7_000, 7_000, 2_500]
    assert read == [2_500, 7_000, 2_500]
    publish_with(ledger, 2, 3_000)
    assert fees(ledger, ledger) == [3_000, 3_000]
    assert read[3:] == [3_000]
    other.store.close()


@pytest.mark.parametrize(
    ("version", "remedy"), [(CONTRACT_VERSION - 1, "the release that the nodes ran"), (99, "Update")]
)
def test_a_quote_of_other_contracts_is_refused_and_says_which_release_knows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, remedy: str
) -> None:
    """Only what this release can compute again may be proved by it."""
    other = Ledger(tmp_path / "other", version)
    with monkeypatch.context() as patch:
        for module in ("pricer", "quote"):
            patch.setattr(f"contracts.finance.{module}.PRICED_BY", {version: price})
        data = other.quote().encode()
        page = make_page(other.chain, "invoices", [("supplier", NUMBER)]).encode()
        assert verify_quote(data, other.genesis).terms.advance
    other.store.close()
    for verify, file in ((verify_quote, data), (verify_book, page)):
        with pytest.raises(VerificationError, match="rules that this verifier does not know") as refused:
            verify(file, other.genesis)
        assert refused.value.field == "header.contract_version"
        assert (refused.value.found, refused.value.expected) == (version, str(CONTRACT_VERSION))
        assert remedy in refused.value.remedy


def test_state_of_a_form_that_other_contracts_wrote_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, genesis = quote_file()

    def unreadable(*_: object) -> None:
        Features._make((1, 2))

    monkeypatch.setattr("contracts.finance.pricer.read_known", unreadable)
    with pytest.raises(VerificationError, match="form that this verifier does not know") as refused:
        verify_quote(data, genesis)
    assert "release" in refused.value.remedy
