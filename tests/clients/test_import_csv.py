"""CSV importers: what rows become, and how precisely each bad line is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.importers import (
    Directory,
    ImportContext,
    Imported,
    import_bytes,
    import_file,
    limits,
    table,
    timeline,
)
from contracts import registry
from ledger.errors import Malformed

ORDERS = """order,supplier,buyer,currency,order_date,line,item,quantity,unit_price
PO/1,acme,bigco,EUR,2024-01-05,1,"Bolts, M8",1000,0.0125
PO/1,acme,bigco,EUR,2024-01-05,2,Nuts,500,1.10
PO 2,acme,bigco,EUR,2-Jun-06,1,Gears,3,99
"""
INVOICES = """invoice,supplier,buyer,currency,issue_date,due_date,order,line,quantity,amount,tax,gross
R-1,acme,bigco,EUR,2024-02-01,2024-04-01,PO/1,1,1000,12.50,2.50,565.00
R-1,acme,bigco,EUR,2024-02-01,2024-04-01,PO/1,2,500,550.00,2.50,565.00
"""


def imported(text: str, context: ImportContext | None = None, kind: str = "auto") -> Imported:
    return import_bytes(text.encode(), "file.csv", kind, context)


def only_problem(text: str, context: ImportContext | None = None) -> tuple[str, int, str]:
    found = imported(text, context)
    assert len(found.errors) == 1, [str(problem) for problem in found.errors]
    problem = found.errors[0]
    assert problem.file == "file.csv"
    assert str(problem).startswith(problem.place)
    assert problem.expected or problem.found
    return problem.code, problem.line, problem.column


def test_rows_of_one_order_become_a_proposal_and_an_issue() -> None:
    found = imported(ORDERS)
    assert found.kind == "orders"
    assert found.is_clean
    assert [(entry.signer, entry.operation["op"], entry.operation["order"]) for entry in found.entries] == [
        ("acme", "order.submit", "PO/1"),
        ("bigco", "order.issue", "PO/1"),
        ("acme", "order.submit", "PO 2"),
        ("bigco", "order.issue", "PO 2"),
    ]
    submit = found.operations[0]
    assert submit["date"] == "2024-01-05"
    assert submit["lines"] == (
        {"line": "1", "item": "Bolts, M8", "quantity": 1000, "price_micros": 1_250_000},
        {"line": "2", "item": "Nuts", "quantity": 500, "price_micros": 110_000_000},
    )
    assert found.operations[2]["date"] == "2006-06-02"
    assert found.operations[1] == {"op": "order.issue", "order": "PO/1", "supplier": "acme"}


@pytest.mark.parametrize(
    ("context", "operations"),
    [
        (ImportContext(organisation="acme"), ["order.submit", "order.submit"]),
        (ImportContext(organisation="bigco"), ["order.issue", "order.issue"]),
        (ImportContext(organisation="other"), []),
    ],
)
def test_only_what_the_importing_organisation_signs_is_made(
    context: ImportContext, operations: list[str]
) -> None:
    found = imported(ORDERS, context)
    assert [operation["op"] for operation in found.operations] == operations
    assert found.summary.skipped == (0 if operations else 2)


def test_buyer_issues_its_own_content_or_the_supplier_s_draft() -> None:
    own = imported(ORDERS, ImportContext(organisation="bigco")).operations[0]
    draft = imported(ORDERS, ImportContext(organisation="bigco", issue_drafts=True)).operations[0]
    assert own["lines"]
    assert "lines" not in draft


@pytest.mark.parametrize(
    "spelling",
    [
        ORDERS.replace("\n", "\r\n"),
        ORDERS.replace("\n", "\r"),
        "\ufeff" + ORDERS,
        "\n\n" + ORDERS + "\n , , \n".replace(" , , ", ",,,,,,,,"),
        ORDERS.replace('"Bolts, M8"', "Bolts& M8").replace(",", ";").replace("Bolts& M8", "Bolts, M8"),
        ORDERS.replace("order,supplier", " Order , SUPPLIER ").replace("order_date", "Order Date"),
    ],
    ids=["crlf", "cr", "bom", "blank lines", "semicolons", "header spelling"],
)
def test_other_spellings_of_a_file_mean_the_same(spelling: str) -> None:
    assert imported(spelling).operations == imported(ORDERS).operations


def test_decimal_commas_are_read_only_where_declared() -> None:
    text = INVOICES.replace(",", ";").replace(".", ",")
    assert imported(text, ImportContext(decimal_comma=True)).operations == imported(INVOICES).operations
    undeclared = imported(text)
    assert [(problem.code, problem.line, problem.column) for problem in undeclared.errors] == [
        ("decimal_comma", 2, "tax"),
        ("decimal_comma", 3, "tax"),
    ]
    assert undeclared.operations == ()
    point = imported(INVOICES.replace(",", ";"), ImportContext(decimal_comma=True))
    assert {problem.code for problem in point.errors} == {"decimal_point"}


def test_amounts_are_exact_minor_units_of_their_currency() -> None:
    yen = INVOICES.replace("EUR", "JPY").replace("12.50", "12").replace("550.00", "550")
    yen = yen.replace("2.50", "3").replace("565.00", "565")
    assert imported(yen).operations[0]["gross"] == 565
    dinar = INVOICES.replace("EUR", "KWD").replace("565.00", "565.000")
    assert imported(dinar).operations[0]["gross"] == 565_000
    big = INVOICES.replace("550.00", "900719925474.09").replace("565.00", "900719925489.09")
    assert imported(big).operations[0]["gross"] == 90_071_992_548_909


BAD_CELLS = [
    ("12.50,", "12.505,", "amount_digits", "amount"),
    ("12.50,", "1.234.50,", "amount", "amount"),
    ("12.50,", "1e3,", "amount", "amount"),
    ("12.50,", "-12.50,", "negative_amount", "amount"),
    ("12.50,", "99999999999999.00,", "amount_overflow", "amount"),
    ("12.50,", ",", "missing_value", "amount"),
    ("1,1000", "1,0", "quantity", "quantity"),
    ("1,1000", "1,1.5", "quantity", "quantity"),
    ("1,1000", "1,١٢", "quantity", "quantity"),
    ("1,1000", "line one,1000", "line_number", "line"),
    ("R-1,acme", "R\u202e1,acme", "identifier", "invoice"),
    ("R-1,acme", "R\x001,acme", "control_character", "invoice"),
    ("R-1,acme", "R-1,Acme Ltd", "name", "supplier"),
    ("acme,bigco", "acme,acme", "same_party", "buyer"),
    ("EUR", "XXX", "unknown_currency", "currency"),
    ("EUR", "eur", "unknown_currency", "currency"),
    ("2024-02-01", "2024-02-30", "date", "issue_date"),
    ("2024-02-01", "01/02/2024", "date", "issue_date"),
    ("2024-02-01", "31-Foo-24", "date", "issue_date"),
    ("2024-04-01", "2024-01-01", "due_before_issue", "due_date"),
    ("565.00", "564.99", "sum_mismatch", "gross"),
]


@pytest.mark.parametrize(("good", "bad", "code", "column"), BAD_CELLS)
def test_a_bad_cell_is_refused_with_its_line_column_and_code(
    good: str, bad: str, code: str, column: str
) -> None:
    header, first, _ = INVOICES.splitlines()
    one = first.replace("565.00", "15.00")
    target = "15.00" if good == "565.00" else good
    text = f"{header}\n\n{one.replace(target, bad, 1)}\n"
    assert only_problem(text) == (code, 3, column)
    assert imported(text).errors[0].remedy not in ("", Malformed.remedy), "nobody here writes a program"


def test_all_bad_lines_are_reported_and_their_documents_withheld() -> None:
    text = ORDERS.replace("500,1.10", "many,1.10").replace("2-Jun-06", "yesterday")
    text += "PO-3,acme,bigco,EUR,2024-01-05,1,Belts,1,5\n"
    found = imported(text)
    assert [(problem.line, problem.code) for problem in found.errors] == [(3, "quantity"), (4, "date")]
    assert {operation["order"] for operation in found.operations} == {"PO-3"}
    assert (found.summary.documents, found.summary.withheld) == (3, 2)


def test_rows_of_a_document_must_agree_and_be_told_apart() -> None:
    other_date = INVOICES.replace("2024-04-01,PO/1,2", "2024-04-02,PO/1,2")
    assert only_problem(other_date) == ("contradiction", 3, "due_date")
    twice = INVOICES.replace("PO/1,2,", "PO/1,1,")
    assert only_problem(twice) == ("duplicate_line", 3, "line")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty_file", 0),
        ("a,b\n1,2\n", "missing_column", 1),
        ("invoice,invoice\n", "duplicate_column", 1),
        ("invoice,\n", "header", 1),
        (INVOICES + "R-2,acme\n", "cell_count", 4),
        (INVOICES + 'R-2,"acme\n', "csv_syntax", 4),
        (INVOICES + "R-2," + "x" * 2000 + ",b,EUR,2024-02-01,2024-04-01,,1,1,1,0,1\n", "cell_too_long", 4),
    ],
)
def test_files_of_another_form_are_refused(text: str, code: str, line: int) -> None:
    problem = imported(text).errors[0]
    assert (problem.code, problem.line) == (code, line)


@pytest.mark.parametrize(
    "row", ["PO-1,acme,bigco", '"PO-1', "x" * 2_000 + "," * 8, ",acme,bigco,EUR,2024-01-05,3,Nuts,1,1"]
)
def test_no_document_is_sent_if_a_row_of_the_file_may_be_a_line_of_any(row: str) -> None:
    whole = imported(ORDERS)
    found = imported(ORDERS + row + "\n")
    assert whole.operations
    assert not found.operations
    assert found.summary.withheld == found.summary.documents >= whole.summary.documents


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    found = import_bytes(INVOICES.replace("R-1", "R-é").encode("latin-1"), "file.csv")
    assert [(problem.code, problem.line) for problem in found.errors] == [("not_utf8", 2)]


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_CSV_ROWS", 1)
    assert imported(INVOICES).errors[-1].code in {"too_many_rows", "sum_mismatch"}
    assert "too_many_rows" in {problem.code for problem in imported(INVOICES).errors}
    monkeypatch.setattr(table, "MAX_CSV_BYTES", 10)
    assert only_problem(INVOICES) == ("file_too_large", 0, "")
    wide = ",".join(f"c{place}" for place in range(limits.MAX_CSV_COLUMNS + 1))
    monkeypatch.undo()
    assert only_problem(wide + "\n") == ("too_many_columns", 1, "")


def test_problems_are_bounded_and_say_so() -> None:
    header, *_ = INVOICES.splitlines()
    found = imported(header + "\n" + "x\n" * (limits.MAX_PROBLEMS + 5))
    assert len(found.errors) == limits.MAX_PROBLEMS + 1
    assert found.errors[-1].code == "too_many_problems"
    assert found.errors[-1].found == "5 more"


def test_documents_longer_than_an_operation_are_refused() -> None:
    header, *_ = ORDERS.splitlines()
    rows = [f"PO,acme,bigco,EUR,2024-01-05,{line},Nuts,1,1" for line in range(limits.MAX_DOCUMENT_LINES + 1)]
    found = imported("\n".join([header, *rows]))
    assert [problem.code for problem in found.errors] == ["too_many_lines"]
    assert found.operations == ()


def test_missing_columns_come_from_the_context() -> None:
    text = (
        "invoice,issue_date,due_date,line,quantity,amount,gross\nR-9,2024-02-01,2024-04-01,1,2,10.00,10.00\n"
    )
    found = imported(text, ImportContext(supplier="acme", buyer="bigco", currency="EUR"))
    assert found.operations == (
        {
            "op": "invoice.submit",
            "invoice": "R-9",
            "buyer": "bigco",
            "currency": "EUR",
            "issue_date": "2024-02-01",
            "due_date": "2024-04-01",
            "order": "",
            "lines": ({"line": "1", "quantity": 2, "amount": 1000},),
            "tax": 0,
            "gross": 1000,
            "document": b"",
        },
    )
    assert only_problem(text) == ("missing_value", 2, "supplier")


def test_organisations_that_the_channel_does_not_have_are_refused() -> None:
    directory = Directory.from_organisations([{"id": "acme"}, {"id": "bigco"}])
    assert imported(INVOICES, ImportContext(directory=directory)).is_clean
    few = Directory.from_organisations([{"id": "acme"}])
    problems = imported(INVOICES, ImportContext(directory=few)).errors
    assert {(problem.code, problem.column) for problem in problems} == {("unknown_party", "buyer")}
    assert all("tally organisation list" in problem.remedy for problem in problems)


def test_a_column_that_only_some_rows_need_is_told_from_a_cell_left_empty() -> None:
    rows = "acme,bigco,R-1,confirm,EUR,5.00"
    for column, cell, said in ((",due_date", ",", "empty cell"), ("", "", "no such column")):
        text = f"supplier,buyer,invoice,decision,currency,net{column}\n{rows}{cell}\n"
        (problem,) = imported(text, ImportContext()).errors
        assert (problem.code, problem.column) == ("missing_value", "due_date")
        assert problem.message.startswith(said)


def test_shipments_and_receipts() -> None:
    shipped = imported(
        "shipment,order,supplier,buyer,dispatch_date,scheduled_date,line,quantity,units\n"
        "S1,PO/1,acme,bigco,2024-01-20,2024-01-30,1,600,340123450000000017 340123450000000024\n"
        "S1,PO/1,acme,bigco,2024-01-20,2024-01-30,2,5,340123450000000017\n"
        "S2,PO/1,acme,bigco,2024-01-21,,1,400,\n"
    )
    assert shipped.is_clean
    first, second = shipped.operations
    assert first["units"] == ("340123450000000017", "340123450000000024")
    assert first["lines"] == ({"line": "1", "quantity": 600}, {"line": "2", "quantity": 5})
    assert "scheduled" not in second
    received = imported(
        "shipment,supplier,buyer,receipt_date,line,accepted,rejected\nS1,acme,bigco,2024-02-02,1,590,10\n"
        "S1,acme,bigco,2024-02-02,2,5,\n"
    )
    assert received.entries[0].signer == "bigco"
    assert received.operations[0]["lines"] == (
        {"line": "1", "accepted": 590, "rejected": 10},
        {"line": "2", "accepted": 5, "rejected": 0},
    )


def test_decisions_of_the_buyer() -> None:
    header = "invoice,supplier,buyer,decision,currency,net,due_date,reason,decision_date\n"
    found = imported(
        header + "R1,acme,bigco,confirm,EUR,10.00,2024-04-01,,2024-02-03\n"
        "R2,acme,bigco,Dispute,EUR,4.00,,broken,2024-02-04\n"
        "R3,acme,bigco,reject,,,,never ordered,\n"
    )
    assert found.is_clean
    assert found.operations == (
        {"op": "invoice.confirm", "invoice": "R1", "supplier": "acme", "net": 1000, "due_date": "2024-04-01"},
        {"op": "invoice.dispute", "invoice": "R2", "supplier": "acme", "amount": 400, "reason": "broken"},
        {"op": "invoice.reject", "invoice": "R3", "supplier": "acme", "reason": "never ordered"},
    )
    assert [entry.date for entry in found.entries] == ["2024-02-03", "2024-02-04", ""]
    twice = header + "R1,acme,bigco,reject,,,,a,\nR1,acme,bigco,reject,,,,b,\n"
    assert only_problem(twice) == ("duplicate_document", 3, "invoice")
    maybe = header + "R1,acme,bigco,maybe,EUR,10.00,2024-04-01,,\n"
    assert only_problem(maybe) == ("choice", 2, "decision")
    nothing = header + "R1,acme,bigco,confirm,EUR,0.00,2024-04-01,,\n"
    assert only_problem(nothing)[1:] == (2, "net"), "the contract's own model has the last word"


def test_simulated_payments_are_called_so_in_the_summary() -> None:
    header = "bank,account,entry,date,currency,payer,amount,invoice,supplier,source\n"
    row = "bank,AC-1,E-1,2024-04-03,EUR,bigco,10.00,R1,acme,simulated seed 7\n"
    found = imported(header + row)
    assert found.entries[0].signer == "bank"
    assert found.operations[0]["amount"] == 1000
    assert found.summary.notes == ("1 payment is not real: simulated seed 7",)
    assert only_problem(header + row + row) == ("duplicate_document", 3, "entry")


def test_every_operation_that_comes_out_fits_its_model() -> None:
    for operation in (*imported(ORDERS).operations, *imported(INVOICES).operations):
        registry.parse(operation)


def test_timeline_orders_files_by_day_and_stage() -> None:
    entries = timeline([imported(INVOICES), imported(ORDERS)])
    assert [(entry.date, entry.operation["op"]) for entry in entries] == [
        ("2006-06-02", "order.submit"),
        ("2006-06-02", "order.issue"),
        ("2024-01-05", "order.submit"),
        ("2024-01-05", "order.issue"),
        ("2024-02-01", "invoice.submit"),
    ]


def test_a_file_that_is_not_there_is_a_problem_and_not_an_exception(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        found = import_file(path)
        assert [problem.code for problem in found.errors] == ["file_unreadable"]
        assert str(found.errors[0].found) in ("No such file or directory", "Is a directory")
    assert import_bytes(b"", "x", kind="pdf").errors[0].code == "unknown_kind"


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS, encoding="utf-8")
    found = import_file(str(path))
    assert found.operations == imported(ORDERS).operations
    assert found.as_dict()["operations"] == 4
    assert found.by_signer().keys() == {"acme", "bigco"}
