"""The e-invoice inside a PDF: Factur-X and ZUGFeRD put its XML into a PDF/A-3 as an embedded file.

    %PDF- …  ──►  `pdf_process.py`, a process of its own  ──►  the XML, or why there is none

A PDF is a graph of compressed objects that anybody can have made, so it is read where it can do no harm: in a
process with a bound on its memory, its processor time and its time, which ends with the file. The library is
loaded there alone, and only when a PDF is imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.importers.errors import ImportProblem
from clients.importers.limits import (
    MAX_PDF_ATTACHMENTS,
    MAX_PDF_BYTES,
    MAX_PDF_CPU_S,
    MAX_PDF_MEMORY_BYTES,
    MAX_PDF_WAIT_S,
    MAX_XML_BYTES,
)

MARK = b"%PDF-"
"""What a PDF begins with."""
NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
"""Of the embedded file: Factur-X 1 and ZUGFeRD 2.1, its profile XRECHNUNG, and ZUGFeRD 1 and 2.0."""

_PROCESS = Path(__file__).with_name("pdf_process.py")
_NAMED = " or ".join(NAMES)
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Embedded:
    """The one e-invoice of a PDF."""

    name: str
    data: bytes


def embedded_invoice(pdf: bytes) -> Embedded:
    """The e-invoice that is embedded in a PDF.

    Raises:
        ImportProblem: codes `file_too_large`, `pdf_encrypted`, `pdf_no_invoice`, `pdf_two_invoices`,
            `pdf_limit`, `pdf_damaged`.
    """
    if len(pdf) > MAX_PDF_BYTES:
        raise ImportProblem(
            "file_too_large",
            "PDF too large",
            found=f"more than {MAX_PDF_BYTES} bytes",
            expected=f"at most {MAX_PDF_BYTES}",
            remedy=f"Save the embedded {_NAMED} with a PDF reader, and import that.",
        )
    bounds = {
        "names": NAMES,
        "attachments": MAX_PDF_ATTACHMENTS,
        "output_bytes": MAX_XML_BYTES,
        "memory_bytes": MAX_PDF_MEMORY_BYTES,
        "cpu_s": MAX_PDF_CPU_S,
    }
    try:
        done = subprocess.run(  # noqa: S603  our own module, under this interpreter
            [sys.executable, "-P", str(_PROCESS), json.dumps(bounds)],
            input=pdf,
            capture_output=True,
            timeout=MAX_PDF_WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _beyond_limit(f"no end after {MAX_PDF_WAIT_S} seconds") from None
    if done.returncode < 0:
        raise _beyond_limit("more processor time or memory than that")
    if done.returncode:
        raise ImportProblem(
            "pdf_damaged",
            "the PDF cannot be read",
            found=_last_line(done.stderr),
            expected="a whole PDF",
        )
    head, _, data = done.stdout.partition(b"\n")
    told = json.loads(head)
    if told["refused"]:
        raise _refusal(told)
    return Embedded(told["name"], data)


def _refusal(told: dict[str, Any]) -> ImportProblem:
    found = str(told["found"])
    match told["refused"]:
        case "encrypted":
            return ImportProblem(
                "pdf_encrypted", "the PDF is encrypted", found=found, expected="a PDF without a password"
            )
        case "no_invoice":
            return ImportProblem(
                "pdf_no_invoice", "no e-invoice is embedded in the PDF", found=found, expected=_NAMED
            )
        case "two_invoices":
            return ImportProblem(
                "pdf_two_invoices",
                "e-invoices that differ are embedded in the PDF",
                found=found,
                expected="one, or the same again",
            )
        case "damaged":
            return ImportProblem("pdf_damaged", "the PDF cannot be read", found=found, expected="a whole PDF")
    assert told["refused"] == "limit", "the process says nothing else"
    return _beyond_limit(found)


def _beyond_limit(found: str) -> ImportProblem:
    return ImportProblem(
        "pdf_limit",
        "the PDF takes more than an invoice does",
        found=found,
        expected=f"at most {MAX_PDF_ATTACHMENTS} attachments, {MAX_XML_BYTES} bytes of XML, "
        f"{MAX_PDF_MEMORY_BYTES} bytes of memory and {MAX_PDF_CPU_S} seconds",
    )


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_SHOWN_CHARACTERS] if lines else "nothing"
