"""Whatever bytes come, an import answers with operations that fit and problems with places."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from test_import_advice import DESPATCH_EXAMPLE, RECEIPT_EXAMPLE

from clients import data
from clients.importers import KINDS, ImportContext, Imported, import_bytes
from contracts import registry

INVOICE = (Path(__file__).parent.parent / "data" / "einvoice" / "ubl-tc434-example4.xml").read_bytes()
TABLES = {kind: b"\n".join(data.load(name).splitlines()[:8]) + b"\n" for kind, name in data.CSV_FILES.items()}
ADVICE_FILES = {"despatch": DESPATCH_EXAMPLE.encode(), "receipt": RECEIPT_EXAMPLE.encode()}
CONTEXT = ImportContext(supplier="seller", buyer="buyer", link_orders=False, term_days=30)

splices = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            *(bytes([byte]) for byte in b',;"\r\n\0-.0\xff<>&'),
            *(b"9" * 30, b"\xe2\x80\xae", b"\xef\xbb\xbf", b"EUR", b"1e9", b"NaN"),
            *(b"<!DOCTYPE a>", b"<!--", b"]]>", b"<![CDATA[", b"<a/>", b"&lt;", b"&#0;"),
        ]
    ),
)
edits = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 40), splices), min_size=1, max_size=5)


def edited(base: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, splice in changes:
        start = place % (len(base) + 1)
        base = base[:start] + splice + base[start + length :]
    return base


def check(found: Imported) -> None:
    for problem in found.errors:
        assert problem.code
        assert problem.message
        assert problem.file == "file"
        assert problem.found is not None
        assert problem.expected is not None
        assert problem.remedy
        assert str(problem).isprintable()
        assert problem.as_dict()["line"] >= 0
    for operation in found.operations:
        registry.parse(operation)


@given(changes=edits)
@settings(max_examples=250)
def test_a_damaged_invoice_never_crashes_the_importer(changes: list[tuple[int, int, bytes]]) -> None:
    check(import_bytes(edited(INVOICE, changes), "file", "ubl", CONTEXT))


@given(which=st.sampled_from(sorted(ADVICE_FILES)), changes=edits)
@settings(max_examples=200)
def test_a_damaged_advice_never_crashes_the_importer(
    which: str, changes: list[tuple[int, int, bytes]]
) -> None:
    check(import_bytes(edited(ADVICE_FILES[which], changes), "file", "advice", CONTEXT))


@given(kind=st.sampled_from(sorted(TABLES)), changes=edits, decimal_comma=st.booleans())
@settings(max_examples=300)
def test_a_damaged_table_never_crashes_the_importer(
    kind: str, changes: list[tuple[int, int, bytes]], decimal_comma: bool
) -> None:
    context = ImportContext(supplier="seller", buyer="buyer", currency="USD", decimal_comma=decimal_comma)
    check(import_bytes(edited(TABLES[kind], changes), "file", kind, context))


@given(content=st.binary(max_size=300), kind=st.sampled_from([*KINDS, "auto"]))
@settings(max_examples=200)
def test_any_bytes_give_an_answer(content: bytes, kind: str) -> None:
    found = import_bytes(content, "file", kind, CONTEXT)
    check(found)
    assert found.operations or found.errors or found.summary.rows == 0


@given(
    units=st.integers(0, 10**11),
    cents=st.integers(0, 99),
    quantity=st.integers(1, 10**9),
)
def test_an_amount_is_exactly_what_is_written(units: int, cents: int, quantity: int) -> None:
    amount = f"{units}.{cents:02d}"
    text = (
        "invoice,issue_date,due_date,line,quantity,amount,gross\n"
        f"R,2024-01-01,2024-01-02,1,{quantity},{amount},{amount}\n"
    )
    found = import_bytes(
        text.encode(), "file", "auto", ImportContext(supplier="seller", buyer="buyer", currency="EUR")
    )
    minor = units * 100 + cents
    if minor == 0:
        assert len(found.errors) == 1
    else:
        assert found.operations[0]["gross"] == minor
        assert found.operations[0]["lines"] == ({"line": "1", "quantity": quantity, "amount": minor},)
