"""camt.053 and camt.054 to what the bank attests: deposits, redemptions, payments.

| entry | becomes |
|---|---|
| credit of a custody account | `deposit.mint`: the whole entry is its client's |
| debit of a custody account | `redemption.pay`, found by the end-to-end reference of the payout file |
| with the reference of a settlement | `settlement.attest`, `finance.fund` or `settlement.return` |
| credit of another account | `payment.attest`, one for each payment behind it, by the invoice that it names |
| debit of another account | nothing: skipped, and counted |
| not booked (pending, information) | nothing: skipped, and counted |
| reversal | a problem: what it takes back is on the ledger and needs a person |

The bank signs all of them. Which accounts are custody, which redemptions and settlements wait, is the
importing bank's `BankBook`. A settlement moves on within a file: its cash may come and go by one statement.
"""

from __future__ import annotations

from dataclasses import replace

from clients.importers.camt_reading import Part, StatementEntry, read_camt
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import Conditional, Entry, ImportContext, Outcome
from clients.importers.xml_document import parse_xml
from clients.wording import counted_are
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier, is_identifier
from ledger.money import Money


def read_bank_file(data: bytes, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that attest a file's booked entries."""
    try:
        file = read_camt(parse_xml(data), problems)
        bank = _bank(context)
    except ImportProblem as problem:
        problems.add(problem)
        return Outcome((), 0, 0, 0)
    operations: list[Entry] = []
    skipped = pending = 0
    seen: dict[tuple[str, str], int] = {}
    waiting = dict(context.book.settlements)
    withheld = file.total - len(file.entries)
    for entry in file.entries:
        if not entry.is_booked:
            pending += 1
            continue
        try:
            _check_new(entry, seen)
            made = _operations(entry, context, waiting)
        except ImportProblem as problem:
            problems.add(problem)
            withheld += 1
            continue
        skipped += not made
        operations += [Entry(bank, entry.date, operation, entry.line) for operation in made]
    notes = tuple(
        note
        for count, note in (
            (pending, f"{counted_are(pending, 'entry')} not booked yet: left out"),
            (skipped, f"{counted_are(skipped, 'debit')} of accounts that hold no client's money: left out"),
        )
        if count
    )
    if context.organisation not in ("", bank):
        return Outcome(
            (), file.total, withheld, file.total, (f"{bank} signs this, not {context.organisation}",)
        )
    return Outcome(tuple(operations), file.total, withheld, pending + skipped, notes)


def _bank(context: ImportContext) -> str:
    bank = context.bank or context.organisation
    if not bank:
        raise ImportProblem(
            "bank", "no bank to sign for", found="nothing", expected="the organisation id of the bank"
        )
    return context.directory.checked_id(bank, "bank")


def _check_new(entry: StatementEntry, seen: dict[tuple[str, str], int]) -> None:
    first = seen.setdefault((entry.account, entry.reference), entry.line)
    if first != entry.line:
        raise entry.problem(
            "duplicate_entry",
            "two entries under one reference",
            found=entry.reference,
            expected=f"another reference than the entry at line {first}",
            remedy="Ask the bank which of them is which; attest them by hand.",
        )


def _operations(
    entry: StatementEntry, context: ImportContext, waiting: dict[str, Conditional]
) -> list[Operation]:
    if entry.is_reversal:
        raise entry.problem(
            "reversal",
            "the bank takes an entry back",
            found=entry.reference,
            expected="an entry that stands",
            remedy="Settle it by hand: let the client redeem, or pay the amount back.",
        )
    if entry.amount.amount == 0:
        raise entry.problem(
            "amount",
            "an entry of nothing",
            found="0",
            expected="above zero",
            remedy="It moves no money: leave it out.",
        )
    owner = context.book.custody.get(entry.account)
    if owner is None:
        return _uncustodied(entry, context, waiting)
    client, currency = owner
    if entry.amount.currency != currency:
        raise entry.problem(
            "currency_mismatch",
            "another currency than the custody account's",
            found=entry.amount.currency,
            expected=currency,
            remedy="Ask the bank whose money it is; the custody account holds one currency alone.",
        )
    booked = {"account": entry.account, "date": entry.date, "client": client, "currency": currency}
    if entry.is_credit:
        return [
            {
                "op": "deposit.mint",
                **booked,
                "entry": _number(entry, entry.reference),
                "amount": entry.amount.amount,
            }
        ]
    return [_redemption(entry, part, booked, context) for part in _paid(entry)]


def _uncustodied(
    entry: StatementEntry, context: ImportContext, waiting: dict[str, Conditional]
) -> list[Operation]:
    """What an entry on an account that is nobody's custody says; the settlements in it move on."""
    if not any(part.end_to_end in waiting for part in entry.parts):
        return [_payment(entry, part, context) for part in _paid(entry)] if entry.is_credit else []
    made = []
    moved: dict[str, Conditional] = {}
    for part in _paid(entry):
        found = moved.get(part.end_to_end) or waiting.get(part.end_to_end)
        if found is not None:
            operation, status = _conditional(entry, part, found)
            moved[part.end_to_end] = replace(found, status=status)
            made.append(operation)
        elif entry.is_credit:
            made.append(_payment(entry, part, context))
    waiting.update(moved)
    return made


_MOVES = {
    (True, "AssetHeld"): ("settlement.attest", "CashHeld"),
    (False, "CashHeld"): ("finance.fund", "Settled"),
    (False, "Expired"): ("settlement.return", "Returned"),
}
"""(credit, where a settlement stands) → what the bank attests by an entry, and where it stands then."""


def _conditional(entry: StatementEntry, part: Part, found: Conditional) -> tuple[Operation, str]:
    """What an entry with a settlement's reference attests."""
    move = _MOVES.get((entry.is_credit, found.status))
    if move is None:
        raise entry.problem(
            "settlement_state",
            "the settlement does not wait for this entry",
            found=f"{'credit' if entry.is_credit else 'debit'} for {found.settlement}, {found.status}",
            expected="a credit while AssetHeld; a debit while CashHeld, or Expired with cash held",
            remedy="Look at it with tally cash settlement show; attest by hand what is right.",
        )
    if entry.amount.currency != found.currency:
        raise entry.problem(
            "currency_mismatch",
            "another currency than the settlement's",
            found=entry.amount.currency,
            expected=found.currency,
            remedy="Look at it with tally cash settlement show; attest by hand what is right.",
        )
    op, status = move
    assert part.amount is not None
    booked: Operation = {
        "op": op,
        "account": entry.account,
        "entry": _number(entry, part.reference),
        "date": entry.date,
        "lender": found.lender,
        "amount": part.amount.amount,
    }
    if op != "finance.fund":
        return {**booked, "settlement": found.settlement}, status
    paid = {**booked, "invoice": found.invoice, "supplier": found.supplier}
    payee = part.account or found.payee
    return ({**paid, "payee": payee} if payee else paid), status


def _paid(entry: StatementEntry) -> tuple[Part, ...]:
    """The payments behind an entry, which add up to it; the entry itself where the bank gives one or none.

    Raises:
        ImportProblem: `sum_mismatch`.
    """
    if not entry.parts:
        return (Part(entry.reference, "", entry.amount, "", ""),)
    if len(entry.parts) == 1:
        only = entry.parts[0]
        return (replace(only, reference=entry.reference, amount=entry.amount),)
    amounts = [part.amount for part in entry.parts]
    total = sum(amount.amount for amount in amounts if amount is not None)
    if None in amounts or total != entry.amount.amount:
        raise entry.problem(
            "sum_mismatch",
            "the payments behind the entry do not add up to it",
            found=str(Money(total, entry.amount.currency)),
            expected=str(entry.amount),
            remedy="Ask the bank for the details, or attest the payments by hand.",
        )
    return entry.parts


def _number(entry: StatementEntry, text: str) -> str:
    try:
        return checked_identifier(text, "entry")
    except TallyError as error:
        raise entry.problem("identifier", error.message, found=text, expected=str(error.expected)) from None


def _redemption(
    entry: StatementEntry, part: Part, booked: dict[str, str], context: ImportContext
) -> Operation:
    number = context.book.redemptions.get((booked["client"], part.end_to_end))
    if number is None:
        raise entry.problem(
            "unknown_redemption",
            "a debit of a custody account that no redemption asked for",
            found=part.end_to_end or "no end-to-end reference",
            expected="the end-to-end reference of a redemption that waits",
            remedy="Client money left without a request: find out why before anything is attested.",
        )
    assert part.amount is not None
    return {
        "op": "redemption.pay",
        **booked,
        "redemption": number,
        "entry": _number(entry, part.reference),
        "amount": part.amount.amount,
    }


def _payment(entry: StatementEntry, part: Part, context: ImportContext) -> Operation:
    assert part.amount is not None
    if not is_identifier(part.document):
        raise entry.problem(
            "no_invoice",
            "a payment that names no invoice",
            found=part.document or part.reference,
            expected="RfrdDocInf/Nb, CdtrRefInf/Ref or Ustrd with the invoice number",
            remedy="Attest it by hand: tally payment attest.",
        )
    return {
        "op": "payment.attest",
        "account": entry.account,
        "entry": _number(entry, part.reference),
        "date": entry.date,
        "currency": entry.amount.currency,
        "payer": _party(entry, context.buyer, part.counterparty, "payer", context),
        "amount": part.amount.amount,
        "invoice": part.document,
        "supplier": _party(entry, context.supplier, entry.owner, "supplier", context),
    }


def _party(entry: StatementEntry, given: str, name: str, role: str, context: ImportContext) -> str:
    """The organisation given when importing, or the one of the channel that has this name."""
    try:
        if given:
            return context.directory.checked_id(given, role)
        return context.directory.find((), (name,), role)
    except ImportProblem as problem:
        raise problem.at("", entry.line, entry.path) from None
