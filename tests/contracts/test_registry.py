"""The operation table: strict models; what does not fit is refused with a code and a place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, dispatch, invoice, order_submit, payment, publish

from contracts.errors import REMEDIES
from contracts.parties.identity import ROLES
from contracts.registry import OPERATIONS, parse
from ledger import codec
from ledger.errors import Malformed
from ledger.money import MAX_AMOUNT


def as_read(operation: dict[str, Any]) -> dict[str, Any]:
    """The operation as it comes off the wire: lists are tuples."""
    return dict(codec.decode(codec.encode(operation)))


def malformed(operation: dict[str, Any]) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse(as_read(operation), 3)
    return caught.value


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_documented_with_its_units(name: str) -> None:
    spec = OPERATIONS[name]
    assert spec.summary.endswith(".")
    assert set(spec.roles) <= set(ROLES)
    properties = spec.model.model_json_schema()["properties"]
    for field, schema in properties.items():
        described = "description" in schema or any("description" in part for part in schema.get("anyOf", ()))
        is_nested = "$ref" in schema or schema.get("type") == "array"
        assert field == "op" or described or is_nested, f"{name}.{field} has no description"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"buyer": "Mega"}, "1 to 64 of a-z 0-9 . _ - , a letter or digit at both ends"),
        ({"invoice": " A"}, "visible characters in the form of the operation table"),
        ({"surprise": 1}, "no field of this name"),
    ],
)
def test_what_was_expected_is_said_in_words_of_the_field(change: dict[str, Any], expected: str) -> None:
    assert malformed({**invoice("I", 100), **change}).expected == expected


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"op": "invoice.submitt"}, "unknown_operation", "operations[3].op"),
        ({"surprise": 1}, "unknown_field", "operations[3].surprise"),
        ({"gross": -1}, "negative_amount", "operations[3].gross"),
        ({"gross": 0}, "out_of_range", "operations[3].gross"),
        ({"gross": MAX_AMOUNT + 1}, "amount_overflow", "operations[3].gross"),
        ({"rounding": MAX_AMOUNT + 1}, "amount_overflow", "operations[3].rounding"),
        ({"gross": "100"}, "malformed_operation", "operations[3].gross"),
        ({"gross": True}, "malformed_operation", "operations[3].gross"),
        ({"currency": "XTS"}, "unknown_currency", "operations[3].currency"),
        ({"currency": "usd"}, "unknown_currency", "operations[3].currency"),
        ({"issue_date": "2012-02-30"}, "date", "operations[3].issue_date"),
        ({"issue_date": "20120220"}, "date", "operations[3].issue_date"),
        ({"issue_date": "1969-12-31"}, "date", "operations[3].issue_date"),
        ({"issue_date": 15_000}, "date", "operations[3].issue_date"),
        ({"invoice": " A"}, "identifier", "operations[3].invoice"),
        ({"invoice": "A\n"}, "identifier", "operations[3].invoice"),
        ({"invoice": ""}, "missing_field", "operations[3].invoice"),
        ({"invoice": "é" * 33}, "identifier", "operations[3].invoice"),
        ({"invoice": "x" * 65}, "too_long", "operations[3].invoice"),
        ({"buyer": "Mega Corp"}, "identifier", "operations[3].buyer"),
        ({"document": b"short"}, "digest", "operations[3].document"),
        ({"lines": []}, "missing_field", "operations[3].lines"),
        (
            {"lines": [{"line": "1", "quantity": 0, "amount": 1}]},
            "out_of_range",
            "operations[3].lines[0].quantity",
        ),
        (
            {"lines": [{"line": "1", "quantity": 10**18, "amount": 1}]},
            "out_of_range",
            "operations[3].lines[0].quantity",
        ),
        ({"lines": [{"line": "1", "amount": 1}]}, "missing_field", "operations[3].lines[0].quantity"),
        ({"lines": [{"line": "1", "quantity": 1, "amount": 1}] * 201}, "too_long", "operations[3].lines"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_with_its_code_and_place(
    change: dict[str, Any], code: str, field: str
) -> None:
    error = malformed({**invoice("I", 100), **change})
    assert (error.code, error.field) == (code, field)
    assert error.expected
    assert len(str(error)) < 400


def test_a_missing_field_is_named() -> None:
    operation = invoice("I", 100)
    del operation["tax"]
    assert (malformed(operation).code, malformed(operation).field) == ("missing_field", "operations[3].tax")


@pytest.mark.parametrize("text", ["a\x1b[31m", "line\nline", "abc\u202ecba", "\x00"])
def test_texts_for_people_cannot_steer_a_terminal(text: str) -> None:
    dispute = {"op": "invoice.dispute", "invoice": "I", "supplier": "acme", "amount": 1, "reason": text}
    assert malformed(dispute).field == "operations[3].reason"
    assert malformed({"op": "key.add", "key": bytes(32), "name": text}).field == "operations[3].name"


@pytest.mark.parametrize("number", ["RE/2024 17", "ÄÖ-1", "№1", "x" * 64, "é" * 32, "発注-1"])
def test_document_numbers_are_taken_as_people_write_them(number: str) -> None:
    if number == "№1":
        assert malformed(invoice(number, 1)).code == "identifier", "not in the alphabet"
    else:
        trade = TradeLedger()
        trade.done("acme", invoice(number, 100))
        assert trade.entry("invoice", "acme", number) is not None


def test_reading_an_operation_and_showing_it_gives_the_same_text() -> None:
    for operation in (invoice("I", 5), order_submit("P", (("1", 2, 3),)), dispatch("S"), confirm("I", 5)):
        shown = parse(as_read(operation)).model_dump(mode="python")
        for name, value in operation.items():
            assert (
                shown[name] == as_read(operation)[name] if name != "lines" else len(shown[name]) == len(value)
            )


SAMPLES = [
    invoice("I", 100),
    order_submit("P", (("1", 2, 3),)),
    dispatch("S", units=("00 340123450000000017",)),
    confirm("I", 5),
    payment("I", 5, "E"),
    publish(),
]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=70)
    | st.binary(max_size=40)
    | st.sampled_from(["2012-01-01", "USD", "acme", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(sample=st.sampled_from(SAMPLES), data=st.data())
def test_any_junk_in_any_field_is_malformed_or_applied_or_refused_and_never_a_crash(
    sample: dict[str, Any], data: st.DataObject
) -> None:
    operation = as_read(sample)
    field = data.draw(st.sampled_from(sorted(operation.keys() - {"op"})))
    operation[field] = data.draw(JUNK)
    trade = TradeLedger()
    signer = {"i": "acme", "o": "acme", "s": "acme", "p": "bank"}[sample["op"][0]]
    try:
        transaction = trade.transaction("loan" if sample["op"].startswith("programme") else signer, operation)
        trade.contracts.prepare(transaction)
    except Malformed:
        return
    for _, code, _ in trade.execute(transaction):
        assert code in REMEDIES
    trade.check()
