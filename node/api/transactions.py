"""Submitting transactions, alone or in bundles, and asking what became of one.

The two submissions are the hot path: plain ASGI endpoints that read a bounded body, hand
the envelopes to the service and render its answer; no model stands between. What they
take and give is written down as models here, for the OpenAPI document, and the tests
hold the two together.

| outcome | HTTP status |
|---|---|
| committed, applied | 200 |
| committed, an operation refused by a rule | 200: the refusal is on the ledger, and so is its proof |
| admitted, not waited for (`wait=none`) | 202 |
| not admitted | a problem: 4xx, or 429/503 with Retry-After |
| admitted, no outcome before the deadline | 503 `outcome_unknown`: submit the same bytes again |

A bundle is answered 200 with one outcome for each envelope, in order; the `error` of an
envelope that was not admitted is the problem document that it would have got alone, and
Retry-After says when to send again what was turned away for the moment.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Literal
from urllib.parse import parse_qs

import structlog
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ledger import codec
from ledger.errors import TallyError
from ledger.limits import MAX_BUNDLE_BYTES, MAX_TRANSACTION_BYTES
from node.api import answers, bodies, problems
from node.api.channel import channel_router, unknown_channel
from node.api.parameters import DEFAULT_WAIT_MS, MAX_WAIT_MS, TransactionPath
from node.api.wire import Answer
from node.errors import NotAdmitted
from node.intake.outcome import Outcome
from node.service import Service
from node.telemetry import Telemetry

_log = structlog.get_logger("node.api")

JSON_OVERHEAD_BYTES = 4_096
"""What JSON may add to the base64 of its envelopes."""

SUBMIT_TRANSACTION, SUBMIT_BUNDLE = "submit_transaction", "submit_bundle"
"""Operation ids, in the OpenAPI document and as labels of metrics."""

View = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of what is shown what JSON can hold."""


class RefusalView(BaseModel):
    """An operation that its contract refused."""

    operation: int = Field(description="index of the operation in its transaction", ge=0)
    code: str
    detail: str


class ResultView(BaseModel):
    """What the contracts made of a transaction."""

    applied: bool = Field(description="whether every operation was applied")
    refusals: list[RefusalView]


class OutcomeView(BaseModel):
    """What became of one transaction."""

    id: str = Field(
        description="hash of the signed bytes, 64 hex digits; empty if the bytes are no transaction",
        pattern="^([0-9a-f]{64})?$",
    )
    status: Literal["committed", "accepted", "refused", "unknown"]
    height: int | None = None
    index: int | None = Field(default=None, description="place in its block")
    result: ResultView | None = None
    receipt: str | None = Field(default=None, description="base64 of the receipt file, once committed")
    error: problems.ProblemDetails | None = Field(
        default=None, description="in bundles: why it was not admitted"
    )


class BundleView(BaseModel):
    """What became of the transactions of a bundle."""

    outcomes: list[OutcomeView] = Field(description="one for each envelope, in order")
    receipts: list[str] = Field(
        description="base64 of receipt files; each covers a run of neighbours in one block"
    )


class EnvelopeForm(BaseModel):
    """A signed transaction, for those who have no MessagePack."""

    envelope: str = Field(description="base64 of the envelope: MessagePack [body bytes, signature]")


class EnvelopesForm(BaseModel):
    """Signed transactions, for those who have no MessagePack."""

    envelopes: list[str] = Field(description="base64 of each envelope", min_length=1)


router = channel_router("transactions")


@router.get(
    "/transactions/{transaction}",
    summary="What became of a transaction",
    responses=answers.shown_as(OutcomeView),
)
async def get_transaction(request: Request, transaction: TransactionPath) -> Response:
    """Status, height and result of a transaction; `accepted` while it is on its way."""
    service: Service = request.app.state.service
    outcome = service.outcome(bytes.fromhex(transaction))
    if outcome is None:
        raise _unknown_transaction(transaction)
    return _rendered(request.scope, _view_of_one, _shown(outcome))


@router.get(
    "/transactions/{transaction}/receipt",
    summary="The receipt of a transaction, as a file",
    responses={
        200: {"content": {bodies.MSGPACK_FILE: {}}, "description": "receipt file; `tally verify` checks it"},
        **problems.documented(404, 422),
    },
    response_class=Response,
)
async def get_receipt(request: Request, transaction: TransactionPath) -> Response:
    """The receipt file: transaction, result, inclusion paths, header and certificate."""
    chain = request.app.state.service.chain
    receipt = chain.receipt(bytes.fromhex(transaction))
    if receipt is None:
        raise _unknown_transaction(transaction)
    return answers.file(chain, receipt.encode(), f"{transaction[:16]}.receipt")


class Submission:
    """The ASGI endpoint of POST /transactions and POST /bundles."""

    __slots__ = ("__name__", "_bundle", "_limit_bytes", "_served", "_service")

    def __init__(self, service: Service, channel: bytes, *, bundle: bool) -> None:
        self._service = service
        self._served = channel
        self._bundle = bundle
        self.__name__ = SUBMIT_BUNDLE if bundle else SUBMIT_TRANSACTION
        self._limit_bytes = MAX_BUNDLE_BYTES if bundle else MAX_TRANSACTION_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except TallyError as error:
            answer = Answer.problem(error)
        except bodies.Disconnected:
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers()})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        channel = scope["path_params"]["channel"]
        if channel != self._served.hex():
            _check_channel(channel)
            raise unknown_channel(channel, self._served)
        wait, timeout_ms = _wait_of(scope["query_string"])
        msgpack = bodies.is_msgpack(scope)
        limit = self._limit_bytes if msgpack else self._limit_bytes * 4 // 3 + JSON_OVERHEAD_BYTES
        body = await bodies.read(receive, scope, limit)
        if self._bundle:
            envelopes = bodies.envelopes_of(body, msgpack)
        else:
            envelopes = [bodies.envelope_of(body, msgpack)]
        outcomes = await self._service.submit(envelopes, wait=wait, timeout_ms=timeout_ms)
        packed = bodies.wants_msgpack(scope)
        if self._bundle:
            shown = self._bundle_answer(outcomes)
            status = 200 if wait else 202
            return _packed_or_not(status, shown, None if packed else _view_of_bundle, _retry_after(outcomes))
        return self.answer_to_one(outcomes[0], packed=packed)

    def answer_to_one(self, outcome: Outcome, *, packed: bool) -> Answer:
        """The answer to POST /transactions.

        Raises:
            TallyError: it was not admitted, or nothing is known of it.
        """
        shown = self._single_answer(outcome)
        status = 200 if shown["status"] == "committed" else 202
        if packed:
            return Answer(status, bodies.MSGPACK, codec.pack(shown))
        return _packed_or_not(status, shown, _view_of_one)

    def _single_answer(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.status not in ("committed", "accepted"):
            raise _error_of(outcome)
        if outcome.height is None or outcome.index is None:
            return _shown(outcome)
        receipt = self._service.chain.receipt_at(outcome.height, outcome.index)
        return _shown(outcome, receipt=None if receipt is None else receipt.encode())

    def _bundle_answer(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        shown: list[dict[str, Any]] = []
        for outcome in outcomes:
            entry = _shown(outcome)
            if outcome.status not in ("committed", "accepted"):
                entry["error"] = problems.details(_error_of(outcome))
            shown.append(entry)
        receipts = []
        for height, index, count in _runs(outcomes):
            receipt = self._service.chain.receipt_at(height, index, count)
            if receipt is not None:
                receipts.append(receipt.encode())
        return {"outcomes": shown, "receipts": receipts}


class DirectSubmission:
    """POST /transactions as most clients send it, with the commit waited for: MessagePack both ways.

    It needs no scope and no task. What it answers is what the endpoint would have.
    """

    limit_bytes = MAX_TRANSACTION_BYTES

    def __init__(self, endpoint: Submission, service: Service, telemetry: Telemetry) -> None:
        self._endpoint = endpoint
        self._service = service
        self._telemetry = telemetry

    def take(self, body: bytes, told: Callable[[Answer], None]) -> None:
        """Submit the envelope in a body; `told` is called once with the answer."""
        answered = partial(self._answered, told, perf_counter())
        try:
            self._service.submit_one(body, partial(self._answer, answered))
        except Exception as bug:
            answered(_bug(bug))

    def _answer(self, answered: Callable[[Answer], None], outcome: Outcome) -> None:
        try:
            answer = self._endpoint.answer_to_one(outcome, packed=True)
        except TallyError as error:
            answer = Answer.problem(error)
        except Exception as bug:
            answer = _bug(bug)
        answered(answer)

    def _answered(self, told: Callable[[Answer], None], began_s: float, answer: Answer) -> None:
        self._telemetry.answered(SUBMIT_TRANSACTION, answer.status, perf_counter() - began_s)
        told(answer)


def _bug(bug: Exception) -> Answer:
    _log.error("request_failed", operation=SUBMIT_TRANSACTION, exc_info=bug)
    return Answer.problem(problems.internal_error())


def _packed_or_not(
    status: int, shown: dict[str, Any], view: View | None, retry_after: int | None = None
) -> Answer:
    """As MessagePack, or in a view of it as JSON."""
    if view is None:
        return Answer(status, bodies.MSGPACK, codec.encode(shown), retry_after)
    return Answer(status, bodies.JSON, json.dumps(view(shown)).encode(), retry_after)


def _retry_after(outcomes: Sequence[Outcome]) -> int | None:
    """Seconds after which to send again what passes by itself, if there is such an envelope."""
    waits = [problems.retry_after_s(outcome.error) for outcome in outcomes if outcome.error is not None]
    return min((wait for wait in waits if wait is not None), default=None)


def _runs(outcomes: Sequence[Outcome]) -> list[tuple[int, int, int]]:
    """(height, first index, count) of each run of committed neighbours in one block, without repeats."""
    places = sorted(
        {
            (outcome.height, outcome.index)
            for outcome in outcomes
            if outcome.status == "committed" and outcome.height is not None and outcome.index is not None
        }
    )
    runs: list[tuple[int, int, int]] = []
    before: tuple[int, int] | None = None
    for height, index in places:
        if before == (height, index - 1):
            _, first, count = runs[-1]
            runs[-1] = (height, first, count + 1)
        else:
            runs.append((height, index, 1))
        before = (height, index)
    return runs


def _shown(outcome: Outcome, **receipt: bytes | None) -> dict[str, Any]:
    """The members of an outcome but for its error, in the order of the canonical bytes."""
    result = None
    if outcome.status == "committed":
        refusals = [
            {"code": code, "detail": detail, "operation": operation}
            for operation, code, detail in outcome.result
        ]
        result = {"applied": not refusals, "refusals": refusals}
    return {
        "height": outcome.height,
        "id": outcome.id,
        "index": outcome.index,
        **receipt,
        "result": result,
        "status": outcome.status,
    }


def _error_of(outcome: Outcome) -> TallyError:
    return outcome.error or NotAdmitted("outcome_unknown", "no outcome before the deadline")


def _view_of_one(shown: dict[str, Any]) -> dict[str, Any]:
    """The answer with its bytes as text, for JSON."""
    shown["id"] = shown["id"].hex()
    receipt = shown.get("receipt")
    if receipt is not None:
        shown["receipt"] = b64encode(receipt).decode()
    return shown


def _view_of_bundle(shown: dict[str, Any]) -> dict[str, Any]:
    for entry in shown["outcomes"]:
        entry["id"] = entry["id"].hex()
    shown["receipts"] = [b64encode(receipt).decode() for receipt in shown["receipts"]]
    return shown


def _rendered(scope: Scope, view: Any, shown: dict[str, Any]) -> Response:
    if bodies.wants_msgpack(scope):
        return Response(codec.encode(shown), media_type=bodies.MSGPACK)
    return Response(json.dumps(view(shown)), media_type=bodies.JSON)


def _wait_of(query: bytes) -> tuple[bool, int]:
    """(whether to wait for the commit, for how many ms at most)."""
    if query in (b"", b"wait=committed"):
        return True, DEFAULT_WAIT_MS
    try:
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise _invalid("query", "too many parameters", "wait and timeout_ms") from None
    wait = given.get("wait", ["committed"])[-1]
    if wait not in ("committed", "none"):
        raise _invalid("wait", wait, "committed or none")
    timeout = given.get("timeout_ms", [str(DEFAULT_WAIT_MS)])[-1]
    if not (
        timeout.isascii() and timeout.isdigit() and len(timeout) <= 9 and 1 <= int(timeout) <= MAX_WAIT_MS
    ):
        raise _invalid("timeout_ms", timeout, f"1 to {MAX_WAIT_MS}")
    return wait == "committed", int(timeout)


def _check_channel(channel: str) -> None:
    if len(channel) != 64 or not set(channel) <= set("0123456789abcdef"):
        raise _invalid("channel", channel, "64 lower-case hex digits")


def _invalid(field: str, found: str, expected: str) -> problems.Problem:
    return problems.Problem(
        "invalid parameter",
        code="invalid_parameter",
        field=field,
        found=found,
        expected=expected,
        remedy=problems.SEE_API,
    )


def _unknown_transaction(found: str) -> problems.Problem:
    return problems.Problem(
        "no such transaction is known here",
        code="unknown_transaction",
        field="transaction",
        found=found,
        remedy="If you hold its bytes, submit them again: they can never be recorded twice.",
    )
