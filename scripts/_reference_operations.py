"""The pages of operations and codes: from the operation table, its models, and what handlers can come to."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from _reference_calls import Calls
from _reference_states import anchor, life_cycles, title

from clients.importers.remedies import REMEDIES as PROBLEM_REMEDIES
from contracts.errors import FORM_REMEDIES, REMEDIES
from contracts.registry import OPERATIONS, OperationSpec

OF_THE_SIGNER = ("revoked_key", "unknown_key")
"""What any transaction can be refused with, before its operations are looked at."""

CHANGES_INVOICE = "contracts.trade.invoice.write_invoice"
AFTER_A_CHANGE = "contracts.market.standing.end_what_changed"
"""What the executor runs after an operation that has changed an invoice."""

GROUPS = {
    "governance": ("date", "key", "membership", "node", "model"),
    "trade": ("order", "amendment", "shipment", "goods", "invoice", "dispute", "credit"),
    "cash": ("payment", "custody", "deposit", "redemption", "exchange"),
    "finance": ("programme", "finance", "settlement", "release", "default", "recourse", "resale"),
    "market": ("auction", "early"),
    "certificates": ("certificate",),
    "insurance": ("policy", "premium", "claim", "indemnity", "recovery"),
    "safeguards": ("affiliation", "payee", "redirection", "pledge"),
}
"""Page → first parts of the names of its operations; what is in none is on the page `further`."""


def page_of(name: str) -> str:
    """The page on which an operation stands."""
    first = name.split(".", maxsplit=1)[0]
    return next((page for page, prefixes in GROUPS.items() if first in prefixes), "further")


def codes_of(calls: Calls, spec: OperationSpec) -> set[str]:
    """Every code with which an operation can be refused once it is on the ledger."""
    handler = f"{spec.handle.__module__}.{spec.handle.__qualname__}"
    return calls.codes(handler) | set(OF_THE_SIGNER) | ({"wrong_role"} if spec.roles else set())


def kinds_of(calls: Calls, spec: OperationSpec) -> set[str]:
    """Kinds of state entries that an operation can read or write, and what the executor does after it."""
    handler = f"{spec.handle.__module__}.{spec.handle.__qualname__}"
    found = calls.kinds(handler) | {"key", "org", "param"}
    if any(node is calls.nodes[CHANGES_INVOICE] for node in calls.reached(handler)):
        found |= calls.kinds(AFTER_A_CHANGE)
    return found


def operations_pages(calls: Calls) -> dict[str, str]:
    """A page for each group."""
    named: dict[str, list[OperationSpec]] = defaultdict(list)
    for name, spec in OPERATIONS.items():
        named[page_of(name)].append(spec)
    return {f"operations-{page}.md": _page(calls, page, named[page]) for page in named}


def _page(calls: Calls, page: str, specs: list[OperationSpec]) -> str:
    parts: dict[str, Any] = {}
    sections = [
        f"# Operations: {page}",
        "Amounts are minor units; a field with a default may be left out. Any operation can also be refused "
        "with `unknown_key` and `revoked_key`, for its signer, and with the codes of form in "
        "[codes.md](codes.md).",
        "\n".join(f"- [`{spec.name}`](#{spec.name.replace('.', '')}): {spec.summary}" for spec in specs),
    ]
    for spec in specs:
        schema = spec.model.model_json_schema()
        parts |= schema.get("$defs", {})
        sections.append(_operation(calls, spec, schema))
    if parts:
        sections.append("# Parts of these operations")
        sections += [_part(name, parts[name]) for name in sorted(parts)]
    return "\n\n".join(sections) + "\n"


def _operation(calls: Calls, spec: OperationSpec, schema: dict[str, Any]) -> str:
    signers = ", ".join(spec.roles) or "any organisation"
    lines = [f"## {spec.name}", spec.summary, f"Signed by: {signers}. {_handled(spec)}", _fields(schema)]
    moves = _moves(spec.name)
    if moves:
        lines.append(f"States: {moves}.")
    entries = ", ".join(f"`{kind}`" for kind in sorted(kinds_of(calls, spec)))
    lines.append(f"State entries that it may read or write: {entries}.")
    codes = sorted(codes_of(calls, spec) - set(OF_THE_SIGNER))
    shown = ", ".join(f"[`{code}`](codes.md#{code})" for code in codes)
    lines.append(f"Refused with: {shown or 'nothing else'}.")
    return "\n\n".join(lines)


def _handled(spec: OperationSpec) -> str:
    """What the handler says of itself: which authority it asks for, and what it does."""
    said = (spec.handle.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(said.split())


def _moves(name: str) -> str:
    found = []
    for _, cycle in life_cycles():
        arrows = [arrow for arrow in cycle.transitions if arrow.by == name]
        if arrows:
            shown = "; ".join(dict.fromkeys(f"{arrow.source} → {arrow.target}" for arrow in arrows))
            found.append(f"[{title(cycle)}](states.md#{anchor(cycle)}) {shown}")
    return ". ".join(found)


def _part(name: str, schema: dict[str, Any]) -> str:
    about = " ".join(str(schema.get("description", "")).split("\n\n")[0].split())
    return f"## {name}\n\n{about}\n\n{_fields(schema)}"


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = ["| field | form | default | what |", "|---|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        if name == "op":
            continue
        default = "" if name in required else f"`{_default(field.get('default'))}`"
        about = _cell(str(field.get("description", "")))
        rows.append(f"| `{name}` | {_form(field)} | {default} | {about} |")
    return "\n".join(rows) if len(rows) > 2 else "No fields."


def _default(value: object) -> str:
    return "none" if value is None else "empty" if value in ("", [], ()) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _form(field: dict[str, Any]) -> str:
    """A field's type and bounds in words."""
    if "$ref" in field:
        return _link(field["$ref"])
    for choice in ("anyOf", "oneOf"):
        if choice in field:
            forms = [_form(option) for option in field[choice] if option.get("type") != "null"]
            return " or ".join(forms)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    return _typed(field)


def _link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _typed(field: dict[str, Any]) -> str:
    kind = field.get("type")
    if kind == "integer":
        least, most = _bound(field, "minimum", 1), _bound(field, "maximum", -1)
        return f"integer{'' if least is None and most is None else f', {least} to {most}'}"
    if kind == "array":
        items = field.get("items") or {}
        length = _length(field, "Items")
        return f"list{length} of {_form(items) if items else 'values'}"
    if kind == "string":
        if field.get("format") == "binary":
            return f"bytes{_length(field, 'Length')}"
        if "YYYY-MM-DD" in field.get("description", ""):
            return "date"
        return f"text{_length(field, 'Length')}"
    return str(kind or "value")


def _bound(field: dict[str, Any], name: str, step: int) -> str | None:
    if name in field:
        return f"{field[name]:,}"
    exclusive = f"exclusive{name.capitalize()}"
    return f"{field[exclusive] + step:,}" if exclusive in field else None


def _length(field: dict[str, Any], of: str) -> str:
    least, most = field.get(f"min{of}", 0), field.get(f"max{of}")
    if most is None:
        return ""
    return f", {most}" if least == most else f", {least} to {most:,}"


def codes_page(calls: Calls) -> str:
    """Every code, what it says, what to do, and which operations give it."""
    given: dict[str, list[str]] = defaultdict(list)
    for name, spec in OPERATIONS.items():
        for code in codes_of(calls, spec) - set(OF_THE_SIGNER):
            given[code].append(name)
    sections = [
        "# Codes",
        "A refusal is recorded on the ledger as (operation index, code, detail). Codes are stable: programs "
        "branch on them. *Says* is what the details of the code begin with; an ellipsis stands for what the "
        "case names.",
        "## Refusals",
        *[_code(calls, code, given[code]) for code in sorted(REMEDIES)],
        "## Codes of form",
        "An operation without form never reaches the ledger: the node that takes it in answers with one "
        "of these.",
        *[
            f"### {code}\n\n{remedy}"
            for code, remedy in sorted(FORM_REMEDIES.items())
            if code not in REMEDIES
        ],
        "## Problems of imported files",
        "`tally import` names the file, the line and the column or element, what was found and what was "
        "expected. Where it knows no better it says to do this. `br_…` is a rule of EN 16931: BR-02 is "
        "`br_02`.",
        "\n".join(
            [
                "| code | what to do |",
                "|---|---|",
                *[f"| `{code}` | {remedy} |" for code, remedy in sorted(PROBLEM_REMEDIES.items())],
            ]
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _code(calls: Calls, code: str, operations: list[str]) -> str:
    says = "; ".join(calls.words.get(code, []))
    where = ", ".join(
        f"[`{name}`](operations-{page_of(name)}.md#{name.replace('.', '')})" for name in operations
    )
    if code in OF_THE_SIGNER:
        where = "every operation" + (f"; {where}" if where else "")
    lines = [f"### {code}", f"Says: {says}." if says else "", REMEDIES[code]]
    lines.append(f"Given by: {where}." if where else "Given where a price is asked for, not by an operation.")
    return "\n\n".join(line for line in lines if line)


def _operation_link(name: str) -> str:
    return f"[`{name}`](operations-{page_of(name)}.md#{name.replace('.', '')})"


def index_page(made: dict[str, str]) -> str:
    """What is where."""
    rows = []
    for name in made:
        heading = re.sub(r"^# ", "", made[name].splitlines()[0])
        count = len(re.findall(r"^## ", made[name].split("\n# Parts")[0], flags=re.MULTILINE))
        rows.append(f"| [{name}]({name}) | {heading} | {count} |")
    listed = [
        f"| {_operation_link(name)} | {', '.join(spec.roles) or 'any'} | {spec.summary} |"
        for name, spec in sorted(OPERATIONS.items())
    ]
    return "\n".join(
        [
            "# Reference",
            "",
            "Written by `scripts/make-reference` from the tables in the code; do not edit it. What it all "
            "means is explained in the other documents: [trade](../trade.md), [cash](../cash.md), "
            "[finance](../finance.md), [market](../market.md), [certificates](../certificates.md), "
            "[insurance](../insurance.md).",
            "",
            "| page | about | sections |",
            "|---|---|---|",
            *rows,
            "",
            f"## All {len(OPERATIONS)} operations",
            "",
            "| operation | signed by | what |",
            "|---|---|---|",
            *listed,
            "",
        ]
    )
