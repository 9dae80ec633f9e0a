"""`tally resale`: a lender sells a claim that it holds to another lender."""

from __future__ import annotations

from itertools import islice
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_day
from clients.cli.options import (
    BankEntry,
    BookingDay,
    CommonBank,
    HowMany,
    Json,
    OutFile,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    checked_word,
    load_profile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import Standing, of_invoice
from clients.sdk import Session
from clients.sdk.questions import ask

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Number of the offer, as the selling lender writes it.")
]
Seller = Annotated[str, typer.Option("--seller", help="Lender that offers it.")]
Programme = Annotated[str, typer.Option("--programme", help="Programme under which it is taken.")]

app = typer.Typer(name="resale", help="Claims that one lender sells to another.", no_args_is_help=True)


def _terms(session: Session, seller: str, number: str) -> dict[str, Any]:
    """The offer, proved.

    Raises:
        Refusal: `unknown_resale`, as the proved state shows.
    """
    return ask(session, "resale", seller, number).view


@app.command(
    epilog=examples(
        "tally resale offer S-1 INV-7 --supplier acme --to fund --price 9,800.00 --expires 2026-02-01 \\",
        "    --profile net/profiles/lender.json",
    )
)
def offer(
    number: Number,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice that you have bought.")],
    supplier: SupplierOption,
    to: Annotated[str, typer.Option("--to", help="Lender to which you offer it.")],
    price: Annotated[str, typer.Option(help="What that lender pays, such as 9,800.00.")],
    expires: Annotated[str, typer.Option(help="Last business date of the offer, YYYY-MM-DD.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer an invoice that you have bought to another lender (its holder)."""
    until = read_day(expires, "--expires")

    def make(session: Session) -> dict[str, Any]:
        currency = session.invoice(supplier, invoice)["currency"]
        place = {"op": "resale.offer", "resale": number, "supplier": supplier, "invoice": invoice}
        asked = read_amount(price, "--price", currency).amount
        return {**place, "lender": to, "price": asked, "expires": until}

    record(
        profile,
        make,
        f"{invoice} offered to {to}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _to_be_bought(session, number, to, price),
    )


def _of_claim(session: Session, seller: str, number: str) -> Standing:
    """The invoice that was offered, with who holds it now."""
    terms = _terms(session, seller, number)
    return of_invoice(session, terms["supplier"], terms["invoice"])


def _to_be_bought(session: Session, number: str, to: str, price: str) -> Standing:
    offered = f"{quoted(number)} --seller {session.profile.organisation} --price {quoted(price)}"
    return Standing(next=f"{to} buys it: tally resale buy {offered} --bank BANK --programme PROGRAMME")


@app.command(
    epilog=examples(
        "tally resale buy S-1 --seller lender --price 9,800.00 --bank bank --programme prime \\",
        "    --profile net/profiles/fund.json",
    )
)
def buy(
    number: Number,
    seller: Seller,
    price: Annotated[str, typer.Option(help="The price that you agree to.")],
    bank: CommonBank,
    programme: Programme,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay for a claim that is offered to you, out of your deposit (lender): cash and claim move together."""

    def make(session: Session) -> dict[str, Any]:
        agreed = read_amount(price, "--price", _terms(session, seller, number)["currency"]).amount
        place = {"op": "resale.settle", "seller": seller, "resale": number}
        return {**place, "price": agreed, "bank": bank, "programme": programme}

    record(
        profile,
        make,
        f"Claim {number} of {seller} bought",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_claim(session, seller, number),
    )


@app.command(
    epilog=examples(
        "tally resale fund S-1 --seller lender --programme prime --account DE75… --entry 4711 \\",
        "    --date 2026-01-20 --profile net/profiles/bank.json",
    )
)
def fund(
    number: Number,
    seller: Seller,
    programme: Programme,
    account: Annotated[str, typer.Option(help="Account from which the money left.")],
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[str | None, typer.Option(help="What was paid; the offer's price if not given.")] = None,
    payee: Annotated[
        str | None, typer.Option(help="Account it was paid to; needed if the seller has a payee account.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the other lender has paid the seller (settlement bank): cash and claim move together."""
    day = read_day(date, "--date")

    def make(session: Session) -> dict[str, Any]:
        terms = _terms(session, seller, number)
        paid = terms["price"] if amount is None else read_amount(amount, "--amount", terms["currency"]).amount
        place = {"op": "resale.fund", "seller": seller, "resale": number, "lender": terms["lender"]}
        booked = {"account": account, "entry": entry, "date": day, "amount": paid}
        return {**place, **booked, "programme": programme, **({} if payee is None else {"payee": payee})}

    record(
        profile,
        make,
        f"Payment for claim {number} of {seller}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_claim(session, seller, number),
    )


@app.command(
    epilog=examples(
        "tally resale withdraw S-1 --profile net/profiles/lender.json",
        "tally resale withdraw S-1 --seller lender --profile net/profiles/fund.json   (declined)",
    )
)
def withdraw(
    number: Number,
    seller: Annotated[
        str | None, typer.Option("--seller", help="Lender that offers it; you, if not given.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take your offer back, or decline one that is made to you (either lender)."""
    whose = load_profile(profile).organisation if seller is None else seller
    operation = {"op": "resale.withdraw", "seller": whose, "resale": number}
    record(
        profile,
        lambda _: operation,
        f"Offer {number} of {whose} ended",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_claim(session, whose, number),
    )


@app.command(
    epilog=examples(
        "tally resale show S-1 --seller lender",
        "tally resale show S-1 --seller lender --out S-1.resale",
        "tally verify S-1.resale --genesis net/genesis.block",
    )
)
def show(
    number: Number, seller: Seller, out: OutFile = None, profile: ProfileFile = None, json: Json = False
) -> None:
    """Show an offer between lenders from proved state."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = ask(session, "resale", seller, number)
    if out is not None:
        save(found.data, out, "proof of the offer")
    view = found.view
    kept = {"proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer({**view, **kept}):
        return
    currency = view["currency"]
    screen.line(f"{number} of {seller}: {found.proved.sentence}", GOOD)
    screen.facts(
        [
            ("status", view["status"]),
            ("invoice", f"{view['invoice']} of {view['supplier']}, due {view['due_date']}"),
            ("principal", money(view["principal"], currency)),
            ("outstanding", money(view["outstanding"], currency)),
            ("price", money(view["price"], currency)),
            ("offered", f"{view['offered']}, to {view['expires']}"),
            ("proved at height", found.height),
        ]
    )


@app.command(
    name="list",
    epilog=examples(
        "tally resale list --lender fund --status offered", "tally resale list --seller lender --json"
    ),
)
def list_resales(
    seller: Annotated[str | None, typer.Option("--seller", help="Only offers of this lender.")] = None,
    lender: Annotated[str | None, typer.Option(help="Only offers to this lender.")] = None,
    status: Annotated[str | None, typer.Option(help="offered, sold, withdrawn, expired, void.")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Offers between lenders, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        asked = session.resales(seller=seller, lender=lender, status=checked_word(status))
        found = list(islice(asked, limit))
    if screen.answer({"resales": found}):
        return
    screen.table(
        ("offer", "seller", "to", "invoice", "supplier", "due", "principal", "price", "status", "open to"),
        [
            (
                entry["resale"],
                entry["seller"],
                entry["lender"],
                entry["invoice"],
                entry["supplier"],
                entry["due_date"],
                money(entry["principal"], entry["currency"]),
                money(entry["price"], entry["currency"]),
                entry["status"],
                entry["expires"],
            )
            for entry in found
        ],
        right=("principal", "price"),
    )
    screen.count(len(found), "offer", limit)
