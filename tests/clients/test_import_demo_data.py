"""The trade data that ships: it loads, hangs together, and is what the script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clients import data
from clients.importers import Directory, ImportContext, Imported, import_bytes, import_file, timeline
from contracts import Contracts, registry
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Operation, Transaction
from ledger.hashing import ZERO
from ledger.keys import SigningKey
from ledger.state.overlay import Overlay

ROOT = Path(__file__).parents[2]
SOURCE = ROOT.parent / "shared" / "data" / "shipments-scms" / "delivered_until_2012-03-31.csv.gz"


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory.from_organisations(data.organisations())


@pytest.fixture(scope="module")
def imports(directory: Directory) -> dict[str, Imported]:
    context = ImportContext(directory=directory)
    return {
        kind: import_bytes(data.load(name), name, "auto", context) for kind, name in data.CSV_FILES.items()
    }


def test_every_shipped_file_imports_without_a_problem(imports: dict[str, Imported]) -> None:
    for kind, found in imports.items():
        assert found.kind == kind
        assert found.is_clean, [str(problem) for problem in found.errors[:3]]
        assert found.summary.documents >= 250
        assert found.summary.withheld == found.summary.skipped == 0


def test_organisations_have_roles_and_are_those_of_the_files(imports: dict[str, Imported]) -> None:
    organisations = {entry["id"]: entry for entry in data.organisations()}
    assert list(organisations) == sorted(organisations)
    roles = {role for entry in organisations.values() for role in entry["roles"]}
    assert roles == {"supplier", "buyer", "lender", "settlement_bank", "operator"}
    for found in imports.values():
        for entry in found.entries:
            allowed = registry.OPERATIONS[entry.operation["op"]].roles
            assert set(organisations[entry.signer]["roles"]) & set(allowed)


def test_shipments_receipts_and_invoices_match_their_orders(imports: dict[str, Imported]) -> None:
    ordered: dict[tuple[str, str], tuple[int, int]] = {}
    for operation in imports["orders"].operations:
        if operation["op"] == "order.submit":
            for line in operation["lines"]:
                key = (operation["order"], line["line"])
                assert key not in ordered
                ordered[key] = (line["quantity"], line["price_micros"])
    shipped: dict[tuple[str, str], int] = {}
    for operation in imports["shipments"].operations:
        for line in operation["lines"]:
            key = (operation["order"], line["line"])
            shipped[key] = shipped.get(key, 0) + line["quantity"]
    assert {key: quantity for key, (quantity, _) in ordered.items()} == shipped
    for operation in imports["invoices"].operations:
        assert operation["gross"] == sum(line["amount"] for line in operation["lines"])
        for line in operation["lines"]:
            quantity, price_micros = ordered[operation["order"], line["line"]]
            assert line["quantity"] <= quantity
            assert line["amount"] * 10**6 == line["quantity"] * price_micros


def test_payments_never_exceed_invoices_and_leave_an_open_tail(imports: dict[str, Imported]) -> None:
    open_amount = {operation["invoice"]: operation["gross"] for operation in imports["invoices"].operations}
    confirmed = {operation["invoice"] for operation in imports["confirmations"].operations}
    for operation in imports["payments"].operations:
        assert operation["invoice"] in confirmed
        open_amount[operation["invoice"]] -= operation["amount"]
    assert min(open_amount.values()) == 0
    still_open = {invoice for invoice, amount in open_amount.items() if amount > 0}
    assert len(still_open) == 18
    due = {operation["invoice"]: operation["due_date"] for operation in imports["invoices"].operations}
    assert sum(due[invoice] > data.BUSINESS_DATE for invoice in still_open & confirmed) >= 6


def test_every_payment_says_that_it_is_simulated(imports: dict[str, Imported]) -> None:
    rows = data.load("scms/payments.csv").decode().splitlines()[1:]
    assert all(row.endswith(",simulated seed 20120331") for row in rows)
    assert imports["payments"].summary.notes == (
        f"{len(rows):,} payments are not real: simulated seed 20120331",
    )


def test_no_document_is_later_than_the_business_date(imports: dict[str, Imported]) -> None:
    entries = timeline(imports.values())
    assert len(entries) == sum(len(found.entries) for found in imports.values())
    assert entries[-1].date <= data.BUSINESS_DATE
    assert [entry.date for entry in entries] == sorted(entry.date for entry in entries)


class MemoryLedger:
    """The contracts over one overlay, with the demonstration's organisations."""

    def __init__(self, business_date: str) -> None:
        organisations = data.organisations()
        self.keys = {
            entry["id"]: SigningKey.from_seed(entry["id"].encode().ljust(32, b"-")) for entry in organisations
        }
        document = {
            "version": 1,
            "name": "demonstration data",
            "time_ms": 1_150_000_000_000,
            "contract_version": Contracts.version,
            "quorum": 1,
            "nodes": [
                {"id": "n1", "organisation": "scms", "key": self.keys["scms"].public, "certificate": b"c"}
            ],
            "organisations": [
                {
                    **entry,
                    "keys": [
                        {"key": self.keys[entry["id"]].public, "name": "main", "enrolled_by": entry["id"]}
                    ],
                }
                for entry in organisations
            ],
            "parameters": {"business_date": business_date},
        }
        self.contracts = Contracts()
        self.state = Overlay({})
        self.contracts.genesis(self.state, Genesis.from_document(document))
        self.count = 0

    def submit(self, signer: str, *operations: Operation) -> object:
        """The result: () when everything was applied."""
        self.count += 1
        transaction = Transaction.sign(
            self.keys[signer],
            channel=ZERO,
            operations=operations,
            valid_until_ms=1_150_000_000_001,
            nonce=self.count.to_bytes(8, "big"),
        )
        return self.contracts.execute(self.state, self.contracts.prepare(transaction), 1_150_000_000_000)


def test_the_contracts_apply_the_whole_history_day_by_day(
    imports: dict[str, Imported], directory: Directory
) -> None:
    """Every operation of the files, and a year later the UBL invoice; none is refused."""
    entries = timeline(imports.values())
    ledger, today = MemoryLedger(entries[0].date), entries[0].date
    for entry in entries:
        if entry.date > today:
            today = entry.date
            assert ledger.submit("scf-operator", {"op": "date.advance", "date": today}) == ()
        assert ledger.submit(entry.signer, entry.operation) == (), entry
    late = import_bytes(
        data.load(data.UBL_INVOICE), "invoice.xml", context=ImportContext(directory=directory)
    ).entries[0]
    assert ledger.submit(late.signer, late.operation) != (), "its date of issue is still to come"
    assert ledger.submit("scf-operator", {"op": "date.advance", "date": data.UBL_INVOICE_DATE}) == ()
    assert ledger.submit(late.signer, late.operation) == ()


def test_the_shipped_invoice_finds_its_parties(directory: Directory) -> None:
    found = import_bytes(
        data.load(data.UBL_INVOICE), "invoice.xml", "auto", ImportContext(directory=directory)
    )
    assert found.is_clean
    assert found.entries[0].signer == "sellercompany"
    assert found.entries[0].date == data.UBL_INVOICE_DATE
    assert found.operations[0]["buyer"] == "buyercompany"


def test_files_are_copied_out_for_people(tmp_path: Path) -> None:
    for kind, path in data.extract(tmp_path).items():
        found = import_file(
            path, context=ImportContext(directory=Directory.from_organisations(data.organisations()))
        )
        assert (found.kind, found.is_clean) == (kind, True)
    assert (tmp_path / "scms" / "ORIGIN.md").is_file()


@pytest.mark.skipif(not SOURCE.is_file(), reason="the whole delivery history is not on this machine")
def test_the_script_makes_exactly_the_shipped_files() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make-demo-data", "--source", SOURCE, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
