"""`tally payee` and `tally redirection`: to which account somebody is paid, and who may change it."""

from __future__ import annotations

from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import read_currency
from clients.cli.cash.cash import CurrencyOption, ReasonOption
from clients.cli.options import Json, ProfileFile, ReceiptFile, SupplierOption, open_session
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import Standing
from clients.sdk import Session
from clients.sdk.questions import answers
from contracts.context import business_day
from contracts.parties import payee as payees
from contracts.trade import redirection as redirections
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="IBAN, or the bank's own form.")]
BuyerOption = Annotated[str, typer.Option("--buyer", help="Organisation id of the buyer.")]

app = typer.Typer(
    name="payee", help="Your account outside the ledger: two keys and a wait.", no_args_is_help=True
)
redirection = typer.Typer(
    name="redirection",
    help="From now on a buyer pays to this account: supplier and lender sign, the buyer has seen it.",
    no_args_is_help=True,
)


@app.command(epilog=examples("tally payee nominate NL91ABNA0417164300 --currency EUR"))
def nominate(
    account: AccountArgument,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Nominate the account to which you are paid; another key of yours approves it.

    The account in force stays in force. To nominate again ends a change that is not in force yet.
    """
    operation = {
        "op": "payee.nominate",
        "currency": read_currency(currency, "--currency"),
        "account": account,
    }
    approve_it = f"tally payee approve {quoted(account)} --currency {currency}"
    record(
        profile,
        lambda _: operation,
        f"Account {account} nominated",
        receipt=receipt,
        as_json=json,
        stands=lambda _: Standing(next=f"another key of yours approves it: {approve_it}"),
    )


@app.command(
    epilog=examples("tally payee approve NL91ABNA0417164300 --currency EUR --profile treasurer.json")
)
def approve(
    account: AccountArgument,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Approve a nominated account with another key of the organisation; it is used after the wait."""
    operation = {"op": "payee.approve", "currency": read_currency(currency, "--currency"), "account": account}
    record(profile, lambda _: operation, f"Account {account} approved", receipt=receipt, as_json=json)


@app.command(
    epilog=examples("tally payee show acme --currency EUR", "tally payee show acme -c EUR --buyer mega")
)
def show(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Organisation id.")],
    currency: CurrencyOption,
    buyer: Annotated[
        str | None, typer.Option(help="Also where this buyer is to pay the organisation's invoices.")
    ] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Which account is in force, what is to come, and where a buyer is to pay; proved."""
    screen = Screen(json)
    code = read_currency(currency, "--currency")

    def read(state: Reader) -> dict[str, Any]:
        return _payee_document(state, organisation, code, buyer)

    with open_session(profile) as session:
        (found,) = answers(session, [read])
    document = {**found.value, "height": found.height}
    if screen.answer(document):
        return
    screen.line(f"{organisation} in {code}, proved at height {found.height}", GOOD)
    facts: list[tuple[str, object]] = [("account in force", document["account"] or "none")]
    if document["nominated"]:
        facts.append(("nominated", f"{document['nominated']}, {_from(document['nominated_from'])}"))
    if document["redirection"] is not None:
        found_redirection = document["redirection"]
        facts.append(
            (
                f"redirection of {buyer}",
                f"{found_redirection['status']}: {found_redirection['account']} for "
                f"{found_redirection['lender']}",
            )
        )
    if buyer is not None:
        facts.append((f"{buyer} is to pay to", document["expected"] or "any account: nobody has said"))
    screen.facts(facts)


def _from(date: str | None) -> str:
    return "not approved yet" if date is None else f"in force from {date}"


def _payee_document(state: Reader, organisation: str, currency: str, buyer: str | None) -> dict[str, Any]:
    """A payee account and a redirection for JSON."""
    day = business_day(state)
    found = payees.read_payee(state, organisation, currency)
    is_pending = found is not None and not (found.from_day and found.from_day <= day)
    document: dict[str, Any] = {
        "organisation": organisation,
        "currency": currency,
        "account": payees.account_of(state, organisation, currency, day) or None,
        "nominated": found.nominated if found is not None and is_pending else None,
        "nominated_from": (
            iso_from_day(found.from_day) if found is not None and is_pending and found.from_day else None
        ),
        "redirection": None,
        "expected": None,
    }
    if buyer is not None:
        stands = redirections.read_redirection(state, organisation, buyer, currency)
        expected = redirections.expected_account(state, organisation, buyer, currency, day)
        document["expected"] = expected or None
        if stands is not None:
            status = redirections.STATUS.states[stands.status]
            document["redirection"] = {
                "number": stands.number,
                "status": status,
                "lender": stands.lender,
                "account": stands.account,
                "seen": iso_from_day(stands.seen) if stands.seen else None,
            }
    return document


@redirection.command(
    epilog=examples(
        "tally redirection propose DE89… --buyer mega --currency EUR --lender loan --profile acme.json"
    )
)
def propose(
    account: AccountArgument,
    buyer: BuyerOption,
    currency: CurrencyOption,
    lender: Annotated[str, typer.Option(help="Organisation id of the lender for whom it is.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Propose that a buyer pays your invoices to another account (supplier); its lender agrees."""
    operation = {
        "op": "redirection.propose",
        "buyer": buyer,
        "currency": read_currency(currency, "--currency"),
        "lender": lender,
        "account": account,
    }
    record(
        profile,
        lambda _: operation,
        f"Redirection of {buyer}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _to_be_agreed(session, lender, buyer, (currency, account)),
    )


def _to_be_agreed(session: Session, lender: str, buyer: str, said: tuple[str, str]) -> Standing:
    currency, account = said
    place = f"-s {session.profile.organisation} --buyer {buyer} --currency {currency}"
    return Standing(next=f"{lender} agrees to it: tally redirection agree {quoted(account)} {place}")


@redirection.command(
    epilog=examples("tally redirection agree DE89… --supplier acme --buyer mega --currency EUR")
)
def agree(
    account: AccountArgument,
    supplier: SupplierOption,
    buyer: BuyerOption,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Agree to exactly the account that the supplier proposed (lender): it stands until you end it."""
    operation = {
        "op": "redirection.agree",
        "supplier": supplier,
        "buyer": buyer,
        "currency": read_currency(currency, "--currency"),
        "account": account,
    }
    record(
        profile,
        lambda _: operation,
        f"Redirection of {buyer}",
        receipt=receipt,
        as_json=json,
        stands=lambda _: _to_be_seen(buyer, supplier, (currency, account)),
    )


def _to_be_seen(buyer: str, supplier: str, said: tuple[str, str]) -> Standing:
    currency, account = said
    seen = f"tally redirection acknowledge {quoted(account)} -s {supplier} --currency {currency}"
    return Standing(next=f"{buyer} says that it has seen it: {seen}")


@redirection.command(
    epilog=examples("tally redirection acknowledge DE89… --supplier acme --currency EUR --profile mega.json")
)
def acknowledge(
    account: AccountArgument,
    supplier: SupplierOption,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say that you have seen to which account you pay from now on (buyer)."""
    operation = {
        "op": "redirection.acknowledge",
        "supplier": supplier,
        "currency": read_currency(currency, "--currency"),
        "account": account,
    }
    record(profile, lambda _: operation, f"Redirection of {supplier}", receipt=receipt, as_json=json)


def _lenders_step(
    step: str, supplier: str, buyer: str, currency: str, reason: str, profile: Any, receipt: Any, json: bool
) -> None:
    operation = {
        "op": f"redirection.{step}",
        "supplier": supplier,
        "buyer": buyer,
        "currency": read_currency(currency, "--currency"),
        "reason": reason,
    }
    record(profile, lambda _: operation, f"Redirection of {buyer}", receipt=receipt, as_json=json)


@redirection.command(
    epilog=examples("tally redirection decline -s acme --buyer mega -c EUR --reason 'not our account'")
)
def decline(
    supplier: SupplierOption,
    buyer: BuyerOption,
    currency: CurrencyOption,
    reason: ReasonOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Decline the account that the supplier proposed (lender)."""
    _lenders_step("decline", supplier, buyer, currency, reason, profile, receipt, json)


@redirection.command(
    epilog=examples("tally redirection end -s acme --buyer mega -c EUR --reason 'programme closed'")
)
def end(
    supplier: SupplierOption,
    buyer: BuyerOption,
    currency: CurrencyOption,
    reason: ReasonOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """End a redirection (lender): the buyer pays to the supplier's own account again."""
    _lenders_step("end", supplier, buyer, currency, reason, profile, receipt, json)
