"""The offline check of a proof file, for people: what was proved, step by step, or what is wrong.

    report = verify_path(Path("invoice.receipt"), load_trust(Path("genesis.block")))
    report.summary        one sentence
    report.steps          what was checked, in the order and with the names of docs/protocol.md
    report.facts          what is now known, ready for JSON
    report.says           of a receipt: who signed what, and what became of it

No node, no network, no clock. Whatever does not prove what it claims raises the precise
`VerificationError` (or `Malformed`, if a changed byte already breaks its form); a report
exists only when all is proved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clients.errors import ProfileError
from clients.sdk.books import book_subject, read_book
from clients.sdk.certificates import certificate_subject, read_certificate
from clients.sdk.exports import checked
from clients.sdk.histories import PARTY, read_history, read_party_history, subject
from clients.sdk.statements import read_statement, statement_subject
from clients.verification.evidence import statements
from clients.verification.export_file import kind_of, read_source
from clients.verification.report import Report, commit_steps, header_facts, numbered, shown
from clients.wording import counted, counted_are
from contracts import Contracts
from contracts.answer import Answer, verify_answer
from contracts.cash.cash_views import line_view
from contracts.certificates.certificate_views import record_view as certificate_record_view
from contracts.finance.quote import ProvedQuote, Quote, verify_quote
from contracts.finance.quote_book import verify_book
from contracts.holdings.portfolio_views import record_view as book_record_view
from contracts.trade.relationship_sums import AGGREGATES_FIELDS
from contracts.trade.relationship_views import record_view, relationships_of
from ledger import codec, proof_file
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.dates import iso_from_day
from ledger.errors import Malformed
from ledger.faults.evidence import GROUNDS, Evidence
from ledger.hashing import short
from ledger.limits import MAX_PROOF_BYTES
from ledger.members.membership import Membership, step
from ledger.money import Money
from ledger.proofs.carried import opened
from ledger.proofs.handover import MembershipChain
from ledger.proofs.history import History, ProvedHistory
from ledger.proofs.receipt import ProvedOutcome, Receipt
from ledger.proofs.statement import Statement

_SHOWN_TRANSACTIONS = 20
_NUMBERS = (
    "invoice",
    "shipment",
    "order",
    "credit",
    "certificate",
    "programme",
    "auction",
    "redemption",
    "entry",
)
"""Fields of operations that name a document, the one that says most before the others."""


def verify_path(path: Path, genesis: GenesisBlock) -> Report:
    """Check a proof file of any kind; the kind is found out.

    Raises:
        ProfileError: it cannot be read.
        Malformed: not a proof file in canonical form.
        VerificationError: it does not prove what it claims, with the step that failed.
    """
    try:
        kind = kind_of(path)
        if kind:
            return verify_export(path, genesis) if kind == "export" else verify_extract(path, genesis)
        with path.open("rb") as file:
            data = file.read(MAX_PROOF_BYTES + 1)
    except OSError as error:
        raise ProfileError(
            f"cannot read {path}", code="proof_file", found=error.strerror, remedy="Check the file's path."
        ) from None
    return verify_data(data, genesis)


def verify_export(path: Path, genesis: GenesisBlock) -> Report:
    """Check an export, of any size, as it is read.

    Raises:
        OSError: it cannot be read.
        Malformed, VerificationError: like `verify_path`.
    """
    proved = checked(path, genesis)
    steps = (
        *commit_steps(proved.certified, proved.trust),
        f"{counted(proved.entries, 'entry')} lead to the state root of that block: none is missing, "
        "altered or left over",
        f"every history among them, {proved.histories:,} in all, has all its records: {proved.records:,}",
        "nothing else is in the file",
    )
    facts = {
        **header_facts(proved.certified, proved.trust),
        "entries": proved.entries,
        "histories": proved.histories,
        "records": proved.records,
    }
    summary = f"the whole ledger at height {proved.header.height}: {counted(proved.entries, 'entry')}"
    return Report("export", summary, numbered(steps), facts)


def verify_extract(path: Path, genesis: GenesisBlock) -> Report:
    """Check an extract: all that belongs to one organisation.

    Raises:
        ProfileError, Malformed, VerificationError: like `verify_path`.
    """
    proved, _ = read_source(path, genesis)
    steps = (
        *commit_steps(proved.certified, proved.trust),
        f"the state root of that block holds, or provably lacks, {counted(proved.entries, 'entry')}",
        f"every history among them, {proved.histories:,} in all, has all its records: {proved.records:,}",
        f"they are exactly what belongs to {proved.scope}: its relationships, its book, and all invoices "
        "and certificates that their records name",
        "nothing else is in the file",
    )
    facts = {
        **header_facts(proved.certified, proved.trust),
        "scope": proved.scope,
        "entries": proved.entries,
        "histories": proved.histories,
        "records": proved.records,
    }
    height = proved.certified.header.height
    return Report("extract", f"all that belongs to {proved.scope} at height {height}", numbered(steps), facts)


def verify_data(data: bytes, genesis: GenesisBlock) -> Report:
    """Check the bytes of a proof file; raises like `verify_path`."""
    data, genesis = opened(data, genesis)
    kind = proof_file.read(data)[0]
    if kind == proof_file.MEMBERSHIPS:
        return _memberships(data, genesis)
    if kind == proof_file.HISTORY:
        key = History.decode(data).key
        if statement_subject(key) is not None:
            return _statement(data, genesis)
        if book_subject(key) is not None:
            return _book(data, genesis)
        if certificate_subject(key) is not None:
            return _certificate(data, genesis)
        about = subject(key)
        return _party(data, genesis) if about[0] == PARTY else _history(data, genesis)
    if kind == proof_file.STATE:
        return _state(data, genesis)
    if kind == proof_file.QUOTE:
        return _quote(data, genesis)
    if kind == proof_file.ANSWER:
        return _answer(data, genesis)
    if kind == proof_file.QUOTES:
        return _prices(data, genesis)
    if kind == proof_file.EVIDENCE:
        return _evidence(data, genesis)
    return _receipt(data, genesis)


def _receipt(data: bytes, genesis: GenesisBlock) -> Report:
    receipt = Receipt.decode(data)
    outcomes = receipt.verify(genesis)
    refused = sum(not outcome.is_applied for outcome in outcomes)
    count = len(outcomes)
    header = receipt.certified.header
    what = counted_are(count, "transaction")
    became = "all applied" if not refused else f"{refused} of {count} refused by a rule"
    steps = (
        *commit_steps(receipt.certified, genesis),
        f"every transaction has one result, {count} in all",
        f"each was made for this channel, and its signature is its signer's ({count} checked)",
        f"the transactions stand in the block at position {receipt.first} and after",
        "the results stand in the block at the same positions",
    )
    facts = {
        **header_facts(receipt.certified, genesis),
        "transactions": [_outcome_facts(outcome, genesis) for outcome in outcomes],
    }
    summary = f"{what} on the ledger at height {header.height}: {became}"
    return Report(proof_file.RECEIPT, summary, numbered(steps), facts, _said(facts["transactions"]))


def _said(transactions: list[dict[str, Any]]) -> tuple[str, ...]:
    """A line for each operation of the first transactions, as people name the documents."""
    lines = []
    for transaction in transactions[:_SHOWN_TRANSACTIONS]:
        codes = {refusal["operation"]: refusal["code"] for refusal in transaction["refusals"]}
        signer = transaction["organisation"] or f"key {transaction['signer'][:16]}…"
        for place, operation in enumerate(transaction["operations"][:_SHOWN_TRANSACTIONS]):
            became = "applied" if transaction["applied"] else codes.get(place, "not applied")
            about = next((str(operation[name]) for name in _NUMBERS if operation.get(name)), "")
            lines.append(" ".join(filter(None, (f"{signer}:", operation["op"], about))) + f", {became}")
    left = sum(len(each["operations"]) for each in transactions) - len(lines)
    return (*lines, f"… and {left} more; all with --json") if left else tuple(lines)


def _history(data: bytes, genesis: GenesisBlock) -> Report:
    history = read_history(data, genesis)
    certified = History.decode(data).certified
    steps = _history_steps(history.proved, certified, genesis)
    facts = {
        **header_facts(certified, genesis),
        "supplier": history.supplier,
        "buyer": history.buyer,
        "complete": history.is_complete,
        "count": history.count,
        "records": [record_view(record) for record in history.records],
        "aggregates": {
            currency: dict(zip(AGGREGATES_FIELDS, shown(sums), strict=True))
            for currency, sums in history.aggregates.items()
        },
    }
    summary = (
        f"history of {history.supplier} and {history.buyer} at height {history.height}: "
        f"{counted(len(history.records), 'record')}, {_extent(history.proved)}"
    )
    return Report(proof_file.HISTORY, summary, numbered(steps), facts)


def _statement(data: bytes, genesis: GenesisBlock) -> Report:
    statement = read_statement(data, genesis)
    proved = statement.proved
    certified = History.decode(data).certified
    facts = {
        **header_facts(certified, genesis),
        "bank": statement.bank,
        "client": statement.client,
        "currency": statement.currency,
        "complete": proved.is_complete,
        "count": proved.count,
        "available": statement.balance.available,
        "held": statement.balance.held,
        "lines": [line_view(line) for line in statement.lines],
    }
    summary = (
        f"statement of {statement.client} at {statement.bank} in {statement.currency} "
        f"at height {proved.height}: {counted(len(statement.lines), 'line')}, {_extent(proved)}"
    )
    return Report(proof_file.HISTORY, summary, numbered(_history_steps(proved, certified, genesis)), facts)


def _book(data: bytes, genesis: GenesisBlock) -> Report:
    book = read_book(data, genesis)
    proved = book.proved
    certified = History.decode(data).certified
    facts = {
        **header_facts(certified, genesis),
        "lender": book.lender,
        "complete": proved.is_complete,
        "count": proved.count,
        "totals": {currency: sums._asdict() for currency, sums in book.totals.items()},
        "records": [book_record_view(record) for record in book.records],
    }
    records = counted(len(book.records), "record")
    summary = f"book of {book.lender} at height {proved.height}: {records}, {_extent(proved)}"
    return Report(proof_file.HISTORY, summary, numbered(_history_steps(proved, certified, genesis)), facts)


def _certificate(data: bytes, genesis: GenesisBlock) -> Report:
    found = read_certificate(data, genesis)
    view = found.view
    certified = History.decode(data).certified
    facts = {
        **header_facts(certified, genesis),
        **view,
        "complete": True,
        "records": [certificate_record_view(record) for record in found.proved.records],
    }
    live = Money(view["totals"]["live"], view["currency"])
    summary = (
        f"certificate {found.number} of {found.obligor} at height {found.height}: "
        f"{counted(len(view['leaves']), 'leaf')}, all of them; {live} live, due {view['maturity']}"
    )
    steps = (
        *_history_steps(found.proved, certified, genesis),
        "they make this tree, which adds up to the same",
    )
    return Report(proof_file.HISTORY, summary, numbered(steps), facts)


def _answer(data: bytes, genesis: GenesisBlock) -> Report:
    proved = verify_answer(data, genesis)
    answer = Answer.decode(data)
    count = len(answer.state.entries)
    steps = (
        *commit_steps(answer.certified, genesis),
        f"the rules in force were those of contract version {answer.certified.header.contract_version}",
        "the state root of that block holds, or provably lacks, what the answer needs: "
        f"{counted(count, 'entry')}",
        "the answer follows from them, and nothing else is in the proof",
    )
    facts = {
        **header_facts(answer.certified, genesis),
        "question": proved.question,
        "arguments": list(proved.arguments),
        "answer": proved.view,
    }
    asked = ", ".join(str(argument) for argument in proved.arguments)
    summary = f"{proved.question} {asked} at height {proved.height}: {proved.sentence}"
    return Report(proof_file.ANSWER, summary, numbered(steps), facts)


def _memberships(data: bytes, genesis: GenesisBlock) -> Report:
    changes = MembershipChain.decode(data)
    followed = changes.verify(genesis)
    steps = tuple(
        f"block {height}: {_change(before, after)}, acknowledged by "
        f"{', '.join(node for node, _ in handover.certified.certificate.acks)}"
        for height, before, after, handover in zip(
            followed.heights[1:],
            followed.memberships,
            followed.memberships[1:],
            followed.chain.handovers,
            strict=False,
        )
    )
    newest = followed.newest
    facts = {
        "channel": genesis.channel.hex(),
        "height": followed.heights[-1],
        "changes": len(followed.heights) - 1,
        "quorum": newest.quorum,
        "voters": [member.node for member in newest.voters],
        "outgoing": [member.node for member in newest.outgoing],
        "learners": [member.node for member in newest.learners],
    }
    summary = f"{len(followed.heights) - 1} membership changes up to height {followed.heights[-1]}"
    return Report(proof_file.MEMBERSHIPS, summary, numbered(steps), facts)


def _change(before: Membership, after: Membership) -> str:
    names = {
        "voters": [member.node for member in after.voters],
        "outgoing voters": [member.node for member in after.outgoing],
        "learners": [member.node for member in after.learners],
    }
    listed = "; ".join(f"{what} {', '.join(nodes)}" for what, nodes in names.items() if nodes)
    return f"{step(before, after)}: {listed}"


def _party(data: bytes, genesis: GenesisBlock) -> Report:
    party, proved = read_party_history(data, genesis)
    certified = History.decode(data).certified
    facts = {
        **header_facts(certified, genesis),
        "party": party,
        "complete": proved.is_complete,
        "count": proved.count,
        "relationships": relationships_of(proved.records),
    }
    summary = f"relationships of {party} at height {proved.height}: {len(proved.records)}, {_extent(proved)}"
    return Report(proof_file.HISTORY, summary, numbered(_history_steps(proved, certified, genesis)), facts)


def _extent(proved: ProvedHistory) -> str:
    return "complete" if proved.is_complete else f"the newest {len(proved.records)} of {proved.count}"


def _history_steps(
    proved: ProvedHistory, certified: CertifiedHeader, genesis: GenesisBlock
) -> tuple[str, ...]:
    count = len(proved.records)
    return (
        *commit_steps(certified, genesis),
        f"the rules in force were those of contract version {certified.header.contract_version}",
        "the state root of that block holds this history's entry"
        if proved.count
        else "the state root of that block holds no such entry",
        f"{counted(count, 'record')} up to the newest, number {proved.count - 1}"
        if proved.count
        else "there are no records",
        "the hash chain over them leads to the proved head: none is missing or altered",
        *(("the aggregates are what the records add up to",) if proved.is_complete else ()),
    )


def _state(data: bytes, genesis: GenesisBlock) -> Report:
    statement = Statement.decode(data)
    proved = statement.verify(genesis)
    absent = sum(value is None for value in proved.entries.values())
    steps = (
        *commit_steps(statement.certified, genesis),
        f"the state root of that block holds {len(proved.entries) - absent} of the {len(proved.entries)} "
        f"entries as they are here, and nothing under the keys of the others, {absent} in all",
    )
    facts = {
        **header_facts(statement.certified, genesis),
        "entries": [
            {"key": key.hex(), "parts": _key_parts(key), "present": value is not None, "value": shown(value)}
            for key, value in proved.entries.items()
        ],
    }
    present = counted(len(proved.entries) - absent, "entry")
    summary = f"state at height {proved.height}: {present} present, {absent} absent"
    return Report(proof_file.STATE, summary, numbered(steps), facts)


def _key_parts(key: bytes) -> Any:
    """What a state key is made of; None for bytes that are no key, under which nothing can stand."""
    try:
        return shown(codec.decode(key))
    except Malformed:
        return None


def _quote(data: bytes, genesis: GenesisBlock) -> Report:
    proved = verify_quote(data, genesis)
    quote = Quote.decode(data)
    count = len(quote.state.entries)
    steps = (
        *commit_steps(quote.certified, genesis),
        f"the rules in force were those of contract version {quote.certified.header.contract_version}",
        f"the state root of that block holds, or provably lacks, the {count} inputs of the price",
        "they are all its inputs, nothing else is in the proof, and "
        + (
            f"the model is the one in force ({short(proved.terms.model)})"
            if quote.model
            else "no model is in force"
        ),
        "under these inputs the rules give a price",
        "it is this one, to the unit",
        f"it expires at height {quote.expires_height}, as the rules say",
    )
    facts = {
        **header_facts(quote.certified, genesis),
        "programme": proved.programme,
        "lender": proved.lender,
        "supplier": proved.inputs.supplier,
        "buyer": proved.inputs.buyer,
        "invoice": proved.inputs.invoice,
        "currency": proved.inputs.currency,
        "expires_height": quote.expires_height,
        "quote": proved.terms.quote.hex(),
        "model": proved.terms.model.hex() or None,
        "terms": shown(quote.terms),
    }
    terms = proved.terms
    paid_out, net = (Money(amount, terms.currency) for amount in (terms.paid_out, terms.net))
    summary = (
        f"price of invoice {terms.invoice} of {terms.supplier} under programme {terms.programme}, "
        f"{paid_out} now for {net} due on {iso_from_day(terms.due_day)}, "
        f"of {iso_from_day(terms.day)} at height {proved.height}"
    )
    return Report(proof_file.QUOTE, summary, numbered(steps), facts)


def _prices(data: bytes, genesis: GenesisBlock) -> Report:
    book, results = verify_book(data, genesis)
    priced = [result for result in results if isinstance(result, ProvedQuote)]
    heights = sorted({page.certified.header.height for page in book.pages})
    steps = (
        f"each of {len(book.pages)} pages rests on a committed block, heights {heights[0]} to {heights[-1]}",
        "the state root of that block holds, or provably lacks, the inputs of all its prices",
        "they are all their inputs, nothing else is in the proofs, and the models are those in force",
        f"under these inputs the rules give {len(priced)} prices, each to the unit, and refuse "
        f"{len(results) - len(priced)}, each with its code",
    )
    facts = {
        "channel": genesis.channel.hex(),
        "programme": book.programme,
        "heights": heights,
        "prices": [
            {
                "supplier": result.inputs.supplier,
                "invoice": result.inputs.invoice,
                "quote": result.terms.quote.hex(),
                "paid_out": result.terms.paid_out,
                "currency": result.terms.currency,
            }
            for result in priced
        ],
        "refused": [
            {"supplier": result.supplier, "invoice": result.invoice, "code": result.refusal.code}
            for result in results
            if not isinstance(result, ProvedQuote)
        ],
    }
    summary = (
        f"{len(priced)} prices and {len(results) - len(priced)} refusals under programme {book.programme}"
    )
    return Report(proof_file.QUOTES, summary, numbered(steps), facts)


def _evidence(data: bytes, genesis: GenesisBlock) -> Report:
    evidence = Evidence.decode(data)
    proved = evidence.verify(genesis, Contracts())
    grounds = GROUNDS[proved.kind]
    accused = evidence.node or "the signers of both certificates"
    steps = (
        f"the file is evidence of kind {proved.kind}, in its only form",
        f"the statements are signed: {grounds.statements}",
        f"the keys are those that the channel knows for {accused}",
        f"no honest node makes them: {grounds.honest}",
    )
    facts = {
        "channel": genesis.channel.hex(),
        "id": evidence.id.hex(),
        "fault": proved.kind,
        "nodes": list(proved.nodes),
        "term": proved.term,
        "height": proved.height,
        "statements": statements(evidence.fault),
        "honest": grounds.honest,
        "alike": grounds.alike,
        "requirements": list(grounds.requirements),
    }
    return Report(proof_file.EVIDENCE, proved.says, numbered(steps), facts)


def _outcome_facts(outcome: ProvedOutcome, genesis: GenesisBlock) -> dict[str, Any]:
    signer = outcome.transaction.signer
    return {
        "id": outcome.transaction.id.hex(),
        "index": outcome.index,
        "signer": signer.hex(),
        "organisation": _organisation_of(signer, genesis),
        "applied": outcome.is_applied,
        "refusals": [
            {"operation": place, "code": code, "detail": detail} for place, code, detail in outcome.result
        ],
        "operations": shown(outcome.transaction.operations),
    }


def _organisation_of(key: bytes, genesis: GenesisBlock) -> str | None:
    """Whose key it was at genesis; None for a key that was enrolled later."""
    for organisation in genesis.genesis.organisations:
        if any(enrolled.key == key for enrolled in organisation.keys):
            return organisation.id
    return None
