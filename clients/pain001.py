"""pain.001.001.09 out: credit transfers that a bank is to make, as its own file (ISO 20022).

Written for redemptions and settlements: the end-to-end reference of each transfer comes back in the bank's
camt.054, by which the importer (`clients.importers.camt`) finds what it belongs to.

    reference(client, number)               the number as it stands, if it may be one; else a digest
    settlement_reference(lender, number)    always a digest: nothing else in a bank's books says whose it is
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from lxml import etree

from clients.importers.errors import ImportProblem
from clients.importers.xml_document import Element, parse_xml
from ledger.errors import Malformed
from ledger.money import Money, currency_digits

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
MAX_REFERENCE = 35
"""Characters of Max35Text, the type of all references."""
MAX_NAME = 140
MAX_ACCOUNT = 34
_SUM_DIGITS = 4
"""No currency has more digits after its point."""

_ALLOWED = re.compile(r"[A-Za-z0-9?:().,'+][A-Za-z0-9?:().,'+ /-]{0,34}")
"""The character set that banks agree on (EPC 217-08); no slash first."""
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9?:().,'+ /-]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Za-z0-9]{1,30}")


class Sent(NamedTuple):
    """What tells one payment from all others: on one account a reference stands for one document."""

    debtor_account: str
    end_to_end: str


@dataclass(frozen=True, slots=True)
class CreditTransfer:
    """One payment to be made."""

    end_to_end: str
    amount: Money
    debtor: str
    """Name of whose money it is."""
    debtor_account: str
    creditor: str
    creditor_account: str
    text: str
    """What it is for, shown to the creditor."""

    @property
    def place(self) -> Sent:
        """Where to find it again in a file."""
        return Sent(self.debtor_account, self.end_to_end)


def reference(client: str, number: str) -> str:
    """The end-to-end reference of a document: at most 35 characters that every bank carries unchanged."""
    if _ALLOWED.fullmatch(number) and "//" not in number and not number.endswith((" ", "/")):
        return number
    return "T-" + sha256(f"{client}\n{number}".encode()).hexdigest()[: MAX_REFERENCE - 2]


def settlement_reference(lender: str, number: str) -> str:
    """The end-to-end reference of a settlement: of the lender's money in, of the payout, of its return."""
    return "S-" + sha256(f"settlement\n{lender}\n{number}".encode()).hexdigest()[: MAX_REFERENCE - 2]


def render(
    transfers: Sequence[CreditTransfer], *, message_id: str, initiator: str, made: datetime, execution: str
) -> bytes:
    """The file: one payment block for each debtor account and currency, in their order.

    `execution` is the day on which they are to be made, ISO text; `message_id` has at most 35 characters.

    Raises:
        Malformed: code `account`, one that is too long for the format.
    """
    root: Element = etree.fromstring(f'<Document xmlns="{NAMESPACE}"/>')
    body = _add(root, "CstmrCdtTrfInitn")
    header = _add(body, "GrpHdr")
    _add(header, "MsgId", message_id[:MAX_REFERENCE])
    _add(header, "CreDtTm", made.isoformat(timespec="seconds"))
    _add(header, "NbOfTxs", str(len(transfers)))
    _add(header, "CtrlSum", _control_sum(transfers))
    _add(_add(header, "InitgPty"), "Nm", _plain(initiator, MAX_NAME))
    for place, block in enumerate(_blocks(transfers), start=1):
        _block(body, block, f"{message_id[: MAX_REFERENCE - 6]}-{place}", execution)
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return data


def read_sent(data: bytes) -> frozenset[Sent]:
    """The payments that a file of ours asks for.

    Raises:
        ImportProblem: no XML, or code `not_pain001`.
    """
    root = parse_xml(data)
    if root.tag != f"{{{NAMESPACE}}}Document":
        raise ImportProblem(
            "not_pain001", "not a pain.001.001.09 document", found=str(root.tag)[:120], expected=NAMESPACE
        )
    found = set()
    for block in root.iter(f"{{{NAMESPACE}}}PmtInf"):
        (account, *_) = [*_texts(block, "DbtrAcct/Id/IBAN"), *_texts(block, "DbtrAcct/Id/Othr/Id"), ""]
        found |= {Sent(account, reference) for reference in _texts(block, "CdtTrfTxInf/PmtId/EndToEndId")}
    return frozenset(found)


def _texts(element: Element, path: str) -> list[str]:
    steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
    return [found.text or "" for found in element.findall(steps)]


def _blocks(transfers: Iterable[CreditTransfer]) -> Iterable[list[CreditTransfer]]:
    blocks: dict[tuple[str, str], list[CreditTransfer]] = defaultdict(list)
    for transfer in transfers:
        blocks[transfer.debtor_account, transfer.amount.currency].append(transfer)
    return blocks.values()


def _control_sum(transfers: Sequence[CreditTransfer]) -> str:
    """The sum of the numbers, whatever their currencies: that is what the standard asks for."""
    whole = sum(
        transfer.amount.amount * 10 ** (_SUM_DIGITS - currency_digits(transfer.amount.currency))
        for transfer in transfers
    )
    units, rest = divmod(whole, 10**_SUM_DIGITS)
    return f"{units}.{rest:0{_SUM_DIGITS}d}".rstrip("0").rstrip(".")


def _block(body: Element, transfers: list[CreditTransfer], name: str, execution: str) -> None:
    first = transfers[0]
    block = _add(body, "PmtInf")
    _add(block, "PmtInfId", name)
    _add(block, "PmtMtd", "TRF")
    _add(block, "NbOfTxs", str(len(transfers)))
    _add(block, "CtrlSum", _control_sum(transfers))
    _add(_add(block, "ReqdExctnDt"), "Dt", execution)
    _add(_add(block, "Dbtr"), "Nm", _plain(first.debtor, MAX_NAME))
    _account(_add(block, "DbtrAcct"), first.debtor_account)
    _add(_add(_add(_add(block, "DbtrAgt"), "FinInstnId"), "Othr"), "Id", "NOTPROVIDED")
    _add(block, "ChrgBr", "SLEV")
    for transfer in transfers:
        _transfer(block, transfer)


def _transfer(block: Element, transfer: CreditTransfer) -> None:
    element = _add(block, "CdtTrfTxInf")
    _add(_add(element, "PmtId"), "EndToEndId", transfer.end_to_end)
    amount = _add(_add(element, "Amt"), "InstdAmt", transfer.amount.decimal)
    amount.set("Ccy", transfer.amount.currency)
    _add(_add(element, "Cdtr"), "Nm", _plain(transfer.creditor, MAX_NAME))
    _account(_add(element, "CdtrAcct"), transfer.creditor_account)
    _add(_add(element, "RmtInf"), "Ustrd", _plain(transfer.text, MAX_NAME))


def _account(parent: Element, account: str) -> None:
    if len(account) > MAX_ACCOUNT:
        raise Malformed(
            "an account that no payment file can name",
            code="account",
            found=account,
            expected=f"at most {MAX_ACCOUNT} characters",
        )
    identity = _add(parent, "Id")
    if _IBAN.fullmatch(account):
        _add(identity, "IBAN", account)
    else:
        _add(_add(identity, "Othr"), "Id", account)


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _plain(text: str, most: int) -> str:
    """The text in the characters that banks agree on."""
    return _NOT_ALLOWED.sub(".", text)[:most] or "NOTPROVIDED"
