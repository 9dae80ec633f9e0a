"""EPCIS 2.0 events to what supplier and buyer sign: what was shipped, and what was taken in.

| business step | becomes | signed by |
|---|---|---|
| packing, loading (AggregationEvent) | contents of a logistic unit, for the events that move it | - |
| shipping, departing | `shipment.dispatch` | supplier |
| receiving, accepting | `goods.receive`; rejected where the disposition says that it cannot be sold | buyer |
| any other, and other types of events | left out and counted | - |

| field | from |
|---|---|
| order | business transaction `po` |
| shipment | business transaction `desadv`; without one the SSCC, where there is exactly one |
| supplier, buyer | given when importing; else source and destination by GLN; else who imports |
| date | the day of the event at its place; of several events of a shipment the last |
| units | SSCCs, and the event id if it is a hash or a UUID |
| lines | trade items by GTIN, matched with the items of the order; an order of one line needs no match |

Several events of one shipment, a pallet each, are one operation. What an SSCC holds comes from the
aggregations in the file; a buyer that receives an SSCC of which the file says nothing takes in all that the
supplier shipped under that number. Everything of a shipment must be right, or nothing of it is sent; an event
of which it cannot be told to which shipment it belongs withholds them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clients.importers.epcis_reading import AGGREGATION, OBJECT, Event, read_events
from clients.importers.errors import ImportProblem, Problems, from_error
from clients.importers.gs1 import document_of, gln_of, gtin_of
from clients.importers.imported import Entry, ImportContext, Outcome
from contracts.trade.units import canonical_unit
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier

PACKING = frozenset({"packing", "loading"})
SHIPPING = frozenset({"shipping", "departing"})
RECEIVING = frozenset({"receiving", "accepting"})
UNSALEABLE = frozenset(
    {"damaged", "destroyed", "disposed", "expired", "non_sellable_other", "recalled", "returned"}
)
"""Dispositions (CBV 2.0 section 7.2) under which received pieces are rejected."""

_PARTIES = ("owning_party", "possessing_party", "location")
"""Types of sources and destinations, the one that says most first."""

Contents = Counter[str]
"""Pieces by GTIN."""


@dataclass(slots=True)
class _Shipment:
    """What the events of a file say of one shipment."""

    step: str
    supplier: str
    buyer: str
    number: str
    order: str
    first: Event
    day: str = ""
    units: dict[str, None] = field(default_factory=dict)
    epcs: set[str] = field(default_factory=set)
    accepted: Contents = field(default_factory=Counter)
    rejected: Contents = field(default_factory=Counter)
    is_unopened: bool = False
    """An SSCC was received of which the file does not say what it holds."""


def read_epcis(data: bytes, context: ImportContext, problems: Problems) -> Outcome:
    """The operations of a file's shipping and receiving events."""
    try:
        events, total = read_events(data, problems)
    except ImportProblem as problem:
        problems.add(problem)
        return Outcome((), 0, 0, 0)
    reader = _Reader(context, problems)
    reader.is_unclear = len(events) < total
    for event in events:
        reader.take(event)
    entries = reader.entries()
    own = [entry for entry in entries if context.organisation in ("", entry.signer)]
    notes = (f"{reader.others} events neither ship nor receive: left out",) if reader.others else ()
    documents = len(reader.shipments.keys() | reader.bad)
    return Outcome(tuple(own), documents, len(reader.bad), len(entries) - len(own), notes)


class _Reader:
    """Takes events in the order of their time."""

    def __init__(self, context: ImportContext, problems: Problems) -> None:
        self.shipments: dict[tuple[str, str, str], _Shipment] = {}
        self.bad: set[tuple[str, str, str]] = set()
        self.is_unclear = False
        """An event could not be taken, and it cannot be told to which shipment it belongs."""
        self.others = 0
        self._context = context
        self._problems = problems
        self._contents: dict[str, Contents] = {}
        """What each SSCC holds."""

    def take(self, event: Event) -> None:
        """Take the next event; what is wrong with it is one problem."""
        key: tuple[str, str, str] | None = None
        try:
            if event.type == AGGREGATION and (event.step in PACKING or event.step == ""):
                self._pack(event)
            elif event.type in (OBJECT, AGGREGATION) and event.step in SHIPPING | RECEIVING:
                step = "ship" if event.step in SHIPPING else "receive"
                supplier, buyer = self._parties(event, step)
                number = _shipment_number(event)
                key = (step, supplier, number)
                self._move(event, self._shipment(key, buyer, event))
            else:
                self.others += 1
        except TallyError as error:
            self._problems.add(from_error(error, file="", column=event.path))
            if key is None:
                self.is_unclear = True
            else:
                self.bad.add(key)

    def _shipment(self, key: tuple[str, str, str], buyer: str, event: Event) -> _Shipment:
        step, supplier, number = key
        order = document_of(event.transactions["po"]) if "po" in event.transactions else ""
        if not order and step == "ship":
            raise ImportProblem(
                "no_order",
                "the event names no order",
                found=", ".join(event.transactions) or "no business transaction",
                expected="a business transaction of type po",
            )
        if order:
            checked_identifier(order, "bizTransactionList")
        known = self.shipments.setdefault(key, _Shipment(step, supplier, buyer, number, order, event))
        if (known.order, known.buyer) != (order, buyer):
            raise ImportProblem(
                "contradiction",
                f"another order or buyer than {known.first.path} names for shipment {number}",
                found=f"{order} of {buyer}",
                expected=f"{known.order} of {known.buyer}",
            )
        return known

    def _move(self, event: Event, shipment: _Shipment) -> None:
        """Add what one event moves to its shipment."""
        into = shipment.rejected if event.disposition in UNSALEABLE else shipment.accepted
        for unit in _units(event):
            if unit in shipment.units:
                raise ImportProblem(
                    "doubled_unit",
                    "the unit is in the shipment already",
                    found=unit,
                    expected="each unit once",
                )
            shipment.units[unit] = None
        doubled = shipment.epcs.intersection(event.epcs)
        if doubled:
            raise ImportProblem(
                "doubled_epc", "it is in the shipment already", found=min(doubled), expected="each once"
            )
        shipment.epcs.update(event.epcs)
        loose, sealed = self._pieces(event)
        into.update(loose)
        for unit in sealed:
            held = self._contents.get(unit)
            if held is not None:
                into.update(held)
            elif shipment.step == "ship":
                raise ImportProblem(
                    "unknown_contents",
                    "what the logistic unit holds is not in the file",
                    found=unit,
                    expected="an AggregationEvent that packs it, or quantities in the event",
                )
            else:
                shipment.is_unopened = True
        shipment.day = max(shipment.day, event.day)

    def _pack(self, event: Event) -> None:
        """Remember what an aggregation says of its parent."""
        unit = canonical_unit(event.parent)
        if unit is None or not event.parent:
            self.others += 1
            return
        loose, sealed = self._pieces(event, with_parent=False)
        for inner in sealed:
            loose.update(self._contents.get(inner, Counter()))
        if event.action == "DELETE":
            left = self._contents.get(unit, Counter())
            self._contents[unit] = left - loose if loose else Counter()
        else:
            self._contents.setdefault(unit, Counter()).update(loose)

    def _pieces(self, event: Event, *, with_parent: bool = True) -> tuple[Contents, list[str]]:
        """Pieces by GTIN, and SSCCs whose contents the event does not say."""
        loose: Contents = Counter()
        sealed: list[str] = []
        for epc in event.epcs:
            unit = canonical_unit(epc)
            gtin = None if unit is not None else gtin_of(epc)
            if unit is not None:
                sealed.append(unit)
            elif gtin is not None:
                loose[gtin] += 1
            else:
                raise _unknown_epc(epc)
        for quantity in event.quantities:
            gtin = gtin_of(quantity.epc_class)
            if gtin is None:
                raise _unknown_epc(quantity.epc_class)
            loose[gtin] += quantity.quantity
        if with_parent and event.parent and not loose and not sealed:
            unit = canonical_unit(event.parent)
            sealed = [unit] if unit is not None else sealed
        return loose, sealed

    def _parties(self, event: Event, step: str) -> tuple[str, str]:
        context = self._context
        importer = context.organisation
        supplier = context.supplier or self._party(event.sources, "supplier")
        buyer = context.buyer or self._party(event.destinations, "buyer")
        if not supplier and step == "ship":
            supplier = importer
        if not buyer and step == "receive":
            buyer = importer
        for role, found in (("supplier", supplier), ("buyer", buyer)):
            if not found:
                raise ImportProblem(
                    "unknown_party",
                    f"the event does not say who the {role} is",
                    found="nobody",
                    expected="a source and a destination with their GLN",
                    remedy=f"Give the {role}'s id when importing: --{role}.",
                )
        if supplier == buyer:
            raise ImportProblem(
                "same_party", "supplier and buyer are the same", found=supplier, expected="two organisations"
            )
        return supplier, buyer

    def _party(self, named: Mapping[str, str], role: str) -> str:
        """The organisation of a source or destination; empty where the event names none."""
        for kind in _PARTIES:
            if kind in named:
                gln = gln_of(named[kind])
                if gln is None:
                    raise ImportProblem(
                        "gln", f"the {role} is named by no GLN", found=named[kind], expected="a pgln or sgln"
                    )
                return self._context.directory.find([("0088", gln)], [], role)
        return ""

    def entries(self) -> list[Entry]:
        """One operation for each shipment of which everything is right."""
        made = []
        for key, shipment in self.shipments.items():
            if key in self.bad or self.is_unclear:
                self.bad.add(key)
                continue
            try:
                made.append(self._entry(shipment))
            except TallyError as error:
                self._problems.add(from_error(error, file="", column=shipment.first.path))
                self.bad.add(key)
        return made

    def _entry(self, shipment: _Shipment) -> Entry:
        if shipment.step == "ship":
            lines = self._lines(shipment, shipment.accepted + shipment.rejected)
            operation: Operation = {
                "op": "shipment.dispatch",
                "shipment": shipment.number,
                "order": shipment.order,
                "buyer": shipment.buyer,
                "date": shipment.day,
                "lines": tuple({"line": line, "quantity": quantity} for line, quantity in lines.items()),
                "units": tuple(shipment.units),
            }
            return Entry(shipment.supplier, shipment.day, operation, 0)
        operation = {
            "op": "goods.receive",
            "shipment": shipment.number,
            "supplier": shipment.supplier,
            "date": shipment.day,
            "lines": self._received(shipment),
        }
        return Entry(shipment.buyer, shipment.day, operation, 0)

    def _received(self, shipment: _Shipment) -> tuple[dict[str, str | int], ...]:
        if shipment.is_unopened:
            shipped = self._context.trade.shipped(shipment.supplier, shipment.number)
            if shipment.accepted or shipment.rejected or not shipped:
                raise ImportProblem(
                    "unknown_contents",
                    "what a received logistic unit holds is not in the file",
                    found=shipment.number,
                    expected="its aggregation, or a shipment on the ledger that is received as a whole",
                )
            rejects = shipment.first.disposition in UNSALEABLE
            return tuple(
                {"line": line, "accepted": 0 if rejects else count, "rejected": count if rejects else 0}
                for line, count in shipped.items()
            )
        accepted, rejected = (
            self._lines(shipment, shipment.accepted),
            self._lines(shipment, shipment.rejected),
        )
        return tuple(
            {"line": line, "accepted": accepted.get(line, 0), "rejected": rejected.get(line, 0)}
            for line in dict.fromkeys([*accepted, *rejected])
        )

    def _lines(self, shipment: _Shipment, pieces: Contents) -> dict[str, int]:
        """Pieces by the order's line."""
        if not pieces:
            return {}
        order = shipment.order or self._context.trade.order_of(shipment.supplier, shipment.number)
        items = self._context.trade.items(shipment.supplier, shipment.buyer, order)
        if not items:
            raise ImportProblem(
                "unknown_order",
                "the ledger has no such order, so its lines are not known",
                found=order or f"none for shipment {shipment.number}",
                expected=f"an order of {shipment.buyer} to {shipment.supplier}",
            )
        if len(items) == 1:
            return {next(iter(items)): sum(pieces.values())}
        by_gtin = {gtin: line for line, item in items.items() if (gtin := gtin_of(item)) is not None}
        unmatched = next((gtin for gtin in pieces if gtin not in by_gtin), None)
        if unmatched is not None:
            raise ImportProblem(
                "no_order_line",
                f"no line of order {order} is for this trade item",
                found=f"GTIN {unmatched}",
                expected="one of the order's items: " + ", ".join(items.values()),
            )
        found: Contents = Counter()
        for gtin, count in pieces.items():
            found[by_gtin[gtin]] += count
        return dict(found)


def _shipment_number(event: Event) -> str:
    """The number of the despatch advice; without one the single SSCC."""
    advice = event.transactions.get("desadv")
    if advice is not None:
        return checked_identifier(document_of(advice), "bizTransactionList")
    units = [unit for unit in _units(event) if unit.isdigit()]
    if len(units) == 1:
        return units[0]
    raise ImportProblem(
        "no_shipment",
        "the event names no shipment",
        found=f"{len(units)} logistic units and no despatch advice",
        expected="a business transaction of type desadv, or one SSCC",
    )


def _units(event: Event) -> Iterable[str]:
    """SSCCs and the event's id, in canonical form; an id of another form is left out."""
    named = (event.parent, *event.epcs, event.event_id)
    units = [canonical_unit(text) for text in named if text]
    return list(dict.fromkeys(unit for unit in units if unit is not None))


def _unknown_epc(text: str) -> ImportProblem:
    return ImportProblem(
        "unknown_epc",
        "neither a trade item nor a logistic unit",
        found=text,
        expected="an SGTIN, LGTIN or SSCC whose check digit fits",
    )
