"""What nodes tell without proof: of the form that their API describes, or a sentence and no stack trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_sessions import Channel, Misbehaviour

from clients.cli import main
from clients.cli.exits import REFUSED
from clients.errors import BrokenAnswer
from clients.sdk import session as sessions_of_nodes
from clients.sdk import told

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

import _make_views  # noqa: E402

DESCRIBED = json.loads(_make_views.FILE.read_text())
WRONG: dict[str, list[Any]] = {
    "string": [5, True, [], {}],
    "integer": ["5", True, 1.5, [], {}],
    "boolean": [0, "true", []],
    "object": [5, "x", []],
    "[": [5, "x", {}, [None], [[5]]],
    "{": [5, "x", [], {"a": None}, {"a": [5]}],
}
LISTS = (
    "fund: order list acme",
    "fund: invoice list acme",
    "fund: programme list",
    "fund: programme show early",
    "fund: request list",
    "fund: resale list",
    "fund: auction list",
    "fund: certificate list anchor",
    "fund: insurance list",
    "fund: insurance claims",
    "bank: cash accounts --bank bank",
    "fund: cash settlement show S-1 --lender fund",
    "anchor: payables list --programme early",
    "fund: network members",
    "fund: invoice show acme X",
    "fund: order show acme anchor X",
    "fund: request show acme X",
    "fund: shipment show acme X",
    "fund: credit show acme X",
    "fund: quote book early",
)
NONSENSE = [("x", 1), ("no currency", 1), ("EUR", -(10**30)), ("", 0), ("2024-01-01", 10**18)]


pytestmark = pytest.mark.usefixtures("sessions")


@pytest.fixture(scope="module")
def channel(played_channel: Channel) -> Channel:
    return played_channel


def example(form: str, text: str = "x", number: int = 1) -> Any:
    """A value of a form, as short as it can be."""
    form = form.removesuffix("?").split("|")[0]
    if form[:1] == "[":
        return [example(form[1:-1], text, number)]
    if form[:1] == "{":
        return {text: example(form[1:-1], text, number)}
    if form in DESCRIBED["views"]:
        return {name: example(part, text, number) for name, part in DESCRIBED["views"][form].items()}
    return {"string": text, "integer": number, "boolean": True, "object": {}, "": None}[form]


def with_currency(said: Any) -> Any:
    """What was made, with a currency wherever one belongs."""
    if isinstance(said, list):
        return [with_currency(part) for part in said]
    if not isinstance(said, dict):
        return said
    return {name: "EUR" if name.endswith("currency") else with_currency(part) for name, part in said.items()}


def test_forms_are_what_nodes_say_today() -> None:
    """When this fails, run `scripts/make-views` and look at what it changed."""
    assert _make_views.views() == DESCRIBED


@pytest.mark.parametrize("path", DESCRIBED["paths"])
def test_every_field_of_a_view_is_of_its_form_or_refused_by_its_name(path: str) -> None:
    view = DESCRIBED["paths"][path]
    whole = with_currency(example(view))
    assert told.read(json.dumps(whole).encode(), path) == whole
    assert told.read(json.dumps({**whole, "of a newer node": 5}).encode(), path)
    for name, form in DESCRIBED["views"][view].items():
        plain = form.removesuffix("?")
        if form.endswith("?"):
            assert told.read(json.dumps({**whole, name: None}).encode(), path)
        elif plain:
            with pytest.raises(BrokenAnswer, match=name):
                told.read(json.dumps({**whole, name: None}).encode(), path)
        for wrong in WRONG.get(plain, WRONG.get(plain[:1], [])):
            if plain == "[[]]" and wrong == [[5]]:
                continue
            with pytest.raises(BrokenAnswer, match=name):
                told.read(json.dumps({**whole, name: wrong}).encode(), path)
        with pytest.raises(BrokenAnswer, match=f"no {name}"):
            told.read(b"{}", path)[name]


@pytest.mark.parametrize("body", [b"", b"{", b"5", b"[]", b"null", b"[" * 100_000, b"\xff", b"9" * 5_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        told.read(body, "/invoices")


def test_a_number_with_a_slash_is_one_segment() -> None:
    assert told.view_of("/invoices/acme/RE%2F17") == "InvoiceView"
    assert told.view_of("/programmes/early/approvals") == "ApprovalsView"
    assert told.view_of("/membership/proposals") == "ProposalsView"
    assert told.view_of("/nothing") is None


def answer_as_described(text: str, number: int, place: Any = None) -> Misbehaviour:
    """A node that answers every view in its form and makes no sense; `place` changes what it says."""

    async def misbehave(request: httpx.Request, _ask: Any) -> httpx.Response:
        path = request.url.raw_path.decode().split("?")[0].split("/", 4)[-1]
        view = told.view_of(f"/{path}")
        said = example(DESCRIBED["paths"].get(f"/{path}") or view or "object", text, number)
        if text != "no currency":
            said = with_currency(said)
        if "next" in said:
            said["next"] = None
        if place is not None:
            said = place(said)
        return httpx.Response(200, content=json.dumps(said).encode(), request=request)

    return misbehave


def run_against(channel: Channel, command: str, lie: Misbehaviour, capsys: Any) -> tuple[int, str]:
    for node in channel.nodes.values():
        node.misbehave = lie
    try:
        for who in ("fund", "bank", "anchor"):
            channel.profile(who).save(channel.folder / f"{who}.json")
        who, _, typed = command.partition(": ")
        code = main([*typed.split(), "--profile", str(channel.folder / f"{who}.json")])
    finally:
        for node in channel.nodes.values():
            node.misbehave = None
    return code, capsys.readouterr().err


def wrongly(wrong: Any) -> Any:
    """Every field of the view is this."""
    return lambda said: dict.fromkeys(said, wrong)


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("wrong", [5, [5], [{}], {}, "x", None, [[]], True])
def test_every_list_ends_with_a_sentence_whatever_a_node_says(
    channel: Channel, command: str, wrong: Any, capsys: Any
) -> None:
    code, said = run_against(channel, command, answer_as_described("x", 1, wrongly(wrong)), capsys)
    assert (code, "[broken_answer]" in said) == (REFUSED, True), said


def places(said: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a view something stands, at any depth."""
    parts = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for name, part in parts:
        yield (*above, name)
        yield from places(part, (*above, name))


def wrongly_at(place: tuple[Any, ...], wrong: Any) -> Any:
    """One part of the view is this, however deep it stands; what has no such part stays as it was."""

    def change(said: Any) -> Any:
        part = said
        for name in place[:-1]:
            part = part[name] if isinstance(part, list) else part.get(name, {})
        if place[-1] in part or isinstance(part, list):
            part[place[-1]] = wrong
        return said

    return change


@pytest.mark.parametrize(
    ("command", "view"),
    [("fund: programme show early", "ProgrammeView"), ("fund: invoice show acme X", "InvoiceView")],
)
def test_a_part_that_is_wrong_at_any_depth_leaves_no_trace(
    channel: Channel, command: str, view: str, capsys: Any
) -> None:
    """Limits and terms of a programme were described as any object, and what was no such ended in a trace."""
    deep = [place for place in places(with_currency(example(view))) if len(place) > 1]
    assert deep
    for number, place in enumerate(deep):
        lie = answer_as_described("x", 1, wrongly_at(place, (5, "x", [5], {})[number % 4]))
        code, said = run_against(channel, command, lie, capsys)
        assert code in (0, REFUSED), (place, said)


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize(("text", "number"), NONSENSE)
def test_what_is_of_the_right_form_and_makes_no_sense_leaves_no_trace(
    channel: Channel, command: str, text: str, number: int, capsys: Any
) -> None:
    code, said = run_against(channel, command, answer_as_described(text, number), capsys)
    assert code in (0, REFUSED) or "[unknown_programme]" in said, said


def test_a_list_without_end_ends(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_of_nodes, "MAX_PAGES", 3)
    pages = iter(range(100))
    for node in channel.nodes.values():
        node.misbehave = answer_as_described("x", 1, lambda said: {**said, "next": f"page {next(pages)}"})
    try:
        with (
            channel.blocking_session("fund") as session,
            pytest.raises(BrokenAnswer, match="without end"),
        ):
            list(session.invoices("acme"))
    finally:
        for node in channel.nodes.values():
            node.misbehave = None
    assert next(pages) == 3


def test_a_list_that_goes_round_ends(channel: Channel) -> None:
    for node in channel.nodes.values():
        node.misbehave = answer_as_described("x", 1, lambda said: {**said, "next": "again"})
    try:
        with (
            channel.blocking_session("fund") as session,
            pytest.raises(BrokenAnswer, match="goes round"),
        ):
            list(session.invoices("acme"))
    finally:
        for node in channel.nodes.values():
            node.misbehave = None
