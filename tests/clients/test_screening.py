"""Each check of the screening finds its fraud in a history, names the records, and lets honest trade be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clients.screening import ALARM, NOTE, Facts, Finding, Trade, screen
from clients.screening.finding import Place
from contracts.finance.claim import Lien
from contracts.parties.affiliation import Affiliation
from contracts.parties.payee import Payee
from contracts.trade.invoice import ASSIGNED, CONFIRMED, FREE, RESERVED, Invoice
from contracts.trade.order import OrderLine
from contracts.trade.redirection import AGREED, PROPOSED, Redirection
from ledger import codec
from ledger.money import Money

DAY = 19_800
Record = tuple[Any, ...]
NOTHING = Facts({})


def billed(
    number: str,
    gross: int,
    day: int = DAY,
    *,
    order: str = "",
    lines: bytes = b"",
    lag: int = 0,
    term: int = 60,
) -> Record:
    """The supplier bills; `lines` tells whether it is the same as elsewhere."""
    digest = (lines or number.encode()).ljust(16, b".")
    return (day, "invoice", number, "EUR", gross, day - lag, day - lag + term, order, digest)


def confirmed(number: str, net: int, day: int = DAY + 1, *, due: int = DAY + 60) -> Record:
    return (day, "confirm", number, "EUR", net, due, 0, net, 0, 0)


def credited(number: str, invoice: str, amount: int, day: int) -> Record:
    return (day, "credit", number, "EUR", amount, day, amount, invoice, 0)


def financed(number: str, net: int, day: int = DAY + 2) -> Record:
    return (day, "finance", number, "EUR", net, day + 58)


def paid(number: str, amount: int, day: int) -> Record:
    return (day, "payment", number, "EUR", amount, day, day, amount, 1, day - 60, amount, 0)


def received(order: str, day: int) -> Record:
    return (day, "receive", f"D{day}", "EUR", order, 10, 0, day, 0, 0)


def told(*records: Record, supplier: str = "acme", buyer: str = "mega", day: int = 0) -> Trade:
    """The trade of one relationship, whose records come by business date."""
    return Trade.of([(supplier, buyer, 0, sorted(records, key=lambda record: record[0]))], day)


def found(trade: Trade, facts: Facts = NOTHING, grade: str = ALARM) -> list[Finding]:
    return [finding for finding in screen(trade, facts) if finding.grade == grade]


def checks(trade: Trade, facts: Facts = NOTHING) -> list[str]:
    return [finding.check for finding in found(trade, facts)]


def numbers(findings: Iterable[Finding]) -> list[tuple[str, ...]]:
    return [finding.documents for finding in findings]


# altered number or amount


def test_another_number_at_almost_the_same_amount_is_found_with_both_records() -> None:
    (finding,) = found(told(billed("A", 100_000), billed("B", 99_100, DAY + 6)))
    assert (finding.check, finding.documents) == ("near_match", ("A", "B"))
    assert finding.evidence == (Place("acme", "mega", 0), Place("acme", "mega", 1))
    assert "991.00 EUR" in finding.says


def test_what_lies_further_apart_in_amount_or_days_or_on_another_order_is_no_near_match() -> None:
    for other in (
        billed("B", 98_900, DAY + 1),
        billed("B", 100_000, DAY + 8),
    ):
        assert checks(told(billed("A", 100_000), other)) == []
    on_another = [billed("A", 100_000, order="P1"), billed("B", 100_000, DAY + 1, order="P2")]
    assert checks(told(received("P1", DAY), received("P2", DAY), *on_another)) == []


def test_what_an_order_has_counted_is_found_where_it_is_billed_again_without_the_order() -> None:
    """Exactly the same, or nearly; before or after. Receipts of goods explain nothing of it."""
    goods = [received("PO", DAY - 1), received("PO", DAY)]
    on_order, without = billed("A", 100_000, order="PO"), billed("B", 100_000, DAY + 3, lines=b"A")
    (finding,) = found(told(*goods, on_order, without))
    assert (finding.check, finding.documents) == ("near_match", ("A", "B"))
    assert "without an order by B" in finding.says
    assert "on order PO by A" in finding.says
    late = billed("A", 99_500, DAY + 4, order="PO")
    assert numbers(found(told(*goods, billed("B", 100_000), late))) == [("B", "A")]
    fee = [billed(f"W{week}", 100_000, DAY + 7 * week) for week in range(8)]
    beside = billed("A", 100_000, DAY + 50, order="PO")
    assert numbers(found(told(*goods, *fee, beside))) == [("W0", "W1"), ("W1", "W2")], "a weekly fee"


def test_an_invoice_that_was_ended_before_is_corrected_not_copied() -> None:
    cancelled = (DAY + 1, "cancel", "A", "EUR", 100_000, DAY + 60, 0)
    assert checks(told(billed("A", 100_000), cancelled, billed("B", 99_900, DAY + 2))) == []


def test_deliveries_explain_invoices_that_are_alike_on_one_order() -> None:
    first, second = billed("A", 100_000, order="PO"), billed("B", 100_000, DAY + 4, order="PO")
    assert checks(told(received("PO", DAY), first, received("PO", DAY + 3), second)) == []
    assert checks(told(received("PO", DAY), first, second)) == ["near_match"]


def test_a_steady_rhythm_explains_itself_and_a_copy_between_two_of_it_does_not() -> None:
    weekly = [billed(f"W{week}", 100_000, DAY + 7 * week) for week in range(8)]
    assert numbers(found(told(*weekly))) == [("W0", "W1"), ("W1", "W2")]
    copied = [*weekly, billed("COPY", 100_300, DAY + 45)]
    assert "COPY" in {number for pair in numbers(found(told(*copied))) for number in pair}


# ageing


def test_lines_that_are_credited_and_billed_anew_are_found_and_a_quick_correction_is_not() -> None:
    old = (billed("A", 100_000, lines=b"x"), confirmed("A", 100_000))
    late = credited("C", "A", 100_000, DAY + 70)
    (finding,) = found(told(*old, late, billed("B", 100_000, DAY + 75, lines=b"x")))
    assert (finding.check, finding.documents) == ("rebilled", ("A", "B"))
    assert [place.number for place in finding.evidence if isinstance(place, Place)] == [0, 2, 3]
    soon = credited("C", "A", 100_000, DAY + 3)
    assert checks(told(*old, soon, billed("B", 100_000, DAY + 4, lines=b"x"))) == []
    assert checks(told(*old, late, billed("B", 100_000, DAY + 75, lines=b"y"))) == []
    assert checks(told(*old, late, billed("B", 100_000, DAY + 130, lines=b"x"))) == []


def test_another_delivery_on_the_order_is_not_the_old_one_billed_anew() -> None:
    cancelled = (DAY + 2, "cancel", "A", "EUR", 100_000, DAY + 60, 0)
    first = billed("A", 100_000, order="PO", lines=b"x")
    again = billed("B", 100_000, DAY + 16, order="PO", lines=b"x")
    assert checks(told(received("PO", DAY), first, cancelled, received("PO", DAY + 15), again)) == []
    assert checks(told(received("PO", DAY), first, cancelled, again)) == ["rebilled"]


# prices


def priced(units: list[int]) -> tuple[Trade, Facts]:
    """Invoices of ten pieces of one item at these unit prices, each on an order of its own."""
    records, entries = [], {}
    for place, unit in enumerate(units):
        number, order, day = f"I{place}", f"PO{place}", DAY + 20 * place
        records += [received(order, day), billed(number, 10 * unit, day, order=order)]
        invoice = Invoice(
            "mega", "EUR", day, day + 60, order, (("1", 10, 10 * unit),), 10 * unit, CONFIRMED, FREE,
            10 * unit, 0, 0, 0, 0, 0, 10 * unit, b"", 0, "", "", 0, 0, (),
        )  # fmt: skip
        entries[("invoice", "acme", number)] = tuple(invoice)
        entries[("order_line", "acme", "mega", order, "1")] = tuple(OrderLine("bolt", 10, unit * 10**6))
    return told(*records), Facts(entries)


def test_a_price_far_from_the_items_own_history_is_found_with_invoice_and_order_line() -> None:
    usual = [1_000, 1_010, 990, 1_000, 1_005, 995, 1_000]
    (finding,) = found(*priced([*usual, 1_400]))
    assert (finding.check, finding.documents) == ("price_outlier", ("I7",))
    assert [str(place) for place in finding.evidence[1:]] == [
        "state entry invoice / acme / I7",
        "state entry order_line / acme / mega / PO7 / 1",
    ]
    assert found(*priced([*usual, 1_060])) == []
    assert found(*priced([1_000, 1_400])) == [], "nothing to compare with yet"


def test_a_new_price_that_stays_becomes_the_history() -> None:
    findings = found(*priced([1_000] * 8 + [1_200] * 20))
    assert 0 < len(findings) < 9


# collections


def test_money_that_arrives_elsewhere_is_the_sellers() -> None:
    record = (DAY, "astray", "A", "EUR", 5_000, DAY, "FR14", "DE89")
    (finding,) = found(told(record))
    assert (finding.check, finding.documents) == ("seller_collects", ("A",))
    assert "FR14" in finding.says
    assert "DE89" in finding.says


def test_a_redirection_for_a_lender_that_does_not_hold_the_invoice_is_found() -> None:
    trade = told(billed("A", 100_000), confirmed("A", 100_000), financed("A", 100_000))
    lien = Lien(ASSIGNED, "loan", *[0] * 18)  # type: ignore[arg-type]
    entries: dict[Any, Any] = {("lien", "acme", "A"): tuple(lien)}
    key = ("redirection", "acme", "mega", "EUR")
    assert found(trade, Facts(entries)) == []
    for status, lender, expected in (
        (AGREED, "fund", ["redirected_elsewhere"]),
        (AGREED, "loan", []),
        (PROPOSED, "fund", []),
    ):
        entries[key] = tuple(Redirection(1, status, lender, "DE89", DAY, DAY, 0))
        assert checks(trade, Facts(entries)) == expected
    reserved = {("lien", "acme", "A"): tuple(lien._replace(title=RESERVED)), key: entries[key]}
    assert checks(trade, Facts(reserved)) == []


def invoices_due(*, dispute: bool = False, later: int = 2, finance: bool = True, extended: int = 0) -> Trade:
    """A never paid, and some due later that were."""
    records = [billed("A", 100_000), confirmed("A", 100_000)]
    if finance:
        records.append(financed("A", 100_000))
    if extended:
        records.append((DAY + 40, "extend", "A", "EUR", 100_000, DAY + 60 + extended, DAY + 60))
    if dispute:
        records.append((DAY + 30, "dispute", "A", "EUR", 100))
    for place in range(later):
        day = DAY + 9 + place
        number, amount = f"L{place}", 70_000 + 9_000 * place
        records += [billed(number, amount, day), confirmed(number, amount, day + 1, due=day + 60)]
        records.append(paid(number, amount, day + 60))
    return told(*records, day=DAY + 95)


def test_a_financed_invoice_is_missed_once_the_buyer_has_paid_what_fell_due_later() -> None:
    (finding,) = found(invoices_due())
    assert (finding.check, finding.documents) == ("payment_missing", ("A",))
    assert found(invoices_due(dispute=True)) == []
    assert found(invoices_due(extended=30)) == [], "the buyer was given more time"
    assert found(invoices_due(later=1)) == [], "a buyer that is late with all"
    assert found(invoices_due(finance=False)) == []


# round trips


def test_what_a_certificate_leaves_of_an_invoice_is_missed_and_what_is_written_off_was_not_paid() -> None:
    records = [billed("A", 100_000), confirmed("A", 100_000), financed("A", 100_000)]
    replaced = (DAY + 5, "certificate", "A", "EUR", 40_000, DAY + 60, 0, "C-1")
    later = []
    for place in range(2):
        number, amount, day = f"L{place}", 70_000 + 9_000 * place, DAY + 9 + place
        records += [billed(number, amount, day), confirmed(number, amount, day + 1, due=day + 60)]
        later.append((number, amount, day + 60))
    paid_later = [paid(*one) for one in later]
    (finding,) = found(told(*records, replaced, *paid_later, day=DAY + 95))
    assert (finding.check, finding.at_stake) == ("payment_missing", Money(60_000, "EUR"))
    whole = (*replaced[:4], 100_000, *replaced[5:])
    assert found(told(*records, whole, *paid_later, day=DAY + 95)) == [], "all of it is owed elsewhere"
    lost = [(day, "write_off", number, "EUR", amount, day, day) for number, amount, day in later]
    assert found(told(*records, *lost, day=DAY + 95)) == [], "nothing that fell due later was paid"


def ring(*amounts: int, days: int = 5, parties: str = "abcde") -> Trade:
    """Each bills the next, some days apart; the last one the first."""
    names = parties[: len(amounts)]
    return Trade.of(
        (name, names[(place + 1) % len(names)], 0, [billed(f"I{name}", amount, DAY + days * place)])
        for place, (name, amount) in enumerate(zip(names, amounts, strict=True))
    )


def test_a_circle_of_two_to_five_parties_at_one_value_is_found_once() -> None:
    for count in range(2, 6):
        (finding,) = found(ring(*[100_000 - 900 * place for place in range(count)]))
        assert finding.check == "round_trip"
        assert sorted(finding.parties) == list("abcde"[:count])
        assert len(finding.evidence) == count


def test_a_circle_of_other_values_or_over_months_or_that_does_not_close_is_none() -> None:
    assert checks(ring(100_000, 94_000, 100_000)) == []
    assert checks(ring(100_000, 100_000, 100_000, days=16)) == []
    open_chain = Trade.of([("a", "b", 0, [billed("I1", 100_000)]), ("b", "c", 0, [billed("I2", 100_000)])])
    assert checks(open_chain) == []


def test_what_meets_by_chance_in_trade_both_ways_is_a_note() -> None:
    sides = {("a", "b"): (100_000, 150_000, 190_000), ("b", "a"): (102_000, 230_000, 270_000)}
    trade = Trade.of(
        (
            *pair,
            0,
            [billed(f"{pair}{place}", amount, DAY + 9 * place) for place, amount in enumerate(amounts)],
        )
        for pair, amounts in sides.items()
    )
    assert found(trade) == []
    (note,) = found(trade, grade=NOTE)
    assert note.check == "round_trip"


def test_money_that_runs_in_a_circle_is_found_where_the_invoices_do_not_show_it() -> None:
    trade = Trade.of(
        (source, target, 0, [billed(f"I{source}", gross, DAY), paid(f"I{source}", 50_000, DAY + 60)])
        for source, target, gross in (("a", "b", 50_000), ("b", "c", 90_000), ("c", "a", 70_000))
    )
    (finding,) = found(trade)
    assert finding.check == "round_trip"
    assert "pay each other" in finding.says


# related parties


def affiliated(*said: tuple[str, str, Affiliation]) -> Facts:
    return Facts({("affiliation", party, source): tuple(word) for party, source, word in said})


def test_a_tie_that_both_say_is_a_note_and_one_that_only_the_register_knows_an_alarm() -> None:
    trade = told(billed("A", 100_000))
    parent = Affiliation("", "PARENT", "", DAY, "x")
    register = [("acme", "register", parent), ("mega", "register", parent)]
    (finding,) = found(trade, affiliated(*register))
    assert (finding.check, finding.parties, finding.at_stake is not None) == (
        "related_party", ("acme", "mega"), True
    )  # fmt: skip
    own = [("acme", "own", parent), ("mega", "own", parent)]
    facts = affiliated(*register, *own)
    assert found(trade, facts) == []
    assert [note.check for note in found(trade, facts, NOTE)] == ["related_party"]
    assert found(trade, affiliated(own[0])) == [], "a parent of one is no tie"


def test_what_is_open_among_related_parties_is_said_by_currency_less_what_was_paid() -> None:
    dollars = (*billed("B", 70_000)[:3], "USD", *billed("B", 70_000)[4:])
    part = (*paid("A", 40_000, DAY + 9)[:8], 0, *paid("A", 40_000, DAY + 9)[9:])
    parent = Affiliation("", "PARENT", "", DAY, "x")
    facts = affiliated(("acme", "register", parent), ("mega", "register", parent))
    (finding,) = found(told(billed("A", 100_000), part), facts)
    assert finding.says.endswith("1 invoice, 600.00 EUR is open")
    assert finding.at_stake == Money(60_000, "EUR")
    (finding,) = found(told(billed("A", 100_000), dollars, part), facts)
    assert finding.says.endswith("2 invoices, 600.00 EUR and 700.00 USD are open")


def test_one_address_or_one_account_is_a_tie_however_it_is_written() -> None:
    trade = told(billed("A", 100_000))
    first, second = (Affiliation("", "", address, DAY, "x") for address in ("1, Quay St.", "1 quay st"))
    (finding,) = found(trade, affiliated(("acme", "register", first), ("mega", "own", second)))
    assert "address" in finding.says
    payee = tuple(Payee("", "NL91", b"", 0))
    accounts = Facts({("payee", party, "EUR"): payee for party in ("acme", "mega")})
    (finding,) = found(trade, accounts)
    assert "NL91" in finding.says


# backdating, dilution


def test_an_invoice_that_comes_long_after_its_date_is_found_unless_it_was_ended() -> None:
    assert checks(told(billed("A", 100_000, lag=31))) == ["backdated"]
    assert checks(told(billed("A", 100_000, lag=30))) == []
    rejected = (DAY + 1, "reject", "A", "EUR", 100_000)
    assert checks(told(billed("A", 100_000, lag=31), rejected)) == []


def quarters(*shares: int) -> Trade:
    """Ten invoices in each quarter, four of them credited by so many percent."""
    records = []
    for quarter, share in enumerate(shares):
        for place in range(10):
            number, day = f"Q{quarter}-{place}", DAY + 90 * quarter + 9 * place
            gross = 100_000 + 5_000 * place
            records += [billed(number, gross, day), confirmed(number, gross, day, due=day + 60)]
            if share and place < 4:
                records.append(credited(f"C{number}", number, gross * share // 100, day + 1))
    return told(*records, day=DAY + 90 * len(shares) - 1)


def test_dilution_that_grows_is_found_and_what_was_always_so_is_not() -> None:
    (finding,) = found(quarters(2, 2, 2, 40))
    assert (finding.check, finding.parties) == ("dilution_trend", ("acme",))
    assert len(finding.evidence) == 4
    assert found(quarters(20, 20, 20, 20)) == []
    assert found(quarters(0, 0, 0, 4)) == [], "too little to ask"


def test_what_a_buyer_does_not_confirm_is_credited_in_neither_of_the_compared_ratios() -> None:
    records = []
    for place in range(10):
        old, new = DAY + 9 * place, DAY + 270 + 9 * place
        gross = 100_000 + 5_000 * place
        short = (old, "confirm", f"O{place}", "EUR", gross // 2, old + 60, gross // 2, gross // 2, 0, 0)
        records += [billed(f"O{place}", gross, old), short]
        records += [billed(f"N{place}", gross, new), confirmed(f"N{place}", gross, new, due=new + 60)]
        if place < 4:
            records.append(credited(f"C{place}", f"N{place}", gross * 40 // 100, new + 1))
    (finding,) = [one for one in found(told(*records, day=DAY + 359)) if one.check == "dilution_trend"]
    assert "after 0 % in the 360 days before" in finding.says


# all of them


def test_a_part_of_a_history_is_read_by_the_numbers_that_its_records_have() -> None:
    late = credited("C", "A", 100_000, DAY + 70)
    trade = Trade.of([("acme", "mega", 40, [late, billed("B", 99_100), billed("D", 100_000)])])
    (finding,) = found(trade)
    assert [place.number for place in finding.evidence if isinstance(place, Place)] == [41, 42]


def test_a_finding_goes_through_json() -> None:
    (finding,) = found(told(billed("A", 100_000), billed("B", 99_100)))
    shown = finding.as_dict()
    assert shown["evidence"][0] == {"supplier": "acme", "buyer": "mega", "record": 0}
    assert (shown["amount"], shown["currency"], shown["grade"]) == (99_100, "EUR", "alarm")
    assert codec.encode(shown)
