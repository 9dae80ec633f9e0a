"""Terms of a business document in XML: texts, numbers, dates, with a problem for each missing or wrong one.

Reading does not stop at the first problem: a sender corrects a document once. Every text that is read is
bounded. Paths in messages are those of the document itself.
"""

from __future__ import annotations

import re
from fractions import Fraction

from clients.importers.errors import ImportProblem, quoted
from clients.importers.limits import MAX_XML_TEXT_CHARACTERS
from clients.importers.remedies import OF_EN16931
from clients.importers.xml_document import NAMESPACES, Element, Place, path_of
from ledger.dates import day_from_iso
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier

_DECIMAL = re.compile(r"([+-]?)([0-9]{0,18})(?:\.([0-9]{0,18}))?")


class TermReader:
    """Reads one document; `problems` grows as it does."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.problems: list[ImportProblem] = []

    def text(self, element: Element) -> str:
        """The text of an element, its white space made single; too long a one is a problem, and empty."""
        text = " ".join("".join(element.itertext()).split())
        if len(text) > MAX_XML_TEXT_CHARACTERS:
            self.add(
                "text_too_long",
                "text too long",
                element,
                found=f"{len(text)} characters",
                expected=f"at most {MAX_XML_TEXT_CHARACTERS}",
            )
            return ""
        return text

    def only(self, parent: Element, path: str) -> Element | None:
        """The element at a path, None where there is none; others there that differ are a problem.

        Which of them holds is for the sender to say: readers of the document may have seen another.
        """
        found = every(parent, path)
        for other in found[1:]:
            if _said(other) != _said(found[0]):
                self.add(
                    "repeated_term",
                    "a term that is said twice, each time otherwise",
                    other,
                    found=" ".join("".join(other.itertext()).split()),
                    expected="one, or the same again",
                )
                break
        return found[0] if found else None

    def optional_text(self, parent: Element, path: str) -> str:
        """The text at a path, empty where there is none."""
        element = self.only(parent, path)
        return self.text(element) if element is not None else ""

    def required_text(self, parent: Element, path: str, rule: str) -> str:
        """The text at a path; a missing one is a problem under the name of this rule."""
        text = self.optional_text(parent, path)
        if not text:
            self.missing(parent, path, rule)
        return text

    def identifier(self, parent: Element, path: str, rule: str) -> str:
        """A document's number; a missing one is a problem if there is a rule that asks for it."""
        text = self.required_text(parent, path, rule) if rule else self.optional_text(parent, path)
        if not text:
            return ""
        try:
            return checked_identifier(text, path)
        except TallyError as error:
            self.add(error.code, error.message, first(parent, path), found=text, expected=error.expected)
            return ""

    def date(self, parent: Element, path: str, rule: str) -> str:
        """A day as YYYY-MM-DD; a missing one is a problem if there is a rule that asks for it."""
        text = self.required_text(parent, path, rule) if rule else self.optional_text(parent, path)
        if not text:
            return ""
        try:
            day_from_iso(text)
        except TallyError:
            self.add("date", "not a date", first(parent, path), found=text, expected="a day as YYYY-MM-DD")
            return ""
        return text

    def number(self, parent: Element, path: str, rule: str) -> Fraction | None:
        """An exact decimal; a missing one is a problem if there is a rule that asks for it."""
        element = self.only(parent, path)
        if element is None:
            if rule:
                self.missing(parent, path, rule)
            return None
        return self.number_of(element)

    def number_of(self, element: Element) -> Fraction | None:
        """The exact decimal in an element."""
        text = self.text(element)
        match = _DECIMAL.fullmatch(text)
        if match is None or not (match[2] or match[3]):
            self.add("number", "not a number", element, found=text, expected="a decimal such as 12.5")
            return None
        whole, part = match[2] or "0", match[3] or ""
        value = Fraction(int(whole + part), 10 ** len(part))
        return -value if match[1] == "-" else value

    def missing(self, parent: Element, path: str, rule: str) -> None:
        """Note that a term is missing, under the name of the rule that asks for it."""
        number = rule.upper().replace("_", "-")
        named = f" (rule {number} of EN 16931)" if rule.startswith(OF_EN16931) else ""
        self.problems.append(
            ImportProblem(
                rule,
                "a mandatory term is missing",
                line=parent.sourceline or 0,
                column=f"{path_of(parent)}/{path}",
                found="nothing",
                expected=f"a value{named}",
            )
        )

    def add(self, code: str, message: str, element: Element | None, *, found: str, expected: object) -> None:
        """Note what is wrong with an element, or with the document."""
        place = Place(element if element is not None else self.root)
        self.problems.append(
            ImportProblem(
                code, message, line=place.line, column=place.path, found=quoted(found), expected=expected
            )
        )


def _said(element: Element) -> list[tuple[str, str, dict[str, str]]]:
    """What an element says, but for the white space."""
    return [(str(each.tag), (each.text or "").strip(), dict(each.attrib)) for each in element.iter()]


def first(parent: Element, path: str) -> Element | None:
    """The first element at a path that has the usual prefixes of its standard."""
    return parent.find(path, NAMESPACES)


def every(parent: Element, path: str) -> list[Element]:
    """All elements at such a path, in the order of the document."""
    found: list[Element] = parent.findall(path, NAMESPACES)
    return found
