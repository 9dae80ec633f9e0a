"""Lateness models on the ledger: uploaded in parts, published with their record, adopted by approvals.

    ("model_part", publisher, hash, number) -> bytes    a part of the model's bytes, numbered from 0
    ("model_upload", publisher) -> (hash, parts)        the model whose parts are not published yet
    ("model_proposal", hash, role) -> (publisher, parts, record, approvals, state)
    ("model_open", publisher, role) -> hash             what it proposes for a role, while that is open
    ("model_role", role)           -> (publisher, hash, parts)    the model that was adopted last in a role
    ("model_retirement", role)     -> approvals         who wants that model out of its role

| state | event | next |
|---|---|---|
| - | `model.publish` | Open, approved by its publisher if that runs a voter |
| Open | `model.approve`, or the publication itself, that makes the approvals enough | Adopted |
| Open | its publisher publishes another for the role | -, and its parts go unless another role needs them |
| Adopted, and no longer in its role | `model.publish` | Open: none of the approvals of then count |

A role ends when another model takes it, or when as many as adopt a model want the one that has it out
(`model.retire`): then shrinkage holds, or nothing challenges, until a model is adopted again.

The hash is SHA-256 of the model's bytes. What is published is a whole model within its bounds, or it is
refused: nobody has to trust an upload. Once published, its parts are never replaced. Until then they stand
for one model at a time: a part of another takes the place of all of them, so what a publisher leaves
unpublished has at most a model's bytes, and whoever wants it gone uploads something else. In the same way a
publisher proposes one model at a time for a role, so what nobody approves is bounded too. Whoever publishes
again what was adopted of another uploads it itself, and takes nothing of the other's away: the parts of what
was adopted once are the most that can stand without a proposal. Who approves, and how many are enough, is as
for the membership (`contracts.parties.membership`). The *champion* is the model in
force; the *challenger* is scored beside it and decides nothing. A model that another has replaced returns by
the same way as it came: published again, with a record, and approved again. An organisation that has
approved may do so once more where fewer approvals are enough by now, because voters have left.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StringConstraints

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Date, Operation, Part
from contracts.parties import membership
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import MAX_MODEL_BYTES, Model
from ledger.codec import Value
from ledger.errors import Malformed, VerificationError
from ledger.limits import DIGEST_BYTES, MAX_BYTES_LENGTH
from ledger.money import PPM
from ledger.state.overlay import Reader, state_key

OPEN, ADOPTED = 1, 2
CHAMPION, CHALLENGER = ROLES = ("champion", "challenger")
PART_BYTES = MAX_BYTES_LENGTH
MAX_PARTS = MAX_MODEL_BYTES // PART_BYTES
MAX_ROWS = 10**9

Hash = Annotated[bytes, Field(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
Role = Annotated[
    Literal["champion", "challenger"],
    Field(description="champion: in force; challenger: scored beside it, decides nothing"),
]
Share = Annotated[int, Field(ge=0, le=PPM)]


class Record(Part):
    """Where a model comes from and how good it was on rows later than its training set."""

    training_root: Hash = Field(
        description="state root of the ledger that the training set was exported from"
    )
    rows: int = Field(ge=1, le=MAX_ROWS, description="invoices that it was trained on")
    trained_until: Date = Field(description="last day that it was trained on; ISO text YYYY-MM-DD")
    tested_rows: int = Field(ge=0, le=MAX_ROWS, description="later invoices that it was tested on")
    auc_ppm: Share = Field(description="area under the curve of late payment; ppm")
    brier_ppm: Share = Field(description="mean squared error of the probability; ppm")
    mae_centidays: int = Field(ge=0, le=10**6, description="mean absolute error of the days late; centidays")
    dbt_ratio_ppm: int = Field(ge=0, le=10**9, description="days beyond terms, predicted to realised; ppm")
    rising: tuple[Annotated[str, StringConstraints(max_length=64)], ...] = Field(
        max_length=len(FEATURES), description="features that may only raise the probability, ascending"
    )


class ModelUpload(Operation):
    """Put one part of a model's bytes on the ledger."""

    op: Literal["model.upload"]
    model: Hash = Field(description="SHA-256 of the model's bytes")
    part: int = Field(ge=0, lt=MAX_PARTS, description="number of the part, from 0")
    data: bytes = Field(
        min_length=1, max_length=PART_BYTES, description="its bytes; all but the last are full"
    )


class ModelPublish(Operation):
    """Propose an uploaded model for a role; an organisation that runs a voter approves it by this."""

    op: Literal["model.publish"]
    model: Hash = Field(description="SHA-256 of the model's bytes")
    parts: int = Field(ge=1, le=MAX_PARTS, description="how many parts it has")
    role: Role
    record: Record


class ModelApprove(Operation):
    """Approve a published model; the approval that makes them enough adopts it."""

    op: Literal["model.approve"]
    model: Hash = Field(description="SHA-256 of the model's bytes")
    role: Role


class ModelRetire(Operation):
    """Want a model out of its role, with none in its place; enough who do take it out."""

    op: Literal["model.retire"]
    model: Hash = Field(description="SHA-256 of the bytes of the model that has the role")
    role: Role


class Upload(NamedTuple):
    """State value of a publisher's upload that is not published."""

    model: bytes
    """SHA-256 of what its parts shall make."""
    parts: int
    """One more than the greatest number of a part; not all below need be there yet."""


def part_key(publisher: str, model: bytes, part: int) -> bytes:
    """State key of a part."""
    return state_key("model_part", publisher, model, part)


def upload_key(publisher: str) -> bytes:
    """State key of a publisher's upload that is not published."""
    return state_key("model_upload", publisher)


def open_key(publisher: str, role: str) -> bytes:
    """State key of what a publisher proposes for a role."""
    return state_key("model_open", publisher, role)


def proposal_key(model: bytes, role: str) -> bytes:
    """State key of a proposal."""
    return state_key("model_proposal", model, role)


def role_key(role: str) -> bytes:
    """State key of the model in a role."""
    return state_key("model_role", role)


def retirement_key(role: str) -> bytes:
    """State key of who wants the model out of a role."""
    return state_key("model_retirement", role)


def upload(context: Context, operation: ModelUpload) -> None:
    """Uploaded by whoever is going to publish, in place of what it left unpublished of another model."""
    for role in ROLES:
        proposal: Value = context.get(proposal_key(operation.model, role))
        if proposal is not None and proposal[0] == context.actor:
            raise refuse("model_proposed", "published before", field="model")
    begun = _begun(context)
    parts = operation.part + 1
    if begun is not None and begun.model == operation.model:
        parts = max(parts, begun.parts)
    elif begun is not None:
        _drop(context, begun.model, range(begun.parts))
    context.put(part_key(context.actor, operation.model, operation.part), operation.data)
    context.put(upload_key(context.actor), tuple(Upload(operation.model, parts)))


def _begun(context: Context) -> Upload | None:
    value: Value = context.get(upload_key(context.actor))
    return None if value is None else Upload._make(value)


def _drop(context: Context, model: bytes, parts: Iterable[int]) -> None:
    for number in parts:
        context.state.delete(part_key(context.actor, model, number))


def publish(context: Context, operation: ModelPublish) -> None:
    """Published by an operator or a lender: its parts are the model of that hash, rising as it says."""
    key = proposal_key(operation.model, operation.role)
    proposed: Value = context.get(key)
    if proposed is not None and proposed[4] == OPEN:
        raise refuse("model_proposed", "published before in this role", field="model")
    if _has_role(context, operation.model, operation.role):
        raise refuse("model_in_role", "the model has this role", field="model")
    model = _read(context, operation.model, operation.parts)
    unknown = [name for name in operation.record.rising if name not in model.features]
    if unknown:
        raise refuse("model_feature", "not a feature of the model", field="record.rising", found=unknown[0])
    falling = model.late.falling({model.features.index(name) for name in operation.record.rising})
    if falling is not None:
        raise refuse(
            "model_falls",
            "more of this feature may lower the probability",
            field="record.rising",
            found=model.features[falling],
        )
    begun = _begun(context)
    if begun is not None and begun.model == operation.model:
        _drop(context, begun.model, range(operation.parts, begun.parts))
        context.state.delete(upload_key(context.actor))
    _take_back(context, operation.role)
    context.put(open_key(context.actor, operation.role), operation.model)
    is_voting = context.actor in membership.voting_organisations(membership.in_force(context.state))
    approvals = (context.actor,) if is_voting else ()
    _write(
        context,
        operation.model,
        operation.role,
        (context.actor, operation.parts, operation.record.model_dump(), approvals, OPEN),
    )


def _take_back(context: Context, role: str) -> None:
    """End what the actor proposes for a role, if it does."""
    model: Value = context.get(open_key(context.actor, role))
    if model is None:
        return
    proposal: Value = context.get(proposal_key(model, role))
    context.state.delete(proposal_key(model, role))
    others: list[Value] = [context.get(proposal_key(model, other)) for other in ROLES]
    if not any(other is not None and other[0] == context.actor for other in others):
        _drop(context, model, range(proposal[1]))


def approve(context: Context, operation: ModelApprove) -> None:
    """Approved by an organisation that runs a voter."""
    proposal: Value = context.get(proposal_key(operation.model, operation.role))
    if proposal is None:
        raise refuse("unknown_model", "no proposal of this model for this role", field="model")
    if _has_role(context, operation.model, operation.role):
        raise refuse("model_in_role", "the model has this role", field="model")
    if proposal[4] == ADOPTED:
        raise refuse("model_replaced", "the model has left this role", field="model")
    _check_voting(context)
    publisher, parts, record, approvals, _ = proposal
    if context.actor in approvals and not _are_enough(context, approvals):
        raise refuse("already_approved", "approved before", field="model")
    approvals = tuple(sorted({*approvals, context.actor}))
    _write(context, operation.model, operation.role, (publisher, parts, record, approvals, OPEN))


def retire(context: Context, operation: ModelRetire) -> None:
    """Wanted by an organisation that runs a voter; as many as adopt a model end its role."""
    if not _has_role(context, operation.model, operation.role):
        raise refuse("model_not_in_role", "the model does not have this role", field="model")
    _check_voting(context)
    key = retirement_key(operation.role)
    before: Value = context.get(key) or ()
    approvals = tuple(sorted({*before, context.actor}))
    if _are_enough(context, approvals):
        _end_role(context, operation.role)
    elif context.actor in before:
        raise refuse("already_approved", "approved before", field="model")
    else:
        context.put(key, approvals)


def _end_role(context: Context, role: str) -> None:
    """No model has the role any more, and nobody wants any out of it."""
    for key in (role_key(role), retirement_key(role)):
        if context.get(key) is not None:
            context.state.delete(key)


def _check_voting(context: Context) -> None:
    if context.actor not in membership.voting_organisations(membership.in_force(context.state)):
        raise refuse("runs_no_voter", "runs no voter", field="signer", found=context.actor)


def _has_role(context: Context, model: bytes, role: str) -> bool:
    known = adopted(context.state, role)
    return known is not None and known.model == model


def _are_enough(context: Context, approvals: Iterable[str]) -> bool:
    governing = membership.in_force(context.state)
    counted = set(approvals) & set(membership.voting_organisations(governing))
    return len(counted) >= membership.approvals_needed(context.state, governing)


def _write(context: Context, model: bytes, role: str, proposal: Value) -> None:
    """Keep the proposal; the model takes its role if the approvals are enough."""
    publisher, parts, record, approvals, _ = proposal
    is_adopted = _are_enough(context, approvals)
    state = ADOPTED if is_adopted else OPEN
    context.put(proposal_key(model, role), (publisher, parts, record, approvals, state))
    if is_adopted:
        context.state.delete(open_key(publisher, role))
        _end_role(context, role)
        context.put(role_key(role), (publisher, model, parts))


def _read(context: Context, model: bytes, parts: int) -> Model:
    data = []
    for number in range(parts):
        part: Value = context.get(part_key(context.actor, model, number))
        if part is None:
            raise refuse("model_incomplete", "a part was not uploaded", field="parts", found=number)
        data.append(part)
    found = _judged(model, tuple(data))
    if found is None:
        raise refuse("model_hash", "the parts are not the model that the hash names", field="model")
    if isinstance(found, NoModel):
        raise refuse("model_form", "not a model", field=found.field, found=found.why)
    return found


class NoModel(NamedTuple):
    """Bytes that are no model: which field, and why."""

    field: str
    why: str


@lru_cache(maxsize=8)
def _judged(model: bytes, parts: tuple[bytes, ...]) -> Model | NoModel | None:
    """The model of this hash in these parts, if it is one; None if they have another hash.

    Judged once: to read a large model takes a tenth of a second, and whoever uploaded one could have it read
    by every operation of a block.
    """
    joined = b"".join(parts)
    if sha256(joined).digest() != model:
        return None
    try:
        return Model.decode(joined)
    except Malformed as error:
        return NoModel(error.field or "model", str(error)[:80])


class Adopted(NamedTuple):
    """State value of a role: which model has it."""

    publisher: str
    model: bytes
    """SHA-256 of its bytes."""
    parts: int


def adopted(state: Reader, role: str) -> Adopted | None:
    """The model in a role; None before the first is adopted: then `pricing.model.shrinkage` holds."""
    value: Value = state.get(role_key(role))
    return None if value is None else Adopted._make(value)


def part_keys(known: Adopted) -> list[bytes]:
    """Where the parts of an adopted model stand."""
    return [part_key(known.publisher, known.model, part) for part in range(known.parts)]


def parts_of(state: Reader, known: Adopted) -> tuple[bytes, ...]:
    """The bytes of an adopted model as they were uploaded."""
    return tuple([state.get(key) or b"" for key in part_keys(known)])


def decoded(known: Adopted, parts: tuple[bytes, ...]) -> Model:
    """The adopted model of these bytes; what was adopted was checked when it was published.

    Raises:
        VerificationError: they are not its bytes.
    """
    found = _judged(known.model, parts)
    if found is None or isinstance(found, NoModel):
        raise VerificationError(
            "the bytes are not those of the model in force", field="model", expected=known.model.hex()
        )
    return found
