"""Trade data that ships with the product: for the demonstration, and to try an import with.

| file | what |
|---|---|
| scms/*.csv | real orders, shipments and deliveries of six vendors; see scms/ORIGIN.md |
| scms/payments.csv | SIMULATED payments: the source has none |
| scms/organisations.json | the organisations of the demonstration, without keys |
| einvoice/*.xml | one real UBL 2.1 invoice of the EN 16931 examples; see einvoice/ORIGIN.md |

`scripts/make-demo-data` makes the CSV files again from the source.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

KINDS = ("orders", "shipments", "receipts", "invoices", "confirmations", "payments")
"""Of the CSV files, in the order in which they are imported."""

CSV_FILES = {kind: f"scms/{kind}.csv" for kind in KINDS}

BUSINESS_DATE = "2012-03-31"
"""The last day that the CSV files know; no document in them is later."""

BUYER = "scms"

UBL_INVOICE = "einvoice/ubl-tc434-example6.xml"
"""From `sellercompany` to `buyercompany`, 4,675.00 DKK, no order."""

UBL_INVOICE_DATE = "2013-04-10"
"""Its date of issue, a year after the CSV files end."""

PAYMENTS_ARE = "simulated (seed 20120331)"
"""To be said wherever a payment or a lateness of the data is shown."""

_ORIGINS = ("scms/ORIGIN.md", "scms/organisations.json", "einvoice/ORIGIN.md", "einvoice/LICENSE.txt")


def load(name: str) -> bytes:
    """The content of a shipped file, such as `load("scms/orders.csv")`."""
    return files(__name__).joinpath(name).read_bytes()


def organisations() -> list[dict[str, Any]]:
    """The demonstration's organisations, as entries of a genesis document without their keys."""
    entries: list[dict[str, Any]] = json.loads(load("scms/organisations.json"))
    return entries


def extract(folder: Path) -> dict[str, Path]:
    """Copy the files to a folder; kind ("orders", …, "ubl") → path."""
    for name in (*CSV_FILES.values(), UBL_INVOICE, *_ORIGINS):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(load(name))
    return {kind: folder / name for kind, name in {**CSV_FILES, "ubl": UBL_INVOICE}.items()}
