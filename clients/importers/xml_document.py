"""XML bytes to a tree, with nothing of XML that an invoice does not need.

No document type, so no entities to expand and none to fetch; no network; bounded size, depth and
number of elements; and only encodings that contain ASCII as it is, so that looking for
a document type in the bytes finds it. The checks come before the parser where they can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from clients.importers.errors import ImportProblem
from clients.importers.limits import MAX_XML_BYTES, MAX_XML_CHILDREN, MAX_XML_DEPTH, MAX_XML_ELEMENTS

Element = Any
"""An lxml element."""

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
"""What the namespaces of UBL 2.1 begin with."""
CII = "urn:un:unece:uncefact:data:standard:"
"""What the namespaces of the Cross Industry Invoice begin with."""
PREFIXES = {
    f"{UBL}CommonAggregateComponents-2": "cac",
    f"{UBL}CommonBasicComponents-2": "cbc",
    f"{CII}CrossIndustryInvoice:100": "rsm",
    f"{CII}ReusableAggregateBusinessInformationEntity:100": "ram",
    f"{CII}UnqualifiedDataType:100": "udt",
}
"""How paths in messages write the namespaces, whatever prefix the document has."""
NAMESPACES = {prefix: namespace for namespace, prefix in PREFIXES.items()}
"""For paths that are looked up."""

_BOM = b"\xef\xbb\xbf"
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")
_DECLARED_ENCODING = re.compile(rb"""\A<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_ENCODINGS = frozenset({"UTF-8", "US-ASCII", "ASCII", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252"})


def parse_xml(data: bytes) -> Element:
    """The root element.

    Raises:
        ImportProblem: codes `file_too_large`, `xml_encoding`, `xml_forbidden`, `xml_syntax`,
            `xml_too_deep`, `xml_too_many_elements`.
    """
    if len(data) > MAX_XML_BYTES:
        raise ImportProblem(
            "file_too_large",
            "file too large",
            found=f"{len(data)} bytes",
            expected=f"at most {MAX_XML_BYTES}",
        )
    body = data.removeprefix(_BOM).lstrip()
    _check_encoding(body)
    for construct in _FORBIDDEN:
        place = body.find(construct)
        if place >= 0:
            raise ImportProblem(
                "xml_forbidden",
                "a document type or entity declaration",
                line=body.count(b"\n", 0, place) + 1,
                found=construct.decode(),
                expected="a document without one; none is ever read",
            )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ImportProblem(
            "xml_syntax",
            "not well-formed XML",
            line=error.lineno or 0,
            found=(error.msg or "nothing")[:120],
            expected="one whole XML document",
        ) from None
    _check_shape(root)
    return root


def _check_encoding(body: bytes) -> None:
    declared = _DECLARED_ENCODING.match(body)
    encoding = declared[1].decode().upper() if declared else "UTF-8"
    if b"\0" in body or not body.startswith(b"<") or encoding not in _ENCODINGS:
        raise ImportProblem(
            "xml_encoding",
            "not XML in a supported encoding",
            found=encoding if declared else f"{len(body)} bytes",
            expected="XML text in UTF-8 (or " + ", ".join(sorted(_ENCODINGS - {"UTF-8"})) + ")",
        )


def _check_shape(root: Element) -> None:
    depth = count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > MAX_XML_DEPTH:
            raise ImportProblem(
                "xml_too_deep",
                "nested too deep",
                line=element.sourceline or 0,
                found=f"{depth} levels",
                expected=f"at most {MAX_XML_DEPTH}",
            )
        if len(element) > MAX_XML_CHILDREN:
            raise ImportProblem(
                "xml_too_many_elements",
                "too many elements in one",
                line=element.sourceline or 0,
                column=path_of(element),
                found=f"{len(element)} elements",
                expected=f"at most {MAX_XML_CHILDREN}",
            )
        if count > MAX_XML_ELEMENTS:
            raise ImportProblem(
                "xml_too_many_elements",
                "too many elements",
                line=element.sourceline or 0,
                found=f"{count} elements",
                expected=f"at most {MAX_XML_ELEMENTS}",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an element stands; its path is made only when somebody asks, which is for a problem."""

    element: Element

    @property
    def path(self) -> str:
        """As `path_of`."""
        return path_of(self.element)

    @property
    def line(self) -> int:
        """From 1, of the file."""
        return self.element.sourceline or 0


def path_of(element: Element) -> str:
    """`/Invoice/cac:InvoiceLine[2]/cbc:ID`: names as the standards write them, a position among several."""
    steps: list[str] = []
    while element is not None:
        parent = element.getparent()
        name = step_name(element.tag)
        if parent is not None:
            before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
            if before or next(element.itersiblings(element.tag), None) is not None:
                name += f"[{before + 1}]"
        steps.append(name)
        element = parent
    return "/" + "/".join(reversed(steps))


def step_name(tag: str) -> str:
    """The name with its standard's usual prefix."""
    qualified = etree.QName(tag)
    prefix = PREFIXES.get(qualified.namespace or "")
    return f"{prefix}:{qualified.localname}" if prefix else str(qualified.localname)
