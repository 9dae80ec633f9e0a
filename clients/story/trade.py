"""Six years of trade, as it happened: each party signs its own part, the operator moves the date.

A quarter at a time: the business date goes to the quarter's end, then orders, shipments, goods
received, invoices, confirmations and payments are recorded in this order, because each rests on
the one before. Within a step the parties work at the same time.

What an interrupted run recorded already is refused when it comes again (a number is used
once), and counted as being there.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from clients import data
from clients.cli.amounts import days, money
from clients.importers import Directory, Entry, ImportContext, Imported, import_file, timeline
from clients.story.stage import BANK, BUYER, OPERATOR, SIMULATED, SUPPLIER, Facts, Stage

IS_THERE = (
    "duplicate_number",
    "order_not_issued",
    "already_received",
    "wrong_state",
    "bank_entry_used",
    "date_order",
)
PARTIES_AT_ONCE = 6

_STEPS = {
    "order.submit": "orders proposed by suppliers",
    "order.issue": "orders issued by the buyer",
    "shipment.dispatch": "shipments dispatched",
    "goods.receive": "shipments received by the buyer",
    "invoice.submit": "invoices submitted",
    "invoice.confirm": "invoices confirmed by the buyer",
    "payment.attest": "payments attested by the bank (SIMULATED)",
}


def play(stage: Stage) -> Facts:
    """Import the trade data and show what each party sees of it."""
    with stage.chapter("Trade: orders, shipments, invoices and payments of 2006 to 2012") as facts:
        imports = _read(stage)
        entries = timeline(imports)
        quarters = [
            (end, list(group)) for end, group in groupby(entries, lambda entry: _quarter_end(entry.date))
        ]
        left = [part for part in quarters if part[0] > stage.reached.get("trade_until", "")]
        counts: Counter[str] = Counter()
        files = 0
        with stage.screen.progress("   recording", sum(len(group) for _, group in left)) as advance:
            for end, group in left:
                advance_to(stage, end)
                for count, operation, file_count in _record_steps(stage, group):
                    counts[operation] += count
                    files += file_count
                    advance(count)
                stage.reach(trade_until=end)
        assert stage.reached["trade_until"] == data.BUSINESS_DATE, "the data ends with a quarter"
        for operation, text in _STEPS.items():
            if counts[operation]:
                stage.done(f"{counts[operation]:>4} {text}")
        total = sum(counts.values())
        if total:
            stage.done(f"{total:>4} transactions, each signed by its party and proved by a receipt")
        else:
            stage.done("the ledger holds it already")
        stage.say(f"The trade is real (US government open data); {SIMULATED}.")
        facts |= {"transactions": total, "receipt_files": files, "operations": dict(counts)}
        facts["payments"] = data.PAYMENTS_ARE
        facts["relationships"] = _show_views(stage)
    return facts


def _read(stage: Stage) -> list[Imported]:
    """The shipped files, read as anyone's files are."""
    files = data.extract(stage.folder / "trade")
    context = ImportContext(directory=Directory.from_organisations(data.organisations()))
    imports = [import_file(files[kind], kind, context) for kind in data.KINDS]
    assert all(imported.is_clean for imported in imports), "the shipped files are in order"
    return imports


def _quarter_end(day: str) -> str:
    """The last day of a day's quarter."""
    month = (int(day[5:7]) + 2) // 3 * 3
    return f"{day[:4]}-{month:02d}-{monthrange(int(day[:4]), month)[1]}"


def _record_steps(stage: Stage, entries: Sequence[Entry]) -> Iterator[tuple[int, str, int]]:
    """Record one quarter; (documents, operation, receipt files) of each step."""
    for operation in _STEPS:
        group = [entry for entry in entries if entry.operation["op"] == operation]
        by_signer: dict[str, list[Entry]] = {}
        for entry in group:
            by_signer.setdefault(entry.signer, []).append(entry)
        with ThreadPoolExecutor(PARTIES_AT_ONCE) as pool:
            files = sum(pool.map(lambda part: _record(stage, *part), by_signer.items()))
        yield len(group), operation, files


def _record(stage: Stage, signer: str, entries: Sequence[Entry]) -> int:
    """Record one party's documents of one step in order, and keep its receipts."""
    session = stage.session(signer)
    recorded = session.bundle([entry.operation] for entry in entries)
    for outcome in recorded:
        if not all(refusal.code in IS_THERE for refusal in outcome.refusals):
            outcome.raise_if_refused()
    return stage.keep(signer, recorded)


def advance_to(stage: Stage, day: str) -> bool:
    """Move the business date, unless it is there; whether it was moved."""
    if stage.reached.get("business_date", "") >= day:
        return False
    recorded = stage.session(OPERATOR).bundle([[{"op": "date.advance", "date": day}]])
    if not all(refusal.code in IS_THERE for refusal in recorded[0].refusals):
        recorded[0].raise_if_refused()
    stage.reach(business_date=day)
    return True


def _show_views(stage: Stage) -> list[Facts]:
    """What the buyer, the supplier and the bank see."""
    session = stage.session(BUYER)
    shown, rows = [], []
    for relationship in session.relationships(BUYER):
        supplier = relationship["supplier"]
        found = session.view(f"/relationships/{supplier}/{BUYER}")
        for currency, sums in found["currencies"].items():
            shown.append({"supplier": supplier, "buyer": BUYER, "records": found["records"]})
            rows.append(
                (
                    supplier,
                    found["records"],
                    sums["invoices"],
                    money(sums["invoiced"], currency),
                    money(sums["open_amount"], currency),
                    days(sums["dbt_centidays"]),
                )
            )
    right = ("records", "invoices", "invoiced", "open", "paid late by")
    stage.screen.line()
    stage.screen.table(
        ("supplier", "records", "invoices", "invoiced", "open", "paid late by"),
        rows,
        title=f"What the buyer ({BUYER}) sees: its suppliers. Lateness is simulated.",
        right=right,
    )
    _show_open_invoices(stage)
    _show_account(stage)
    return shown


def _show_open_invoices(stage: Stage) -> None:
    session = stage.session(SUPPLIER)
    found = [entry for entry in session.invoices(SUPPLIER, buyer=BUYER) if entry["outstanding"]]
    stage.screen.table(
        ("invoice", "order", "issued", "due", "outstanding", "validity", "title", "maturity"),
        [
            (
                entry["invoice"],
                entry["order"],
                entry["issue_date"],
                entry["due_date"],
                money(entry["outstanding"], entry["currency"]),
                entry["validity"],
                entry["title"],
                entry["maturity"],
            )
            for entry in found[:8]
        ],
        title=f"What the supplier ({SUPPLIER}) sees: open invoices"
        + (f", 8 of {len(found)}" if found[8:] else ""),
        right=("outstanding",),
    )


def _show_account(stage: Stage) -> None:
    accounts = stage.session(BANK).view(f"/organisations/{BUYER}/accounts")["accounts"]
    stage.screen.table(
        ("organisation", "account", "balance"),
        [
            (entry["organisation"], entry["account"], money(entry["balance"], entry["currency"]))
            for entry in accounts
        ],
        title=f"What the bank ({BANK}) sees: cash that it attested, SIMULATED",
        right=("balance",),
    )
