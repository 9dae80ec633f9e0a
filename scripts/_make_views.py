"""Writes clients/sdk/views.json: the form of every JSON view of a node, from the node's own API.

Clients hold an answer against it before they read it (`clients.sdk.told`). Nothing in it is written by hand.

    scripts/make-views          write it, if it has changed
    scripts/make-views --check  say whether it would change; 1 if so
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from node.api import create_app
from node.api.channel import CHANNEL_PREFIX

FILE = Path(__file__).resolve().parent.parent / "clients" / "sdk" / "views.json"
REFERENCE = "#/components/schemas/"
JSON = "application/json"


def views() -> dict[str, Any]:
    """Paths below the channel, or from the root, to their views; views to the forms of their fields.

    A form is `string`, `integer`, `boolean`, `object` (of any fields), the name of a view, `[form]` for an
    array of it, `{form}` for an object of any names with such values; `form?` may be null, and `a|b` is one
    of them.
    """
    document = _openapi()
    schemas, paths = document["components"]["schemas"], {}
    for path, methods in sorted(document["paths"].items()):
        answer = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get(JSON)
        if answer is not None and answer.get("schema"):
            paths[path.removeprefix(CHANNEL_PREFIX)] = form(answer["schema"])
    found: dict[str, dict[str, str]] = {}
    waiting = {name for text in paths.values() for name in names_in(text, schemas)}
    while waiting:
        view = waiting.pop()
        found[view] = {name: form(schema) for name, schema in schemas[view].get("properties", {}).items()}
        waiting |= {name for text in found[view].values() for name in names_in(text, schemas)} - found.keys()
    return {"paths": paths, "views": dict(sorted(found.items()))}


def names_in(text: str, schemas: dict[str, Any]) -> set[str]:
    """The views that a form names."""
    words = text.translate(str.maketrans("[]{}|?", "      ")).split()
    return {word for word in words if word in schemas}


def form(schema: dict[str, Any]) -> str:
    """The form that a schema asks for; empty for any."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REFERENCE)
    if "anyOf" in schema:
        forms = [form(part) for part in schema["anyOf"]]
        given = sorted({found for found in forms if found != "null"})
        return "" if "" in given else "|".join(given) + ("?" if "null" in forms else "")
    if schema.get("type") == "array":
        return f"[{form(schema.get('items', {}))}]"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{{{form(schema['additionalProperties'])}}}"
    return str(schema.get("type", ""))


def _openapi() -> dict[str, Any]:
    """The description of the API, which needs no running node."""
    nothing = SimpleNamespace(channel=bytes(32))
    service = SimpleNamespace(chain=nothing, status=None, statistics=None)
    return create_app(service).openapi()


def main() -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if something would change")
    options = parser.parse_args()
    text = json.dumps(views(), indent=1) + "\n"
    is_same = FILE.exists() and FILE.read_text() == text
    if not is_same and not options.check:
        FILE.write_text(text)
    print(f"{FILE.name}: {'as it was' if is_same else 'changed'}")
    return int(options.check and not is_same)


if __name__ == "__main__":
    sys.exit(main())
