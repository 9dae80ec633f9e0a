"""What stands after a command has changed a document, and who moves next: for whoever has just moved.

    record(profile, make, sentence, stands=lambda session: of_order(session, "acme", "anchor", "PO-1"), …)

It is read from a node after the receipt was verified, and is not proved; the commands that `Standing.next`
names are those of the party that it names. Whatever the node says is quoted there (`_quoted`): who types
such a command runs this one and no other. With `--json` both are in the answer, as `now` and `next`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from shlex import quote as quoted
from typing import Any

from clients.cli.amounts import money, percent
from clients.sdk import Session
from clients.sdk.conversation import segment, segments

Facts = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as it stands now."""

    facts: Facts = ()
    next: str = ""
    """Who does what, by which command; empty where nothing is left to do."""
    view: dict[str, Any] = field(default_factory=dict)
    """For JSON."""


Stands = Callable[[Session], Standing]


SHOWN_STEPS = 4
"""How many of those that may move beside one another are named."""


def _quoted(found: dict[str, Any], *names: str) -> list[str]:
    """Parts of a view as a shell takes them: one word each, whatever is in them."""
    return [quoted(found[name]) for name in names]


def of_order(session: Session, supplier: str, buyer: str, number: str) -> Standing:
    """An order with what has become of its units."""
    found = session.order(supplier, buyer, number)
    lines = found["lines"]
    units = {
        name: sum(line[name] for line in lines) for name in ("quantity", "shipped", "accepted", "invoiced")
    }
    facts = (
        ("now", found["status"]),
        (
            "units",
            "{quantity} ordered, {shipped} shipped, {accepted} accepted, {invoiced} billed".format(**units),
        ),
        ("amount", money(found["amount"], found["currency"])),
    )
    return Standing(facts, _next_of_order(found), found)


def _next_of_order(found: dict[str, Any]) -> str:
    """Line by line: what is billed too much on one does not make up for what is not billed on another."""
    lines = found["lines"]
    supplier, buyer, number = _quoted(found, "supplier", "buyer", "order")
    amendment = found["amendment"]
    if amendment and amendment["status"] == "Proposed":
        other = buyer if amendment["proposer"] == found["supplier"] else supplier
        parties = f"-s {supplier} -b {buyer} --amendment {amendment['number']}"
        return f"{other} agrees to it or declines: tally order agree {number} {parties}"
    if found["status"] == "Draft":
        return f"{buyer} issues it: tally order issue {number} -s {supplier}"
    if any(line["invoiced"] > line["accepted"] for line in lines):
        return _credits(supplier)
    if any(line["accepted"] > line["invoiced"] for line in lines):
        return f"{supplier} bills what was accepted: tally invoice submit INVOICE --order {number} …"
    is_over = found["status"] in ("Closed", "Cancelled")
    if not is_over and any(line["quantity"] > line["shipped"] for line in lines):
        return f"{supplier} ships it: tally shipment create SHIPMENT --order {number} --buyer {buyer} …"
    return ""


def _credits(supplier: str) -> str:
    return f"{supplier} credits what went back: tally credit issue CREDIT --invoice INVOICE …"


def of_shipment(session: Session, supplier: str, number: str) -> Standing:
    """A shipment with its units."""
    found = session.shipment(supplier, number)
    units = {
        name: sum(line[name] for line in found["lines"])
        for name in ("shipped", "accepted", "rejected", "returned")
    }
    gone = ", ".join(f"{count} {name}" for name, count in units.items() if count)
    facts = (
        ("now", found["status"]),
        ("order", f"{found['order']} of {found['buyer']}"),
        ("units", f"{units['shipped']} to be shipped" if found["status"] == "Created" else gone),
    )
    return Standing(facts, _next_of_shipment(session, found), found)


def _next_of_shipment(session: Session, found: dict[str, Any]) -> str:
    """Its way to the buyer; after that, what its order needs."""
    supplier, buyer, number = _quoted(found, "supplier", "buyer", "shipment")
    match found["status"]:
        case "Created":
            return f"it leaves: tally shipment depart {number} -s {supplier} --date DAY"
        case "Dispatched" | "Delivered":
            taken = f"tally shipment receive {number} -s {supplier} --date DAY --line LINE:ACCEPTED:REJECTED"
            return f"{buyer} takes it in: {taken}"
    return _next_of_order(session.order(found["supplier"], found["buyer"], found["order"]))


_BESIDE = {"written_off": "written off", "contested": "contested", "unapplied": "paid too much"}
"""What stands beside what is outstanding on an invoice, where there is any."""


def of_invoice(session: Session, supplier: str, number: str) -> Standing:
    """An invoice on all its axes, with what it owes."""
    found = session.invoice(supplier, number)
    currency = found["currency"]
    status = [found["validity"], found["title"], found["cash"], found["maturity"]]
    facts = [
        ("now", ", ".join(word for word in status if word)),
        ("outstanding", f"{money(found['outstanding'], currency)}, due {found['due_date']}"),
        *([("held by", found["finance"]["lender"])] if _is_held(found) else []),
        *((words, money(found[name], currency)) for name, words in _BESIDE.items() if found[name]),
    ]
    return Standing(tuple(facts), _next_of_invoice(found), found)


def _is_held(found: dict[str, Any]) -> bool:
    """Whether one lender holds the claim, or has a pledge on it."""
    return found["title"] in ("Assigned", "Pledged") and bool(found["finance"] and found["finance"]["lender"])


def _next_of_invoice(found: dict[str, Any]) -> str:
    supplier, buyer, number, due = _quoted(found, "supplier", "buyer", "invoice", "due_date")
    match found["validity"]:
        case "Submitted":
            confirm = f"tally invoice confirm {number} -s {supplier}"
            return f"{buyer} confirms it, or disputes or rejects it: {confirm}"
        case "Disputed":
            lower = f"tally invoice confirm {number} -s {supplier} --net AMOUNT"
            return f"{buyer} confirms what it owes, or takes the dispute back: {lower}"
        case "Rejected" | "Cancelled":
            return ""
    if found["unapplied"]:
        return f"{supplier} pays back what was too much: tally payment refund {number} --bank BANK"
    if not found["outstanding"] and not found["written_off"]:
        return _credits(supplier) if found["credit_due"] else ""
    is_late = found["maturity"] == "Overdue" or found["written_off"]
    pays = f"pays what was due on {due}" if is_late else f"pays by {due}"
    paid = (
        f"{buyer} {pays}: tally payment make {number} -s {supplier} --bank BANK, "
        f"or a bank attests it: tally payment attest {number} -s {supplier} …"
    )
    if found["credit_due"]:
        return f"{_credits(supplier)}; {paid}"
    if found["title"] == "Reserved" and found["finance"] and found["finance"]["lender"]:
        return f"{_next_of_offer(found)}; {paid}"
    is_whole = found["cash"] == "Open" and not found["contested"]
    if found["title"] == "Free" and found["maturity"] == "NotDue" and is_whole:
        return f"{supplier} may sell it: tally match invoice {number}; {paid}"
    return paid


def _next_of_offer(found: dict[str, Any]) -> str:
    """What becomes of a lender's offer on an invoice."""
    supplier, number = _quoted(found, "supplier", "invoice")
    lender, until = _quoted(found["finance"], "lender", "expires")
    if found["finance"]["stage"] == "Offered":
        return f"{supplier} accepts the offer of {lender} by {until}: tally finance accept {number}"
    return f"{lender} pays for it by {until}: tally finance settle {number} -s {supplier} --bank BANK"


def of_credit(session: Session, supplier: str, number: str) -> Standing:
    """A credit note with what of it is left."""
    found = session.credit(supplier, number)
    left = found["amount"] - found["applied"]
    facts = (
        ("now", found["status"]),
        (
            "applied",
            f"{money(found['applied'], found['currency'])} of {money(found['amount'], found['currency'])}",
        ),
    )
    (buyer,) = _quoted(found, "buyer")
    written, supplier = quoted(number), quoted(supplier)
    match found["status"]:
        case "Issued":
            return Standing(facts, f"{buyer} accepts it: tally credit accept {written} -s {supplier}", found)
        case "Accepted" if left:
            amount = quoted(money(left, found["currency"]))
            command = f"tally credit apply {written} -s {supplier} --invoice INVOICE --amount {amount}"
            return Standing(facts, f"{buyer} sets what is left off against another invoice: {command}", found)
    return Standing(facts, "", found)


def of_deposit(session: Session, bank: str, client: str, currency: str) -> Standing:
    """A custody account with the deposit on it."""
    found = session.deposit(bank, client, currency)
    held = [("held", money(found["held"], currency))] if found["held"] else []
    facts = (
        ("account", f"{found['account']} of {client} at {bank}, {found['status']}"),
        ("available", money(found["available"], currency)),
        *held,
    )
    return Standing(facts, "", found)


def of_request(session: Session, supplier: str, number: str) -> Standing:
    """A request for finance, with how many of those that were asked have answered."""
    found = session.request(supplier, number)
    asked = found["answers"]
    answered = sum(answer["status"] != "Asked" for answer in asked)
    facts = (
        ("now", found["status"]),
        ("about", f"{found['invoice']} of {supplier}, {money(found['outstanding'], found['currency'])}"),
        ("answered", f"{answered} of {len(asked)}"),
    )
    return Standing(facts, _next_of_request(found), found)


def _next_of_request(found: dict[str, Any]) -> str:
    """Each lender that was asked moves by itself: it answers, and what it has quoted it offers."""
    if found["status"] != "Open":
        return ""
    supplier, number, invoice, until = _quoted(found, "supplier", "request", "invoice", "expires")
    steps = []
    for answer in found["answers"][:SHOWN_STEPS]:
        lender, programme = _quoted(answer, "lender", "programme")
        quote = f"tally request quote {number} -s {supplier} --programme {programme}"
        priced = f"tally quote {programme} {supplier} {invoice} --out FILE"
        if answer["offers"]:
            return f"{supplier} accepts the offer of {lender}: tally finance accept {invoice}"
        match answer["status"]:
            case "Asked":
                steps.append(f"{lender} answers by {until}: {quote}")
            case "Quoted":
                steps.append(f"{lender} prices it to offer that: {priced}")
    return "; ".join(steps)


def of_auction(session: Session, supplier: str, number: str) -> Standing:
    """An auction on its way from sealed bids to cash."""
    found = session.auction(supplier, number)
    facts: list[tuple[str, object]] = [("now", found["status"]), ("bidders", len(found["bidders"]))]
    if found["revealed"]:
        facts.append(("bids opened", found["revealed"]))
    if found["rate_ppm"] is not None:
        facts.append(("rate", f"{percent(found['rate_ppm'])} a year"))
    return Standing(tuple(facts), _next_of_auction(found), found)


def _next_of_auction(found: dict[str, Any]) -> str:
    supplier, number = _quoted(found, "supplier", "auction")
    bid_by, reveal_by, accept_by, pay_by = _quoted(
        found, "commit_until", "reveal_until", "accept_until", "fund_until"
    )
    match found["status"]:
        case "Open" | "Commit":
            bid = f"tally auction bid {number} AMOUNT -s {supplier} --rate RATE --programme PROGRAMME"
            opened = f"tally auction reveal {number} -s {supplier}"
            return (
                f"lenders bid until {bid_by}: {bid}; after that, until {reveal_by}, they open bids: {opened}"
            )
        case "Reveal" if found["revealed"] < len(found["bidders"]):
            opened = f"tally auction reveal {number} -s {supplier}"
            ranked = f"tally auction rank {number} -s {supplier}"
            return f"other bidders open theirs by {reveal_by}: {opened}; then bids are ranked: {ranked}"
        case "Reveal":
            ranked = f"tally auction rank {number} -s {supplier}"
            return f"bids are ranked: {ranked}"
        case "Ranked":
            return f"{supplier} accepts by {accept_by}: tally auction accept {number}"
        case "Accepted" | "Agreed":
            pay = f"tally auction pay {number} -s {supplier} --bank BANK"
            return f"winners pay by {pay_by}: {pay}"
    return ""


def of_demand(session: Session, lender: str, number: str) -> Standing:
    """A demand of a lender on a supplier, with what meets it today."""
    found = session.demand(lender, number)
    due = found["due_today"]
    facts = (
        ("now", found["status"]),
        ("about", f"{found['invoice']} of {found['supplier']}, {found['cause']}"),
        ("due today", "nothing" if due is None else money(due, found["currency"])),
    )
    return Standing(facts, _next_of_demand(found), found)


def _next_of_demand(found: dict[str, Any]) -> str:
    supplier, lender, number = _quoted(found, "supplier", "lender", "recourse")
    if found["due_today"] is None:
        return ""
    if found["proposed"]:
        other = quoted(found["proposed"])
        return f"{lender} takes {other} in its place: tally recourse substitute {number} {other}"
    pays = f"tally recourse pay {number} --lender {lender} --bank BANK"
    if found["status"] == "Contested":
        return (
            f"{lender} closes it: tally recourse close {number} --reason WHY; or {supplier} concedes: {pays}"
        )
    contests = f"tally recourse contest {number} --lender {lender} --reason WHY"
    return f"{supplier} meets it: {pays}; or contests it: {contests}"


def of_settlement(session: Session, lender: str, number: str) -> Standing:
    """A settlement, with how long the title is reserved for it."""
    found = session.view(f"/settlements/{segments(lender=lender)}/{segment(number)}")
    facts = (
        ("now", found["status"]),
        ("about", f"{found['invoice']} of {found['supplier']}"),
        ("amount", f"{money(found['amount'], found['currency'])} at {found['bank']}"),
        *([("title reserved to", found["reserved_until"])] if found["reserved_until"] else []),
    )
    return Standing(facts, _next_of_settlement(found), found)


def _next_of_settlement(found: dict[str, Any]) -> str:
    lender, bank, supplier = _quoted(found, "lender", "bank", "supplier")
    number, invoice = _quoted(found, "settlement", "invoice")
    pays_out = "tally cash settlement payout-file FILE --date DAY"
    match found["status"]:
        case "Created":
            return f"{supplier} accepts the offer: tally finance accept {invoice}"
        case "AssetHeld":
            reference = f"tally cash settlement show {number} --lender {lender}"
            held = f"tally cash settlement held {number} --lender {lender} …"
            return f"{lender} pays {bank} under its reference: {reference}; {bank} attests that: {held}"
        case "CashHeld":
            moves = f"tally finance fund {invoice} -s {supplier} …"
            return f"{bank} pays {supplier}: {pays_out}; then it attests that, and the title moves: {moves}"
        case "Expired" if found["entry"]:
            back = f"tally cash settlement returned {number} --lender {lender} …"
            return f"{bank} pays {lender} back: {pays_out}; then it attests that: {back}"
    return ""


def moment(time_ms: int) -> str:
    """A block time for people: to the second, UTC."""
    return f"{datetime.fromtimestamp(time_ms // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def exchange_price(found: dict[str, Any]) -> str:
    """What the taker of an exchange pays: the amount and, if there is one, the fee."""
    currency = found["bought_currency"]
    fee = f" and {money(found['fee'], currency)} fee" if found["fee"] else ""
    return f"{money(found['bought'], currency)}{fee}"


def of_exchange(session: Session, taker: str, number: str) -> Standing:
    """An exchange of two currencies, with what it costs once that is quoted."""
    found = session.view(f"/exchanges/{segments(taker=taker)}/{segment(number)}")
    is_quoted = found["rate"] is not None
    facts = (
        ("now", found["status"]),
        ("wanted", f"{money(found['sold'], found['sold_currency'])} at {found['sold_bank']}"),
        *([("costs", f"{exchange_price(found)}, at {found['bought_bank']}")] if is_quoted else []),
    )
    return Standing(facts, _next_of_exchange(found), found)


def _next_of_exchange(found: dict[str, Any]) -> str:
    taker, maker, number = _quoted(found, "taker", "maker", "exchange")
    match found["status"]:
        case "Requested":
            asked = f"{number} --taker {taker} --rate RATE --mid MIDDLE"
            return f"{maker} quotes a rate today: tally cash exchange quote {asked}"
        case "Quoted":
            most = quoted(money(found["bought"] + found["fee"], found["bought_currency"]))
            until = moment(found["expires_ms"])
            return f"{taker} accepts by {until}: tally cash exchange accept {number} --at-most {most}"
    return ""


def of_policy(session: Session, insurer: str, number: str) -> Standing:
    """A policy with what it costs, until that is paid, and what it still pays."""
    found = session.view(f"/policies/{segments(insurer=insurer)}/{segment(number)}")
    currency, status = found["currency"], found["status"]
    is_offer = status in ("Quoted", "Bound")
    limits = ", ".join(f"{entry['buyer']} {money(entry['limit'], currency)}" for entry in found["buyers"])
    facts = (
        ("now", status),
        *([("premium", money(found["premium"], currency))] if is_offer else []),
        ("limits", limits),
        ("left in all", money(found["maximum"] - found["promised"], currency)),
        *([("covers from", found["covers_from"])] if found["covers_from"] else []),
    )
    return Standing(facts, _next_of_policy(found), found)


def _next_of_policy(found: dict[str, Any]) -> str:
    insurer, assured, number, bind_by = _quoted(found, "insurer", "assured", "policy", "bind_by")
    match found["status"]:
        case "Quoted":
            premium = quoted(money(found["premium"], found["currency"]))
            bound = f"tally insurance bind {number} --insurer {insurer} --premium {premium}"
            return f"{assured} takes it by {bind_by}: {bound}"
        case "Bound":
            pays = f"tally insurance pay-premium {number} --insurer {insurer} --bank BANK"
            return f"{assured} pays the premium, and cover begins: {pays}"
        case "Suspended":
            return f"{insurer} may resume cover: tally insurance resume {number}"
    return ""


def of_claim(session: Session, assured: str, number: str) -> Standing:
    """A claim on an insurer, with what it comes to."""
    found = session.view(f"/insurance-claims/{segments(assured=assured)}/{segment(number)}")
    currency, today = found["currency"], found["indemnity_today"]
    names = ("loss", "indemnity", "paid", "recovered", "ceded", "to_cede")
    facts = (
        ("now", found["status"]),
        (
            "about",
            f"{found['invoice']} of {found['supplier']}, under {found['policy']} of {found['insurer']}",
        ),
        *([] if today is None else [("if decided today", money(today, currency))]),
        *((name.replace("_", " "), money(found[name], currency)) for name in names if found[name]),
    )
    return Standing(facts, _next_of_claim(found), found)


def _next_of_claim(found: dict[str, Any]) -> str:
    assured, insurer, number = _quoted(found, "assured", "insurer", "claim")
    insurers = f"{number} --assured {assured}"
    match found["status"]:
        case "Notified" | "Waiting":
            files = f"{assured} files it from {quoted(found['file_from'])}: tally insurance file {number}"
            if found["status"] == "Waiting":
                return files
            return f"{insurer} acknowledges it: tally insurance acknowledge {insurers}; {files}"
        case "Filed" | "Disputed":
            rejects = f"{insurer} rejects it: tally insurance reject {insurers} --reason WHY"
            if not found["indemnity_today"]:
                return rejects
            return f"{insurer} accepts it: tally insurance accept {insurers}; or {rejects}"
        case "Rejected":
            disputes = f"{assured} disputes that: tally insurance dispute {number} --reason WHY"
            return f"{disputes}; or withdraws it: tally insurance withdraw {number}"
        case "Accepted" if found["indemnity"] > found["to_cede"]:
            return f"{insurer} pays it: tally insurance indemnify {insurers} --bank BANK"
        case "Accepted":
            return f"{assured} withdraws it, since its loss has come in: tally insurance withdraw {number}"
        case "Paid":
            return f"{assured} hands its rights over: tally insurance subrogate {number}"
        case "Subrogated" if found["to_cede"]:
            return f"{assured} cedes what is the insurer's: tally insurance recover {number} --bank BANK"
    return ""


def of_leaf(session: Session, obligor: str, certificate: str, number: int) -> Standing:
    """A leaf of a certificate: whose it is, who has it on offer, and what of it is left."""
    whole = _certificate(session, obligor, certificate)
    leaves = {leaf["leaf"]: leaf for leaf in whole.pop("leaves")}
    found = {**whole, **leaves[number]}
    currency = found["currency"]
    pieces = [
        f"{leaf['leaf']} of {money(leaf['amount'], currency)}"
        for leaf in leaves.values()
        if leaf["parent"] == number
    ]
    facts = [
        ("now", found["status"] + (", stopped by an authority" if found["frozen"] else "")),
        ("of", f"{found['holder']}, {money(found['live'], currency)} left, due {found['maturity']}"),
        *([("pieces", ", ".join(pieces))] if pieces else []),
        *([("offered to", _offered(found))] if found["offered_to"] else []),
        *([("pledged to", _pledged(found))] if found["lender"] and found["repay"] else []),
        *([("written off", money(found["written_off"], currency))] if found["written_off"] else []),
    ]
    return Standing(tuple(facts), _next_of_leaf(found), found)


def _certificate(session: Session, obligor: str, certificate: str) -> dict[str, Any]:
    return session.view(f"/certificates/{segments(obligor=obligor)}/{segment(certificate)}")


def _offered(found: dict[str, Any]) -> str:
    price = f", for {money(found['price'], found['currency'])}" if found["price"] else ""
    return f"{found['offered_to']} until {found['expires']}{price}"


def _pledged(found: dict[str, Any]) -> str:
    return f"{found['lender']}, which {money(found['repay'], found['currency'])} frees"


def _next_of_leaf(found: dict[str, Any]) -> str:
    obligor, number, holder = _quoted(found, "obligor", "certificate", "holder")
    where = f"{number} --obligor {obligor} --leaf {found['leaf']}"
    if found["frozen"]:
        lets_go = f"an authority lets it go: tally certificate unfreeze {where} --reason WHY"
        return f"{lets_go}; {_paid_at_maturity(found)}"
    match found["status"]:
        case "Issued" | "TransferPending":
            taker, until = _quoted(found, "payee" if found["status"] == "Issued" else "offered_to", "expires")
            return f"{taker} accepts it by {until}, or declines: tally certificate accept {where}"
        case "Reserved":
            return _taken(found, where)
        case "Split":
            return (
                f"{holder} passes its pieces on or sells them: tally certificate tree {number} -O {obligor}"
            )
        case "Held" if found["business_date"] < found["cut_off"]:
            (before,) = _quoted(found, "cut_off")
            sells = f"tally certificate sell {where} …"
            return (
                f"{holder} may split, pass on or sell it before {before}: {sells}; {_paid_at_maturity(found)}"
            )
        case "Pledged":
            frees = f"{holder} may free it: tally certificate repay {where} --bank BANK"
            return f"{frees}; {_paid_or_stated(found, where, _quoted(found, 'lender')[0])}"
        case "Held" | "Sold":
            return _paid_or_stated(found, where, holder)
        case "Dishonoured":
            gives_up = f"{holder} may give it up: tally certificate write-off {where}"
            return f"{_paid_at_maturity(found)}; {gives_up}"
        case "WrittenOff":
            return _paid_at_maturity(found)
    return ""


def _taken(found: dict[str, Any], where: str) -> str:
    """Who takes a leaf that is offered to a lender, on the terms of the offer."""
    lender, until = _quoted(found, "offered_to", "expires")
    currency = found["currency"]
    price = quoted(money(found["price"], currency))
    if found["repay"]:
        terms = f"--advance {price} --repay {quoted(money(found['repay'], currency))}"
        return f"{lender} lends on it by {until}: tally certificate lend {where} {terms} --bank BANK"
    return f"{lender} buys it by {until}: tally certificate buy {where} --price {price} --bank BANK"


def _paid_at_maturity(found: dict[str, Any]) -> str:
    obligor, number, maturity = _quoted(found, "obligor", "certificate", "maturity")
    is_late = found["business_date"] > found["maturity"]
    pays = f"pays what was due on {maturity}" if is_late else f"pays on {maturity}"
    return f"{obligor} {pays}: tally certificate redeem {number} --bank BANK"


def _paid_or_stated(found: dict[str, Any], where: str, by: str) -> str:
    paid = _paid_at_maturity(found)
    if found["business_date"] <= found["maturity"]:
        return paid
    return f"{paid}; or {by} states that it was not paid: tally certificate dishonour {where}"


def of_certificate(session: Session, obligor: str, certificate: str) -> Standing:
    """A certificate with what of its face is paid and what is owed."""
    found = _certificate(session, obligor, certificate)
    currency, totals = found["currency"], found["totals"]
    sums = {"paid": totals["redeemed"], "written off": totals["written_off"], "overpaid": found["overpaid"]}
    facts = (
        ("left", f"{money(totals['live'], currency)}, due {found['maturity']}"),
        *((name, money(amount, currency)) for name, amount in sums.items() if amount),
    )
    return Standing(facts, _next_of_certificate(found), found)


def _next_of_certificate(found: dict[str, Any]) -> str:
    if found["totals"]["live"] or found["totals"]["written_off"]:
        return _paid_at_maturity(found)
    if found["overpaid"]:
        obligor, number = _quoted(found, "obligor", "certificate")
        back = f"tally certificate refunded {number} --obligor {obligor} …"
        return f"a bank attests that what was paid too much went back: {back}"
    return ""
