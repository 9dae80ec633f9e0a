"""Training sets from a verified export of the ledger: read, replayed, written as rows that any tool reads.

    file = one JSON document a line first line   {"training": 1, "channel", "height", "state_root",
    "business_date", "features", "rows", "sha256"} other lines  [supplier, buyer, invoice, currency, day,
    issued, due, amount, outcome, days late, ended, places]

`sha256` is over the bytes of the other lines. Days are ISO text, amounts minor units, every figure an
integer. The rows follow from the export alone (`contracts.pricing.training.replay`): whoever holds the
export of that state root makes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from clients.errors import ProfileError, of_file
from contracts.context import BUSINESS_DATE
from contracts.finance import model as models
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import Model
from contracts.pricing.training import Example, Histories, replay
from contracts.rules_in_force import RECORDED_UNDER, check_rules_known
from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.dates import day_from_iso, iso_from_day
from ledger.errors import Malformed, VerificationError
from ledger.proofs.export import ProvedExport, verify

_KEPT = ("model_role", "model_part", "model_proposal", "param")


class Collected:
    """A sink that keeps what training and its report need."""

    def __init__(self) -> None:
        self.state: dict[bytes, codec.Value] = {}
        self.histories: dict[tuple[str, str], list[codec.Value]] = {}

    def entry(self, key: bytes, value: bytes) -> None:
        """Models, their records and parameters."""
        if codec.decode(key)[0] in _KEPT:
            self.state[key] = codec.decode(value)

    def record(self, key: bytes, record: bytes) -> None:
        """Records of trade relationships."""
        kind, *parts = codec.decode(key)
        if kind == "relationship":
            self.histories.setdefault((parts[0], parts[1]), []).append(codec.decode(record))


class Training(NamedTuple):
    """What a verified export says for training."""

    proved: ProvedExport
    state: dict[bytes, codec.Value]
    histories: Histories

    @property
    def day(self) -> int:
        """The ledger's business date, days since 1970."""
        return int(self.state[BUSINESS_DATE])

    def model(self, role: str) -> tuple[bytes, Model] | None:
        """(hash, model) in a role; None if there is none."""
        adopted = models.adopted(self.state, role)
        return None if adopted is None else (adopted.model, models.decoded(adopted, self._parts(adopted)))

    def _parts(self, adopted: models.Adopted) -> tuple[bytes, ...]:
        return models.parts_of(self.state, adopted)

    def published(self, model: bytes) -> Model | None:
        """The model of this hash that was published, in whichever role; None if none was."""
        for role in models.ROLES:
            proposal = self.state.get(models.proposal_key(model, role))
            if proposal is not None:
                known = models.Adopted(proposal[0], model, proposal[1])
                return models.decoded(known, self._parts(known))
        return None

    def record(self, model: bytes) -> dict[str, Any] | None:
        """The record that a model was published with, in whichever role."""
        for role in models.ROLES:
            proposal = self.state.get(models.proposal_key(model, role))
            if proposal is not None:
                return dict(proposal[2])
        return None

    def trained_until(self, model: bytes) -> int | None:
        """Last day that a published model was trained on, days since 1970; None if none of that hash is."""
        known = self.record(model)
        if known is None:
            return None
        day = known["trained_until"]
        return day if isinstance(day, int) else day_from_iso(str(day))

    def examples(self, took: Callable[[int], None] = lambda _: None) -> tuple[Example, ...]:
        """The rows, in the order of their business dates.

        Raises:
            VerificationError: a record of other contracts than these.
        """
        try:
            return replay(self.histories, took)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise VerificationError(
                "a record that the contracts do not know",
                field="records",
                found=str(error)[:120],
                remedy="Read it with the release that the nodes ran when it was exported.",
            ) from None


def read_training(path: Path, genesis: GenesisBlock, collected: Collected | None = None) -> Training:
    """What an export proves, as far as training needs it, or whoever else collects.

    Raises:
        ProfileError: it cannot be read.
        Malformed: not an export.
        VerificationError: it does not prove that it is everything, or its records are of other contracts.
    """
    collected = collected or Collected()
    try:
        with path.open("rb") as file:
            proved = verify(file, genesis, collected)
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}", code="export_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    except Malformed as error:
        raise of_file(error, path, "export") from None
    check_rules_known(proved.header, RECORDED_UNDER, "export")
    return Training(proved, collected.state, collected.histories)


def rows_document(training: Training, examples: Sequence[Example]) -> Iterator[bytes]:
    """The lines of the file."""
    lines = [(json.dumps(_row(example), ensure_ascii=False) + "\n").encode() for example in examples]
    digest = sha256()
    for line in lines:
        digest.update(line)
    header = training.proved.header
    head = {
        "training": 1,
        "channel": training.proved.trust.channel.hex(),
        "height": header.height,
        "state_root": header.state_root.hex(),
        "business_date": iso_from_day(training.day),
        "features": list(FEATURES),
        "rows": len(lines),
        "sha256": digest.hexdigest(),
    }
    yield (json.dumps(head) + "\n").encode()
    yield from lines


def _row(example: Example) -> list[Any]:
    ended = iso_from_day(example.ended_day) if example.ended_day else None
    return [
        example.supplier,
        example.buyer,
        example.invoice,
        example.currency,
        iso_from_day(example.day),
        iso_from_day(example.issue_day),
        iso_from_day(example.due_day),
        example.amount,
        example.outcome,
        example.days_late if example.is_known else None,
        ended,
        list(example.description),
    ]
