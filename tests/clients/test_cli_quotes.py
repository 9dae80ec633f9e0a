"""`tally quote`, `tally model` and `tally export training` against the real API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from math import log
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
import story
from local_sessions import Channel, rewriting
from local_tally import Tally

from clients.cli import main
from clients.cli.exits import REFUSED, USAGE
from clients.cli.pricing.quote_story import tell
from clients.errors import Unavailable
from clients.kept_models import kept_model_file
from clients.models.model_record import compared, figures_of, on_tested_rows, parted
from clients.models.model_report import GROWING, drift, fared
from clients.models.training_export import Training
from clients.sdk import Refused
from contracts.finance.model import PART_BYTES
from contracts.finance.quote import ProvedQuote
from contracts.pricing.forest import LEAF
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import MAX_MODEL_BYTES, Ensemble, Lateness, Model
from contracts.pricing.prediction import BASE
from contracts.pricing.price import OVERDUE
from contracts.pricing.training import OPEN, PAID, Example, usable
from ledger.errors import VerificationError
from ledger.limits import MAX_PROVED_KEYS

STUMP = ((0, 45, 1, 2, 0), (LEAF, 0, 0, 0, -100), (LEAF, 0, 0, 0, 300))
MODEL = Model(
    ("term",),
    Ensemble(0, (), ((-1_000_000, 0), (1_000_000, 1_000_000))),
    Ensemble(100, (), ()),
    Ensemble(500, (STUMP,), ()),
).encode()
"""Nine days beyond terms for terms above 45 days, four for shorter ones."""
HASH = sha256(MODEL).hexdigest()
HOSTS = ("anchor", "fund", "registrar")
"""They run the voters; an approval beyond those that are needed is refused."""


@pytest.fixture(scope="module")
def channel(played_channel: Channel) -> Channel:
    return played_channel


def record_file(path: Path, root: str) -> Path:
    record = {
        "training_root": root,
        "rows": 0,
        "trained_until": "1970-01-01",
        "tested_rows": 0,
        "auc_ppm": 0,
        "brier_ppm": 0,
        "mae_centidays": 0,
        "dbt_ratio_ppm": 0,
        "rising": [],
    }
    path.write_text(json.dumps({**record, "rows": 1, "trained_until": "2024-03-01"}))
    return path


def test_a_quote_is_asked_for_verified_and_explained(tally: Tally, tmp_path: Path) -> None:
    file, chart = tmp_path / "a.quote", tmp_path / "a.svg"
    asked = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--out", str(file))
    assert asked == tally.run("fund", "quote", "ask", story.PROGRAMME, "acme", story.INVOICE) | {
        "file": str(file)
    }
    verified = tally.run("fund", "quote", "verify", str(file))
    assert (verified["proved"], verified["quote"]) == (True, asked["quote"])
    paid_out, net = (f"{asked['terms'][name] / 100:,.2f} EUR" for name in ("paid_out", "net"))
    said = tally.text("fund", "quote", "verify", str(file))
    assert f"{paid_out} now for {net} due on 20" in said, "what is proved is the amount, so it is named"
    told = tally.run("fund", "quote", "explain", str(file), "--svg", str(chart))
    from_net, lateness, charges = told["sections"]
    taken = sum(bar["value"] for bar in from_net["bars"][:-1])
    assert taken == from_net["bars"][-1]["value"] == asked["terms"]["paid_out"]
    for section in (lateness, charges):
        *parts, whole = [bar["value"] for bar in section["bars"]]
        assert sum(parts) == whole
    drawn = ElementTree.parse(chart).getroot()
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 1 + sum(
        len(section["bars"]) for section in told["sections"]
    )
    shown = tally.text("fund", "quote", "explain", str(file))
    assert "█" in shown
    assert "what the least discount pays for" in shown.lower()
    assert "anchor has paid acme no invoice yet" in shown
    assert "no invoice paid yet" in tally.text("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
    assert tally.run("fund", "quote", "verify", str(chart), code=USAGE)["error"]["code"]
    file.write_bytes(file.read_bytes()[:-9] + b"\0" + file.read_bytes()[-8:])
    assert main(["quote", "explain", str(file), "--profile", str(tally.folder / "fund.json")]) in (
        REFUSED,
        USAGE,
    )


def test_a_story_names_the_greatest_reasons_of_a_model_and_adds_up(channel: Channel) -> None:
    """Forty lines of hundredths of a day tell a person nothing."""
    with channel.blocking_session("fund") as session:
        proved = session.quote(story.PROGRAMME, "acme", story.INVOICE).proved
    parts = [(name, (-1) ** place * 7 * place) for place, name in enumerate(FEATURES[:30], 1)]
    reasons = ((BASE, 400), *parts, (OVERDUE, 900))
    whole = sum(part for _, part in reasons)
    terms = replace(proved.terms, lateness_reasons=reasons, expected_late_centidays=whole)
    inputs = replace(proved.inputs, features=replace(proved.inputs.features, settled_invoices=1_234))
    told = tell(replace(proved, terms=terms, inputs=inputs))
    *bars, total = told.sections[1].bars
    assert sum(bar.value for bar in bars) == total.value == whole
    assert (len(bars), bars[-2].label) == (13, "20 other things of it together")
    assert [bars[0].value, bars[-1].value] == [400, 900]
    assert [bar.value for bar in bars[1:-2]] == [part for _, part in parts[20:]]
    assert "anchor has paid 1,234 invoices of acme in full" in told.sentences[1]


def test_a_book_names_prices_and_refusals_and_its_files_verify(tally: Tally, tmp_path: Path) -> None:
    folder = tmp_path / "book"
    found = tally.run("fund", "quote", "book", story.PROGRAMME, "--out", str(folder))
    alone = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
    assert (found["invoices"], found["priced"], found["refused"]) == (1, 1, {})
    assert found["rows"][0]["quote"] == alone["quote"]
    (file,) = found["files"]
    verified = tally.run("fund", "verify", file)
    assert [price["quote"] for price in verified["prices"]] == [alone["quote"]]
    assert tally.run("fund", "quote", "book", "none", code=USAGE)["error"]["code"] == "unknown_programme"
    assert tally.run("fund", "quote", "book", story.PROGRAMME, "--supplier", "nobody")["invoices"] == 0


def test_a_book_replaces_the_longer_one_that_its_folder_held(tally: Tally, tmp_path: Path) -> None:
    """Prices of yesterday beside those of today would be taken for the same book."""
    for name in ("0001.quotes", "0002.quotes", "0003.quotes", "notes.quotes", "0002.txt"):
        (tmp_path / name).write_bytes(b"older")
    tally.run("fund", "quote", "book", story.PROGRAMME, "--out", str(tmp_path))
    assert (tmp_path / "0001.quotes").read_bytes() != b"older"
    left = sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".quotes", ".txt"))
    assert left == ["0001.quotes", "0002.txt", "notes.quotes"]


def test_pages_of_a_book_come_in_the_order_of_its_invoices(channel: Channel) -> None:
    asked = [("acme", story.INVOICE if number % 60 == 0 else f"N{number}") for number in range(130)]
    with channel.blocking_session("fund") as session:
        pages = list(session.quote_book(story.PROGRAMME, asked))
    assert [len(page.results) for page in pages] == [50, 50, 30]
    results = [result for page in pages for result in page.results]
    assert [(row[0], row[1]) for page in pages for row in page.book.pages[0].rows] == asked
    assert [isinstance(result, ProvedQuote) for result in results] == [n % 60 == 0 for n in range(130)]
    with channel.blocking_session("fund") as session:
        assert list(session.quote_book(story.PROGRAMME, [])) == []


def test_a_page_is_as_old_as_the_oldest_proof_in_it(channel: Channel) -> None:
    """A node that puts an old page behind a fresh one shows a session prices from before what it has seen."""
    asked = [("acme", story.INVOICE), ("acme", "N1")]
    (node,) = channel.nodes.values()
    with channel.blocking_session("fund", deadline_s=1.0) as session:
        old = session.quote_page(story.PROGRAMME, asked[1:])
        with pytest.raises(Refused):
            session.submit({"op": "finance.withdraw", "supplier": "acme", "invoice": "N1"})
        fresh = session.quote_page(story.PROGRAMME, asked[:1])
        joined = fresh.book.joined(old.book).encode()
        node.misbehave = rewriting(lambda _: joined, "/quotes/book")
        try:
            with pytest.raises(Unavailable):
                session.quote_page(story.PROGRAMME, asked)
        finally:
            node.misbehave = None


def test_a_champion_makes_the_price_and_a_challenger_none(
    tally: Tally, tmp_path: Path, channel: Channel
) -> None:
    export, rows = tmp_path / "ledger.export", tmp_path / "training.jsonl"
    tally.run("fund", "export", "--out", str(export))
    made = tally.run("fund", "export", "training", "--from", str(export), "--out", str(rows))
    head, *lines = [json.loads(line) for line in rows.read_text().splitlines()]
    assert (head["rows"], head["state_root"]) == (made["rows"], made["state_root"]) == (1, head["state_root"])
    assert head["sha256"] == sha256(rows.read_bytes().split(b"\n", 1)[1]).hexdigest()
    assert (lines[0][2], lines[0][8], len(lines[0][11])) == (story.INVOICE, "open", len(FEATURES))
    again = tmp_path / "fetched.jsonl"
    tally.run("fund", "export", "training", "--out", str(again))
    assert again.read_bytes() == rows.read_bytes()
    assert list(tmp_path.glob("*.part")) == []

    ask = ["quote", story.PROGRAMME, "acme", story.INVOICE]
    before = tally.run("fund", *ask)
    assert "challenger" not in before
    assert tally.run("fund", *ask, "--challenger")["challenger"] is None
    model, record = tmp_path / "a.model", record_file(tmp_path / "record.json", made["state_root"])
    model.write_bytes(MODEL)
    for role in ("challenger", "champion"):
        tally.run("fund", "model", "publish", str(model), "--record", str(record), "--role", role)
        if role == "challenger":
            assert tally.run("fund", "model", "show")["models"] == []
            (proposed,) = tally.run("acme", "model", "show", HASH)["models"]
            assert (proposed["role"], proposed["state"], proposed["missing"]) == (role, "proposed", 1)
            assert "1 more needed of anchor, registrar" in tally.text("fund", "model", "show", HASH)
            adopt(tally, role)
            beside = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
            assert beside["terms"] == before["terms"], "a challenger touches no price"
            challenger = tally.run("fund", *ask, "--challenger")["challenger"]
            assert (challenger["model"], challenger["beyond_centidays"]) == (HASH, 800)
            assert "8.00 days beyond terms" in tally.text("fund", *ask, "--challenger")
        else:
            adopt(tally, role)
    after = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
    assert after["terms"]["model"] == HASH
    assert [shown["model"] for shown in tally.run("fund", "model", "show")["models"]] == [HASH] * 2
    assert tally.run("fund", "model", "show", "00" * 32, code=USAGE)["error"]["code"] == "unknown_model"
    kept = kept_model_file(channel.network.genesis_path)
    assert kept.read_bytes() == MODEL
    kept.unlink()
    with channel.blocking_session("fund") as session:
        first, again = (session.quote(story.PROGRAMME, "acme", story.INVOICE) for _ in range(2))
        (page,) = session.quote_book(story.PROGRAMME, [("acme", story.INVOICE)])
    assert first.data == again.data, "a file has the model, whether it came along or not"
    assert page.book.models == (MODEL,)
    assert models_named(channel)[-3:] == ["", HASH, HASH]
    keeps_the_model_between_commands(tally, channel, kept)
    tally.run("fund", "match", "lender", "--out", str(tmp_path / "kept"))
    (prices,) = (tmp_path / "kept").glob("*.quotes")
    assert tally.run("fund", "verify", str(prices))["proved"], "the model is kept with them"
    best = tally.run("acme", "match", "invoice", story.INVOICE)["ways"][0]
    assert best["cash"] == after["terms"]["paid_out"]
    assert after["terms"]["lateness_reasons"] == [["base", 500], ["term", 300]]
    checked = tally.run(
        "fund", "model", "check", HASH, "--from", str(export), "--record", str(record), code=REFUSED
    )
    assert [(entry["what"], entry["right"]) for entry in checked["checks"]] == [
        ("state root", True),
        ("rows", False),
        ("trained until", False),
        ("tested rows", True),
        ("rising", None),
    ]
    assert not checked["figures"]["computed_again"], "what only training gives is said to be unchecked"
    the_model_is_read_from_its_file_or_from_a_later_export(tally, tmp_path, export, record)
    unknown = tally.run("fund", "model", "check", HASH, "--from", str(export), code=USAGE)
    assert unknown["error"]["code"] == "unknown_model"
    none = tally.run("fund", "model", "report", "--from", str(export), "--since", "2024-01-01", code=USAGE)
    assert none["error"]["code"] == "no_rows"
    assert tally.run("fund", "model", "approve", "abc", code=USAGE)["error"]["field"] == "HASH"
    vote(tally, "retire", "champion", HOSTS[:1])
    assert f"wanted out by {HOSTS[0]}" in tally.text("fund", "model", "show")
    vote(tally, "retire", "champion", HOSTS[1:])
    assert [shown["role"] for shown in tally.run("fund", "model", "show")["models"]] == ["challenger"]
    default = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
    assert default["terms"] == before["terms"], "nothing is in force, and the default prices again"


def models_named(channel: Channel) -> list[str]:
    """Hashes of models that questions for prices said to have, oldest question first."""
    asked = [
        json.loads(body)
        for node in channel.nodes.values()
        for _, _, body in node.requests
        if body[:1] == b"{"
    ]
    return [question["model"] for question in asked if "programme" in question]


def keeps_the_model_between_commands(tally: Tally, channel: Channel, kept: Path) -> None:
    """What is kept is known by the hash of its bytes: whatever else stands there is fetched again."""
    for held, named in (
        (MODEL, HASH),
        (MODEL[:-1], sha256(MODEL[:-1]).hexdigest()),
        (b"", ""),
        (bytes(MAX_MODEL_BYTES + 1), ""),
    ):
        kept.write_bytes(held)
        told = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)
        assert told["terms"]["model"] == HASH
        assert models_named(channel)[-1] == named
        assert kept.read_bytes() == MODEL
    kept.unlink()
    kept.mkdir()
    assert tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE)["terms"]["model"] == HASH
    assert list(kept.parent.glob("*.model.*")) == [], "no draft is left"
    kept.rmdir()


def the_model_is_read_from_its_file_or_from_a_later_export(
    tally: Tally, tmp_path: Path, export: Path, record: Path
) -> None:
    check = ["model", "check", HASH, "--from"]
    later, other = tmp_path / "later.export", tmp_path / "other.model"
    tally.run("fund", "export", "--out", str(later))
    told = tally.run("fund", *check, str(later), code=REFUSED)
    assert told["checks"][0]["right"] is False, "the later export is not what it was trained on"
    assert told["checks"][4] == {"what": "rising", "record": [], "export": [], "right": True}
    risen = json.loads(record.read_text()) | {"rising": ["count", "term"]}
    (tmp_path / "risen.json").write_text(json.dumps(risen))
    (tmp_path / "a.model").write_bytes(MODEL)
    named = [*check, str(export), "--record", str(tmp_path / "risen.json"), "--model"]
    told = tally.run("fund", *named, str(tmp_path / "a.model"), code=REFUSED)
    assert told["checks"][4]["export"] == ["term"], "the model does not read the other"
    other.write_bytes(MODEL[:-1])
    assert tally.run("fund", *named, str(other), code=USAGE)["error"]["code"] == "other_model"
    main([*named, str(tmp_path / "a.model"), "--profile", str(tally.folder / "fund.json")])
    shown = tally.shown()
    assert "NOT that of this export; not the same: rows, trained until, rising" in shown


def test_a_challenger_of_any_size_is_asked(tally: Tally, tmp_path: Path) -> None:
    """More parts than one proof has entries, with all else that its answer reads."""
    far = 2**38
    branch = [(0, far, 2 * at + 1, 2 * at + 2, far) for at in range(60)]
    tree = [*branch, *[(LEAF, far, 0, 0, far) for _ in range(61)]]
    beyond = Ensemble(700 - 370 * far, (tuple(tree),) * 370, ())
    data = Model(("term",), Ensemble(0, (), ()), Ensemble(0, (), ()), beyond).encode()
    parts = -(-len(data) // PART_BYTES)
    assert MAX_PROVED_KEYS - 10 < parts <= MAX_PROVED_KEYS
    model, name = tmp_path / "large.model", sha256(data).hexdigest()
    model.write_bytes(data)
    record = record_file(tmp_path / "record.json", "00" * 32)
    tally.run("fund", "model", "publish", str(model), "--record", str(record))
    vote(tally, "approve", "challenger", HOSTS, name)
    asked = tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--challenger")
    assert (asked["challenger"]["model"], asked["challenger"]["beyond_centidays"]) == (name, 700)
    vote(tally, "retire", "challenger", HOSTS, name)
    assert tally.run("fund", "model", "show")["models"] == []


def adopt(tally: Tally, role: str) -> None:
    """Whoever runs a voter approves, until the model has the role."""
    vote(tally, "approve", role, HOSTS)


def vote(tally: Tally, verb: str, role: str, organisations: Iterable[str], model: str = HASH) -> None:
    for organisation in organisations:
        arguments = ["model", verb, model, "--role", role, "--profile"]
        profile = tally.folder / f"{organisation}.json"
        tally.channel.profile(organisation).save(profile)
        main([*arguments, str(profile), "--json"])
    tally.text("fund", "programme", "list")


def test_a_record_is_compared_with_what_follows_from_its_rows() -> None:
    rows = [example(day, day, day % 3 - 1) for day in range(1, 101)]
    fallen = Model(("count", "term"), Ensemble(0, (STUMP,), ()), Ensemble(0, (), ()), Ensemble(0, (), ()))
    older, newer = parted(usable(rows)[0])
    assert (len(older), len(newer)) == (69, 30)
    unknown = [*rows[:-10], *(row._replace(outcome=OPEN, ended_day=0) for row in rows[-10:-5]), *rows[-5:]]
    assert len(parted(usable(unknown)[0])[1]) == 25, "what is open has no outcome to be tested on"
    assert max(row.due_day for row in older) <= min(row.due_day for row in newer)
    record = {
        "training_root": bytes(32),
        "rows": 99,
        "trained_until": "1970-05-11",
        "tested_rows": 30,
        "rising": ("count",),
    }
    checks = compared(record, bytes(32), rows, fallen)
    assert [(entry.what, entry.is_right) for entry in checks] == [
        ("state root", True),
        ("rows", True),
        ("trained until", True),
        ("tested rows", True),
        ("rising", True),
    ]
    for what, wrong in (
        ("state root", {"training_root": bytes(31) + b"x"}),
        ("rows", {"rows": 98}),
        ("trained until", {"trained_until": "1970-05-10"}),
        ("tested rows", {"tested_rows": 31}),
        ("rising", {"rising": ("count", "term", "beyond_long")}),
    ):
        checks = compared(record | wrong, bytes(32), rows, fallen)
        assert [entry.what for entry in checks if entry.is_right is False] == [what]
    assert compared(record, bytes(32), rows, None)[-1].is_right is None
    assert on_tested_rows(fallen, rows) == figures_of(fared(newer, fallen.predict))
    assert on_tested_rows(fallen, []) is None


def example(day: int, description: int, days_late: int) -> Example:
    places = (description,) * len(FEATURES)
    return Example(
        "s", "b", f"I{day}", "EUR", day, day, day + 30, 100, places, PAID, days_late, day + 30 + days_late
    )


def says(description: Any) -> Lateness:
    return Lateness(1_000 * description[0], 100, 50)


def test_figures_are_those_of_the_definition() -> None:
    rows = [
        example(day, place, late)
        for day, (place, late) in enumerate([(100, -1), (300, 2), (300, 0), (900, 4)])
    ]
    found = fared(rows, says)
    # pairs of a late and a punctual one: 300>100, 300=300, 900>100, 900>300
    assert found.auc_ppm == 1_000_000 * 7 // 8
    assert found.brier_ppm == (100**2 + 700**2 + 300**2 + 100**2) * 10**6 // (4 * 10**6)
    assert found.mae_centidays == 100 * (2 + 1 + 1 + 3) // 4
    assert found.dbt_ratio_ppm == 200 * 10**6 // 600
    assert (found.invoices, found.late) == (4, 2)
    assert sum(band.invoices for band in found.bands) == 4
    assert fared(rows[:1], says).auc_ppm is None
    ages_late = fared([example(1, 100, 400)], says)
    assert ages_late.dbt_ratio_ppm == round(50 * 10**6 / 9_000), "an invoice counts 90 days at most"


def test_drift_is_nothing_for_the_same_rows_and_large_for_others() -> None:
    rows = [example(day, day, 0) for day in range(100)]
    same = drift(rows, rows)
    assert {entry.psi_ppm for entry in same} == {0}
    assert {entry.verdict for entry in same} == {"stable"}
    halves = [example(day, day % 2, 0) for day in range(20)]
    (first, *_) = drift(halves, [example(day, 1, 0) for day in range(20)])
    # shares of (10.5, 10.5) and (0.5, 20.5) of 21; no row of either side is above both values
    assert first.psi_ppm == round(10**6 * 10 / 21 * (log(10.5 / 0.5) + log(20.5 / 10.5)))
    assert first.chance_ppm == 3_841_459 * 40 // 400, "one degree of freedom"
    moved = drift(rows, [example(day, day + 80, 0) for day in range(100)])
    assert all(entry.verdict == ("grows" if entry.feature in GROWING else "drifted") for entry in moved)
    assert [entry.feature in GROWING for entry in moved[-len(GROWING) :]] == [True] * len(GROWING), (
        "at the end"
    )


def test_what_is_the_same_everywhere_and_what_chance_gives_is_no_drift() -> None:
    """However few rows there are since: chance alone gives two sides of a few rows a large index."""
    nothing = drift([example(day, 0, 0) for day in range(900)], [example(1, 0, 0)])
    assert {(entry.psi_ppm, entry.chance_ppm, entry.verdict) for entry in nothing} == {(0, 0, "stable")}
    rows = [example(day, day, 0) for day in range(1_000)]
    few = drift(rows, [example(day, day, 0) for day in (5, 500, 501)])
    assert all(250_000 < entry.psi_ppm < entry.chance_ppm for entry in few)
    assert {entry.verdict for entry in few} == {"stable"}
    new = drift([example(day, 0, 0) for day in range(900)], [example(day, 1, 0) for day in range(30)])
    assert new[0].verdict == "drifted", "what never was before is"


def test_an_export_of_other_contracts_teaches_nothing(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records may be read, but what they fold to under these rules is not what the ledger held."""
    export = tmp_path / "ledger.export"
    tally.run("fund", "export", "--out", str(export))
    monkeypatch.setattr("clients.models.training_export.RECORDED_UNDER", (99,))
    out = ("--out", str(tmp_path / "training.jsonl"))
    error = tally.run("fund", "export", "training", "--from", str(export), *out, code=REFUSED)["error"]
    assert (error["field"], error["expected"]) == ("header.contract_version", "99")
    assert "the release that the nodes ran" in error["remedy"]


def test_an_export_with_a_record_of_other_contracts_is_refused_with_a_sentence() -> None:
    record = (20_000, "invoice", "R-1", "EUR")
    found = Training(SimpleNamespace(), {}, {("acme", "anchor"): [record]})  # type: ignore[arg-type]
    with pytest.raises(VerificationError, match="contracts do not know") as refused:
        found.examples()
    assert "release" in refused.value.remedy
