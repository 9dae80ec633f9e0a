"""`tally certificate`: promises to pay, split and passed on; `leaves` has sale, pledge and maturity."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.certificates import certificate_trees, leaves
from clients.cli.certificates.leaves import LastDay, LeafNumber, Number, Obligor, leaf_of, on_leaf, say
from clients.cli.options import Json, ProfileFile, Reason, ReceiptFile
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.cli.standing import of_leaf
from clients.sdk import Session
from contracts.certificates.leaf import Place

app = typer.Typer(
    name="certificate",
    help="Promises to pay that are split, passed on, sold and redeemed.",
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "tally certificate issue C-1 '100,000.00 EUR' --payee acme --maturity 2026-03-31 --invoice INV-7",
        "tally certificate issue C-2 '50,000.00 EUR' --payee acme --maturity 2026-03-31 \\",
        "    --smallest 1,000.00 --highest-tier 3 --cut-off-days 5",
    )
)
def issue(
    number: Number,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Face, such as '100,000.00 EUR'.")],
    payee: Annotated[str, typer.Option(help="Organisation id of the supplier that is to be paid.")],
    maturity: Annotated[str, typer.Option(help="Day on which you pay, YYYY-MM-DD.")],
    invoice: Annotated[str, typer.Option(help="Confirmed invoice of the payee that it replaces.")] = "",
    smallest: Annotated[str, typer.Option(help="No split makes a smaller piece.")] = "1.00",
    highest_tier: Annotated[int, typer.Option(help="How far it may go down; the payee is tier 1.")] = 5,
    cut_off_days: Annotated[int, typer.Option(help="Days before maturity from which nothing moves.")] = 3,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Promise a supplier an amount at maturity (obligor); it binds nobody until the supplier accepts."""
    face = read_amount(amount, "AMOUNT")
    operation = {
        "op": "certificate.issue",
        "certificate": number,
        "payee": payee,
        "currency": face.currency,
        "amount": face.amount,
        "maturity": read_day(maturity, "--maturity"),
        "cut_off_days": cut_off_days,
        "smallest": read_amount(smallest, "--smallest", face.currency).amount,
        "highest_tier": highest_tier,
        "invoice": invoice,
    }
    record(
        profile,
        lambda _: operation,
        f"Certificate {number} of {face}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, session.profile.organisation, number, 0),
    )


@app.command(
    epilog=examples(
        "tally certificate accept C-1 --obligor anchor --profile net/profiles/acme.json",
        "tally certificate accept C-1 --obligor anchor --leaf 2 --profile net/profiles/bolt.json",
    )
)
def accept(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Accept a certificate (payee), or a leaf that is passed on to you (its next owner)."""
    say("certificate.accept", Place(obligor, number, leaf), "accepted", profile, receipt, json)


@app.command(
    epilog=examples(
        "tally certificate decline C-1 --obligor anchor",
        "tally certificate decline C-1 --obligor anchor --leaf 2",
    )
)
def decline(
    number: Number,
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """End what is offered and not taken yet (either side); a certificate that nobody took is void."""
    say("certificate.decline", Place(obligor, number, leaf), "declined", profile, receipt, json)


@app.command(epilog=examples("tally certificate split C-1 60,000.00 40,000.00 --obligor anchor"))
def split(
    number: Number,
    amounts: Annotated[
        list[str], typer.Argument(metavar="AMOUNT…", help="The pieces; they add up to the leaf.")
    ],
    obligor: Obligor,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Split a leaf into pieces (holder): it is burnt, and the pieces get numbers of their own."""

    place = Place(obligor, number, leaf)

    def make(session: Session) -> dict[str, Any]:
        currency = leaf_of(session, place).view["currency"]
        pieces = tuple([read_amount(amount, "AMOUNT", currency).amount for amount in amounts])
        return on_leaf("certificate.split", place, amounts=pieces)

    record(
        profile,
        make,
        f"Leaf {leaf} of {number} split",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_leaf(session, *place),
    )


@app.command(
    epilog=examples("tally certificate transfer C-1 --obligor anchor --leaf 2 --to bolt --expires 2026-02-01")
)
def transfer(
    number: Number,
    obligor: Obligor,
    to: Annotated[str, typer.Option(help="Organisation id of the supplier that is to have it.")],
    expires: LastDay,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pass a leaf on to a supplier of yours (holder), who then accepts it."""
    until = read_day(expires, "--expires")
    place = Place(obligor, number, leaf)
    say("certificate.transfer", place, f"offered to {to}", profile, receipt, json, to=to, expires=until)


@app.command(
    epilog=examples("tally certificate freeze C-1 --obligor anchor --leaf 2 --reason 'court order 12/26'")
)
def freeze(
    number: Number,
    obligor: Obligor,
    reason: Reason,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Stop a leaf (operator or regulator): it does not move; at maturity it is still paid."""
    say("certificate.freeze", Place(obligor, number, leaf), "stopped", profile, receipt, json, reason=reason)


@app.command(
    epilog=examples("tally certificate unfreeze C-1 --obligor anchor --leaf 2 --reason 'order lifted'")
)
def unfreeze(
    number: Number,
    obligor: Obligor,
    reason: Reason,
    leaf: LeafNumber = 0,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Let a stopped leaf go (operator or regulator)."""
    place = Place(obligor, number, leaf)
    say("certificate.unfreeze", place, "let go", profile, receipt, json, reason=reason)


app.add_typer(leaves.app)
app.add_typer(certificate_trees.app)
