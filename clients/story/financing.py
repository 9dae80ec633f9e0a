"""Finance: the lender, a client without a node, trusts the genesis file and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from clients import data
from clients.cli.amounts import money
from clients.cli.finance.finance import fund_of, offer_of
from clients.cli.pricing.quotes import quote_facts
from clients.cli.trade.histories import aggregate_facts, history_document
from clients.errors import NetworkError, NodeProblem
from clients.importers import ImportContext, import_file
from clients.sdk import Refused, Session, VerifiedQuote
from clients.story.stage import BANK, BUYER, LENDER, SUPPLIER, Facts, Stage
from clients.wording import counted
from ledger.errors import VerificationError

PROGRAMME = "harbour-2012"
EXPIRES = "2012-04-30"
ACCOUNT = "MERIDIAN-SCMS-USD"
HISTORY_FILE, QUOTE_FILE, RECEIPT_FILE = "trade.history", "invoice.quote", "payout.receipt"
SECOND_FINANCE_FILE, SECOND_INVOICE_FILE = "refused-second-finance.receipt", "refused-second-invoice.receipt"

TERMS: Facts = {
    "currency": "USD",
    "limits": ({"obligor": BUYER, "limit": 500_000_000},),
    "discount_rate_ppm": 72_000,
    "fee_ppm": 2_000,
}


def play(stage: Stage) -> Facts:
    """History, quote, offer, acceptance, payout; then the same invoice twice, in two ways."""
    with stage.chapter("Finance: a lender without a node buys an open invoice") as facts:
        lender = stage.session(LENDER)
        facts["history"] = _history(stage, lender)
        is_financed = "financed" in stage.reached
        quote = _stored_quote(stage) if is_financed else _fresh_quote(stage, lender)
        _check_offline(stage, stage.evidence / HISTORY_FILE, stage.evidence / QUOTE_FILE)
        if not is_financed:
            _buy(stage, lender, quote)
        facts["quote"] = _quote_document(quote, stage.evidence / QUOTE_FILE)
        facts["financed"] = stage.reached["financed"]
        facts["refusals"] = list(_refusals(stage, lender, quote))
    return facts


def _history(stage: Stage, lender: Session) -> Facts:
    started = time.perf_counter()
    history = lender.history(SUPPLIER, BUYER)
    took_ms = 1_000 * (time.perf_counter() - started)
    path = stage.evidence / HISTORY_FILE
    history.save(path)
    stage.done(
        f"{LENDER} fetches the complete history of {SUPPLIER} and {BUYER}: "
        f"{counted(history.count, 'record')}, here and proved in {took_ms:.0f} ms"
    )
    for currency, sums in history_document(history)["aggregates"].items():
        stage.screen.facts(
            aggregate_facts(sums, currency), title=f"What the lender ({LENDER}) sees; lateness is simulated"
        )
    return {
        "file": str(path),
        "records": history.count,
        "complete": history.is_complete,
        "ms": round(took_ms, 1),
    }


def _check_offline(stage: Stage, *paths: Path) -> None:
    """Have files checked by a fresh process; all must be proved.

    Raises:
        VerificationError: one is not.
    """
    _, answers = stage.check_offline(*paths)
    stage.done("checked again offline, by a fresh process that knows the genesis file and nothing else:")
    for path, answer in zip(paths, answers, strict=True):
        if not answer["proved"]:
            raise VerificationError(f"{path} does not verify", found=str(answer["error"])[:300])
        stage.say(f"proved: {answer['summary']}")


def _stored_quote(stage: Stage) -> VerifiedQuote:
    """The quote of an earlier run, which still proves its price."""
    content = (stage.evidence / QUOTE_FILE).read_bytes()
    quote = VerifiedQuote.read(content, stage.session(LENDER).genesis)
    paid_out = money(quote.terms.paid_out, quote.terms.currency)
    stage.done(f"invoice {quote.invoice} was financed by an earlier run: {paid_out} paid out")
    return quote


def _fresh_quote(stage: Stage, lender: Session) -> VerifiedQuote:
    _publish(stage, lender)
    quote, took_ms = _quote(lender)
    quote.save(stage.evidence / QUOTE_FILE)
    stage.done(f"quote for invoice {quote.invoice} in {took_ms:.0f} ms, recomputed by the lender to the cent")
    terms, currency = quote.terms, quote.terms.currency
    stage.screen.facts(
        [
            ("net", money(terms.net, currency)),
            ("discount, fee", f"{money(terms.discount, currency)}, {money(terms.fee, currency)}"),
            ("paid out", money(terms.paid_out, currency)),
            ("reserve", money(terms.reserve, currency)),
            *quote_facts(quote),
        ],
        title=f"The quote under {PROGRAMME}",
    )
    return quote


def _buy(stage: Stage, lender: Session, quote: VerifiedQuote) -> None:
    """Offer, acceptance, payout. If this is interrupted, the next run finances another invoice."""
    supplier, bank, number = stage.session(SUPPLIER), stage.session(BANK), quote.invoice
    lender.submit(offer_of(quote.proved, EXPIRES))
    stage.done(f"{LENDER} offers exactly this; the ledger computes it again and reserves the title")
    supplier.submit({"op": "finance.accept", "invoice": number})
    stage.done(f"{SUPPLIER} accepts")
    deal = bank.invoice(SUPPLIER, number)
    payout = fund_of(
        deal,
        account=ACCOUNT,
        entry=f"SIM-PAYOUT-{number}",
        date=data.BUSINESS_DATE,
        amount=deal["finance"]["paid_out"],
    )
    paid = bank.submit(payout)
    paid.save(stage.evidence / RECEIPT_FILE)
    stage.keep(BANK, [paid])
    stage.done(f"{BANK} attests the payout (SIMULATED): cash and title move in one operation")
    stage.reach(financed=number)


def _publish(stage: Stage, lender: Session) -> None:
    if any(programme["programme"] == PROGRAMME for programme in lender.programmes()):
        return
    lender.submit({"op": "programme.publish", "programme": PROGRAMME, "terms": TERMS})
    stage.done(f"{LENDER} publishes its programme {PROGRAMME}: 7.2 % a year, fee 0.2 %")


def _quote(lender: Session) -> tuple[VerifiedQuote, float]:
    """The quote of the open invoice with the latest due date that the programme takes.

    Raises:
        NodeProblem: none is taken, with the reason for the last one.
        NetworkError: there is none.
    """
    found = [
        entry
        for entry in lender.invoices(SUPPLIER, buyer=BUYER, status="confirmed")
        if entry["maturity"] == "NotDue" and not entry["backdated"]
    ]
    reason: NodeProblem | None = None
    for entry in sorted(found, key=lambda entry: str(entry["due_date"]), reverse=True):
        started = time.perf_counter()
        try:
            quote = lender.quote(PROGRAMME, SUPPLIER, entry["invoice"])
        except NodeProblem as problem:
            reason = problem
            continue
        return quote, 1_000 * (time.perf_counter() - started)
    raise reason or NetworkError(
        "no invoice is left to finance on this ledger",
        code="story_lost",
        remedy="Begin a fresh ledger: delete the folder, or give another --dir.",
    )


def _quote_document(quote: VerifiedQuote, path: Path) -> Facts:
    return {
        "file": str(path),
        "invoice": quote.invoice,
        "currency": quote.terms.currency,
        "net": quote.terms.net,
        "paid_out": quote.terms.paid_out,
    }


def _refusals(stage: Stage, lender: Session, quote: VerifiedQuote) -> Iterator[Facts]:
    number = quote.invoice
    yield _refused(
        stage,
        lender,
        offer_of(quote.proved, stage.reached["business_date"]),
        f"a second finance of {number} is refused",
        SECOND_FINANCE_FILE,
    )
    context = ImportContext(organisation=SUPPLIER)
    submitted = import_file(stage.folder / "trade" / data.CSV_FILES["invoices"], "invoices", context)
    same = next(operation for operation in submitted.operations if operation["invoice"] == number)
    yield _refused(
        stage,
        stage.session(SUPPLIER),
        {**same, "invoice": f"{number}-COPY"},
        f"the same invoice as {number}-COPY is refused",
        SECOND_INVOICE_FILE,
    )


def _refused(stage: Stage, session: Session, operation: Facts, sentence: str, file: str) -> Facts:
    """Submit what must be refused; its receipt proves the refusal."""
    path = stage.evidence / file
    try:
        session.submit(operation)
    except Refused as refusal:
        path.write_bytes(refusal.receipt)
        stage.done(f"{sentence}: [{refusal.code}] {refusal.message}")
        stage.say(f"on the ledger at height {refusal.recorded.height}; the receipt that proves it: {path}")
        return {
            "operation": operation["op"],
            "code": refusal.code,
            "height": refusal.recorded.height,
            "id": refusal.recorded.id.hex(),
            "receipt": str(path),
        }
    raise VerificationError(f"{operation['op']} should have been refused", field="invoice")
