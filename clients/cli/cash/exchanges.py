"""`tally cash exchange` and `tally cash report`: two currencies change hands, and what that took and cost."""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_currency, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    HowMany,
    Json,
    ProfileFile,
    ReceiptFile,
    checked_word,
    load_profile,
    open_session,
)
from clients.cli.recording import record
from clients.cli.screen import FAINT, Screen, examples
from clients.cli.standing import exchange_price, moment, of_exchange
from clients.reports.cash_report import Assumptions, report
from clients.sdk import Session
from clients.sdk.conversation import segment, segments
from clients.wording import counted
from contracts.cash.cash_views import exchange_of
from contracts.cash.exchange import MAX_RATE_PART, STATUS, Exchange, exchange_key, price
from ledger.limits import MAX_PROVED_KEYS

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the exchange.")]
Taker = Annotated[str, typer.Option(help="Organisation id of the client that asked.")]

QUOTE_LIFE_S = 60

app = typer.Typer(name="exchange", help="Exchange two currencies: both legs or none.", no_args_is_help=True)


def register(cash: typer.Typer) -> None:
    """Add the report to its group."""
    cash.command(
        name="report",
        epilog=examples(
            "tally cash report --profile net/profiles/acme.json",
            "tally cash report --correspondent-days 3 --correspondent-cost-ppm 15000 --json",
        ),
    )(show_report)


@app.command(
    epilog=examples(
        "tally cash exchange request X-1 '1,000.00 EUR' --maker fund --at giro --pay USD --from bank"
    )
)
def request(
    number: Number,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="What you want, such as '1,000.00 EUR'.")],
    maker: Annotated[str, typer.Option(help="Whom you ask for a rate.")],
    at: Annotated[str, typer.Option("--at", help="Bank at which it is to arrive.")],
    pay: Annotated[str, typer.Option(help="Currency that you pay with.")],
    from_: Annotated[str, typer.Option("--from", help="Bank at which you pay.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Ask for an amount of another currency; from here on the clearing time is counted."""
    wanted = read_amount(amount, "AMOUNT")
    operation = {
        "op": "exchange.request",
        "exchange": number,
        "maker": maker,
        "sold_bank": at,
        "sold_currency": wanted.currency,
        "sold": wanted.amount,
        "bought_bank": from_,
        "bought_currency": read_currency(pay, "--pay"),
    }
    record(
        profile,
        lambda _: operation,
        f"Exchange {number} asked for",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_exchange(session, session.profile.organisation, number),
    )


@app.command(
    epilog=examples("tally cash exchange quote X-1 --taker acme --rate 1.0847 --mid 1.0840 --fee '1.00 USD'")
)
def quote(
    number: Number,
    taker: Taker,
    rate: Annotated[str, typer.Option(help="Price of one unit of what is wanted, such as 1.0847.")],
    mid: Annotated[str, typer.Option(help="Middle of the market now: the cost is measured against it.")],
    fee: Annotated[str, typer.Option(help="On top, in the currency that is paid.")] = "",
    seconds: Annotated[int, typer.Option(min=1, max=86_000, help="How long it stands.")] = QUOTE_LIFE_S,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Quote a rate (maker); what you sell is set aside until the quote is answered or has run out."""

    def make(session: Session) -> dict[str, Any]:
        asked = session.view(f"/exchanges/{segments(taker=taker)}/{segment(number)}")
        quoted = read_rate(rate, "--rate")
        paid = asked["bought_currency"]
        newest = max(asked["requested_ms"], time.time_ns() // 1_000_000)
        return {
            "op": "exchange.quote",
            "exchange": number,
            "taker": taker,
            "rate": quoted,
            "mid": read_rate(mid, "--mid"),
            "bought": price(
                asked["sold"], asked["sold_currency"], paid, (quoted["numerator"], quoted["denominator"])
            ),
            "fee": read_amount(fee, "--fee", paid, least=0).amount if fee else 0,
            "expires_ms": newest + 1_000 * seconds,
        }

    record(
        profile,
        make,
        f"Exchange {number} quoted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_exchange(session, taker, number),
    )


def read_rate(text: str, field: str) -> dict[str, int]:
    """A rate that a person wrote, as an exact fraction.

    Raises:
        UsageProblem: not a number above zero, or with more digits than the ledger takes.
    """
    try:
        rate = Decimal(text)
        is_written_out = abs(rate.adjusted()) <= MAX_RATE_PART.bit_length()  # a fraction that fits in memory
        numerator, denominator = rate.as_integer_ratio() if is_written_out else (0, 0)
    except (InvalidOperation, ValueError, OverflowError):
        numerator = denominator = 0
    if not (0 < numerator <= MAX_RATE_PART and 0 < denominator <= MAX_RATE_PART):
        raise UsageProblem("not a rate", code="rate", field=field, found=text[:40], expected="such as 1.0847")
    return {"numerator": numerator, "denominator": denominator}


def _proved(session: Session, taker: str, number: str) -> tuple[dict[str, Any], int]:
    """An exchange from its proved state entry, and the height at which that was the state.

    Raises:
        UsageProblem: `unknown_exchange`.
    """
    key = exchange_key(taker, number)
    proved = session.state([key])
    value = proved.entries[key]
    if value is None:
        raise UsageProblem(
            "no such exchange", code="unknown_exchange", field="NUMBER", found=f"{number} of {taker}"
        )
    return exchange_of(taker, number, value), proved.height


@app.command(
    epilog=examples(
        "tally cash exchange accept X-1", "tally cash exchange accept X-1 --at-most '1,090.00 USD' --json"
    )
)
def accept(
    number: Number,
    at_most: Annotated[
        str | None, typer.Option(help="Most that you pay in all; a quote above it is not accepted.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Accept the quote: both currencies change hands, or neither."""
    taker = load_profile(profile).organisation

    def make(session: Session) -> dict[str, Any]:
        asked, _ = _proved(session, taker, number)
        if asked["status"] != "Quoted":
            raise UsageProblem(
                "there is no quote to accept",
                code="wrong_state",
                field="NUMBER",
                found=asked["status"],
                expected="Quoted",
            )
        _check_most(asked, at_most)
        return {"op": "exchange.accept", "exchange": number, "bought": asked["bought"], "fee": asked["fee"]}

    record(
        profile,
        make,
        f"Exchange {number} settled",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_exchange(session, taker, number),
    )


def _check_most(asked: dict[str, Any], at_most: str | None) -> None:
    """Refuse a quote that costs more than its taker wants to pay.

    Raises:
        UsageProblem: `quote_too_dear`.
    """
    if at_most is None:
        return
    currency, total = asked["bought_currency"], asked["bought"] + asked["fee"]
    most = read_amount(at_most, "--at-most", currency)
    if total > most.amount:
        raise UsageProblem(
            "the quote costs more than that",
            code="quote_too_dear",
            field="--at-most",
            found=exchange_price(asked),
            expected=f"at most {most} in all",
            remedy="Decline it and ask for another quote, or accept it with a higher amount.",
        )


@app.command(
    epilog=examples("tally cash exchange show X-1", "tally cash exchange show X-1 --taker acme --json")
)
def show(
    number: Number,
    taker: Annotated[str | None, typer.Option(help="Who asked for it; you, if not given.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show an exchange from proved state: what is asked for, and the quote before it is accepted."""
    asker = taker or load_profile(profile).organisation
    screen = Screen(json)
    with open_session(profile) as session:
        view, height = _proved(session, asker, number)
    if screen.answer({**view, "proved": True, "height": height}):
        return
    rate, mid = view["rate"], view["mid"]
    is_quoted = rate is not None
    screen.facts(
        [
            ("status", view["status"]),
            ("wanted", f"{money(view['sold'], view['sold_currency'])} at {view['sold_bank']}"),
            ("of", view["maker"]),
            ("costs", f"{exchange_price(view)}, at {view['bought_bank']}" if is_quoted else "not quoted"),
            ("rate", _written(rate)),
            ("middle of the market", f"{_written(mid)}, as {view['maker']} stated it" if is_quoted else ""),
            ("stands until", "" if view["expires_ms"] is None else moment(view["expires_ms"])),
            ("proved at height", height),
        ],
        title=f"Exchange {number} of {asker}",
    )


def _written(rate: dict[str, int] | None) -> str:
    """A rate as a decimal of at most ten places; empty for none."""
    if rate is None:
        return ""
    return f"{Decimal(rate['numerator']) / rate['denominator']:.10f}".rstrip("0").rstrip(".")


@app.command(
    name="list",
    epilog=examples(
        "tally cash exchange list --maker fund --status requested", "tally cash exchange list --taker acme"
    ),
)
def list_exchanges(
    taker: Annotated[str | None, typer.Option(help="Only what this organisation has asked for.")] = None,
    maker: Annotated[str | None, typer.Option(help="Only what this organisation is asked for.")] = None,
    status: Annotated[str | None, typer.Option(help="requested, quoted, settled, declined, expired.")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Exchanges of two currencies, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, STATUS.states)
    with open_session(profile) as session:
        found = list(islice(session.exchanges(taker=taker, maker=maker, status=wanted), limit))
    if screen.answer({"exchanges": found}):
        return
    screen.table(
        ("exchange", "taker", "maker", "wanted", "costs", "status"),
        [
            (
                entry["exchange"],
                entry["taker"],
                entry["maker"],
                money(entry["sold"], entry["sold_currency"]),
                entry["bought_currency"] if entry["rate"] is None else exchange_price(entry),
                entry["status"],
            )
            for entry in found
        ],
        right=("wanted", "costs"),
    )
    screen.count(len(found), "exchange", limit)


@app.command(epilog=examples("tally cash exchange decline X-1 --taker acme"))
def decline(
    number: Number,
    taker: Taker,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """End an exchange: the client at any time, the maker once its quote has run out."""
    operation = {"op": "exchange.decline", "exchange": number, "taker": taker}
    record(
        profile,
        lambda _: operation,
        f"Exchange {number} declined",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_exchange(session, taker, number),
    )


def show_report(
    correspondent_days: Annotated[
        int, typer.Option(min=1, help="Assumed: least days that correspondent banks would have taken.")
    ] = 2,
    correspondent_most_days: Annotated[
        int, typer.Option(min=1, help="Assumed: most days that they would have taken.")
    ] = 3,
    correspondent_cost_ppm: Annotated[
        int | None,
        typer.Option(min=1, help="Assumed: what they would have cost, parts per million of the amount."),
    ] = None,
    aim_minutes: Annotated[int, typer.Option(min=1, help="Minutes within which one should clear.")] = 10,
    aim_cheaper: Annotated[str, typer.Option(help="Percent of their cost that one should save.")] = "60",
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Report clearing time and cost of your exchanges, from proved state, beside correspondent banking.

    Times are block times, from the request to the settlement. The cost is the fee and the distance from the
    middle of the market as the maker stated it. What it is compared with is your assumption; the sources
    behind it are named in the answer.
    """
    screen = Screen(json)
    if correspondent_most_days < correspondent_days:
        raise UsageProblem(
            "fewer days at most than at least",
            code="days",
            field="--correspondent-most-days",
            found=correspondent_most_days,
            expected=f"at least {correspondent_days}",
        )
    assumed = Assumptions(
        correspondent_days,
        correspondent_most_days,
        correspondent_cost_ppm,
        aim_minutes,
        read_percent(aim_cheaper, "--aim-cheaper"),
    )
    taker = load_profile(profile).organisation
    with open_session(profile) as session:
        found = proved_exchanges(session, taker)
    document = report(found, assumed)
    if screen.answer({"taker": taker, "proved": True, **document}):
        return
    screen.table(
        ("exchange", "got", "paid", "fee", "clearing", "cost", "saved"),
        [
            (
                row["exchange"],
                money(row["sold"], row["sold_currency"]),
                money(row["bought"], row["bought_currency"]),
                money(row["fee"], row["bought_currency"]),
                _seconds(row["clearing_ms"]),
                f"{money(row['cost'], row['bought_currency'])} ({percent(row['cost_ppm'])})",
                "" if row["cheaper_ppm"] is None else percent(row["cheaper_ppm"]),
            )
            for row in document["exchanges"]
        ],
        right=("got", "paid", "fee", "clearing", "cost", "saved"),
    )
    if not document["exchanges"]:
        screen.line("No exchange has been settled.")
        return
    screen.line(
        f"median clearing time {_seconds(document['median_clearing_ms'])}; "
        f"assumed for correspondent banks: {correspondent_days} to {counted(correspondent_most_days, 'day')}"
    )
    count = len(document["exchanges"])
    screen.line(f"within {counted(aim_minutes, 'minute')}: {document['meet_time']} of {count}")
    if document["cheaper_ppm"] is not None and correspondent_cost_ppm is not None:
        screen.line(
            f"median cost {percent(document['median_cost_ppm'])}, assumed {percent(correspondent_cost_ppm)}: "
            f"{compared(document['cheaper_ppm'])}"
        )
        screen.line(
            f"at least {percent(assumed.aim_cheaper_ppm)} cheaper: {document['meet_cost']} of {count}"
        )
    screen.line("The middle of the market is as each maker stated it and signed.", FAINT)
    for source in document["sources"]:
        screen.line(source, FAINT)


def compared(cheaper_ppm: int) -> str:
    """ "25 % less" of what is saved, or "25 % more" of what is not."""
    return f"{percent(abs(cheaper_ppm))} {'less' if cheaper_ppm >= 0 else 'more'}"


def _seconds(ms: int) -> str:
    return f"{ms // 1_000}.{ms % 1_000:03d} s"


def proved_exchanges(session: Session, taker: str) -> list[tuple[str, str, Exchange]]:
    """The exchanges of an organisation as the node lists them, each proved by its state entry."""
    numbers = [str(entry["exchange"]) for entry in session.pages("/exchanges", "exchanges", taker=taker)]
    found = []
    for start in range(0, len(numbers), MAX_PROVED_KEYS):
        keys = {exchange_key(taker, number): number for number in numbers[start : start + MAX_PROVED_KEYS]}
        for key, value in session.state(list(keys)).entries.items():
            if value is not None:
                found.append((taker, keys[key], Exchange._make(value)))
    return found
