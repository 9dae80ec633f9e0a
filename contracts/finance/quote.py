"""The quote: a price that carries the proof of everything that it was made from.

    file = ["quote", 1, programme, supplier, invoice, expires height, terms, model, state proof, certified]

| part | meaning |
|---|---|
| programme, supplier, invoice | what was asked: the offer of which programme for which invoice |
| expires height | last height at which the ledger's price should be expected to be this one |
| terms | `QuoteTerms` as a map |
| model | bytes of the model in force, whose hash the state has; empty where none is |
| state proof | every input of the price: see `contracts.finance.pricer`; what is absent is proved absent |
| certified | the header of the block after which this was the state, proved to be committed |

A node leaves out the model of a reader that has it (`make_quote`); with it the file is complete again, and
only then proves its price (`Quote.completed`).

Nobody signs a quote, and nobody needs to: whoever holds the genesis block reads the inputs
from the proof, computes the price with the same function and compares it with the terms to
the unit (invariant 22). An offer is priced again from the newest state by the same
`Pricer` and `priced`, so a quote that has been overtaken is refused there, not paid.

The proof holds exactly the keys that the pricer reads, no more and no fewer: `Reads` notes them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from contracts.finance import model as models
from contracts.finance.pricer import PRICED_BY, ModelOf, Pricer, model_in, priced
from contracts.pricing import ProgrammeTerms, QuoteInputs, QuoteTerms
from contracts.pricing.model import MAX_MODEL_BYTES
from contracts.rules_in_force import check_rules_known
from ledger import codec, proof_file, shape
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, Refusal, VerificationError
from ledger.identifiers import checked_identifier
from ledger.limits import DIGEST_BYTES
from ledger.proofs.carried import opened
from ledger.state.overlay import Reader
from ledger.state.proof import StateProof

QUOTE_LIFE_BLOCKS = 10_000
"""Blocks after which a quote should be asked for again, even if nothing that it rests on has changed."""

MAX_QUOTE_BYTES = 1_048_576 + MAX_MODEL_BYTES
"""Bytes of a quote file; a usual one has about 10,000 and the model's."""


class Chain(Protocol):
    """The committed ledger, as `ledger.chain.committed.Committed` offers it."""

    @property
    def applied(self) -> Header:
        """The newest committed header."""
        ...

    def get(self, key: bytes, /) -> codec.Value | None:
        """A committed state value."""
        ...

    def state_proof(self, keys: Sequence[bytes], most: int = ..., /) -> StateProof:
        """Presence or absence of these keys, at most so many, after the applied block."""
        ...

    def certified(self) -> CertifiedHeader:
        """The applied header with the proof of its commit."""
        ...


class Reads:
    """A state that notes which keys are read: those are what a proof must show."""

    def __init__(self, state: Reader) -> None:
        self._state = state
        self.keys: set[bytes] = set()

    def get(self, key: bytes, /) -> codec.Value | None:
        """The value below."""
        self.keys.add(key)
        return self._state.get(key)


@dataclass(frozen=True, slots=True)
class ProvedQuote:
    """A price that follows from a committed state."""

    inputs: QuoteInputs
    programme_terms: ProgrammeTerms
    terms: QuoteTerms
    height: int
    time_ms: int
    block_hash: bytes

    @property
    def programme(self) -> str:
        """The lender's programme."""
        return self.inputs.programme

    @property
    def lender(self) -> str:
        """Whose programme it is."""
        return self.inputs.lender

    @property
    def expires_height(self) -> int:
        """Last height at which to rely on it."""
        return self.height + QUOTE_LIFE_BLOCKS


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote file; `verify` says whether it proves its terms."""

    programme: str
    supplier: str
    invoice: str
    expires_height: int
    terms: dict[str, codec.Value]
    model: bytes
    state: StateProof
    certified: CertifiedHeader

    def to_value(self) -> codec.Value:
        """The canonical array of the file."""
        return (
            proof_file.QUOTE,
            proof_file.VERSION,
            self.programme,
            self.supplier,
            self.invoice,
            self.expires_height,
            self.terms,
            self.model,
            self.state.to_value(),
            self.certified.to_value(),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> Quote:
        """Read a quote file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(codec.decode(data, MAX_QUOTE_BYTES))

    @classmethod
    def from_value(cls, value: codec.Value) -> Quote:
        """Read the array of a quote file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        programme, supplier, invoice, expires_height, terms, model, state, certified = proof_file.parts(
            value, proof_file.QUOTE, 8
        )
        if type(invoice) is not str:
            raise Malformed("wrong form", field="quote.invoice", expected="text")
        if type(terms) is not dict:
            raise Malformed("wrong form", field="quote.terms", expected="a map")
        return cls(
            shape.name(programme, "quote.programme"),
            shape.name(supplier, "quote.supplier"),
            checked_identifier(invoice, "quote.invoice"),
            shape.integer(expires_height, "quote.expires_height"),
            terms,
            shape.octets_within(model, MAX_MODEL_BYTES, "quote.model"),
            StateProof.from_value(state),
            CertifiedHeader.from_value(certified),
        )

    def completed(self, known: Iterable[bytes]) -> Quote:
        """The file with the model in force, if it is left out and one of these.

        Raises:
            Malformed, NonCanonical: its proof names no model where one stands.
        """
        if self.model:
            return self
        return replace(self, model=b"".join(of_hashes(known, {named_model(self.state)})))

    def verify(self, genesis: GenesisBlock) -> ProvedQuote:
        """What the file proves: the price, recomputed from its proved inputs.

        The numbers are those of docs/pricing.md, section "Verifying a quote".

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.verify(genesis)
        # 2. We know the rules that were in force.
        check_rules_known(header, PRICED_BY, "quote")
        # 3. The state after it holds these inputs, or provably lacks them.
        state = Reads(ProvedState(self.state.verify(header.state_root)))
        # 4. They are all the inputs of this price, the model among them, and nothing else is in the proof.
        try:
            pricer = Pricer(state, self.programme, carried_model(self.model))
            with known_forms(header):
                basis = pricer.basis(self.supplier, self.invoice)
            check_no_surplus(self.state, state.keys, self.model, basis.inputs.prediction.model)
            # 5. Under them the rules give a price at all.
            terms = priced(basis, header.contract_version)
        except (Refusal, Malformed) as error:
            raise VerificationError(
                "under the proved state there is no such quote", field=error.field, found=str(error)
            ) from None
        # 6. It is this one, to the unit.
        compare_terms(self.terms, terms.to_value())
        # 7. It claims no longer life than the rules give it.
        if self.expires_height != header.height + QUOTE_LIFE_BLOCKS:
            raise VerificationError(
                "the quote claims another expiry than the rules give it",
                field="expires_height",
                found=self.expires_height,
                expected=header.height + QUOTE_LIFE_BLOCKS,
            )
        return ProvedQuote(
            basis.inputs,
            basis.terms,
            terms,
            header.height,
            header.time_ms,
            header.hash,
        )


def make_quote(chain: Chain, supplier: str, invoice: str, programme: str, known_model: bytes = b"") -> Quote:
    """The quote at the applied height; without the model if the reader has it, by its hash.

    Raises:
        Refusal: the invoice gets no price; the code says why.
        NotCertified: nothing is certified yet.
    """
    header = chain.applied
    state = Reads(chain)
    basis = Pricer(state, programme, model_in(chain)).basis(supplier, invoice)
    terms = priced(basis, header.contract_version)
    quote = Quote(
        programme,
        supplier,
        invoice,
        header.height + QUOTE_LIFE_BLOCKS,
        terms.to_value(),
        model_bytes(chain, known_model),
        chain.state_proof(sorted(state.keys)),
        chain.certified(),
    )
    assert quote.certified.header.hash == header.hash, "proof and certificate are of one height"
    return quote


def verify_quote(data: bytes, genesis: GenesisBlock) -> ProvedQuote:
    """What a quote file proves.

    Raises:
        Malformed, NonCanonical, TooLarge: not a quote file.
        VerificationError: it does not prove its terms.
    """
    data, genesis = opened(data, genesis)
    return Quote.decode(data).verify(genesis)


def model_bytes(state: Reader, known_model: bytes = b"") -> bytes:
    """The bytes of the model in force; empty where shrinkage holds, and for whoever knows it by its hash."""
    adopted = models.adopted(state, models.CHAMPION)
    if adopted is None or adopted.model == known_model:
        return b""
    return b"".join(models.parts_of(state, adopted))


def named_model(state: StateProof) -> bytes:
    """Hash of the model in force that a proof names; empty if it names none. Nothing is proved yet.

    Raises:
        Malformed, NonCanonical: what stands there names no model.
    """
    data = dict(state.entries).get(models.role_key(models.CHAMPION))
    if data is None:
        return b""
    _, model, _ = shape.array(codec.decode(data), 3, "champion")
    return shape.octets(model, DIGEST_BYTES, "champion.model")


def of_hashes(known: Iterable[bytes], wanted: Container[bytes]) -> list[bytes]:
    """Those of the models whose hashes are wanted."""
    return [model for model in known if sha256(model).digest() in wanted]


def carried_model(data: bytes) -> ModelOf:
    """The model that came along in a file, checked against the hash that the state has."""
    return lambda adopted: models.decoded(adopted, (data,))


@contextmanager
def known_forms(header: Header) -> Iterator[None]:
    """Read proved state; it is what a ledger held, so what cannot be read has the form of other contracts.

    Raises:
        VerificationError: it cannot be read.
    """
    try:
        yield
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise VerificationError(
            "the proved state has a form that this verifier does not know",
            field="state",
            found=f"{error} under contract version {header.contract_version}"[:120],
            remedy="Verify it with the release that the nodes ran when it was made.",
        ) from None


def check_no_surplus(state: StateProof, read: set[bytes], model: bytes, in_force: bytes) -> None:
    """Refuse a file that holds more than its price was made from."""
    surplus = {key for key, _ in state.entries} - read
    if surplus:
        raise VerificationError("the proof holds entries that no input needs", found=len(surplus))
    if model and not in_force:
        raise VerificationError("the file holds a model, and none was in force", field="model")


class ProvedState:
    """Reads only what a proof covers: what is proved absent is None, anything else is an error."""

    def __init__(self, proved: dict[bytes, codec.Value | None]) -> None:
        self.proved = proved

    def get(self, key: bytes, /) -> codec.Value | None:
        if key not in self.proved:
            kind, *parts = codec.decode(key)
            shown = ", ".join(str(part) for part in parts)
            raise VerificationError("the proof leaves out an input of the price", found=f"{kind} {shown}")
        return self.proved[key]


def compare_terms(claimed: dict[str, codec.Value], computed: dict[str, codec.Value]) -> None:
    """Refuse terms that are not exactly the computed ones; names the first that differs."""
    if claimed.keys() != computed.keys():
        odd = sorted(claimed.keys() ^ computed.keys())[0]
        raise VerificationError("the quote has other terms than a price has", field=f"terms.{odd[:64]}")
    if codec.encode(claimed) == codec.encode(computed):
        return
    for name, value in computed.items():
        if codec.encode(claimed[name]) != codec.encode(value):
            raise VerificationError(
                "the price does not follow from the proved inputs",
                field=f"terms.{name}",
                found=str(claimed[name])[:80],
                expected=str(value)[:80],
            )
