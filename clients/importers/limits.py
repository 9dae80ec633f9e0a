"""Every bound of the importers, with its unit, in one place."""

from __future__ import annotations

from contracts.fields import MAX_LINES

MAX_CSV_BYTES = 16 * 1_048_576
MAX_CSV_ROWS = 100_000
MAX_CSV_COLUMNS = 64
MAX_CELL_CHARACTERS = 1_024

MAX_XML_BYTES = 8 * 1_048_576
"""Attachments inside an invoice count too; the parser itself refuses a single text over 10 MB."""
MAX_XML_DEPTH = 32
"""UBL 2.1 invoices nest 10 deep at most without extensions."""
MAX_XML_ELEMENTS = 200_000
MAX_XML_CHILDREN = 4_000
"""Of one element: lines of an invoice. Naming the place of a problem costs a step for each."""
MAX_XML_TEXT_CHARACTERS = 1_024
"""Of one element whose text is read (an attachment's is not)."""

MAX_PDF_BYTES = 16 * 1_048_576
"""What is embedded in it has the bounds of XML."""
MAX_PDF_ATTACHMENTS = 100
MAX_PDF_MEMORY_BYTES = 512 * 1_048_576
"""Of the process that reads a PDF, as the next two."""
MAX_PDF_CPU_S = 10
MAX_PDF_WAIT_S = 60
"""A busy machine gives the process less than a core."""

MAX_JSON_BYTES = 8 * 1_048_576
MAX_EPCIS_EVENTS = 20_000
MAX_EPCIS_EPCS = 20_000
"""Identifiers in one list of an event."""
MAX_TEXT_CHARACTERS = 1_024
"""Of one text of a JSON file."""

MAX_PROBLEMS = 1_000
"""Problems listed for one file; after these one more says that there are others."""

MAX_DOCUMENT_LINES = MAX_LINES
"""Lines of one order, shipment or invoice: what an operation can hold."""

MAX_PRICE_DIGITS = 6
"""Decimals of a unit price beyond those of its currency: prices are minor units × 10^6."""
PRICE_SCALE = 10**MAX_PRICE_DIGITS

assert MAX_PDF_BYTES + 8 * MAX_XML_BYTES < MAX_PDF_MEMORY_BYTES, "the largest PDF of an invoice can be read"
assert MAX_CELL_CHARACTERS * MAX_CSV_COLUMNS < MAX_CSV_BYTES, "one row always fits a file"
