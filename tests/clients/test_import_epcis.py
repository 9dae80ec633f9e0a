"""EPCIS 2.0 events to shipments and receipts; what is wrong with one has its own problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.importers import Directory, ImportContext, Imported, import_bytes, import_file
from clients.importers.epcis_reading import read_events
from clients.importers.errors import ImportProblem, Problems
from clients.importers.gs1 import document_of, gln_of, gtin_of
from contracts.trade.units import sscc_with_check_digit

DATA = Path(__file__).parents[1] / "data" / "epcis"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "epcis"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared EPCIS data is not on this machine")

SUPPLIER_GLN, BUYER_GLN = "4012345000009", "0614141000005"
GTIN_A, GTIN_B = "04012345111118", "04012345222227"
SSCC = sscc_with_check_digit("34012345000000001")
OTHER_SSCC = sscc_with_check_digit("34012345000000002")
SSCC_URI = f"urn:epc:id:sscc:4012345.3{SSCC[8:17]}"
EVENT_ID = "ni:///sha-256;" + "5f7c472bc4905de2" * 4 + "?ver=CBV2.0"


class Trade:
    """Orders and shipments that the ledger has."""

    def items(self, supplier: str, buyer: str, order: str) -> Mapping[str, str]:
        known = {"PO-1": {"1": GTIN_A, "2": GTIN_B}, "PO-2": {"9": "any goods"}}
        return known.get(order, {}) if (supplier, buyer) == ("acme", "anchor") else {}

    def shipped(self, supplier: str, shipment: str) -> Mapping[str, int]:
        return {"1": 10, "2": 4} if (supplier, shipment) == ("acme", "DA-1") else {}

    def order_of(self, supplier: str, shipment: str) -> str:
        return "PO-1" if (supplier, shipment) == ("acme", "DA-1") else ""


DIRECTORY = Directory.from_organisations(
    [
        {"id": "acme", "name": "Acme", "identifiers": [["0088", SUPPLIER_GLN]]},
        {"id": "anchor", "name": "Anchor", "identifiers": [["0088", BUYER_GLN]]},
    ]
)


def event(step: str = "shipping", **changes: Any) -> dict[str, Any]:
    """acme ships ten of one item to anchor; None takes a field away."""
    made = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": step,
        "eventTime": "2024-03-01T23:30:00Z",
        "eventTimeZoneOffset": "+01:00",
        "quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN_A}", "quantity": 10}],
        "bizTransactionList": [
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:{BUYER_GLN}:PO-1"},
            {"type": "desadv", "bizTransaction": "https://acme.example/despatch/DA-1"},
        ],
        "sourceList": [{"type": "owning_party", "source": f"https://id.gs1.org/417/{SUPPLIER_GLN}"}],
        "destinationList": [{"type": "owning_party", "destination": "urn:epc:id:pgln:0614141.00000"}],
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def packed(unit: str, pieces: int, gtin: str = GTIN_A, **changes: Any) -> dict[str, Any]:
    """So many of an item are put on a pallet."""
    return {
        "type": "AggregationEvent",
        "action": "ADD",
        "bizStep": "packing",
        "eventTime": "2024-02-28T10:00:00Z",
        "eventTimeZoneOffset": "+01:00",
        "parentID": unit,
        "childQuantityList": [{"epcClass": f"https://id.gs1.org/01/{gtin}/10/LOT", "quantity": pieces}],
        **changes,
    }


def document(*events: Any) -> bytes:
    return json.dumps({"type": "EPCISDocument", "epcisBody": {"eventList": list(events)}}).encode()


def imported(*events: Any, organisation: str = "", **changes: Any) -> Imported:
    context = ImportContext(organisation=organisation, directory=DIRECTORY, trade=Trade(), **changes)
    return import_bytes(document(*events), "events.jsonld", "auto", context)


def test_shipping_event_is_a_dispatch_by_the_supplier() -> None:
    found = imported(event(eventID=EVENT_ID))
    assert found.is_clean, found.errors
    (entry,) = found.entries
    assert (found.kind, entry.signer) == ("epcis", "acme")
    assert entry.operation == {
        "op": "shipment.dispatch",
        "shipment": "DA-1",
        "order": "PO-1",
        "buyer": "anchor",
        "date": "2024-03-02",
        "lines": ({"line": "1", "quantity": 10},),
        "units": (EVENT_ID,),
    }, "the day is that of the place: half past eleven in London is the next day in Berlin"


def test_receiving_event_is_the_buyers_word_and_damaged_goods_are_rejected() -> None:
    damaged = event(
        "https://ref.gs1.org/cbv/BizStep-receiving",
        disposition="urn:epcglobal:cbv:disp:damaged",
        quantityList=[{"epcClass": f"https://id.gs1.org/01/{GTIN_B}", "quantity": 3}],
    )
    found = imported(event("urn:epcglobal:cbv:bizstep:receiving"), damaged)
    (entry,) = found.entries
    assert entry.signer == "anchor"
    assert entry.operation["op"] == "goods.receive"
    assert entry.operation["lines"] == (
        {"line": "1", "accepted": 10, "rejected": 0},
        {"line": "2", "accepted": 0, "rejected": 3},
    )


def test_pallet_ships_what_was_packed_on_it() -> None:
    moved = event(quantityList=None, epcList=[SSCC_URI, f"https://id.gs1.org/00/{OTHER_SSCC}"])
    found = imported(
        moved,
        packed(SSCC_URI, 6),
        packed(SSCC_URI, 5, GTIN_B),
        packed(SSCC_URI, 1, GTIN_B, action="DELETE", eventTime="2024-02-29T10:00:00Z"),
        packed(f"https://id.gs1.org/00/{OTHER_SSCC}", 4),
    )
    assert found.is_clean, found.errors
    (entry,) = found.entries
    assert entry.operation["lines"] == ({"line": "1", "quantity": 10}, {"line": "2", "quantity": 4})
    assert entry.operation["units"] == (SSCC, OTHER_SSCC)


def test_events_of_one_shipment_are_one_operation() -> None:
    later = event(
        eventTime="2024-03-03T08:00:00Z",
        epcList=["urn:epc:id:sgtin:4012345.022222.1", "urn:epc:id:sgtin:4012345.022222.2"],
        quantityList=None,
    )
    (entry,) = imported(event(), later).entries
    assert entry.operation["lines"] == ({"line": "1", "quantity": 10}, {"line": "2", "quantity": 2})
    assert entry.date == "2024-03-03"


def test_order_of_one_line_needs_no_trade_item_to_match() -> None:
    said = [
        {"type": "po", "bizTransaction": "PO-2"},
        {"type": "desadv", "bizTransaction": "DA-2"},
    ]
    (entry,) = imported(event(bizTransactionList=said)).entries
    assert entry.operation["lines"] == ({"line": "9", "quantity": 10},)


def test_sscc_names_a_shipment_without_a_despatch_advice() -> None:
    said = [{"type": "po", "bizTransaction": "PO-1"}]
    moved = event(quantityList=None, epcList=[SSCC], bizTransactionList=said)
    (entry,) = imported(packed(SSCC, 10), moved).entries
    assert entry.operation["shipment"] == SSCC


def test_unopened_pallet_is_received_as_it_was_shipped() -> None:
    found = imported(event("receiving", quantityList=None, epcList=[SSCC]))
    (entry,) = found.entries
    assert entry.operation["lines"] == (
        {"line": "1", "accepted": 10, "rejected": 0},
        {"line": "2", "accepted": 4, "rejected": 0},
    )


def test_what_the_other_party_signs_is_skipped() -> None:
    found = imported(event(), event("receiving"), organisation="anchor")
    assert [entry.signer for entry in found.entries] == ["anchor"]
    assert found.summary.skipped == 1


def test_other_steps_and_types_are_left_out_and_counted() -> None:
    found = imported(event("storing"), event(type="TransactionEvent"), event())
    assert found.is_clean
    assert len(found.entries) == 1
    assert found.summary.notes == ("2 events neither ship nor receive: left out",)


PO = [{"type": "po", "bizTransaction": "PO-1"}]
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("error_declared", {"errorDeclaration": {"declarationTime": "2024-03-04T10:00:00Z"}}),
    ("event_time", {"eventTimeZoneOffset": "Berlin"}),
    ("event_time", {"eventTime": "2024-03-01T10:00:00"}),
    ("event_time", {"eventTime": "tomorrow"}),
    ("event_form", {"eventTime": None}),
    ("event_type", {"type": "NoEvent"}),
    ("no_order", {"bizTransactionList": [{"type": "desadv", "bizTransaction": "DA-1"}]}),
    ("no_shipment", {"bizTransactionList": PO}),
    ("contradiction", {"bizTransactionList": [*PO, {"type": "po", "bizTransaction": "PO-2"}]}),
    ("gln", {"sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:40123.1"}]}),
    ("unknown_party", {"destinationList": [{"type": "location", "destination": "4012345111118"}]}),
    ("unknown_party", {"destinationList": None}),
    ("same_party", {"destinationList": [{"type": "owning_party", "destination": SUPPLIER_GLN}]}),
    ("quantity", {"quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN_A}", "quantity": 1.5}]}),
    (
        "quantity",
        {"quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN_A}", "quantity": 2, "uom": "KGM"}]},
    ),
    ("unknown_epc", {"quantityList": None, "epcList": ["urn:epc:id:grai:4012345.55555.1"]}),
    ("unknown_epc", {"quantityList": [{"epcClass": "https://id.gs1.org/01/04012345111119", "quantity": 1}]}),
    ("doubled_epc", {"epcList": ["urn:epc:id:sgtin:4012345.022222.1"] * 2}),
    ("unknown_contents", {"quantityList": None, "epcList": [SSCC]}),
    (
        "unknown_order",
        {
            "bizTransactionList": [
                {"type": "po", "bizTransaction": "PO-9"},
                {"type": "desadv", "bizTransaction": "DA-9"},
            ]
        },
    ),
    ("no_order_line", {"quantityList": [{"epcClass": "4006381333931", "quantity": 1}]}),
]


@pytest.mark.parametrize(("code", "changes"), WRONG)
def test_what_is_wrong_with_an_event_is_one_problem_with_its_place(
    code: str, changes: dict[str, Any]
) -> None:
    found = imported(event(**changes))
    assert found.entries == ()
    (problem,) = found.errors
    assert problem.code == code
    assert "/epcisBody/eventList/0" in problem.place
    assert found.summary.withheld <= 1


def test_shipment_with_one_bad_event_is_withheld_and_others_are_not() -> None:
    other = [{"type": "po", "bizTransaction": "PO-2"}, {"type": "desadv", "bizTransaction": "DA-2"}]
    bad = event(quantityList=None, epcList=["urn:epc:id:grai:4012345.55555.1"])
    found = imported(event(), bad, event(bizTransactionList=other))
    assert [entry.operation["shipment"] for entry in found.entries] == ["DA-2"]
    assert (found.summary.withheld, len(found.errors)) == (1, 1)


def test_event_of_an_unknown_shipment_withholds_all_as_it_may_belong_to_any() -> None:
    found = imported(event(), event(bizTransactionList=PO))
    assert found.entries == ()
    assert found.summary.withheld == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": 1, "a": 2}', "doubled_name"),
        (b'{"epcisBody": {}}', "not_epcis"),
        (b"{" + b'"a":[' * 100_000, "not_json"),
    ],
)
def test_file_that_is_no_epcis_document_is_one_problem(data: bytes, code: str) -> None:
    found = import_bytes(data, "events.json")
    assert [problem.code for problem in found.errors] == [code]


def test_query_answers_and_single_events_are_read_too() -> None:
    body = {"queryResults": {"queryName": "q", "resultsBody": {"eventList": [event()]}}}
    context = ImportContext(directory=DIRECTORY, trade=Trade())
    for value in ({"type": "EPCISQueryDocument", "epcisBody": body}, event()):
        found = import_bytes(json.dumps(value).encode(), "events.jsonld", "auto", context)
        assert len(found.entries) == 1, found.errors


def test_published_example_ships_two_and_receives_one() -> None:
    """The first event names no despatch advice and holds no SSCC, so it cannot become a shipment."""
    context = ImportContext(supplier="acme", buyer="anchor", trade=Trade())
    found = import_file(DATA / "shipping-receiving.jsonld", "auto", context)
    assert [problem.code for problem in found.errors] == ["no_shipment"]
    events, total = read_events((DATA / "shipping-receiving.jsonld").read_bytes(), Problems("x"))
    assert (total, [each.step for each in events]) == (2, ["shipping", "receiving"])
    assert events[0].day == "2022-02-16"
    assert document_of(events[1].transactions["desadv"]) == "1152"


@needs_shared
def test_every_published_example_is_read_or_refused_by_name() -> None:
    files = sorted([*SHARED.glob("gs1/JSON/**/*.jsonld"), *SHARED.glob("event-hash/*.jsonld")])
    read = 0
    for file in files:
        problems = Problems(file.name)
        try:
            events, total = read_events(file.read_bytes(), problems)
        except ImportProblem as problem:
            assert problem.code == "doubled_name"  # noqa: PT017 (one published file names an id twice)
            continue
        assert len(events) + len(problems) == total
        assert {problem.code for problem in problems.listed()} <= {"error_declared", "quantity"}
        read += len(events)
    assert read >= 20


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("urn:epc:id:sgtin:0614141.107346.2017", "10614141073464"),
        ("urn:epc:class:lgtin:4012345.012345.998877", "04012345123456"),
        ("https://example.com/some/01/09520123456788/10/ABC?x=1", "09520123456788"),
        ("4006381333931", "04006381333931"),
        ("urn:epc:id:sgtin:0614141.17346.2017", None),
        ("https://id.gs1.org/01/09520123456789", None),
        ("goods", None),
    ],
)
def test_trade_items_are_known_by_14_digits(text: str, gtin: str | None) -> None:
    assert gtin_of(text) == gtin


@pytest.mark.parametrize(
    ("text", "gln"),
    [
        ("urn:epc:id:pgln:4012345.00000", SUPPLIER_GLN),
        ("urn:epc:id:sgln:4012345.00000.0", SUPPLIER_GLN),
        (f"https://id.gs1.org/414/{SUPPLIER_GLN}/254/1", SUPPLIER_GLN),
        (SUPPLIER_GLN, SUPPLIER_GLN),
        ("4012345000008", None),
        ("urn:epc:id:pgln:4012345.0000", None),
    ],
)
def test_parties_are_known_by_13_digits(text: str, gln: str | None) -> None:
    assert gln_of(text) == gln


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(max_size=8), st.lists).map(
        lambda value: json.dumps({"epcisBody": {"eventList": value}}).encode()
    )
)
@settings(max_examples=60)
def test_nothing_that_is_read_raises(data: bytes) -> None:
    found = import_bytes(data, "events.json", "epcis")
    assert found.entries == ()
