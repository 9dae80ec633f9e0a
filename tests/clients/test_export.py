"""Exports: everything on the ledger in one file, which is refused as soon as anything of it is not so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import story
from local_sessions import Channel, answer_with, die_after_recording, rewriting

from clients.cli import main
from clients.cli.exits import REFUSED, USAGE
from clients.errors import Unavailable
from clients.verification.export_file import read_source
from contracts.trade import relationship
from contracts.trade.invoice import invoice_key
from ledger import codec
from ledger.blocks.genesis import read_genesis
from ledger.errors import TallyError, VerificationError
from ledger.proofs.export import MAGIC, Nothing, frames, verify
from node.api.exports import EXPORT

Frames = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    made = Channel(Path(tmp_path_factory.mktemp("channel")), ("n1", "n2"))
    story.play(made.network)
    yield made
    made.close()


@pytest.fixture(scope="module")
def data(channel: Channel) -> bytes:
    chain = channel.network.nodes["n1"].chain
    state = chain.pin()
    try:
        return b"".join(frames(state, chain.certified(state.height), chain.membership_chain()))
    finally:
        state.close()


class Kept:
    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.records: dict[bytes, list[bytes]] = {}

    def entry(self, key: bytes, value: bytes) -> None:
        self.entries[key] = value

    def record(self, key: bytes, record: bytes) -> None:
        self.records.setdefault(key, []).append(record)


def taken_apart(data: bytes) -> Frames:
    found, at = [], len(MAGIC)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(codec.decode(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def put_together(parts: Frames) -> bytes:
    encoded = [codec.encode(part) for part in parts]
    return MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def test_export_holds_every_entry_and_every_record(channel: Channel, data: bytes) -> None:
    kept = Kept()
    proved = verify(BytesIO(data), read_genesis(channel.network.genesis_path.read_bytes()), kept)
    chain = channel.network.nodes["n1"].chain
    stored = dict(channel.network.nodes["n1"].store.state_from(b"", None, 10_000))
    assert kept.entries == stored
    assert (proved.header, proved.entries) == (chain.applied, len(stored))
    history = chain.history(relationship.relationship_key("acme", "anchor"))
    assert kept.records[history.key] == list(history.records)
    assert proved.histories == len(kept.records) == 3, "the relationship, and each party's"
    assert put_together(taken_apart(data)) == data


def without(pairs: tuple[bytes, ...], place: int) -> tuple[bytes, ...]:
    return pairs[: 2 * place] + pairs[2 * place + 2 :]


def first_records(parts: Frames) -> int:
    return next(place for place, part in enumerate(parts) if part[0] == "records")


def drop_entry(parts: Frames) -> None:
    parts[1] = ("state", without(parts[1][1], 7))


def alter_entry(parts: Frames) -> None:
    pairs = list(parts[1][1])
    pairs[1] = codec.encode((codec.decode(pairs[1]), "more"))
    parts[1] = ("state", tuple(pairs))


def add_entry(parts: Frames) -> None:
    parts[1] = ("state", (*parts[1][1], b"\xff", b"\x01"))


def move_entry(parts: Frames) -> None:
    pairs = parts[1][1]
    parts[1] = ("state", (*pairs[2:4], *pairs[:2], *pairs[4:]))


def double_entry(parts: Frames) -> None:
    parts[1] = ("state", (*parts[1][1][:2], *parts[1][1]))


def drop_record(parts: Frames) -> None:
    place = first_records(parts)
    _, key, records = parts[place]
    parts[place] = ("records", key, records[1:]) if len(records) > 1 else parts.pop(place)


def move_record(parts: Frames) -> None:
    place = next(place for place, part in enumerate(parts) if part[0] == "records" and len(part[2]) > 1)
    _, key, records = parts[place]
    parts[place] = ("records", key, (records[1], records[0], *records[2:]))


def drop_history(parts: Frames) -> None:
    parts.pop(first_records(parts))


def records_of_nothing(parts: Frames) -> None:
    parts.insert(-1, ("records", b"\xff", (b"\x01",)))


def drop_end(parts: Frames) -> None:
    parts.pop()


def more_after_the_end(parts: Frames) -> None:
    parts.append(("end",))


def state_after_records(parts: Frames) -> None:
    parts.insert(-1, parts.pop(1))


def other_version(parts: Frames) -> None:
    parts[0] = (parts[0][0], 2, *parts[0][2:])


@pytest.mark.parametrize(
    "change",
    [
        drop_entry,
        alter_entry,
        add_entry,
        move_entry,
        double_entry,
        drop_record,
        move_record,
        drop_history,
        records_of_nothing,
        drop_end,
        more_after_the_end,
        state_after_records,
        other_version,
    ],
)
def test_export_that_is_not_everything_is_refused(
    channel: Channel, data: bytes, change: Callable[[Frames], None]
) -> None:
    parts = taken_apart(data)
    change(parts)
    genesis = read_genesis(channel.network.genesis_path.read_bytes())
    with pytest.raises(TallyError):
        verify(BytesIO(put_together(parts)), genesis, Nothing())


def test_every_cut_of_an_export_is_refused(channel: Channel, data: bytes) -> None:
    genesis = read_genesis(channel.network.genesis_path.read_bytes())
    for length in range(0, len(data), max(1, len(data) // 60)):
        with pytest.raises(TallyError):
            verify(BytesIO(data[:length]), genesis, Nothing())


def test_export_of_another_channel_is_refused(
    channel: Channel, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Channel(Path(tmp_path_factory.mktemp("other")), ("n1",))
    try:
        genesis = read_genesis(other.network.genesis_path.read_bytes())
        with pytest.raises(VerificationError):
            verify(BytesIO(data), genesis, Nothing())
    finally:
        other.close()


def test_session_leaves_a_node_that_lies_or_breaks_off(channel: Channel, tmp_path: Path) -> None:
    file = tmp_path / "ledger.export"
    for misbehave in (
        rewriting(lambda body: body.replace(b"acme", b"acne"), "/export"),
        rewriting(lambda body: body[:-9], "/export"),
        die_after_recording,
        answer_with(503),
    ):
        channel.nodes["n1"].misbehave = misbehave
        try:
            with channel.blocking_session("fund") as session:
                proved = session.export(file)
                assert session.conversation.nodes.current == "http://n2"
        finally:
            channel.nodes["n1"].misbehave = None
        assert proved.header == channel.network.nodes["n2"].chain.applied
    assert [path.name for path in tmp_path.iterdir()] == [file.name], "nothing half-done is left"


def test_session_gives_no_export_when_no_node_has_a_good_one(channel: Channel, tmp_path: Path) -> None:
    for node in channel.nodes.values():
        node.misbehave = rewriting(lambda body: body[:-1], "/export")
    try:
        with channel.blocking_session("fund") as session, pytest.raises(Unavailable, match="cut off"):
            session.export(tmp_path / "ledger.export")
    finally:
        for node in channel.nodes.values():
            node.misbehave = None
    assert list(tmp_path.iterdir()) == []


def test_node_gives_one_export_at_a_time(channel: Channel) -> None:
    app = channel.nodes["n1"]._inner.app
    prefix = f"/v1/channels/{channel.network.channel.hex()}"
    app.state.telemetry.exports = 1
    try:
        with channel.blocking_session("fund") as session:
            answer = session._transport.client.get(f"http://n1{prefix}/export")
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert answer.headers["retry-after"]
    finally:
        app.state.telemetry.exports = 0
    with channel.blocking_session("fund") as session:
        answer = session._transport.client.get(f"http://n1{prefix}/export")
        assert (answer.status_code, answer.headers["content-type"]) == (200, EXPORT)
    assert app.state.telemetry.exports == 0


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr().out


@pytest.fixture
def kept(channel: Channel, data: bytes, tmp_path: Path) -> tuple[Path, Path]:
    """(an export, the genesis block): all that a regulator needs."""
    file = tmp_path / "ledger.export"
    file.write_bytes(data)
    return file, channel.network.genesis_path


def test_verify_says_what_an_export_proves(
    kept: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file, genesis = kept
    shown = json.loads(run(capsys, "verify", file, "--genesis", genesis, "--json"))
    assert shown["proved"]
    assert shown["kind"] == "export"
    assert shown["entries"] > 20
    file.write_bytes(file.read_bytes()[:-20] + bytes(20))
    run(capsys, "verify", file, "--genesis", genesis, code=REFUSED)


@pytest.mark.parametrize("what", ["ifrs9", "ageing", "rates", "ias7", "concentration", "custody"])
def test_disclosure_is_computed_from_the_file_alone(
    kept: tuple[Path, Path], capsys: pytest.CaptureFixture[str], what: str, tmp_path: Path
) -> None:
    source = ("--from", kept[0], "--genesis", kept[1])
    shown = json.loads(run(capsys, "disclose", what, *source, "--json"))
    assert shown["proved"]
    assert shown["disclosure"] == what
    assert shown["business_date"] == "2024-03-05"
    first = next(iter(shown["sheets"].values()))
    lines = run(capsys, "disclose", what, *source, "--csv").splitlines()
    assert len(lines) == len(first) + 1
    page = tmp_path / "page.html"
    run(capsys, "disclose", what, *source, "--html", "--out", page)
    assert shown["state_root"] in page.read_text()
    assert "<script" not in page.read_text()
    assert run(capsys, "disclose", what, *source)


def test_disclosed_figures_are_those_of_the_trade(
    kept: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source = ("--from", kept[0], "--genesis", kept[1])
    shown = json.loads(run(capsys, "disclose", "ifrs9", *source, "--loss", "1,2,3,4,5", "--json"))
    (row,) = shown["sheets"]["obligors"]
    assert (row["holder"], row["obligor"], row["stage_1"]) == ("acme", "anchor", 1_000_00)
    assert row["expected_loss"] == 10_00
    csv = run(capsys, "disclose", "ageing", *source, "--csv", "--sheet", "obligors").splitlines()
    assert csv[1].startswith("acme,receivable,anchor,,EUR,1,1000.00,0.00")


@pytest.fixture
def extract(kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The trade of acme, cut out of the export."""
    file = tmp_path / "acme.extract"
    run(capsys, "export", "--scope", "acme", "--from", kept[0], "--out", file, "--genesis", kept[1])
    return file


def test_extract_proves_the_whole_trade_of_one_organisation_and_nothing_else(
    kept: tuple[Path, Path], extract: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    genesis = ("--genesis", kept[1])
    shown = json.loads(run(capsys, "verify", extract, *genesis, "--json"))
    assert (shown["proved"], shown["kind"], shown["scope"], shown["histories"]) == (
        True,
        "extract",
        "acme",
        2,
    )
    whole = json.loads(
        run(capsys, "disclose", "ifrs9", "--from", kept[0], *genesis, "--holder", "acme", "--json")
    )
    part = json.loads(run(capsys, "disclose", "ifrs9", "--from", extract, *genesis, "--json"))
    assert (part["sheets"], part["scope"]) == (whole["sheets"], "acme")
    run(capsys, "disclose", "ageing", "--from", extract, *genesis, "--holder", "anchor", code=USAGE)
    run(capsys, "disclose", "custody", "--from", extract, *genesis, code=USAGE)
    assert b"registrar" not in extract.read_bytes(), "others are not in it"


def test_every_changed_byte_of_an_extract_is_found(
    channel: Channel, kept: tuple[Path, Path], extract: Path
) -> None:
    data = extract.read_bytes()
    genesis = read_genesis(channel.network.genesis_path.read_bytes())
    for place in range(0, len(data), max(1, len(data) // 150)):
        extract.write_bytes(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
        with pytest.raises(TallyError):
            read_source(extract, genesis)
        extract.write_bytes(data[:place])
        with pytest.raises(TallyError):
            read_source(extract, genesis)


def test_scope_of_nobody_or_of_nothing_is_refused(
    kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--from", kept[0], "--out", tmp_path / "x", "--genesis", kept[1], "--json")
    out = run(capsys, "export", "--scope", "nobody", *given, code=REFUSED)
    assert json.loads(out)["error"]["code"] == "unknown_organisation"
    assert json.loads(run(capsys, "export", *given, code=USAGE))["error"]["code"] == "no_scope"
    assert not (tmp_path / "x").exists()
    run(capsys, "export", "--scope", "fund", *given)
    source = ("--from", tmp_path / "x", "--genesis", kept[1], "--json")
    run(capsys, "disclose", "ageing", *source)
    lacking = json.loads(run(capsys, "disclose", "rates", *source, code=USAGE))
    assert lacking["error"]["code"] == "out_of_scope"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ifrs9", "--loss", "1,2"), USAGE),
        (("ifrs9", "--loss", "1,2,3,4,500"), USAGE),
        (("rates", "--period", "week"), USAGE),
        (("ageing", "--sheet", "nothing", "--csv"), USAGE),
        (("ageing", "--csv", "--html"), USAGE),
        (("ias7", "--since", "2026-02-30"), USAGE),
        (("concentration", "--cap", "x"), USAGE),
    ],
)
def test_wrong_usage_is_said_and_not_computed(
    kept: tuple[Path, Path], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    what, *options = arguments
    out = run(
        capsys, "disclose", what, "--from", kept[0], "--genesis", kept[1], *options, "--json", code=code
    )
    assert "error" in json.loads(out)


def test_disclosure_of_what_is_no_export_is_refused(
    kept: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "disclose", "ageing", "--from", kept[1], "--genesis", kept[1], code=USAGE)
    run(capsys, "disclose", "ageing", "--from", "nowhere", "--genesis", kept[1], code=USAGE)


def test_export_of_a_stopped_nodes_disk_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Channel(tmp_path, ("n1",))
    story.play(made.network)
    node = made.network.nodes["n1"]
    expected = node.chain.applied.height
    made.close()
    file = tmp_path / "disk.export"
    genesis = made.network.genesis_path
    run(capsys, "export", "--out", file, "--data", node.folder, "--genesis", genesis)
    shown = json.loads(run(capsys, "verify", file, "--genesis", genesis, "--json"))
    assert (shown["proved"], shown["height"]) == (True, expected)
    assert invoice_key("acme", story.INVOICE) in file.read_bytes()
    (tmp_path / "empty").mkdir()
    run(capsys, "export", "--out", file, "--data", tmp_path / "empty", "--genesis", genesis, code=USAGE)
