"""Bank files become attestations: real samples, every entry that cannot be used with its own reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.importers import (
    BankBook,
    Conditional,
    Directory,
    ImportContext,
    Imported,
    import_bytes,
    import_file,
)
from clients.pain001 import settlement_reference

SAMPLES = Path(__file__).parent.parent / "data" / "iso20022"
GIVEN = ImportContext(organisation="bank", supplier="acme", buyer="mega")
SWISS = "CH2909000000250094239"
DUTCH = "NL08INGB0000001234"

NOTIFICATION = """<?xml version="1.0"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn>
<Acct><Id><Othr><Id>custody 1</Id></Othr></Id><Ownr><Nm>Acme</Nm></Ownr></Acct>
{entries}
</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>
"""
ENTRY = """<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}
<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs><Amt Ccy="{currency}">{amount}</Amt>
<RltdPties><Dbtr><Pty><Nm>Mega</Nm></Pty></Dbtr></RltdPties>
<RmtInf><Strd><RfrdDocInf><Nb>{invoice}</Nb></RfrdDocInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>"""
BOOK = BankBook({"custody1": ("acme", "EUR")}, {("acme", "R-1"): "R-1"})


def entry(**changes: str) -> str:
    fields = {
        "currency": "EUR",
        "amount": "12.50",
        "side": "CRDT",
        "status": "BOOK",
        "date": "2026-01-05",
        "reference": "B1",
        "end_to_end": "R-1",
        "invoice": "INV-7",
        "more": "",
    }
    return ENTRY.format(**{**fields, **changes})


def notified(*entries: str, context: ImportContext | None = None) -> Imported:
    data = NOTIFICATION.format(entries="\n".join(entries)).encode()
    return import_bytes(data, "camt.xml", "auto", context or ImportContext(organisation="bank", book=BOOK))


def codes(found: Imported) -> list[str]:
    return [problem.code for problem in found.errors]


def test_a_credit_of_a_custody_account_is_minted_whole_for_its_client() -> None:
    found = notified(entry())
    assert found.is_clean
    assert found.kind == "camt"
    assert found.operations == (
        {
            "op": "deposit.mint",
            "account": "custody1",
            "date": "2026-01-05",
            "client": "acme",
            "currency": "EUR",
            "entry": "B1",
            "amount": 1250,
        },
    )
    assert found.entries[0].signer == "bank"


def test_a_debit_of_a_custody_account_pays_the_redemption_that_it_names() -> None:
    (operation,) = notified(entry(side="DBIT")).operations
    assert (operation["op"], operation["redemption"], operation["amount"]) == ("redemption.pay", "R-1", 1250)
    unknown = notified(entry(side="DBIT", end_to_end="R-2"))
    assert (codes(unknown), unknown.operations) == (["unknown_redemption"], ())
    assert "client money" in str(unknown.errors[0].remedy).lower()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "USD"}, "currency_mismatch"),
        ({"currency": "XXX"}, "unknown_currency"),
        ({"amount": "12.505"}, "amount_digits"),
        ({"amount": "twelve"}, "amount"),
        ({"amount": "0.00"}, "amount"),
        ({"side": "BOTH"}, "credit_or_debit"),
        ({"date": "5.1.2026"}, "date"),
        ({"reference": ""}, "entry_reference"),
        ({"reference": "", "more": "<NtryRef>014295803</NtryRef>"}, "entry_reference"),
        ({"reference": "x" * 65}, "identifier"),
        ({"more": "<RvslInd>true</RvslInd>"}, "reversal"),
    ],
)
def test_an_entry_that_cannot_be_used_is_one_problem_and_the_others_go_on(
    changes: dict[str, str], code: str
) -> None:
    found = notified(entry(**changes), entry(reference="B2"))
    assert codes(found) == [code]
    assert [operation["entry"] for operation in found.operations] == ["B2"]
    assert found.errors[0].line > 0
    assert found.errors[0].column.startswith("/Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry[1]")
    assert (found.summary.documents, found.summary.withheld) == (2, 1)


CONDITIONAL = Conditional("fund", "S-1", "AssetHeld", "acme", "INV-7", "EUR", "")
REFERENCE = settlement_reference("fund", "S-1")


def own(*entries: str, **changes: Any) -> Imported:
    """Entries of an account that is nobody's custody, while one settlement waits."""
    book = replace(BOOK, custody={}, settlements={REFERENCE: replace(CONDITIONAL, **changes)})
    return notified(
        *entries, context=ImportContext(organisation="bank", supplier="acme", buyer="mega", book=book)
    )


@pytest.mark.parametrize(
    ("status", "side", "op"),
    [
        ("AssetHeld", "CRDT", "settlement.attest"),
        ("CashHeld", "DBIT", "finance.fund"),
        ("Expired", "DBIT", "settlement.return"),
    ],
)
def test_an_entry_with_a_settlements_reference_moves_it_on(status: str, side: str, op: str) -> None:
    (operation,) = own(entry(side=side, end_to_end=REFERENCE), status=status).operations
    assert (operation["op"], operation["lender"], operation["amount"]) == (op, "fund", 1250)


def test_cash_of_a_settlement_may_come_and_go_by_one_file() -> None:
    came, went = entry(end_to_end=REFERENCE), entry(side="DBIT", end_to_end=REFERENCE, reference="B2")
    found = own(came, went)
    assert [operation["op"] for operation in found.operations] == ["settlement.attest", "finance.fund"]
    third = own(came, went, entry(side="DBIT", end_to_end=REFERENCE, reference="B3"))
    assert codes(third) == ["settlement_state"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"side": "DBIT"}, "settlement_state"), ({"currency": "USD"}, "currency_mismatch")],
)
def test_an_entry_that_a_settlement_does_not_wait_for_is_a_problem(
    changes: dict[str, str], code: str
) -> None:
    found = own(entry(end_to_end=REFERENCE, **changes))
    assert (codes(found), found.operations) == ([code], ())


def test_payout_names_the_account_that_the_bank_paid_or_else_the_one_on_the_ledger() -> None:
    sent = entry(side="DBIT", end_to_end=REFERENCE)
    (told,) = own(sent, status="CashHeld", payee="DE75").operations
    assert told["payee"] == "DE75"
    paid = sent.replace("<RltdPties>", "<RltdPties><CdtrAcct><Id><IBAN>NL08</IBAN></Id></CdtrAcct>")
    (seen,) = own(paid, status="CashHeld", payee="DE75").operations
    assert seen["payee"] == "NL08", "the ledger refuses it if that is not the supplier's account"


def test_what_is_not_booked_is_no_money() -> None:
    found = notified(entry(status="PDNG"), entry(status="INFO", reference="B2"), entry(reference="B3"))
    assert [operation["entry"] for operation in found.operations] == ["B3"]
    assert found.summary.skipped == 2
    assert "not booked" in found.summary.notes[0]


def test_one_reference_twice_is_not_attested_twice() -> None:
    found = notified(entry(), entry(amount="99.00"))
    assert (codes(found), len(found.operations)) == (["duplicate_entry"], 1)


def test_a_credit_of_another_account_pays_the_invoice_that_it_names() -> None:
    directory = Directory.from_organisations(
        [{"id": "acme", "name": "Acme"}, {"id": "mega", "name": "Mega"}, {"id": "bank", "name": "Bank"}]
    )
    context = ImportContext(organisation="bank", directory=directory)
    (operation,) = notified(entry(), context=context).operations
    assert operation == {
        "op": "payment.attest",
        "account": "custody1",
        "entry": "B1",
        "date": "2026-01-05",
        "currency": "EUR",
        "payer": "mega",
        "amount": 1250,
        "invoice": "INV-7",
        "supplier": "acme",
    }
    assert codes(notified(entry(invoice=""), context=context)) == ["no_invoice"]
    assert codes(notified(entry(), context=ImportContext(organisation="bank"))) == ["unknown_party"]
    assert codes(notified(entry(), context=ImportContext())) == ["bank"]
    other = ImportContext(organisation="acme", bank="bank", directory=directory)
    assert notified(entry(), context=other).summary.skipped == 1


def test_a_batch_of_real_payments_is_split_into_those_that_add_up_to_it() -> None:
    found = import_file(SAMPLES / "moov-camt054-batch.xml", "auto", GIVEN)
    assert found.is_clean
    assert [operation["amount"] for operation in found.operations] == [25000, 20000, 30000, 32400, 46300]
    assert sum(int(operation["amount"]) for operation in found.operations) == 153700
    assert {operation["account"] for operation in found.operations} == {SWISS}
    assert len({operation["entry"] for operation in found.operations}) == 5
    assert found.summary.skipped == 1, "the debit"
    data = (SAMPLES / "moov-camt054-batch.xml").read_bytes().replace(b">463.00<", b">462.00<")
    broken = import_bytes(data, "x", "auto", GIVEN)
    assert (codes(broken), broken.operations) == (["sum_mismatch"], ())


def test_the_same_batch_on_a_custody_account_is_one_mint() -> None:
    context = ImportContext(organisation="bank", book=BankBook({SWISS: ("acme", "CHF")}))
    found = import_file(SAMPLES / "moov-camt054-batch.xml", "auto", context)
    assert [(op["op"], op["entry"], op["amount"]) for op in found.operations] == [
        ("deposit.mint", "07582000303KBMSU", 153700)
    ]
    assert codes(found) == ["unknown_redemption"], "the cash withdrawal"


def test_a_real_statement_shows_its_ambiguous_entries_and_mints_the_rest() -> None:
    context = ImportContext(organisation="bank", book=BankBook({SWISS: ("acme", "CHF")}))
    found = import_file(SAMPLES / "moov-camt053.xml", "camt", context)
    assert [op["amount"] for op in found.operations] == [450, 150000, 153700]
    assert codes(found) == ["unknown_redemption", "duplicate_entry"]
    assert (found.summary.documents, found.summary.withheld) == (5, 2)


@pytest.mark.parametrize(
    ("sample", "operations", "problems"),
    [
        ("moov-camt054-credit.xml", 0, ["no_invoice"]),
        ("genkgo-camt054.v8.xml", 0, []),
        ("genkgo-camt053.v2.multi.xml", 0, ["entry_reference", "entry_reference"]),
        ("iso20022js-ing-camt053.xml", 3, ["no_invoice", "duplicate_entry", "duplicate_entry"]),
        ("pain001-pain.001.001.09.xml", 0, ["not_ubl"]),
    ],
)
def test_real_samples_give_what_can_be_used_of_them(
    sample: str, operations: int, problems: list[str]
) -> None:
    found = import_file(SAMPLES / sample, "auto", GIVEN)
    assert (len(found.operations), codes(found)) == (operations, problems)


def test_a_dutch_statement_is_minted_for_the_client_whose_account_it_is() -> None:
    context = ImportContext(organisation="bank", book=BankBook({DUTCH: ("acme", "EUR")}))
    found = import_file(SAMPLES / "iso20022js-ing-camt053.xml", "auto", context)
    minted = [op for op in found.operations if op["op"] == "deposit.mint"]
    assert minted[0]["amount"] == 35000
    assert {op["client"] for op in minted} == {"acme"}


def test_other_messages_and_hostile_ones_are_refused() -> None:
    other = NOTIFICATION.format(entries="").replace("camt.054.001.08", "camt.052.001.08").encode()
    assert codes(import_bytes(other, "x", "auto", GIVEN)) == ["not_camt"]
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' + NOTIFICATION.format(entries="").encode()[22:]
    assert codes(import_bytes(bomb, "x", "camt", GIVEN)) == ["xml_forbidden"]


@settings(max_examples=60)
@given(data=st.data())
def test_any_damage_to_a_file_gives_problems_and_never_a_crash(data: st.DataObject) -> None:
    text: Any = (SAMPLES / "moov-camt054-batch.xml").read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 30))
        text = text[:at] + data.draw(st.binary(max_size=6)) + text[at + cut :]
    book = BankBook({SWISS: ("acme", "CHF")})
    for context in (GIVEN, ImportContext(organisation="bank", book=book)):
        found = import_bytes(text, "x", "camt", context)
        assert found.summary.withheld + found.summary.skipped <= found.summary.documents
        assert found.errors or found.summary.documents == 2, "entries that vanish are said to be wrong"
        for operation in found.operations:
            assert operation["op"] in ("payment.attest", "deposit.mint")
