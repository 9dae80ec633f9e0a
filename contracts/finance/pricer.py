"""The pricer: everything that a price is made from, read out of a state, and the price.

    Pricer(state, programme).basis(supplier, invoice) -> Basis
    priced(basis) -> QuoteTerms, or a Refusal with a stable code

The same for an offer that is made, for a quote that is given, and for one that is checked offline. Of a state
it reads these keys and no others:


| key | gives | absent means |
|---|---|---|
| param, business_date | the day | - |
| programme, id | lender and terms | - |
| invoice, supplier, number | net, due date, confirmed, disputed | - |
| lien, supplier, number | - | nobody has a claim on it |
| exposure, lender, buyer, currency | what counts against the limit | nothing does |
| relationship, supplier, buyer | the aggregates of the history | no history |
| use, programme, currency, scope, name | what counts against the programme's own limits | nothing does |
| policy, insurer, number | the insurance, if the programme's rules ask for one | no cover |
| cover, insurer, number, buyer | its limit for the buyer | no cover |
| habit, supplier, buyer | how the buyer pays this supplier | no payment yet |
| habit, "", buyer | how it pays anybody, what it disputed and received | nothing of it yet |
| habit, supplier, "" | how anybody pays the supplier, what it delivered | nothing of it yet |
| habit, "", "" | how everybody pays | no payment yet |
| model_role, champion | the hash of the model in force | shrinkage holds |
| order, supplier, buyer, number | whether a credit note is due; only if the invoice has an order | - |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.context import BUSINESS_DATE, business_day
from contracts.errors import refuse
from contracts.finance import eligibility
from contracts.finance import model as models
from contracts.finance.claim import exposure_key, lien_key
from contracts.finance.programme import Programme, programme_key
from contracts.pricing import Features, Prediction, ProgrammeTerms, QuoteInputs, QuoteTerms, price
from contracts.pricing.known import Asked, Known, read_known
from contracts.pricing.model import Model
from contracts.pricing.prediction import predict
from contracts.trade.invoice import CERTIFICATED, CONFIRMED, DISPUTED, Invoice, invoice_key
from contracts.trade.order import require_no_credit_due
from contracts.trade.relationship import read_sums
from ledger import codec
from ledger.errors import Malformed
from ledger.state.overlay import Reader

MAX_KEPT_PROGRAMMES = 64
"""Programmes whose terms and rules are kept as they were read, so that a price need not read them again."""

PRICED_BY: Mapping[int, Callable[[QuoteInputs, ProgrammeTerms], QuoteTerms]] = {3: price}
"""Contract version to the price function in force under it: old quotes keep their rules. Those of versions
before 3 rest on sums of another form, of which no released ledger is."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a price is made from."""

    inputs: QuoteInputs
    terms: ProgrammeTerms
    rules: eligibility.Rules
    facts: eligibility.Facts


def priced(basis: Basis, version: int = max(PRICED_BY)) -> QuoteTerms:
    """The price under the rules of a contract version, if the programme takes the invoice.

    Raises:
        Refusal: with a code of `contracts.pricing.price`, else of `contracts.finance.eligibility`.
    """
    terms = PRICED_BY[version](basis.inputs, basis.terms)
    eligibility.check(basis.rules, basis.facts, terms.advance)
    return terms


ModelOf = Callable[[models.Adopted], Model]
"""Where the model of a hash that stands in the state comes from: the state's own parts, or a file."""


def model_in(state: Reader) -> ModelOf:
    """Models out of the state, where their parts stand."""
    return lambda adopted: models.decoded(adopted, models.parts_of(state, adopted))


@dataclass(frozen=True, slots=True)
class _Offered:
    """A programme of receivables, as it stands."""

    lender: str
    revision: int
    terms: ProgrammeTerms
    rules: eligibility.Rules


class Pricer:
    """Prices of one programme under one state; what they have in common is read once."""

    def __init__(self, state: Reader, programme: str, model_of: ModelOf | None = None) -> None:
        self._state = state
        self._programme = programme
        self._model_of = model_of or model_in(state)
        self._offered: _Offered | None = None
        self._model: tuple[bytes, Model] | None = None

    def basis(self, supplier: str, invoice: str) -> Basis:
        """Read every input of a price.

        Raises:
            Refusal: `unknown_programme`, `payables_programme`, `unknown_invoice`, `credit_due`.
            Malformed: a ledger without a business date.
            VerificationError: the model in force is not where it is taken from.
        """
        if self._offered is None:
            self._offered = _read_offered(self._state, self._programme)
        return _read_basis(self._state, (supplier, invoice), (self._programme, self._offered), self._in_force)

    def _in_force(self) -> tuple[bytes, Model] | None:
        """(hash, model) of the champion, read into memory when it is another one than before."""
        adopted = models.adopted(self._state, models.CHAMPION)
        if adopted is None:
            return None
        if self._model is None or self._model[0] != adopted.model:
            self._model = adopted.model, self._model_of(adopted)
        return self._model


def read_basis(state: Reader, supplier: str, invoice: str, programme: str) -> Basis:
    """Every input of one price, as `Pricer.basis`."""
    return Pricer(state, programme).basis(supplier, invoice)


_kept: dict[str, tuple[codec.Value, _Offered]] = {}
"""The state value of a programme to what was read from it. A ledger hands out the same value until another
revision replaces it, and values are never changed in place: only that very value is known by what it held."""


def _read_offered(state: Reader, programme: str) -> _Offered:
    published = state.get(programme_key(programme))
    if published is None:
        raise refuse("unknown_programme", "no such programme", field="programme", found=programme)
    kept = _kept.get(programme)
    if kept is not None and kept[0] is published:
        return kept[1]
    offered = _parsed(published, programme)
    if len(_kept) >= MAX_KEPT_PROGRAMMES:
        _kept.clear()
    _kept[programme] = published, offered
    return offered


def _parsed(published: codec.Value, programme: str) -> _Offered:
    known = Programme._make(published)
    if known.payables:
        raise refuse("payables_programme", "a buyer's payables programme", field="programme", found=programme)
    terms, rules = ProgrammeTerms.from_value(known.terms), eligibility.Rules.from_value(known.rules)
    return _Offered(known.lender, known.revision, terms, rules)


def _read_basis(
    state: Reader,
    asked: tuple[str, str],
    under: tuple[str, _Offered],
    model_in_force: Callable[[], tuple[bytes, Model] | None],
) -> Basis:
    """The basis of (supplier, invoice) under (programme, its terms)."""
    (supplier, invoice), (programme, known) = asked, under
    lender, terms, rules = known.lender, known.terms, known.rules
    submitted = state.get(invoice_key(supplier, invoice))
    if submitted is None:
        raise refuse("unknown_invoice", "no such invoice", field="invoice", found=invoice)
    billed = Invoice._make(submitted)
    day = state.get(BUSINESS_DATE)
    if type(day) is not int:
        raise Malformed("the ledger has no business date", field="business_date", found=day)
    facts = eligibility.read_facts(state, (lender, programme), rules, supplier, billed)
    sums = read_sums(state, supplier, billed.buyer, billed.currency)
    inputs = QuoteInputs(
        programme=programme,
        revision=known.revision,
        lender=lender,
        supplier=supplier,
        buyer=billed.buyer,
        invoice=invoice,
        currency=billed.currency,
        outstanding=billed.outstanding,
        due_day=billed.due_day,
        day=day,
        confirmed=billed.validity == CONFIRMED,
        disputed=billed.validity == DISPUTED or billed.contested > 0,
        backdated=bool(billed.backdated),
        claimed=state.get(lien_key(supplier, invoice)) is not None or billed.title == CERTIFICATED,
        exposure=sum(state.get(exposure_key(lender, billed.buyer, billed.currency)) or ()),
        drawn=facts.drawn.total,
        drawn_on_obligor=facts.drawn_on_obligor.total,
        share_base=rules.share_base or 0,
        features=Features.of(sums, day),
        prediction=predict(model_in_force(), *_asked(state, supplier, billed, day), terms),
    )
    if billed.order:
        require_no_credit_due(state, supplier, billed.buyer, billed.order)
    return Basis(inputs, terms, rules, facts)


def _asked(state: Reader, supplier: str, billed: Invoice, day: int) -> tuple[Asked, Known]:
    """An invoice as a model is asked about it, and what the ledger knows but for the invoice itself."""
    asked = Asked(day, billed.issue_day, billed.due_day, billed.gross, billed.currency)
    own_due_day = billed.due_day if billed.validity == CONFIRMED else None
    return asked, read_known(state, supplier, billed.buyer, asked, own_due_day)


def challenge(
    state: Reader, supplier: str, invoice: str, programme: str, model_of: ModelOf | None = None
) -> Prediction | None:
    """What the challenger says of an invoice beside the quote; None if there is none. It moves no price.

    `model_of` as in `Pricer`: whoever proves what it reads fetches a model by its hash alone.

    Raises:
        AssertionError: there is no such quote.
    """
    known = models.adopted(state, models.CHALLENGER)
    if known is None:
        return None
    published = state.get(programme_key(programme))
    submitted = state.get(invoice_key(supplier, invoice))
    assert published is not None, "what has a quote has a programme"
    assert submitted is not None, "and an invoice"
    terms = ProgrammeTerms.from_value(Programme._make(published).terms)
    asked, context = _asked(state, supplier, Invoice._make(submitted), business_day(state))
    return predict((known.model, (model_of or model_in(state))(known)), asked, context, terms)


def requote(state: Reader, supplier: str, invoice: str, programme: str) -> QuoteTerms:
    """The price as the given state has it: what an offer must equal.

    Raises:
        Refusal: as `priced`, `unknown_programme` or `unknown_invoice`.
    """
    return priced(read_basis(state, supplier, invoice, programme))
