"""What stands after a command has changed a document, and who moves next: for whoever has just moved.

    record(profile, make, sentence, stands=lambda session: of_order(session, "acme", "anchor", "PO-1"), …)

It is read from a node after the receipt was verified, and is not proved; the commands that `Standing.next`
names are those of the party that it names. Whatever the node says is quoted there (`_quoted`): who types
such a command runs this one and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from shlex import quote as quoted
from typing import Any

from clients.cli.amounts import money, percent
from clients.sdk import Session

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


def of_invoice(session: Session, supplier: str, number: str) -> Standing:
    """An invoice on all its axes, with what it owes."""
    found = session.invoice(supplier, number)
    currency = found["currency"]
    status = [found["validity"], found["title"], found["cash"], found["maturity"]]
    facts = [
        ("now", ", ".join(word for word in status if word)),
        ("outstanding", f"{money(found['outstanding'], currency)}, due {found['due_date']}"),
        *([("held by", found["finance"]["lender"])] if _is_held(found) else []),
        *(
            (words, money(found[name], currency))
            for name, words in (("contested", "contested"), ("unapplied", "paid too much"))
            if found[name]
        ),
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
    if not found["outstanding"]:
        return _credits(supplier) if found["credit_due"] else ""
    is_late = found["maturity"] == "Overdue"
    pays = f"pays what was due on {due}" if is_late else f"pays by {due}"
    paid = (
        f"{buyer} {pays}: tally payment make {number} -s {supplier} --bank BANK, "
        f"or a bank attests it: tally payment attest {number} -s {supplier} …"
    )
    if found["credit_due"]:
        return f"{_credits(supplier)}; {paid}"
    is_whole = found["cash"] == "Open" and not found["contested"]
    if found["title"] == "Free" and found["maturity"] == "NotDue" and is_whole:
        return f"{supplier} may sell it: tally match invoice {number}; {paid}"
    return paid


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
            opened = f"opened until {reveal_by}: tally auction reveal {number} -s {supplier}"
            return f"lenders bid until {bid_by}: {bid}; bids are {opened}"
        case "Reveal":
            ranked = f"tally auction rank {number} -s {supplier}"
            return f"once all bids are open, or after {reveal_by}, they are ranked: {ranked}"
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
