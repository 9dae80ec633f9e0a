"""`tally import`: files of the trade onto the ledger, all of what they say or nothing.

A file with anything wrong sends nothing, so that the corrected file can simply be imported
again; `--partial` sends the documents that are right all the same. Each document is a
transaction of its own, so each has its own receipt.

    receipts/
        <height>-<place>.receipt    proof of a run of documents in one block
        index.csv                   document by document: what became of it, and its receipt
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.cash.bank_files import bank_book
from clients.cli.exits import DONE, REFUSED, USAGE, UsageProblem
from clients.cli.options import Json, ProfileFile, load_profile, open_session
from clients.cli.recording import recorded_document
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.errors import BrokenAnswer, NodeProblem
from clients.importers import (
    KINDS,
    BankBook,
    Billed,
    BilledLine,
    Content,
    Directory,
    Entry,
    ImportContext,
    Imported,
    timeline,
    together,
)
from clients.sdk import NotAdmitted, OutcomeUnknown, Recorded, Session
from clients.sdk.conversation import segment
from clients.trust import load_genesis
from clients.wording import counted, counted_are
from contracts.errors import REMEDIES
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.transaction import Transaction
from ledger.errors import VerificationError

CHUNK = 100
"""Documents sent in one bundle."""

SHOWN_PROBLEMS = 50
DOCUMENT_FIELDS = ("invoice", "shipment", "order", "credit", "redemption", "entry")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="import",
        epilog=examples(
            "tally import orders.csv shipments.csv invoices.csv --profile net/profiles/acme.json",
            "tally import response.xml --profile net/profiles/anchor.json   (a Peppol Invoice Response)",
            "tally import despatch.xml --profile net/profiles/acme.json   (a UBL DespatchAdvice)",
            "tally import receipt.xml --profile net/profiles/anchor.json   (a UBL ReceiptAdvice)",
            "tally import events.jsonld --buyer anchor --profile net/profiles/acme.json",
            "tally import camt054.xml --profile net/profiles/bank.json",
            "tally import invoice.xml --profile net/profiles/acme.json --term-days 30",
            "tally import invoice.pdf --profile net/profiles/acme.json   (Factur-X or ZUGFeRD)",
            "tally import orders.csv --issue-drafts --profile net/profiles/anchor.json",
            "tally import invoices.csv --dry-run --json --profile net/profiles/acme.json",
            "tally import confirmations.csv --together --profile net/profiles/anchor.json",
        ),
    )(import_files)


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="CSV, UBL 2.1, CII, Factur-X or ZUGFeRD PDF, Peppol response, camt or EPCIS.",
        ),
    ],
    kind: Annotated[str, typer.Option(help="auto, " + ", ".join(KINDS) + ".")] = "auto",
    supplier: Annotated[str, typer.Option(help="For files without a supplier column.")] = "",
    buyer: Annotated[str, typer.Option(help="For files without a buyer column.")] = "",
    bank: Annotated[str, typer.Option(help="For payment files without a bank column.")] = "",
    currency: Annotated[str, typer.Option(help="For files without a currency column.")] = "",
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Amounts are 1234,50.")] = False,
    issue_drafts: Annotated[
        bool, typer.Option("--issue-drafts", help="Buyer: issue the suppliers' drafts as they stand.")
    ] = False,
    link_orders: Annotated[bool, typer.Option(help="Match European invoices with their orders.")] = True,
    term_days: Annotated[int, typer.Option(min=0, help="Days to pay, for invoices without a due date.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files and send nothing.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Send what is right although something else is wrong.")
    ] = False,
    together_: Annotated[
        bool,
        typer.Option(
            "--together", help="Buyer: confirm each supplier's invoices in one operation, all or none."
        ),
    ] = False,
    receipts: Annotated[Path, typer.Option(help="Folder for the receipts.")] = Path("receipts"),
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Import orders, shipments, receipts, invoices, confirmations, payments, bank files and EPCIS events.

    What your organisation signs is sent, in the order of the days; what others sign is skipped.
    With anything wrong in a file nothing is sent and the exit code is 1.
    """
    screen = Screen(json)
    if kind not in (*KINDS, "auto"):
        raise UsageProblem(
            "no such kind of file",
            code="unknown_kind",
            field="--kind",
            found=kind,
            expected="auto, " + ", ".join(KINDS),
        )
    known = load_profile(profile)
    book = BankBook()
    contents = [Content.of(file) for file in files]
    if any(content.is_bank_file for content in contents):
        with open_session(profile) as session:
            book = bank_book(session, bank or known.organisation)
    context = ImportContext(
        organisation=known.organisation,
        book=book,
        supplier=supplier,
        buyer=buyer,
        bank=bank,
        currency=currency.upper(),
        decimal_comma=decimal_comma,
        issue_drafts=issue_drafts,
        link_orders=link_orders,
        term_days=term_days,
        directory=directory_of(load_genesis(known.genesis, known.channel)),
    )
    with open_session(profile) as reading, screen.progress("reading", len(files)) as advance:
        context = replace(context, trade=LedgerTrade(reading))
        imports = []
        for content in contents:
            imports.append(content.imported(kind, context))
            advance(1)
    has_problems = any(not imported.is_clean for imported in imports)
    entries = together(timeline(imports)) if together_ else timeline(imports)
    sent = Sent()
    if entries and not dry_run and (partial or not has_problems):
        with open_session(profile) as session:
            sent = send(screen, session, entries, receipts)
    document = {
        "files": [imported.as_dict() for imported in imports],
        "dry_run": dry_run,
        "sent": len(sent.recorded),
        "applied": sum(recorded.is_applied for recorded in sent.recorded),
        "refused": [recorded_document(r) for r in sent.recorded if not r.is_applied],
        "receipts": str(receipts) if sent.recorded else None,
    }
    if not screen.answer(document):
        show_files(screen, imports)
        _show_sent(screen, sent, receipts, is_dry=dry_run, withheld=len(entries) if has_problems else 0)
    if any(problem.code == "file_unreadable" for imported in imports for problem in imported.errors):
        return USAGE
    return REFUSED if has_problems or document["refused"] else DONE


class LedgerTrade:
    """What a node tells of the trade (not proved: the ledger checks what is made of it)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def items(self, supplier: str, buyer: str, order: str) -> dict[str, str]:
        """Line of an order → its item; empty if there is no such order."""
        found = self._found("orders", supplier, buyer, order) if order else None
        return {} if found is None else {line["line"]: line["item"] for line in found["lines"]}

    def shipped(self, supplier: str, shipment: str) -> dict[str, int]:
        """Line of a shipment → pieces; empty if there is no such shipment."""
        found = self._found("shipments", supplier, shipment)
        return {} if found is None else {line["line"]: line["shipped"] for line in found["lines"]}

    def order_of(self, supplier: str, shipment: str) -> str:
        """The order that a shipment fulfils; empty if there is no such shipment."""
        found = self._found("shipments", supplier, shipment)
        return "" if found is None else str(found["order"])

    def invoice(self, supplier: str, number: str) -> Billed | None:
        """An invoice, if there is one."""
        found = self._found("invoices", supplier, number)
        if found is None:
            return None
        credited = found["credited_units"]
        lines = {
            line["line"]: BilledLine(
                line["quantity"], line["amount"], line["quantity"] - credited.get(line["line"], 0)
            )
            for line in found["lines"]
        }
        net = found["gross"] - found["credited"]
        return Billed(net, found["outstanding"], found["due_date"], found["order"] or "", lines)

    def _found(self, *path: str) -> dict[str, Any] | None:
        try:
            return dict(self._session.view("/" + "/".join(segment(part) for part in path)))
        except NodeProblem as problem:
            if problem.status == 404:
                return None
            raise


def directory_of(genesis: GenesisBlock) -> Directory:
    """The organisations of a channel, by which documents name their parties."""
    return Directory.from_organisations(
        {
            "id": organisation.id,
            "name": organisation.name,
            "lei": organisation.lei,
            "identifiers": organisation.identifiers,
        }
        for organisation in genesis.genesis.organisations
    )


@dataclass(slots=True)
class Sent:
    """What was recorded of an import, in order."""

    entries: list[Entry] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)


def send(screen: Screen, session: Session, entries: Sequence[Entry], receipts: Path) -> Sent:
    """Record the documents in bundles and keep their receipts, bundle by bundle.

    Raises:
        OutcomeUnknown, Unavailable, NotAdmitted: what came before is recorded, and in the index.
        BrokenAnswer, VerificationError: the same; the others may be recorded too.
    """
    sent = Sent()
    signed: list[Transaction] = []
    try:
        receipts.mkdir(parents=True, exist_ok=True)
        with (
            (receipts / "index.csv").open("a", encoding="utf-8", newline="") as file,
            screen.progress("recording", len(entries)) as advance,
        ):
            index = csv.writer(file)
            if file.tell() == 0:
                index.writerow(("operation", "document", "outcome", "height", "id", "receipt"))
            for start in range(0, len(entries), CHUNK):
                chunk = entries[start : start + CHUNK]
                signed = [session.sign(entry.operation) for entry in chunk]
                recorded: Sequence[Recorded] = ()
                try:
                    recorded = session.record(signed)
                except (OutcomeUnknown, NotAdmitted) as error:
                    recorded = error.recorded
                    raise
                finally:
                    sent.recorded += recorded
                    index.writerows(_index_rows(chunk, signed, recorded, receipts))
                    file.flush()
                sent.entries += chunk
                advance(len(chunk))
    except (OutcomeUnknown, NotAdmitted) as error:
        error.remedy = _what_is_recorded(sent, receipts)
        raise
    except (BrokenAnswer, VerificationError) as error:
        error.remedy = f"{_what_is_recorded(sent, receipts)} {error.remedy}"
        raise
    except OSError as error:
        raise _unwritten(receipts, error, sent, signed) from None
    return sent


def _unwritten(receipts: Path, error: OSError, sent: Sent, signed: Sequence[Transaction]) -> UsageProblem:
    """What the disk does not take; `signed` was sent before, and stands as it stands."""
    if not signed:
        return UsageProblem(
            f"cannot write receipts to {receipts}", code="file_unwritable", found=error.strerror
        )
    looks = ", ".join(transaction.id.hex() for transaction in signed)
    return UsageProblem(
        f"{counted_are(len(sent.recorded), 'document')} recorded, but not all receipts can be written "
        f"to {receipts}",
        code="receipt_unwritten",
        field="--receipts",
        found=error.strerror,
        remedy="Do not import it again before you have looked: `tally receipt ID --out FILE`, for each of "
        f"{looks}",
    )


def _what_is_recorded(sent: Sent, receipts: Path) -> str:
    return (
        f"{len(sent.recorded)} documents are recorded: see {receipts / 'index.csv'}, which also has the "
        "ids of those without an outcome, for tally receipt."
    )


def _save_receipts(recorded: Sequence[Recorded], receipts: Path) -> dict[bytes, str]:
    """Write each receipt once, although it may cover many documents; receipt to file name.

    A file of another ledger, or of another run of documents, is not overwritten.
    """
    names: dict[bytes, str] = {}
    for outcome in recorded:
        if outcome.receipt not in names:
            place = f"{outcome.height}-{outcome.index}"
            path = receipts / f"{place}.receipt"
            if path.exists() and path.read_bytes() != outcome.receipt:
                path = receipts / f"{place}-{outcome.id.hex()[:16]}.receipt"
            path.write_bytes(outcome.receipt)
            names[outcome.receipt] = path.name
    return names


def _index_rows(
    entries: Sequence[Entry], signed: Sequence[Transaction], recorded: Sequence[Recorded], receipts: Path
) -> Iterator[tuple[object, ...]]:
    """The documents' rows of the index; what was recorded of them has its receipt written."""
    names = _save_receipts(recorded, receipts)
    outcomes = {outcome.id: outcome for outcome in recorded}
    for entry, transaction in zip(entries, signed, strict=True):
        document = (entry.operation["op"], document_number(entry.operation))
        found = outcomes.get(transaction.id)
        if found is None:
            yield (*document, "no outcome", "", transaction.id.hex(), "")
        else:
            became = "applied" if found.is_applied else found.refusals[0].code
            yield (*document, became, found.height, found.id.hex(), names[found.receipt])


def document_number(operation: dict[str, Any]) -> str:
    """The number of the document that an operation is about; the supplier's many where there are many."""
    if operation["op"] in ("invoice.confirm_many", "payables.approve"):
        return f"{counted(len(operation['invoices']), 'invoice')} of {operation['supplier']}"
    return next((str(operation[name]) for name in DOCUMENT_FIELDS if operation.get(name)), "")


def show_files(screen: Screen, imports: Sequence[Imported]) -> None:
    """What was read of each file, and what is wrong in it."""
    screen.table(
        ("file", "kind", "rows", "documents", "to send", "others sign", "with problems"),
        [
            (
                imported.file,
                imported.kind,
                imported.summary.rows,
                imported.summary.documents,
                len(imported.entries),
                imported.summary.skipped,
                imported.summary.withheld,
            )
            for imported in imports
        ],
        right=("rows", "documents", "to send", "others sign", "with problems"),
    )
    for imported in imports:
        for note in imported.summary.notes:
            screen.line(f"{imported.file}: {note}", FAINT)
        for problem in imported.errors[:SHOWN_PROBLEMS]:
            screen.line(str(problem) + (f" → {problem.remedy}" if problem.remedy else ""), BAD)
        if len(imported.errors) > SHOWN_PROBLEMS:
            screen.line(f"… and {len(imported.errors) - SHOWN_PROBLEMS} more; all with --json", BAD)


def _show_sent(screen: Screen, sent: Sent, receipts: Path, *, is_dry: bool, withheld: int) -> None:
    if is_dry:
        screen.line("Nothing was sent: --dry-run.")
        return
    if not sent.recorded:
        waiting = f"{counted(withheld, 'right document')} must wait too" if withheld else ""
        reason = f" {waiting}; --partial sends what is right." if withheld else ""
        screen.line("Nothing was sent." + reason)
        return
    applied = sum(recorded.is_applied for recorded in sent.recorded)
    if applied:
        screen.line(
            f"{counted(applied, 'document')} recorded, receipts verified and kept in {receipts}", GOOD
        )
    else:
        screen.line(f"No document is recorded; the proofs of the refusals are kept in {receipts}", BAD)
    codes = Counter(recorded.refusals[0].code for recorded in sent.recorded if not recorded.is_applied)
    for code, count in codes.most_common():
        screen.line(f"{count} refused by a rule [{code}]; see {receipts / 'index.csv'}", BAD)
        if code in REMEDIES:
            screen.line(f"  → {REMEDIES[code]}")
