"""Answers: what follows from proved state entries alone, as a file that any reader computes again.

    file = ["answer", 1, question, [argument, …], state proof, certified]

| part | meaning |
|---|---|
| question | a name in `QUESTIONS`: which pure function of the state answers it |
| arguments | its arguments, texts or integers |
| state proof | every entry that the function reads, present or absent, and no other |
| certified | the header of the block after which this was the state, proved to be committed |

The answer itself is not in the file: whoever holds the genesis block runs the function over the proved
entries. A function that asks for an entry which is not proved ends the check, so nothing can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from contracts.certificates import certificate_views
from contracts.errors import refuse
from contracts.finance import recourse_views, resale_views
from contracts.insurance import insurance_views
from contracts.insurance.coverage import MAX_SHIPMENTS
from contracts.insurance.coverage import Question as CoverQuestion
from contracts.market import auction_views, early_views
from contracts.rules_in_force import check_rules_known
from contracts.views import View
from ledger import codec, proof_file, shape
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, Refusal, VerificationError
from ledger.limits import MAX_IDENTIFIER_LENGTH
from ledger.proofs.carried import opened
from ledger.state.overlay import Reader
from ledger.state.proof import StateProof

ANSWERED_UNDER = (3,)
"""Contract versions whose state these functions read. No released ledger is of one before, so no answer under
those can be checked to be right, and none is claimed."""

Argument = str | int


class Question(NamedTuple):
    """One row of the table."""

    takes: tuple[type[Argument], ...]
    more: int
    """How many texts may follow."""
    answer: Callable[..., View | None]
    unknown: str
    """Code of the refusal if there is nothing to answer about."""
    says: Callable[[View], str]
    """The answer in a sentence."""


def _cover(state: Reader, assured: str, insurer: str, policy: str, *about: str) -> View:
    supplier, invoice, *shipments = about
    asked = CoverQuestion(assured, insurer, policy, supplier, invoice, tuple(shipments))
    return insurance_views.answer(state, asked)


QUESTIONS: Mapping[str, Question] = {
    "leaf": Question(
        (str, str, int), 0, certificate_views.leaf_view, "unknown_leaf", certificate_views.leaf_sentence
    ),
    "cover": Question((str,) * 5, MAX_SHIPMENTS, _cover, "unknown_policy", insurance_views.cover_sentence),
    "policy": Question(
        (str, str), 0, insurance_views.policy_view, "unknown_policy", insurance_views.policy_sentence
    ),
    "claim": Question(
        (str, str), 0, insurance_views.claim_view, "unknown_claim", insurance_views.claim_sentence
    ),
    "resale": Question(
        (str, str), 0, resale_views.resale_view, "unknown_resale", resale_views.resale_sentence
    ),
    "demand": Question(
        (str, str), 0, recourse_views.demand_view, "unknown_recourse", recourse_views.demand_sentence
    ),
    "early_payment": Question(
        (str, str), 0, early_views.early_view, "no_early_offer", early_views.early_sentence
    ),
    "auction": Question(
        (str, str), 0, auction_views.standing_view, "unknown_auction", auction_views.auction_sentence
    ),
}


class NotProved(VerificationError):
    """An answer reads an entry that the proof does not hold."""

    def __init__(self, key: bytes) -> None:
        kind, *parts = codec.decode(key)
        shown = ", ".join(str(part) for part in parts)
        super().__init__("the proof leaves out an entry that the answer needs", found=f"{kind} {shown}")
        self.key = key


class SurplusEntries(VerificationError):
    """A proof holds entries that the answer does not read."""


class ProvedEntries:
    """State as far as it is proved; remembers what was read of it."""

    def __init__(self, entries: Mapping[bytes, codec.Value | None]) -> None:
        self._entries = entries
        self.asked: set[bytes] = set()

    def get(self, key: bytes, /) -> codec.Value | None:
        """What stands under a key, or None where nothing provably does.

        Raises:
            NotProved: it is not among the proved entries.
        """
        self.asked.add(key)
        if key not in self._entries:
            raise NotProved(key)
        return self._entries[key]


def answered(state: Reader, question: str, arguments: tuple[Argument, ...]) -> View:
    """The answer to a question of the table.

    Raises:
        Malformed: no such question, or other arguments than it takes.
        Refusal: there is nothing to answer about.
        NotProved: it needs more entries.
    """
    row = QUESTIONS.get(question)
    if row is None:
        raise Malformed(
            "no such question", field="question", found=question[:64], expected=", ".join(QUESTIONS)
        )
    given, more = arguments[: len(row.takes)], arguments[len(row.takes) :]
    fits = len(given) == len(row.takes) and len(more) <= row.more
    if not fits or any(
        type(value) is not kind
        for value, kind in zip(arguments, (*row.takes, *[str] * len(more)), strict=False)
    ):
        raise Malformed(
            "other arguments than the question takes",
            field="arguments",
            found=f"{len(arguments)} arguments",
            expected=f"{len(row.takes)}, then up to {row.more} texts",
        )
    view = row.answer(state, *arguments)
    if view is None:
        asked = ", ".join(str(argument) for argument in arguments)
        raise refuse(row.unknown, "not on this ledger", field=question, found=asked)
    return view


@dataclass(frozen=True, slots=True)
class ProvedAnswer:
    """An answer that follows from a committed state."""

    question: str
    arguments: tuple[Argument, ...]
    view: View
    height: int
    time_ms: int
    block_hash: bytes

    @property
    def sentence(self) -> str:
        """The answer for people."""
        return QUESTIONS[self.question].says(self.view)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer file; `verify` says what the answer is."""

    question: str
    arguments: tuple[Argument, ...]
    state: StateProof
    certified: CertifiedHeader

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(
            (
                proof_file.ANSWER,
                proof_file.VERSION,
                self.question,
                self.arguments,
                self.state.to_value(),
                self.certified.to_value(),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Answer:
        """Read an answer file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        question, arguments, state, certified = proof_file.parts(proof_file.read(data), proof_file.ANSWER, 4)
        most = max(len(row.takes) + row.more for row in QUESTIONS.values())
        for argument in shape.sequence(arguments, most, "answer.arguments"):
            if type(argument) is not int:
                shape.text(argument, MAX_IDENTIFIER_LENGTH, "answer.arguments")
        return cls(
            shape.text(question, MAX_IDENTIFIER_LENGTH, "answer.question"),
            arguments,
            StateProof.from_value(state),
            CertifiedHeader.from_value(certified),
        )

    def verify(self, genesis: GenesisBlock) -> ProvedAnswer:
        """The answer, computed from the proved entries.

        The numbers are those of docs/protocol.md, section "Verifying an answer".

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.verify(genesis)
        # 2. We know the rules that were in force.
        check_rules_known(header, ANSWERED_UNDER, "answer")
        # 3. The state after it holds these entries, or provably lacks them.
        state = ProvedEntries(self.state.verify(header.state_root))
        # 4. From them alone the question has an answer.
        try:
            view = answered(state, self.question, self.arguments)
        except (Refusal, Malformed) as error:
            raise VerificationError(
                "under the proved state there is no such answer", field=error.field, found=str(error)
            ) from None
        # 5. Nothing else is in the proof.
        surplus = len(self.state.entries) - len(state.asked)
        if surplus:
            raise SurplusEntries("the proof holds entries that no answer needs", found=surplus)
        return ProvedAnswer(self.question, self.arguments, view, header.height, header.time_ms, header.hash)


def verify_answer(data: bytes, genesis: GenesisBlock) -> ProvedAnswer:
    """What an answer file proves.

    Raises:
        Malformed, NonCanonical, TooLarge: not an answer file.
        VerificationError: it proves no answer.
    """
    data, genesis = opened(data, genesis)
    return Answer.decode(data).verify(genesis)
