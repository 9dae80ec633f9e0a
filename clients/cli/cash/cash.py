"""`tally cash`: custody accounts and the deposits on them, for clients and for settlement banks."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_currency, read_day
from clients.cli.cash import bank_files, exchanges, settlements
from clients.cli.exits import DONE, REFUSED
from clients.cli.options import (
    BankEntry,
    BookingDay,
    HowMany,
    Json,
    OutFile,
    ProfileFile,
    ReceiptFile,
    checked_word,
    load_profile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.cli.standing import Standing, of_deposit
from clients.sdk import Session
from clients.sdk.conversation import segment, segments
from clients.wording import counted
from contracts.cash.cash_views import line_view
from contracts.cash.redemption import STATUS

BankOption = Annotated[str, typer.Option("--bank", "-b", help="Organisation id of the settlement bank.")]
Client = Annotated[str, typer.Argument(metavar="CLIENT", help="Organisation id of the client.")]
CurrencyOption = Annotated[str, typer.Option("--currency", "-c", help="ISO 4217 code.")]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as '1,000.00 EUR'.")]
RedemptionNumber = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the redemption.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for people.")]
Account = Annotated[str, typer.Option(help="Account number in the bank's books.")]

SHOWN_LINES = 15

app = typer.Typer(name="cash", help="Deposits, settlements and exchanges.", no_args_is_help=True)
app.add_typer(exchanges.app)
app.add_typer(settlements.app)
exchanges.register(app)


@app.command(
    name="open",
    epilog=examples(
        "tally cash open acme --currency EUR --account DE02… --payout DE75… --profile net/profiles/bank.json"
    ),
)
def open_account(
    client: Client,
    currency: CurrencyOption,
    account: Annotated[str, typer.Option(help="Account number for this client and currency alone.")],
    payout: Annotated[str, typer.Option(help="The client's account to which redemptions are paid.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Open a custody account for a client (settlement bank): one client, one currency, one number."""
    code = read_currency(currency, "--currency")
    operation = {
        "op": "custody.open",
        "client": client,
        "currency": code,
        "account": account,
        "payout": payout,
    }
    record(
        profile,
        lambda _: operation,
        f"Account of {client} in {code}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_deposit(session, session.profile.organisation, client, code),
    )


def _status_command(
    step: str, says: str, profile: Path | None, receipt: Path | None, json: bool, **of: str
) -> None:
    code = read_currency(of["currency"], "--currency")
    operation = {"op": f"custody.{step}", **of, "currency": code}
    record(
        profile,
        lambda _: operation,
        f"Account of {of['client']} {says}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_deposit(
            session, session.profile.organisation, of["client"], operation["currency"]
        ),
    )


@app.command(epilog=examples("tally cash block acme --currency EUR --reason 'court order 12'"))
def block(
    client: Client,
    currency: CurrencyOption,
    reason: ReasonOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Block a custody account (settlement bank): nothing leaves it."""
    _status_command(
        "block", "blocked", profile, receipt, json, client=client, currency=currency, reason=reason
    )


@app.command(epilog=examples("tally cash unblock acme --currency EUR"))
def unblock(
    client: Client,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Lift the block of a custody account (settlement bank)."""
    _status_command("unblock", "open again", profile, receipt, json, client=client, currency=currency)


@app.command(epilog=examples("tally cash close acme --currency EUR"))
def close(
    client: Client,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Close an empty custody account for good (settlement bank)."""
    _status_command("close", "closed", profile, receipt, json, client=client, currency=currency)


@app.command(epilog=examples("tally cash nominate DE99… --bank bank --currency EUR"))
def nominate(
    payout: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Your account that is to be paid.")],
    bank: BankOption,
    currency: CurrencyOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Nominate another payout account (client); the bank approves, and it is used after a wait."""
    code = read_currency(currency, "--currency")
    operation = {"op": "custody.nominate", "bank": bank, "currency": code, "payout": payout}
    record(
        profile,
        lambda _: operation,
        "Payout account nominated",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _to_be_approved(session, bank, code, payout),
    )


def _to_be_approved(session: Session, bank: str, currency: str, payout: str) -> Standing:
    client = session.profile.organisation
    approved = f"tally cash approve {client} --currency {currency} --payout {quoted(payout)}"
    return replace(of_deposit(session, bank, client, currency), next=f"{bank} approves it: {approved}")


@app.command(epilog=examples("tally cash approve acme --currency EUR --payout DE99…"))
def approve(
    client: Client,
    currency: CurrencyOption,
    payout: Annotated[str, typer.Option(help="The account that the client nominated.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Approve a nominated payout account (settlement bank), after asking the client by another way."""
    code = read_currency(currency, "--currency")
    operation = {"op": "custody.approve", "client": client, "currency": code, "payout": payout}
    record(
        profile, lambda _: operation, f"Payout account of {client} approved", receipt=receipt, as_json=json
    )


@app.command(
    epilog=examples(
        "tally cash mint '1,000.00 EUR' --client acme --account DE02… --entry 4711 --date 2026-01-05",
        "tally import notification.xml --profile net/profiles/bank.json   (a whole camt.054)",
    )
)
def mint(
    amount: AmountArgument,
    client: Annotated[str, typer.Option(help="Organisation id of the client.")],
    account: Account,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest money that was booked on a client's custody account (settlement bank): it becomes a deposit."""
    arrived = read_amount(amount, "AMOUNT")
    operation = {
        "op": "deposit.mint",
        "account": account,
        "entry": entry,
        "date": read_day(date, "--date"),
        "client": client,
        "currency": arrived.currency,
        "amount": arrived.amount,
    }
    record(
        profile,
        lambda _: operation,
        f"{arrived} minted for {client}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_deposit(session, session.profile.organisation, client, arrived.currency),
    )


@app.command(epilog=examples("tally cash transfer '250.00 EUR' --to loan --bank bank --reference INV-7"))
def transfer(
    amount: AmountArgument,
    to: Annotated[str, typer.Option(help="Organisation id of the payee, a client of the same bank.")],
    bank: BankOption,
    reference_: Annotated[str, typer.Option("--reference", help="What it is for.")] = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay another client of the bank out of your deposit."""
    paid = read_amount(amount, "AMOUNT")
    operation = {
        "op": "deposit.transfer",
        "bank": bank,
        "payee": to,
        "currency": paid.currency,
        "amount": paid.amount,
        "reference": reference_,
    }
    record(
        profile,
        lambda _: operation,
        f"{paid} to {to}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_deposit(session, bank, session.profile.organisation, paid.currency),
    )


@app.command(epilog=examples("tally cash redeem R-1 '500.00 EUR' --bank bank"))
def redeem(
    number: RedemptionNumber,
    amount: AmountArgument,
    bank: BankOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Ask the bank to pay out a part of your deposit; the amount is held until it has."""
    wanted = read_amount(amount, "AMOUNT")
    operation = {
        "op": "redemption.request",
        "redemption": number,
        "bank": bank,
        "currency": wanted.currency,
        "amount": wanted.amount,
    }
    record(
        profile,
        lambda _: operation,
        f"Redemption {number} of {wanted}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _to_be_paid(session, number, bank, wanted.currency),
    )


def _to_be_paid(session: Session, number: str, bank: str, currency: str) -> Standing:
    client = session.profile.organisation
    paid_by = f"{bank} pays it: tally cash paid {quoted(number)} --client {client} --entry ENTRY --date DAY"
    return replace(of_deposit(session, bank, client, currency), next=paid_by)


def _of_redemption(session: Session, client: str, number: str) -> Standing:
    """The deposit out of which it was to be paid."""
    found = session.view(f"/redemptions/{segments(client=client)}/{segment(number)}")
    return of_deposit(session, found["bank"], client, found["currency"])


@app.command(
    epilog=examples("tally cash paid R-1 --client acme --entry 4712 --date 2026-01-06 --profile bank.json")
)
def paid(
    number: RedemptionNumber,
    client: Annotated[str, typer.Option(help="Organisation id of the client.")],
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest the booked payment of a redemption (settlement bank): the deposit is burnt."""

    def make(session: Session) -> dict[str, Any]:
        asked = session.view(f"/redemptions/{segments(client=client)}/{segment(number)}")
        kept = session.view(
            f"/deposits/{segment(asked['bank'])}/{segments(client=client)}/{asked['currency']}"
        )
        return {
            "op": "redemption.pay",
            "redemption": number,
            "client": client,
            "account": kept["account"],
            "entry": entry,
            "date": read_day(date, "--date"),
            "currency": asked["currency"],
            "amount": asked["amount"],
        }

    record(
        profile,
        make,
        f"Redemption {number} paid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_redemption(session, client, number),
    )


@app.command(epilog=examples("tally cash decline R-1 --client acme --reason 'account closed'"))
def decline(
    number: RedemptionNumber,
    client: Annotated[str, typer.Option(help="Organisation id of the client.")],
    reason: ReasonOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Decline a redemption (settlement bank): the amount is available again."""
    operation = {"op": "redemption.decline", "redemption": number, "client": client, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Redemption {number} declined",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_redemption(session, client, number),
    )


@app.command(
    epilog=examples(
        "tally cash redemptions --bank bank --status requested",
        "tally cash redemptions --client acme --json",
    )
)
def redemptions(
    bank: Annotated[str | None, typer.Option("--bank", "-b", help="Only at this bank.")] = None,
    client: Annotated[str | None, typer.Option(help="Only of this client.")] = None,
    status: Annotated[str | None, typer.Option(help="requested, paid, declined.")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List what clients have asked to be paid out, as a node tells it (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, STATUS.states)
    with open_session(profile) as session:
        told = session.pages("/redemptions", "redemptions", client=client, bank=bank, status=wanted)
        found = list(islice(told, limit))
    if screen.answer({"redemptions": found}):
        return
    screen.table(
        ("redemption", "client", "bank", "date", "amount", "to", "status", "reason"),
        [
            (
                *(entry[name] for name in ("redemption", "client", "bank", "requested")),
                money(entry["amount"], entry["currency"]),
                entry["payout"],
                entry["status"],
                entry["reason"] or "",
            )
            for entry in found
        ],
        right=("amount",),
    )
    screen.count(len(found), "redemption", limit)


@app.command(
    epilog=examples(
        "tally cash statement --bank bank --currency EUR --out acme.statement -p net/profiles/acme.json",
        "tally verify acme.statement --genesis net/genesis.block",
    )
)
def statement(
    bank: BankOption,
    currency: CurrencyOption,
    client: Annotated[str, typer.Option(help="Whose account; yours if not given.")] = "",
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest lines; all if not given.")] = None,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Fetch a statement and prove it complete, here: no line is missing, and they add up to the balance."""
    screen = Screen(json)
    owner = client or load_profile(profile).organisation
    code = read_currency(currency, "--currency")
    with open_session(profile) as session:
        found = session.statement(bank, owner, code, last)
    if out is not None:
        save(found.data, out, "statement")
    lines = [line_view(line) for line in found.lines]
    document = {
        "bank": bank,
        "client": owner,
        "currency": code,
        "proved": True,
        "complete": found.proved.is_complete,
        "height": found.height,
        "available": found.balance.available,
        "held": found.balance.held,
        "lines": lines,
        "file": None if out is None else str(out),
    }
    if screen.answer(document):
        return
    extent = "complete" if found.proved.is_complete else f"the newest {len(lines)} of {found.proved.count}"
    screen.line(
        f"{owner} at {bank}: {counted(len(lines), 'line')}, {extent}, proved at height {found.height}", GOOD
    )
    screen.facts(
        [("available", money(found.balance.available, code)), ("held", money(found.balance.held, code))]
    )
    shown = lines[-SHOWN_LINES:] if screen.is_terminal else lines
    screen.table(
        ("date", "kind", "available", "held", "with", "document"),
        [
            (
                line["business_date"],
                line["kind"],
                money(line["available"], code),
                money(line["held"], code),
                line["other"],
                line["document"],
            )
            for line in shown
        ],
        right=("available", "held"),
    )


@app.command(
    epilog=examples("tally cash accounts --bank bank", "tally cash accounts --bank bank --client acme")
)
def accounts(
    bank: BankOption,
    client: Annotated[str | None, typer.Option(help="Only this client's.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """List custody accounts, and check that they add up to what the bank has minted and not redeemed."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(session.pages("/deposits", "deposits", bank=bank, client=client))
        issued = list(session.pages(f"/issued/{segments(bank=bank)}", "issued")) if client is None else []
    sums = {
        row["currency"]: sum(
            entry["available"] + entry["held"] for entry in found if entry["currency"] == row["currency"]
        )
        for row in issued
    }
    reconciled = [{**row, "deposits": sums[row["currency"]]} for row in issued]
    differs = [row for row in reconciled if row["deposits"] != row["owed"]]
    if not screen.answer({"bank": bank, "deposits": found, "issued": reconciled, "reconciled": not differs}):
        _show_accounts(screen, found, reconciled)
    return REFUSED if differs else DONE


def _show_accounts(screen: Screen, found: list[dict[str, Any]], issued: list[dict[str, Any]]) -> None:
    screen.table(
        ("client", "account", "status", "available", "held"),
        [
            (
                entry["client"] + (" (own money)" if entry["own"] else ""),
                entry["account"],
                entry["status"],
                money(entry["available"], entry["currency"]),
                money(entry["held"], entry["currency"]),
            )
            for entry in found
        ],
        right=("available", "held"),
    )
    for row in issued:
        minted, redeemed = (money(row[name], row["currency"]) for name in ("minted", "redeemed"))
        agrees = row["deposits"] == row["owed"]
        screen.line(
            f"minted {minted} - redeemed {redeemed} = owed {money(row['owed'], row['currency'])}; "
            f"deposits {money(row['deposits'], row['currency'])}",
            GOOD if agrees else BAD,
        )


bank_files.register(app)
