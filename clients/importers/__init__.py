"""Importers: files of the trade to operations, with one precise problem for each thing that is wrong.

Read `files.py` first: `import_file` is the only way in. `imported.py` says what comes out and what
the importing party tells; `errors.py` what is wrong and where, `remedies.py` what to do about it,
and `parties.py` whom a document means. `table.py` reads CSV cells, `columns.py` has those that
several formats share, `documents.py` gathers rows to documents, and `csv_orders`, `csv_shipments`,
`csv_receipts`, `csv_invoices`, `csv_confirmations` and `csv_payments` are the formats.
`xml_document.py` reads XML and `xml_terms.py` terms of documents in it. `en16931.py` is the European
invoice and says where each term stands, `invoice_reading.py` reads it, in the syntaxes `ubl.py` and
`cii.py`, and `billing.py` makes an operation of it; `invoice_response.py` is the buyer's answer to it,
`ubl_goods.py` with `ubl_terms.py` the advices of despatch and receipt. `pdf.py` has the
invoice taken out of a PDF, in the process `pdf_process.py`. `camt.py` with `camt_reading.py` is
the bank's statement and notification; `epcis.py` with `epcis_reading.py` and `gs1.py` what was shipped
and received. `limits.py` has the bounds.

Imports ledger and contracts (their models have the last word); no network, no clock.
"""

from clients.importers.errors import ImportProblem
from clients.importers.files import LAYOUTS, Content, import_bytes, import_file
from clients.importers.imported import (
    KINDS,
    BankBook,
    Billed,
    BilledLine,
    Conditional,
    Entry,
    ImportContext,
    Imported,
    Summary,
    TradeBook,
    timeline,
    together,
)
from clients.importers.parties import Directory

__all__ = [
    "KINDS",
    "LAYOUTS",
    "BankBook",
    "Billed",
    "BilledLine",
    "Conditional",
    "Content",
    "Directory",
    "Entry",
    "ImportContext",
    "ImportProblem",
    "Imported",
    "Summary",
    "TradeBook",
    "import_bytes",
    "import_file",
    "timeline",
    "together",
]
