"""`tally insurance` against the real API: a policy, an overdue invoice, a claim, and the cover that holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_node import ROLES
from local_sessions import Channel
from local_tally import DAY, Tally

from clients.cli.exits import REFUSED, USAGE, UsageProblem
from clients.cli.insurance.policy_quotes import read_buyers, read_prior
from clients.verification.verifier import verify_data
from ledger.blocks.genesis import read_genesis
from ledger.errors import VerificationError

QUOTE = [
    *("insurance", "quote", "POL/1", "--assured", "acme", "--currency", "eur", "--starts", DAY),
    *("--ends", "2024-12-31", "--bind-by", DAY, "--maximum", "5,000,000.00", "--deductible", "5,000.00"),
    *("--buyer", "anchor=800,000.00:acme"),
]
PREMIUM = 1_354_73
"""Of the running example, at an assumed 1.2 % a year."""
UNDER = ["--policy", "POL/1", "--insurer", "cover"]
INVOICE = ["INV/1", "--supplier", "acme", *UNDER]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(tmp_path, ("n1",), {**ROLES, "cover": ["insurer"]})
    yield made
    made.close()


def active(tally: Tally) -> None:
    """cover insures acme; the bank attests the premium; then acme bills anchor 950,000.00."""
    tally.run("cover", *QUOTE, "--annual-pd", "1.2")
    tally.run("acme", "insurance", "bind", "POL/1", "--insurer", "cover", "--premium", "1,354.73")
    booked = ["--account", "DE75", "--entry", "P1", "--date", DAY]
    tally.run("bank", "insurance", "premium-paid", "POL/1", "--insurer", "cover", *booked)
    line = ["--line", "1:1:950,000.00 EUR"]
    bill = ["INV/1", "--buyer", "anchor", "--issued", DAY, "--due", "2024-04-26", *line]
    tally.run("acme", "invoice", "submit", *bill)
    tally.run("anchor", "invoice", "confirm", "INV/1", "--supplier", "acme")


def filed(tally: Tally) -> None:
    tally.run("registrar", "date", "advance", "2024-05-01")
    tally.run("acme", "insurance", "notify", "L/1", *INVOICE)
    tally.run("cover", "insurance", "acknowledge", "L/1", "--assured", "acme")
    tally.run("registrar", "date", "advance", "2024-06-25")
    tally.run("acme", "insurance", "file", "L/1")


def test_a_premium_is_shown_before_it_is_quoted_and_says_why(tally: Tally) -> None:
    shown = tally.run("cover", *QUOTE, "--annual-pd", "1.2", "--dry-run")
    assert (shown["premium"], shown["proved"]) == (PREMIUM, True)
    history = tally.run("cover", *QUOTE, "--dry-run")
    assert history["buyers"][0]["reason"] == "0 of 0 buyer-weeks of acme defaulted, prior 3 of 250: 12000 ppm"
    assert "1,354.73 EUR premium" in tally.text("cover", *QUOTE, "--annual-pd", "1.2", "--dry-run")
    assert tally.run("cover", "insurance", "list")["policies"] == [], "nothing was recorded"
    missing = tally.run("acme", "insurance", "show", "POL/1", "--insurer", "cover", code=REFUSED)
    assert missing["error"]["code"] == "unknown_policy"


def test_a_loss_is_notified_filed_accepted_paid_and_recovered(tally: Tally) -> None:
    active(tally)
    early = tally.run("acme", "insurance", "notify", "L/1", *INVOICE, code=REFUSED)
    assert early["error"]["code"] == "not_overdue"
    filed(tally)
    tally.run("cover", "insurance", "reject", "L/1", "--assured", "acme", "--reason", "no proof")
    tally.run("acme", "insurance", "dispute", "L/1", "--reason", "it is on the ledger")
    other = ["--indemnity", "715,500.01"]
    wrong = tally.run("cover", "insurance", "accept", "L/1", "--assured", "acme", *other, code=REFUSED)
    assert wrong["error"]["code"] == "amount_mismatch"
    tally.run("cover", "insurance", "accept", "L/1", "--assured", "acme")
    booked = ["--assured", "acme", "--account", "DE75", "--date", "2024-06-25", "--entry"]
    tally.run("bank", "insurance", "indemnified", "L/1", *booked, "I1")
    tally.run("acme", "insurance", "subrogate", "L/1")
    late = ["--account", "DE75", "--entry", "LATE", "--date", "2024-06-25", "--payer", "anchor"]
    tally.run("bank", "payment", "attest", "INV/1", "--supplier", "acme", "--amount", "100,000.00", *late)
    shown = tally.run("cover", "insurance", "claim", "L/1", "--assured", "acme")
    assert (shown["paid"], shown["to_cede"]) == (715_500_00, 75_315_79)
    tally.run("bank", "insurance", "recovered", "L/1", *booked, "R1")
    nothing = tally.run("bank", "insurance", "recovered", "L/1", *booked, "R2", code=USAGE)
    assert nothing["error"]["code"] == "nothing_due"
    assert "Subrogated, on invoice INV/1 of acme" in tally.text("acme", "insurance", "claim", "L/1")
    (listed,) = tally.run("cover", "insurance", "claims", "--insurer", "cover")["claims"]
    assert listed["ceded"] == 75_315_79
    assert "715,500.00 EUR" in tally.text("cover", "insurance", "claims", "--assured", "acme")


def test_cash_legs_move_out_of_deposits(tally: Tally) -> None:
    for client in ("acme", "cover", "anchor"):
        tally.open(client)
        tally.mint(client, "1,000,000.00 EUR", f"IN-{client}", f"C-{client}")
    tally.run("cover", *QUOTE, "--annual-pd", "1.2")
    tally.run("acme", "insurance", "bind", "POL/1", "--insurer", "cover", "--premium", "1,354.73 EUR")
    tally.run("acme", "insurance", "pay-premium", "POL/1", "--insurer", "cover", "--bank", "bank")
    line = ["--line", "1:1:950,000.00 EUR"]
    bill = ["INV/1", "--buyer", "anchor", "--issued", DAY, "--due", "2024-04-26", *line]
    tally.run("acme", "invoice", "submit", *bill)
    tally.run("anchor", "invoice", "confirm", "INV/1", "--supplier", "acme")
    filed(tally)
    tally.run("cover", "insurance", "accept", "L/1", "--assured", "acme", "--indemnity", "715,500.00")
    tally.run("cover", "insurance", "indemnify", "L/1", "--assured", "acme", "--bank", "bank")
    tally.run("acme", "insurance", "subrogate", "L/1")
    tally.run("anchor", "payment", "make", "INV/1", "--supplier", "acme", "--bank", "bank")
    tally.run("acme", "insurance", "recover", "L/1", "--bank", "bank")
    assert tally.run("acme", "insurance", "claim", "L/1")["status"] == "RecoveriesShared"


def test_cover_says_what_holds_what_does_not_and_what_to_do_and_its_file_is_checked(
    tally: Tally, tmp_path: Path
) -> None:
    active(tally)
    tally.run("cover", "insurance", "limit", "POL/1", "anchor", "500,000.00")
    tally.run("cover", "insurance", "suspend", "POL/1", "--reason", "review")
    tally.run("registrar", "date", "advance", "2024-05-01")
    saved = tmp_path / "INV-1.cover"
    shown = tally.run("acme", "insurance", "cover", *INVOICE, "--out", str(saved))
    assert (shown["covered"], shown["indemnity_today"]) == (True, 715_500_00), "what has left keeps its limit"
    assert shown["next"] == "notify by 2024-05-26, or cover is void"
    report = verify_data(saved.read_bytes(), read_genesis(tally.channel.network.genesis_path.read_bytes()))
    assert report.kind == "answer"
    assert "covered, 715,500.00 EUR if it were decided today; notify by 2024-05-26" in report.summary
    assert report.facts["answer"]["conditions"] == shown["conditions"]
    damaged = bytearray(saved.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(VerificationError):
        verify_data(bytes(damaged), read_genesis(tally.channel.network.genesis_path.read_bytes()))
    policy = tally.run("acme", "insurance", "show", "POL/1", "--insurer", "cover")
    assert [step["limit"] for step in policy["buyers"][0]["limits"]] == [800_000_00, 500_000_00]
    assert "suspended" in tally.text("acme", "insurance", "show", "POL/1", "--insurer", "cover")
    tally.run("cover", "insurance", "resume", "POL/1")
    tally.run("registrar", "date", "advance", "2024-05-27")
    late = tally.run("acme", "insurance", "cover", *INVOICE)
    assert [each["code"] for each in late["conditions"] if not each["holds"]] == ["notified_too_late"]
    told = tally.text("acme", "insurance", "cover", *INVOICE)
    assert "not covered (notified_too_late); nothing: it is not covered" in told
    assert "by 2024-05-26" in told


def test_the_clock_of_every_open_invoice_is_proved_complete(tally: Tally) -> None:
    active(tally)
    others = (("PAID", "2024-04-26", "9.00"), ("VOID", "2024-04-10", "7.00"), ("SOON", "2024-06-01", "6.00"))
    for number, due, amount in others:
        line = ["--line", f"1:1:{amount} EUR"]
        tally.run(
            "acme", "invoice", "submit", number, "--buyer", "anchor", "--issued", DAY, "--due", due, *line
        )
        tally.run("anchor", "invoice", "confirm", number, "--supplier", "acme")
    bill = ["WRONG", "--buyer", "anchor", "--issued", DAY, "--due", DAY, "--line", "1:1:8.00 EUR"]
    tally.run("acme", "invoice", "submit", *bill)
    tally.run("acme", "invoice", "cancel", "WRONG")
    booked = ["--amount", "9.00", "--account", "DE75", "--entry", "E", "--date", DAY]
    tally.run("bank", "payment", "attest", "PAID", "--supplier", "acme", *booked)
    tally.run("registrar", "date", "advance", "2024-05-12")
    asked = ["insurance", "deadlines", "POL/1", "--insurer", "cover"]
    found = tally.run("acme", *asked)["invoices"]
    assert [(entry["invoice"], entry["status"], entry["days_left"]) for entry in found] == [
        ("VOID", "Void", -2),
        ("INV/1", "Notify", 14),
        ("SOON", "NotDue", 50),
    ]
    assert len(tally.run("acme", *asked, "--due-within", "0")["invoices"]) == 2
    assert "to notify: 1, the first by 2024-05-26" in tally.text("acme", *asked)
    tally.run("acme", "insurance", "notify", "L/1", *INVOICE)
    told = tally.run("acme", *asked)["invoices"]
    assert [(entry["status"], entry["claim"]) for entry in told][1] == ("Notified", "L/1")


def test_a_claim_is_withdrawn_and_nothing_is_promised_any_more(tally: Tally) -> None:
    active(tally)
    filed(tally)
    tally.run("acme", "insurance", "withdraw", "L/1")
    accept = tally.run("cover", "insurance", "accept", "L/1", "--assured", "acme", code=USAGE)
    assert accept["error"]["code"] == "nothing_to_indemnify"


def test_limits_and_priors_are_read_exactly() -> None:
    (limit,) = read_buyers(["anchor = 1,000.00 : acme, bolt"], "EUR")
    assert limit == {"buyer": "anchor", "limit": 1_000_00, "suppliers": ("acme", "bolt")}
    assert read_prior("3/250") == {"pd_prior_defaults": 3, "pd_prior_survivals": 247}


@pytest.mark.parametrize("text", ["", "anchor", "anchor=1,000.00", "anchor=1,000.00:", "=1.00:acme", "a=:b"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_buyers([text], "EUR")


@pytest.mark.parametrize("text", ["", "3", "3/3", "4/3", "-1/3", "a/b", "1/2/3", "1/99999999999999"])
def test_what_is_no_prior_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_prior(text)
