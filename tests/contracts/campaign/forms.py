"""The least that is well formed: an operation made from its model alone, about nothing that exists.

Required fields at their lower bounds, by the schema that the API shows; so whoever adds an operation to the
table has it tried without writing anything.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

NAMED = {"organisation": "acme", "node": "n1", "programme": "of-loan-0"}
"""What an id names, by the word that its description begins with."""

TOGETHER = {"credit.issue": {"amount": 1}}
"""What a model asks of several fields together, which its schema does not say."""


def least(model: type[BaseModel], date: str) -> dict[str, Any]:
    """The least form of an operation of this model; days are `date`."""
    schema = model.model_json_schema()
    made: dict[str, Any] = _value(schema, schema.get("$defs", {}), date)
    return made | TOGETHER.get(made["op"], {})


def _value(schema: dict[str, Any], known: dict[str, Any], date: str) -> Any:
    if "$ref" in schema:
        return _value(known[schema["$ref"].rpartition("/")[2]], known, date)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _value(schema[choice][-1], known, date)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _typed(schema, known, date)


def _typed(schema: dict[str, Any], known: dict[str, Any], date: str) -> Any:
    kind = schema["type"]
    if kind == "object":
        required = schema.get("required", ())
        return {name: _value(schema["properties"][name], known, date) for name in required}
    if kind == "array":
        each = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return [_value(each, known, date) for _ in range(schema.get("minItems", 0))]
    if kind == "integer":
        return max(schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
    if kind == "boolean":
        return False
    if schema.get("format") == "binary":
        return bytes(schema.get("minLength", 0))
    return _text(schema, date)


def _text(schema: dict[str, Any], date: str) -> str:
    about = schema.get("description", "")
    if "YYYY-MM-DD" in about:
        return date
    if "ISO 4217" in about:
        return "USD"
    is_optional = not schema.get("minLength", 0) and schema.get("pattern", "^$").startswith("^$")
    return "" if is_optional else NAMED.get(about.split(" ", maxsplit=1)[0], "1")
