"""Payment files: valid under the schema of pain.001.001.09, and they come back by their references."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from clients.cli.cash.payouts import message_id
from clients.importers.errors import ImportProblem
from clients.pain001 import MAX_REFERENCE, NAMESPACE, CreditTransfer, Sent, read_sent, reference, render
from ledger.errors import Malformed
from ledger.money import Money

DATA = Path(__file__).parent.parent / "data" / "iso20022"
SCHEMA = etree.XMLSchema(etree.parse(DATA / "pain.001.001.09.xsd"))
MADE = datetime(2026, 1, 5, 12, 30, 15)


def transfer(number: int = 1, amount: str = "10.50 EUR", **changes: Any) -> CreditTransfer:
    value, currency = amount.split()
    fields: dict[str, Any] = {
        "end_to_end": f"R-{number}",
        "amount": Money.parse(value, currency),
        "debtor": "Acme",
        "debtor_account": "DE75512108001245126162",
        "creditor": "Acme",
        "creditor_account": "elsewhere 7",
        "text": f"redemption {number}",
    }
    return CreditTransfer(**{**fields, **changes})


def rendered(*transfers: CreditTransfer) -> Any:
    data = render(transfers, message_id="T-1", initiator="The Bank", made=MADE, execution="2026-01-06")
    tree = etree.fromstring(data)
    SCHEMA.assertValid(tree)
    return tree


def test_what_a_file_asks_for_is_read_back_from_it_by_account_and_reference() -> None:
    """So that nothing is asked for twice while it is not booked; two clients may use one number."""
    asked = (transfer(1), transfer(1, debtor_account="C-mega"), transfer(2))
    data = render(asked, message_id="T-1", initiator="The Bank", made=MADE, execution="2026-01-06")
    assert read_sent(data) == {Sent("DE75512108001245126162", f"R-{number}") for number in (1, 2)} | {
        Sent("C-mega", "R-1")
    }
    assert read_sent(data) == {one.place for one in asked}
    with pytest.raises(ImportProblem, match="not a pain"):
        read_sent(b"<Document/>")


def test_a_message_id_follows_from_what_is_asked_for() -> None:
    known = message_id([transfer(1), transfer(2)], "2026-01-06")
    assert message_id([transfer(2), transfer(1)], "2026-01-06") == known
    assert len(known) <= MAX_REFERENCE
    for other in ([transfer(1)], [transfer(1), transfer(2, "10.51 EUR")]):
        assert message_id(other, "2026-01-06") != known
    assert message_id([transfer(1), transfer(2)], "2026-01-07") != known


def texts(tree: Any, name: str) -> list[str]:
    return [found.text for found in tree.iter(f"{{{NAMESPACE}}}{name}")]


def test_a_file_is_valid_and_says_who_pays_whom_what_and_under_which_reference() -> None:
    tree = rendered(transfer(1), transfer(2, "7 JPY"), transfer(3, "0.005 KWD"), transfer(4))
    assert texts(tree, "EndToEndId") == ["R-1", "R-4", "R-2", "R-3"], (
        "one block for each account and currency"
    )
    assert texts(tree, "InstdAmt") == ["10.50", "10.50", "7", "0.005"]
    assert [found.get("Ccy") for found in tree.iter(f"{{{NAMESPACE}}}InstdAmt")] == [
        "EUR",
        "EUR",
        "JPY",
        "KWD",
    ]
    assert texts(tree, "NbOfTxs") == ["4", "2", "1", "1"]
    assert texts(tree, "CtrlSum") == ["28.005", "21", "7", "0.005"]
    assert texts(tree, "IBAN") == ["DE75512108001245126162"] * 3
    assert texts(tree, "CreDtTm") == ["2026-01-05T12:30:15"]


def test_the_schema_refuses_what_is_wrong_and_takes_the_published_structure() -> None:
    tree = rendered(transfer())
    tree[0][0].remove(tree[0][0][0])
    assert not SCHEMA.validate(tree)


@pytest.mark.parametrize("sample", ["pain001-pain.001.001.09.xml", "pyiso20022-pain.001.001.08.xml"])
def test_elements_come_in_the_order_of_published_samples(sample: str) -> None:
    """For each parent that both have, the children that both have stand in the same order."""

    def order(tree: Any) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for element in tree.iter(etree.Element):
            names = [etree.QName(child).localname for child in element]
            children.setdefault(etree.QName(element).localname, list(dict.fromkeys(names)))
        return children

    ours, theirs = order(rendered(transfer())), order(etree.parse(DATA / sample).getroot())
    shared = set(ours) & set(theirs)
    assert {"GrpHdr", "PmtInf", "CdtTrfTxInf", "Dbtr"} <= shared
    for parent in shared:
        common = [name for name in ours[parent] if name in theirs[parent]]
        assert common == [name for name in theirs[parent] if name in common]


def test_an_account_that_the_format_cannot_hold_is_refused_and_not_cut() -> None:
    with pytest.raises(Malformed, match="account"):
        rendered(transfer(creditor_account="x" * 35))


@given(name=st.text(max_size=200), text=st.text(max_size=200))
def test_any_name_and_text_gives_a_valid_file(name: str, text: str) -> None:
    rendered(transfer(debtor=name, creditor=name, text=text))


@given(client=st.sampled_from(["a", "b"]), number=st.text(min_size=1, max_size=64))
def test_a_reference_fits_every_bank(client: str, number: str) -> None:
    found = reference(client, number)
    assert 1 <= len(found) <= 35
    assert found.isascii()
    assert not found.startswith("/")
    assert found == number or len(found) == 35


def test_numbers_that_fit_are_their_own_reference_and_others_differ() -> None:
    assert reference("acme", "R-17") == "R-17"
    assert reference("acme", "№ 1") != reference("acme", "№ 2")
    assert reference("acme", "№ 1") != reference("bolt", "№ 1")
