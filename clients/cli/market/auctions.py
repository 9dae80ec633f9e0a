"""`tally auction`: sell an invoice to the lenders who bid best, under seal."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_day, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    DepositBank,
    HowMany,
    Json,
    OfSupplier,
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
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_auction
from clients.lending.sealed_bids import SealedBid, load_bid, save_bid
from clients.sdk import Session
from clients.sdk.questions import ask
from contracts.answer import ProvedEntries
from contracts.context import BUSINESS_DATE
from contracts.market.allotment import price
from contracts.market.auction import LIFE, RANKED, Auction, auction_key
from contracts.market.auction_views import opened_bids
from contracts.market.bid import Bid, bid_key

Number = Annotated[str, typer.Argument(metavar="AUCTION", help="Number of the auction.")]
BidsFolder = Annotated[
    Path | None,
    typer.Option("--bids", help="Folder of your sealed bids; `bids` beside the profile if not given."),
]
Rate = Annotated[str, typer.Option(help="Discount rate a year in percent, such as 6.25.")]

app = typer.Typer(name="auction", help="Sell invoices to lenders who bid under seal.", no_args_is_help=True)


def _folder(profile: Path | None, bids: Path | None) -> Path:
    load_profile(profile)
    assert profile is not None, "a profile that was read has a file"
    return bids if bids is not None else profile.parent / "bids"


def _auction(session: Session, supplier: str, number: str) -> tuple[Auction, int]:
    """The auction and the business date, proved."""
    key = auction_key(supplier, number)
    entries = session.state([key, BUSINESS_DATE]).entries
    value = entries[key]
    if value is None:
        raise UsageProblem("no such auction", code="unknown_auction", field="AUCTION", found=number)
    return Auction._make(value), int(entries[BUSINESS_DATE] or 0)


@app.command(
    name="open",
    epilog=examples(
        "tally auction open A-1 INV-7 --bids-until 2026-03-02 --reveal-until 2026-03-03 \\",
        "    --accept-until 2026-03-04 --pay-until 2026-03-05 --max-rate 9.5 --smallest '10,000.00 EUR'",
    ),
)
def open_auction(
    number: Number,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Your confirmed invoice.")],
    bids_until: Annotated[str, typer.Option(help="Last business date for sealed bids, YYYY-MM-DD.")],
    reveal_until: Annotated[str, typer.Option(help="Last business date for opening them.")],
    accept_until: Annotated[str, typer.Option(help="Last business date on which you accept.")],
    pay_until: Annotated[str, typer.Option(help="Last business date on which winners pay.")],
    max_rate: Rate,
    smallest: Annotated[str, typer.Option(help="Smallest bid, such as '10,000.00 EUR'.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer a confirmed invoice to lenders (supplier): sold as a whole at one rate, or not at all."""
    who = load_profile(profile)
    days = {
        "commit_until": read_day(bids_until, "--bids-until"),
        "reveal_until": read_day(reveal_until, "--reveal-until"),
        "accept_until": read_day(accept_until, "--accept-until"),
        "fund_until": read_day(pay_until, "--pay-until"),
    }
    highest = read_percent(max_rate, "--max-rate")

    def make(session: Session) -> dict[str, Any]:
        currency = session.invoice(who.organisation, invoice)["currency"]
        least = read_amount(smallest, "--smallest", currency).amount
        place = {"op": "auction.open", "auction": number, "invoice": invoice}
        return {**place, **days, "max_rate_ppm": highest, "min_amount": least}

    record(
        profile,
        make,
        f"Auction {number} open",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, who.organisation, number),
    )


@app.command(
    epilog=examples("tally auction bid A-1 '50,000.00 EUR' --supplier acme --rate 6.25 --programme prime")
)
def bid(
    number: Number,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Most of the invoice that you take.")],
    supplier: SupplierOption,
    rate: Rate,
    programme: Annotated[str, typer.Option(help="Your programme whose limit it uses.")],
    bids: BidsFolder = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Send a sealed bid (lender). The salt that opens it stays in a file of yours: keep a copy of it."""
    folder = _folder(profile, bids)
    who = load_profile(profile)

    def make(session: Session) -> dict[str, Any]:
        found, _ = _auction(session, supplier, number)
        wanted = read_amount(amount, "AMOUNT", found.currency).amount
        sealed_bid = SealedBid.new(supplier, number, programme, read_percent(rate, "--rate"), wanted)
        sealed = sealed_bid.commitment(who.channel, who.organisation)
        save_bid(folder, sealed_bid, sealed)
        return {"op": "auction.bid", "supplier": supplier, "auction": number, "commitment": sealed}

    record(
        profile,
        make,
        f"Sealed bid in auction {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(epilog=examples("tally auction reveal A-1 --supplier acme"))
def reveal(
    number: Number,
    supplier: SupplierOption,
    bids: BidsFolder = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Open your sealed bid (lender), with the salt that `tally auction bid` has kept."""
    folder = _folder(profile, bids)
    who = load_profile(profile)

    def make(session: Session) -> dict[str, Any]:
        key = bid_key(supplier, number, who.organisation)
        value = session.state([key]).entries[key]
        if value is None:
            raise UsageProblem("you have no bid there", code="unknown_bid", field="AUCTION", found=number)
        kept = load_bid(folder, Bid._make(value).commitment, who.channel, who.organisation)
        return {
            "op": "auction.reveal",
            "supplier": supplier,
            "auction": number,
            "programme": kept.programme,
            "rate_ppm": kept.rate_ppm,
            "amount": kept.amount,
            "salt": kept.salt,
        }

    record(
        profile,
        make,
        f"Bid in auction {number} open",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(epilog=examples("tally auction rank A-1 --supplier acme"))
def rank(
    number: Number,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Have the open bids ranked: the ledger computes the rate and each lender's part."""
    operation = {"op": "auction.rank", "supplier": supplier, "auction": number}
    record(
        profile,
        lambda _: operation,
        f"Auction {number} ranked",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(epilog=examples("tally auction accept A-1"))
def accept(
    number: Number, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Accept the ranking at today's price (supplier): title and limits are reserved."""
    supplier = load_profile(profile).organisation

    def make(session: Session) -> dict[str, Any]:
        found, day = _auction(session, supplier, number)
        if found.status != RANKED:
            raise UsageProblem(
                "there is no ranking to accept",
                code="wrong_state",
                field="AUCTION",
                found=LIFE.states[found.status],
                expected="Ranked",
            )
        return {
            "op": "auction.accept",
            "auction": number,
            "rate_ppm": found.rate_ppm,
            "paid_out": price(found, day)[2],
        }

    record(
        profile,
        make,
        f"Auction {number} accepted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(epilog=examples("tally auction pay A-1 --supplier acme --bank bank"))
def pay(
    number: Number,
    supplier: SupplierOption,
    bank: DepositBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Set the cash for your part aside (winner); with the last winner's all cash and the title move."""
    operation = {"op": "auction.pay", "supplier": supplier, "auction": number, "bank": bank}
    record(
        profile,
        lambda _: operation,
        f"Part of auction {number} paid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(epilog=examples("tally auction withdraw A-1 --supplier acme"))
def withdraw(
    number: Number,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """End an auction whose bids are all sealed (supplier)."""
    operation = {"op": "auction.withdraw", "supplier": supplier, "auction": number}
    record(
        profile,
        lambda _: operation,
        f"Auction {number} withdrawn",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_auction(session, supplier, number),
    )


@app.command(
    epilog=examples(
        "tally auction show A-1 --supplier acme",
        "tally auction show A-1 -s acme --out A-1.auction",
        "tally verify A-1.auction --genesis net/genesis.block",
    )
)
def show(
    number: Number,
    supplier: SupplierOption,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show an auction from proved state: its days, the open bids, and the parts once it is ranked."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = ask(session, "auction", supplier, number)
        bids = _opened_bids(session, found.view)
    if out is not None:
        save(found.data, out, "proof of the auction")
    view = found.view
    kept = {"proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer({**view, "bids": bids, **kept}):
        return
    currency = view["currency"]
    screen.facts(
        [
            ("status", view["status"]),
            ("invoice", f"{view['invoice']} on {view['buyer']}, due {view['due_date']}"),
            ("for sale", money(view["net"], currency)),
            ("bids until", view["commit_until"]),
            ("opened until", view["reveal_until"]),
            ("accepted until", view["accept_until"]),
            ("paid until", view["fund_until"]),
            ("bids", f"{len(view['bidders'])} sealed, {view['revealed']} of them open"),
            ("rate", "not ranked" if view["rate_ppm"] is None else percent(view["rate_ppm"])),
        ]
    )
    if bids:
        screen.table(
            ("lender", "programme", "rate", "at most", "opened"),
            [
                (
                    bid["lender"],
                    bid["programme"],
                    percent(bid["rate_ppm"]),
                    money(bid["amount"], currency),
                    bid["opened"],
                )
                for bid in bids
            ],
            right=("rate", "at most"),
        )
    screen.table(
        ("lender", "part", "paid"),
        [
            (part["lender"], money(part["part"], currency), "yes" if part["paid"] else "no")
            for part in view["parts"]
        ],
        right=("part",),
    )


def _opened_bids(session: Session, view: dict[str, Any]) -> list[dict[str, Any]]:
    """The bids of an auction that are open, proved: of each bidder one entry, all in one proof."""
    if not view["revealed"]:
        return []
    place = (view["supplier"], view["auction"])
    proved = session.state([bid_key(*place, lender) for lender in view["bidders"]])
    return opened_bids(ProvedEntries(proved.entries), *place, view["bidders"])


@app.command(
    name="list",
    epilog=examples(
        "tally auction list --status commit",
        "tally auction list --supplier acme --json",
        "tally auction list --lender fund",
    ),
)
def list_auctions(
    supplier: OfSupplier = None,
    lender: Annotated[str | None, typer.Option(help="Only those in which this lender has a bid.")] = None,
    status: Annotated[str | None, typer.Option(help="open, commit, reveal, ranked, active, …")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Auctions of invoices, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        asked = session.auctions(supplier=supplier, lender=lender, status=checked_word(status))
        found = list(islice(asked, limit))
    if screen.answer({"auctions": found}):
        return
    screen.table(
        ("auction", "supplier", "invoice", "buyer", "for sale", "due", "status", "bids to", "bids", "open"),
        [
            (
                entry["auction"],
                entry["supplier"],
                entry["invoice"],
                entry["buyer"],
                money(entry["net"], entry["currency"]),
                entry["due_date"],
                entry["status"],
                entry["commit_until"],
                len(entry["bidders"]),
                entry["revealed"],
            )
            for entry in found
        ],
        right=("for sale", "bids", "open"),
    )
    screen.count(len(found), "auction", limit)
