"""Models and their records as the user names them: by hash, or by file."""

from __future__ import annotations

import json as json_text
from hashlib import sha256
from pathlib import Path
from typing import Any

from clients.cli.exits import UsageProblem
from clients.cli.options import read_bytes, reading
from contracts.fields import read_part
from contracts.finance.model import Record as ModelRecord
from contracts.pricing.model import MAX_MODEL_BYTES, Model
from ledger.errors import Malformed

MAX_RECORD_BYTES = 65_536


def read_record(path: Path) -> dict[str, Any]:
    """A record as `model.publish` takes it; hashes in hex in the file.

    Raises:
        UsageProblem: unreadable, or no record.
    """
    data = read_bytes(path, "record", MAX_RECORD_BYTES)
    try:
        found = json_text.loads(data)
        if not isinstance(found, dict):
            raise Malformed("no object", field="--record", expected="a JSON object")
        return read_part(ModelRecord, _typed(found), "record", code="record_file").model_dump()
    except (ValueError, RecursionError) as error:
        problem = Malformed("no JSON", field="--record", found=str(error)[:120], expected="a JSON object")
    except Malformed as error:
        problem = error
    raise UsageProblem(
        f"{path} is no model's record",
        code="record_file",
        field=problem.field,
        found=problem.found,
        expected=problem.expected,
        remedy="`scripts/train-model --record FILE` writes one.",
    )


def _typed(found: dict[str, Any]) -> dict[str, Any]:
    """A record with the types of an operation, where JSON has none for them.

    Raises:
        Malformed: the state root is not in hex.
    """
    root, names = found.get("training_root"), found.get("rising")
    try:
        typed: dict[str, Any] = {} if root is None else {"training_root": bytes.fromhex(root)}
    except (ValueError, TypeError):
        raise Malformed(
            "no hash", field="training_root", found=ascii(root)[:80], expected="64 hexadecimal digits"
        ) from None
    if isinstance(names, list):
        typed["rising"] = tuple(names)
    return {**found, **typed}


def read_model(path: Path, name: bytes) -> Model:
    """The model in a file, which must be the one of this hash.

    Raises:
        UsageProblem: it cannot be read, or is another one.
        Malformed: no model.
    """
    data = read_bytes(path, "model", MAX_MODEL_BYTES)
    found = sha256(data).digest()
    if found != name:
        raise UsageProblem(
            f"{path} is not the model of this hash",
            code="other_model",
            field="--model",
            found=found.hex(),
            expected=name.hex(),
            remedy="Name the file that this hash was made of, or leave --model out.",
        )
    with reading(path, "model"):
        return Model.decode(data)


def read_hash(text: str) -> bytes:
    """The hash of a model, from its hexadecimal digits.

    Raises:
        UsageProblem: they are no hash.
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != sha256().digest_size:
        raise UsageProblem("not a hash", field="HASH", found=text[:80], expected="64 hexadecimal digits")
    return found
