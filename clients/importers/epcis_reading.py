"""EPCIS 2.0 JSON read: events as typed values, each that cannot be used with its own problem and path.

    EPCISDocument        epcisBody.eventList
    EPCISQueryDocument   epcisBody.queryResults.resultsBody.eventList
    one event alone

Vocabulary is written in three ways (`shipping`, `urn:epcglobal:cbv:bizstep:shipping`,
`https://ref.gs1.org/cbv/BizStep-shipping`); here it is the bare word. The day of an event is the day at the
place where it happened: `eventTime` at `eventTimeZoneOffset`. Numbers are never read as floats.
Sources: EPCIS 2.0 sections 7.4 and 9, CBV 2.0 sections 7 and 8.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from clients.importers.errors import ImportProblem, Problems
from clients.importers.limits import (
    MAX_EPCIS_EPCS,
    MAX_EPCIS_EVENTS,
    MAX_JSON_BYTES,
    MAX_TEXT_CHARACTERS,
)
from clients.wording import counted

OBJECT, AGGREGATION = "ObjectEvent", "AggregationEvent"
EVENT_TYPES = (OBJECT, AGGREGATION, "TransactionEvent", "TransformationEvent", "AssociationEvent")

_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_WORD = re.compile(r"(?:urn:epcglobal:cbv:[a-z]+:|https?://[^\s]*/cbv/[A-Za-z]+-)?([A-Za-z0-9_]+)")
_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0*)?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """So many of one trade item."""

    epc_class: str
    quantity: int
    """Whole pieces."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, of which only what trade needs is kept."""

    path: str
    """Where it stands in the file, such as `/epcisBody/eventList/3`."""
    type: str
    event_id: str
    """Empty where it has none."""
    moment: datetime
    day: str
    """ISO text, at the place of the event."""
    action: str
    step: str
    disposition: str
    epcs: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    parent: str
    transactions: Mapping[str, str]
    """Type of business transaction (`po`, `desadv`, `inv`) → identifier."""
    sources: Mapping[str, str]
    """Type (`owning_party`, `possessing_party`, `location`) → identifier."""
    destinations: Mapping[str, str]


def read_events(data: bytes, problems: Problems) -> tuple[list[Event], int]:
    """The events of a file in the order of their time, and how many it has in all.

    Raises:
        ImportProblem: not an EPCIS file.
    """
    found = list(_events(_document(data)))
    if len(found) > MAX_EPCIS_EVENTS:
        raise ImportProblem(
            "too_many_events", "too many events", found=len(found), expected=f"at most {MAX_EPCIS_EVENTS}"
        )
    events: list[Event] = []
    for path, value in found:
        try:
            events.append(_event(path, value))
        except ImportProblem as problem:
            problems.add(problem.at("", column=path))
    events.sort(key=lambda event: event.moment)
    return events, len(found)


def _document(data: bytes) -> Any:
    if len(data) > MAX_JSON_BYTES:
        raise ImportProblem(
            "file_too_large",
            "file too large",
            found=f"{len(data)} bytes",
            expected=f"at most {MAX_JSON_BYTES}",
        )
    try:
        return json.loads(
            data, parse_float=str, parse_int=str, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except ImportProblem:
        raise
    except (ValueError, RecursionError) as error:
        raise ImportProblem(
            "not_json", "not a JSON document", found=str(error)[:120], expected="EPCIS 2.0 in JSON"
        ) from None


def _refuse(text: str) -> Any:
    raise ImportProblem("not_json", "not a number of JSON", found=text, expected="digits")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names are unique: of two values nobody knows which one is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        doubled = _most_frequent(name for name, _ in pairs)
        raise ImportProblem(
            "doubled_name", "a name twice in one object", found=doubled, expected="each name once"
        )
    return found


def _most_frequent(texts: Iterable[str]) -> str:
    return Counter(texts).most_common(1)[0][0]


def _events(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict) and document.get("type") in EVENT_TYPES:
        yield "/", document
        return
    body = document.get("epcisBody") if isinstance(document, dict) else None
    path = "/epcisBody"
    if isinstance(body, dict) and "queryResults" in body:
        results = body["queryResults"]
        body = results.get("resultsBody") if isinstance(results, dict) else None
        path += "/queryResults/resultsBody"
    events = body.get("eventList") if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise ImportProblem(
            "not_epcis",
            "no list of events",
            column=f"{path}/eventList",
            found="nothing" if events is None else type(events).__name__,
            expected="an EPCISDocument, an EPCISQueryDocument or one event",
        )
    for place, event in enumerate(events):
        yield f"{path}/eventList/{place}", event


def _event(path: str, value: Any) -> Event:
    if not isinstance(value, dict):
        raise ImportProblem("event_form", "not an event", found=str(value)[:40], expected="an object")
    kind = _text(value, "type")
    if kind not in EVENT_TYPES:
        raise ImportProblem(
            "event_type", "no such type of event", found=kind, expected=", ".join(EVENT_TYPES)
        )
    if "errorDeclaration" in value:
        raise ImportProblem(
            "error_declared",
            "the event was declared erroneous",
            found=_text(value, "eventID", is_optional=True) or kind,
            expected="an event that stands",
        )
    moment, day = _time(value)
    is_group = kind == AGGREGATION
    return Event(
        path,
        kind,
        _text(value, "eventID", is_optional=True),
        moment,
        day,
        _text(value, "action", is_optional=True),
        _word(_text(value, "bizStep", is_optional=True)),
        _word(_text(value, "disposition", is_optional=True)),
        _epcs(value, "childEPCs" if is_group else "epcList"),
        _quantities(value, "childQuantityList" if is_group else "quantityList"),
        _text(value, "parentID", is_optional=True) if is_group else "",
        _typed(value, "bizTransactionList", "bizTransaction"),
        _typed(value, "sourceList", "source"),
        _typed(value, "destinationList", "destination"),
    )


def _text(value: Mapping[str, Any], name: str, *, is_optional: bool = False) -> str:
    text = value.get(name)
    if text is None and is_optional:
        return ""
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT_CHARACTERS:
        raise ImportProblem(
            "event_form",
            f"{name} is missing or no text",
            found=str(text)[:40],
            expected=f"1 to {MAX_TEXT_CHARACTERS} characters",
        )
    return text


def _word(text: str) -> str:
    """The bare word of a vocabulary entry; another vocabulary's entry as it is."""
    found = _WORD.fullmatch(text)
    return found[1] if found is not None else text


def _time(value: Mapping[str, Any]) -> tuple[datetime, str]:
    """The moment, and the day at the place of the event."""
    text, offset = _text(value, "eventTime"), _text(value, "eventTimeZoneOffset")
    found = _OFFSET.fullmatch(offset)
    try:
        moment = datetime.fromisoformat(text)
        if found is None or moment.tzinfo is None:
            raise ValueError
        span = timedelta(hours=int(found[2]), minutes=int(found[3]))
        local = moment.astimezone(timezone(-span if found[1] == "-" else span))
    except (ValueError, OverflowError):
        raise ImportProblem(
            "event_time",
            "not a time with its zone",
            found=f"{text} {offset}",
            expected="eventTime such as 2026-01-05T15:00:00+01:00 and eventTimeZoneOffset such as +01:00",
        ) from None
    return moment, local.date().isoformat()


def _list(value: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = value.get(name, [])
    if not isinstance(found, list) or len(found) > MAX_EPCIS_EPCS:
        raise ImportProblem(
            "event_form",
            f"{name} is no list, or too long",
            found=f"{counted(len(found), 'entry')}" if isinstance(found, list) else str(found)[:40],
            expected=f"a list of at most {MAX_EPCIS_EPCS} entries",
        )
    return found


def _epcs(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = _list(value, name)
    for epc in found:
        if not isinstance(epc, str) or not 0 < len(epc) <= MAX_TEXT_CHARACTERS:
            raise ImportProblem(
                "event_form",
                f"{name} holds no identifier",
                found=str(epc)[:40],
                expected=f"texts of 1 to {MAX_TEXT_CHARACTERS} characters",
            )
    if len(set(found)) != len(found):
        doubled = _most_frequent(found)
        raise ImportProblem(
            "doubled_epc", f"an identifier twice in {name}", found=doubled, expected="each once"
        )
    return tuple(found)


def _quantities(value: Mapping[str, Any], name: str) -> tuple[Quantity, ...]:
    quantities = []
    for entry in _list(value, name):
        if not isinstance(entry, dict):
            raise ImportProblem(
                "event_form",
                f"{name} holds no quantity",
                found=str(entry)[:40],
                expected="objects with epcClass and quantity",
            )
        number = _WHOLE.fullmatch(str(entry.get("quantity", "")))
        if number is None or entry.get("uom") not in (None, "EA", "H87", "C62"):
            raise ImportProblem(
                "quantity",
                "not a number of whole pieces",
                found=f"{entry.get('quantity', 'none')} {entry.get('uom', '')}".strip(),
                expected="a whole number without a unit, or with EA, H87 or C62",
                remedy="Count it in pieces.",
            )
        quantities.append(Quantity(_text(entry, "epcClass"), int(number[1])))
    return tuple(quantities)


def _typed(value: Mapping[str, Any], name: str, part: str) -> Mapping[str, str]:
    """Identifiers by their type; one without a type under "". Two of a type contradict each other."""
    found: dict[str, str] = {}
    for entry in _list(value, name):
        if not isinstance(entry, dict):
            raise ImportProblem(
                "event_form",
                f"{name} holds no {part}",
                found=str(entry)[:40],
                expected=f"objects with type and {part}",
            )
        kind = _word(_text(entry, "type", is_optional=True))
        text = _text(entry, part)
        if found.setdefault(kind, text) != text:
            raise ImportProblem(
                "contradiction", f"two of type {kind or 'none'} in {name}", found=text, expected=found[kind]
            )
    return found
