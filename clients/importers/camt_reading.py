"""A camt.053 statement or camt.054 notification as accounts, balances and entries (ISO 20022).

Versions 02 to 13 of either message.

| here | camt |
|---|---|
| account | Acct/Id/IBAN, or Acct/Id/Othr/Id |
| reference | AcctSvcrRef of the entry: what the bank itself calls it, in every file |
| booked | Sts or Sts/Cd is BOOK; anything else is not money yet |
| day | BookgDt |
| parts | NtryDtls/TxDtls: the payments behind a collective entry |

NtryRef does not stand in for it: real files have the number of a collecting party there, the same for many
entries, or the place in one file; so one entry could be consumed twice under two names.

An entry that cannot be read is a problem with its place; the others are read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from clients.importers.errors import ImportProblem, Problems
from clients.importers.limits import MAX_XML_TEXT_CHARACTERS
from clients.importers.xml_document import Element, path_of
from ledger.dates import day_from_iso
from ledger.errors import TallyError
from ledger.money import Money

_ROOT = re.compile(r"\{(urn:iso:std:iso:20022:tech:xsd:camt\.05([34])\.001\.(0[2-9]|1[0-3]))\}Document")
MARK = b"tech:xsd:camt.05"
"""What the first bytes of such a file hold."""

BOOKED = "BOOK"
CLOSING_BOOKED = "CLBD"


@dataclass(frozen=True, slots=True)
class Part:
    """One payment behind an entry."""

    reference: str
    end_to_end: str
    amount: Money | None
    """None where the bank gives none, or gives it in another currency than the entry's."""
    counterparty: str
    """Name of the debtor of a credit, of the creditor of a debit; empty if unknown."""
    document: str
    """The invoice number or creditor reference that it names; empty for none."""
    account: str = ""
    """Account of the debtor of a credit, of the creditor of a debit; empty if the bank does not say."""


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One entry of an account."""

    account: str
    owner: str
    """Name of the account's owner; empty if the bank does not say."""
    reference: str
    amount: Money
    is_credit: bool
    is_reversal: bool
    is_booked: bool
    date: str
    parts: tuple[Part, ...]
    line: int
    path: str

    def problem(
        self, code: str, message: str, *, found: object, expected: str, remedy: str = ""
    ) -> ImportProblem:
        """A problem with this entry, at its place."""
        return ImportProblem(
            code, message, line=self.line, column=self.path, found=found, expected=expected, remedy=remedy
        )


@dataclass(frozen=True, slots=True)
class ClosingBalance:
    """What a statement says is on an account at the end of a day."""

    account: str
    balance: Money
    date: str


@dataclass(frozen=True, slots=True)
class BankFile:
    """What a bank says of its accounts."""

    entries: tuple[StatementEntry, ...]
    closing: tuple[ClosingBalance, ...]
    total: int
    """Entries of the file, those that could not be read included."""


def read_camt(root: Element, problems: Problems) -> BankFile:
    """The entries and closing balances of a file.

    Raises:
        ImportProblem: code `not_camt`, no statement or notification at all.
    """
    match = _ROOT.fullmatch(str(root.tag))
    if match is None:
        raise ImportProblem(
            "not_camt",
            "not a camt.053 statement or camt.054 notification",
            line=root.sourceline or 0,
            found=str(root.tag),
            expected="Document of camt.053.001.02 to 13 or camt.054.001.02 to 13",
        )
    body, record = ("BkToCstmrStmt", "Stmt") if match[2] == "3" else ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    reader = _Reader(match[1], problems)
    for report in reader.all(root, f"{body}/{record}"):
        reader.report(report)
    return BankFile(tuple(reader.entries), tuple(reader.closing), reader.total)


class _Reader:
    def __init__(self, namespace: str, problems: Problems) -> None:
        self.namespace = namespace
        self.problems = problems
        self.entries: list[StatementEntry] = []
        self.closing: list[ClosingBalance] = []
        self.total = 0

    def all(self, element: Element, path: str) -> list[Element]:
        steps = "/".join(f"{{{self.namespace}}}{step}" for step in path.split("/"))
        return list(element.findall(steps))

    def text(self, element: Element, *paths: str) -> str:
        """The first of these that is there; empty if none is."""
        for path in paths:
            for found in self.all(element, path):
                text = " ".join((found.text or "").split())
                if text and len(text) <= MAX_XML_TEXT_CHARACTERS:
                    return text
        return ""

    def report(self, report: Element) -> None:
        account = self.text(report, "Acct/Id/IBAN", "Acct/Id/Othr/Id").replace(" ", "")
        owner = self.text(report, "Acct/Ownr/Nm")
        for element in self.all(report, "Ntry"):
            self.total += 1
            self._kept(element, lambda entry: self.entries.append(self._entry(entry, account, owner)))
        for element in self.all(report, "Bal"):
            if self.text(element, "Tp/CdOrPrtry/Cd") == CLOSING_BOOKED:
                self._kept(element, lambda balance: self.closing.append(self._balance(balance, account)))

    def _kept(self, element: Element, read: Callable[[Element], None]) -> None:
        try:
            read(element)
        except ImportProblem as problem:
            self.problems.add(problem.at("", element.sourceline or 0, path_of(element)))

    def _entry(self, element: Element, account: str, owner: str) -> StatementEntry:
        if not account:
            raise ImportProblem(
                "account", "an entry without its account", found="nothing", expected="Acct/Id of the report"
            )
        reference = self.text(element, "AcctSvcrRef")
        if not reference:
            raise ImportProblem(
                "entry_reference",
                "an entry without a reference",
                found="nothing",
                expected="AcctSvcrRef",
            )
        amount, is_credit = self._amount(element), self._is_credit(element)
        return StatementEntry(
            account,
            owner,
            reference,
            amount,
            is_credit,
            self.text(element, "RvslInd") in ("true", "1"),
            self.text(element, "Sts/Cd", "Sts") == BOOKED,
            self._date(element, "BookgDt/Dt", "BookgDt/DtTm"),
            self._parts(element, reference, amount, is_credit=is_credit),
            element.sourceline or 0,
            path_of(element),
        )

    def _amount(self, element: Element) -> Money:
        found = self.all(element, "Amt")
        if not found:
            raise ImportProblem(
                "amount",
                "no amount",
                found="nothing",
                expected="Amt with its currency",
                remedy="Ask the bank for a file with the amount of each entry.",
            )
        try:
            return Money.parse((found[0].text or "").strip(), found[0].get("Ccy", ""), "Amt")
        except TallyError as error:
            raise ImportProblem(
                error.code, error.message, found=str(error.found), expected=error.expected
            ) from None

    def _is_credit(self, element: Element) -> bool:
        indicator = self.text(element, "CdtDbtInd")
        if indicator not in ("CRDT", "DBIT"):
            raise ImportProblem(
                "credit_or_debit",
                "neither credit nor debit",
                found=indicator or "nothing",
                expected="CRDT or DBIT",
            )
        return indicator == "CRDT"

    def _date(self, element: Element, *paths: str) -> str:
        text = self.text(element, *paths)[:10]
        try:
            day_from_iso(text)
        except TallyError:
            raise ImportProblem(
                "date", "no booking day", found=text or "nothing", expected="YYYY-MM-DD"
            ) from None
        return text

    def _parts(self, element: Element, reference: str, amount: Money, *, is_credit: bool) -> tuple[Part, ...]:
        details = self.all(element, "NtryDtls/TxDtls")
        side = "Dbtr" if is_credit else "Cdtr"
        parts = []
        for place, detail in enumerate(details, start=1):
            own = self.text(detail, "Refs/AcctSvcrRef")
            name = own if own and own != reference else f"{reference}/{place}"
            parts.append(
                Part(
                    reference if len(details) == 1 else name,
                    self.text(detail, "Refs/EndToEndId"),
                    self._part_amount(detail, amount.currency),
                    self.text(detail, f"RltdPties/{side}/Nm", f"RltdPties/{side}/Pty/Nm"),
                    self.text(
                        detail,
                        "RmtInf/Strd/RfrdDocInf/Nb",
                        "RmtInf/Strd/CdtrRefInf/Ref",
                        "RmtInf/Ustrd",
                    ),
                    self.text(
                        detail, f"RltdPties/{side}Acct/Id/IBAN", f"RltdPties/{side}Acct/Id/Othr/Id"
                    ).replace(" ", ""),
                )
            )
        return tuple(parts)

    def _part_amount(self, detail: Element, currency: str) -> Money | None:
        for path in ("Amt", "AmtDtls/TxAmt/Amt"):
            for found in self.all(detail, path):
                if found.get("Ccy") == currency:
                    try:
                        return Money.parse((found.text or "").strip(), currency, "Amt")
                    except TallyError:
                        return None
        return None

    def _balance(self, element: Element, account: str) -> ClosingBalance:
        amount = self._amount(element)
        return ClosingBalance(
            account,
            amount if self._is_credit(element) else -amount,
            self._date(element, "Dt/Dt", "Dt/DtTm"),
        )
