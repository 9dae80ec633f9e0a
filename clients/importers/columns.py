"""Columns that several of the CSV formats share."""

from __future__ import annotations

import re

from clients.importers.imported import ImportContext
from clients.importers.table import Line
from contracts.fields import MAX_LINE_ID_LENGTH
from ledger.identifiers import checked_identifier
from ledger.limits import MAX_IDENTIFIER_LENGTH

_LINE_NUMBER = re.compile(rf"[!-~]{{1,{MAX_LINE_ID_LENGTH}}}")


def party(line: Line, role: str, context: ImportContext) -> str:
    """The organisation in the column named after its role, or the one given when importing."""
    default = {"supplier": context.supplier, "buyer": context.buyer, "bank": context.bank}.get(role, "")
    identity = line.name(role, default=default)
    return line.checked(role, lambda: context.directory.checked_id(identity, role))


def parties(line: Line, context: ImportContext) -> tuple[str, str]:
    """Supplier and buyer, who differ."""
    supplier, buyer = party(line, "supplier", context), party(line, "buyer", context)
    if supplier == buyer:
        raise line.problem(
            "same_party", "supplier and buyer are the same", "buyer", expected="another organisation"
        )
    return supplier, buyer


def line_number(line: Line) -> str:
    """The number of a line within its document."""
    number = line.text("line")
    if _LINE_NUMBER.fullmatch(number) is None:
        raise line.problem(
            "line_number",
            "not a line number",
            "line",
            expected=f"1 to {MAX_LINE_ID_LENGTH} visible ASCII characters, no spaces",
        )
    return number


def item_name(line: Line) -> str:
    """What is ordered, cut to the bytes that the ledger keeps of it: a label, which decides nothing."""
    text = line.text("item")
    short = text.encode()[:MAX_IDENTIFIER_LENGTH].decode(errors="ignore").rstrip()
    return line.checked("item", lambda: checked_identifier(short, "item"))
