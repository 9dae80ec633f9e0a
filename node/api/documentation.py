"""What the framework cannot see by itself, for the OpenAPI document.

The two submissions are plain ASGI endpoints: their bodies, parameters and answers are
described here from the same models and bounds that the code uses. The operations that an
envelope may hold are the contract models themselves, so their field descriptions and
units reach the reader of the API from one place.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from contracts.registry import OPERATIONS
from ledger.limits import (
    MAX_BUNDLE_BYTES,
    MAX_BUNDLE_TRANSACTIONS,
    MAX_NONCE_BYTES,
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    MIN_NONCE_BYTES,
)
from node.api import bodies, leader, problems, quotes, transactions
from node.api.parameters import DEFAULT_WAIT_MS, HEX_32, MAX_WAIT_MS

DESCRIPTION = """One node of a Tallystick network. Every answer about the ledger can be checked offline
against the genesis block; receipts, histories and quotes are files that `tally verify` checks.
Errors are problem details (RFC 9457) with a stable `code`."""

_REFERENCE = "#/components/schemas/{model}"
_SUBMIT_PROBLEMS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def completed(document: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The document with the submissions, the operation models and the problem schema in it."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for model in (
        problems.ProblemDetails,
        transactions.OutcomeView,
        transactions.BundleView,
        transactions.EnvelopeForm,
        transactions.EnvelopesForm,
        leader.HandOver,
        quotes.QuoteForm,
        quotes.BookForm,
    ):
        _add(schemas, model.__name__, model)
    operations = []
    for name, spec in sorted(OPERATIONS.items()):
        _add(schemas, f"Operation.{name}", spec.model)
        operations.append({"$ref": _REFERENCE.format(model=f"Operation.{name}")})
    schemas["Operation"] = {"oneOf": operations, "description": "One operation of a transaction."}
    schemas["TransactionBody"] = _BODY
    paths = document["paths"]
    paths[f"{prefix}/transactions"] = {"post": _submission(bundle=False)}
    paths[f"{prefix}/bundles"] = {"post": _submission(bundle=True)}
    document["paths"] = dict(sorted(paths.items()))
    return document


def _add(schemas: dict[str, Any], name: str, model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=_REFERENCE)
    for inner, definition in schema.pop("$defs", {}).items():
        schemas.setdefault(inner, definition)
    schemas.setdefault(name, schema)


_BODY: dict[str, Any] = {
    "description": "The signed body of an envelope; canonical MessagePack (docs/protocol.md).",
    "type": "array",
    "minItems": 8,
    "maxItems": 8,
    "prefixItems": [
        {"title": "version", "const": 1},
        {"title": "channel", "description": "32 bytes: hash of the genesis block"},
        {"title": "signer", "description": "32 bytes: Ed25519 public key"},
        {"title": "valid_until_ms", "type": "integer", "minimum": 1},
        {"title": "nonce", "description": f"{MIN_NONCE_BYTES} to {MAX_NONCE_BYTES} bytes"},
        {"title": "atomic", "type": "boolean", "description": "all operations or none"},
        {
            "title": "private",
            "type": "array",
            "description": "[operation index, field name, commitment] each",
        },
        {
            "title": "operations",
            "type": "array",
            "items": {"$ref": _REFERENCE.format(model="Operation")},
            "minItems": 1,
            "maxItems": MAX_OPERATIONS,
        },
    ],
}


def _submission(*, bundle: bool) -> dict[str, Any]:
    answer = transactions.BundleView if bundle else transactions.OutcomeView
    form = transactions.EnvelopesForm if bundle else transactions.EnvelopeForm
    answers = {
        kind: {"schema": {"$ref": _REFERENCE.format(model=answer.__name__)}}
        for kind in (bodies.JSON, bodies.MSGPACK)
    }
    answers[bodies.MSGPACK] = {"schema": {"description": "the same members, ids and receipts as bytes"}}
    bound = f"at most {MAX_BUNDLE_BYTES if bundle else MAX_TRANSACTION_BYTES} bytes"
    described = (
        f"MessagePack array of 1 to {MAX_BUNDLE_TRANSACTIONS} envelopes, {bound}"
        if bundle
        else f"envelope: MessagePack [body bytes, signature], {bound}; the body is a TransactionBody"
    )
    return {
        "tags": ["transactions"],
        "summary": "Submit a bundle of signed transactions" if bundle else "Submit a signed transaction",
        "description": transactions.__doc__,
        "operationId": transactions.SUBMIT_BUNDLE if bundle else transactions.SUBMIT_TRANSACTION,
        "parameters": [_CHANNEL, _WAIT, _TIMEOUT],
        "requestBody": {
            "required": True,
            "content": {
                bodies.MSGPACK: {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "description": described,
                        "contentMediaType": bodies.MSGPACK,
                    }
                },
                bodies.JSON: {"schema": {"$ref": _REFERENCE.format(model=form.__name__)}},
            },
        },
        "responses": {
            "200": {"description": "outcome, with wait=committed", "content": answers},
            "202": {"description": "taken in, with wait=none", "content": answers},
            **{str(status): entry for status, entry in problems.documented(*_SUBMIT_PROBLEMS).items()},
        },
    }


_CHANNEL: dict[str, Any] = {
    "name": "channel",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": HEX_32},
    "description": "channel id: hash of the genesis block, 64 hex digits",
}
_WAIT: dict[str, Any] = {
    "name": "wait",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": ["committed", "none"], "default": "committed"},
    "description": "`committed`: answer when the transaction is on the ledger, with its receipt",
}
_TIMEOUT: dict[str, Any] = {
    "name": "timeout_ms",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_WAIT_MS, "default": DEFAULT_WAIT_MS},
    "description": "how long to wait at most",
}
