"""`tally certificate …` on a leaf: sale, pledge, payment at maturity, and what follows if it is not paid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    CommonBank,
    Json,
    LenderOption,
    ProfileFile,
    ReceiptFile,
    load_profile,
)
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.cli.standing import of_certificate, of_leaf
from clients.sdk import Session, VerifiedAnswer
from clients.sdk.questions import ask
from contracts.certificates.leaf import MAX_LEAVES, Place, Promise, promise_key
from contracts.certificates.overpayment import overpaid_key

Number = Annotated[
    str, typer.Argument(metavar="CERTIFICATE", help="Certificate number, as the obligor writes it.")
]
Obligor = Annotated[str, typer.Option("--obligor", "-O", help="Organisation that promised to pay.")]
LeafNumber = Annotated[
    int, typer.Option("--leaf", "-l", min=0, max=MAX_LEAVES - 1, help="Number of the leaf; 0 is the whole.")
]
LastDay = Annotated[str, typer.Option("--expires", help="Last business date of the offer, YYYY-MM-DD.")]
Programme = Annotated[
    str | None, typer.Option(help="Programme whose limit for the obligor it must not pass.")
]

app = typer.Typer()


def leaf_of(session: Session, place: Place) -> VerifiedAnswer:
    """A leaf with its promise, proved.

    Raises:
        Refusal: `unknown_leaf`, as the proved state shows.
    """
    return ask(session, "leaf", *place)


def on_leaf(op: str, place: Place, **fields: Any) -> dict[str, Any]:
    """The operation on a leaf; fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return {"op": op, **place._asdict(), **given}


def say(
    op: str,
    place: Place,
    sentence: str,
    profile: Path | None,
    receipt: Path | None,
    json: bool,
    **fields: Any,
) -> None:
    """Record what somebody says of a leaf and nothing needs to be looked up for."""
    title = f"Leaf {place.leaf} of {place.certificate} {sentence}"
    record(
        profile,
        lambda _: on_leaf(op, place, **fields),
        title,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, *place),
    )


@app.command(
    epilog=examples(
        "tally certificate sell C-1 --obligor anchor --leaf 2 --lender fund --price 98,500.00 \\",
        "    --expires 2026-02-01",
    )
)
def sell(
    number: Number,
    obligor: Obligor,
    lender: LenderOption,
    price: Annotated[str, typer.Option(help="What the lender pays, such as 98,500.00.")],
    expires: LastDay,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer a leaf to one lender for sale (holder); it is sold when the lender has paid."""
    _reserve(Place(obligor, number, leaf), lender, (price, None), expires, profile, receipt, json)


@app.command(
    epilog=examples(
        "tally certificate pledge C-1 --obligor anchor --leaf 2 --lender fund --advance 80,000.00 \\",
        "    --repay 81,200.00 --expires 2026-02-01",
    )
)
def pledge(
    number: Number,
    obligor: Obligor,
    lender: LenderOption,
    advance: Annotated[str, typer.Option(help="What the lender advances, such as 80,000.00.")],
    repay: Annotated[str, typer.Option(help="What frees the pledge, such as 81,200.00.")],
    expires: LastDay,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer a leaf to one lender as a pledge (holder); you stay its owner."""
    _reserve(Place(obligor, number, leaf), lender, (advance, repay), expires, profile, receipt, json)


def _reserve(
    place: Place,
    lender: str,
    terms: tuple[str, str | None],
    expires: str,
    profile: Path | None,
    receipt: Path | None,
    json: bool,
) -> None:
    until = read_day(expires, "--expires")
    price, repay = terms

    def make(session: Session) -> dict[str, Any]:
        currency = leaf_of(session, place).view["currency"]
        paid = read_amount(price, "--price" if repay is None else "--advance", currency).amount
        freed = 0 if repay is None else read_amount(repay, "--repay", currency).amount
        return on_leaf("certificate.reserve", place, lender=lender, price=paid, repay=freed, expires=until)

    title = f"Leaf {place.leaf} of {place.certificate} offered to {lender}"
    record(
        profile,
        make,
        title,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, *place),
    )


@app.command(
    epilog=examples(
        "tally certificate buy C-1 --obligor anchor --leaf 2 --price 98,500.00 --bank bank",
        "tally certificate buy C-1 -O anchor -l 2 --price 98,500.00 --bank bank --programme prime",
    )
)
def buy(
    number: Number,
    obligor: Obligor,
    price: Annotated[str, typer.Option(help="The price that you agree to.")],
    bank: CommonBank,
    leaf: LeafNumber = 0,
    programme: Programme = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Buy a leaf that is offered to you, out of your deposit (lender): leaf and cash move together."""
    _settle(Place(obligor, number, leaf), (price, None), bank, programme, profile, receipt, json)


@app.command(
    epilog=examples(
        "tally certificate lend C-1 --obligor anchor --leaf 2 --advance 80,000.00 --repay 81,200.00 \\",
        "    --bank bank --programme prime",
    )
)
def lend(
    number: Number,
    obligor: Obligor,
    advance: Annotated[str, typer.Option(help="The advance that you agree to.")],
    repay: Annotated[str, typer.Option(help="What frees the pledge.")],
    bank: CommonBank,
    leaf: LeafNumber = 0,
    programme: Programme = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Advance money on a leaf that is offered to you as a pledge, out of your deposit (lender)."""
    _settle(Place(obligor, number, leaf), (advance, repay), bank, programme, profile, receipt, json)


def _settle(
    place: Place,
    terms: tuple[str, str | None],
    bank: str,
    programme: str | None,
    profile: Path | None,
    receipt: Path | None,
    json: bool,
) -> None:
    def make(session: Session) -> dict[str, Any]:
        currency = leaf_of(session, place).view["currency"]
        price, repay = terms
        paid = read_amount(price, "--price" if repay is None else "--advance", currency).amount
        freed = 0 if repay is None else read_amount(repay, "--repay", currency).amount
        return on_leaf("certificate.settle", place, price=paid, repay=freed, bank=bank, programme=programme)

    title = f"Leaf {place.leaf} of {place.certificate} {'bought' if terms[1] is None else 'taken in pledge'}"
    record(
        profile,
        make,
        title,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, *place),
    )


@app.command(
    epilog=examples(
        "tally certificate fund C-1 --obligor anchor --leaf 2 --account DE75… --entry 4711 \\",
        "    --date 2026-01-09 --profile net/profiles/bank.json",
    )
)
def fund(
    number: Number,
    obligor: Obligor,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    leaf: LeafNumber = 0,
    amount: Annotated[str | None, typer.Option(help="What was paid; the offer's price if not given.")] = None,
    payee: Annotated[
        str | None, typer.Option(help="Account it was paid to; needed if the holder has a payee account.")
    ] = None,
    programme: Programme = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest the lender's payment for a leaf (settlement bank): leaf, or pledge, and cash move together."""

    place = Place(obligor, number, leaf)

    def make(session: Session) -> dict[str, Any]:
        found = leaf_of(session, place).view
        if found["price"] is None or found["offered_to"] is None:
            raise UsageProblem(
                "the leaf is offered to no lender",
                code="no_offer",
                field="--leaf",
                found=found["status"],
                expected="Reserved",
                remedy="Its holder offers it first: tally certificate sell, or pledge.",
            )
        paid = found["price"] if amount is None else read_amount(amount, "--amount", found["currency"]).amount
        booked = {"account": account, "entry": entry, "date": read_day(date, "--date"), "amount": paid}
        parties = {"lender": found["offered_to"], "programme": programme, "payee": payee}
        return on_leaf("certificate.fund", place, **parties, **booked)

    record(
        profile,
        make,
        f"Payment for leaf {leaf} of {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, *place),
    )


@app.command(
    epilog=examples(
        "tally certificate release C-1 --obligor anchor --leaf 2",
    )
)
def release(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Let a pledged leaf go (lender): it is its owner's as before."""
    say("certificate.release", Place(obligor, number, leaf), "released", profile, receipt, json)


@app.command(
    epilog=examples(
        "tally certificate repay C-1 --obligor anchor --leaf 2 --bank bank",
    )
)
def repay(
    number: Number,
    obligor: Obligor,
    bank: CommonBank,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Repay what was advanced on your leaf, out of your deposit (owner): the pledge ends."""
    say("certificate.repay", Place(obligor, number, leaf), "repaid", profile, receipt, json, bank=bank)


@app.command(
    epilog=examples(
        "tally certificate redeem C-1 --bank bank --profile net/profiles/anchor.json",
        "tally certificate redeem C-1 --bank bank --amount 50,000.00",
    )
)
def redeem(
    number: Number,
    bank: CommonBank,
    amount: Annotated[str | None, typer.Option(help="A part; all that is left if not given.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay your matured certificate out of your deposit (obligor), to its holders of record."""
    obligor = load_profile(profile).organisation

    def make(session: Session) -> dict[str, Any]:
        found = session.certificate(obligor, number).view
        left = found["totals"]["live"] + found["totals"]["written_off"]
        paid = left if amount is None else read_amount(amount, "--amount", found["currency"]).amount
        if not paid:
            raise UsageProblem(
                "nothing is left to pay", code="nothing_outstanding", field="CERTIFICATE", found=number
            )
        return {"op": "certificate.redeem", "certificate": number, "bank": bank, "amount": paid}

    record(
        profile,
        make,
        f"Certificate {number} paid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_certificate(session, obligor, number),
    )


@app.command(
    epilog=examples(
        "tally certificate collect C-1 --obligor anchor --amount '100,000.00 EUR' --account DE75… \\",
        "    --entry 4712 --date 2026-03-31 --profile net/profiles/bank.json",
    )
)
def collect(
    number: Number,
    obligor: Obligor,
    amount: Annotated[str, typer.Option(help="What arrived, such as '100,000.00 EUR'.")],
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the obligor paid a matured certificate to its holders of record (settlement bank)."""

    def make(session: Session) -> dict[str, Any]:
        currency = leaf_of(session, Place(obligor, number, 0)).view["currency"]
        return {
            "op": "certificate.collect",
            "obligor": obligor,
            "certificate": number,
            "account": account,
            "entry": entry,
            "date": read_day(date, "--date"),
            "amount": read_amount(amount, "--amount", currency).amount,
        }

    record(
        profile,
        make,
        f"Payment of certificate {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_certificate(session, obligor, number),
    )


@app.command(
    epilog=examples(
        "tally certificate refunded C-1 --obligor anchor --account DE75… --entry 4713 \\",
        "    --date 2026-04-02 --profile net/profiles/bank.json",
    )
)
def refunded(
    number: Number,
    obligor: Obligor,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[
        str | None, typer.Option(help="How much went back; all that was paid too much if not given.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that what an obligor paid beyond the face has gone back to it (settlement bank)."""
    day = read_day(date, "--date")

    def make(session: Session) -> dict[str, Any]:
        keys = [promise_key(obligor, number), overpaid_key(obligor, number)]
        promised, overpaid = (session.state(keys).entries[key] for key in keys)
        if promised is None or not overpaid:
            raise UsageProblem(
                "nothing was paid beyond the face",
                code="exceeds_overpaid",
                field="CERTIFICATE",
                found=number,
                expected="a certificate that was paid too much",
            )
        currency = Promise._make(promised).currency
        back = int(overpaid) if amount is None else read_amount(amount, "--amount", currency).amount
        place = {"obligor": obligor, "certificate": number}
        booked = {"account": account, "entry": entry, "date": day, "amount": back}
        return {"op": "certificate.refund", **place, **booked}

    record(
        profile,
        make,
        f"Refund on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_certificate(session, obligor, number),
    )


@app.command(
    epilog=examples(
        "tally certificate dishonour C-1 --obligor anchor --leaf 2",
    )
)
def dishonour(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """State that a leaf was not paid at maturity (holder, or the lender with the pledge)."""
    say("certificate.dishonour", Place(obligor, number, leaf), "dishonoured", profile, receipt, json)


@app.command(
    name="write-off",
    epilog=examples(
        "tally certificate write-off C-1 --obligor anchor --leaf 2",
    ),
)
def write_off(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Give up what is left of a dishonoured leaf (holder)."""
    say("certificate.write_off", Place(obligor, number, leaf), "written off", profile, receipt, json)
