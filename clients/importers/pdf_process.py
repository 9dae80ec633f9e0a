"""Takes the e-invoice out of a PDF, as a process of its own: see `pdf.py`, which starts it.

    bounds as JSON   the only argument
    the PDF          standard input
    ──► a line of JSON {"refused", "name", "found"}, then the bytes of the embedded file    standard output

Exit code 0 whenever that line is written. Any other says that the PDF broke the reading, and a signal that it
went beyond a bound.

Embedded files are where ISO 32000-2 has them, in the name tree of the catalog (7.7.4) and in its associated
files (14.13); a PDF/A-3 has them in both. Pages are never looked at.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pypdf import PdfReader, overwrite_configuration
from pypdf.errors import LimitReachedError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, StreamObject

_MAX_TREE_NODES = 1_000
_MAX_STREAM_BYTES = 64 * 1_048_576
"""Of a stream of objects or of references, uncompressed."""
_SHOWN_NAMES = 5
_SHOWN_CHARACTERS = 60


class _Refused(Exception):
    def __init__(self, code: str, found: str) -> None:
        super().__init__(code)
        self.code = code
        self.found = found


def main() -> None:
    """Read the PDF and answer."""
    bounds = json.loads(sys.argv[1])
    _confine(bounds)
    name, data, refused, found = "", b"", "", ""
    try:
        name, data = _invoice(sys.stdin.buffer.read(), bounds)
    except _Refused as refusal:
        refused, found = refusal.code, refusal.found
    except LimitReachedError as error:
        refused, found = "limit", str(error)
    except PyPdfError as error:
        refused, found = "damaged", str(error) or type(error).__name__
    except MemoryError:
        refused, found = "limit", "more memory than that"
    line = json.dumps({"refused": refused, "name": name, "found": found[:200]})
    sys.stdout.buffer.write(line.encode() + b"\n" + data)


def _confine(bounds: dict[str, Any]) -> None:
    """From here on this process can use up no more than that, and write no file."""
    for what, most in (
        (resource.RLIMIT_DATA, bounds["memory_bytes"]),
        (resource.RLIMIT_CPU, bounds["cpu_s"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    logging.disable()
    overwrite_configuration(
        disable_legacy_handling=True,
        jbig2dec_binary=None,
        zlib_maximum_recovery_input_length=0,
        zlib_maximum_output_length=_MAX_STREAM_BYTES,
        lzw_maximum_output_length=_MAX_STREAM_BYTES,
        run_length_maximum_output_length=_MAX_STREAM_BYTES,
    )


def _invoice(pdf: bytes, bounds: dict[str, Any]) -> tuple[str, bytes]:
    """Name and content of the one embedded file that has one of the names of an e-invoice."""
    reader = PdfReader(BytesIO(pdf))
    if reader.is_encrypted:
        raise _Refused("encrypted", "an encrypted PDF")
    named: dict[int, tuple[DictionaryObject, list[str]]] = {}
    for names, specification in _embedded(reader.root_object):
        named.setdefault(id(specification), (specification, []))[1].extend(names)
        if len(named) > bounds["attachments"]:
            raise _Refused("limit", f"more than {bounds['attachments']} attachments")
    found: dict[bytes, str] = {}
    for specification, names in named.values():
        name = next((name for name in names if name.lower() in bounds["names"]), None)
        if name is not None:
            found[_content(specification, bounds["output_bytes"])] = name
    if not found:
        raise _Refused("no_invoice", _listed([names for _, names in named.values()]))
    if len(found) > 1:
        raise _Refused("two_invoices", ", ".join(found.values()))
    ((data, name),) = found.items()
    return name, data


def _listed(attachments: list[list[str]]) -> str:
    first = [names[0][:_SHOWN_CHARACTERS] if names else "one without a name" for names in attachments]
    more = [f"{len(first) - _SHOWN_NAMES} more"] if len(first) > _SHOWN_NAMES else []
    return ", ".join(first[:_SHOWN_NAMES] + more) or "no attachment"


def _content(specification: DictionaryObject, most_bytes: int) -> bytes:
    """The content of an embedded file (ISO 32000-2, 7.11.4)."""
    files = _resolved(specification, "/EF")
    streams = [_resolved(files, key) for key in ("/UF", "/F")] if isinstance(files, DictionaryObject) else []
    stream = next((each for each in streams if isinstance(each, StreamObject)), None)
    if stream is None:
        raise _Refused("damaged", "an attachment without content")
    data = stream.get_data()
    if len(data) > most_bytes:
        raise _Refused("limit", f"{len(data)} bytes of XML")
    return data


def _embedded(catalog: DictionaryObject) -> Iterator[tuple[list[str], DictionaryObject]]:
    """Names and specification of each embedded file, once for each time that the catalog has it."""
    associated = _resolved(catalog, "/AF")
    for each in associated if isinstance(associated, ArrayObject) else ():
        specification = each.get_object()
        if isinstance(specification, DictionaryObject):
            yield _names(specification), specification
    names = _resolved(catalog, "/Names")
    waiting = [_resolved(names, "/EmbeddedFiles")] if isinstance(names, DictionaryObject) else []
    for _ in range(_MAX_TREE_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if not isinstance(node, DictionaryObject):
            continue
        kids, pairs = _resolved(node, "/Kids"), _resolved(node, "/Names")
        waiting += [kid.get_object() for kid in kids] if isinstance(kids, ArrayObject) else []
        if isinstance(pairs, ArrayObject):
            for key, value in zip(pairs[::2], pairs[1::2], strict=False):
                specification = value.get_object()
                if isinstance(specification, DictionaryObject):
                    yield [*_names(specification), str(key.get_object())], specification
    raise _Refused("limit", f"more than {_MAX_TREE_NODES} nodes of attachments")


def _names(specification: DictionaryObject) -> list[str]:
    """The Unicode name before the other (ISO 32000-2, table 43)."""
    return [name for key in ("/UF", "/F") if isinstance(name := _resolved(specification, key), str)]


def _resolved(of: DictionaryObject, key: str) -> object:
    value = of.get(key)
    return None if value is None else value.get_object()


if __name__ == "__main__":
    main()
